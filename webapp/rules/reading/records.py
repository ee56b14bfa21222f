"""Lines as records: fast where they are regular, and looked at closely where they are not.

A quote that is opened and not closed would swallow every line up to the next quote. Where exactly
one reading makes sense that one is taken; else only the line with the stray quote is set aside.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from webapp.rules.reading.aligning import lex
from webapp.rules.reading.lines import split_lines
from webapp.rules.reading.recovery import SAY_STRAY, Recovered, Recovery
from webapp.rules.reading.splitting import make_reader
from webapp.rules.reading.tables import (
    Dialect,
    Limits,
    Refusal,
    UnreadableError,
    name_delimiter,
)

# What the csv module says when a block ends before a quote is closed. Should it ever say something
# else, reading takes the slower way and finds the same.
_CUT = "unexpected end of data"


UNCLOSED = (
    "A quotation mark is opened in this row and never closed; "
    "remove it or close it, then upload the row again."
)

MOST_LOOKED_AT = 20_000
"""After so many irregular rows the others are set aside at once: the file is something else."""

_LONGEST_RAW = 4_000
_MANY_STRAYS = 20
_FARTHEST_END = 2_000


@dataclass(slots=True)
class Records:
    """Records in order. By position: which can't be trusted, which were put right, their text."""

    rows: list[list[str]] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)
    recovered: dict[int, str] = field(default_factory=dict)
    raw: dict[int, str] = field(default_factory=dict)
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
            self.has_nul,
            self.weight,
            self.is_plain,
        )


class RecordReader:
    """Reads blocks of lines one after the other, with what it has learnt of the file so far."""

    def __init__(self, dialect: Dialect, limits: Limits) -> None:
        self.dialect = dialect
        self.limits = limits
        self.width = dialect.cells or dialect.width
        self.recovery = Recovery(dialect) if dialect.width else None
        self.looked_at = 0
        self.most_looked_at = MOST_LOOKED_AT

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
            _refuse_too_many_cells(lines, self.dialect, self.limits)
        csv.field_size_limit(self.limits.max_cell)
        found = self._parse_fast(text, lines, at_end=at_end)
        if found is None:
            found = _Careful(self, lines, at_end=at_end).parse()
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
            if at_end or str(error) != _CUT:
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
        # Those that are in order are gone from the cells.
        left = [at for at, row in enumerate(map("".join, rows)) if quote in row]
        if not left:
            return False
        if len(rows) == len(lines):
            text = "".join([lines[at] for at in left])
        # So are those that stand for a quote, wherever they are within a cell in quotes.
        text = text.replace(self.dialect.escape + quote if self.dialect.escape else quote * 2, "")
        usual = (
            text.count(delimiter + quote)
            + text.count(quote + delimiter)
            + text.count("\n" + quote)
            + text.count("\r" + quote)
            + text.count(quote + "\n")
            + text.count(quote + "\r")
            + text.startswith(quote)
            + text.endswith(quote)
        )
        return text.count(quote) != usual


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


