"""Transactions over HTTP: what is listed, what it adds up to, and who sees which."""

from __future__ import annotations

import io
import itertools
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.finished_runs import make_row, make_run
from tests.people import make_admin, make_center, make_person, sign_in
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import (
    Campaign,
    CenterMember,
    Constituent,
    Designation,
    DonationForm,
    Event,
    Operation,
    Run,
    RunEdit,
    Transaction,
    TransactionItem,
    Upload,
)
from webapp.rules.roles import Role
from webapp.services import corrections
from webapp.services.files import file_store
from webapp.services.transactions import TransactionFilter, get_totals, list_transactions

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session

DAY = date(2026, 3, 1)


@pytest.fixture
def own(app: Flask) -> int:
    return make_center(app, "Own")


def give(session: Session, person: int, amount: str = "50.00", **more: Any) -> int:
    values: dict[str, Any] = {
        "transaction_type": "donation",
        "currency": "USD",
        "payment_date": DAY,
        "tender_type": "check",
        "creation_method": 0,
    }
    gift = Transaction(constituent_id=person, amount=Decimal(amount), **(values | more))
    session.add(gift)
    session.flush()
    return gift.id


@pytest.fixture
def ids(app: Flask, own: int) -> dict[str, int]:
    """A gift with its refund, a yen one, tickets; one giver is of the center, one is not."""
    with app.app_context():
        session = db.session()
        mine = Constituent(first_name="Zoë", last_name="Mine", member_id="M-7")
        other = Constituent(first_name="Jo", last_name="Foreign", primary_email="jo@example.org")
        spring, gala = Campaign(name="Spring Appeal"), Event(name="Gala & <Ball>")
        session.add_all([mine, other, spring, gala])
        session.flush()
        session.add(CenterMember(center_id=own, constituent_id=mine.id))
        gift = give(session, mine.id, campaign_id=spring.id, receipt_number="R-1", source="Web")
        made = {
            "mine": mine.id,
            "other": other.id,
            "spring": spring.id,
            "gift": gift,
            "refund": give(
                session,
                mine.id,
                "-50.00",
                transaction_type="refund",
                refund_of=gift,
                payment_date=DAY + timedelta(days=3),
            ),
            "yen": give(session, other.id, "5000", currency="JPY", participant_id=mine.id),
            "tickets": give(
                session,
                other.id,
                "300.10",
                transaction_type="ticket_purchase",
                event_id=gala.id,
                tender_type="credit_card",
                payment_date=DAY - timedelta(days=40),
            ),
        }
        session.add(
            TransactionItem(
                transaction_id=made["tickets"],
                position=1,
                kind="ticket",
                name="Gala seat",
                quantity=2,
                unit_price=Decimal("150.05"),
            )
        )
        session.commit()
        return made


def listed(answer: Any) -> list[int]:
    """The transactions of a page, in order."""
    return [int(n) for n in re.findall(r'<th scope="row"><a href="/transactions/(\d+)"', answer)]


def page(client: FlaskClient[Any], address: str, **more: Any) -> str:
    answer = client.get(address, **more)
    assert answer.status_code == 200
    return answer.text


@pytest.fixture
def admin(app: Flask, client: FlaskClient[Any]) -> FlaskClient[Any]:
    sign_in(client, make_admin(app))
    return client


