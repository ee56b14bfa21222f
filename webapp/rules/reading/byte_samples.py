"""Parts of a file from all over it: enough to judge by, whatever the file's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from webapp.rules.reading.packing import Unpacked
from webapp.rules.reading.tables import Source

_WHOLE = 16 * 1024 * 1024
_BLOCK = 1 << 18
_BLOCKS = 48
_OF_PACKED = 8 * 1024 * 1024
HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of a file and where it begins."""

    offset: int
    data: bytes


def take_samples(source: Source) -> Iterator[Sample]:
    """The file's head, then all the rest of a small file and evenly spread parts of a large one.

    The last part reaches to the end. They come in order and do not overlap, and each begins at a
    multiple of four, so that wide characters stay whole. Of a packed file only the beginning is
    looked at: all the rest would have to be unpacked.
    """
    with source.open() as file:
        yield Sample(0, file.read(HEAD))
        if isinstance(source, Unpacked):
            starts = range(HEAD, min(source.size, _OF_PACKED), _BLOCK)
        elif source.size <= _WHOLE:
            starts = range(HEAD, source.size, _BLOCK)
        else:
            step = (source.size - _BLOCK - HEAD) // (_BLOCKS - 1) // 4 * 4
            starts = range(HEAD, HEAD + step * _BLOCKS, step)
        for start in starts:
            file.seek(start)
            is_last = start == starts[-1] and not isinstance(source, Unpacked)
            size = max(_BLOCK, source.size - start) if is_last else _BLOCK
            if data := file.read(size):
                yield Sample(start, data)
