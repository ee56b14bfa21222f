"""One measured step in a process of its own: `python -m bench.step KIND ...` prints JSON.

Its own process, so that peak memory is that step's alone. The environment names the database.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench.memory import peak_mb
from jobs.application import get_app
from jobs.runs import execute
from jobs.worker import quieten_collector
from webapp.extensions import db
from webapp.models import Run
from webapp.services import runs, uploads


def main(arguments: list[str]) -> None:
    """`preview FILE`, `import FILE` or `undo RUN`; the operation's slug if not the import's; the
    cross-reference type whose entries the file has."""
    kind, subject, *rest = arguments
    slug = rest[0] if rest else "standard-constituent-import"
    options = {uploads.TYPE_OPTION: rest[1]} if len(rest) > 1 else {}
    app = get_app()
    quieten_collector()  # as a worker does
    # Measured here without the queue: the job is called by hand
    runs.enqueue = lambda *_, **__: True
    with app.app_context():
        made = partial(_draft, slug, kind, Path(subject), options)
        run_id = _undo(int(subject)) if kind == "undo" else made()
        began, cpu = time.perf_counter(), time.process_time()
        execute(run_id)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        run = db.session.get_one(Run, run_id)
        if run.state != "success":
            sys.exit(f"run {run_id} ended in {run.state}: {run.failure}")
        print(
            json.dumps(
                {
                    "run": run.id,
                    "seconds": seconds,
                    "cpu_seconds": cpu,
                    "peak_mb": peak_mb(),
                    "rows": run.rows_read,
                    "created": run.created,
                    "updated": run.updated,
                    "unchanged": run.unchanged,
                }
            )
        )


def _draft(slug: str, kind: str, path: Path, options: dict[str, Any]) -> int:
    session = db.session()
    operation = runs.find_operation(session, slug)
    if operation is None:
        sys.exit("the standard operation is missing")
    run = runs.create_draft(session, operation=operation, user=None, label=path.name)
    run.options = run.options | options
    upload = uploads.store_upload(session, path=path, user_id=None, center_id=None)
    uploads.examine_upload(session, upload)
    runs.attach_upload(session, run, upload)
    if kind == "preview":
        run = runs.start_preview(session, run)
    else:
        runs.start_run(session, run, without_preview=True)
    session.commit()
    return run.id


def _undo(run_id: int) -> int:
    session = db.session()
    undo = runs.start_undo(session, session.get_one(Run, run_id), None)
    session.commit()
    return undo.id


if __name__ == "__main__":
    main(sys.argv[1:])
