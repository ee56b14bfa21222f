"""Undoing a run: first a look at what it would do, then the undo itself."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from webapp import hx
from webapp.access import needed, require_center, signed_in
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.keys import INTEGER_DIGITS, read_key
from webapp.models import Run, User
from webapp.rules.roles import Permission
from webapp.services import results, run_lists, runs
from webapp.services.progress import describe_progress
from webapp.transactions import commits
from webapp.views.runs import list_crumbs

bp = Blueprint("undo", __name__, url_prefix="/runs/<int:run_id>/undo")

VIEW, RUN = Permission.DATA_SYNC_VIEW, Permission.DATA_SYNC_RUN


@bp.get("/")
def show(run_id: int) -> ResponseReturnValue:
    """What an undo would restore, remove and keep; while that is found out, how far it is."""
    run = _get_run(run_id)
    session = db.session()
    undo = run_lists.find_undo(session, run.id)
    if undo is not None:
        return redirect(url_for("runs.show", run_id=undo.id))
    preview = run_lists.find_undo_preview(session, run.id)
    if preview is None:
        return redirect(url_for("runs.show", run_id=run.id))
    page = None
    if preview.state == "success":
        page = results.list_rows(
            session, preview.id, results.RowFilter(), after=_key("after"), before=_key("before")
        )
    return render_template(
        "undo/show.html",
        run=run,
        crumbs=list_crumbs(run),
        preview=preview,
        progress=describe_progress(preview),
        page=page,
    )


@bp.post("/look")
@commits
def look(run_id: int) -> ResponseReturnValue:
    """Have a job find out what an undo would do."""
    run = _get_run(run_id)
    require_center(needed(run.operation.kind, RUN), run.center_id)
    session = db.session()
    # Pressed twice at once, it is one look
    session.execute(select(Run.id).where(Run.id == run.id).with_for_update())
    under_way = run_lists.find_undo_preview(session, run.id)
    if under_way is None or under_way.is_finished:
        try:
            runs.start_undo_preview(session, run, user=_me())
        except DataSyncError as error:
            flash(error.message, "error")
            return hx.go_to(url_for("runs.show", run_id=run.id))
    return hx.go_to(url_for("undo.show", run_id=run.id))


@bp.post("/start")
@commits
def start(run_id: int) -> ResponseReturnValue:
    """Undo the run; asked for twice it is one undo."""
    run = _get_run(run_id)
    require_center(needed(run.operation.kind, RUN), run.center_id)
    try:
        undo = runs.start_undo(db.session(), run, _me())
    except DataSyncError as error:
        flash(error.message, "error")
        return hx.go_to(url_for("runs.show", run_id=run.id))
    return hx.go_to(url_for("runs.show", run_id=undo.id))


def _me() -> User | None:
    return db.session.get(User, signed_in().id)


def _get_run(run_id: int) -> Run:
    run = run_lists.get_run(db.session(), run_id) if run_id < 2**63 else None
    if run is None or run.kind != "run":
        abort(404)
    require_center(needed(run.operation.kind, VIEW), run.center_id)
    return run


def _key(name: str) -> int | None:
    return read_key(request.args.get(name), INTEGER_DIGITS)
