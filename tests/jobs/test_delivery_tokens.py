"""What was last delivered, as the file store remembers it: a database that doesn't know it was put
back from a copy. (A copy that is really started: test_downloads_restored.)"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs.cleaning import clean, delete_lost_files
from tests.jobs.downloading import Downloaded, download, draft, outcome, settings
from tests.jobs.site import Site, site_at
from tests.jobs.stopping import await_no_work, killed_worker
from tests.services import Services
from webapp.extensions import db
from webapp.rules.download_settings import DownloadRequest, Encoding, Start
from webapp.services.files import UNFINISHED, file_store

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def key_of(found: Downloaded) -> str:
    """Where the file store has the token of the stream."""
    return f"delivered/{found.window['cluster']}/stream-{found.window['stream_id']}"


def path_of(site: Site, found: Downloaded) -> Path:
    store = file_store(site.app.config["DATASYNC"])
    return Path(store.root) / key_of(found)


def left(site: Site, found: Downloaded) -> str:
    """What the file store remembers of the stream."""
    return path_of(site, found).read_text()


def forget(site: Site, found: Downloaded) -> None:
    """The database as it was before this download."""
    site.sql_do(f"DELETE FROM download_windows WHERE run_id = {found.run_id}")


@pytest.fixture
def ann(site: Site) -> int:
    return site.person(nickname="Ann", member_id="M-1")


def test_what_the_database_never_had_is_told_and_everything_goes_again(
    site: Site, ann: int
) -> None:
    first = download(site)
    bob = site.person(nickname="Bob")
    forget(site, download(site))

    looked = site.preview(draft(site, DownloadRequest(settings=settings())))
    told = download(site)

    assert looked.tallies["download"]["restored_from"] == first.window["cluster"]
    assert looked.tallies["download"]["delivered"] == 2
    assert told.window["restored_from"] == first.window["cluster"]
    assert told.ids == {ann, bob}
    assert left(site, told) == told.window["token"]
    after = download(site)
    assert (after.ids, after.window["restored_from"]) == (set(), None)


def test_any_file_store_remembers(site: Site, ann: int) -> None:
    site.set(files_url=f"memory://tokens-{ann}")
    first = download(site)
    forget(site, download(site))
    told = download(site)
    assert told.window["restored_from"] == first.window["cluster"]
    assert download(site).window["restored_from"] is None


@pytest.mark.parametrize("start", [Start.EVERYTHING, Start.DATE, Start.AGAIN])
def test_it_is_told_whatever_was_asked_for(site: Site, ann: int, start: Start) -> None:
    first = download(site)
    forget(site, download(site))

    told = download(site, start=start, since_at=YESTERDAY, again=first.run_id)

    assert told.window["restored_from"] == first.window["cluster"]
    assert (told.ids, told.window["moves"]) == ({ann}, True)
    assert download(site).window["restored_from"] is None


def test_sending_what_is_free_now_leaves_it_to_be_told(site: Site, ann: int) -> None:
    first = download(site)
    forget(site, download(site))

    free = download(site, start=Start.FREE)

    assert (free.window["restored_from"], free.ids) == (None, set())
    assert download(site).window["restored_from"] == first.window["cluster"]


def test_a_stream_whose_first_download_the_database_never_had(site: Site, ann: int) -> None:
    first = download(site)
    forget(site, first)

    told = download(site)

    assert told.window["restored_from"] == first.window["cluster"]
    assert told.ids == {ann}


@pytest.mark.parametrize("start", list(Start))
def test_each_download_that_counts_is_remembered(site: Site, ann: int, start: Start) -> None:
    first = download(site)
    found = download(site, start=start, since_at=YESTERDAY, again=first.run_id)
    assert found.window["restored_from"] is None
    assert left(site, found) == found.window["token"] != first.window["token"]


def test_an_extract_before_the_first_download_is_remembered_too(site: Site, ann: int) -> None:
    extract = download(site, start=Start.DATE, since_at=YESTERDAY)
    again = download(site, start=Start.AGAIN, again=extract.run_id)
    assert (extract.window["moves"], again.window["moves"]) == (False, False)
    assert left(site, extract) == again.window["token"]
    forget(site, again)
    assert download(site).window["restored_from"] == extract.window["cluster"]


def test_a_preview_and_a_failure_are_not_remembered(site: Site, ann: int) -> None:
    first = download(site)
    site.change(ann, nickname="Ő")
    site.preview(draft(site, DownloadRequest(settings=settings("NICKNAME"))))
    failed = download(site, settings("NICKNAME", encoding=Encoding.WINDOWS))
    assert failed.state == "failure"
    assert left(site, first) == first.window["token"]


def test_each_center_has_its_own(site: Site, ann: int) -> None:
    north, south = (site.insert("centers", name=name) for name in ("North", "South"))
    for center in (north, south):
        site.insert("center_members", center_id=center, constituent_id=ann)
        download(site, center_id=center)
    forget(site, download(site, center_id=north))

    assert download(site, center_id=south).window["restored_from"] is None
    assert download(site).window["restored_from"] is None
    told = download(site, center_id=north)
    assert told.window["restored_from"] == told.window["cluster"]
    assert told.ids == {ann}


# What is no alarm ---------------------------------------------------------------------------


def test_where_nothing_is_remembered_nothing_is_said(site: Site, ann: int) -> None:
    path_of(site, download(site)).unlink()
    found = download(site)
    assert (found.window["restored_from"], found.ids) == (None, set())
    assert left(site, found) == found.window["token"]


def test_killed_before_it_is_remembered_the_one_before_is(site: Site, ann: int) -> None:
    first = download(site)
    bob = site.person(nickname="Bob")
    run_id = site.start(draft(site, DownloadRequest(settings=settings())))
    # Who opens it waits for a reader: it has committed, and has not left its token yet
    gate = path_of(site, first).with_name(f"{path_of(site, first).name}{UNFINISHED}")
    os.mkfifo(gate)
    try:
        with killed_worker(site, run_id) as await_moment:
            await_moment("SELECT 1 FROM runs WHERE id = %s AND state = 'success'", run_id)
        await_no_work(site.sql)
    finally:
        gate.unlink()
    killed = outcome(site, run_id)
    assert (killed.ids, killed.window["is_committed"]) == ({bob}, True)
    assert left(site, first) == first.window["token"]

    after = download(site)

    assert (after.ids, after.window["restored_from"]) == (set(), None)
    assert left(site, after) == after.window["token"]


def test_a_store_that_refuses_it_fails_no_download(
    site: Site, ann: int, caplog: pytest.LogCaptureFixture
) -> None:
    first = download(site)
    in_the_way = path_of(site, first).with_name(f"{path_of(site, first).name}{UNFINISHED}")
    in_the_way.mkdir()
    try:
        refused = download(site, start=Start.EVERYTHING)
    finally:
        in_the_way.rmdir()
    assert (refused.state, refused.ids) == ("success", {ann})
    assert "did not take" in caplog.text
    assert left(site, first) == first.window["token"]
    assert download(site).window["restored_from"] is None


def test_one_that_cannot_be_read_ends_the_download_with_a_sentence(site: Site, ann: int) -> None:
    first = download(site)
    path = path_of(site, first)
    path.unlink()
    path.mkdir()
    try:
        refused = download(site, start=Start.EVERYTHING)
    finally:
        path.rmdir()
    assert (refused.state, refused.ids) == ("failure", set())
    assert refused.failure is not None
    assert key_of(first) in refused.failure
    assert "Nothing was delivered" in refused.failure
    assert download(site, start=Start.EVERYTHING).ids == {ann}


def test_what_is_no_token_is_one_that_nobody_had(site: Site, ann: int) -> None:
    first = download(site)
    path_of(site, first).write_bytes(b"\x00\xff")
    told = download(site)
    assert told.window["restored_from"] == first.window["cluster"]
    assert download(site).window["restored_from"] is None


@contextmanager
def another_database(services: Services, site: Site) -> Iterator[Site]:
    """Another installation that was given the same file store by mistake."""
    name = services.create_database()
    try:
        with site_at(site.app.config["DATASYNC"], services.postgres.url(name)) as other:
            yield other
    finally:
        services.drop_database(name)


def test_two_databases_with_one_file_store(services: Services, site: Site, ann: int) -> None:
    with another_database(services, site) as other:
        other.sql("SELECT setval(pg_get_serial_sequence('download_streams', 'id'), 100)")
        mine = [download(site)]
        theirs = [download(other)]
        mine += [download(site), download(site)]
        theirs += [download(other)]
    assert mine[0].window["stream_id"] == theirs[0].window["stream_id"]
    assert {found.window["restored_from"] for found in mine + theirs} == {None}


def test_cleaning_leaves_it(site: Site, ann: int) -> None:
    first = download(site)
    site.sql_do("UPDATE runs SET finished_at = now() - interval '5 years'")
    long_ago = YESTERDAY.timestamp() - 10**8
    os.utime(path_of(site, first), (long_ago, long_ago))
    with site.app.app_context():
        clean(db.session(), file_store())
        delete_lost_files(db.session(), file_store())
        db.session.remove()
    assert site.sql("SELECT deleted_at IS NOT NULL FROM download_files") == [(True,)]
    assert left(site, first) == first.window["token"]
    forget(site, first)
    assert download(site).window["restored_from"] is not None
