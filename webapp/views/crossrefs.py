"""Cross Reference Types: the list, a type's table with its editor, its settings.

Every page works without script: adding and editing are forms, and htmx swaps the same forms into
the table. What someone may change depends on whose an entry is: General ones (of no center) belong
to those who manage cross-references for the whole site.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import CROSSREF_MANAGE, CROSSREF_VIEW, may, require_center, scope, signed_in
from webapp.config import site_today
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.crossrefs import NOUNS, POLICIES, EntryForm, TypeForm, whole_number
from webapp.models import Center, CrossReferenceEntry, CrossReferenceType
from webapp.rules.crossrefs import OnlineKind, Policy
from webapp.services import (
    crossref_edits,
    crossref_online,
    crossref_unmapped,
    crossrefs,
)
from webapp.services.centers import list_centers
from webapp.services.constituents import LARGEST_ID
from webapp.services.crossref_online import Option
from webapp.services.crossrefs import EntryFilter, EntryLine
from webapp.transactions import commits
from webapp.views.origins import Origin

bp = Blueprint("crossrefs", __name__, url_prefix="/cross-references")

SORT_LABELS = {
    "foreign": "foreign value",
    "online": "value here",
    "changed": "last change",
}


# ---- looking ----


@bp.get("/")
def list_types() -> ResponseReturnValue:
    """Every type, with its entries and its last change."""
    session, seen = db.session(), scope(CROSSREF_VIEW)
    lines = crossrefs.list_types(session, center_ids=seen)
    return render_template(
        "crossrefs/list_types.html",
        lines=lines,
        waiting=crossref_unmapped.count_waiting(session, site_today(), center_ids=seen),
        online=crossref_unmapped.list_online_unmapped(
            session, [line.type for line in lines], center_ids=seen
        ),
        policies=POLICIES,
    )


@bp.get("/<key>")
def show_type(key: str) -> ResponseReturnValue:
    """A type's table, to be looked through, and a form for one entry more; `for` is the value of
    ours that it is to be for."""
    found = get_type(key)
    form = _new_form(found) if _may_manage() else None
    if form is not None:
        value = request.args.get("for", "").replace("\x00", "")
        form.begin(value, crossref_online.find_center(db.session(), found, value))
    return render_template(
        "crossrefs/show_type.html",
        **list_context(found),
        form=form,
        saved=None,
        uploads=crossrefs.list_uploads(
            db.session(), found, center_ids=scope(CROSSREF_VIEW), user_id=signed_in().id
        ),
    )


@bp.get("/<key>/results")
def results(key: str) -> ResponseReturnValue:
    """The table, while one types."""
    if not hx.wants_fragment():
        return show_type(key)
    context = list_context(get_type(key))
    answer = hx.respond(render_template("crossrefs/_results.html", **context))
    answer.headers["HX-Replace-Url"] = context["here"]
    return answer


@bp.get("/<key>/entries/<int:entry_id>")
def show_entry(key: str, entry_id: int) -> ResponseReturnValue:
    """One row of the table as it is now; without script, the table."""
    found = get_type(key)
    line = _get_line(found, entry_id)
    if line.entry.center_id is not None:
        require_center(CROSSREF_VIEW, line.entry.center_id)
    if not hx.wants_fragment():
        return hx.go_to(url_for("crossrefs.show_type", key=key))
    return render_template("crossrefs/_row.html", **_row_context(found, line, is_focused=True))


# ---- changing ----


@bp.post("/<key>/entries")
@commits
def add_entry(key: str) -> ResponseReturnValue:
    """Add one, for the center or centers that the person manages."""
    found = get_type(key)
    form = _new_form(found)
    saved, origin = None, Origin.of_request()
    if form.validate_on_submit():
        try:
            values = form.values()
            require_center(CROSSREF_MANAGE, values.center_id)
            entry = crossref_edits.add_entry(db.session(), found, values, signed_in().id)
        except DataSyncError as error:
            _hang(form, error)
        else:
            saved = _get_line(found, entry.id)
            if not hx.wants_fragment():
                flash("Added.", "success")
                return hx.go_to(url_for("crossrefs.show_type", key=key, **origin.fields))
            form = _new_form(found, is_fresh=True)
    context = {**list_context(found), "form": form, "saved": saved, "uploads": ()}
    if hx.wants_fragment():
        return render_template("crossrefs/_table.html", **context), 422 if form.errors else 200
    return render_template("crossrefs/show_type.html", **context), 422 if form.errors else 200


@bp.route("/<key>/entries/<int:entry_id>/edit", methods=["GET", "POST"])
@commits
def edit_entry(key: str, entry_id: int) -> ResponseReturnValue:
    """Change one: in its row, or on a page of its own."""
    found = get_type(key)
    line = _get_managed(found, entry_id)
    form = _entry_form(found, f"e{entry_id}-")
    if request.method == "GET":
        form.show(line.entry)
    elif form.validate_on_submit():
        try:
            values = form.values()
            require_center(CROSSREF_MANAGE, values.center_id)
            crossref_edits.edit_entry(
                db.session(),
                found,
                entry_id,
                values,
                version=form.version_seen(),
                user_id=signed_in().id,
            )
        except DataSyncError as error:
            _hang(form, error)
        else:
            return _saved(found, entry_id)
    page = "_edit_row.html" if hx.wants_fragment() else "edit_entry.html"
    context = {"type": found, "form": form, "entry_id": entry_id, "noun": NOUNS[found.online_kind]}
    context["columns"] = _column_count(found, bool(list_centers(db.session())))
    return render_template(f"crossrefs/{page}", **context), 422 if form.errors else 200


@bp.post("/<key>/entries/<int:entry_id>/delete")
@commits
def delete_entry(key: str, entry_id: int) -> ResponseReturnValue:
    """Delete one, as it was when it was looked at."""
    found = get_type(key)
    line = _get_managed(found, entry_id)
    siblings = line.entry.online_key
    try:
        crossref_edits.delete_entry(
            db.session(),
            found,
            entry_id,
            version=whole_number(request.form.get("version")),
            user_id=signed_in().id,
        )
    except DataSyncError as error:
        if hx.wants_fragment():
            return hx.plain(error.message, 409)
        flash(error.message, "error")
        return hx.go_to(url_for("crossrefs.show_type", key=key))
    if hx.wants_fragment():
        return _siblings(found, siblings, entry_id)
    flash("Deleted.", "success")
    return hx.go_to(url_for("crossrefs.show_type", key=key))


@bp.route("/<key>/settings", methods=["GET", "POST"])
@commits
def edit_type(key: str) -> ResponseReturnValue:
    """A type's foreign keys and what becomes of values without an entry; for the whole site."""
    require_center(CROSSREF_MANAGE, None)
    found = get_type(key)
    data = {
        "labels": "\n".join(found.foreign_labels),
        "policy": found.policy,
        "default_value": found.default_value or "",
        "seen": crossref_edits.fingerprint_type(found),
    }
    form = TypeForm(data=None if request.form else data)
    if form.validate_on_submit():
        try:
            crossref_edits.edit_type(
                db.session(),
                found,
                labels=(form.labels.data or "").splitlines(),
                policy=Policy(form.policy.data),
                default_value=form.default_value.data or "",
                seen=form.seen.data or None,
            )
        except DataSyncError as error:
            db.session.rollback()
            found = get_type(key)
            add_error(form, error)
        else:
            flash("Saved. Runs under way keep what they began with.", "success")
            return hx.go_to(url_for("crossrefs.show_type", key=key))
    page = render_template(
        "crossrefs/edit_type.html",
        type=found,
        form=form,
        options=crossref_online.list_options(db.session(), found),
    )
    return page, 422 if form.errors else 200


