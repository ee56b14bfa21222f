"""Which changes a download looks at: a window in transactions, without clocks.

A window is what one snapshot sees and an earlier one did not (DESIGN §3). Everything is read in one
REPEATABLE READ transaction, whose snapshot is the window's end; a row of the change log is in the
window when its transaction was not finished for the snapshot at which the window before ended.
What commits late is in the first window that sees it, and in no other; a transaction that stays
open holds up nothing but itself.

Numbers of transactions are one cluster's: in a restored database the log has those of another, and
they may lie anywhere. So a window also begins behind the log's last row that the earlier snapshot
saw. A row below it that the snapshot did not see was written by a transaction that already had its
number. PostgreSQL's own list of running transactions leaves out those above the last that finished,
so a window's end lists them too (`Snapshot.up_to`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from jobs.failures import LAST_DELIVERY_UNREADABLE, NOT_READABLE, RunFailedError
from webapp.rules.download_settings import DownloadRequest, Start
from webapp.services.delivery_tokens import read_token, token_key


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen at one moment: transactions, in the form PostgreSQL writes a `pg_snapshot` in,
    and the last row of the change log among what they wrote."""

    text: str
    last_id: int

    def up_to(self, number: int) -> Snapshot:
        """The same, saying of each number below this one that it is running, or was finished too
        late to be seen. All that had a number by then had one below it."""
        xmin, xmax, running = self.text.split(":")
        unnamed = map(str, range(int(xmax), number))
        named = ",".join(filter(None, (running, *unnamed)))
        return Snapshot(f"{xmin}:{number}:{named}", self.last_id)

    def unseen(self) -> str:
        """SQL about `change_log l`: a row that was not seen. Plain comparisons, so that the
        block-range index of the change log serves it."""
        xmin, xmax, running = self.text.split(":")
        later = f"l.xid >= {xmax} AND l.id > {self.last_id}"
        if not running:
            return f"({later})"
        return f"(l.xid >= {xmin} AND (({later}) OR l.xid IN ({running})))"


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where everything of a stream is accounted for, and in which cluster."""

    snapshot: Snapshot
    at: datetime
    cluster: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream stands: its latest committed download."""

    run_id: int
    number: int
    position: Position | None


@dataclass(frozen=True, slots=True)
class Window:
    """What one download looks at. `since` None is everything, unless only what was held back
    before is wanted (`only_carried`)."""

    stream_id: int
    head: Head | None
    start: Start
    since: Snapshot | None
    since_at: datetime | None
    until: Snapshot
    until_at: datetime
    cluster: str
    restored_from: str | None
    token: str | None
    moves: bool
    carried_from: tuple[int, ...] = ()
    """The runs whose held-back lists are looked at again."""
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

    def undelivered(self) -> str:
        """SQL about `change_log l`: whether no download before looked at a change. A window that
        begins earlier has changes that went already."""
        if self.head is None or self.head.position is None:
            return "true"
        return self.head.position.snapshot.unseen()

    def delivered_by(self) -> str:
        """SQL about `download_windows w`: whether what a download sent counts as sent."""
        before = "" if self.repeats_from is None else f" AND w.number < {self.repeats_from}"
        return f"(w.stream_id = {self.stream_id} AND w.is_committed{before})"

    @property
    def position(self) -> Position | None:
        """Up to where everything is accounted for once this download counts."""
        if self.moves:
            return Position(self.until, self.until_at, self.cluster)
        return self.head.position if self.head else None


_CLUSTER = """
SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
    CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    'change_log'::regclass::oid)
"""


def get_cluster(connection: psycopg.Connection) -> str:
    """Whose history it is: the database cluster, and its timeline, which is another one after it
    was restored to a moment in the past; the database and its log, which are others after a dump
    was read in again."""
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
        "SELECT run_id, number, position, coalesce(position_log_id, 0), position_at, cluster"
        " FROM download_windows"
        " WHERE stream_id = %s AND is_committed ORDER BY number DESC LIMIT 1",
        [stream_id],
    ).fetchone()
    if row is None:
        return None
    run_id, number, text, last_id, at, cluster = row
    position = Position(Snapshot(text, last_id), at, cluster) if text is not None else None
    return Head(run_id, number, position)


def find_left_token(connection: psycopg.Connection, stream_id: int) -> bytes | None:
    """What the file store remembers of this stream, to be opened a window with. Before the
    transaction that reads: a download may end in between, and leaves what its snapshot misses.
    Raises `RunFailedError` where a person has to see to the file store first: without the token it
    would not be noticed that the database was put back."""
    with connection.transaction():
        cluster = get_cluster(connection)
    try:
        return read_token(cluster, stream_id)
    except OSError as error:
        if error.errno not in NOT_READABLE:
            raise
        key = token_key(cluster, stream_id)
        raise RunFailedError(
            LAST_DELIVERY_UNREADABLE.format(key=key, why=error.strerror)
        ) from error


