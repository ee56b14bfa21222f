"""Downloads back to back while ten writers commit, roll back and dawdle, transactions sit idle, the
clock of the servers and the workers jumps by hours, and some downloads are killed or cancelled:
together their files have every change, none of them twice (promise 5).

`DATASYNC_FIRE_COMMITS=100000` makes it as long as the promise asks for; every run makes a few
thousand commits.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from jobs import housekeeping
from tests.jobs.kills.clock import Clock, TurnedPostgres, why_not
from tests.jobs.kills.conftest import Workers, staffed
from tests.jobs.kills.fire import Fire
from tests.jobs.kills.installation import FINISHED, Staff
from tests.processes.serving import PATIENCE, eventually
from tests.services import Services, running_services
from webapp.config import current_redis
from webapp.models import Run
from webapp.rules.download_settings import ColumnChoice, DownloadRequest, DownloadSettings
from webapp.services import downloads, runs
from webapp.services.files import file_store
from webapp.serving.postgres import Postgres

log = logging.getLogger(__name__)

COMMITS = int(os.environ.get("DATASYNC_FIRE_COMMITS", "2500"))
IS_LONG = COMMITS >= 10_000
DOINGS = ("", "cancel", "kill", "", "cancel")
"""What is done to one download after the other, in an order of its own for each five."""
SETTINGS = DownloadSettings(columns=(ColumnChoice("CONS_ID"), ColumnChoice("NICKNAME")))


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """Servers of this module's own: the other tests keep the true time."""
    with running_services(
        durable=False, postgres=Postgres if why_not() else TurnedPostgres
    ) as started:
        yield started


@pytest.fixture(scope="module")
def clock(services: Services) -> Clock | None:
    """The clock of the database and the workers; None where none can be turned."""
    return services.postgres.clock if isinstance(services.postgres, TurnedPostgres) else None


@pytest.fixture(scope="module")
def office(
    services: Services, clock: Clock | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Staff, Workers]]:
    """Workers who go by that clock."""
    environment = clock.environment() if clock else {}
    folder = tmp_path_factory.mktemp("office")
    with staffed(services, folder, workers=2, chunk_rows=500, environment=environment) as both:
        yield both


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
    """The state in which a download ended. The workers' clock ticks seldom; a second one helps."""
    deadline, tick_at = time.monotonic() + PATIENCE, time.monotonic() + 1
    while (state := staff.progress(run_id)[0]) not in FINISHED:
        assert time.monotonic() < deadline, f"run {run_id} stands still in {state}"
        time.sleep(0.01)
        if time.monotonic() > tick_at:
            with staff.app.app_context():
                housekeeping.take_over_stale_runs()
                housekeeping.enqueue_lost_runs(current_redis())
            tick_at = time.monotonic() + 0.5
    return state


def kill_a_horse(staff: Staff, workers: Workers, run_id: int, chance: random.Random) -> int:
    """`kill -9` of whoever works, at some moment of its work; how many there were."""
    assert eventually(lambda: workers.horses() or staff.progress(run_id)[0] in FINISHED)
    time.sleep(chance.random() * 0.2)
    killed = 0
    for horse in workers.horses():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            os.kill(horse.pid, signal.SIGKILL)
            killed += 1
    return killed


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


def download_all_the_time(staff: Staff, workers: Workers, fire: Fire) -> Counter[str]:
    """Until there are enough commits and there was trouble of every kind: how downloads ended, and
    how many horses were killed."""
    chance, ended, doings = random.Random(20261123), Counter[str](), list[str]()
    tally, turns = fire.tally, not why_not()
    while (
        tally.commits < COMMITS or tally.downloads < len(DOINGS) or not tally.has_all(turns=turns)
    ):
        assert not fire.failures, fire.failures
        doings = doings or chance.sample(DOINGS, len(DOINGS))
        doing, run_id = doings.pop(), start(staff)
        if doing == "kill":
            ended["kills"] += kill_a_horse(staff, workers, run_id, chance)
        elif doing == "cancel":
            time.sleep(chance.random() * 0.2)
            cancel(staff, run_id)
        ended[await_end(staff, run_id)] += 1
        fire.end_download()
    return ended


def check_deliveries(staff: Staff) -> None:
    """What all files together have is what there is, and what there was is reported gone."""
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


def count_jumps(staff: Staff) -> tuple[int, int]:
    """How often the change log's own times go on by more than an hour, and back by as much."""
    return staff.query(
        "SELECT count(*) FILTER (WHERE step > interval '1 hour'),"
        " count(*) FILTER (WHERE step < interval '-1 hour')"
        " FROM (SELECT at - lag(at) OVER (ORDER BY id) AS step FROM change_log) s"
    )[0]  # type: ignore[return-value]


def test_no_change_is_missed_and_none_goes_twice(
    staff: Staff, workers: Workers, clock: Clock | None
) -> None:
    # Beside ten writers they would take thrice as long to start
    assert eventually(workers.are_ready)
    began = time.monotonic()
    with Fire(staff.database_url, clock) as fire:
        ended = download_all_the_time(staff, workers, fire)
    assert not fire.failures, fire.failures
    assert await_end(staff, start(staff)) == "success"
    assert set(ended) <= {"success", "cancelled", "kills"}
    log.info("%s %s in %.0f s", fire.tally, dict(ended), time.monotonic() - began)

    check_deliveries(staff)

    if IS_LONG:
        assert ended["cancelled"]
        assert ended["kills"]
    if clock is None:
        pytest.skip(f"All of it held, but at the machine's own time: {why_not()}.")
    assert min(count_jumps(staff)) > 0, "the changes were not logged at times that jump"
