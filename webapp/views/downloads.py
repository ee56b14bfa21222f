"""Downloads: asked for, looked at beforehand, run, and fetched (again)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, abort, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import RUN, VIEW, may_open, require_center, signed_in
from webapp.config import current_settings, site_zone
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.download_columns import ColumnsForm
from webapp.forms.downloads import DownloadForm, settings_data
from webapp.forms.wizard import SITE, ReviewForm
from webapp.models import DownloadWindow, Operation, Run, User
from webapp.rules.catalogues import TRANSACTION_DOWNLOAD
from webapp.rules.download_settings import DownloadRequest, Start
from webapp.rules.withholding import explain
from webapp.services import downloads, held_back, registrations, runs, uploads, wizard
from webapp.services.constituents import LARGEST_ID
from webapp.services.download_choices import list_choices
from webapp.services.files import file_store
from webapp.services.progress import describe_progress
from webapp.transactions import commits
from webapp.views.drafts import (
    get_operation,
    get_own_run,
    list_places,
    refuse,
    would_meet_registrations,
)

bp = Blueprint("downloads", __name__)

INFORMATION, CONFLICTS, PREVIEW = "What to download", "Registration conflicts", "Preview and run"
_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


# ---- what to download ----


@bp.route("/operations/<slug>/download", methods=["GET", "POST"])
@commits
def start(slug: str) -> ResponseReturnValue:
    """The first step of a download that does not exist yet: looking at it makes nothing."""
    operation = get_operation(slug)
    if not downloads.is_download(operation.kind):
        abort(404)
    places = list_places(operation)
    zone = site_zone()
    form = DownloadForm(
        data={
            "label": wizard.default_label(operation, datetime.now(UTC), zone),
            "description": "",
            "start": Start.LAST.value,
            **settings_data(downloads.settings_of(operation)),
        }
    )
    form.offer_centers(places)
    place = places[0][0]
    head = downloads.find_head(db.session(), operation.id, None if place == SITE else place)
    _offer(form, operation, None if place == SITE else place, head if len(places) == 1 else None)
    if not form.columns.press(request.form) and form.validate_on_submit():
        chosen = form.center_id.data if "center_id" in form else place
        run = downloads.begin_download(
            db.session(),
            operation,
            db.session.get_one(User, signed_in().id),
            center_id=None if chosen == SITE else chosen,
            label=form.label.data,
            description=form.description.data or "",
            request=form.request(zone, None),
        )
        return _go_on(run)
    page = render_template(
        "downloads/information.html",
        form=form,
        operation=operation,
        kind=operation.kind,
        step_label=INFORMATION,
        step_labels=_step_labels(would_meet_registrations(operation, places)),
        step_urls=None,
    )
    return page, 422 if form.errors else 200


@bp.route("/runs/<int:run_id>/download", methods=["GET", "POST"])
@commits
def edit(run_id: int) -> ResponseReturnValue:
    """The same step of a draft that exists."""
    run = get_draft(run_id)
    zone = site_zone()
    asked = downloads.request_of(run)
    since = asked.since_at.astimezone(zone).date() if asked.since_at else None
    form = DownloadForm(
        data={
            "label": run.label,
            "description": run.description,
            "start": asked.start.value,
            "since": since,
            **settings_data(asked.settings),
        }
    )
    form.offer_centers(())
    head = downloads.find_head(db.session(), run.operation_id, run.center_id)
    _offer(form, run.operation, run.center_id, head, asked.again_run_id)
    if not form.columns.press(request.form) and form.validate_on_submit():
        try:
            downloads.change_request(
                db.session(),
                run,
                label=form.label.data,
                description=form.description.data or "",
                request=form.request(zone, asked.again_run_id),
            )
        except DataSyncError as error:
            return refuse(run, error)
        return _go_on(run)
    page = show_step(
        "downloads/information.html", INFORMATION, run, form=form, kind=run.operation.kind
    )
    return page, 422 if form.errors else 200


def _offer(
    form: DownloadForm,
    operation: Operation,
    center_id: int | None,
    head: DownloadWindow | None,
    again: int | None = None,
) -> None:
    fields = uploads.known_fields(db.session(), operation.kind)
    form.offer_choices(fields, *list_choices(db.session(), center_id))
    last = "What changed since it last succeeded"
    if head is not None and head.position_at is not None:
        zone = site_zone()
        local = head.position_at.astimezone(zone)
        last = f"What changed since it last succeeded ({local.day} {local:%b %Y, %H:%M})"
    form.offer_starts(last, again)


@bp.post("/downloads/<kind>/columns")
def columns(kind: str) -> ResponseReturnValue:
    """The list of columns after a press of one of its buttons. Nothing is kept."""
    if not downloads.is_download(kind):
        abort(404)
    form = ColumnsForm()
    form.columns.offer(uploads.known_fields(db.session(), kind))
    form.columns.press(request.form)
    return render_template("downloads/_columns.html", form=form, kind=kind)


def _go_on(run: Run) -> ResponseReturnValue:
    """To the registrations that the download would hold back, if any wait; else to the preview."""
    if registrations.count_for_run(db.session(), run):
        return hx.go_to(url_for("conflicts.show", run_id=run.id))
    return _look(run)


def _look(run: Run) -> ResponseReturnValue:
    """Have the preview made, and go there."""
    runs.start_preview(db.session(), run)
    return hx.go_to(url_for("downloads.preview", run_id=run.id))


def get_draft(run_id: int) -> Run:
    """The draft of a download; off to its results once it was started."""
    run = get_own_run(run_id)
    if not downloads.is_download(run.operation.kind):
        abort(404)
    if run.state != "draft":
        abort(hx.go_to(url_for("runs.show", run_id=run.id)))
    return run


def show_step(
    template: str, label: str, run: Run, *, waiting: int | None = None, **context: Any
) -> str:
    """A step's page, with what its frame needs; `waiting`: how many registrations the run would
    meet, where that was counted already."""
    if waiting is None:
        waiting = registrations.count_for_run(db.session(), run)
    labels = _step_labels(waiting > 0)
    return render_template(
        template,
        run=run,
        operation=run.operation,
        step_label=label,
        step_labels=labels,
        step_urls=[url_for(_ENDPOINTS[each], run_id=run.id) for each in labels],
        waiting=waiting,
        **context,
    )


_ENDPOINTS = {
    INFORMATION: "downloads.edit",
    CONFLICTS: "conflicts.show",
    PREVIEW: "downloads.preview",
}


def _step_labels(has_conflicts: bool) -> list[str]:
    """The steps there are: registration conflicts only while some wait (DOMAIN)."""
    return [INFORMATION, CONFLICTS, PREVIEW] if has_conflicts else [INFORMATION, PREVIEW]


# ---- preview and run ----


@bp.get("/runs/<int:run_id>/download/preview")
def preview(run_id: int) -> ResponseReturnValue:
    """What the download would give if it ran now; or how far the preview is."""
    run = get_draft(run_id)
    form = ReviewForm(data={"notify": "\n".join(run.notify)})
    return _preview_page(run, form)


@bp.post("/runs/<int:run_id>/download/preview")
@commits
def look(run_id: int) -> ResponseReturnValue:
    """Have the preview made anew."""
    run = get_draft(run_id)
    run.preview_id = None
    return _look(run)


@bp.post("/runs/<int:run_id>/download/run")
@commits
def run(run_id: int) -> ResponseReturnValue:
    """Keep whom to tell, and run it."""
    draft = get_draft(run_id)
    form = ReviewForm()
    del form.opt_in_again
    if not form.validate_on_submit():
        return _preview_page(draft, form), 422
    try:
        downloads.require_writable(db.session(), draft)
        wizard.set_notification(db.session(), draft, form.addresses())
        runs.start_run(db.session(), draft, without_preview=True)
    except DataSyncError as error:
        return refuse(draft, error)
    return hx.go_to(url_for("runs.show", run_id=draft.id))


def _preview_page(run: Run, form: ReviewForm) -> str:
    preview = runs.current_preview(db.session(), run)
    told = downloads.describe_preview(preview) if preview is not None else None
    previous = told and told["previous_at"]
    return show_step(
        "downloads/preview.html",
        PREVIEW,
        run,
        form=form,
        preview=preview,
        progress=describe_progress(preview) if preview is not None else None,
        told=told,
        problem=downloads.say_lacking(told),
        lacking=_list_lacking(run, told),
        previous_at=datetime.fromisoformat(previous) if previous else None,
        reasons=_reasons(told["reasons"]) if told else (),
        asked=downloads.request_of(run),
        settings_changed=_settings_changed(run),
    )


def _list_lacking(run: Run, told: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The first few values that can't be written, each with the page that changes it."""
    first = ((told or {}).get("lacking") or {}).get("first", ())
    is_transactions = run.operation.kind == TRANSACTION_DOWNLOAD
    return [
        {
            "who": who or f"Record {record_id}",
            "url": _record_url(record_id, is_transaction=is_transactions) if who else None,
            "heading": heading,
            "cell": cell,
            "character": character,
        }
        for record_id, who, heading, cell, character in first
    ]


