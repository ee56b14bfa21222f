"""The end of a run: its rejects file, its final state and its messages, in one transaction."""

from __future__ import annotations

import logging
from contextlib import suppress

from sqlalchemy import func, text, update

from jobs.claims import RUN_CONNECTION, Claim
from webapp.extensions import db
from webapp.models import Run
from webapp.services.downloads import commit_window, is_download, withdraw
from webapp.services.files import file_store
from webapp.services.notifications import notify_run
from webapp.services.rejects import write_rejects
from webapp.transactions import commit, roll_back

log = logging.getLogger(__name__)


def end_run(mine: Claim, state: str, failure: str | None = None) -> bool:
    """End the run in this state; False when it is no longer this attempt's.

    Killed before the commit, the run is still running and its next attempt ends it: the rejects
    file is then written anew, and there is one set of messages.
    """
    session = db.session()
    key = None
    try:
        run = session.get(Run, mine.id, populate_existing=True)
        if run is None:
            return False
        key = _write_rejects(run, mine.attempt) if run.kind == "run" else None
        # From here on this transaction holds the run's row: frozen, it is disconnected as well
        session.execute(text(f"SET LOCAL application_name = '{RUN_CONNECTION}'"))
        ended = session.execute(
            update(Run)
            .where(Run.id == mine.id, Run.attempt == mine.attempt, Run.state == "running")
            .values(
                state=state,
                failure=failure,
                rejects_key=key,
                finished_at=func.clock_timestamp(),
                heartbeat_at=func.clock_timestamp(),
            )
            .returning(Run.id)
        ).scalar()
        if ended is None:
            roll_back(session)
            _delete(key)
            return False
        session.refresh(run)
        if run.kind == "run" and is_download(run.operation.kind):
            if state == "success":
                commit_window(session, run.id)
            else:
                withdraw(session, run, mine.attempt)
        if run.kind in ("run", "undo"):
            notify_run(session, run)
        commit(session)
    except BaseException:
        roll_back(session)
        raise
    finally:
        db.session.remove()
    log.info("Run %s: %s", mine.id, state)
    for attempt in range(1, mine.attempt):
        _delete(_rejects_key(mine.id, attempt))
    return True


def _write_rejects(run: Run, attempt: int) -> str | None:
    """Put the rejects into the file store; None when there are none, and when the store does not
    take them: the run ends all the same, and its page makes the file when it is asked for."""
    if run.rejected + run.withheld == 0 or is_download(run.operation.kind):
        return None
    store, key = file_store(), _rejects_key(run.id, attempt)
    try:
        with store.open(key, "wb") as stream:
            write_rejects(db.session(), run, stream)
    except OSError:
        log.exception("Run %s: its rejects could not be stored", run.id)
        _delete(key)
        return None
    return key


def _rejects_key(run_id: int, attempt: int) -> str:
    """Known beforehand, so that what a killed attempt left behind can be deleted."""
    return f"rejects/run-{run_id}-{attempt}"


def _delete(key: str | None) -> None:
    if key is not None:
        with suppress(OSError):
            file_store().delete(key)
