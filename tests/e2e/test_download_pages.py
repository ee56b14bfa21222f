"""A download in a real browser, from the list of operations to its file; the held-back list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from tests.e2e.browser import await_focus, look_at, sign_in
from tests.people import make_person
from tests.working import work_off
from webapp.extensions import db
from webapp.models import (
    Constituent,
    CrossReferenceEntry,
    CrossReferenceType,
    PotentialMatch,
)
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

ROLES = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE, Role.CROSSREF_MANAGE)


@pytest.fixture
def people(app: Flask) -> None:
    """Six people; one may be a duplicate, two have a state that is not mapped."""
    with app.app_context():
        found = [
            Constituent(first_name=name, last_name="Lee", home_zip="02134", home_stateprov=state)
            for name, state in zip(
                ("Ann", "Bob", "Cem", "Dee", "Eva", "Fay"),
                ("MA", "MA", "NH", "VT", "MA", "MA"),
                strict=True,
            )
        ]
        db.session.add_all(found)
        db.session.flush()
        db.session.add(PotentialMatch(registration_id=found[5].id, candidate_id=found[0].id))
        states = db.session.scalars(
            select(CrossReferenceType).filter_by(key="field:STATEPROV")
        ).one()
        states.policy = "reject"
        db.session.add(
            CrossReferenceEntry(
                type_id=states.id, online_value="MA", foreign_values=["25"], online_key="ma",
                foreign_key="25", searched="MA 25",
            )
        )  # fmt: skip
        db.session.commit()


def arrange_columns(page: Page) -> None:
    """CONS_ID, FIRST_NAME as First, HOME_STATEPROV, HOME_ZIP; mostly with the keyboard."""
    page.locator("summary", has_text="which, in what order").click()
    names = page.locator("#download-columns .column-name .key")
    for number, name in enumerate(
        ("HOME_ZIP", "CONS_ID", "SUFFIX", "FIRST_NAME", "HOME_STATEPROV")
    ):
        page.get_by_label("Add", exact=True).select_option(value=name)
        page.get_by_role("button", name="Add", exact=True).click()
        names.nth(number).wait_for()
    page.get_by_label("Heading of FIRST_NAME").fill("First")
    for name, place in (("CONS_ID", 1), ("FIRST_NAME", 3), ("FIRST_NAME", 2)):
        page.get_by_role("button", name=f"Move {name} up").press("Enter")
        page.get_by_role("status").get_by_text(f"{name} is column {place} of 5.").wait_for()
        # The same button goes on from there
        await_focus(page.locator(f"#columns-up-{name}"))
    page.get_by_role("button", name="Remove SUFFIX").press("Enter")
    page.get_by_text("SUFFIX was removed.").wait_for()
    await_focus(page.locator("#columns-remove-HOME_STATEPROV"))
    page.get_by_role("button", name="Move HOME_ZIP down").press("Enter")
    page.get_by_role("status").get_by_text("HOME_ZIP is column 4 of 4.").wait_for()
    assert names.all_inner_texts() == ["CONS_ID", "FIRST_NAME", "HOME_STATEPROV", "HOME_ZIP"]
    assert page.get_by_label("Heading of FIRST_NAME").input_value() == "First"


def test_a_list_that_has_come_in_answers_at_once(
    app: Flask, page: Page, live_url: str, people: None
) -> None:
    """Who presses faster than a page settles doesn't load it anew."""
    sign_in(page, live_url, make_person(app, "manage@example.org", *ROLES))
    page.goto(f"{live_url}/operations/constituent-data-download/download")
    page.locator("summary", has_text="which, in what order").click()
    page.get_by_label("Add", exact=True).select_option(value="CONS_ID")
    page.evaluate(
        """() => {
            window.isSame = true;
            const press = () => document.getElementById("columns-remove-CONS_ID").click();
            document.addEventListener("htmx:afterSwap", () => setTimeout(press), {once: true});
        }"""
    )
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("CONS_ID was removed.").wait_for()
    assert page.evaluate("window.isSame")


