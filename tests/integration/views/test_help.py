"""The help with spreadsheets: who may read it, and where it is reached from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.finished_runs import make_reject, make_run
from tests.people import make_person, sign_in
from webapp.extensions import db
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

LINK = 'href="/help/excel"'
KINDS = (
    "lost-zeros",
    "lost-digits",
    "became-date",
    "swapped-dates",
    "mojibake",
    "shifted-columns",
    "short-phone",
    "null-word",
    "stray-blanks",
    "apostrophe",
)


def test_it_is_for_everyone_who_is_signed_in(app: Flask, client: FlaskClient[Any]) -> None:
    assert client.get("/help/excel").location.startswith("/account/sign-in")
    sign_in(client, make_person(app, "new@example.org"))
    answer = client.get("/help/excel")
    assert answer.status_code == 200
    assert "Leading zeros and Excel" in answer.text


def test_it_has_a_place_for_every_kind_of_damage(app: Flask, client: FlaskClient[Any]) -> None:
    sign_in(client, make_person(app, "new@example.org"))
    page = client.get("/help/excel").text
    anchors = set(re.findall(r' id="([^"]+)"', page))
    assert anchors >= set(KINDS)
    assert anchors >= set(re.findall(r'href="#([^"]+)"', page)) - {"main"}


def test_its_pictures_are_our_own_and_say_what_they_show(
    app: Flask, client: FlaskClient[Any]
) -> None:
    sign_in(client, make_person(app, "new@example.org"))
    page = client.get("/help/excel").text
    assert "<img" not in page
    assert " style=" not in page
    pictures = re.findall(r'role="img" aria-label="([^"]*)"', page)
    assert len(pictures) >= 6
    assert all(len(words) > 20 for words in pictures)


@pytest.mark.parametrize(
    "path",
    ["/operations/", "/operations/all", "/operations/standard-constituent-import/start"],
)
def test_it_is_reached_from_where_templates_are_downloaded(
    app: Flask, client: FlaskClient[Any], path: str
) -> None:
    sign_in(
        client,
        make_person(app, "m@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE),
    )
    page = client.get(path, follow_redirects=True)
    assert page.status_code == 200
    assert LINK in main_of(page.text)


def test_it_is_reached_from_the_rejects(app: Flask, client: FlaskClient[Any]) -> None:
    sign_in(client, make_person(app, "m@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_VIEW))
    with app.app_context():
        run_id = make_run(db.session(), [make_reject(3, ["M-1", "Ada", "nonsense"])]).id
        db.session.commit()
    page = main_of(client.get(f"/runs/{run_id}").text)
    assert page.index("Download the rejects") < page.index(LINK)


def main_of(page: str) -> str:
    """The page without its bar, whose menu leads everywhere."""
    return page[page.index('<main id="main"') :]
