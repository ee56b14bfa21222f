"""Promise 10: every route, for every role, in one's own center, another one and the site.

What should happen is worked out from the access table and the roles; what does happen is asked
over HTTP. "Refused" is 403, or 404 for a thing of another center (that it exists is not told).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, url_for

from tests.access_examples import SHARED, SKIPPED, Example, example_of
from tests.people import make_admin, make_center, make_person, sign_in
from webapp import access
from webapp.access import PUBLIC, SIGNED_IN, TABLE, Rule, rule_of
from webapp.extensions import db
from webapp.rules.roles import Grant, Permission, Role, Standing, completed

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.routing import Rule as Route

NOBODY = "nobody"
KINDS = [
    NOBODY,
    "no roles",
    "administrator",
    "vendor support",
    *(f"{role.value} site-wide" for role in Role),
    *(f"{role.value} for a center" for role in Role),
]


@dataclass(frozen=True, slots=True)
class Walker:
    """Someone who tries every door."""

    client: FlaskClient[Any]
    standing: Standing | None
    own: int
    other: int


def standing_of(kind: str, own: int) -> Standing | None:
    if kind == NOBODY:
        return None
    role, _, place = kind.partition(" ")
    if place in {"site-wide", "for a center"}:
        grant = Grant(Role(role), None if place == "site-wide" else own)
        return Standing(completed({grant}))
    return Standing(
        is_site_admin=kind == "administrator", is_vendor_support=kind == "vendor support"
    )


@pytest.fixture(params=KINDS)
def walker(request: pytest.FixtureRequest, app: Flask) -> Walker:
    own, other = make_center(app, "Own"), make_center(app, "Other")
    standing = standing_of(request.param, own)
    client = app.test_client()
    if standing is not None:
        person = make_person(
            app,
            "walker@example.org",
            grants=standing.grants,
            is_site_admin=standing.is_site_admin,
            is_vendor_support=standing.is_vendor_support,
        )
        sign_in(client, person)
    return Walker(client, standing, own, other)


def doors(app: Flask) -> Iterator[tuple[Route, str]]:
    for route in app.url_map.iter_rules():
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            if (route.endpoint, method) not in SKIPPED:
                yield route, method


def should_open(walker: Walker, endpoint: str, place: int | None, *, has_center: bool) -> bool:
    rule = rule_of(endpoint)
    assert rule is not None
    if rule.who is PUBLIC:
        return True
    if walker.standing is None:
        return False
    if rule.who is SIGNED_IN:
        return True
    permission = Permission(rule.who.value)
    if not has_center or (place is None and endpoint in SHARED):
        return walker.standing.allows_somewhere(permission)
    return walker.standing.allows(permission, place)


def test_every_route_is_in_the_table(app: Flask) -> None:
    missing = {route.endpoint for route in app.url_map.iter_rules()} - set(TABLE)
    assert not missing, f"Say in webapp/access.py who may use {sorted(missing)}"


def test_the_table_has_no_route_that_is_gone(app: Flask) -> None:
    assert set(TABLE) <= set(app.view_functions)


def test_every_parameter_has_an_example(app: Flask) -> None:
    for route in app.url_map.iter_rules():
        for parameter in route.arguments:
            example_of(route.endpoint, parameter)


def test_only_get_changes_nothing_so_every_polled_fragment_is_a_get(app: Flask) -> None:
    for route in app.url_map.iter_rules():
        rule = rule_of(route.endpoint)
        if rule is not None and rule.is_polled:
            assert (route.methods or set()) <= {"GET", "HEAD", "OPTIONS"}, route.endpoint


def test_a_route_without_an_entry_is_closed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in(app.test_client(), make_admin(app))
    monkeypatch.delitem(TABLE, "home.index")
    assert client.get("/").status_code == 500
    app.config["TESTING"] = False
    assert client.get("/").status_code == 403


def test_every_door(app: Flask, walker: Walker) -> None:
    wrong = []
    looked_at: dict[tuple[int, int | None], Any] = {}
    for route, method in doors(app):
        # The run first: other things may be made for it.
        names = sorted(route.arguments, key=lambda name: (name != "run_id", name))
        examples = {name: example_of(route.endpoint, name) for name in names}
        has_center = any(example.has_center for example in examples.values())
        for place in (walker.own, walker.other, None) if has_center else (None,):
            expected = should_open(walker, route.endpoint, place, has_center=has_center)
            known = looked_at if method == "GET" else {}  # what changes things gets its own
            values = make_examples(app, examples, place, known)
            status, is_open = knock(app, walker, route.endpoint, method, values)
            if is_open != expected:
                where = {walker.own: "own", walker.other: "other"}.get(place or 0, "site")
                word = "open" if is_open else "closed"
                wrong.append(f"{method} {route} ({where}): {word} with {status}")
    assert not wrong, "\n".join(wrong)


def make_examples(
    app: Flask,
    examples: dict[str, Example],
    place: int | None,
    known: dict[tuple[int, int | None], Any],
) -> dict[str, Any]:
    """Values for a route's parameters, new ones where none is known."""
    with app.app_context():
        for example in examples.values():
            if (id(example), place) not in known:
                known[id(example), place] = example.make(db.session(), place)
        db.session.commit()
    return {name: known[id(example), place] for name, example in examples.items()}


def knock(
    app: Flask, walker: Walker, endpoint: str, method: str, values: dict[str, Any]
) -> tuple[int, bool]:
    """The status, and whether the door was open: neither refused nor sent to sign in."""
    with app.test_request_context():
        path = url_for(endpoint, **values)
    answer = walker.client.open(path, method=method, buffered=True)
    is_sent_away = answer.status_code == 303 and "/account/sign-in" in (answer.location or "")
    assert answer.status_code < 500, f"{method} {path} answered {answer.status_code}"
    return answer.status_code, not (is_sent_away or answer.status_code in {401, 403, 404})


def test_the_walk_notices_an_open_door(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk itself can fail: a table that lets everyone in is found out over HTTP."""
    own = make_center(app, "Own")
    person = make_person(app, "walker@example.org")
    walker = Walker(sign_in(app.test_client(), person), Standing(), own, own)
    honest = rule_of
    monkeypatch.setattr(access, "rule_of", lambda endpoint: Rule(PUBLIC))
    _, is_open = knock(app, walker, "users.list_users", "GET", {})
    assert is_open
    assert honest("users.list_users") == Rule(Permission.ADMINISTER)
    assert not should_open(walker, "users.list_users", None, has_center=False)
