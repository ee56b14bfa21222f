"""Members and choices by hand, the page of an interest, and deleting groups and interests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from tests.people import make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import (
    CenterMember,
    Change,
    Constituent,
    CrossReferenceEntry,
    CrossReferenceType,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
    Operation,
)
from webapp.rules.crossrefs import OnlineKind, online_key
from webapp.rules.roles import Role
from webapp.services import group_edits
from webapp.services.group_edits import InterestDraft

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

MANAGER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE)
RUNNER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
VIEWER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_VIEW)


@pytest.fixture
def manager(app: Flask, client: FlaskClient[Any]) -> FlaskClient[Any]:
    return sign_in(client, make_person(app, "mary.manager@example.org", *MANAGER))


def person(app: Flask, name: str, *, center: int | None = None, removed: bool = False) -> int:
    with app.app_context():
        made = Constituent(first_name=name, last_name="Lee", member_id=f"M-{name}")
        if removed:
            made.active_detail = "Removed by administrator"
        db.session.add(made)
        db.session.flush()
        if center is not None:
            db.session.add(CenterMember(center_id=center, constituent_id=made.id))
        db.session.commit()
        return made.id


def group(
    app: Flask, name: str = "Owls", *, kind: str = "standard", center: int | None = None
) -> int:
    with app.app_context():
        made = Group(name=name, kind=kind, center_id=center)
        db.session.add(made)
        db.session.commit()
        return made.id


def interest(app: Flask, name: str = "News", *, center: int | None = None) -> int:
    with app.app_context():
        draft = InterestDraft(name=name, kind="email", parent_id=None, is_default=False)
        made = group_edits.create_interest(db.session(), draft, center_id=center)
        db.session.commit()
        return made.id


def members(app: Flask, group_id: int) -> set[int]:
    with app.app_context():
        found = select(GroupMember.constituent_id).where(GroupMember.group_id == group_id)
        return set(db.session.scalars(found))


def choice(app: Flask, interest_id: int, constituent_id: int) -> tuple[bool | None, set[str]]:
    """What somebody chose, and the kinds of the interest's groups that they are in."""
    with app.app_context():
        found = db.session.get(Interest, interest_id)
        assert found is not None
        said = db.session.scalar(
            select(InterestChoice.opted_in).where(
                InterestChoice.interest_id == interest_id,
                InterestChoice.constituent_id == constituent_id,
            )
        )
        kinds = (
            select(Group.kind)
            .join(GroupMember, GroupMember.group_id == Group.id)
            .where(
                Group.id.in_([found.opt_in_group_id, found.opt_out_group_id]),
                GroupMember.constituent_id == constituent_id,
            )
        )
        return said, set(db.session.scalars(kinds))


def page_of(client: FlaskClient[Any], url: str) -> str:
    return client.get(url).text.partition("<main")[2]


# ---- members ----


def test_somebody_is_added_and_removed(app: Flask, manager: FlaskClient[Any]) -> None:
    owls, ann = group(app), person(app, "Ann")
    assert f"/groups/{owls}/add" in page_of(manager, f"/groups/{owls}")
    found = page_of(manager, f"/groups/{owls}/add?q=ann")
    assert "Ann Lee" in found
    assert "In the group" not in found
    form = {"constituent_id": str(ann), "q": "ann"}
    answer = manager.post(f"/groups/{owls}/add", data=form)
    assert answer.status_code == 303
    assert answer.location == f"/groups/{owls}/add?q=ann"
    assert members(app, owls) == {ann}
    after = manager.get(answer.location).text
    assert "Ann Lee was added." in after
    assert "In the group" in after
    # Again changes nothing
    manager.post(f"/groups/{owls}/add", data=form)
    assert "was in the group already" in manager.get(f"/groups/{owls}").text
    shown = page_of(manager, f"/groups/{owls}")
    assert "Added by hand" in shown
    assert "Mary Manager" in shown
    assert manager.post(f"/groups/{owls}/remove", data=form).status_code == 303
    assert members(app, owls) == set()
    shown = manager.get(f"/groups/{owls}").text
    assert "Ann Lee was removed from the group." in shown
    assert "Removed by hand" in shown
    with app.app_context():
        log = db.session.execute(
            select(Change.op, Change.actor, Change.constituent_id, Change.run_id)
            .where(Change.table_name == "group_members")
            .order_by(Change.id)
        )
        assert [tuple(row) for row in log] == [
            ("insert", "Mary Manager", ann, None),
            ("delete", "Mary Manager", ann, None),
        ]


