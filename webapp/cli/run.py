"""`datasync run`: one operation on one file, from the draft to the end."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.cli.local_files import choices_of
from webapp.cli.places import find_place
from webapp.cli.printing import count_registrations, shown
from webapp.cli.usage import tell_wrong_usage
from webapp.cli.waiting import wait_for_end
from webapp.cli.working import at_work
from webapp.config import current_settings
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Operation, Run
from webapp.rules.catalogues import catalogue_of
from webapp.rules.doctor import Finding
from webapp.services import readings
from webapp.services.card_numbers import refuse_card_numbers
from webapp.services.crossrefs import list_all_types
from webapp.services.downloads import is_download
from webapp.services.files import file_store
from webapp.services.notifications import deliver_waiting
from webapp.services.registrations import count_for_run
from webapp.services.runs import (
    attach_upload,
    create_draft,
    find_operation,
    require_readable,
    start_preview,
    start_run,
)
from webapp.services.uploads import TYPE_OPTION, examine_upload, store_upload
from webapp.serving.attaching import Attached
from webapp.transactions import commit, roll_back

COUNTS = ("rows_read", "created", "updated", "unchanged", "rejected", "withheld")


def run(options: argparse.Namespace) -> int:
    """0 when the run ended in success, also with rejects; 1 when it did not."""
    if not options.file.is_file():
        wrong = "is not a file" if options.file.exists() else "does not exist"
        sentence = f"{options.file} {wrong}. Check its name."
        return tell_wrong_usage(sentence, is_json=options.json)
    with at_work(options, "run") as services:
        return _run(options, services)


def _run(options: argparse.Namespace, services: Attached) -> int:
    session = db.session()
    operation = find_operation(session, options.operation)
    if operation is None:
        known = ", ".join(session.scalars(select(Operation.slug).order_by(Operation.slug)))
        sentence = f"no operation is called {options.operation}. Use {known}."
        return tell_wrong_usage(sentence, is_json=options.json)
    try:
        wrong = _wrong_use(session, operation, options)
        center_id = find_place(session, operation, options.center)
    except DataSyncError as error:
        wrong, center_id = error.message, None
    if wrong:
        return tell_wrong_usage(wrong, is_json=options.json)
    started = time.monotonic()
    try:
        run_id = _start(session, operation, options, center_id)
    except DataSyncError as error:
        roll_back(session)
        _print(_refused(error, time.monotonic() - started), options)
        return 1
    ended = wait_for_end(run_id, services, show=not options.json)
    told = describe(session, ended, time.monotonic() - started)
    deliver_waiting(session)
    commit(session)
    _print(told, options)
    return 0 if told["state"] == "success" else 1


def _wrong_use(session: Session, operation: Operation, options: argparse.Namespace) -> str:
    """What is wrong with the operation or `--type`, in a sentence; blank where nothing is. The type
    is then the one that is meant, in any case."""
    if is_download(operation.kind):
        return f"{operation.slug} reads no file: use `datasync download {operation.slug}`."
    if not catalogue_of(operation.kind).is_of_entries:
        return f"{operation.slug} takes no --type. Leave it out." if options.type else ""
    keys = {found.key.casefold(): found.key for found in list_all_types(session)}
    known = keys.get((options.type or "").casefold())
    if known is None:
        what = (
            f"no cross-reference type is called {options.type}"
            if options.type
            else (f"{operation.slug} needs --type, the cross-reference type")
        )
        return f"{what}. Use {', '.join(keys.values())}."
    options.type = known
    return ""


def _start(
    session: Session, operation: Operation, options: argparse.Namespace, center_id: int | None
) -> int:
    """Draft, file, start; the number of what to wait for."""
    draft = create_draft(
        session, operation=operation, user=None, center_id=center_id, label=options.label
    )
    if options.date_order:
        draft.options = draft.options | {"date_order": options.date_order}
    if options.type:
        draft.options = draft.options | {TYPE_OPTION: options.type}
    upload = store_upload(session, path=options.file, user_id=None, center_id=center_id)
    examine_upload(session, upload, choices_of(options))
    refuse_card_numbers(upload, operation.kind)
    attach_upload(session, draft, upload)
    require_readable(draft)
    _repair(session, draft, options.repair)
    if options.preview:
        waited_for = start_preview(session, draft)
    else:
        start_run(session, draft, without_preview=True)
        waited_for = draft
    run_id = waited_for.id
    commit(session)
    return run_id


def _repair(session: Session, draft: Run, kinds: frozenset[str]) -> None:
    """Have the doctor look, at the whole file where something is to be repaired, and accept what it
    offers of these kinds. Nothing is repaired that was not asked for."""
    if kinds:
        found = readings.diagnose_upload(session, draft, rows=sys.maxsize, seconds=3600)
    else:
        found = readings.diagnose_upload(session, draft)
    wanted = [finding.repair() for finding in found if finding.can_repair and finding.kind in kinds]
    readings.choose_repairs(session, draft, wanted)


def describe(session: Session, run: Run, seconds: float) -> dict[str, Any]:
    """What `--json` prints of a run or a preview."""
    if run.started_at and run.finished_at:
        seconds = (run.finished_at - run.started_at).total_seconds()
    return {
        "run": run.id,
        "kind": run.kind,
        "state": run.state,
        **{name: getattr(run, name) for name in COUNTS},
        "rejects": fetch_rejects(run),
        "registrations_waiting": count_for_run(session, run, most=None),
        **_describe_reading(run),
        "seconds": round(seconds, 3),
        "failure": run.failure,
    }


def _describe_reading(run: Run) -> dict[str, Any]:
    """What was put right, by whom, and what could be: no damage is told as repaired that is not."""
    examination = (run.upload.examination if run.upload else None) or {}
    accepted = {readings.repair_id(repair) for repair in readings.list_repairs(run)}
    cells = run.tallies.get("repaired", {})
    told = []
    for finding in map(Finding.from_json, examination.get("damage", ())):
        told.append(
            finding.to_json()
            | {
                "id": finding.id,
                "is_repaired": finding.id in accepted,
                "cells": cells.get(finding.id, 0),
            }
        )
    return {
        "recovered": run.tallies.get("recovered", 0),
        "outside": run.tallies.get("outside"),
        "damage": told,
        "damage_rows": examination.get("damage_rows", 0),
    }


def fetch_rejects(run: Run) -> str | None:
    """A copy of the rejects file under a name people can read, wherever the original is kept."""
    if run.rejects_key is None:
        return None
    folder = current_settings().data_dir / "rejects"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"run-{run.id}-rejects.csv"
    with file_store().open(run.rejects_key) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return str(path)


def _refused(error: DataSyncError, seconds: float) -> dict[str, Any]:
    return {
        "run": None,
        "kind": "run",
        "state": "failure",
        **dict.fromkeys(COUNTS, 0),
        "rejects": None,
        "registrations_waiting": 0,
        "recovered": 0,
        "outside": None,
        "damage": [],
        "damage_rows": 0,
        "seconds": round(seconds, 3),
        "failure": str(error),
    }


def _print(told: Mapping[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
        return
    if told["failure"]:
        sys.stderr.write(f"datasync: {told['failure']}\n")
    if told["run"] is None:
        return
    would = "Preview" if told["kind"] == "preview" else "Run"
    counts = ", ".join(f"{told[name]:,} {name.replace('_', ' ')}" for name in COUNTS)
    print(f"{would} {told['run']} ended in {told['state']} after {told['seconds']} s: {counts}.")
    if told["registrations_waiting"]:
        print(f"{count_registrations(told)}: a row may be matched to the wrong one of two records.")
    if told["outside"]:
        print(told["outside"])
    if told["recovered"]:
        rows = "row was" if told["recovered"] == 1 else "rows were"
        print(f"{told['recovered']:,} irregular {rows} put right; the results say how.")
    for finding in told["damage"]:
        _print_damage(finding)
    if told["rejects"]:
        print(f"The rejected rows, to be fixed and run again: {told['rejects']}")


def _print_damage(finding: Mapping[str, Any]) -> None:
    what = f"{shown(finding['column'])}: {finding['title']} ({finding['rows']:,} rows)"
    if finding["is_repaired"]:
        print(f"{what}. {finding['cells']:,} cells were repaired.")
    elif finding["can_repair"]:
        print(f"{what}. Nothing was repaired; --repair {finding['kind']} does.")
    else:
        print(f"{what}. {finding['advice']}")