# ---- parts ----


def get_type(key: str) -> CrossReferenceType:
    """The type of that key, or no such page."""
    found = crossrefs.find_type(db.session(), key) if "\x00" not in key else None
    if found is None:
        abort(404)
    return found


def whole_key(name: str) -> int | None:
    """A key in the address; None when there is none that can be."""
    number = request.args.get(name, type=int)
    return number if number is not None and 0 <= number <= LARGEST_ID else None


def manageable_centers() -> list[Center]:
    """The centers whose entries the present user may change."""
    manages = scope(CROSSREF_MANAGE)
    everywhere = list_centers(db.session())
    return [center for center in everywhere if manages is None or center.id in manages]


def list_context(found: CrossReferenceType) -> dict[str, Any]:
    """What the table needs, from the address."""
    session, centers = db.session(), list_centers(db.session())
    sort = request.args.get("sort", "")
    is_descending = sort.startswith("-")
    center = request.args.get("center", "")
    wanted = EntryFilter(
        text=" ".join(request.args.get("q", "").replace("\x00", "").split())[:200],
        center=int(center) if center in {"0", *(str(each.id) for each in centers)} else None,
        sort=sort.removeprefix("-") if sort.removeprefix("-") in SORT_LABELS else "foreign",
        descending=is_descending,
    )
    after, center_ids = whole_key("after"), scope(CROSSREF_VIEW)
    origin = Origin.of_request()
    page = crossrefs.list_entries(session, found, wanted, center_ids=center_ids, after=after)

    def url(**changes: Any) -> str:
        order = ("-" if wanted.descending else "") + wanted.sort
        asked = {
            "q": wanted.text or None,
            "center": None if wanted.center is None else wanted.center,
            "sort": None if order == "foreign" else order,
        } | changes
        return url_for("crossrefs.show_type", key=found.key, **asked, **origin.fields)

    return {
        "type": found,
        "noun": NOUNS[found.online_kind],
        "wanted": wanted,
        "page": page,
        "centers": [each for each in centers if center_ids is None or each.id in center_ids],
        "has_centers": bool(centers),
        "columns": _column_count(found, bool(centers)),
        "counted": crossrefs.COUNTED,
        "total": crossrefs.count_entries(session, found, center_ids=center_ids),
        "policy": POLICIES[Policy(found.policy)],
        "sorts": SORT_LABELS,
        "manages": _may_manage(),
        "may_change": lambda center_id: may(CROSSREF_MANAGE, center_id),
        "origin": origin,
        "here": url(after=after),
        "all_url": url(q=None, center=None, sort=None),
        "url": url,
        "first_url": url() if after else None,
        "next_url": url(after=page.next_after) if page.next_after else None,
    }


