"""The texts of a workbook, which its cells refer to by number, in constant memory."""

from __future__ import annotations

import os
import re
import struct
import tempfile
from typing import BinaryIO

from webapp.rules.reading.markup import feed, local, make_parser
from webapp.rules.reading.refusals import cell_too_long
from webapp.rules.reading.tables import Limits, UnreadableError

_IN_MEMORY = 32 * 1024 * 1024
_CACHED = 20_000

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def unescape(text: str) -> str:
    """Characters that XML can't hold are written as ``_x000D_`` in a workbook."""
    return _ESCAPE.sub(_unescape_one, text) if "_x" in text else text


def _unescape_one(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return match[0] if 0xD800 <= code < 0xE000 else chr(code)


class Texts:
    """A list of texts; what is too much for memory goes to a file that has no name and vanishes
    when it is closed."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._held = 0
        self._count = 0
        self._spill: _Spill | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < self._count:
            raise IndexError(number)
        return self._texts[number] if self._spill is None else self._spill[number]

    def append(self, text: str) -> None:
        self._count += 1
        if self._spill is not None:
            self._spill.append(text)
            return
        self._texts.append(text)
        self._held += len(text) + 64
        if self._held > _IN_MEMORY:
            self._spill = _Spill()
            for kept in self._texts:
                self._spill.append(kept)
            self._texts = []

    def close(self) -> None:
        if self._spill is not None:
            self._spill.close()


class SharedStrings:
    """The shared texts of an .xlsx by number, read only as far as asked for."""

    def __init__(self, part: BinaryIO | None, limits: Limits) -> None:
        self._limits = limits
        self._texts = Texts()
        self._path: list[str] = []
        self._pieces: list[str] = []
        self._length = 0
        parser = make_parser()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        self._steps = feed(parser, part) if part is not None else iter(())

    def __getitem__(self, number: int) -> str:
        while number >= len(self._texts):
            try:
                next(self._steps)
            except StopIteration:
                raise IndexError(number) from None
        return self._texts[number]

    def close(self) -> None:
        self._texts.close()

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._path.append(local(name))

    def _text(self, text: str) -> None:
        # Phonetic hints (rPh) are not part of the text that is shown.
        if self._path[-1] == "t" and "rPh" not in self._path:
            self._pieces.append(text)
            self._length += len(text)
            if self._length > self._limits.max_cell:
                raise UnreadableError(cell_too_long(self._limits))

    def _end(self, _: str) -> None:
        if self._path.pop() != "si":
            return
        self._texts.append(unescape("".join(self._pieces)))
        self._pieces.clear()
        self._length = 0


class _Spill:
    """A list of texts on disk: one file of bytes, one of where each text ends."""

    def __init__(self) -> None:
        self._bytes = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._ends = tempfile.TemporaryFile()  # noqa: SIM115
        self._ends.write(struct.pack("<Q", 0))
        self._end = 0
        self._dirty = True
        self._cache: dict[int, str] = {}

    def append(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._bytes.write(data)
        self._end += len(data)
        self._ends.write(struct.pack("<Q", self._end))
        self._dirty = True

    def __getitem__(self, number: int) -> str:
        cached = self._cache.get(number)
        if cached is not None:
            return cached
        if self._dirty:
            self._bytes.flush()
            self._ends.flush()
            self._dirty = False
        start, end = struct.unpack("<QQ", os.pread(self._ends.fileno(), 16, number * 8))
        text = os.pread(self._bytes.fileno(), end - start, start).decode("utf-8", "surrogatepass")
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        if len(text) < 1_000:
            self._cache[number] = text
        return text

    def close(self) -> None:
        self._bytes.close()
        self._ends.close()
