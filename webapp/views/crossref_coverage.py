"""How far a type's table reaches: its coverage over the last runs, and the table as a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from tempfile import SpooledTemporaryFile

from flask import Blueprint, flash, redirect, render_template, send_file, url_for
from flask.typing import ResponseReturnValue

from webapp.access import CROSSREF_VIEW, scope
from webapp.extensions import db
from webapp.models import CrossReferenceType
from webapp.services import crossref_coverage, crossref_files, crossrefs
from webapp.services.import_templates import XLSX
from webapp.views.crossrefs import get_type

bp = Blueprint("crossref_coverage", __name__, url_prefix="/cross-references")
_IN_MEMORY = 8 * 1024 * 1024
MOST_IN_EXCEL = 100_000
"""More entries are not made into a workbook while somebody waits for it."""


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
    return _send(get_type(key), crossref_files.write_entries, "csv", "text/csv")


@bp.get("/<key>/entries.xlsx")
def export_workbook(key: str) -> ResponseReturnValue:
    """The same as an Excel workbook."""
    found = get_type(key)
    seen = scope(CROSSREF_VIEW)
    count = crossrefs.count_entries(db.session(), found, center_ids=seen, most=MOST_IN_EXCEL)
    if count > MOST_IN_EXCEL:
        flash("These are too many entries for an Excel file. Take the CSV file instead.", "warning")
        return redirect(url_for("crossrefs.show_type", key=key))
    return _send(found, crossref_files.write_workbook, "xlsx", XLSX)


def _send(
    found: CrossReferenceType, write: Callable[..., None], ending: str, mimetype: str
) -> ResponseReturnValue:
    stem = re.sub(r"[^a-z0-9]+", "-", found.key.lower())
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed once it is sent
    write(db.session(), found, file, center_ids=scope(CROSSREF_VIEW))
    file.seek(0)
    return send_file(
        file,
        mimetype=mimetype,
        as_attachment=True,
        download_name=f"cross-references-{stem}.{ending}",
    )
