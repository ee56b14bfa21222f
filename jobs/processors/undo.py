"""Undo: what a run did to each constituent is taken back, unless somebody changed it since."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from jobs.actors import Actor
from jobs.claims import UNHURRIED, Claim, Standing, hold, move_on
from jobs.processors import undo_gifts as gifts
from jobs.processors import undo_sql as sql
from jobs.processors.import_matching import LOOKUPS_BY_KEY
from webapp.config import current_settings
from webapp.extensions import db
from webapp.services.locks import KEYS_LOCK

TOLD = ("removed", "restored", "restored_fields", "kept")
"""What an undo tells of itself, in its tallies."""


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Take back, chunk by chunk, what the parent run did."""
    _Undo(connection, mine, is_preview=False).go_on()


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Find out what an undo would restore, remove and keep, and why, without doing it. An
    interrupted one starts over: which keys would be free by then is only known to its session."""
    with connection.transaction():
        hold(connection, mine)
        connection.execute("DELETE FROM run_rows WHERE run_id = %s", [mine.id])
        connection.execute(
            "UPDATE runs SET next_row = 0, rows_read = 0, tallies = tallies - %s WHERE id = %s",
            [list(TOLD), mine.id],
        )
    _Undo(connection, mine, is_preview=True).go_on()


class _Undo:
    """One attempt. `next_row` of the undo's row is how many constituents it has dealt with."""

    def __init__(self, connection: psycopg.Connection, mine: Claim, *, is_preview: bool) -> None:
        self._connection = connection
        self._claim = mine
        self._is_preview = is_preview
        settings = current_settings()
        self._chunk_rows = settings.chunk_rows
        self._unique_email = settings.unique_email
        self._parameters: dict[str, Any] = {
            "run": mine.id,
            "parent": mine.run["parent_id"],
            "zone": settings.time_zone,
        }
        try:
            self._actor = Actor.of_run(db.session(), mine.run)
        finally:
            db.session.remove()

    def go_on(self) -> None:
        """Every constituent that is left, then the groups the run made."""
        with self._connection.transaction():
            self._prepare()
        while self._process_chunk():
            pass
        if not self._is_preview:
            with self._connection.transaction():
                # No run may be about to put somebody into what is still empty
                self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [KEYS_LOCK])
                hold(self._connection, self._claim)
                self._act_as_user()
                self._connection.execute(sql.REMOVE_INTERESTS, self._parameters)
                self._connection.execute(sql.REMOVE_GROUPS, self._parameters)

    def _prepare(self) -> None:
        connection, parameters = self._connection, self._parameters
        standing = hold(connection, self._claim)
        parameters["position"] = standing.next_row
        for statement in (*sql.CREATE_TABLES, *gifts.CREATE_TABLES):
            connection.execute(statement)
        parameters["first"] = _value(connection, sql.FIRST_ENTRY, parameters) or 0
        parameters["ignored"] = _value(connection, sql.IGNORED_RUNS, parameters)
        parameters["own_groups"] = _value(
            connection,
            "SELECT coalesce(array_agg(id::text), '{}') FROM groups"
            " WHERE made_by_run_id = %(parent)s AND kind IN ('new', 'modified')",
            parameters,
        )
        left = connection.execute(sql.FILL_TODO, parameters).rowcount
        connection.execute("ANALYZE undo_todo")
        connection.execute(
            "UPDATE runs SET rows_total = rows_read + %s, rows_total_is_exact = true,"
            " tallies = %s || tallies WHERE id = %s",
            [left, Jsonb(dict.fromkeys(TOLD, 0)), self._claim.id],
        )

    def _act_as_user(self) -> None:
        self._actor.act(self._connection, self._claim.id)
        self._connection.execute(UNHURRIED)

    def _process_chunk(self) -> bool:
        """One chunk, one transaction; False when nothing is left."""
        execute, parameters = self._connection.execute, self._parameters
        with self._connection.transaction():
            if not self._is_preview:
                execute("SELECT pg_advisory_xact_lock(%s)", [KEYS_LOCK])
            standing = hold(self._connection, self._claim)
            self._act_as_user()
            parameters |= {
                "position": standing.next_row,
                "size": self._chunk_rows,
                "told": standing.tallies.get("kept", 0),
            }
            if execute(sql.FILL_CHUNK, parameters).rowcount == 0:
                return False
            self._find_out()
            kept = execute(sql.WRITE_KEPT, parameters).rowcount
            parameters["told"] += kept
            kept += execute(gifts.WRITE_KEPT, parameters).rowcount
            with self._connection.cursor(row_factory=dict_row) as cursor:
                counts = cursor.execute(sql.COUNT, parameters).fetchone() or {}
                for name, count in (cursor.execute(gifts.COUNT).fetchone() or {}).items():
                    counts[name] += count
            if self._is_preview:
                execute(sql.REMEMBER_RELEASED)
            else:
                self._take_back()
            self._advance(standing, counts | {"kept": kept})
        return True

    def _find_out(self) -> None:
        execute, parameters = self._connection.execute, self._parameters
        if not self._is_preview:
            execute(sql.LOCK_CHUNK)
        execute(LOOKUPS_BY_KEY)
        execute(sql.FILL_ENTRIES, parameters)
        execute("SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on")
        execute("ANALYZE undo_entries")
        execute(sql.FILL_CREATED, parameters)
        execute(sql.FILL_FIELDS, parameters)
        while execute(sql.KEEP_TAKEN_MEMBER_ID, parameters | {"field": "member_id"}).rowcount:
            pass
        while (
            self._unique_email
            and execute(sql.KEEP_TAKEN_EMAIL, parameters | {"field": "primary_email"}).rowcount
        ):
            pass
        execute(sql.FILL_LINKS, parameters)
        execute(gifts.FILL_MADE, parameters)
        while execute(gifts.KEEP_ORIGINALS).rowcount:
            pass
        execute(gifts.FILL_FIELDS, parameters)

    def _take_back(self) -> None:
        execute = self._connection.execute
        for statement in sql.REMOVE_CREATED:
            execute(statement)
        execute(sql.FREE_MEMBER_IDS)
        execute(sql.RESTORE_FIELDS)
        execute(sql.REMOVE_EMAILS)
        for statement in gifts.TAKE_BACK:
            execute(statement)
        for statement in sql.RESTORE_LINKS:
            execute(statement)

    def _advance(self, standing: Standing, counts: dict[str, Any]) -> None:
        tallies = standing.tallies
        for name in TOLD:
            tallies[name] = tallies.get(name, 0) + counts[name]
        move_on(
            self._connection,
            self._claim,
            "next_row = %(position)s, rows_read = rows_read + %(constituents)s,"
            " tallies = %(tallies)s",
            counts | {"tallies": Jsonb(tallies)},
        )


def _value(connection: psycopg.Connection, statement: str, parameters: dict[str, Any]) -> Any:
    row = connection.execute(statement, parameters).fetchone()
    return row[0] if row else None
