"""Lines as records: Python's csv reader, made safe against quotes that are never closed.

A quote that is opened and not closed would swallow every line up to the next quote. Where exactly
one reading makes sense (the lines behind it are complete records by themselves) that one is taken,
and only the line with the stray quote is set aside.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from operator import contains
from typing import TYPE_CHECKING

from webapp.rules.reading.tables import Dialect, Limits, Refusal, UnreadableError

if TYPE_CHECKING:
    from _csv import Reader

# What the csv module says when a block ends before a quote is closed. Should it ever say something
# else, reading takes the slower way and finds the same.
_CUT = "unexpected end of data"

# Fed behind the last line: it comes back as a record of its own unless a quote is still open.
_END = "\x1a\x1aend\x1a\x1a"

UNCLOSED = (
    "A quotation mark is opened in this row and never closed; "
    "remove it or close it, then upload the row again."
)


@dataclass(slots=True)
class Records:
    """Records in order; ``broken`` says, by position, which of them are not to be trusted."""

    rows: list[list[str]] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    has_nul: bool = False
    weight: int = 0
    """The characters in all of them, about: what they cost to hold."""


def read_records_of(
    blocks: Iterable[list[str]], dialect: Dialect, width: int, limits: Limits
) -> Iterator[Records]:
    """Every record of the blocks of lines, also the blank ones."""
    lines: list[str] = []
    weight = cut_weight = 0
    for block in blocks:
        lines = lines + block if lines else block
        weight += sum(map(len, block))
        # A record that is still cut after this block is not looked at again until there is twice
        # as much of it: a cell of a thousand lines must not be read a thousand times.
        if weight < 2 * cut_weight:
            continue
        records, lines = _parse_block(lines, weight, dialect, width, limits, at_end=False)
        weight = cut_weight = sum(map(len, lines))
        yield records
    if lines:
        yield _parse_block(lines, weight, dialect, width, limits, at_end=True)[0]


def _parse_block(
    lines: list[str], weight: int, dialect: Dialect, width: int, limits: Limits, *, at_end: bool
) -> tuple[Records, list[str]]:
    if weight > 1 << 20:
        _refuse_too_many_cells(lines, dialect, limits)
    records, cut = _parse(lines, dialect, width, limits, at_end=at_end)
    records.has_nul, records.weight = _has_nul(lines), weight
    return records, cut


def _has_nul(lines: list[str]) -> bool:
    return any(map(contains, lines, repeat("\x00")))


def sample_records(
    lines: list[str], dialect: Dialect, limits: Limits, count: int, *, whole: bool
) -> list[list[str]]:
    """The first records that are not blank, read as carefully as all of them will be.

    Unless the lines are the whole file, the last record may be cut and is left out.
    """
    csv.field_size_limit(limits.max_cell)
    width = 0
    try:
        first = next(row for row in make_reader(lines, dialect, strict=False) if any(row))
        width = len(first)
    except (StopIteration, csv.Error):
        pass
    try:
        records, _ = _parse(lines, dialect, width, limits, at_end=whole)
    except UnreadableError:
        return []
    return list(islice((row for row in records.rows if any(map(str.strip, row))), count))


def make_reader(lines: Iterable[str], dialect: Dialect, *, strict: bool) -> Reader:
    if not dialect.quote:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=strict)


def _refuse_too_many_cells(lines: list[str], dialect: Dialect, limits: Limits) -> None:
    """A row of a million cells is no row; splitting it would cost more memory than is allowed."""
    for line in lines:
        if line.count(dialect.delimiter) > 100 * limits.max_columns:
            raise UnreadableError(too_many_columns(line.count(dialect.delimiter) + 1, limits))


def too_many_columns(count: int, limits: Limits) -> Refusal:
    return Refusal(
        "too_many_columns",
        f"This file has {count:,} columns and at most {limits.max_columns:,} can be read; "
        "keep the columns that are needed and save it again.",
    )


def cell_too_long(limits: Limits) -> Refusal:
    return Refusal(
        "cell_too_long",
        f"This file has a cell of more than {limits.max_cell:,} characters, which no field can "
        "hold; shorten or remove it and save the file again.",
    )


def _parse(
    lines: list[str], dialect: Dialect, width: int, limits: Limits, *, at_end: bool
) -> tuple[Records, list[str]]:
    csv.field_size_limit(limits.max_cell)
    try:
        # The normal case: every quote is where it belongs and the block ends between two records.
        rows = list(make_reader(lines, dialect, strict=True))
    except csv.Error as error:
        if not at_end and str(error) == _CUT:
            return _parse_up_to_the_cut(lines, dialect, width, limits)
    else:
        if not _joins_rows(rows, lines, width):
            return Records(rows), []
    return _Careful(lines, dialect, width, limits, at_end=at_end).parse()


def _parse_up_to_the_cut(
    lines: list[str], dialect: Dialect, width: int, limits: Limits
) -> tuple[Records, list[str]]:
    """The records of a block that ends within a quoted cell, and the lines of that last record."""
    reader = make_reader(lines, dialect, strict=True)
    rows: list[list[str]] = []
    end = 0
    try:
        for row in reader:
            rows.append(row)
            end = reader.line_num
    except csv.Error:
        if not _joins_rows(rows, lines[:end], width):
            return Records(rows), lines[end:]
    return _Careful(lines, dialect, width, limits, at_end=False).parse()


def _joins_rows(rows: list[list[str]], lines: list[str], width: int) -> bool:
    """Is there a record over several lines that has not the header's width? A stray quote may be
    the reason, though each quote has its counterpart."""
    return bool(width) and len(rows) != len(lines) and not {0, width} >= set(map(len, rows))


class _Careful:
    """One block read record by record, with a second look at each that spans several lines."""

    def __init__(
        self, lines: list[str], dialect: Dialect, width: int, limits: Limits, *, at_end: bool
    ) -> None:
        self.lines = lines
        self.dialect = dialect
        self.width = width
        self.limits = limits
        self.at_end = at_end
        self.found = Records()

    def parse(self) -> tuple[Records, list[str]]:
        position = 0
        while position < len(self.lines):
            position, is_open = self._read_from(position)
            if not is_open:
                continue
            if not self.at_end and not self._is_runaway(position):
                return self.found, self.lines[position:]
            position = self._set_line_aside(position)
        return self.found, []

    def _read_from(self, start: int) -> tuple[int, bool]:
        """Read records until the lines end, or one needs another start; say where, and if a quote
        that was opened there is still open."""
        lines = chain(islice(self.lines, start, None), (_END,))
        reader = make_reader(lines, self.dialect, strict=False)
        position = start
        try:
            for row in reader:
                end = start + reader.line_num
                if end > len(self.lines):
                    return position, position < len(self.lines)
                if end - position > 1 and not self._accept(row, position, end):
                    return self._set_line_aside(position), False
                self._add(row)
                position = end
        except csv.Error:
            if start + reader.line_num - position <= 1:
                raise UnreadableError(cell_too_long(self.limits)) from None
            return self._set_line_aside(position), False
        return len(self.lines), False

    def _accept(self, row: list[str], position: int, end: int) -> bool:
        """Is a record over several lines one record, rather than a stray quote that joined some?"""
        lines = self.lines[position:end]
        if not self.width:
            return True
        if len(row) == self.width and _is_well_formed(lines, self.dialect):
            return True
        rest = lines[1:]
        if not _is_well_formed(rest, self.dialect):
            return True
        return any(
            len(other) != self.width for other in make_reader(rest, self.dialect, strict=True)
        )

    def _is_runaway(self, position: int) -> bool:
        return sum(map(len, islice(self.lines, position, None))) > self.limits.max_line

    def _set_line_aside(self, position: int) -> int:
        self.found.broken[len(self.found.rows)] = UNCLOSED
        self._add(self.lines[position].rstrip("\r\n").split(self.dialect.delimiter))
        return position + 1

    def _add(self, row: list[str]) -> None:
        self.found.rows.append(row)


def _is_well_formed(lines: list[str], dialect: Dialect) -> bool:
    try:
        for _ in make_reader(lines, dialect, strict=True):
            pass
    except csv.Error:
        return False
    return True
