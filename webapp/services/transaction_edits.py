"""Correcting a transaction by hand: whose it is, what it was for, when it was settled.

What it was (its amount, its date, how it was paid) stands: money that goes back is a refund. The
next download sends what was corrected again, as an update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Campaign, Designation, DonationForm, Event, Transaction
from webapp.services.card_numbers import refuse_typed_card_number
from webapp.services.changes import fingerprint, require_unchanged
from webapp.services.constituents import LARGEST_ID, hold_active
from webapp.services.locks import waiting_briefly

LONGEST_TEXT = 100
BUSY = (
    "Somebody else is writing this transaction at the moment, so nothing was saved. "
    "Try again in a minute."
)
_Purpose = type[Campaign] | type[DonationForm] | type[Designation] | type[Event]
PURPOSES: dict[str, _Purpose] = {
    "campaign_id": Campaign,
    "form_id": DonationForm,
    "designation_id": Designation,
    "event_id": Event,
}
_TEXTS = ("settlement_batch", "receipt_number")


@dataclass(frozen=True, slots=True)
class TransactionValues:
    """What can be corrected of a transaction."""

    constituent_id: int
    campaign_id: int | None
    form_id: int | None
    designation_id: int | None
    event_id: int | None
    settled_on: date | None
    settlement_batch: str | None
    receipt_number: str | None


def read_values(found: Transaction) -> TransactionValues:
    """What is stored now."""
    return TransactionValues(
        **{each.name: getattr(found, each.name) for each in fields(TransactionValues)}
    )


def get_version(found: Transaction) -> str:
    """Names what is stored now, for a form to tell what it showed."""
    return fingerprint(read_values(found))


def list_purposes(session: Session, name: str) -> Sequence[tuple[int, str]]:
    """What a transaction can be for (`name`: one of `PURPOSES`), by name."""
    model = PURPOSES[name]
    rows = session.execute(select(model.id, model.name).order_by(model.name, model.id))
    return [(number, text) for number, text in rows]


def correct_transaction(
    session: Session,
    found: Transaction,
    values: TransactionValues,
    *,
    seen: str | None,
    today: date,
) -> bool:
    """Store these values; whether any of them is new. Raises `DataSyncError` with a sentence: where
    one can't be, or where somebody changed it since it was `seen`."""
    with waiting_briefly(session, BUSY):
        session.refresh(found, with_for_update=True)
    require_unchanged(seen, get_version(found), "this transaction")
    before = read_values(found)
    if values == before:
        return False
    if values.constituent_id != before.constituent_id:
        _require_giver(session, values.constituent_id)
    _check_settled(found, values.settled_on, today)
    for name in PURPOSES:
        _check_purpose(session, name, getattr(values, name))
    for name in _TEXTS:
        typed = getattr(values, name)
        if typed != getattr(before, name):
            refuse_typed_card_number(typed or "", name)
    for name, value in asdict(values).items():
        setattr(found, name, value)
    session.flush()
    return True


def _require_giver(session: Session, constituent_id: int) -> None:
    try:
        hold_active(session, min(constituent_id, LARGEST_ID))
    except DataSyncError as error:
        message = {
            "gone": f"Nobody has CONS_ID {constituent_id}. Correct the number.",
            "removed": "That constituent was removed. Choose somebody who is active.",
        }[error.code]
        raise DataSyncError(error.code, message, "constituent_id") from None


def _check_settled(found: Transaction, settled_on: date | None, today: date) -> None:
    if settled_on is None or settled_on == found.settled_on:
        return
    if settled_on < found.payment_date:
        message = f"It was paid on {found.payment_date:%Y-%m-%d}, and can’t be settled before that."
        raise DataSyncError("too_early", message, "settled_on")
    if settled_on > today:
        message = "That day is yet to come. Enter the day on which it was settled."
        raise DataSyncError("too_late", message, "settled_on")


def _check_purpose(session: Session, name: str, number: int | None) -> None:
    if number is not None and session.get(PURPOSES[name], number) is None:
        raise DataSyncError("gone", "That is not there any more. Choose another one.", name)
