"""Which changes a download looks at: a window in transactions, without clocks.

A window is what one snapshot sees and an earlier one did not (DESIGN §3). Everything is read in one
REPEATABLE READ transaction, whose snapshot is the window's end; a row of the change log is in the
window when its transaction was not finished for the snapshot at which the window before ended.
What commits late is in the first window that sees it, and in no other; a transaction that stays
open holds up nothing but itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from webapp.rules.download_settings import DownloadRequest, Start


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions were finished: those below `xmax` that are not among `running`."""

    xmin: int
    xmax: int
    running: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> Snapshot:
        """From the form PostgreSQL writes a `pg_snapshot` in."""
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), tuple(map(int, running.split(","))) if running else ())

    def unseen(self, xid: str = "l.xid") -> str:
        """SQL: a transaction that this snapshot does not see. Plain comparisons, so that the
        block-range index of the change log serves it."""
        if not self.running:
            return f"{xid} >= {self.xmax}"
        running = ", ".join(map(str, self.running))
        return f"({xid} >= {self.xmin} AND ({xid} >= {self.xmax} OR {xid} IN ({running})))"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream stands: its latest committed download."""

    run_id: int
    number: int
    position: str | None
    position_at: datetime | None
    cluster: str | None
    reach: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """What one download looks at. `since` None is everything, unless only what was held back
    before is wanted (`only_carried`)."""

    stream_id: int
    head: Head | None
    start: Start
    since: Snapshot | None
    since_text: str | None
    since_at: datetime | None
    until: str
    until_at: datetime
    cluster: str
    restored_from: str | None
    moves: bool
    repeats_from: int | None = None
    """The place of the download that is repeated: what it and later ones sent counts as unsent."""

    @property
    def only_carried(self) -> bool:
        """Whether only what was held back before is looked at."""
        return self.start is Start.FREE

    @property
    def is_everything(self) -> bool:
        """Whether every record is looked at, changed or not."""
        return not self.only_carried and self.since is None and self.since_at is None

    @property
    def number(self) -> int:
        """This download's place in the stream."""
        return self.head.number + 1 if self.head else 1

    def unseen(self) -> str:
        """SQL about `change_log l`: whether a change is in the window. Takes `%(since_at)s`."""
        parts = [self.since.unseen()] if self.since else []
        if self.since_at is not None:
            parts.append("l.at >= %(since_at)s")
        return f"({' OR '.join(parts)})" if parts else "true"


_CLUSTER = """
SELECT (SELECT system_identifier FROM pg_control_system())::text || '/'
    || CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END
"""


def get_cluster(connection: psycopg.Connection) -> str:
    """Who counts the transactions: the database cluster, and its timeline, which is another one
    after it was restored to a moment in the past."""
    row = connection.execute(_CLUSTER).fetchone()
    return str(row[0]) if row else ""


def find_stream(connection: psycopg.Connection, operation_id: int, center_id: int | None) -> int:
    """The stream of an operation and a center, made when it is asked for the first time."""
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO download_streams AS s (operation_id, center_id) VALUES (%s, %s)"
            " ON CONFLICT (operation_id, center_id) DO UPDATE SET center_id = s.center_id"
            " RETURNING id",
            [operation_id, center_id],
        ).fetchone()
    assert row is not None
    return int(row[0])


def find_head(connection: psycopg.Connection, stream_id: int) -> Head | None:
    """The latest committed download of a stream."""
    row = connection.execute(
        "SELECT run_id, number, position, position_at, cluster, settings FROM download_windows"
        " WHERE stream_id = %s AND is_committed ORDER BY number DESC LIMIT 1",
        [stream_id],
    ).fetchone()
    return Head(*row) if row else None


def open_window(connection: psycopg.Connection, stream_id: int, request: DownloadRequest) -> Window:
    """The window of a download, in the REPEATABLE READ transaction that reads it."""
    head = find_head(connection, stream_id)
    row = connection.execute("SELECT pg_current_snapshot()::text, clock_timestamp()").fetchone()
    assert row is not None
    until, until_at = str(row[0]), row[1]
    cluster = get_cluster(connection)
    start, since_text, since_at, moves = request.start, None, None, True
    restored_from = repeats_from = None
    position = head.position if head else None
    if head and position is not None and head.cluster != cluster:
        # Its numbers of transactions mean nothing here: nothing is known to be delivered
        restored_from, position = head.cluster, None
    if start is Start.FREE:
        moves, restored_from = False, None
    elif start is Start.LAST:
        since_text = position
    elif start is Start.AGAIN and request.again_run_id and restored_from is None:
        since_text, since_at, repeats_from = _beginning_of(
            connection, stream_id, request.again_run_id, cluster
        )
        moves = since_at is None or since_text is not None
    elif start is Start.DATE and position is not None:
        since_at = request.since_at
        # A start behind where the last one ended would leave out what is between for good
        moves = bool(head and head.position_at and since_at and since_at <= head.position_at)
        since_text = position if moves else None
    elif start is Start.DATE and restored_from is None:
        since_at, moves = request.since_at, False
    return Window(
        stream_id=stream_id,
        head=head,
        start=start,
        since=Snapshot.read(since_text) if since_text else None,
        since_text=since_text,
        since_at=since_at,
        until=until,
        until_at=until_at,
        cluster=cluster,
        restored_from=restored_from,
        moves=moves,
        repeats_from=repeats_from,
    )


def _beginning_of(
    connection: psycopg.Connection, stream_id: int, run_id: int, cluster: str
) -> tuple[str | None, datetime | None, int | None]:
    """Where an earlier download of the stream began; nothing (which is everything) where it began
    with everything, or in another cluster. And its place in the stream."""
    row = connection.execute(
        "SELECT from_snapshot, since_at, number FROM download_windows WHERE run_id = %s"
        " AND stream_id = %s AND is_committed AND start <> 'free' AND cluster = %s",
        [run_id, stream_id, cluster],
    ).fetchone()
    return (row[0], row[1], row[2]) if row else (None, None, None)
