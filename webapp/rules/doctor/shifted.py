"""Values in the wrong column: an email where the phone belongs, both names in one cell.

Two cells change places where each looks like the other's and not like its own. Names only get
told: nobody can see from outside which of two words is the surname.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from webapp.rules.doctor import places
from webapp.rules.doctor.contract import DamageKind, Finding, Repair
from webapp.rules.doctor.uses import Purpose, Purposes, Use
from webapp.rules.doctor.watching import Around, Describe, Glance, Mend, Tally, make_finding

RULE = "exchange"
WHY = "the two columns were exchanged in this row"
TITLE = "Values in the wrong column"

_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;.]+(?:\.[^\s@,;.]+)+")
_PHONE = re.compile(r"\+?[\d() ./\-]{7,24}", re.ASCII)
_ZIP = re.compile(r"\d{5}(?:-\d{4})?", re.ASCII)
_TOWN = re.compile(r"[^\W\d_][^\d@]{2,}")
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15


def _is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def _is_phone(text: str) -> bool:
    if not _PHONE.fullmatch(text):
        return False
    return _FEWEST_DIGITS <= sum(map(str.isdigit, text)) <= _MOST_DIGITS


def _is_zip(text: str) -> bool:
    return _ZIP.fullmatch(text) is not None


def _is_state(text: str) -> bool:
    return text in places.STATES


def _is_town(text: str) -> bool:
    return _TOWN.fullmatch(text) is not None and places.state_code(text) is None


_LOOKS: Mapping[Use, Callable[[str], bool]] = {
    Use.EMAIL: _is_email,
    Use.PHONE: _is_phone,
    Use.ZIP: _is_zip,
    Use.STATE: _is_state,
    Use.CITY: _is_town,
}
PAIRS = (
    (Use.PHONE, Use.EMAIL),
    (Use.ZIP, Use.STATE),
    (Use.CITY, Use.STATE),
    (Use.CITY, Use.ZIP),
)
_ALL_BUT = 20
"""Columns are exchanged from top to bottom where at most one in so many rows is not."""
_ENOUGH = 5


def are_exchanged(one: str, other: str, uses: tuple[Use, Use], blank: str) -> bool:
    """Whether each of two cells looks like the other's and not like its own.

    `blank` says which of the two may also be blank: its text then stands in the other's place.
    """
    one, other = one.strip(), other.strip()
    looks_one, looks_other = _LOOKS[uses[0]], _LOOKS[uses[1]]
    if not other:
        return "other" in blank and looks_other(one) and not looks_one(one)
    if not one:
        return "one" in blank and looks_one(other) and not looks_other(other)
    return looks_other(one) and looks_one(other) and not looks_one(one) and not looks_other(other)


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Gives each of the two cells the other's text."""
    one, other = (Use(use) for use in repair.options["uses"])
    blank = repair.options["blank"]
    partner = repair.reads[0]

    def mend_one(cell: str, around: Around) -> str | None:
        return around[0] if are_exchanged(cell, around[0], (one, other), blank) else None

    def mend_other(cell: str, around: Around) -> str | None:
        return around[0] if are_exchanged(around[0], cell, (one, other), blank) else None

    def looks_like(use: Use) -> Callable[[str], bool]:
        return lambda cell: not cell.strip() or _LOOKS[use](cell.strip())

    return [
        Mend(repair.position, (partner,), mend_one, looks_like(other), WHY),
        Mend(partner, (repair.position,), mend_other, looks_like(one), WHY),
    ]


def exchangeable(purposes: Purposes) -> Iterable[tuple[Purpose, Purpose, str]]:
    """The pairs of columns whose cells may have changed places, and which of the two may be blank.

    The first one names the finding: no two pairs have the same.
    """
    for one_use, other_use in PAIRS:
        for one in purposes.having(one_use):
            if one_use is Use.PHONE:
                emails = purposes.having(Use.EMAIL)
                is_only = len(purposes.having(Use.PHONE)) == 1
                if len(emails) == 1:
                    yield one, emails[0], "one other" if is_only else "other"
                continue
            beside = purposes.beside(one, other_use)
            if beside:
                yield one, beside, ""


class ExchangeWatch:
    """Looks at two columns whose cells may have changed places in some rows."""

    def __init__(self, one: Purpose, other: Purpose, blank: str, describe: Describe) -> None:
        self._one, self._other, self._blank = one, other, blank
        self._describe = describe
        self._tally = Tally()
        self._filled = 0
        self._states: Counter[bool] = Counter()

    def look(self, glance: Glance) -> None:
        one, other = self._one, self._other
        counts = glance.counts(one.position)
        self._filled += sum(rows for text, rows in counts.items() if text.strip())
        if other.use is Use.STATE:
            for text, rows in glance.counts(other.position).items():
                if text.strip():
                    self._states[_is_state(text.strip())] += rows
        strangers = self._strangers(glance)
        if not strangers:
            return
        uses, partner = (one.use, other.use), glance.cells(other.position)
        for index, text in enumerate(glance.cells(one.position)):
            if text in strangers and are_exchanged(text, partner[index], uses, self._blank):
                around = (partner[index],)
                self._tally.add(text, 1, around)
                if self._tally.wants_example(text):
                    context = self._describe(glance.rows[index], one.position)
                    self._tally.show(glance.numbers[index], text, context, around)

    def _strangers(self, glance: Glance) -> set[str]:
        """The texts of the first column that may belong into the other."""
        ones, others = glance.counts(self._one.position), glance.counts(self._other.position)
        looks = _LOOKS[self._other.use]
        strangers = {text for text in ones if text and looks(text.strip())}
        if "one" in self._blank and any(_LOOKS[self._one.use](text.strip()) for text in others):
            strangers |= {text for text in ones if not text.strip()}
        return strangers

    def findings(self) -> Iterable[Finding]:
        tally, one, other = self._tally, self._one, self._other
        is_whole = tally.rows >= _ENOUGH and tally.rows * _ALL_BUT >= self._filled * (_ALL_BUT - 1)
        # Where most states are none we know, a town that looks like one proves nothing.
        if not tally.rows or (not is_whole and self._states[False] > self._states[True]):
            return
        rows = "1 row has" if tally.rows == 1 else f"{tally.rows:,} rows have"
        yield make_finding(
            DamageKind.SHIFTED_COLUMNS,
            one,
            tally,
            title=TITLE,
            evidence=f"{rows} in {one.name} what belongs in {other.name}, or the other way round.",
            advice="Accept: in these rows the two cells change places."
            + (" Or exchange the two columns when you say what each is." if is_whole else ""),
            make_mends=make_mends,
            rule=RULE,
            reads=(other.position,),
            options={
                "uses": [str(one.use), str(other.use)],
                "blank": self._blank,
                "names": {str(one.position): one.name, str(other.position): other.name},
            },
        )
