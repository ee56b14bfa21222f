"""How a command gets at the services: those of a running `serve`, or its own for a while."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import IO

from webapp.serving.data_folder import DataFolder, FolderInUseError
from webapp.serving.errors import ServingError
from webapp.serving.interrupted import forget_workers, release_runs
from webapp.serving.migrations import migrate, refuse_newer
from webapp.serving.stack import Stack, Work, environment_of
from webapp.settings import Settings, SettingsError

ANNOUNCE_SECONDS = 120
PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Attached:
    """The settings to work with, where the pages are if there are any, and a watch on both."""

    settings: Settings
    address: str | None
    look_after: Callable[[], None]
    """Called while waiting: mends our own services; raises when a `serve` we use has ended."""


@contextlib.contextmanager
def attached(folder: DataFolder, command: str, work: Work) -> Iterator[Attached]:
    """The services for as long as the context lasts; `work` runs only if nobody serves."""
    folder.prepare()
    held = _lock_or_attach(folder, command)
    if held is None:
        yield _attach(folder)
        return
    with held:
        # A SIGTERM must not skip stopping what was started here.
        signal.signal(signal.SIGTERM, _end)
        stack = Stack(folder, work)
        try:
            stack.start_services()
            prepare_database(stack)
            stack.start_work()
            yield Attached(stack.settings(), None, stack.keep)
        finally:
            stack.stop()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def prepare_database(stack: Stack) -> None:
    """Bring the tables up to date and release what the last stop interrupted."""
    migrate(stack.database_url)
    if stack.postgres:
        release_runs(stack.database_url)
    if stack.valkey:
        forget_workers(stack.redis_url)


def _lock_or_attach(folder: DataFolder, command: str) -> IO[str] | None:
    """The folder's lock, or None once a `serve` on it has said where its services are.

    Another command that started services of its own is waited for, however long it takes."""
    told = False
    deadline = time.monotonic() + ANNOUNCE_SECONDS
    while folder.attachment() is None:
        try:
            return folder.lock(command)
        except FolderInUseError as error:
            serving = folder.holder()[1] == "serve"
            if serving and time.monotonic() > deadline:
                raise
            if not told and not serving:
                sys.stderr.write(f"{str(error).partition('. ')[0]}. Waiting for its end.\n")
                told = True
        time.sleep(PAUSE)
    return None


def _attach(folder: DataFolder) -> Attached:
    found = folder.attachment()
    if found is None:
        raise ServingError(f"`datasync serve` on {folder.path} has just ended. Try again.")
    refuse_newer(found.database_url)
    environment = environment_of(folder, found.database_url, found.redis_url)
    try:
        settings = Settings.from_env(environment)
    except SettingsError as error:
        raise ServingError(str(error)) from None

    def look_after() -> None:
        if folder.attachment() is None:
            raise ServingError(
                f"`datasync serve` on {folder.path} has ended. What was begun goes on when it "
                "starts again."
            )

    return Attached(settings, found.address, look_after)
