"""Constituents and groups in a real browser, with and without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from tests.e2e.browser import look_at, sign_in
from tests.finished_runs import make_run
from tests.people import Person, make_admin, make_center, make_person
from webapp.extensions import db
from webapp.models import (
    Constituent,
    ConstituentEmail,
    CustomField,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
)
from webapp.rules.roles import Role
from webapp.services.changes import set_actor

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Page
    from sqlalchemy.orm import Session

NAMES = (
    ("Mary", "Smith", "Duluth", "MN"),
    ("John", "Smithson", "Portland", "ME"),
    ("Łukasz", "Szabó", "St. Louis", "MO"),
    ("Guadalupe", "Zúñiga", "Cambridge", "MA"),
    ("Kim", "Lee", "Ann Arbor", "MI"),
    ("Chukwuemeka", "Khan", "San Antonio", "TX"),
)
PEOPLE = """
INSERT INTO constituents (id, first_name, last_name, home_city, home_stateprov, member_id,
    primary_email, mobile_phone, active_detail)
SELECT :first + g, :given, :family, :city, :state, 'M-' || (:first + g),
    lower(:family) || g || '@example.org', '(207) 555-0' || (100 + g),
    CASE WHEN g % 9 = 4 THEN 'Removed by administrator' ELSE 'Registered' END
