"""The site administrator's pages for custom fields."""

from __future__ import annotations

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.custom_fields import EditCustomFieldForm, NewCustomFieldForm
from webapp.models import CustomField
from webapp.rules.fields import Kind
from webapp.services import custom_fields
from webapp.transactions import commits

bp = Blueprint("custom_fields", __name__, url_prefix="/admin/custom-fields")


@bp.get("/")
def list_fields() -> ResponseReturnValue:
    """All of them."""
    return render_template(
        "custom_fields/list_fields.html",
        fields=custom_fields.list_fields(db.session()),
        kinds=custom_fields.KINDS,
    )


@bp.route("/new", methods=["GET", "POST"])
@commits
def new_field() -> ResponseReturnValue:
    """Add one."""
    form = NewCustomFieldForm()
    if form.validate_on_submit():
        try:
            field = custom_fields.add_field(
                db.session(),
                key=form.key.data,
                label=form.label.data,
                kind=Kind(form.kind.data),
                max_length=form.max_length.data,
                choices=form.chosen(),
            )
        except DataSyncError as error:
            add_error(form, error)
        else:
            flash(f"Files can have the column CUSTOM_{field.key.upper()} now.", "success")
            return hx.go_to(url_for("custom_fields.list_fields"))
    page = render_template(
        "custom_fields/new_field.html", form=form, default_length=custom_fields.DEFAULT_LENGTH
    )
    return page, 422 if form.errors else 200


@bp.route("/<key>", methods=["GET", "POST"])
@commits
def edit_field(key: str) -> ResponseReturnValue:
    """Change its label, and the choices of a choice."""
    field = _get(key)
    data = {"label": field.label, "choices": "\n".join(field.choices)}
    form = EditCustomFieldForm(data=None if request.form else data)
    if form.validate_on_submit():
        try:
            custom_fields.edit_field(
                db.session(), field, label=form.label.data, choices=form.chosen()
            )
        except DataSyncError as error:
            db.session.expire(field)
            add_error(form, error)
        else:
            flash("Saved.", "success")
            return hx.go_to(url_for("custom_fields.list_fields"))
    page = render_template(
        "custom_fields/edit_field.html", form=form, field=field, kinds=custom_fields.KINDS
    )
    return page, 422 if form.errors else 200


@bp.post("/<key>/delete")
@commits
def delete_field(key: str) -> ResponseReturnValue:
    """Delete it, unless a constituent has a value."""
    field = _get(key)
    label = field.label
    try:
        custom_fields.delete_field(db.session(), field)
    except DataSyncError as error:
        flash(error.message, "error")
        return hx.go_to(url_for("custom_fields.edit_field", key=key))
    flash(f"{label} is deleted.", "success")
    return hx.go_to(url_for("custom_fields.list_fields"))


def _get(key: str) -> CustomField:
    field = custom_fields.find_field(db.session(), key) if "\x00" not in key else None
    if field is None:
        abort(404)
    return field
