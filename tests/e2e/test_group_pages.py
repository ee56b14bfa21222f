"""Groups and interests made and changed in a browser; the pages at every width, in both themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.browser import look_at, sign_in
from tests.people import make_admin
from webapp.extensions import db
from webapp.models import Center, Constituent, Group
from webapp.services.group_edits import InterestDraft, create_interest

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page


def test_groups_and_interests(app: Flask, page: Page, live_url: str) -> None:
    sign_in(page, live_url, make_admin(app))
    page.goto(f"{live_url}/groups/")
    page.get_by_role("link", name="Add a group").click()
    look_at(page, "group-new")
    page.get_by_label("Name").fill("Night Owls")
    page.get_by_role("button", name="Add the group").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    look_at(page, "group-history")
    page.goto(f"{page.url}/edit")
    look_at(page, "group-edit")
    page.goto(f"{live_url}/groups/interests")
    page.get_by_role("link", name="Add an interest").click()
    look_at(page, "interest-new")
    page.get_by_label("Name").fill("Walks")
    page.get_by_role("button", name="Add the interest").click()
    expect(page.get_by_role("heading", level=1, name="Walks")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    look_at(page, "interest-edit")
    page.goto(f"{live_url}/operations/segmentation-upload/customise")
    expect(page.get_by_label("Runs may opt people in again who opted out")).not_to_be_checked()
    look_at(page, "operation-right")


def test_members_and_choices_by_hand(app: Flask, page: Page, live_url: str) -> None:
    with app.app_context():
        north = Center(name="North")
        db.session.add(north)
        db.session.flush()
        group = Group(name="Hikers", folder="Outdoors", center_id=north.id)
        db.session.add_all(
            [
                group,
                Constituent(first_name="Ann", last_name="Lee", member_id="M-1"),
                Constituent(first_name="Bob", last_name="Lee", primary_email="bob@example.org"),
            ]
        )
        draft = InterestDraft(name="News", kind="email", parent_id=None, is_default=True)
        interest = create_interest(db.session(), draft, center_id=None)
        db.session.commit()
        group_url = f"{live_url}/groups/{group.id}"
        interest_url = f"{live_url}/groups/interests/{interest.id}"
    sign_in(page, live_url, make_admin(app))

    page.goto(group_url)
    page.get_by_role("link", name="Add somebody").click()
    page.get_by_label("Name, email").fill("lee")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add Ann Lee").click()
    expect(page.get_by_text("Ann Lee was added, and is a member of North now.")).to_be_visible()
    expect(page.get_by_role("row", name="Ann Lee")).to_contain_text("In the group")
    look_at(page, "group-add")
    page.goto(group_url)
    expect(page.get_by_text("1 person leaves it").first).to_be_visible()
    row = page.get_by_role("row", name="Ann Lee").first
    row.get_by_text("Remove Ann Lee").click()
    look_at(page, "group-remove")
    row.get_by_role("button", name="Remove from the group").click()
    expect(page.get_by_text("Ann Lee was removed from the group.")).to_be_visible()

    page.goto(f"{interest_url}/choose?q=lee")
    page.get_by_role("button", name="Opt out Ann Lee").click()
    expect(page.get_by_text("Ann Lee is opted out of News now.")).to_be_visible()
    page.get_by_role("button", name="Opt in Bob Lee").click()
    expect(page.get_by_text("Bob Lee is opted in to News now.")).to_be_visible()
    page.get_by_text("Opt in again Ann Lee").click()
    look_at(page, "interest-choose")
    page.get_by_role("button", name="They asked for it").click()
    expect(page.get_by_text("Ann Lee is opted in to News now.")).to_be_visible()
    page.goto(interest_url)
    expect(page.get_by_role("table", name="Members").get_by_role("row")).to_have_count(3)
    look_at(page, "interest")
    page.get_by_text("Delete News").click()
    page.get_by_role("button", name="Delete the interest").click()
    expect(page.get_by_text("The interest News was deleted, with its groups.")).to_be_visible()
