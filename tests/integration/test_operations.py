"""Operations: who sees which, who may customise, what a copy holds and what its deletion keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.people import Person, make_admin, make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import Operation, Run, User
from webapp.rules.roles import Grant, Role

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

STANDARD = "standard-constituent-import"
COPY = {
    "title": "Weekly donors",
    "description": "From the donor system.",
    "audience": "site",
    "notify": "dora@example.org\nDORA@example.org, otto@example.org",
    "date_order": "dmy",
    "template_columns": ["MEMBER_ID", "LAST_NAME"],
}


@pytest.fixture
def manager(app: Flask) -> Person:
    return make_person(app, "manager@example.org", Role.DATA_SYNC_MANAGE)


def find(app: Flask, slug: str) -> Operation | None:
    with app.app_context():
        return db.session.scalar(select(Operation).where(Operation.slug == slug))


def customise(client: FlaskClient[Any], **changes: object) -> str:
    """Make a copy; the page that follows."""
    answer = client.post(
        f"/operations/{STANDARD}/customise", data=COPY | changes, follow_redirects=True
    )
    assert answer.status_code == 200, answer.text
    return answer.text


def test_without_any_the_page_points_to_the_standard_ones(
    app: Flask, client: FlaskClient[Any], manager: Person
) -> None:
    sign_in(client, manager)
    mine = client.get("/operations/").text
    assert "No operation is customised for you" in mine
    assert 'href="/operations/all"' in mine
    assert "Standard Constituent Import" in client.get("/operations/all").text


def test_a_copy_keeps_what_was_said(app: Flask, client: FlaskClient[Any], manager: Person) -> None:
    sign_in(client, manager)
    page = customise(client)
    assert "These are the operations to use" in page
    assert "Weekly donors" in page
    made = find(app, "weekly-donors")
    assert made is not None
    assert (made.kind, made.is_standard) == ("standard_constituent_import", False)
    assert made.notify == ["dora@example.org", "otto@example.org"]
    assert made.options["date_order"] == "dmy"
    assert made.options["template_columns"] == ["MEMBER_ID", "LAST_NAME"]
    template = client.get("/operations/weekly-donors/template.csv")
    assert template.data.decode("utf-8-sig") == "MEMBER_ID,LAST_NAME\r\n"


def test_a_second_copy_of_the_same_title_has_a_name_of_its_own(
    app: Flask, client: FlaskClient[Any], manager: Person
) -> None:
    sign_in(client, manager)
    customise(client)
    customise(client)
    customise(client, title="日本の会員")
    assert find(app, "weekly-donors-2") is not None
    assert find(app, "operation") is not None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": " "}, "Give the operation a title."),
        ({"title": "x" * 101}, "at most 100 characters"),
        ({"notify": "dora"}, "“dora” is not an email address"),
        ({"notify": "\n".join(f"a{n}@example.org" for n in range(21))}, "at most 20 addresses"),
        ({"audience": "center:1"}, "Not a valid choice"),
        ({"template_columns": ["SHOE_SIZE"]}, "not a valid choice"),
        ({"date_order": "ymd"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_is_said(
    app: Flask,
    client: FlaskClient[Any],
    manager: Person,
    change: dict[str, object],
    sentence: str,
) -> None:
    sign_in(client, manager)
    answer = client.post(f"/operations/{STANDARD}/customise", data=COPY | change)
    assert answer.status_code == 422
    assert sentence in answer.text.replace("&#39;", "'")
    assert find(app, "weekly-donors") is None


def test_my_operations_are_mine_my_centers_and_the_sites(
    app: Flask, client: FlaskClient[Any]
) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    admin = make_admin(app)
    runner = make_person(app, "runner@example.org", Role.DATA_SYNC_RUN, center_id=north)
    sign_in(client, admin)
    customise(client, title="For the site")
    customise(client, title="For the north", audience=f"center:{north}")
    customise(client, title="For the south", audience=f"center:{south}")
    customise(client, title="For the runner", audience=f"user:{runner.id}")
    customise(client, title="For the admin", audience=f"user:{admin.id}")

    def listed(page: str) -> set[str]:
        return {
            words
            for words in ("site", "north", "south", "runner", "admin")
            if f"For the {words}</h2>" in page
        }

    assert listed(client.get("/operations/").text) == {"site", "admin"}
    assert listed(client.get("/operations/all").text) == {"north", "south", "runner"}
    client = sign_in(app.test_client(), runner)
    assert listed(client.get("/operations/").text) == {"site", "north", "runner"}
    assert listed(client.get("/operations/all").text) == set()
    assert client.get("/operations/for-the-south/template.csv").status_code == 404
    assert client.get("/operations/for-the-admin/template.csv").status_code == 404
    assert client.get("/operations/for-the-runner/template.csv").status_code == 200


def test_a_centers_manager_touches_only_the_centers_operations(
    app: Flask, client: FlaskClient[Any]
) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    boss = make_person(app, "boss@example.org", Role.DATA_SYNC_MANAGE, center_id=north)
    colleague = make_person(app, "colleague@example.org", Role.DATA_SYNC_RUN, center_id=north)
    stranger = make_person(app, "stranger@example.org", Role.DATA_SYNC_RUN, center_id=south)
    sign_in(client, make_admin(app))
    customise(client, title="For the site")
    customise(client, title="For the south", audience=f"center:{south}")
    customise(client, title="By the site", audience=f"user:{boss.id}")
    client = sign_in(app.test_client(), boss)
    form = client.get(f"/operations/{STANDARD}/customise").text
    assert "North" in form
    assert "South" not in form
    assert "the whole site" not in form
    assert "Stranger" not in form
    for audience in ("site", f"center:{south}", f"user:{stranger.id}"):
        refused = client.post(
            f"/operations/{STANDARD}/customise", data=COPY | {"audience": audience}
        )
        assert refused.status_code == 422
    customise(client, title="For the colleague", audience=f"user:{colleague.id}")
    made = find(app, "for-the-colleague")
    assert made is not None
    assert (made.user_id, made.center_id) == (colleague.id, north)
    assert client.get("/operations/for-the-colleague/edit").status_code == 200
    assert client.get("/operations/for-the-site/edit").status_code in {403, 404}
    assert client.get("/operations/by-the-site/edit").status_code in {403, 404}
    assert client.get("/operations/for-the-south/edit").status_code == 404
    assert client.post("/operations/for-the-south/delete").status_code == 404
    assert find(app, "for-the-south") is not None


def test_editing_changes_it_and_keeps_its_name(
    app: Flask, client: FlaskClient[Any], manager: Person
) -> None:
    sign_in(client, manager)
    customise(client)
    form = client.get("/operations/weekly-donors/edit").text
    assert "dora@example.org\notto@example.org" in form
    changed = COPY | {"title": "Monthly donors", "notify": "", "template_columns": []}
    client.post("/operations/weekly-donors/edit", data=changed)
    operation = find(app, "weekly-donors")
    assert operation is not None
    assert (operation.title, operation.notify) == ("Monthly donors", [])
    assert find(app, "monthly-donors") is None
    assert client.get(f"/operations/{STANDARD}/edit").status_code == 404
    assert client.post(f"/operations/{STANDARD}/delete").status_code == 404


def test_editing_one_for_someone_who_left_keeps_it_theirs(
    app: Flask, client: FlaskClient[Any], manager: Person
) -> None:
    leaver = make_person(app, "leaver@example.org", Role.DATA_SYNC_RUN)
    sign_in(client, manager)
    customise(client, audience=f"user:{leaver.id}")
    with app.app_context():
        user = db.session.get_one(User, leaver.id)
        user.is_active_user = False
        db.session.commit()
    form = client.get("/operations/weekly-donors/edit").text
    assert f'<option selected value="user:{leaver.id}">Leaver</option>' in form
    assert "Leaver" not in client.get("/operations/weekly-donors/customise").text
    saved = client.post(
        "/operations/weekly-donors/edit", data=COPY | {"audience": f"user:{leaver.id}"}
    )
    assert saved.status_code == 303


def test_deleting_keeps_its_runs(app: Flask, client: FlaskClient[Any], manager: Person) -> None:
    sign_in(client, manager)
    customise(client)
    with app.app_context():
        operation = db.session.scalars(
            select(Operation).where(Operation.slug == "weekly-donors")
        ).one()
        db.session.add(Run(operation=operation, label="Last week", state="success"))
        db.session.add(Run(operation=operation, label="Half done", state="draft"))
        db.session.commit()
    assert "Last week" in client.get("/operations/").text
    page = client.post("/operations/weekly-donors/delete", follow_redirects=True).text
    assert "Weekly donors is deleted. Its run stays in Operation Results." in page
    assert find(app, "weekly-donors") is None
    with app.app_context():
        kept = db.session.scalars(select(Run)).all()
        assert {(run.label, run.operation.slug) for run in kept} == {
            ("Last week", STANDARD),
            ("Half done", STANDARD),
        }


def test_the_last_run_is_one_this_person_may_see(app: Flask, client: FlaskClient[Any]) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    with app.app_context():
        operation = db.session.scalars(select(Operation).where(Operation.slug == STANDARD)).one()
        for label, center in (("Northern", north), ("Southern", south)):
            db.session.add(Run(operation=operation, label=label, state="success", center_id=center))
        db.session.commit()
    sign_in(client, make_person(app, "n@example.org", Role.DATA_SYNC_VIEW, center_id=north))
    page = client.get("/operations/all").text
    assert "Northern" in page
    assert "Southern" not in page


def test_only_operations_that_work_are_listed(
    app: Flask, client: FlaskClient[Any], manager: Person
) -> None:
    with app.app_context():
        db.session.add(
            Operation(slug="later", kind="calendar_upload", title="Calendar", is_standard=True)
        )
        db.session.commit()
    sign_in(client, manager)
    assert "Calendar" not in client.get("/operations/all").text
    assert client.get("/operations/later/customise").status_code == 404


@pytest.mark.parametrize("address", ["/operations/", "/operations/all"])
@pytest.mark.parametrize(
    ("role", "words"),
    [
        (Role.VIEW_IMPORT_EXPORT, "by itself it can do nothing in it"),
        (Role.CROSSREF_MANAGE, "Your role is for cross-references"),
    ],
)
def test_the_area_alone_explains_itself(
    app: Flask, client: FlaskClient[Any], address: str, role: Role, words: str
) -> None:
    sign_in(client, make_person(app, "jo@example.org", role))
    page = client.get(address).text
    assert words in page
    assert "Start" not in page


def test_looking_is_not_running(app: Flask, client: FlaskClient[Any]) -> None:
    viewer = make_person(
        app, "v@example.org", grants=[Grant(Role.DATA_SYNC_VIEW), Grant(Role.VIEW_IMPORT_EXPORT)]
    )
    sign_in(client, viewer)
    page = client.get("/operations/all").text
    assert "Running one needs the role Data Synchronization: Run" in page
    assert "Customise" not in page
    assert client.get(f"/operations/{STANDARD}/customise").status_code == 403
