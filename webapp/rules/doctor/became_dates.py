"""Codes that became dates: 3-4 typed into a spreadsheet is 4-Mar from then on.

4-Mar may have been 3-4 or 4-3. It is put right only where one of the two can be a code of this
column: by the highest numbers of the codes that survived, by codes that stand there whole, or
because the database knows one and not the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from webapp.rules.doctor.contract import DamageKind, Finding, Knowledge, Repair
from webapp.rules.doctor.texts import Sample, TextWatch, in_cells
from webapp.rules.doctor.uses import Purpose, Use
from webapp.rules.doctor.watching import Around, Describe, Glance, Mend, Tally, make_finding, merged

RULE = "became_date"
TITLE = "Codes that became dates"
WHY = "a spreadsheet took the code for a date"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_DAY_MONTH = re.compile(rf"(\d{{1,2}})-({_MONTH})(?:-\d{{2}}(?:\d\d)?)?", re.ASCII | re.IGNORECASE)
_MONTH_YEAR = re.compile(rf"({_MONTH})-(\d{{2}})", re.ASCII | re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)
_CODE = re.compile(r"(\d{1,4})([-/])(\d{1,4})", re.ASCII)
_LIKE_CODE = re.compile(r"(?=\S*\d)\S{1,20}")
_SCREEN = re.compile(rf"-(?:{_MONTH})|(?:{_MONTH})-\d\d|\d{{4}}-\d\d-\d\d", re.IGNORECASE)

_FEW, _ENOUGH, _ENOUGH_VOTES = 5, 20, 3
_MOST_CODES = 5_000
_MOST_ASKED = 200
NAMED, ISO = "named", "iso"


def date_parts(text: str) -> tuple[str, int, int] | None:
    """How the date is written, its month, and its day (a year of two digits for Mar-45)."""
    inner = text.strip()
    found = _DAY_MONTH.fullmatch(inner)
    if found:
        day = int(found[1])
        return (NAMED, _month(found[2]), day) if 1 <= day <= 31 else None
    found = _MONTH_YEAR.fullmatch(inner)
    if found:
        return "year", _month(found[1]), int(found[2])
    found = _ISO.fullmatch(inner)
    if found and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31:
        return ISO, int(found[2]), int(found[3])
    return None


def _month(name: str) -> int:
    return _MONTHS.index(name.capitalize()) + 1


def candidates(text: str, style: dict[str, Any]) -> dict[str, str]:
    """Which codes of the column's style may have become this date, by their order."""
    parts = date_parts(text)
    if not parts:
        return {}
    form, month, other = parts
    pairs = {"md": (month, other), "dm": (other, month)}
    if form == "year":
        # Only a number that is no day makes a spreadsheet read the second part as a year
        pairs = {"md": (month, other)} if other > 31 else {}
    if form == ISO and text.strip()[:4] != style["year"]:
        pairs = {}
    most_one, most_other = style["most"]
    one_width, other_width = style["widths"]
    return {
        order: f"{one:0{one_width}d}{style['sign']}{two:0{other_width}d}"
        for order, (one, two) in pairs.items()
        if one <= most_one and two <= most_other
    }


