"""The emails the program sent, or would have sent, for administrators."""

from __future__ import annotations

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.config import current_settings
from webapp.extensions import db
from webapp.keys import read_key
from webapp.models import Message
from webapp.services import notifications
from webapp.transactions import commits

bp = Blueprint("messages", __name__, url_prefix="/admin/messages")

STATES = ("waiting", "sent", "written", "failed")


@bp.get("/")
def list_messages() -> ResponseReturnValue:
    """Every message, newest first."""
    state = request.args.get("state", "")
    before = request.args.get("before", "")
    limit = notifications.PAGE_MESSAGES
    found = notifications.list_messages(
        db.session(),
        state=state if state in STATES else "",
        before=read_key(before),
        limit=limit + 1,
    )
    return render_template(
        "messages/list_messages.html",
        messages=found[:limit],
        has_more=len(found) > limit,
        state=state,
        states=STATES,
        is_first=not before,
        folder=None if current_settings().smtp_url else current_settings().data_dir / "mail",
    )


@bp.get("/<int:message_id>")
def show_message(message_id: int) -> ResponseReturnValue:
    """One message as it was written, and what became of it."""
    return render_template("messages/show_message.html", message=_get_message(message_id))


@bp.post("/<int:message_id>/again")
@commits
def try_again(message_id: int) -> ResponseReturnValue:
    """Have a failed message delivered after all."""
    message = _get_message(message_id)
    if message.state == "failed":
        notifications.try_again(message)
        flash("It is tried again within a minute.", "success")
    return hx.go_to(url_for("messages.show_message", message_id=message.id))


def _get_message(message_id: int) -> Message:
    found = notifications.get_message(db.session(), message_id) if message_id < 2**63 else None
    if found is None:
        abort(404)
    return found
