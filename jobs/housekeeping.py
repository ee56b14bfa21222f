"""What is done again and again: lost jobs enqueued, stale runs taken over, messages delivered."""

from __future__ import annotations

import logging

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from sqlalchemy import select, text

from jobs.claims import STALE_AFTER_SECONDS
from webapp.config import current_redis
from webapp.extensions import db
from webapp.models import Run
from webapp.services.notifications import deliver_waiting
from webapp.services.runs import enqueue
from webapp.transactions import commit, roll_back

log = logging.getLogger(__name__)

QUEUE_GRACE_SECONDS = 5
"""How long a run may be queued before its job is looked for: enqueueing follows the commit."""

_LIVE = (JobStatus.QUEUED, JobStatus.STARTED, JobStatus.DEFERRED, JobStatus.SCHEDULED)


def tick() -> None:
    """One round. Two rounds at once do no harm: everything here may be done twice."""
    try:
        take_over_stale_runs()
        enqueue_lost_runs(current_redis())
        deliver_waiting(db.session())
        commit(db.session())
    finally:
        roll_back(db.session())
        db.session.remove()


def take_over_stale_runs() -> list[int]:
    """Mark running runs stale whose worker has stopped answering; they are enqueued next."""
    session = db.session()
    stale = list(
        session.scalars(
            text(
                "UPDATE runs SET state = 'stale' WHERE id IN (SELECT id FROM runs WHERE"
                " state = 'running' AND heartbeat_at < clock_timestamp()"
                " - make_interval(secs => :seconds) FOR NO KEY UPDATE SKIP LOCKED) RETURNING id"
            ),
            {"seconds": STALE_AFTER_SECONDS},
        )
    )
    commit(session)
    for run_id in stale:
        log.warning("Run %s: its worker stopped answering; another takes over", run_id)
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
                & (Run.queued_at < text(f"now() - interval '{QUEUE_GRACE_SECONDS} seconds'"))
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
        return True
    if job.get_status() in _LIVE and not _is_orphan(connection, job):
        return False
    job.delete()
    return True


def _is_orphan(connection: Redis, job: Job) -> bool:
    """A job said to be queued or started that no queue and no living worker has any more."""
    if job.get_status() == JobStatus.QUEUED:
        return job.id not in _queued_ids(connection, job.origin)
    return job.get_status() == JobStatus.STARTED and not connection.exists(
        f"rq:worker:{job.worker_name}"
    )


def _queued_ids(connection: Redis, queue: str) -> set[str]:
    """The ids of a queue, and of what a worker is just taking from it."""
    ids: set[str] = set()
    for key in (f"rq:queue:{queue}", f"rq:queue:{queue}:intermediate"):
        items = connection.lrange(key, 0, -1)
        ids |= {item.decode() for item in items}  # type: ignore[union-attr]
    return ids
