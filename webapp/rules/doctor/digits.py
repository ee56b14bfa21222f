"""Long numbers shortened to 1.23457E+11: their digits are gone, so this only tells."""

from __future__ import annotations

import re
from collections.abc import Iterable

from webapp.rules.doctor.contract import DamageKind, Finding
from webapp.rules.doctor.texts import Sample, TextWatch, in_cells
from webapp.rules.doctor.uses import Purpose, Use
from webapp.rules.doctor.watching import Describe, Glance, make_finding, merged

_SHORTENED = re.compile(r"\d(?:[.,](\d+))?[Ee]\+(\d{2,3})", re.ASCII)
_SCIENTIFIC = re.compile(r"[-+]?\d+(?:[.,]\d+)?[Ee][-+]?\d+", re.ASCII)
_LONGEST_CODE = 20
_SHORTENED_FROM = 12
_ENOUGH = 3
_NEVER_SCIENTIFIC = frozenset({Use.CODE, Use.PHONE, Use.ZIP})


def lost_digits(text: str) -> int | None:
    """How long the number was, where digits of it are gone; else None."""
    found = _SHORTENED.fullmatch(text.strip())
    if not found or int(found[2]) <= len(found[1] or ""):
        return None
    return int(found[2]) + 1


class DigitsWatch(TextWatch):
    """Looks for shortened numbers in a column of codes, phones or whatever else has long ones."""

    def __init__(self, purpose: Purpose, describe: Describe) -> None:
        super().__init__(purpose, describe)
        self._sample = Sample(purpose.position)

    def look(self, glance: Glance) -> None:
        self._sample.take(glance)
        super().look(glance)

    def may_concern(self, text: str, glance: Glance) -> bool:
        return "E+" in text or "e+" in text

    def sort_text(self, text: str) -> str | None:
        length = lost_digits(text)
        return str(length) if length else None

    def findings(self) -> Iterable[Finding]:
        whole = merged(self.tallies.values())
        if not whole.rows or not self._is_damage():
            return
        yield make_finding(
            DamageKind.LOST_DIGITS,
            self.purpose,
            whole,
            title="Numbers cut short to the form 1.23E+11",
            evidence=f"{in_cells(whole.rows)} where a spreadsheet kept a few digits of a longer "
            "number and dropped the others.",
            advice="The other digits are not in this file. Take the column from its source once "
            "more, formatted as text, or leave it out of the import.",
        )

    def _is_damage(self) -> bool:
        """Whether the column has no place for such numbers: one that nobody knows must have several
        of the length from which spreadsheets shorten, or others of that length that are whole."""
        if self.purpose.use in _NEVER_SCIENTIFIC and self.purpose.is_known:
            return True
        if self._is_measured():
            return False
        if self.purpose.use in _NEVER_SCIENTIFIC:
            return True
        if self.purpose.use is Use.UNKNOWN and all(
            int(length) >= _SHORTENED_FROM and tally.rows >= _ENOUGH
            for length, tally in self.tallies.items()
        ):
            return True
        lengths = {str(len(text)) for text in self._sample.texts if text.isdigit()}
        return bool(lengths & self.tallies.keys())

    def _is_measured(self) -> bool:
        """Whether these are measurements: longer than any code, or beside others that are written
        so on purpose (3.1E-5), or among texts that are no numbers."""
        if any(int(length) > _LONGEST_CODE for length in self.tallies):
            return True
        others = [text.strip() for text in self._sample.texts if lost_digits(text) is None]
        others = [text for text in others if text]
        if any(map(_SCIENTIFIC.fullmatch, others)):
            return True
        is_unknown = self.purpose.use is Use.UNKNOWN
        return is_unknown and sum(map(str.isdigit, others)) * 2 < len(others)
