"""The administrator's pages: users, their roles site-wide or per center, and centers."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from tests.holding import WAITING
from tests.people import PASSWORD, Person, make_admin, make_center, make_person, sign_in
from tests.processes.serving import eventually
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Center, User
from webapp.rules.roles import Grant, Role
from webapp.services import centers, users

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

VIEW_AREA = Role.VIEW_IMPORT_EXPORT


@pytest.fixture
def admin(app: Flask) -> Person:
    return make_admin(app)


@pytest.fixture
def north(app: Flask) -> int:
    return make_center(app, "North")


@pytest.fixture
def administration(client: FlaskClient[Any], admin: Person) -> FlaskClient[Any]:
    return sign_in(client, admin)


def form(**changes: Any) -> dict[str, Any]:
    """What the page sends: the site's row of roles, then the row for a center to be chosen."""
    empty = {"data_sync": "", "crossref": ""}
    data: dict[str, Any] = {"name": "Otto", "email": "otto@example.org", "new_center": "-1"}
    for index, place in enumerate((0, -1)):
        data[f"roles-{index}-center_id"] = str(place)
        data |= {f"roles-{index}-{name}": value for name, value in empty.items()}
    return data | {name.replace("__", "-"): value for name, value in changes.items()}


def grants_of(app: Flask, email: str) -> set[Grant]:
    with app.app_context():
        user = users.find_by_email(db.session(), email)
        assert user is not None
        return set(users.grants_of(user))


def test_a_user_is_made_with_roles_for_the_site_and_a_center(
    app: Flask, administration: FlaskClient[Any], north: int
) -> None:
    data = form(
        password="a password of mine",
        roles__0__crossref="crossref_view",
        roles__1__data_sync="data_sync_run",
        new_center=str(north),
    )
    answer = administration.post("/admin/users/new", data=data)
    assert answer.status_code == 303
    assert grants_of(app, "otto@example.org") == {
        Grant(VIEW_AREA),
        Grant(Role.CROSSREF_VIEW),
        Grant(VIEW_AREA, north),
        Grant(Role.DATA_SYNC_RUN, north),
    }
    otto = Person(0, "otto@example.org", "Otto", "a password of mine")
    sign_in(app.test_client(), otto)


def test_a_password_is_made_when_none_is_given_and_shown_once(
    app: Flask, administration: FlaskClient[Any]
) -> None:
    page = administration.post("/admin/users/new", data=form())
    found = re.search(r'id="new-password">([^<]+)<', page.text)
    assert page.status_code == 200
    assert found is not None
    assert page.headers["Cache-Control"] == "no-store"
    sign_in(app.test_client(), Person(0, "otto@example.org", "Otto", found[1]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "Enter a name."),
        ({"email": ""}, "Enter an email."),
        ({"email": "otto"}, "Enter an email such as"),
        ({"email": "otto@example.org, eve@example.org"}, "Enter an email such as"),
        ({"email": "ADMIN@example.org"}, "Another user has this email."),
        ({"email": "a" * 250 + "@example.org"}, "at most 255"),
        ({"password": "short"}, "at least 12 characters"),
        ({"roles__1__data_sync": "data_sync_run"}, "Choose the center that these roles are for."),
        ({"roles__0__data_sync": "owner"}, "Not a valid choice"),
        ({"roles__1__data_sync": "owner"}, "Not a valid choice"),
        ({"roles__0__center_id": str(2**70), "roles__0__data_sync": "data_sync_run"}, "no longer"),
        ({"new_center": "77"}, "Not a valid choice"),
    ],
)
def test_a_user_is_refused(
    app: Flask, administration: FlaskClient[Any], changes: dict[str, str], message: str
) -> None:
    answer = administration.post("/admin/users/new", data=form(**changes))
    assert answer.status_code == 422
    assert message in answer.text
    with app.app_context():
        assert db.session.scalars(select(User.email)).all() == ["admin@example.org"]


def test_roles_are_changed_and_taken_away(
    app: Flask, administration: FlaskClient[Any], north: int
) -> None:
    person = make_person(
        app,
        "otto@example.org",
        grants=[Grant(Role.DATA_SYNC_MANAGE), Grant(Role.DATA_SYNC_VIEW, north)],
    )
    page = administration.get(f"/admin/users/{person.id}").text
    assert "North" in page
    data = form(name="Otto O", roles__1__center_id=str(north), roles__0__data_sync="data_sync_view")
    data |= {"roles-2-center_id": "-1", "roles-2-data_sync": "", "roles-2-crossref": ""}
    answer = administration.post(f"/admin/users/{person.id}", data=data)
    assert answer.status_code == 303
    assert grants_of(app, person.email) == {Grant(VIEW_AREA), Grant(Role.DATA_SYNC_VIEW)}


def test_roles_for_a_center_that_is_gone_are_refused(
    app: Flask, administration: FlaskClient[Any]
) -> None:
    person = make_person(app, "otto@example.org")
    data = form(roles__0__center_id="999", roles__0__data_sync="data_sync_run")
    answer = administration.post(f"/admin/users/{person.id}", data=data)
    assert answer.status_code == 422
    assert "That center no longer exists." in answer.text


