"""A text file's lines from its beginning, its middle and its end: what a table is found in."""

from __future__ import annotations

from dataclasses import dataclass, field

from webapp.rules.reading.lines import read_line_blocks, read_part
from webapp.rules.reading.tables import Dialect, Limits, Source

HEAD = 1 << 19
_MOST_LINES = 8_000
TAIL = 1 << 16
_PART = 1 << 14
_PARTS = 4


@dataclass(slots=True)
class TextSample:
    """Lines of a file; ``head`` is all of it where ``is_whole``."""

    head: list[str]
    is_whole: bool
    blank_lines: int = 0
    """Lines without anything at the start of the file, left out of the head."""
    middle: list[list[str]] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[list[str]]:
        return [self.head, *self.middle, self.tail]


def take_sample(source: Source, draft: Dialect, limits: Limits) -> TextSample:
    """The lines to judge a file by. Refuses one whose first lines do not end."""
    sample = TextSample([], True)
    held = 0
    for block in read_line_blocks(source, draft, limits):
        if not sample.head and not any(map(str.strip, block)):
            sample.blank_lines += len(block)
            if sample.blank_lines > limits.max_line:
                break
            continue
        sample.head += block
        held += sum(map(len, block))
        if held > HEAD or len(sample.head) > _MOST_LINES:
            sample.is_whole = False
            break
    else:
        return sample
    if draft.packing:
        return sample
    size = source.size
    for number in range(1, _PARTS + 1):
        start = HEAD + (size - HEAD) * number // (_PARTS + 1)
        if start + _PART < size:
            sample.middle.append(read_part(source, draft, start, _PART))
    sample.tail = read_part(source, draft, max(0, size - TAIL), TAIL)
    return sample
