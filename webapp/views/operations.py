"""The lists of operations, and the page that customises one (DOMAIN: The tabs)."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, abort, flash, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import MANAGE, RUN, VIEW, require_center, scope, signed_in
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.operations import DownloadOperationForm, OperationForm, form_data
from webapp.models import Operation
from webapp.rules.catalogues import catalogue_of
from webapp.rules.fields import Section
from webapp.rules.roles import Permission
from webapp.services import centers, import_templates, operations, uploads
from webapp.services.download_choices import list_choices
from webapp.services.operations import Entry
from webapp.transactions import commits

bp = Blueprint("operations", __name__, url_prefix="/operations")


@bp.get("/")
def mine() -> ResponseReturnValue:
    """My Data Sync Operations: those customised for this user, their centers or the site."""
    if _sees_nothing():
        return _explain("My Data Sync Operations")
    entries = operations.list_customised(
        db.session(), user_id=signed_in().id, centers=_own_centers(), runs_in=scope(VIEW)
    )
    return render_template("operations/mine.html", entries=_open(entries), **_abilities())


@bp.get("/all")
def all() -> ResponseReturnValue:
    """All Data Sync Operations: the standard ones, and what a manager looks after for others."""
    if _sees_nothing():
        return _explain("All Data Sync Operations")
    user_id, manages_in = signed_in().id, scope(MANAGE)
    others = []
    if manages_in != frozenset():
        others = _open(
            operations.list_for_others(
                db.session(), user_id=user_id, centers=_own_centers(), manages_in=manages_in
            )
        )
    return render_template(
        "operations/all.html",
        entries=_open(operations.list_standard(db.session(), user_id=user_id, runs_in=scope(VIEW))),
        others=others,
        **_abilities(),
    )


@bp.route("/<slug>/customise", methods=["GET", "POST"])
@commits
def customise(slug: str) -> ResponseReturnValue:
    """Make a customised operation from a standard one, or from another customised one."""
    original = _get(slug)
    form = _form(original, is_new=True)
    if not _only_arranges(form) and form.validate_on_submit():
        try:
            made = operations.copy_operation(db.session(), original, form.draft(_owning(form)))
        except DataSyncError as error:
            add_error(form, error)
        else:
            flash(f"{made.title} is there now.", "success")
            return hx.go_to(_list_of(made))
    return _form_page(form, original, is_new=True)


@bp.route("/<slug>/edit", methods=["GET", "POST"])
@commits
def edit(slug: str) -> ResponseReturnValue:
    """Change a customised operation."""
    operation = _get_managed(slug)
    form = _form(operation, is_new=False)
    if not _only_arranges(form) and form.validate_on_submit():
        operations.edit_operation(db.session(), operation, form.draft(_owning(form)))
        flash("Saved. Runs that were started keep what they began with.", "success")
        return hx.go_to(_list_of(operation))
    return _form_page(form, operation, is_new=False)


@bp.post("/<slug>/delete")
@commits
def delete(slug: str) -> ResponseReturnValue:
    """Delete a customised operation; its runs stay in Operation Results."""
    operation = _get_managed(slug)
    title, target = operation.title, _list_of(operation)
    kept = operations.delete_operation(db.session(), operation)
    words = f" Its {kept} runs stay in Operation Results." if kept > 1 else ""
    words = " Its run stays in Operation Results." if kept == 1 else words
    flash(f"{title} is deleted.{words}", "success")
    return hx.go_to(target)


@bp.get("/<slug>/template.<any(csv, xlsx):file_format>")
def template(slug: str, file_format: str) -> ResponseReturnValue:
    """A file with only the header: the operation's own columns, or all of them."""
    operation = _get(slug)
    if catalogue_of(operation.kind).is_download:
        abort(404)
    fields = uploads.known_fields(db.session(), operation.kind)
    chosen = set(operations.template_columns_of(operation))
    wanted = [field for field in fields if field.column in chosen] or fields
    made = import_templates.make_template(wanted, file_format, catalogue_of(operation.kind).sheet)
    name = f"{operation.slug}.{file_format}"
    return send_file(made.file, made.mimetype, as_attachment=True, download_name=name)


