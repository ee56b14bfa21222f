"""New registrations resolved in a real browser: with the keyboard, and without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import await_focus, begin_upload, look_at, sign_in
from tests.people import Person, make_person
from webapp.extensions import db
from webapp.models import Constituent
from webapp.rules.roles import Role
from webapp.services import registrations

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from playwright.sync_api import BrowserContext, Page


@pytest.fixture
def rita(app: Flask) -> Person:
    return make_person(app, "rita.runner@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)


@pytest.fixture
def people(app: Flask) -> dict[str, int]:
    """Liz may be Elizabeth or her daughter; Bob may be Robert."""
    home = {"home_street1": "12 Mill Road", "home_city": "Millbrook", "home_zip": "02134"}
    known = [
        Constituent(first_name="Elizabeth", last_name="Hartley-Fernandez", member_id="M-10234",
                    primary_email="elizabeth.hartley@example.org", home_phone="(617) 555-0142",
                    donor_status="Monthly donor", active_detail="Registered", **home),
        Constituent(first_name="Lisbeth", last_name="Hartley-Fernandez", **home),
        Constituent(first_name="Robert", last_name="Okafor", member_id="M-10300"),
        Constituent(first_name="Liz", last_name="Hartley-Fernandez", active_detail="Registered",
                    primary_email="liz.hartley@example.org", home_phone="617-555-0142",
                    home_street1="12 Mill Rd.", home_city="Millbrook", home_zip="02134"),
        Constituent(first_name="Bob", last_name="Okafor", active_detail="Registered",
                    primary_email="bob@example.org"),
    ]  # fmt: skip
    with app.app_context():
        session = db.session()
        session.add_all(known)
        session.flush()
        ids = {one.first_name or "": one.id for one in known}
        for one, other in (("Liz", "Elizabeth"), ("Liz", "Lisbeth"), ("Bob", "Robert")):
            registrations.put_down(session, ids[one], ids[other])
        session.commit()
    return ids


def test_resolved_with_the_keyboard(
    page: Page, live_url: str, rita: Person, people: dict[str, int]
) -> None:
    sign_in(page, live_url, rita)
    page.get_by_role("link", name="Resolve New Registrations 2 waiting").click()
    look_at(page, "registrations")

    page.get_by_role("link", name=re.compile("Compare Liz .* Elizabeth")).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Is Liz Hartley-Fernandez here already?").wait_for()
    look_at(page, "registration")
    page.locator("summary", has_text="They are the same person").first.press("Enter")
    look_at(page, "registration-same")

    page.get_by_role("button", name=re.compile("Not a match: Liz .* Lisbeth")).press("Enter")
    page.get_by_text("Not a match: 1 pair decided, for good.").wait_for()
    expect(page.get_by_text("Decided before")).to_be_visible()
    page.locator("summary", has_text="They are the same person").press("Enter")
    remove = page.locator("summary", has_text=f"Remove Liz Hartley-Fernandez {people['Liz']}")
    remove.press("Enter")
    page.get_by_role("button", name="Remove", exact=True).and_(page.locator(":visible")).press(
        "Enter"
    )
    page.get_by_text("Liz Hartley-Fernandez was removed.").wait_for()
    look_at(page, "registration-removed")

    page.goto(f"{live_url}/registrations")
    page.get_by_role("button", name="Not a match: Bob Okafor and Robert Okafor").press("Enter")
    page.get_by_role("heading", name="Nothing waits").wait_for()
    look_at(page, "registrations-empty")


def test_put_down_by_hand_from_a_profile(
    app: Flask, page: Page, live_url: str, rita: Person, people: dict[str, int]
) -> None:
    sign_in(page, live_url, rita)
    page.goto(f"{live_url}/constituents/{people['Bob']}")
    look_at(page, "profile-waits")
    page.get_by_role("link", name="May be the same person as…").press("Enter")
    search = page.get_by_role("searchbox")
    await_focus(search)
    search.fill("hartley")
    search.press("Enter")
    choose = page.get_by_role(
        "button", name=f"May be the same person as Liz Hartley-Fernandez {people['Liz']}"
    )
    choose.wait_for()
    look_at(page, "registration-candidates")
    choose.press("Enter")
    page.get_by_text("Bob Okafor waits now").wait_for()
    expect(page.get_by_role("heading", name="Liz Hartley-Fernandez")).to_be_visible()


def test_the_step_of_an_upload_without_javascript(
    without_javascript: BrowserContext, live_url: str, rita: Person, people: dict[str, int],
    tmp_path: Path,
) -> None:  # fmt: skip
    page = without_javascript.new_page()
    file = tmp_path / "members.csv"
    file.write_text("MEMBER_ID,FIRST_NAME\nM-10300,Robert\n", encoding="utf-8")
    sign_in(page, live_url, rita)
    begin_upload(page, live_url, "standard-constituent-import", file)
    page.get_by_role("link", name="Continue", exact=True).click()
    page.get_by_role("heading", name="2 registrations wait").wait_for()

    page.get_by_role("checkbox", name=re.compile("Tick Liz .* Lisbeth")).check()
    page.get_by_role("checkbox", name=re.compile("Tick Bob")).check()
    page.get_by_role("button", name="Not a match: all that are ticked").click()
    page.get_by_role("heading", name="1 registration waits").wait_for()
    page.reload()
    page.get_by_role("link", name="What we found").click()
    page.go_back()
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_role("heading", name="Preview", exact=True).wait_for()
    page.get_by_role("link", name="Registration conflicts").click()
    page.get_by_role("button", name=re.compile("Not a match: Liz .* Elizabeth")).click()
    page.get_by_text("Not a match: 1 pair decided, for good.").wait_for()
    expect(page.get_by_text("Registration conflicts")).to_have_count(0)


def test_the_step_of_an_upload(
    page: Page, live_url: str, rita: Person, people: dict[str, int], tmp_path: Path
) -> None:
    file = tmp_path / "members.csv"
    file.write_text("MEMBER_ID,FIRST_NAME\nM-10300,Robert\n", encoding="utf-8")
    sign_in(page, live_url, rita)
    begin_upload(page, live_url, "standard-constituent-import", file)
    page.get_by_role("link", name="Continue", exact=True).press("Enter")
    page.get_by_role("heading", name="2 registrations wait").wait_for()
    look_at(page, "upload-conflicts")
