"""`kill -9` of any process at any moment: every row is applied once, and the run ends by itself
(promise 2)."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.runs import execute
from tests.holding import Held
from tests.jobs.kills import people
from tests.jobs.kills.installation import Installation, Staff, close_app, open_installation
from tests.processes import serving
from tests.processes.serving import Serve, eventually
from tests.services import Services
from webapp import create_app
from webapp.settings import libpq_url

ROWS = 50_000
CHUNK_ROWS = 1_000
PREVIEW_KILLS = ("horse", "postgres", "valkey", "worker")
IMPORT_KILLS = (
    *("horse",) * 4, *("worker",) * 2, *("horse and worker",) * 2, *("web",) * 4,
    *("postgres",) * 4, *("valkey",) * 4,
)  # fmt: skip
UNDO_KILLS = ("horse", "horse and worker", "postgres", "valkey")


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """All of it, durable, as `make run` starts it."""
    environment = serving.environment() | {"DATASYNC_CHUNK_ROWS": str(CHUNK_ROWS)}
    monkeypatch.setattr(serving, "environment", lambda: environment)
    folder = Path(tempfile.mkdtemp(prefix="datasync-kills-"))
    serve = Serve.start(folder / "var", "--no-demo")
    opened = open_installation(serve, CHUNK_ROWS)
    try:
        yield opened
    finally:
        opened.close()
        close_app(opened.app)
        serve.stop()
        print_faults(folder / "var" / "log")
        shutil.rmtree(folder)


def print_faults(folder: Path) -> None:
    """What the workers said that is not about a lost server; pytest shows it when a test fails."""
    for log in sorted(folder.glob("*-?.log")):
        said = log.read_text(errors="replace").splitlines()
        for number, line in enumerate(said):
            if "ERROR" in line and "Redis" not in line:
                print(log.name, "\n".join(said[number : number + 40]))  # noqa: T201


@pytest.fixture
def undisturbed(services: Services, database: str, tmp_path: Path) -> Iterator[Staff]:
    """The same program on fast services that nobody disturbs."""
    settings = services.settings(database, tmp_path / "undisturbed", chunk_rows=10_000)
    client = Staff(create_app(settings), libpq_url(settings.database_url))
    yield client
    client.close()
    close_app(client.app)


def disturb(
    installation: Installation,
    run_id: int,
    kills: Sequence[str],
    seed: int,
    *,
    rows: int = ROWS,
    held: Held | None = None,
) -> None:
    """Kill these in a random order, each at a random row of the run, the last well before its end:
    whoever was killed has to come back before it can be killed again, and the run may go on
    meanwhile, but not past the record that is `held`."""
    chance = random.Random(seed)
    victims = chance.sample(kills, len(kills))
    moments = sorted(chance.randrange(int(rows * 0.8)) for _ in kills)
    for victim, moment in zip(victims, moments, strict=True):
        came = installation.await_rows(run_id, moment)
        assert came, f"it ended before row {moment}: {people.counts(installation.query, run_id)}"
        time.sleep(chance.uniform(0, 0.03))
        row = installation.progress(run_id)[1]
        print(f"{datetime.now(UTC):%X} run {run_id}, row {row}: {victim}")  # noqa: T201
        installation.kill(victim)
        if held is not None and victim == "postgres":
            held.hold()


def run_undisturbed(client: Staff, path: Path) -> int:
    """Preview and run the file where nothing happens to it."""
    run_id = client.draft(path)
    preview = client.preview(run_id)
    with client.app.app_context():
        execute(preview)
        client.start(run_id)
        execute(run_id)
    return run_id


def test_a_run_of_50000_rows_is_done_once_whatever_is_killed(
    installation: Installation, undisturbed: Staff, tmp_path: Path
) -> None:
    seed = int(os.environ.get("KILLS_SEED") or random.getrandbits(32))
    print(f"Again with KILLS_SEED={seed}")  # noqa: T201
    query = installation.query
    group = people.settle(query, ROWS)
    assert people.settle(undisturbed.query, ROWS) == group
    path = people.write_file(tmp_path / "people.csv", ROWS, group)
    before = people.business(query, without=("modified_row",))
    began = time.monotonic()
    expected_id = run_undisturbed(undisturbed, path)
    print(f"undisturbed: {time.monotonic() - began:.1f} s")  # noqa: T201

    # The preview: it starts over, and says what the undisturbed one says
    run_id = installation.draft(path)
    preview = installation.preview(run_id)
    disturb(installation, preview, PREVIEW_KILLS, seed)
    assert installation.await_end(preview) == "success"
    print(f"preview: {time.monotonic() - began:.1f} s")  # noqa: T201

    with Held(installation.database_url, f"M{people.late(ROWS)}") as held:
        installation.start(run_id)
        disturb(installation, run_id, IMPORT_KILLS, seed, held=held)
    assert installation.await_end(run_id) == "success"
    print(f"run: {time.monotonic() - began:.1f} s")  # noqa: T201
    check_run(installation, run_id, undisturbed, expected_id)
    told = people.outcomes(query, run_id)
    assert people.differences(people.outcomes(query, preview), told) == []
    print(f"checked: {time.monotonic() - began:.1f} s")  # noqa: T201

    undo = installation.undo(run_id)
    touched = int(query("SELECT created + updated FROM runs WHERE id = %s", run_id)[0][0])
    disturb(installation, undo, UNDO_KILLS, seed, rows=touched)
    assert installation.await_end(undo) == "success"
    print(f"undo: {time.monotonic() - began:.1f} s")  # noqa: T201
    after = people.business(query, without=("modified_row",))
    assert people.differences(after, before) == []
    assert query("SELECT tallies ->> 'kept' FROM runs WHERE id = %s", undo) == [("0",)]
    assert eventually(installation.serve.answers)


def check_run(installation: Staff, run_id: int, undisturbed: Staff, expected_id: int) -> None:
    """It did what the undisturbed run did: to every row, to every person, and nothing twice."""
    query, expect = installation.query, undisturbed.query
    rows = people.outcomes(query, run_id)
    assert set(rows) == set(range(2, ROWS + 2))
    assert people.differences(rows, people.outcomes(expect, expected_id)) == []
    assert people.counts(query, run_id) == people.counts(expect, expected_id)
    assert people.differences(people.business(query), people.business(expect)) == []
    entries = people.logged(query, run_id)
    assert people.differences(entries, people.logged(expect, expected_id)) == []
    attempts = query("SELECT attempt FROM runs WHERE id = %s", run_id)[0][0]
    assert attempts > 4, "the kills interrupted nothing"
