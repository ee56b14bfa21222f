"""Making and changing groups and interests: whoever manages operations there."""

from __future__ import annotations

from flask import Blueprint, abort, flash, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import MANAGE, require_center, scope
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.groups import GENERAL, GroupForm, InterestForm
from webapp.models import Group, Interest
from webapp.services import centers, group_deletion, group_edits, groups
from webapp.services.group_edits import InterestDraft
from webapp.transactions import commits
from webapp.views.groups import get_group, get_interest

bp = Blueprint("group_edits", __name__, url_prefix="/groups")


@bp.route("/new", methods=["GET", "POST"])
@commits
def new_group() -> ResponseReturnValue:
    """Make a group."""
    places, form = _places(), GroupForm()
    form.offer_centers(places)
    if form.validate_on_submit():
        try:
            group = group_edits.create_group(
                db.session(),
                name=form.name.data,
                folder=form.folder.data or "",
                description=form.description.data or "",
                center_id=_place(form, places),
            )
        except DataSyncError as error:
            add_error(form, error)
        else:
            flash(f"The group {group.name} is there now.", "success")
            return hx.go_to(url_for("groups.show_group", group_id=group.id))
    page = render_template("groups/edit_group.html", form=form, group=None)
    return page, 422 if form.errors else 200


@bp.route("/<int:group_id>/edit", methods=["GET", "POST"])
@commits
def edit_group(group_id: int) -> ResponseReturnValue:
    """Change a group's name, folder or description."""
    group = get_group(group_id)
    require_center(MANAGE, group.center_id)
    if group.kind not in group_edits.EDITABLE_KINDS:
        abort(404)
    form = GroupForm(obj=group)
    form.offer_centers(())
    if not form.is_submitted():
        form.seen.data = group_edits.fingerprint_group(group)
    if form.validate_on_submit():
        try:
            group_edits.edit_group(
                db.session(),
                group,
                name=form.name.data,
                folder=form.folder.data or "",
                description=form.description.data or "",
                seen=form.seen.data or None,
            )
        except DataSyncError as error:
            add_error(form, error)
        else:
            flash("Saved.", "success")
            return hx.go_to(url_for("groups.show_group", group_id=group.id))
    page = render_template("groups/edit_group.html", form=form, group=group)
    return page, 422 if form.errors else 200


@bp.route("/interests/new", methods=["GET", "POST"])
@commits
def new_interest() -> ResponseReturnValue:
    """Make an interest, with its opt-in and opt-out groups."""
    places, form = _places(), InterestForm()
    form.offer_centers(places)
    center_id = places[0][0] or None if len(places) == 1 else form.center_id.data or None
    form.offer_parents(group_edits.list_parents(db.session(), center_id))
    if form.validate_on_submit():
        try:
            made = group_edits.create_interest(
                db.session(), _draft(form), center_id=_place(form, places)
            )
        except DataSyncError as error:
            add_error(form, error)
        else:
            flash(f"The interest {made.name} is there now, with its two groups.", "success")
            return hx.go_to(url_for("groups.show_interest", interest_id=made.id))
    return _interest_page(form, None)


@bp.route("/interests/<int:interest_id>/edit", methods=["GET", "POST"])
@commits
def edit_interest(interest_id: int) -> ResponseReturnValue:
    """Change an interest."""
    interest = get_interest(interest_id)
    require_center(MANAGE, interest.center_id)
    form = InterestForm(obj=interest)
    form.offer_centers(())
    form.offer_parents(group_edits.list_parents(db.session(), interest.center_id, but=interest.id))
    if not form.is_submitted():
        form.parent_id.data = interest.parent_id or GENERAL
        form.seen.data = group_edits.fingerprint_interest(interest)
    if form.validate_on_submit():
        try:
            seen = form.seen.data or None
            group_edits.edit_interest(db.session(), interest, _draft(form), seen=seen)
        except DataSyncError as error:
            add_error(form, error)
        else:
            flash("Saved.", "success")
            return hx.go_to(url_for("groups.show_interest", interest_id=interest.id))
    return _interest_page(form, interest)


@bp.post("/<int:group_id>/delete")
@commits
def delete_group(group_id: int) -> ResponseReturnValue:
    """Delete a group that nothing uses any more."""
    group = get_group(group_id)
    require_center(MANAGE, group.center_id)
    try:
        group_deletion.delete_group(db.session(), group)
    except DataSyncError as error:
        flash(f"{group.name} was not deleted. {error.message}", "error")
        return hx.go_to(url_for("groups.show_group", group_id=group_id))
    flash(f"The group {group.name} was deleted.", "success")
    return hx.go_to(url_for("groups.list_groups"))


@bp.post("/interests/<int:interest_id>/delete")
@commits
def delete_interest(interest_id: int) -> ResponseReturnValue:
    """Delete an interest that nothing uses any more, with its two groups."""
    interest = get_interest(interest_id)
    require_center(MANAGE, interest.center_id)
    try:
        group_deletion.delete_interest(db.session(), interest)
    except DataSyncError as error:
        flash(f"{interest.name} was not deleted. {error.message}", "error")
        return hx.go_to(url_for("groups.show_interest", interest_id=interest_id))
    flash(f"The interest {interest.name} was deleted, with its groups.", "success")
    return hx.go_to(url_for("groups.list_interests"))


def _interest_page(form: InterestForm, interest: Interest | None) -> ResponseReturnValue:
    owned: list[tuple[str, Group]] = []
    if interest is not None:
        for words, group_id in (
            ("Opted in", interest.opt_in_group_id),
            ("Opted out", interest.opt_out_group_id),
        ):
            group = groups.find_group(db.session(), group_id) if group_id else None
            if group is not None:
                owned.append((words, group))
    page = render_template("groups/edit_interest.html", form=form, interest=interest, owned=owned)
    return page, 422 if form.errors else 200


def _draft(form: InterestForm) -> InterestDraft:
    return InterestDraft(
        name=form.name.data,
        kind=form.kind.data,
        parent_id=form.parent_id.data or None,
        is_default=bool(form.is_default.data),
    )


def _places() -> list[tuple[int, str]]:
    """Where this person may make one: General (0), or for a center."""
    held = scope(MANAGE)
    known = centers.list_centers(db.session())
    places = [(center.id, center.name) for center in known if held is None or center.id in held]
    if held is None:
        places.insert(0, (GENERAL, "General: shared by all"))
    if not places:
        abort(403)
    return places


def _place(form: GroupForm | InterestForm, places: list[tuple[int, str]]) -> int | None:
    place = form.center_id.data if "center_id" in form else places[0][0]
    return None if place == GENERAL else int(place)
