"""Lines as rows by their quotes alone, and the records that are made of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from webapp.rules.reading.lines import split_lines
from webapp.rules.reading.splitting import make_reader
from webapp.rules.reading.tables import Dialect

# What the csv module says when a block ends before a quote is closed. Should it ever say something
# else, reading takes the slower way and finds the same.
CUT = "unexpected end of data"


@dataclass(slots=True)
class Records:
    """Records in order. By position: which can't be trusted, which were put right, their text."""

    rows: list[list[str]] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    recovered: dict[int, str] = field(default_factory=dict)
    raw: dict[int, str] = field(default_factory=dict)
    as_written: set[int] = field(default_factory=set)
    """Those in ``broken`` that have all of their cells, one of which has a sign too many."""
    has_nul: bool = False
    weight: int = 0
    """The characters in all of them, about: what they cost to hold."""
    is_plain: bool = False
    """Every row has the table's width and nothing needs another look."""

    def cut(self, start: int, end: int | None = None) -> Records:
        """The records from one position up to another."""
        rows = self.rows[start:end]
        size = len(rows)

        def kept(notes: dict[int, str]) -> dict[int, str]:
            return {at - start: what for at, what in notes.items() if 0 <= at - start < size}

        return Records(
            rows,
            kept(self.broken),
            kept(self.recovered),
            kept(self.raw),
            {at - start for at in self.as_written if 0 <= at - start < size},
            self.has_nul,
            self.weight,
            self.is_plain,
        )


_MOST_BROKEN = 200
_LONGEST_CELL = 300
"""Lines that a quoted cell hardly ever has more of."""


def sample_rows(
    lines: list[str], dialect: Dialect, *, is_whole: bool = False
) -> Iterator[tuple[list[str] | None, int, int]]:
    """Rows of a sample with where they begin and end; None for a line with a stray quote.

    Goes by the quotes alone: it is what dialects are compared by. Unless the lines are the whole
    file, the last record may be cut off and is then left out.
    """
    position = broken = 0
    count = len(lines)
    widths: set[int] = set()
    while position < count:
        # A quote that is never closed is not looked for to the end more than a few times.
        until = count if broken < 3 else min(count, position + 400)
        reader = make_reader(islice(lines, position, until), dialect, strict=True)
        start = position
        try:
            for row in reader:
                end = start + reader.line_num
                yield row, position, end
                position = end
                widths.add(len(row))
        except csv.Error as error:
            is_cut = str(error) == CUT and until == count and not is_whole
            if is_cut and not _go_on(lines[position + 1 :], dialect, widths):
                return
            broken += 1
            if broken > _MOST_BROKEN:
                for at in range(position, count):
                    yield lines[at].rstrip("\r\n").split(dialect.delimiter), at, at + 1
                return
            yield None, position, position + 1
            position += 1


def _go_on(lines: list[str], dialect: Dialect, widths: set[int]) -> bool:
    """Are the lines below an open quote rows like those above it?"""
    if widths <= {1}:
        return not lines or len(lines) > _LONGEST_CELL
    sizes = [len(line.split(dialect.delimiter)) for line in lines[:5]]
    return not sizes or any(size > 1 and size in widths for size in sizes)


def cells_of(text: str, dialect: Dialect) -> list[str] | None:
    """The cells of one record, where its quotes are in order."""
    try:
        rows = list(make_reader(split_lines(text), dialect, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def split_raw(text: str, dialect: Dialect) -> list[str]:
    """The cells of one row's text by its quotes, or by its delimiters where these don't do."""
    cells = cells_of(text, dialect)
    return text.rstrip("\r\n").split(dialect.delimiter) if cells is None else cells
