"""The run wizard: operation information, the file, review and Run.

What was found in the file (views/found.py) and the preview (views/previews.py) have modules of
their own. Every step is a page with its own address and a plain form (views/drafts.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import may, signed_in
from webapp.config import current_settings, site_zone
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.wizard import (
    SITE,
    InformationForm,
    ReviewForm,
    UploadForm,
)
from webapp.models import Operation, Run, User
from webapp.rules.catalogues import catalogue_of
from webapp.rules.roles import Permission
from webapp.services import (
    corrections,
    crossrefs,
    operations,
    plans,
    run_lists,
    runs,
    samples,
    uploads,
    wizard,
)
from webapp.services.card_numbers import refuse_card_numbers
from webapp.services.files import file_store
from webapp.services.repaired import list_repaired
from webapp.services.wizard import Draft, Step
from webapp.transactions import commits
from webapp.views.drafts import (
    get_operation,
    get_own_run,
    list_places,
    open_draft,
    refuse,
    show_step,
    step_url,
    would_meet_registrations,
)

bp = Blueprint("wizard", __name__)

RUN = Permission.DATA_SYNC_RUN
NEEDS_MANAGER = (
    "This run opts people in again, so only a manager (Data Synchronization: Manage) can press "
    "Run. Ask one, or have one take the choice back."
)
NEEDS_RIGHT = (
    "This run opts people in again, and its operation no longer has the right to. Ask a manager "
    "(Data Synchronization: Manage) to give it the right, or discard this draft."
)


# ---- operation information ----


@bp.route("/operations/<slug>/start", methods=["GET", "POST"])
@commits
def start(slug: str) -> ResponseReturnValue:
    """The first step of a run that does not exist yet: looking at it makes nothing."""
    operation = get_operation(slug)
    if catalogue_of(operation.kind).is_download:
        return hx.go_to(url_for("downloads.start", slug=slug))
    places = list_places(operation)
    zone = site_zone()
    types = _types(operation)
    asked_for = request.args.get("type", "")
    form = InformationForm(
        data={
            "label": wizard.default_label(
                operation, datetime.now(UTC), zone, about=types.get(asked_for, "")
            ),
            "description": "",
            "date_order": operations.date_order_of(operation).value,
            "type_key": asked_for,
        }
    )
    form.offer_types(list(types.items()))
    form.offer_centers(places)
    form.ask_for_dates(catalogue_of(operation.kind))
    if form.validate_on_submit():
        place = form.center_id.data if "center_id" in form else places[0][0]
        run = wizard.begin_draft(
            db.session(),
            operation,
            db.session.get_one(User, signed_in().id),
            center_id=None if place == SITE else place,
            label=form.label.data,
            description=form.description.data or "",
            date_order=form.order_of_dates,
            options={uploads.TYPE_OPTION: form.type_key.data} if types else {},
        )
        return hx.go_to(step_url(run, Step.FILE))
    page = render_template(
        "wizard/information.html",
        step=Step.INFORMATION,
        form=form,
        step_labels=_labels_ahead(operation, places),
        step_urls=None,
        **_starting_points(operation, asked_for if asked_for in types else ""),
    )
    return page, 422 if form.errors else 200


@bp.route("/runs/<int:run_id>/wizard/information", methods=["GET", "POST"])
@commits
def information(run_id: int) -> ResponseReturnValue:
    """The same step of a draft that exists."""
    draft = open_draft(run_id, Step.INFORMATION)
    run = draft.run
    form = InformationForm(
        data={
            "label": run.label,
            "description": run.description,
            "date_order": run.options.get("date_order", "mdy"),
        }
    )
    form.offer_types(())
    form.offer_centers(())
    form.ask_for_dates(draft.catalogue)
    if form.validate_on_submit():
        try:
            wizard.update_information(
                db.session(),
                run,
                label=form.label.data,
                description=form.description.data or "",
                date_order=form.order_of_dates,
            )
        except DataSyncError as error:
            return refuse(run, error)
        return hx.go_to(step_url(run, Step.FILE))
    page = show_step(
        "wizard/information.html",
        Step.INFORMATION,
        draft,
        form=form,
        **_starting_points(run.operation, run.options.get(uploads.TYPE_OPTION, "")),
    )
    return page, 422 if form.errors else 200


def _labels_ahead(operation: Operation, places: Sequence[tuple[int, str]]) -> list[str]:
    steps = wizard.list_steps(has_conflicts=would_meet_registrations(operation, places))
    return [step.label for step in steps]


def _types(operation: Operation) -> dict[str, str]:
    """The cross-reference types an upload can be of: their keys and labels."""
    if not catalogue_of(operation.kind).is_of_entries:
        return {}
    return {found.key: found.label for found in crossrefs.list_all_types(db.session())}


def home_of(operation: Operation, options: Mapping[str, Any]) -> str:
    """Where one comes from to start such a run, and goes back to when it is not wanted."""
    if not catalogue_of(operation.kind).is_of_entries:
        return url_for("operations.mine")
    key = options.get(uploads.TYPE_OPTION)
    if key:
        return url_for("crossrefs.show_type", key=key)
    return url_for("crossrefs.list_types")


def _starting_points(operation: Operation, type_key: str = "") -> dict[str, Any]:
    options = {uploads.TYPE_OPTION: type_key}
    return {
        "operation": operation,
        "home_url": home_of(operation, options),
        "type_key": type_key,
        "entry_columns": uploads.known_fields(db.session(), operation.kind, options)
        if catalogue_of(operation.kind).is_of_entries
        else (),
        "samples": samples.list_samples(db.session(), operation.kind),
        "catalogue": catalogue_of(operation.kind),
        "column_count": len(operations.template_columns_of(operation))
        or len(uploads.known_fields(db.session(), operation.kind)),
    }


# ---- file ----


@bp.route("/runs/<int:run_id>/wizard/file", methods=["GET", "POST"])
@commits
def file(run_id: int) -> ResponseReturnValue:
    """Choose the file, or another one. What can't be read gets its sentence right here."""
    draft = open_draft(run_id, Step.FILE)
    form = UploadForm()
    if form.validate_on_submit():
        try:
            _take_file(draft.run, form)
        except DataSyncError as error:
            if error.field is None:
                return refuse(draft.run, error)
            add_error(form, error)
        else:
            return hx.go_to(step_url(draft.run, Step.FOUND))
    context = {"form": form, "max_bytes": current_settings().max_upload_bytes}
    status = 422 if form.errors else 200
    if hx.wants_fragment():
        return render_template("wizard/_upload.html", run=draft.run, **context), status
    return show_step("wizard/file.html", Step.FILE, draft, **context), status


