"""The held-back list of the transaction download: each reason, what it amounts to, since when, and
the way to what fixes it."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.finished_runs import make_download
from tests.pages import words_of
from tests.people import make_admin, make_person, sign_in
from webapp.extensions import db
from webapp.models import Operation, WithheldRecord
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

# record, reason, column, value, amount, currency, days
LIST = (
    (1, "unmapped_value", "CAMPAIGN", "Spring (fund) (31)", "10.10", "USD", 3),
    (2, "unmapped_value", "CAMPAIGN", "Spring (fund) (31)", "20.20", "USD", 5),
    (2, "unmapped_value", "EVENT (personal)", "Nora’s birthday (7)", "20.20", "USD", 1),
    (2, "no_member_id", "", "", "20.20", "USD", 40),
    (3, "not_settled", "", "", "5000", "JPY", 0),
    (4, "constituent_inactive", "", "", "-4.00", "USD", 1),
    (5, "unresolved_duplicate", "", "", "1.00", "USD", 2),
)


@pytest.fixture
def held(app: Flask) -> None:
    with app.app_context():
        operation = db.session.scalars(
            select(Operation).filter_by(slug="transaction-information-download")
        ).one()
        run = make_download(db.session(), operation, withheld=[each[:4] for each in LIST])
        for record, reason, field, _value, amount, currency, days in LIST:
            found = db.session.scalars(
                select(WithheldRecord).filter_by(
                    run_id=run.id, record_id=record, reason=reason, field=field
                )
            ).one()
            found.amount, found.currency = Decimal(amount), currency
            found.since_at = datetime.now(UTC) - timedelta(days=days, hours=1)
        db.session.commit()


def rows(page: str, table: str) -> list[list[str]]:
    """The cells of a table's rows, as one reads them."""
    body = page[page.index(f'id="{table}"') :].split("</table>")[0].split("<tbody>")[1]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in body.split("</tr>")]
    return [[_text(cell) for cell in row] for row in cells if row]


def _text(cell: str) -> str:
    hidden = re.sub(r'<span class="visually-hidden">.*?</span>', "", cell, flags=re.S)
    return words_of(hidden)


def links(page: str) -> set[str]:
    return set(map(html.unescape, re.findall(r'href="([^"]+)"', page)))


def opened(client: FlaskClient[Any], query: str = "") -> str:
    at = client.get("/held-back")
    answer = client.get(f"{at.location}{query}")
    assert answer.status_code == 200
    return answer.text


def test_every_record_has_reason_age_amount_and_what_fixes_it(
    app: Flask, client: FlaskClient[Any], held: None
) -> None:
    page = opened(sign_in(client, make_admin(app)))

    assert rows(page, "held-records") == [
        ["Person 4", "The constituent was removed", "-4.00 USD", "1 day",
         "Make the constituent active again"],
        ["Person 2", "The constituent has no member ID", "20.20 USD", "40 days",
         "Give a member ID"],
        ["Person 3", "The payment is not settled yet", "5,000 JPY", "under a day",
         "Say when it was settled"],
        ["Person 1", "A value has no cross-reference: CAMPAIGN “Spring (fund) (31)”", "10.10 USD",
         "3 days", "Map “Spring (fund) (31)”"],
        ["Person 2", "A value has no cross-reference: CAMPAIGN “Spring (fund) (31)”", "20.20 USD",
         "5 days", "Map “Spring (fund) (31)”"],
        ["Person 2", "A value has no cross-reference: EVENT (personal) “Nora’s birthday (7)”",
         "20.20 USD", "1 day", "Map “Nora’s birthday (7)”"],
        ["Person 5", "May be someone who is already there", "1.00 USD", "2 days",
         "Decide whether it is the same person"],
    ]  # fmt: skip
    assert links(page) >= {
        "/transactions/1", "/constituents/4", "/constituents/2/edit",
        "/transactions/3/correct#settled_on",
        "/cross-references/campaign?for=31#crossref-table",
        "/cross-references/personal_event?for=7#crossref-table",
    }  # fmt: skip


def test_they_are_grouped_by_reason_with_totals(
    app: Flask, client: FlaskClient[Any], held: None
) -> None:
    page = opened(sign_in(client, make_admin(app)))

    assert [row[:4] for row in rows(page, "held-totals")] == [
        ["A value has no cross-reference", "2", "30.30 USD", "5 days"],
        ["The constituent was removed", "1", "-4.00 USD", "1 day"],
        ["The constituent has no member ID", "1", "20.20 USD", "40 days"],
        ["The payment is not settled yet", "1", "5,000 JPY", "under a day"],
        ["May be someone who is already there", "1", "1.00 USD", "2 days"],
    ]
    assert [row[:4] for row in rows(page, "held-values")] == [
        ["Spring (fund) (31)", "CAMPAIGN", "2", "30.30 USD"],
        ["Nora’s birthday (7)", "EVENT (personal)", "1", "20.20 USD"],
    ]
    assert "Together, each record once: 5,000 JPY, 27.30 USD." in " ".join(page.split())
    assert "Send what is free now" in page
    only = opened(client, "?reason=not_settled")
    assert [row[0] for row in rows(only, "held-records")] == ["Person 3"]


def test_who_only_looks_gets_no_link_they_may_not_follow(
    app: Flask, client: FlaskClient[Any], held: None
) -> None:
    viewer = make_person(
        app, "view@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_VIEW, Role.CROSSREF_VIEW
    )
    page = opened(sign_in(client, viewer))
    assert "Send what is free now" not in page
    assert "/cross-references/campaign/unmapped" in links(page)
    assert not [link for link in links(page) if "/correct" in link or "/edit" in link]
    assert rows(page, "held-records")[2][-1] == "Nothing to do"
    for link in links(page):
        if link.startswith("/cross-references/"):
            assert client.get(link).status_code == 200
