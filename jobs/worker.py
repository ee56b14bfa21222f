"""One RQ worker on one queue: `python -m jobs.worker imports`.

One queue each, because a worker on several can lose a job between taking and starting it."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from importlib import import_module

from redis import Redis
from rq import Queue, Worker

from jobs.application import get_app

QUEUES = ("imports", "system")
# Loaded before the fork, so that a job starts at once.
PRELOADED = ("jobs.runs", "jobs.housekeeping")


def quieten_collector() -> None:
    """Look for cycles of garbage more rarely: a chunk is tens of thousands of lists without any,
    and going through them took a fifth of the reading. What is loaded is left alone for good."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def main(arguments: list[str]) -> int:
    """Work until told to stop. No database connection is opened before a job's fork."""
    if len(arguments) != 1 or arguments[0] not in QUEUES:
        sys.stderr.write(f"Use: python -m jobs.worker QUEUE, QUEUE being {' or '.join(QUEUES)}.\n")
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = get_app()
    for module in PRELOADED:
        import_module(module)
    quieten_collector()
    name = arguments[0]
    connection = Redis.from_url(app.config["DATASYNC"].redis_url)
    worker = Worker(
        [Queue(name, connection=connection)],
        name=f"{name}-{socket.gethostname()}-{os.getpid()}",
        connection=connection,
        # What a killed worker held is known to be nobody's after this and a minute.
        worker_ttl=60,
        job_monitoring_interval=5,
        maintenance_interval=60,
    )
    # An idle worker counts every outage it ever saw, and would wait a minute after the sixth.
    worker.max_connection_wait_time = 2.0
    # Every job inherits the context with the fork.
    with app.app_context():
        worker.work()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
