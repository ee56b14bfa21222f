"""The repairs a person accepted, made in the rows of a chunk."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from webapp.rules.doctor import DamageKind, Repair, Repairs


@dataclass(frozen=True, slots=True)
class RepairedRows:
    """Rows as they are to be read; by row number the sentences on what was repaired, and how many
    cells each repair changed."""

    rows: list[list[str]]
    said: Mapping[int, Sequence[str]] = field(default_factory=dict)
    cells: Mapping[str, int] = field(default_factory=dict)


class Repairing:
    """Makes the accepted repairs, chunk by chunk. What a person corrected is not repaired: that is
    how it was meant."""

    def __init__(self, repairs: Sequence[Repair]) -> None:
        self._repairs = list(repairs)
        self._sparing: dict[frozenset[int], Repairs] = {}

    def repair(
        self, numbers: Sequence[int], given: Sequence[list[str]], corrected: list[list[str]]
    ) -> RepairedRows:
        """The corrected rows, repaired. `given` are the same rows as they stand in the file."""
        if not self._repairs or not numbers:
            return RepairedRows(corrected)
        if corrected is given or all(a is b for a, b in zip(given, corrected, strict=True)):
            rows, said, cells = self._apply(frozenset(), numbers, corrected)
            return RepairedRows(rows, said, cells)
        indexes: defaultdict[frozenset[int], list[int]] = defaultdict(list)
        for index, (before, after) in enumerate(zip(given, corrected, strict=True)):
            indexes[_changed(before, after)].append(index)
        rows = list(corrected)
        all_said: dict[int, Sequence[str]] = {}
        all_cells: Counter[str] = Counter()
        for spared, places in indexes.items():
            repaired, said, cells = self._apply(
                spared, [numbers[at] for at in places], [corrected[at] for at in places]
            )
            for at, row in zip(places, repaired, strict=True):
                rows[at] = row
            all_said.update(said)
            all_cells.update(cells)
        return RepairedRows(rows, all_said, all_cells)

    def _apply(
        self, spared: frozenset[int], numbers: Sequence[int], rows: list[list[str]]
    ) -> tuple[list[list[str]], Mapping[int, Sequence[str]], Counter[str]]:
        if spared not in self._sparing:
            self._sparing[spared] = Repairs([r for r in self._repairs if not _spares(r, spared)])
        repairs = self._sparing[spared]
        repairs.cells.clear()
        repaired, said = repairs.apply(numbers, rows)
        return repaired, said, Counter(repairs.cells)


def _changed(before: Sequence[str], after: Sequence[str]) -> frozenset[int]:
    """The positions of the cells that differ."""
    if before is after:
        return frozenset()
    pairs = enumerate(zip(before, after, strict=True))
    return frozenset(at for at, (old, new) in pairs if old != new)


def _spares(repair: Repair, spared: frozenset[int]) -> bool:
    """Whether the repair would write into one of these cells."""
    if repair.kind is DamageKind.SHIFTED_COLUMNS:
        return not spared.isdisjoint({repair.position, *repair.reads})
    return repair.position in spared
