"""Downloading the sample files."""

from __future__ import annotations

from pathlib import PurePath

from flask import Blueprint, abort, send_file
from flask.typing import ResponseReturnValue

from webapp.access import VIEW, scope
from webapp.extensions import db
from webapp.services import samples
from webapp.services.import_templates import XLSX

bp = Blueprint("samples", __name__, url_prefix="/samples")


@bp.get("/<name>")
def download(name: str) -> ResponseReturnValue:
    """A sample file, where there is the demo for it; for whoever works for a center, about people
    of the center."""
    held = scope(VIEW)
    center_id = None if held is None else min(held)
    known = {sample.name for sample in samples.list_samples(db.session())}
    file = samples.open_sample(name, center_id) if name in known else None
    if file is None:
        abort(404)
    kind = XLSX if PurePath(name).suffix == ".xlsx" else "text/csv; charset=utf-8"
    return send_file(file, kind, as_attachment=True, download_name=name)
