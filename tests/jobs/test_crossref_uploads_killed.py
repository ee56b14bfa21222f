"""A worker killed while it uploads entries leaves the table as it was; the next attempt does all of
it once. Whoever edits, or translates, at the same moment has the table before or after, never a
part of it."""

from __future__ import annotations

import threading

import psycopg

from tests.holding import WAITING
from tests.jobs.site import Site
from tests.jobs.stopping import killed_worker, let_go
from tests.jobs.test_crossref_uploads import TITLES, entries
from tests.jobs.test_crossrefs import type_of
from tests.processes.serving import eventually
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.services import crossref_edits
from webapp.services.crossref_edits import EntryValues

ROWS = 3_000
FILE = "\n".join(
    ["ONLINE_VALUE,FOREIGN_1", *(f"T {n // 2},code-{n}" for n in range(ROWS)), "T 1,", ""]
)


def draft(site: Site) -> int:
    return site.draft(FILE, operation="cross-reference-upload", crossref_type=TITLES)


LOCK = "SELECT 1 FROM cross_reference_types WHERE key = %s FOR UPDATE"


def waiting(site: Site) -> int:
    """How many wait for what somebody else holds."""
    return len(site.sql(WAITING))


def test_killed_it_has_done_nothing_and_does_all_of_it_once(site: Site) -> None:
    run_id = site.start(draft(site))
    site.set(chunk_rows=200)
    reads = "SELECT 1 FROM runs WHERE (tallies ->> 'rows_looked_at')::int > 0"
    for moment in (reads, WAITING):  # while it reads, and before it writes
        with psycopg.connect(site.url) as holder:
            holder.execute(LOCK, [TITLES])
            with killed_worker(site, run_id) as await_moment:
                await_moment(moment)
        let_go(site, run_id)
        assert entries(site) == []
    run = site.execute(run_id)
    assert run.state == "success", run.failure
    run.check_counts()
    assert (run.counts["created"], run.counts["rejected"]) == (ROWS, 1)
    assert len(entries(site)) == ROWS
    undo = site.undo(run_id)
    assert (undo.state, undo.tallies["removed"]) == ("success", ROWS)
    assert entries(site) == []


def test_cancelled_it_has_done_nothing(site: Site) -> None:
    run_id = site.start(draft(site))
    with psycopg.connect(site.url) as holder:
        holder.execute(LOCK, [TITLES])
        worker = threading.Thread(target=site.execute, args=[run_id])
        worker.start()
        assert eventually(lambda: waiting(site) == 1)
        site.sql("UPDATE runs SET cancel_requested = true WHERE id = %s RETURNING id", run_id)
    worker.join()
    run = site.result(run_id)
    assert run.state == "cancelled"
    run.check_counts()
    assert (run.rows, run.rejects_key) == ({}, None)
    assert entries(site) == []


def test_an_editor_waits_and_then_sees_the_new_table(site: Site) -> None:
    run_id, told = site.start(draft(site)), []

    def edit() -> None:
        with site.app.app_context():
            try:
                crossref_edits.add_entry(
                    db.session(), type_of(TITLES), EntryValues("Mine", ("code-7",)), None
                )
                db.session.commit()
            except DataSyncError as error:
                told.append(error.code)
            finally:
                db.session.remove()

    with psycopg.connect(site.url) as holder:
        holder.execute(LOCK, [TITLES])
        worker = threading.Thread(target=site.execute, args=[run_id])
        worker.start()
        assert eventually(lambda: waiting(site) == 1)
        editor = threading.Thread(target=edit)
        editor.start()
        assert eventually(lambda: waiting(site) == 2)
    worker.join()
    editor.join()
    assert site.result(run_id).counts["created"] == ROWS
    assert told == ["foreign_taken"]


def test_two_uploads_at_once_are_one_after_the_other(site: Site) -> None:
    both = site.at_once([site.start(draft(site)), site.start(draft(site))])
    assert sorted(run.counts["created"] for run in both) == [0, ROWS]
    assert sorted(run.counts["unchanged"] for run in both) == [0, ROWS]
