"""Transactions, to be read: what came in, from whom, for what, and what it adds up to.

People of a center see the transactions of their center's constituents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    func,
    or_,
    select,
    tuple_,
    union,
)
from sqlalchemy.orm import Session, aliased

from webapp.models import (
    Campaign,
    CenterMember,
    Constituent,
    Designation,
    DonationForm,
    Event,
    Run,
    Transaction,
    TransactionItem,
)
from webapp.rules.money import read_amount
from webapp.services.constituent_lookups import FIRST, LAST
from webapp.services.constituents import LARGEST_ID, visible_to

PAGE_TRANSACTIONS = 50
PROFILE_TRANSACTIONS = 8
MOST_WORDS = 4
LONGEST_QUERY = 200
_Thing = TypeVar("_Thing")
_ESCAPED = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """Which transactions are wanted; blank means all. The dates are both included."""

    text: str = ""
    type: str = ""
    campaign: int | None = None
    first: date | None = None
    last: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every transaction is wanted."""
        return self == TransactionFilter()


@dataclass(frozen=True, slots=True)
class TransactionLine:
    """A transaction in a list."""

    id: int
    transaction_id: str
    transaction_type: str
    payment_date: date
    amount: Decimal
    currency: str
    tender_type: str
    is_settled: bool
    constituent_id: int
    giver: str
    campaign: str | None
    event: str | None


