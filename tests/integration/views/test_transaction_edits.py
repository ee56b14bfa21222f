"""Correcting a transaction by hand, and what the next download makes of it."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.integration.views.test_downloads import Downloading
from tests.people import make_admin, make_person, sign_in
from tests.working import work_off
from webapp.extensions import db
from webapp.models import Campaign, Change, Constituent, Transaction
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

PAID = date(2026, 3, 1)


@pytest.fixture
def ids(app: Flask) -> dict[str, int]:
    """Two givers, one that was removed, a campaign, and a gift that is not settled."""
    with app.app_context():
        session = db.session()
        ann = Constituent(first_name="Ann", member_id="A-1")
        bob = Constituent(first_name="Bob", member_id="B-1")
        gone = Constituent(first_name="Eve", member_id="E-1", active_detail="Removed by contact")
        spring = Campaign(name="Spring Appeal")
        session.add_all([ann, bob, gone, spring])
        session.flush()
        gift = Transaction(
            transaction_type="donation", constituent_id=ann.id, amount=Decimal("20.00"),
            currency="USD", payment_date=PAID, tender_type="credit_card", creation_method=1,
        )  # fmt: skip
        session.add(gift)
        session.flush()
        made = {
            "ann": ann.id, "bob": bob.id, "gone": gone.id, "spring": spring.id, "gift": gift.id,
        }  # fmt: skip
        session.commit()
        return made


class Correcting(Downloading):
    """An administrator who corrects transactions and downloads them."""

    slug = "transaction-information-download"

    def typed(self, number: int) -> dict[str, str]:
        """What the form has when it opens."""
        page = self.get(f"/transactions/{number}/correct")
        found = dict(re.findall(r'name="(\w+)"[^>]*? value="([^"]*)"', page)) | {
            name: value
            for value, name in re.findall(r'<input[^>]*value="([^"]*)"[^>]*name="(\w+)"', page)
        }
        for name, options in re.findall(
            r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.S
        ):
            chosen = re.search(r'<option selected value="([^"]*)"', options)
            found[name] = chosen[1] if chosen else ""
        return found

    def correct(self, number: int, **more: object) -> Any:
        return self.client.post(f"/transactions/{number}/correct", data=self.typed(number) | more)

    def download(self) -> list[dict[str, str]]:
        """The rows of the next download."""
        self.ask()
        return self.rows(self.run())

    def held_back(self) -> str:
        """The list of the last download."""
        return self.client.get("/held-back", follow_redirects=True).text

    def send_free(self) -> list[dict[str, str]]:
        """The rows of the download of what is free by now."""
        stream = re.search(r"/held-back/(\d+)/send", self.held_back())
        assert stream
        sent = self.client.post(f"/held-back/{stream[1]}/send")
        work_off(self.app)
        return self.rows(self.get(sent.location))

    def rows(self, results: str) -> list[dict[str, str]]:
        [content] = self.files(results)
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))

    def stored(self, number: int) -> Transaction:
        with self.app.app_context():
            return db.session.get_one(Transaction, number)


@pytest.fixture
def admin(app: Flask, client: FlaskClient[Any]) -> Correcting:
    return Correcting(app, sign_in(client, make_admin(app)))


def test_what_was_corrected_is_sent_when_nothing_holds_it_back_and_then_as_an_update(
    admin: Correcting, ids: dict[str, int]
) -> None:
    gift = ids["gift"]
    assert admin.download() == []
    held = admin.held_back()
    assert f'href="/transactions/{gift}/correct#settled_on"' in held

    assert admin.correct(gift, settled_on="2026-03-03", settlement_batch="B7").status_code == 303
    [first] = admin.download()
    assert (first["SENT_AS"], first["SETTLEMENT_BATCH"]) == ("new", "B7")

    assert admin.correct(gift, constituent_id=ids["bob"]).status_code == 303
    [moved] = admin.download()
    assert (moved["SENT_AS"], moved["MEMBER_ID"]) == ("update", "B-1")

    assert admin.correct(gift, campaign_id=ids["spring"]).status_code == 303
    assert admin.download() == []
    held = admin.held_back()
    assert f'/cross-references/campaign?for={ids["spring"]}#new-foreign_0"' in held
    mapping = admin.get(f"/cross-references/campaign?for={ids['spring']}")
    assert re.search(rf'<option selected value="{ids["spring"]}"', mapping)

    assert admin.correct(gift, campaign_id="").status_code == 303
    [freed] = admin.send_free()
    assert (freed["SENT_AS"], freed["CAMPAIGN"]) == ("update", "")


def test_who_did_it_is_in_the_history(admin: Correcting, ids: dict[str, int]) -> None:
    admin.correct(ids["gift"], receipt_number="R-17")
    with admin.app.app_context():
        change = db.session.scalars(
            select(Change).where(Change.table_name == "transactions", Change.op == "update")
        ).one()
        assert change.old == {"receipt_number": None}
        assert change.actor
    assert "Transaction corrected" in admin.get(f"/constituents/{ids['ann']}/history")


def test_nothing_new_is_nothing_changed(admin: Correcting, ids: dict[str, int]) -> None:
    answer = admin.correct(ids["gift"])
    assert "Nothing was changed." in admin.get(answer.location)
    with admin.app.app_context():
        changes = select(Change).where(Change.op == "update", Change.table_name == "transactions")
        assert db.session.scalars(changes).all() == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"constituent_id": "999999"}, "Nobody has CONS_ID 999999."),
        ({"constituent_id": "{gone}"}, "That constituent was removed."),
        ({"constituent_id": ""}, "Enter the CONS_ID of whoever gave."),
        ({"constituent_id": str(2**70)}, "Enter the number"),
        ({"settled_on": "2026-02-01"}, "It was paid on 2026-03-01, and can’t be settled before"),
        ({"settled_on": "2999-01-01"}, "That day is yet to come."),
        ({"campaign_id": "999999"}, "Not a valid choice"),
        ({"receipt_number": "4111 1111 1111 1111"}, "That has a card number"),
        ({"receipt_number": "R" * 101}, "Use at most 100 characters."),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    admin: Correcting, ids: dict[str, int], typed: dict[str, str], sentence: str
) -> None:
    answer = admin.correct(
        ids["gift"], **{name: value.format_map(ids) for name, value in typed.items()}
    )
    assert answer.status_code == 422
    assert sentence in answer.text
    assert admin.stored(ids["gift"]).modified_at == admin.stored(ids["gift"]).created_at


def test_two_at_once_do_not_overwrite_each_other(admin: Correcting, ids: dict[str, int]) -> None:
    seen = admin.typed(ids["gift"])
    admin.correct(ids["gift"], receipt_number="R-1")
    answer = admin.client.post(
        f"/transactions/{ids['gift']}/correct", data=seen | {"receipt_number": "R-2"}
    )
    assert answer.status_code == 422
    assert "Somebody else changed this transaction" in answer.text
    assert admin.stored(ids["gift"]).receipt_number == "R-1"


def test_a_giver_who_was_removed_may_stay(admin: Correcting, ids: dict[str, int]) -> None:
    with admin.app.app_context():
        db.session.get_one(Constituent, ids["ann"]).active_detail = "Removed by contact"
        db.session.commit()
    assert admin.correct(ids["gift"], receipt_number="R-1").status_code == 303


def test_only_an_administrator_corrects(
    app: Flask, client: FlaskClient[Any], ids: dict[str, int]
) -> None:
    sign_in(client, make_person(app, "morgan@example.org", Role.DATA_SYNC_MANAGE))
    assert client.get(f"/transactions/{ids['gift']}/correct").status_code == 403
    assert "/correct" not in client.get(f"/transactions/{ids['gift']}").text


def test_the_day_of_the_payment_is_early_enough(admin: Correcting, ids: dict[str, int]) -> None:
    assert admin.correct(ids["gift"], settled_on=str(PAID)).status_code == 303
    assert admin.stored(ids["gift"]).settled_on == PAID


def test_what_was_there_before_stands_though_it_looks_like_a_card_number(
    admin: Correcting, ids: dict[str, int]
) -> None:
    """One long number in ten does; an upload that has others beside it takes it in."""
    with admin.app.app_context():
        db.session.get_one(Transaction, ids["gift"]).settlement_batch = "4111111111111111"
        db.session.commit()
    assert admin.correct(ids["gift"], receipt_number="R-1").status_code == 303
