"""How much of what the last runs had a type could translate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.models import CrossReferenceType, CrossReferenceUse, Run

RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RunCoverage:
    """One run: the values it had for the type, those that had an entry, and the table it used."""

    run_id: int
    label: str
    at: datetime | None
    center_id: int | None
    rows: int
    mapped: int
    version: int

    @property
    def percent(self) -> float:
        """The share that could be translated; never 100 while one value was missing."""
        if self.mapped >= self.rows:
            return 100.0
        return min(99.9, round(100 * self.mapped / self.rows, 1))


def list_coverage(
    session: Session,
    found: CrossReferenceType,
    *,
    center_ids: frozenset[int] | None = None,
    limit: int = RUNS_SHOWN,
) -> tuple[RunCoverage, ...]:
    """The last runs (no previews) that had values of the type, oldest first. People of a center
    see their own center's."""
    use = CrossReferenceUse
    query = (
        select(Run.id, Run.label, Run.started_at, use.center_id, use.rows, use.mapped, use.version)
        .join(Run, Run.id == use.run_id)
        .where(use.type_id == found.id, use.rows > 0, Run.kind == "run")
        .order_by(use.run_id.desc())
        .limit(limit)
    )
    if center_ids is not None:
        query = query.where(use.center_id.in_(center_ids))
    return tuple(RunCoverage(*row) for row in reversed(session.execute(query).all()))
