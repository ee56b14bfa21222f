"""Changes of records: one as people read it, and who makes those of a transaction (what the change
log's triggers write beside each one)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError

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


def fingerprint(*values: object) -> str:
    """Names what a record says in these fields, so that a form can tell what it showed."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def require_unchanged(seen: str | None, now: str, what: str) -> None:
    """Raises `DataSyncError` "changed" unless the form showed (`seen`) what is there now. Who has
    not looked (None) is not told."""
    if seen is not None and seen != now:
        raise DataSyncError(
            "changed",
            f"Somebody else changed {what} while you had this page open, so nothing was saved. "
            "Open it again to see what is there now, then change it.",
        )


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