def _may_manage() -> bool:
    return scope(CROSSREF_MANAGE) != frozenset()


def _column_count(found: CrossReferenceType, has_centers: bool) -> int:
    return len(found.foreign_labels) + 5 + has_centers


def _row_context(
    found: CrossReferenceType, line: EntryLine, *, is_focused: bool = False
) -> dict[str, Any]:
    return {
        "type": found,
        "line": line,
        "is_out_of_band": False,
        "is_focused": is_focused,
        "has_centers": bool(list_centers(db.session())),
        "may_change": lambda center_id: may(CROSSREF_MANAGE, center_id),
    }


def _get_line(found: CrossReferenceType, entry_id: int) -> EntryLine:
    line = crossrefs.find_entry(db.session(), found, entry_id) if entry_id <= LARGEST_ID else None
    if line is None:
        abort(404)
    return line


def _get_managed(found: CrossReferenceType, entry_id: int) -> EntryLine:
    line = _get_line(found, entry_id)
    require_center(CROSSREF_MANAGE, line.entry.center_id)
    return line


def _entry_form(found: CrossReferenceType, prefix: str, *, is_fresh: bool = False) -> EntryForm:
    manages = scope(CROSSREF_MANAGE)
    form = EntryForm(prefix=prefix, formdata=None) if is_fresh else EntryForm(prefix=prefix)
    options: Sequence[Option] = ()
    if found.online_kind != OnlineKind.CODE:
        options = crossref_online.list_options(db.session(), found, center_ids=scope(CROSSREF_VIEW))
    form.offer(
        found,
        options,
        manageable_centers(),
        may_be_general=manages is None,
    )
    return form


def _new_form(found: CrossReferenceType, *, is_fresh: bool = False) -> EntryForm:
    return _entry_form(found, "new-", is_fresh=is_fresh)


def _hang(form: EntryForm, error: DataSyncError) -> None:
    """The error beside its field; the online value has one of two."""
    db.session.rollback()
    if error.field == "online_value":
        error = DataSyncError(error.code, error.message, form.online_field.short_name)
    add_error(form, error)


def _saved(found: CrossReferenceType, entry_id: int) -> ResponseReturnValue:
    if not hx.wants_fragment():
        flash("Saved. Runs under way keep what they began with.", "success")
        return hx.go_to(url_for("crossrefs.show_type", key=found.key))
    line = _get_line(found, entry_id)
    row = render_template("crossrefs/_row.html", **_row_context(found, line, is_focused=True))
    return row + _siblings(found, line.entry.online_key, entry_id)


def _siblings(found: CrossReferenceType, online_key: str, entry_id: int) -> str:
    """The other rows of an online value: which of them is sent back may have changed."""
    entry = CrossReferenceEntry
    others = db.session().scalars(
        db.select(entry.id)
        .where(entry.type_id == found.id, entry.online_key == online_key, entry.id != entry_id)
        .limit(20)
    )
    seen = scope(CROSSREF_VIEW)
    rows = []
    for number in others:
        line = _get_line(found, number)
        if seen is None or line.entry.center_id is None or line.entry.center_id in seen:
            context = _row_context(found, line) | {"is_out_of_band": True}
            rows.append(render_template("crossrefs/_row.html", **context))
    return "".join(rows)
