"""Phone numbers that lost a digit: nine of them among numbers of ten."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from webapp.rules.doctor import places
from webapp.rules.doctor.contract import DamageKind, Finding, Repair
from webapp.rules.doctor.uses import Purpose, Purposes, Use
from webapp.rules.doctor.watching import (
    Around,
    Describe,
    Glance,
    Mend,
    Tally,
    make_finding,
)

RULE = "phone_zero"
WHY = "a spreadsheet dropped the zero"

_ALL_DIGITS = re.compile(r"\d+", re.ASCII)
_NATIONAL = 10
_ENOUGH = 20
_SHARE = 5  # one in five may be of another form


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Puts a zero in front of bare numbers that are one digit short."""
    width = int(repair.options["width"])

    def mend(cell: str, _around: Around) -> str | None:
        number = cell.strip()
        is_short = len(number) == width - 1 and number[0] != "0"
        return "0" + number if is_short and _ALL_DIGITS.fullmatch(number) else None

    def may_concern(cell: str) -> bool:
        return mend(cell, ()) is not None

    return [Mend(repair.position, (), mend, may_concern, WHY)]


class PhoneWatch:
    """Looks at one column of phone numbers."""

    def __init__(self, purpose: Purpose, purposes: Purposes, describe: Describe) -> None:
        self._purpose, self._describe = purpose, describe
        country = purposes.having(Use.COUNTRY)
        home = [found for found in country if found.group in ("home", purpose.group)]
        self._country = (home or list(country))[0].position if country else None
        self._filled = 0
        self._ten = 0
        self._nine = Tally()
        self._bare: Counter[tuple[int, bool]] = Counter()
        """Bare numbers by length and whether they begin with 0."""
        self._short: dict[int, Tally] = {_NATIONAL - 1: Tally(), _NATIONAL: Tally()}

    def look(self, glance: Glance) -> None:
        nine, bare = set(), {}
        for text, rows in glance.counts(self._purpose.position).items():
            number = text.strip()
            if not number:
                continue
            self._filled += rows
            is_bare = _ALL_DIGITS.fullmatch(number) is not None
            digits = len(number) if is_bare else sum(map(str.isdigit, number))
            if is_bare:
                self._bare[digits, number[0] == "0"] += rows
                if digits in self._short and number[0] != "0":
                    self._short[digits].add(text, rows)
                    bare[text] = self._short[digits]
            if digits == _NATIONAL or (digits == _NATIONAL + 1 and number.lstrip("+(")[0] == "1"):
                self._ten += rows
            elif digits == _NATIONAL - 1 and number[0] != "+":
                nine.add(text)
        wanting = {text for text, tally in bare.items() if tally.wants_example(text)}
        if nine or wanting:
            self._look_at_rows(nine, wanting, glance)

    def _look_at_rows(self, nine: set[str], wanting: set[str], glance: Glance) -> None:
        for index, text in enumerate(glance.cells(self._purpose.position)):
            tallies = []
            if text in wanting:
                tallies.append(self._short[len(text.strip())])
            if text in nine and not self._is_abroad(glance.rows[index]):
                self._nine.add(text, 1)
                tallies.append(self._nine)
            for tally in tallies:
                if tally.wants_example(text):
                    context = self._describe(glance.rows[index], self._purpose.position)
                    tally.show(glance.numbers[index], text, context)

    def _is_abroad(self, row: Sequence[str]) -> bool:
        if self._country is None:
            return False
        country = row[self._country]
        known = places.is_united_states(country) or places.territory_code(country)
        return bool(country.strip()) and not known

    def findings(self) -> Iterable[Finding]:
        width = self._zero_width()
        if width:
            yield self._repairable(width)
        elif (
            self._nine.rows
            and self._ten >= max(_ENOUGH, self._nine.rows)
            and (self._ten + self._nine.rows) * _SHARE >= self._filled * (_SHARE - 1)
        ):
            yield make_finding(
                DamageKind.SHORT_PHONE,
                self._purpose,
                self._nine,
                title="Phone numbers with nine digits",
                evidence=f"{self._nine.rows:,} of {self._filled:,} numbers have nine digits, "
                f"{self._ten:,} have all ten.",
                advice="The missing digit is not in this file. Correct these numbers, or leave "
                "them blank so that an import keeps what is stored.",
            )

    def _zero_width(self) -> int | None:
        """The length of the column's numbers, where every whole one is bare and begins with 0."""
        for width in (_NATIONAL, _NATIONAL + 1):
            whole, short = self._bare[width, True], self._bare[width - 1, False]
            others = self._filled - whole - short
            if whole >= _ENOUGH and short and not others:
                return width
        return None

    def _repairable(self, width: int) -> Finding:
        tally = self._short[width - 1]
        return make_finding(
            DamageKind.SHORT_PHONE,
            self._purpose,
            tally,
            title="Phone numbers without their leading zero",
            evidence=f"{tally.rows:,} numbers have {width - 1} digits; the column's other "
            f"{self._bare[width, True]:,} have {width} and all begin with 0.",
            advice="Accept: the zero is put back in front.",
            make_mends=make_mends,
            rule=RULE,
            options={"width": width},
        )
