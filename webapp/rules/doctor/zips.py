"""ZIPs that lost their leading zeros: 2139 in Cambridge, MA is 02139.

A ZIP is padded where the row itself says that it begins with a zero: its state has ZIPs that begin
so. Without a state the country or the ZIPs the database knows of the city have to say it. Postcodes
of other countries have four digits by right; they are never touched.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from webapp.rules.doctor import places
from webapp.rules.doctor.contract import DamageKind, Finding, Knowledge, Repair
from webapp.rules.doctor.uses import Purpose, Purposes, Use
from webapp.rules.doctor.watching import Around, Glance, Mend, Tally, Watch, make_finding, merged

RULE = "zip"
WHY = "a spreadsheet dropped the zero"
TITLE = "ZIPs without their leading zeros"

# 2139 and 901, with the four digits behind them or without, and 2139.0 as programs write numbers
_SHORT = re.compile(r"(\d{3,4})(?:\.0)?|(\d{3,4})(-\d{4})|(\d{7,8})", re.ASCII)
_SCREEN = re.compile(r"(?:^|\0)\s*\d{3,4}(?:\.0|-\d{4}|\d{4})?\s*(?:\0|$)", re.ASCII)
_WHOLE = re.compile(r"\d{5}(?:-?\d{4})?", re.ASCII)
_MOST_CITIES = 500
_MOST_CITY_ZIPS = 2_000
_ENOUGH = 20
_ENOUGH_ALONE = 3
_MISFITS_COUNT = 4
_ALSO_ABROAD = frozenset({"WA"})  # Western Australia, whose postcodes have four digits
_STATES_WANTED, _ROWS_WANTED = 3, 5

STATE, COUNTRY, CITY, ALONE, CONTRARY = "state", "country", "city", "alone", "contrary"


def padded(cell: str) -> str | None:
    """The ZIP with its zeros back; None for what doesn't look like a ZIP that lost some."""
    found = _SHORT.fullmatch(cell.strip())
    if not found:
        return None
    if found[1]:
        return found[1].zfill(5)
    if found[2]:
        return found[2].zfill(5) + found[3]
    return found[4].zfill(9)