def test_a_download_from_the_list_to_the_file(
    app: Flask, page: Page, live_url: str, people: None
) -> None:
    sign_in(page, live_url, make_person(app, "manage@example.org", *ROLES))
    page.goto(f"{live_url}/operations/all")
    page.get_by_role("link", name="Start Constituent Data Download").click()
    page.get_by_role("heading", name="What to download").wait_for()
    look_at(page, "download-information")
    for words in ("Columns", "Who", "How the files are written"):
        page.locator("summary", has_text=words).first.click()
    page.get_by_label("CSV", exact=True).uncheck()
    page.get_by_role("button", name="Show me what it would give").click()
    page.get_by_text("Please correct this first").wait_for()
    look_at(page, "download-information-wrong")
    page.get_by_label("CSV", exact=True).check()
    arrange_columns(page)
    look_at(page, "download-columns")
    page.get_by_role("button", name="Show me what it would give").click()
    page.get_by_role("heading", name="1 registration waits").wait_for()
    look_at(page, "download-conflicts")
    page.get_by_role("button", name="Show me what it would give").click()
    page.get_by_text("Waiting for a worker").wait_for()
    look_at(page, "download-preview-waits")
    work_off(app)
    page.get_by_text("6 changed = 3 delivered").wait_for()
    look_at(page, "download-preview")
    preview = page.url
    page.goto(preview.removesuffix("/preview"))
    look_at(page, "download-information-again")
    page.goto(preview)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off(app)
    page.get_by_role("heading", name="Files").wait_for()
    look_at(page, "download-results")

    with page.expect_download() as arriving:
        page.get_by_role("link", name="constituents_").click()
    text = Path(arriving.value.path()).read_text(encoding="utf-8-sig")
    assert [line.split(",")[1:4] for line in text.splitlines()] == [
        ["First", "HOME_STATEPROV", "HOME_ZIP"],
        *([name, "25", "02134"] for name in ("Ann", "Bob", "Eva")),
    ]

    page.get_by_role("link", name="The held-back list").click()
    page.get_by_role("heading", name="Held back: Constituent Data Download").wait_for()
    look_at(page, "held-back")
    page.get_by_role("link", name="Map “NH”").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/cross-references/field(:|%3A)STATEPROV"))
    page.go_back()
    page.get_by_role("button", name="Send what is free now").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off(app)
    page.get_by_text("0 changed + 3 held back before = 0 delivered").wait_for()


def see_preview(app: Flask, page: Page) -> None:
    """On from the settings, past the registration that waits."""
    page.get_by_role("button", name="Show me what it would give").click()
    page.get_by_role("heading", name="1 registration waits").wait_for()
    page.get_by_role("button", name="Show me what it would give").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off(app)


def test_what_the_file_lacks_is_told_and_mended(
    app: Flask, page: Page, live_url: str, people: None
) -> None:
    with app.app_context():
        ann, cem = (
            db.session.scalars(select(Constituent).filter_by(first_name=name)).one()
            for name in ("Ann", "Cem")
        )
        ann.last_name, ann.nickname = "Dvořáková-Novotná", "Ω"
        cem.last_name, cem.home_stateprov = "Yılmaz", "MA"
        db.session.commit()
    sign_in(page, live_url, make_person(app, "manage@example.org", *ROLES))
    page.goto(f"{live_url}/operations/constituent-data-download/download")
    page.locator("summary", has_text="How the files are written").click()
    page.get_by_label("Characters of the CSV file").select_option(value="cp1252")
    see_preview(app, page)
    page.get_by_text("2 records have characters that Windows-1252 lacks").wait_for()
    look_at(page, "download-preview-lacking")
    expect(page.get_by_role("button", name="Run", exact=True)).to_have_count(0)

    page.get_by_role("link", name="Choose other characters").click()
    page.get_by_label("Characters of the CSV file").select_option(value="utf-8")
    see_preview(app, page)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()


def test_the_settings_of_an_operation(app: Flask, page: Page, live_url: str) -> None:
    sign_in(page, live_url, make_person(app, "manage@example.org", *ROLES))
    page.goto(f"{live_url}/held-back")
    look_at(page, "held-back-empty")
    page.goto(f"{live_url}/operations/all")
    page.get_by_role("link", name="Customise Constituent Data Download").click()
    page.get_by_role("textbox", name="Title").fill("For the donor system")
    page.locator("summary", has_text="How the files are written").click()
    page.get_by_label("Delimiter of the CSV file").select_option(label="Semicolon")
    look_at(page, "download-customise")
    page.get_by_role("button", name="Make the operation").click()
    page.get_by_text("For the donor system is there now.").wait_for()
