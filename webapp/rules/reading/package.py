"""An .xlsx file as a package of parts, checked before anything in it is unpacked."""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal
from xml.parsers import expat

from webapp.rules.reading.tables import Limits, Refusal, Source, UnreadableError

_MAX_PARTS = 10_000
_MAX_DIRECTORY = 8 * 1024 * 1024
_RATIO_MATTERS_FROM = 64 * 1024 * 1024

DAMAGED = Refusal(
    "damaged_workbook",
    "This workbook is damaged or was cut off on its way here; open it in Excel, save it again as "
    ".xlsx, and choose that file.",
)
DAMAGED_PACKING = Refusal(
    "damaged_archive",
    "This packed file is damaged or was cut off on its way here; pack it again, or choose the CSV "
    "or Excel file that is in it.",
)
BOMB = Refusal(
    "archive_bomb",
    "This file would unpack to far more than its size, as no real table does; save the table "
    "again as CSV or .xlsx from the program it comes from.",
)
ENCRYPTED = Refusal(
    "encrypted",
    "This file is protected with a password; remove the password, save it and choose it again.",
)
_OTHER_METHOD = Refusal(
    "archive",
    "This zip is packed in a way that is not read here; unpack it and choose the CSV or Excel file "
    "in it.",
)
_UNSAFE = Refusal(
    "unsafe_archive",
    "This file has parts whose names point outside of it, as no real table has; save the "
    "table again as CSV or .xlsx from the program it comes from.",
)

_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    ValueError,
    OverflowError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    expat.ExpatError,
)


class Package:
    """The parts of a workbook by name, in any case, with forward slashes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._parts = {_normal(info.filename): info for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return _normal(name) in self._parts

    def open(self, name: str) -> BinaryIO:
        return self._archive.open(self._parts[_normal(name)])  # type: ignore[return-value]

    def size(self, name: str) -> int:
        return self._parts[_normal(name)].file_size

    def names(self) -> list[str]:
        return list(self._parts)


@contextmanager
def open_package(source: Source, limits: Limits) -> Iterator[Package]:
    """The package in a file. Whatever is wrong with it, then or later, is ``UnreadableError``."""
    with open_archive(source, limits, DAMAGED) as archive:
        yield Package(archive)


@contextmanager
def open_archive(source: Source, limits: Limits, damaged: Refusal) -> Iterator[zipfile.ZipFile]:
    """A .zip that is safe to unpack; `damaged` says what to do about one that is not whole."""
    with source.open() as file, naming_damage(damaged):
        _check_directory_size(file, source.size)
        with zipfile.ZipFile(file) as archive:
            refusal = _refuse(archive.infolist(), source.size, limits)
            if refusal:
                raise UnreadableError(refusal)
            yield archive


@contextmanager
def naming_damage(damaged: Refusal = DAMAGED) -> Iterator[None]:
    """A damaged package shows in a dozen kinds of exception; to the user they are one."""
    try:
        yield
    except UnreadableError:
        raise
    except _FAULTS as error:
        raise UnreadableError(damaged) from error
    except OSError as error:
        # A place before the file's beginning: a damaged file again, and no fault of the disk.
        if error.errno != errno.EINVAL:
            raise
        raise UnreadableError(damaged) from error


def _normal(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _check_directory_size(file: BinaryIO, size: int) -> None:
    """Refuse before ``zipfile`` loads a directory of millions of parts into memory."""
    tail_size = min(size, 66_000)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0:
        raise zipfile.BadZipFile
    parts, directory = struct.unpack_from("<HI", tail, end + 10)
    locator = tail.rfind(b"PK\x06\x07", 0, end)
    if locator >= 0:
        (offset,) = struct.unpack_from("<Q", tail, locator + 8)
        file.seek(min(offset, size))
        record = file.read(56)
        if record.startswith(b"PK\x06\x06"):
            parts, directory = struct.unpack_from("<QQ", record, 32)
    if parts > _MAX_PARTS or directory > _MAX_DIRECTORY:
        raise UnreadableError(BOMB)
    file.seek(0)


def _refuse(infos: list[zipfile.ZipInfo], size: int, limits: Limits) -> Refusal | None:
    # zipfile never unpacks more of a part than its declared size, so that size is what counts;
    # against the whole file, as parts of a bomb may share their packed bytes.
    unpacked = sum(info.file_size for info in infos)
    if unpacked > limits.max_unpacked:
        return BOMB
    if unpacked > _RATIO_MATTERS_FROM and unpacked > size * limits.max_ratio:
        return BOMB
    for info in infos:
        name = info.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
            return _UNSAFE
        if info.flag_bits & 0x1:
            return ENCRYPTED
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return _OTHER_METHOD
    return None


ArchiveKind = Literal["xlsx", "xlsb", "ods", "numbers", "document", "archive"]


def kind_of_archive(archive: zipfile.ZipFile) -> ArchiveKind:
    """What a .zip is: a workbook of some kind, another document, or files that were packed."""
    names = {_normal(name) for name in archive.namelist()}
    if "xl/workbook.bin" in names:
        return "xlsb"
    if "[content_types].xml" in names or "xl/workbook.xml" in names:
        is_other = any(name.startswith(("word/", "ppt/", "visio/")) for name in names)
        return "document" if is_other and "xl/workbook.xml" not in names else "xlsx"
    if "mimetype" in names and "content.xml" in names:
        return "ods" if b"spreadsheet" in _mime_type(archive) else "document"
    return "numbers" if any(name.endswith(".iwa") for name in names) else "archive"


def refuse_other_kind(kind: str) -> Refusal | None:
    """The refusal for what is packed like a workbook and is none."""
    if kind == "numbers":
        return Refusal(
            "numbers",
            "This is a Numbers file, which only Apple's Numbers can read; open it there, choose "
            "File, Export To, Excel (or CSV), and choose the file that makes.",
        )
    if kind == "document":
        return Refusal(
            "document",
            "This is a text document or a presentation, which has no rows and columns to read; "
            "save the table in it as .xlsx or CSV.",
        )
    return None


def _mime_type(archive: zipfile.ZipFile) -> bytes:
    name = next(name for name in archive.namelist() if _normal(name) == "mimetype")
    with archive.open(name) as file:
        return file.read(200)


def looks_like_workbook(head: bytes) -> bool:
    """Is a .zip a workbook, as far as its first bytes show?"""
    return any(
        sign in head
        for sign in (b"[Content_Types].xml", b"_rels/.rels", b"xl/", b"opendocument", b"docProps/")
    )


def find_archive_kind(source: Source, head: bytes, limits: Limits) -> ArchiveKind:
    """Open a .zip only as far as is needed to say what it is."""
    damaged = DAMAGED if looks_like_workbook(head) else DAMAGED_PACKING
    with open_archive(source, limits, damaged) as archive:
        return kind_of_archive(archive)
