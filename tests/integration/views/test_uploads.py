"""The two uploads through the wizard: the same pages as the import, in their own words."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.people import make_center, make_person, sign_in
from tests.working import work_off
from webapp.extensions import db
from webapp.models import Constituent, Group, GroupMember, Interest, InterestChoice, Operation, Run
from webapp.rules.roles import Role
from webapp.services.operations import OPT_IN_RIGHT

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

RUNNER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
MANAGER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE)
GROUPS, INTERESTS = "group-assignment-upload", "segmentation-upload"


class Uploading:
    """A person at the wizard of an upload, and the worker behind it."""

    def __init__(self, app: Flask, client: FlaskClient[Any], slug: str) -> None:
        self.app, self.client, self.slug, self.run_id = app, client, slug, 0

    def begin(self, text: str) -> str:
        """As far as the found page."""
        answer = self.client.post(f"/operations/{self.slug}/start", data={"label": "Spring"})
        assert answer.status_code == 303, answer.text
        self.run_id = int(answer.location.split("/")[2])
        self.post("file", file=(io.BytesIO(text.encode()), "spring.csv"))
        return self.get("found")

    def get(self, step: str) -> str:
        answer = self.client.get(f"/runs/{self.run_id}/wizard/{step}")
        assert answer.status_code == 200, (answer.status_code, answer.location)
        return answer.text

    def post(self, step: str, **data: Any) -> None:
        answer = self.client.post(f"/runs/{self.run_id}/wizard/{step}", data=data)
        assert answer.status_code == 303, answer.text

    def preview(self) -> str:
        self.post("preview/start")
        work_off(self.app)
        return self.get("preview")

    def run(self, **data: Any) -> str:
        self.post("review", notify="", **data)
        work_off(self.app)
        answer = self.client.get(f"/runs/{self.run_id}")
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def people(app: Flask) -> dict[str, int]:
    """Ann and Bob, who is in Red, and opted out of News."""
    with app.app_context():
        ann, bob = Constituent(member_id="m1"), Constituent(member_id="m2")
        red = Group(name="Red")
        into = Group(name="News: opted in", kind="opt_in")
        out_of = Group(name="News: opted out", kind="opt_out")
        db.session.add_all([ann, bob, red, into, out_of])
        db.session.flush()
        news = Interest(name="News", opt_in_group_id=into.id, opt_out_group_id=out_of.id)
        db.session.add(news)
        db.session.flush()
        db.session.add(GroupMember(group_id=red.id, constituent_id=bob.id))
        db.session.add(GroupMember(group_id=out_of.id, constituent_id=bob.id))
        db.session.add(InterestChoice(interest_id=news.id, constituent_id=bob.id, opted_in=False))
        db.session.commit()
        return {"ann": ann.id, "bob": bob.id, "red": red.id, "news": news.id, "in": into.id}


def members(app: Flask, name: str) -> set[int]:
    with app.app_context():
        found = select(GroupMember.constituent_id).join(Group, Group.id == GroupMember.group_id)
        return set(db.session.scalars(found.where(Group.name == name)))


@pytest.fixture
def runner(app: Flask, client: FlaskClient[Any]) -> FlaskClient[Any]:
    return sign_in(client, make_person(app, "runner@example.org", *RUNNER))


def test_they_are_listed_with_their_templates(app: Flask, runner: FlaskClient[Any]) -> None:
    page = runner.get("/operations/all").text
    assert "Group Assignment Upload" in page
    assert "Segmentation Upload" in page
    header = runner.get(f"/operations/{GROUPS}/template.csv").data.decode("utf-8-sig").strip()
    assert header == "CONS_ID,MEMBER_ID,PRIMARY_EMAIL,EXT_GROUP_ID,GROUP_NAME"
    header = runner.get(f"/operations/{INTERESTS}/template.csv").data.decode("utf-8-sig").strip()
    assert header == "CONS_ID,MEMBER_ID,PRIMARY_EMAIL,EXT_INTEREST_ID,INTEREST_NAME,OPT_IN"
    assert runner.get(f"/operations/{GROUPS}/template.xlsx").status_code == 200
    start = runner.get(f"/operations/{GROUPS}/start").text
    assert "Dates with slashes" not in start
    assert "5 columns" in start


def test_group_members_from_file_to_undo(
    app: Flask, runner: FlaskClient[Any], people: dict[str, int]
) -> None:
    wizard = Uploading(app, runner, GROUPS)
    found = wizard.begin(
        "MEMBER_ID,EXT_GROUP_ID,GROUP_NAME\n"
        f"m1,{people['red']},\nm2,{people['red']},\nm1,,Night Owls\nm9,,Red\nm1,777,\n"
    )
    assert "Group name" in found
    preview = wizard.preview()
    assert "Will be done" in preview
    assert "Will be created" not in preview
    assert "Groups that are made" in preview
    assert "Night Owls" in preview
    assert "Nobody has this key" in preview
    assert "Modified" not in preview
    assert "belongs to nobody here" in wizard.get("preview/problems?code=person_not_found")
    assert "Night Owls" in wizard.get("preview/rows")
    review = wizard.get("review")
    assert "Running adds 2 memberships. Nothing else of a person changes." in review
    assert "Makes 1 new group: “Night Owls”." in review
    assert "New and Modified" not in review
    assert members(app, "Night Owls") == set()
    page = wizard.run()
    assert "which this run made" in page
    assert members(app, "Night Owls") == {people["ann"]}
    row = runner.get(f"/runs/{wizard.run_id}/rows/2").text
    assert "This row put somebody into a group." in row
    assert "Added to Red" in row
    assert "Night Owls" not in row, "another row of this person"
    assert "Night Owls" in runner.get(f"/runs/{wizard.run_id}/rows/4").text
    progress = runner.get(f"/runs/{wizard.run_id}/progress").text
    assert "Created" not in progress
    rejects = runner.get(f"/runs/{wizard.run_id}/rejects.csv").data.decode("utf-8-sig")
    assert "belongs to nobody here" in rejects
    assert runner.post(f"/runs/{wizard.run_id}/undo/look").status_code == 303
    work_off(wizard.app)
    assert runner.post(f"/runs/{wizard.run_id}/undo/start").status_code == 303
    work_off(wizard.app)
    assert members(app, "Red") == {people["bob"]}
    with app.app_context():
        assert db.session.scalar(select(Group).where(Group.name == "Night Owls")) is None


def test_a_cell_is_corrected_in_the_preview(
    app: Flask, runner: FlaskClient[Any], people: dict[str, int]
) -> None:
    wizard = Uploading(app, runner, GROUPS)
    wizard.begin("MEMBER_ID,EXT_GROUP_ID\nm1,777\nm2,777\n")
    wizard.preview()
    problems = wizard.get("preview/problems?code=unknown_group")
    assert "The same value in several rows" in problems
    data = {"column": "EXT_GROUP_ID", "old": '"777"', "new_value": str(people["red"])}
    wizard.post("preview/replace", **data)
    wizard.preview()
    wizard.run()
    assert members(app, "Red") == {people["ann"], people["bob"]}


def test_a_column_it_does_not_know(app: Flask, runner: FlaskClient[Any]) -> None:
    found = Uploading(app, runner, GROUPS).begin("MEMBER_ID,GROUP,FIRST_NAME\nm1,Red,Ann\n")
    assert "at least one of the columns EXT_GROUP_ID or GROUP_NAME" in found
    assert "“FIRST_NAME”, is not a known column" in found


def test_interests_from_file_to_result(
    app: Flask, runner: FlaskClient[Any], people: dict[str, int]
) -> None:
    wizard = Uploading(app, runner, INTERESTS)
    wizard.begin("MEMBER_ID,INTEREST_NAME,OPT_IN\nm1,News,Yes\nm2,News,Yes\nm1,Owls,No\nm2,Owls,\n")
    preview = wizard.preview()
    assert "Interests that are made" in preview
    assert "1 opt-out is kept" in preview
    assert "Value missing" in preview
    review = wizard.get("review")
    assert "Running changes 2 choices." in review
    assert "Opts 1 person in to the interest “News”." in review
    assert "Opts 1 person out of the interest “Owls”." in review
    assert "Opt these people in again" not in review
    page = wizard.run(opt_in_again="y")
    assert "opted out of Owls, which this run made" in page
    assert "1</span> <span>opt-out was kept" in page
    assert people["bob"] not in members(app, "News: opted in")


@pytest.fixture
def customised(app: Flask) -> str:
    with app.app_context():
        operation = Operation(
            slug="newsletter", kind="segmentation_upload", title="Newsletter", options={}
        )
        db.session.add(operation)
        db.session.commit()
    return "newsletter"


def give_right(app: Flask, client: FlaskClient[Any], slug: str) -> None:
    """As a manager does it on the operation's page."""
    page = client.get(f"/operations/{slug}/edit").text
    assert "Runs may opt people in again who opted out" in page
    data = {"title": "Newsletter", "audience": "site", "may_opt_in_again": "y"}
    assert client.post(f"/operations/{slug}/edit", data=data).status_code == 303
    with app.app_context():
        found = db.session.scalars(select(Operation).where(Operation.slug == slug)).one()
        assert found.options[OPT_IN_RIGHT] is True


