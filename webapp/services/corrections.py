"""What staff correct before a run: a cell, a row left out, one value everywhere.

Corrections belong to the draft and are applied each time its file is read; the file itself stays
as it came. Each one added or removed raises `edits_version`, so that a preview that was looked at
before it no longer counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Run, RunEdit, User
from webapp.rules.card_numbers import is_watched
from webapp.rules.catalogues import TRANSACTION_UPLOAD
from webapp.services.card_numbers import refuse_typed_card_number

LONGEST_CELL = 10_000
NOT_A_DRAFT = "not_a_draft"


def list_corrections(session: Session, run: Run) -> Sequence[RunEdit]:
    """All of them, in the order they were made."""
    return session.scalars(
        select(RunEdit).where(RunEdit.run_id == run.id).order_by(RunEdit.id)
    ).all()


def list_authors(session: Session, edits: Iterable[RunEdit]) -> dict[int, str]:
    """The names of those who made the corrections."""
    ids = {edit.user_id for edit in edits if edit.user_id is not None}
    found = session.scalars(select(User).where(User.id.in_(ids)))
    return {user.id: user.name or user.email for user in found}


def correct_cell(
    session: Session, run: Run, *, row_number: int, column: str, new_value: str, user_id: int | None
) -> RunEdit:
    """Read this text instead of the cell. A second correction of the cell replaces the first."""
    lock_draft(session, run)
    _check_value(run, column, new_value)
    found = session.scalar(
        select(RunEdit).where(
            RunEdit.run_id == run.id,
            RunEdit.kind == "cell",
            RunEdit.row_number == row_number,
            RunEdit.column == column,
        )
    )
    edit = found or RunEdit(run_id=run.id, kind="cell", row_number=row_number, column=column)
    edit.new_value, edit.user_id = new_value, user_id
    return _record(session, run, edit)


def leave_out_row(session: Session, run: Run, *, row_number: int, user_id: int | None) -> RunEdit:
    """Hold this row back from the run. Leaving it out twice is leaving it out."""
    lock_draft(session, run)
    found = session.scalar(
        select(RunEdit).where(
            RunEdit.run_id == run.id, RunEdit.kind == "leave_out", RunEdit.row_number == row_number
        )
    )
    if found is not None:
        return found
    edit = RunEdit(run_id=run.id, kind="leave_out", row_number=row_number, user_id=user_id)
    return _record(session, run, edit)


def replace_value(
    session: Session,
    run: Run,
    *,
    column: str,
    old_value: str,
    new_value: str,
    user_id: int | None,
) -> RunEdit:
    """Read `new_value` wherever the column holds `old_value`.

    Earlier corrections that led to `old_value` now lead to `new_value`: they were looked at, found
    still wrong, and corrected once more.
    """
    lock_draft(session, run)
    _check_value(run, column, new_value)
    old_value = old_value.strip()  # cells are compared without the blanks around them
    if new_value == old_value:
        raise DataSyncError(
            "same_value", "The new value is the old one. Enter what it should be.", "new_value"
        )
    earlier = session.scalars(
        select(RunEdit).where(
            RunEdit.run_id == run.id,
            RunEdit.kind.in_(("cell", "value")),
            RunEdit.column == column,
            RunEdit.new_value == old_value,
        )
    ).all()
    for edit in earlier:
        edit.new_value = new_value
    found = session.scalar(
        select(RunEdit).where(
            RunEdit.run_id == run.id,
            RunEdit.kind == "value",
            RunEdit.column == column,
            RunEdit.old_value == old_value,
        )
    )
    edit = found or RunEdit(run_id=run.id, kind="value", column=column, old_value=old_value)
    edit.new_value, edit.user_id = new_value, user_id
    return _record(session, run, edit)


def remove_correction(session: Session, run: Run, edit_id: int) -> None:
    """Take one back. Nothing happens when it is already gone."""
    lock_draft(session, run)
    edit = session.get(RunEdit, edit_id)
    if edit is None or edit.run_id != run.id:
        return
    session.delete(edit)
    outdate_preview(session, run)


def outdate_preview(session: Session, run: Run) -> None:
    """What the preview showed is no longer what would be done: it has to be looked at again."""
    run.edits_version += 1
    session.flush()


def lock_draft(session: Session, run: Run) -> None:
    """Hold the draft until the transaction ends: two browsers change it one after the other.

    Raises when it is no draft any longer, because somebody has run or discarded it.
    """
    session.refresh(run, with_for_update=True)
    if run.state != "draft":
        became = "discarded" if run.queued_at is None else "started"
        raise DataSyncError(
            NOT_A_DRAFT, f"This operation was already {became}, so nothing was changed."
        )


def _record(session: Session, run: Run, edit: RunEdit) -> RunEdit:
    session.add(edit)
    outdate_preview(session, run)
    return edit


def _check_value(run: Run, column: str, value: str) -> None:
    if run.operation.kind == TRANSACTION_UPLOAD and is_watched(column):
        refuse_typed_card_number(value, "new_value")
    if len(value) > LONGEST_CELL:
        raise DataSyncError(
            "too_long", f"Use at most {LONGEST_CELL:,} characters in a cell.", "new_value"
        )
