"""Real runs in a real browser with a real worker: live page, cancel, rejects and back, undo."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import look_at, sign_in
from tests.holding import Held
from tests.people import Person, make_admin
from tests.working import working
from webapp.extensions import db
from webapp.models import Constituent, Message, Run, User
from webapp.services import runs, uploads
from webapp.services.notifications import deliver_waiting
from webapp.settings import libpq_url
from webapp.transactions import commit

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Page

    from webapp.settings import Settings

WAIT = 60_000
HEADER = ("MEMBER_ID", "FIRST_NAME", "LAST_NAME", "PRIMARY_EMAIL", "HOME_ZIP")
ROWS = (
    ("M-1", "Anna", "Berg", "anna@example.org", "02134"),
    ("M-2", "Bo", "Lee", "bo(at)example.org", "02135"),
    ("M-3", "+Cy", "=1+1", "cy@example.org", "00501"),
    ("M-4", "@Ed", "-5", "ed at example.org", "10001"),
)

Start: TypeAlias = Callable[[Path], int]


@pytest.fixture
def admin(app: Flask) -> Person:
    return make_admin(app)


@pytest.fixture
def at(page: Page, live_url: str, admin: Person) -> str:
    sign_in(page, live_url, admin)
    return live_url


@pytest.fixture
def start(app: Flask, admin: Person) -> Start:
    """Start a run of a file, as the wizard's last step does."""

    def start_run(path: Path) -> int:
        with app.app_context():
            session = db.session()
            operation = runs.find_operation(session, "standard-constituent-import")
            user = session.get(User, admin.id)
            assert operation is not None
            run = runs.create_draft(session, operation=operation, user=user, label="Spring members")
            run.notify = ["dana@example.org"]
            upload = uploads.store_upload(session, path=path, user_id=admin.id, center_id=None)
            uploads.examine_upload(session, upload)
            runs.attach_upload(session, run, upload)
            runs.start_run(session, run, without_preview=True)
            commit(session)
            return run.id

    return start_run


