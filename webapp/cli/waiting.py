"""Waiting for a run to end, showing how far it is to whoever watches."""

from __future__ import annotations

import sys
import time

from sqlalchemy.exc import OperationalError

from webapp.extensions import db
from webapp.models import Run
from webapp.services.runs import request_cancel
from webapp.serving.attaching import Attached
from webapp.transactions import commit, roll_back

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


def wait_for_end(run_id: int, services: Attached, *, show: bool) -> Run:
    """The run once it has ended. Ctrl-C asks it to stop; what it did up to then stays."""
    pause = FIRST_PAUSE
    while True:
        try:
            run = _look(run_id)
            if run is not None and run.is_finished:
                _show("", show)
                return run
            _show(_progress(run), show)
            services.look_after()
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)
        except KeyboardInterrupt:
            _show("", show)
            sys.stderr.write("Stopping the run after the rows it is at.\n")
            _cancel(run_id)


def _look(run_id: int) -> Run | None:
    """The run as it is now; None while the database is away (it is being started again)."""
    session = db.session()
    try:
        roll_back(session)
        return session.get(Run, run_id, populate_existing=True)
    except OperationalError:
        db.session.remove()
        return None


def _cancel(run_id: int) -> None:
    run = _look(run_id)
    if run is not None:
        request_cancel(db.session(), run)
        commit(db.session())


def _progress(run: Run | None) -> str:
    if run is None:
        return "Waiting for the database"
    if run.state != "running":
        return "Waiting for a worker"
    total = f" of {run.rows_total:,}" if run.rows_total else ""
    # A download starts over where it was stopped: it has no next row
    return f"{max(run.next_row, run.rows_read):,}{total} rows"


def _show(text: str, show: bool) -> None:
    if show and sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
