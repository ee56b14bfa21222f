"""What the last stop interrupted goes on at once, instead of when its silence is noticed.

Only for embedded services: nobody but us works on those, and nothing of ours is running yet."""

from __future__ import annotations

import psycopg
import redis
from rq import Worker
from rq.exceptions import NoSuchJobError


def release_runs(database_url: str) -> None:
    """Hand runs whose worker is gone to the next one."""
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE runs SET state = 'stale' WHERE state = 'running'")


def forget_workers(redis_url: str) -> None:
    """Take dead workers off the list, so that the jobs they held count as nobody's."""
    with redis.Redis.from_url(redis_url) as client:
        for worker in Worker.all(connection=client):
            try:
                worker.register_death()  # type: ignore[no-untyped-call]
            except NoSuchJobError:
                continue
            client.delete(worker.key)
