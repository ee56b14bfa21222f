"""A file of gifts that has card numbers: nothing of it happens, and nothing of it is kept."""

from __future__ import annotations

import pytest

from tests.jobs.site import Site
from tests.jobs.test_transaction_upload import OPERATION, gift, upload
from webapp.services.files import file_store

CARD = "4111111111111111"


def kept_anywhere(site: Site) -> list[str]:
    """Where the number stands: tables of the database, the files that came in."""
    tables = [
        name
        for (name,) in site.sql(
            "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'"
        )
    ]
    found = [
        name
        for name in tables
        if site.sql(f"SELECT 1 FROM {name} x WHERE strpos(x::text, '{CARD}') > 0 LIMIT 1")
    ]
    keys = [key for (key,) in site.sql("SELECT key FROM uploads")]
    with site.app.app_context():
        found += [key for key in keys if file_store().exists(key)]
    return found


def file_of(column: str, rows: int = 30) -> list[dict[str, str]]:
    made = [gift(TRANSACTION_ID=f"G-{number}", **{column: "x"}) for number in range(rows)]
    made[-1][column] = f"visa {CARD}"
    return made


@pytest.fixture(autouse=True)
def ann(site: Site) -> int:
    site.set(chunk_rows=10)
    return site.person(member_id="m1")


@pytest.mark.parametrize("column", ["CONFIRMATION_CODE", "TRIBUTE_NAME"])
@pytest.mark.parametrize("looks", [True, False], ids=["preview", "run"])
def test_it_is_refused_as_a_whole(site: Site, column: str, looks: bool) -> None:
    draft = site.draft(file_of(column), operation=OPERATION, name="gifts.csv")
    assert kept_anywhere(site)

    found = site.preview(draft) if looks else site.run(draft)

    assert found.state == "failure"
    assert found.failure is not None
    assert f"Row 31 of gifts.csv has a card number in {column}, ending in 1111." in found.failure
    assert "the file was deleted" in found.failure
    assert site.sql("SELECT count(*) FROM transactions") == [(0,)]
    assert kept_anywhere(site) == []


def test_a_column_that_is_passed_over_is_looked_at_too(site: Site) -> None:
    draft = site.draft(file_of("NOTE"), operation=OPERATION)
    site.sql_do("""UPDATE runs SET options = options || '{"columns": {"NOTE": null}}'""")
    assert site.run(draft).state == "failure"
    assert kept_anywhere(site) == []


def test_one_that_was_killed_meanwhile_deletes_it_after_all(site: Site) -> None:
    draft = site.draft(file_of("NOTE"), operation=OPERATION)
    message = "Row 31 has a card number."
    refusal = f'{{"refusal": {{"code": "card_number", "message": "{message}"}}}}'
    site.sql_do(f"UPDATE uploads SET examination = '{refusal}'")
    site.sql_do("UPDATE runs SET state = 'queued', queued_at = now()")
    found = site.execute(draft)
    assert (found.state, found.failure) == ("failure", message)
    assert kept_anywhere(site) == []


def test_gifts_without_any_go_through(site: Site) -> None:
    rows = [gift(CONFIRMATION_CODE="4111111111111112"), gift(TRANSACTION_ID="G-2")]
    assert upload(site, rows).run.counts["created"] == 2


def test_members_may_have_long_numbers(site: Site) -> None:
    site.person(member_id=CARD)
    assert upload(site, [gift(MEMBER_ID=CARD)]).run.counts["created"] == 1


def test_transactions_may_have_long_numbers(site: Site) -> None:
    """They are the offline system's own keys: another one would be another transaction."""
    rows = [
        gift(TRANSACTION_ID=CARD),
        gift(TRANSACTION_ID="G-2", TRANSACTION_TYPE="refund", REFUND_OF=CARD),
    ]
    assert upload(site, rows).run.counts["created"] == 2


def test_a_heading_is_looked_at_too(site: Site) -> None:
    """A file without headings has its first row there."""
    draft = site.draft([gift(**{f"visa {CARD}": "x"})], operation=OPERATION)
    assert site.run(draft).state == "failure"
    assert kept_anywhere(site) == []
