"""Not yet mapped: what files had and no entry explains, with suggestions to accept.

The same form stands on a type's page and in a preview, where a mapped value has its rows looked at
again at once.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import CROSSREF_MANAGE, CROSSREF_VIEW, may, require_center, scope, signed_in
from webapp.config import site_today
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.crossrefs import NOUNS, whole_number
from webapp.models import CrossReferenceType, Run
from webapp.rules.crossrefs import MOST_LABELS, OnlineKind
from webapp.rules.faults import FaultCode
from webapp.rules.suggesting import LIKELY
from webapp.services import (
    corrections,
    crossref_edits,
    crossref_online,
    crossref_unmapped,
    crossrefs,
    runs,
)
from webapp.services.constituents import LARGEST_ID
from webapp.services.crossref_edits import EntryValues
from webapp.services.crossref_online import Option
from webapp.services.crossref_unmapped import Place, WaitingFilter
from webapp.services.uploads import storable
from webapp.services.wizard import Step
from webapp.transactions import commits
from webapp.views.crossrefs import get_type, whole_key
from webapp.views.drafts import get_own_run, refuse, step_url

bp = Blueprint("crossref_unmapped", __name__)

FILLED = "filled"
"""Picked: every value beside which something stands, a suggestion or what was written there."""
_NUMBERED = re.compile(r"\((\d{1,19})\)\s*$")
_KEYS_OF_CODE: Mapping[str, tuple[str, ...]] = {
    FaultCode.UNKNOWN_GROUP: ("group",),
    FaultCode.UNKNOWN_INTEREST: ("interest",),
}


@bp.get("/cross-references/<key>/unmapped")
def show(key: str) -> ResponseReturnValue:
    """What of a type is not yet mapped, on either side."""
    found = get_type(key)
    return render_template("crossrefs/show_unmapped.html", **_context(found))


@bp.post("/cross-references/<key>/unmapped")
@commits
def accept(key: str) -> ResponseReturnValue:
    """Map one value, or all that were marked. What can be mapped is, the others say why not."""
    found = get_type(key)
    done, problems = _accept_all(found)
    if not hx.wants_fragment():
        for sentence in problems:
            flash(sentence, "error")
        if done:
            flash(_said(done), "success")
        asked: dict[str, Any] = {
            name: request.args[name] for name in ("q", "run") if request.args.get(name)
        }
        return hx.go_to(url_for("crossref_unmapped.show", key=key, **asked))
    context = _context(found) | {"problems": problems, "said": _said(done) if done else ""}
    return render_template("crossrefs/_unmapped.html", **context)


@bp.post("/runs/<int:run_id>/wizard/preview/map/<key>")
@commits
def accept_in_preview(run_id: int, key: str) -> ResponseReturnValue:
    """Map values of a draft's rows, then look at all of its rows again at once."""
    found, run = get_type(key), get_own_run(run_id)
    try:
        corrections.lock_draft(db.session(), run)
    except DataSyncError as error:
        return refuse(run, error)
    done, problems = _accept_all(found)
    for sentence in problems:
        flash(sentence, "error")
    if not done:
        code = request.form.get("code", "")
        return hx.go_to(url_for("previews.problems", run_id=run_id, code=code or None))
    corrections.outdate_preview(db.session(), run)
    runs.start_preview(db.session(), run)
    flash(f"{_said(done)} All rows are looked at again.", "success")
    return hx.go_to(step_url(run, Step.PREVIEW))


def mapping_context(preview: Run, code: str) -> list[dict[str, Any]]:
    """For the problems of a preview: by type, the values of it that wait for an entry. Empty where
    the present user may not map them."""
    if not may(CROSSREF_MANAGE, preview.center_id):
        return []
    keys = _KEYS_OF_CODE.get(code, ())
    if code == FaultCode.UNMAPPED_VALUE:
        keys = tuple(
            line.type.key
            for line in crossrefs.list_types(db.session())
            if crossref_online.columns_of(line.type.key)
        )
    found = []
    for key in keys:
        kind = get_type(key)
        context = _form_context(
            kind, wanted=WaitingFilter(run_id=preview.id), center_id=preview.center_id
        )
        if context["values"]:
            found.append(context)
    return found


