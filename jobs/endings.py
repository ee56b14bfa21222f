"""The end of a run: its rejects file, its final state and its messages, in one transaction."""

from __future__ import annotations

import logging

from sqlalchemy import func, update

from jobs.claims import Claim
from webapp.extensions import db
from webapp.models import Run
from webapp.services.files import file_store, new_key
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
    try:
        run = session.get(Run, mine.id, populate_existing=True)
        if run is None:
            return False
        key = _write_rejects(run) if run.kind == "run" else None
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
            return False
        session.refresh(run)
        if run.kind in ("run", "undo"):
            notify_run(session, run)
        commit(session)
    except BaseException:
        roll_back(session)
        raise
    finally:
        db.session.remove()
    log.info("Run %s: %s", mine.id, state)
    return True


def _write_rejects(run: Run) -> str | None:
    """Put the rejects into the file store; None when there are none."""
    if run.rejected + run.withheld == 0:
        return None
    store, key = file_store(), new_key("rejects")
    with store.open(key, "wb") as stream:
        write_rejects(db.session(), run, stream)
    return key
