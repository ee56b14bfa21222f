"""`datasync status`: what runs, what waits, what was last."""

from __future__ import annotations

import argparse
import json
from typing import Any

from redis import Redis
from rq import Worker
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from webapp.models import Run
from webapp.services.runs import list_runs
from webapp.serving.attaching import Attached, attached
from webapp.serving.data_folder import DataFolder
from webapp.serving.stack import Work

LAST_RUNS = 10


def run(options: argparse.Namespace) -> int:
    """Always 0: whatever it is, saying so succeeded."""
    folder = DataFolder(options.data.resolve())
    with attached(folder, "status", Work(imports=0)) as services:
        told = _collect(folder, services)
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print(told)
    return 0


def _collect(folder: DataFolder, services: Attached) -> dict[str, Any]:
    engine = create_engine(services.settings.database_url, poolclass=NullPool)
    with Session(engine) as session:
        states = select(Run.state, func.count()).where(Run.kind.in_(("run", "undo")))
        counts = dict(session.execute(states.group_by(Run.state)).tuples().all())
        last = [_describe(run) for run in list_runs(session, limit=LAST_RUNS)]
    with Redis.from_url(services.settings.redis_url) as client:
        workers = Worker.count(connection=client)
    return {
        "serving": services.address is not None,
        "address": services.address,
        "data": str(folder.path),
        "workers": workers,
        "queued": counts.get("queued", 0) + counts.get("stale", 0),
        "running": counts.get("running", 0),
        "last_runs": last,
    }


def _describe(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "kind": run.kind,
        "label": run.label,
        "state": run.state,
        "rows_read": run.rows_read,
        "rows_total": run.rows_total,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }


def _print(told: dict[str, Any]) -> None:
    where = f"is running at {told['address']}" if told["serving"] else "is not being served"
    print(f"DataSync {where}; its data is in {told['data']}.")
    print(f"{told['workers']} workers, {told['running']} runs under way, {told['queued']} waiting.")
    for found in told["last_runs"]:
        kind = "" if found["kind"] == "run" else f"{found['kind']} of "
        print(
            f"  {found['run']:>6}  {found['state']:<10} {found['rows_read']:>10,} rows  "
            f"{kind}{found['label']}"
        )