def test_a_centers_group_brings_into_the_center(app: Flask, manager: FlaskClient[Any]) -> None:
    north = make_center(app, "North")
    owls, ann = group(app, center=north), person(app, "Ann")
    manager.post(f"/groups/{owls}/add", data={"constituent_id": str(ann)})
    assert "was added, and is a member of North now." in manager.get(f"/groups/{owls}").text
    manager.post(f"/groups/{owls}/remove", data={"constituent_id": str(ann)})
    with app.app_context():
        assert db.session.get(CenterMember, (north, ann)) is not None


@pytest.mark.parametrize("kind", ["opt_in", "opt_out", "new", "modified"])
def test_what_belongs_to_an_interest_or_a_run_stays(
    app: Flask, manager: FlaskClient[Any], kind: str
) -> None:
    owned, ann = group(app, kind=kind), person(app, "Ann")
    assert "/add" not in page_of(manager, f"/groups/{owned}")
    for action in ("add", "remove"):
        form = {"constituent_id": str(ann)}
        assert manager.post(f"/groups/{owned}/{action}", data=form).status_code == 404
    assert members(app, owned) == set()


def test_a_removed_record_is_added_to_nothing(app: Flask, manager: FlaskClient[Any]) -> None:
    owls, news, ann = group(app), interest(app), person(app, "Ann", removed=True)
    manager.post(f"/groups/{owls}/add", data={"constituent_id": str(ann)})
    assert "This record was removed" in manager.get(f"/groups/{owls}").text
    form = {"constituent_id": str(ann), "choice": "in"}
    manager.post(f"/groups/interests/{news}/choose", data=form)
    assert members(app, owls) == set()
    assert choice(app, news, ann) == (None, set())


@pytest.mark.parametrize(
    ("number", "status"),
    [("", 400), ("x", 400), ("-1", 400), ("²", 400), ("9" * 30, 400), ("0", 404)],
)
def test_nobody_of_that_number(
    app: Flask, manager: FlaskClient[Any], number: str, status: int
) -> None:
    owls = group(app)
    form = {"constituent_id": number}
    assert manager.post(f"/groups/{owls}/add", data=form).status_code == status


def test_a_center_works_with_its_own_people(app: Flask, client: FlaskClient[Any]) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    shared, southern = group(app, "Shared"), group(app, "Southern", center=south)
    ours, theirs = person(app, "Ann", center=north), person(app, "Bob", center=south)
    news, far = interest(app), interest(app, "Far", center=south)
    runner = make_person(app, "r@example.org", *RUNNER, center_id=north, name="Rita Runner")
    local = sign_in(client, runner)
    assert "Bob" not in page_of(local, f"/groups/{shared}/add?q=lee")
    local.post(f"/groups/{shared}/add", data={"constituent_id": str(ours)})
    assert members(app, shared) == {ours}
    for url, number in (
        (f"/groups/{shared}/add", theirs),
        (f"/groups/{shared}/remove", theirs),
        (f"/groups/{southern}/add", ours),
        (f"/groups/{southern}/remove", ours),
        (f"/groups/interests/{news}/choose", theirs),
        (f"/groups/interests/{far}/choose", ours),
    ):
        form = {"constituent_id": str(number), "choice": "in"}
        assert local.post(url, data=form).status_code == 404, url
    assert local.get(f"/groups/interests/{far}").status_code == 404
    assert choice(app, news, theirs) == (None, set())
    # What others did to people of another center is not told
    client.post("/account/sign-out")
    admin = sign_in(client, make_person(app, "m@example.org", *MANAGER, name="Mary Manager"))
    admin.post(f"/groups/{shared}/add", data={"constituent_id": str(theirs)})
    client.post("/account/sign-out")
    sign_in(client, runner)
    shown = page_of(local, f"/groups/{shared}")
    assert "Rita Runner" in shown
    assert "Mary Manager" not in shown


