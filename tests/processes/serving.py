"""A `datasync serve` started as a person would start it, in a folder of the test's own."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

DATASYNC = str(Path(sys.executable).parent / "datasync")
PATIENCE = 120
"""Seconds to wait for what has to happen by itself, however busy the machine is."""


PROGRAMS = {
    "web": "wsgi:app",
    "imports": "jobs.worker imports",
    "system": "jobs.worker system",
    "schedule": "jobs.schedule",
    "postgres": "bin/postgres",
    "valkey": "valkey-server",
    "supervisor": "supervisor.supervisord",
}
"""What runs below `serve`, and the words of its command that tell it from the others."""


def environment() -> dict[str, str]:
    """Ours without what points at other services."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DATASYNC_")}


def free_port() -> int:
    """A port nobody uses right now, and none that the system gives to whoever connects: one that
    a test lets go is free when it comes back for it."""
    # Not the tests' own chance, which is the same for all that run side by side
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def datasync(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [DATASYNC, *map(str, arguments)],
        input=stdin,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def eventually(true: Callable[[], object]) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


def survivors(processes: list[psutil.Process]) -> list[str]:
    """Those of the processes that still run."""
    left = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return left


@dataclass(slots=True)
class Serve:
    """One running `serve`."""

    process: subprocess.Popen[str]
    data: Path
    port: int
    output: str = ""

    @classmethod
    def start(cls, data: Path, *options: str, port: int | None = None) -> Serve:
        """Start it and wait until it says that it runs."""
        port = port or free_port()
        command = [DATASYNC, "serve", "--data", str(data), "--port", str(port), *options]
        process = subprocess.Popen(
            command,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        serve = cls(process, data, port)
        assert process.stdout is not None
        while line := process.stdout.readline():
            serve.output += line
            if "Ctrl-C stops it" in line:
                return serve
        process.wait()
        process.stdout.close()
        raise AssertionError(f"serve ended with {process.returncode}:\n{serve.output}")

    def below(self) -> list[psutil.Process]:
        """Every process under it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def pid(self, name: str) -> int:
        """The process id of the program of this name, 0 when it is not there."""
        for found in self._kept(name):
            try:
                line = " ".join(found.cmdline())
            except psutil.Error:
                continue
            if PROGRAMS[name] in line and "child.py" not in line:
                return found.pid
        return 0

    def _kept(self, name: str) -> list[psutil.Process]:
        """Where the program of this name can be: what it has started has the same command, and
        outlives it for a moment when it is killed."""
        own = psutil.Process(self.process.pid)
        if name == "supervisor":
            return own.children()
        supervisor = self.pid("supervisor")
        try:
            return psutil.Process(supervisor).children() if supervisor else []
        except psutil.NoSuchProcess:
            return []

    def left_behind(self) -> list[str]:
        """What still runs of programs that are gone: a killed web server's may answer yet."""
        supervisor = self.pid("supervisor")
        children = psutil.Process(self.process.pid).children()
        return survivors([child for child in children if child.pid != supervisor])

    def answers(self) -> bool:
        """Whether the page says that database and queue are well."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/health", timeout=30
            ) as response:
                return bool(json.load(response)["database"] == "ok")
        except OSError:
            return False

    def is_whole(self) -> bool:
        """Whether every program of it is there, nothing of an earlier one is, and it answers."""
        return all(map(self.pid, PROGRAMS)) and not self.left_behind() and self.answers()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, wait for its end: a few seconds, more on a machine that does much else."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(60)
        finally:
            if self.process.stdout:
                self.process.stdout.close()
