"""A clock that a test turns by hours, forwards and back, for the servers and workers it starts.

libfaketime stands between them and the C library; the file with the offset is read at each look at
the clock. What measures spans (timeouts, waits) goes on by the monotonic clock, as it does on a
machine whose clock is set. The test itself keeps the true time.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from webapp.serving.account import account_for, allow_reading
from webapp.serving.postgres import Postgres

SURE_SECONDS = 60
"""Two looks at the clocks may lie this far apart on a slow machine; it is turned by far more."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The offset from the true time, in a file."""

    file: Path

    def turn(self, seconds: int) -> None:
        """Set it so far ahead of the true time (behind, when negative), at once for everybody."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.chmod(0o644)
        fresh.replace(self.file)

    def environment(self) -> dict[str, str]:
        """What a process has to be started with to go by this clock."""
        return {
            "LD_PRELOAD": str(find_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


def read_offset(connection: psycopg.Connection) -> float:
    """How many seconds the server's clock is ahead of ours."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return float((row[0] - datetime.now(UTC)).total_seconds())


def shows(connection: psycopg.Connection, seconds: int) -> bool:
    """Whether the server goes by a clock that was turned so far."""
    return abs(read_offset(connection) - seconds) < SURE_SECONDS


@dataclass(frozen=True, slots=True)
class TurnedPostgres(Postgres):
    """A cluster that goes by a clock of the test's, in the folder beside it."""

    @property
    def clock(self) -> Clock:
        """Its clock, and that of whoever else is started with its environment."""
        return Clock(self.cluster.with_name("clock"))

    def prepare(self) -> None:
        """Start at the true time, with what the server's own account has to read."""
        Postgres.prepare(self)
        self.clock.turn(0)
        if (account := account_for(self.cluster)) is not None:
            allow_reading(find_library().parent, account)

    def command(self) -> list[str]:
        """The server, and nobody before it, with the library."""
        words = Postgres.command(self)
        at = words.index("--") + 1
        assignments = [f"{name}={value}" for name, value in self.clock.environment().items()]
        return [*words[:at], "/usr/bin/env", *assignments, *words[at:]]


def find_library() -> Path:
    """The library in the `libfaketime` package, found without importing the package."""
    spec = importlib.util.find_spec("libfaketime")
    assert spec is not None, "The package libfaketime is not installed. Run `make setup-dev`."
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "vendor" / "libfaketime" / "src"
    return folder / "libfaketime.so.1"


def why_not() -> str:
    """The reason why no clock can be turned on this machine; nothing where it can."""
    found = f"{platform.system()} on {platform.machine()}"
    if found != "Linux on x86_64" or not os.access("/usr/bin/env", os.X_OK):
        return f"libfaketime's package has a library for Linux on x86_64 only, and this is {found}"
    return ""
