"""The pages for accounts, users, centers and errors in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import await_focus, look_at, sign_in
from tests.people import Person, make_admin, make_center, make_person
from webapp.rules.roles import Grant, Role

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Page


@pytest.fixture
def admin(app: Flask) -> Person:
    north = make_center(app, "North Shore Chapter")
    south = make_center(app, "South Valley Affiliate")
    make_person(app, "rita.runner@example.org", Role.DATA_SYNC_RUN)
    make_person(
        app,
        "carl.center@example.org",
        grants=[
            Grant(Role.DATA_SYNC_MANAGE, north),
            Grant(Role.CROSSREF_VIEW, north),
            Grant(Role.DATA_SYNC_VIEW, south),
        ],
    )
    make_person(app, "nora.newcomer@example.org")
    make_person(app, "vera.vendor@example.org", is_vendor_support=True)
    return make_admin(app)


def test_sign_in_page(page: Page, live_url: str) -> None:
    page.goto(live_url)
    look_at(page, "sign-in")
    page.get_by_label("Email").fill("nobody@example.org")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("The email or the password is not right").wait_for()
    look_at(page, "sign-in-refused")


def test_own_pages(page: Page, live_url: str, app: Flask) -> None:
    sign_in(page, live_url, make_person(app, "nora.newcomer@example.org"))
    look_at(page, "home-without-roles")
    page.goto(f"{live_url}/account/password")
    look_at(page, "change-password")
    page.get_by_role("button", name="Change password").click()
    page.get_by_text("Please correct this first").wait_for()
    look_at(page, "change-password-refused")
    page.goto(f"{live_url}/admin/users/")
    page.get_by_role("heading", name="You may not do this").wait_for()
    look_at(page, "forbidden")
    page.goto(f"{live_url}/no/such/page")
    look_at(page, "not-found")


def test_administration_pages(page: Page, live_url: str, admin: Person) -> None:
    sign_in(page, live_url, admin)
    page.goto(f"{live_url}/admin/users/")
    look_at(page, "users")
    page.get_by_role("link", name="Carl Center").click()
    page.get_by_role("heading", name="Carl Center").wait_for()
    look_at(page, "user")
    page.locator("summary", has_text="Deactivate").click()
    look_at(page, "user-deactivate")
    page.goto(f"{live_url}/admin/users/new")
    page.get_by_role("button", name="Add the user").click()
    page.get_by_text("Please correct this first").wait_for()
    look_at(page, "user-new-refused")
    page.goto(f"{live_url}/admin/centers/")
    look_at(page, "centers")
    page.get_by_role("link", name="Add a center").click()
    page.get_by_role("heading", name="Add a center").wait_for()
    look_at(page, "center-new")


def test_a_new_password_and_the_open_menu(page: Page, live_url: str, admin: Person) -> None:
    sign_in(page, live_url, admin)
    page.goto(f"{live_url}/admin/users/new")
    page.get_by_label("Name").fill("Otto Operator")
    page.get_by_label("Email").fill("otto@example.org")
    page.get_by_role("button", name="Add the user").click()
    page.get_by_role("heading", name="A password for Otto Operator").wait_for()
    look_at(page, "user-password")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("summary", has_text="Menu").click()
    look_at(page, "menu")
    page.get_by_role("link", name="Centers").click()
    page.get_by_role("heading", name="Centers").wait_for()


def test_the_theme_can_be_chosen_and_is_remembered(page: Page, live_url: str) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(live_url)
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")


def test_menus_work_from_the_keyboard(page: Page, live_url: str, admin: Person) -> None:
    sign_in(page, live_url, admin)
    page.wait_for_load_state()
    page.keyboard.press("Tab")
    await_focus(page.get_by_role("link", name="Skip to the content"))
    menu = page.locator("details.menu > summary").first
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Change password").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Change password")).not_to_be_visible()
    await_focus(menu)


def test_a_user_is_made_and_signs_in_without_javascript(
    without_javascript: BrowserContext, live_url: str, admin: Person
) -> None:
    page = without_javascript.new_page()
    sign_in(page, live_url, admin)
    page.goto(f"{live_url}/admin/users/new")
    page.get_by_label("Name").fill("Otto Operator")
    page.get_by_label("Email").fill("otto@example.org")
    row = page.get_by_role("group", name="For another center")
    row.get_by_label("Center", exact=True).select_option("North Shore Chapter")
    row.get_by_label("Data Synchronization").select_option("Run")
    page.get_by_role("button", name="Add the user").click()
    password = page.locator("#new-password").inner_text()
    page.get_by_role("link", name="Done").click()
    north = page.get_by_role("group", name="North Shore Chapter")
    expect(north.get_by_label("View Import/Export operations")).to_be_checked()
    page.locator("details.menu > summary").first.click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You are signed out").wait_for()
    sign_in(page, live_url, Person(0, "otto@example.org", "Otto", password))
