"""What the database itself holds true of transactions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, inspect, select, text
from sqlalchemy.exc import IntegrityError

from webapp.models import Campaign, Change, Constituent, Transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def a_gift(person: Constituent, **more: Any) -> Transaction:
    values: dict[str, Any] = {
        "transaction_type": "donation",
        "constituent_id": person.id,
        "amount": Decimal("50.00"),
        "currency": "USD",
        "payment_date": date(2026, 3, 1),
        "tender_type": "check",
        "creation_method": 0,
    }
    return Transaction(**(values | more))


@pytest.fixture
def person(session: Session) -> Constituent:
    found = Constituent(first_name="Ann", last_name="Lee")
    session.add(found)
    session.commit()
    return found


def changes(session: Session) -> list[Change]:
    query = select(Change).where(Change.table_name == "transactions").order_by(Change.id)
    return list(session.scalars(query))


def test_an_amount_comes_back_as_it_went_in(session: Session, person: Constituent) -> None:
    for amount in ("0.10", "12345678901.99", "7"):
        session.add(a_gift(person, amount=Decimal(amount)))
    session.commit()
    stored = session.scalars(select(Transaction.amount).order_by(Transaction.id)).all()
    assert [str(amount) for amount in stored] == ["0.10", "12345678901.99", "7"]


def test_each_gets_a_key_of_its_own(session: Session, person: Constituent) -> None:
    one, other = a_gift(person), a_gift(person)
    session.add_all((one, other))
    session.commit()
    assert one.transaction_id.startswith("T")
    assert one.transaction_id != other.transaction_id


def test_the_log_has_what_changed_and_not_the_bookkeeping(
    session: Session, person: Constituent
) -> None:
    gift = a_gift(person)
    session.add(gift)
    session.commit()
    gift.upload_row = 7
    session.commit()
    gift.amount = Decimal("60.00")
    gift.settled_on = date(2026, 3, 3)
    session.commit()
    made, corrected = changes(session)
    assert (made.op, made.constituent_id, made.key) == ("insert", person.id, str(gift.id))
    assert corrected.old == {"amount": "50.00", "settled_on": None}


def test_a_moved_gift_is_logged_with_whom_it_had(session: Session, person: Constituent) -> None:
    other = Constituent(last_name="Other")
    gift = a_gift(person)
    session.add_all((other, gift))
    session.commit()
    gift.constituent_id = other.id
    session.commit()
    moved = changes(session)[-1]
    assert (moved.constituent_id, moved.old) == (other.id, {"constituent_id": str(person.id)})


@pytest.mark.parametrize(
    "wrong",
    [
        {"constituent_id": 999_999},
        {"participant_id": 999_999},
        {"campaign_id": 999_999},
        {"refund_of": 999_999},
        {"amount": Decimal("-1")},
        {"transaction_type": "refund", "amount": Decimal("1")},
        {"amount": Decimal("1.0005")},
        {"currency": "usd"},
        {"tender_type": "iou"},
        {"creation_method": 3},
        {"transaction_type": "gift"},
        {"tribute_type": "because"},
    ],
)
def test_what_cannot_be_is_refused(
    session: Session, person: Constituent, wrong: dict[str, Any]
) -> None:
    session.add(a_gift(person, **wrong))
    with pytest.raises(IntegrityError):
        session.flush()


def test_who_has_gifts_stays(session: Session, person: Constituent) -> None:
    session.add(a_gift(person))
    session.commit()
    with pytest.raises(IntegrityError):
        session.execute(delete(Constituent).where(Constituent.id == person.id))


def test_what_gifts_are_for_is_logged(session: Session) -> None:
    session.add(Campaign(name="Spring"))
    session.commit()
    assert session.scalar(text("SELECT count(*) FROM change_log WHERE table_name = 'campaigns'"))


def test_no_card_numbers_are_kept(session: Session) -> None:
    names = {column["name"] for column in inspect(session.connection()).get_columns("transactions")}
    assert not any("card" in name or "cvv" in name or "expir" in name for name in names)
