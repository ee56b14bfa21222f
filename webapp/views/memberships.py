"""Putting people into groups and taking them out, and their choices of interests, by hand: whoever
runs operations there, for the people they see."""

from __future__ import annotations

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import RUN
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Group
from webapp.services import memberships
from webapp.transactions import commits
from webapp.views.groups import get_group, get_interest
from webapp.views.people import chosen_person, found_people, typed_query

bp = Blueprint("memberships", __name__, url_prefix="/groups")


@bp.route("/<int:group_id>/add", methods=["GET", "POST"])
@commits
def add_member(group_id: int) -> ResponseReturnValue:
    """Find somebody, and put them into the group."""
    group = _group(group_id)
    if request.method == "POST":
        person = chosen_person()
        try:
            added = memberships.add_member(db.session(), group, person.id)
        except DataSyncError as error:
            flash(error.message, "error")
        else:
            said = "was added" if added.was_added else "was in the group already"
            joined = f", and is a member of {added.joined.name} now" if added.joined else ""
            flash(f"{person.display_name} {said}{joined}.", "success")
        return hx.go_to(
            url_for("memberships.add_member", group_id=group.id, q=typed_query() or None)
        )
    context = found_people()
    inside = memberships.list_members_among(db.session(), group, context["ids"])
    return render_template("groups/add_member.html", group=group, inside=inside, **context)


@bp.post("/<int:group_id>/remove")
@commits
def remove_member(group_id: int) -> ResponseReturnValue:
    """Take somebody out of the group."""
    group, person = _group(group_id), chosen_person()
    try:
        was_in = memberships.remove_member(db.session(), group, person.id)
    except DataSyncError as error:
        flash(error.message, "error")
    else:
        said = "was removed from the group" if was_in else "was not in the group any more"
        flash(f"{person.display_name} {said}.", "success")
    return hx.go_to(url_for("groups.show_group", group_id=group.id, q=typed_query() or None))


@bp.route("/interests/<int:interest_id>/choose", methods=["GET", "POST"])
@commits
def choose(interest_id: int) -> ResponseReturnValue:
    """Find somebody, and keep what they chose of the interest."""
    interest = get_interest(interest_id, RUN)
    if request.method == "POST":
        person, opted_in = chosen_person(), request.form.get("choice") == "in"
        try:
            is_new = memberships.choose(
                db.session(),
                interest,
                person.id,
                opted_in=opted_in,
                undoes_opt_out=request.form.get("again") == "yes",
                seen=request.form.get("seen"),
            )
        except DataSyncError as error:
            flash(f"{person.display_name}: {error.message}", "error")
        else:
            said = f"is opted {'in to' if opted_in else 'out of'} {interest.name}"
            flash(f"{person.display_name} {said}{' now' if is_new else ' already'}.", "success")
        url = url_for("memberships.choose", interest_id=interest.id, q=typed_query() or None)
        return hx.go_to(url)
    context = found_people()
    chosen = memberships.list_choices(db.session(), interest, context["ids"])
    return render_template("groups/choose.html", interest=interest, chosen=chosen, **context)


def _group(group_id: int) -> Group:
    """The group, if the present user may put people into it by hand."""
    group = get_group(group_id, RUN)
    if group.kind not in memberships.KINDS_BY_HAND:
        abort(404)
    return group
