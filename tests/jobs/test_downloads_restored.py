"""The database really restored: dumped and read into another cluster, into another database of the
same one, over itself; and a copy of its files promoted, or started as it is. The next download
notices, says so, and delivers again; after it nothing is missed and nothing goes twice."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.jobs.downloading import Downloaded, download, draft, settings
from tests.jobs.site import Site, site_at
from tests.jobs.test_transaction_download import SLUG, keys, marks, online
from tests.services import Services
from webapp.extensions import db
from webapp.rules.download_settings import DownloadRequest, DownloadSettings, Start
from webapp.serving import processes
from webapp.serving.postgres import SUPERUSER, Postgres, binary
from webapp.settings import Settings, libpq_url

OLD_TRANSACTIONS = 20_000
"""How many more transactions the cluster before has counted than the one after."""
CHOSEN = settings("NICKNAME")
EVERY_GIFT = DownloadSettings()


def settings_of(site: Site) -> Settings:
    found: Settings = site.app.config["DATASYNC"]
    return found


def dump(site: Site, path: Path) -> Path:
    command = [str(binary("pg_dump")), "--format=custom", f"--file={path}", site.url]
    subprocess.run(command, check=True, timeout=120)
    return path


def restore(path: Path, url: str, *more: str) -> None:
    subprocess.run(
        [
            str(binary("pg_restore")),
            "--exit-on-error",
            "--no-owner",
            *more,
            f"--dbname={url}",
            path,
        ],
        check=True,
        timeout=120,
    )


@contextmanager
def cluster(folder: Path) -> Iterator[Postgres]:
    """Another PostgreSQL, which has counted few transactions; what it became when it ends."""
    server = Postgres(folder / "cluster", folder / "run", folder / "log", durable=False)
    process = server.start()
    try:
        yield server
    finally:
        processes.stop(process, signal.SIGINT, seconds=30)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where clusters are: pytest closes its own folders to the account that the server runs as."""
    made = Path(tempfile.mkdtemp(prefix="datasync-test-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def old(site: Site) -> Site:
    """A site whose cluster has counted many transactions, so that the numbers in its log are far
    above those that a young cluster gives."""
    site.sql_do(
        f"DO $$ BEGIN FOR i IN 1..{OLD_TRANSACTIONS} LOOP"
        " PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    )
    return site


class Story:
    """What happened before the backup and after it."""

    def __init__(self, site: Site) -> None:
        self.ann, self.bob, self.cem = (
            site.person(member_id=f"M-{name}", nickname=name) for name in ("Ann", "Bob", "Cem")
        )
        site.doubt(self.cem, self.ann)
        online(site, self.ann, "T1")
        online(site, self.bob, "T2", settled_on=None)
        self.first = download(site, CHOSEN)
        self.gifts = download(site, EVERY_GIFT, operation=SLUG)
        site.change(self.bob, nickname="Bobby")  # logged, and not yet delivered
        assert self.first.ids == {self.ann, self.bob}
        assert keys(self.gifts) == ["T1"]

    def goes_on(self, site: Site) -> None:
        """What the backup doesn't know: it was delivered, and is lost."""
        dee = site.person(nickname="Dee")
        site.change(self.ann, nickname="Annie")
        assert download(site, CHOSEN).ids == {self.ann, self.bob, dee}
        assert keys(download(site, EVERY_GIFT, operation=SLUG)) == []

    def is_told(self, site: Site) -> None:
        """All that holds for the restored database."""
        with psycopg.connect(site.url) as dawdler:
            # Begun before the first download there, and committed after it
            dawdler.execute("UPDATE constituents SET nickname = 'Slow' WHERE id = %s", [self.ann])
            free = download(site, CHOSEN, Start.FREE)
            told = download(site, CHOSEN)
            gifts = download(site, EVERY_GIFT, operation=SLUG)
            nothing = [download(site, CHOSEN), download(site, EVERY_GIFT, operation=SLUG)]
            dawdler.commit()
        slow = download(site, CHOSEN)
        site.change(self.bob, nickname="Rob")
        site.clear_doubts(self.cem)
        site.sql_do("UPDATE transactions SET settled_on = '2026-01-09'")
        last = download(site, CHOSEN)
        last_gifts = download(site, EVERY_GIFT, operation=SLUG)

        assert (free.ids, free.window["moves"]) == (set(), False)
        assert told.window["restored_from"] == self.first.window["cluster"]
        assert told.window["is_committed"]
        assert told.ids == {self.ann, self.bob}
        assert [found[0] for found in told.withheld] == [self.cem]
        assert marks(gifts) == {"T1": "update"}
        assert gifts.window["restored_from"] == self.first.window["cluster"]
        for found in nothing:
            assert found.window["restored_from"] is None
            assert found.window["changed"] == 0
            assert found.counts["delivered"] == 0
        assert slow.ids == {self.ann}
        assert last.ids == {self.bob, self.cem}
        assert marks(last_gifts) == {"T2": "new"}
        self._can_be_taken_again(site, told, last)

    def _can_be_taken_again(self, site: Site, told: Downloaded, last: Downloaded) -> None:
        """A window from before the restoration means everything; one from after it, itself."""
        everybody = {self.ann, self.bob, self.cem}
        assert download(site, CHOSEN, Start.AGAIN, again=last.run_id).ids == {self.bob, self.cem}
        assert download(site, CHOSEN, Start.AGAIN, again=told.run_id).ids == everybody
        assert download(site, CHOSEN, Start.AGAIN, again=self.first.run_id).ids == everybody
        assert download(site, CHOSEN).ids == set()


def test_a_dump_read_into_a_younger_cluster(old: Site, folder: Path) -> None:
    story = Story(old)
    saved = dump(old, folder / "saved")
    story.goes_on(old)
    with cluster(folder / "young") as young:
        young.ensure_database("restored")
        restore(saved, young.url("restored"))
        with site_at(settings_of(old), young.url("restored")) as site:
            [(highest, now)] = site.sql(
                "SELECT (SELECT max(xid) FROM change_log),"
                " pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
            )
            assert highest > now, "the log's numbers have to lie ahead of the cluster's"
            story.is_told(site)
            _a_download_that_is_new_there(site, story)


def _a_download_that_is_new_there(site: Site, story: Story) -> None:
    """A stream that never ran before the restoration: it too gets everybody once."""
    north = site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=story.ann)
    assert download(site, CHOSEN, center_id=north).ids == {story.ann}
    assert download(site, CHOSEN, center_id=north).counts["rows_read"] == 0


def _into_another_database(services: Services, site: Site, saved: Path) -> str:
    url = services.postgres.url("restored_beside")
    services.postgres.ensure_database("restored_beside")
    restore(saved, url)
    return url


def _over_itself(services: Services, site: Site, saved: Path) -> str:
    with site.app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    restore(saved, site.url, "--clean", "--if-exists")
    return site.url


@pytest.mark.parametrize("bring_back", [_into_another_database, _over_itself])
def test_a_dump_read_into_the_same_cluster(
    services: Services,
    database: str,
    tmp_path: Path,
    bring_back: Callable[[Services, Site, Path], str],
) -> None:
    configured = services.settings(database, tmp_path / "data")
    with site_at(configured, libpq_url(configured.database_url)) as site:
        story = Story(site)
        saved = dump(site, tmp_path / "saved")
        story.goes_on(site)
        url = bring_back(services, site, saved)
    try:
        with site_at(configured, url) as restored:
            story.is_told(restored)
    finally:
        services.drop_database("restored_beside")


def begun_at(site: Site, folder: Path) -> tuple[Postgres, Story]:
    """A stopped cluster of its own, in which the story began."""
    saved = dump(site, folder.with_name("empty"))
    with cluster(folder) as server:
        server.ensure_database("datasync")
        restore(saved, server.url())
        with site_at(settings_of(site), server.url()) as first:
            return server, Story(first)


def test_a_copy_of_its_files_that_was_promoted(site: Site, folder: Path) -> None:
    server, story = begun_at(site, folder / "first")
    copy = copy_of(server, folder / "second", "standby.signal")
    with cluster(copy) as promoted:
        with psycopg.connect(promoted.url(SUPERUSER), autocommit=True) as connection:
            connection.execute("SELECT pg_promote(true, 60)")
        with site_at(settings_of(site), promoted.url()) as second:
            story.is_told(second)
            [(told,)] = second.sql("SELECT max(cluster) FROM download_windows")
    # The same numbers of transactions, counted on in another timeline
    before = str(story.first.window["cluster"])
    assert re.sub("/.*", "", told) == re.sub("/.*", "", before)
    assert told != before


def test_a_copy_of_its_files_that_is_started_as_it_is(site: Site, folder: Path) -> None:
    """Nothing in it says that it was put back; the file store, which wasn't, remembers."""
    server, story = begun_at(site, folder / "kept")
    copy = copy_of(server, folder / "copy")
    with cluster(folder / "kept") as server, site_at(settings_of(site), server.url()) as first:
        story.goes_on(first)
    with cluster(copy) as put_back, site_at(settings_of(site), put_back.url()) as second:
        looked = second.preview(draft(second, DownloadRequest(settings=CHOSEN)))
        assert looked.tallies["download"]["restored_from"] == story.first.window["cluster"]
        story.is_told(second)


def copy_of(server: Postgres, folder: Path, *signals: str) -> Path:
    """A folder with a copy of a stopped cluster's files, and these empty ones."""
    folder.mkdir(mode=0o755)
    copied = folder / "cluster"
    shutil.copytree(server.cluster, copied)
    for name in signals:
        (copied / name).touch()
    # Whoever may run the server owns its files
    owner = server.cluster.stat()
    for path in (copied, *copied.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    return folder