def test_the_latest_come_first_and_add_up(admin: FlaskClient[Any], ids: dict[str, int]) -> None:
    text = page(admin, "/transactions/")
    assert listed(text) == [ids[name] for name in ("refund", "yen", "gift", "tickets")]
    assert "300.10 USD" in text
    assert "in 3 transactions" in text
    assert "5,000 JPY" in text
    assert "Gala &amp; &lt;Ball&gt;" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=zoe", ["refund", "gift"]),
        ("q=mine+Zo%C3%AB", ["refund", "gift"]),
        ("q=m-7", ["refund", "gift"]),
        ("q=r-1", ["gift"]),
        ("q=jo@example.org", ["yen", "tickets"]),
        ("q=300.10", ["tickets"]),
        ("q=%25", []),
        ("q=nobody", []),
        ("type=refund", ["refund"]),
        ("type=nonsense", ["refund", "yen", "gift", "tickets"]),
        ("first=2026-03-02", ["refund"]),
        ("last=2026-02-28", ["tickets"]),
        ("first=2026-03-01&last=2026-03-01", ["yen", "gift"]),
        ("first=yesterday", ["refund", "yen", "gift", "tickets"]),
    ],
)
def test_what_is_wanted(
    admin: FlaskClient[Any], ids: dict[str, int], query: str, found: list[str]
) -> None:
    assert listed(page(admin, f"/transactions/?{query}")) == [ids[name] for name in found]


def test_by_campaign_and_by_its_transaction_id(
    admin: FlaskClient[Any], ids: dict[str, int], session: Session
) -> None:
    assert listed(page(admin, f"/transactions/?campaign={ids['spring']}")) == [ids["gift"]]
    key = session.get_one(Transaction, ids["yen"]).transaction_id
    assert listed(page(admin, f"/transactions/?q={key.lower()}")) == [ids["yen"]]
    assert listed(page(admin, f"/transactions/?q={ids['mine']}")) == [ids["refund"], ids["gift"]]


def test_the_fragment_is_one_element(admin: FlaskClient[Any], ids: dict[str, int]) -> None:
    answer = admin.get("/transactions/results?q=zoe", headers={"HX-Request": "true"})
    assert answer.text.lstrip().startswith('<div id="transaction-results"')
    assert answer.headers["HX-Replace-Url"] == "/transactions/?q=zoe"


def test_every_page_by_key_has_each_once(session: Session, ids: dict[str, int]) -> None:
    days = itertools.cycle((DAY, DAY, DAY + timedelta(days=1)))
    for _ in range(20):
        give(session, ids["mine"], payment_date=next(days))
    seen: list[int] = []
    after: int | None = None
    while True:
        found = list_transactions(session, TransactionFilter(), after=after, limit=5)
        seen += [line.id for line in found.lines]
        after = found.next_after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 24


def test_totals_are_exact(session: Session, ids: dict[str, int]) -> None:
    for _ in range(30):
        give(session, ids["mine"], "0.10", currency="EUR")
    totals = {total.currency: total for total in get_totals(session, TransactionFilter())}
    assert str(totals["EUR"].amount) == "3.00"
    assert str(totals["USD"].amount) == "300.10"


def test_a_page_tells_all_about_one(admin: FlaskClient[Any], ids: dict[str, int]) -> None:
    text = page(admin, f"/transactions/{ids['gift']}")
    assert "Spring Appeal" in text
    assert "Not settled" in text
    assert f"/transactions/{ids['refund']}" in text
    assert f"/constituents/{ids['mine']}" in text
    text = page(admin, f"/transactions/{ids['refund']}")
    assert "Refund of" in text
    assert f"/transactions/{ids['gift']}" in text
    text = page(admin, f"/transactions/{ids['tickets']}")
    assert "Gala seat" in text
    assert "300.10 USD" in text
    assert admin.get("/transactions/999999").status_code == 404


