"""Downloads as people handle them: asked for, previewed, counted, fetched again."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session, joinedload

from webapp.config import current_settings
from webapp.errors import DataSyncError
from webapp.models import (
    CrossReferenceSeen,
    CrossReferenceUse,
    DownloadDelivery,
    DownloadFile,
    DownloadStream,
    DownloadWindow,
    Operation,
    Run,
    User,
    WithheldRecord,
)
from webapp.rules.catalogues import CATALOGUES
from webapp.rules.download_settings import DownloadRequest, DownloadSettings, Encoding, Start
from webapp.rules.file_characters import ENCODING_NAMES
from webapp.services import runs
from webapp.services.delivery_tokens import leave_token
from webapp.services.files import UNFINISHED, FileStore, file_store
from webapp.transactions import after_commit

OPTION = "download"
"""Under which a run's options have what was asked for."""
SETTINGS_OPTION = "download_settings"
"""Under which an operation's options have its settings."""
DOWNLOAD_KINDS = tuple(kind for kind, found in CATALOGUES.items() if found.is_download)
ROLES = ("records", "removals")
FORMATS = ("csv", "xlsx")


def is_download(kind: str) -> bool:
    """Whether operations of this kind make a file instead of reading one."""
    return kind in DOWNLOAD_KINDS


def settings_of(operation: Operation) -> DownloadSettings:
    """The settings that a download of this operation begins with."""
    return DownloadSettings.from_json((operation.options or {}).get(SETTINGS_OPTION))


def request_of(run: Run) -> DownloadRequest:
    """What a run was asked for."""
    return DownloadRequest.from_json((run.options or {}).get(OPTION))


# Asking for one ----------------------------------------------------------------------------


def begin_download(
    session: Session,
    operation: Operation,
    user: User | None,
    *,
    center_id: int | None,
    label: str = "",
    description: str = "",
    request: DownloadRequest | None = None,
) -> Run:
    """A draft of a download. Whoever makes it is told of the result, with those the operation
    names."""
    run = runs.create_draft(
        session,
        operation=operation,
        user=user,
        center_id=center_id,
        label=label,
        description=description,
    )
    if user is not None and user.email.lower() not in {one.lower() for one in run.notify}:
        run.notify = [*run.notify, user.email]
    asked = request or DownloadRequest(settings=settings_of(operation))
    run.options = run.options | {OPTION: asked.to_json()}
    session.flush()
    return run


def change_request(
    session: Session, run: Run, *, label: str, description: str, request: DownloadRequest
) -> None:
    """Ask for something else with a draft; a preview of what it was is outdated."""
    locked = session.get(Run, run.id, with_for_update=True, populate_existing=True)
    if locked is None or locked.state != "draft":
        raise DataSyncError(
            "started", "This run was already started, so it can't be changed. Start a new one."
        )
    run.label, run.description = label, description
    run.options = run.options | {OPTION: request.to_json()}
    session.flush()


def start_free(session: Session, stream: DownloadStream, user: User | None) -> Run:
    """Queue a download of what was held back and now is free."""
    operation = session.get_one(Operation, stream.operation_id)
    request = DownloadRequest(start=Start.FREE, settings=settings_of(operation))
    run = begin_download(
        session,
        operation,
        user,
        center_id=stream.center_id,
        label=f"{operation.title}: what was held back",
        request=request,
    )
    runs.start_run(session, run, without_preview=True)
    return run


def start_again(session: Session, earlier: Run, user: User | None) -> Run:
    """A draft that takes an earlier download's window again, from its beginning to now."""
    asked = request_of(earlier)
    request = DownloadRequest(Start.AGAIN, None, earlier.id, asked.settings)
    return begin_download(
        session,
        earlier.operation,
        user,
        center_id=earlier.center_id,
        label=f"{earlier.operation.title}: run {earlier.id} again",
        request=request,
    )


# The end of one ----------------------------------------------------------------------------


def file_key(run_id: int, attempt: int, role: str, file_format: str) -> str:
    """Where an attempt's file is in the store: known beforehand, so that what a killed attempt
    left behind can be deleted."""
    return f"downloads/run-{run_id}-{attempt}-{role}.{file_format}"


def workbook_folder(key: str) -> Path:
    """Where the workbook with this key is put together, on this machine: with the data, for the
    system's folder for such things may be small, or memory."""
    return current_settings().data_dir / "workbooks" / PurePosixPath(key).stem


def commit_window(session: Session, run_id: int) -> None:
    """Let what the run put down count: from here on the next window begins at its end. In the
    transaction that marks the run a success; the file store is told after it."""
    cluster, stream_id, token = session.execute(
        update(DownloadWindow)
        .where(DownloadWindow.run_id == run_id)
        .values(is_committed=True)
        .returning(DownloadWindow.cluster, DownloadWindow.stream_id, DownloadWindow.token)
    ).one()
    if cluster is not None and stream_id is not None and token is not None:
        after_commit(partial(leave_token, cluster, stream_id, token), session)


def withdraw(session: Session, run: Run, attempt: int) -> None:
    """A download that did not succeed delivered nothing, and says so; what any of its attempts
    put down and stored goes."""
    run.rows_read = run.delivered = run.removed = run.withheld = run.filtered_out = 0
    kept = DownloadWindow, DownloadFile, WithheldRecord, DownloadDelivery, CrossReferenceSeen
    for table in kept:
        session.execute(delete(table).where(table.run_id == run.id))
    nothing = update(CrossReferenceUse).values(rows=0, mapped=0, amounts={})
    session.execute(nothing.where(CrossReferenceUse.run_id == run.id))
    session.flush()
    delete_attempts(run.id, attempt)


