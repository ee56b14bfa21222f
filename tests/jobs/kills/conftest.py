"""Real workers on the fast services, for tests that need no more than that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from redis import Redis
from rq import Queue, Worker
from rq.intermediate_queue import IntermediateQueue

from tests.jobs.kills.installation import Staff, close_app
from tests.processes.serving import eventually
from tests.services import Services, environment_of, flush
from webapp import create_app
from webapp.serving import processes
from webapp.settings import Settings, libpq_url


@dataclass(slots=True)
class Workers:
    """Import workers and the clock, each a process of its own."""

    settings: Settings
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    """What they are started with beside the settings."""
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *words: str) -> None:
        """Start `python -m` these words."""
        started = processes.start(
            [sys.executable, "-P", "-m", *words],
            log=self.folder / "workers.log",
            env=environment_of(self.settings) | {"PYTHONPATH": str(Path.cwd())} | self.environment,
        )
        self._processes.append(started)

    def stop(self) -> None:
        """End all of them and what they forked."""
        found = [psutil.Process(one.pid) for one in self._processes if one.poll() is None]
        children = [child for one in found for child in one.children(recursive=True)]
        processes.end_all(children + found, seconds=3)
        for one in self._processes:
            one.wait()

    def are_ready(self) -> bool:
        """Whether every import worker has begun to wait for jobs."""
        with Redis.from_url(self.settings.redis_url) as connection:
            started = [one for one in self._processes if "imports" in one.args]  # type: ignore[operator]
            return len(Worker.all_keys(connection)) >= len(started)

    def rest(self) -> bool:
        """Whether the import workers have done all that was enqueued, looked at in the order in
        which a job passes: in the queue, taken by a worker, under way."""
        with Redis.from_url(self.settings.redis_url) as connection:
            queue = Queue("imports", connection=connection)
            taken = IntermediateQueue(queue.key, connection)
            return not queue.job_ids and not taken.get_job_ids() and not self.horses()

    def horses(self) -> list[psutil.Process]:
        """The horses of the import workers."""
        return [
            child
            for one in self._processes
            if one.poll() is None
            for child in psutil.Process(one.pid).children()
        ]


@contextmanager
def staffed(
    services: Services,
    folder: Path,
    *,
    workers: int,
    chunk_rows: int,
    environment: dict[str, str] | None = None,
) -> Iterator[tuple[Staff, Workers]]:
    """Staff on a database of their own, and workers for it."""
    flush(services)
    name = services.create_database()
    settings = services.settings(name, folder, chunk_rows=chunk_rows)
    folder.mkdir(exist_ok=True)
    staff = Staff(create_app(settings), libpq_url(settings.database_url))
    at_work = Workers(settings, folder, environment or {})
    try:
        for _ in range(workers):
            at_work.start("jobs.worker", "imports")
        at_work.start("jobs.schedule")
        yield staff, at_work
    finally:
        at_work.stop()
        staff.close()
        close_app(staff.app)
        services.drop_database(name)
        flush(services)


@pytest.fixture(scope="module")
def office(
    services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Staff, Workers]]:
    """One for all the tests of a module: starting Python takes longer than an import."""
    folder = tmp_path_factory.mktemp("office")
    with staffed(services, folder, workers=2, chunk_rows=500) as both:
        yield both


@pytest.fixture
def staff(office: tuple[Staff, Workers]) -> Staff:
    """Those who use it. The workers have done all that the test before gave them."""
    assert eventually(office[1].rest)
    return office[0]


@pytest.fixture
def workers(office: tuple[Staff, Workers]) -> Workers:
    """Those who work."""
    return office[1]
