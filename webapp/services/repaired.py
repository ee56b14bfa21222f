"""What a run repairs, or has repaired, in plain words: for the review and the results."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.models import Run
from webapp.rules.doctor import DamageKind
from webapp.services.readings import list_repairs, repair_id

DONE: dict[DamageKind, str] = {
    DamageKind.LOST_ZEROS: "leading zeros put back",
    DamageKind.LOST_DIGITS: "digits put back",
    DamageKind.BECAME_DATE: "dates turned back into what they were",
    DamageKind.SWAPPED_DATES: "day and month put in one order",
    DamageKind.MOJIBAKE: "garbled letters put right",
    DamageKind.SHIFTED_COLUMNS: "cells put back under their names",
    DamageKind.SHORT_PHONE: "missing digits put back",
    DamageKind.NULL_WORD: "words for nothing read as blank",
    DamageKind.STRAY_BLANKS: "stray blanks removed",
    DamageKind.APOSTROPHE: "apostrophes removed",
}


@dataclass(frozen=True, slots=True)
class Repaired:
    """One accepted repair. `cells` is how many it changed, None where nobody counted."""

    column: str
    words: str
    is_partial: bool
    cells: int | None

    @property
    def what(self) -> str:
        """What was changed: cells, in the right number."""
        return "cell" if self.cells == 1 else "cells"

    @property
    def told(self) -> str:
        """leading zeros put back in 312 cells"""
        partly = ", for the values you chose" if self.is_partial else ""
        counted = "" if self.cells is None else f" in {self.cells:,} {self.what}"
        return f"{self.words}{counted}{partly}"


def list_repaired(run: Run, done: Run | None = None) -> tuple[Repaired, ...]:
    """The repairs accepted for a run, counted as `done` (the run itself, or its preview) did."""
    counts = (done.tallies if done else {}).get("repaired") or {}
    found = []
    for repair in list_repairs(run):
        cells = counts.get(repair_id(repair), 0 if counts else None)
        found.append(Repaired(repair.column, DONE[repair.kind], repair.values is not None, cells))
    return tuple(found)
