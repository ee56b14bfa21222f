"""Old previews and abandoned files go; what somebody may still need stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs.cleaning import (
    KEPT_AFTER_RUN,
    delete_abandoned_files,
    delete_lost_files,
    delete_preview_rows,
)
from webapp.models import Operation, Run, RunRow, Upload
from webapp.services.files import FileStore, file_store

LONG_AGO = datetime.now(UTC) - KEPT_AFTER_RUN - timedelta(days=1)


def _run(session: Session, **values: object) -> Run:
    operation_id = session.scalars(select(Operation.id)).first()
    run = Run(**({"operation_id": operation_id, "label": "a run", "state": "success"} | values))
    session.add(run)
    session.flush()
    return run


def _previewed(session: Session, **values: object) -> tuple[Run, Run]:
    run = _run(session, **values)
    preview = _run(session, kind="preview", parent_id=run.id)
    run.preview_id = preview.id
    session.add(RunRow(run_id=preview.id, row_number=2, outcome="created", who="Ana"))
    session.add(RunRow(run_id=run.id, row_number=2, outcome="created", who="Ana"))
    session.commit()
    return run, preview


def _rows(session: Session, run: Run) -> int:
    found = session.scalar(select(func.count()).where(RunRow.run_id == run.id))
    return found or 0


@pytest.mark.parametrize(
    ("values", "is_deleted"),
    [
        ({"finished_at": LONG_AGO}, True),
        ({"finished_at": datetime.now(UTC)}, False),
        ({"state": "draft"}, False),
    ],
)
def test_rows_of_a_preview_go_long_after_its_run(
    session: Session, values: dict[str, object], is_deleted: bool
) -> None:
    run, preview = _previewed(session, **values)
    assert (delete_preview_rows(session) == preview.id) is is_deleted
    assert _rows(session, preview) == (0 if is_deleted else 1)
    assert _rows(session, run) == 1
    assert delete_preview_rows(session) is None


def test_rows_of_a_replaced_preview_go_at_once(session: Session) -> None:
    run, preview = _previewed(session, state="draft")
    newer = _run(session, kind="preview", parent_id=run.id)
    run.preview_id = newer.id
    session.commit()
    assert delete_preview_rows(session) == preview.id
    assert _rows(session, preview) == 0


def _upload(session: Session, store: FileStore, key: str, age: timedelta) -> Upload:
    with store.open(key, "wb") as stream:
        stream.write(b"a,b")
    upload = Upload(name="a.csv", key=key, size=3, sha256="0", created_at=datetime.now(UTC) - age)
    session.add(upload)
    session.commit()
    return upload


def test_files_that_no_run_has_go_after_a_day(session: Session) -> None:
    store = file_store()
    old_id = _upload(session, store, "uploads/old", timedelta(days=2)).id
    _upload(session, store, "uploads/young", timedelta(hours=1))
    used = _upload(session, store, "uploads/used", timedelta(days=2))
    _run(session, upload_id=used.id)
    session.commit()
    assert delete_abandoned_files(session, store) == [old_id]
    assert [store.exists(f"uploads/{name}") for name in ("old", "young", "used")] == [
        False,
        True,
        True,
    ]
    assert delete_abandoned_files(session, store) == []


def _put(store: FileStore, key: str, age: timedelta) -> None:
    with store.open(key, "wb") as stream:
        stream.write(b"a,b")
    then = (datetime.now(UTC) - age).timestamp()
    os.utime(f"{store.root}/{key}", (then, then))


def test_files_that_never_arrived_in_full_go_after_a_day(session: Session) -> None:
    store = file_store()
    _upload(session, store, "uploads/known", timedelta(days=2))
    for name in ("known", "lost"):
        _put(store, f"uploads/{name}", timedelta(days=2))
    _put(store, "uploads/coming", timedelta(hours=1))
    _put(store, "rejects/other", timedelta(days=2))
    assert delete_lost_files(session, store) == ["uploads/lost"]
    kept = ("uploads/known", "uploads/coming", "rejects/other")
    assert [store.exists(key) for key in (*kept, "uploads/lost")] == [True, True, True, False]


def test_a_store_with_nothing_in_it_has_nothing_to_clean(session: Session, tmp_path: Path) -> None:
    store = FileStore(fsspec.filesystem("file"), str(tmp_path / "empty"))
    assert delete_lost_files(session, store) == []
    memory = FileStore(fsspec.filesystem("memory"), "/cleaning")
    memory.filesystem.pipe("/cleaning/uploads/young", b"a")
    assert memory.keys("uploads") == ["uploads/young"]
    assert delete_lost_files(session, memory) == []
