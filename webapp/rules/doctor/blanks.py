"""Blanks that nobody sees: around a text, non-breaking, without width, doubled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from webapp.rules.doctor import mojibake
from webapp.rules.doctor.contract import DamageKind, Finding, Repair
from webapp.rules.doctor.texts import TextWatch, in_cells
from webapp.rules.doctor.uses import Purpose, Use
from webapp.rules.doctor.watching import (
    BETWEEN,
    Around,
    Describe,
    Glance,
    Mend,
    make_finding,
    merged,
)

RULE = "blanks"
WHY = "blanks that nobody sees"

_FIXED = "\u00a0\u2000-\u200a\u202f\u205f"
_STRAY = re.compile(rf" *+[{_FIXED}][ {_FIXED}]*+")
# In running text a non-breaking blank is often meant: French sets one before these signs and inside
# «», the Slavic languages behind short words, everybody between a figure and what it counts
_STRAY_IN_TEXT = re.compile(
    rf"(?<![«\d {_FIXED}])(?<!\b\w)(?<!\b\w\w) *+[{_FIXED}][ {_FIXED}]*+(?![;:!?»%€$°–—\d])"
)
_NO_WIDTH = re.compile("[\u2060\ufeff]|^\u200b+|\u200b+$")
# Persian, the scripts of India and emoji join letters with these; Khmer and Thai part words
_JOINERS = re.compile("(?:(?<=[\x00-\u024f])|^)[\u200b-\u200d]+(?=[\x00-\u024f]|$)")
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LINES = re.compile(r"[ \t\r\n\x0b\x0c]*[\t\r\n\x0b\x0c][ \t\r\n\x0b\x0c]*")
_DOUBLED = re.compile(r"(?<![.!?:; ]) {2,}")
_SPECIAL = re.compile(
    "[\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u2066-\u2069\u3000\ufeff]"
)

ONE_LINE = frozenset(
    {
        Use.ZIP,
        Use.STATE,
        Use.CITY,
        Use.COUNTRY,
        Use.PHONE,
        Use.EMAIL,
        Use.DATE,
        Use.FIRST_NAME,
        Use.LAST_NAME,
        Use.NAME,
        Use.NUMBER,
        Use.YES_NO,
    }
)
"""What never has a line break or two blanks inside."""
_RUNNING_TEXT = frozenset({Use.UNKNOWN, Use.NUMBER, Use.WORDS})

AROUND, INSIDE = "around", "inside"


def tidied(text: str, *, one_line: bool, in_text: bool) -> str:
    """The text without the blanks that nobody sees.

    `one_line`: it is of a kind that has no line breaks and no doubled blanks. `in_text`: it may
    be running text, where some non-breaking blanks are meant.
    """
    clean = text
    while (tidier := _tidied_once(clean, one_line, in_text)) != clean:
        clean = tidier
    return clean


def _tidied_once(text: str, one_line: bool, in_text: bool) -> str:
    clean = text
    if not text.isascii():
        clean = _NO_WIDTH.sub("", clean)
        clean = _JOINERS.sub("", clean)
        if not _RIGHT_TO_LEFT.search(clean):
            clean = _DIRECTION.sub("", clean)
        clean = (_STRAY_IN_TEXT if in_text else _STRAY).sub(" ", clean)
    if one_line:
        clean = _LINES.sub(" ", clean)
        clean = _DOUBLED.sub(" ", clean)
    return clean.strip()


def mended(text: str, *, one_line: bool, in_text: bool) -> str | None:
    """The tidied text, or None where there is nothing to tidy or somebody else's task."""
    clean = tidied(text, one_line=one_line, in_text=in_text)
    if clean == text or (not clean and text.isspace()):
        return None
    # In letters read in the wrong encoding a non-breaking blank is half of a letter
    if not text.isascii() and mojibake.unscrambled(text, weak=True) is not None:
        return None
    return clean


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Tidies every text of the column."""
    one_line, in_text = bool(repair.options["one_line"]), bool(repair.options["in_text"])

    def mend(cell: str, _around: Around) -> str | None:
        return mended(cell, one_line=one_line, in_text=in_text)

    return [Mend(repair.position, (), mend, lambda cell: mend(cell, ()) is not None, WHY)]


class BlanksWatch(TextWatch):
    """Looks for stray blanks in a column."""

    def __init__(self, purpose: Purpose, describe: Describe) -> None:
        super().__init__(purpose, describe)
        self._one_line = purpose.use in ONE_LINE and purpose.is_known
        self._in_text = purpose.use in _RUNNING_TEXT

    def may_concern(self, text: str, glance: Glance) -> bool:
        if not text.isascii() and _SPECIAL.search(text):
            return True
        if self._one_line and "  " in text:
            return True
        return any(sign in text and self._is_stray(sign, text) for sign in (" ", "\t", "\n", "\r"))

    def _is_stray(self, sign: str, text: str) -> bool:
        if self._one_line and sign != " ":
            return True
        return (
            BETWEEN + sign in text
            or sign + BETWEEN in text
            or text.startswith(sign)
            or text.endswith(sign)
        )

    def sort_text(self, text: str) -> str | None:
        if mended(text, one_line=self._one_line, in_text=self._in_text) is None:
            return None
        return AROUND if text.strip(" ") != text and text.isascii() else INSIDE

    def findings(self) -> Iterable[Finding]:
        whole = merged(self.tallies.values())
        if not whole.rows:
            return
        hidden = self.tallies[INSIDE].rows
        evidence = (
            f"{in_cells(hidden)} with blanks that don't show: non-breaking, without width, "
            "doubled or line breaks. "
            if hidden
            else ""
        )
        around = self.tallies[AROUND].rows
        if around:
            evidence += (
                f"{in_cells(around)} with ordinary blanks before or behind the text, which an "
                "import leaves out anyway."
            )
        yield make_finding(
            DamageKind.STRAY_BLANKS,
            self.purpose,
            whole,
            title="Blanks that nobody sees",
            evidence=evidence.strip(),
            advice="Accept: the text stays, the stray blanks go.",
            make_mends=make_mends,
            rule=RULE,
            options={"one_line": self._one_line, "in_text": self._in_text},
        )
