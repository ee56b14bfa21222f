"""Binary workbooks (.xlsb): the parts of an .xlsx as records, streamed like those."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from webapp.rules.reading.books import (
    ERRORS,
    LAST_COLUMN,
    LAST_ROW,
    TAIL,
    Merged,
    RowCollector,
    Sheet,
    SheetFacts,
    SheetRows,
    Shower,
    check_column,
)
from webapp.rules.reading.number_formats import Show, format_code, make_show
from webapp.rules.reading.package import DAMAGED, Package, open_package
from webapp.rules.reading.refusals import cell_too_long
from webapp.rules.reading.shared_strings import Texts
from webapp.rules.reading.tables import Limits, Source, UnreadableError
from webapp.rules.reading.xlsx import list_relations

_ROW, _RK, _ERROR, _BOOL, _REAL, _TEXT, _SHARED = 0, 2, 3, 4, 5, 6, 7
_FORMULA_TEXT, _FORMULA_NUMBER, _FORMULA_BOOL, _FORMULA_ERROR = 8, 9, 10, 11
_RICH_TEXT = 62
_SHARED_ITEM, _FORMAT, _STYLE, _COLUMNS = 19, 44, 47, 60
_SIZE, _PROPERTIES, _SHEET, _MERGED = 148, 153, 156, 176
_SURVEYED = 2_000_000
_STYLES_BEGIN, _STYLES_END = 617, 618

_BLOCK = 1 << 16
_KEPT = 1 << 19
_PLACES = 5_000
_ROWS_END, _LEAST_ROW = 146, 17
_MAX_RECORD = 16 * 1024 * 1024
_ONE_CELL = struct.Struct("<II")
_WORKBOOK = "xl/workbook.bin"


@contextmanager
def open_xlsb(source: Source, limits: Limits) -> Iterator[XlsbBook]:
    with open_package(source, limits) as package, XlsbBook(package, limits) as book:
        yield book


def read_parts(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The records of a part: what kind each is, and what it holds."""
    buffer = b""
    at = 0
    while True:
        try:
            kind, size, begin = _record_head(buffer, at)
        except IndexError:
            begin, size, kind = len(buffer) + 1, 0, 0
        if size > _MAX_RECORD:
            raise UnreadableError(DAMAGED)
        if begin + size > len(buffer):
            more = file.read(max(_BLOCK, size))
            if not more:
                if at < len(buffer):
                    raise EOFError
                return
            buffer = buffer[at:] + more
            at = 0
            continue
        yield kind, buffer[begin : begin + size]
        at = begin + size


