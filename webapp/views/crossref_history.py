"""Who changed which entries of a cross-reference type, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.access import CROSSREF_VIEW, scope
from webapp.extensions import db
from webapp.services import crossref_history
from webapp.views.crossrefs import get_type, whole_key

bp = Blueprint("crossref_history", __name__, url_prefix="/cross-references")
_YEAR_3000 = 32_503_680_000_000


@bp.get("/<key>/history")
def show(key: str) -> ResponseReturnValue:
    """Who changed what when, of the whole type or of one entry."""
    found = get_type(key)
    before = whole_key("before")
    entry_id, since = whole_key("entry"), _moment("since")
    page = crossref_history.list_changes(
        db.session(),
        found,
        center_ids=scope(CROSSREF_VIEW),
        entry_id=entry_id,
        since=since,
        before=before,
    )

    def url(**more: Any) -> str:
        moment = int(since.timestamp() * 1000) if since else None
        asked = {"entry": entry_id, "since": moment} | more
        return url_for("crossref_history.show", key=found.key, **asked)

    return render_template(
        "crossrefs/show_history.html",
        type=found,
        page=page,
        entry_id=entry_id,
        since=since,
        first_url=url() if before else None,
        next_url=url(before=page.next_before) if page.next_before else None,
    )


def _moment(name: str) -> datetime | None:
    """A moment in the address, in milliseconds; None when there is none that can be."""
    number = whole_key(name)
    return datetime.fromtimestamp(number / 1000, UTC) if number and number < _YEAR_3000 else None
