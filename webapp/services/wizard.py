"""The run wizard: a draft, the step it has come to, what is missing, and what a run would do.

The draft is a row of `runs` in state draft. Nothing is kept in the browser, so leaving and coming
back loses nothing and two browsers see the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.models import Operation, Run, RunEdit, Upload, User
from webapp.rules.catalogues import Catalogue, catalogue_of
from webapp.rules.columns import Column, Recognition, folded
from webapp.rules.fields import Field
from webapp.services import readings, registrations, runs, uploads
from webapp.services.corrections import lock_draft
from webapp.services.previews import Reading

log = logging.getLogger(__name__)

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Step(StrEnum):
    """The steps, in order; the values stand in the addresses."""

    INFORMATION = "information"
    FILE = "file"
    FOUND = "found"
    CONFLICTS = "conflicts"
    PREVIEW = "preview"
    REVIEW = "review"

    @property
    def label(self) -> str:
        """What the stepper calls it."""
        return STEP_LABELS[self]

    @property
    def position(self) -> int:
        """1 for the first."""
        return list(Step).index(self) + 1


STEP_LABELS: dict[Step, str] = {
    Step.INFORMATION: "Information",
    Step.FILE: "File",
    Step.FOUND: "What we found",
    Step.CONFLICTS: "Registration conflicts",
    Step.PREVIEW: "Preview",
    Step.REVIEW: "Review and run",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft with everything its steps depend on."""

    run: Run
    catalogue: Catalogue
    fields: tuple[Field, ...]
    recognition: Recognition | None
    preview: Run | None
    preview_is_current: bool
    conflicts: int
    """New registrations that wait and that the run would meet (`registrations.count_for_run`)."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps there are."""
        return list_steps(has_conflicts=bool(self.conflicts))

    @property
    def resumed_at(self) -> Step:
        """Where one goes on: before the first preview, with what may spoil it."""
        if self.reached is Step.PREVIEW and self.preview is None and self.conflicts:
            return Step.CONFLICTS
        return self.reached

    @property
    def reached(self) -> Step:
        """The furthest step that may be opened."""
        if self.recognition is None:
            return Step.FILE
        if self.recognition.faults or self.must_choose:
            return Step.FOUND
        if not self.is_previewed:
            return Step.PREVIEW
        return Step.REVIEW

    @property
    def must_choose(self) -> bool:
        """Whether the file has several tables alike and nobody has said yet which is meant."""
        examination = self.run.upload.examination if self.run.upload else None
        return bool((examination or {}).get("must_choose"))

    @property
    def is_previewed(self) -> bool:
        """Whether what would happen was shown, for the rows as they are now."""
        return self.preview_is_current and self.preview_state == "success"

    @property
    def preview_state(self) -> str:
        """The state of the last preview, blank when there was none."""
        return self.preview.state if self.preview else ""

    @property
    def is_previewing(self) -> bool:
        """Whether the preview is being made."""
        return self.preview is not None and not self.preview.is_finished

    @property
    def missing(self) -> str:
        """What has to be done before the step after `reached` can be opened, in a sentence."""
        if self.must_choose:
            return "Say which of the file’s tables is meant first."
        return MISSING[self.reached]

    @property
    def reading(self) -> Reading:
        """How the preview's rows are shown."""
        columns = self.recognition.columns if self.recognition else ()
        return Reading.of(
            self.fields, [column.field.column if column.field else "" for column in columns]
        )

    @property
    def open_columns(self) -> tuple[Column, ...]:
        """The columns a person has to decide on, or has decided on."""
        if self.recognition is None:
            return ()
        chosen = {folded(name) for name in self.run.options.get("columns") or {}}
        unknown = {column.position for column in self.recognition.unknown}
        return tuple(
            column
            for column in self.recognition.columns
            if column.position in unknown or folded(column.key) in chosen
        )


def list_steps(*, has_conflicts: bool) -> tuple[Step, ...]:
    """The steps in order; registration conflicts only where there are some (DOMAIN)."""
    return tuple(step for step in Step if has_conflicts or step is not Step.CONFLICTS)


MISSING: dict[Step, str] = {
    Step.INFORMATION: "Give the run a label first.",
    Step.FILE: "Choose a file first.",
    Step.FOUND: "Say what to do with the columns first.",
    Step.CONFLICTS: "",
    Step.PREVIEW: "Look at what would happen first.",
    Step.REVIEW: "",
}