def original(text: str, options: dict[str, Any]) -> str | None:
    """The one code that can have become this date; None where there are two or none."""
    known = options["known"].get(text.strip())
    if known:
        return str(known)
    found = candidates(text, options["style"])
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return found.get(options["order"])


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Writes the code again."""
    options = dict(repair.options)

    def mend(cell: str, _around: Around) -> str | None:
        return original(cell, options)

    return [Mend(repair.position, (), mend, lambda cell: original(cell, options) is not None, WHY)]


class BecameDateWatch(TextWatch):
    """Looks for dates in a column of codes."""

    def __init__(self, purpose: Purpose, describe: Describe, knowledge: Knowledge) -> None:
        super().__init__(purpose, describe)
        self._knowledge = knowledge
        self._sample = Sample(purpose.position)
        self._codes: Counter[str] = Counter()
        self._dates: Counter[str] = Counter()
        self._first: dict[str, tuple[int, str]] = {}
        self._filled = 0

    def may_concern(self, text: str, glance: Glance) -> bool:
        self._sample.take(glance)
        counts = glance.counts(self.purpose.position)
        self._filled += sum(counts.values()) - counts[""]
        for cell, rows in counts.items():
            if len(cell) <= 9 and _CODE.fullmatch(cell.strip()):
                code = cell.strip()
                if code in self._codes or len(self._codes) < _MOST_CODES:
                    self._codes[code] += rows
        return _SCREEN.search(text) is not None

    def sort_text(self, text: str) -> str | None:
        parts = date_parts(text)
        return (ISO if parts[0] == ISO else NAMED) if parts else None

    def look(self, glance: Glance) -> None:
        super().look(glance)
        if not self.tallies:
            return
        new = set()
        for text, rows in glance.counts(self.purpose.position).items():
            if text in self._dates or (len(self._dates) < _MOST_CODES and date_parts(text)):
                new |= set() if text in self._dates else {text}
                self._dates[text] += rows
        if new:
            self._remember(new, glance)

    def _remember(self, new: set[str], glance: Glance) -> None:
        """Where each date stands first, so that any of them can be an example."""
        for index, text in enumerate(glance.cells(self.purpose.position)):
            if text in new and text not in self._first:
                context = self.describe(glance.rows[index], self.purpose.position)
                self._first[text] = (glance.numbers[index], context)

    def findings(self) -> Iterable[Finding]:
        whole = merged(self._damaged())
        if not whole.rows:
            return
        options = self._options()
        certain = self._only(options) if options else Tally()
        among = f"{in_cells(whole.rows)} with a date among codes such as “{self._usual()}”. "
        if not certain.rows:
            yield make_finding(
                DamageKind.BECAME_DATE,
                self.purpose,
                whole,
                title=TITLE,
                evidence=among + "What they were can't be told for certain.",
                advice="Take the column from its source once more, formatted as text, or correct "
                "these cells.",
            )
            return
        left = whole.rows - certain.rows
        yield make_finding(
            DamageKind.BECAME_DATE,
            self.purpose,
            certain,
            title=TITLE,
            evidence=f"{among}For {certain.rows:,} only one code fits the column or is known to "
            "the database."
            + (f" The other {left:,} may have been two codes: they stay." if left else ""),
            advice="Accept: the codes are written again. Keep the column as text in the "
            "spreadsheet next time.",
            make_mends=make_mends,
            rule=RULE,
            options=options,
        )

    def _damaged(self) -> list[Tally]:
        """The tallies of dates that have no place in the column."""
        named, iso = self.tallies[NAMED], self.tallies[ISO]
        pairs = sum(self._codes.values())
        dates = named.rows + iso.rows
        others = self._filled - dates
        if pairs >= max(_FEW, others * 0.8):
            return [named, iso]
        if dates * 2 >= self._filled or others < _FEW:
            return []
        if self.purpose.use is Use.STREET:
            return [named]
        texts = [text for text in self._sample.texts if text.strip() and not date_parts(text)]
        like_codes = sum(_LIKE_CODE.fullmatch(text.strip()) is not None for text in texts)
        if like_codes * 10 < len(texts) * 9:
            return []
        # A key is never a date, whatever the other keys look like
        return [named, iso] if self.purpose.is_known else [named]

    def _usual(self) -> str:
        if self._codes:
            return self._codes.most_common(1)[0][0]
        texts = (text for text in self._sample.texts if text.strip() and not date_parts(text))
        return next(texts, "")[:40]

    def _options(self) -> dict[str, Any] | None:
        """What the repair has to know; None where nothing can be proved."""
        style = self._style()
        if style is None:
            return None
        return {"style": style, "order": self._order(style), "known": self._known(style)}

    def _only(self, options: dict[str, Any]) -> Tally:
        """The dates that the options put right."""
        certain = Tally()
        for text, rows in self._dates.items():
            if original(text, options) is None:
                continue
            certain.add(text, rows)
            if certain.wants_example(text):
                row, context = self._first[text]
                certain.show(row, text, context)
        return certain

    def _style(self) -> dict[str, Any] | None:
        """How the column's codes are written; None where they differ."""
        found = [match for code in self._codes if (match := _CODE.fullmatch(code))]
        signs = {match[2] for match in found}
        widths = [_width([match[group] for match in found]) for group in (1, 3)]
        if len(signs) != 1 or None in widths:
            return None
        rows = sum(self._codes.values())
        dates = sum(self.tallies[sort].rows for sort in (NAMED, ISO))
        if rows < _ENOUGH or rows + dates < self._filled:
            return None
        years = Counter(text.strip()[:4] for text in self._dates if _ISO.fullmatch(text.strip()))
        return {
            "sign": signs.pop(),
            "widths": widths,
            "most": [max(int(match[group]) for match in found) for group in (1, 3)],
            "year": years.most_common(1)[0][0] if len(years) == 1 else "",
        }

    def _order(self, style: dict[str, Any]) -> str:
        """The order that month and day had, where the codes that are still whole agree on one.

        Blank: a date that can be two codes stays a date.
        """
        votes: Counter[str] = Counter()
        contrary: set[str] = set()
        for text in self._dates:
            found = candidates(text, style)
            if len(found) == 1:
                contrary.update({"md": ("dm",), "dm": ("md",)}[next(iter(found))])
            whole = [order for order, code in found.items() if code in self._codes]
            if len(whole) == 1 and len(set(found.values())) == 2:
                votes.update(whole)
        if len(votes) != 1 or votes.total() < _ENOUGH_VOTES:
            return ""
        order = votes.most_common(1)[0][0]
        return "" if order in contrary else order

    def _known(self, style: dict[str, Any]) -> dict[str, str]:
        """The codes that the database knows, where it knows one of the two."""
        field = self.purpose.column.field
        if not field:
            return {}
        known: dict[str, str] = {}
        for text in list(self._dates)[:_MOST_ASKED]:
            codes = sorted(set(candidates(text, style).values()))
            there = [code for code in codes if self._knowledge.knows_value(field, code)]
            if len(there) == 1:
                known[text.strip()] = there[0]
        return known


def _width(numbers: Sequence[str]) -> int | None:
    """How many digits the numbers are filled up to; None where that can't be told."""
    widths = {len(number) for number in numbers}
    if any(number[0] == "0" and len(number) > 1 for number in numbers):
        return widths.pop() if len(widths) == 1 else None
    return 1 if 1 in widths else None
