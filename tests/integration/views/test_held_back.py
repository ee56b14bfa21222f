"""The held-back list of the transaction download: each reason, what it amounts to, since when, and
the way to what fixes it."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.finished_runs import make_download
from tests.pages import words_of
from tests.people import make_admin, make_person, sign_in
from webapp.extensions import db
from webapp.models import (
    Campaign,
    Constituent,
    DownloadWindow,
    Operation,
    Transaction,
    WithheldRecord,
)
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
    back = f"stream={client.get('/held-back').location.rsplit('/', 1)[1]}"

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
        "/transactions/1", f"/constituents/4?{back}", f"/constituents/2/edit?{back}",
        f"/transactions/3/correct?{back}#settled_on", f"/registrations/5?{back}",
        f"/cross-references/campaign?for=31&{back}#new-foreign_0",
        f"/cross-references/personal_event?for=7&{back}#new-foreign_0",
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
    assert not [link for link in links(page) if re.search("/correct|/edit|/constituents/4", link)]
    assert rows(page, "held-records")[2][-1] == "Nothing to do"
    for link in links(page):
        if link.startswith("/cross-references/"):
            assert client.get(link).status_code == 200


@pytest.fixture
def fixable(app: Flask) -> str:
    """The address of a list in which two people and a gift are held back, each fixed in another
    way."""
    with app.app_context():
        session = db.session()
        ann, eve = Constituent(first_name="Ann"), Constituent(first_name="Eve")
        eve.active_detail = "Removed by contact"
        session.add_all([ann, eve])
        session.flush()
        gift = Transaction(
            transaction_type="donation", constituent_id=ann.id, amount=Decimal(20),
            currency="USD", payment_date=date(2026, 3, 1), tender_type="credit_card",
            creation_method=1,
        )  # fmt: skip
        session.add(gift)
        session.flush()
        operation = session.scalars(
            select(Operation).filter_by(slug="transaction-information-download")
        ).one()
        run = make_download(
            session,
            operation,
            withheld=[
                (ann.id, "no_member_id", "", ""),
                (eve.id, "constituent_inactive", "", ""),
                (gift.id, "not_settled", "", ""),
                (gift.id, "unmapped_value", "CAMPAIGN", "Spring (31)"),
            ],
        )
        stream = session.get_one(DownloadWindow, run.id).stream_id
        session.commit()
        return f"/held-back/{stream}"


@pytest.mark.parametrize(
    ("reason", "posted_to", "typed"),
    [
        ("no_member_id", "/edit", {"member_id": "A-1"}),
        ("constituent_inactive", "/reactivate", {}),
        ("not_settled", "/correct", {"settled_on": "2026-03-02"}),
    ],
)
def test_who_fixes_something_goes_back_to_where_they_were(
    app: Flask,
    client: FlaskClient[Any],
    fixable: str,
    reason: str,
    posted_to: str,
    typed: dict[str, str],
) -> None:
    sign_in(client, make_admin(app))
    here = f"{fixable}?reason={reason}#records-title"
    page = client.get(here).text
    url = next(link for link in links(page) if "stream=" in link and "for=" not in link)

    opened = client.get(url).text
    assert here in links(opened), "there is a way back without saving"
    form = next(each for each in opened.split("<form ")[1:] if f'{posted_to}"' in each)
    inputs = {
        name[1]: html.unescape(value[1])
        for tag in re.findall(r"<input [^>]+>", form.split("</form>")[0])
        if (name := re.search(r' name="([^"]+)"', tag))
        and (value := re.search(r' value="([^"]*)"', tag))
    }
    assert inputs["reason"] == reason
    path = re.search(r'action="([^"]+)"', form)
    assert path
    answer = client.post(path[1], data=inputs | typed)
    assert answer.location == here


def test_who_maps_a_value_has_a_way_back(
    app: Flask, client: FlaskClient[Any], fixable: str
) -> None:
    sign_in(client, make_admin(app))
    with app.app_context():
        db.session.add(Campaign(id=31, name="Spring"))
        db.session.commit()
    page = client.get(f"{fixable}?reason=unmapped_value").text
    url = next(link for link in links(page) if "for=31" in link)
    here = f"{fixable}?reason=unmapped_value#records-title"

    form = client.get(url).text
    assert here in links(form)
    handed_on = {"stream": fixable.rsplit("/", 1)[1], "reason": "unmapped_value"}
    for name, value in handed_on.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in form
    path = "/cross-references/campaign/entries"
    one = {"new-foreign_0": "SPR", "new-online_choice": "31", **handed_on}
    swapped = client.post(path, data=one, headers={"HX-Request": "true"})
    assert "“SPR” stands for Spring" in swapped.text
    assert here in links(swapped.text)
    added = client.post(path, data=one | {"new-foreign_0": "SPR2"})
    assert here in links(client.get(added.location).text)


def test_where_somebody_comes_from_is_a_page_of_ours(
    app: Flask, client: FlaskClient[Any], fixable: str
) -> None:
    sign_in(client, make_admin(app))
    for query in ("stream=https://example.org", "stream=-1", "run=//x", "reason=x", "behind=x"):
        page = client.get(f"/cross-references/campaign?{query}").text
        assert "Back to" not in page
        assert "example.org/" not in page
