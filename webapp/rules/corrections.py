"""What people corrected before a run: cells, values everywhere, rows left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Corrections:
    """Corrections by position of the column. A cell's own correction wins over a value's."""

    cells: Mapping[int, Mapping[int, str]] = field(default_factory=dict)
    """Row number -> column position -> the new text."""
    values: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Column position -> old text (blanks around it aside) -> the new text."""
    left_out: frozenset[int] = frozenset()

    def apply(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[str]]:
        """The rows with their corrections; the given ones are left as they are."""
        if not self.cells and not self.values:
            return rows
        return [
            self._correct(number, row) if self._concerns(number, row) else row
            for number, row in zip(numbers, rows, strict=True)
        ]

    def _concerns(self, number: int, row: Sequence[str]) -> bool:
        return number in self.cells or any(
            position < len(row) and row[position].strip() in by_value
            for position, by_value in self.values.items()
        )

    def _correct(self, number: int, row: Sequence[str]) -> list[str]:
        corrected = list(row)
        for position, by_value in self.values.items():
            if position < len(corrected):
                old = corrected[position]
                corrected[position] = by_value.get(old.strip(), old)
        for position, new in self.cells.get(number, {}).items():
            if position < len(corrected):
                corrected[position] = new
        return corrected
