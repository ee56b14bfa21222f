"""Dates with day and month exchanged, in a column whose other dates can only be the other way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

from webapp.rules.doctor.contract import DamageKind, Finding, Repair
from webapp.rules.doctor.texts import TextWatch
from webapp.rules.doctor.uses import Purpose, Use
from webapp.rules.doctor.watching import (
    Around,
    Describe,
    Glance,
    Mend,
    Tally,
    make_finding,
    merged,
)

RULE = "date_order"
WHY = "day and month were exchanged"

_TIME = r"((?:[T ]\d{1,2}:\d{2}.*)?)"
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}){_TIME}", re.ASCII)
_YEAR_FIRST = re.compile(rf"(\d{{4}})([/.-])(\d{{1,2}})\2(\d{{1,2}}){_TIME}", re.ASCII)

MONTH_FIRST, DAY_FIRST, EITHER = "month_first", "day_first", "either"
_LAST, _FIRST = "last", "first"
_NAMES = {MONTH_FIRST: "month before day", DAY_FIRST: "day before month"}
_ENOUGH = 3
_DECISIVE = 2  # times as many of one order as of the other
_PATIENCE = 200


def sort_date(text: str) -> tuple[str, str] | None:
    """Where the year stands and which orders of day and month are possible; None for no date."""
    inner = text.strip()
    found = _YEAR_LAST.fullmatch(inner)
    if found:
        return _sort(_LAST, int(found[4]), int(found[1]), int(found[3]))
    found = _YEAR_FIRST.fullmatch(inner)
    if found:
        return _sort(_FIRST, int(found[1]), int(found[3]), int(found[4]))
    return None


def _sort(place: str, year: int, one: int, other: int) -> tuple[str, str] | None:
    month_first, day_first = _is_date(year, one, other), _is_date(year, other, one)
    if month_first and day_first:
        return place, EITHER
    if month_first or day_first:
        return place, MONTH_FIRST if month_first else DAY_FIRST
    return None


def _is_date(year: int, month: int, day: int) -> bool:
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def exchanged(text: str) -> str | None:
    """The date with day and month in each other's place."""
    inner = text.strip()
    found = _YEAR_LAST.fullmatch(inner)
    if found:
        one, sign, other, year, rest = found.groups()
        return f"{other}{sign}{one}{sign}{year}{rest}"
    found = _YEAR_FIRST.fullmatch(inner)
    if found:
        year, sign, one, other, rest = found.groups()
        return f"{year}{sign}{other}{sign}{one}{rest}"
    return None


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Exchanges day and month where only the other order gives a date."""
    wrong = (repair.options["year"], repair.options["wrong"])

    def mend(cell: str, _around: Around) -> str | None:
        return exchanged(cell) if sort_date(cell) == wrong else None

    return [Mend(repair.position, (), mend, lambda cell: sort_date(cell) == wrong, WHY)]


class DatesWatch(TextWatch):
    """Looks at the order of day and month in a column of dates."""

    def __init__(self, purpose: Purpose, describe: Describe, day_first: bool | None) -> None:
        super().__init__(purpose, describe)
        self._read_as = {None: "", True: DAY_FIRST, False: MONTH_FIRST}[day_first]
        self._filled = self._dates = 0

    def may_concern(self, text: str, glance: Glance) -> bool:
        if self._filled > _PATIENCE and self._dates * 2 < self._filled:
            return False
        counts = glance.counts(self.purpose.position)
        self._filled += sum(counts.values()) - counts[""]
        return True

    def sort_text(self, text: str) -> str | None:
        found = sort_date(text)
        return " ".join(found) if found else None

    def look(self, glance: Glance) -> None:
        super().look(glance)
        self._dates = sum(tally.rows for tally in self.tallies.values())

    def findings(self) -> Iterable[Finding]:
        share = 10 if self.purpose.use is Use.DATE else 19
        if self._dates * 20 < self._filled * share:
            return
        for place in (_LAST, _FIRST):
            of = {order: self._tally(place, order) for order in (MONTH_FIRST, DAY_FIRST, EITHER)}
            right, wrong = sorted((MONTH_FIRST, DAY_FIRST), key=lambda order: -of[order].rows)
            if of[wrong].rows and of[right].rows >= _ENOUGH:
                yield self._finding(place, right, wrong, of)

    def _tally(self, place: str, order: str) -> Tally:
        return self.tallies.get(f"{place} {order}", Tally())

    def _finding(self, place: str, right: str, wrong: str, of: dict[str, Tally]) -> Finding:
        major, minor, either = of[right].rows, of[wrong].rows, of[EITHER].rows
        evidence = f"{major:,} dates can only be {_NAMES[right]}, {minor:,} only {_NAMES[wrong]}."
        if either:
            evidence += f" {either:,} could be either; the others suggest {_NAMES[right]}."
        title = "Day and month exchanged"
        if major < _DECISIVE * minor:
            return make_finding(
                DamageKind.SWAPPED_DATES,
                self.purpose,
                merged([of[right], of[wrong]]),
                title=title,
                evidence=evidence,
                advice="The column mixes both orders. Write its dates as year-month-day in the "
                "source and upload the file again.",
            )
        advice = "Accept: in the dates that can only be the other way, day and month change places."
        if either:
            advice += " Look at those that could be either in the source."
        if self._read_as == wrong:
            advice += f" Have the import read dates as {_NAMES[right]}."
        return make_finding(
            DamageKind.SWAPPED_DATES,
            self.purpose,
            of[wrong],
            title=title,
            evidence=evidence,
            advice=advice,
            make_mends=make_mends,
            rule=RULE,
            options={"year": place, "wrong": wrong},
        )
