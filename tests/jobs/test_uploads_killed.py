"""What every upload of rows promises of its end, whatever it uploads: killed, the next attempt does
the rest, each row once; cancelled, it is undone as far as it came; the same file again changes
nothing. (Uploads of entries, which are whole or not at all: test_crossref_uploads_killed.)"""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.site import Site
from tests.jobs.stopping import cancelled_after, killed_at

ROWS = 60
FILES = {
    "group-assignment-upload": ("MEMBER_ID,GROUP_NAME", "m{0},Owls"),
    "segmentation-upload": ("MEMBER_ID,INTEREST_NAME,OPT_IN", "m{0},Owls,yes"),
    "transaction-upload": (
        "MEMBER_ID,TRANSACTION_ID,AMOUNT,PAYMENT_DATE,TENDER_TYPE",
        "m{0},G-{0},20.00,2026-03-01,cash",
    ),
}
DONE = {
    "group-assignment-upload": "SELECT constituent_id FROM group_members",
    "segmentation-upload": "SELECT constituent_id FROM interest_choices WHERE opted_in",
    "transaction-upload": "SELECT constituent_id FROM transactions WHERE amount = 20",
}


each_upload = pytest.mark.parametrize("upload", list(FILES))


def settle(site: Site) -> dict[str, Any]:
    """The people of the files; what there is before any of them."""
    site.connection.execute(
        "INSERT INTO constituents (member_id) SELECT 'm' || n FROM generate_series(1, %s) n", [ROWS]
    )
    site.set(chunk_rows=10)
    return site.state()


def text_of(slug: str) -> str:
    header, line = FILES[slug]
    return "\n".join([header, *(line.format(n) for n in range(1, ROWS + 1))]) + "\n"


def whom(site: Site, slug: str) -> list[int]:
    """Whom rows of the file were applied to, each as often as it was."""
    return sorted(number for (number,) in site.sql(DONE[slug]))


@each_upload
def test_killed_each_row_is_done_once(site: Site, upload: str) -> None:
    before = settle(site)
    run_id = site.start(site.draft(text_of(upload), operation=upload))
    for reaches, done in ((1, 0), (31, 30)):
        left = killed_at(site, run_id, reaches)
        assert (left.state, left.rows_read) == ("running", done)
        assert len(whom(site, upload)) == done
    run = site.execute(run_id)
    assert run.state == "success", run.failure
    run.check_counts()
    assert run.counts["created"] + run.counts["updated"] == ROWS
    people = whom(site, upload)
    assert len(people) == len(set(people)) == ROWS
    assert site.sql("SELECT attempt FROM runs WHERE id = %s", run_id) == [(3,)]
    assert site.undo(run_id).tallies["kept"] == 0
    assert whom(site, upload) == []
    assert site.state() == before


@each_upload
def test_cancelled_it_is_undone_as_far_as_it_came(site: Site, upload: str) -> None:
    before = settle(site)
    run_id = site.start(site.draft(text_of(upload), operation=upload))
    with cancelled_after(site, 20):
        run = site.execute(run_id)
    assert run.state == "cancelled"
    run.check_counts()
    assert (run.rows_read, len(whom(site, upload))) == (20, 20)
    assert site.undo(run_id).tallies["kept"] == 0
    assert whom(site, upload) == []
    assert site.state() == before


@each_upload
def test_the_same_file_again_changes_nothing(site: Site, upload: str) -> None:
    settle(site)
    first = site.import_rows(text_of(upload), operation=upload).run
    assert first.counts["created"] + first.counts["updated"] == ROWS
    after, people = site.state(), whom(site, upload)
    again = site.import_rows(text_of(upload), operation=upload).run
    assert again.counts == dict.fromkeys(first.counts, 0) | {"unchanged": ROWS}
    assert (site.state(), whom(site, upload)) == (after, people)
    logged = site.sql("SELECT table_name, op FROM change_log WHERE run_id = %s", again.id)
    assert logged == []