def test_who_only_looks_changes_nothing(app: Flask, client: FlaskClient[Any]) -> None:
    owls, news, ann = group(app), interest(app), person(app, "Ann")
    viewer = sign_in(client, make_person(app, "v@example.org", *VIEWER))
    for url in (f"/groups/{owls}", f"/groups/interests/{news}"):
        shown = page_of(viewer, url)
        assert "Add somebody" not in shown
        assert "Opt somebody" not in shown
        assert "Delete" not in shown
    form = {"constituent_id": str(ann), "choice": "in"}
    assert viewer.post(f"/groups/{owls}/add", data=form).status_code == 403
    assert viewer.post(f"/groups/interests/{news}/choose", data=form).status_code == 403
    assert viewer.post(f"/groups/{owls}/delete").status_code == 403


def test_many_at_one_moment_are_one_line_of_the_history(
    app: Flask, manager: FlaskClient[Any]
) -> None:
    owls, people = group(app), [person(app, name) for name in ("Ann", "Bob", "Cy")]
    with app.app_context():
        db.session.add_all([GroupMember(group_id=owls, constituent_id=each) for each in people])
        db.session.commit()
    manager.post(f"/groups/{owls}/remove", data={"constituent_id": str(people[0])})
    history = page_of(manager, f"/groups/{owls}").partition('id="group-history"')[2]
    assert history.count("Added 3 people") == 1
    assert "Added by hand" not in history
    assert re.search(r"Removed by hand: <a [^>]*>Ann Lee</a>", history)


# ---- choices ----


def test_choices_by_hand(app: Flask, manager: FlaskClient[Any]) -> None:
    news, ann = interest(app), person(app, "Ann")
    url, form = f"/groups/interests/{news}/choose", {"constituent_id": str(ann)}
    assert "Opt in" in page_of(manager, f"{url}?q=ann")
    manager.post(url, data=form | {"choice": "in"})
    assert choice(app, news, ann) == (True, {"opt_in"})
    manager.post(url, data=form | {"choice": "out"})
    assert choice(app, news, ann) == (False, {"opt_out"})
    assert "Opt in again" in page_of(manager, f"{url}?q=ann")
    # A no stays one, unless somebody says that the person asked for it
    manager.post(url, data=form | {"choice": "in"})
    assert "stays opted out" in manager.get(url).text
    assert choice(app, news, ann) == (False, {"opt_out"})
    manager.post(url, data=form | {"choice": "in", "again": "yes"})
    assert choice(app, news, ann) == (True, {"opt_in"})
    shown = page_of(manager, f"/groups/interests/{news}")
    assert "Ann Lee" in shown
    assert shown.count("Opted in by hand") == 2
    assert shown.count("Opted out by hand") == 1
    assert (
        "Ann Lee"
        not in page_of(manager, f"/groups/interests/{news}?choice=out").split('id="group-history"')[
            0
        ]
    )


def test_who_comes_second_with_a_choice_is_told(
    app: Flask, client: FlaskClient[Any], manager: FlaskClient[Any]
) -> None:
    news, ann = interest(app), person(app, "Ann")
    url = f"/groups/interests/{news}/choose"
    other = sign_in(app.test_client(), make_person(app, "rob.runner@example.org", *RUNNER))

    def seen() -> str:
        found = re.search(r'name="seen" value="([^"]*)"', page_of(manager, f"{url}?q=ann"))
        assert found
        return found[1]

    def choose(browser: FlaskClient[Any], what: str, looked_at: str, **more: str) -> str:
        form = {"constituent_id": str(ann), "choice": what, "seen": looked_at} | more
        return browser.post(url, data=form, follow_redirects=True).text

    blank = seen()
    assert blank == ""
    choose(other, "in", blank)
    # Both saw that nothing was chosen; the second says no where the first now has a yes
    assert "changed what this person chose of News" in choose(manager, "out", blank)
    assert choice(app, news, ann) == (True, {"opt_in"})
    assert "Ann Lee is opted in to News already" in choose(manager, "in", blank)
    opted_in = seen()
    assert "is opted out of News now" in choose(manager, "out", opted_in)
    opted_out = seen()
    choose(other, "in", opted_out, again="yes")
    choose(other, "out", seen())
    # An opt-out since then is another one than the person took back
    assert "changed what this person chose" in choose(manager, "in", opted_out, again="yes")
    assert choice(app, news, ann) == (False, {"opt_out"})
    assert "is opted in to News now" in choose(manager, "in", seen(), again="yes")


