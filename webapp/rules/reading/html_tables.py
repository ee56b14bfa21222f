"""Tables of web pages (HTML), which many programs write and call a workbook (.xls)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from webapp.rules.reading.books import (
    MERGED_WITHIN,
    Merged,
    RowCollector,
    Sheet,
    SheetFacts,
    SheetRows,
    check_column,
)
from webapp.rules.reading.encodings import EncodingFound
from webapp.rules.reading.html_scan import PageScan, TableFound, find_html_encoding, read_text
from webapp.rules.reading.html_tokens import Attributes, Tokens, read_attributes
from webapp.rules.reading.number_formats import (
    Show,
    is_padded,
    make_show,
    named_code,
    show_number,
)
from webapp.rules.reading.package import naming_damage
from webapp.rules.reading.refusals import cell_too_long
from webapp.rules.reading.tables import Limits, Refusal, Source, UnreadableError

_REMEMBERED = 1_000
_MOST_ACROSS, _MOST_DOWN = 1_000, 65_534
_BLANKS = re.compile(r"[ \t\r\n\f\xa0]+")
_BLOCKS = frozenset(("p", "div", "li", "tr", "h1", "h2", "h3", "h4", "dt", "dd"))
_UNSEEN = frozenset(("script", "style", "select", "title"))
_FORMAT = re.compile(r"mso-number-format\s*:\s*(\"[^\"]*\"|'[^']*'|(?:\\.|[^;\\\"'])*)", re.I)
_RULE = re.compile(r"([^{}]{1,2000})\{([^{}]*)\}")
_CLASS = re.compile(r"\.([\w-]+)")
_ESCAPED = re.compile(r"\\(?:([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CODE = re.compile(r"0\d+\Z")

NO_TABLE = Refusal(
    "html",
    "This is a web page (HTML) with no table in it, whatever its name says (perhaps a page that "
    "asks to sign in); export the table again, or open the file in Excel and save it as .xlsx.",
)


@contextmanager
def open_html(source: Source, limits: Limits, chosen: str | None = None) -> Iterator[HtmlBook]:
    with naming_damage():
        yield HtmlBook(source, limits, find_html_encoding(source, chosen))


class HtmlBook:
    """A web page as a workbook: each of its tables is a sheet."""

    def __init__(self, source: Source, limits: Limits, encoding: EncodingFound) -> None:
        self.encoding = encoding
        self._source = source
        self._limits = limits
        scan = PageScan()
        for text in self._text():
            scan.add(text)
        scan.finish()
        self._tables = scan.tables
        self._formats = list_formats(scan.styles)
        if not self._tables:
            raise UnreadableError(NO_TABLE)

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        return tuple(Sheet(f"Table {at + 1}", str(at)) for at in range(len(self._tables)))

    def _text(self, skip: int = 0) -> Iterator[str]:
        return read_text(self._source, self.encoding.encoding, self.encoding.had_bom, skip)

    def _read(self, table: TableFound) -> Iterator[_Reader]:
        reader = _Reader(self._limits, self._formats)
        for text in self._text(table.start):
            reader.tokens.take(text)
            yield reader
            if reader.is_done:
                return
        reader.finish()
        yield reader

    def rows(self, sheet: Sheet) -> Iterator[SheetRows]:
        collector: RowCollector | None = None
        for reader in self._read(self._tables[int(sheet.part)]):
            collector = reader.collector
            full = collector.take_full()
            if full:
                yield full
        rest = collector.take_rest() if collector else None
        if rest:
            yield rest

    def survey(self, sheet: Sheet) -> SheetFacts:
        table = self._tables[int(sheet.part)]
        facts = SheetFacts(rows=table.last_rows[-1][0] if table.last_rows else 0)
        for reader in self._read(table):
            if reader.row > MERGED_WITHIN or reader.is_done:
                for merged in reader.merged:
                    facts.add_merged(merged)
                break
        return facts

    def tail(self, sheet: Sheet) -> SheetRows:
        table = self._tables[int(sheet.part)]
        if not table.last_rows:
            return SheetRows()
        number, start = table.last_rows[0]
        reader = _Reader(self._limits, self._formats, number - 1)
        left = table.end - start
        reader.tokens.take("<table>")
        for text in self._text(start):
            reader.tokens.take(text[:left])
            left -= len(text)
            if left <= 0:
                break
        reader.finish()
        return reader.collector.take_rest() or SheetRows()


def list_formats(styles: str) -> dict[str, str]:
    """The number formats of the classes in a page's styles."""
    formats: dict[str, str] = {}
    for names, body in _RULE.findall(styles):
        code = find_format(body)
        if code:
            formats.update(dict.fromkeys(_CLASS.findall(names), code))
    return formats


def find_format(style: str) -> str:
    """The number format within a style, as Excel would have it in a workbook."""
    match = _FORMAT.search(style)
    if match is None:
        return ""
    said = match[1].strip()
    if said[:1] in "\"'":
        said = said.strip("\"'")
    return named_code(_ESCAPED.sub(lambda one: chr(int(one[1], 16)) if one[1] else one[2], said))


@dataclass(frozen=True, slots=True)
class _Cell:
    """What the tag of a cell says of it."""

    across: int = 1
    down: int = 1
    code: str = ""
    """The number format that Excel was told."""
    number: str | None = None
    """The number that it holds beside its text; blank where its text is that."""


_PLAIN = _Cell()


