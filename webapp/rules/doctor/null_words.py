"""Words that programs write for nothing at all: NULL, N/A, #N/A, - and their like.

What is a word for nothing depends on the column: Null is a surname, NA is Namibia, None a first
name and an honest answer, - a result. A column keeps what could be somebody's value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from webapp.rules.doctor.contract import DamageKind, Finding, Repair
from webapp.rules.doctor.texts import Sample, TextWatch, in_cells
from webapp.rules.doctor.uses import Purpose, Purposes, Use
from webapp.rules.doctor.watching import Around, Describe, Glance, Mend, Tally, make_finding, merged

RULE = "null_word"
WHY = "the word stands for nothing"

_ERRORS = frozenset({"#N/A", "#NULL!", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!"})
_ALWAYS = _ERRORS | {"(NULL)", "<NULL>", "[NULL]", "(BLANK)", "\\N"}
_NULLS = frozenset({"NULL", "null"})
_NOT_AVAILABLE = frozenset({"N/A", "N.A.", "#NA"})
_DASHES = frozenset({"-", "--", "---", "–", "—"})
_ONLY_STRICT = frozenset({"NULL", "NONE", "NIL", "NAN", "NA"})
_LONGEST = 8

_STRICT = frozenset({Use.ZIP, Use.PHONE, Use.EMAIL, Use.DATE, Use.NUMBER})
"""No word is a value here."""
_PERSON = frozenset({Use.FIRST_NAME, Use.LAST_NAME, Use.NAME})
_FEW = 8
_ENOUGH_ROWS = 3
_USUAL = 10  # one cell in ten
_LETTER = re.compile(r"[^\W\d_]")


def sort_word(word: str, purpose: Purpose) -> str | None:
    """Which sort of word for nothing this is in such a column; None for a value."""
    upper, use = word.upper(), purpose.use
    if upper in _ALWAYS:
        return "always"
    no_word = upper in _ONLY_STRICT or upper in _NOT_AVAILABLE
    if use in _STRICT and (no_word or (purpose.is_known and word in _DASHES)):
        return "strict"
    if word in _NULLS:
        return word
    if upper in _NOT_AVAILABLE:
        return "available"
    if word in _DASHES:
        return "dash"
    return "strict" if word == "NaN" and purpose.is_known and use not in _PERSON else None


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Blanks the words; in a name only where the rest of the person's name is written otherwise."""
    words = frozenset(repair.options["words"])

    def mend(cell: str, around: Around) -> str | None:
        word = cell.strip()
        if word not in words:
            return None
        return None if word in _NULLS and any(_written_like(word, name) for name in around) else ""

    def may_concern(cell: str) -> bool:
        return cell.strip() in words

    return [Mend(repair.position, repair.reads, mend, may_concern, WHY)]


def _written_like(word: str, name: str) -> bool:
    """Whether a name is written in the same capitals: CHRISTOPHER NULL is a person."""
    other = name.strip()
    if other == word or not _LETTER.search(other):
        return False
    return other.isupper() if word.isupper() else other.islower()


@dataclass(slots=True)
class NullEvidence:
    """How often a file has NULL and null where nobody can be called so."""

    upper: int = 0
    lower: int = 0


class NullWatch(TextWatch):
    """Looks for words for nothing in a column."""

    def __init__(
        self, purpose: Purpose, purposes: Purposes, describe: Describe, evidence: NullEvidence
    ) -> None:
        super().__init__(purpose, describe)
        self._sample = Sample(purpose.position)
        self._evidence = evidence
        other = {Use.FIRST_NAME: Use.LAST_NAME, Use.LAST_NAME: Use.FIRST_NAME}.get(purpose.use)
        partner = purposes.having(other)[:1] if other else ()
        self._reads = tuple(found.position for found in partner)
        self._words: dict[str, str] = {}
        self._filled = 0

    def look(self, glance: Glance) -> None:
        position = self.purpose.position
        self._sample.take(glance)
        counts = glance.counts(position)
        self._filled += len(glance.rows) - counts[""]
        found = {}
        for text, rows in counts.items():
            if len(text) > _LONGEST or not (word := text.strip()):
                continue
            sort = sort_word(word, self.purpose)
            if sort is None:
                continue
            self._words[word] = sort
            if self._reads and sort in _NULLS:
                self._look_around(text, sort, glance)
                continue
            found[text] = sort
            self.tallies[sort].add(text, rows)
            if self.purpose.use not in _PERSON and self.purpose.is_known:
                self._evidence.upper += rows if sort == "NULL" else 0
                self._evidence.lower += rows if sort == "null" else 0
        if found:
            self._show(found, glance)

    def _look_around(self, text: str, word: str, glance: Glance) -> None:
        """A surname of Null may be one: the rest of the row is asked."""
        partner = glance.cells(self._reads[0])
        tally: Tally = self.tallies[word]
        for index, cell in enumerate(glance.cells(self.purpose.position)):
            if cell != text or _written_like(word, partner[index]):
                continue
            around = (partner[index],)
            tally.add(text, 1, around)
            if tally.wants_example(text):
                context = self.describe(glance.rows[index], self.purpose.position)
                tally.show(glance.numbers[index], text, context, around)

    def findings(self) -> Iterable[Finding]:
        certain = {sort for sort in self.tallies if self._is_certain(sort)}
        whole = merged(self.tallies[sort] for sort in certain)
        if not whole.rows:
            return
        words = sorted(word for word, sort in self._words.items() if sort in certain)
        told = ", ".join(f"“{word}”" for word in words[:5])
        yield make_finding(
            DamageKind.NULL_WORD,
            self.purpose,
            whole,
            title="Words that stand for nothing",
            evidence=f"{in_cells(whole.rows)} with {told}, which programs write for an empty cell.",
            advice="Accept: these cells are read as blank, so what is stored stays.",
            make_mends=make_mends,
            rule=RULE,
            reads=self._reads,
            options={"words": words},
        )

    def _is_certain(self, sort: str) -> bool:
        if sort in {"always", "strict"}:
            return True
        others = self._others()
        is_known = self.purpose.is_known
        if sort in _NULLS:
            return self._is_null(sort, others)
        if sort == "available":
            return is_known or len(others) > _FEW
        # A lone - may be a zero in a column of amounts, or the opposite of +
        if is_known:
            return True
        figures = sum(any(sign.isdigit() for sign in text) for text in others)
        is_usual = self.tallies[sort].rows * _USUAL >= self._filled
        return is_usual and len(others) > _FEW and figures * 4 < len(others) and "+" not in others

    def _is_null(self, word: str, others: Sequence[str]) -> bool:
        """In names and unknown columns NULL has to stand out and be met elsewhere too."""
        if self.purpose.is_known and self.purpose.use not in _PERSON:
            return True
        written = [text for text in others if _LETTER.search(text)]
        alike = sum(text.isupper() if word == "NULL" else text.islower() for text in written)
        if alike * 10 > len(written):
            return False
        met = self._evidence.upper if word == "NULL" else self._evidence.lower
        return bool(met) or self.tallies[word].rows >= _ENOUGH_ROWS

    def _others(self) -> list[str]:
        words = self._words.keys()
        return [
            stripped
            for text in self._sample.texts
            if (stripped := text.strip()) and stripped not in words
        ]
