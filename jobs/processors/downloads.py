"""What downloads of every kind share, step by step: the window, what becomes of each record, the
files, and what is put down of it.

Everything is read in one REPEATABLE READ transaction, whose snapshot is the end of the window. Its
result is written down in a second one, not yet counting; the transaction that marks the run a
success makes it count (`webapp.services.downloads.commit_window`). Killed before that, nothing has
happened, and the next attempt does all of it anew: its files have names of their own.

One download of a stream at a time: an advisory lock holds the others up. Should it ever fail, the
database refuses two downloads that follow the same one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from jobs.claims import Claim, add_tallies, hold
from jobs.processors.download_accounts import forget_earlier_attempts, record, set_counts
from jobs.processors.download_characters import find_lacking
from jobs.processors.download_files import (
    SAMPLE_ROWS,
    Target,
    Written,
    read_sample,
    write_csv,
    write_workbook,
)
from jobs.processors.download_kinds import make_source
from jobs.processors.download_plans import Counts, Plan
from jobs.processors.download_progress import RunProgress, showing_progress
from jobs.processors.download_windows import find_left_token, find_stream, open_window
from webapp.config import site_zone
from webapp.rules.download_settings import DownloadRequest
from webapp.services.downloads import file_key
from webapp.services.files import file_store

LOCK_PAUSE_SECONDS = 0.5

_STREAM_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('datasync download ' || %s, 0))"


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Write the files of a download and put down what it did."""
    request = DownloadRequest.from_json(mine.run["options"].get("download"))
    with showing_progress(mine) as progress:
        stream_id = _find_stream(connection, mine)
        _wait_for_stream(connection, stream_id, progress)
        forget_earlier_attempts(connection, mine)
        with _planning(connection, mine, stream_id, request) as plan:
            counts = plan.make()
            progress.expect(counts)
            files = _write_files(connection, mine, plan, request, progress)
            if plan.source.sends_once:
                plan.keep_delivered()
        record(connection, mine, plan, request, counts, files)


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Count what a download would give if it ran now, with its first rows."""
    request = DownloadRequest.from_json(mine.run["options"].get("download"))
    with showing_progress(mine) as progress:
        stream_id = _find_stream(connection, mine)
        with _planning(connection, mine, stream_id, request) as plan:
            counts = plan.make()
            progress.look()
            told = _describe(connection, plan, counts)
            told["lacking"] = find_lacking(connection, plan, request.settings)
        with connection.transaction():
            hold(connection, mine)
            set_counts(connection, mine, counts, told["delivered"])
            add_tallies(connection, mine, {"download": told})


# Steps ---------------------------------------------------------------------------------------


def _find_stream(connection: psycopg.Connection, mine: Claim) -> int:
    return find_stream(connection, mine.run["operation_id"], mine.run["center_id"])


def _wait_for_stream(connection: psycopg.Connection, stream_id: int, progress: RunProgress) -> None:
    """Until no other download of the stream is under way. The connection holds the lock."""
    while True:
        with connection.transaction():
            row = connection.execute(_STREAM_LOCK, [str(stream_id)]).fetchone()
        if row and row[0]:
            return
        progress.look()
        time.sleep(LOCK_PAUSE_SECONDS)


@contextmanager
def _planning(
    connection: psycopg.Connection, mine: Claim, stream_id: int, request: DownloadRequest
) -> Iterator[Plan]:
    """The plan of what is read in here. What has to be known beforehand is asked before."""
    source = make_source(connection, mine, request)
    left = find_left_token(connection, stream_id)
    with _reading(connection):
        yield Plan(connection, source, open_window(connection, stream_id, request, left))


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


def _write_files(
    connection: psycopg.Connection,
    mine: Claim,
    plan: Plan,
    request: DownloadRequest,
    progress: RunProgress,
) -> list[Written]:
    source, settings, files = plan.source, request.settings, []
    roles = [("records", source.noun, plan.select(), source.headings)]
    if plan.has_removals:
        headings = [column.heading for column in source.removal_columns]
        name = f"{source.noun}-removed"
        roles.append(("removals", name, plan.select_removals(), headings))
    for role, noun, select, headings in roles:
        for part, file_format in enumerate(settings.formats):
            target = Target(
                store=file_store(),
                role=role,
                name=name_file(noun, mine.run["started_at"], mine.id),
                key=file_key(mine.id, mine.attempt, role, file_format),
            )
            parts = len(settings.formats)
            tell = progress.telling(part, parts) if role == "records" else progress.uncounted
            if file_format == "csv":
                made = write_csv(connection, select, headings, target, settings, tell)
            else:
                sheet = source.noun.capitalize()
                made = write_workbook(connection, select, headings, target, tell, sheet=sheet)
            files.append(made)
    return files


def name_file(noun: str, at: datetime, run_id: int) -> str:
    """`constituents_2026-03-01_0930_run-42`, in the site's time zone."""
    local = at.astimezone(site_zone())
    return f"{noun}_{local:%Y-%m-%d_%H%M}_run-{run_id}"


def _describe(connection: psycopg.Connection, plan: Plan, counts: Counts) -> dict[str, Any]:
    """What a preview tells."""
    source, window = plan.source, plan.window
    reasons = connection.execute(
        "SELECT reason, field, count(DISTINCT record_id) FROM download_reasons GROUP BY 1, 2"
        " ORDER BY 3 DESC, 1, 2 LIMIT 50"
    ).fetchall()
    before = window.head.position if window.head else None
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
        "sample": read_sample(connection, plan.select(limit=SAMPLE_ROWS)),
        "reasons": [list(row) for row in reasons],
        "start": window.start.value,
        "is_everything": window.is_everything,
        "moves": window.moves,
        "restored_from": window.restored_from,
        "previous_at": before.at.isoformat() if before else None,
        "is_first": before is None,
    }
