"""Transactions in a real browser: looked at, uploaded and undone, downloaded, held back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tests.e2e.browser import begin_upload, look_at, sign_in
from tests.people import Person, make_admin
from webapp.extensions import db

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from playwright.sync_api import Page

WAIT = 60_000
SITE = """
INSERT INTO constituents (id, first_name, last_name, member_id, active_detail)
SELECT 1000 + g, 'Ann', 'Lee ' || g, CASE WHEN g < 8 THEN 'M-' || g END, 'Accepted'
FROM generate_series(1, 9) g;
INSERT INTO campaigns (id, name) VALUES (31, 'Spring Appeal');
INSERT INTO transactions (id, transaction_id, transaction_type, constituent_id, amount, currency,
    payment_date, tender_type, creation_method, settled_on, campaign_id, receipt_number)
SELECT g, 'T' || g, 'donation', 1000 + g, 10.50 * g, 'USD', date '2026-03-01' + g, 'credit_card', 1,
    CASE WHEN g <> 3 THEN date '2026-03-05' END, CASE WHEN g = 4 THEN 31 END, 'R-' || g
FROM generate_series(1, 9) g;
INSERT INTO transactions (id, transaction_id, transaction_type, constituent_id, amount, currency,
    payment_date, tender_type, creation_method, settled_on, refund_of)
VALUES (20, 'T20', 'refund', 1002, -21.00, 'USD', '2026-04-01', 'credit_card', 1, '2026-04-02', 2);
SELECT setval(pg_get_serial_sequence('transactions', 'id'), 100);
"""
FILE = """TRANSACTION_ID,MEMBER_ID,AMOUNT,PAYMENT_DATE,TENDER_TYPE,CHECK_NUMBER,CAMPAIGN
DB-1,M-1,50.00,03/04/2026,check,0017,Spring Appeal
DB-2,M-2,"1,250.00",03/04/2026,cash,,
DB-3,M-404,20,03/04/2026,cash,,
DB-4,M-3,"12,50",03/04/2026,cash,,
"""


@pytest.fixture
def admin(app: Flask) -> Person:
    """An administrator of a site with nine givers."""
    found = make_admin(app)
    with app.app_context():
        db.session.execute(text(SITE))
        db.session.commit()
    return found


def test_looking_at_transactions(page: Page, live_url: str, admin: Person) -> None:
    sign_in(page, live_url, admin)
    page.goto(f"{live_url}/transactions/")
    page.get_by_text("451.50 USD").wait_for()
    look_at(page, "transactions-list")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Search").fill("lee 4")
    page.get_by_text("42.00 USD").first.wait_for()
    page.get_by_role("link", name="Ann Lee 4").click()
    page.get_by_role("heading", level=1, name="Donation T4").wait_for()
    look_at(page, "transaction")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("link", name="Correct").click()
    page.get_by_role("heading", level=1, name="Correct Donation T4").wait_for()
    page.get_by_label("Giver’s CONS_ID").fill("999")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Nobody has CONS_ID 999.").first.wait_for()
    look_at(page, "transaction-correct")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Giver’s CONS_ID").fill("1005")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved. If it was sent before, the next download").wait_for()
    page.goto(f"{live_url}/transactions/2")
    page.get_by_role("link", name="T20").click()
    page.get_by_role("heading", level=1, name="Refund T20").wait_for()
    page.get_by_role("link", name="Ann Lee 2").first.click()
    page.get_by_text("0.00 USD").wait_for()
    look_at(page, "transactions-of-a-constituent")


def test_an_upload_and_its_undo(
    page: Page, live_url: str, app: Flask, admin: Person, tmp_path: Path, worker: None
) -> None:
    path = tmp_path / "checks.csv"
    path.write_text(FILE, encoding="utf-8")
    sign_in(page, live_url, admin)
    begin_upload(page, live_url, "transaction-upload", path)
    page.get_by_role("button", name="Show me what would happen").click()
    page.get_by_role("heading", name="What new transactions look like").wait_for(timeout=WAIT)
    page.locator("#preview-amounts").get_by_text("1,300.00 USD").wait_for()
    look_at(page, "transactions-upload-preview")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("link", name="Continue to review").click()
    page.get_by_text("adds 2 transactions, 1,300.00 USD in all").wait_for()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("What the new transactions add up to").wait_for(timeout=WAIT)
    look_at(page, "transactions-upload-results")
    page.set_viewport_size({"width": 1440, "height": 900})
    results = page.url
    page.goto(f"{results}/rows/2")
    page.get_by_text("A new transaction was made from this row").wait_for()
    look_at(page, "transactions-upload-row")
    page.goto(results)
    page.get_by_role("button", name="Undo…").click()
    page.get_by_role("button", name="Undo the run").click(timeout=WAIT)
    page.get_by_text("This undid").wait_for(timeout=WAIT)
    with app.app_context():
        left = db.session.scalar(text("SELECT count(*) FROM transactions WHERE id > 100"))
    assert left == 0


def test_a_download_and_what_it_holds_back(
    page: Page, live_url: str, admin: Person, worker: None
) -> None:
    sign_in(page, live_url, admin)
    page.goto(f"{live_url}/operations/transaction-information-download/download")
    page.get_by_role("button", name="Show me what it would give").click()
    page.get_by_text("10 changed = 6 delivered").wait_for(timeout=WAIT)
    look_at(page, "transactions-download-preview")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    page.get_by_text("The constituent has no member ID").wait_for(timeout=WAIT)
    look_at(page, "transactions-download-results")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{live_url}/held-back")
    page.get_by_text("Together, each record once: 252.00 USD.").wait_for()
    look_at(page, "transactions-held-back")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("link", name="Map “Spring Appeal (31)”").click()
    page.wait_for_url(re.compile("/cross-references/campaign"))
