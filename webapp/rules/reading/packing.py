"""Files that come packed (.zip, .gz): a source that unpacks as it is read, in constant memory."""

from __future__ import annotations

import io
import os
import struct
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, BinaryIO, Literal

from webapp.rules.reading.package import BOMB, DAMAGED_PACKING, naming_damage, open_archive
from webapp.rules.reading.tables import Dialect, Limits, Refusal, Source, UnreadableError

Packing = Literal["gz", "zip"]

GZIP_START = b"\x1f\x8b"
_READ = 1 << 16
_MAX_PARTS = 500_000
_MAX_SPOOLED = 1 << 30
# What unpacks to less is never refused: a small table of blanks may well shrink to a thousandth.
_RATIO_MATTERS_FROM = 64 * 1024 * 1024

NO_SUCH_MEMBER = Refusal(
    "no_such_member", "There is no such file in this zip; choose one of those that are in it."
)


def is_gzip(head: bytes) -> bool:
    return head.startswith(GZIP_START)


class Unpacked:
    """A file inside another one, as a source of its own. Reading backwards means unpacking anew."""

    def __init__(self, source: Source, packing: Packing, member: str, limits: Limits) -> None:
        self._source = source
        self._packing = packing
        self._limits = limits
        self.member = member
        self.name = member or source.name.removesuffix(".gz")
        self.size = self._declared_size()

    def open(self) -> BinaryIO:
        opened = self._open_gzip if self._packing == "gz" else self._open_member
        return io.BufferedReader(_Rewindable(opened), _READ)

    def measure(self) -> None:
        """Unpack all of it once: what is damaged or unpacks to far too much is said now, and not
        in the middle of a run. The size is exact from then on."""
        with self.open() as file:
            self.size = file.seek(0, io.SEEK_END)

    def _declared_size(self) -> int:
        if self._packing == "zip":
            with open_archive(self._source, self._limits, DAMAGED_PACKING) as archive:
                return _find_member(archive, self.member).file_size
        with self._source.open() as file:
            file.seek(max(self._source.size - 4, 0))
            tail = file.read(4)
        # The size modulo 4 GiB, of the last of several parts: a guess until it is measured.
        declared = struct.unpack("<I", tail)[0] if len(tail) == 4 else 0
        return max(int(declared), self._source.size)

    def _open_gzip(self) -> io.RawIOBase:
        return _Gunzip(self._source.open(), self._limits)

    def _open_member(self) -> io.RawIOBase:
        return _Member(self._source, self.member, self._limits)


def _find_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError:
        raise UnreadableError(NO_SUCH_MEMBER) from None


class _Gunzip(io.RawIOBase):
    """The content of a .gz of one or several parts; what follows the last of them is left out."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._inflate = zlib.decompressobj(wbits=31)
        self._waiting = b""
        self._packed = 0
        self._unpacked = 0
        self._parts = 0
        self._is_at_end = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = b""
        while not data and not self._is_at_end:
            data = self._step(size if size > 0 else _READ)
        self._unpacked += len(data)
        self._refuse_bomb()
        return data

    def _step(self, size: int) -> bytes:
        if not self._waiting:
            self._waiting = self._file.read(_READ)
            self._packed += len(self._waiting)
            if not self._waiting:
                raise UnreadableError(DAMAGED_PACKING)
        try:
            data = self._inflate.decompress(self._waiting, size)
        except zlib.error as error:
            raise UnreadableError(DAMAGED_PACKING) from error
        self._waiting = self._inflate.unconsumed_tail
        if self._inflate.eof:
            self._begin_next_part(self._inflate.unused_data)
        return data

    def _begin_next_part(self, rest: bytes) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise UnreadableError(BOMB)
        if len(rest) < 2:
            more = self._file.read(_READ)
            self._packed += len(more)
            rest += more
        self._waiting = rest
        self._is_at_end = not rest.startswith(GZIP_START)
        self._inflate = zlib.decompressobj(wbits=31)

    def _refuse_bomb(self) -> None:
        is_dense = self._unpacked > max(self._packed, 1) * self._limits.max_ratio
        if self._unpacked > self._limits.max_unpacked or (
            is_dense and self._unpacked > _RATIO_MATTERS_FROM
        ):
            raise UnreadableError(BOMB)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Member(io.RawIOBase):
    """A file in a .zip. ``zipfile`` never unpacks more of it than the size that was checked."""

    def __init__(self, source: Source, member: str, limits: Limits) -> None:
        self._stack = ExitStack()
        with naming_damage(DAMAGED_PACKING):
            archive = self._stack.enter_context(open_archive(source, limits, DAMAGED_PACKING))
            info = _find_member(archive, member)
            self._file = self._stack.enter_context(archive.open(info))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with naming_damage(DAMAGED_PACKING):
            return self._file.read(size if size > 0 else _READ)

    def close(self) -> None:
        self._stack.close()
        super().close()


class _Rewindable(io.RawIOBase):
    """A stream that can be gone back in by opening it again."""

    def __init__(self, opened: Callable[[], io.RawIOBase]) -> None:
        self._opened = opened
        self._stream = opened()
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer)) or b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            while self._skip(_READ):
                pass
        target = offset + (0, self._at, self._at)[whence]
        if target < self._at:
            self._stream.close()
            self._stream = self._opened()
            self._at = 0
        while self._at < target and self._skip(min(_READ, target - self._at)):
            pass
        return self._at

    def _skip(self, size: int) -> int:
        skipped = len(self._stream.read(size) or b"")
        self._at += skipped
        return skipped

    def close(self) -> None:
        self._stream.close()
        super().close()


class Spooled:
    """A packed workbook, whose parts lie all over it: unpacked once, to a nameless file on disk
    that is there as long as this source."""

    def __init__(self, source: Unpacked) -> None:
        self._source = source
        self._spool: BinaryIO | None = None
        self.name = source.name
        self.size = source.size

    def open(self) -> BinaryIO:
        if self._spool is None:
            self._spool = self._unpack()
        return io.BufferedReader(_Part(self._spool.fileno(), self.size))

    def _unpack(self) -> BinaryIO:
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this source
        weakref.finalize(self, spool.close)
        size = 0
        with self._source.open() as file:
            while block := file.read(1 << 20):
                spool.write(block)
                size += len(block)
                if size > _MAX_SPOOLED:
                    raise UnreadableError(BOMB)
        spool.flush()
        self.size = size
        return spool


class _Part(io.RawIOBase):
    """A file that several read at once, each at a place of its own."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        target = offset + (0, self._at, self._size)[whence]
        if target < 0:
            raise ValueError(offset)
        self._at = target
        return target

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._descriptor, [buffer], self._at)
        self._at += count
        return count


def unpack(source: Source, dialect: Dialect, limits: Limits) -> Source:
    """The file in a packed one that a dialect was found for."""
    if not dialect.packing:
        return source
    inner = Unpacked(source, dialect.packing, dialect.member, limits)
    return inner if dialect.kind == "csv" else Spooled(inner)
