"""A download that dies, is cancelled or meets another one: nothing half done, nothing twice."""

from __future__ import annotations

import json

import fsspec
import psycopg
import pytest
from sqlalchemy import select

from jobs.claims import MOST_ATTEMPTS_AT_ONE_ROW
from jobs.failures import OF_DOWNLOAD
from jobs.processors import download_progress
from tests.jobs.downloading import (
    SLUG,
    die_before_the_end,
    download,
    draft,
    outcome,
    settings,
)
from tests.jobs.site import Site
from tests.jobs.stopping import cancelled_when, killed_when, largest_file
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add
from tests.jobs.test_transaction_download import SLUG as TRANSACTIONS
from tests.jobs.test_transaction_download import online
from webapp.extensions import db
from webapp.models import DownloadFile, Run
from webapp.rules.download_settings import DownloadRequest, DownloadSettings
from webapp.services.downloads import (
    file_key,
    find_head,
    find_result,
    get_file,
    workbook_folder,
)
from webapp.services.files import FileStore, file_store


def write_half(store: FileStore, key: str) -> None:
    with store.write_whole(key) as file:
        file.write(b"half")
        raise RuntimeError


def stored_files(site: Site) -> list[str]:
    with site.app.app_context():
        return sorted(file_store().keys("downloads"))


def test_killed_between_the_file_and_the_window_it_goes_once(site: Site) -> None:
    ann = site.person(first_name="Ann")
    run_id = draft(site, DownloadRequest(settings=settings()))
    die_before_the_end(site, run_id)
    assert not outcome(site, run_id).window["is_committed"]
    with site.app.app_context():
        run = db.session.get_one(Run, run_id)
        assert find_head(db.session(), run.operation_id, None) is None
        assert find_result(db.session(), run) is None
        files = db.session.scalars(select(DownloadFile)).all()
        assert [get_file(db.session(), run, file.id) for file in files] == [None]
        db.session.remove()
    with (
        site.app.app_context(),
        file_store().open(f"downloads/run-{run_id}-1-removals.csv.part", "wb") as begun,
    ):
        begun.write(b"half")
    left_behind = stored_files(site)

    site.execute(run_id)
    found = outcome(site, run_id)

    assert found.state == "success"
    assert found.ids == {ann}
    assert found.window["is_committed"]
    assert not set(left_behind) & set(stored_files(site))
    assert download(site).ids == set()


@pytest.mark.parametrize("slug", [SLUG, TRANSACTIONS])
@pytest.mark.parametrize(
    "moment",
    [
        # The files are whole, and nobody knows of them yet
        "INSERT ON download_windows",
        # All of it is put down, and does not count yet
        "UPDATE OF is_committed ON download_windows",
    ],
    ids=["the file is written", "about to count"],
)
def test_killed_at_any_moment_after_the_file_everything_goes_once(
    site: Site, slug: str, moment: str
) -> None:
    """`kill -9` of the process, before and in the transaction that lets it count."""
    ann = site.person(first_name="Ann", member_id="A-1")
    online(site, ann, "T1")
    run_id = site.start(draft(site, DownloadRequest(), operation=slug))

    left = killed_when(site, run_id, moment)

    assert left.state == "running"
    assert len(stored_files(site)) == 1
    assert site.sql("SELECT count(*) FROM download_windows WHERE is_committed") == [(0,)]
    site.execute(run_id)
    found = outcome(site, run_id)
    assert (found.state, len(found.rows())) == ("success", 1)
    assert [key.split("-")[2] for key in stored_files(site)] == ["2"]
    assert {row.get("SENT_AS", "new") for row in found.rows()} == {"new"}
    assert download(site, DownloadSettings(), operation=slug).rows() == []


def test_what_a_killed_workbook_left_on_the_disk_goes(site: Site) -> None:
    site.person(first_name="Ann")
    run_id = draft(site, DownloadRequest(settings=settings(formats=("xlsx",))))
    with site.app.app_context():
        folder = workbook_folder(file_key(run_id, 1, "records", "xlsx"))
    die_before_the_end(site, run_id)
    folder.mkdir(parents=True)
    (folder / "rows").write_text("half")

    site.execute(run_id)

    assert outcome(site, run_id).state == "success"
    assert list(folder.parent.iterdir()) == []


