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
PAIRS = ((Use.EMAIL, Use.PHONE), (Use.STATE, Use.ZIP), (Use.CITY, Use.STATE))


def are_exchanged(one: str, other: str, one_use: Use, other_use: Use) -> bool:
    """Whether each of two cells looks like the other's and not like its own."""
    one, other = one.strip(), other.strip()
    looks_one, looks_other = _LOOKS[one_use], _LOOKS[other_use]
    return looks_other(one) and looks_one(other) and not looks_one(one) and not looks_other(other)


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Gives each of the two cells the other's text."""
    first, second = (Use(use) for use in repair.options["uses"])
    partner = repair.reads[0]

    def mend_first(cell: str, around: Around) -> str | None:
        return around[0] if are_exchanged(cell, around[0], first, second) else None

    def mend_second(cell: str, around: Around) -> str | None:
        return around[0] if are_exchanged(around[0], cell, first, second) else None

    def looks_like(use: Use) -> Callable[[str], bool]:
        return lambda cell: _LOOKS[use](cell.strip())

    return [
        Mend(repair.position, (partner,), mend_first, looks_like(second), WHY),
        Mend(partner, (repair.position,), mend_second, looks_like(first), WHY),
    ]


def exchangeable(purposes: Purposes) -> Iterable[tuple[Purpose, Purpose]]:
    """The pairs of columns whose cells may have changed places."""
    for one_use, other_use in PAIRS:
        for one in purposes.having(one_use):
            if one_use is Use.EMAIL:
                for other in purposes.having(other_use):
                    yield one, other
            else:
                beside = purposes.beside(one, other_use)
                if beside:
                    yield one, beside


class ExchangeWatch:
    """Looks at two columns whose cells may have changed places in some rows."""

    def __init__(self, one: Purpose, other: Purpose, describe: Describe) -> None:
        self._first, self._second = sorted((one, other), key=lambda found: found.position)
        self._describe = describe
        self._tally = Tally()
        self._usual: Counter[bool] = Counter()

    def look(self, glance: Glance) -> None:
        first, second = self._first, self._second
        looks = _LOOKS[second.use]
        strangers = {text for text in glance.counts(first.position) if text and looks(text.strip())}
        if first.use is Use.STATE or second.use is Use.STATE:
            state = first if first.use is Use.STATE else second
            for text, rows in glance.counts(state.position).items():
                if text.strip():
                    self._usual[_is_state(text.strip())] += rows
        if not strangers:
            return
        partner = glance.cells(second.position)
        for index, text in enumerate(glance.cells(first.position)):
            if text in strangers and are_exchanged(text, partner[index], first.use, second.use):
                around = (partner[index],)
                self._tally.add(text, 1, around)
                if self._tally.wants_example(text):
                    context = self._describe(glance.rows[index], first.position)
                    self._tally.show(glance.numbers[index], text, context, around)

    def findings(self) -> Iterable[Finding]:
        tally, first, second = self._tally, self._first, self._second
        if not tally.rows or self._usual[False] > self._usual[True]:
            return
        rows = "1 row has" if tally.rows == 1 else f"{tally.rows:,} rows have"
        yield make_finding(
            DamageKind.SHIFTED_COLUMNS,
            first,
            tally,
            title=TITLE,
            evidence=f"{rows} in {first.name} what belongs in {second.name}, and the other way "
            "round.",
            advice="Accept: in these rows the two cells change places.",
            make_mends=make_mends,
            rule=RULE,
            reads=(second.position,),
            options={
                "uses": [str(first.use), str(second.use)],
                "names": {str(first.position): first.name, str(second.position): second.name},
            },
        )
