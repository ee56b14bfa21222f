"""`datasync download`: what changed, as a file of this machine."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from datetime import time as clock
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.fetching import fetch, why_not
from webapp.cli.places import find_place
from webapp.cli.printing import count_registrations
from webapp.cli.usage import tell_wrong_usage
from webapp.cli.waiting import wait_for_end
from webapp.cli.working import at_work
from webapp.config import current_settings, site_zone
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Operation, Run
from webapp.rules.download_settings import DownloadRequest, Start
from webapp.services import downloads, registrations
from webapp.services.files import file_store
from webapp.services.notifications import deliver_waiting
from webapp.services.runs import find_operation, find_run, start_run
from webapp.serving.attaching import Attached
from webapp.transactions import commit, roll_back

COUNTS = ("changed", "carried", "delivered", "removed", "withheld", "filtered_out", "echoed")


def run(options: argparse.Namespace) -> int:
    """0 when the file was written; 1 when it was not."""
    sentence = why_not(options.out)
    given = "--since" if options.since is not None else "--center" if options.center else ""
    if options.run is not None and given:
        sentence = f"--run fetches what was made, so it takes no {given}. Leave one of them out."
    if sentence:
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
    try:
        center_id = find_place(session, operation, options.center)
    except DataSyncError as error:
        return tell_wrong_usage(error.message, is_json=options.json)
    started = time.monotonic()
    try:
        if options.run is None:
            queued = _start(session, operation, options, center_id)
            ended = wait_for_end(queued, services, show=not options.json)
        else:
            ended = _find_earlier(session, operation, options)
    except DataSyncError as error:
        roll_back(session)
        _print(_refused(error, time.monotonic() - started), is_json=options.json)
        return 1
    told = describe(session, ended, time.monotonic() - started)
    told |= _fetch(session, ended, options)
    deliver_waiting(session)
    commit(session)
    _print(told, is_json=options.json)
    return 0 if told["files"] else 1


def _start(
    session: Session, operation: Operation, options: argparse.Namespace, center_id: int | None
) -> int:
    """The download queued; its number."""
    settings = replace(downloads.settings_of(operation), formats=(_format_of(options),))
    start, since_at = read_since(options.since or Start.LAST)
    draft = downloads.begin_download(
        session,
        operation,
        None,
        center_id=center_id,
        label=options.label,
        request=DownloadRequest(start, since_at, None, settings),
    )
    start_run(session, draft, without_preview=True)
    run_id = draft.id
    commit(session)
    return run_id


def _format_of(options: argparse.Namespace) -> str:
    """The ending of the file says it."""
    return "xlsx" if options.out.suffix.lower() == ".xlsx" else "csv"


def _find_earlier(session: Session, operation: Operation, options: argparse.Namespace) -> Run:
    """The run whose files are to be fetched again, if they are there."""
    found = find_run(session, options.run)
    result = downloads.find_result(session, found) if found else None
    if found is None or result is None or found.operation_id != operation.id:
        message = f"Run {options.run} is no finished download of {operation.slug}."
        raise DataSyncError("no_download", f"{message} `datasync status` lists the runs.")
    kept = [file for file in result.files if file.deleted_at is None]
    if not kept:
        days = current_settings().download_days
        message = f"The files of run {found.id} were deleted after {days} days."
        raise DataSyncError("deleted", f"{message} Run the download again with --since.")
    made = sorted({file.format for file in kept})
    if _format_of(options) not in made:
        message = f"Run {found.id} made {' and '.join(made)}. Let --out end in .{made[0]}."
        raise DataSyncError("other_format", message)
    return found


def read_since(text: str) -> tuple[Start, datetime | None]:
    """`last`, `everything`, or a date: its midnight in the site's time zone."""
    if text in (Start.LAST, Start.EVERYTHING):
        return Start(text), None
    zone = site_zone()
    midnight = datetime.combine(date.fromisoformat(text), clock(), zone)
    return Start.DATE, midnight.astimezone(UTC)


def describe(session: Session, run: Run, seconds: float) -> dict[str, Any]:
    """What `--json` prints of a run; which files were written where is added."""
    if run.started_at and run.finished_at:
        seconds = (run.finished_at - run.started_at).total_seconds()
    result = downloads.find_result(session, run)
    window = result.window if result else None
    return {
        "run": run.id,
        "state": run.state,
        **{name: getattr(window, name) if window else 0 for name in COUNTS},
        "restored": bool(window and window.restored_from),
        "registrations_waiting": registrations.count_for_run(session, run, most=None),
        "cut_cells": int(run.tallies.get("cut_cells", 0)),
        "gone_columns": list(run.tallies.get("gone_columns", ())),
        "files": [],
        "seconds": round(seconds, 3),
        "failure": run.failure,
    }


def _refused(error: DataSyncError, seconds: float) -> dict[str, Any]:
    return {
        "run": None,
        "state": "failure",
        **dict.fromkeys(COUNTS, 0),
        "restored": False,
        "registrations_waiting": 0,
        "cut_cells": 0,
        "gone_columns": [],
        "files": [],
        "seconds": round(seconds, 3),
        "failure": str(error),
    }


def _fetch(session: Session, run: Run, options: argparse.Namespace) -> dict[str, Any]:
    """The run's files where they were wanted; else why not, and how to get them all the same."""
    result = downloads.find_result(session, run)
    if result is None:
        return {}
    wanted = [file for file in result.files if file.format == _format_of(options)]
    try:
        return {"files": fetch(wanted, options.out, file_store())}
    except OSError as error:
        again = f"datasync download {options.operation} --run {run.id} --out FILE"
        return {
            "failure": f"Run {run.id} succeeded, but its file could not be written to"
            f" {options.out}: {error.strerror or error}. It is kept: fetch it with `{again}`."
        }


def _print(told: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    if told["failure"]:
        sys.stderr.write(f"datasync: {told['failure']}\n")
    if told["run"] is None:
        return
    if told["restored"]:
        print("The database was restored or moved since the last download: everything went again.")
    if told["registrations_waiting"]:
        print(f"{count_registrations(told)}: they are held back until somebody decides.")
    before = f" + {told['carried']:,} held back before" if told["carried"] else ""
    print(
        f"Run {told['run']} ended in {told['state']} after {told['seconds']} s: "
        f"{told['changed']:,} changed{before} = {told['delivered']:,} delivered"
        f" + {told['removed']:,} removed + {told['withheld']:,} held back"
        f" + {told['filtered_out']:,} filtered out."
    )
    for name in told["gone_columns"]:
        print(f"{name} no longer exists, so its column is empty. Remove it from the operation.")
    if told["cut_cells"]:
        print(f"{told['cut_cells']:,} cells were longer than Excel can hold and were cut.")
    for file in told["files"]:
        print(f"{file['path']}: {file['rows']:,} rows, {file['bytes']:,} bytes")
