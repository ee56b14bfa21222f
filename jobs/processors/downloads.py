"""What downloads of every kind share: the window, the files, the account, and their record.

Everything is read in one REPEATABLE READ transaction, whose snapshot is the end of the window. Its
result is written down in a second one, not yet counting; the transaction that marks the run a
success makes it count (`webapp.services.downloads.commit_window`). Killed before that, nothing has
happened, and the next attempt does all of it anew: its files have names of their own.

One download of a stream at a time: an advisory lock holds the others up. Should it ever fail, the
database refuses two downloads that follow the same one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from jobs.application import connect
from jobs.claims import CancelledError, Claim, LostClaimError, add_tallies, hold
from jobs.crossrefs import forget_seen
from jobs.outward import Outward, load_outward, record_outward
from jobs.processors import constituent_download, transaction_download
from jobs.processors.download_files import (
    Target,
    Written,
    read_sample,
    write_csv,
    write_workbook,
)
from jobs.processors.download_plans import Counts, Plan
from jobs.processors.download_sources import Source
from jobs.processors.download_windows import (
    Window,
    find_left_token,
    find_stream,
    open_window,
)
from webapp.config import current_settings
from webapp.extensions import db
from webapp.rules.catalogues import CONSTITUENT_DOWNLOAD, TRANSACTION_DOWNLOAD
from webapp.rules.download_settings import DownloadRequest
from webapp.services import uploads
from webapp.services.downloads import delete_attempts, file_key
from webapp.services.files import file_store

LOCK_PAUSE_SECONDS = 0.5
LOOK_SECONDS = 0.5

_STREAM_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('datasync download ' || %s, 0))"

SourceMaker = Callable[[psycopg.Connection, Claim, DownloadRequest], Source]


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Write the files of a download and put down what it did."""
    request = DownloadRequest.from_json(mine.run["options"].get("download"))
    with _watching(mine) as watch:
        stream_id = _find_stream(connection, mine)
        _wait_for_stream(connection, stream_id, watch)
        _forget_earlier_attempts(connection, mine)
        source = _make_source(connection, mine, request)
        left = find_left_token(connection, stream_id)
        with _reading(connection):
            window = open_window(connection, stream_id, request, left)
            plan = Plan(connection, source, window)
            counts = plan.make()
            watch.expect(counts)
            files = _write_files(connection, mine, source, plan, request, watch)
        _record(connection, mine, plan, request, window, counts, files)


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Count what a download would give if it ran now, with its first rows."""
    request = DownloadRequest.from_json(mine.run["options"].get("download"))
    with _watching(mine) as watch:
        stream_id = _find_stream(connection, mine)
        source = _make_source(connection, mine, request)
        left = find_left_token(connection, stream_id)
        with _reading(connection):
            window = open_window(connection, stream_id, request, left)
            plan = Plan(connection, source, window)
            counts = plan.make()
            watch.look()
            told = _describe(connection, source, window, plan, counts)
        with connection.transaction():
            hold(connection, mine)
            delivered = told["delivered"]
            _set_counts(connection, mine, counts, delivered)
            add_tallies(connection, mine, {"download": told})


# Steps ---------------------------------------------------------------------------------------


def _find_stream(connection: psycopg.Connection, mine: Claim) -> int:
    return find_stream(connection, mine.run["operation_id"], mine.run["center_id"])


def _wait_for_stream(connection: psycopg.Connection, stream_id: int, watch: _Watch) -> None:
    """Until no other download of the stream is under way. The connection holds the lock."""
    while True:
        with connection.transaction():
            row = connection.execute(_STREAM_LOCK, [str(stream_id)]).fetchone()
        if row and row[0]:
            return
        watch.look()
        time.sleep(LOCK_PAUSE_SECONDS)


@contextmanager
def _reading(connection: psycopg.Connection) -> Iterator[None]:
    """One snapshot for everything in here. Rows come in the order they lie in."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            connection.execute("SET LOCAL synchronize_seqscans = off")
            connection.execute("SET LOCAL TimeZone = 'UTC'")
            connection.execute("SET LOCAL DateStyle = 'ISO, YMD'")
            yield
    finally:
        if not connection.closed:
            connection.isolation_level = None


