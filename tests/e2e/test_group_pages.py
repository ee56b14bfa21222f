"""Groups and interests made and changed in a browser; the pages at every width, in both themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.e2e.browser import look_at, sign_in
from tests.people import make_admin

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
    page.goto(f"{live_url}/groups/interests")
    page.get_by_role("link", name="Add an interest").click()
    look_at(page, "interest-new")
    page.get_by_label("Name").fill("Walks")
    page.get_by_role("button", name="Add the interest").click()
    page.get_by_role("link", name="Walks", exact=True).click()
    look_at(page, "interest-edit")
    page.goto(f"{live_url}/operations/segmentation-upload/customise")
    expect(page.get_by_label("Runs may opt people in again who opted out")).not_to_be_checked()
    look_at(page, "operation-right")
