"""What is done again and again: lost jobs enqueued, stale runs taken over, messages delivered."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from sqlalchemy import select, text

from jobs.claims import ATTEMPT_LOCK, RUN_CONNECTION, STALE_AFTER_SECONDS
from jobs.cleaning import clean, delete_lost_files
from jobs.watching import Watch
from webapp.config import current_redis
from webapp.extensions import db
from webapp.models import Run
from webapp.services.files import file_store
from webapp.services.notifications import deliver_waiting
from webapp.services.runs import enqueue
from webapp.transactions import commit, roll_back

log = logging.getLogger(__name__)

QUEUE_GRACE_SECONDS = 5
"""How long a run may be queued before its job is looked for: enqueueing follows the commit. One
queued at a time to come was queued before the clock was set back."""

STARTING = timedelta(seconds=15)
"""How long a worker may take from getting a job to claiming its run."""

_LIVE = (JobStatus.QUEUED, JobStatus.STARTED, JobStatus.DEFERRED, JobStatus.SCHEDULED)


def tick() -> None:
    """One round. Two rounds at once do no harm: everything here may be done twice."""
    try:
        take_over_stale_runs()
        enqueue_lost_runs(current_redis())
        deliver_waiting(db.session())
        commit(db.session())
        clean(db.session(), file_store())
        if _is_first_this_hour(current_redis()):
            delete_lost_files(db.session(), file_store())
    finally:
        roll_back(db.session())
        db.session.remove()


def _is_first_this_hour(connection: Redis) -> bool:
    """Whether no clock has listed the file store in the last hour."""
    return bool(connection.set("datasync:files-listed", "1", nx=True, ex=3600))


_OPEN = """FROM (SELECT pid, concat_ws(' ', pid, backend_start, state_change) AS sign
    FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientRead'
    AND application_name = :name AND state <> 'idle') open"""
_LIST_OPEN = text(f"SELECT sign {_OPEN}")
_DISCONNECT = text(f"SELECT pg_terminate_backend(pid) {_OPEN} WHERE sign = ANY(:silent)")

_SIGN = "concat_ws(' ', id, attempt, heartbeat_at)"
_LIST_RUNNING = text(f"SELECT {_SIGN} FROM runs WHERE state = 'running'")
_LET_GO = text(f"""
UPDATE runs SET state = 'stale' WHERE id IN (
    SELECT id FROM (SELECT id, attempt, heartbeat_at FROM runs WHERE state = 'running'
        FOR NO KEY UPDATE SKIP LOCKED) r
    WHERE {_SIGN} = ANY(:silent)
        OR pg_try_advisory_xact_lock({ATTEMPT_LOCK.format(id="r.id", attempt="r.attempt")}))
RETURNING id""")

_open_chunks = Watch(STALE_AFTER_SECONDS)
_heartbeats = Watch(STALE_AFTER_SECONDS)


def take_over_stale_runs(now: float | None = None) -> list[int]:
    """Mark running runs stale whose worker is gone or has stopped answering; they are enqueued
    next. A worker frozen in the middle of a chunk is disconnected: it would hold up every run.

    The lock of one that is gone is free; one that is frozen was silent at every look for a while,
    whatever the time on any clock. `now` in seconds of `time.monotonic`."""
    session = db.session()
    name = {"name": RUN_CONNECTION}
    silent = _open_chunks.unchanged(session.scalars(_LIST_OPEN, name), now)
    if silent:
        session.execute(_DISCONNECT, {**name, "silent": silent})
    silent = _heartbeats.unchanged(session.scalars(_LIST_RUNNING), now)
    stale = list(session.scalars(_LET_GO, {"silent": silent}))
    commit(session)
    for run_id in stale:
        log.warning("Run %s: its worker is gone or does not answer; another takes over", run_id)
    return stale


def enqueue_lost_runs(connection: Redis) -> list[int]:
    """Put back on the queue what waits there without a job: the queue was emptied, the process
    died between commit and enqueueing, or the job's worker died before it claimed the run."""
    session = db.session()
    waiting = session.execute(
        select(Run.id, Run.attempt).where(
            (Run.state == "stale")
            | (
                (Run.state == "queued")
                & text(f"abs(extract(epoch FROM now() - queued_at)) > {QUEUE_GRACE_SECONDS}")
            )
        )
    ).all()
    session.commit()
    lost: list[int] = []
    for run_id, attempt in waiting:
        if not _forget_dead_job(connection, f"run-{run_id}-{attempt}"):
            continue
        if enqueue(run_id, attempt, connection):
            lost.append(run_id)
    return lost


def _forget_dead_job(connection: Redis, job_id: str) -> bool:
    """Whether the run needs a job; what is left of one that is over is removed."""
    try:
        job = Job.fetch(job_id, connection=connection)
    except NoSuchJobError:
        # A worker's heartbeat can leave a piece of a forgotten job, which would be in the way
        connection.delete(Job.key_for(job_id))
        return True
    if job.get_status() in _LIVE and not _is_orphan(connection, job):
        return False
    job.delete()
    return True


def _is_orphan(connection: Redis, job: Job) -> bool:
    """A job said to be queued or started that no queue and no living worker has any more."""
    if job.get_status() == JobStatus.QUEUED:
        queue = Queue(job.origin, connection=connection)
        return job.id not in queue.get_job_ids() and _was_dropped(connection, queue, job)
    if job.get_status() != JobStatus.STARTED:
        return False
    # Its run is not claimed, or we would not ask; a living worker does that at once
    is_late = job.started_at is not None and _is_long_ago(job.started_at)
    return is_late or not connection.exists(f"rq:worker:{job.worker_name}")


def _was_dropped(connection: Redis, queue: Queue, job: Job) -> bool:
    """Whether a job that left the queue never got to a worker: it died just when it took it."""
    taken = IntermediateQueue(queue.key, connection)
    if job.id not in taken.get_job_ids():
        return True
    taken.set_first_seen(job.id)
    seen = taken.get_first_seen(job.id)
    if seen is None or not _is_long_ago(seen):
        return False
    taken.remove(job.id)
    connection.delete(taken.get_first_seen_key(job.id))
    return True


def _is_long_ago(moment: datetime) -> bool:
    """A moment to come is one of before the clock was set back."""
    return abs(datetime.now(UTC) - moment) > STARTING