def test_an_opt_out_kept_by_the_group_alone_counts(app: Flask, manager: FlaskClient[Any]) -> None:
    news, ann = interest(app), person(app, "Ann")
    with app.app_context():
        found = db.session.get(Interest, news)
        assert found is not None
        assert found.opt_out_group_id is not None
        db.session.add(GroupMember(group_id=found.opt_out_group_id, constituent_id=ann))
        db.session.commit()
    url = f"/groups/interests/{news}/choose"
    manager.post(url, data={"constituent_id": str(ann), "choice": "in"})
    assert choice(app, news, ann) == (None, {"opt_out"})


# ---- deleting ----


def test_a_group_is_deleted_with_its_memberships(app: Flask, manager: FlaskClient[Any]) -> None:
    owls, ann = group(app), person(app, "Ann")
    manager.post(f"/groups/{owls}/add", data={"constituent_id": str(ann)})
    assert "1 person leaves it" in page_of(manager, f"/groups/{owls}")
    assert manager.post(f"/groups/{owls}/delete").status_code == 303
    assert "The group Owls was deleted." in manager.get("/groups/").text
    assert manager.get(f"/groups/{owls}").status_code == 404
    assert members(app, owls) == set()
    with app.app_context():
        deleted = select(func.count()).where(
            Change.table_name == "group_members", Change.op == "delete"
        )
        assert db.session.scalar(deleted) == 1
        assert db.session.get(Constituent, ann) is not None
    assert manager.post(f"/groups/{owls}/delete").status_code == 404


def refer(app: Flask, kind: OnlineKind, number: int) -> None:
    with app.app_context():
        found = db.session.scalars(
            select(CrossReferenceType).where(CrossReferenceType.online_kind == kind)
        ).first()
        assert found is not None
        db.session.add(
            CrossReferenceEntry(
                type_id=found.id,
                online_value=str(number),
                foreign_values=["X1"],
                online_key=online_key(kind, str(number)),
                foreign_key="x1",
                searched="x1",
            )
        )
        db.session.commit()


def test_what_is_used_stays(app: Flask, manager: FlaskClient[Any]) -> None:
    owls, news = group(app), interest(app)
    refer(app, OnlineKind.GROUP, owls)
    refer(app, OnlineKind.INTEREST, news)
    with app.app_context():
        options = {"download_settings": {"groups": [owls], "interests": [news]}}
        db.session.add(
            Operation(slug="mine", kind="constituent_data_download", title="Mine", options=options)
        )
        db.session.commit()
    for url in (f"/groups/{owls}", f"/groups/interests/{news}"):
        shown = page_of(manager, url)
        assert "1 cross-reference leads to" in shown
        assert "The operation “Mine” is limited to it." in shown
        manager.post(f"{url}/delete")
        assert "was not deleted" in manager.get(url).text


def test_an_interest_is_deleted_unless_somebody_said_no(
    app: Flask, manager: FlaskClient[Any]
) -> None:
    news, ann = interest(app), person(app, "Ann")
    url, form = f"/groups/interests/{news}", {"constituent_id": str(ann)}
    manager.post(f"{url}/choose", data=form | {"choice": "out"})
    assert "1 person opted out of it" in page_of(manager, url)
    manager.post(f"{url}/delete")
    assert choice(app, news, ann) == (False, {"opt_out"})
    manager.post(f"{url}/choose", data=form | {"choice": "in", "again": "yes"})
    child = {"name": "Weekly", "kind": "email", "parent_id": str(news)}
    manager.post("/groups/interests/new", data=child)
    assert "“Weekly” stands under it" in page_of(manager, url)
    with app.app_context():
        db.session.execute(text("UPDATE interests SET parent_id = NULL"))
        db.session.commit()
    assert "The choices of the 1 person who opted in go with it" in page_of(manager, url)
    assert manager.post(f"{url}/delete").location == "/groups/interests"
    assert manager.get(url).status_code == 404
    with app.app_context():
        left = set(db.session.scalars(select(Group.name)))
        assert left == {"Weekly: opted in", "Weekly: opted out"}
        assert db.session.scalar(select(func.count()).select_from(InterestChoice)) == 0


@pytest.mark.parametrize("kind", ["opt_in", "new"])
def test_a_group_that_is_owned_is_not_deleted(
    app: Flask, manager: FlaskClient[Any], kind: str
) -> None:
    owned = group(app, kind=kind)
    manager.post(f"/groups/{owned}/delete")
    assert manager.get(f"/groups/{owned}").status_code == 200