class _Careful:
    """One block read record by record, with a second look at each that is not regular."""

    def __init__(self, reader: RecordReader, lines: list[str], *, at_end: bool) -> None:
        self.reader = reader
        self.lines = lines
        self.dialect = reader.dialect
        self.width = reader.width
        self.limits = reader.limits
        self.at_end = at_end
        self.found = Records()
        self.strays = 0
        self.last_short = -2

    def parse(self) -> tuple[Records, list[str]]:
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
                position = end
        except csv.Error as error:
            self.strays += 1
            return position, str(error) == _CUT and until is None
        return position, False

    def _accept(self, row: list[str], position: int, end: int) -> bool:
        if not self.width:
            return True
        if len(row) != self.width:
            return not any(map(str.strip, row)) or self._is_fitted(row)
        recovery = self.reader.recovery
        is_known = recovery is not None and recovery.knows
        if is_known and end - position > 1 and self._holds_a_record(position, end):
            return False
        quote = self.dialect.quote
        return not (quote and any(quote in cell for cell in row)) or self._is_sound(
            row, position, end
        )

    def _is_sound(self, row: list[str], position: int, end: int) -> bool:
        """A row with quotes within its cells: are its cells what they should be?"""
        quote, escape = self.dialect.quote, self.dialect.escape
        text = "".join(self.lines[position:end])
        if escape and escape + quote in text:
            return True
        written = (quote + cell.replace(quote, quote * 2) + quote for cell in row if quote in cell)
        if all(cell in text for cell in written):
            return True
        recovery = self.reader.recovery
        if recovery is None or not recovery.knows or not self._may_look():
            return True
        if recovery.reconsider(text, row) is not None:
            return False
        odd = (at for at, cell in enumerate(row) if quote in cell)
        if any(not recovery.shapes[at].fits(row[at]) for at in odd):
            self.found.recovered[len(self.found.rows)] = SAY_STRAY
            self.found.raw[len(self.found.rows)] = text.rstrip("\r\n")[:_LONGEST_RAW]
        return True

    def _is_fitted(self, row: list[str]) -> bool:
        """Cells that are blank, too many or left out by the program that wrote the file."""
        if len(row) <= self.width:
            return self.dialect.pads_short_rows and not self._is_in_another_delimiter(row)
        if any(map(str.strip, row[self.width :])):
            return False
        recovery = self.reader.recovery
        if recovery is None or not recovery.knows:
            shapes = recovery.shapes if recovery and recovery.shapes[0].seen > 5 else ()
            return bool(row[0].strip()) and all(
                shape.fits(cell) for shape, cell in zip(shapes, row, strict=False)
            )
        # With another blank cell among them it may be that one that is too many.
        if not all(map(str.strip, row[: self.width])) and len(row) == self.width + 1:
            return False
        return all(shape.fits(cell) for shape, cell in zip(recovery.shapes, row, strict=False))

    def _is_in_another_delimiter(self, row: list[str]) -> bool:
        return len(row) == 1 and any(
            row[0].count(sign) == self.width - 1 for sign in ",;\t|" if self.width > 2
        )

    def _may_look(self) -> bool:
        self.reader.looked_at += 1
        return self.reader.looked_at <= self.reader.most_looked_at

    def _is_runaway(self, position: int) -> bool:
        return sum(map(len, islice(self.lines, position, None))) > self.limits.max_line

    def _read_irregular(self, position: int) -> int:
        """Put the record at a position right or set its line aside; say where the next begins."""
        if len(self.lines[position]) > self.limits.max_cell and self._is_too_long(position):
            raise UnreadableError(cell_too_long(self.limits))
        end = self._end_of(position)
        if end is not None and end - position > 1 and self._holds_a_record(position, end):
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
        recovery = self.reader.recovery
        if recovery is None:
            return False
        text = "".join(self.lines[position:end])
        found: Recovered | None = recovery.recover(text, _cells_of(text, self.dialect))
        if found is None:
            return False
        # Where its quotes don't say where it ends, the line below must be one of a record.
        if not is_record and not self._begins_well(end):
            return False
        if found.message:
            self.found.recovered[len(self.found.rows)] = found.message
            self.found.raw[len(self.found.rows)] = text.rstrip("\r\n")[:_LONGEST_RAW]
        self.found.rows.append(found.cells)
        return True

    def _begins_well(self, position: int) -> bool:
        """Has the line at a position the cells of a record, if each quote is taken for itself?"""
        if position >= len(self.lines):
            return True
        line = self.lines[position].rstrip("\r\n")
        cells = lex(line, self.dialect.delimiter, self.dialect.quote)
        return not line.strip() or abs(len(cells) - self.width) <= 1

    def _stands_alone(self, position: int) -> bool:
        """Is a line a healthy record by itself?"""
        cells = _cells_of(self.lines[position], self.dialect)
        if cells is None or len(cells) != self.width:
            return False
        quote = self.dialect.quote
        if quote and any(cell.count(quote) % 2 for cell in cells):
            return False
        recovery = self.reader.recovery
        return recovery is None or all(
            shape.fits(cell) for shape, cell in zip(recovery.shapes, cells, strict=True)
        )

    def _holds_a_record(self, position: int, end: int) -> bool:
        """Is one of the lines below the first a record that must not be swallowed?"""
        recovery = self.reader.recovery
        if self.width < 2 or recovery is None or not recovery.shapes[0].seen:
            return False
        return any(self._stands_alone(at) for at in range(position + 1, min(end, position + 200)))

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
        cells = _cells_of(line, self.dialect)
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
        text = "".join(self.lines[position:end])
        row, why = self._raw_cells(text)
        self.found.broken[len(self.found.rows)] = why
        self.found.raw[len(self.found.rows)] = text.rstrip("\r\n")[:_LONGEST_RAW]
        self.found.rows.append(row)
        return end

    def _raw_cells(self, text: str) -> tuple[list[str], str]:
        """The cells as found, and what is wrong with them."""
        try:
            rows = list(make_reader(text.splitlines(True), self.dialect, strict=True))
        except csv.Error:
            rows = []
        if len(rows) == 1:
            return rows[0], say_irregular(len(rows[0]), self.dialect)
        return split_raw(text, self.dialect), UNCLOSED


