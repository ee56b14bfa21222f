"""The wizard's preview: what would happen, what is wrong with which rows, and correcting them.

Four pages on one preview (overview, problems, rows, corrections) and the forms that correct. A
correction is a plain POST that leads back to where it was made; htmx asks for the same and gets
the problems as a fragment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from webapp import hx
from webapp.access import signed_in
from webapp.config import site_today
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.wizard import CellForm, LeaveOutForm, ValueForm
from webapp.keys import INTEGER_DIGITS, read_key
from webapp.models import Run, RunEdit
from webapp.rules.faults import FaultCode
from webapp.rules.fields import KEY_COLUMNS
from webapp.services import corrections, crossref_uses, previews, run_lists, runs, wizard
from webapp.services.constituents import LARGEST_ID
from webapp.services.previews import Slice
from webapp.services.progress import describe_progress
from webapp.services.repaired import list_repaired
from webapp.services.results import OUTCOMES, RowFilter
from webapp.services.wizard import Draft, Step
from webapp.transactions import commits
from webapp.views.crossref_unmapped import mapping_context
from webapp.views.drafts import (
    get_own_run,
    open_draft,
    refuse,
    show_step,
    step_url,
)

bp = Blueprint("previews", __name__, url_prefix="/runs/<int:run_id>/wizard/preview")

SAID = "Noted. Look again to see what happens now."


@dataclass(frozen=True, slots=True)
class Made:
    """The corrections made so far, by what they are about."""

    edits: tuple[RunEdit, ...] = ()
    cells: dict[tuple[int, str], RunEdit] = field(default_factory=dict)
    values: dict[tuple[str, str], RunEdit] = field(default_factory=dict)
    rows: dict[int, RunEdit] = field(default_factory=dict)
    left_out: dict[int, RunEdit] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> Made:
        """All corrections of a draft."""
        made = cls(tuple(corrections.list_corrections(db.session(), run)))
        for edit in made.edits:
            if edit.kind == "cell":
                made.cells[edit.row_number or 0, edit.column or ""] = edit
                made.rows[edit.row_number or 0] = edit
            elif edit.kind == "value":
                made.values[edit.column or "", edit.old_value or ""] = edit
            else:
                made.left_out[edit.row_number or 0] = edit
        return made


# ---- looking ----


@bp.get("")
def overview(run_id: int) -> ResponseReturnValue:
    """Counts, samples, groups and interests; or how far the preview is."""
    draft = open_draft(run_id, Step.PREVIEW)
    preview, session = draft.preview, db.session()
    if preview is None or preview.state != "success":
        progress = describe_progress(preview) if preview else None
        return show_step("wizard/preview_waits.html", Step.PREVIEW, draft, progress=progress)
    return show_step(
        "wizard/preview.html",
        Step.PREVIEW,
        draft,
        **_frame(draft, preview),
        effects=run_lists.get_effects(session, preview),
        updated=previews.sample_changes(session, preview, "updated", draft.reading),
        created=previews.sample_changes(session, preview, "created", draft.reading),
        opt_outs_kept=wizard.count_tally(preview, "opt_outs_kept"),
        repeated=wizard.count_tally(preview, "repeated"),
        recovered=wizard.count_tally(preview, "recovered"),
        repaired=list_repaired(preview, preview),
        uses=crossref_uses.list_uses(session, preview, site_today()),
    )


@bp.get("/problems")
def problems(run_id: int) -> ResponseReturnValue:
    """One kind of problem with its rows, and the other kinds beside it."""
    draft, preview = _open_preview(run_id)
    context = _problems_context(draft, preview, request.args.get("code", ""))
    return show_step("wizard/problems.html", Step.PREVIEW, draft, **context)


@bp.get("/rows")
def rows(run_id: int) -> ResponseReturnValue:
    """Every row with what would happen to it; by outcome, by text, with notes only."""
    draft, preview = _open_preview(run_id)
    outcome = request.args.get("outcome", "")
    wanted = RowFilter(
        outcome=outcome if outcome in OUTCOMES else "",
        text=request.args.get("text", "").strip().replace("\x00", "")[:200],
        noted=bool(request.args.get("noted")),
    )
    where = _slice(previews.ROWS)
    return show_step(
        "wizard/rows.html",
        Step.PREVIEW,
        draft,
        **_frame(draft, preview),
        wanted=wanted,
        where=where,
        page=previews.list_rows(db.session(), preview, wanted, draft.reading, where),
        url_of_rows=_url_maker("previews.rows", run_id, wanted),
    )


@bp.get("/corrections")
def list_corrections(run_id: int) -> ResponseReturnValue:
    """What was corrected, each to be taken back."""
    draft, preview = _open_preview(run_id)
    frame = _frame(draft, preview)
    return show_step(
        "wizard/corrections.html",
        Step.PREVIEW,
        draft,
        **frame,
        authors=corrections.list_authors(db.session(), frame["made"].edits),
    )


def _open_preview(run_id: int) -> tuple[Draft, Run]:
    """The draft and its preview, if that can be looked through (also an outdated one)."""
    draft = open_draft(run_id, Step.PREVIEW)
    if draft.preview is None or draft.preview.state != "success":
        abort(hx.go_to(step_url(draft.run, Step.PREVIEW)))
    return draft, draft.preview


def _frame(draft: Draft, preview: Run) -> dict[str, Any]:
    """What all pages of a preview show around their own."""
    made = Made.of(draft.run)
    kinds = previews.list_problems(db.session(), preview)
    return {"preview": preview, "made": made, "kinds": kinds}


def _problems_context(draft: Draft, preview: Run, wanted: str) -> dict[str, Any]:
    session = db.session()
    frame = _frame(draft, preview)
    codes = [kind.code for kind in frame["kinds"]]
    code = wanted if wanted in codes else next(iter(codes), "")
    where = _slice(previews.PROBLEM_ROWS)
    page, values = previews.Page(), []
    if code:
        page = previews.list_rows(session, preview, RowFilter(problem=code), draft.reading, where)
        values = previews.list_problem_values(session, preview, code, draft.reading)
    return {
        **frame,
        "code": code,
        "page": page,
        "values": values,
        "counts_all": sum(kind.rows for kind in frame["kinds"] if kind.code == code)
        <= previews.ROWS_COUNTED,
        "mappings": mapping_context(preview, code) if code else [],
        "correctable": _correctable_columns(draft, code),
        "after": where.after,
        "before": where.before,
        "fields": {field.column: field for field in draft.fields},
    }


def _correctable_columns(draft: Draft, code: str) -> list[str]:
    """The columns that can cure a problem of the whole row: the keys, where none was given."""
    if code != FaultCode.NO_KEY or draft.recognition is None:
        return []
    known = [column.field.column for column in draft.recognition.known if column.field]
    return [column for column in KEY_COLUMNS if column in known]


def _slice(limit: int) -> Slice:
    return Slice(_key("after"), _key("before"), limit)


def _key(name: str) -> int | None:
    return read_key(request.values.get(name), INTEGER_DIGITS)


def _url_maker(endpoint: str, run_id: int, wanted: RowFilter) -> Callable[..., str]:
    def url(**changes: Any) -> str:
        asked = {
            "outcome": wanted.outcome,
            "text": wanted.text,
            "noted": "yes" if wanted.noted else "",
        } | changes
        given = {name: value for name, value in asked.items() if value not in ("", None)}
        return url_for(endpoint, run_id=run_id, **given)

    return url


# ---- making it ----


@bp.post("/start")
@commits
def start(run_id: int) -> ResponseReturnValue:
    """Look (again) at what would happen. Pressed twice, it is one preview."""
    draft = open_draft(run_id, Step.PREVIEW)
    try:
        corrections.lock_draft(db.session(), draft.run)
        runs.start_preview(db.session(), draft.run)
    except DataSyncError as error:
        return refuse(draft.run, error)
    return hx.go_to(step_url(draft.run, Step.PREVIEW))


# ---- correcting ----


@bp.post("/correct")
@commits
def correct_cell(run_id: int) -> ResponseReturnValue:
    """Read another text in one cell."""
    form = CellForm()
    return _correct(
        run_id,
        form,
        lambda run: corrections.correct_cell(
            db.session(),
            run,
            row_number=form.row_number.data,
            column=form.column.data,
            new_value=form.new_value.data or "",
            user_id=signed_in().id,
        ),
    )


@bp.post("/leave-out")
@commits
def leave_out(run_id: int) -> ResponseReturnValue:
    """Hold one row back."""
    form = LeaveOutForm()
    return _correct(
        run_id,
        form,
        lambda run: corrections.leave_out_row(
            db.session(), run, row_number=form.row_number.data, user_id=signed_in().id
        ),
    )


@bp.post("/replace")
@commits
def replace_value(run_id: int) -> ResponseReturnValue:
    """Read another text wherever a column has this one."""
    form = ValueForm()
    return _correct(
        run_id,
        form,
        lambda run: corrections.replace_value(
            db.session(),
            run,
            column=form.column.data,
            old_value=form.old_value,
            new_value=form.new_value.data or "",
            user_id=signed_in().id,
        ),
    )


@bp.post("/corrections/<int:edit_id>/remove")
@commits
def remove_correction(run_id: int, edit_id: int) -> ResponseReturnValue:
    """Take a correction back."""
    if edit_id > LARGEST_ID:
        abort(404)
    return _correct(
        run_id, None, lambda run: corrections.remove_correction(db.session(), run, edit_id)
    )


def _correct(
    run_id: int, form: FlaskForm | None, change: Callable[[Run], object]
) -> ResponseReturnValue:
    """Make the change, then show the place it was made from as it is now."""
    run = get_own_run(run_id)
    if form is not None and not form.validate_on_submit():
        message = next(iter(form.errors.values()))[0]
        return _back(run, str(message))
    try:
        if form is not None and "column" in form:
            _require_column(run, form.column.data)
        change(run)
    except DataSyncError as error:
        if error.field is None:
            return refuse(run, error)
        return _back(run, error.message)
    return _back(run)


def _require_column(run: Run, column: str) -> None:
    draft = wizard.read_draft(db.session(), run)
    if column not in draft.reading.positions:
        raise DataSyncError("column", "The file has no such column. Reload the page.", "column")


def _back(run: Run, problem: str = "") -> ResponseReturnValue:
    """To the page the correction was made on; for htmx the problems as they stand now."""
    if hx.wants_fragment():
        draft, preview = _open_preview(run.id)
        context = _problems_context(draft, preview, request.form.get("code", ""))
        page = render_template(
            "wizard/_problems.html", run=run, draft=draft, problem=problem, said=SAID, **context
        )
        return page, 422 if problem else 200
    if problem:
        flash(problem, "error")
    place = request.form.get("from", "")
    endpoint = f"previews.{place}" if place in PLACES else "previews.problems"
    names = ("code", "outcome", "text", "noted", "after", "before")
    asked: dict[str, Any] = {name: request.form[name] for name in names if request.form.get(name)}
    return hx.go_to(url_for(endpoint, run_id=run.id, **asked, _anchor=request.form.get("anchor")))


PLACES = ("problems", "rows", "list_corrections")
