"""How much of what the last runs had a type could translate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.models import CrossReferenceType, CrossReferenceUse, Run

RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class MoneyCoverage:
    """The money of a run's rows in one currency, and that of the rows which had an entry."""

    currency: str
    amount: Decimal
    mapped: Decimal

    @property
    def percent(self) -> float:
        """The share that could be translated; never 100 while anything was missing."""
        return _percent(self.mapped, self.amount)


@dataclass(frozen=True, slots=True)
class RunCoverage:
    """One run: its rows that had a value of the type, those whose values all had an entry, the
    table it used, and, where its rows had money, the same of that."""

    run_id: int
    label: str
    at: datetime | None
    center_id: int | None
    rows: int
    mapped: int
    version: int
    money: tuple[MoneyCoverage, ...] = ()

    @property
    def percent(self) -> float:
        """The share that could be translated; never 100 while one value was missing."""
        return _percent(self.mapped, self.rows)


def _percent(mapped: Decimal | int, of_all: Decimal | int) -> float:
    if mapped >= of_all:
        return 100.0
    return min(99.9, round(float(100 * mapped / of_all), 1))


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
        select(
            Run.id,
            Run.label,
            Run.started_at,
            use.center_id,
            use.rows,
            use.mapped,
            use.version,
            use.amounts,
        )
        .join(Run, Run.id == use.run_id)
        .where(use.type_id == found.id, use.rows > 0, Run.kind == "run")
        .order_by(use.run_id.desc())
        .limit(limit)
    )
    if center_ids is not None:
        query = query.where(use.center_id.in_(center_ids))
    return tuple(
        RunCoverage(*row[:-1], money_of(row[-1])) for row in reversed(session.execute(query).all())
    )


def money_of(amounts: Mapping[str, Sequence[str]]) -> tuple[MoneyCoverage, ...]:
    found = (
        MoneyCoverage(currency, Decimal(of_all), Decimal(mapped))
        for currency, (of_all, mapped) in amounts.items()
    )
    return tuple(sorted(found, key=lambda each: (-each.amount, each.currency)))
