"""OpenDocument workbooks (.ods), streamed: each cell as the text that is shown in it."""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.rules.reading.books import (
    LAST_COLUMN,
    LAST_ROW,
    MERGED_WITHIN,
    TAIL,
    Merged,
    Sheet,
    SheetFacts,
    SheetRows,
    check_column,
)
from webapp.rules.reading.markup import feed, make_parser
from webapp.rules.reading.number_formats import show_number
from webapp.rules.reading.package import ENCRYPTED, Package, open_package
from webapp.rules.reading.refusals import cell_too_long
from webapp.rules.reading.tables import Limits, Source, UnreadableError

_CONTENT = "content.xml"
_MANIFEST = "meta-inf/manifest.xml"
_REPEATED_CELLS = 40_000_000
_BLOCK_CELLS = 4_096
_Repeated = tuple[int, list[str], int]
_DURATION = re.compile(r"P(?:\d+D)?T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,]\d+)?S)?\Z")
_WITHIN_TAG = rb"((?:\s+[\w:-]+=(?:\"[^\"<>]*\"|'[^'<>]*'))*)\s*/?>"
_SHEET_TAGS = re.compile(rb"<(style:style|style:table-properties|table:table)" + _WITHIN_TAG)
_TABLE_TAGS = re.compile(rb"<(/?table:table|table:table-row|table:table-column)" + _WITHIN_TAG)
_REST_OF_SHEET = 2_000
_TAIL_BYTES = 4 * 1024 * 1024
_ATTRIBUTES = re.compile(rb"([\w:-]+)=[\"']([^\"']*)[\"']")
_BLOCK = 1 << 20
_CODE = re.compile(r"0[\d -]*\Z")


@contextmanager
def open_ods(source: Source, limits: Limits) -> Iterator[OdsBook]:
    with open_package(source, limits) as package:
        if _MANIFEST in package:
            with package.open(_MANIFEST) as file:
                if b"encryption-data" in file.read(1 << 20):
                    raise UnreadableError(ENCRYPTED)
        yield OdsBook(package, limits)


class OdsBook:
    """An open .ods. All its sheets are one part, which is read up to the one that is asked for."""

    def __init__(self, package: Package, limits: Limits) -> None:
        self._package = package
        self._limits = limits
        self.sheets = self._list_sheets()

    def _list_sheets(self) -> tuple[Sheet, ...]:
        """The sheets in order. Their tags are looked for in the bytes: a sheet of a million rows
        is gone through in a second and not in a minute."""
        sheets: list[Sheet] = []
        hidden: set[str] = set()
        style = ""
        for name, attributes, _ in self._tags(_SHEET_TAGS):
            if name == "style:style":
                style = attributes.get("style:name", "")
            elif name == "style:table-properties" and attributes.get("table:display") == "false":
                hidden.add(style)
            elif name == "table:table" and "table:name" in attributes:
                is_hidden = attributes.get("table:style-name") in hidden
                sheets.append(Sheet(attributes["table:name"], str(len(sheets)), is_hidden))
        return tuple(sheets)

    def _tags(self, tags: re.Pattern[bytes]) -> Iterator[tuple[str, dict[str, str], int]]:
        """Tags with their attributes, and the byte of the content each begins with."""
        carry = b""
        base = 0
        with self._package.open(_CONTENT) as file:
            while block := file.read(_BLOCK):
                block = carry + block
                cut = max(block.rfind(b">") + 1, len(block) - 4096)
                carry, block = block[cut:], block[:cut]
                for match in tags.finditer(block):
                    attributes = {
                        key.decode(): html.unescape(value.decode("utf-8", "replace"))
                        for key, value in _ATTRIBUTES.findall(match[2])
                    }
                    yield match[1].decode(), attributes, base + match.start()
                base += cut

    def _read(self, sheet: Sheet) -> Iterator[_Reader]:
        reader = _Reader(int(sheet.part), self._limits)
        with self._package.open(_CONTENT) as file:
            for _ in feed(reader.parser, file):
                yield reader
                if reader.is_done:
                    return

    def rows(self, sheet: Sheet) -> Iterator[SheetRows]:
        for reader in self._read(sheet):
            found, reader.found = reader.found, []
            yield from _expand(found)

    def tail(self, sheet: Sheet) -> SheetRows:
        """The last rows, whose places in the content are looked for in its bytes."""
        last: deque[tuple[int, int]] = deque(maxlen=TAIL)
        number = 0
        for name, attributes, place in self._tags_of(sheet):
            if name == "/table:table":
                break
            if name == "table:table-row":
                repeats = _repeats(attributes, "rows")
                if repeats < _REST_OF_SHEET:
                    last.append((number, place))
                number += repeats
        else:
            return SheetRows()
        kept = [(above, begin) for above, begin in last if place - begin < _TAIL_BYTES]
        if not kept:
            return SheetRows()
        above, begin = kept[0]
        with self._package.open(_CONTENT) as file:
            file.seek(begin)
            data = file.read(place - begin)
        reader = _Reader(0, self._limits, above)
        for part in (b'<a><table:table table:name="a">', data, b"</table:table></a>"):
            reader.parser.Parse(part, False)
        found = SheetRows()
        for block in _expand(reader.found):
            found.numbers += block.numbers
            found.rows += block.rows
        return found

    def _tags_of(self, sheet: Sheet) -> Iterator[tuple[str, dict[str, str], int]]:
        """The tags of rows and columns of a sheet, and the one that ends it."""
        depth = 0
        table, wanted = -1, int(sheet.part)
        for name, attributes, place in self._tags(_TABLE_TAGS):
            if name == "/table:table":
                depth -= 1
                if table == wanted and not depth:
                    yield name, attributes, place
            elif name == "table:table":
                table += not depth and "table:name" in attributes
                depth += 1
            elif table == wanted and depth == 1:
                yield name, attributes, place

    def survey(self, sheet: Sheet) -> SheetFacts:
        """Rows and what of them is hidden are looked for in the bytes, as the sheets are."""
        facts = SheetFacts()
        for reader in self._read(sheet):
            if reader.found and reader.found[-1][0] > MERGED_WITHIN:
                break
            reader.found = []
        for merged in reader.merged:
            facts.add_merged(merged)
        number = 0
        for name, attributes, _ in self._tags_of(sheet):
            number = _add_to(facts, name, attributes, number)
        return facts


