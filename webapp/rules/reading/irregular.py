"""Records that are not regular: put right where that is sure, else set aside by themselves."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice

from webapp.rules.reading.aligning import lex, lex_apostrophes
from webapp.rules.reading.recovery import Recovered, Recovery, has_halves
from webapp.rules.reading.refusals import (
    SAY_FIRST_HALF,
    SAY_SECOND_HALF,
    UNCLOSED,
    cell_too_long,
    say_irregular,
    say_odd,
)
from webapp.rules.reading.rows import CUT, Records, cells_of, split_raw
from webapp.rules.reading.searching import SAY_STRAY
from webapp.rules.reading.splitting import make_reader
from webapp.rules.reading.tables import Dialect, Limits, UnreadableError

MOST_LOOKED_AT = 20_000
"""After so many irregular rows the others are set aside at once: the file is something else."""
_LONGEST_RAW = 4_000
"""Of the text of a row that was put right, so much is kept to be shown."""
_MANY_STRAYS = 20
_FARTHEST_END = 2_000
_LONGEST_RECORD = 40


class IrregularReader:
    """Reads blocks record by record, with a second look at each that is not regular."""

    def __init__(self, dialect: Dialect, limits: Limits) -> None:
        self.dialect = dialect
        self.limits = limits
        self.width = dialect.cells or dialect.width
        self.recovery = Recovery(dialect) if dialect.width else None
        self.looked_at = 0
        self.most_looked_at = MOST_LOOKED_AT
        self._begin([], at_end=True)

    def _begin(self, lines: list[str], *, at_end: bool) -> None:
        self.lines = lines
        self.at_end = at_end
        self.found = Records()
        self.strays = 0
        self.last_short = -2
        self.before = -1
        """Where the record above begins, where it was read."""
        self.fragment = ""
        """The one cell that the row above has, where it was set aside for having no more."""

    def parse(self, lines: list[str], *, at_end: bool) -> tuple[Records, list[str]]:
        """The records of a block of complete lines, and the lines of one that is cut off."""
        self._begin(lines, at_end=at_end)
        position = 0
        while position < len(self.lines):
            start = position
            position, is_open = self._read_regular(position)
            if position >= len(self.lines):
                break
            if self.strays >= _MANY_STRAYS and position - start >= _FARTHEST_END:
                continue
            if is_open and not self.at_end and not self._is_runaway(position):
                return self.found, self.lines[position:]
            position = self._read_irregular(position)
        return self.found, []

    def _read_regular(self, start: int) -> tuple[int, bool]:
        """Read records up to one that needs a closer look; say where it begins, and if a quote
        is open from there to the end."""
        # Many quotes that are never closed: each is not looked for to the end.
        until = None if self.strays < _MANY_STRAYS else start + _FARTHEST_END
        lines = islice(self.lines, start, until)
        reader = make_reader(lines, self.dialect, strict=True)
        position = start
        try:
            for row in reader:
                end = start + reader.line_num
                if not self._accept(row, position, end):
                    return position, False
                self.found.rows.append(row)
                self.before, position = position, end
        except csv.Error as error:
            self.strays += 1
            return position, str(error) == CUT and until is None
        return position, False

    def _accept(self, row: list[str], position: int, end: int) -> bool:
        fragment, self.fragment = self.fragment, ""
        if not self.width:
            return True
        if len(row) != self.width:
            return not any(map(str.strip, row)) or self._is_fitted(row)
        if end - position > 1 and (
            self._are_rows(row, position, end)
            or any(self._is_clearly_one(at) for at in range(position + 1, min(end, position + 200)))
        ):
            return False
        if fragment and self._are_halves(0, fragment, row[0]):
            self._mark_broken(len(self.found.rows), SAY_SECOND_HALF, self._text(position, end))
            return True
        quote = self.dialect.quote
        return not (quote and any(quote in cell for cell in row)) or self._is_sound(
            row, position, end
        )

    def _are_halves(self, column: int, one: str, other: str) -> bool:
        """Has a line break cut a first or last cell in two? Then what its record has of it looks
        like no other of the column, and both together like many."""
        shape = self.recovery.shapes[column] if self.recovery else None
        if shape is None or shape.is_weak or shape.is_usual(one if column else other):
            return False
        return shape.is_usual(one + other) or shape.is_usual(f"{one} {other}")

    def _mark_broken(self, number: int, why: str, text: str) -> None:
        """Set a row aside."""
        self.found.broken[number] = why
        self.found.raw[number] = text

    def _text(self, start: int, end: int) -> str:
        return "".join(self.lines[start:end]).rstrip("\r\n")

    def _is_sound(self, row: list[str], position: int, end: int) -> bool:
        """A row with quotes within its cells: are its cells what they should be?"""
        quote, escape = self.dialect.quote, self.dialect.escape
        text = "".join(self.lines[position:end])
        if escape and escape + quote in text:
            return True
        written = (quote + cell.replace(quote, quote * 2) + quote for cell in row if quote in cell)
        if all(cell in text for cell in written):
            return True
        recovery = self.recovery
        if recovery is None:
            return True
        if has_halves(row, quote):
            return False
        if recovery.knows and self._may_look() and recovery.reconsider(text, row) is not None:
            return False
        if self._doubt(row, text) or not recovery.knows:
            return True
        odd = (at for at, cell in enumerate(row) if quote in cell)
        if any(not recovery.shapes[at].fits(row[at]) for at in odd):
            self.found.recovered[len(self.found.rows)] = SAY_STRAY
            self.found.raw[len(self.found.rows)] = text.rstrip("\r\n")[:_LONGEST_RAW]
        return True

    def _doubt(self, row: list[str], text: str) -> bool:
        """Set the row that comes next aside where a quote stands in a number, a date or a code."""
        at = self.recovery.find_odd(row) if self.recovery else None
        if at is None:
            return False
        number = len(self.found.rows)
        self._mark_broken(number, say_odd(row[at], at + 1), text.rstrip("\r\n"))
        self.found.as_written.add(number)
        return True

    def _is_fitted(self, row: list[str]) -> bool:
        """Cells that are blank, too many or left out by the program that wrote the file."""
        if len(row) <= self.width:
            return self.dialect.pads_short_rows and not self._is_in_another_delimiter(row)
        if any(map(str.strip, row[self.width :])):
            return False
        recovery = self.recovery
        if recovery is None or not row[0].strip():
            return False
        # With another blank cell among them it may be that one that is too many.
        if not all(map(str.strip, row[: self.width])) and len(row) == self.width + 1:
            return False
        # Of a few rows nobody can tell whether the last cell, or another, is one too many.
        if not recovery.knows and recovery.shapes[-1].blank and len(row) == self.width + 1:
            return False
        pairs = list(zip(recovery.shapes, row, strict=False))
        if not all(shape.agrees(cell) for shape, cell in pairs):
            return False
        if not recovery.knows and recovery.shapes[0].seen <= 5:
            return True
        return all(shape.fits(cell) for shape, cell in pairs)

    def _is_in_another_delimiter(self, row: list[str]) -> bool:
        return len(row) == 1 and any(
            row[0].count(sign) == self.width - 1 for sign in ",;\t|" if self.width > 2
        )

    def _may_look(self) -> bool:
        self.looked_at += 1
        return self.looked_at <= self.most_looked_at

    def _is_runaway(self, position: int) -> bool:
        return sum(map(len, islice(self.lines, position, None))) > self.limits.max_line

    def _read_irregular(self, position: int) -> int:
        """Put the record at a position right or set its line aside; say where the next begins."""
        if len(self.lines[position]) > self.limits.max_cell and self._is_too_long(position):
            raise UnreadableError(cell_too_long(self.limits))
        end = self._end_of(position)
        if end is not None and end - position > 1 and self._swallows(position, end):
            end = None
        is_whole = end is not None and end - position > 1 and self._is_one_record(position, end)
        if self._may_look() and not self._is_fragment(position):
            for at in self._likely_ends(position, end, is_whole=is_whole):
                if self._recover(position, at, is_record=at == end):
                    return at
        return self._set_aside(position, end if end is not None and is_whole else position + 1)

    def _likely_ends(self, position: int, end: int | None, *, is_whole: bool) -> Iterator[int]:
        """Where the record may end; nowhere else than its quotes say where they are in order."""
        if end is not None and is_whole:
            yield end
            return
        ends = [position + 1] if end is None else [end, position + 1]
        if end is None or end - position > 1:
            ends += [position + 2, position + 3]
        for at in dict.fromkeys(ends):
            if at <= len(self.lines) and not self._holds_a_record(position, at):
                yield at

    def _end_of(self, position: int) -> int | None:
        """Where the record ends by its quotes alone; None where they are not in order."""
        until = position + _FARTHEST_END
        reader = make_reader(islice(self.lines, position, until), self.dialect, strict=True)
        try:
            next(reader)
        except (csv.Error, StopIteration):
            return None
        return position + reader.line_num

    def _recover(self, position: int, end: int, *, is_record: bool) -> bool:
        recovery = self.recovery
        if recovery is None:
            return False
        text = "".join(self.lines[position:end])
        cells = cells_of(text, self.dialect)
        is_last = self.at_end and end == len(self.lines) and not text.endswith(("\n", "\r"))
        if is_last and cells is not None and 1 < len(cells) < self.width:
            # The file was cut off here.
            return False
        found: Recovered | None = recovery.recover(text, cells)
        if found is None:
            return False
        # Where its quotes don't say where it ends, the line below must be one of a record.
        if not is_record and not self._begins_well(end):
            return False
        if self._doubt(found.cells, text):
            pass
        elif found.message:
            self.found.recovered[len(self.found.rows)] = found.message
            self.found.raw[len(self.found.rows)] = text.rstrip("\r\n")[:_LONGEST_RAW]
        self.found.rows.append(found.cells)
        self.before = -1
        return True

    def _begins_well(self, position: int) -> bool:
        """Has the line at a position the cells of a record, if each quote is taken for itself?"""
        if position >= len(self.lines):
            return True
        line = self.lines[position].rstrip("\r\n")
        sign, quote = self.dialect.delimiter, self.dialect.quote
        cells = lex_apostrophes(line, sign) if quote == "'" else lex(line, sign, quote)
        return not line.strip() or abs(len(cells) - self.width) <= 1

    def _are_rows(self, row: list[str], position: int, end: int) -> bool:
        """Have two quotes that are each a whole cell joined lines that are rows?"""
        sign = self.dialect.delimiter
        joined = [cell for cell in row if "\n" in cell or "\r" in cell]
        return (
            self.width > 2
            and all(cell.startswith((sign, "\r", "\n")) for cell in joined)
            and all(cell.endswith(sign) for cell in joined)
            and all(line.count(sign) == self.width - 1 for line in self.lines[position:end])
        )

    def _swallows(self, position: int, end: int) -> bool:
        """Has a record that ends where its quotes say so another one within it?"""
        cells = cells_of("".join(self.lines[position:end]), self.dialect)
        if cells is not None and self._are_rows(cells, position, end):
            return True
        return self._holds_a_record(position, end)

    def _is_clearly_one(self, position: int) -> bool:
        """Does a record begin with this line, going by a number, a date or a code in its place?"""
        cells = self._stands_alone(position)
        recovery = self.recovery
        return (
            cells is not None
            and recovery is not None
            and recovery.knows
            and any(
                shape.definite and cell.strip() and shape.agrees(cell)
                for shape, cell in zip(recovery.shapes, cells, strict=True)
            )
        )

    def _stands_alone(self, position: int) -> list[str] | None:
        """The cells of the healthy record that begins with this line; None where none does."""
        reader = make_reader(
            islice(self.lines, position, position + _LONGEST_RECORD), self.dialect, strict=True
        )
        try:
            cells = next(reader)
        except (csv.Error, StopIteration):
            return None
        if len(cells) != self.width:
            return None
        quote = self.dialect.quote
        if quote and any(cell.count(quote) % 2 for cell in cells):
            return None
        shapes = self.recovery.shapes if self.recovery else ()
        if not all(shape.fits(cell) for shape, cell in zip(shapes, cells, strict=False)):
            return None
        return cells

    def _holds_a_record(self, position: int, end: int) -> bool:
        """Is one of the lines below the first a record that must not be swallowed?"""
        recovery = self.recovery
        if self.width < 2 or recovery is None or not recovery.shapes[0].seen:
            return False
        return any(
            self._stands_alone(at) is not None
            for at in range(position + 1, min(end, position + 200))
        )

    def _is_fragment(self, position: int) -> bool:
        """Too few cells, beside another line that has too few: a record cut in two."""
        if not self._is_short(position):
            return False
        behind = position - 1 == self.last_short
        self.last_short = position
        return behind or (position + 1 < len(self.lines) and self._is_short(position + 1))

    def _is_short(self, position: int) -> bool:
        line = self.lines[position].rstrip("\r\n")
        other = any(line.count(sign) >= self.width - 1 for sign in ";,\t| " if self.width > 2)
        cells = cells_of(line, self.dialect)
        return (
            bool(line.strip())
            and cells is not None
            and len(cells) < self.width
            and not (other and len(cells) * 2 < self.width)
        )

    def _is_one_record(self, position: int, end: int) -> bool:
        """Do the lines behind the first make no records by themselves?"""
        rest = self.lines[position + 1 : end]
        try:
            rows = list(make_reader(rest, self.dialect, strict=True))
        except csv.Error:
            return True
        quote = self.dialect.quote
        return any(
            len(row) != self.width or (quote and any(cell.count(quote) % 2 for cell in row))
            for row in rows
        )

    def _is_too_long(self, position: int) -> bool:
        line = self.lines[position]
        if max(map(len, line.split(self.dialect.delimiter))) > self.limits.max_cell:
            return True
        try:
            next(make_reader([line], self.dialect, strict=False), None)
        except csv.Error:
            return True
        return False

    def _set_aside(self, position: int, end: int) -> int:
        text = self._text(position, end)
        row, why = self._raw_cells(text)
        if len(row) == 1 and self.width > 1:
            self.fragment = row[0].strip()
            self._doubt_above(position)
        self._mark_broken(len(self.found.rows), why, text)
        self.found.rows.append(row)
        self.before = -1
        return end

    def _doubt_above(self, position: int) -> None:
        """Set the record above a line of one cell aside where its last cell goes on in that."""
        number = len(self.found.rows) - 1
        row = self.found.rows[number] if self.before >= 0 else []
        if len(row) == self.width and self._are_halves(-1, row[-1], self.fragment):
            self._mark_broken(number, SAY_FIRST_HALF, self._text(self.before, position))
            self.found.recovered.pop(number, None)

    def _raw_cells(self, text: str) -> tuple[list[str], str]:
        """The cells as found, and what is wrong with them."""
        cells = cells_of(text, self.dialect)
        if cells is None:
            return split_raw(text, self.dialect), UNCLOSED
        return cells, say_irregular(len(cells), self.dialect)
