"""Letters read in the wrong encoding: GarcÃ­a is García, read as if UTF-8 were Windows-1252.

A text is put right only where the way back works for the whole of it and ends in letters that make
sense. São and SÃO PAULO don't work backwards: they are healthy.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from webapp.rules.doctor.contract import DamageKind, Finding, Repair
from webapp.rules.doctor.texts import TextWatch, in_cells
from webapp.rules.doctor.uses import Purpose
from webapp.rules.doctor.watching import Around, Describe, Glance, Mend, make_finding, merged

RULE = "mojibake"
WHY = "the letters had been read in the wrong encoding"
_MOST_LAYERS = 3
_FIRST_LEAD = 0xC0


def _encoder(encoding: str) -> dict[int, int]:
    """Character -> the byte it was read from; bytes without a character are read as controls."""
    table = {byte: byte for byte in range(256)} if encoding == "cp1252" else {}
    for byte in range(256):
        character = bytes([byte]).decode(encoding, "ignore")
        if character:
            table[ord(character)] = byte
    return table


_READINGS: Mapping[str, dict[int, int]] = {
    name: _encoder(name) for name in ("cp1252", "mac_roman", "cp437", "cp850")
}
# A byte that begins a letter in UTF-8 as each reading shows it, and something beyond ASCII behind
_LEADS = re.compile(
    "[ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïð√¬‚ƒ≈∆«»ŒœŁ–—├┬Γ┼─·╨╤τΣΩ][^\x00-\x7f]"
)
_SENSIBLE = re.compile(
    "[\x20-\x7e\t\r\nÀ-ÖØ-öø-\u017fƠơƯưȘ-țǍ-ǜ\u0300-\u0304\u0306-\u030c\u031b\u0323\u0327\u0328\u1e00-\u1eff"
    "\u00a0‘’“”„‚–—…•€£°®©™«»¿¡ºª§·½¼¾×²³´"
    "\u0370-\u03ff\u0400-\u04ff\u05d0-\u05ea\u0620-\u06ff\u0900-\u0dff\u0e00-\u0e7f"
    "\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff00-\uffef\U0001f300-\U0001faff\ufe0f]*"
)
_LATIN = "A-Za-zÀ-ÖØ-öø-\u024f\u1e00-\u1eff"
_OTHER = "\u0370-\u06ff\u0900-\u0e7f\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_MIXED = re.compile(f"[{_LATIN}][{_OTHER}]|[{_OTHER}][{_LATIN}]")
# ƒ is a letter of few languages, and common where a Mac read Ä, ě or ł
_BEGINS_WORDS = re.compile(f"(?!ƒ)[{_LATIN}«»]")
# Ñ’ alone would be a letter of Serbian
_ALONE = re.compile("[^\u0370-\u06ff]*[\u0370-\u06ff][^\u0370-\u06ff]*")
# Controls that no text has, where a program took Windows-1252 for ISO-8859-1: \x92 was ’
_CONTROLS = {
    byte: bytes([byte]).decode("cp1252")
    for byte in range(0x80, 0xA0)
    if bytes([byte]).decode("cp1252", "ignore")
}
_CONTROL = re.compile("[\x80-\x9f]")
# IRMÃ’S may be a Portuguese word with an apostrophe behind; Ö in GÃ–TEBORG looks no different.
# Words of Estonian, Czech and their neighbours may have two such letters side by side.
_WEAK_PAIR = re.compile("[À-ß]’|(?<=[A-ZÀ-Þ])[À-ß][”–—…»®™›]|[ÀÁÂÄ-ß][ŠŽšž]")


def unscrambled(text: str, *, weak: bool) -> str | None:
    """What the text was before it was misread, or None where it wasn't for certain.

    `weak` takes it for misread as well where it could be a word in capitals with a quotation mark
    or dash behind: for files that are known to be misread.
    """
    if not is_suspect(text):
        return None
    clear = _clear(text) if _LEADS.search(text) else None
    if clear is None:
        return _without_controls(text)
    if not weak and _WEAK_PAIR.sub("", text).isascii():
        return None
    return clear


def is_suspect(text: str) -> bool:
    """Whether a closer look is worth it."""
    return not text.isascii() and bool(_LEADS.search(text) or _CONTROL.search(text))


def _without_controls(text: str) -> str | None:
    """The signs that Windows-1252 has where the text has controls."""
    clear = text.translate(_CONTROLS)
    return clear if clear != text and not _CONTROL.search(clear) else None


@lru_cache(maxsize=4_096)
def _clear(text: str) -> str | None:
    layers: list[str] = []
    current = text
    for _ in range(_MOST_LAYERS):
        below = _one_layer(current)
        if below is None:
            break
        layers.append(below)
        current = below
    for layer in reversed(layers):
        if _SENSIBLE.fullmatch(layer) and not _MIXED.search(layer) and not _ALONE.fullmatch(layer):
            return layer.replace("\u00a0", " ").strip()
    return None


def _one_layer(text: str) -> str | None:
    if text.isascii():
        return None
    for name, table in _READINGS.items():
        try:
            raw, _ = codecs.charmap_encode(text, "strict", table)
            below = raw.decode("utf-8")
        except UnicodeError:
            continue
        if len(below) < len(text) and (name == "cp1252" or not _begins_in_letters(text, raw)):
            return below
    return None


def _begins_in_letters(text: str, raw: bytes) -> bool:
    """Whether a letter would have to begin another one. In Windows-1252 that is how it looks (Ã);
    elsewhere signs do (√, ├), and letters side by side are a healthy word: ÂÄÄ."""
    return any(
        byte >= _FIRST_LEAD and _BEGINS_WORDS.match(sign)
        for sign, byte in zip(text, raw, strict=True)
    )


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Reads the misread letters again."""
    weak = bool(repair.options.get("weak"))

    def mend(cell: str, _around: Around) -> str | None:
        return unscrambled(cell, weak=weak)

    return [Mend(repair.position, (), mend, lambda cell: mend(cell, ()) is not None, WHY)]


@dataclass(slots=True)
class FileEvidence:
    """Whether any column of the file is misread beyond doubt."""

    is_misread: bool = False


class MojibakeWatch(TextWatch):
    """Looks for misread letters in a column."""

    def __init__(self, purpose: Purpose, describe: Describe, evidence: FileEvidence) -> None:
        super().__init__(purpose, describe)
        self._evidence = evidence

    def may_concern(self, text: str, glance: Glance) -> bool:
        return is_suspect(text)

    def sort_text(self, text: str) -> str | None:
        if unscrambled(text, weak=True) is None:
            return None
        if unscrambled(text, weak=False) is None:
            return "weak"
        self._evidence.is_misread = True
        return "strong"

    def findings(self) -> Iterable[Finding]:
        weak = self._evidence.is_misread
        whole = merged(tally for sort, tally in self.tallies.items() if weak or sort == "strong")
        if not whole.rows:
            return
        text = whole.examples[0][1]
        yield make_finding(
            DamageKind.MOJIBAKE,
            self.purpose,
            whole,
            title="Letters read in the wrong encoding",
            evidence=f"{in_cells(whole.rows)} that can be read back without a flaw: “{text[:40]}” "
            f"was “{(unscrambled(text, weak=weak) or '')[:40]}” before some program read UTF-8 as "
            "something else.",
            advice="Accept: the letters are read again. If every name in the file looks like this, "
            "choose another encoding for the whole file instead.",
            make_mends=make_mends,
            rule=RULE,
            options={"weak": weak},
        )
