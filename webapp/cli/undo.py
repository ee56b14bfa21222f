"""`datasync undo`: take back what a run did, and say what was restored, removed and kept."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from webapp.cli.waiting import wait_for_end
from webapp.cli.working import at_work
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Run
from webapp.services.notifications import deliver_waiting
from webapp.services.runs import find_run, start_undo
from webapp.serving.attaching import Attached
from webapp.transactions import commit

_COUNTS = ("restored", "removed", "kept")


def run(options: argparse.Namespace) -> int:
    """0 when the undo ended in success, also when it had to keep what others changed since."""
    with at_work(options, "undo") as services:
        return _undo(options, services)


def _undo(options: argparse.Namespace, services: Attached) -> int:
    session = db.session()
    undone = find_run(session, options.run)
    if undone is None:
        raise DataSyncError("gone", f"There is no run {options.run}. `datasync status` lists them.")
    started = time.monotonic()
    undo_id = start_undo(session, undone, None).id
    commit(session)
    ended = wait_for_end(undo_id, services, show=not options.json)
    told = _describe(ended, time.monotonic() - started)
    deliver_waiting(session)
    commit(session)
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print(told)
    return 0 if told["state"] == "success" else 1


def _describe(run: Run, seconds: float) -> dict[str, Any]:
    if run.started_at and run.finished_at:
        seconds = (run.finished_at - run.started_at).total_seconds()
    return {
        "run": run.id,
        "undoes": run.parent_id,
        "state": run.state,
        "tallies": {name: int(run.tallies.get(name, 0)) for name in _COUNTS},
        "seconds": round(seconds, 3),
        "failure": run.failure,
    }


def _print(told: dict[str, Any]) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in told["tallies"].items())
    print(
        f"Undo {told['run']} of run {told['undoes']} ended in {told['state']} after "
        f"{told['seconds']} s: {counts}."
    )
    if told["failure"]:
        print(told["failure"])
