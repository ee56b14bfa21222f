"""The lists of operations, the form that customises one, and custom fields in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import look_at, sign_in
from tests.people import Person, make_person
from webapp.extensions import db
from webapp.rules.roles import Role
from webapp.services.demo import DEMO_USERS, load_demo

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Page


@pytest.fixture
def demo(app: Flask) -> dict[str, Person]:
    """The demo's users by the part of their email before the @."""
    with app.app_context():
        load_demo(db.session())
        db.session.commit()
    return {
        user.email.partition("@")[0]: Person(0, user.email, user.name, user.password)
        for user in DEMO_USERS
    }


def test_lists_of_operations(page: Page, live_url: str, demo: dict[str, Person]) -> None:
    sign_in(page, live_url, demo["manage"])
    page.goto(live_url)
    page.get_by_role("heading", name="My Data Sync Operations").wait_for()
    look_at(page, "operations-mine")
    page.goto(f"{live_url}/operations/all")
    look_at(page, "operations-all")
    page.get_by_role("link", name="Customise Standard Constituent Import").click()
    page.get_by_role("textbox", name="Title").fill("")
    page.get_by_label("Notification addresses").fill("nobody")
    page.get_by_role("button", name="Make the operation").click()
    page.get_by_text("Please correct this first").wait_for()
    look_at(page, "operation-customise")
    page.get_by_role("textbox", name="Title").fill("Gala guests")
    page.get_by_label("Notification addresses").fill("")
    page.get_by_label("For whom").select_option(label="North Center")
    page.get_by_label("Day first").check()
    page.locator("summary", has_text="Keys").click()
    page.get_by_label("MEMBER_ID", exact=True).check()
    page.get_by_role("button", name="Make the operation").click()
    page.get_by_text("Gala guests is there now.").wait_for()
    page.get_by_role("link", name="Edit Gala guests").click()
    look_at(page, "operation-edit")
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete the operation").click()
    page.get_by_text("Gala guests is deleted.").wait_for()


def test_pages_for_those_who_can_do_less(
    page: Page, live_url: str, app: Flask, demo: dict[str, Person]
) -> None:
    sign_in(page, live_url, demo["visitor"])
    page.goto(f"{live_url}/operations/")
    page.get_by_role("heading", name="There is nothing you can do here yet").wait_for()
    look_at(page, "operations-nothing")
    page.context.clear_cookies()
    sign_in(page, live_url, demo["view"])
    page.goto(f"{live_url}/operations/all")
    page.get_by_text("Running one needs the role").wait_for()
    look_at(page, "operations-all-view")


def test_without_customised_operations(page: Page, live_url: str, app: Flask) -> None:
    sign_in(page, live_url, make_person(app, "run@example.org", Role.DATA_SYNC_RUN))
    page.goto(f"{live_url}/operations/")
    look_at(page, "operations-mine-empty")


def test_custom_fields(page: Page, live_url: str, demo: dict[str, Person]) -> None:
    sign_in(page, live_url, demo["admin"])
    page.goto(f"{live_url}/admin/custom-fields/")
    look_at(page, "custom-fields")
    page.get_by_role("link", name="Add a field").click()
    page.get_by_role("button", name="Add the field").click()
    page.get_by_text("Please correct this first").wait_for()
    look_at(page, "custom-field-new")
    page.get_by_label("Label").fill("Bird of choice")
    page.get_by_label("Name in files").fill("bird")
    page.get_by_label("One of several choices").check()
    page.get_by_label("Choices", exact=False).last.fill("Heron\nOtter")
    page.get_by_role("button", name="Add the field").click()
    page.get_by_text("Files can have the column CUSTOM_BIRD now.").wait_for()
    page.get_by_role("link", name="T-shirt size").click()
    look_at(page, "custom-field")
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete the field").click()
    page.get_by_text("so it can't be deleted").wait_for()


def test_customising_works_without_javascript(
    without_javascript: BrowserContext, live_url: str, demo: dict[str, Person]
) -> None:
    page = without_javascript.new_page()
    sign_in(page, live_url, demo["manage"])
    page.goto(f"{live_url}/operations/standard-constituent-import/customise")
    page.get_by_role("textbox", name="Title").fill("Plain")
    page.get_by_role("button", name="Make the operation").click()
    page.get_by_text("Plain is there now.").wait_for()
