"""Who works on a run: claimed by one attempt at a time, fenced, with a heartbeat."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from jobs.application import connect

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0
STALE_AFTER_SECONDS = 15
"""A running run whose heartbeat is older than this is taken over; one whose worker is known to be
gone, because its lock is free, at once."""
MOST_ATTEMPTS_AT_ONE_ROW = 8
"""A run that dies this often without getting any further is ended with a sentence. A preview never
gets further: each attempt starts over."""


class LostClaimError(Exception):
    """Another attempt has the run, or it was ended: stop without a word."""


class CancelledError(Exception):
    """A person asked the run to stop; everything up to the last chunk stays."""


@dataclass(frozen=True, slots=True)
class Claim:
    """This process's hold on a run. `run` is its row as it was when claimed."""

    id: int
    attempt: int
    run: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands at the start of a chunk's transaction."""

    next_row: int
    tallies: dict[str, Any]


RUN_CONNECTION = "datasync-run"
"""How the server knows connections that must not stay silent inside a transaction."""

ATTEMPT_LOCK = "hashtextextended('datasync run ' || {id} || ' attempt ' || {attempt}, 0)"
"""The lock that an attempt's connection holds for as long as it lives. The server frees it when
the process or the connection dies, however it dies."""

UNHURRIED = "SET LOCAL synchronous_commit = off"
"""For a chunk's transaction: its commit does not wait for the disk. A server that dies may lose the
last chunks, each as a whole and with the row the run stood at, so the next attempt does them again;
whatever commits later and waits, as the end of the run does, waits for all of them."""

_CLAIM = f"""
UPDATE runs SET state = 'running', attempt = attempt + 1, heartbeat_at = clock_timestamp(),
    started_at = coalesce(started_at, clock_timestamp()),
    tallies = jsonb_set(jsonb_set(tallies, '{{attempts_at_row}}', to_jsonb(
        CASE WHEN kind IN ('preview', 'undo_preview')
                OR (tallies ->> 'claimed_at_row')::bigint = next_row
             THEN coalesce((tallies ->> 'attempts_at_row')::int, 0) + 1 ELSE 1 END)),
        '{{claimed_at_row}}', to_jsonb(next_row))
WHERE id = %s AND (state IN ('queued', 'stale') OR (state = 'running'
    AND heartbeat_at < clock_timestamp() - interval '{STALE_AFTER_SECONDS} seconds'))
RETURNING *"""


def claim(connection: psycopg.Connection, run_id: int) -> Claim | None:
    """Take the run, or None when it is finished, cancelled, or in another attempt's hands."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_CLAIM, [run_id]).fetchone()
        if row is None:
            return None
        # Before the commit: from the first moment the run is seen to be held
        lock = ATTEMPT_LOCK.format(id="%s::bigint", attempt="%s::int")
        cursor.execute(f"SELECT pg_advisory_lock({lock})", [run_id, row["attempt"]])
        return Claim(run_id, row["attempt"], row)


def hold(connection: psycopg.Connection, mine: Claim) -> Standing:
    """At the start of a chunk's transaction: lock the run's row and say where it stands.

    Raises `LostClaimError` when the run is no longer this attempt's, `CancelledError` when a person
    asked for the end.
    """
    row = connection.execute(
        "SELECT next_row, cancel_requested, attempt, state, tallies FROM runs WHERE id = %s"
        " FOR NO KEY UPDATE",
        [mine.id],
    ).fetchone()
    if row is None or row[2] != mine.attempt or row[3] != "running":
        raise LostClaimError
    if row[1]:
        raise CancelledError
    return Standing(int(row[0]), row[4])


def add_tallies(connection: psycopg.Connection, mine: Claim, tallies: dict[str, Any]) -> None:
    """Set some of the run's tallies. Does not commit."""
    connection.execute(
        "UPDATE runs SET tallies = tallies || %s WHERE id = %s", [Jsonb(tallies), mine.id]
    )


def move_on(
    connection: psycopg.Connection, mine: Claim, sets: str, parameters: Mapping[str, Any]
) -> None:
    """At the end of a chunk's transaction: set what the run's row tells of it, if the run is still
    this attempt's; else raises `LostClaimError`."""
    updated = connection.execute(
        f"UPDATE runs SET {sets}, heartbeat_at = clock_timestamp()"
        " WHERE id = %(id)s AND attempt = %(attempt)s AND state = 'running'",
        {**parameters, "id": mine.id, "attempt": mine.attempt},
    )
    if updated.rowcount != 1:
        raise LostClaimError


class Heartbeat:
    """While in this context the run's heartbeat goes on, whatever the work waits for."""

    def __init__(self, mine: Claim) -> None:
        self._claim = mine
        self._stop = threading.Event()
        self._connection = self._connect()
        # The thread reconnects with the settings of this context
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=[self._beat], daemon=True, name="heartbeat"
        )

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _connect(self) -> psycopg.Connection:
        connection = connect("heartbeat")
        connection.autocommit = True
        return connection

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                if self._connection.closed:
                    self._connection = self._connect()
                # A chunk that holds the row's lock beats by being committed
                self._connection.execute(
                    "UPDATE runs SET heartbeat_at = clock_timestamp() WHERE id = (SELECT id"
                    " FROM runs WHERE id = %s AND attempt = %s AND state = 'running'"
                    " FOR NO KEY UPDATE SKIP LOCKED)",
                    [self._claim.id, self._claim.attempt],
                )
            except psycopg.Error:
                log.warning("A heartbeat of run %s failed", self._claim.id)
