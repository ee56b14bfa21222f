"""Workers for tests of pages: all that waits done in this process, or one at work beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from jobs.runs import execute
from tests.services import environment_of
from webapp.extensions import db
from webapp.models import Run

if TYPE_CHECKING:
    from flask import Flask

    from webapp.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def work_off(app: Flask) -> None:
    """Do all that is queued."""
    with app.app_context():
        queued = db.session.scalars(select(Run.id).where(Run.state == "queued")).all()
        for run_id in queued:
            db.session.remove()
            execute(run_id)
        db.session.remove()


@contextmanager
def working(settings: Settings, chunk_rows: int = 10_000) -> Iterator[None]:
    """A real worker on the imports queue, doing this many rows at a time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.worker", "imports"],
        cwd=ROOT,
        env=environment_of(settings) | {"DATASYNC_CHUNK_ROWS": str(chunk_rows)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
