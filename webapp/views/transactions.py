"""Transactions, to look at: a list with totals, and everything about one."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import VIEW, may, require_any_center, scope
from webapp.config import site_today
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.transactions import TransactionForm
from webapp.models import Transaction
from webapp.rules.transactions import METHOD_LABELS, TENDER_LABELS, TRIBUTE_LABELS, TYPE_LABELS
from webapp.services import constituents, transactions
from webapp.services.constituents import LARGEST_ID
from webapp.services.transaction_edits import (
    PURPOSES,
    correct_transaction,
    get_version,
    list_purposes,
    read_values,
)
from webapp.services.transactions import LONGEST_QUERY, TransactionFilter
from webapp.transactions import commits
from webapp.views.origins import Origin
from webapp.views.people import may_see

bp = Blueprint("transactions", __name__, url_prefix="/transactions")


@bp.get("/")
def list_transactions() -> ResponseReturnValue:
    """The latest first, to be narrowed by text, type, campaign and date."""
    return render_template("transactions/list_transactions.html", **_list_context())


@bp.get("/results")
def results() -> ResponseReturnValue:
    """The list and its totals, while one types."""
    context = _list_context()
    if not hx.wants_fragment():
        return render_template("transactions/list_transactions.html", **context)
    answer = hx.respond(render_template("transactions/_results.html", **context))
    answer.headers["HX-Replace-Url"] = _list_url(context["wanted"])
    return answer


@bp.get("/<int:transaction_id>")
def show_transaction(transaction_id: int) -> ResponseReturnValue:
    """What it was, who gave it, for what, and how it was paid."""
    found = _get_visible(transaction_id)
    details = transactions.get_details(db.session(), found, center_ids=scope(VIEW))
    run, original = details.run, details.original
    return render_template(
        "transactions/show_transaction.html",
        details=details,
        transaction=found,
        types=TYPE_LABELS,
        tenders=TENDER_LABELS,
        methods=METHOD_LABELS,
        tributes=TRIBUTE_LABELS,
        may_open_run=run is not None and may(VIEW, run.center_id),
        may_open_participant=details.participant is not None and may_see(details.participant.id),
        may_open_original=original is not None and may_see(original.constituent_id),
    )


@bp.route("/<int:transaction_id>/correct", methods=["GET", "POST"])
@commits
def correct(transaction_id: int) -> ResponseReturnValue:
    """Whose it is, what for, when settled: put right by hand."""
    session, found = db.session(), _get_visible(transaction_id)
    origin = Origin.of_request()
    back = origin.url or url_for("transactions.show_transaction", transaction_id=found.id)
    form = TransactionForm(data=asdict(read_values(found)) | {"version": get_version(found)})
    for name in PURPOSES:
        form.offer(name, list_purposes(session, name))
    if form.validate_on_submit():
        try:
            changed = correct_transaction(
                session, found, form.values(), seen=form.version.data, today=site_today()
            )
        except DataSyncError as error:
            add_error(form, error)
        else:
            if changed:
                flash(
                    "Saved. If it was sent before, the next download sends it again, as an update.",
                    "success",
                )
            else:
                flash("Nothing was changed.", "info")
            return hx.go_to(back)
    page = render_template(
        "transactions/correct.html",
        form=form,
        transaction=found,
        types=TYPE_LABELS,
        origin=origin,
        back=back,
    )
    return page, 422 if form.errors else 200


def _get_visible(number: int) -> Transaction:
    """The transaction, if its constituent is one of the present user's."""
    found = transactions.find_transaction(db.session(), number)
    if found is None:
        abort(404)
    require_any_center(VIEW, constituents.list_center_ids(db.session(), found.constituent_id))
    return found


def _list_context() -> dict[str, Any]:
    center_ids = scope(VIEW)
    kind = request.args.get("type", "")
    wanted = TransactionFilter(
        text=" ".join(request.args.get("q", "").replace("\x00", "").split())[:LONGEST_QUERY],
        type=kind if kind in TYPE_LABELS else "",
        campaign=_number("campaign"),
        first=_date("first"),
        last=_date("last"),
    )
    after = _number("after")
    session = db.session()
    page = transactions.list_transactions(session, wanted, center_ids=center_ids, after=after)
    return {
        "wanted": wanted,
        "page": page,
        "totals": transactions.get_totals(session, wanted, center_ids=center_ids),
        "campaigns": transactions.list_campaigns(session, center_ids=center_ids),
        "types": TYPE_LABELS,
        "tenders": TENDER_LABELS,
        "first_url": _list_url(wanted) if after else None,
        "next_url": _list_url(wanted, after=page.next_after) if page.next_after else None,
    }


def _number(name: str) -> int | None:
    value = request.args.get(name, type=int)
    return value if value is not None and 0 <= value <= LARGEST_ID else None


def _date(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _list_url(wanted: TransactionFilter, **more: Any) -> str:
    return url_for(
        "transactions.list_transactions",
        q=wanted.text or None,
        type=wanted.type or None,
        campaign=wanted.campaign,
        first=wanted.first,
        last=wanted.last,
        **more,
    )