def _take_file(run: Run, form: UploadForm) -> None:
    session = db.session()
    upload = uploads.receive_upload(
        session, storage=form.file.data, user_id=signed_in().id, center_id=run.center_id
    )
    try:
        uploads.examine_upload(session, upload)
        refusal = (upload.examination or {}).get("refusal")
        if refusal:
            raise DataSyncError(refusal["code"], refusal["message"], "file")
        refuse_card_numbers(upload, run.operation.kind)
        wizard.replace_file(session, run, upload)
    except BaseException:
        # Its row is rolled back with the request, so nobody would ever find the bytes again
        file_store().delete(upload.key)
        raise


# ---- review ----


@bp.route("/runs/<int:run_id>/wizard/review", methods=["GET", "POST"])
@commits
def review(run_id: int) -> ResponseReturnValue:
    """What exactly will happen, who is told; Run."""
    draft = open_draft(run_id, Step.REVIEW)
    run, preview = draft.run, draft.preview
    if preview is None:
        abort(404)
    form = ReviewForm(
        data={
            "notify": "\n".join(run.notify),
            "opt_in_again": bool(run.options.get("opt_in_again")),
        }
    )
    kept = wizard.count_tally(preview, "opt_outs_kept")
    may_confirm = _may_opt_in_again(run)
    if not may_confirm or not (kept or run.options.get("opt_in_again")):
        del form.opt_in_again
    if form.validate_on_submit():
        return _finish(draft, form)
    effects = run_lists.get_effects(db.session(), preview)
    page = show_step(
        "wizard/review.html",
        Step.REVIEW,
        draft,
        form=form,
        preview=preview,
        opt_outs_kept=kept,
        problem=_who_may(run) if run.options.get("opt_in_again") and not may_confirm else "",
        plan=plans.describe_plan(run, preview, effects),
        repaired=list_repaired(run, preview),
        recovered=wizard.count_tally(preview, "recovered"),
        effects=effects,
        corrections=len(corrections.list_corrections(db.session(), run)),
    )
    return page, 422 if form.errors else 200


