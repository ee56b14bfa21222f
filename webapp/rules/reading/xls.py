"""Workbooks of Excel 5 to 2003 (.xls): records in a stream of a compound file, read one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from webapp.rules.reading.books import (
    ERRORS,
    TAIL,
    Merged,
    RowCollector,
    Sheet,
    SheetFacts,
    SheetRows,
    Shower,
)
from webapp.rules.reading.number_formats import Show, format_code, make_show
from webapp.rules.reading.ole import CompoundFile
from webapp.rules.reading.package import DAMAGED, ENCRYPTED, naming_damage
from webapp.rules.reading.refusals import cell_too_long
from webapp.rules.reading.shared_strings import Texts
from webapp.rules.reading.tables import Limits, Refusal, Source, UnreadableError
from webapp.rules.reading.xlsb import read_rk

_BOF, _EOF, _CONTINUE, _PASSWORD = 0x809, 0x0A, 0x3C, 0x2F
_CODE_PAGE, _FROM_1904, _FORMAT, _STYLE, _SHEET, _SHARED_TEXTS = 0x42, 0x22, 0x41E, 0xE0, 0x85, 0xFC
_ROW, _COLUMNS, _MERGED = 0x208, 0x7D, 0xE5
_NUMBER, _RK, _RKS, _SHARED, _LABEL, _RICH, _BOOL_OR_ERROR = (
    0x203,
    0x27E,
    0xBD,
    0xFD,
    0x204,
    0xD6,
    0x205,
)
_FORMULA, _FORMULA_TEXT = 0x06, 0x207
_CELLS = frozenset((_NUMBER, _RK, _RKS, _SHARED, _LABEL, _RICH, _BOOL_OR_ERROR, _FORMULA))
_UNSORTED_CELLS = 1_000_000
_SHARED_BYTES = 100 * 1024 * 1024

_TOO_OLD = Refusal(
    "old_excel",
    "This workbook is of an Excel older than 1993; open it in Excel and save it as .xlsx or CSV.",
)
_TOO_LARGE = Refusal(
    "old_excel",
    "This workbook has more text than is read of an .xls; open it in Excel and save it as .xlsx or "
    "CSV.",
)
_UNSORTED = Refusal(
    "old_excel",
    "This workbook keeps its many cells in no order; open it in Excel and save it as .xlsx or CSV.",
)


@contextmanager
def open_xls(source: Source, limits: Limits) -> Iterator[XlsBook]:
    with source.open() as file, naming_damage():
        compound = CompoundFile(file)
        name = compound.find("workbook") or compound.find("book")
        if name is None:
            raise UnreadableError(DAMAGED)
        with XlsBook(compound.open(name), limits) as book:
            yield book


def _records(stream: BinaryIO, offset: int) -> Iterator[tuple[int, bytes]]:
    """The records from an offset to the end of their part of the stream."""
    stream.seek(offset)
    depth = 0
    while head := stream.read(4):
        kind, size = struct.unpack("<HH", head)
        data = stream.read(size)
        if len(data) < size:
            raise EOFError
        # A chart within a sheet has records of its own, with a beginning and an end.
        depth += (kind == _BOF) - (kind == _EOF)
        if depth <= 1:
            yield kind, data
        if depth <= 0:
            return


class _Pieces:
    """The shared texts: one record that goes on in others, in which a text may be cut in two."""

    def __init__(self, records: list[bytes]) -> None:
        self._records = records
        self._number = 0
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._number >= len(self._records) - 1 and self._at >= len(self._records[-1])

    def take(self, size: int) -> bytes:
        """Bytes that are no characters: cut without any sign."""
        data = b""
        while len(data) < size:
            record = self._records[self._number]
            part = record[self._at : self._at + size - len(data)]
            data += part
            self._at += len(part)
            if len(data) < size:
                self._number += 1
                self._at = 0
        return data

    def take_text(self) -> str:
        count, flags = struct.unpack("<HB", self.take(3))
        runs = struct.unpack("<H", self.take(2))[0] if flags & 8 else 0
        extra = struct.unpack("<I", self.take(4))[0] if flags & 4 else 0
        # All in wide characters: one of them may be cut in two where a piece ends.
        parts: list[bytes] = []
        while count:
            record = self._records[self._number]
            if self._at >= len(record):
                self._number += 1
                # Each piece says anew how wide its characters are.
                flags = self._records[self._number][0]
                self._at = 1
                continue
            width = 2 if flags & 1 else 1
            taken = min(count, (len(record) - self._at) // width)
            if not taken:
                raise ValueError(count)
            data = record[self._at : self._at + taken * width]
            parts.append(data if width == 2 else data.decode("latin-1").encode("utf-16-le"))
            self._at += taken * width
            count -= taken
        self.take(4 * runs)
        self.take(extra)
        return _characters(b"".join(parts), wide=True)


def _characters(data: bytes, *, wide: bool) -> str:
    return data.decode("utf-16-le", "replace") if wide else data.decode("latin-1")


class XlsBook:
    """An open .xls: its sheets in order, and what turns its cells into text."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._texts = Texts()
        self._code_page = "cp1252"
        self._is_wide = True
        self._from_1904 = False
        self._formats: dict[int, str] = {}
        self._styles: list[int] = []
        self._sheets: list[Sheet] = []
        self._sorted: dict[int, bool] = {}
        self._read_globals()
        by_format: dict[int, Show] = {}
        for number in self._styles:
            if number not in by_format:
                code = format_code(number, self._formats)
                by_format[number] = make_show(code, from_1904=self._from_1904)
        self._shower = Shower([by_format[number] for number in self._styles])

    def __enter__(self) -> XlsBook:
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        return tuple(self._sheets)

    def _read_globals(self) -> None:
        shared: list[bytes] = []
        last = held = 0
        for kind, data in _records(self._stream, 0):
            if kind == _SHARED_TEXTS or (kind == _CONTINUE and last == _SHARED_TEXTS):
                shared.append(data)
                held += len(data)
                if held > _SHARED_BYTES:
                    raise UnreadableError(_TOO_LARGE)
                last = _SHARED_TEXTS
            else:
                self._read_global(kind, data)
                last = kind
        if shared:
            self._read_shared(shared)

    def _read_global(self, kind: int, data: bytes) -> None:
        if kind == _PASSWORD:
            raise UnreadableError(ENCRYPTED)
        if kind == _BOF:
            (version,) = struct.unpack_from("<H", data)
            if version not in (0x500, 0x600):
                raise UnreadableError(_TOO_OLD)
            self._is_wide = version == 0x600
        elif kind == _CODE_PAGE:
            self._code_page = _codec(struct.unpack_from("<H", data)[0])
        elif kind == _FROM_1904:
            self._from_1904 = data[:1] == b"\x01"
        elif kind == _FORMAT:
            (number,) = struct.unpack_from("<H", data)
            self._formats[number] = self._text(data, 2, is_short=not self._is_wide)
        elif kind == _STYLE:
            self._styles.append(struct.unpack_from("<H", data, 2)[0])
        elif kind == _SHEET:
            offset, state, what = struct.unpack_from("<IBB", data)
            if what == 0:
                name = self._text(data, 6, is_short=True)
                self._sheets.append(Sheet(name, str(offset), state & 3 != 0))

    def _read_shared(self, records: list[bytes]) -> None:
        (count,) = struct.unpack_from("<I", records[0], 4)
        pieces = _Pieces(records)
        pieces.take(8)
        for _ in range(count):
            # Some programs count wrong: there are as many as there are.
            if pieces.is_at_end:
                return
            text = pieces.take_text()
            if len(text) > self._limits.max_cell:
                raise UnreadableError(cell_too_long(self._limits))
            self._texts.append(text)

    def _text(self, data: bytes, at: int, *, is_short: bool = False) -> str:
        """A text with its length before it; in Excel 5 and 95 in the bytes of a code page."""
        count = data[at] if is_short else struct.unpack_from("<H", data, at)[0]
        at += 1 if is_short else 2
        if not self._is_wide:
            return data[at : at + count].decode(self._code_page, "replace")
        wide = bool(data[at] & 1)
        at += 1
        return _characters(data[at : at + count * (2 if wide else 1)], wide=wide)

    def rows(self, sheet: Sheet) -> Iterator[SheetRows]:
        offset = int(sheet.part)
        if offset not in self._sorted:
            self._sorted[offset] = self._is_sorted(offset)
        if not self._sorted[offset]:
            yield from self._sorted_rows(offset)
            return
        collector = RowCollector()
        for row, column, text in self._cells(offset):
            collector.add(row + 1, column, text)
            full = collector.take_full()
            if full:
                yield full
        rest = collector.take_rest()
        if rest:
            yield rest

    def _is_sorted(self, offset: int) -> bool:
        last = -1
        for kind, data in _records(self._stream, offset):
            if kind in _CELLS:
                (row,) = struct.unpack_from("<H", data)
                if row < last:
                    return False
                last = row
        return True

    def _sorted_rows(self, offset: int) -> Iterator[SheetRows]:
        """Programs other than Excel may write cells as they come: then all are held at once."""
        cells: dict[tuple[int, int], str] = {}
        for row, column, text in self._cells(offset):
            cells[row, column] = text
            if len(cells) > _UNSORTED_CELLS:
                raise UnreadableError(_UNSORTED)
        collector = RowCollector()
        for row, column in sorted(cells):
            collector.add(row + 1, column, cells[row, column])
        rest = collector.take_rest()
        if rest:
            yield rest

    def _cells(self, offset: int, first: int = 0) -> Iterator[tuple[int, int, str]]:
        """Row, column (both from 0) and text of each cell that is not blank, from a row on."""
        waiting: tuple[int, int] | None = None
        pieces: list[bytes] = []
        for kind, data in _records(self._stream, offset):
            if kind == _CONTINUE and pieces:
                pieces.append(data)
                continue
            if waiting and pieces:
                text = self._formula_text(pieces)
                if text:
                    yield *waiting, text
                waiting, pieces = None, []
            if kind == _FORMULA_TEXT and waiting:
                pieces.append(data)
            elif kind in _CELLS and int.from_bytes(data[:2], "little") >= first:
                if kind == _FORMULA and data[12:14] == b"\xff\xff" and data[6] == 0:
                    row, column = struct.unpack_from("<HH", data)
                    waiting = row, column
                else:
                    yield from self._read_cells(kind, data)

    def _formula_text(self, pieces: list[bytes]) -> str:
        """What a formula came to is a record of its own, which goes on in others if it is long."""
        if not self._is_wide:
            return self._text(b"".join(pieces), 0)
        return _Pieces(pieces).take_text()

    def _read_cells(self, kind: int, data: bytes) -> Iterator[tuple[int, int, str]]:
        if kind == _RKS:
            yield from self._read_rks(data)
            return
        row, column, style = struct.unpack_from("<HHH", data)
        text = self._cell(kind, style, data)
        if text:
            yield row, column, text

    def _read_rks(self, data: bytes) -> Iterator[tuple[int, int, str]]:
        row, first = struct.unpack_from("<HH", data)
        for at in range(4, len(data) - 7, 6):
            style, packed = struct.unpack_from("<HI", data, at)
            yield row, first + (at - 4) // 6, self._shower.show(style, read_rk(packed))

    def _cell(self, kind: int, style: int, data: bytes) -> str:
        if kind == _SHARED:
            return self._texts[struct.unpack_from("<I", data, 6)[0]]
        if kind == _NUMBER:
            return self._shower.show(style, struct.unpack_from("<d", data, 6)[0])
        if kind == _RK:
            return self._shower.show(style, read_rk(struct.unpack_from("<I", data, 6)[0]))
        if kind in (_LABEL, _RICH):
            return self._text(data, 6)
        if kind == _BOOL_OR_ERROR:
            return _bool_or_error(data[6], is_error=bool(data[7]))
        return self._formula(style, data)

    def _formula(self, style: int, data: bytes) -> str:
        """What a formula came to when the workbook was saved."""
        if data[12:14] != b"\xff\xff":
            return self._shower.show(style, struct.unpack_from("<d", data, 6)[0])
        return _bool_or_error(data[8], is_error=data[6] == 2) if data[6] in (1, 2) else ""

    def tail(self, sheet: Sheet) -> SheetRows:
        offset = int(sheet.part)
        rows = (data for kind, data in _records(self._stream, offset) if kind in _CELLS)
        last = max((struct.unpack_from("<H", data)[0] for data in rows), default=0)
        collector = RowCollector()
        if self._is_sorted(offset):
            for row, column, text in self._cells(offset, max(0, last - TAIL)):
                collector.add(row + 1, column, text)
        return collector.take_rest() or SheetRows()

    def survey(self, sheet: Sheet) -> SheetFacts:
        facts = SheetFacts()
        for kind, data in _records(self._stream, int(sheet.part)):
            if kind in _CELLS:
                facts.rows = max(facts.rows, struct.unpack_from("<H", data)[0] + 1)
            elif kind == _ROW:
                facts.hidden_rows += bool(data[12] & 0x20)
            elif kind == _COLUMNS:
                first, last, _, _, flags = struct.unpack_from("<HHHHH", data)
                facts.hidden_columns += max(0, min(last, 255) - first + 1) if flags & 1 else 0
            elif kind == _MERGED:
                for at in range(2, len(data) - 7, 8):
                    top, bottom, left, right = struct.unpack_from("<HHHH", data, at)
                    facts.add_merged(Merged(top + 1, left, bottom + 1, right))
        return facts


def _bool_or_error(value: int, *, is_error: bool) -> str:
    if is_error:
        return ERRORS.get(value, "#N/A")
    return "TRUE" if value else "FALSE"


def _codec(code_page: int) -> str:
    if code_page in (0x8000, 10_000):
        return "mac-roman"
    try:
        b"".decode(f"cp{code_page}")
    except LookupError:
        return "cp1252"
    return f"cp{code_page}"
