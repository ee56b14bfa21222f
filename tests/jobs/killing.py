"""A worker process on one run, killed at a moment of its work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.jobs.site import Site
from tests.processes.serving import PATIENCE, eventually
from tests.services import environment_of
from webapp.serving.processes import wait_until

WORKING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name IN ('datasync-run', 'datasync-heartbeat')"
)


def await_no_work(query: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Wait until the server has noticed that whoever worked is gone: it ends what they had begun,
    and frees what they held, a moment after they died."""
    assert eventually(lambda: query(WORKING) == [(0,)])


@contextmanager
def killed_worker(site: Site, run_id: int) -> Iterator[Callable[..., None]]:
    """A worker on the run that is killed at the end of this context. What it gives waits in there
    until a query says that the moment has come."""
    settings = site.app.config["DATASYNC"]
    work = f"from jobs.runs import execute; execute({run_id})"
    worker = subprocess.Popen([sys.executable, "-c", work], env=environment_of(settings))

    def await_moment(query: str, *parameters: object) -> None:
        def settled() -> bool:
            return bool(site.sql(query, *parameters)[0][0]) or worker.poll() is not None

        assert wait_until(settled, seconds=PATIENCE, pause=0.002)
        assert worker.poll() is None, "it ended before it was killed"

    try:
        yield await_moment
    finally:
        worker.kill()
        worker.wait()


def let_go(site: Site, run_id: int) -> None:
    """The run of a killed worker is anybody's, as it is after a while without a heartbeat."""
    await_no_work(site.sql)
    site.sql(
        "UPDATE runs SET heartbeat_at = now() - interval '1 hour',"
        " tallies = tallies - 'rows_looked_at' WHERE id = %s RETURNING id",
        run_id,
    )
