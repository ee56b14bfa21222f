"""Starting, watching and ending the processes that are ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil

from webapp.serving import child
from webapp.serving.account import Account


def tied_command(
    command: Sequence[str], *, stop_signal: str = "TERM", account: Account | None = None
) -> list[str]:
    """The command, wrapped so that it ends with its parent and runs as `account`."""
    options = ["--signal", stop_signal]
    if account is not None:
        options += ["--account", f"{account.uid}:{account.gid}"]
    return [sys.executable, "-I", "-S", child.__file__, *options, "--", *command]


def start(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a tied command in a session of its own: a Ctrl-C at the terminal is ours to pass on."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )


def wait_until(ready: Callable[[], bool], *, seconds: float, pause: float = 0.02) -> bool:
    """Whether `ready` came true in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def stop(process: subprocess.Popen[bytes], number: signal.Signals, *, seconds: float) -> None:
    """Ask a child of ours to end; insist when it takes longer than `seconds`."""
    if process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_all(found: Iterable[psutil.Process], *, seconds: float) -> None:
    """Ask processes (of ours, also those that are not our children) to end; then insist."""
    remaining = list(found)
    for process in remaining:
        _signal(process, signal.SIGTERM)
    _, remaining = psutil.wait_procs(remaining, timeout=seconds)
    for process in remaining:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(remaining, timeout=seconds)


def descendants() -> list[psutil.Process]:
    """Every process below this one."""
    return psutil.Process(os.getpid()).children(recursive=True)


def running(pid: int, name: str) -> psutil.Process | None:
    """The process with this id, if it is alive and is what we think it is."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and name in process.name():
            return process
    except psutil.Error:
        return None
    return None


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