def _open(entries: Iterable[Entry]) -> list[Entry]:
    """Those of the operations that are not only for administrators, unless one asks."""
    is_admin = signed_in().is_site_admin
    return [each for each in entries if operations.is_open_to(each.operation, is_admin=is_admin)]


def _sees_nothing() -> bool:
    return scope(VIEW) == frozenset()


def _explain(title: str) -> str:
    return render_template(
        "operations/nothing_here.html",
        title=title,
        has_crossref=scope(Permission.CROSSREF_VIEW) != frozenset(),
    )


def _own_centers() -> frozenset[int]:
    """The centers this user works for, whatever else they may see."""
    grants = signed_in().standing.grants
    return frozenset(grant.center_id for grant in grants if grant.center_id is not None)


def _abilities() -> dict[str, object]:
    """What the lists offer: starting needs Run, customising needs Manage."""
    run_in, manages_in = scope(RUN), scope(MANAGE)
    user_id = signed_in().id
    return {
        "may_run": run_in != frozenset(),
        "may_customise": manages_in != frozenset(),
        "may_edit": lambda operation: (
            not operation.is_standard and (manages_in is None or operation.center_id in manages_in)
        ),
        "may_start": lambda operation: operations.is_for(
            operation, user_id=user_id, centers=run_in
        ),
    }


def _get(slug: str) -> Operation:
    """An operation this user can see; what is not for them isn't there."""
    operation = operations.find_operation(db.session(), slug)
    user = signed_in()
    if (
        operation is None
        or not operations.is_for(operation, user_id=user.id, centers=scope(VIEW))
        or not operations.is_open_to(operation, is_admin=user.is_site_admin)
        or catalogue_of(operation.kind).is_of_entries
    ):
        abort(404)
    return operation


def _get_managed(slug: str) -> Operation:
    operation = _get(slug)
    if operation.is_standard:
        abort(404)
    require_center(MANAGE, operation.center_id)
    return operation


def _list_of(operation: Operation) -> str:
    """The list on which this user finds the operation."""
    is_own = operation.user_id == signed_in().id
    if operation.user_id is None:
        is_own = operation.center_id is None or operation.center_id in _own_centers()
    return url_for("operations.mine" if is_own else "operations.all")


def _form(operation: Operation, *, is_new: bool) -> OperationForm:
    user_id, manages_in = signed_in().id, scope(MANAGE)
    is_download = catalogue_of(operation.kind).is_download
    form = (DownloadOperationForm if is_download else OperationForm)(
        data=None if request.form else form_data(operation, user_id=user_id, is_new=is_new)
    )
    places = [
        center
        for center in centers.list_centers(db.session())
        if manages_in is None or center.id in manages_in
    ]
    form.offer(
        user_id=user_id,
        people=operations.list_people(
            db.session(), manages_in, also_id=None if is_new else operation.user_id
        ),
        centers=places,
        may_offer_site=manages_in is None,
        fields=uploads.known_fields(db.session(), operation.kind),
        catalogue=catalogue_of(operation.kind),
    )
    if isinstance(form, DownloadOperationForm):
        center_id = min(manages_in) if manages_in else None
        form.offer_choices(
            uploads.known_fields(db.session(), operation.kind),
            *list_choices(db.session(), center_id),
        )
    return form


def _only_arranges(form: OperationForm) -> bool:
    """Whether a button of the list of columns was pressed, rather than the form sent."""
    return isinstance(form, DownloadOperationForm) and form.columns.press(request.form)


def _owning(form: OperationForm) -> int | None:
    """The center that an operation for one person belongs to: a center's manager makes it there."""
    manages_in = scope(MANAGE)
    kind, _, number = form.audience.data.partition(":")
    if manages_in is None or kind != "user":
        return None
    return operations.common_center(db.session(), int(number), manages_in)


def _form_page(form: OperationForm, operation: Operation, *, is_new: bool) -> ResponseReturnValue:
    sections: dict[Section, list[str]] = {}
    for field in uploads.known_fields(db.session(), operation.kind):
        sections.setdefault(field.section, []).append(field.column)
    is_download = catalogue_of(operation.kind).is_download
    page = render_template(
        "operations/edit.html",
        form=form,
        operation=operation,
        is_new=is_new,
        sections=sections,
        kind=operation.kind,
        is_download=is_download,
        back=_list_of(operation),
    )
    return page, 422 if form.errors else 200
