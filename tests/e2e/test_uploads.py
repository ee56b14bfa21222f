"""The Group Assignment and Segmentation Uploads in a real browser with a real worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import begin_upload, look_at, sign_in
from webapp.extensions import db
from webapp.models import Center, Constituent, Group, Interest, Operation
from webapp.services import memberships
from webapp.services.group_edits import InterestDraft, create_interest
from webapp.services.operations import OPT_IN_RIGHT

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

    from tests.people import Person

WAIT = 60_000


@dataclass(frozen=True)
class People:
    """The numbers of what a file meets."""

    hikers: int
    news: int
    out_of_news: int


@pytest.fixture
def people(app: Flask) -> People:
    """Ann and Bob; Hikers of the center North; News, which Bob opted out of."""
    with app.app_context():
        session = db.session()
        north = Center(name="North")
        ann, bob = (
            Constituent(first_name=name, last_name="Lee", member_id=f"M-{name}")
            for name in ("Ann", "Bob")
        )
        session.add_all([north, ann, bob])
        session.flush()
        hikers = Group(name="Hikers", center_id=north.id)
        session.add(hikers)
        draft = InterestDraft(name="News", kind="email", parent_id=None, is_default=False)
        news = create_interest(session, draft, center_id=None)
        memberships.choose(session, news, bob.id, opted_in=False)
        session.add(
            Operation(
                slug="newsletter",
                kind="segmentation_upload",
                title="Newsletter",
                options={OPT_IN_RIGHT: True},
            )
        )
        session.commit()
        return People(hikers.id, news.id, news.opt_out_group_id or 0)


def upload(page: Page, live_url: str, slug: str, path: Path) -> None:
    """From the start to the preview."""
    begin_upload(page, live_url, slug, path)
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_role("link", name="Continue to review").wait_for(timeout=WAIT)


def run(page: Page) -> None:
    """From the review to the results."""
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("heading", name="Every row").wait_for(timeout=WAIT)


def test_a_group_assignment(
    page: Page, live_url: str, manager: Person, people: People, tmp_path: Path, worker: None
) -> None:
    path = tmp_path / "hikers.csv"
    path.write_text(
        "MEMBER_ID,EXT_GROUP_ID,GROUP_NAME\n"
        f"M-Ann,{people.hikers},\nM-Bob,,Night Owls\nM-Ann,,Night Owls\nM-Cy,,Night Owls\n"
    )
    sign_in(page, live_url, manager)
    upload(page, live_url, "group-assignment-upload", path)
    look_at(page, "groups-preview")
    page.goto(page.url.rstrip("/") + "/rows")
    expect(page.get_by_text("North")).to_be_visible()
    look_at(page, "groups-preview-rows")
    page.get_by_role("link", name="Continue to review").click()
    expect(page.get_by_text("Running adds 3 memberships.")).to_be_visible()
    look_at(page, "groups-review")
    run(page)
    expect(page.get_by_text("Created", exact=True)).to_have_count(0)
    expect(page.get_by_text("Added to Hikers")).to_be_visible()
    look_at(page, "groups-results")
    results = page.url
    page.goto(results.rstrip("/") + "/rows/2")
    expect(page.get_by_text("Added to Hikers")).to_be_visible()
    expect(page.get_by_text("Made a member of the center")).to_be_visible()
    expect(page.get_by_text("Night Owls")).to_have_count(0)
    look_at(page, "groups-row")


def test_a_segmentation_and_a_no_that_stays(
    page: Page,
    live_url: str,
    app: Flask,
    manager: Person,
    people: People,
    tmp_path: Path,
    worker: None,
) -> None:
    path = tmp_path / "news.csv"
    path.write_text(
        "MEMBER_ID,INTEREST_NAME,OPT_IN\nM-Ann,News,Yes\nM-Bob,News,Yes\nM-Bob,Walks,No\n"
    )
    sign_in(page, live_url, manager)
    upload(page, live_url, "segmentation-upload", path)
    look_at(page, "segmentation-preview")
    page.get_by_role("link", name="Continue to review").click()
    expect(page.get_by_label("Opt these people in again")).to_have_count(0)
    run(page)
    expect(page.get_by_text("opt-out was kept")).to_be_visible()
    look_at(page, "segmentation-results")
    page.goto(f"{live_url}/groups/{people.out_of_news}")
    members = page.get_by_role("table", name="Members")
    expect(members.get_by_role("row", name="Bob Lee")).to_have_count(1)

    # With the right of the operation, and the word of whoever starts it
    upload(page, live_url, "newsletter", path)
    page.get_by_role("link", name="Continue to review").click()
    page.get_by_label("Opt these people in again").check()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("link", name="Continue to review").wait_for(timeout=WAIT)
    page.get_by_role("link", name="Continue to review").click()
    run(page)
    expect(page.get_by_text("opted in again who had opted out")).to_be_visible()
    with app.app_context():
        news = db.session.get_one(Interest, people.news)
        bob = db.session.query(Constituent).filter_by(member_id="M-Bob").one()
        chosen = memberships.list_choices(db.session(), news, [bob.id])[bob.id]
        assert chosen.opted_in