def write(path: Path, rows: Iterator[tuple[str, ...]] | tuple[tuple[str, ...], ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def many(path: Path, count: int) -> Path:
    names = ((f"M-{n}", "Ann", f"Berg {n}", f"a{n}@example.org", "02134") for n in range(count))
    return write(path, names)


def has_ended(page: Page) -> None:
    """The page reloaded itself and shows results."""
    page.locator("#run-counts").wait_for(timeout=WAIT)


def count(page: Page, name: str) -> str:
    stat = page.locator("dl.stats .stat", has=page.get_by_text(name, exact=True))
    return stat.locator("dd").inner_text()


def test_from_the_live_page_to_results_rejects_and_undo(
    page: Page, at: str, app: Flask, settings: Settings, start: Start, tmp_path: Path
) -> None:
    run_id = start(write(tmp_path / "members.csv", ROWS))
    page.goto(f"{at}/runs/{run_id}")
    expect(page.locator("#run-progress")).to_contain_text("Waiting for a worker")
    with working(settings):
        has_ended(page)
        assert (count(page, "Created"), count(page, "Rejected")) == ("2", "2")
        expect(page.get_by_text("4 rows read = 2 created + 2 rejected")).to_be_visible()
        look_at(page, "run-real-results")

        page.set_viewport_size({"width": 1440, "height": 900})
        page.get_by_label("Name, value or row number").fill("bo(at)")
        expect(page.locator("#run-rows tbody tr")).to_have_count(1)
        expect(page).to_have_url(re.compile("text=bo"))
        page.reload()
        expect(page.locator("#run-rows tbody tr")).to_have_count(1)
        page.locator("#run-rows tbody a").first.click()
        expect(page.get_by_role("heading", level=1, name="Row 3")).to_be_visible()
        expect(page.locator("tr.is-wrong")).to_contain_text("PRIMARY_EMAIL")

        page.goto(f"{at}/runs/{run_id}")
        rejects = download(page)
        assert rejects[0] == [*HEADER, "DATASYNC_ROW", "DATASYNC_REASON"]
        assert rejects[1][:6] == [*ROWS[1], "3"]
        assert rejects[2][:6] == ["M-4", "'@Ed", "'-5", "ed at example.org", "10001", "5"]

        fixed = tmp_path / "fixed.csv"
        with fixed.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(
                [cell.replace("(at)", "@").replace(" at ", "@") if at_ == 3 else cell
                 for at_, cell in enumerate(row)]
                for row in rejects
            )  # fmt: skip
        second = start(fixed)
        page.goto(f"{at}/runs/{second}")
        has_ended(page)
        assert count(page, "Created") == "2"
        assert names(app) == {
            ("M-1", "Anna", "Berg"),
            ("M-2", "Bo", "Lee"),
            ("M-3", "+Cy", "=1+1"),
            ("M-4", "@Ed", "-5"),
        }

        undo_in_the_browser(page, at, run_id)
        assert {name[0] for name in names(app)} == {"M-2", "M-4"}
    assert_told(app, settings)


def download(page: Page) -> list[list[str]]:
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the rejects").click()
    assert waiting.value.suggested_filename == "members-rejects.csv"
    text = waiting.value.path().read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def names(app: Flask) -> set[tuple[str | None, str | None, str | None]]:
    with app.app_context():
        people = db.session.query(Constituent).all()
        return {(person.member_id, person.first_name, person.last_name) for person in people}


def undo_in_the_browser(page: Page, at: str, run_id: int) -> None:
    page.goto(f"{at}/runs/{run_id}")
    page.get_by_role("button", name="Undo…").click()
    page.locator("#undo-counts").wait_for(timeout=WAIT)
    assert count(page, "Remove") == "2"
    page.get_by_role("button", name="Undo the run").click()
    has_ended(page)
    assert count(page, "Removed") == "2"
    expect(page.get_by_role("heading", level=1)).to_have_text("Undo of Spring members")
    page.get_by_role("link", name=f"Spring members (run {run_id})").click()
    expect(page.get_by_text("This run was undone")).to_be_visible()
    expect(page.get_by_role("button", name="Undo…")).to_have_count(0)


def assert_told(app: Flask, settings: Settings) -> None:
    """Whoever was to be told has a message in the folder, as no mail server is configured."""
    with app.app_context():
        assert deliver_waiting(db.session()) == 3, "two runs and the undo"
        subjects = {message.subject for message in db.session.query(Message).all()}
        assert "Spring members finished: 2 created, 2 rejected" in subjects
        assert "Undo of Spring members finished" in subjects
        db.session.commit()
    assert len(list((settings.data_dir / "mail").glob("*.eml"))) == 3


def test_counts_grow_and_a_cancelled_run_keeps_what_it_did(
    page: Page, at: str, app: Flask, settings: Settings, start: Start, tmp_path: Path
) -> None:
    with app.app_context():
        db.session.add_all(Constituent(member_id=key) for key in ("M-5000", "M-20000"))
        db.session.commit()
    url = libpq_url(settings.database_url)
    run_id = start(many(tmp_path / "many.csv", 40_000))
    page.goto(f"{at}/runs/{run_id}")
    with working(settings, chunk_rows=100):
        with Held(url, "M-20000"):
            created = page.locator("#run-progress .stat-created dd")
            with Held(url, "M-5000"):
                created.wait_for(timeout=WAIT)
                before = created.inner_text()
            expect(created).not_to_have_text(before, timeout=WAIT)
            assert page.locator("#run-progress progress").get_attribute("value")
            look_at(page, "run-real-live")

        page.get_by_text("Cancel the run…").click()
        page.get_by_role("button", name="Cancel the run", exact=True).click()
        has_ended(page)
    expect(page.get_by_text("It was cancelled before it got to the end.")).to_be_visible()
    with app.app_context():
        run = db.session.get(Run, run_id)
        assert run is not None
        assert run.state == "cancelled"
        assert 5_000 < run.rows_read < 40_000
        assert run.rows_read == run.created + run.updated
        assert db.session.query(Constituent).count() == run.created + 2


def test_the_live_page_goes_on_after_the_server_was_away(
    page: Page, at: str, settings: Settings, start: Start, tmp_path: Path
) -> None:
    run_id = start(write(tmp_path / "members.csv", ROWS))
    polls = "**/progress"
    failed: list[str] = []
    page.goto(f"{at}/runs/{run_id}")
    page.route(polls, lambda route: (failed.append(route.request.url), route.abort()))
    expect(page.locator("#page-status")).to_contain_text("The server does not answer")
    page.unroute(polls)
    with working(settings):
        has_ended(page)
    assert failed


def test_two_browsers_see_the_same_run(
    page: Page, at: str, live_url: str, app: Flask, settings: Settings, start: Start,
    tmp_path: Path, browser: object, admin: Person,
) -> None:  # fmt: skip
    other = browser.new_context().new_page()  # type: ignore[attr-defined]
    sign_in(other, live_url, admin)
    run_id = start(write(tmp_path / "members.csv", ROWS))
    for shown in (page, other):
        shown.goto(f"{at}/runs/{run_id}")
        expect(shown.locator("#run-progress")).to_contain_text("Waiting for a worker")
    with working(settings):
        for shown in (page, other):
            has_ended(shown)
            assert count(shown, "Created") == "2"
    other.context.close()


def test_everything_works_without_javascript(
    without_javascript: BrowserContext, live_url: str, admin: Person, settings: Settings,
    start: Start, tmp_path: Path,
) -> None:  # fmt: skip
    page = without_javascript.new_page()
    sign_in(page, live_url, admin)
    run_id = start(write(tmp_path / "members.csv", ROWS))
    page.goto(f"{live_url}/runs/{run_id}")
    with working(settings):
        has_ended(page)  # by the page's own refresh
        page.get_by_label("Outcome").select_option("rejected")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#run-rows tbody tr")).to_have_count(2)
        undo_in_the_browser(page, live_url, run_id)
    waiting = start(write(tmp_path / "members.csv", ROWS))
    page.goto(f"{live_url}/runs/{waiting}")
    page.get_by_text("Cancel the run…").click()
    page.get_by_role("button", name="Cancel the run", exact=True).click()
    expect(page.get_by_text("Nothing was done.")).to_be_visible()