def test_the_last_administrator_stays_one(
    app: Flask, administration: FlaskClient[Any], admin: Person
) -> None:
    data = form(name="Ada", email=admin.email)
    answer = administration.post(f"/admin/users/{admin.id}", data=data)
    assert answer.status_code == 422
    assert "Make another user one first." in answer.text
    make_person(app, "second@example.org", is_site_admin=True)
    assert administration.post(f"/admin/users/{admin.id}", data=data).status_code == 303


def test_nobody_deactivates_themselves(
    app: Flask, administration: FlaskClient[Any], admin: Person
) -> None:
    make_person(app, "second@example.org", is_site_admin=True)
    administration.post(f"/admin/users/{admin.id}/active", data={"active": "no"})
    page = administration.get(f"/admin/users/{admin.id}")
    assert page.status_code == 200
    assert "You cannot deactivate yourself." in page.text


def test_two_administrators_who_demote_each_other_leave_one(app: Flask, admin: Person) -> None:
    other = make_person(app, "second@example.org", is_site_admin=True)
    both = threading.Barrier(2)
    outcomes: list[str] = []

    def deactivate(person: Person) -> None:
        with app.app_context():
            user = users.find_user(db.session(), person.id)
            assert user is not None
            both.wait()
            try:
                users.set_active(db.session(), user, is_active=False)
                db.session.commit()
                outcomes.append("done")
            except DataSyncError as error:
                db.session.rollback()
                outcomes.append(error.code)

    threads = [threading.Thread(target=deactivate, args=(person,)) for person in (admin, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "last_admin"]


def test_two_users_of_one_email_at_the_same_moment_make_one(app: Flask) -> None:
    with app.app_context():
        first, second = (db.engine.connect() for _ in range(2))
        from sqlalchemy.orm import Session

        with Session(first) as mine, Session(second) as theirs:
            users.create_user(mine, email="otto@example.org", password=PASSWORD)
            error: list[DataSyncError] = []

            def create() -> None:
                try:
                    users.create_user(theirs, email="OTTO@example.org", password=PASSWORD)
                except DataSyncError as refused:
                    error.append(refused)

            thread = threading.Thread(target=create)
            thread.start()
            assert eventually(lambda: mine.scalar(text(WAITING))), "it waits for the first"
            mine.commit()
            thread.join()
            assert error[0].code == "email_taken"
        first.close()
        second.close()


def test_a_password_is_reset_and_ends_the_sessions(
    app: Flask, administration: FlaskClient[Any]
) -> None:
    person = make_person(app, "otto@example.org")
    theirs = sign_in(app.test_client(), person)
    page = administration.post(f"/admin/users/{person.id}/password")
    found = re.search(r'id="new-password">([^<]+)<', page.text)
    assert found is not None
    assert theirs.get("/account/password").status_code == 303
    sign_in(theirs, Person(person.id, person.email, person.name, found[1]))


def test_a_user_is_deactivated_and_let_in_again(
    app: Flask, administration: FlaskClient[Any]
) -> None:
    person = make_person(app, "otto@example.org", Role.DATA_SYNC_RUN)
    address = f"/admin/users/{person.id}/active"
    administration.post(address, data={"active": "no"})
    assert "Deactivated" in administration.get("/admin/users/").text
    data = {"email": person.email, "password": PASSWORD}
    assert app.test_client().post("/account/sign-in", data=data).status_code == 422
    administration.post(address, data={"active": "yes"})
    sign_in(app.test_client(), person)


@pytest.mark.parametrize("number", ["999", "0", "99999999999999999999999"])
def test_a_user_who_is_not_there_is_not_found(
    administration: FlaskClient[Any], number: str
) -> None:
    assert administration.get(f"/admin/users/{number}").status_code == 404
    assert administration.post(f"/admin/users/{number}/password").status_code == 404
    assert administration.get(f"/admin/centers/{number}").status_code == 404


def test_names_are_shown_as_text(app: Flask, administration: FlaskClient[Any]) -> None:
    make_person(app, "otto@example.org", name="<script>alert(1)</script>")
    page = administration.get("/admin/users/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_centers_are_made_renamed_and_unique(app: Flask, administration: FlaskClient[Any]) -> None:
    new = "/admin/centers/new"
    assert "No centers yet" in administration.get("/admin/centers/").text
    assert administration.post(new, data={"name": "  North \n  Shore "}).status_code == 303
    answer = administration.post(new, data={"name": "NORTH SHORE"})
    assert answer.status_code == 422
    assert "There is a center of this name already." in answer.text
    assert administration.post(new, data={"name": " "}).status_code == 422
    with app.app_context():
        center = db.session.scalars(select(Center)).one()
        assert center.name == "North Shore"
        address = f"/admin/centers/{center.id}"
    assert administration.post(address, data={"name": "north shore"}).status_code == 303
    assert "north shore" in administration.get("/admin/centers/").text


def test_users_of_a_center_are_counted_once_each(app: Flask, north: int) -> None:
    make_person(app, "a@example.org", Role.DATA_SYNC_RUN, Role.CROSSREF_VIEW, center_id=north)
    make_person(app, "b@example.org", VIEW_AREA, center_id=north)
    make_person(app, "c@example.org", VIEW_AREA)
    with app.app_context():
        assert centers.count_users(db.session()) == {north: 2}
