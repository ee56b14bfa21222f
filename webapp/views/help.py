"""Help that stands beside the files that are downloaded and uploaded."""

from __future__ import annotations

from flask import Blueprint, render_template

bp = Blueprint("help", __name__)


@bp.get("/help/excel")
def excel() -> str:
    """How to open and save a CSV in a spreadsheet so that nothing in it changes."""
    return render_template("help/excel.html")
