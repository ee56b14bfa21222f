"""Groups and interests over HTTP: what is listed, who is counted, and who sees which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.finished_runs import make_run
from tests.people import make_admin, make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import (
    CenterMember,
    Constituent,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
)
from webapp.rules.roles import Role
from webapp.services import groups
from webapp.services.groups import GroupFilter, list_groups, list_interests

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session

HTMX = {"HX-Request": "true"}


@pytest.fixture
def own(app: Flask) -> int:
    return make_center(app, "Own")


@pytest.fixture
def other(app: Flask) -> int:
    return make_center(app, "Other")


@pytest.fixture
def ids(app: Flask, own: int, other: int) -> dict[str, int]:
    """A General group, one of each center, one a run made; two members of which one is ours."""
    with app.app_context():
        session = db.session()
        run = make_run(session, label="Spring members")
        made = {
            "choir": Group(name="Chœur Été", folder="Music"),
            "ours": Group(name="Ours", center_id=own),
            "theirs": Group(name="Theirs", center_id=other),
            "new": Group(
                name="New: Spring members", kind="new", folder="Data Sync", made_by_run_id=run.id
            ),
        }
        people = [Constituent(last_name="Mine"), Constituent(last_name="Foreign")]
        session.add_all([*made.values(), *people])
        session.flush()
        session.add(CenterMember(center_id=own, constituent_id=people[0].id))
        session.add(CenterMember(center_id=other, constituent_id=people[1].id))
        for group in made.values():
            session.add_all(
                GroupMember(group_id=group.id, constituent_id=person.id) for person in people
            )
        parent = Interest(
            name="News", opt_in_group_id=made["choir"].id, opt_out_group_id=made["ours"].id
        )
        session.add(parent)
        session.flush()
        session.add_all(
            [
                Interest(name="Alerts", parent_id=parent.id),
                Interest(name="Foreign topic", center_id=other),
                InterestChoice(interest_id=parent.id, constituent_id=people[0].id, opted_in=True),
                InterestChoice(interest_id=parent.id, constituent_id=people[1].id, opted_in=False),
            ]
        )
        session.commit()
        return {name: group.id for name, group in made.items()} | {"run": run.id}


def names(session: Session, **wanted: Any) -> list[str]:
    return [line.name for line in list_groups(session, GroupFilter(**wanted)).groups]


def test_groups_are_narrowed_by_text_kind_and_folder(ids: dict[str, int], session: Session) -> None:
    assert names(session) == ["Ours", "Theirs", "New: Spring members", "Chœur Été"]
    assert names(session, text="ete") == ["Chœur Été"]
    assert names(session, text="SPRING") == ["New: Spring members"]
    assert names(session, text=str(ids["ours"])) == ["Ours"]
    assert names(session, text="%") == []
    assert names(session, kind="new") == ["New: Spring members"]
    assert names(session, folder="Music") == ["Chœur Été"]
    assert names(session, folder="") == ["Ours", "Theirs"]


def test_groups_come_in_pages(ids: dict[str, int], session: Session) -> None:
    whole = names(session)
    pages: list[str] = []
    after = None
    for _ in range(9):
        page = list_groups(session, GroupFilter(), after=after, limit=1)
        pages += [line.name for line in page.groups]
        after = page.next_after
        if after is None:
            break
    assert pages == whole


def test_a_list_stops_counting_members(
    ids: dict[str, int], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = list_groups(session, GroupFilter(text="ours")).groups[0]
    assert (line.members, line.is_more) == (2, False)
    monkeypatch.setattr(groups, "COUNTED", 1)
    line = list_groups(session, GroupFilter(text="ours")).groups[0]
    assert (line.members, line.is_more) == (1, True)


def test_interests_stand_under_their_parent(
    ids: dict[str, int], session: Session, own: int
) -> None:
    every = list_interests(session)
    assert [(line.name, line.parent) for line in every] == [
        ("Foreign topic", None),
        ("News", None),
        ("Alerts", "News"),
    ]
    assert (every[1].opted_in, every[1].opted_out) == (1, 1)
    ours = list_interests(session, center_ids=frozenset({own}))
    assert [line.name for line in ours] == ["News", "Alerts"]
    assert (ours[0].opted_in, ours[0].opted_out) == (1, 0)


def test_the_pages_for_the_site(app: Flask, client: FlaskClient[Any], ids: dict[str, int]) -> None:
    sign_in(client, make_admin(app))
    listed = client.get("/groups/").text
    assert "Theirs" in listed
    fragment = client.get("/groups/results?q=ete&folder=Music", headers=HTMX)
    assert fragment.text.lstrip().startswith('<div id="group-results"')
    assert fragment.headers["HX-Replace-Url"] == "/groups/?q=ete&folder=Music"
    page = client.get(f"/groups/{ids['new']}").text
    assert f'href="/runs/{ids["run"]}">Spring members</a>' in page
    assert "Mine" in page
    assert "Foreign" in page
    members = client.get(f"/groups/{ids['new']}/members?q=foreign", headers=HTMX)
    assert members.text.lstrip().startswith('<div id="group-members"')
    assert members.headers["HX-Replace-Url"] == f"/groups/{ids['new']}?q=foreign"
    assert "Mine" not in members.text
    assert "News" in client.get("/groups/interests").text
    assert "News" in client.get(f"/groups/{ids['choir']}").text


def test_a_center_sees_its_own_and_the_general_ones(
    app: Flask, client: FlaskClient[Any], ids: dict[str, int], own: int
) -> None:
    sign_in(client, make_person(app, "own@example.org", Role.DATA_SYNC_VIEW, center_id=own))
    listed = client.get("/groups/").text
    assert "Ours" in listed
    assert "Chœur" in listed
    assert "Theirs" not in listed
    assert re.search(r'<td class="num">1</td>', listed), "Only their own members are counted"
    assert client.get(f"/groups/{ids['theirs']}").status_code == 404
    assert client.get(f"/groups/{ids['theirs']}/members").status_code == 404
    page = client.get(f"/groups/{ids['choir']}").text
    assert "Members of your centers" in page
    assert "Mine" in page
    assert "Foreign" not in page
    assert f"/runs/{ids['run']}" not in client.get(f"/groups/{ids['new']}").text
    assert "Foreign topic" not in client.get("/groups/interests").text


def test_odd_addresses_are_answered(
    app: Flask, client: FlaskClient[Any], ids: dict[str, int]
) -> None:
    sign_in(client, make_admin(app))
    for address in (
        "/groups/?q=%00&kind=nonsense&folder=%00&after=x",
        f"/groups/?after={10**30}",
        f"/groups/{ids['ours']}?after=nonsense",
    ):
        assert client.get(address).status_code == 200, address
    for address in ("/groups/999", f"/groups/{10**30}"):
        assert client.get(address).status_code == 404, address
