"""Lines as records: fast where they are regular, and looked at closely where they are not.

A quote that is opened and not closed would swallow every line up to the next quote. Where exactly
one reading makes sense that one is taken; else only the line with the stray quote is set aside.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from webapp.rules.reading.irregular import IrregularReader
from webapp.rules.reading.lines import split_lines
from webapp.rules.reading.refusals import refuse_too_many_cells
from webapp.rules.reading.rows import CUT, Records
from webapp.rules.reading.splitting import make_reader
from webapp.rules.reading.tables import Dialect, Limits


class RecordReader:
    """Reads blocks of lines one after the other, with what it has learnt of the file so far."""

    def __init__(self, dialect: Dialect, limits: Limits) -> None:
        self.dialect = dialect
        self.limits = limits
        self.width = dialect.cells or dialect.width
        self.irregular = IrregularReader(dialect, limits)

    def read(self, blocks: Iterable[str]) -> Iterator[Records]:
        """Every record of the blocks of complete lines, also the blank ones."""
        text = ""
        cut_weight = 0
        for block in blocks:
            text = text + block if text else block
            # A record that is still cut after this block is not looked at again until there is
            # twice as much of it: a cell of a thousand lines must not be read a thousand times.
            if len(text) < 2 * cut_weight:
                continue
            records, text = self._parse_block(text, at_end=False)
            cut_weight = len(text)
            yield records
        if text:
            yield self._parse_block(text, at_end=True)[0]

    def read_sample(self, lines: list[str], *, is_whole: bool) -> Records:
        """The records of a sample; one that is cut off at its end is left out."""
        return self._parse_block("".join(lines), at_end=is_whole)[0] if lines else Records()

    def _parse_block(self, text: str, *, at_end: bool) -> tuple[Records, str]:
        lines = split_lines(text)
        weight = len(text)
        if weight > 1 << 20:
            refuse_too_many_cells(lines, self.dialect, self.limits)
        csv.field_size_limit(self.limits.max_cell)
        found = self._parse_fast(text, lines, at_end=at_end)
        if found is None:
            found = self.irregular.parse(lines, at_end=at_end)
        records, cut = found
        records.has_nul, records.weight = "\x00" in text, weight
        if records.has_nul:
            records.is_plain = False
        return records, "".join(cut)

    def _parse_fast(
        self, text: str, lines: list[str], *, at_end: bool
    ) -> tuple[Records, list[str]] | None:
        """The normal case: every quote is where it belongs and every row has its width."""
        reader = make_reader(lines, self.dialect, strict=True)
        rows: list[list[str]] = []
        cut: list[str] = []
        try:
            rows = list(reader)
        except csv.Error as error:
            if at_end or str(error) != CUT:
                return None
            rows, end = _up_to_the_cut(lines, self.dialect)
            lines, cut = lines[:end], lines[end:]
            text = "".join(lines)
        width = self.width
        if width:
            widths = set(map(len, rows))
            if not widths <= {0, width} or self._has_odd_quotes(text, lines, rows):
                return None
            return Records(rows, is_plain=widths <= {width}), cut
        return Records(rows), cut

    def _has_odd_quotes(self, text: str, lines: list[str], rows: list[list[str]]) -> bool:
        """Are there quotes elsewhere than at the beginning and the end of a cell?"""
        quote, delimiter = self.dialect.quote, self.dialect.delimiter
        if not quote or quote not in text:
            return False
        if len(rows) != len(lines) and any(
            delimiter + quote + sign in text for sign in (delimiter, "\r", "\n")
        ):
            # Two of them, each a whole cell, may have joined the lines between them.
            return True
        # Those that are in order are gone from the cells.
        if len(rows) == len(lines):
            left = [
                line
                for line, row in zip(lines, rows, strict=True)
                if quote in line and quote in "".join(row)
            ]
            text = "".join(left)
        elif not any(quote in row for row in map("".join, rows)):
            return False
        if not text:
            return False
        # So are those that stand for a quote, wherever they are within a cell in quotes.
        text = text.replace(self.dialect.escape + quote if self.dialect.escape else quote * 2, "")
        opening = (
            text.count(delimiter + quote)
            + text.count("\n" + quote)
            + text.count("\r" + quote)
            + text.startswith(quote)
        )
        closing = (
            text.count(quote + delimiter)
            + text.count(quote + "\n")
            + text.count(quote + "\r")
            + text.endswith(quote)
        )
        return opening != closing or text.count(quote) != opening + closing


def _up_to_the_cut(lines: list[str], dialect: Dialect) -> tuple[list[list[str]], int]:
    """The records of a block that ends within a quoted cell, and where the last one begins."""
    reader = make_reader(lines, dialect, strict=True)
    rows: list[list[str]] = []
    end = 0
    try:
        for row in reader:
            rows.append(row)
            end = reader.line_num
    except csv.Error:
        pass
    return rows, end
