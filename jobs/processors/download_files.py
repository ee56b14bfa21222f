"""The files of a download: straight from the database to the file store.

CSV comes as the database writes it (COPY) and is only hashed, counted and, where asked for, put
into another encoding on the way; a workbook gets the same rows as text, in constant memory. Rows
are never held: memory does not grow with the file.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from jobs.failures import RunFailedError
from webapp.rules.download_settings import DownloadSettings, Encoding
from webapp.rules.file_characters import ENCODING_NAMES, show_character
from webapp.rules.guarding import MARK, guard, is_guarded, unguard
from webapp.services.downloads import workbook_folder
from webapp.services.files import BLOCK, FileStore

SHEET_ROWS = 1_048_575
"""Rows below the heading that a sheet of a workbook can have."""
CELL_CHARACTERS = 32_767
SAMPLE_ROWS = 20
_ROWS_BETWEEN_LOOKS = 2_000
_BUFFER = 256 * 1024
_SHEET_NAME_LENGTH = 31

Buffer = bytes | bytearray

Tell = Callable[[int], None]
"""Told now and then how many rows are written; raises what ends the run."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file in the store."""

    role: str
    format: str
    name: str
    key: str
    rows: int
    size: int
    sha256: str
    sample: tuple[tuple[str, ...], ...] = ()
    cut_cells: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """Where a file goes and what it is called."""

    store: FileStore
    role: str
    name: str
    key: str


