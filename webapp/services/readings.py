"""How a draft's file is read and what of its damage is repaired: what people say about it.

The reader's conclusions are kept with the upload; so is what the doctor found, until the reading or
the columns change. What a person accepts of it is an option of the run, so that its preview, the
run itself and its undo all go by the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Run, RunEdit, Upload
from webapp.rules.columns import Recognition, column_keys, folded
from webapp.rules.doctor import ColumnSeen, DamageKind, Doctor, Finding, Repair
from webapp.rules.guarding import unguard
from webapp.rules.reading import (
    Batch,
    Choices,
    Examination,
    Refusal,
    UnreadableError,
    read_records,
)
from webapp.services.corrections import lock_draft, outdate_preview
from webapp.services.knowledge import DatabaseKnowledge
from webapp.services.own_files import examine_file
from webapp.services.uploads import (
    dialect_of,
    examination_json,
    recognise_columns,
    source_of,
    storable,
)

DIAGNOSED_ROWS = 100_000
DIAGNOSED_SECONDS = 3.0
BATCH_ROWS, BATCH_CELLS = 2_000, 50_000
_OF_DATES = (DamageKind.SWAPPED_DATES, DamageKind.BECAME_DATE)
DAMAGE = ("damage", "damage_rows", "damage_complete")
_OTHER_ROWS = ("kind", "packing", "member", "sheet", "delimiter", "quote", "escape")
"""Where one of these differs, a row number is another row."""
_OTHER_TEXTS = (*_OTHER_ROWS, "encoding")

# The reading -------------------------------------------------------------------------------------


def choose_reading(session: Session, run: Run, choices: Choices) -> None:
    """Read the draft's file as a person says. `choices` are all of theirs, earlier ones included.

    Raises `DataSyncError` with a sentence, and changes nothing, where it can't be read so. Column
    choices, corrections and repairs go where they have lost their column or their rows.
    """
    lock_draft(session, run)
    upload = _upload_of(run)
    before: Mapping[str, Any] = upload.examination or {}
    after = examination_json(_examine(upload, choices), choices)
    same = before.get("dialect") == after["dialect"] and before.get("columns") == after["columns"]
    if same:
        # Nothing is read differently: what was found and decided stays
        after |= {name: before[name] for name in DAMAGE if name in before}
    upload.examination = after
    if same:
        session.flush()
        return
    run.rows_total, run.rows_total_is_exact = after["rows_estimate"], False
    _carry_over(session, run, before, after)
    outdate_preview(session, run)


def preview_reading(run: Run, choices: Choices) -> dict[str, Any]:
    """What would be found in the file if it were read so, without keeping anything: the form of
    `upload.examination`. Raises `DataSyncError` as `choose_reading` does."""
    return examination_json(_examine(_upload_of(run), choices), choices)


def present_choices(upload: Upload) -> Choices:
    """What people said so far about how the file is to be read."""
    return Choices.from_json((upload.examination or {}).get("choices") or {})


def _upload_of(run: Run) -> Upload:
    if run.upload is None:
        raise DataSyncError("no_file", "This run has no file yet. Choose one first.", "file")
    return run.upload


def _examine(upload: Upload, choices: Choices) -> Examination:
    found = examine_file(source_of(upload), choices)
    if isinstance(found, Refusal):
        raise DataSyncError(found.code, found.message, _changed_choice(upload, choices))
    return found


def _changed_choice(upload: Upload, choices: Choices) -> str | None:
    """The one thing that was said anew, to show a refusal there."""
    before, now = present_choices(upload).to_json(), choices.to_json()
    changed = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    return changed[0] if len(changed) == 1 else None


def _carry_over(
    session: Session, run: Run, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Keep what still has its column and its rows."""
    columns: list[str] = after["columns"]
    names, keys = {folded(name) for name in columns}, set(column_keys(columns))
    options = dict(run.options)
    if "columns" in options:
        options["columns"] = {
            key: choice for key, choice in options["columns"].items() if folded(key) in keys
        }
    is_other_text = _differ(before, after, _OTHER_TEXTS)
    options["repairs"] = [
        repair
        for repair in options.get("repairs", ())
        if not is_other_text
        and repair["position"] < len(columns)
        and columns[repair["position"]] == repair["column"]
    ]
    run.options = options
    recognition = recognise_columns(
        session, columns, options.get("columns"), run.operation.kind, options
    )
    names |= {column.field.column for column in recognition.known if column.field}
    _drop_corrections(session, run, names, keeps_rows=not _differ(before, after, _OTHER_ROWS))


