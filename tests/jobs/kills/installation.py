"""A whole `datasync serve`, whose processes a test may kill, and a way to give it work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from flask import Flask
from sqlalchemy.orm import Session

from tests.processes.serving import PATIENCE, Serve
from webapp import create_app
from webapp.extensions import db
from webapp.models import Run
from webapp.services import runs, uploads
from webapp.serving.data_folder import DataFolder
from webapp.serving.stack import environment_of
from webapp.settings import Settings, libpq_url
from webapp.transactions import commit

OPERATION = "standard-constituent-import"
FINISHED = ("success", "failure", "cancelled")


@dataclass(slots=True)
class Staff:
    """What a person does, done by the services, on whatever database the settings name. Each
    question has a patience: servers may be gone for a moment."""

    app: Flask
    database_url: str
    _connection: psycopg.Connection[Any] | None = field(default=None)

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement, asked again for as long as the database is away."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg.connect(
                        self.database_url, autocommit=True, connect_timeout=5
                    )
                return self._connection.execute(statement, list(parameters) or None).fetchall()
            except psycopg.OperationalError:
                self.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session whose work is committed, and whose jobs are enqueued, at the end."""
        with self.app.app_context():
            session = db.session()
            try:
                yield session
                commit(session)
            finally:
                db.session.remove()

    def draft(self, path: Path, *, label: str = "Members") -> int:
        """A draft with this file."""
        with self.session() as session:
            operation = runs.find_operation(session, OPERATION)
            assert operation is not None
            run = runs.create_draft(session, operation=operation, user=None, label=label)
            upload = uploads.store_upload(session, path=path, user_id=None, center_id=None)
            uploads.examine_upload(session, upload)
            runs.attach_upload(session, run, upload)
            return run.id

    def preview(self, draft: int) -> int:
        """Queue its preview."""
        with self.session() as session:
            return runs.start_preview(session, session.get_one(Run, draft)).id

    def start(self, draft: int) -> int:
        """Queue the draft; its preview, if it has one, seals it."""
        with self.session() as session:
            runs.start_run(session, session.get_one(Run, draft), without_preview=True)
        return draft

    def undo(self, run_id: int) -> int:
        """Queue the undo of a run."""
        with self.session() as session:
            return runs.start_undo(session, session.get_one(Run, run_id), None).id

    def progress(self, run_id: int) -> tuple[str, int]:
        """State and rows read."""
        state, rows = self.query("SELECT state, rows_read FROM runs WHERE id = %s", run_id)[0]
        return state, rows

    def await_rows(self, run_id: int, rows: int) -> bool:
        """Wait until a running run has read so many rows; False when it has ended instead."""
        return self._await(run_id, lambda state, read: state == "running" and read >= rows)

    def await_end(self, run_id: int) -> str:
        """Wait for the end; the state then."""
        self._await(run_id, lambda _state, _read: False)
        return self.progress(run_id)[0]

    def _await(self, run_id: int, settled: Any) -> bool:
        deadline, latest = time.monotonic() + PATIENCE, None
        while (found := self.progress(run_id))[0] not in FINISHED:
            if settled(*found):
                return True
            if found != latest:
                latest, deadline = found, time.monotonic() + PATIENCE
            assert time.monotonic() < deadline, f"run {run_id} stands still at {found}"
            time.sleep(0.01)
        return False


@dataclass(slots=True)
class Installation(Staff):
    """Staff of a `serve` on this machine."""

    serve: Serve = field(kw_only=True)

    def kill(self, victim: str) -> None:
        """`kill -9` of one of them, once it is there."""
        deadline = time.monotonic() + PATIENCE
        while not (pids := self._pids(victim)):
            assert time.monotonic() < deadline, f"no {victim} comes back"
            time.sleep(0.02)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _pids(self, victim: str) -> list[int]:
        if victim in ("web", "postgres", "valkey"):
            pid = self.serve.pid(victim)
            return [pid] if pid else []
        horse, worker = self._at_work()
        chosen = {"horse": [horse], "worker": [worker], "horse and worker": [horse, worker]}
        return [pid for pid in chosen[victim] if pid]

    def _at_work(self) -> tuple[int, int]:
        """The horse that works, and the worker it belongs to (some worker when none works)."""
        found: dict[int, int] = {}
        for process in self.serve.below():
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if "jobs.worker imports" in line and "child.py" not in line:
                    found[process.pid] = process.ppid()
        horses = [pid for pid, parent in found.items() if parent in found]
        if horses:
            return horses[-1], found[horses[-1]]
        # An orphan's worker is gone: the orphan hangs below `serve` itself
        orphans = [pid for pid, parent in found.items() if parent == self.serve.process.pid]
        workers = [pid for pid in found if pid not in orphans]
        return (orphans or [0])[-1], (workers or [0])[0]


def open_installation(serve: Serve, chunk_rows: int) -> Installation:
    """Staff of this `serve`."""
    folder = DataFolder(serve.data)
    attachment = folder.attachment()
    assert attachment is not None
    environment = environment_of(folder, attachment.database_url, attachment.redis_url)
    environment["DATASYNC_CHUNK_ROWS"] = str(chunk_rows)
    settings = Settings.from_env(environment)
    return Installation(create_app(settings), libpq_url(settings.database_url), serve=serve)


def close_app(app: Flask) -> None:
    """Give back every connection."""
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
