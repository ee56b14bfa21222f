"""What a foreign value could stand for, ranked: by names, and by what was mapped alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process, utils

from webapp.rules.crossrefs import compared

CUTOFF = 55.0
LIKELY = 75.0
"""From here on a suggestion is offered as the answer, not only as one of several."""
MOST = 3
_ABBREVIATED = 72.0
_BEGINS = 70.0
_ALIKE = 0.95
_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An online value, how likely it is (0 to 100), and why."""

    value: str
    label: str
    score: float
    why: str


def suggest(
    foreign: Sequence[str],
    labels: Mapping[str, str],
    mapped: Mapping[str, str],
    *,
    most: int = MOST,
) -> list[Suggestion]:
    """The likeliest online values for a foreign one, best first.

    `labels` names the online values that can be chosen; `mapped` has foreign values that were
    mapped before (in another scope, or alike ones), each with its online value.
    """
    text = " ".join(foreign)
    found: dict[str, Suggestion] = {}

    def offer(value: str, score: float, why: str) -> None:
        known = found.get(value)
        if value in labels and score >= CUTOFF and (known is None or known.score < score):
            found[value] = Suggestion(value, labels[value], round(score, 1), why)

    for label, score, value in process.extract(
        text, labels, scorer=fuzz.WRatio, processor=utils.default_process, limit=most * 2,
        score_cutoff=CUTOFF,
    ):  # fmt: skip
        offer(value, score, f"like “{label}”")
    begins = [word for word in _WORDS.findall(compared(text)) if len(word) > 2]
    for value, label in labels.items() if begins else ():
        words = _WORDS.findall(compared(label))
        if any(word.startswith(begin) for begin in begins for word in words):
            offer(value, _BEGINS, f"begins like “{label}”")
    short = "".join(letter for letter in compared(text) if letter.isalnum())
    if 1 < len(short) <= 6:
        for value, label in labels.items():
            if _abbreviates(short, compared(label)):
                offer(value, _ABBREVIATED, f"short for “{label}”")
    for other, score, _ in process.extract(
        compared(text), list(mapped), scorer=fuzz.ratio, limit=most * 2, score_cutoff=CUTOFF
    ):
        same = other == compared(text)
        why = "mapped so elsewhere" if same else f"“{other}” stands for it"
        offer(mapped[other], score if same else score * _ALIKE, why)
    return sorted(found.values(), key=lambda one: (-one.score, one.label, one.value))[:most]


def _abbreviates(short: str, label: str) -> bool:
    """Whether the letters come in this order in the name and begin it: BRD for Board."""
    if not label.startswith(short[0]):
        return False
    letters = iter(label)
    return all(letter in letters for letter in short)
