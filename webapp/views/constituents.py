"""Constituents: search, profile, editing by hand, and the history of every field."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import RUN, VIEW, may_for_any, scope
from webapp.config import current_settings, site_today
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.constituents import ConstituentForm, constituent_form, short_label
from webapp.models import Constituent
from webapp.rules.transactions import TYPE_LABELS
from webapp.services import constituents, history, registrations, transactions
from webapp.services.constituent_edits import (
    Edit,
    current_texts,
    editable_fields,
    get_version,
    reactivate_constituent,
    remove_constituent,
    update_constituent,
)
from webapp.services.constituent_search import SearchPage, Status, search_constituents
from webapp.services.transactions import TransactionFilter
from webapp.transactions import commits
from webapp.views.origins import Origin
from webapp.views.people import get_person, may_see
from webapp.views.registrations import reach

bp = Blueprint("constituents", __name__, url_prefix="/constituents")
ALL_GIFTS = TransactionFilter()


@bp.get("/")
def list_constituents() -> ResponseReturnValue:
    """One box that finds people by anything one knows of them; blank, the newest records."""
    return render_template("constituents/list_constituents.html", **_search_context())


@bp.get("/results")
def results() -> ResponseReturnValue:
    """The list under the box, while one types."""
    context = _search_context()
    if not hx.wants_fragment():
        return render_template("constituents/list_constituents.html", **context)
    answer = hx.respond(render_template("constituents/_results.html", **context))
    answer.headers["HX-Replace-Url"] = _list_url(context["page"], context["status"])
    return answer


@bp.get("/<int:constituent_id>")
def show_constituent(constituent_id: int) -> ResponseReturnValue:
    """Everything that is known about one record."""
    constituent, center_ids = get_person(constituent_id)
    session = db.session()
    profile = constituents.get_profile(session, constituent, center_ids=scope(VIEW))
    return render_template(
        "constituents/show_constituent.html",
        constituent=constituent,
        profile=profile,
        gifts=transactions.list_transactions(
            session,
            ALL_GIFTS,
            constituent_id=constituent.id,
            limit=transactions.PROFILE_TRANSACTIONS,
        ),
        totals=transactions.get_totals(session, ALL_GIFTS, constituent_id=constituent.id),
        types=TYPE_LABELS,
        created=history.created_by(session, constituent.id),
        merged_into=_visible_or_none(constituent.merged_into_id),
        may_edit=may_for_any(RUN, center_ids),
        pairs=registrations.list_pairs(session, constituent.id, reach()),
        short_label=short_label,
        origin=Origin.of_request(),
    )


@bp.route("/<int:constituent_id>/edit", methods=["GET", "POST"])
@commits
def edit_constituent(constituent_id: int) -> ResponseReturnValue:
    """All fields as a form; saved with the checks of an import."""
    constituent, _ = get_person(constituent_id, RUN)
    session = db.session()
    fields = editable_fields(session)
    form = constituent_form(fields)()
    if not form.is_submitted():
        form.show(current_texts(constituent, fields), get_version(session, constituent_id))
        return _edit_page(constituent, form)
    if not form.validate():
        return _edit_page(constituent, form), 422
    settings = current_settings()
    try:
        edit = update_constituent(
            session,
            constituent_id,
            typed=form.typed(request.form),
            version=form.version.data or 0,
            unique_email=settings.unique_email,
            today=site_today(),
            center_ids=scope(VIEW),
        )
    except DataSyncError as error:
        add_error(form, error)
        return _edit_page(constituent, form), 422
    if not edit.is_saved:
        form.show_edit(edit)
        return _edit_page(constituent, form, edit), 409 if edit.interferences else 422
    flash(_saved(edit), "success" if edit.changed else "info")
    return hx.go_to(Origin.of_request().url or _profile_url(constituent_id))


@bp.post("/<int:constituent_id>/reactivate")
@commits
def reactivate(constituent_id: int) -> ResponseReturnValue:
    """Make a removed record active again."""
    get_person(constituent_id, RUN)
    origin, unique_email = Origin.of_request(), current_settings().unique_email
    try:
        reactivate_constituent(
            db.session(), constituent_id, unique_email=unique_email, center_ids=scope(VIEW)
        )
    except DataSyncError as error:
        flash(error.message, "error")
        return hx.go_to(_profile_url(constituent_id, **origin.fields))
    flash("The record is active again.", "success")
    return hx.go_to(origin.url or _profile_url(constituent_id))


@bp.post("/<int:constituent_id>/remove")
@commits
def remove(constituent_id: int) -> ResponseReturnValue:
    """Take a record out of use; it is kept."""
    constituent, _ = get_person(constituent_id, RUN)
    try:
        remove_constituent(db.session(), constituent_id)
    except DataSyncError as error:
        flash(error.message, "error")
    else:
        flash(
            f"{constituent.display_name} was removed. The record can be made active again.",
            "success",
        )
    return hx.go_to(_profile_url(constituent_id, **Origin.of_request().fields))


@bp.get("/<int:constituent_id>/history")
def show_history(constituent_id: int) -> ResponseReturnValue:
    """What changed, from what to what, when, by whom, from which file and row."""
    constituent, center_ids = get_person(constituent_id)
    session = db.session()
    labels = {field.attribute: field.label for field in editable_fields(session)}
    labels |= history.STATE_LABELS
    attribute = request.args.get("field") or None
    if attribute is not None and attribute not in labels:
        abort(404)
    page = history.constituent_history(
        session,
        constituent.id,
        attribute=attribute,
        center_ids=scope(VIEW),
        before=_number("before"),
    )
    return render_template(
        "constituents/show_history.html",
        constituent=constituent,
        page=page,
        attribute=attribute,
        labels=labels,
        is_first="before" not in request.args,
        may_edit=may_for_any(RUN, center_ids),
    )


# ---- search ----


def _search_context() -> dict[str, Any]:
    status = request.args.get("status", Status.ALL)
    wanted = Status(status) if status in Status.__members__.values() else Status.ALL
    after = request.args.get("after")
    page = search_constituents(
        db.session(),
        query=request.args.get("q", ""),
        status=wanted,
        center_ids=scope(VIEW),
        after=after,
    )
    return {
        "page": page,
        "status": wanted,
        "first_url": _list_url(page, wanted) if after else None,
        "next_url": _list_url(page, wanted, after=page.next) if page.next else None,
    }


def _list_url(page: SearchPage, status: Status, **more: Any) -> str:
    return url_for(
        "constituents.list_constituents",
        q=page.query or None,
        status=None if status is Status.ALL else status.value,
        **more,
    )


# ---- one record ----


def _profile_url(constituent_id: int, **more: Any) -> str:
    return url_for("constituents.show_constituent", constituent_id=constituent_id, **more)


def _number(name: str) -> int | None:
    """A key from the address; None for what is no key."""
    value = request.args.get(name, type=int)
    return value if value is not None and 0 <= value <= constituents.LARGEST_ID else None


def _visible_or_none(constituent_id: int | None) -> Constituent | None:
    """The record another one was merged into, if it can be looked at."""
    if constituent_id is None or not may_see(constituent_id):
        return None
    return constituents.find_constituent(db.session(), constituent_id)


def _edit_page(constituent: Constituent, form: ConstituentForm, edit: Edit | None = None) -> str:
    sections: dict[str, list[Any]] = {}
    for field in form.fields:
        sections.setdefault(field.section, []).append(form.control(field))
    return render_template(
        "constituents/edit_constituent.html",
        constituent=constituent,
        form=form,
        sections=sections,
        edit=edit,
        origin=Origin.of_request(),
        shown=constituents.shown_value,
    )


def _saved(edit: Edit) -> str:
    if not edit.changed:
        return "Nothing was changed, so nothing was saved."
    labels = [field.label for field in edit.changed]
    if len(labels) > 4:
        return f"Saved: {len(labels)} fields changed. The history shows each of them."
    return f"Saved: {', '.join(labels)}."