def _drop_corrections(
    session: Session, run: Run, names: Collection[str], *, keeps_rows: bool
) -> None:
    edits = session.scalars(select(RunEdit).where(RunEdit.run_id == run.id))
    gone = [
        edit.id
        for edit in edits
        if (edit.row_number is not None and not keeps_rows)
        or (edit.column is not None and folded(edit.column) not in names)
    ]
    if gone:
        session.execute(delete(RunEdit).where(RunEdit.id.in_(gone)))


def _differ(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> bool:
    old, new = before.get("dialect") or {}, after.get("dialect") or {}
    return any(old.get(name) != new.get(name) for name in names)


# The doctor --------------------------------------------------------------------------------------


def diagnose_upload(
    session: Session,
    run: Run,
    *,
    rows: int = DIAGNOSED_ROWS,
    seconds: float = DIAGNOSED_SECONDS,
) -> tuple[Finding, ...]:
    """Look for damage in the draft's file and keep what was found with it: `damage`, `damage_rows`
    (how many were looked at) and `damage_complete` (whether those were all)."""
    upload = _upload_of(run)
    looked_at = upload.examination or {}
    if "columns" not in looked_at:
        return ()
    recognition = recognise_columns(
        session,
        looked_at["columns"],
        run.options.get("columns"),
        run.operation.kind,
        run.options,
    )
    doctor = Doctor(
        [
            ColumnSeen(column.position, column.name, column.field.column if column.field else None)
            for column in recognition.columns
        ],
        knowledge=DatabaseKnowledge(session, run.center_id),
        day_first=run.options.get("date_order") == "dmy",
    )
    is_complete = _look(doctor, _read_good(upload, recognition), rows, seconds)
    passed_over = {column.position for column in recognition.columns if column.is_passed_over}
    findings = tuple(f for f in doctor.findings() if f.position not in passed_over)
    _keep(session, upload, looked_at, findings, doctor.looked_at, is_complete)
    return findings


def reconsider_columns(run: Run, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """A person has said anew what columns are: what was found and accepted of these goes."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if names:
        changed = {folded(name) for name in names}
        _drop_repairs(run, lambda repair: folded(repair["column"]) in changed)
        forget_diagnosis(run)


def reconsider_dates(run: Run) -> None:
    """Dates are read in the other order: what was found and accepted of them goes."""
    _drop_repairs(run, lambda repair: repair["kind"] in _OF_DATES)
    forget_diagnosis(run)


def _drop_repairs(run: Run, is_void: Callable[[Mapping[str, Any]], bool]) -> None:
    if run.options.get("repairs"):
        kept = [repair for repair in run.options["repairs"] if not is_void(repair)]
        run.options = run.options | {"repairs": kept}


def forget_diagnosis(run: Run) -> None:
    """What the doctor found no longer holds; who asks next has it look again."""
    if run.upload is not None and run.upload.examination:
        examination = run.upload.examination
        run.upload.examination = {
            name: value for name, value in examination.items() if name not in DAMAGE
        }


def _read_good(upload: Upload, recognition: Recognition) -> Iterator[Batch]:
    """The rows that can be read, as the run reads them: without the guards of a rejects file."""
    is_guarded = recognition.is_guarded
    # The clock is looked at between batches, so one of a wide table has fewer rows
    size = max(20, min(BATCH_ROWS, BATCH_CELLS // max(1, len(recognition.columns))))
    for batch in read_records(source_of(upload), dialect_of(upload), size=size):
        good = [at for at, number in enumerate(batch.row_numbers) if number not in batch.faults]
        numbers = [batch.row_numbers[at] for at in good]
        rows = [batch.rows[at] for at in good]
        if is_guarded:
            rows = [[unguard(cell) for cell in row] for row in rows]
        yield Batch(numbers, rows)


def _look(doctor: Doctor, batches: Iterator[Batch], rows: int, seconds: float) -> bool:
    """Show the doctor rows until they or the time are used up; whether it has seen all."""
    end = time.monotonic() + seconds
    try:
        for batch in batches:
            if doctor.looked_at >= rows or time.monotonic() > end:
                return False
            doctor.look(batch.row_numbers, batch.rows)
    except UnreadableError:
        return False
    return True


def _keep(
    session: Session,
    upload: Upload,
    looked_at: Mapping[str, Any],
    findings: Sequence[Finding],
    rows: int,
    is_complete: bool,
) -> None:
    session.refresh(upload, with_for_update=True)
    now = upload.examination or {}
    if any(now.get(name) != looked_at.get(name) for name in ("dialect", "columns")):
        return  # somebody had the file read otherwise meanwhile
    upload.examination = now | {
        "damage": storable([finding.to_json() for finding in findings]),
        "damage_rows": rows,
        "damage_complete": is_complete,
    }
    session.flush()


# The repairs -------------------------------------------------------------------------------------


def list_repairs(run: Run) -> list[Repair]:
    """What was accepted for this run."""
    return [Repair.from_json(stored) for stored in run.options.get("repairs") or ()]


def choose_repair(session: Session, run: Run, finding_id: str, repair: Repair | None) -> None:
    """Accept the repair of one finding, in the place of what was decided about it before; None
    leaves the damage as it is."""
    lock_draft(session, run)
    others = [known for known in list_repairs(run) if repair_id(known) != finding_id]
    _set_repairs(session, run, [*others, repair] if repair else others)


def choose_repairs(session: Session, run: Run, repairs: Sequence[Repair]) -> None:
    """Accept just these."""
    lock_draft(session, run)
    _set_repairs(session, run, repairs)


def repair_id(repair: Repair) -> str:
    """The id of the finding it repairs."""
    return f"{repair.kind}:{repair.position}"


def _set_repairs(session: Session, run: Run, repairs: Sequence[Repair]) -> None:
    wanted = sorted(repairs, key=lambda repair: (repair.position, repair.kind))
    stored = storable([repair.to_json() for repair in wanted])
    if stored == (run.options.get("repairs") or []):
        return
    run.options = run.options | {"repairs": stored}
    outdate_preview(session, run)


# What is not of the table ------------------------------------------------------------------------


def describe_outside(examination: Mapping[str, Any]) -> str:
    """The rows that are not of the table, in a sentence; blank where all are."""
    header = (examination.get("dialect") or {}).get("header_line") or 0
    above = below = 0
    is_open = False
    for outside in examination.get("outside") or ():
        first, last = outside["first_row"], outside["last_row"]
        if last is None and first > 0:
            is_open = True
        elif 0 < first <= header:
            above += last - first + 1
        else:
            below += (last if last is not None else -1) - first + 1
    parts = [_rows_where(above, "above the table")] if above else []
    if is_open:
        parts.append("all rows below it" if above else "all rows below the table")
    elif below:
        parts.append(_rows_where(below, "below it" if above else "below the table"))
    if not parts:
        return ""
    is_one = above + below == 1 and not is_open
    what = " and ".join(parts)
    return f"{what[0].upper()}{what[1:]} {'is' if is_one else 'are'} not of it."


def _rows_where(count: int, where: str) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'} {where}"
