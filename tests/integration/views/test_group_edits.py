"""Making and changing groups and interests by hand; a group's history."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import select

from tests.holding import WAITING
from tests.people import make_center, make_person, sign_in
from tests.processes.serving import eventually
from webapp.extensions import db
from webapp.models import Group, Interest, Operation, Run
from webapp.rules.roles import Role
from webapp.settings import libpq_url

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

MANAGER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE)
RUNNER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)


@pytest.fixture
def manager(app: Flask, client: FlaskClient[Any]) -> FlaskClient[Any]:
    return sign_in(client, make_person(app, "m@example.org", *MANAGER))


def groups(app: Flask) -> dict[str, Group]:
    with app.app_context():
        found = {group.name: group for group in db.session.scalars(select(Group))}
        db.session.expunge_all()
        return found


def interests(app: Flask) -> dict[str, Interest]:
    with app.app_context():
        found = {each.name: each for each in db.session.scalars(select(Interest))}
        db.session.expunge_all()
        return found


def test_a_group_is_made_and_changed(app: Flask, manager: FlaskClient[Any]) -> None:
    assert "Add a group" in manager.get("/groups/").text
    data = {"name": " Night   Owls ", "folder": "Volunteers", "description": "Late"}
    answer = manager.post("/groups/new", data=data)
    assert answer.status_code == 303
    made = groups(app)["Night Owls"]
    assert (made.kind, made.folder, made.description, made.center_id) == (
        "standard", "Volunteers", "Late", None,
    )  # fmt: skip
    again = manager.post("/groups/new", data={"name": "night owls"})
    assert again.status_code == 422
    assert "There is one of this name already." in again.text
    edit = f"/groups/{made.id}/edit"
    assert "Night Owls" in manager.get(edit).text
    renamed = {"name": "Early Birds", "folder": ""}
    assert manager.post(edit, data=renamed).status_code == 303
    page = manager.get(f"/groups/{made.id}").text
    assert "Early Birds" in page
    assert "Name changed from “Night Owls”" in page
    assert "Folder changed from “Volunteers”" in page
    assert "Made" in page


def test_who_comes_second_is_told(app: Flask, manager: FlaskClient[Any]) -> None:
    manager.post("/groups/new", data={"name": "Owls"})
    manager.post("/groups/interests/new", data={"name": "News", "kind": "email", "parent_id": "0"})
    for edit, data in (
        (f"/groups/{groups(app)['Owls'].id}/edit", {"name": "Owls", "folder": "Night"}),
        (
            f"/groups/interests/{interests(app)['News'].id}/edit",
            {"name": "News", "kind": "web", "parent_id": "0"},
        ),
    ):
        found = re.search(r'name="seen"[^>]* value="(\w+)"', manager.get(edit).text)
        assert found
        seen = {"seen": found[1]}
        assert manager.post(edit, data=data | seen).status_code == 303
        second = manager.post(edit, data=data | seen | {"name": "Mine"})
        assert second.status_code == 422
        assert "while you had this page open, so nothing was saved" in second.text
    assert "Mine" not in {*groups(app), *interests(app)}


def test_who_saves_at_the_same_moment_waits_and_is_told(
    app: Flask, manager: FlaskClient[Any]
) -> None:
    manager.post("/groups/new", data={"name": "Owls"})
    edit = f"/groups/{groups(app)['Owls'].id}/edit"
    found = re.search(r'name="seen"[^>]* value="(\w+)"', manager.get(edit).text)
    assert found
    answers: list[Any] = []
    mine = {"name": "Mine", "seen": found[1]}
    second = threading.Thread(target=lambda: answers.append(manager.post(edit, data=mine)))
    url = libpq_url(app.config["DATASYNC"].database_url)
    with psycopg.connect(url) as first:
        first.execute("UPDATE groups SET folder = 'Night' WHERE name = 'Owls'")
        second.start()
        assert eventually(lambda: first.execute(WAITING).fetchone())
        first.commit()
    second.join()
    assert answers[0].status_code == 422
    assert "while you had this page open, so nothing was saved" in answers[0].text
    assert groups(app)["Owls"].folder == "Night"


def test_what_a_run_or_an_interest_owns_is_not_edited(
    app: Flask, manager: FlaskClient[Any]
) -> None:
    with app.app_context():
        db.session.add_all([Group(name="In", kind="opt_in"), Group(name="New", kind="new")])
        db.session.commit()
    for group in groups(app).values():
        assert manager.get(f"/groups/{group.id}/edit").status_code == 404
        assert "/edit" not in manager.get(f"/groups/{group.id}").text


def test_runs_are_in_a_groups_history(app: Flask, manager: FlaskClient[Any]) -> None:
    manager.post("/groups/new", data={"name": "Owls"})
    number = groups(app)["Owls"].id
    with app.app_context():
        operation = db.session.scalars(
            select(Operation).where(Operation.slug == "group-assignment-upload")
        ).one()
        run = Run(operation=operation, label="Spring", state="success")
        run.tallies = {"groups": {str(number): 1200}}
        db.session.add(run)
        db.session.flush()
        run.started_at = run.created_at
        db.session.commit()
    page = manager.get(f"/groups/{number}").text
    assert "Added 1,200 people, by" in page
    assert "Spring" in page


def test_an_interest_is_made_with_its_groups(app: Flask, manager: FlaskClient[Any]) -> None:
    assert "Add an interest" in manager.get("/groups/interests").text
    assert manager.get("/groups/interests/new").status_code == 200
    data = {"name": "News", "kind": "email", "parent_id": "0", "is_default": "y"}
    assert manager.post("/groups/interests/new", data=data).status_code == 303
    news = interests(app)["News"]
    assert (news.kind, news.is_default, news.parent_id) == ("email", True, None)
    kinds = {group.name: group.kind for group in groups(app).values()}
    assert kinds == {"News: opted in": "opt_in", "News: opted out": "opt_out"}
    child = {"name": "Weekly", "kind": "web", "parent_id": str(news.id)}
    assert manager.post("/groups/interests/new", data=child).status_code == 303
    weekly = interests(app)["Weekly"]
    assert (weekly.kind, weekly.parent_id) == ("web", news.id)
    page = manager.get(f"/groups/interests/{weekly.id}/edit").text
    assert "Weekly: opted in" in page
    # Renamed, its groups are called after it; under one that stands under it, it can't stand
    edit = f"/groups/interests/{news.id}/edit"
    renamed = {"name": "Letters", "kind": "email", "parent_id": "0"}
    assert manager.post(edit, data=renamed).status_code == 303
    assert "Letters: opted out" in groups(app)
    refused = manager.post(edit, data=renamed | {"parent_id": str(weekly.id)})
    assert refused.status_code == 422


def test_only_managers_and_only_their_own(app: Flask, client: FlaskClient[Any]) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    with app.app_context():
        db.session.add_all([Group(name="Shared"), Group(name="Southern", center_id=south)])
        db.session.commit()
    made = groups(app)
    runner = sign_in(client, make_person(app, "r@example.org", *RUNNER))
    assert runner.get("/groups/new").status_code == 403
    assert "Add a group" not in runner.get("/groups/").text
    assert runner.get(f"/groups/{made['Shared'].id}/edit").status_code == 403
    client.post("/account/sign-out")
    local = sign_in(client, make_person(app, "n@example.org", *MANAGER, center_id=north))
    assert local.post("/groups/new", data={"name": "Ours", "center_id": south}).status_code == 303
    assert groups(app)["Ours"].center_id == north
    assert local.get(f"/groups/{made['Southern'].id}/edit").status_code == 404
    assert local.get(f"/groups/{made['Shared'].id}/edit").status_code in (403, 404)
    assert "Edit" not in local.get(f"/groups/{made['Shared'].id}").text.partition("<main")[2]