def _add_to(facts: SheetFacts, name: str, attributes: dict[str, str], number: int) -> int:
    """Count a row or column in; say how many rows there are up to here."""
    is_hidden = attributes.get("table:visibility", "visible") != "visible"
    if name == "/table:table":
        return number
    if name == "table:table-column":
        facts.hidden_columns += is_hidden and min(_repeats(attributes, "columns"), LAST_COLUMN)
        return number
    repeats = _repeats(attributes, "rows")
    # Below the last row a sheet has one that stands for all that are left.
    if repeats < _REST_OF_SHEET:
        facts.rows = number + repeats
        facts.hidden_rows += repeats if is_hidden else 0
    return number + repeats


def _expand(found: list[_Repeated]) -> Iterator[SheetRows]:
    """Rows one by one, also those of which the file says only how many times they come."""
    block = SheetRows()
    cells = 0
    for first, row, repeats in found:
        for number in range(first, first + repeats):
            block.numbers.append(number)
            block.rows.append(list(row))
            cells += len(row)
            if cells > _BLOCK_CELLS:
                yield block
                block, cells = SheetRows(), 0
    if block.numbers:
        yield block


class _Reader:
    """Turns the parser's events into the rows of one sheet."""

    def __init__(self, number: int, limits: Limits, row: int = 0) -> None:
        self.found: list[_Repeated] = []
        self.merged: list[Merged] = []
        self.is_done = False
        self._wanted = number
        self._limits = limits
        self._table = -1
        self._depth = 0
        self._is_reading = False
        self._row_number = row
        self._row: list[str] = []
        self._row_length = 0
        self._row_repeats = 1
        self._column = 0
        self._cell: dict[str, str] | None = None
        self._pieces: list[str] = []
        self._length = 0
        self._paragraphs = 0
        self._in_paragraph = 0
        self._in_note = 0
        self._copied = 0
        self._starts = {
            "table:table": self._start_table,
            "table:table-row": self._start_row,
            "table:table-cell": self._start_cell,
            "table:covered-table-cell": self._start_cell,
            "text:p": self._start_paragraph,
            "text:s": self._start_blanks,
            "text:tab": lambda _: self._text("\t"),
            "text:line-break": lambda _: self._text("\n"),
            "office:annotation": self._start_note,
        }
        self._ends = {
            "table:table": self._end_table,
            "table:table-row": self._end_row,
            "table:table-cell": self._end_cell,
            "table:covered-table-cell": self._end_cell,
            "text:p": self._end_paragraph,
            "office:annotation": self._end_note,
        }
        self.parser = make_parser()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        start = self._starts.get(name)
        if start is not None and (self._is_reading or name == "table:table"):
            start(attributes)

    def _end(self, name: str) -> None:
        end = self._ends.get(name)
        if end is not None and (self._is_reading or name == "table:table"):
            end()

    def _start_table(self, attributes: dict[str, str]) -> None:
        self._table += not self._depth and "table:name" in attributes
        self._depth += 1
        self._is_reading = self._table == self._wanted and self._depth == 1

    def _end_table(self) -> None:
        self._depth -= 1
        self.is_done = self._table == self._wanted and not self._depth
        self._is_reading = self._table == self._wanted and self._depth == 1

    def _start_note(self, _: dict[str, str]) -> None:
        self._in_note += 1

    def _end_note(self) -> None:
        self._in_note -= 1

    def _start_row(self, attributes: dict[str, str]) -> None:
        self._row = []
        self._row_length = 0
        self._column = 0
        self._row_repeats = _repeats(attributes, "rows")

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._cell = attributes
        self._pieces = []
        self._length = 0
        self._paragraphs = 0
        if "table:number-columns-spanned" in attributes:
            self._note_merged(attributes)

    def _note_merged(self, attributes: dict[str, str]) -> None:
        across = _number(attributes, "table:number-columns-spanned")
        down = _number(attributes, "table:number-rows-spanned")
        top = self._row_number + 1
        if across > 1 or down > 1:
            self.merged.append(Merged(top, self._column, top + down - 1, self._column + across - 1))

    def _start_paragraph(self, _: dict[str, str]) -> None:
        if self._in_note:
            return
        if self._paragraphs:
            self._pieces.append("\n")
        self._paragraphs += 1
        self._in_paragraph += 1

    def _end_paragraph(self) -> None:
        if self._in_paragraph and not self._in_note:
            self._in_paragraph -= 1

    def _start_blanks(self, attributes: dict[str, str]) -> None:
        self._text(" " * min(_number(attributes, "text:c"), self._limits.max_cell))

    def _text(self, text: str) -> None:
        if self._in_paragraph and not self._in_note:
            self._pieces.append(text)
            self._length += len(text)
            if self._length > self._limits.max_cell:
                raise UnreadableError(cell_too_long(self._limits))

    def _end_cell(self) -> None:
        cell, self._cell = self._cell or {}, None
        repeats = _repeats(cell, "columns")
        text = _show(cell, "".join(self._pieces))
        if text:
            check_column(self._column + repeats - 1, self._limits)
            self._row.extend([""] * (self._column - len(self._row)))
            self._row.extend([text] * repeats)
            self._row_length += len(text) * repeats
            if self._row_length > self._limits.max_line:
                raise UnreadableError(cell_too_long(self._limits))
        self._column += repeats

    def _end_row(self) -> None:
        first = self._row_number + 1
        self._row_number += self._row_repeats
        if not self._row:
            return
        if self._row_number > LAST_ROW:
            raise ValueError(self._row_number)
        # A row that stands for a million equal ones costs nothing to write: only so much is read.
        self._copied += len(self._row) * (self._row_repeats - 1)
        if self._copied > _REPEATED_CELLS:
            raise ValueError(self._copied)
        self.found.append((first, self._row, self._row_repeats))


