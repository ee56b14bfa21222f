"""Runs as people handle them: drafted, previewed, started, cancelled, undone. Sessions first;
these flush, the caller commits; a job is enqueued after the commit (DESIGN: A run)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from flask import current_app
from redis import Redis
from rq import Queue
from rq.exceptions import DuplicateJobError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Operation, Run, Upload, User
from webapp.rules.catalogues import catalogue_of
from webapp.transactions import after_commit

IMPORTS_QUEUE = "imports"
JOB_TIMEOUT_SECONDS = 24 * 3600
"""Death is noticed by the heartbeat; this only ends what runs on for ever."""

EXECUTE = "jobs.runs.execute"
UNDOABLE_STATES = ("success", "failure", "cancelled")


def find_run(session: Session, run_id: int) -> Run | None:
    """The run, preview or undo with this number, if there is one."""
    return session.get(Run, run_id)


def find_operation(session: Session, slug: str) -> Operation | None:
    """The operation with this slug, if there is one."""
    return session.scalar(select(Operation).where(Operation.slug == slug))


def list_runs(
    session: Session,
    *,
    center_ids: Collection[int] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Run]:
    """Runs that were started, newest first; `center_ids` None means those of the whole site."""
    query = (
        select(Run)
        .where(Run.kind.in_(("run", "undo")), Run.queued_at.is_not(None))
        .order_by(Run.id.desc())
        .limit(limit)
    )
    if center_ids is not None:
        query = query.where(Run.center_id.in_(center_ids))
    if before is not None:
        query = query.where(Run.id < before)
    return list(session.scalars(query))


def create_draft(
    session: Session,
    *,
    operation: Operation,
    user: User | None,
    center_id: int | None = None,
    label: str = "",
    description: str = "",
) -> Run:
    """A run that nobody has started yet: the wizard's state, seen by every browser alike."""
    run = Run(
        operation=operation,
        user_id=user.id if user else None,
        center_id=center_id,
        label=label.strip() or operation.title,
        description=description.strip(),
        options={"date_order": "mdy"} | operation.options,
        notify=list(operation.notify),
    )
    session.add(run)
    session.flush()
    return run


def attach_upload(session: Session, run: Run, upload: Upload) -> None:
    """Give a draft its file, in the place of any it had; corrections of the old one are void."""
    _require_draft(run)
    run.upload = upload
    run.preview_id = None
    run.edits_version += 1
    options = dict(run.options)
    for of_the_file in ("columns", "repairs"):
        options.pop(of_the_file, None)
    run.options = options
    examination = upload.examination or {}
    run.rows_total = examination.get("rows_estimate")
    run.rows_total_is_exact = False
    session.flush()


def current_preview(session: Session, run: Run) -> Run | None:
    """The preview of the run's rows as they are now, whatever its state; None when outdated."""
    preview = session.get(Run, run.preview_id) if run.preview_id else None
    if preview is None or preview.options != _sealed_options(run):
        return None
    return preview


def start_preview(session: Session, run: Run) -> Run:
    """Queue a preview of the draft as it is now; one that already shows just that is kept."""
    _require_draft(run)
    require_readable(run)
    preview = current_preview(session, run)
    if preview is not None and preview.state not in ("failure", "cancelled"):
        return preview
    if run.preview_id:
        outdated = session.get(Run, run.preview_id)
        if outdated is not None and not outdated.is_finished:
            outdated.cancel_requested = True
    preview = _child(run, "preview", user_id=run.user_id)
    preview.upload_id = run.upload_id
    preview.options = _sealed_options(run)
    preview.rows_total = run.rows_total
    session.add(preview)
    session.flush()
    run.preview_id = preview.id
    _queue(session, preview)
    return preview


def start_run(session: Session, run: Run, *, without_preview: bool = False) -> None:
    """Start a draft. Pressed twice, it starts once. What the finished preview showed is what will
    be applied; without one only where asked for (the command line)."""
    locked = session.get(Run, run.id, with_for_update=True, populate_existing=True)
    if locked is None:
        raise DataSyncError("gone", "This run no longer exists. Start a new one.")
    if locked.state != "draft" or locked.kind != "run":
        return
    require_readable(locked)
    preview = current_preview(session, locked)
    if without_preview and preview is None:
        locked.preview_id = None
    elif preview is None:
        raise DataSyncError(
            "outdated", "The rows were corrected since the preview. Look again, then run."
        )
    elif preview.state != "success":
        raise DataSyncError("not_ready", "The preview is not ready yet. Wait for it, then run.")
    elif not catalogue_of(locked.operation.kind).is_download:
        locked.rows_total = preview.rows_read
        locked.rows_total_is_exact = True
    _queue(session, locked)


