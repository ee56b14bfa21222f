"""Undo of a cross-reference upload: the entries it made go, those it changed get back what they
had, unless somebody changed them since. Whole or not at all, as the upload was."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from jobs.actors import Actor
from jobs.claims import Claim, hold, move_on
from jobs.processors import crossref_undo_sql as sql
from jobs.processors.crossref_upload_sql import MARK_FIRST, MARK_OTHERS
from jobs.processors.undo import TOLD
from webapp.config import current_settings
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.crossrefs import OnlineKind
from webapp.services.crossrefs import find_type
from webapp.services.uploads import TYPE_OPTION


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Take back what the parent run did."""
    _Undo(connection, mine).go_on(is_preview=False)


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Find out what an undo would restore, remove and keep, and why, without doing it."""
    _Undo(connection, mine).go_on(is_preview=True)


class _Undo:
    """One attempt; an earlier one has left nothing behind."""

    def __init__(self, connection: psycopg.Connection, mine: Claim) -> None:
        self._connection = connection
        self._claim = mine
        session = db.session()
        try:
            parent = session.get_one(Run, mine.run["parent_id"])
            found = find_type(session, str(parent.options.get(TYPE_OPTION)))
            self._actor = Actor.of_run(session, mine.run)
            self._parameters: dict[str, Any] = {
                "run": mine.id,
                "parent": parent.id,
                "zone": current_settings().time_zone,
                "type": found.id if found else 0,
                "is_number": found is not None and found.online_kind != OnlineKind.CODE,
                "user": self._actor.id,
            }
        finally:
            db.session.remove()

    def go_on(self, *, is_preview: bool) -> None:
        """All of it, in one transaction; a preview looks at one moment's table."""
        connection = self._connection
        with connection.transaction():
            hold(connection, self._claim)
            connection.execute("DELETE FROM run_rows WHERE run_id = %(run)s", self._parameters)
            for statement in sql.TABLES:
                connection.execute(statement)
        if is_preview:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.transaction():
                self._find_out()
            connection.isolation_level = None
        with connection.transaction():
            if not is_preview:
                connection.execute(
                    "SELECT id FROM cross_reference_types WHERE id = %(type)s FOR NO KEY UPDATE",
                    self._parameters,
                )
                self._find_out()
            kept = connection.execute(sql.WRITE_KEPT, self._parameters).rowcount
            with connection.cursor(row_factory=dict_row) as cursor:
                counts = cursor.execute(sql.COUNT).fetchone() or {}
            if not is_preview:
                self._take_back()
            self._advance(counts | {"kept": kept})

    def _find_out(self) -> None:
        execute, parameters = self._connection.execute, self._parameters
        ignored = execute(sql.IGNORED_RUNS, parameters).fetchone()
        parameters["ignored"] = [*(ignored[0] if ignored else []), parameters["parent"]]
        for statement in sql.FILL:
            execute(statement, parameters)
        while execute(sql.KEEP_TAKEN, parameters).rowcount:
            pass
        execute(sql.MARKS, parameters)
        for statement in sql.INDEX_MARKS:
            execute(statement)
        execute(sql.UNMARK)
        if execute(MARK_FIRST).rowcount:
            while execute(MARK_OTHERS).rowcount:
                pass

    def _take_back(self) -> None:
        self._actor.act(self._connection, self._claim.id)
        for statement in sql.WRITE:
            self._connection.execute(statement, self._parameters)

    def _advance(self, counts: dict[str, Any]) -> None:
        tallies = hold(self._connection, self._claim).tallies
        for name in TOLD:
            tallies[name] = counts[name]
        move_on(
            self._connection,
            self._claim,
            "next_row = %(entries)s, rows_read = %(entries)s, rows_total = %(entries)s,"
            " rows_total_is_exact = true, tallies = %(tallies)s",
            {"entries": counts["entries"], "tallies": Jsonb(tallies)},
        )
