"""People as any page needs them: the one of an address or a form, if the present user may see them,
and those that a text finds."""

from __future__ import annotations

from typing import Any

from flask import abort, request

from webapp.access import RUN, VIEW, may_for_any, require_any_center, scope
from webapp.extensions import db
from webapp.keys import read_key
from webapp.models import Constituent
from webapp.rules.roles import Permission
from webapp.services import constituents
from webapp.services.constituent_search import Status, search_constituents

OFFERED = 25


def get_person(constituent_id: int, permission: Permission = VIEW) -> tuple[Constituent, list[int]]:
    """The record and its centers, if the present user may do so much for one of them."""
    session = db.session()
    person = constituents.find_constituent(session, constituent_id)
    if person is None:
        abort(404)
    center_ids = constituents.list_center_ids(session, constituent_id)
    require_any_center(permission, center_ids)
    return person, center_ids


def may_see(constituent_id: int) -> bool:
    """Whether the present user may look at this record."""
    return may_for_any(VIEW, constituents.list_center_ids(db.session(), constituent_id))


def chosen_person() -> Constituent:
    """The constituent of the form, if it is one of those the present user works with."""
    number = read_key(request.form.get("constituent_id"))
    if number is None:
        abort(400)
    return get_person(number, RUN)[0]


def typed_query() -> str:
    """What was looked for."""
    return request.values.get("q", "")


def found_people() -> dict[str, Any]:
    """Whom the text finds, among those the present user works with."""
    query = typed_query()
    if not query.strip():
        return {"page": None, "query": "", "ids": []}
    page = search_constituents(
        db.session(), query=query, status=Status.ACTIVE, center_ids=scope(RUN), limit=OFFERED
    )
    return {"page": page, "query": page.query, "ids": [match.id for match in page.matches]}