def _make_source(connection: psycopg.Connection, mine: Claim, request: DownloadRequest) -> Source:
    with connection.transaction():
        row = connection.execute(
            "SELECT kind FROM operations WHERE id = %s", [mine.run["operation_id"]]
        ).fetchone()
    return MAKERS[row[0] if row else ""](connection, mine, request)


def _make_constituent_source(
    connection: psycopg.Connection, mine: Claim, request: DownloadRequest
) -> Source:
    fields = uploads.known_fields(db.session(), CONSTITUENT_DOWNLOAD)
    db.session.remove()
    keys = constituent_download.keys_used(request.settings, fields)
    scene = constituent_download.Scene(
        run_id=mine.id,
        center_id=mine.run["center_id"],
        time_zone=current_settings().time_zone,
        fields=fields,
        tables=load_tables(connection, mine, keys),
    )
    return constituent_download.make_source(request.settings, scene)


def load_tables(
    connection: psycopg.Connection, mine: Claim, keys: Iterable[str]
) -> dict[str, Outward]:
    """The cross-reference tables of these types. One without any entry translates nothing: where
    nobody has mapped anything yet, our own values go out."""
    wanted = set(keys)
    tables = load_outward(connection, mine, wanted) if wanted else {}
    found = {}
    for key, table in tables.items():
        if _has_entries(connection, table):
            found[key] = table
    return found


def _has_entries(connection: psycopg.Connection, table: Outward) -> bool:
    with connection.transaction():
        row = connection.execute(f"SELECT EXISTS (SELECT FROM {table.table})").fetchone()
    return bool(row and row[0])


def _make_transaction_source(
    connection: psycopg.Connection, mine: Claim, request: DownloadRequest
) -> Source:
    keys = transaction_download.keys_used(request.settings)
    scene = transaction_download.Scene(
        run_id=mine.id,
        center_id=mine.run["center_id"],
        tables=_load_purposes(connection, mine, keys),
    )
    return transaction_download.make_source(request.settings, scene)


def _load_purposes(
    connection: psycopg.Connection, mine: Claim, keys: set[str]
) -> dict[str, Outward]:
    """Every type of what transactions are for counts, also one without entries: what is not mapped
    waits. Codes without any entry are left as they are."""
    tables = load_outward(connection, mine, keys) if keys else {}
    key = transaction_download.SOURCE_KEY
    if key in tables and not _has_entries(connection, tables[key]):
        del tables[key]
    return tables


MAKERS: Mapping[str, SourceMaker] = {
    CONSTITUENT_DOWNLOAD: _make_constituent_source,
    TRANSACTION_DOWNLOAD: _make_transaction_source,
}
"""By the kind of the operation."""


def _write_files(
    connection: psycopg.Connection,
    mine: Claim,
    source: Source,
    plan: Plan,
    request: DownloadRequest,
    watch: _Watch,
) -> list[Written]:
    settings, files = request.settings, []
    roles = [("records", source.noun, plan.select(), source.headings)]
    if plan.has_removals:
        headings = [column.heading for column in source.removal_columns]
        name = f"{source.noun}-removed"
        roles.append(("removals", name, plan.select_removals(), headings))
    for role, noun, select, headings in roles:
        for file_format in settings.formats:
            target = Target(
                store=file_store(),
                role=role,
                name=name_file(noun, mine.run["started_at"], mine.id),
                key=file_key(mine.id, mine.attempt, role, file_format),
            )
            tell = watch.tell if role == "records" else watch.ignore
            if file_format == "csv":
                made = write_csv(connection, select, headings, target, settings, tell)
            else:
                sheet = source.noun.capitalize()
                made = write_workbook(connection, select, headings, target, tell, sheet=sheet)
            files.append(made)
    if source.sends_once:
        plan.keep_delivered()
    return files


def name_file(noun: str, at: datetime, run_id: int) -> str:
    """`constituents_2026-03-01_0930_run-42`, in the site's time zone."""
    local = at.astimezone(ZoneInfo(current_settings().time_zone))
    return f"{noun}_{local:%Y-%m-%d_%H%M}_run-{run_id}"


