"""Which encoding a text file is in, decided on every byte of it, and how to decode it safely.

The decoders made here never fail: a byte that has no meaning in the encoding found becomes the
character most programs would show for it, so that one bad byte can't stop a run half-way.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Protocol

BLOCK = 1 << 20

UTF_8 = "utf-8"
UTF_8_MIXED = "utf-8+windows-1252"
UTF_16_LE = "utf-16-le"
UTF_16_BE = "utf-16-be"
WINDOWS_1252 = "windows-1252"

_BOMS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF16_LE, UTF_16_LE),
    (codecs.BOM_UTF16_BE, UTF_16_BE),
)


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """The five bytes Windows-1252 leaves undefined become control characters, as browsers do."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """A stray byte in UTF-8 text is read as Windows-1252: that is where such bytes come from."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.start + 1]
    return stray.decode("cp1252", "reading.latin-1"), error.start + 1


codecs.register_error("reading.latin-1", _as_latin_1)
codecs.register_error("reading.windows-1252", _as_windows_1252)

_CODECS = {
    UTF_8: ("utf-8", "reading.windows-1252"),
    UTF_8_MIXED: ("utf-8", "reading.windows-1252"),
    UTF_16_LE: ("utf-16-le", "replace"),
    UTF_16_BE: ("utf-16-be", "replace"),
    WINDOWS_1252: ("cp1252", "reading.latin-1"),
}


def make_decoder(encoding: str) -> codecs.IncrementalDecoder:
    codec, errors = _CODECS[encoding]
    return codecs.getincrementaldecoder(codec)(errors)


def bom_length(encoding: str) -> int:
    return 3 if encoding in (UTF_8, UTF_8_MIXED) else 2


@dataclass(frozen=True, slots=True)
class EncodingFound:
    encoding: str
    had_bom: bool
    note: str


def find_bom(head: bytes) -> str | None:
    """The encoding that a byte order mark at the start announces, if there is one."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    return None


def looks_like_utf_16(head: bytes) -> str | None:
    """UTF-16 without a mark: nearly every other byte of Western text is then zero."""
    sample = head[: len(head) // 2 * 2]
    if len(sample) < 4:
        return None
    half = len(sample) // 2
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if odd > 0.6 and even < 0.05:
        return UTF_16_LE
    if even > 0.6 and odd < 0.05:
        return UTF_16_BE
    return None


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def find_encoding(file: Readable, head: bytes) -> EncodingFound:
    """Read the whole file once, fast, and say what it is written in."""
    marked = find_bom(head)
    if marked in (UTF_16_LE, UTF_16_BE):
        return EncodingFound(marked, True, f"{_LABELS[marked]}: the file says so at its start.")
    guessed = None if marked else looks_like_utf_16(head)
    if guessed:
        return EncodingFound(
            guessed,
            False,
            f"{_LABELS[guessed]}: every other byte is zero, as in no other encoding.",
        )
    characters, strays = _count_beyond_ascii(file)
    if not strays:
        note = (
            f"UTF-8: {_count(characters, 'accented letter or sign')} read well this way."
            if characters
            else "UTF-8: the file has only plain letters, digits and signs."
        )
        return EncodingFound(UTF_8, marked is not None, note)
    # Windows-1252 text hardly ever looks like UTF-8 by accident, so a fair share of well-formed
    # characters means a UTF-8 file into which somebody pasted something else.
    if marked or characters * 5 > strays:
        return EncodingFound(
            UTF_8_MIXED,
            marked is not None,
            f"UTF-8, but for {_count(strays, 'byte')} read as Windows-1252. "
            "Look at names with accents before you go on.",
        )
    return EncodingFound(
        WINDOWS_1252,
        False,
        f"Windows-1252: {_count(strays, 'accented letter or sign')} read well this way.",
    )


_LABELS = {UTF_16_LE: "UTF-16 (little-endian)", UTF_16_BE: "UTF-16 (big-endian)"}

_ENOUGH = 20_000


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun.replace(' or ', 's or ')}s"


def _count_beyond_ascii(file: Readable) -> tuple[int, int]:
    """How many well-formed UTF-8 characters beyond ASCII there are, and how many stray bytes.

    Counting stops where more of the file can't change the answer any more.
    """
    characters = strays = 0
    carry = b""
    while block := file.read(BLOCK):
        block = carry + block
        carry = _unfinished_tail(block)
        if carry:
            block = block[: -len(carry)]
        if block.isascii():
            continue
        good = block.decode("utf-8", "ignore")
        good_bytes = len(good.encode("utf-8"))
        strays += len(block) - good_bytes
        characters += len(good) - _count_ascii(good, good_bytes)
        if strays > _ENOUGH and characters < strays // 20:
            break
    return characters, strays + len(carry)


def _count_ascii(text: str, utf_8_bytes: int) -> int:
    if utf_8_bytes == len(text):
        return utf_8_bytes
    return len(text.encode("ascii", "ignore"))


def _unfinished_tail(block: bytes) -> bytes:
    """The bytes at the end of a block that may begin a character which the next block finishes."""
    for back in range(1, min(4, len(block) + 1)):
        byte = block[-back]
        if byte < 0x80:
            return b""
        if byte >= 0xC0:
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return block[-back:] if back < wanted else b""
    return b""
