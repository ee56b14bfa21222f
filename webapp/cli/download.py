"""`datasync download`: what changed, as a file of this machine."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.usage import tell_wrong_usage
from webapp.cli.waiting import wait_for_end
from webapp.cli.working import at_work
from webapp.config import current_settings
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import DownloadFile, Operation, Run
from webapp.rules.download_settings import DownloadRequest, Start
from webapp.services import downloads
from webapp.services.files import file_store
from webapp.services.notifications import deliver_waiting
from webapp.services.runs import find_operation, start_run
from webapp.serving.attaching import Attached
from webapp.transactions import commit, roll_back

COUNTS = ("changed", "carried", "delivered", "removed", "withheld", "filtered_out", "echoed")


def run(options: argparse.Namespace) -> int:
    """0 when the file was written; 1 when it was not."""
    if not options.out.parent.is_dir():
        sentence = f"{options.out.parent} is no folder. Make it first."
        return tell_wrong_usage(sentence, is_json=options.json)
    with at_work(options, "download") as services:
        return _run(options, services)


def _run(options: argparse.Namespace, services: Attached) -> int:
    session = db.session()
    operation = find_operation(session, options.operation)
    if operation is None or not downloads.is_download(operation.kind):
        kinds = Operation.kind.in_(downloads.DOWNLOAD_KINDS)
        known = ", ".join(
            session.scalars(select(Operation.slug).where(kinds).order_by(Operation.slug))
        )
        sentence = f"no download is called {options.operation}. Use {known}."
        return tell_wrong_usage(sentence, is_json=options.json)
    started = time.monotonic()
    try:
        run_id = _start(session, operation, options)
    except DataSyncError as error:
        roll_back(session)
        sys.stderr.write(f"datasync: {error}\n")
        return 1
    ended = wait_for_end(run_id, services, show=not options.json)
    told = describe(session, ended, options.out, time.monotonic() - started)
    deliver_waiting(session)
    commit(session)
    _print(told, is_json=options.json)
    return 0 if told["state"] == "success" else 1


def _start(session: Session, operation: Operation, options: argparse.Namespace) -> int:
    """The download queued; its number. The ending of the file says its format."""
    file_format = "xlsx" if options.out.suffix.lower() == ".xlsx" else "csv"
    settings = replace(downloads.settings_of(operation), formats=(file_format,))
    start, since_at = read_since(options.since)
    draft = downloads.begin_download(
        session,
        operation,
        None,
        center_id=operation.center_id,
        label=options.label,
        request=DownloadRequest(start, since_at, None, settings),
    )
    start_run(session, draft, without_preview=True)
    run_id = draft.id
    commit(session)
    return run_id


def read_since(text: str) -> tuple[Start, datetime | None]:
    """`last`, `everything`, or a date: its midnight in the site's time zone."""
    if text in (Start.LAST, Start.EVERYTHING):
        return Start(text), None
    zone = ZoneInfo(current_settings().time_zone)
    midnight = datetime.combine(date.fromisoformat(text), clock(), zone)
    return Start.DATE, midnight.astimezone(UTC)


def describe(session: Session, run: Run, out: Path, seconds: float) -> dict[str, Any]:
    """What `--json` prints, once the files are where they were wanted."""
    if run.started_at and run.finished_at:
        seconds = (run.finished_at - run.started_at).total_seconds()
    result = downloads.find_result(session, run)
    window = result.window if result else None
    return {
        "run": run.id,
        "state": run.state,
        **{name: getattr(window, name) if window else 0 for name in COUNTS},
        "restored": bool(window and window.restored_from),
        "files": [_fetch(file, out) for file in result.files] if result else [],
        "seconds": round(seconds, 3),
        "failure": run.failure,
    }


def _fetch(file: DownloadFile, out: Path) -> dict[str, Any]:
    """A copy where it was wanted, in full or not at all; removals stand beside the records."""
    path = out if file.role == "records" else out.with_stem(f"{out.stem}-removed")
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with file_store().open(file.key) as source, unfinished.open("wb") as target:
            shutil.copyfileobj(source, target)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return {
        "role": file.role,
        "path": str(path),
        "rows": file.rows,
        "bytes": file.size,
        "sha256": file.sha256,
    }


def _print(told: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    if told["failure"]:
        sys.stderr.write(f"datasync: {told['failure']}\n")
    if told["restored"]:
        print("The database was restored or moved since the last download: everything went again.")
    before = f" + {told['carried']:,} held back before" if told["carried"] else ""
    print(
        f"Run {told['run']} ended in {told['state']} after {told['seconds']} s: "
        f"{told['changed']:,} changed{before} = {told['delivered']:,} delivered"
        f" + {told['removed']:,} removed + {told['withheld']:,} held back"
        f" + {told['filtered_out']:,} filtered out."
    )
    for file in told["files"]:
        print(f"{file['path']}: {file['rows']:,} rows, {file['bytes']:,} bytes")
