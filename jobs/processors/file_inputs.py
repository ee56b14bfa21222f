"""What the run of a file starts from, gathered once when an attempt begins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from jobs.actors import Actor
from jobs.crossrefs import load_translators
from jobs.failures import RunFailedError
from jobs.processors.file_readers import READERS
from jobs.reading import ChunkReader, read_settings
from webapp.config import current_settings
from webapp.extensions import db
from webapp.models import (
    Operation,
    RunEdit,
    Upload,
)
from webapp.rules.catalogues import (
    GROUP_UPLOAD,
    SEGMENTATION,
    STANDARD_IMPORT,
)
from webapp.rules.columns import Recognition, folded
from webapp.rules.corrections import Corrections
from webapp.rules.doctor import DamageKind, Repair
from webapp.rules.fields import Field
from webapp.services.operations import may_opt_in_again
from webapp.services.readings import describe_outside
from webapp.services.uploads import dialect_of, recognise_columns, source_of
from webapp.settings import Settings


@dataclass(frozen=True, slots=True)
class FileInputs:
    """The file's reader and the settings of this run."""

    kind: str
    reader: ChunkReader
    fields: Sequence[Field]
    actor: Actor
    allow_opt_in: bool
    allowed_by: str
    unique_email: bool
    default_source: str
    default_sub_source: str
    label: str
    outside: str
    """The rows of the file that are not of its table, in a sentence; blank where all are."""


def load_inputs(run: Mapping[str, Any]) -> FileInputs:
    """All of it. Raises `RunFailedError` with a sentence when the file's columns can't be read."""
    session = db.session()
    try:
        upload = session.get(Upload, run["upload_id"])
        operation = session.get_one(Operation, run["operation_id"])
        if upload is None or not upload.examination or "columns" not in upload.examination:
            raise RunFailedError("This run has no file that can be read. Start a new one.")
        options = run["options"]
        recognition = recognise_columns(
            session, upload.examination["columns"], options.get("columns"), operation.kind, options
        )
        if recognition.faults:
            raise RunFailedError(" ".join(recognition.faults))
        settings = current_settings()
        today = datetime.now(ZoneInfo(settings.time_zone)).date()
        # A preview is corrected by its draft's edits
        edits_of = run["parent_id"] if run["kind"] == "preview" else run["id"]
        reader = READERS[operation.kind](session, run)(
            source=source_of(upload),
            dialect=dialect_of(upload),
            recognition=recognition,
            settings=read_settings(options, today),
            corrections=_corrections(
                session.scalars(select(RunEdit).where(RunEdit.run_id == edits_of)).all(),
                recognition,
            ),
            chunk_rows=_chunk_rows(settings, operation.kind),
            repairs=_repairs(options, recognition),
        )
        reader.translate(load_translators(session, run, recognition, today))
        return FileInputs(
            kind=operation.kind,
            reader=reader,
            fields=[column.field for column in recognition.known if column.field],
            actor=Actor.of_run(session, run),
            allow_opt_in=bool(options.get("opt_in_again")) and _has_right(operation),
            allowed_by=str(options.get("opt_in_again_by") or "a manager"),
            unique_email=settings.unique_email,
            default_source=operation.title,
            default_sub_source=run["label"],
            label=run["label"],
            outside=describe_outside(upload.examination),
        )
    finally:
        db.session.remove()


NARROW = 5
"""Chunks of the constituent import in one of an upload: its rows are short, and the more of them
are looked up and written at once, the more of them share a page."""
SMALLEST_NARROW = 1_000


def _chunk_rows(settings: Settings, kind: str) -> int:
    """Rows per transaction; an installation that wants them few gets them few."""
    is_narrow = kind in (GROUP_UPLOAD, SEGMENTATION) and settings.chunk_rows >= SMALLEST_NARROW
    return settings.chunk_rows * (NARROW if is_narrow else 1)


def _has_right(operation: Operation) -> bool:
    """Whether runs of the operation may opt people in again who opted out, where the person who
    starts one confirms it."""
    return operation.kind == STANDARD_IMPORT or may_opt_in_again(operation)


def _repairs(options: Mapping[str, Any], recognition: Recognition) -> list[Repair]:
    """The accepted repairs of columns that are read."""
    read = {column.position for column in recognition.known}
    accepted = (Repair.from_json(stored) for stored in options.get("repairs", ()))
    return [
        repair
        for repair in accepted
        if repair.position in read or repair.kind is DamageKind.SHIFTED_COLUMNS
    ]


def _corrections(edits: Sequence[RunEdit], recognition: Recognition) -> Corrections:
    """The stored corrections, by column position. A column is named by its field or its heading."""
    positions: dict[str, int] = {}
    for column in recognition.columns:
        positions.setdefault(folded(column.name), column.position)
        if column.field:
            positions[column.field.column] = column.position
    cells: defaultdict[int, dict[int, str]] = defaultdict(dict)
    values: defaultdict[int, dict[str, str]] = defaultdict(dict)
    left_out: set[int] = set()
    for edit in edits:
        position = positions.get(folded(edit.column)) if edit.column else None
        if edit.kind == "leave_out" and edit.row_number is not None:
            left_out.add(edit.row_number)
        elif position is None:
            continue
        elif edit.kind == "cell" and edit.row_number is not None:
            cells[edit.row_number][position] = edit.new_value or ""
        elif edit.kind == "value":
            values[position][(edit.old_value or "").strip()] = edit.new_value or ""
    return Corrections(dict(cells), dict(values), frozenset(left_out))
