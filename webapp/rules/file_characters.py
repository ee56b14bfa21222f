"""Which characters a file's encoding lacks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from webapp.rules.download_settings import Encoding

ENCODING_NAMES = {Encoding.WINDOWS: "Windows-1252"}
"""What the encodings are called that lack characters."""


def lacking_pattern(encoding: Encoding) -> str:
    """A regular expression, to Python and to PostgreSQL alike, of one character that can't be
    written; blank where all can be. Of NUL it says nothing: no text of the database has it."""
    if encoding not in ENCODING_NAMES:
        return ""
    written = (bytes([byte]).decode(encoding, "ignore") for byte in range(1, 256))
    ranges = _ranges(sorted(ord(character) for character in written if character))
    known = "".join(rf"\u{first:04x}-\u{last:04x}" for first, last in ranges)
    return f"[^{known}]"


def _ranges(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = -1
    for code in codes:
        if code != last + 1:
            if last >= 0:
                yield first, last
            first = code
        last = code
    yield first, last


def show_character(character: str) -> str:
    """The character; by its number where it can't be seen."""
    is_seen = character.isprintable() and not character.isspace()
    return character if is_seen and not _is_mark(character) else f"U+{ord(character):04X}"


def _is_mark(character: str) -> bool:
    """Whether it only changes the one before it."""
    return unicodedata.category(character).startswith("M")
