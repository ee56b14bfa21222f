"""The pages of constituents over HTTP: who sees what, fragments, and what saving answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, select

from tests.finished_runs import make_run
from tests.people import Person, make_admin, make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import (
    CenterMember,
    Change,
    Constituent,
    ConstituentEmail,
    CustomField,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
)
from webapp.rules.roles import Role
from webapp.services.changes import set_actor

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

HTMX = {"HX-Request": "true"}


@pytest.fixture
def center(app: Flask) -> int:
    return make_center(app, "Own")


@pytest.fixture
def person(app: Flask, center: int) -> int:
    """A constituent of a center, with a history."""
    with app.app_context():
        session = db.session()
        set_actor(session, None, "The beginning")
        session.add(CustomField(key="board", label="Board member", kind="yes_no"))
        made = Constituent(
            first_name="<b>Ada</b>",
            last_name="Lovelace",
            primary_email="ada@example.org",
            member_id="M-1",
            home_city="London",
        )
        session.add(made)
        session.flush()
        session.add(CenterMember(center_id=center, constituent_id=made.id))
        session.add(ConstituentEmail(constituent_id=made.id, email="ada@example.org"))
        session.commit()
        run = make_run(session, label="Spring members")
        session.commit()
        set_actor(session, None, "Robin", run.id)
        made.home_city, made.modified_row = "Paris", 12
        session.commit()
        return made.id


def version(page: TestResponse) -> str:
    found = re.search(r'name="version"[^>]* value="(\d+)"', page.text)
    assert found, "The form remembers no version"
    return found[1]


def as_(client: FlaskClient[Any], who: Person) -> FlaskClient[Any]:
    return sign_in(client, who)


def test_the_page_and_its_fragment_show_the_same(
    app: Flask, client: FlaskClient[Any], person: int
) -> None:
    as_(client, make_admin(app))
    page = client.get("/constituents/?q=lovelace")
    fragment = client.get("/constituents/results?q=lovelace", headers=HTMX)
    assert page.status_code == fragment.status_code == 200
    assert fragment.text.lstrip().startswith('<div id="constituent-results"')
    assert fragment.text.strip() in page.text
    assert fragment.headers["HX-Replace-Url"] == "/constituents/?q=lovelace"
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page.text
    whole = client.get("/constituents/results?q=lovelace")
    assert "<!doctype html>" in whole.text


def test_odd_addresses_are_answered(app: Flask, client: FlaskClient[Any], person: int) -> None:
    as_(client, make_admin(app))
    for address in (
        "/constituents/?q=%00&status=nonsense&after=%00",
        "/constituents/?q=" + "x" * 5000,
        f"/constituents/{person}/history?before=-1",
        f"/constituents/{person}/history?before={10**30}",
        f"/constituents/{person}/history?field=home_city",
        f"/constituents/{person}/history?field=custom.board",
    ):
        assert client.get(address).status_code == 200, address
    for address in (
        f"/constituents/{10**30}",
        "/constituents/999",
        f"/constituents/{person}/history?field=password",
    ):
        assert client.get(address).status_code == 404, address


def test_a_center_sees_its_members_and_nobody_else(
    app: Flask, client: FlaskClient[Any], center: int, person: int
) -> None:
    with app.app_context():
        stranger = Constituent(last_name="Lovelace-Stranger")
        db.session.add(stranger)
        db.session.commit()
        other_id = stranger.id
    as_(client, make_person(app, "own@example.org", Role.DATA_SYNC_RUN, center_id=center))
    found = client.get("/constituents/?q=lovelace").text
    assert "M-1" in found
    assert "Stranger" not in found
    for page in ("", "/edit", "/history"):
        assert client.get(f"/constituents/{person}{page}").status_code == 200
        assert client.get(f"/constituents/{other_id}{page}").status_code == 404
    assert client.post(f"/constituents/{other_id}/edit", data={"suffix": "X"}).status_code == 404
    history = client.get(f"/constituents/{person}/history").text
    assert "Spring members" in history
    assert "/runs/" not in history.partition("<main")[2], "The run is the site's: no way to it"


def test_who_may_only_look_gets_no_form(app: Flask, client: FlaskClient[Any], person: int) -> None:
    as_(client, make_person(app, "view@example.org", Role.DATA_SYNC_VIEW))
    page = client.get(f"/constituents/{person}")
    assert page.status_code == 200
    assert "/edit" not in page.text
    assert client.get(f"/constituents/{person}/edit").status_code == 403
    assert client.post(f"/constituents/{person}/edit", data={}).status_code == 403


def test_saving_goes_to_the_profile_and_into_the_log(
    app: Flask, client: FlaskClient[Any], person: int
) -> None:
    who = make_person(app, "run@example.org", Role.DATA_SYNC_RUN, name="Rita Runner")
    as_(client, who)
    form = client.get(f"/constituents/{person}/edit")
    answer = client.post(
        f"/constituents/{person}/edit",
        data={"version": version(form), "home_city": "Rome", "custom__board": "No"},
        follow_redirects=True,
    )
    assert "Saved: Home city, Board member." in answer.text
    assert "Rome" in answer.text
    with app.app_context():
        last = db.session.scalars(select(Change).order_by(Change.id.desc()).limit(1)).one()
        assert (last.actor_id, last.actor) == (who.id, "Rita Runner")
        assert last.old == {"home_city": "Paris", "custom.board": None}
    history = client.get(f"/constituents/{person}/history?field=home_city").text
    assert re.search(r"<del>Paris</del>.*<ins>Rome</ins>", history, re.DOTALL)
    assert re.search(r"<del>London</del>.*<ins>Paris</ins>", history, re.DOTALL)
    assert "members.csv" in history
    assert f"/rows/{12}" in history


def test_what_is_wrong_keeps_what_was_typed(
    app: Flask, client: FlaskClient[Any], person: int
) -> None:
    as_(client, make_admin(app))
    answer = client.post(
        f"/constituents/{person}/edit",
        data={
            "version": version(client.get(f"/constituents/{person}/edit")),
            "primary_email": "nonsense",
            "first_name": "y" * 60,
            "last_name": 'Typed "here"',
            "email_status": "good",
        },
    )
    assert answer.status_code == 422
    assert "Primary email is “nonsense”, which is not an email address" in answer.text
    assert "First name has 60 characters and can have 50" in answer.text
    assert 'value="Typed &#34;here&#34;"' in answer.text
    assert re.search(r'<option selected value="good"', answer.text)
    with app.app_context():
        assert db.session.get_one(Constituent, person).last_name == "Lovelace"


def test_the_second_one_to_save_is_told(app: Flask, client: FlaskClient[Any], person: int) -> None:
    as_(client, make_admin(app))
    opened = version(client.get(f"/constituents/{person}/edit"))
    data = {"version": opened, "home_city": "Rome"}
    assert client.post(f"/constituents/{person}/edit", data=data).status_code == 303
    data = {"version": opened, "home_city": "Oslo", "first_name": "Ada"}
    answer = client.post(f"/constituents/{person}/edit", data=data)
    assert answer.status_code == 409
    assert "you changed it too" in answer.text
    assert 'value="Oslo"' in answer.text
    data["version"] = version(answer)
    assert client.post(f"/constituents/{person}/edit", data=data).status_code == 303
    with app.app_context():
        assert db.session.get_one(Constituent, person).home_city == "Oslo"


def test_a_version_that_is_none_never_overwrites(
    app: Flask, client: FlaskClient[Any], person: int
) -> None:
    as_(client, make_admin(app))
    for sent in ("", "x", "-1", str(10**30)):
        data = {"version": sent, "home_city": "Oslo"}
        answer = client.post(f"/constituents/{person}/edit", data=data)
        assert answer.status_code in {409, 422}, sent


def test_a_removed_record_says_so(app: Flask, client: FlaskClient[Any], person: int) -> None:
    with app.app_context():
        kept = Constituent(last_name="Kept")
        db.session.add(kept)
        db.session.flush()
        removed = db.session.get_one(Constituent, person)
        removed.active_detail, removed.merged_into_id = "Removed as duplicate", kept.id
        db.session.commit()
        kept_id = kept.id
    as_(client, make_admin(app))
    page = client.get(f"/constituents/{person}").text
    assert "Removed as duplicate" in page
    assert f'href="/constituents/{kept_id}">Kept</a>' in page
    assert "Removed as duplicate" in client.get("/constituents/?q=lovelace").text
    assert "M-1" not in client.get("/constituents/?q=lovelace&status=active").text


def test_a_removed_record_is_made_active_again(
    app: Flask, client: FlaskClient[Any], person: int
) -> None:
    with app.app_context():
        db.session.get_one(Constituent, person).active_detail = "Removed by administrator"
        db.session.commit()
    as_(client, make_admin(app))
    path = f"/constituents/{person}/reactivate"
    assert f'action="{path}"' in client.get(f"/constituents/{person}").text
    page = client.post(path, follow_redirects=True).text
    assert "The record is active again." in page
    assert path not in page


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    with app.app_context():
        engine = db.engine
    statements: list[str] = []

    def count(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", count)
    yield statements
    event.remove(engine, "before_cursor_execute", count)


def test_a_page_costs_the_same_however_much_it_shows(
    app: Flask, client: FlaskClient[Any], person: int
) -> None:
    as_(client, make_admin(app))
    pages = ("/constituents/", f"/constituents/{person}", f"/constituents/{person}/history")
    pages += ("/groups/", "/groups/interests")
    few = []
    for page in pages:
        with counted(app) as statements:
            assert client.get(page).status_code == 200
        few.append(len(statements))
    with app.app_context():
        session = db.session()
        for number in range(20):
            group, interest = Group(name=f"G{number}"), Interest(name=f"I{number}")
            session.add_all([group, interest, Constituent(last_name=f"P{number}")])
            session.flush()
            session.add(GroupMember(group_id=group.id, constituent_id=person))
            session.add(
                InterestChoice(interest_id=interest.id, constituent_id=person, opted_in=True)
            )
            session.add(ConstituentEmail(constituent_id=person, email=f"e{number}@example.org"))
            session.commit()
        assert session.scalar(select(func.count()).select_from(Change)) > 60
    for page, before in zip(pages, few, strict=True):
        with counted(app) as statements:
            assert client.get(page).status_code == 200
        assert len(statements) <= before + 4, page
        assert len(statements) <= 20, page
