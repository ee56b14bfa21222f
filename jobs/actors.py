"""In whose name a run changes records: what the change log writes beside each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from webapp.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who started a run; without an ID the program itself."""

    id: int | None
    name: str

    @classmethod
    def of_run(cls, session: Session, run: Mapping[str, Any]) -> Actor:
        """Whoever the run's row names."""
        user = session.get(User, run["user_id"]) if run["user_id"] else None
        return cls(user.id, user.name or user.email) if user else cls(None, "DataSync")

    def act(self, connection: psycopg.Connection, run_id: int) -> None:
        """Every change from here to the end of the transaction is theirs, and the run's."""
        connection.execute(
            "SELECT set_config('datasync.actor_id', %s, true),"
            " set_config('datasync.actor', %s, true), set_config('datasync.run_id', %s, true)",
            ["" if self.id is None else str(self.id), self.name, str(run_id)],
        )
