"""Workbooks of Excel 2002 and 2003 in one XML file (SpreadsheetML), often named .xls: streamed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO

from webapp.rules.reading.books import (
    LAST_COLUMN,
    LAST_ROW,
    TAIL,
    Merged,
    RowCollector,
    Sheet,
    SheetFacts,
    SheetRows,
    check_column,
)
from webapp.rules.reading.markup import feed, local, make_parser
from webapp.rules.reading.number_formats import Show, make_show, named_code, show_number
from webapp.rules.reading.package import naming_damage
from webapp.rules.reading.refusals import cell_too_long
from webapp.rules.reading.tables import Limits, Source, UnreadableError

_MOST_SHEETS = 1_000
_MAX_STYLES = 65_536
_TAIL_BYTES = 4 * 1024 * 1024
_FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 – a workbook's times have no zone

Attributes = dict[str, str]


@contextmanager
def open_spreadsheet_xml(source: Source, limits: Limits) -> Iterator[XmlBook]:
    with naming_damage():
        yield XmlBook(source, limits)


@dataclass(slots=True)
class _SheetFound:
    name: str
    is_hidden: bool = False
    facts: SheetFacts = field(default_factory=SheetFacts)
    last_rows: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=TAIL))
    """The numbers of its last rows with something in them, and the byte where each begins."""
    end: int = 0


class _Scan:
    """Goes through a workbook once: its sheets and styles, and what is where."""

    def __init__(self) -> None:
        self.sheets: list[_SheetFound] = []
        self.formats: dict[str, str] = {}
        self.encoding = ""
        self._style = ""
        self._row = self._column = 0
        self._row_start = -1
        self._hidden_column = 0
        self._in_comment = False
        self._starts = {
            "Style": self._start_style,
            "NumberFormat": self._start_format,
            "Worksheet": self._start_sheet,
            "Column": self._start_column,
            "Row": self._start_row,
            "Cell": self._start_cell,
            "Data": self._start_data,
            "Visible": self._start_visible,
        }
        self._is_formula = False
        self.parser = make_parser()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.XmlDeclHandler = self._declare

    def _declare(self, _: str, encoding: str | None, __: int) -> None:
        self.encoding = encoding or ""

    def _start(self, name: str, attributes: Attributes) -> None:
        start = self._starts.get(local(name))
        if start is not None:
            start(_local(attributes))
        elif local(name) == "Comment":
            self._in_comment = True

    def _end(self, name: str) -> None:
        name = local(name)
        if name == "Visible":
            self.parser.CharacterDataHandler = None
        elif name == "Comment":
            self._in_comment = False
        elif name == "Table" and self.sheets:
            self.sheets[-1].end = self.parser.CurrentByteIndex

    def _start_style(self, attributes: Attributes) -> None:
        self._style = attributes.get("ID", "")

    def _start_format(self, attributes: Attributes) -> None:
        if len(self.formats) < _MAX_STYLES:
            self.formats[self._style] = attributes.get("Format", "")

    def _start_sheet(self, attributes: Attributes) -> None:
        if len(self.sheets) >= _MOST_SHEETS:
            raise ValueError(len(self.sheets))
        self.sheets.append(_SheetFound(attributes.get("Name", "")))
        self._row = self._hidden_column = 0

    def _start_visible(self, _: Attributes) -> None:
        self.parser.CharacterDataHandler = self._take_visible

    def _take_visible(self, text: str) -> None:
        if self.sheets and text.strip().startswith("SheetHidden"):
            self.sheets[-1].is_hidden = True

    def _start_column(self, attributes: Attributes) -> None:
        if self.sheets and attributes.get("Hidden") == "1":
            span = min(int(attributes.get("Span", "0")), LAST_COLUMN)
            self.sheets[-1].facts.hidden_columns += span + 1

    def _start_row(self, attributes: Attributes) -> None:
        self._row = next_place(attributes, self._row, LAST_ROW)
        self._column = 0
        self._row_start = self.parser.CurrentByteIndex
        if self.sheets and attributes.get("Hidden") == "1":
            self.sheets[-1].facts.hidden_rows += 1

    def _start_cell(self, attributes: Attributes) -> None:
        self._column = next_place(attributes, self._column, LAST_COLUMN)
        across, down = read_merged(attributes)
        if self.sheets and (across or down):
            left = self._column - 1
            self.sheets[-1].facts.add_merged(
                Merged(self._row, left, self._row + down, left + across)
            )
        self._column += across
        self._is_formula = "Formula" in attributes
        if self.sheets:
            self.sheets[-1].facts.formulas_without_result += self._is_formula

    def _start_data(self, _: Attributes) -> None:
        if self._is_formula and self.sheets:
            self.sheets[-1].facts.formulas_without_result -= 1
            self._is_formula = False
        if self._in_comment or not self.sheets or self._row_start < 0:
            return
        sheet = self.sheets[-1]
        sheet.facts.rows = self._row
        sheet.last_rows.append((self._row, self._row_start))
        self._row_start = -1


def _local(attributes: Attributes) -> Attributes:
    return {local(name): value for name, value in attributes.items()}


def next_place(attributes: Attributes, last: int, most: int) -> int:
    """The number of a row or column, from 1: the next one unless it is given."""
    place = int(attributes.get("Index", last + 1))
    if not last < place <= most:
        raise ValueError(place)
    return place


def read_merged(attributes: Attributes) -> tuple[int, int]:
    """How many more columns and rows a cell covers."""
    across = min(max(0, int(attributes.get("MergeAcross", "0"))), LAST_COLUMN)
    return across, min(max(0, int(attributes.get("MergeDown", "0"))), LAST_ROW)


class XmlBook:
    """An open workbook in XML: its sheets in order, and what turns its cells into text."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        scan = _Scan()
        with self._open() as file:
            self._skipped = file.tell()
            for _ in feed(scan.parser, file):
                pass
        self._found = scan.sheets
        self._encoding = scan.encoding
        self._shows = {
            style: make_show(named_code(code), from_1904=False)
            for style, code in scan.formats.items()
            if code
        }

    def _open(self) -> BinaryIO:
        """At the beginning of the XML: blanks before it are no part of it."""
        file = self._source.open()
        head = file.read(1 << 12)
        file.seek(len(head) - len(head.lstrip(b" \t\r\n")))
        return file

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        return tuple(
            Sheet(found.name, str(at), found.is_hidden) for at, found in enumerate(self._found)
        )

    def rows(self, sheet: Sheet) -> Iterator[SheetRows]:
        reader = _Reader(int(sheet.part), self._shows, self._limits)
        with self._open() as file:
            for _ in feed(reader.parser, file):
                full = reader.collector.take_full()
                if full:
                    yield full
                if reader.is_done:
                    break
        rest = reader.collector.take_rest()
        if rest:
            yield rest

    def survey(self, sheet: Sheet) -> SheetFacts:
        return self._found[int(sheet.part)].facts

    def tail(self, sheet: Sheet) -> SheetRows:
        found = self._found[int(sheet.part)]
        last = [place for place in found.last_rows if found.end - place[1] < _TAIL_BYTES]
        if not last or self._encoding.lower().startswith("utf-16"):
            return SheetRows()
        number, start = last[0]
        with self._source.open() as file:
            file.seek(self._skipped + start)
            data = file.read(found.end - start)
        reader = _Reader(0, self._shows, self._limits, number - 1, self._encoding or None)
        # Elements are known by their names whatever prefix they have.
        for part in (b"<Workbook><Worksheet><Table>", data, b"</Table></Worksheet></Workbook>"):
            reader.parser.Parse(part, False)
        return reader.collector.take_rest() or SheetRows()