class _Reader:
    """Reads the table that the text begins with; what is in tables within it is of its cells."""

    def __init__(self, limits: Limits, formats: dict[str, str], row: int = 0) -> None:
        self.tokens = Tokens(self)
        self.collector = RowCollector()
        self.merged: list[Merged] = []
        self.is_done = False
        self.row = row
        self._limits = limits
        self._formats = formats
        self._shows: dict[str, Show] = {}
        self._depth = 0
        self._column = 0
        self._covered: dict[int, int] = {}
        """Columns that a cell above reaches into, and for how many rows from the current one."""
        self._cell: _Cell | None = None
        self._cells: dict[str, _Cell] = {}
        self._parts: list[str] = []
        self._length = self._row_length = 0
        self._unseen = ""

    def start(self, tag: str, attributes: str) -> None:
        if self.is_done:
            return
        if tag == "table":
            self._depth += 1
            return
        if tag in _UNSEEN:
            self._unseen = tag
        if self._depth == 1 and (tag == "td" or tag == "th"):
            self._start_cell(attributes)
        elif self._depth == 1 and tag == "tr":
            self._start_row()
        elif self._cell is not None and tag == "br":
            self._parts.append("\n")
        elif self._cell is not None and tag in _BLOCKS:
            self._begin_line()
        elif self._cell is not None and tag in ("td", "th"):
            self._parts.append(" ")

    def end(self, tag: str) -> None:
        if self.is_done:
            return
        if tag == self._unseen:
            self._unseen = ""
        if tag == "table":
            self._depth -= 1
            if not self._depth:
                self._end_cell()
                self.is_done = True
        elif self._depth == 1 and tag in ("td", "th", "tr"):
            self._end_cell()
        elif self._cell is not None and tag in _BLOCKS:
            self._begin_line()

    def _begin_line(self) -> None:
        if self._parts and self._parts[-1] != "\n":
            self._parts.append("\n")

    def text(self, text: str) -> None:
        if self._cell is None or self._unseen:
            return
        self._parts.append(text if text.isalnum() else _BLANKS.sub(" ", text))
        self._length += len(text)
        if self._length > self._limits.max_cell:
            raise UnreadableError(cell_too_long(self._limits))

    def finish(self) -> None:
        """There is no more: a table that nothing closes ends here."""
        self.tokens.take("", at_end=True)
        self._end_cell()
        self.is_done = True

    def _start_row(self) -> None:
        self._end_cell()
        self.row += 1
        self._column = self._row_length = 0
        self._unseen = ""
        if self._covered:
            self._covered = {at: left - 1 for at, left in self._covered.items() if left > 1}

    def _start_cell(self, attributes: str) -> None:
        self._end_cell()
        self._unseen = ""
        if not self.row:
            self.row = 1
        while self._column in self._covered:
            self._column += 1
        cell = self._cells.get(attributes)
        if cell is None:
            cell = _read_cell(attributes, self._formats)
            if len(self._cells) < _REMEMBERED:
                self._cells[attributes] = cell
        self._cell = cell
        self._parts = []
        self._length = 0

    def _end_cell(self) -> None:
        cell, self._cell = self._cell, None
        if cell is None:
            return
        across, down = cell.across, cell.down
        text = _join(self._parts)
        if cell.code or cell.number is not None:
            text = self._show(cell, text)
        if text:
            check_column(self._column, self._limits)
            self._row_length += len(text)
            if self._row_length > self._limits.max_line:
                raise UnreadableError(cell_too_long(self._limits))
            self.collector.add(self.row, self._column, text)
        last = self._column + across - 1
        if down > 1:
            self._covered.update((at, down) for at in range(self._column, last + 1))
        if (across > 1 or down > 1) and self.row <= MERGED_WITHIN:
            self.merged.append(Merged(self.row, self._column, self.row + down - 1, last))
        self._column = last + 1

    def _show(self, cell: _Cell, text: str) -> str:
        """What Excel was told that a cell holds; without that, its text as it stands."""
        if not text:
            return ""
        code, value = cell.code, cell.number
        if value is not None:
            value = _as_number(value or text)
        if value is None:
            return self._shown(code, text) if is_padded(code) and text.isdecimal() else text
        shown = self._shown(code, value)
        return text if _CODE.match(text) and text.lstrip("0") == shown else shown

    def _shown(self, code: str, value: str) -> str:
        if not code:
            return show_number(value)
        show = self._shows.get(code)
        if show is None:
            show = self._shows[code] = make_show(code, from_1904=False)
        return show(value)


def _read_cell(text: str, formats: dict[str, str]) -> _Cell:
    if not text:
        return _PLAIN
    attributes = read_attributes(text)
    code = find_format(attributes.get("style", ""))
    for name in attributes.get("class", "").split():
        code = code or formats.get(name, "")
    across = _span(attributes, "colspan", _MOST_ACROSS)
    down = _span(attributes, "rowspan", _MOST_DOWN)
    return _Cell(across, down, code, attributes.get("x:num"))


def _as_number(text: str) -> str | None:
    try:
        float(text)
    except ValueError:
        return None
    return text.strip()


def _span(attributes: Attributes, name: str, most: int) -> int:
    said = attributes.get(name, "").strip()
    return min(max(1, int(said)), most) if said.isdecimal() and len(said) < 9 else 1


def _join(parts: list[str]) -> str:
    text = "".join(parts)
    if "\n" not in text:
        return _BLANKS.sub(" ", text).strip()
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(lines).strip("\n")