def _is_known(connection: psycopg.Connection, stream_id: int, token: bytes) -> bool:
    """Whether the download that left this token is in the database, and counts."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM download_windows WHERE stream_id = %s AND is_committed"
        " AND convert_to(token, 'UTF8') = %s)",
        [stream_id, token],
    ).fetchone()
    return bool(row and row[0])


def open_window(
    connection: psycopg.Connection, stream_id: int, request: DownloadRequest, left: bytes | None
) -> Window:
    """The window of a download, in the REPEATABLE READ transaction that reads it. `left`: the
    token found before (`find_left_token`)."""
    # First of all: its own number, taken just after the snapshot, is above everybody's who was at
    # work then, and not by much
    row = connection.execute(
        "SELECT pg_current_snapshot()::text, pg_current_xact_id()::text::bigint, clock_timestamp()"
    ).fetchone()
    assert row is not None
    head = find_head(connection, stream_id)
    cluster = get_cluster(connection)
    known = head.position.snapshot if head and head.position else None
    restored_from = None
    if head and head.position and head.position.cluster != cluster:
        # Its numbers of transactions mean nothing here: nothing is known to be delivered
        restored_from, known = head.position.cluster, None
    elif left is not None and not _is_known(connection, stream_id, left):
        # More was delivered than this database knows of: it was put back from a copy
        restored_from, known = cluster, None
    window = Window(
        stream_id=stream_id,
        head=head,
        start=request.start,
        since=None,
        since_at=None,
        until=Snapshot(str(row[0]), _find_last(connection, known)).up_to(row[1]),
        until_at=row[2],
        cluster=cluster,
        restored_from=restored_from,
        token=secrets.token_hex(16),
        moves=True,
        carried_from=(head.run_id,) if head else (),
    )
    return _begin(connection, window, request, known)


def _find_last(connection: psycopg.Connection, known: Snapshot | None) -> int:
    """The last row of the change log there is: looked for behind what is known, if anything is.
    The sequence's own value would be ahead of the snapshot."""
    last_id, unseen = 0, "true"
    if known is not None and known.last_id:
        last_id, unseen = known.last_id, known.unseen()
    row = connection.execute(
        f"SELECT greatest({last_id}, (SELECT max(l.id) FROM change_log l WHERE {unseen}))"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _begin(
    connection: psycopg.Connection,
    window: Window,
    request: DownloadRequest,
    known: Snapshot | None,
) -> Window:
    """The window with its beginning. `known`: up to where everything is accounted for here."""
    head, since_at = window.head, request.since_at
    if request.start is Start.FREE:
        # A restored database is told by the next one, which has to find what this one found
        token = window.token if window.restored_from is None else None
        return replace(window, moves=False, restored_from=None, token=token)
    if request.start is Start.LAST:
        return replace(window, since=known)
    if window.restored_from is not None:
        return window
    if request.start is Start.AGAIN and request.again_run_id:
        return _begin_again(connection, window, request.again_run_id)
    if request.start is Start.DATE:
        # A start behind where the last one ended would leave out what is between for good
        if head and head.position and since_at and since_at <= head.position.at:
            return replace(window, since=known, since_at=since_at)
        return replace(window, since_at=since_at, moves=False)
    return window


_BEGINNING = """
SELECT w.from_snapshot, coalesce(w.from_log_id, 0), w.since_at, w.number, b.run_id,
    b.withheld IS NULL OR b.withheld = (SELECT count(DISTINCT record_id) FROM withheld_records r
        WHERE r.run_id = b.run_id)
FROM download_windows w LEFT JOIN LATERAL (SELECT run_id, withheld FROM download_windows e
    WHERE e.stream_id = w.stream_id AND e.is_committed AND e.number < w.number
    ORDER BY e.number DESC LIMIT 1) b ON true
WHERE w.run_id = %s AND w.stream_id = %s AND w.is_committed AND w.start <> 'free'
    AND w.cluster = %s"""


def _begin_again(connection: psycopg.Connection, window: Window, run_id: int) -> Window:
    """From where an earlier download of the stream began, with what was held back by then.
    Everything, where it began with everything, or in another cluster, or where it is no longer
    known what was held back."""
    row = connection.execute(_BEGINNING, [run_id, window.stream_id, window.cluster]).fetchone()
    if row is None:
        return window
    text, last_id, since_at, number, before, is_known = row
    if not is_known:
        return replace(window, repeats_from=number)
    return replace(
        window,
        since=Snapshot(text, last_id) if text is not None else None,
        since_at=since_at,
        moves=since_at is None or text is not None,
        carried_from=(*window.carried_from, *([before] if before is not None else [])),
        repeats_from=number,
    )