FROM generate_series(0, 9) g
"""
ZOE = 77_001


@dataclass(frozen=True, slots=True)
class Site:
    """The address, and who can sign in."""

    url: str
    admin: Person
    runner: Person
    viewer: Person
    of_center: Person
    group: int


@pytest.fixture
def site(app: Flask, live_url: str) -> Site:
    """Sixty people, and one more with a little of everything and a history."""
    center = make_center(app, "North Center")
    people = Site(
        live_url,
        admin=make_admin(app),
        runner=make_person(app, "robin@example.org", Role.DATA_SYNC_RUN, name="Robin Lindström"),
        viewer=make_person(app, "vera@example.org", Role.DATA_SYNC_VIEW),
        of_center=make_person(app, "noa@example.org", Role.DATA_SYNC_MANAGE, center_id=center),
        group=501,
    )
    with app.app_context():
        session = db.session()
        for number, (given, family, city, state) in enumerate(NAMES, start=1):
            values = {"given": given, "family": family, "city": city, "state": state}
            session.execute(text(PEOPLE), {**values, "first": 1000 * number})
        _add_things(session, center)
        session.commit()
        set_actor(session, people.admin.id, people.admin.name)
        _add_zoe(session)
        session.commit()
        run = make_run(session, label="Spring members")
        session.commit()
        set_actor(session, people.runner.id, people.runner.name, run.id)
        session.execute(
            text(
                "UPDATE constituents SET home_city = 'Québec', home_zip = 'G1R 4P5',"
                " accepts_postal_mail = false, modified_row = 1204 WHERE id = :id"
            ),
            {"id": ZOE},
        )
        session.commit()
    return people


def _add_things(session: Session, center: int) -> None:
    session.add_all(
        [
            CustomField(key="shirt", label="T-shirt size", kind="choice", choices=["S", "M", "L"]),
            CustomField(key="board", label="Board member", kind="yes_no"),
            Group(id=501, name="Major Donors", folder="Giving", description="Gave over 1,000."),
            Group(id=502, name="New: Spring members", folder="Data Sync", kind="new"),
            Group(id=503, name="North Hikers", folder="Centers", center_id=center),
            Interest(id=601, name="Monthly Newsletter", is_default=True),
            Interest(id=602, name="Walks", kind="web", parent_id=601),
        ]
    )
    session.flush()
    session.execute(
        text("INSERT INTO group_members SELECT 501, id FROM constituents WHERE id % 10 < 3")
    )
    session.execute(
        text("INSERT INTO interest_choices SELECT 601, id, id % 3 > 0 FROM constituents")
    )


def _add_zoe(session: Session) -> None:
    session.add(
        Constituent(
            id=ZOE,
            title="Dr.",
            first_name="Zoë",
            middle_name="Mária",
            last_name="Ångström-Núñez",
            member_id="Z-00042",
            primary_email="zoe@example.org",
            home_street1="12 Rue de la Paix",
            home_city="Montréal",
            home_stateprov="QC",
            home_phone="(514) 555-0199",
            accepts_email=False,
            custom={"board": "Yes"},
        )
    )
    session.flush()
    for email in ("zoe@example.org", "zoe@former-employer.example"):
        session.add(ConstituentEmail(constituent_id=ZOE, email=email))
    session.add(GroupMember(group_id=501, constituent_id=ZOE))
    session.add(InterestChoice(interest_id=601, constituent_id=ZOE, opted_in=True))
    session.add(InterestChoice(interest_id=602, constituent_id=ZOE, opted_in=False))
    session.flush()


def test_searching_while_typing(site: Site, page: Page) -> None:
    sign_in(page, site.url, site.viewer)
    page.goto(f"{site.url}/constituents/")
    look_at(page, "constituents-newest")
    box = page.get_by_role("searchbox", name="Search")
    box.press_sequentially("angstrom", delay=20)
    page.wait_for_url("**/constituents/?q=angstrom")
    expect(page.get_by_role("row", name="Ångström-Núñez")).to_be_visible()
    expect(page.locator("#constituent-results tbody tr")).to_have_count(1)
    box.fill("zoe@former")
    page.get_by_text("Former email zoe@former-employer.example").wait_for()
    box.fill("0199")
    page.get_by_text("Home phone").wait_for()
    box.fill("no such person")
    page.get_by_role("heading", name="Nobody found").wait_for()
    look_at(page, "constituents-nobody")
    box.fill("smith")
    page.get_by_role("row", name="John Smithson").first.wait_for()
    page.get_by_label("Records").select_option("active")
    page.wait_for_url("**/constituents/?q=smith&status=active")
    look_at(page, "constituents-found")


def test_a_record_its_history_and_its_form(site: Site, page: Page) -> None:
    sign_in(page, site.url, site.runner)
    page.goto(f"{site.url}/constituents/{ZOE}")
    page.get_by_text("Show ").click()
    look_at(page, "constituent-profile")
    page.get_by_role("link", name="City: history").first.click()
    page.get_by_role("heading", name="History of Home city").wait_for()
    expect(page.get_by_role("deletion")).to_have_text("Montréal")
    look_at(page, "constituent-history-field")
    page.get_by_role("link", name="Edit").click()
    look_at(page, "constituent-edit")
    page.get_by_label("City").first.fill("Gaspé")
    page.get_by_label("Primary email").fill("not an email")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").get_by_text("which is not an email address").wait_for()
    expect(page.get_by_label("City").first).to_have_value("Gaspé")
    look_at(page, "constituent-edit-errors")
    page.get_by_label("Primary email").fill("zoe.new@example.org")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved: Primary email, Home city.").wait_for()
    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_text("zoe.new@example.org").first.wait_for()
    look_at(page, "constituent-history")


def test_two_people_edit_one_record(
    site: Site, page: Page, app: Flask, without_javascript: BrowserContext
) -> None:
    """The second one is without JavaScript: none of this needs it."""
    sign_in(page, site.url, site.runner)
    other = without_javascript.new_page()
    sign_in(other, site.url, site.admin)
    for window in (page, other):
        window.goto(f"{site.url}/constituents/{ZOE}/edit")
    page.get_by_label("City").first.fill("Paris")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved: Home city.").wait_for()
    other.get_by_label("City").first.fill("Rome")
    other.get_by_label("Nickname").fill("Zo")
    other.get_by_role("button", name="Save").click()
    told = other.locator("#interference")
    expect(told).to_contain_text("Québec")
    expect(told).to_contain_text("Robin Lindström")
    expect(other.get_by_label("City").first).to_have_value("Rome")
    other.get_by_role("button", name="Save").click()
    other.get_by_text("Saved: Nickname, Home city.").wait_for()
    other.goto(f"{site.url}/constituents/?q=angstrom")
    expect(other.get_by_role("link", name="Ångström-Núñez")).to_be_visible()
    page.goto(f"{site.url}/constituents/{ZOE}/edit")
    with app.app_context():
        db.session.execute(text("UPDATE constituents SET suffix = 'II' WHERE id = 77001"))
        db.session.commit()
    page.get_by_label("Suffix").first.fill("III")
    page.get_by_role("button", name="Save").click()
    page.locator("#interference").wait_for()
    look_at(page, "constituent-edit-meanwhile")


def test_groups_and_interests(site: Site, page: Page) -> None:
    sign_in(page, site.url, site.viewer)
    page.goto(f"{site.url}/groups/")
    look_at(page, "groups")
    page.get_by_label("Name or ID").press_sequentially("zzzz", delay=10)
    page.get_by_role("heading", name="No group fits").wait_for()
    page.goto(f"{site.url}/groups/{site.group}")
    page.get_by_role("searchbox").press_sequentially("angstrom", delay=10)
    members = page.get_by_role("table", name="Members")
    members.get_by_role("row", name="Ångström-Núñez").wait_for()
    look_at(page, "group")
    page.goto(f"{site.url}/groups/interests")
    look_at(page, "interests")


def test_a_center_sees_its_own(site: Site, page: Page) -> None:
    sign_in(page, site.url, site.of_center)
    page.goto(f"{site.url}/constituents/?q=angstrom")
    page.get_by_role("heading", name="Nobody found").wait_for()
    answer = page.goto(f"{site.url}/constituents/{ZOE}")
    assert answer is not None
    assert answer.status == 404