def request_cancel(session: Session, run: Run) -> None:
    """Ask a run to stop after the rows it is at; one that waits in the queue never starts."""
    locked = session.get(Run, run.id, with_for_update=True, populate_existing=True)
    if locked is None or locked.is_finished:
        return
    locked.cancel_requested = True
    if locked.state in ("draft", "queued") and locked.attempt == 0:
        locked.state = "cancelled"
        locked.finished_at = datetime.now(UTC)
    session.flush()


def find_undo(session: Session, run: Run) -> Run | None:
    """The undo of this run that is under way or done, if there is one."""
    return session.scalar(
        select(Run)
        .where(Run.parent_id == run.id, Run.kind == "undo", Run.state != "failure")
        .order_by(Run.id.desc())
        .limit(1)
    )


def start_undo_preview(session: Session, run: Run, *, user: User | None = None) -> Run:
    """Queue the look at what an undo would restore, remove and keep."""
    _require_undoable(session, run)
    preview = _child(run, "undo_preview", user_id=user.id if user else run.user_id)
    session.add(preview)
    session.flush()
    _queue(session, preview)
    return preview


def start_undo(session: Session, run: Run, user: User | None) -> Run:
    """Queue the undo of a run. Asked for twice, it is one undo."""
    session.get(Run, run.id, with_for_update=True, populate_existing=True)
    existing = find_undo(session, run)
    if existing is not None and existing.state != "cancelled":
        return existing
    _require_undoable(session, run)
    undo = _child(run, "undo", user_id=user.id if user else None)
    session.add(undo)
    session.flush()
    _queue(session, undo)
    return undo


def _child(run: Run, kind: str, *, user_id: int | None) -> Run:
    return Run(
        kind=kind,
        parent_id=run.id,
        operation_id=run.operation_id,
        center_id=run.center_id,
        user_id=user_id,
        label=run.label,
        notify=list(run.notify) if kind == "undo" else [],
    )


def _sealed_options(run: Run) -> dict[str, Any]:
    """What a preview depends on besides the database: compared to tell whether it is outdated."""
    return run.options | {"edits_version": run.edits_version, "upload_id": run.upload_id}


def _require_draft(run: Run) -> None:
    if run.state != "draft":
        raise DataSyncError(
            "started", "This run was already started, so it can't be changed. Start a new one."
        )


def require_readable(run: Run) -> None:
    """Raise with a sentence when the run's file is not there, or not to be read as it stands. A
    download needs none."""
    if catalogue_of(run.operation.kind).is_download:
        return
    examination = run.upload.examination if run.upload else None
    if not examination:
        raise DataSyncError("no_file", "This run has no file yet. Choose one first.", "file")
    if "refusal" in examination:
        raise DataSyncError("refused", examination["refusal"]["message"], "file")
    if examination.get("must_choose"):
        names = ", ".join(f"“{sheet['name']}”" for sheet in examination.get("sheets", ()))
        raise DataSyncError(
            "must_choose",
            f"The file has several tables: {names}. Say first which of them is meant.",
            "sheet",
        )


def _require_undoable(session: Session, run: Run) -> None:
    if catalogue_of(run.operation.kind).is_download:
        raise DataSyncError("nothing_to_undo", "A download changes nothing that could be undone.")
    if run.kind != "run" or run.state not in UNDOABLE_STATES:
        raise DataSyncError(
            "not_finished", "Only a run that has ended can be undone. Wait for it, or cancel it."
        )
    undo = find_undo(session, run)
    if undo is not None and undo.state != "cancelled":
        raise DataSyncError("undone", f"This run is already undone, by run {undo.id}.")


def _queue(session: Session, run: Run) -> None:
    run.state = "queued"
    run.queued_at = func.now()
    session.flush()
    run_id, attempt = run.id, run.attempt
    after_commit(lambda: enqueue(run_id, attempt), session)


def enqueue(run_id: int, attempt: int, connection: Redis | None = None) -> bool:
    """Put a committed run on the queue; False when its job is there already."""
    queue = Queue(IMPORTS_QUEUE, connection=connection or current_app.extensions["datasync_redis"])
    try:
        queue.enqueue(
            EXECUTE,
            run_id,
            job_id=f"run-{run_id}-{attempt}",
            unique=True,
            job_timeout=JOB_TIMEOUT_SECONDS,
            result_ttl=0,
            failure_ttl=24 * 3600,
        )
    except DuplicateJobError:
        return False
    return True
