"""What a download puts down of itself: its window, its files, what it held back and what it sent.

It does not count until the transaction that marks the run a success
(`webapp.services.downloads.commit_window`).
"""

from __future__ import annotations

import psycopg
from psycopg.types.json import Jsonb

from jobs.claims import Claim, add_tallies, hold
from jobs.crossrefs import forget_seen
from jobs.outward import record_outward
from jobs.processors.download_files import Written
from jobs.processors.download_plans import Counts, Plan
from webapp.rules.download_settings import DownloadRequest
from webapp.services.downloads import delete_attempts

_TABLES = ("download_files", "withheld_records", "download_deliveries", "download_windows")

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


def forget_earlier_attempts(connection: psycopg.Connection, mine: Claim) -> None:
    """What an attempt that died had written down or stored is nobody's."""
    delete_attempts(mine.id, mine.attempt - 1)
    with connection.transaction():
        hold(connection, mine)
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table} WHERE run_id = %s", [mine.id])
        forget_seen(connection, mine)
        connection.execute(
            "UPDATE runs SET rows_read = 0, delivered = 0, removed = 0, withheld = 0,"
            " filtered_out = 0, rows_total = NULL, rows_total_is_exact = true WHERE id = %s",
            [mine.id],
        )


def record(
    connection: psycopg.Connection,
    mine: Claim,
    plan: Plan,
    request: DownloadRequest,
    counts: Counts,
    files: list[Written],
) -> None:
    """Put down what became of every record that was looked at. Raises what `hold` does."""
    records = next(file for file in files if file.role == "records")
    window, head, source = plan.window, plan.window.head, plan.source
    with connection.transaction():
        hold(connection, mine)
        _record_window(connection, mine, plan, request, counts, records)
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
            record_outward(connection, mine, codes.outward, plan.codes.counted(codes))
        set_counts(connection, mine, counts, records.rows)
        cut = sum(file.cut_cells for file in files)
        told = {"cut_cells": cut, "gone_columns": source.gone}
        add_tallies(connection, mine, {name: value for name, value in told.items() if value})


def _record_window(
    connection: psycopg.Connection,
    mine: Claim,
    plan: Plan,
    request: DownloadRequest,
    counts: Counts,
    records: Written,
) -> None:
    window, position = plan.window, plan.window.position
    connection.execute(
        _RECORD_WINDOW,
        {
            "run": mine.id,
            "stream": window.stream_id,
            "number": window.number,
            "start": window.start.value,
            "since_at": window.since_at,
            "from": window.since and window.since.text,
            "from_log_id": window.since and window.since.last_id,
            "to": window.until.text,
            "to_at": window.until_at,
            "moves": window.moves,
            "position": position and position.snapshot.text,
            "position_log_id": position and position.snapshot.last_id,
            "position_at": position and position.at,
            "cluster": position.cluster if position else window.cluster,
            "restored_from": window.restored_from,
            "token": window.token,
            "changed": counts.changed,
            "carried": counts.carried,
            "delivered": records.rows,
            "removed": counts.removed,
            "withheld": counts.withheld,
            "filtered_out": counts.filtered_out,
            "echoed": counts.echoed,
            "settings": Jsonb(request.settings.to_json()),
            "sample": Jsonb([plan.source.headings, *records.sample]),
        },
    )


def set_counts(connection: psycopg.Connection, mine: Claim, counts: Counts, delivered: int) -> None:
    """The account on the run's own row. Does not commit."""
    connection.execute(
        "UPDATE runs SET rows_read = %s, rows_total = %s, rows_total_is_exact = true,"
        " delivered = %s, removed = %s, withheld = %s, filtered_out = %s WHERE id = %s",
        [
            counts.looked_at, counts.looked_at, delivered, counts.removed, counts.withheld,
            counts.filtered_out, mine.id,
        ],
    )  # fmt: skip
