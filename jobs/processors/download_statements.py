"""Statements whose parameters are put in as literals, because COPY takes none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg


class Statements:
    """A connection, and the named parameters that all its statements may use."""

    def __init__(self, connection: psycopg.Connection, parameters: Mapping[str, Any]) -> None:
        self._connection = connection
        self.parameters = dict(parameters)

    def merged(self, statement: str, **more: object) -> str:
        """A statement with its parameters as literals."""
        values = self.parameters | more
        return psycopg.ClientCursor(self._connection).mogrify(statement, values)

    def run(self, statement: str, **more: object) -> int:
        """Run it; how many rows it is about."""
        return self.run_merged(self.merged(statement, **more))

    def run_merged(self, statement: str) -> int:
        """The same with one whose parameters are in it already."""
        return max(self._connection.execute(statement).rowcount, 0)

    def one(self, statement: str) -> int:
        """The number that a query gives."""
        return int(self._first(statement) or 0)

    def text(self, statement: str) -> str:
        """The text that a query gives; blank where it gives none."""
        return str(self._first(statement) or "")

    def _first(self, statement: str) -> Any:
        row = self._connection.execute(self.merged(statement)).fetchone()
        return row[0] if row else None
