"""Groups and interests, to look at: what there is and who is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import MANAGE, RUN, VIEW, may, may_open, require_center, scope
from webapp.extensions import db
from webapp.models import Group, Interest
from webapp.rules.roles import Permission
from webapp.services import group_deletion, group_edits, group_history, groups, memberships
from webapp.services.constituent_search import search_constituents
from webapp.services.constituents import LARGEST_ID

GroupOrInterest = TypeVar("GroupOrInterest", Group, Interest)

bp = Blueprint("groups", __name__, url_prefix="/groups")


@bp.get("/")
def list_groups() -> ResponseReturnValue:
    """Every group by folder, to be narrowed by text, kind and folder."""
    return render_template("groups/list_groups.html", **_list_context())


@bp.get("/results")
def results() -> ResponseReturnValue:
    """The list of groups, while one types."""
    context = _list_context()
    if not hx.wants_fragment():
        return render_template("groups/list_groups.html", **context)
    answer = hx.respond(render_template("groups/_results.html", **context))
    answer.headers["HX-Replace-Url"] = _list_url(context["wanted"])
    return answer


@bp.get("/interests")
def list_interests() -> ResponseReturnValue:
    """Every interest, with how many opted in and out."""
    found = groups.list_interests(db.session(), center_ids=scope(VIEW))
    return render_template("groups/list_interests.html", interests=found)


CHOICES = {"in": "Opted in", "out": "Opted out"}


@bp.get("/interests/<int:interest_id>")
def show_interest(interest_id: int) -> ResponseReturnValue:
    """An interest, who opted in to it and out of it, and what happened to it."""
    interest = get_interest(interest_id)
    session = db.session()
    chosen = request.args.get("choice", "in")
    chosen = chosen if chosen in CHOICES else "in"
    group_id = interest.opt_in_group_id if chosen == "in" else interest.opt_out_group_id
    group = groups.find_group(session, group_id) if group_id else None
    is_manager = may(MANAGE, interest.center_id)
    return render_template(
        "groups/show_interest.html",
        interest=interest,
        line=groups.get_interest_line(session, interest, center_ids=scope(VIEW)),
        choice=chosen,
        choices=CHOICES,
        is_scoped=scope(VIEW) is not None,
        may_choose=_may_change(interest),
        may_edit=is_manager,
        deletion=group_deletion.foresee_interest(session, interest) if is_manager else None,
        history=group_history.list_interest_history(session, interest, scope(VIEW)),
        **_interest_members(interest, group, chosen),
    )


def _interest_members(interest: Interest, group: Group | None, chosen: str) -> dict[str, Any]:
    """Those who chose so: the members of the group that keeps them."""

    def url(query: str, **more: Any) -> str:
        return url_for(
            "groups.show_interest",
            interest_id=interest.id,
            choice=None if chosen == "in" else chosen,
            q=query or None,
            **more,
        )

    if group is None:
        return {"group": None}
    return _people(group, url) | {"may_change": False}


def _may_change(thing: Group | Interest) -> bool:
    """Whether the present user may put people in: those of their centers, where it is General."""
    return may_open("memberships.add_member") and (
        thing.center_id is None or may(RUN, thing.center_id)
    )


@bp.get("/<int:group_id>")
def show_group(group_id: int) -> ResponseReturnValue:
    """A group and its members."""
    group = get_group(group_id)
    details = groups.get_details(db.session(), group, center_ids=scope(VIEW))
    may_edit = group.kind in group_edits.EDITABLE_KINDS and may(MANAGE, group.center_id)
    return render_template(
        "groups/show_group.html",
        details=details,
        kinds=groups.GROUP_KINDS,
        may_open_run=details.run is not None and may(VIEW, details.run.center_id),
        is_scoped=scope(VIEW) is not None,
        may_edit=may_edit,
        deletion=group_deletion.foresee_group(db.session(), group) if may_edit else None,
        history=group_history.list_group_history(db.session(), group, scope(VIEW)),
        **_member_context(group),
    )


@bp.get("/<int:group_id>/members")
def members(group_id: int) -> ResponseReturnValue:
    """The members, while one types."""
    group = get_group(group_id)
    if not hx.wants_fragment():
        return show_group(group_id)
    context = _member_context(group)
    answer = hx.respond(render_template("groups/_members.html", **context))
    answer.headers["HX-Replace-Url"] = _group_url(group, context["page"].query)
    return answer


def get_group(group_id: int, permission: Permission = VIEW) -> Group:
    """The group, if it is General or of a center for which the present user has the permission."""
    return _of_theirs(groups.find_group(db.session(), group_id), permission)


def get_interest(interest_id: int, permission: Permission = VIEW) -> Interest:
    """The interest, likewise."""
    return _of_theirs(group_edits.find_interest(db.session(), interest_id), permission)


def _of_theirs(thing: GroupOrInterest | None, permission: Permission) -> GroupOrInterest:
    if thing is None:
        abort(404)
    if thing.center_id is not None:
        require_center(permission, thing.center_id)
    return thing


def _member_context(group: Group) -> dict[str, Any]:
    def url(query: str, **more: Any) -> str:
        return _group_url(group, query, **more)

    is_by_hand = group.kind in memberships.KINDS_BY_HAND
    return _people(group, url) | {"may_change": is_by_hand and _may_change(group)}


def _people(group: Group, url: Callable[..., str]) -> dict[str, Any]:
    after = request.args.get("after")
    page = search_constituents(
        db.session(),
        query=request.args.get("q", ""),
        center_ids=scope(VIEW),
        group_id=group.id,
        after=after,
    )
    return {
        "group": group,
        "page": page,
        "first_url": url(page.query) if after else None,
        "next_url": url(page.query, after=page.next) if page.next else None,
    }


def _group_url(group: Group, query: str, **more: Any) -> str:
    return url_for("groups.show_group", group_id=group.id, q=query or None, **more)


NO_FOLDER = "-"
"""In an address: the groups that are in no folder."""


def _list_context() -> dict[str, Any]:
    folder = request.args.get("folder", "")
    kind = request.args.get("kind", "")
    wanted = groups.GroupFilter(
        text=" ".join(request.args.get("q", "").replace("\x00", "").split())[:200],
        kind=kind if kind in groups.GROUP_KINDS else "",
        folder=None if not folder else "" if folder == NO_FOLDER else folder.replace("\x00", ""),
    )
    after = request.args.get("after", type=int)
    if after is not None and not 0 <= after <= LARGEST_ID:
        after = None
    center_ids = scope(VIEW)
    page = groups.list_groups(db.session(), wanted, center_ids=center_ids, after=after)
    return {
        "wanted": wanted,
        "page": page,
        "kinds": groups.GROUP_KINDS,
        "folders": groups.list_folders(db.session(), center_ids=center_ids),
        "no_folder": NO_FOLDER,
        "first_url": _list_url(wanted) if after else None,
        "next_url": _list_url(wanted, after=page.next_after) if page.next_after else None,
    }


def _list_url(wanted: groups.GroupFilter, **more: Any) -> str:
    folder = NO_FOLDER if wanted.folder == "" else wanted.folder
    return url_for(
        "groups.list_groups",
        q=wanted.text or None,
        kind=wanted.kind or None,
        folder=folder,
        **more,
    )