def test_every_kind_has_a_page(
    admin: FlaskClient[Any], ids: dict[str, int], session: Session
) -> None:
    run, party = Event(name="River Run", kind="teamraiser"), Event(name="Party", kind="personal")
    form, fund = DonationForm(name="Web form"), Designation(name="Otter fund")
    session.add_all([run, party, form, fund])
    session.flush()
    first = give(
        session, ids["mine"], tribute_type="in_memory", tribute_name="Jo", form_id=form.id,
        designation_id=fund.id, settled_on=DAY, settlement_batch="B20", check_number="0012",
        confirmation_code="X-1", tax_deductible=Decimal("40.00"),
    )  # fmt: skip
    monthly = give(
        session, ids["mine"], transaction_type="recurring_payment", recurring_of=first,
        creation_method=2,
    )  # fmt: skip
    order = give(session, ids["mine"], "37.00", transaction_type="ecommerce_order")
    for position, (name, quantity) in enumerate((("Canvas bag", 1), ("Mug", 2))):
        session.add(
            TransactionItem(
                transaction_id=order, position=position, kind="product", name=name,
                quantity=quantity, unit_price=Decimal("9.25") * (2 - position),
            )
        )  # fmt: skip
    others = {
        "TeamRaiser gift": give(
            session, ids["other"], transaction_type="teamraiser_gift", event_id=run.id,
            participant_id=ids["mine"], team_name="The Otters",
        ),
        "TeamRaiser registration": give(
            session, ids["mine"], transaction_type="teamraiser_registration", event_id=run.id
        ),
        "Personal fundraising gift": give(
            session, ids["other"], transaction_type="personal_gift", event_id=party.id,
            participant_id=ids["mine"],
        ),
    }  # fmt: skip
    session.commit()

    told = page(admin, f"/transactions/{first}")
    for words in (
        "Donation T", "50.00 USD", "Settled", "B20", "0012", "X-1", "40.00 USD", "Web form",
        "Otter fund", "In memory of", "Jo", f'href="/transactions/{monthly}"',
    ):  # fmt: skip
        assert words in told
    told = page(admin, f"/transactions/{monthly}")
    assert "Recurring payment of" in told
    assert f'href="/transactions/{first}"' in told
    told = page(admin, f"/transactions/{order}")
    for words in ("eCommerce order T", "Canvas bag", "18.50 USD", "Mug", "9.25 USD", "37.00 USD"):
        assert words in told
    for label, number in others.items():
        told = page(admin, f"/transactions/{number}")
        assert f"{label} T" in told
        assert ("River Run" if label.startswith("Team") else "Party") in told
    assert "The Otters" in page(admin, f"/transactions/{others['TeamRaiser gift']}")
    assert "Participant" in page(admin, f"/transactions/{others['Personal fundraising gift']}")


def test_the_profile_has_the_latest_and_the_total(
    admin: FlaskClient[Any], ids: dict[str, int]
) -> None:
    text = page(admin, f"/constituents/{ids['mine']}")
    assert "0.00 USD" in text
    assert "in 2 transactions" in text
    assert f"/transactions/{ids['refund']}" in text


def test_a_center_sees_its_peoples_gifts_only(
    app: Flask, client: FlaskClient[Any], own: int, ids: dict[str, int]
) -> None:
    sign_in(client, make_person(app, "noa@example.org", Role.DATA_SYNC_VIEW, center_id=own))
    text = page(client, "/transactions/")
    assert listed(text) == [ids["refund"], ids["gift"]]
    assert "JPY" not in text
    assert client.get(f"/transactions/{ids['gift']}").status_code == 200
    assert client.get(f"/transactions/{ids['tickets']}").status_code == 404
    assert listed(page(client, "/transactions/?q=jo@example.org")) == []


# The upload ------------------------------------------------------------------------------------

UPLOAD = "/operations/transaction-upload/start"


def test_only_an_administrator_sees_and_starts_the_upload(
    app: Flask, client: FlaskClient[Any], ids: dict[str, int]
) -> None:
    sign_in(client, make_person(app, "morgan@example.org", Role.DATA_SYNC_MANAGE))
    assert "Transaction Upload" not in page(client, "/operations/all")
    assert client.get(UPLOAD).status_code == 404
    assert client.get("/operations/transaction-upload/customise").status_code == 404
    client = app.test_client()
    sign_in(client, make_admin(app))
    assert "Transaction Upload" in page(client, "/operations/all")
    text = page(client, UPLOAD)
    assert "date_order" in text
    assert client.get("/operations/transaction-upload/template.xlsx").status_code == 200