def _describe(
    connection: psycopg.Connection, source: Source, window: Window, plan: Plan, counts: Counts
) -> dict[str, Any]:
    reasons = connection.execute(
        "SELECT reason, field, count(DISTINCT record_id) FROM download_reasons GROUP BY 1, 2"
        " ORDER BY 3 DESC, 1, 2 LIMIT 50"
    ).fetchall()
    head = window.head
    return {
        "changed": counts.changed,
        "carried": counts.carried,
        "delivered": plan.count_delivered(),
        "removed": counts.removed,
        "withheld": counts.withheld,
        "filtered_out": counts.filtered_out,
        "echoed": counts.echoed,
        "headings": source.headings,
        "gone_columns": list(source.gone),
        "sample": read_sample(connection, plan.select(limit=20)),
        "reasons": [list(row) for row in reasons],
        "start": window.start.value,
        "is_everything": window.is_everything,
        "moves": window.moves,
        "restored_from": window.restored_from,
        "previous_at": head.position_at.isoformat() if head and head.position_at else None,
        "is_first": head is None or head.position is None,
    }


# The record ----------------------------------------------------------------------------------


def _forget_earlier_attempts(connection: psycopg.Connection, mine: Claim) -> None:
    """What an attempt that died had written down or stored is nobody's."""
    delete_attempts(mine.id, mine.attempt - 1)
    with connection.transaction():
        hold(connection, mine)
        for table in ("download_files", "withheld_records", "download_deliveries"):
            connection.execute(f"DELETE FROM {table} WHERE run_id = %s", [mine.id])
        connection.execute("DELETE FROM download_windows WHERE run_id = %s", [mine.id])
        forget_seen(connection, mine)
        connection.execute(
            "UPDATE runs SET rows_read = 0, delivered = 0, removed = 0, withheld = 0,"
            " filtered_out = 0, rows_total = NULL, rows_total_is_exact = true WHERE id = %s",
            [mine.id],
        )


_RECORD_WINDOW = """
INSERT INTO download_windows (run_id, stream_id, number, start, since_at, from_snapshot,
    from_log_id, to_snapshot, to_at, moves, position, position_log_id, position_at, cluster,
    restored_from, token, changed, carried, delivered, removed, withheld, filtered_out, echoed,
    settings, sample)
VALUES (%(run)s, %(stream)s, %(number)s, %(start)s, %(since_at)s, %(from)s, %(from_log_id)s,
    %(to)s, %(to_at)s, %(moves)s, %(position)s, %(position_log_id)s, %(position_at)s, %(cluster)s,
    %(restored_from)s, %(token)s, %(changed)s, %(carried)s, %(delivered)s, %(removed)s,
    %(withheld)s, %(filtered_out)s, %(echoed)s, %(settings)s, %(sample)s)"""

_RECORD_WITHHELD = """
INSERT INTO withheld_records (run_id, record_id, reason, field, value, constituent_id, who, amount,
    currency, since_at)
SELECT DISTINCT ON (n.record_id, n.reason, n.field, n.value) %(run)s, n.record_id, n.reason,
    n.field, n.value, n.constituent_id, n.who, n.amount, n.currency,
    coalesce(o.since_at, %(now)s)
FROM download_reasons n LEFT JOIN withheld_records o ON o.run_id = %(head)s
    AND o.record_id = n.record_id AND o.reason = n.reason AND o.field = n.field
    AND o.value = n.value"""