class _Reader:
    """Turns the parser's events into the rows of one sheet."""

    def __init__(
        self,
        number: int,
        shows: dict[str, Show],
        limits: Limits,
        row: int = 0,
        encoding: str | None = None,
    ) -> None:
        self.collector = RowCollector()
        self.is_done = False
        self._wanted = number
        self._shows = shows
        self._limits = limits
        self._first_row = row
        self._sheet = -1
        self._row = self._column = self._place = self._row_length = 0
        self._style = self._kind = ""
        self._row_style = ""
        self._data_depth = 0
        self._in_comment = False
        self._pieces: list[str] = []
        self._length = 0
        self.parser = make_parser(encoding)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: Attributes) -> None:
        if self._data_depth:
            self._data_depth += 1
            return
        name = local(name)
        if name == "Worksheet":
            self._sheet += 1
            self._row = self._first_row
        if self._sheet != self._wanted:
            return
        if name == "Row":
            self._start_row(_local(attributes))
        elif name == "Cell":
            self._start_cell(_local(attributes))
        elif name == "Data" and not self._in_comment:
            self._kind = _local(attributes).get("Type", "String")
            self._data_depth = 1
            self._pieces = []
            self._length = 0
        elif name == "Comment":
            self._in_comment = True

    def _start_row(self, attributes: Attributes) -> None:
        self._row = next_place(attributes, self._row, LAST_ROW)
        self._row_style = attributes.get("StyleID", "")
        self._column = self._row_length = 0

    def _start_cell(self, attributes: Attributes) -> None:
        self._column = next_place(attributes, self._column, LAST_COLUMN)
        self._style = attributes.get("StyleID", self._row_style)
        self._place = self._column - 1
        self._column += read_merged(attributes)[0]

    def _text(self, text: str) -> None:
        if self._data_depth:
            self._pieces.append(text)
            self._length += len(text)
            if self._length > self._limits.max_cell:
                raise UnreadableError(cell_too_long(self._limits))

    def _end(self, name: str) -> None:
        if self._data_depth:
            self._data_depth -= 1
            if not self._data_depth:
                self._end_data()
            return
        name = local(name)
        if name == "Comment":
            self._in_comment = False
        elif name == "Worksheet":
            self.is_done = self._sheet == self._wanted

    def _end_data(self) -> None:
        text = self._show("".join(self._pieces))
        if not text:
            return
        check_column(self._place, self._limits)
        self._row_length += len(text)
        if self._row_length > self._limits.max_line:
            raise UnreadableError(cell_too_long(self._limits))
        self.collector.add(self._row, self._place, text)

    def _show(self, text: str) -> str:
        show = self._shows.get(self._style)
        if self._kind == "Number":
            return (show or show_number)(text.strip())
        if self._kind == "Boolean":
            return "TRUE" if text.strip() == "1" else "FALSE"
        if self._kind == "DateTime":
            return _show_moment(text.strip(), show)
        return text


def _show_moment(text: str, show: Show | None) -> str:
    """A date as the cell's format shows it; without one, as it is written."""
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return text
    days = (moment.replace(tzinfo=None) - _FIRST_DAY) / timedelta(days=1)
    if show is not None and show is not show_number and days >= 0:
        # Before March 1900 the days of a workbook are one less: it knows a day more than there was.
        return show(repr(days - 1 if 1 <= days < 61 else days))
    return moment.replace(microsecond=0).isoformat().removesuffix("T00:00:00")
