"""Which encoding a text file is in, told from parts all over it, and how to decode it safely.

The decoders made here never fail: a byte that has no meaning in the encoding found becomes the
character most programs would show for it, so that one bad byte can't stop a run half-way.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from webapp.rules.reading.byte_samples import HEAD, Sample, take_samples
from webapp.rules.reading.encoding_ratings import Candidate, Tokens, rate_readings, show_readings
from webapp.rules.reading.tables import EncodingReading, Source

UTF_8 = "utf-8"
UTF_8_MIXED = "utf-8+windows-1252"
UTF_16_LE = "utf-16-le"
UTF_16_BE = "utf-16-be"
UTF_32_LE = "utf-32-le"
UTF_32_BE = "utf-32-be"
WINDOWS_1252 = "windows-1252"
WINDOWS_1250 = "windows-1250"
ISO_8859_1 = "iso-8859-1"
ISO_8859_2 = "iso-8859-2"
ISO_8859_15 = "iso-8859-15"
MAC_ROMAN = "mac-roman"

ENCODING_LABELS: Mapping[str, str] = {
    UTF_8: "UTF-8",
    UTF_8_MIXED: "UTF-8 with stray Windows-1252",
    WINDOWS_1252: "Windows-1252 (Western European)",
    ISO_8859_1: "ISO-8859-1 (Western European)",
    ISO_8859_15: "ISO-8859-15 (Western European with €)",
    ISO_8859_2: "ISO-8859-2 (Central European)",
    WINDOWS_1250: "Windows-1250 (Central European)",
    MAC_ROMAN: "Mac Roman (older Macs)",
    UTF_16_LE: "UTF-16 (little-endian)",
    UTF_16_BE: "UTF-16 (big-endian)",
    UTF_32_LE: "UTF-32 (little-endian)",
    UTF_32_BE: "UTF-32 (big-endian)",
}
"""The encodings that can be read, with what to call them."""

# The longer marks first: that of UTF-32 begins like that of UTF-16.
_BOMS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, UTF_32_LE),
    (codecs.BOM_UTF32_BE, UTF_32_BE),
    (codecs.BOM_UTF16_LE, UTF_16_LE),
    (codecs.BOM_UTF16_BE, UTF_16_BE),
)


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """The bytes an encoding leaves undefined become control characters, as in browsers."""
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
    UTF_32_LE: ("utf-32-le", "replace"),
    UTF_32_BE: ("utf-32-be", "replace"),
    WINDOWS_1252: ("cp1252", "reading.latin-1"),
    WINDOWS_1250: ("cp1250", "reading.latin-1"),
    ISO_8859_1: ("latin-1", "strict"),
    ISO_8859_2: ("iso8859-2", "strict"),
    ISO_8859_15: ("iso8859-15", "strict"),
    MAC_ROMAN: ("mac-roman", "strict"),
}

# What is known against an encoding before the text is looked at: how seldom it comes.
_CANDIDATES = (
    Candidate(WINDOWS_1252, *_CODECS[WINDOWS_1252], "western", 0.0),
    Candidate(ISO_8859_15, *_CODECS[ISO_8859_15], "western", -2.0),
    Candidate(ISO_8859_2, *_CODECS[ISO_8859_2], "central", -3.0),
    Candidate(WINDOWS_1250, *_CODECS[WINDOWS_1250], "central", -3.0),
    Candidate(MAC_ROMAN, *_CODECS[MAC_ROMAN], "western", -3.0),
)
_MARGIN = 4.0
_LIKELY = -1.0


def make_decoder(encoding: str) -> codecs.IncrementalDecoder:
    codec, errors = _CODECS[encoding]
    return codecs.getincrementaldecoder(codec)(errors)


def bom_length(encoding: str) -> int:
    if encoding in (UTF_8, UTF_8_MIXED):
        return 3
    return 4 if encoding in (UTF_32_LE, UTF_32_BE) else 2


def known_encoding(name: str) -> str | None:
    """The key of an encoding that a person named in any of the usual ways (`latin1`, `UTF8`)."""
    if name.lower() in _CODECS:
        return name.lower()
    try:
        wanted = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return next((key for key, (codec, _) in _CODECS.items() if _is_codec(codec, wanted)), None)


def _is_codec(codec: str, name: str) -> bool:
    return codecs.lookup(codec).name == name


@dataclass(frozen=True, slots=True)
class EncodingFound:
    encoding: str
    had_bom: bool
    note: str
    readings: tuple[EncodingReading, ...] = ()
    is_unsure: bool = False


def find_bom(head: bytes) -> str | None:
    """The encoding that a byte order mark at the start announces, if there is one."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    return None


