"""Changes of records: one as people read it, and who makes those of a transaction (what the change
log's triggers write beside each one)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

_WHO = text(
    "SELECT set_config('datasync.actor_id', :actor_id, true),"
    " set_config('datasync.actor', :actor, true),"
    " set_config('datasync.run_id', :run_id, true)"
)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one record, before and after."""

    label: str
    before: str | None
    after: str | None


def set_actor(
    session: Session, actor_id: int | None, actor: str, run_id: int | None = None
) -> None:
    """Name who makes every change from here to the end of this transaction, and for which run.

    Requests of signed-in people have it done for them (webapp.sessions); jobs and commands call it
    at the start of each transaction.
    """
    session.execute(
        _WHO,
        {
            "actor_id": "" if actor_id is None else str(actor_id),
            "actor": actor,
            "run_id": "" if run_id is None else str(run_id),
        },
    )
