"""One attempt at a run at a time, whoever asks for it and however often (the fence)."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis
from rq import Queue

from jobs.claims import ATTEMPT_LOCK, STALE_AFTER_SECONDS
from jobs.housekeeping import take_over_stale_runs
from jobs.runs import execute
from tests.jobs.kills import people
from tests.jobs.kills.conftest import Workers
from tests.jobs.kills.installation import Staff, close_app
from tests.processes.serving import eventually, survivors
from tests.services import Services
from webapp import create_app
from webapp.settings import libpq_url

AT_ONCE = 8
ROWS = 3_000


@pytest.fixture
def alone(services: Services, database: str, tmp_path: Path) -> Iterator[Staff]:
    """Staff without a worker: the test works itself."""
    settings = services.settings(database, tmp_path / "data", chunk_rows=100)
    staff = Staff(create_app(settings), libpq_url(settings.database_url))
    yield staff
    staff.close()
    close_app(staff.app)


def work_on(staff: Staff, run_id: int) -> threading.Thread:
    """A worker that starts on the run at once."""

    def work() -> None:
        with staff.app.app_context():
            execute(run_id)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def take_over(staff: Staff, now: float | None = None) -> list[int]:
    """What housekeeping does about runs whose worker is gone."""
    with staff.app.app_context():
        return take_over_stale_runs(now)


def test_of_many_workers_at_once_one_works(alone: Staff, tmp_path: Path) -> None:
    people.settle(alone.query, ROWS)
    run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", ROWS)))
    for thread in [work_on(alone, run_id) for _ in range(AT_ONCE)]:
        thread.join()
    people.check_rows(alone.query, run_id, ROWS)
    assert alone.query("SELECT attempt FROM runs WHERE id = %s", run_id) == [(1,)]


def test_an_attempt_that_was_taken_over_again_and_again_leaves_nothing(
    alone: Staff, tmp_path: Path
) -> None:
    """Whoever is told late that the run is another's stops within a chunk, which is rolled
    back."""
    chance = random.Random(random.getrandbits(32))
    people.settle(alone.query, ROWS)
    run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", ROWS)))
    attempts = []
    for share in sorted(chance.uniform(0, 0.5) for _ in range(6)):
        attempts.append(work_on(alone, run_id))
        assert alone.await_rows(run_id, int(share * ROWS))
        taken = alone.query(
            "UPDATE runs SET state = 'stale' WHERE id = %s AND state = 'running' RETURNING id",
            run_id,
        )
        assert taken == [(run_id,)]
    attempts.append(work_on(alone, run_id))
    for thread in attempts:
        thread.join()
    people.check_rows(alone.query, run_id, ROWS)
    kept = list((alone.app.config["DATASYNC"].data_dir / "files" / "rejects").iterdir())
    key = alone.query("SELECT rejects_key FROM runs WHERE id = %s", run_id)[0][0]
    assert [f"rejects/{path.name}" for path in kept] == [key]


def test_a_run_at_work_is_never_taken_over(alone: Staff, tmp_path: Path) -> None:
    """Housekeeping, asked without a pause, finds the worker alive; its death, at once."""
    run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", ROWS)))
    thread = work_on(alone, run_id)
    assert alone.await_rows(run_id, 0)
    while thread.is_alive():
        assert take_over(alone) == []
    people.check_rows(alone.query, run_id, ROWS)

    second = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", ROWS)))
    lost = alone.query("UPDATE runs SET state = 'running', attempt = 1, heartbeat_at ="
                       " clock_timestamp() WHERE id = %s RETURNING id", second)  # fmt: skip
    assert take_over(alone) == [lost[0][0]]


@pytest.mark.parametrize("turned", ["-1 day", "1 day"])
def test_who_is_silent_is_known_whatever_the_time(
    alone: Staff, tmp_path: Path, turned: str
) -> None:
    """A worker that is there (its lock is held): while it beats, it is let alone, though the clock
    be set; when it has not beaten for so long, another takes over."""
    run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", 3)))
    lock = ATTEMPT_LOCK.format(id="id", attempt="attempt")
    beat = (
        f"UPDATE runs SET state = 'running', attempt = 1, heartbeat_at = clock_timestamp()"
        f" + interval '{turned}' WHERE id = %s RETURNING id"
    )
    alone.query(beat, run_id)
    alone.query(f"SELECT pg_advisory_lock({lock}) FROM runs WHERE id = %s", run_id)
    begin, seconds = time.monotonic(), STALE_AFTER_SECONDS

    assert take_over(alone, begin) == []
    assert take_over(alone, begin + seconds - 1) == []
    alone.query(beat, run_id)
    assert take_over(alone, begin + seconds + 1) == []
    assert take_over(alone, begin + 2 * seconds) == []
    assert take_over(alone, begin + 2 * seconds + 1) == [run_id]


def test_one_run_on_the_queue_many_times_is_done_once(
    staff: Staff, workers: Workers, tmp_path: Path
) -> None:
    people.settle(staff.query, ROWS, "Q")
    draft = staff.draft(people.write_file(tmp_path / "people.csv", ROWS, prefix="Q"))
    with Redis.from_url(workers.settings.redis_url) as connection:
        queue = Queue("imports", connection=connection)
        staff.start(draft)
        for number in range(AT_ONCE):
            queue.enqueue("jobs.runs.execute", draft, job_id=f"once-more-{draft}-{number}")
    assert staff.await_end(draft) == "success"
    people.check_rows(staff.query, draft, ROWS)
    assert staff.query("SELECT attempt FROM runs WHERE id = %s", draft) == [(1,)]


def test_a_horse_frozen_inside_a_chunk_is_overtaken_and_ends_without_a_trace(
    staff: Staff, workers: Workers, tmp_path: Path
) -> None:
    rows = 10_000
    people.settle(staff.query, rows, "F")
    frozen_run = staff.draft(people.write_file(tmp_path / "frozen.csv", rows, prefix="F"))
    other = staff.draft(people.write_file(tmp_path / "other.csv", ROWS, prefix="O"))
    staff.start(frozen_run)
    assert staff.await_rows(frozen_run, 1)
    horse = freeze_inside_a_chunk(staff, workers)
    try:
        # What it holds would hold up everybody
        staff.start(other)
        assert staff.await_end(other) == "success"
        assert staff.await_end(frozen_run) == "success"
        people.check_rows(staff.query, frozen_run, rows)
        before = (people.business(staff.query, prefix="F"), staff.query(_RUN, frozen_run))
    finally:
        horse.resume()
    assert eventually(lambda: survivors([horse]) == [])
    after = (people.business(staff.query, prefix="F"), staff.query(_RUN, frozen_run))
    assert after == before
    people.check_rows(staff.query, frozen_run, rows)


_RUN = "SELECT to_jsonb(r) FROM runs r WHERE id = %s"
_INSIDE = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'datasync-run'"
    " AND datname = current_database() AND state = %s"
)


def freeze_inside_a_chunk(staff: Staff, workers: Workers) -> psutil.Process:
    """Stop the horse while it has a transaction open, and hand it over."""
    for _ in range(1000):
        [horse] = workers.horses()
        horse.suspend()
        while staff.query(_INSIDE, "active")[0][0]:
            time.sleep(0.01)
        if staff.query(_INSIDE, "idle in transaction")[0][0]:
            return horse
        horse.resume()
        time.sleep(0.005)
    raise AssertionError("the horse was never inside a chunk")
