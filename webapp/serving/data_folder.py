"""The folder that holds everything an installation keeps, and the lock that gives it one user."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from webapp.serving.errors import ServingError
from webapp.serving.sockets import socket_folder

# Raised when what lies in the folder can no longer be read by the version before.
LAYOUT = 1
LOCK_ATTEMPTS = 8


class FolderInUseError(ServingError):
    """Another command of ours works on the folder."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a running `serve` (or another command) tells the commands that come after it."""

    pid: int
    command: str
    address: str | None
    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where things lie. Nothing is touched before `prepare`."""

    path: Path

    @property
    def postgres(self) -> Path:
        """The database cluster."""
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        """The queue's append-only file."""
        return self.path / "valkey"

    @property
    def log(self) -> Path:
        """One file per process."""
        return self.path / "log"

    @property
    def sockets(self) -> Path:
        """The services' unix sockets."""
        return socket_folder(self.path)

    def remove_sockets(self) -> None:
        """Leave nothing behind outside the folder, once everything has stopped."""
        if not self.sockets.is_relative_to(self.path):
            shutil.rmtree(self.sockets, ignore_errors=True)

    def prepare(self) -> None:
        """Make the folder and what is in it; refuse one that cannot be used."""
        try:
            for folder in (self.path, self.log, self.path / "files", self.path / "mail"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise ServingError(
                f"The data folder {self.path} cannot be written ({error.strerror}). "
                "Make it writable, or choose another with --data."
            ) from None
        self._check_layout()

    def _check_layout(self) -> None:
        version = self.path / "VERSION"
        try:
            found = int(version.read_text())
        except (OSError, ValueError):
            version.write_text(f"{LAYOUT}\n")
            return
        if found > LAYOUT:
            raise ServingError(
                f"The data in {self.path} was written by a newer version of DataSync. "
                "Update this installation, or choose another folder with --data."
            )

    def lock(self, command: str) -> IO[str]:
        """Take the folder for one process; the lock goes when the file is closed or we die."""
        # Python's own descriptors are not inherited, so no child keeps the lock alive.
        handle = (self.path / "lock").open("a+")
        for attempt in range(LOCK_ATTEMPTS):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # `is_locked` of another command holds it for a moment.
                if attempt < LOCK_ATTEMPTS - 1:
                    time.sleep(0.05)
        else:
            handle.close()
            pid, holder = self.holder()
            raise FolderInUseError(
                f"`datasync {holder}` (process {pid}) already works on {self.path}. "
                "Stop it first, or choose another folder with --data."
            )
        handle.truncate(0)
        handle.write(f"{os.getpid()} {command}\n")
        handle.flush()
        return handle

    def is_locked(self) -> bool:
        """Whether a process of ours holds the folder right now."""
        try:
            handle = (self.path / "lock").open()
        except OSError:
            return False
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def holder(self) -> tuple[str, str]:
        """Process id and command of whoever took the lock last."""
        try:
            pid, command = (self.path / "lock").read_text().split()
        except (OSError, ValueError):
            return "unknown", "serve"
        return pid, command

    def secret_key(self) -> str:
        """Made once, kept where only we can read it: sessions survive a restart."""
        path = self.path / "secret-key"
        try:
            found = path.read_text().strip()
        except FileNotFoundError:
            found = ""
        if found:
            return found
        made = secrets.token_hex(32)
        _write_private(path, made + "\n")
        return made

    def announce(self, attachment: Attachment) -> None:
        """Tell later commands where the services are."""
        _write_private(self._announcement, json.dumps(asdict(attachment)))

    def withdraw(self) -> None:
        """They are there no longer."""
        self._announcement.unlink(missing_ok=True)

    def attachment(self) -> Attachment | None:
        """Where the services are, if whoever announced them is alive."""
        if not self.is_locked():
            return None
        try:
            found: dict[str, Any] = json.loads(self._announcement.read_text())
            return Attachment(**found)
        except (OSError, ValueError, TypeError):
            return None

    @property
    def _announcement(self) -> Path:
        return self.path / "serve.json"


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by nobody else at any moment."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    fresh.replace(path)
