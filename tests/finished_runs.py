"""Runs for tests of results: rows put into the tables as a run would have left them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from webapp.models import (
    DownloadFile,
    DownloadStream,
    DownloadWindow,
    Operation,
    Run,
    RunRow,
    Upload,
    WithheldRecord,
)
from webapp.services.files import file_store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLUMNS = ["MEMBER_ID", "FIRST_NAME", "PRIMARY_EMAIL"]


def fault(code: str, column: str = "", value: str = "", message: str = "") -> dict[str, str]:
    """A fault as it is stored."""
    text = message or f"{column or 'The row'} is wrong ({code}); correct it."
    return {"code": code, "column": column, "value": value, "message": text}


def make_upload(
    session: Session,
    columns: Sequence[str] = COLUMNS,
    *,
    name: str = "members.csv",
    delimiter: str = ",",
) -> Upload:
    """A file that was examined."""
    upload = Upload(
        name=name,
        key=f"uploads/{name}-{datetime.now(UTC).timestamp()}",
        size=100,
        sha256="0" * 64,
        examination={
            "dialect": {"kind": "csv", "encoding": "utf-8", "delimiter": delimiter},
            "columns": list(columns),
            "first_rows": [],
            "notes": [],
            "rows_estimate": None,
            "damage": [],
        },
    )
    session.add(upload)
    session.flush()
    return upload


def make_run(
    session: Session,
    rows: Iterable[RunRow] = (),
    *,
    label: str = "Spring members",
    state: str = "success",
    columns: Sequence[str] = COLUMNS,
    delimiter: str = ",",
    operation: Operation | None = None,
    **values: Any,
) -> Run:
    """A run with these rows and the counts that go with them."""
    rows = list(rows)
    counts = Counter(row.outcome for row in rows)
    operation = operation or session.scalars(select(Operation).order_by(Operation.id)).first()
    assert operation is not None
    is_under_way = state in ("queued", "draft")
    now = datetime.now(UTC)
    defaults: dict[str, Any] = {
        "upload": make_upload(session, columns, delimiter=delimiter),
        "rows_read": len(rows),
        "rows_total": len(rows),
        "rows_total_is_exact": True,
        "queued_at": now - timedelta(seconds=62),
        "started_at": None if is_under_way else now - timedelta(seconds=60),
        "heartbeat_at": None if is_under_way else now,
        "finished_at": now if state in ("success", "failure", "cancelled") else None,
        **(counts if values.get("kind", "run") in ("run", "preview") else {}),
    }
    run = Run(operation=operation, label=label, state=state, **(defaults | values))
    session.add(run)
    session.flush()
    for row in rows:
        row.run_id = run.id
    session.add_all(rows)
    session.flush()
    return run


def make_row(number: int, outcome: str, who: str = "", **values: Any) -> RunRow:
    """A row's outcome; not through means with the cells as they came in."""
    return RunRow(row_number=number, outcome=outcome, who=who or f"Person {number}", **values)


def make_reject(number: int, cells: Sequence[str], *faults: dict[str, str]) -> RunRow:
    """A rejected row."""
    return make_row(
        number,
        "rejected",
        " · ".join(cell for cell in cells if cell),
        cells=list(cells),
        faults=list(faults) or [fault("not_an_email", "PRIMARY_EMAIL", cells[-1] if cells else "")],
    )


def make_download(
    session: Session,
    operation: Operation,
    center_id: int | None = None,
    *,
    withheld: Sequence[tuple[int, str, str, str]] = (),
    content: bytes = b"CONS_ID\n1\n",
) -> Run:
    """A finished download with its file; `withheld` has record, reason, field and value."""
    now = datetime.now(UTC)
    records = len({record for record, *_ in withheld})
    run = Run(
        operation=operation, center_id=center_id, label=operation.title, state="success",
        attempt=1, options={"download": {}}, queued_at=now, started_at=now, finished_at=now,
        rows_read=1 + records, delivered=1, withheld=records,
    )  # fmt: skip
    stream = session.scalars(
        select(DownloadStream).filter_by(operation_id=operation.id, center_id=center_id)
    ).first() or DownloadStream(operation_id=operation.id, center_id=center_id)
    session.add_all([run, stream])
    session.flush()
    key = f"downloads/run-{run.id}-1-records.csv"
    with file_store().write_whole(key) as file:
        file.write(content)
    session.add_all(
        [
            DownloadWindow(
                run_id=run.id, stream_id=stream.id, number=run.id, is_committed=True,
                start="last", to_snapshot="1:1:", to_at=now, moves=True, position="1:1:",
                position_at=now, cluster="1/1", changed=1 + records, carried=0, delivered=1,
                removed=0, withheld=records, filtered_out=0, echoed=0, settings={},
                sample=[["CONS_ID"], ["1"]],
            ),
            DownloadFile(
                run_id=run.id, role="records", format="csv", name=f"constituents_run-{run.id}.csv",
                key=key, rows=1, size=len(content), sha256=hashlib.sha256(content).hexdigest(),
            ),
            *(
                WithheldRecord(
                    run_id=run.id, record_id=record, reason=reason, field=field, value=value,
                    constituent_id=record, who=f"Person {record}", since_at=now - timedelta(days=3),
                )
                for record, reason, field, value in withheld
            ),
        ]
    )  # fmt: skip
    session.flush()
    return run
