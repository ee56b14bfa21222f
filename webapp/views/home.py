"""The front door: the first page this person can use."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from webapp.navigation import build_navigation

bp = Blueprint("home", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """Go to the first area, or say that there is none yet."""
    sections = build_navigation().sections
    if sections:
        return redirect(sections[0].url)
    return render_template("home/index.html")
