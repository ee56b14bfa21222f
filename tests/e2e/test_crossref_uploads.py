"""A type's entries from a file in a real browser with a real worker, by somebody who keeps
cross-references and nothing else: from the type's page through the wizard to the results, the undo
and back; and what a run used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import look_at, sign_in
from tests.e2e.test_crossrefs import fill
from tests.finished_runs import make_run
from tests.people import make_admin, make_person
from webapp.extensions import db
from webapp.models import CrossReferenceEntry, CrossReferenceSeen, CrossReferenceUse
from webapp.rules.roles import Role
from webapp.services import crossrefs

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

WAIT = 60_000
WIDE = {"width": 1440, "height": 900}
FILE = """Foreign value,ONLINE_VALUE,SEND_BACK,DESCRIPTION
HELP,1,Yes,Helpers
BRD,2,Yes,The board
BOARD,2,Yes,Twice
X-1,999,No,Nowhere
"""


def step_is(page: Page, heading: str) -> None:
    page.get_by_role("heading", level=1, name=heading, exact=True).wait_for(timeout=WAIT)


@pytest.mark.usefixtures("worker")
def test_the_upload_of_entries(page: Page, live_url: str, app: Flask, tmp_path: Path) -> None:
    fill(app)
    path = tmp_path / "groups.csv"
    path.write_text(FILE, encoding="utf-8")
    keeper = make_person(
        app, "kit.keeper@example.org", Role.VIEW_IMPORT_EXPORT, Role.CROSSREF_MANAGE
    )
    sign_in(page, live_url, keeper)
    page.goto(f"{live_url}/cross-references/group")
    expect(page.get_by_role("link", name="Operation Results")).to_have_count(0)
    page.get_by_role("link", name="Upload entries").click()
    step_is(page, "Operation information")
    expect(page.get_by_label("Cross-references of")).to_have_value("group")
    look_at(page, "crossref-upload-information")
    page.set_viewport_size(WIDE)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Choose a file").set_input_files(path)
    page.get_by_role("button", name="Upload and check").click()
    step_is(page, "What we found")
    look_at(page, "crossref-upload-found")
    page.set_viewport_size(WIDE)
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_role("heading", name="What new cross-references look like").wait_for(timeout=WAIT)
    look_at(page, "crossref-upload-preview")
    page.set_viewport_size(WIDE)
    page.get_by_role("link", name=re.compile("^Problems")).first.click()
    page.get_by_text("no group has this ID here").or_(
        page.get_by_text("has Yes in SEND_BACK")
    ).first.wait_for()
    look_at(page, "crossref-upload-problems")
    page.set_viewport_size(WIDE)
    page.get_by_role("link", name="Continue to review").click()
    step_is(page, "Review and run")
    look_at(page, "crossref-upload-review")
    page.set_viewport_size(WIDE)
    # A double click is one run
    page.get_by_role("button", name="Run", exact=True).dblclick()
    page.get_by_role("link", name="Download the rejects").wait_for(timeout=WAIT)
    look_at(page, "crossref-upload-results")
    page.set_viewport_size(WIDE)
    with app.app_context():
        rows = db.session.scalars(db.select(CrossReferenceEntry)).all()
        marked = {row.foreign_values[0] for row in rows if row.is_sent_back}
    assert {"HELP", "BRD"} <= marked
    assert "VOL" not in marked

    page.get_by_role("button", name="Undo…").click()
    page.get_by_role("heading", name="What it will do").wait_for(timeout=WAIT)
    look_at(page, "crossref-upload-undo")
    page.set_viewport_size(WIDE)
    page.get_by_role("button", name="Undo the run").click()
    page.get_by_text("This undid").wait_for(timeout=WAIT)
    page.get_by_role("link", name="Groups", exact=True).first.click()
    page.get_by_role("heading", name="Last uploads").wait_for()
    expect(page.get_by_role("row", name="HELP", exact=False)).to_have_count(1)  # HELPERS
    look_at(page, "crossref-entries-uploaded")
    page.set_viewport_size(WIDE)
    page.get_by_role("navigation", name="Pages of Groups").get_by_text("History").click()
    page.get_by_text("with the undo of").first.wait_for()
    look_at(page, "crossref-history-of-uploads")


def test_what_a_run_used_leads_to_what_waits(page: Page, live_url: str, app: Flask) -> None:
    fill(app)
    with app.app_context():
        session = db.session()
        found = crossrefs.find_type(session, "group")
        assert found is not None
        run = make_run(session, label="Spring members")
        session.add(
            CrossReferenceUse(
                run_id=run.id, type_id=found.id, version=2, rows=1000, mapped=940,
                amounts={"USD": ["12000.00", "11300.50"]},
            )
        )  # fmt: skip
        for at in range(40):
            session.add(
                CrossReferenceSeen(
                    run_id=run.id, type_id=found.id, foreign_key=f"code {at:02}",
                    foreign_values=[f"CODE {at:02}"], rows=60 - at, first_row=at + 2,
                )
            )  # fmt: skip
        session.commit()
        run_id = run.id
    sign_in(page, live_url, make_admin(app))
    page.goto(f"{live_url}/runs/{run_id}")
    page.get_by_text("940 of 1,000 rows translated").wait_for()
    look_at(page, "crossref-run-used")
    page.set_viewport_size(WIDE)
    page.get_by_role("link", name="40 values not yet mapped").click()
    expect(page.get_by_role("checkbox")).to_have_count(25)
    look_at(page, "crossref-unmapped-page")
    page.set_viewport_size(WIDE)
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("checkbox")).to_have_count(15)
    page.get_by_label("Value", exact=True).fill("CODE 31")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("checkbox")).to_have_count(1)
    page.get_by_label("Group that CODE 31 stands for").fill("Volunteers (1)")
    page.get_by_role("button", name="Map CODE 31").click()
    page.get_by_text("1 value is mapped.").wait_for()
    page.get_by_text("Nothing waits here").wait_for()
    page.goto(f"{live_url}/cross-references/group/coverage")
    page.get_by_text("of $12,000.00").or_(page.get_by_text("12,000.00")).first.wait_for()
    look_at(page, "crossref-coverage-money")
