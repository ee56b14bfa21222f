"""The demo organisation in a database, and the sample files where it is and where it isn't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from tests.people import Person, make_admin, sign_in
from tests.unit.rules.reading.sources import Bytes, read_all
from webapp.models import (
    Change,
    Constituent,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
    Operation,
    User,
    UserRole,
)
from webapp.rules.roles import Role
from webapp.rules.transactions import TYPE_LABELS
from webapp.services import registrations
from webapp.services.demo import DEMO_USERS, is_demo, load_demo
from webapp.services.demo_people import NORTH
from webapp.services.registrations import EVERYTHING
from webapp.services.samples import Sample, demo_samples, open_sample

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session


@pytest.fixture
def demo(session: Session) -> Session:
    """A database with the demo in it."""
    assert load_demo(session)
    session.commit()
    return session


def count(session: Session, model: type) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def test_it_fills_an_empty_database(demo: Session) -> None:
    assert count(demo, Constituent) == 5005
    assert count(demo, GroupMember) > 5000
    assert count(demo, User) == len(DEMO_USERS)
    assert set(demo.scalars(select(UserRole.role))) == set(Role)
    assert count(demo, Operation) == 10
    actors = demo.scalars(select(Change.actor).distinct()).all()
    assert actors == ["Demo"]
    assert demo.scalar(select(func.count()).where(Change.constituent_id.is_not(None))) > 20_000


def test_it_has_transactions_of_every_kind(demo: Session) -> None:
    rows = demo.execute(
        text(
            "SELECT transaction_type, count(recurring_of) AS of_original, count(refund_of) AS of,"
            " count(participant_id) AS participants, count(tribute_type) AS tributes,"
            " count(receipt_number) AS receipts, bool_or(settled_on IS NULL) AS waits"
            " FROM transactions GROUP BY 1"
        )
    )
    kinds = {row.transaction_type: row for row in rows}
    assert kinds.keys() == set(TYPE_LABELS)
    assert kinds["recurring_payment"].of_original
    assert kinds["refund"].of
    assert kinds["teamraiser_gift"].participants
    assert kinds["donation"].tributes
    assert kinds["donation"].receipts
    assert kinds["donation"].waits
    wrong = (
        "SELECT count(*) FROM transactions t WHERE transaction_type IN ('ticket_purchase',"
        " 'ecommerce_order') AND amount IS DISTINCT FROM (SELECT sum(quantity * unit_price)"
        " FROM transaction_items i WHERE i.transaction_id = t.id)"
    )
    assert demo.scalar(text(wrong)) == 0


def test_it_happens_once(demo: Session) -> None:
    assert not load_demo(demo)
    assert is_demo(demo)


def test_it_leaves_a_database_in_use_alone(app: Flask, session: Session) -> None:
    make_admin(app, "boss@example.org")
    assert not load_demo(session)
    assert count(session, Constituent) == 0
    assert not is_demo(session)


def test_what_comes_next_gets_the_next_number(demo: Session) -> None:
    constituent, group, center = (
        demo.scalar(text(f"SELECT nextval('{table}_id_seq')"))
        for table in ("constituents", "groups", "centers")
    )
    assert constituent == 15_006
    assert group == 1_101
    assert center == 3


def test_groups_of_interests_agree_with_the_choices(demo: Session) -> None:
    for interest in demo.scalars(select(Interest)):
        for group_id, opted_in in (
            (interest.opt_in_group_id, True),
            (interest.opt_out_group_id, False),
        ):
            if group_id is None:
                continue
            members = demo.scalars(
                select(GroupMember.constituent_id).where(GroupMember.group_id == group_id)
            )
            chose = demo.scalars(
                select(InterestChoice.constituent_id).where(
                    InterestChoice.interest_id == interest.id,
                    InterestChoice.opted_in == opted_in,
                )
            )
            assert set(members) == set(chose)


def test_a_few_registrations_wait(demo: Session) -> None:
    pairs = registrations.list_waiting(demo, EVERYTHING).pairs
    assert {pair.registration.first_name for pair in pairs} >= {"Liz", "Bob", "Bill", "William"}
    assert (len(pairs), registrations.count_waiting(demo, None)) == (6, 5)
    assert registrations.count_waiting(demo, {NORTH}) > 0
    assert {pair.found_by for pair in pairs} == {"Demo"}
    by_email = [pair.registration.primary_email for pair in pairs]
    known = select(func.count()).where(Constituent.primary_email.in_(by_email))
    assert demo.scalar(known) == 5  # nobody else has those


def test_every_group_has_members(demo: Session) -> None:
    empty = select(Group.name).where(~Group.id.in_(select(GroupMember.group_id)))
    assert demo.scalars(empty).all() == []


def test_everyone_can_sign_in_and_finds_their_way(demo: Session, app: Flask) -> None:
    expected = {
        "crossref@example.org": "Cross Reference Types",
        "crossref-view@example.org": "Cross Reference Types",
        "visitor@example.org": "by itself it can do nothing in it",
        "north@example.org": "North Center members",
        "manage@example.org": "European partners",
    }
    for user in DEMO_USERS:
        client = sign_in(app.test_client(), Person(0, user.email, user.name, user.password))
        page = client.get("/", follow_redirects=True)
        assert page.status_code == 200
        assert expected.get(user.email, "Donor system update") in page.text, user.email


def test_samples_can_be_downloaded_and_are_the_same_each_time(
    demo: Session, client: FlaskClient[Any]
) -> None:
    admin = DEMO_USERS[0]
    sign_in(client, Person(0, admin.email, admin.name, admin.password))
    for sample in demo_samples():
        answer = client.get(f"/samples/{sample.name}")
        assert answer.status_code == 200
        made = open_sample(sample.name)
        assert made is not None
        assert answer.data == made.read()
        assert "attachment" in answer.headers["Content-Disposition"]
    assert client.get("/samples/passwords.csv").status_code == 404


@pytest.mark.parametrize("sample", demo_samples(), ids=lambda sample: sample.name)
def test_a_sample_has_as_many_rows_as_it_says(sample: Sample) -> None:
    made = open_sample(sample.name)
    assert made is not None
    rows = len(read_all(Bytes(made.read())).rows)
    assert sample.description.startswith((f"{rows} rows", f"{rows} sign-ups")), rows


def test_without_the_demo_there_are_no_samples(app: Flask, client: FlaskClient[Any]) -> None:
    sign_in(client, make_admin(app, "boss@example.org"))
    assert client.get("/samples/constituents.csv").status_code == 404
