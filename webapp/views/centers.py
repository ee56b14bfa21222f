"""The site administrator's pages for centers."""

from __future__ import annotations

from flask import Blueprint, abort, flash, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.users import CenterForm
from webapp.services import centers
from webapp.transactions import commits

bp = Blueprint("centers", __name__, url_prefix="/admin/centers")


@bp.get("/")
def list_centers() -> ResponseReturnValue:
    """All centers, and how many users work for each."""
    return render_template(
        "centers/list_centers.html",
        centers=centers.list_centers(db.session()),
        user_counts=centers.count_users(db.session()),
    )


@bp.route("/new", methods=["GET", "POST"])
@commits
def create_center() -> ResponseReturnValue:
    """Make a center."""
    form = CenterForm()
    if form.validate_on_submit():
        try:
            center = centers.create_center(db.session(), form.name.data)
        except DataSyncError as error:
            add_error(form, error)
        else:
            flash(f"The center {center.name} is there now.", "success")
            return hx.go_to(url_for("centers.list_centers"))
    page = render_template("centers/edit_center.html", form=form, center=None)
    return page, 422 if form.errors else 200


@bp.route("/<int:center_id>", methods=["GET", "POST"])
@commits
def edit_center(center_id: int) -> ResponseReturnValue:
    """Rename a center."""
    center = centers.find_center(db.session(), center_id) if center_id < 2**63 else None
    if center is None:
        abort(404)
    form = CenterForm(obj=center)
    if form.validate_on_submit():
        try:
            centers.rename_center(db.session(), center, form.name.data)
        except DataSyncError as error:
            db.session.expire(center)
            add_error(form, error)
        else:
            flash("Saved.", "success")
            return hx.go_to(url_for("centers.list_centers"))
    page = render_template("centers/edit_center.html", form=form, center=center)
    return page, 422 if form.errors else 200
