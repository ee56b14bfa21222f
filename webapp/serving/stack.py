"""What runs on this machine for one data folder: the services that are embedded, and the work."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from webapp.serving import processes
from webapp.serving.data_folder import DataFolder
from webapp.serving.errors import ServingError
from webapp.serving.postgres import Postgres
from webapp.serving.supervisor import SERVICES, WORK, Program, Supervisor
from webapp.serving.valkey import Valkey
from webapp.settings import Settings, SettingsError, libpq_url

ROOT = Path(__file__).resolve().parents[2]
# Recovery after a power cut may replay gigabytes of log.
SERVICE_SECONDS = 600
FAILING_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Work:
    """Which processes of the program itself to run."""

    web: tuple[str, int] | None = None
    imports: int = 1
    system: int = 0
    scheduler: bool = False


class Stack:
    """The services and the work of one data folder, from start to stop."""

    def __init__(self, folder: DataFolder, work: Work) -> None:
        self._folder = folder
        self.postgres = None if os.environ.get("DATASYNC_DATABASE_URL") else _postgres(folder)
        self.valkey = None if os.environ.get("DATASYNC_REDIS_URL") else _valkey(folder)
        self.environment = environment_of(
            folder,
            self.postgres.url() if self.postgres else os.environ["DATASYNC_DATABASE_URL"],
            self.valkey.url() if self.valkey else os.environ["DATASYNC_REDIS_URL"],
        )
        self._supervisor = Supervisor(
            folder, [*self._service_programs(), *_work_programs(work)], self.environment
        )

    @property
    def database_url(self) -> str:
        """Where the database is, embedded or not, as libpq reads it."""
        return libpq_url(self.environment["DATASYNC_DATABASE_URL"])

    @property
    def redis_url(self) -> str:
        """Where the queue is, embedded or not."""
        return self.environment["DATASYNC_REDIS_URL"]

    def settings(self) -> Settings:
        """The settings that every process of the stack runs with."""
        try:
            return Settings.from_env(self.environment)
        except SettingsError as error:
            raise ServingError(str(error)) from None

    def start_services(self) -> None:
        """Start what is embedded and wait until it answers; the database has its name then."""
        require_answers(self.settings(), database=not self.postgres, queue=not self.valkey)
        if self.postgres:
            self.postgres.prepare()
        if self.valkey:
            self.valkey.prepare()
        self._supervisor.start()
        self._supervisor.start_programs(SERVICES)
        if self.valkey:
            self._await("valkey", self.valkey)
        if self.postgres:
            self._await("postgres", self.postgres)
            self.postgres.ensure_database()

    def start_web(self) -> None:
        """Start the web server."""
        self._supervisor.start_program("web")

    def start_work(self) -> None:
        """Start what is not started yet of the program itself."""
        self._supervisor.start_programs(WORK)

    def keep(self) -> None:
        """Called every second or so: look after orphans, and start again if the supervisor died."""
        self._supervisor.reap()
        if self._supervisor.is_alive():
            return
        self._supervisor.stop()
        self.start_services()
        self.start_work()

    def failing(self, name: str) -> bool:
        """Whether the program of this name does not stay up."""
        return self._supervisor.failing(name)

    def stop(self) -> None:
        """Stop all of it; nothing is left running."""
        self._supervisor.stop()
        self._folder.remove_sockets()

    def _await(self, name: str, service: Postgres | Valkey) -> None:
        failing_since = 0

        def settled() -> bool:
            nonlocal failing_since
            if service.answers():
                return True
            failing_since = failing_since + 1 if self.failing(name) else 0
            return failing_since * 0.1 > FAILING_SECONDS

        processes.wait_until(settled, seconds=SERVICE_SECONDS, pause=0.1)
        if not service.answers():
            log = self._folder.log / f"{name}.log"
            raise ServingError(f"The {name} service did not start; {log} says why.")

    def _service_programs(self) -> list[Program]:
        programs = []
        if self.valkey:
            programs.append(Program("valkey", SERVICES, self.valkey.command(), stop_seconds=15))
        if self.postgres:
            programs.append(
                Program("postgres", SERVICES, self.postgres.command(), "INT", stop_seconds=30)
            )
        return programs


def require_answers(settings: Settings, *, database: bool, queue: bool) -> None:
    """Services of somebody else's must be there before anything is started on them."""
    if database:
        try:
            psycopg.connect(libpq_url(settings.database_url), connect_timeout=10).close()
        except psycopg.Error as error:
            raise ServingError(
                f"The database of DATASYNC_DATABASE_URL does not answer ({_reason(error)}). "
                "Start it, or correct the address."
            ) from None
    if queue:
        try:
            with redis.Redis.from_url(settings.redis_url, socket_connect_timeout=10) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise ServingError(
                f"The queue of DATASYNC_REDIS_URL does not answer ({_reason(error)}). "
                "Start it, or correct the address."
            ) from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def environment_of(folder: DataFolder, database_url: str, redis_url: str) -> dict[str, str]:
    """Everything a process of ours needs to know, said in full."""
    values = dict(os.environ)
    values["DATASYNC_DATA"] = str(folder.path)
    values["DATASYNC_DATABASE_URL"] = database_url
    values["DATASYNC_REDIS_URL"] = redis_url
    if not values.get("DATASYNC_SECRET_KEY"):
        values["DATASYNC_SECRET_KEY"] = folder.secret_key()
    values["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])
    )
    values["PYTHONUNBUFFERED"] = "1"
    return values


def _work_programs(work: Work) -> list[Program]:
    programs = []
    if work.web:
        programs.append(Program("web", WORK, processes.tied_command(_gunicorn(*work.web))))
    for queue, copies in (("imports", work.imports), ("system", work.system)):
        for number in range(1, copies + 1):
            # A busy worker waits for its job; the job's run goes on at its next start instead.
            command = processes.tied_command([sys.executable, "-P", "-m", "jobs.worker", queue])
            programs.append(Program(f"{queue}-{number}", WORK, command, stop_seconds=2))
    if work.scheduler:
        command = processes.tied_command([sys.executable, "-P", "-m", "jobs.schedule"])
        programs.append(Program("schedule", WORK, command))
    return programs


def _gunicorn(host: str, port: int) -> Sequence[str]:
    bracketed = f"[{host}]" if ":" in host else host
    options = {
        "--bind": f"{bracketed}:{port}",
        "--chdir": str(ROOT),
        # Threads: a long upload occupies one of them and the worker still says it is alive.
        "--worker-class": "gthread",
        "--workers": "2",
        "--threads": "4",
        "--timeout": "120",
        "--graceful-timeout": "2",
        "--worker-tmp-dir": "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp",  # noqa: S108
    }
    words = [word for pair in options.items() for word in pair]
    return [
        *(sys.executable, "-P", "-m", "gunicorn"),
        *words,
        # Loaded once, before the fork; `create_app` opens no connection.
        "--preload",
        "--no-control-socket",
        "wsgi:app",
    ]


def _postgres(folder: DataFolder) -> Postgres:
    return Postgres(folder.postgres, folder.sockets / "pg", folder.log / "postgres.log")


def _valkey(folder: DataFolder) -> Valkey:
    return Valkey(folder.valkey, folder.sockets, folder.log / "valkey.log")