IS_PUT_DOWN = "EXISTS (SELECT FROM download_windows w WHERE w.run_id = NEW.id)"


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "moment", ["NEW.state = 'running'", "NEW.rows_total > 0", "NEW.delivered > 0", IS_PUT_DOWN]
)
def test_whenever_it_is_cancelled_all_of_it_went_or_nothing(
    site: Site, moment: str, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it begins, when all is counted, while the file is written, and when all is put down."""
    monkeypatch.setattr(download_progress, "LOOK_SECONDS", 0)
    ann = site.person(first_name="Ann")
    with cancelled_when(site, moment):
        found = download(site, settings(formats=(file_format,)))

    assert site.sql("SELECT cancel_requested FROM runs WHERE id = %s", found.run_id) == [(True,)]
    assert found.state == ("success" if moment is IS_PUT_DOWN else "cancelled")
    left = stored_files(site)
    if found.state == "success":
        assert (len(left), found.counts["delivered"]) == (1, 1)
        assert download(site).ids == set()
    else:
        assert (left, found.window, set(found.counts.values())) == ([], {}, {0})
        assert download(site).ids == {ann}


def test_killed_and_then_cancelled_nothing_went(site: Site) -> None:
    add(site, "field:STATEPROV", "MA", "25")
    ann = site.person(first_name="Ann", home_stateprov="NH")
    run_id = draft(site, DownloadRequest(settings=settings("HOME_STATEPROV")))
    die_before_the_end(site, run_id)
    site.cancel(run_id)

    site.execute(run_id)

    found = outcome(site, run_id)
    assert found.state == "cancelled"
    assert set(found.counts.values()) == {0}
    uses = "SELECT rows, mapped, amounts FROM cross_reference_uses WHERE run_id = %s"
    assert site.sql(uses, run_id) == [(0, 0, {})]
    seen = "SELECT foreign_key FROM cross_reference_seen WHERE run_id = %s"
    assert site.sql(seen, run_id) == []
    assert download(site).ids == {ann}


def test_one_download_of_a_stream_at_a_time(site: Site) -> None:
    site.person(first_name="Ann")
    download(site)
    stream = site.sql("SELECT id FROM download_streams")[0][0]
    run_id = site.start(draft(site, DownloadRequest(settings=settings())))
    lock = f"hashtextextended('datasync download ' || {stream}, 0)"
    site.sql(f"SELECT pg_advisory_lock({lock})")
    site.sql_do(f"UPDATE runs SET cancel_requested = true WHERE id = {run_id}")
    try:
        site.execute(run_id)  # waits, and learns while it waits that it is no longer wanted
    finally:
        site.sql(f"SELECT pg_advisory_unlock({lock})")
    assert outcome(site, run_id).state == "cancelled"


def test_the_database_refuses_an_account_that_does_not_add_up(site: Site) -> None:
    site.person(first_name="Ann")
    found = download(site)
    for statement in (
        "UPDATE download_windows SET delivered = delivered + 1",
        "UPDATE runs SET delivered = delivered + 1 WHERE delivered > 0",
        f'INSERT INTO download_windows SELECT (jsonb_populate_record(w, \'{{"run_id":'
        f" {found.run_id - 1}}}')).* FROM download_windows w",
    ):
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation)):
            site.sql_do(statement)


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_file_that_could_not_be_written_to_its_end_is_not_there(
    site: Site, is_folder: bool
) -> None:
    """Neither in a folder nor in a store of another kind, which sees to it itself."""
    key = "downloads/run-0-1-records.csv"
    with site.app.app_context():
        store = file_store() if is_folder else FileStore(fsspec.filesystem("memory"), "/half")
        with pytest.raises(RuntimeError):
            write_half(store, key)
        assert not store.exists(key)
        assert not [found for found in store.keys("downloads") if "run-0-" in found]


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_a_store_without_room_ends_it_with_a_sentence(site: Site, file_format: str) -> None:
    """At once: no other worker would have more room. The next one has it all."""
    ann = site.person(first_name="Ann")

    with largest_file(10):
        failed = download(site, settings(formats=(file_format,)))
    with site.app.app_context():
        folder = workbook_folder("any").parent

    assert failed.state == "failure"
    assert failed.failure == OF_DOWNLOAD.no_store.format(why="File too large")
    assert stored_files(site) == []
    assert not folder.exists() or list(folder.iterdir()) == []
    assert failed.window == {}
    assert download(site).ids == {ann}


def test_what_it_says_when_it_fails_is_about_a_download(site: Site) -> None:
    """Nothing was kept, nothing can be undone, and there is no file to upload again."""
    ann = site.person(first_name="Ann")
    failing = "ALTER TABLE download_windows {} CONSTRAINT fails"
    for check, sentence in (
        (f"{failing.format('ADD')} CHECK (echoed < 0) NOT VALID", OF_DOWNLOAD.broken),
        ("", OF_DOWNLOAD.stuck),
    ):
        run_id = draft(site, DownloadRequest(settings=settings()))
        if check:
            site.sql_do(check)
        else:
            attempts = {"attempts_at_row": MOST_ATTEMPTS_AT_ONE_ROW, "claimed_at_row": 0}
            site.sql_do(f"UPDATE runs SET tallies = '{json.dumps(attempts)}' WHERE id = {run_id}")
        try:
            failure = site.run(run_id).failure
        finally:
            if check:
                site.sql_do(failing.format("DROP"))
        assert failure == sentence.format(run=run_id, times=MOST_ATTEMPTS_AT_ONE_ROW)
    assert download(site).ids == {ann}


def test_codes_are_counted_once_however_often_it_dies(site: Site) -> None:
    add(site, "field:STATEPROV", "MA", "25")
    for state in ("MA", "NH"):
        site.person(first_name="Ann", home_stateprov=state)
    run_id = draft(site, DownloadRequest(settings=settings("HOME_STATEPROV")))
    die_before_the_end(site, run_id)

    site.execute(run_id)

    assert outcome(site, run_id).state == "success"
    uses = "SELECT rows, mapped FROM cross_reference_uses WHERE run_id = %s"
    assert site.sql(uses, run_id) == [(2, 1)]
    seen = "SELECT foreign_key, rows FROM cross_reference_seen WHERE run_id = %s"
    assert site.sql(seen, run_id) == [("nh", 1)]