def sort_row(zip_code: str, state: str, city: str, country: str) -> str:
    """What in a row speaks for its padded ZIP."""
    territory = places.territory_code(country)
    if country.strip() and not territory and not places.is_united_states(country):
        return CONTRARY
    code = places.state_code(state) if state.strip() else territory
    if code:
        fits = zip_code[:3] in places.ZERO_PREFIXES.get(code, ())
        return STATE if fits else CONTRARY
    if state.strip() or zip_code[:3] not in places.ASSIGNED_PREFIXES:
        return CONTRARY
    if country.strip():
        return COUNTRY
    return CITY if city.strip() else ALONE


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Pads the ZIPs of the sorts that were found to be certain."""
    sorts = frozenset(repair.options.get("sorts", ()))
    by_city = {
        city: frozenset(zips) for city, zips in dict(repair.options.get("cities", {})).items()
    }
    given = repair.options.get("reads", "")
    order = [given.find(letter) for letter in "sct"]

    def mend(cell: str, around: Around) -> str | None:
        whole = padded(cell)
        if whole is None:
            return None
        state, city, country = (around[place] if place >= 0 else "" for place in order)
        sort = sort_row(whole, state, city, country)
        if sort in sorts:
            return whole
        if sort in (COUNTRY, CITY) and whole[:5] in by_city.get(places.folded_place(city), ()):
            return whole
        return None

    return [Mend(repair.position, repair.reads, mend, lambda cell: padded(cell) is not None, WHY)]


def _is_misfit(state: str, country: str) -> bool:
    """Whether a row is of the United States and its state has no ZIPs like its own."""
    if country.strip() and not places.is_united_states(country):
        return False
    code = places.state_code(state)
    return code is not None and code not in _ALSO_ABROAD


class ZipWatch(Watch):
    """Looks at one column of ZIPs together with the state, city and country of the row."""

    def __init__(self, purpose: Purpose, purposes: Purposes, knowledge: Knowledge) -> None:
        self._purpose, self._knowledge = purpose, knowledge
        beside = [
            (use, purposes.beside(purpose, use)) for use in (Use.STATE, Use.CITY, Use.COUNTRY)
        ]
        letters = {Use.STATE: "s", Use.CITY: "c", Use.COUNTRY: "t"}
        self._letters = "".join(letters[use] for use, found in beside if found)
        self._reads = tuple(found.position for _, found in beside if found)
        self._places = [self._letters.find(letter) for letter in "sct"]
        self._tallies: dict[str, Tally] = defaultdict(Tally)
        self._by_city: dict[tuple[str, str], Tally] = {}
        self._states: Counter[str] = Counter()
        self._misfits = 0
        """Rows that say they are in a state that has no such ZIPs."""
        self._wholes = self._zero_led = self._filled = 0

    def look(self, glance: Glance) -> None:
        position = self._purpose.position
        for cell, rows in glance.counts(position).items():
            text = cell.strip()
            if not text:
                continue
            self._filled += rows
            if _WHOLE.fullmatch(text):
                self._wholes += rows
                self._zero_led += rows if text[0] == "0" else 0
        if _SCREEN.search(glance.text(position)):
            self._look_at_rows(glance)

    def _look_at_rows(self, glance: Glance) -> None:
        shorts = {
            cell: whole
            for cell in glance.counts(self._purpose.position)
            if (whole := padded(cell)) is not None
        }
        for index, cell in enumerate(glance.cells(self._purpose.position)):
            whole = shorts.get(cell)
            if whole is not None:
                row = glance.rows[index]
                around = tuple(row[place] for place in self._reads)
                self._take(glance.numbers[index], cell, whole, around)

    def _take(self, number: int, cell: str, whole: str, around: Around) -> None:
        state, city, country = (around[place] if place >= 0 else "" for place in self._places)
        sort = sort_row(whole, state, city, country)
        self._misfits += sort == CONTRARY and _is_misfit(state, country)
        tallies = [self._tallies[sort]]
        if sort == STATE:
            self._states[places.state_code(state) or ""] += 1
        elif sort in (COUNTRY, CITY) and city.strip():
            key = (places.folded_place(city), whole[:5])
            if key in self._by_city or len(self._by_city) < _MOST_CITY_ZIPS:
                tallies.append(self._by_city.setdefault(key, Tally()))
        for tally in tallies:
            tally.add(cell, 1, around)
            if tally.wants_example(cell):
                context = ", ".join(word for word in (city.strip(), state.strip()) if word)
                tally.show(number, cell, context or country.strip(), around)

    def findings(self) -> Iterable[Finding]:
        if self._purpose.use is not Use.ZIP and not self._is_zip_column():
            return
        sorts = [sort for sort in (STATE, COUNTRY) if self._is_certain(sort)]
        cities = self._ask_knowledge()
        certain = [self._tallies[sort] for sort in sorts]
        certain += [
            tally
            for (city, zip_code), tally in self._by_city.items()
            if zip_code in cities.get(city, ()) and COUNTRY not in sorts
        ]
        whole = merged(certain)
        if whole.rows:
            yield self._repairable(whole, sorts, cities)
        elif self._looks_lost():
            yield self._told(merged([self._tallies[sort] for sort in (COUNTRY, CITY, ALONE)]))

    def _is_zip_column(self) -> bool:
        """Whether a column nobody knows can be nothing but ZIPs: its short numbers agree with the
        states of their rows in several states (years agree with one)."""
        enough = [state for state, rows in self._states.items() if rows >= _ROWS_WANTED]
        others = sum(tally.rows for sort, tally in self._tallies.items() if sort != STATE)
        shorts = self._tallies[STATE].rows + others
        return (
            len(enough) >= _STATES_WANTED
            and others * 50 <= shorts
            and (shorts + self._wholes) * 20 >= self._filled * 19
        )

    def _is_certain(self, sort: str) -> bool:
        if not self._tallies[sort].rows:
            return False
        if sort == STATE:
            # Postcodes of another country beside American states agree with them now and then.
            return self._misfits * _MISFITS_COUNT <= self._tallies[STATE].rows
        return self._wholes >= _ENOUGH and not self._zero_led

    def _ask_knowledge(self) -> Mapping[str, list[str]]:
        known: dict[str, list[str]] = {}
        asked: dict[str, frozenset[str]] = {}
        for city, zip_code in sorted(self._by_city):
            if city not in asked:
                if len(asked) >= _MOST_CITIES:
                    continue
                asked[city] = frozenset(self._knowledge.zips_of(city, ""))
            if zip_code in asked[city]:
                known.setdefault(city, []).append(zip_code)
        return known

    def _looks_lost(self) -> bool:
        alone = sum(self._tallies[sort].rows for sort in (COUNTRY, CITY, ALONE))
        return (
            self._purpose.use is Use.ZIP
            and alone >= _ENOUGH_ALONE
            and self._wholes >= max(_ENOUGH, 4 * alone)
            and not self._zero_led
            and not self._tallies[CONTRARY].rows
        )

    def _repairable(
        self, tally: Tally, sorts: Sequence[str], cities: Mapping[str, list[str]]
    ) -> Finding:
        reasons = []
        if STATE in sorts:
            reasons.append("their states have ZIPs that begin with 0")
        if COUNTRY in sorts:
            reasons.append(
                "they are in the United States, and none of the column's ZIPs kept a 0 in front"
            )
        if cities:
            reasons.append("the database has these ZIPs for their cities")
        evidence = f"{_rows(tally.rows)} a digit or two short, and " + "; ".join(reasons) + "."
        left = sum(self._tallies[sort].rows for sort in self._tallies) - tally.rows
        if left:
            evidence += f" {_rows(left)} short as well, but nothing proves a zero there."
        return make_finding(
            DamageKind.LOST_ZEROS,
            self._purpose,
            tally,
            title=TITLE,
            evidence=evidence,
            advice="Accept: the zeros are put back in front. Keep the column as text in the "
            "spreadsheet next time.",
            make_mends=make_mends,
            rule=RULE,
            reads=self._reads,
            options={
                "sorts": list(sorts),
                "cities": {city: sorted(zips) for city, zips in cities.items()},
                "reads": self._letters,
            },
        )

    def _told(self, tally: Tally) -> Finding:
        return make_finding(
            DamageKind.LOST_ZEROS,
            self._purpose,
            tally,
            title=TITLE,
            evidence=f"{_rows(tally.rows)} a digit or two short, and none of the column's other "
            "ZIPs begins with 0; but no state says that these do.",
            advice="Add the state or the country to the file, or correct these ZIPs in it.",
        )


def _rows(count: int) -> str:
    return "1 ZIP is" if count == 1 else f"{count:,} ZIPs are"
