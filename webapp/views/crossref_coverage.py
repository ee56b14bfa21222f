"""How far a type's table reaches: its coverage over the last runs, and the table as a file."""

from __future__ import annotations

import re
from tempfile import SpooledTemporaryFile

from flask import Blueprint, render_template, send_file
from flask.typing import ResponseReturnValue

from webapp.access import CROSSREF_VIEW, scope
from webapp.extensions import db
from webapp.services import crossref_coverage, crossref_files
from webapp.views.crossrefs import get_type

bp = Blueprint("crossref_coverage", __name__, url_prefix="/cross-references")
_IN_MEMORY = 8 * 1024 * 1024


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
    stem = re.sub(r"[^a-z0-9]+", "-", found.key.lower())
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed once it is sent
    crossref_files.write_entries(
        db.session(),
        found,
        file,  # type: ignore[arg-type]
        center_ids=scope(CROSSREF_VIEW),
    )
    file.seek(0)
    return send_file(
        file,
        mimetype="text/csv",
        as_attachment=True,
        download_name=f"cross-references-{stem}.csv",
    )