def find_encoding(source: Source, chosen: str | None = None) -> EncodingFound:
    """Look at parts from all over the file and say what it is written in.

    What a person has chosen is taken as given; the readings are there all the same.
    """
    evidence = _gather(source)
    found = _judge(evidence)
    wanted = known_encoding(chosen) if chosen else None
    if wanted is None:
        return found
    readings = found.readings
    if all(reading.encoding != wanted for reading in readings):
        readings += show_readings(
            (_as_candidate(wanted),), evidence.examples(wanted), ENCODING_LABELS
        )
    # A stable sort: the one taken comes first, the others stay in their order.
    readings = tuple(sorted(readings, key=lambda reading: reading.encoding != wanted))
    return EncodingFound(
        wanted,
        _mark_fits(evidence.marked, wanted),
        f"{ENCODING_LABELS[wanted]}: chosen by you.",
        readings if evidence.has_more_than_ascii else (),
    )


def _mark_fits(marked: str | None, encoding: str) -> bool:
    return marked == (UTF_8 if encoding == UTF_8_MIXED else encoding)


def _as_candidate(encoding: str) -> Candidate:
    codec, errors = _CODECS[encoding]
    return Candidate(encoding, codec, errors, "western", 0.0)


class _Evidence:
    """What the parts of a file show: its head, and what is beyond ASCII in all of them."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.marked = find_bom(head)
        self.wide = self._find_wide(head)
        self.tokens = Tokens()
        # Of characters only how many bytes they take beyond their first: cheap, and enough.
        self.characters = 0
        self.strays = 0
        self._carry = b""
        self._newlines = self._returns = False

    def _find_wide(self, head: bytes) -> str | None:
        if self.marked and self.marked != UTF_8:
            return self.marked if _holds_wide(head, self.marked) else None
        return None if self.marked else looks_like_utf_16(head)

    @property
    def has_more_than_ascii(self) -> bool:
        return bool(self.wide or self.tokens.counts)

    @property
    def is_mac(self) -> bool:
        """Lines that end with a mere CR were written on an old Mac, or in its manner."""
        return self._returns and not self._newlines

    def add(self, sample: Sample) -> None:
        data = sample.data
        self._newlines = self._newlines or b"\n" in data
        self._returns = self._returns or b"\r" in data
        if data.isascii():
            self.strays += len(self._carry)
            self._carry = b""
            return
        if self.marked == UTF_8 and not sample.offset:
            data = data[3:]
        self.tokens.add(data)
        self._count(data, at_start=not sample.offset)

    def finish(self) -> None:
        """A character that the file's end cuts in two is none."""
        self.strays += len(self._carry)

    def _count(self, data: bytes, *, at_start: bool) -> None:
        if not at_start:
            data = _without_half_character(data)
        self._carry = _unfinished_tail(data)
        data = data[: len(data) - len(self._carry)]
        try:
            self.characters += len(data) - len(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            # What surrounds the first stray byte tells enough, and does not cost what the whole
            # would in a file that has strays all over.
            start = max(error.start - _LOOKED_AROUND, 0)
            data = data[start : error.start + _LOOKED_AROUND]
            data = _without_half_character(data) if start else data
            data = data[: len(data) - len(_unfinished_tail(data))]
            text = data.decode("utf-8", "ignore")
            well_formed = len(text.encode("utf-8"))
            self.strays += len(data) - well_formed
            self.characters += well_formed - len(text)

    def examples(self, encoding: str) -> list[bytes]:
        """Words with letters beyond ASCII as they stand in the file."""
        if self.wide:
            size = 4 if self.wide.startswith("utf-32") else 2
            text = self.head[: len(self.head) // size * size].decode(self.wide, "replace")
            wide = Tokens()
            wide.add(text.lstrip("\ufeff").encode("utf-8", "replace"))
            codec, _ = _CODECS[self.wide]
            return [
                token.decode("utf-8", "ignore").encode(codec, "ignore")
                for token in wide.choose(_as_candidate(UTF_8))
            ]
        return self.tokens.choose(_as_candidate(encoding))


_LOOKED_AROUND = 8_192


def _gather(source: Source) -> _Evidence:
    samples = take_samples(source)
    first = next(samples)
    evidence = _Evidence(first.data)
    if evidence.wide:
        return evidence
    evidence.add(first)
    for sample in samples:
        evidence.add(sample)
    evidence.finish()
    return evidence


def _judge(evidence: _Evidence) -> EncodingFound:
    if evidence.wide:
        return _wide(evidence, evidence.wide)
    if not evidence.strays:
        note = (
            "UTF-8: accented letters and signs read well this way."
            if evidence.characters
            else "UTF-8: the file has only plain letters, digits and signs."
        )
        return _utf_8(evidence, UTF_8, note)
    # Windows-1252 text hardly ever looks like UTF-8 by accident, so a fair share of well-formed
    # characters means a UTF-8 file into which somebody pasted something else.
    if evidence.marked == UTF_8 or evidence.characters * 5 > evidence.strays:
        note = (
            "UTF-8, but for some bytes that are read as Windows-1252. "
            "Look at names with accents before you go on."
        )
        return _utf_8(evidence, UTF_8_MIXED, note)
    return _single_byte(evidence)


def _wide(evidence: _Evidence, encoding: str) -> EncodingFound:
    had_bom = evidence.marked == encoding
    why = "the file says so at its start" if had_bom else "every other byte is zero in plain words"
    candidate = _as_candidate(encoding)
    readings = show_readings((candidate,), evidence.examples(encoding), ENCODING_LABELS)
    if not readings[0].examples:
        readings = ()
    return EncodingFound(encoding, had_bom, f"{ENCODING_LABELS[encoding]}: {why}.", readings)


def _utf_8(evidence: _Evidence, encoding: str, note: str) -> EncodingFound:
    readings: tuple[EncodingReading, ...] = ()
    if evidence.has_more_than_ascii:
        taken = _as_candidate(encoding)
        others = (_as_candidate(WINDOWS_1252), _as_candidate(MAC_ROMAN))
        readings = show_readings((taken, *others), evidence.tokens.choose(taken), ENCODING_LABELS)
    return EncodingFound(
        encoding,
        evidence.marked == UTF_8,
        note,
        readings,
        is_unsure=encoding == UTF_8_MIXED and evidence.strays > evidence.characters,
    )


def _single_byte(evidence: _Evidence) -> EncodingFound:
    """The best of the encodings with one byte for each character, by how words look in them."""
    bonus = {MAC_ROMAN: 2.5} if evidence.is_mac else {}
    ratings = rate_readings(evidence.tokens, _CANDIDATES, bonus)
    best = ratings[0]
    is_unsure = best.likelihood < _LIKELY or any(
        best.score - other.score < _MARGIN for other in ratings[1:]
    )
    taken = best.candidate
    label = ENCODING_LABELS[taken.encoding]
    note = (
        f"{label}, most likely; look at names with accents before you go on."
        if is_unsure
        else f"{label}: accented letters and signs read well this way."
    )
    candidates = tuple(rating.candidate for rating in ratings)
    readings = show_readings(candidates, evidence.tokens.choose(taken), ENCODING_LABELS)
    return EncodingFound(taken.encoding, False, note, readings, is_unsure)


def _without_half_character(data: bytes) -> bytes:
    """A part may begin in the middle of a character."""
    for at, byte in enumerate(data[:3]):
        if not 0x80 <= byte < 0xC0:
            return data[at:]
    return data


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


def _holds_wide(head: bytes, encoding: str) -> bool:
    """Does text follow that is as wide as the mark announces? Some programs put a mark before text
    of another kind."""
    sample = head[4:HEAD]
    return not sample or b"\x00" in sample or not _is_mostly_plain(sample)


def _is_mostly_plain(sample: bytes) -> bool:
    plain = len(sample) - len(sample.translate(None, bytes(range(32, 127)) + b"\t\r\n"))
    return plain > len(sample) * 0.9


def looks_like_utf_16(head: bytes) -> str | None:
    """UTF-16 without a mark: the delimiters, digits and line endings have a zero on one side.

    In Western text nearly every other byte is zero; in any other, those of the signs that all
    writing shares still are, and always on the same side.
    """
    sample = head[: len(head) // 2 * 2]
    if len(sample) < 4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > even and _reads_as_utf_16(sample, UTF_16_LE, odd, even):
        return UTF_16_LE
    if even > odd and _reads_as_utf_16(sample, UTF_16_BE, even, odd):
        return UTF_16_BE
    return None


def _reads_as_utf_16(sample: bytes, encoding: str, zeros: int, others: int) -> bool:
    half = len(sample) // 2
    if zeros * 50 < half or others * 20 > zeros:
        return False
    text = sample.decode(encoding, "replace")
    odd = sum(map(text.count, ("\ufffd", "\ufffe", "\uffff")))
    signs = sum(1 for sign in text if sign < " " and sign not in "\t\r\n\x00")
    if (odd + signs) * 50 > half:
        return False
    if zeros > half * 0.6:
        return True
    if _is_mostly_plain(sample):
        # Plain text into which a few zeros have come: two letters of it look like an ideograph.
        return False
    # No zeros among the letters: then these are of one script, whose characters share few first
    # bytes, or are the many of Chinese and Japanese, and lines end where they should.
    firsts = {ord(sign) >> 8 for sign in text}
    ideographs = sum(1 for sign in text if "\u3000" <= sign <= "\u9fff" or "가" <= sign <= "힣")
    return "\n" in text and (len(firsts) <= 12 or ideographs > half * 0.3)
