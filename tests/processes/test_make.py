"""What `make` says before anything is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project's folder, as if no other make had started the tests."""
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}
    }
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("target", ["setup", "run", "test"])
def test_without_a_suitable_python_it_says_so(target: str) -> None:
    done = make("PYTHON=", target)
    assert done.returncode != 0
    assert "DataSync needs Python 3.11 or newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_target() -> None:
    done = make("help")
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"setup", "run", "test", "check", "bench"} <= listed


def test_setting_up_again_does_nothing() -> None:
    done = make("setup-dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert make("setup-dev").stdout == ""
