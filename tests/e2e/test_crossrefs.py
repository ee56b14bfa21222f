"""Cross-references in a real browser: the inline editor, with and without script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from playwright.sync_api import expect

from tests.e2e.browser import look_at, sign_in
from tests.finished_runs import make_run
from tests.jobs.site import Site
from tests.people import make_admin, make_center
from webapp.extensions import db
from webapp.models import CrossReferenceUse, Group
from webapp.services import crossref_edits, crossrefs
from webapp.services.crossref_edits import EntryValues
from webapp.settings import libpq_url

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import BrowserContext, Page

    from webapp.settings import Settings


def fill(app: Flask) -> None:
    """Groups, and what another system calls them."""
    north = make_center(app, "North Shore Chapter")
    with app.app_context():
        session = db.session()
        found = crossrefs.find_type(session, "group")
        assert found is not None
        names = ("Volunteers", "Board of directors", "Newsletter readers", "Major donors")
        groups = [Group(name=name) for name in names]
        session.add_all(groups)
        session.flush()
        for at, (group, code) in enumerate(
            zip(groups, ("VOL", "BRD", "NL-ALL", "MAJ"), strict=True)
        ):
            values = EntryValues(str(group.id), (code,), "From the old donor system" if at else "")
            crossref_edits.add_entry(session, found, values, None)
        first = str(groups[0].id)
        crossref_edits.add_entry(session, found, EntryValues(first, ("V-2",)), None)
        crossref_edits.add_entry(
            session, found, EntryValues(first, ("HELPERS",), center_id=north), None
        )
        session.commit()


def test_the_inline_editor(page: Page, live_url: str, app: Flask) -> None:
    fill(app)
    sign_in(page, live_url, make_admin(app))
    page.goto(f"{live_url}/cross-references/")
    look_at(page, "crossref-types")
    page.get_by_role("link", name="Groups").last.click()
    page.get_by_role("heading", name="Groups").wait_for()
    look_at(page, "crossref-entries")
    page.set_viewport_size({"width": 1440, "height": 900})

    page.get_by_text("Add an entry").click()
    page.get_by_label("Foreign value").fill("CHOIR")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Say what it stands for here.").first.wait_for()
    look_at(page, "crossref-add-refused")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Group", exact=True).select_option(label="Volunteers (1)")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("“CHOIR” stands for Volunteers now.").wait_for()
    expect(page.get_by_role("row", name="CHOIR")).to_be_visible()
    expect(page.get_by_label("Foreign value")).to_be_focused()

    page.get_by_role("link", name="Edit V-2").click()
    look_at(page, "crossref-edit-row")
    page.set_viewport_size({"width": 1440, "height": 900})
    row = page.locator("tr.crossref-editing")
    row.get_by_label("Description").fill("The second list")
    row.get_by_text("Dates and downloads").click()
    row.get_by_label("Send this one back").check()
    row.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="V-2")).to_contain_text("sent back")
    expect(page.get_by_role("row", name="V-2")).to_contain_text("The second list")
    expect(page.get_by_role("link", name="Edit V-2")).to_be_focused()
    expect(page.get_by_role("row", name="VOL", exact=False).first).not_to_contain_text("sent back")

    # By keyboard alone: the focus goes into the editor, and back to where it was
    page.get_by_role("link", name="Edit MAJ").press("Enter")
    expect(page.locator("tr.crossref-editing").get_by_label("Foreign value")).to_be_focused()
    page.get_by_role("link", name="Cancel").press("Enter")
    expect(page.get_by_role("link", name="Edit MAJ")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("tr.crossref-editing").get_by_label("Foreign value")).to_be_focused()
    row = page.locator("tr.crossref-editing")
    row.get_by_label("Valid from").fill("2027-01-01")
    row.get_by_label("Valid from").press("Enter")
    expect(page.get_by_role("row", name="MAJ")).to_contain_text("from 2027-01-01")
    expect(page.get_by_role("row", name="MAJ")).to_contain_text("Ada Admin")

    row = page.get_by_role("row", name="MAJ")
    row.locator("summary").click()
    row.get_by_role("button", name="Delete the entry").click()
    expect(page.get_by_role("row", name="MAJ")).to_have_count(0)

    page.get_by_label("Value, name or description").fill("board")
    expect(page.get_by_role("row", name="CHOIR")).to_have_count(0)
    expect(page.get_by_role("row", name="BRD")).to_be_visible()
    page.get_by_role("navigation", name="Pages of Groups").get_by_text("History").click()
    page.get_by_text("deleted by Ada Admin").wait_for()
    look_at(page, "crossref-history")
    page.goto(f"{live_url}/cross-references/group/settings")
    look_at(page, "crossref-settings")
    page.goto(f"{live_url}/cross-references/group/entries/1/edit")
    look_at(page, "crossref-edit")


def test_two_administrators_and_one_entry(page: Page, live_url: str, app: Flask) -> None:
    fill(app)
    sign_in(page, live_url, make_admin(app))
    page.goto(f"{live_url}/cross-references/group")
    page.get_by_role("link", name="Edit BRD").click()
    second = page.context.new_page()
    second.goto(f"{live_url}/cross-references/group")
    second.get_by_role("link", name="Edit BRD").click()
    second.locator("tr.crossref-editing").get_by_label("Foreign value").fill("BOARD")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("row", name="BOARD")).to_be_visible()
    page.locator("tr.crossref-editing").get_by_label("Foreign value").fill("B")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("changed this entry while you had it open").wait_for()
    page.get_by_role("link", name="Show it as it is now").click()
    expect(page.get_by_role("row", name="BOARD")).to_be_visible()


def test_without_script(without_javascript: BrowserContext, live_url: str, app: Flask) -> None:
    fill(app)
    page = without_javascript.new_page()
    sign_in(page, live_url, make_admin(app))
    page.goto(f"{live_url}/cross-references/group")
    page.get_by_text("Add an entry").click()
    page.get_by_label("Foreign value").fill("CHOIR")
    page.get_by_label("Group", exact=True).select_option(label="Volunteers (1)")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Added.").wait_for()
    page.get_by_role("link", name="Edit CHOIR").click()
    page.get_by_role("heading", name="Edit an entry").wait_for()
    page.get_by_label("Foreign value").fill("SINGERS")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="SINGERS")).to_be_visible()
    row = page.get_by_role("row", name="SINGERS")
    row.locator("summary").click()
    row.get_by_role("button", name="Delete the entry").click()
    page.get_by_text("Deleted.").wait_for()
    expect(page.get_by_role("row", name="SINGERS")).to_have_count(0)


CODES = ("VOL", "VOL", "VOL", "BRD", "BRD", "MAJ-2026", "QXZ-9", "SINGERS AND PLAYERS")


def test_mapping_what_files_had(page: Page, live_url: str, app: Flask, settings: Settings) -> None:
    names = ("Volunteers", "Board of directors", "Major donors", "Youth Choir")
    with app.app_context():
        db.session.add_all([Group(name=name) for name in names])
        db.session.commit()
    with psycopg.connect(libpq_url(settings.database_url), autocommit=True) as connection:
        site = Site(app, connection)
        admin = make_admin(app)
        rows = [{"MEMBER_ID": f"M-{at}", "LAST_NAME": "Day", "GROUP_IDS": code}
                for at, code in enumerate(CODES)]  # fmt: skip
        draft = site.draft(rows, user_id=admin.id, label="Spring members")
        site.preview(draft)
        sign_in(page, live_url, admin)
        page.goto(f"{live_url}/runs/{draft}/wizard/preview/problems?code=unknown_group")
        page.get_by_role("heading", name="Map a value once, for all its rows").wait_for()
        look_at(page, "crossref-in-preview")
        page.set_viewport_size({"width": 1440, "height": 900})
        page.get_by_role("button", name="Volunteers for VOL").click()
        page.get_by_text("1 value is mapped. All rows are looked at again.").wait_for()
        preview = site.sql("SELECT preview_id FROM runs WHERE id = %s", draft)[0][0]
        assert site.execute(preview).counts["created"] == 3

    page.goto(f"{live_url}/cross-references/group/unmapped")
    look_at(page, "crossref-unmapped")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("checkbox", name="BRD").check()
    page.get_by_role("checkbox", name="QXZ-9").check()
    page.get_by_label("Group that BRD stands for").fill("Board of directors (2)")
    page.get_by_label("Group that QXZ-9 stands for").fill("Youth Choir (4)")
    page.get_by_role("button", name="Map the marked ones").click()
    page.get_by_text("2 values are mapped.").wait_for()
    page.get_by_role("button", name="Major donors for MAJ-2026").click()
    expect(page.locator("[autofocus]", has_text="1 value is mapped.")).to_be_focused()
    page.get_by_role("button", name="Map SINGERS AND PLAYERS").click()
    page.get_by_text("Say what it stands for here.").wait_for()
    expect(page.get_by_role("checkbox")).to_have_count(1)


def test_the_coverage(page: Page, live_url: str, app: Flask) -> None:
    with app.app_context():
        session = db.session()
        found = crossrefs.find_type(session, "group")
        assert found is not None
        for at, mapped in enumerate((40, 55, 52, 71, 80, 79, 93, 100)):
            run = make_run(session, label=f"Members of week {at + 1}")
            use = CrossReferenceUse(
                run_id=run.id, type_id=found.id, version=at, rows=1000, mapped=mapped * 10
            )
            session.add(use)
        session.commit()
    sign_in(page, live_url, make_admin(app))
    page.goto(f"{live_url}/cross-references/group/coverage")
    expect(page.get_by_role("img")).to_be_visible()
    look_at(page, "crossref-coverage")