def _record_url(record_id: int, *, is_transaction: bool) -> str | None:
    """A record's page, where this person may open it."""
    endpoint = "constituents.show_constituent"
    given: dict[str, Any] = {"constituent_id": record_id}
    if is_transaction:
        endpoint, given = "transactions.show_transaction", {"transaction_id": record_id}
    return url_for(endpoint, **given) if may_open(endpoint) else None


def _reasons(rows: list[list[Any]]) -> list[tuple[str, str, int]]:
    return [(explain(reason).title, field, count) for reason, field, count in rows]


def _settings_changed(run: Run) -> bool:
    """Whether columns or filter are others than the last time, so that people who did not change
    since are not told about what is new."""
    head = downloads.find_head(db.session(), run.operation_id, run.center_id)
    asked = downloads.request_of(run)
    if head is None or asked.start is Start.EVERYTHING:
        return False
    before = DownloadRequest.from_json({"settings": head.settings}).settings
    return before.reach != asked.settings.reach


# ---- results ----


@bp.get("/runs/<int:run_id>/files/<int:file_id>")
def file(run_id: int, file_id: int) -> ResponseReturnValue:
    """A file of a download, byte for byte as it was made."""
    run = _get_run(run_id)
    found = downloads.get_file(db.session(), run, file_id) if file_id <= LARGEST_ID else None
    if found is None or not file_store().exists(found.key):
        abort(404)
    return send_file(
        file_store().open(found.key),
        mimetype=_TYPES[found.format],
        as_attachment=True,
        download_name=found.name,
        etag=found.sha256,
    )


