"""Downloads back to back while ten writers commit, roll back and dawdle, and some downloads are
killed or cancelled: together their files have every change, none of them twice (promise 5).

`DATASYNC_FIRE_COMMITS=100000` makes it as long as the promise asks for; every run makes a few
thousand commits.
"""

from __future__ import annotations

import csv
import io
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

import psutil
import psycopg
import pytest

from tests.jobs.kills.conftest import Workers
from tests.jobs.kills.installation import FINISHED, Staff
from tests.processes.serving import PATIENCE
from webapp.models import Run
from webapp.rules.download_settings import ColumnChoice, DownloadRequest, DownloadSettings
from webapp.services import downloads, runs
from webapp.services.files import file_store

COMMITS = int(os.environ.get("DATASYNC_FIRE_COMMITS", "2500"))
WRITERS = 10
SHARED = 20
"""Records that every writer changes, beside its own."""
DOINGS = ("", "clock", "cancel", "kill", "", "clock", "cancel")
"""What is done to one download after the other."""
SETTINGS = DownloadSettings(columns=(ColumnChoice("CONS_ID"), ColumnChoice("NICKNAME")))


class Fire:
    """Ten writers. A record's nickname counts how often it was changed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.commits = 0
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()
        self.is_over = threading.Event()
        with psycopg.connect(url, autocommit=True) as connection:
            rows = connection.execute(
                "INSERT INTO constituents (nickname) SELECT '1' FROM generate_series(1, %s)"
                " RETURNING id",
                [SHARED],
            ).fetchall()
        self._shared = sorted(row[0] for row in rows)
        self._threads = [
            threading.Thread(target=self._write, args=[number], daemon=True)
            for number in range(WRITERS)
        ]

    def __enter__(self) -> Fire:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)

    def _write(self, number: int) -> None:
        chance = random.Random(number)
        own: list[int] = []
        try:
            with psycopg.connect(self._url) as connection:
                connection.execute("SET synchronous_commit = off")
                connection.commit()
                while not self.is_over.is_set():
                    self._transact(connection, chance, own, number)
        except BaseException as error:
            self.failures.append(error)

    def _transact(
        self, connection: psycopg.Connection, chance: random.Random, own: list[int], number: int
    ) -> None:
        """One transaction, mostly short; one in forty stays open, two writers dawdle often."""
        before = list(own)
        for _ in range(1 if chance.random() < 0.8 else chance.randint(2, 8)):
            self._change(connection, chance, own)
        pause = 0.0
        if chance.random() < (0.3 if number < 2 else 0.025):
            pause = chance.choice((0.05, 0.2, 1.0))
        if pause:
            self.is_over.wait(pause)
        if chance.random() < 0.12:
            connection.rollback()
            own[:] = before
            return
        connection.commit()
        with self._lock:
            self.commits += 1

    def _change(
        self, connection: psycopg.Connection, chance: random.Random, own: list[int]
    ) -> None:
        kind = chance.random()
        if not own or kind < 0.45:
            row = connection.execute(
                "INSERT INTO constituents (nickname) VALUES ('1') RETURNING id"
            ).fetchone()
            assert row is not None
            own.append(row[0])
        elif kind < 0.9:
            # A few only, and once each: two that wait for each other would be a deadlock
            change(connection, chance.choice(own))
        elif kind < 0.95 and connection.info.transaction_status == IDLE:
            change(connection, chance.choice(self._shared))
        elif kind > 0.98:
            connection.execute(
                "DELETE FROM constituents WHERE id = %s",
                [own.pop(chance.randrange(len(own)))],
            )


IDLE = psycopg.pq.TransactionStatus.IDLE


def change(connection: psycopg.Connection, record: int) -> None:
    """Count one more change of a record."""
    connection.execute(
        "UPDATE constituents SET nickname = (nickname::int + 1)::text WHERE id = %s", [record]
    )


def turn_clock(staff: Staff, chance: random.Random) -> None:
    """As if the clock had jumped: what was logged lately says another time."""
    staff.query(
        "UPDATE change_log SET at = at + make_interval(hours => %s) WHERE xid > ("
        "SELECT max(xid) - 50 FROM change_log) RETURNING 1",
        chance.choice((-5, 5)),
    )


def start(staff: Staff) -> int:
    """Queue a download of what changed since the last one."""
    with staff.session() as session:
        operation = runs.find_operation(session, "constituent-data-download")
        assert operation is not None
        run = downloads.begin_download(
            session, operation, None, center_id=None, request=DownloadRequest(settings=SETTINGS)
        )
        runs.start_run(session, run, without_preview=True)
        return run.id


def await_end(staff: Staff, run_id: int) -> str:
    """The state in which a download ended."""
    deadline = time.monotonic() + PATIENCE
    while (state := staff.progress(run_id)[0]) not in FINISHED:
        assert time.monotonic() < deadline, f"run {run_id} stands still in {state}"
        time.sleep(0.01)
    return state


def kill_a_horse(workers: Workers, chance: random.Random) -> None:
    """`kill -9` of whoever works, at some moment of its work."""
    time.sleep(chance.random() * 0.3)
    for horse in workers.horses():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            os.kill(horse.pid, signal.SIGKILL)


def cancel(staff: Staff, run_id: int) -> None:
    with staff.session() as session:
        runs.request_cancel(session, session.get_one(Run, run_id))


def files(staff: Staff, role: str) -> Iterator[list[dict[str, str]]]:
    """The rows of every file, in the order of the windows."""
    keys = staff.query(
        "SELECT f.key FROM download_files f JOIN download_windows w USING (run_id)"
        " WHERE w.is_committed AND f.role = %s ORDER BY w.number",
        role,
    )
    with staff.app.app_context():
        for (key,) in keys:
            with file_store().open(key) as file:
                text = io.StringIO(file.read().decode("utf-8-sig"), newline="")
            yield list(csv.DictReader(text))


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20261123)


def test_no_change_is_missed_and_none_goes_twice(
    staff: Staff, workers: Workers, chance: random.Random
) -> None:
    ended: defaultdict[str, int] = defaultdict(int)
    killed = 0
    most = 1 if COMMITS < 10_000 else 15
    with Fire(staff.database_url) as fire:
        while fire.commits < COMMITS or sum(ended.values()) < 5:
            assert not fire.failures, fire.failures
            run_id = start(staff)
            doing = DOINGS[sum(ended.values()) % len(DOINGS)]
            if doing == "kill" and killed < most:
                kill_a_horse(workers, chance)
                killed += 1
            elif doing == "cancel":
                time.sleep(chance.random() * 0.2)
                cancel(staff, run_id)
            elif doing == "clock":
                turn_clock(staff, chance)
            ended[await_end(staff, run_id)] += 1
    assert not fire.failures, fire.failures
    assert await_end(staff, start(staff)) == "success"
    assert set(ended) <= {"success", "cancelled"}

    now = dict(staff.query("SELECT id, nickname::int FROM constituents"))
    delivered: defaultdict[int, list[int]] = defaultdict(list)
    for rows in files(staff, "records"):
        for row in rows:
            delivered[int(row["CONS_ID"])].append(int(row["NICKNAME"]))
    for record, versions in delivered.items():
        assert versions == sorted(set(versions)), f"{record} went out twice as {versions}"
    assert {record: versions[-1] for record, versions in delivered.items() if record in now} == now

    gone = [int(row["CONS_ID"]) for rows in files(staff, "removals") for row in rows]
    assert len(gone) == len(set(gone))
    assert set(gone) == set(delivered) - set(now)
