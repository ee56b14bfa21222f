"""The held-back list: what downloads keep waiting, why, and what makes it go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import RUN, VIEW, may_open, require_center, scope, signed_in
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import User, WithheldRecord
from webapp.rules.catalogues import TRANSACTION_DOWNLOAD
from webapp.rules.withholding import Explanation, Reason, explain
from webapp.services import downloads, held_back
from webapp.services.constituents import LARGEST_ID
from webapp.services.held_back import Line
from webapp.transactions import commits
from webapp.views.origins import Origin
from webapp.views.registrations import registration_url

bp = Blueprint("held_back", __name__, url_prefix="/held-back")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record as the list shows it: which, why, for how long, and the way to what fixes it."""

    record: WithheldRecord
    words: Explanation
    record_url: str | None
    remedy: str
    remedy_url: str | None
    days: int


@dataclass(frozen=True, slots=True)
class _List:
    """What the records of a list have in common: the way back to it, and what its values are
    called, by column and value."""

    origin: Origin
    is_transactions: bool
    names: Mapping[tuple[str, str], str]


@bp.get("")
def list_streams() -> ResponseReturnValue:
    """Every download with what it holds back."""
    lines = held_back.list_lines(db.session(), scope(VIEW))
    if len(lines) == 1:
        return hx.go_to(url_for("held_back.show", stream_id=lines[0].stream.id))
    return render_template("held_back/list_streams.html", lines=lines)


@bp.get("/<int:stream_id>")
def show(stream_id: int) -> ResponseReturnValue:
    """What one download holds back: totals by reason, and every record."""
    line = _get_line(stream_id)
    session, run_id = db.session(), line.window.run_id
    totals = held_back.count_reasons(session, run_id)
    reason = request.args.get("reason", "")
    if reason not in {total.reason for total in totals}:
        reason = ""
    after = request.args.get("after", "")[:100]
    page = held_back.list_records(session, run_id, reason=reason, after=after)
    values = held_back.list_values(session, run_id)
    told = [(each.field, each.value) for each in values]
    told += [(record.field, record.value) for record in page.records]
    is_transactions = line.operation.kind == TRANSACTION_DOWNLOAD
    shown = _List(
        Origin(stream=stream_id, reason=reason, behind=after),
        is_transactions,
        held_back.name_values(session, told),
    )
    now = datetime.now(UTC)
    return render_template(
        "held_back/show.html",
        line=line,
        totals=totals,
        amounts=held_back.count_amounts(session, run_id),
        reason=reason,
        after=after,
        page=page,
        waiting=[_describe(record, shown, now) for record in page.records],
        is_transactions=is_transactions,
        values=[(each, _mapping_url(each.field, each.value, shown.origin)) for each in values],
        names=shown.names,
        now=now,
    )


@bp.post("/<int:stream_id>/send")
@commits
def send(stream_id: int) -> ResponseReturnValue:
    """Queue a download of what is free by now; the rest goes on waiting."""
    line = _get_line(stream_id)
    require_center(RUN, line.stream.center_id)
    user = db.session.get_one(User, signed_in().id)
    try:
        run = downloads.start_free(db.session(), line.stream, user)
    except DataSyncError as error:
        flash(error.message, "error")
        return hx.go_to(url_for("held_back.show", stream_id=stream_id))
    return hx.go_to(url_for("runs.show", run_id=run.id))


def _get_line(stream_id: int) -> Line:
    line = held_back.find_line(db.session(), stream_id) if stream_id <= LARGEST_ID else None
    if line is None:
        abort(404)
    require_center(VIEW, line.stream.center_id)
    return line


def _describe(record: WithheldRecord, shown: _List, now: datetime) -> Waiting:
    make = _REMEDIES.get(record.reason)
    remedy, url = make(record, shown) if make else ("", None)
    record_url = _constituent_url(record, Origin())
    if shown.is_transactions and may_open("transactions.show_transaction"):
        record_url = url_for("transactions.show_transaction", transaction_id=record.record_id)
    days = (now - record.since_at).days
    return Waiting(record, explain(record.reason), record_url, remedy, url, days)


# ---- what to do, and where, if this person may open it ----


def _map_value(record: WithheldRecord, shown: _List) -> tuple[str, str | None]:
    name = shown.names[record.field, record.value]
    return f"Map “{name}”", _mapping_url(record.field, record.value, shown.origin)


def _mapping_url(field: str, value: str, origin: Origin) -> str | None:
    """Where just this value is mapped; who may not do it sees what is not mapped yet."""
    key = held_back.crossref_key(field)
    if key is None or not may_open("crossref_unmapped.show"):
        return None
    if not may_open("crossrefs.add_entry"):
        return url_for("crossref_unmapped.show", key=key)
    wanted: dict[str, Any] = {"for": held_back.online_value(field, value)} | origin.fields
    return url_for("crossrefs.show_type", key=key, _anchor="new-foreign_0", **wanted)


def _reactivate(record: WithheldRecord, shown: _List) -> tuple[str, str | None]:
    url = None
    if may_open("constituents.reactivate"):
        url = _constituent_url(record, shown.origin)
    return "Make the constituent active again", url


def _resolve(record: WithheldRecord, shown: _List) -> tuple[str, str | None]:
    url = None
    if record.constituent_id is not None and may_open("registrations.show_registration"):
        url = registration_url(record.constituent_id, shown.origin)
    return "Decide whether it is the same person", url


def _give_member_id(record: WithheldRecord, shown: _List) -> tuple[str, str | None]:
    url = None
    if record.constituent_id is not None and may_open("constituents.edit_constituent"):
        url = url_for(
            "constituents.edit_constituent",
            constituent_id=record.constituent_id,
            **shown.origin.fields,
        )
    return "Give a member ID", url


def _settle(record: WithheldRecord, shown: _List) -> tuple[str, str | None]:
    if not may_open("transactions.correct"):
        return "Nothing to do", None
    return "Say when it was settled", url_for(
        "transactions.correct",
        transaction_id=record.record_id,
        _anchor="settled_on",
        **shown.origin.fields,
    )


def _constituent_url(record: WithheldRecord, origin: Origin) -> str | None:
    if record.constituent_id is None or not may_open("constituents.show_constituent"):
        return None
    return url_for(
        "constituents.show_constituent", constituent_id=record.constituent_id, **origin.fields
    )


_REMEDIES: dict[str, Callable[[WithheldRecord, _List], tuple[str, str | None]]] = {
    Reason.UNMAPPED_VALUE: _map_value,
    Reason.UNRESOLVED_DUPLICATE: _resolve,
    Reason.CONSTITUENT_INACTIVE: _reactivate,
    Reason.NO_MEMBER_ID: _give_member_id,
    Reason.NOT_SETTLED: _settle,
}
