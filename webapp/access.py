"""Who may use what: one table with every endpoint, enforced in one place.

`TABLE` says for each endpoint who may ask for it: `PUBLIC`, `SIGNED_IN`, or a `Permission` held
site-wide or for at least one center. A view that shows or changes a thing then says whose it is:
`require_center` for one thing, `scope` for a list. An endpoint that is missing from the table
answers 500 in development and tests, 403 in production.

To add a route: one line in `TABLE`. A fragment that polls is wrapped in `polled(...)`: it does
not count as activity, so an open page doesn't keep a session alive by itself. A page that
takes files is wrapped in `uploading(...)`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from flask import Flask, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx, sessions
from webapp.rules.catalogues import catalogue_of
from webapp.rules.roles import Permission
from webapp.sessions import SignedIn

log = logging.getLogger(__name__)
FORM_BYTES = 16 * 1024**2


class Open(Enum):
    """Rules that ask for no permission."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"


PUBLIC = Open.PUBLIC
SIGNED_IN = Open.SIGNED_IN
Who: TypeAlias = Open | Permission

VIEW_AREA = Permission.VIEW_IMPORT_EXPORT
VIEW = Permission.DATA_SYNC_VIEW
RUN = Permission.DATA_SYNC_RUN
MANAGE = Permission.DATA_SYNC_MANAGE
CROSSREF_VIEW = Permission.CROSSREF_VIEW
CROSSREF_MANAGE = Permission.CROSSREF_MANAGE
ADMINISTER = Permission.ADMINISTER


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may ask for an endpoint, whether asking counts as activity, and whether files come in.

    `entries`: who may ask for it as well, for runs whose files are cross-references (`needed`).
    """

    who: Who
    is_polled: bool = False
    takes_files: bool = False
    entries: Permission | None = None


def polled(who: Who) -> Rule:
    """A fragment that a page fetches by itself, again and again."""
    return Rule(who, is_polled=True)


def uploading(who: Who) -> Rule:
    """A page that files are sent to. Every other one reads no more than a form can hold."""
    return Rule(who, takes_files=True)


def running(permission: Permission, *, polls: bool = False, takes_files: bool = False) -> Rule:
    """A page of a run: of most runs for this permission, of a cross-reference upload for the one
    that `needed` says. The view asks for the one that counts."""
    return Rule(permission, polls, takes_files, _OF_ENTRIES[permission])


_OF_ENTRIES = {VIEW: CROSSREF_VIEW, RUN: CROSSREF_MANAGE}


def needed(kind: str, permission: Permission | str) -> Permission:
    """What is needed for a run of this kind of operation, where others need `permission`: uploads
    of cross-references belong to those who keep these, with or without any other role."""
    if catalogue_of(kind).is_of_entries:
        return _OF_ENTRIES[Permission(permission)]
    return Permission(permission)


TABLE: dict[str, Who | Rule] = {
    # Everyone
    "static": PUBLIC,
    "health.health": polled(PUBLIC),
    "accounts.sign_in": PUBLIC,
    # One's own account
    "home.index": SIGNED_IN,
    "accounts.sign_out": PUBLIC,
    "accounts.change_password": SIGNED_IN,
    "help.excel": SIGNED_IN,
    # Administration
    "users.list_users": ADMINISTER,
    "users.new_user": ADMINISTER,
    "users.edit_user": ADMINISTER,
    "users.reset_password": ADMINISTER,
    "users.set_active": ADMINISTER,
    "centers.list_centers": ADMINISTER,
    "centers.create_center": ADMINISTER,
    "centers.edit_center": ADMINISTER,
    "custom_fields.list_fields": ADMINISTER,
    "custom_fields.new_field": ADMINISTER,
    "custom_fields.edit_field": ADMINISTER,
    "custom_fields.delete_field": ADMINISTER,
    # Import/Export
    "operations.mine": VIEW_AREA,
    "operations.all": VIEW_AREA,
    "operations.template": VIEW,
    "operations.customise": MANAGE,
    "operations.edit": MANAGE,
    "operations.delete": MANAGE,
    "samples.download": VIEW,
    # Cross Reference Types
    "crossrefs.list_types": CROSSREF_VIEW,
    "crossrefs.show_type": CROSSREF_VIEW,
    "crossrefs.results": CROSSREF_VIEW,
    "crossrefs.show_entry": CROSSREF_VIEW,
    "crossrefs.add_entry": CROSSREF_MANAGE,
    "crossrefs.edit_entry": CROSSREF_MANAGE,
    "crossrefs.delete_entry": CROSSREF_MANAGE,
    "crossrefs.edit_type": CROSSREF_MANAGE,
    "crossref_history.show": CROSSREF_VIEW,
    "crossref_coverage.show": CROSSREF_VIEW,
    "crossref_coverage.export": CROSSREF_VIEW,
    "crossref_coverage.export_workbook": CROSSREF_VIEW,
    "crossref_unmapped.show": CROSSREF_VIEW,
    "crossref_unmapped.accept": CROSSREF_MANAGE,
    "crossref_unmapped.accept_in_preview": RUN,
    # The run wizard
    "wizard.start": running(RUN),
    "wizard.resume": running(RUN),
    "wizard.information": running(RUN),
    "wizard.file": running(RUN, takes_files=True),
    "wizard.review": running(RUN),
    "wizard.discard": running(RUN),
    "found.overview": running(RUN),
    "found.read": running(RUN),
    "found.damage": running(RUN),
    "found.repair": running(RUN),
    "found.repair_all": running(RUN),
    "previews.overview": running(RUN),
    "previews.problems": running(RUN),
    "previews.rows": running(RUN),
    "previews.list_corrections": running(RUN),
    "previews.start": running(RUN),
    "previews.correct_cell": running(RUN),
    "previews.leave_out": running(RUN),
    "previews.replace_value": running(RUN),
    "previews.remove_correction": running(RUN),
    # Downloads
    "downloads.start": RUN,
    "downloads.edit": RUN,
    "downloads.columns": RUN,
    "downloads.preview": RUN,
    "downloads.look": RUN,
    "downloads.run": RUN,
    "downloads.file": VIEW,
    "downloads.again": RUN,
    "held_back.list_streams": VIEW,
    "held_back.show": VIEW,
    "held_back.send": RUN,
    # Resolve New Registrations
    "registrations.list_registrations": VIEW,
    "registrations.show_registration": VIEW,
    "registrations.decide": RUN,
    "registrations.resolve": RUN,
    "registrations.add_candidate": RUN,
    "conflicts.show": running(RUN),
    # Operation Results
    "runs.list_runs": VIEW,
    "runs.show": running(VIEW),
    "runs.progress": running(VIEW, polls=True),
    "runs.rows": running(VIEW),
    "runs.show_row": running(VIEW),
    "runs.rejects": running(VIEW),
    "runs.rejects_workbook": running(VIEW),
    "runs.cancel": running(RUN),
    "undo.show": running(VIEW),
    "undo.look": running(RUN),
    "undo.start": running(RUN),
    # Constituents and groups
    "constituents.list_constituents": VIEW,
    "constituents.results": VIEW,
    "constituents.show_constituent": VIEW,
    "constituents.edit_constituent": RUN,
    "constituents.reactivate": RUN,
    "constituents.remove": RUN,
    "constituents.show_history": VIEW,
    "transactions.list_transactions": VIEW,
    "transactions.results": VIEW,
    "transactions.show_transaction": VIEW,
    "transactions.correct": ADMINISTER,
    "groups.list_groups": VIEW,
    "groups.results": VIEW,
    "groups.show_group": VIEW,
    "groups.members": VIEW,
    "groups.list_interests": VIEW,
    "groups.show_interest": VIEW,
    "memberships.add_member": RUN,
    "memberships.remove_member": RUN,
    "memberships.choose": RUN,
    "group_edits.new_group": MANAGE,
    "group_edits.edit_group": MANAGE,
    "group_edits.new_interest": MANAGE,
    "group_edits.edit_interest": MANAGE,
    "group_edits.delete_group": MANAGE,
    "group_edits.delete_interest": MANAGE,
    "messages.list_messages": ADMINISTER,
    "messages.show_message": ADMINISTER,
    "messages.try_again": ADMINISTER,
}


def rule_of(endpoint: str) -> Rule | None:
    """The rule for an endpoint, None when nobody wrote one."""
    entry = TABLE.get(endpoint)
    return Rule(entry) if isinstance(entry, Open | Permission) else entry


def may_open(endpoint: str) -> bool:
    """Whether the endpoint exists and the present user may ask for it: for links and buttons."""
    rule = rule_of(endpoint)
    return endpoint in current_app.view_functions and rule is not None and _is_met(rule.who)


def may_ask(rule: Rule) -> bool:
    """Whether the present user may ask for it, be it for cross-references only."""
    return _is_met(rule.who) or (rule.entries is not None and _is_met(rule.entries))


def may(permission: Permission | str, center_id: int | None = None) -> bool:
    """Whether the present user may do it to a thing of that center (None: of the site)."""
    user = sessions.current()
    return user is not None and user.standing.allows(Permission(permission), center_id)


def may_for_any(permission: Permission, center_ids: Collection[int | None]) -> bool:
    """Whether they may do it to a thing that belongs to several centers, or (empty) to none."""
    return any(may(permission, center_id) for center_id in center_ids or [None])


def signed_in() -> SignedIn:
    """The present user; in a view whose endpoint asks for more than PUBLIC there always is one."""
    user = sessions.current()
    if user is None:
        abort(401)
    return user


def scope(permission: Permission) -> frozenset[int] | None:
    """The centers whose things a list may show: None everything, empty nothing."""
    return signed_in().standing.centers(permission)


def require_center(permission: Permission, center_id: int | None) -> None:
    """Stop unless the present user may do it to a thing of that center (None: of the site).

    404 when the thing lies outside what they may see at all (that it exists is not told), 403
    when they may see it but not do this.
    """
    require_any_center(permission, (center_id,))


def require_any_center(permission: Permission, center_ids: Collection[int | None]) -> None:
    """The same for a thing that belongs to several centers, or (empty) to none."""
    signed_in()
    if not may_for_any(permission, center_ids):
        abort(403 if may_for_any(_viewing(permission), center_ids) else 404)


def _viewing(permission: Permission) -> Permission:
    if permission in {Permission.CROSSREF_VIEW, Permission.CROSSREF_MANAGE}:
        return Permission.CROSSREF_VIEW
    if permission in {Permission.VIEW_IMPORT_EXPORT, Permission.ADMINISTER}:
        return permission
    return Permission.DATA_SYNC_VIEW


def _is_met(who: Who) -> bool:
    if who is PUBLIC:
        return True
    user = sessions.current()
    if user is None:
        return False
    return who is SIGNED_IN or user.standing.allows_somewhere(Permission(who.value))


def enforce() -> ResponseReturnValue | None:
    """Before every request: let it pass, or answer for it."""
    if request.endpoint is None:
        return None  # no such page, or the wrong method: the error page says so
    rule = rule_of(request.endpoint)
    if rule is None:
        log.error("The endpoint %s has no entry in webapp.access.TABLE", request.endpoint)
        abort(500 if current_app.debug or current_app.testing else 403)
    if not may_ask(rule):
        if sessions.current() is None:
            return ask_to_sign_in()
        abort(403)
    if not rule.takes_files:
        request.max_content_length = min(FORM_BYTES, request.max_content_length or FORM_BYTES)
    if rule.who is not PUBLIC and not rule.is_polled:
        sessions.keep_alive()
    return None


def ask_to_sign_in() -> ResponseReturnValue:
    """The way to the sign-in page and back; a fragment never gets that page as its content."""
    if hx.wants_fragment():
        answer = hx.plain("You have been signed out. Sign in again to go on.", 401)
        answer.headers["HX-Redirect"] = url_for("accounts.sign_in", next=_page_of_fragment())
        return answer
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else None
    return redirect(url_for("accounts.sign_in", next=wanted), code=303)


def _page_of_fragment() -> str | None:
    shown: str | None = request.htmx.current_url  # type: ignore[attr-defined]
    return sessions.local_path(shown, request.host) if shown else None


def register_access(app: Flask) -> None:
    """Put the table in front of every request. Call it before CSRF protection is set up: that one
    reads the body, and nobody should send 2 GB only to be told that they may not."""
    app.before_request(enforce)
    app.add_template_global(may, "may")
    app.add_template_global(may_open, "may_open")
    app.add_template_global(needed, "needed")
    app.add_template_global(lambda what: _is_met(Permission(what)), "may_somewhere")
