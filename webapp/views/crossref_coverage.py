"""How far a type's table reaches: its coverage over the last runs, and the table as a file."""

from __future__ import annotations

import re

from flask import Blueprint, Response, render_template, stream_with_context
from flask.typing import ResponseReturnValue

from webapp.access import CROSSREF_VIEW, scope
from webapp.extensions import db
from webapp.services import crossref_coverage, crossref_files
from webapp.views.crossrefs import get_type

bp = Blueprint("crossref_coverage", __name__, url_prefix="/cross-references")


@bp.get("/<key>/coverage")
def show(key: str) -> ResponseReturnValue:
    """How much of the last runs' values could be translated."""
    found = get_type(key)
    return render_template(
        "crossrefs/show_coverage.html",
        type=found,
        runs=crossref_coverage.list_coverage(db.session(), found, center_ids=scope(CROSSREF_VIEW)),
    )


@bp.get("/<key>/entries.csv")
def export(key: str) -> ResponseReturnValue:
    """The entries as CSV: those the present user sees."""
    found = get_type(key)
    parts = crossref_files.write_entries(db.session(), found, center_ids=scope(CROSSREF_VIEW))
    stem = re.sub(r"[^a-z0-9]+", "-", found.key.lower())
    answer = Response(stream_with_context(parts), mimetype="text/csv")
    answer.headers.set("Content-Disposition", "attachment", filename=f"cross-references-{stem}.csv")
    return answer
