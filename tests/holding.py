"""A record that a test keeps to itself: a run that comes to its row waits, however fast the machine
is, until the test has done what it wants done in the middle of the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.processes.serving import eventually

WAITING = "SELECT pid FROM pg_locks WHERE NOT granted"
"""Who waits on the server for what somebody else holds. Not asked of `pg_stat_activity`: that stays
as it was when a transaction first looked at it."""


@dataclass(slots=True)
class Held:
    """The constituent of this member ID, held while in this context."""

    database_url: str
    member_id: str
    _connection: psycopg.Connection[Any] | None = field(default=None)

    def __enter__(self) -> Held:
        self.hold()
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()

    def hold(self) -> None:
        """Take hold of it; again, and as soon as it is back, after the database was killed."""
        assert eventually(self._is_taken)

    def _is_taken(self) -> bool:
        self._let_go()
        try:
            self._connection = psycopg.connect(self.database_url, connect_timeout=5)
            found = self._connection.execute(
                "SELECT 1 FROM constituents WHERE member_id = %s FOR UPDATE", [self.member_id]
            ).fetchall()
        except psycopg.OperationalError:
            return False
        assert len(found) == 1, f"{self.member_id} is not there"
        return True

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