def _may_opt_in_again(run: Run) -> bool:
    """Whether the present user may have this run opt people in again: an import's manager; with an
    upload, whoever runs an operation that a manager gave the right to."""
    if draft_writes_constituents(run):
        return may(Permission.DATA_SYNC_MANAGE, run.center_id)
    return operations.may_opt_in_again(run.operation)


def draft_writes_constituents(run: Run) -> bool:
    """Whether the run's file is one of constituents."""
    return catalogue_of(run.operation.kind).writes_constituents


def _who_may(run: Run) -> str:
    return NEEDS_MANAGER if draft_writes_constituents(run) else NEEDS_RIGHT


def _finish(draft: Draft, form: ReviewForm) -> ResponseReturnValue:
    """Keep what the review says; then run, unless the preview showed something else."""
    session, run = db.session(), draft.run
    try:
        wizard.set_notification(session, run, form.addresses())
        if "opt_in_again" in form and wizard.allow_opting_in_again(
            session,
            run,
            allowed=bool(form.opt_in_again.data),
            user=session.get_one(User, signed_in().id),
        ):
            runs.start_preview(session, run)
            flash("That changes what will happen, so the preview is made anew.", "info")
            return hx.go_to(step_url(run, Step.PREVIEW))
        if request.form.get("save"):
            flash("Saved. Come back from Operation Results whenever you like.", "success")
            return hx.go_to(step_url(run, Step.REVIEW))
        if run.options.get("opt_in_again") and not _may_opt_in_again(run):
            flash(_who_may(run), "error")
            return hx.go_to(step_url(run, Step.REVIEW))
        runs.start_run(session, run)
    except DataSyncError as error:
        return refuse(run, error)
    return hx.go_to(url_for("runs.show", run_id=run.id))


# ---- the draft as a whole ----


@bp.get("/runs/<int:run_id>/wizard")
def resume(run_id: int) -> ResponseReturnValue:
    """Go on where the draft was left."""
    run = get_own_run(run_id)
    if run.state != "draft":
        return hx.go_to(url_for("runs.show", run_id=run.id))
    if catalogue_of(run.operation.kind).is_download:
        endpoint = "downloads.preview" if run.preview_id else "downloads.edit"
        return hx.go_to(url_for(endpoint, run_id=run.id))
    return hx.go_to(step_url(run, wizard.read_draft(db.session(), run).resumed_at))


@bp.post("/runs/<int:run_id>/wizard/discard")
@commits
def discard(run_id: int) -> ResponseReturnValue:
    """Throw the draft away: it is never run, nothing was imported."""
    run = get_own_run(run_id)
    if run.state == "draft":
        wizard.discard_draft(db.session(), run)
        is_download = catalogue_of(run.operation.kind).is_download
        nothing = "Nothing was downloaded." if is_download else "Nothing was imported."
        flash(f"“{run.label}” was discarded. {nothing}", "success")
    return hx.go_to(home_of(run.operation, run.options))
