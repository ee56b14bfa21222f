"""A run that is being prepared: whose it is, where its steps are, and how each of them is shown.

Used by every page of the wizard and of downloads. What a step changes is in the draft's row, so any
browser goes on where another one left off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import RUN, needed, require_center, scope, signed_in
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.wizard import SITE
from webapp.models import Operation, Run
from webapp.rules.catalogues import catalogue_of
from webapp.services import centers, operations, registrations, runs, wizard
from webapp.services.constituents import LARGEST_ID
from webapp.services.wizard import Draft, Step

# ---- operations ----


def get_operation(slug: str) -> Operation:
    """An operation that this person may run."""
    operation = operations.find_operation(db.session(), slug)
    user = signed_in()
    held = scope(needed(operation.kind, RUN)) if operation else frozenset()
    if (
        operation is None
        or not operations.is_for(operation, user_id=user.id, centers=held)
        or not operations.is_open_to(operation, is_admin=user.is_site_admin)
    ):
        abort(404)
    return operation


def list_places(operation: Operation) -> list[tuple[int, str]]:
    """For whom this person may run the operation: the site (0) or centers."""
    if operation.center_id is not None:
        return [(operation.center_id, "")]
    held = scope(needed(operation.kind, RUN))
    if held is None:
        return [(SITE, "The whole site")]
    known = centers.list_centers(db.session())
    places = [(center.id, center.name) for center in known if center.id in held]
    if not places:
        abort(403)
    return places


def would_meet_registrations(operation: Operation, places: Sequence[tuple[int, str]]) -> bool:
    """Whether registrations wait that a run for one of these places would meet."""
    if catalogue_of(operation.kind).is_of_entries:
        return False
    known = {center_id for center_id, _ in places}
    found = registrations.count_waiting(db.session(), None if SITE in known else known, most=1)
    return found > 0


# ---- drafts ----


def get_own_run(run_id: int) -> Run:
    """The run of a wizard, if the present user may run things where it belongs."""
    run = runs.find_run(db.session(), run_id) if run_id <= LARGEST_ID else None
    if run is None or run.kind != "run":
        abort(404)
    require_center(needed(run.operation.kind, RUN), run.center_id)
    if not operations.is_open_to(run.operation, is_admin=signed_in().is_site_admin):
        abort(403)
    return run


def open_draft(run_id: int, step: Step) -> Draft:
    """The draft for one of its steps; off to the right page where that one can't be opened."""
    run = get_own_run(run_id)
    if run.state != "draft":
        if run.queued_at is not None:
            flash("This run was already started. Here is what became of it.", "info")
        abort(hx.go_to(url_for("runs.show", run_id=run.id)))
    if catalogue_of(run.operation.kind).is_download:
        abort(hx.go_to(url_for("downloads.edit", run_id=run.id)))
    draft = wizard.read_draft(db.session(), run)
    if step.position > draft.reached.position:
        flash(draft.missing, "info")
        abort(hx.go_to(step_url(run, draft.reached)))
    return draft


def refuse(run: Run, error: DataSyncError) -> ResponseReturnValue:
    """The draft can't be changed (any longer): say why, on the page where it stands now."""
    db.session.rollback()
    flash(error.message, "error")
    return hx.go_to(url_for("wizard.resume", run_id=run.id))


def step_url(run: Run, step: Step) -> str:
    """Where a step of a draft is."""
    return url_for(_ELSEWHERE.get(step) or f"wizard.{step.value}", run_id=run.id)


_ELSEWHERE = {
    Step.FOUND: "found.overview",
    Step.CONFLICTS: "conflicts.show",
    Step.PREVIEW: "previews.overview",
}


def show_step(template: str, step: Step, draft: Draft, **context: Any) -> str:
    """A step's page, with what its frame needs."""
    return render_template(
        template,
        step=step,
        draft=draft,
        run=draft.run,
        step_labels=[each.label for each in draft.steps],
        step_urls=[
            step_url(draft.run, each) if each.position <= draft.reached.position else None
            for each in draft.steps
        ],
        **context,
    )
