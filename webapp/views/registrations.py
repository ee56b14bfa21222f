"""Resolve New Registrations: who may be somebody who is here already, until a person decides.

Deciding is a plain form that leads back to where it stood: the list, the registration's own page,
or the wizard's step.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import RUN, VIEW, may_for_any, scope
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.formats import plural
from webapp.keys import read_key
from webapp.services import constituents, registrations
from webapp.services.registrations import Decided, Pairs, Reach
from webapp.transactions import commits
from webapp.views.origins import Origin, requested_key
from webapp.views.people import chosen_person, found_people, get_person, typed_query

bp = Blueprint("registrations", __name__, url_prefix="/registrations")


def reach() -> Reach:
    """What the present user sees of registrations, and decides."""
    return Reach(scope(VIEW), scope(RUN))


# ---- the list ----


@bp.get("")
def list_registrations() -> ResponseReturnValue:
    """Every pair that waits, to be decided one by one or several at once."""
    after = request.args.get("after", "")[:50]
    page = registrations.list_waiting(db.session(), reach(), after=after)
    return render_template(
        "registrations/list_registrations.html", page=page, after=after, origin=Origin()
    )


@bp.post("/decide")
@commits
def decide() -> ResponseReturnValue:
    """Say of one pair (its own button), or of all that are ticked, that it is no match."""
    wanted = request.form.getlist("match") or request.form.getlist("ticked")
    numbers = [number for each in wanted if (number := read_key(each)) is not None]
    origin, registration_id = Origin.of_request(), requested_key("registration")
    if not numbers:
        flash("Tick those that are no match first.", "info")
        return hx.go_to(_place(origin, registration_id))
    decided = registrations.decide_not_a_match(db.session(), numbers, reach())
    _tell(decided)
    if registration_id is not None and decided.pairs:
        return _go_on(registration_id, origin)
    return hx.go_to(_place(origin, registration_id))


def _place(origin: Origin, registration_id: int | None) -> str:
    """The page the form was on."""
    if registration_id is not None:
        return registration_url(registration_id, origin)
    if origin.run is not None:
        return origin.url
    after = request.form.get("after", "")[:50] or None
    return url_for("registrations.list_registrations", after=after)


def _tell(decided: Decided) -> None:
    """What was decided, and what was not and why: many times the same is said once."""
    if decided.pairs:
        pairs = plural(decided.pairs, "pair")
        flash(f"Not a match: {pairs} decided, for good.", "success")
    for sentence in dict.fromkeys(decided.told[:MOST_TOLD]):
        flash(sentence, "info")
    if len(decided.told) > MOST_TOLD:
        flash(f"{len(decided.told) - MOST_TOLD:,} more could not be decided either.", "info")


MOST_TOLD = 5


# ---- one registration ----


@bp.get("/<int:constituent_id>")
def show_registration(constituent_id: int) -> ResponseReturnValue:
    """A registration side by side with everybody it may be."""
    registration, center_ids = get_person(constituent_id)
    session, origin = db.session(), Origin.of_request()
    pairs = registrations.list_pairs(session, constituent_id, reach())
    following = registrations.find_next(session, reach(), constituent_id)
    return render_template(
        "registrations/show_registration.html",
        registration=registration,
        pairs=pairs,
        comparisons={
            pair.id: registrations.compare(session, registration, pair.candidate)
            for pair in pairs.waiting
            if pair.candidate is not None
        },
        origin=origin,
        next_url=registration_url(following, origin) if following else None,
        may_decide=any(pair.may_decide for pair in pairs.waiting),
        **_may_change(pairs, center_ids),
    )


def _may_change(pairs: Pairs, center_ids: list[int]) -> dict[str, Any]:
    """Which of the records this person may edit and remove."""
    session = db.session()
    others = [pair.candidate.id for pair in pairs.waiting if pair.candidate is not None]
    return {
        "may_edit": may_for_any(RUN, center_ids),
        "editable": {
            each for each in others if may_for_any(RUN, constituents.list_center_ids(session, each))
        },
    }


@bp.post("/<int:constituent_id>/resolve")
@commits
def resolve(constituent_id: int) -> ResponseReturnValue:
    """All resolved: none of those that are left is a match."""
    get_person(constituent_id, RUN)
    _tell(registrations.resolve_rest(db.session(), constituent_id, reach()))
    return _go_on(constituent_id, Origin.of_request())


def _go_on(constituent_id: int, origin: Origin) -> ResponseReturnValue:
    """The page again while it has something to decide; else back, or to the next registration."""
    session = db.session()
    registration, _ = get_person(constituent_id)
    if registrations.list_pairs(session, constituent_id, reach()).waiting:
        return hx.go_to(registration_url(constituent_id, origin))
    flash(f"{registration.display_name} no longer waits: it may go with the next download.", "info")
    following = registrations.find_next(session, reach(), constituent_id)
    if origin.url or following is None:
        return hx.go_to(origin.url or url_for("registrations.list_registrations"))
    return hx.go_to(registration_url(following, origin))


@bp.route("/<int:constituent_id>/candidates", methods=["GET", "POST"])
@commits
def add_candidate(constituent_id: int) -> ResponseReturnValue:
    """Find whom a record may be the same person as, and put the two down: the record waits."""
    registration, _ = get_person(constituent_id, RUN)
    session = db.session()
    if request.method == "POST":
        other = chosen_person()
        try:
            registrations.put_down(session, constituent_id, other.id)
        except DataSyncError as error:
            flash(error.message, "error")
            url = url_for(
                "registrations.add_candidate",
                constituent_id=constituent_id,
                q=typed_query() or None,
            )
            return hx.go_to(url)
        flash(
            f"{registration.display_name} waits now: it is in no download until somebody decides "
            f"whether it is the same person as {other.display_name}.",
            "success",
        )
        return hx.go_to(registration_url(constituent_id, Origin()))
    return render_template(
        "registrations/add_candidate.html",
        registration=registration,
        known=_known(registrations.list_pairs(session, constituent_id, reach())),
        **found_people(),
    )


def _known(pairs: Pairs) -> dict[int, str]:
    """What is known already of the record and another one, by the other one's number."""
    said = {}
    for pair in (*pairs.waiting, *pairs.others, *pairs.settled):
        words = "Not the same person" if pair.decided_at else "Waits already"
        for one in (pair.registration, pair.candidate):
            if one is not None:
                said[one.id] = words
    return said


def registration_url(constituent_id: int, origin: Origin) -> str:
    """Where a registration is resolved, and the way back from there."""
    return url_for(
        "registrations.show_registration", constituent_id=constituent_id, **origin.fields
    )
