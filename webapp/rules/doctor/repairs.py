"""Carrying out what a person accepted, batch by batch, wherever the rows are read again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from webapp.rules.doctor import (
    apostrophes,
    became_dates,
    blanks,
    codes,
    dates,
    mojibake,
    null_words,
    phones,
    shifted,
    zips,
)
from webapp.rules.doctor.contract import DamageKind, Repair
from webapp.rules.doctor.watching import Around, MakeMends, Mend
from webapp.rules.values import shown

_MOST_REMEMBERED = 50_000
_PLAIN = re.compile(r"[A-Za-z0-9]+(?:[@.+/_-]+[A-Za-z0-9]+)*")

MENDERS: dict[str, MakeMends] = {
    apostrophes.RULE: apostrophes.make_mends,
    became_dates.RULE: became_dates.make_mends,
    blanks.RULE: blanks.make_mends,
    codes.RULE: codes.make_mends,
    dates.RULE: dates.make_mends,
    mojibake.RULE: mojibake.make_mends,
    null_words.RULE: null_words.make_mends,
    phones.RULE: phones.make_mends,
    shifted.RULE: shifted.make_mends,
    zips.RULE: zips.make_mends,
}
"""The rule of a repair -> what makes its mends."""

# A text is made readable before it is judged: "\xa0'2139" needs three repairs.
ORDER = (
    DamageKind.MOJIBAKE,
    DamageKind.STRAY_BLANKS,
    DamageKind.APOSTROPHE,
    DamageKind.NULL_WORD,
    DamageKind.SHIFTED_COLUMNS,
    DamageKind.BECAME_DATE,
    DamageKind.SWAPPED_DATES,
    DamageKind.SHORT_PHONE,
    DamageKind.LOST_DIGITS,
    DamageKind.LOST_ZEROS,
)


class Repairs:
    """Accepted repairs; the same rows always come out the same, whatever batch they are in.

    `cells` adds up how many cells each repair (`lost_zeros:5`) has changed so far.
    """

    def __init__(self, repairs: Sequence[Repair]) -> None:
        self.cells: Counter[str] = Counter()
        wanted = [repair for repair in repairs if repair.rule in MENDERS]
        wanted.sort(key=lambda repair: (ORDER.index(repair.kind), repair.position))
        self._steps = [
            (repair, [_Step(mend, repair) for mend in MENDERS[repair.rule](repair)])
            for repair in wanted
        ]

    def apply(
        self, row_numbers: Sequence[int], rows: list[list[str]]
    ) -> tuple[list[list[str]], dict[int, list[str]]]:
        """The repaired rows, and by row number a sentence for each repaired cell.

        The given rows are left alone; without anything to repair they are what is returned.
        """
        repaired = rows
        sentences: dict[int, list[str]] = {}
        for repair, steps in self._steps:
            # All cells of one repair are worked out before one is written: two may be exchanged
            found = [(step, step.find(repaired, rows)) for step in steps]
            for step, changes in found:
                if not changes:
                    continue
                self.cells[f"{repair.kind}:{repair.position}"] += len(changes)
                if repaired is rows:
                    repaired = list(rows)
                for index, after in changes:
                    if repaired[index] is rows[index]:
                        repaired[index] = list(rows[index])
                    before = repaired[index][step.position]
                    repaired[index][step.position] = after
                    sentences.setdefault(row_numbers[index], []).append(step.tell(before, after))
        return repaired, sentences


class _Step:
    """One mend of one column, remembering what it made of each text."""

    def __init__(self, mend: Mend, repair: Repair) -> None:
        self._width = 1 + max(mend.position, repair.position, *mend.reads)
        """A row that has fewer cells was set aside by the reader: it stays as it is."""
        self._mend, self._values, self._chosen_by = mend, repair.values, repair.position
        names = repair.options.get("names", {})
        name = names.get(str(mend.position), repair.column).strip()
        self._column = name or f"Column {mend.position + 1}"
        self._concerned: dict[str, tuple[bool, str | None]] = {}
        self._memo: dict[tuple[str, Around], str | None] = {}

    @property
    def position(self) -> int:
        return self._mend.position

    def find(self, rows: list[list[str]], original: list[list[str]]) -> list[tuple[int, str]]:
        """The places in the batch where the cell changes, and what it becomes."""
        position = self.position
        cells = [row[position] if position < len(row) else "" for row in rows]
        concerned = self._find_concerned(set(cells))
        if not concerned:
            return []
        if not self._mend.reads and self._values is None:
            return [
                (index, after)
                for index, cell in enumerate(cells)
                if (after := concerned.get(cell)) is not None
            ]
        found = []
        for index, cell in enumerate(cells):
            if cell not in concerned or len(rows[index]) < self._width:
                continue
            if not self._is_chosen(rows[index], original[index]):
                continue
            after = concerned[cell]
            if self._mend.reads:
                row = rows[index]
                around = tuple(row[place] for place in self._mend.reads)
                after = self._read(cell, around)
            if after is not None and after != cell:
                found.append((index, after))
        return found

    def _find_concerned(self, cells: set[str]) -> dict[str, str | None]:
        """The texts that may change; with what they become, where they alone say it."""
        known = self._concerned
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        for cell in cells - known.keys():
            known[cell] = self._judge(cell)
        return {cell: known[cell][1] for cell in cells if known[cell][0]}

    def _judge(self, cell: str) -> tuple[bool, str | None]:
        if self._mend.reads:
            return self._mend.may_concern(cell), None
        after = self._mend.mend(cell, ())
        return after is not None and after != cell, after

    def _is_chosen(self, row: Sequence[str], original: Sequence[str]) -> bool:
        """Whether the text was chosen: as it is now, or as the file has it.

        Where two columns are exchanged, the texts chosen are the first column's.
        """
        values, place = self._values, self._chosen_by
        return values is None or row[place] in values or original[place] in values

    def _read(self, cell: str, around: Around) -> str | None:
        key = (cell, around)
        if key in self._memo:
            return self._memo[key]
        if len(self._memo) > _MOST_REMEMBERED:
            self._memo.clear()
        after = self._memo[key] = self._mend.mend(cell, around)
        return after

    def tell(self, before: str, after: str) -> str:
        """The sentence of a repaired cell."""
        became = _quoted(after) if after else "blank"
        return f"{self._column}: {_quoted(before)} was read as {became} ({self._mend.why})."


def _quoted(text: str) -> str:
    """A short plain value as it is; quoted where it would run into the sentence."""
    clean = shown(text)
    return clean if _PLAIN.fullmatch(clean) else f"“{clean}”"