@dataclass(frozen=True, slots=True)
class Total:
    """How many transactions of one currency there are, and what they add up to, refunds taken
    off."""

    currency: str
    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """Some transactions, the latest first, and the id after which the next page starts."""

    lines: tuple[TransactionLine, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Purposes:
    """What a transaction was for, by name."""

    campaign: Campaign | None
    form: DonationForm | None
    designation: Designation | None
    event: Event | None


@dataclass(frozen=True, slots=True)
class TransactionDetails:
    """Everything a transaction's page tells. `original` and `followers` are None and empty where
    there are none; `run` is the upload that last had it."""

    transaction: Transaction
    giver: Constituent
    participant: Constituent | None
    purposes: Purposes
    items: tuple[TransactionItem, ...]
    original: Transaction | None
    followers: tuple[TransactionLine, ...]
    run: Run | None


def list_transactions(
    session: Session,
    wanted: TransactionFilter,
    *,
    center_ids: frozenset[int] | None = None,
    constituent_id: int | None = None,
    after: int | None = None,
    limit: int = PAGE_TRANSACTIONS,
) -> TransactionPage:
    """The transactions wanted, the latest first, behind the transaction `after`."""
    query = _lines().where(*_conditions(wanted, center_ids, constituent_id))
    if after is not None:
        last = select(Transaction.payment_date, Transaction.id).where(Transaction.id == after)
        query = query.where(
            tuple_(Transaction.payment_date, Transaction.id) < last.scalar_subquery()
        )
    rows = session.execute(query.limit(limit + 1)).all()
    shown = tuple(_line(row) for row in rows[:limit])
    return TransactionPage(shown, shown[-1].id if len(rows) > limit else None)


def get_totals(
    session: Session,
    wanted: TransactionFilter,
    *,
    center_ids: frozenset[int] | None = None,
    constituent_id: int | None = None,
) -> tuple[Total, ...]:
    """What the transactions wanted add up to, exactly, the most frequent currency first."""
    rows = session.execute(
        select(Transaction.currency, func.count(), func.sum(Transaction.amount))
        .where(*_conditions(wanted, center_ids, constituent_id))
        .group_by(Transaction.currency)
        .order_by(func.count().desc(), Transaction.currency)
    )
    return tuple(Total(*row) for row in rows)


def list_campaigns(
    session: Session, *, center_ids: frozenset[int] | None = None
) -> Sequence[tuple[int, str]]:
    """The campaigns these people see, by name."""
    query = (
        select(Campaign.id, Campaign.name)
        .where(*visible_to(Campaign.center_id.expression, center_ids))
        .order_by(func.datasync_fold(Campaign.name), Campaign.id)
    )
    return [(number, name) for number, name in session.execute(query)]


def find_transaction(session: Session, number: int) -> Transaction | None:
    """The transaction with this internal number, or None."""
    return session.get(Transaction, number) if number <= LARGEST_ID else None


def get_details(
    session: Session, found: Transaction, *, center_ids: frozenset[int] | None = None
) -> TransactionDetails:
    """What a transaction's page tells people of these centers."""
    followers = session.execute(
        _lines()
        .where(or_(Transaction.recurring_of == found.id, Transaction.refund_of == found.id))
        .where(*_of_centers(center_ids))
        .limit(PAGE_TRANSACTIONS)
    )
    items = session.scalars(
        select(TransactionItem)
        .where(TransactionItem.transaction_id == found.id)
        .order_by(TransactionItem.position, TransactionItem.id)
    )
    original = found.refund_of or found.recurring_of
    return TransactionDetails(
        transaction=found,
        giver=session.get_one(Constituent, found.constituent_id),
        participant=_get(session, Constituent, found.participant_id),
        purposes=Purposes(
            campaign=_get(session, Campaign, found.campaign_id),
            form=_get(session, DonationForm, found.form_id),
            designation=_get(session, Designation, found.designation_id),
            event=_get(session, Event, found.event_id),
        ),
        items=tuple(items),
        original=_get(session, Transaction, original),
        followers=tuple(_line(row) for row in followers),
        run=_get(session, Run, found.upload_run_id),
    )


def _get(session: Session, model: type[_Thing], number: int | None) -> _Thing | None:
    return None if number is None else session.get(model, number)


def _lines() -> Select[*tuple[Any, ...]]:
    campaign, event = aliased(Campaign), aliased(Event)
    return (
        select(
            Transaction.id,
            Transaction.transaction_id,
            Transaction.transaction_type,
            Transaction.payment_date,
            Transaction.amount,
            Transaction.currency,
            Transaction.tender_type,
            Transaction.settled_on.is_not(None),
            Constituent,
            campaign.name,
            event.name,
        )
        .join(Constituent, Constituent.id == Transaction.constituent_id)
        .outerjoin(campaign, campaign.id == Transaction.campaign_id)
        .outerjoin(event, event.id == Transaction.event_id)
        .order_by(Transaction.payment_date.desc(), Transaction.id.desc())
    )


def _line(row: Any) -> TransactionLine:
    *own, giver, campaign, event = row
    values = (*own, giver.id, giver.display_name, campaign, event)
    return TransactionLine(*values)


def _conditions(
    wanted: TransactionFilter, center_ids: frozenset[int] | None, constituent_id: int | None
) -> list[ColumnElement[bool]]:
    conditions = _of_centers(center_ids)
    if constituent_id is not None:
        conditions.append(Transaction.constituent_id == constituent_id)
    if wanted.type:
        conditions.append(Transaction.transaction_type == wanted.type)
    if wanted.campaign is not None:
        conditions.append(Transaction.campaign_id == wanted.campaign)
    if wanted.first is not None:
        conditions.append(Transaction.payment_date >= wanted.first)
    if wanted.last is not None:
        conditions.append(Transaction.payment_date <= wanted.last)
    if wanted.text:
        conditions.append(Transaction.id.in_(_found_by(wanted.text)))
    return conditions


def _of_centers(center_ids: frozenset[int] | None) -> list[ColumnElement[bool]]:
    if center_ids is None:
        return []
    mine = select(CenterMember.constituent_id).where(CenterMember.center_id.in_(center_ids))
    return [Transaction.constituent_id.in_(mine)]


def _found_by(text: str) -> CompoundSelect[Any]:
    """Everything the text can mean, each by an index of its own: a number of the transaction, an
    amount, or who gave."""
    found: list[Select[Any]] = [
        select(Transaction.id).where(column.in_({text, text.upper()}))
        for column in (
            Transaction.transaction_id,
            Transaction.receipt_number,
            Transaction.confirmation_code,
            Transaction.check_number,
        )
    ]
    giver = select(Transaction.id).join(Constituent, Constituent.id == Transaction.constituent_id)
    found.append(giver.where(Constituent.member_id.in_({text, text.upper()})))
    if text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST_ID:
        found.append(select(Transaction.id).where(Transaction.constituent_id == int(text)))
    amount = read_amount(text)
    if amount is not None:
        found.append(select(Transaction.id).where(Transaction.amount == amount))
    if "@" in text:
        found.append(giver.where(func.lower(Constituent.primary_email) == text.lower()))
    else:
        words = text.split()[:MOST_WORDS]
        found.append(giver.where(and_(*(_begins(word) for word in words))))
    return union(*found)


def _begins(word: str) -> ColumnElement[bool]:
    pattern = func.datasync_fold(word.translate(_ESCAPED) + "%")
    return or_(LAST.like(pattern), FIRST.like(pattern))
