"""How tests stop a run at a row of their choice: cancelled, cut off from the database, killed. Each
by a trigger on the run's own row, so that no test has to be quick enough to meet the moment."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from jobs.runs import execute
from tests.jobs.site import Result, Site
from tests.processes.serving import PATIENCE, eventually
from tests.services import environment_of
from webapp.extensions import db
from webapp.serving.processes import wait_until

GATE = 4_711
"""The advisory lock that a worker waits for in the chunk in which it is to be killed."""


@contextmanager
def cancelled_after(site: Site, rows: int) -> Iterator[None]:
    """Somebody presses Cancel when this many rows are done."""
    with cancelled_when(site, f"NEW.state = 'running' AND NEW.next_row >= {rows}"):
        yield


@contextmanager
def cancelled_when(site: Site, moment: str) -> Iterator[None]:
    """The same as soon as this is true of the run (NEW)."""
    site.connection.execute(
        "CREATE FUNCTION press_cancel() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" NEW.cancel_requested := NEW.cancel_requested OR ({moment}) IS TRUE;"
        " RETURN NEW; END $$;"
        " CREATE TRIGGER press_cancel BEFORE UPDATE ON runs FOR EACH ROW"
        " EXECUTE FUNCTION press_cancel()"
    )
    try:
        yield
    finally:
        site.connection.execute("DROP TRIGGER press_cancel ON runs; DROP FUNCTION press_cancel")


@contextmanager
def connection_lost_at(site: Site, next_row: int) -> Iterator[None]:
    """The database goes away as a chunk is committed, once."""
    site.connection.execute(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.next_row >= {next_row} AND NEW.attempt = 1 THEN"
        " RAISE EXCEPTION 'terminating connection' USING ERRCODE = '57P01'; END IF;"
        " RETURN NEW; END $$;"
        " CREATE CONSTRAINT TRIGGER lose AFTER UPDATE ON runs DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW WHEN (OLD.next_row <> NEW.next_row) EXECUTE FUNCTION lose()"
    )
    try:
        yield
    finally:
        site.connection.execute("DROP TRIGGER lose ON runs; DROP FUNCTION lose")


def interrupted(
    site: Site, run_id: int, next_row: int, meanwhile: Callable[[], object] = lambda: None
) -> Result:
    """Execute the run, lose the database, and let another worker take it over; what happens
    `meanwhile` does so between the two."""
    with connection_lost_at(site, next_row), site.app.app_context():
        with pytest.raises(psycopg.OperationalError):
            execute(run_id)
        db.session.remove()
    left = site.result(run_id)
    assert left.state == "running"
    assert left.rows_read == next_row - 1
    assert site.execute(run_id).state == "running", "its heartbeat is fresh: nobody takes it"
    meanwhile()
    let_go(site, run_id)
    return site.execute(run_id)


def _chunk_up_to(next_row: int) -> str:
    """When the chunk that brings a run to this row is done, and not committed."""
    return f"UPDATE OF next_row ON runs FOR EACH ROW WHEN (NEW.next_row >= {next_row})"


@contextmanager
def _gate_at(site: Site, moment: str) -> Iterator[None]:
    """A worker that has just done this (as a trigger names it) waits, before it commits, until we
    leave."""
    site.connection.execute(
        "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NULL; END $$;"
        f" CREATE TRIGGER wait_at_gate AFTER {moment} EXECUTE FUNCTION wait_at_gate()"
    )
    try:
        with psycopg.connect(site.url) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", [GATE])
            yield
    finally:
        # Waits for the transaction that stood there
        site.connection.execute("DROP FUNCTION wait_at_gate CASCADE")


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
    """A worker on the run, a process of its own, that is killed at the end of this context. What it
    gives waits in there until a query has something to say."""
    environment = environment_of(site.app.config["DATASYNC"])
    work = f"from jobs.runs import execute; execute({run_id})"
    worker = subprocess.Popen([sys.executable, "-c", work], env=environment)

    def await_moment(query: str, *parameters: object) -> None:
        def settled() -> bool:
            return bool(site.sql(query, *parameters)) or worker.poll() is not None

        assert wait_until(settled, seconds=PATIENCE, pause=0.005)
        assert worker.poll() is None, "it ended before it was killed"

    try:
        yield await_moment
    finally:
        worker.kill()
        worker.wait()


def killed_at(site: Site, run_id: int, next_row: int) -> Result:
    """Let a worker do the run, and kill it in the middle of the chunk that would bring the run to
    this row; how the run stands then. Another attempt may take it over."""
    return killed_when(site, run_id, _chunk_up_to(next_row))


def killed_when(site: Site, run_id: int, moment: str) -> Result:
    """The same at any moment that a trigger can name: `INSERT ON download_windows`."""
    waits = (
        "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname ="
        " current_database() WHERE l.locktype = 'advisory' AND l.objid = %s AND NOT l.granted"
    )
    with _gate_at(site, moment), killed_worker(site, run_id) as await_moment:
        await_moment(waits, GATE)
    let_go(site, run_id)
    return site.result(run_id)


def let_go(site: Site, run_id: int) -> None:
    """The run's worker is gone, and has not been heard of for an hour."""
    await_no_work(site.sql)
    site.sql(
        "UPDATE runs SET heartbeat_at = now() - interval '1 hour' WHERE id = %s RETURNING id",
        run_id,
    )


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes (anybody can do that)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