def _cells_of(text: str, dialect: Dialect) -> list[str] | None:
    """The cells of one record, where its quotes are in order."""
    try:
        rows = list(make_reader(text.splitlines(True), dialect, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def say_irregular(found: int, dialect: Dialect) -> str:
    """What is wrong with a row of so many cells."""
    width, name = dialect.width, name_delimiter(dialect.delimiter)
    cells = "1 cell" if found == 1 else f"{found} cells"
    columns = "1 column" if width == 1 else f"{width} columns"
    if found == width:
        return (
            "This row has quotation marks that don't belong together; "
            "put each in pairs around a whole cell, then upload the row again."
        )
    if found > width:
        return (
            f"This row has {cells} but the header has {columns}; put text that contains a {name} "
            f"in quotation marks, or remove the {name} that is too many."
        )
    return (
        f"This row has {cells} but the header has {columns}; "
        f"add the {name} that is missing, or join it with the row it was cut from."
    )


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
            is_cut = str(error) == _CUT and until == count and not is_whole
            if is_cut and not _go_on(lines[position + 1 :], dialect, widths):
                return
            broken += 1
            if broken > _MOST_BROKEN:
                for at in range(position, count):
                    yield lines[at].rstrip("\r\n").split(dialect.delimiter), at, at + 1
                return
            yield None, position, position + 1
            position += 1


_MOST_BROKEN = 200


def _go_on(lines: list[str], dialect: Dialect, widths: set[int]) -> bool:
    """Are the lines below an open quote rows like those above it?"""
    if widths <= {1}:
        return not lines or len(lines) > _LONGEST_CELL
    sizes = [len(line.split(dialect.delimiter)) for line in lines[:5]]
    return not sizes or any(size > 1 and size in widths for size in sizes)


_LONGEST_CELL = 300
"""Lines that a quoted cell hardly ever has more of."""


def split_raw(text: str, dialect: Dialect) -> list[str]:
    """The cells of one row's text by its quotes, or by its delimiters where these don't do."""
    try:
        rows = list(make_reader(text.splitlines(True), dialect, strict=True))
    except csv.Error:
        rows = []
    return rows[0] if len(rows) == 1 else text.rstrip("\r\n").split(dialect.delimiter)


def check_first_lines(lines: list[str], limits: Limits) -> None:
    """Set the limit of a cell, and refuse lines that are no rows but cost a lot to look at."""
    csv.field_size_limit(limits.max_cell)
    for line in lines:
        if len(line) > limits.max_cell:
            for delimiter in ",;\t|":
                count = line.count(delimiter)
                if count > 100 * limits.max_columns:
                    raise UnreadableError(too_many_columns(count + 1, limits))


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