class _Hashing:
    """A stream that hashes and counts what goes through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Buffer) -> None:
        self._hash.update(data)
        self.size += len(data)
        self._stream.write(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def write_csv(
    connection: psycopg.Connection,
    select: str,
    headings: Sequence[str],
    target: Target,
    settings: DownloadSettings,
    tell: Tell,
) -> Written:
    """The rows of a query as a CSV file."""
    encode = _encoder(settings.encoding)
    copy_to = (
        f"COPY ({select}) TO STDOUT (FORMAT csv, DELIMITER {_literal(settings.delimiter)},"
        " ENCODING 'UTF8')"
    )
    with target.store.write_whole(target.key) as stream:
        out = _Hashing(stream)
        out.write(encode(_heading_line(headings, settings.delimiter)))
        rows, first, block = 0, list[str](), bytearray()
        with connection.cursor().copy(copy_to) as copy:
            # Into one small buffer: each line kept by itself would cost five times as much
            for line in copy:
                block += line
                if rows < SAMPLE_ROWS:
                    first.append(str(line, "utf-8"))
                rows += 1
                if len(block) >= _BUFFER:
                    out.write(encode(block))
                    block.clear()
                    tell(rows)
        out.write(encode(block))
        tell(rows)
    sample = tuple(map(tuple, csv.reader(first, delimiter=settings.delimiter)))
    return Written(
        target.role, "csv", f"{target.name}.csv", target.key, rows, out.size, out.sha256, sample
    )


def write_workbook(
    connection: psycopg.Connection,
    select: str,
    headings: Sequence[str],
    target: Target,
    tell: Tell,
    *,
    sheet: str,
) -> Written:
    """The rows of a query as a workbook whose cells are all text, so that 02134 stays 02134; what
    does not fit into one sheet goes on in the next."""
    with _folder(workbook_folder(target.key)) as folder:
        path = folder / "download.xlsx"
        first: list[tuple[str, ...]] = []
        with _book(path, headings, sheet) as book:
            with _rows_of(connection, select) as rows:
                for row in rows:
                    book.write(row)
                    if len(first) < SAMPLE_ROWS:
                        first.append(tuple(row))
                    if book.rows % _ROWS_BETWEEN_LOOKS == 0:
                        tell(book.rows)
            book.close()
        tell(book.rows)
        with path.open("rb") as source, target.store.write_whole(target.key) as stream:
            out = _Hashing(stream)
            while block := source.read(BLOCK):
                out.write(block)
    return Written(
        target.role, "xlsx", f"{target.name}.xlsx", target.key, book.rows, out.size, out.sha256,
        tuple(first), book.cut_cells,
    )  # fmt: skip


def read_sample(connection: psycopg.Connection, select: str) -> list[list[str]]:
    """The few rows of a query as they stand in a file."""
    with _rows_of(connection, select) as found:
        return [list(row) for row in found]


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A folder of our own for as long as this lasts. Its name is known beforehand, so that the next
    attempt can delete what one that was killed left in it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700, parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _book(path: Path, headings: Sequence[str], sheet: str) -> Iterator[_Book]:
    """A workbook whose files are closed, however it ends. Raises OSError as others do."""
    book = _Book(path, headings, sheet)
    try:
        yield book
    except FileCreateError as error:
        book.abandon()
        raise error.__context__ or error from None
    except BaseException:
        book.abandon()
        raise


class _Book:
    """A workbook in constant memory, sheet after sheet. A cell that a spreadsheet would calculate
    is what it was, and Excel is told by `quotePrefix`, its own way to say so, that it is text. Only
    one that looks guarded itself keeps the guard, or our upload would take its apostrophe away."""

    def __init__(self, path: Path, headings: Sequence[str], sheet: str) -> None:
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(path.parent),
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.use_zip64()
        self._text = self._book.add_format({"num_format": "@"})
        self._quoted = self._book.add_format({"num_format": "@", "quote_prefix": True})
        self._bold = self._book.add_format({"num_format": "@", "bold": True})
        self._headings = [guard(heading) for heading in headings]
        self._name = sheet
        self._sheet_rows = SHEET_ROWS
        self._row = 0
        self.rows = 0
        self.cut_cells = 0
        self._sheet: Any = None
        self._add_sheet(1)

    def _add_sheet(self, number: int) -> None:
        ending = f" {number}" if number > 1 else ""
        name = f"{self._name[: _SHEET_NAME_LENGTH - len(ending)]}{ending}"
        self._sheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        # The column's format is that of its cells
        self._sheet.set_column(0, max(len(self._headings) - 1, 0), 16, self._text)
        for at, heading in enumerate(self._headings):
            self._sheet.write_string(0, at, heading, self._bold)
        self._row = 0

    def write(self, cells: Sequence[str]) -> None:
        if self._row == self._sheet_rows:
            self._add_sheet(self.rows // self._sheet_rows + 1)
        self._row += 1
        self.rows += 1
        row, write_string, text = self._row, self._sheet.write_string, self._text
        for at, cell in enumerate(cells):
            if not cell:
                continue
            if cell[0] == MARK and not is_guarded(plain := unguard(cell)):
                cut = write_string(row, at, plain, self._quoted)
            else:
                cut = write_string(row, at, cell, text)
            if cut == -2:
                self.cut_cells += 1

    def close(self) -> None:
        """Put the file together."""
        self._book.close()

    def abandon(self) -> None:
        """Let go of what was written up to now."""
        for sheet in self._book.worksheets():
            with suppress(OSError):
                sheet.row_data_fh.close()


@contextmanager
def _rows_of(connection: psycopg.Connection, select: str) -> Iterator[Iterator[list[str]]]:
    """The rows of a query as texts, as many in memory as the driver fetched at once."""
    with connection.cursor().copy(
        f"COPY ({select}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"
    ) as copy:
        # Each message is one row, whatever line breaks are in its cells
        yield csv.reader(str(line, "utf-8") for line in copy)


def _heading_line(headings: Sequence[str], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(map(guard, headings))
    return text.getvalue().encode()


def _literal(delimiter: str) -> str:
    return "E'\\t'" if delimiter == "\t" else f"'{delimiter}'"


def _encoder(encoding: Encoding) -> Callable[[Buffer], Buffer]:
    """Turns the database's UTF-8 into the file's encoding, piece by piece."""
    if encoding is Encoding.UTF8:
        return lambda block: block
    if encoding is Encoding.UTF8_BOM:
        first = [codecs.BOM_UTF8]
        return lambda block: first.pop() + bytes(block) if first else block
    encoder = codecs.getincrementalencoder(encoding.value)()

    def encode(block: Buffer) -> Buffer:
        text = str(block, "utf-8")
        try:
            return encoder.encode(text)
        except UnicodeEncodeError as error:
            raise RunFailedError(_say_unwritable(encoding, text, error.start)) from None

    return encode


def _say_unwritable(encoding: Encoding, text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    return (
        f"“{show_character(text[at])}” can't be written in the encoding that was chosen "
        f"({ENCODING_NAMES[encoding]}). It stands in the row that begins “{line[:60]}”. Choose "
        "UTF-8 for this operation, or change the value, and run it again. Nothing was delivered."
    )