def _context(found: CrossReferenceType) -> dict[str, Any]:
    """The page of values that the address asks for, and what downloads could not send."""
    session, seen, today = db.session(), scope(CROSSREF_VIEW), site_today()
    wanted = WaitingFilter(
        run_id=whole_key("run"),
        text=" ".join(request.args.get("q", "").replace("\x00", "").split())[:200],
        after=_place(request.args.get("after", "")),
    )
    online = crossref_unmapped.list_online_unmapped(session, [found], center_ids=seen)
    context = _form_context(found, wanted=wanted)
    following = context["page"].next_after

    def url(endpoint: str = "show", **changes: Any) -> str:
        asked = {"q": wanted.text or None, "run": wanted.run_id} | changes
        return url_for(f"crossref_unmapped.{endpoint}", key=found.key, **asked)

    return context | {
        "wanted": wanted,
        "run": _seen_run(wanted.run_id),
        "unsent": crossref_unmapped.list_waiting_online(
            session, found, today, center_ids=seen, run_id=wanted.run_id
        ),
        "online": online.get(found.id),
        "problems": [],
        "said": "",
        "manages": scope(CROSSREF_MANAGE) != frozenset(),
        "accept_url": url("accept", after=request.args.get("after") or None),
        "all_url": url(q=None, run=None),
        "first_url": url() if wanted.after else None,
        "next_url": url(after=_written(following)) if following else None,
    }


def _seen_run(run_id: int | None) -> Run | None:
    """The run that the values are wanted of, to name it to those who may know of it."""
    run = db.session.get(Run, run_id) if run_id else None
    seen = scope(CROSSREF_VIEW)
    return run if run is not None and (seen is None or run.center_id in seen) else None


def _written(place: Place) -> str:
    """A place as an address has it."""
    text = json.dumps([place.rows, place.foreign_key, place.center_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(text: str) -> Place | None:
    """The place in an address; None, the first page, where there is none that can be."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        rows, key, center_id = found
        place = Place(int(rows), str(key), int(center_id))
    except (ValueError, TypeError):
        return None
    numbers = (place.rows, place.center_id)
    is_sensible = place.foreign_key == storable(place.foreign_key)
    return place if is_sensible and all(0 <= each <= LARGEST_ID for each in numbers) else None


def _form_context(
    found: CrossReferenceType,
    *,
    wanted: WaitingFilter | None = None,
    center_id: int | None = None,
) -> dict[str, Any]:
    seen = scope(CROSSREF_VIEW)
    if center_id is not None:
        seen = frozenset({center_id})
    page = crossref_unmapped.list_waiting(
        db.session(), found, site_today(), center_ids=seen, wanted=wanted
    )
    is_code = found.online_kind == OnlineKind.CODE
    options: Sequence[Option] = ()
    if page.values:
        options = crossref_online.list_options(db.session(), found, center_ids=seen)
    return {
        "type": found,
        "noun": NOUNS[found.online_kind],
        "page": page,
        "values": page.values,
        "options": [one.value if is_code else f"{one.label} ({one.value})" for one in options],
        "is_code": is_code,
        "likely": LIKELY,
        "may_map": lambda center_id: may(CROSSREF_MANAGE, center_id),
    }


def _accept_all(found: CrossReferenceType) -> tuple[int, list[str]]:
    picked = request.form.get("pick", "")
    place, _, online = picked.partition(":")
    places = [place] if picked else request.form.getlist("take")
    if picked == FILLED:
        numbers = map(str, range(crossref_unmapped.PAGE_VALUES))
        places = [at for at in numbers if request.form.get(f"online-{at}", "").strip()]
    try:
        crossref_edits.lock_type(db.session(), found)  # once: nobody waits for it again and again
    except DataSyncError as error:
        return 0, [error.message]
    done, problems = 0, []
    for at in places[: crossref_unmapped.PAGE_VALUES]:
        what = online if ":" in picked else request.form.get(f"online-{at}", "")
        try:
            _accept_one(found, request.form.get(f"value-{at}", ""),
                        request.form.get(f"center-{at}", ""), what)  # fmt: skip
        except DataSyncError as error:
            problems.append(error.message)
        else:
            done += 1
    if not places:
        problems.append("Mark the values to map first.")
    return done, problems


def _accept_one(found: CrossReferenceType, encoded: str, center: str, online: str) -> None:
    center_id = whole_number(center) or None
    require_center(CROSSREF_MANAGE, center_id)
    try:
        values = json.loads(encoded)
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataSyncError("garbled", "That could not be read. Reload the page and try again.")
    online = online.replace("\x00", "").strip()
    numbered = _NUMBERED.search(online)
    if found.online_kind != OnlineKind.CODE and numbered:
        online = numbered[1]
    foreign = tuple(value.replace("\x00", "") for value in values[:MOST_LABELS])
    try:
        crossref_edits.add_entry(
            db.session(),
            found,
            EntryValues(online, foreign, center_id=center_id),
            signed_in().id,
        )
    except DataSyncError as error:
        what = " | ".join(foreign)
        raise DataSyncError(error.code, f"“{what}”: {error.message}") from error


def _said(done: int) -> str:
    return "1 value is mapped." if done == 1 else f"{done} values are mapped."
