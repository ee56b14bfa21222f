"""A run that loses its database goes on where it stood, and two at once do not get in each other's
way. (Killed processes: tests/jobs/kills.)"""

from __future__ import annotations

import random

import pytest

from tests.jobs.site import Result, Site
from tests.jobs.stopping import interrupted
from webapp.extensions import db
from webapp.models import Run
from webapp.services import runs

ROWS = [
    {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "A"},
    {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "", "FIRST_NAME": "B"},
    {"MEMBER_ID": "m3", "PRIMARY_EMAIL": "ann@x.org", "FIRST_NAME": "C"},
    {"MEMBER_ID": "", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "D"},
    {"MEMBER_ID": "m5", "PRIMARY_EMAIL": "nobody", "FIRST_NAME": "E"},
    {"MEMBER_ID": "m3", "PRIMARY_EMAIL": "", "FIRST_NAME": "F"},
]
OUTCOMES = ["updated", "created", "created", "updated", "rejected", "updated"]


def settle(site: Site) -> None:
    site.set(chunk_rows=1)
    site.person(member_id="m1", primary_email="ann@x.org", first_name="Ann")


@pytest.mark.parametrize("next_row", range(1, 7))
def test_an_import_goes_on_where_it_stood(site: Site, next_row: int) -> None:
    settle(site)
    draft = site.draft(ROWS)
    run = interrupted(site, site.start(draft), next_row)
    assert run.state == "success", run.failure
    run.check_counts()
    assert [row.outcome for row in run.rows.values()] == OUTCOMES
    names = site.sql("SELECT first_name FROM constituents ORDER BY id")
    assert names == [("D",), ("B",), ("F",)]
    groups = site.sql("SELECT count(*) FROM groups WHERE made_by_run_id = %s", run.id)
    assert groups == [(2,)]
    assert run.rejects_key is not None
    assert run.tallies["repeated"] == 2
    assert [len(row.notes) for row in run.rows.values()] == [0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize("next_row", [1, 4])
def test_a_preview_starts_over(site: Site, next_row: int) -> None:
    settle(site)
    draft = site.draft(ROWS)
    expected = site.preview(draft)
    site.sql(
        "UPDATE runs SET state = 'queued', attempt = 0 WHERE id = %s RETURNING id", expected.id
    )
    preview = interrupted_again(site, expected.id, next_row)
    assert preview.state == "success", preview.failure
    preview.check_counts()
    assert preview.verdicts == expected.verdicts
    assert site.run(draft).verdicts == expected.verdicts


def interrupted_again(site: Site, run_id: int, next_row: int) -> Result:
    """Like `interrupted`, for a preview whose rows are there from before."""
    site.sql(
        "WITH d AS (DELETE FROM run_rows WHERE run_id = %s) UPDATE runs SET next_row = 0,"
        " rows_read = 0, created = 0, updated = 0, unchanged = 0, rejected = 0, withheld = 0"
        " WHERE id = %s RETURNING id",
        run_id,
        run_id,
    )
    return interrupted(site, run_id, next_row)


@pytest.mark.parametrize("next_row", [1, 2, 3])
def test_an_undo_goes_on_where_it_stood(site: Site, next_row: int) -> None:
    settle(site)
    before = site.state()
    run = site.import_rows(ROWS, preview=False).run
    expected = site.undo_preview(run.id)
    with site.app.app_context():
        session = db.session()
        undo = runs.start_undo(session, session.get_one(Run, run.id), None)
        session.commit()
        session.info.clear()
        undo_id = undo.id
        db.session.remove()
    done = interrupted(site, undo_id, next_row)
    assert done.state == "success", done.failure
    assert site.state() == before
    assert done.rows_read == expected.rows_read == 3
    assert done.tallies["removed"] == expected.tallies["removed"] == 2
    assert done.tallies["kept"] == 0


def test_a_finished_run_is_not_done_again(site: Site) -> None:
    settle(site)
    run = site.import_rows(ROWS).run
    before, attempt = site.state(), site.sql("SELECT attempt FROM runs WHERE id = %s", run.id)
    assert site.execute(run.id).counts == run.counts
    assert site.state() == before
    assert site.sql("SELECT attempt FROM runs WHERE id = %s", run.id) == attempt


def test_a_run_cancelled_in_the_queue_never_starts(site: Site) -> None:
    settle(site)
    before = site.state()
    draft = site.start(site.draft(ROWS))
    site.cancel(draft)
    run = site.execute(draft)
    assert run.state == "cancelled"
    assert run.rows_read == 0
    assert site.state() == before


def test_a_run_that_never_gets_further_is_ended_with_a_sentence(site: Site) -> None:
    settle(site)
    draft = site.start(site.draft(ROWS))
    tallies = '{"attempts_at_row": 8, "claimed_at_row": 0}'
    site.sql("UPDATE runs SET tallies = %s::jsonb WHERE id = %s RETURNING id", tallies, draft)
    run = site.execute(draft)
    assert run.state == "failure"
    assert "stopped 8 times at row" in (run.failure or "")


@pytest.mark.parametrize("same_order", [True, False], ids=["same-order", "other-order"])
def test_two_imports_of_the_same_people_at_once(site: Site, same_order: bool) -> None:
    """No deadlock reaches anybody, nobody is made twice, and each run's counts add up."""
    site.set(chunk_rows=15)
    for n in range(0, 120, 3):
        site.person(member_id=f"m{n}", primary_email=f"p{n}@x.org")
    rows = [{"MEMBER_ID": f"m{n}", "PRIMARY_EMAIL": f"p{n}@x.org"} for n in range(120)]
    files = []
    for name in "AB":
        mine = [row | {"FIRST_NAME": name} for row in rows]
        if not same_order:
            random.Random(name).shuffle(mine)
        files.append(site.start(site.draft(mine, label=name)))
    results = site.at_once(files)
    for result in results:
        assert result.state == "success", result.failure
        result.check_counts()
        assert result.counts["rejected"] == 0
    assert sum(result.counts["created"] for result in results) == 80
    assert site.sql("SELECT count(*), count(DISTINCT member_id) FROM constituents") == [(120, 120)]