@bp.post("/runs/<int:run_id>/again")
@commits
def again(run_id: int) -> ResponseReturnValue:
    """Prepare a download that takes this one's window again."""
    earlier = _get_run(run_id)
    require_center(RUN, earlier.center_id)
    if downloads.find_result(db.session(), earlier) is None:
        abort(404)
    user = db.session.get_one(User, signed_in().id)
    draft = downloads.start_again(db.session(), earlier, user)
    return _go_on(draft)


def _get_run(run_id: int) -> Run:
    run = downloads.load_run(db.session(), run_id) if run_id <= LARGEST_ID else None
    if run is None or run.kind != "run" or not downloads.is_download(run.operation.kind):
        abort(404)
    require_center(VIEW, run.center_id)
    return run


def _next_try(run: Run, head: DownloadWindow | None) -> tuple[str, str]:
    """Where one tries again what gave nothing: what the link says, and where it leads."""
    asked = downloads.request_of(run)
    if asked.start is Start.FREE and head is not None:
        return "The held-back list", url_for("held_back.show", stream_id=head.stream_id)
    if asked.start is Start.AGAIN and asked.again_run_id is not None:
        return "The earlier download", url_for("runs.show", run_id=asked.again_run_id)
    return "Start another", url_for("downloads.start", slug=run.operation.slug)


def describe_result(run: Run) -> dict[str, Any]:
    """What a finished download's page shows."""
    session = db.session()
    result = downloads.find_result(session, run)
    head = downloads.find_head(session, run.operation_id, run.center_id)
    is_head = head is not None and head.run_id == run.id
    is_kept = is_head or (run.finished_at is not None and run.finished_at >= downloads.kept_since())
    return {
        "result": result,
        "retry": _next_try(run, head) if result is None else None,
        "totals": held_back.count_reasons(session, run.id) if result and is_kept else (),
        "amounts": held_back.count_amounts(session, run.id) if result and is_kept else (),
        "is_head": is_head,
        "is_list_gone": bool(result and result.window.withheld and not is_kept),
        "sample": result.window.sample if result else (),
        "days": current_settings().download_days,
    }
