"""Compound files, in which older Office programs keep what they write: streams within a file."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Sequence
from typing import Any, BinaryIO

from webapp.rules.reading.package import DAMAGED
from webapp.rules.reading.tables import UnreadableError

_END = 0xFFFFFFFA
"""Sector numbers from here on are marks: free, end of chain, and the like."""
_SMALL = 4096
_MAX_SECTORS = 1 << 22
_MAX_LIST = 1 << 23


class CompoundFile:
    """The streams of a compound file by name."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = file.read(512)
        if len(head) < 512:
            raise UnreadableError(DAMAGED)
        shift, small_shift = struct.unpack_from("<HH", head, 30)
        if shift not in (9, 12) or small_shift != 6:
            raise UnreadableError(DAMAGED)
        self._sector: int = 1 << shift
        first_directory, _, _, first_small_table = struct.unpack_from("<IIII", head, 48)
        self._table = self._read_table(head)
        entries = self._open(self._chain(first_directory)).read(_MAX_LIST)
        self._streams: dict[str, tuple[int, int]] = {}
        root = (0xFFFFFFFF, 0)
        for at in range(0, len(entries) - 127, 128):
            name, kind, start, size = _read_entry(entries[at : at + 128])
            if kind == 5:
                root = (start, size)
            elif kind == 2:
                self._streams.setdefault(name, (start, size))
        self._small_table: Sequence[int] = _numbers(
            self._open(self._chain(first_small_table)).read(_MAX_LIST)
        )
        self._small = self._chain(root[0])

    def find(self, name: str) -> str | None:
        """The stream of this name, in whatever case."""
        return next((one for one in self._streams if one.lower() == name), None)

    def open(self, name: str) -> BinaryIO:
        start, size = self._streams[name]
        if size >= _SMALL:
            return self._open(self._chain(start), size)
        places = array("Q")
        for number in _follow(self._small_table, start, size // 64 + 1):
            at = number * 64
            places.append(self._place(self._small[at // self._sector]) + at % self._sector)
        return io.BufferedReader(_Chain(self._file, places, 64, size))

    def _read_table(self, head: bytes) -> array[int]:
        """Which sector follows which."""
        sectors = [number for number in struct.unpack_from("<109I", head, 76) if number < _END]
        more, count = struct.unpack_from("<II", head, 68)
        while more < _END and count > 0 and len(sectors) < _MAX_SECTORS // 128:
            numbers = _numbers(self._read_sector(more))
            sectors += [number for number in numbers[:-1] if number < _END]
            more, count = int(numbers[-1]), count - 1
        table = array("I")
        for number in sectors:
            table.extend(_numbers(self._read_sector(number)))
            if len(table) > _MAX_SECTORS:
                raise UnreadableError(DAMAGED)
        return table

    def _read_sector(self, number: int) -> bytes:
        self._file.seek(self._place(number))
        data = self._file.read(self._sector)
        if len(data) < self._sector:
            raise EOFError
        return data

    def _place(self, number: int) -> int:
        return (number + 1) * self._sector

    def _chain(self, start: int) -> array[int]:
        return _follow(self._table, start, len(self._table))

    def _open(self, sectors: array[int], size: int | None = None) -> BinaryIO:
        places = array("Q", map(self._place, sectors))
        size = len(places) * self._sector if size is None else size
        return io.BufferedReader(_Chain(self._file, places, self._sector, size))


def _numbers(data: bytes) -> array[int]:
    return array("I", struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))


def _read_entry(entry: bytes) -> tuple[str, int, int, int]:
    (length,) = struct.unpack_from("<H", entry, 64)
    name = entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace")
    start, size = struct.unpack_from("<II", entry, 116)
    return name, entry[66], start, size


def _follow(table: Sequence[int], start: int, longest: int) -> array[int]:
    """The chain of sectors from one on; one that bites its tail is damaged."""
    chain = array("I")
    number = start
    while number < _END:
        if len(chain) > longest or number >= len(table):
            raise UnreadableError(DAMAGED)
        chain.append(number)
        number = table[number]
    return chain


class _Chain(io.RawIOBase):
    """Pieces of a file, all of one size, as one stream."""

    def __init__(self, file: BinaryIO, places: array[int], piece: int, size: int) -> None:
        self._file = file
        self._places = places
        self._piece = piece
        self._size = min(size, len(places) * piece)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        number, within = divmod(self._at, self._piece)
        # Pieces that follow one another in the file too are read at once.
        end = number + 1
        wanted = within + len(buffer)
        while (
            end < len(self._places)
            and (end - number) * self._piece < wanted
            and self._places[end] == self._places[end - 1] + self._piece
        ):
            end += 1
        count = min(len(buffer), (end - number) * self._piece - within, self._size - self._at)
        self._file.seek(self._places[number] + within)
        data = self._file.read(count)
        if not data:
            raise EOFError
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
