"""`datasync serve`: starts, refuses, resumes, mends, stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.processes import serving
from tests.processes.serving import (
    DATASYNC,
    PATIENCE,
    Serve,
    datasync,
    environment,
    eventually,
    free_port,
    survivors,
)
from webapp.services.demo import DEMO_PASSWORD, DEMO_USERS


def test_it_says_where_it_is_and_who_can_sign_in(serve: Serve) -> None:
    assert f"http://127.0.0.1:{serve.port}" in serve.output
    assert "admin@localhost.localdomain" in serve.output
    assert serve.answers()


def test_the_services_are_reached_by_sockets_only(serve: Serve) -> None:
    for name in ("postgres", "valkey"):
        connections = psutil.Process(serve.pid(name)).net_connections(kind="inet")
        assert connections == []


def test_nobody_else_can_reach_into_the_data(serve: Serve) -> None:
    assert (serve.data / "secret-key").stat().st_mode & 0o077 == 0
    assert (serve.data / "serve.json").stat().st_mode & 0o077 == 0
    assert (serve.data / "postgres").stat().st_mode & 0o077 == 0
    assert serve.data.stat().st_mode & 0o066 == 0


@pytest.mark.parametrize("name", ["web", "imports", "system", "schedule", "valkey", "postgres"])
def test_what_dies_is_started_again(serve: Serve, name: str) -> None:
    killed = serve.pid(name)
    assert killed, "0 would be this very process and all beside it"
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: serve.pid(name) not in {0, killed})
    assert eventually(serve.is_whole)


def test_a_killed_supervisor_is_replaced_with_all_it_kept(serve: Serve) -> None:
    before = serve.pid("supervisor")
    assert before
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: serve.pid("supervisor") not in {0, before})
    assert eventually(serve.is_whole)


def test_a_second_serve_on_the_same_data_is_refused(serve: Serve) -> None:
    second = datasync("serve", "--data", serve.data, "--port", str(free_port()))
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"(process {serve.process.pid}) already works on" in second.stderr
    assert serve.answers()


def test_a_taken_port_is_refused_in_a_sentence(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = datasync("serve", "--data", data, "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"Port {port}" in refused.stderr
    assert "--port" in refused.stderr


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    refused = datasync("serve", "--data", in_the_way / "var")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "cannot be written" in refused.stderr


def test_a_read_only_folder_is_refused_in_a_sentence() -> None:
    refused = datasync("serve", "--data", "/proc/var")  # where not even root may write
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "cannot be written" in refused.stderr


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DATASYNC_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing"),
        ("DATASYNC_DATABASE_URL", "not an address"),
        ("DATASYNC_REDIS_URL", "redis://127.0.0.1:1/0"),
        ("DATASYNC_REDIS_URL", "not an address"),
    ],
)
def test_outside_services_that_do_not_answer_are_named(
    data: Path, name: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "environment", lambda: os.environ | {name: address})
    refused = datasync("serve", "--data", data, "--port", str(free_port()))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"of {name} does not answer" in refused.stderr


def test_data_of_a_newer_layout_is_refused_in_a_sentence(data: Path) -> None:
    data.mkdir()
    (data / "VERSION").write_text("999\n")
    refused = datasync("serve", "--data", data, "--port", str(free_port()))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "newer version" in refused.stderr


def test_it_stops_within_seconds_leaves_nothing_and_resumes(data: Path) -> None:
    first = Serve.start(data, "--no-demo")
    everything = first.below()
    assert len(everything) >= 8
    with psycopg.connect(datasync("database-url", "--data", data).stdout.strip()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert first.stop(signal.SIGINT) == 0
    assert survivors(everything) == []
    assert not (data / "serve.json").exists()

    second = Serve.start(data, "--no-demo", port=first.port)
    try:
        assert "password" not in second.output, "a random password is shown once"
        url = datasync("database-url", "--data", data).stdout.strip()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            connection.execute("UPDATE alembic_version SET version_num = 'from the future'")
    finally:
        assert second.stop() == 0

    third = datasync("serve", "--data", data, "--port", str(first.port))
    assert third.returncode == 1
    assert third.stderr.count("\n") == 1
    assert "newer version" in third.stderr


def test_killed_with_everything_running_it_leaves_nothing_and_starts_again(data: Path) -> None:
    first = Serve.start(data, "--no-demo")
    everything = first.below()
    # The supervisor too, so that neither can tidy up.
    os.kill(first.pid("supervisor"), signal.SIGKILL)
    first.stop(signal.SIGKILL)
    assert eventually(lambda: survivors(everything) == [])
    second = Serve.start(data, "--no-demo", port=first.port)
    try:
        assert second.answers()
    finally:
        assert second.stop() == 0


def test_stopping_while_it_starts_leaves_nothing(data: Path) -> None:
    process = subprocess.Popen(
        [DATASYNC, "serve", "--data", str(data), "--port", str(free_port()), "--no-demo"],
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    assert eventually(lambda: (data / "postgres" / "postmaster.pid").exists())
    everything = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert survivors(everything) == []


def test_a_first_start_killed_half_way_is_begun_again_with_the_demo(data: Path) -> None:
    process = subprocess.Popen(
        [DATASYNC, "serve", "--data", str(data), "--port", str(free_port())],
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    # In postgres.new, which is called postgres as soon as it is whole
    assert eventually(lambda: any(data.glob("postgres*/PG_VERSION")))
    process.kill()
    process.wait()
    again = Serve.start(data)
    try:
        assert again.answers()
        assert f"http://127.0.0.1:{again.port}" in again.output
        told = [line.split() for line in again.output.splitlines()]
        for user in DEMO_USERS:
            assert any(words[:3] == [user.email, "password", DEMO_PASSWORD] for words in told)
        url = datasync("database-url", "--data", data).stdout.strip()
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT count(*) FROM constituents").fetchone()
        assert found == (5005,)
    finally:
        assert again.stop() == 0
