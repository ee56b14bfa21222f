"""Codes of a fixed width that lost their leading zeros: 1234 among 001187 and 104512.

A short code is padded only where the file or the database proves that it belongs to the others: a
column may as well hold the codes of two systems.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from webapp.rules.doctor.contract import DamageKind, Finding, Knowledge, Repair
from webapp.rules.doctor.texts import TextWatch, in_cells
from webapp.rules.doctor.uses import Purpose
from webapp.rules.doctor.watching import Around, Describe, Glance, Mend, make_finding, merged

RULE = "width"
WHY = "a spreadsheet dropped the zeros"

_CODE = re.compile(r"\d{1,20}", re.ASCII)
_MOST_TEXTS = 50_000
_ENOUGH_ZERO_LED = 10
_ENOUGH_CHANCES = 5
_WIDTHS = range(4, 21)
_MOST_TWINS = 2_000
_PROBES, _ASKED, _ENOUGH_KNOWN = 10, 100, 3
_WIDER = 4


def make_mends(repair: Repair) -> Sequence[Mend]:
    """Fills the codes with zeros up to the column's width."""
    width = int(repair.options["width"])
    twins = repair.options.get("twins")
    only = None if twins is None else frozenset(twins)

    def mend(cell: str, _around: Around) -> str | None:
        code = cell.strip()
        if len(code) >= width or not _CODE.fullmatch(code) or not int(code) or code[0] == "0":
            return None
        whole = code.zfill(width)
        return whole if only is None or whole in only else None

    return [Mend(repair.position, (), mend, lambda cell: mend(cell, ()) is not None, WHY)]


class CodesWatch(TextWatch):
    """Looks at a column that has nothing but digits; any other is dismissed at once."""

    def __init__(self, purpose: Purpose, describe: Describe, knowledge: Knowledge) -> None:
        super().__init__(purpose, describe)
        self._knowledge = knowledge
        self._is_out = False
        self._zero_led: Counter[int] = Counter()
        self._padded: set[str] = set()
        self._short: Counter[str] = Counter()
        self._first: dict[str, None] = {}
        self._longest = 0

    def may_concern(self, text: str, glance: Glance) -> bool:
        if self._is_out:
            return False
        cells = [cell.strip() for cell in glance.counts(self.purpose.position)]
        self._is_out = any(cell and not _CODE.fullmatch(cell) for cell in cells)
        return not self._is_out

    def sort_text(self, text: str) -> str | None:
        code = text.strip()
        return str(len(code)) if code else None

    def look(self, glance: Glance) -> None:
        super().look(glance)
        if self._is_out:
            return
        counts = glance.counts(self.purpose.position)
        self._longest = max(self._longest, max(len(text.strip()) for text in counts))
        for text, rows in counts.items():
            code = text.strip()
            if not code:
                continue
            if code[0] == "0":
                self._zero_led[len(code)] += rows
                if len(self._padded) < _MOST_TEXTS:
                    self._padded.add(code)
                continue
            if len(self._first) < _ASKED * 2:
                self._first[code] = None
            if len(code) < self._longest and (
                code in self._short or len(self._short) < _MOST_TEXTS
            ):
                self._short[code] += rows

    def findings(self) -> Iterable[Finding]:
        if self._is_out or not self.tallies:
            return
        longest = max(map(int, self.tallies))
        found = self._ask(longest) or self._reason(longest)
        if not found:
            return
        width, twins, evidence = found
        mend = make_mends(
            Repair(
                DamageKind.LOST_ZEROS,
                self.purpose.position,
                self.purpose.name,
                options={"width": width, "twins": twins},
            )
        )[0]
        short = merged(tally for length, tally in self.tallies.items() if int(length) < width)
        if twins is not None:
            short.rows = sum(rows for code, rows in self._short.items() if mend.may_concern(code))
        short.texts = {text: kept for text, kept in short.texts.items() if mend.may_concern(text)}
        short.examples = [shown for shown in short.examples if mend.may_concern(shown[1])]
        if not short.rows:
            return
        yield make_finding(
            DamageKind.LOST_ZEROS,
            self.purpose,
            short,
            title="Codes without their leading zeros",
            evidence=f"{in_cells(short.rows)} shorter than {width} digits; {evidence}",
            advice="Accept: the zeros are put back in front. Keep the column as text in the "
            "spreadsheet next time.",
            make_mends=make_mends,
            rule=RULE,
            options={"width": width, "twins": twins},
        )

    def _reason(self, width: int) -> tuple[int, list[str] | None, str] | None:
        """What the file itself proves."""
        is_fixed = (
            width in _WIDTHS
            and set(self._zero_led) == {width}
            and self._zero_led[width] >= _ENOUGH_ZERO_LED
            and self.tallies[str(width)].rows * 4 >= sum(t.rows for t in self.tallies.values())
        )
        short = {code: rows for code, rows in self._short.items() if len(code) < width}
        if not is_fixed or not short or "0" in short:
            return None
        whole = f"all others have {width} and {self._zero_led[width]:,} of them begin with 0"
        twins = sorted({code.zfill(width) for code in short} & self._padded)
        if not twins:
            if self._chances(short) < _ENOUGH_CHANCES:
                return None
            return width, None, f"{whole}, and none of these is there twice."
        repeated = sum(rows for code, rows in short.items() if code.zfill(width) in self._padded)
        is_few = len(self._padded) * 5 <= self._zero_led[width]
        if is_few and repeated * 10 >= sum(short.values()) * 9:
            return width, twins[:_MOST_TWINS], f"{whole}, the same codes among them."
        return None

    def _chances(self, short: dict[str, int]) -> float:
        """How many of the short codes would also stand there padded, were they another system's."""
        numbers = [int(code) for code in self._padded]
        low, high = min(numbers), max(numbers)
        inside = sum(low <= int(code) <= high for code in short)
        if inside < len(short) * 0.9:
            return 0.0
        return inside * len(self._padded) / max(1, high - low + 1)

    def _ask(self, longest: int) -> tuple[int, list[str] | None, str] | None:
        """What the database proves: it has the padded codes, and none of the short ones."""
        field = self.purpose.column.field
        if not field:
            return None
        known = self._knowledge.knows_value
        first = list(islice(self._first, _PROBES))
        widths = [width for width in range(longest, longest + _WIDER) if width in _WIDTHS]
        hits = Counter(
            {
                width: sum(len(code) < width and known(field, code.zfill(width)) for code in first)
                for width in widths
            }
        )
        best = hits.most_common(1)
        if not best or not best[0][1]:
            return None
        width = best[0][0]
        asked = [code for code in self._first if len(code) < width][:_ASKED]
        padded = sum(known(field, code.zfill(width)) for code in asked)
        if padded < _ENOUGH_KNOWN or padded * 2 < len(asked):
            return None
        if any(known(field, code) for code in asked):
            return None
        return width, None, f"the database knows {padded} of {len(asked)} asked with their zeros."