_RECORD_FILE = """
INSERT INTO download_files (run_id, role, format, name, key, rows, size, sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""


def _record(
    connection: psycopg.Connection,
    mine: Claim,
    plan: Plan,
    request: DownloadRequest,
    window: Window,
    counts: Counts,
    files: list[Written],
) -> None:
    records = next(file for file in files if file.role == "records")
    delivered = records.rows
    head, source = window.head, plan.source
    with connection.transaction():
        hold(connection, mine)
        connection.execute(
            _RECORD_WINDOW,
            {
                "run": mine.id,
                "stream": window.stream_id,
                "number": window.number,
                "start": window.start.value,
                "since_at": window.since_at,
                "from": window.since_text,
                "from_log_id": window.since_log_id if window.since else None,
                "to": window.until,
                "to_at": window.until_at,
                "moves": window.moves,
                "position": window.until if window.moves else head and head.position,
                "position_log_id": window.until_log_id
                if window.moves
                else head and head.position_log_id,
                "position_at": window.until_at if window.moves else head and head.position_at,
                "cluster": window.cluster
                if window.moves or not (head and head.position)
                else head.cluster,
                "restored_from": window.restored_from,
                "token": window.token,
                "changed": counts.changed,
                "carried": counts.carried,
                "delivered": delivered,
                "removed": counts.removed,
                "withheld": counts.withheld,
                "filtered_out": counts.filtered_out,
                "echoed": counts.echoed,
                "settings": Jsonb(request.settings.to_json()),
                "sample": Jsonb([source.headings, *records.sample]),
            },
        )
        connection.execute(
            _RECORD_WITHHELD,
            {"run": mine.id, "head": head and head.run_id, "now": window.until_at},
        )
        for file in files:
            connection.execute(
                _RECORD_FILE,
                [mine.id, file.role, file.format, file.name, file.key, file.rows, file.size,
                 file.sha256],
            )  # fmt: skip
        if source.sends_once:
            connection.execute(
                "INSERT INTO download_deliveries (run_id, block, is_update, records)"
                " SELECT %s, block, is_update, records FROM download_delivered",
                [mine.id],
            )
        for codes in source.codes:
            record_outward(connection, mine, codes.outward, plan.counted(codes), is_counted=True)
        _set_counts(connection, mine, counts, delivered)
        cut = sum(file.cut_cells for file in files)
        told = {"cut_cells": cut, "gone_columns": source.gone}
        add_tallies(connection, mine, {name: value for name, value in told.items() if value})


def _set_counts(
    connection: psycopg.Connection, mine: Claim, counts: Counts, delivered: int
) -> None:
    connection.execute(
        "UPDATE runs SET rows_read = %s, rows_total = %s, rows_total_is_exact = true,"
        " delivered = %s, removed = %s, withheld = %s, filtered_out = %s WHERE id = %s",
        [
            counts.looked_at, counts.looked_at, delivered, counts.removed, counts.withheld,
            counts.filtered_out, mine.id,
        ],
    )  # fmt: skip


# While it goes on ----------------------------------------------------------------------------


class _Watch:
    """Shows how far it is and learns whether it is still wanted, on a connection of its own."""

    def __init__(self, mine: Claim, connection: psycopg.Connection) -> None:
        self._mine = mine
        self._connection = connection
        self._looked_at = 0.0
        self._aside = 0

    def expect(self, counts: Counts) -> None:
        """What there will be, once it is known; what is not delivered is done with."""
        self._aside = counts.removed + counts.withheld + counts.filtered_out
        self._connection.execute(
            "UPDATE runs SET rows_total = %s, rows_total_is_exact = true, removed = %s,"
            " withheld = %s, filtered_out = %s, rows_read = %s WHERE id = %s AND attempt = %s"
            " AND state = 'running'",
            [
                counts.looked_at, counts.removed, counts.withheld, counts.filtered_out,
                self._aside, self._mine.id, self._mine.attempt,
            ],
        )  # fmt: skip

    def tell(self, rows: int) -> None:
        """So many records are written."""
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self.look(rows)

    def ignore(self, _rows: int) -> None:
        """Rows that are no records: only whether the run is still wanted."""
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self.look()

    def look(self, rows: int | None = None) -> None:
        """Raise what ends the run, if something does."""
        self._looked_at = time.monotonic()
        row = self._connection.execute(
            "UPDATE runs SET delivered = coalesce(%(rows)s::bigint, delivered),"
            " rows_read = coalesce(%(rows)s::bigint + %(aside)s, rows_read),"
            " heartbeat_at = clock_timestamp()"
            " WHERE id = %(run)s AND attempt = %(attempt)s AND state = 'running'"
            " RETURNING cancel_requested",
            {
                "rows": rows,
                "aside": self._aside,
                "run": self._mine.id,
                "attempt": self._mine.attempt,
            },
        ).fetchone()
        if row is None:
            raise LostClaimError
        if row[0]:
            raise CancelledError


@contextmanager
def _watching(mine: Claim) -> Iterator[_Watch]:
    with connect("download-watch") as connection:
        connection.autocommit = True
        yield _Watch(mine, connection)