def delete_attempts(run_id: int, latest: int) -> None:
    """Delete the files of a run's attempts up to this one, what was only begun included, and the
    parts of workbooks on this machine."""
    store = file_store()
    for attempt in range(1, latest + 1):
        for role in ROLES:
            for file_format in FORMATS:
                key = file_key(run_id, attempt, role, file_format)
                with suppress(OSError):
                    store.delete(key)
                    store.delete(f"{key}{UNFINISHED}")
                shutil.rmtree(workbook_folder(key), ignore_errors=True)


# What one did ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished download gave, as its page shows it."""

    window: DownloadWindow
    files: Sequence[DownloadFile]


def find_result(session: Session, run: Run) -> Result | None:
    """The window and the files of a download that succeeded."""
    window = session.get(DownloadWindow, run.id)
    if window is None or not window.is_committed:
        return None
    files = session.scalars(
        select(DownloadFile).where(DownloadFile.run_id == run.id).order_by(DownloadFile.id)
    ).all()
    return Result(window, files)


def get_file(session: Session, run: Run, file_id: int) -> DownloadFile | None:
    """A file of a run, if it is there and its time is not over."""
    found = session.get(DownloadFile, file_id)
    if found is None or found.run_id != run.id or found.deleted_at is not None:
        return None
    window = session.get(DownloadWindow, run.id)
    return found if window is not None and window.is_committed else None


def find_head(session: Session, operation_id: int, center_id: int | None) -> DownloadWindow | None:
    """The latest download of an operation for a center (None: the site) that counts."""
    return session.scalar(
        select(DownloadWindow)
        .join(DownloadStream, DownloadStream.id == DownloadWindow.stream_id)
        .where(
            DownloadStream.operation_id == operation_id,
            DownloadStream.center_id.is_not_distinct_from(center_id),
            DownloadWindow.is_committed,
        )
        .order_by(DownloadWindow.number.desc())
        .limit(1)
    )


# The end of their time ---------------------------------------------------------------------


def kept_since() -> datetime:
    """From when on a download's files and held-back list are still there."""
    return datetime.now(UTC) - timedelta(days=current_settings().download_days)


def delete_old_files(session: Session, store: FileStore, *, limit: int = 20) -> list[str]:
    """Delete the files of downloads whose time of retention is over; say which."""
    old = session.scalars(
        select(DownloadFile)
        .join(Run, Run.id == DownloadFile.run_id)
        .where(DownloadFile.deleted_at.is_(None), Run.finished_at < kept_since())
        .order_by(DownloadFile.id)
        .limit(limit)
        .with_for_update(of=DownloadFile, skip_locked=True)
    ).all()
    for file in old:
        store.delete(file.key)
        file.deleted_at = datetime.now(UTC)
    session.flush()
    return [file.key for file in old]


_OLD_LIST = text("""
SELECT w.run_id FROM download_windows w JOIN runs r ON r.id = w.run_id
WHERE r.finished_at < :before AND w.is_committed
    AND EXISTS (SELECT FROM withheld_records x WHERE x.run_id = w.run_id)
    AND (w.stream_id IS NULL OR EXISTS (SELECT FROM download_windows later
        WHERE later.stream_id = w.stream_id AND later.is_committed AND later.number > w.number))
ORDER BY w.run_id LIMIT 1""")
_DELETE_WITHHELD = text("""
DELETE FROM withheld_records WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM withheld_records WHERE run_id = :run LIMIT :rows))""")


def delete_old_list(session: Session, *, rows: int) -> int | None:
    """Delete some rows of one held-back list whose time is over; say whose. A stream's latest list
    stays, however old: what is on it still has to go. What was sent once is never forgotten."""
    run_id: int | None = session.scalar(_OLD_LIST, {"before": kept_since()})
    if run_id is not None:
        session.execute(_DELETE_WITHHELD, {"run": run_id, "rows": rows})
    return run_id


def list_streams(
    session: Session, centers: Collection[int] | None
) -> list[tuple[DownloadStream, Operation]]:
    """The streams of these centers (None: all of them), by their operations' titles."""
    query = (
        select(DownloadStream, Operation)
        .join(Operation, Operation.id == DownloadStream.operation_id)
        .order_by(Operation.title, DownloadStream.id)
    )
    if centers is not None:
        query = query.where(DownloadStream.center_id.in_(centers))
    return [(row[0], row[1]) for row in session.execute(query)]


def describe_preview(preview: Run) -> dict[str, Any] | None:
    """What a finished preview found."""
    found = preview.tallies.get("download")
    return dict(found) if isinstance(found, dict) else None


def say_lacking(told: Mapping[str, Any] | None) -> str:
    """Why a file of what a preview told can't be written, and what to do; blank where it can be."""
    lacking = (told or {}).get("lacking")
    if not lacking:
        return ""
    records, name = lacking["records"], ENCODING_NAMES[Encoding(lacking["encoding"])]
    have = "1 record has" if records == 1 else f"{records:,} records have"
    return (
        f"{have} characters that {name} lacks, so the file can’t be written. Choose UTF-8 among the"
        " characters of the CSV file, or change the values and look again."
    )


def require_writable(session: Session, draft: Run) -> None:
    """`DataSyncError` "unwritable" where the preview of the draft as it is told so."""
    preview = runs.current_preview(session, draft)
    problem = say_lacking(describe_preview(preview)) if preview is not None else ""
    if problem:
        raise DataSyncError("unwritable", problem)


def load_run(session: Session, run_id: int) -> Run | None:
    """A run with what its page shows."""
    return session.scalars(
        select(Run).options(joinedload(Run.operation), joinedload(Run.user)).where(Run.id == run_id)
    ).one_or_none()
