"""What people see when something fails, and what nobody ever sees: a traceback."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.people import Person, make_admin, make_person, sign_in
from webapp import create_app
from webapp.config import current_redis
from webapp.extensions import db
from webapp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient

PAGE = "/account/password"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app, "otto@example.org")


def serve(app: Flask, view: Callable[[], Any]) -> None:
    """Answer for the password page with this instead, as in production."""
    app.config["TESTING"] = False
    app.view_functions["accounts.change_password"] = view


def test_a_page_that_is_not_there(client: FlaskClient[Any], person: Person) -> None:
    for answer in (client.get("/nothing"), sign_in(client, person).get("/nothing")):
        assert answer.status_code == 404
        assert "There is no such page" in answer.text
    answer = client.get("/nothing", headers=HTMX)
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")


def test_a_wrong_method(client: FlaskClient[Any]) -> None:
    answer = client.put("/account/sign-in")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_fault_of_ours_is_a_page_with_a_reference(
    app: Flask, client: FlaskClient[Any], person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise RuntimeError("secret detail")

    sign_in(client, person)
    serve(app, fail)
    answer = client.get(PAGE)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    reference = answer.text.partition('<span class="key">')[2][:8]
    assert f"Fault {reference} during GET {PAGE}" in caplog.text


def test_a_full_disk_has_its_own_sentence(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    def fill() -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    sign_in(client, person)
    serve(app, fill)
    answer = client.get(PAGE)
    assert answer.status_code == 503
    assert "disk is full" in answer.text


def test_a_full_disk_of_the_database_too(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    def fill() -> str:
        raising = "DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$"
        db.session.execute(text(raising))
        return "unreachable"

    sign_in(client, person)
    serve(app, fill)
    answer = client.get(PAGE)
    assert answer.status_code == 503
    assert "disk is full" in answer.text


def test_a_lost_connection_is_a_friendly_503_and_the_next_request_works(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    good = app.view_functions["accounts.change_password"]

    def lose() -> str:
        db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return "unreachable"

    sign_in(client, person)
    serve(app, lose)
    answer = client.get(PAGE)
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert answer.headers["Retry-After"] == "5"
    answer = client.get(PAGE, headers=HTMX)
    assert (answer.status_code, answer.mimetype) == (503, "text/plain")
    app.view_functions["accounts.change_password"] = good
    assert client.get(PAGE).status_code == 200


def test_connections_that_died_while_idle_are_not_noticed(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    sign_in(client, person)
    client.get(PAGE)
    with app.app_context(), db.engine.connect() as other:
        other.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    assert client.get(PAGE).status_code == 200


def test_no_database_and_no_queue(settings: Settings, app: Flask, person: Person) -> None:
    import dataclasses

    signed_in = sign_in(app.test_client(), person).get_cookie("datasync_session")
    assert signed_in is not None
    nowhere = dataclasses.replace(
        settings,
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        redis_url="redis://127.0.0.1:1/0",
    )
    lost = create_app(nowhere)
    client = lost.test_client()
    client.set_cookie("datasync_session", signed_in.value)
    answer = client.get(PAGE)
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    health = client.get("/health")
    assert health.status_code == 503
    assert health.json == {"database": "no answer", "queue": "no answer"}


def test_health(client: FlaskClient[Any]) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json == {"database": "ok", "queue": "ok"}


def test_pages_work_while_the_queue_is_away(settings: Settings, person: Person) -> None:
    import dataclasses

    away = create_app(dataclasses.replace(settings, redis_url="redis://127.0.0.1:1/0"))
    away.config["WTF_CSRF_ENABLED"] = False
    client = sign_in(away.test_client(), person)
    assert client.get(PAGE).status_code == 200
    assert client.post("/account/sign-out").status_code == 303
    for engine in _engines(away):
        engine.dispose()


def _engines(app: Flask) -> list[Any]:
    with app.app_context():
        return list(db.engines.values())


def test_a_queue_that_fails_during_a_request(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    from redis.exceptions import ConnectionError as QueueLost

    def lose() -> str:
        raise QueueLost("gone")

    sign_in(client, person)
    serve(app, lose)
    answer = client.get(PAGE)
    assert answer.status_code == 503
    assert "The queue does not answer" in answer.text
    with app.app_context():
        assert current_redis().ping()


def test_too_large_an_upload_is_told_the_limit(
    app: Flask, client: FlaskClient[Any], person: Person
) -> None:
    sign_in(client, person)
    app.config.update(MAX_CONTENT_LENGTH=1000, WTF_CSRF_ENABLED=True)
    answer = client.post(PAGE, data={"current": "x" * 2000})
    assert answer.status_code == 413
    assert "That is too large" in answer.text
    assert "The limit is 1.0 kB." in answer.text


def test_only_pages_that_take_files_read_more_than_a_form(
    client: FlaskClient[Any], person: Person
) -> None:
    answer = client.post(
        "/account/sign-in",
        data=bytes(17 * 1024**2),
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 413
    assert "The limit is 16.8 MB." in answer.text


def test_rights_are_checked_before_the_body_is_read(app: Flask, client: FlaskClient[Any]) -> None:
    app.config.update(MAX_CONTENT_LENGTH=1000, WTF_CSRF_ENABLED=True)
    answer = client.post(PAGE, data={"current": "x" * 2000})
    assert answer.status_code == 303


@pytest.mark.parametrize("path", ["/account/sign-in", "/nothing", "/static/app.css", "/health"])
def test_every_answer_carries_the_security_headers(client: FlaskClient[Any], path: str) -> None:
    headers = client.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_not_kept_by_caches_but_static_files_are(client: FlaskClient[Any]) -> None:
    assert client.get("/account/sign-in").headers["Cache-Control"] == "no-store"
    static = client.get("/static/app.css", buffered=True)
    assert "max-age=2592000" in static.headers["Cache-Control"]


def test_no_template_has_inline_script_or_style(app: Flask) -> None:
    from pathlib import Path

    for template in Path(app.root_path, "templates").rglob("*.html"):
        if "mail" in template.parts:
            continue  # letters have no style sheet to link to
        source = template.read_text(encoding="utf-8")
        for banned in (" style=", "<style", "<script>", " onclick=", " onchange=", "javascript:"):
            assert banned not in source, f"{template.name} has {banned}, which the policy refuses"


def test_the_administration_is_in_the_bar_only_for_administrators(
    app: Flask, person: Person
) -> None:
    assert "Administration" not in sign_in(app.test_client(), person).get("/").text
    admin = sign_in(app.test_client(), make_admin(app))
    assert "Administration" in admin.get("/", follow_redirects=True).text