def _repeats(attributes: dict[str, str], what: str) -> int:
    return _number(attributes, f"table:number-{what}-repeated")


def _number(attributes: dict[str, str], name: str) -> int:
    return max(1, int(attributes.get(name, "1")))


def _show(cell: dict[str, str], text: str) -> str:
    """A cell as text: dates as ISO, numbers without what only shows them (signs, separators)."""
    kind = cell.get("office:value-type") or cell.get("calcext:value-type", "")
    if kind == "boolean":
        return "TRUE" if cell.get("office:boolean-value") == "true" else "FALSE"
    if kind == "date":
        value = cell.get("office:date-value", text).partition(".")[0]
        return value.removesuffix("T00:00:00")
    if kind == "time":
        return _show_time(cell.get("office:time-value", ""), text)
    if kind in ("float", "currency", "percentage"):
        number = show_number(cell.get("office:value", text))
        digits = text.replace("-", "").replace(" ", "")
        # A code that is shown with its leading zeros is that code.
        is_code = _CODE.match(text) and digits.isdecimal() and digits.lstrip("0") == number
        return text if is_code else number
    return text


def _show_time(value: str, text: str) -> str:
    match = _DURATION.match(value)
    if not match:
        return text
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return f"{hours:02}:{minutes:02}:{seconds:02}"
