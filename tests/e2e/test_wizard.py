"""The whole wizard in a real browser with a real worker: with JavaScript, and without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import begin_upload, look_at, sign_in
from webapp.extensions import db
from webapp.models import Constituent, Group, Interest, Run, Upload

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Page

    from tests.people import Person

WAIT = 60_000
HEADER = "MEMBER_ID,FIRST_NAME,LAST_NAME,E-mail,BIRTH_DATE,GROUP_IDS,ACCEPTS_EMAIL,Shoe size"


@pytest.fixture
def group_id(app: Flask) -> int:
    """Some people and a group for the file to meet."""
    with app.app_context():
        group = Group(name="Volunteers")
        people = [
            Constituent(
                member_id="M-1",
                first_name="Ada",
                last_name="Byron",
                primary_email="ada@example.org",
            ),
            Constituent(
                member_id="M-2",
                first_name="Grace",
                last_name="Hopper",
                primary_email="grace@example.org",
                accepts_email=False,
            ),
            Constituent(
                member_id="M-3",
                first_name="Alan",
                last_name="Turing",
                primary_email="alan@example.org",
            ),
        ]
        db.session.add_all([group, Interest(name="News"), *people])
        db.session.commit()
        return group.id


@pytest.fixture
def upload_file(tmp_path: Path, group_id: int) -> Path:
    """Updates, newcomers, one that changes nothing, and mistakes of four kinds."""
    rows = [
        f"M-1,Ada,Lovelace,ada@example.org,1915-12-10,{group_id},Yes,38",
        f"M-2,Grace,Hopper,grace@example.org,,{group_id},Yes,39",
        "M-3,Alan,Turing,alan@example.org,,,,42",
        "M-4,Katherine,Johnson,katherine@example.org,08/26/1918,,,40",
        "M-5,Dorothy,Vaughan,dorothy at example.org,09/20/1910,,,37",
        "M-6,Mary,Jackson,mary@example.org,31.31.1921,,,37",
        "M-7,Annie,Easley,annie@example.org,,77,,36",
        "M-8,Evelyn,Boyd,evelyn@example.org,,77,,36",
        ",,Nobody,,,,,",
        "M-10,Christine,Darden,christine@example.org,09/10/1942,,,36",
    ]
    path = tmp_path / "spring members.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def step_is(page: Page, heading: str) -> None:
    page.get_by_role("heading", level=1, name=heading, exact=True).wait_for(timeout=WAIT)


def find_constituent(app: Flask, member_id: str) -> Constituent | None:
    with app.app_context():
        found = db.session.query(Constituent).filter_by(member_id=member_id).one_or_none()
        if found is not None:
            db.session.expunge(found)
        return found


def test_the_whole_wizard(
    page: Page, live_url: str, app: Flask, manager: Person, upload_file: Path, worker: None
) -> None:
    sign_in(page, live_url, manager)

    # Operation information
    page.goto(f"{live_url}/operations/standard-constituent-import/start")
    step_is(page, "Operation information")
    look_at(page, "wizard-1-information")
    page.get_by_label("Label").fill("")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Please correct this first").wait_for()
    page.get_by_label("Label").fill("Spring members")
    page.get_by_role("button", name="Continue").click()

    # File: one that can't be read, then the one that is meant
    step_is(page, "Choose the file")
    look_at(page, "wizard-2-file")
    picture = upload_file.with_name("picture.png")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    page.get_by_label("Choose a file").set_input_files(picture)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_text("This file can’t be used").wait_for()
    look_at(page, "wizard-2-file-refused")
    page.get_by_label("Choose another file").set_input_files(upload_file)
    page.get_by_role("button", name="Upload and check").click()

    # What we found: two columns nobody knows
    step_is(page, "What we found")
    look_at(page, "wizard-3-found-unknown")
    page.get_by_label(re.compile("E-mail")).select_option("PRIMARY_EMAIL")
    page.get_by_label(re.compile("Shoe size")).select_option(label="Leave this column out")
    page.get_by_role("button", name="Use these columns").click()
    page.get_by_role("button", name="Show me what would happen").wait_for()
    look_at(page, "wizard-3-found")
    page.get_by_role("button", name="Show me what would happen").click()

    # Preview: it comes by itself
    page.get_by_role("heading", name="What updates look like").wait_for(timeout=WAIT)
    counts = page.locator("#preview-counts").inner_text()
    assert re.findall(r"\d+", counts) == ["2", "2", "1", "5", "0", "10"], counts
    look_at(page, "wizard-4-preview")
    correct_the_rows(page)

    # Opting in again is a choice of its own, and is looked at before it is run
    page.get_by_role("link", name="Continue to review").click()
    step_is(page, "Review and run")
    look_at(page, "wizard-5-review")
    page.get_by_label("Opt these people in again").check()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("link", name="Continue to review").wait_for(timeout=WAIT)
    page.get_by_role("link", name="Continue to review").click()
    step_is(page, "Review and run")
    expect(page.get_by_label("Opt these people in again")).to_be_checked()
    page.get_by_label("Send the result to").fill("mia.manager@example.org\nboard@example.org")
    page.get_by_role("button", name="Run", exact=True).dblclick()

    # Run
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    page.locator(".badge-state", has_text="Success").first.wait_for(timeout=WAIT)
    run = finished_run(app)
    assert (run.created, run.updated, run.unchanged, run.rejected, run.withheld) == (4, 2, 1, 2, 1)
    assert run.notify == ["mia.manager@example.org", "board@example.org"]
    assert (find := find_constituent(app, "M-1"))
    assert find.last_name == "Lovelace"
    assert (find := find_constituent(app, "M-2"))
    assert find.accepts_email
    assert (find := find_constituent(app, "M-5"))
    assert find.primary_email == "dorothy@example.org"
    assert find_constituent(app, "M-6") is None


def correct_the_rows(page: Page) -> None:
    """One cell by hand, one value everywhere, one row left out; then look again."""
    page.get_by_role("link", name=re.compile("^Problems")).first.click()
    page.get_by_role("navigation", name="Kinds of problems").wait_for()
    look_at(page, "wizard-4-problems")
    page.get_by_label("What 77 in GROUP_IDS should be").fill("")
    page.get_by_role("button", name="Replace everywhere").click()
    page.get_by_text("everywhere.").wait_for()
    page.get_by_role("link", name=re.compile("^Not an email address")).click()
    page.get_by_label("PRIMARY_EMAIL in row 6").fill("dorothy@example.org")
    page.get_by_label("PRIMARY_EMAIL in row 6").press("Enter")
    page.get_by_text("is read as").wait_for()
    # The keyboard stays where it was: on the button that took the place of the one beside the field
    expect(page.locator(":focus")).to_have_text(re.compile(r"^\s*Take back"))
    page.get_by_text("Noted. Look again").wait_for()
    look_at(page, "wizard-4-problems-corrected")
    page.get_by_role("link", name=re.compile("^All rows")).click()
    look_at(page, "wizard-4-rows")
    page.get_by_label("Name, email, member ID or row number").fill("darden")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("button", name="Leave out row 11").click()
    page.get_by_text("Left out").wait_for()
    page.get_by_role("link", name=re.compile("^Corrections")).click()
    page.get_by_role("button", name="Take back").first.wait_for()
    look_at(page, "wizard-4-corrections")
    expect(page.get_by_role("link", name="Continue to review")).not_to_be_visible()
    page.get_by_role("button", name="Look again").last.click()
    page.get_by_role("link", name="Continue to review").wait_for(timeout=WAIT)
    counts = page.locator("#preview-counts").inner_text()
    assert re.findall(r"\d+", counts) == ["4", "2", "1", "2", "1", "10"], counts


def finished_run(app: Flask) -> Run:
    with app.app_context():
        run = db.session.query(Run).filter_by(kind="run").one()
        assert run.state == "success", (run.state, run.failure)
        db.session.expunge(run)
        return run


def test_the_whole_wizard_without_javascript(
    without_javascript: BrowserContext,
    live_url: str,
    app: Flask,
    manager: Person,
    upload_file: Path,
    worker: None,
) -> None:
    page = without_javascript.new_page()
    sign_in(page, live_url, manager)
    begin_upload(page, live_url, "standard-constituent-import", upload_file)
    step_is(page, "What we found")
    page.get_by_label(re.compile("E-mail")).select_option("PRIMARY_EMAIL")
    page.get_by_label(re.compile("Shoe size")).select_option(label="Leave this column out")
    page.get_by_role("button", name="Use these columns").click()
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_role("heading", name="What updates look like").wait_for(timeout=WAIT)
    page.get_by_role("link", name=re.compile("^Problems")).first.click()
    page.get_by_role("link", name=re.compile("^Not an email address")).click()
    page.get_by_label("PRIMARY_EMAIL in row 6").fill("dorothy@example.org")
    page.get_by_role("button", name="Correct row 6").click()
    page.get_by_text("is read as").wait_for()
    page.get_by_role("button", name="Look again").last.click()
    page.get_by_role("link", name="Continue to review").wait_for(timeout=WAIT)
    # Leave, and come back from the list of results
    page.goto(f"{live_url}/runs/")
    page.get_by_role("link", name=re.compile("^Go on")).click()
    step_is(page, "Review and run")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".badge-state", has_text="Success").first.wait_for(timeout=WAIT)
    run = finished_run(app)
    assert (run.created, run.updated, run.unchanged, run.rejected) == (3, 2, 1, 4)


def test_a_preview_that_waits_can_be_stopped(
    page: Page, live_url: str, manager: Person, tmp_path: Path
) -> None:
    """No worker runs, so it waits for as long as it takes to look at it."""
    path = tmp_path / "one.csv"
    path.write_text("MEMBER_ID,FIRST_NAME\nM-1,Ada\n")
    sign_in(page, live_url, manager)
    begin_upload(page, live_url, "standard-constituent-import", path)
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_text("Waiting for a worker").wait_for()
    look_at(page, "wizard-4-preview-waiting")
    page.get_by_role("button", name="Stop looking").click()
    page.get_by_text("The preview was stopped").wait_for()
    look_at(page, "wizard-4-preview-stopped")
    stopped = page.url
    page.goto(stopped.replace("/preview", "/information"))
    look_at(page, "wizard-1-information-again")
    page.goto(stopped)
    page.get_by_role("link", name="File", exact=True).click()
    page.get_by_text("Use another file instead").wait_for()
    look_at(page, "wizard-2-file-again")
    page.locator("summary", has_text="Discard").click()
    page.get_by_role("button", name="Discard the draft").click()
    page.get_by_text("was discarded").wait_for()


def test_an_upload_shows_how_far_it_is_and_can_be_stopped(
    page: Page, live_url: str, app: Flask, manager: Person, tmp_path: Path
) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"MEMBER_ID,FIRST_NAME\n" + b"M-1,Ada\n" * 1_000_000)
    sign_in(page, live_url, manager)
    page.goto(f"{live_url}/operations/standard-constituent-import/start")
    page.get_by_role("button", name="Continue").click()
    step_is(page, "Choose the file")
    # A line on which it takes minutes
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 50_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Choose a file").set_input_files(path)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text(re.compile(r"^Uploading: \d0? % of 8\.0 MB"))).to_be_visible()
    expect(page.get_by_role("progressbar", name="Upload")).to_be_visible()
    page.get_by_role("button", name="Stop the upload").click()
    expect(page.get_by_text("The upload was stopped. Nothing was kept.")).to_be_attached()
    expect(page.get_by_role("progressbar", name="Upload")).not_to_be_visible()
    with app.app_context():
        assert db.session.query(Upload).count() == 0


def test_a_file_can_be_dropped_and_a_large_one_is_refused_at_once(
    page: Page, live_url: str, manager: Person
) -> None:
    sign_in(page, live_url, manager)
    page.goto(f"{live_url}/operations/standard-constituent-import/start")
    page.get_by_role("button", name="Continue").click()
    step_is(page, "Choose the file")
    drop = """([name, size]) => {
        const data = new DataTransfer();
        data.items.add(new File(['M'.repeat(size)], name));
        document.querySelector('[data-dropzone]').dispatchEvent(
            new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
        return document.getElementById('file').files[0].name;
    }"""
    page.evaluate("document.querySelector('[data-upload]').dataset.maxBytes = '1000'")
    assert page.evaluate(drop, ["large.csv", 2_000]) == "large.csv"
    page.get_by_text("the most that can be uploaded").wait_for()
    page.get_by_role("button", name="Upload and check").click()
    assert page.url.endswith("/wizard/file")
    assert page.evaluate(drop, ["small.csv", 10]) == "small.csv"
    page.get_by_text("the most that can be uploaded").wait_for(state="hidden")
