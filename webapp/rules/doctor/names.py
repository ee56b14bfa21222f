"""Names in the wrong columns: Smith in FIRST_NAME and John in LAST_NAME, or both in one cell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from webapp.rules.doctor.contract import DamageKind, Finding
from webapp.rules.doctor.uses import Purpose
from webapp.rules.doctor.watching import Glance, Tally, make_finding

_MOST_PAIRS = 50_000
_MOST_BOTH = 2_000
_ENOUGH = 3
_USUAL = 3
_MORE_THAN_CHANCE = 5
_TURNED = re.compile(r"([^\W\d_][^,\d]*), ?([^\W\d_][^,\d]*)")
_TWO_WORDS = re.compile(r"([^\W\d_]\S*) (?:\S+ )?([^\W\d_]\S*)")
_NO_NAME = re.compile(r", ?(?:inc|ltd|llc|llp|co|corp|jr|sr|i+v?|md|phd|esq)\b", re.IGNORECASE)
_ADVICE = "Correct these rows in the source; which word is the surname, nobody can see from here."


class NamesWatch:
    """Looks at the columns of first and last names together. It tells, it never repairs."""

    def __init__(self, first: Purpose, last: Purpose) -> None:
        self._first, self._last = first, last
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._alone: Counter[bool] = Counter()
        """Rows with only one of the two, by whether it is the first name."""
        self._rows: dict[tuple[str, str], int] = {}
        self._both: Counter[tuple[bool, str]] = Counter()
        """Cells that may have both names, by whether they stand in the first name's column."""

    def look(self, glance: Glance) -> None:
        firsts, lasts = glance.cells(self._first.position), glance.cells(self._last.position)
        for cells, rows in Counter(zip(firsts, lasts, strict=True)).items():
            pair = first, last = cells[0].strip(), cells[1].strip()
            if first and last:
                if pair in self._pairs or len(self._pairs) < _MOST_PAIRS:
                    self._pairs[pair] += rows
            elif first or last:
                self._alone[bool(first)] += rows
                text = first or last
                if len(self._both) >= _MOST_BOTH:
                    continue
                if _TURNED.fullmatch(text) or _TWO_WORDS.fullmatch(text):
                    self._both[bool(first), text] += rows
        self._remember_rows(glance)

    def _remember_rows(self, glance: Glance) -> None:
        """Where each pair stands first, as long as there is room."""
        firsts, lasts = glance.cells(self._first.position), glance.cells(self._last.position)
        if len(self._rows) < _MOST_PAIRS:
            for number, first, last in zip(glance.numbers, firsts, lasts, strict=True):
                self._rows.setdefault((first.strip(), last.strip()), number)

    def findings(self) -> Iterable[Finding]:
        as_first: Counter[str] = Counter()
        as_last: Counter[str] = Counter()
        for (first, last), rows in self._pairs.items():
            as_first[first.casefold()] += rows
            as_last[last.casefold()] += rows
        yield from self._turned(as_first, as_last)
        yield from self._in_one_cell(as_first, as_last)

    def _turned(self, as_first: Counter[str], as_last: Counter[str]) -> Iterable[Finding]:
        """Rows whose first name is a surname everywhere else, and the other way round."""
        tally = Tally()
        odd_first = odd_last = 0
        for pair, rows in self._pairs.items():
            first, last = (name.casefold() for name in pair)
            is_odd_first = as_last[first] >= max(_USUAL, 3 * as_first[first])
            is_odd_last = as_first[last] >= max(_USUAL, 3 * as_last[last])
            odd_first += rows if is_odd_first else 0
            odd_last += rows if is_odd_last else 0
            if is_odd_first and is_odd_last:
                tally.add(pair[0], rows)
                if pair in self._rows and tally.wants_example(pair[0]):
                    tally.show(self._rows[pair], pair[0], " ".join(pair))
        by_chance = odd_first * odd_last / max(1, self._pairs.total())
        if tally.rows < _MORE_THAN_CHANCE * max(1.0, by_chance):
            return
        yield make_finding(
            DamageKind.SHIFTED_COLUMNS,
            self._first,
            tally,
            title="First and last names exchanged",
            evidence=f"At least {tally.rows:,} rows have a first name that is a surname in the "
            "other rows, and a surname that is a first name there.",
            advice=_ADVICE,
        )

    def _in_one_cell(self, as_first: Counter[str], as_last: Counter[str]) -> Iterable[Finding]:
        for is_first, purpose in ((True, self._first), (False, self._last)):
            both = {text: rows for (first, text), rows in self._both.items() if first is is_first}
            proven = {text for text in both if _has_both(text, as_first, as_last)}
            turned = {text for text in both if _TURNED.fullmatch(text)}
            if len(turned & proven) >= max(_ENOUGH, len(turned) / 2) or (
                is_first and self._are_all_turned(turned)
            ):
                proven |= turned
            tally = Tally()
            for text, rows in both.items():
                if text in proven:
                    tally.add(text, rows)
                    row = self._rows.get((text, "") if is_first else ("", text))
                    if row is not None and tally.wants_example(text):
                        tally.show(row, text, "")
            if tally.rows:
                yield make_finding(
                    DamageKind.SHIFTED_COLUMNS,
                    purpose,
                    tally,
                    title="First and last name in one cell",
                    evidence=f"{tally.rows:,} rows have both names in {purpose.name} and nothing "
                    "in the other column.",
                    advice="Split the names into the two columns in the source.",
                )

    def _are_all_turned(self, turned: set[str]) -> bool:
        """Whether the first names' column has “Smith, John” from top to bottom."""
        rows = sum(rows for (first, text), rows in self._both.items() if first and text in turned)
        named = self._pairs.total() + self._alone.total()
        return (
            rows >= _ENOUGH
            and rows * 5 >= named * 4
            and not any(_NO_NAME.search(text) for text in turned)
        )


def _has_both(text: str, as_first: Counter[str], as_last: Counter[str]) -> bool:
    """Whether the file's own names say that these two words are a first name and a surname."""
    turned = _TURNED.fullmatch(text)
    if turned:
        last, first = turned[1].casefold(), turned[2].split()[0].casefold()
        return bool(as_first[first]) and not as_last[first] and bool(as_last[last])
    words = _TWO_WORDS.fullmatch(text)
    if not words:
        return False
    first, last = words[1].casefold(), words[2].casefold()
    return bool(as_first[first]) and not as_last[first] and bool(as_last[last])
