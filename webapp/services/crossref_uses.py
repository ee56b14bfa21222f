"""Which cross-references a run used, as they were then, and how far they reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from webapp.models import CrossReferenceType, CrossReferenceUse, Run
from webapp.services.crossref_coverage import RunCoverage, money_of


@dataclass(frozen=True, slots=True)
class Use:
    """A type's table in one run. `waiting` values that it had are still without an entry."""

    key: str
    label: str
    version: int
    is_changed: bool
    since: datetime | None
    coverage: RunCoverage
    waiting: int


_WAITING = text("""
SELECT s.type_id, count(*) AS waiting FROM cross_reference_seen s
WHERE s.run_id = :run AND NOT EXISTS (SELECT 1 FROM cross_reference_entries e
    WHERE e.type_id = s.type_id
    AND (e.foreign_key = s.foreign_key AND NOT s.is_outward
        OR e.online_key = s.foreign_key AND s.is_outward)
    AND (e.center_id IS NULL OR e.center_id = s.center_id)
    AND daterange(e.valid_from, e.valid_to, '[]') @> CAST(:today AS date))
GROUP BY 1""")


def list_uses(session: Session, run: Run, today: date) -> tuple[Use, ...]:
    """The types that a run, or a preview, had values of; those of most rows first."""
    use, kind = CrossReferenceUse, CrossReferenceType
    rows = session.execute(
        select(use, kind)
        .join(kind, kind.id == use.type_id)
        .where(use.run_id == run.id, use.rows > 0)
        .order_by(use.rows.desc(), kind.position)
    ).all()
    if not rows:
        return ()
    counts = session.execute(_WAITING, {"run": run.id, "today": today})
    waiting = {row.type_id: int(row.waiting) for row in counts}
    return tuple(
        Use(
            found.key,
            found.label,
            used.version,
            found.version != used.version,
            run.started_at,
            RunCoverage(
                run.id,
                run.label,
                run.started_at,
                used.center_id,
                used.rows,
                used.mapped,
                used.version,
                money_of(used.amounts),
            ),
            waiting.get(found.id, 0),
        )
        for used, found in rows
    )