def _record_head(buffer: bytes, at: int) -> tuple[int, int, int]:
    kind = buffer[at]
    at += 1
    if kind & 0x80:
        kind = kind & 0x7F | (buffer[at] & 0x7F) << 7
        at += 1
    size = 0
    for shift in (0, 7, 14, 21):
        byte = buffer[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
    return kind, size, at


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A text and where it ends."""
    (length,) = struct.unpack_from("<I", data, at)
    if length == 0xFFFFFFFF:
        return "", at + 4
    end = at + 4 + 2 * length
    if end > len(data):
        raise ValueError(length)
    return data[at + 4 : end].decode("utf-16-le", "replace"), end


def read_rk(packed: int) -> float:
    """A number in four bytes, as older and binary workbooks have it."""
    if packed & 2:
        value = float((packed >> 2) - (1 << 30 if packed & 0x80000000 else 0))
    else:
        (value,) = struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))
    return value / 100 if packed & 1 else value


class XlsbBook:
    """An open .xlsb: its sheets in order, and what turns its cells into text."""

    def __init__(self, package: Package, limits: Limits) -> None:
        self._package = package
        self._limits = limits
        targets = list_relations(package, _WORKBOOK)
        parts = {kind: part for kind, part in targets.values() if part in package}
        self.sheets, from_1904 = self._list_sheets(targets)
        self._shower = Shower(self._list_shows(parts.get("styles"), from_1904=from_1904))
        self._texts = Texts()
        self._steps = self._shared_texts(parts.get("sharedStrings"))

    def __enter__(self) -> XlsbBook:
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()

    def _list_sheets(self, targets: dict[str, tuple[str, str]]) -> tuple[tuple[Sheet, ...], bool]:
        sheets: list[Sheet] = []
        from_1904 = False
        with self._package.open(_WORKBOOK) as file:
            for kind, data in read_parts(file):
                if kind == _PROPERTIES:
                    from_1904 = bool(data[0] & 1)
                elif kind == _SHEET:
                    (state,) = struct.unpack_from("<I", data)
                    identifier, at = _text(data, 8)
                    name, _ = _text(data, at)
                    relation, part = targets.get(identifier, ("", ""))
                    if relation == "worksheet" and part in self._package:
                        sheets.append(Sheet(name, part, state != 0))
        return tuple(sheets), from_1904

    def _list_shows(self, part: str | None, *, from_1904: bool) -> list[Show]:
        if part is None:
            return []
        custom: dict[int, str] = {}
        shows: list[Show] = []
        is_within = False
        with self._package.open(part) as file:
            for kind, data in read_parts(file):
                if kind == _FORMAT:
                    custom[int.from_bytes(data[:2], "little")] = _text(data, 2)[0]
                elif kind in (_STYLES_BEGIN, _STYLES_END):
                    is_within = kind == _STYLES_BEGIN
                elif kind == _STYLE and is_within and len(shows) < 65_536:
                    number = int.from_bytes(data[2:4], "little")
                    shows.append(make_show(format_code(number, custom), from_1904=from_1904))
        return shows

    def _shared_texts(self, part: str | None) -> Iterator[None]:
        if part is None:
            return
        with self._package.open(part) as file:
            for kind, data in read_parts(file):
                if kind == _SHARED_ITEM:
                    text, _ = _text(data, 1)
                    self._texts.append(self._checked(text))
                    yield

    def _checked(self, text: str) -> str:
        if len(text) > self._limits.max_cell:
            raise UnreadableError(cell_too_long(self._limits))
        return text

    def _shared(self, number: int) -> str:
        while number >= len(self._texts):
            try:
                next(self._steps)
            except StopIteration:
                raise IndexError(number) from None
        return self._texts[number]

    def rows(self, sheet: Sheet) -> Iterator[SheetRows]:
        with self._package.open(sheet.part) as file:
            yield from self._gather(read_parts(file))

    def _gather(self, records: Iterable[tuple[int, bytes]]) -> Iterator[SheetRows]:
        collector = RowCollector()
        number = 0
        for kind, data in records:
            if kind == _ROW:
                number = int.from_bytes(data[:4], "little") + 1
                collector.begin(number)
                full = collector.take_full()
                if full:
                    yield full
            elif kind in _CELLS and number:
                column, style = _ONE_CELL.unpack_from(data)
                check_column(column, self._limits)
                text = self._cell(kind, style & 0xFFFFFF, data)
                if text:
                    collector.add(number, column, text)
        rest = collector.take_rest()
        if rest:
            yield rest

    def _cell(self, kind: int, style: int, data: bytes) -> str:
        if kind == _SHARED:
            return self._shared(int.from_bytes(data[8:12], "little"))
        if kind == _RK:
            return self._shower.show(style, read_rk(int.from_bytes(data[8:12], "little")))
        if kind in (_REAL, _FORMULA_NUMBER):
            return self._shower.show(style, struct.unpack_from("<d", data, 8)[0])
        if kind in (_TEXT, _FORMULA_TEXT):
            return self._checked(_text(data, 8)[0])
        if kind == _RICH_TEXT:
            return self._checked(_text(data, 9)[0])
        if kind in (_BOOL, _FORMULA_BOOL):
            return "TRUE" if data[8] else "FALSE"
        return ERRORS.get(data[8], "#N/A")

    def tail(self, sheet: Sheet) -> SheetRows:
        """The rows in the last part of the sheet. Where a row begins there is not marked: it is the
        first place from which on all is records, with rows that count up to the sheet's end."""
        kept = b""
        with self._package.open(sheet.part) as file:
            while block := file.read(1 << 20):
                kept = (kept + block)[-_KEPT:]
        found = SheetRows()
        for some in self._gather(_find_last_rows(kept)):
            found.numbers += some.numbers
            found.rows += some.rows
        return SheetRows(found.numbers[-TAIL:], found.rows[-TAIL:])

    def survey(self, sheet: Sheet) -> SheetFacts:
        facts = SheetFacts()
        bottom = number = 0
        with self._package.open(sheet.part) as file:
            for count, (kind, data) in enumerate(read_parts(file)):
                if count == _SURVEYED:
                    # Enough: the rest is only unpacked, which shows whether it is damaged.
                    while file.read(1 << 20):
                        pass
                    break
                if kind == _SIZE:
                    bottom = int.from_bytes(data[4:8], "little") + 1
                elif kind in _CELLS:
                    facts.rows = number
                elif kind == _ROW:
                    number = int.from_bytes(data[:4], "little") + 1
                    facts.hidden_rows += bool(len(data) > 11 and data[11] & 0x10)
                elif kind == _COLUMNS and len(data) > 16 and data[16] & 1:
                    first, last = _ONE_CELL.unpack_from(data)
                    facts.hidden_columns += max(0, min(last, LAST_COLUMN) - first + 1)
                elif kind == _MERGED:
                    top, below, left, right = struct.unpack_from("<IIII", data)
                    facts.add_merged(Merged(top + 1, left, below + 1, right))
            else:
                return facts
        facts.rows = max(facts.rows, min(bottom, LAST_ROW))
        return facts


def _find_last_rows(data: bytes) -> list[tuple[int, bytes]]:
    """The records of the last rows in what a sheet's part ends with; none where they are not."""
    at = -1
    for _ in range(_PLACES):
        at = data.find(b"\x00", at + 1)
        if at < 0:
            break
        records = _try_records(data, at)
        if records:
            return records
    return []


def _try_records(data: bytes, at: int) -> list[tuple[int, bytes]]:
    """The records from a place to the end of the sheet's rows, if a row begins there."""
    records: list[tuple[int, bytes]] = []
    last = -1
    while at < len(data):
        try:
            kind, size, begin = _record_head(data, at)
        except IndexError:
            return []
        record = data[begin : begin + size]
        if kind == _ROWS_END:
            return records
        if kind == _ROW:
            row = int.from_bytes(record[:4], "little")
            if size < _LEAST_ROW or not last < row < LAST_ROW:
                return []
            last = row
        elif not records or len(record) < size:
            return []
        records.append((kind, record))
        at = begin + size
    return []


_CELLS = frozenset(
    (
        _RK,
        _ERROR,
        _BOOL,
        _REAL,
        _TEXT,
        _SHARED,
        _FORMULA_TEXT,
        _FORMULA_NUMBER,
        _FORMULA_BOOL,
        _FORMULA_ERROR,
        _RICH_TEXT,
    )
)