def test_an_administrators_draft_is_nobody_elses_to_run(
    app: Flask, client: FlaskClient[Any]
) -> None:
    sign_in(client, make_admin(app))
    started = client.post(UPLOAD, data={"label": "Checks", "date_order": "mdy"})
    address = started.headers["Location"]
    assert client.get(address).status_code == 200
    client = app.test_client()
    sign_in(client, make_person(app, "morgan@example.org", Role.DATA_SYNC_MANAGE))
    assert client.get(address).status_code == 403


FILE = "TRANSACTION_ID,MEMBER_ID,AMOUNT,PAYMENT_DATE,TENDER_TYPE,CONFIRMATION_CODE\n"
CARD = "4111 1111 1111 1111"


def begun(client: FlaskClient[Any]) -> str:
    """A draft of the upload; its address."""
    started = client.post(UPLOAD, data={"label": "Checks", "date_order": "mdy"})
    return str(started.headers["Location"]).rsplit("/", 1)[0]


def send(client: FlaskClient[Any], draft: str, text: str) -> Any:
    return client.post(f"{draft}/file", data={"file": (io.BytesIO(text.encode()), "gifts.csv")})


def test_a_file_with_card_numbers_is_refused_and_gone(
    app: Flask, admin: FlaskClient[Any], session: Session
) -> None:
    draft = begun(admin)
    with app.app_context():
        before = file_store().keys("uploads")
    answer = send(admin, draft, f"{FILE}G-1,M-7,5,3/1/2026,check,visa {CARD}\n")
    assert answer.status_code == 422
    assert (
        "Row 2 of gifts.csv has a card number in CONFIRMATION_CODE, ending in 1111." in answer.text
    )
    assert CARD not in answer.text
    with app.app_context():
        assert file_store().keys("uploads") == before
    assert session.scalars(select(Upload)).all() == []
    assert send(admin, draft, f"{FILE}G-1,M-7,5,3/1/2026,check,ref {CARD[:9]}\n").status_code == 303


def test_nobody_types_a_card_number_into_a_cell(admin: FlaskClient[Any], session: Session) -> None:
    draft = begun(admin)
    send(admin, draft, f"{FILE}G-1,M-7,five,3/1/2026,check,\n")
    run = session.scalars(select(Run)).one()

    def type_in(column: str, new_value: str) -> None:
        corrections.correct_cell(
            session, run, row_number=2, column=column, new_value=new_value, user_id=None
        )

    with pytest.raises(DataSyncError) as refused:
        type_in("CONFIRMATION_CODE", CARD)
    assert refused.value.code == "card_number"
    type_in("CONFIRMATION_CODE", "ref 17")
    type_in("transaction_id", CARD)  # a key of somebody's own, however its heading is written
    edits = session.scalars(select(RunEdit).order_by(RunEdit.id))
    assert [edit.new_value for edit in edits] == ["ref 17", CARD]


def test_a_row_of_an_upload_leads_to_its_transaction(
    app: Flask, client: FlaskClient[Any], ids: dict[str, int]
) -> None:
    with app.app_context():
        session = db.session()
        operation = session.scalars(select(Operation).filter_by(slug="transaction-upload")).one()
        rows = [
            make_row(2, "created", "M-7", constituent_id=ids["mine"]),
            make_row(3, "unchanged", "M-7", constituent_id=ids["mine"]),
        ]
        run = make_run(session, rows, operation=operation)
        give(session, ids["mine"], "1250.00", transaction_id="DB-5000", upload_run_id=run.id,
             upload_row=2)  # fmt: skip
        path = f"/runs/{run.id}"
        session.commit()
    sign_in(client, make_admin(app))
    listed = client.get(path).text
    link = re.search(r'<a href="(/transactions/\d+)">DB-5000</a>, 1,250.00 USD', listed)
    assert link
    row = client.get(f"{path}/rows/2").text
    assert re.search(rf'href="{link[1]}">Open transaction DB-5000</a>', row)
    assert "Open transaction" not in client.get(f"{path}/rows/3").text