def read_draft(session: Session, run: Run) -> Draft:
    """The draft as it stands in the database."""
    return Draft(
        run=run,
        catalogue=catalogue_of(run.operation.kind),
        fields=uploads.known_fields(session, run.operation.kind, run.options),
        recognition=_recognise(session, run),
        preview=session.get(Run, run.preview_id) if run.preview_id else None,
        preview_is_current=runs.current_preview(session, run) is not None,
        conflicts=registrations.count_for_run(session, run),
    )


def _recognise(session: Session, run: Run) -> Recognition | None:
    examination = run.upload.examination if run.upload else None
    if not examination or "columns" not in examination:
        return None
    return uploads.recognise_columns(
        session,
        examination["columns"],
        run.options.get("columns"),
        run.operation.kind,
        run.options,
    )


def default_label(operation: Operation, now: datetime, zone: ZoneInfo, *, about: str = "") -> str:
    """The operation's title (and what it is about) and today's date in the site's time zone."""
    today = now.astimezone(zone)
    title = f"{operation.title}: {about}" if about else operation.title
    return f"{title}, {today.day} {MONTHS[today.month - 1]} {today.year}"


def begin_draft(
    session: Session,
    operation: Operation,
    user: User,
    *,
    center_id: int | None,
    label: str,
    description: str,
    date_order: str,
    options: Mapping[str, Any] | None = None,
) -> Run:
    """A new draft. Whoever makes it is told of the result, with those the operation names."""
    run = runs.create_draft(
        session,
        operation=operation,
        user=user,
        center_id=center_id,
        label=label,
        description=description,
    )
    run.options = run.options | {"date_order": date_order} | dict(options or {})
    known = {address.lower() for address in run.notify}
    if user.email.lower() not in known:
        run.notify = [*run.notify, user.email]
    session.flush()
    return run


def update_information(
    session: Session, run: Run, *, label: str, description: str, date_order: str
) -> None:
    """Another label, description or order of dates; the last one outdates the preview."""
    lock_draft(session, run)
    if date_order != run.options.get("date_order"):
        readings.reconsider_dates(run)
    run.label, run.description = label, description
    run.options = run.options | {"date_order": date_order}
    session.flush()


def replace_file(session: Session, run: Run, upload: Upload) -> None:
    """Give the draft its file. Corrections were about the rows of the one before, so they go."""
    lock_draft(session, run)
    _stop_preview(session, run)
    runs.attach_upload(session, run, upload)
    session.execute(delete(RunEdit).where(RunEdit.run_id == run.id))


def choose_columns(session: Session, run: Run, choices: Mapping[str, str | None]) -> None:
    """What to read unknown columns as: header as written → field's column name, None to leave it
    out. A preview of other choices is outdated by it."""
    lock_draft(session, run)
    before = run.options.get("columns") or {}
    run.options = run.options | {"columns": dict(choices)}
    readings.reconsider_columns(run, before, choices)
    session.flush()


def set_notification(session: Session, run: Run, addresses: Sequence[str]) -> None:
    """Who gets the result by email."""
    lock_draft(session, run)
    run.notify = list(addresses)
    session.flush()


def allow_opting_in_again(session: Session, run: Run, *, allowed: bool, user: User) -> bool:
    """Whether the file may undo people's opt-outs, and who said so (promise 7). True when that is
    a change, which outdates the preview."""
    lock_draft(session, run)
    if bool(run.options.get("opt_in_again")) == allowed:
        return False
    options = {name: value for name, value in run.options.items() if name not in OPT_IN_OPTIONS}
    if allowed:
        options |= {"opt_in_again": True, "opt_in_again_by": user.name or user.email}
    run.options = options
    session.flush()
    log.info("Run %s: opting in again was %s by user %s", run.id, _YES_NO[allowed], user.id)
    return True


OPT_IN_OPTIONS = ("opt_in_again", "opt_in_again_by")
_YES_NO = {True: "allowed", False: "forbidden"}


def discard_draft(session: Session, run: Run) -> None:
    """Nobody will run it. A preview that is being made stops."""
    _stop_preview(session, run)
    runs.request_cancel(session, run)


def _stop_preview(session: Session, run: Run) -> None:
    preview = session.get(Run, run.preview_id) if run.preview_id else None
    if preview is not None and not preview.is_finished:
        runs.request_cancel(session, preview)


def count_tally(preview: Run, name: str) -> int:
    """One number among the tallies, 0 when it isn't there."""
    found = preview.tallies.get(name)
    return int(found) if isinstance(found, int) else 0
