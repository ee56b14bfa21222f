"""The run wizard's *Registration conflicts* (DOMAIN): only while new registrations wait that the
run would meet. Nothing has to be decided to go on."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.catalogues import TRANSACTION_DOWNLOAD, catalogue_of
from webapp.services import registrations
from webapp.services.wizard import Step
from webapp.views import downloads, drafts
from webapp.views.origins import Origin
from webapp.views.registrations import reach

bp = Blueprint("conflicts", __name__)

SHOWN = 10


@bp.get("/runs/<int:run_id>/conflicts")
def show(run_id: int) -> ResponseReturnValue:
    """How many wait, what that means for this run, and the first of them; else the next step."""
    run = drafts.get_own_run(run_id)
    if catalogue_of(run.operation.kind).is_download:
        return _of_download(run_id)
    draft = drafts.open_draft(run_id, Step.CONFLICTS)
    if not draft.conflicts:
        return hx.go_to(drafts.step_url(run, Step.PREVIEW))
    return drafts.show_step("wizard/conflicts.html", Step.CONFLICTS, draft, **_first(run))


def _of_download(run_id: int) -> ResponseReturnValue:
    run = downloads.get_draft(run_id)
    waiting = registrations.count_for_run(db.session(), run)
    if not waiting:
        return hx.go_to(url_for("downloads.preview", run_id=run.id))
    return downloads.show_step(
        "downloads/conflicts.html",
        downloads.CONFLICTS,
        run,
        waiting=waiting,
        is_of_transactions=run.operation.kind == TRANSACTION_DOWNLOAD,
        **_first(run),
    )


def _first(run: Run) -> dict[str, Any]:
    """The pairs that the step lists, to be decided right there."""
    page = registrations.list_waiting(
        db.session(), reach(), within=registrations.centers_of(run), limit=SHOWN
    )
    return {
        "pairs": page.pairs,
        "has_more": page.next_after is not None,
        "most": registrations.MOST_COUNTED,
        "origin": Origin(run=run.id),
    }
