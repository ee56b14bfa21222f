"""A run waits without a job that anybody will do: housekeeping finds out, and leaves alone those
that somebody will."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus

from jobs.housekeeping import enqueue_lost_runs
from tests.jobs.kills import people
from tests.jobs.kills.installation import Staff
from webapp.settings import libpq_url


@pytest.fixture
def staff(app: Flask) -> Iterator[Staff]:
    """Staff whose workers are all on holiday."""
    found = Staff(app, libpq_url(app.config["DATASYNC"].database_url))
    yield found
    found.close()


@pytest.fixture
def valkey(app: Flask) -> Iterator[Redis]:
    with Redis.from_url(app.config["DATASYNC"].redis_url) as connection:
        yield connection


@pytest.fixture
def queued(staff: Staff, tmp_path: Path) -> int:
    """A run that has been waiting for an hour."""
    run_id = staff.start(staff.draft(people.write_file(tmp_path / "people.csv", 3)))
    staff.query(
        "UPDATE runs SET queued_at = now() - interval '1 hour' WHERE id = %s RETURNING id", run_id
    )
    return run_id


def find_lost(staff: Staff, valkey: Redis) -> list[int]:
    """What housekeeping enqueues."""
    with staff.app.app_context():
        return enqueue_lost_runs(valkey)


def job_of(run_id: int, valkey: Redis) -> Job:
    return Job.fetch(f"run-{run_id}-0", connection=valkey)


def forgotten(job: Job, valkey: Redis) -> None:
    valkey.flushall()


def forgotten_but_for_a_heartbeat(job: Job, valkey: Redis) -> None:
    valkey.flushall()
    job.heartbeat(datetime.now(UTC), 60)


def failed_before_the_run_was_claimed(job: Job, valkey: Redis) -> None:
    Queue("imports", connection=valkey).remove(job)
    job.set_status(JobStatus.FAILED)


def lost_from_the_queue(job: Job, valkey: Redis) -> None:
    Queue("imports", connection=valkey).remove(job)


def started_by_a_worker_that_is_gone(job: Job, valkey: Redis) -> None:
    start(job, valkey, "imports-gone-1", datetime.now(UTC))


def started_long_ago_and_never_claimed(job: Job, valkey: Redis) -> None:
    valkey.hset("rq:worker:imports-here-1", "birth", "now")
    start(job, valkey, "imports-here-1", datetime.now(UTC) - timedelta(minutes=1))


def started_before_the_clock_was_set_back(job: Job, valkey: Redis) -> None:
    valkey.hset("rq:worker:imports-here-1", "birth", "now")
    start(job, valkey, "imports-here-1", datetime.now(UTC) + timedelta(hours=5))


def start(job: Job, valkey: Redis, worker: str, at: datetime) -> None:
    """As a worker leaves a job that it has just begun."""
    Queue("imports", connection=valkey).remove(job)
    job.set_status(JobStatus.STARTED)
    job.started_at, job.worker_name = at, worker
    job.save()


Loss = Callable[[Job, Redis], None]


@pytest.mark.parametrize(
    "lose",
    [
        forgotten,
        forgotten_but_for_a_heartbeat,
        failed_before_the_run_was_claimed,
        lost_from_the_queue,
        started_by_a_worker_that_is_gone,
        started_long_ago_and_never_claimed,
        started_before_the_clock_was_set_back,
    ],
    ids=lambda lose: lose.__name__,
)
def test_a_job_nobody_will_do_is_put_back_once(
    staff: Staff, valkey: Redis, queued: int, lose: Loss
) -> None:
    lose(job_of(queued, valkey), valkey)
    assert find_lost(staff, valkey) == [queued]
    assert Queue("imports", connection=valkey).job_ids == [f"run-{queued}-0"]
    assert find_lost(staff, valkey) == []


def test_a_run_queued_before_the_clock_was_set_back_is_not_forgotten(
    staff: Staff, valkey: Redis, queued: int
) -> None:
    staff.query(
        "UPDATE runs SET queued_at = now() + interval '5 hours' WHERE id = %s RETURNING id", queued
    )
    valkey.flushall()
    assert find_lost(staff, valkey) == [queued]


def test_a_job_that_waits_or_has_just_begun_is_left_alone(
    staff: Staff, valkey: Redis, queued: int
) -> None:
    assert find_lost(staff, valkey) == []
    valkey.hset("rq:worker:imports-here-1", "birth", "now")
    start(job_of(queued, valkey), valkey, "imports-here-1", datetime.now(UTC))
    assert find_lost(staff, valkey) == []


def test_a_job_whose_worker_died_just_when_it_took_it_is_put_back(
    staff: Staff, valkey: Redis, queued: int
) -> None:
    queue = Queue("imports", connection=valkey)
    taken = IntermediateQueue(queue.key, valkey)
    job_id = f"run-{queued}-0"
    assert valkey.lmove(queue.key, taken.key)
    assert find_lost(staff, valkey) == [], "a living worker takes a moment"
    valkey.set(taken.get_first_seen_key(job_id), time.time() - 60)
    assert find_lost(staff, valkey) == [queued]
    assert queue.job_ids == [job_id]
    assert taken.get_job_ids() == []
