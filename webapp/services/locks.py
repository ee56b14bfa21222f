"""What a person at a page waits for: never longer than they would look at a page that does not
answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError

KEYS_LOCK = 7_231_002
"""Held by whoever writes constituents by key: a chunk of a run while it matches and writes, and
edits of keys by hand. Keys stand still in the meantime."""
LOCK_SECONDS = 10.0
"""A run's chunk takes a second or so; whoever holds a record longer is told about."""


@contextmanager
def waiting_briefly(session: Session, otherwise: str) -> Iterator[None]:
    """What is done in here, and later in the same transaction, waits for others so long. When that
    was not enough, what was done in here is taken back, and `DataSyncError` "busy" says
    `otherwise`."""
    try:
        with session.begin_nested():
            session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            yield
    except OperationalError as error:
        if isinstance(error.orig, errors.LockNotAvailable | errors.DeadlockDetected):
            raise DataSyncError("busy", otherwise) from None
        raise


def hold_keys(session: Session) -> None:
    """No import matches or writes until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(KEYS_LOCK)))
