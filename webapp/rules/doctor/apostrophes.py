"""Numbers that a spreadsheet was made to keep as text: '02134 and ="02134"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from webapp.rules.doctor.contract import DamageKind, Finding, Repair
from webapp.rules.doctor.texts import TextWatch, in_cells
from webapp.rules.doctor.watching import BETWEEN, Around, Glance, Mend, make_finding, merged

RULE = "apostrophe"
WHY = "the mark of text in a spreadsheet is not part of the value"

# Three digits or more: '68 is a class of graduates. Signs that guarding.py guards never follow the
# apostrophe here, so a file of ours comes through unharmed.
_MARKED = re.compile(r"'([\d(][\d ().,/\-]*)", re.ASCII)
_FORMULA = re.compile(r'=(?:"((?:[^"]|"")*)")')
_ENOUGH_DIGITS = re.compile(r"\d\D*\d\D*\d", re.ASCII)
_WAYS = {"mark": "with an apostrophe in front", "formula": 'written as ="…"'}


def unmarked(text: str) -> str | None:
    """The value without what marks it as text; None where nothing does."""
    inner = text.strip()
    found = _FORMULA.fullmatch(inner)
    if found:
        return found[1].replace('""', '"')
    found = _MARKED.fullmatch(inner)
    if found and _ENOUGH_DIGITS.search(found[1]):
        return found[1].strip()
    return None


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Takes the mark away."""

    def mend(cell: str, _around: Around) -> str | None:
        return unmarked(cell)

    return [Mend(repair.position, (), mend, lambda cell: unmarked(cell) is not None, WHY)]


class ApostropheWatch(TextWatch):
    """Looks for marked values in a column."""

    def may_concern(self, text: str, glance: Glance) -> bool:
        if "'" in text and (text.lstrip().startswith("'") or _follows(text, "'")):
            return True
        return '="' in text

    def sort_text(self, text: str) -> str | None:
        if unmarked(text) is None:
            return None
        return "formula" if "=" in text else "mark"

    def findings(self) -> Iterable[Finding]:
        whole = merged(self.tallies.values())
        if not whole.rows:
            return
        ways = [way for sort, way in _WAYS.items() if self.tallies[sort].rows]
        yield make_finding(
            DamageKind.APOSTROPHE,
            self.purpose,
            whole,
            title="Numbers stored as text",
            evidence=f"{in_cells(whole.rows)} {' or '.join(ways)}: how a spreadsheet is told that "
            "digits are text.",
            advice="Accept: the value stays as it is, the mark goes.",
            make_mends=make_mends,
            rule=RULE,
        )


def _follows(text: str, sign: str) -> bool:
    return BETWEEN + sign in text or BETWEEN + " " in text
