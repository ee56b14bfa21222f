"""A damaged file from its upload to its undo, in a real browser: with JavaScript, and without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import await_focus, begin_upload, look_at, sign_in
from webapp.extensions import db
from webapp.models import Constituent, Run

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Locator, Page

    from tests.people import Person

WAIT = 60_000
SLUG = "standard-constituent-import"
COLUMNS = "MEMBER_ID;FIRST_NAME;LAST_NAME;PRIMARY_EMAIL;HOME_CITY;HOME_STATEPROV;HOME_ZIP"
PEOPLE = (
    ("Ada", "García", "Cambridge", "MA", "02139"),
    ("Grace", "Hopper", "Boston", "MA", "02108"),
    ("Alan", "Núñez", "Newark", "NJ", "07102"),
    ("Renée", "Müller", "Holtsville", "NY", "00501"),
    ("Mary", "Jackson", "Hampton", "VA", "23666"),
    ("Annie", "Peña", "Worcester", "MA", "01608"),
    ("Zoë", "Brontë", "Salem", "MA", "01970"),
    ("Evelyn", "Boyd", "Providence", "RI", "02903"),
)
ROWS = 40


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """What a spreadsheet leaves of a good export: titles above, totals below, semicolons, ZIPs
    without their zeros, letters that were read in the wrong encoding, and a row cut in two."""
    lines = ["Spring donors 2026;;;;;;", "Exported 22 November 2026;;;;;;", COLUMNS]
    for number in range(1, ROWS + 1):
        first, last, city, state, postcode = PEOPLE[number % len(PEOPLE)]
        cells = [f"M-{number}", first, last, f"p{number}@example.org", city, state]
        misread = ";".join(cells).encode("utf-8").decode("windows-1252")
        lines.append(f"{misread};{postcode.lstrip('0')}")
    lines.append(f"Total;{ROWS};;;;;")
    path = tmp_path / "spring donors.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def upload(page: Page, live_url: str, person: Person, path: Path) -> None:
    sign_in(page, live_url, person)
    begin_upload(page, live_url, SLUG, path)
    page.get_by_role("heading", level=1, name="What we found").wait_for(timeout=WAIT)


def card(page: Page, kind: str) -> Locator:
    return page.locator(f"article[id^='damage-{kind}']")


def the_run(app: Flask, kind: str = "run") -> Run:
    with app.app_context():
        run = db.session.query(Run).filter_by(kind=kind).one()
        db.session.expunge(run)
        return run


def people_now(app: Flask) -> dict[str, tuple[str, str]]:
    with app.app_context():
        return {
            str(each.member_id): (str(each.last_name), str(each.home_zip))
            for each in db.session.query(Constituent)
        }


def test_a_damaged_file_from_upload_to_undo(
    page: Page, live_url: str, app: Flask, manager: Person, damaged: Path, worker: None
) -> None:
    upload(page, live_url, manager, damaged)

    # The reading, in words
    reading = page.locator("#reading")
    expect(page.get_by_label("What columns are separated by")).to_have_value("semicolon")
    expect(page.get_by_label("The row of the first names")).to_have_value("3")
    expect(reading).to_contain_text("Spring donors 2026")
    expect(reading).to_contain_text("Row 44")
    look_at(page, "found-damaged")
    change_the_header_and_back(page)
    change_the_delimiter_by_keyboard_and_back(page)

    # The damage: one kind for all its rows, of another only some
    zeros, letters = card(page, "lost_zeros"), card(page, "mojibake").last
    expect(page.locator("#found-damage")).to_contain_text("As it stands, nothing is repaired")
    zeros.get_by_label(re.compile("^Repair all")).check()
    zeros.get_by_text("Will be repaired.").wait_for()
    page.locator("#found-rows ins", has_text="02108").first.wait_for()
    letters.get_by_label("Choose", exact=True).check()
    said = letters.get_by_text("will be repaired.")
    all_of_it = said.inner_text()
    letters.get_by_label(re.compile("BrontÃ«")).uncheck()
    expect(said).not_to_have_text(all_of_it)
    expect(letters.get_by_label(re.compile("BrontÃ«"))).not_to_be_checked()
    page.locator("#damage-summary", has_text="2 of").wait_for()
    look_at(page, "found-repaired")
    assert len(the_run(app).options["repairs"]) == 2

    # The preview shows what was repaired, and says so
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_role("link", name="Continue to review").wait_for(timeout=WAIT)
    look_at(page, "found-preview")
    page.goto(page.url.rstrip("/") + "/rows")
    row = page.locator("tr", has_text="M-1").or_(page.locator("tr#row-4")).first
    expect(row).to_contain_text("2108 was read as 02108")
    page.get_by_role("link", name="Continue to review").click()
    expect(page.locator("#plan")).to_contain_text("leading zeros put back in 35 cells")
    look_at(page, "found-review")

    # Run, and undo
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".badge-state", has_text="Success").first.wait_for(timeout=WAIT)
    page.reload()
    expect(page.locator("#repaired")).to_contain_text("leading zeros put back")
    look_at(page, "found-results")
    now = people_now(app)
    assert now["M-8"] == ("García", "02139")
    assert now["M-6"] == ("BrontÃ«", "01970")
    page.get_by_role("button", name="Undo…").click()
    page.get_by_role("button", name="Undo the run").click(timeout=WAIT)
    page.get_by_text("This undid").wait_for(timeout=WAIT)
    assert people_now(app) == {}


def change_the_header_and_back(page: Page) -> None:
    """The names of the columns are said to be elsewhere: the rows change at once, and back."""
    first = page.get_by_label("The row of the first names")
    first.fill("4")
    first.press("Tab")
    page.locator("#first-rows thead", has_text="M-1").wait_for()
    page.get_by_text("You said so.").first.wait_for()
    expect(page.locator("#column-faults")).to_contain_text("can’t be read yet")
    look_at(page, "found-wrong-header")
    page.get_by_role("button", name=re.compile("^Let the file decide")).click()
    page.locator("#first-rows thead", has_text="MEMBER_ID").wait_for()
    expect(page.get_by_text("You said so.")).to_have_count(0)
    expect(page.get_by_label("The row of the first names")).to_have_value("3")


def change_the_delimiter_by_keyboard_and_back(page: Page) -> None:
    """The keyboard stays in the control it changed; what is said stays on the page."""
    delimiter = page.get_by_label("What columns are separated by")
    delimiter.select_option("tab")
    page.get_by_text("You said so.").first.wait_for()
    delimiter.focus()
    delimiter.select_option("semicolon")
    page.locator("#first-rows thead", has_text="HOME_ZIP").wait_for()
    await_focus(delimiter)
    page.get_by_role("button", name=re.compile("^Let the file decide")).click()
    page.get_by_text("You said so.").wait_for(state="detached")
    page.locator("article.damage-card").first.wait_for()


def test_the_same_without_javascript(
    without_javascript: BrowserContext,
    live_url: str,
    app: Flask,
    manager: Person,
    damaged: Path,
    worker: None,
) -> None:
    page = without_javascript.new_page()
    upload(page, live_url, manager, damaged)
    page.get_by_label("The row of the first names").fill("4")
    page.get_by_role("button", name="Read it this way").click()
    page.locator("#first-rows thead", has_text="M-1").wait_for()
    page.get_by_role("button", name=re.compile("^Let the file decide")).click()
    page.locator("#first-rows thead", has_text="MEMBER_ID").wait_for()
    zeros = card(page, "lost_zeros")
    zeros.get_by_label(re.compile("^Repair all")).check()
    zeros.get_by_role("button", name=re.compile("^Save this choice")).click()
    zeros.get_by_text("Will be repaired.").wait_for()
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_role("link", name="Continue to review").wait_for(timeout=WAIT)
    page.get_by_role("link", name="Continue to review").click()
    expect(page.locator("#plan")).to_contain_text("leading zeros put back in 35 cells")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".badge-state", has_text="Success").first.wait_for(timeout=WAIT)
    assert people_now(app)["M-8"] == ("GarcÃ\xada", "02139")


def test_letters_that_can_be_read_in_two_ways_are_shown_side_by_side(
    page: Page, live_url: str, manager: Person, tmp_path: Path
) -> None:
    """Words that are as good in one encoding as in another: the person looks, and says."""
    path = tmp_path / "members.csv"
    text = "MEMBER_ID,FIRST_NAME\n" + "".join(f"M-{n},Zo\xeb\n" for n in range(1, 9))
    path.write_bytes(text.encode("windows-1252"))
    upload(page, live_url, manager, path)
    page.get_by_label("How letters are written").select_option("mac-roman")
    page.get_by_role("group", name="You said in which the names look right.").wait_for()
    look_at(page, "found-letters")
    windows = page.locator("#letters").get_by_label(re.compile("Windows-1252"))
    windows.focus()
    page.keyboard.press("Space")
    page.locator("#first-rows td", has_text="Zoë").first.wait_for()
    await_focus(windows)


def test_the_help_with_excel(page: Page, live_url: str, manager: Person) -> None:
    sign_in(page, live_url, manager)
    page.goto(f"{live_url}/operations/{SLUG}/start")
    page.get_by_role("link", name="Opening it in Excel?").first.click()
    page.get_by_role("heading", level=1, name="Leading zeros and Excel").wait_for()
    look_at(page, "help-excel")
    page.goto(f"{live_url}/help/excel#lost-zeros")
    expect(page.locator("#lost-zeros")).to_be_visible()
