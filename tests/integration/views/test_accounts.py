"""Signing in and out, what ends a session, and the password."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.people import PASSWORD, Person, make_admin, make_person, sign_in
from webapp.extensions import db
from webapp.models import User
from webapp.rules.roles import Role
from webapp.services import users

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

SIGN_IN = "/account/sign-in"
PASSWORD_PAGE = "/account/password"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app, "Rita@Example.org", Role.DATA_SYNC_RUN)


def is_signed_in(client: FlaskClient[Any]) -> bool:
    return client.get(PASSWORD_PAGE).status_code == 200


def try_password(client: FlaskClient[Any], email: str, password: str = "wrong") -> int:
    return client.post(SIGN_IN, data={"email": email, "password": password}).status_code


def age_session(client: FlaskClient[Any], minutes: float) -> None:
    with client.session_transaction() as session:
        session["seen_at"] = int(time.time() - minutes * 60)


def test_sign_in_takes_the_email_in_any_case(client: FlaskClient[Any], person: Person) -> None:
    answer = client.post(SIGN_IN, data={"email": " rITA@example.ORG ", "password": PASSWORD})
    assert answer.status_code == 303
    assert answer.location == "/"
    assert is_signed_in(client)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("rita@example.org", "wrong"),
        ("rita@example.org", ""),
        ("", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("rita@example.org\x00", "wrong"),
        ("rita@example.org", "x" * 5000),
    ],
)
def test_sign_in_is_refused(
    client: FlaskClient[Any], person: Person, email: str, password: str
) -> None:
    assert try_password(client, email, password) == 422
    assert not is_signed_in(client)


def test_a_refusal_does_not_tell_whether_there_is_such_a_user(
    client: FlaskClient[Any], person: Person
) -> None:
    pages = [
        # The form's token has the second it was made in
        re.sub(
            r"[\w-]+\.[\w-]{6}\.[\w-]{27}",
            "",
            client.post(SIGN_IN, data={"email": email, "password": "wrong"}).text,
        ).replace(email, "")
        for email in (person.email, "nobody@example.org")
    ]
    assert pages[0] == pages[1]


def test_a_deactivated_user_is_out_at_once(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    sign_in(client, person)
    with app.app_context():
        user = users.find_user(db.session(), person.id)
        assert user is not None
        users.set_active(db.session(), user, is_active=False)
        db.session.commit()
    assert not is_signed_in(client)
    assert try_password(client, person.email, PASSWORD) == 422


def test_roles_taken_away_are_gone_at_the_next_request(
    app: Flask, client: FlaskClient[Any]
) -> None:
    sign_in(client, make_admin(app))
    assert client.get("/admin/users/").status_code == 200
    with app.app_context():
        db.session.execute(text("UPDATE users SET is_site_admin = false"))
        db.session.commit()
    assert client.get("/admin/users/").status_code == 403


def test_ten_failures_close_an_account_for_a_while_also_to_the_right_password(
    client: FlaskClient[Any], person: Person
) -> None:
    assert [try_password(client, person.email) for _ in range(10)] == [422] * 10
    answer = client.post(SIGN_IN, data={"email": person.email.upper(), "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Wait 15 minutes" in answer.text


def test_sixty_failures_from_one_address_close_it(app: Flask) -> None:
    client = app.test_client()
    tries = [try_password(client, f"someone{number}@example.org") for number in range(61)]
    assert tries == [422] * 60 + [429]
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    data = {"email": "someone@example.org", "password": "wrong"}
    assert client.post(SIGN_IN, data=data, environ_base=elsewhere).status_code == 422


def test_signing_in_often_is_not_a_failure(app: Flask, person: Person) -> None:
    for _ in range(15):
        sign_in(app.test_client(), person)


def test_sign_in_starts_a_new_session(client: FlaskClient[Any], person: Person) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by someone else"
        session["sid"] = "known to someone else"
    sign_in(client, person)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["sid"] != "known to someone else"


def test_the_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(
    client: FlaskClient[Any], person: Person
) -> None:
    answer = client.post(SIGN_IN, data={"email": person.email, "password": PASSWORD})
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_copied_cookie_is_worthless_after_signing_out(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    sign_in(client, person)
    cookie = client.get_cookie("datasync_session")
    assert cookie is not None
    assert client.post("/account/sign-out").location == SIGN_IN
    thief = app.test_client()
    thief.set_cookie("datasync_session", cookie.value)
    assert not is_signed_in(thief)


def test_signing_out_asks_for_a_post(client: FlaskClient[Any], person: Person) -> None:
    sign_in(client, person)
    assert client.get("/account/sign-out").status_code == 405
    assert is_signed_in(client)


def test_a_session_ends_after_idling(client: FlaskClient[Any], person: Person) -> None:
    sign_in(client, person)
    age_session(client, 59)
    assert is_signed_in(client)
    age_session(client, 61)
    answer = client.get(PASSWORD_PAGE)
    assert answer.status_code == 303
    assert answer.location == f"{SIGN_IN}?next={PASSWORD_PAGE}"
    assert "after 60 minutes without activity" in client.get(answer.location).text


def test_activity_keeps_a_session_alive_but_polling_does_not(
    client: FlaskClient[Any], person: Person
) -> None:
    sign_in(client, person)

    def seen_at() -> int:
        with client.session_transaction() as session:
            return int(session["seen_at"])

    age_session(client, 30)
    before = seen_at()
    client.get("/health")
    assert seen_at() == before
    client.get(PASSWORD_PAGE)
    assert seen_at() > before


def test_changing_the_password_ends_the_other_sessions(app: Flask, person: Person) -> None:
    here, there = (sign_in(app.test_client(), person) for _ in range(2))
    new = "another horse, another battery"
    data = {"current": PASSWORD, "password": new, "again": new}
    assert here.post(PASSWORD_PAGE, data=data).status_code == 303
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert try_password(app.test_client(), person.email, PASSWORD) == 422
    assert try_password(app.test_client(), person.email, new) == 303


@pytest.mark.parametrize(
    ("current", "password", "again", "message"),
    [
        ("wrong", "a good long one", "a good long one", "not your current password"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, "a good long one", "a good long two", "the same way twice"),
        (PASSWORD, "rita@example.org", "rita@example.org", "not the email"),
        (PASSWORD, "aaaaaaaaaaaaa", "aaaaaaaaaaaaa", "four different characters"),
        (PASSWORD, "x y" * 100, "x y" * 100, "at most 200 characters"),
        (PASSWORD, "", "", "Enter a new password"),
    ],
)
def test_a_password_change_is_refused(
    client: FlaskClient[Any],
    person: Person,
    current: str,
    password: str,
    again: str,
    message: str,
) -> None:
    sign_in(client, person)
    answer = client.post(
        PASSWORD_PAGE, data={"current": current, "password": password, "again": again}
    )
    assert answer.status_code == 422
    assert message in answer.text
    assert try_password(client, person.email, PASSWORD) == 303


def test_guessing_the_current_password_is_limited(client: FlaskClient[Any], person: Person) -> None:
    sign_in(client, person)
    data = {"current": "wrong", "password": "a good long one", "again": "a good long one"}
    tries = [client.post(PASSWORD_PAGE, data=data).status_code for _ in range(11)]
    assert tries == [422] * 10 + [429]


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/account/password", "/account/password"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_sign_in_leads_back_but_never_off_the_site(
    client: FlaskClient[Any], person: Person, wanted: str, location: str
) -> None:
    data = {"email": person.email, "password": PASSWORD, "next": wanted}
    assert client.post(SIGN_IN, data=data).location == location
    assert client.get(SIGN_IN, query_string={"next": wanted}).location == location


def test_an_expired_session_never_puts_the_sign_in_page_into_a_fragment(
    client: FlaskClient[Any],
) -> None:
    shown = {"HX-Current-URL": "http://localhost/account/password?x=1"}
    answer = client.get(PASSWORD_PAGE, headers=HTMX | shown)
    assert answer.status_code == 401
    assert answer.mimetype == "text/plain"
    assert answer.headers["HX-Redirect"] == f"{SIGN_IN}?next=/account/password?x%3D1"
    elsewhere = {"HX-Current-URL": "http://evil.example/"}
    answer = client.get(PASSWORD_PAGE, headers=HTMX | elsewhere)
    assert answer.headers["HX-Redirect"] == SIGN_IN


def test_a_refusal_in_a_fragment_is_one_sentence(client: FlaskClient[Any], person: Person) -> None:
    sign_in(client, person)
    answer = client.get("/admin/users/", headers=HTMX)
    assert answer.status_code == 403
    assert answer.mimetype == "text/plain"
    assert answer.text.startswith("You may not do this.")
    assert "HX-Redirect" not in answer.headers


@pytest.mark.parametrize("cookie", ["1.1", "x", "99999999999999999999999.1", "1.-1", "1", "."])
def test_a_cookie_that_makes_no_sense_signs_nobody_in(
    client: FlaskClient[Any], person: Person, cookie: str
) -> None:
    with client.session_transaction() as session:
        session["_user_id"] = cookie
    assert not is_signed_in(client)


def test_forms_need_their_token(app: Flask, person: Person) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    answer = client.post(SIGN_IN, data={"email": person.email, "password": PASSWORD})
    assert answer.status_code == 400
    assert "open for too long" in answer.text
    answer = client.post(SIGN_IN, headers=HTMX)
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")


def test_the_token_is_taken_from_the_page_or_from_a_header(app: Flask, person: Person) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    for as_header in (False, True):
        client = app.test_client()
        page = client.get(SIGN_IN).text
        token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
        data = {"email": person.email, "password": PASSWORD}
        headers = {"X-CSRFToken": token} if as_header else {}
        data |= {} if as_header else {"csrf_token": token}
        assert client.post(SIGN_IN, data=data, headers=headers).status_code == 303


def test_the_stored_password_is_argon2(app: Flask, person: Person) -> None:
    with app.app_context():
        user = db.session.get(User, person.id)
        assert user is not None
        assert user.password_hash.startswith("$argon2id$")
        assert user.last_sign_in_at is None


def test_the_change_log_is_told_who_acts_in_every_transaction(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    question = text(
        "SELECT current_setting('datasync.actor_id', true), current_setting('datasync.actor', true)"
    )
    answers = []

    def ask() -> str:
        answers.append(tuple(db.session.execute(question).one()))
        db.session.commit()
        answers.append(tuple(db.session.execute(question).one()))
        return "asked"

    app.view_functions["accounts.change_password"] = ask
    sign_in(client, person)
    client.get(PASSWORD_PAGE)
    assert answers == [(str(person.id), person.name)] * 2
    with app.app_context():
        assert db.session.execute(question).one()[0] in {None, ""}