def test_opting_in_again_needs_the_right_and_the_word(
    app: Flask, client: FlaskClient[Any], people: dict[str, int], customised: str
) -> None:
    give_right(app, sign_in(client, make_person(app, "m@example.org", *MANAGER)), customised)
    client.post("/account/sign-out")
    runner = sign_in(client, make_person(app, "runner@example.org", *RUNNER))
    assert runner.get(f"/operations/{customised}/edit").status_code == 403
    wizard = Uploading(app, runner, customised)
    wizard.begin("MEMBER_ID,INTEREST_NAME,OPT_IN\nm2,News,Yes\n")
    wizard.preview()
    assert "Opt these people in again" in wizard.get("review")
    wizard.post("review", notify="", opt_in_again="y")  # the preview is made anew first
    work_off(wizard.app)
    assert "Takes the file’s yes where a person had opted out" in wizard.get("review")
    page = wizard.run(opt_in_again="y")
    assert "opted in again who had opted out" in page
    assert members(app, "News: opted in") == {people["bob"]}
    history = runner.get(f"/constituents/{people['bob']}/history").text
    assert "Spring" in history


def test_a_right_that_is_taken_back_stops_the_run(
    app: Flask, client: FlaskClient[Any], people: dict[str, int], customised: str
) -> None:
    with app.app_context():
        operation = db.session.scalars(select(Operation).where(Operation.slug == customised)).one()
        operation.options = {OPT_IN_RIGHT: True}
        db.session.commit()
    runner = sign_in(client, make_person(app, "runner@example.org", *RUNNER))
    wizard = Uploading(app, runner, customised)
    wizard.begin("MEMBER_ID,INTEREST_NAME,OPT_IN\nm2,News,Yes\n")
    wizard.preview()
    wizard.post("review", notify="", opt_in_again="y")
    work_off(wizard.app)
    with app.app_context():
        operation = db.session.scalars(select(Operation).where(Operation.slug == customised)).one()
        operation.options = {}
        db.session.commit()
    assert "no longer has the right" in wizard.get("review")
    wizard.post("review", notify="", opt_in_again="y")
    with app.app_context():
        assert db.session.get_one(Run, wizard.run_id).state == "draft"
    assert members(app, "News: opted in") == set()


def test_a_center_runs_them_for_its_own(
    app: Flask, client: FlaskClient[Any], people: dict[str, int]
) -> None:
    north = make_center(app, "North")
    runner = sign_in(client, make_person(app, "n@example.org", *RUNNER, center_id=north))
    wizard = Uploading(app, runner, GROUPS)
    wizard.begin("MEMBER_ID,GROUP_NAME\nm1,Red\n")
    assert "Record outside your center" in wizard.preview()
