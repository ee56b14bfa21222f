"""A PostgreSQL and a Valkey of a test's own: the ones `datasync serve` runs, in a temporary folder.

The session's shared pair trades durability for speed (`durable=False`); a test that kills things
starts its own with `durable=True`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import redis
from psycopg import sql

from webapp.serving import processes
from webapp.serving.migrations import migrate
from webapp.serving.postgres import SUPERUSER, Postgres
from webapp.serving.valkey import Valkey
from webapp.settings import Settings, sqlalchemy_url

TEMPLATE = "datasync_template"


@dataclass(slots=True)
class Services:
    """The two servers, their addresses and their processes (to be killed by tests that do)."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    postgres_process: subprocess.Popen[bytes] = field(init=False)
    valkey_process: subprocess.Popen[bytes] = field(init=False)
    _databases: int = 0
    _migrated: bool = False

    def start_postgres(self) -> None:
        """Start it, also again after it was killed."""
        self.postgres_process = self.postgres.start()

    def start_valkey(self) -> None:
        """Start it, also again after it was killed."""
        self.valkey_process = self.valkey.start()

    def kill_postgres(self) -> None:
        """`kill -9`, then wait until its backends noticed: until then they answer."""
        backends = psutil.Process(self.postgres_process.pid).children()
        self.postgres_process.kill()
        self.postgres_process.wait()
        assert processes.wait_until(
            lambda: not any(processes.running(backend.pid, "postgres") for backend in backends),
            seconds=60,
        )

    def kill_valkey(self) -> None:
        """`kill -9`."""
        self.valkey_process.kill()
        self.valkey_process.wait()

    def stop(self) -> None:
        """Both, in order."""
        processes.stop(self.valkey_process, signal.SIGTERM, seconds=10)
        processes.stop(self.postgres_process, signal.SIGINT, seconds=30)

    def create_database(self) -> str:
        """The name of a fresh database with all tables, cloned from one that was migrated once."""
        self._ensure_template()
        self._databases += 1
        name = f"test_{os.getpid()}_{self._databases}"
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        self._administer(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def settings(self, database: str, data_dir: Path, **changes: object) -> Settings:
        """Settings for one database of these services and a data folder of the test's own."""
        values: dict[str, object] = {
            "data_dir": data_dir,
            "database_url": sqlalchemy_url(self.postgres.url(database)),
            "redis_url": self.valkey.url(),
            "files_url": (data_dir / "files").as_uri(),
            "secret_key": "a secret for tests only",
        }
        return Settings(**(values | changes))  # type: ignore[arg-type]

    def _ensure_template(self) -> None:
        if self._migrated:
            return
        self.postgres.ensure_database(TEMPLATE)
        migrate(self.postgres.url(TEMPLATE))
        self._migrated = True

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.postgres.url(SUPERUSER), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_services(*, durable: bool, postgres: type[Postgres] = Postgres) -> Iterator[Services]:
    """Both services in a new temporary folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="datasync-test-"))
    sockets = folder / "run"
    services = Services(
        folder,
        postgres(folder / "postgres", sockets, folder / "postgres.log", durable=durable),
        Valkey(folder / "valkey", sockets, folder / "valkey.log", durable=durable),
    )
    try:
        services.start_postgres()
        services.start_valkey()
        yield services
    finally:
        services.stop()
        shutil.rmtree(folder, ignore_errors=True)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that gives a process of its own (worker, web) the same settings."""
    return os.environ | {
        "DATASYNC_DATA": str(settings.data_dir),
        "DATASYNC_DATABASE_URL": settings.database_url,
        "DATASYNC_REDIS_URL": settings.redis_url,
        "DATASYNC_FILES_URL": settings.files_url,
        "DATASYNC_SECRET_KEY": settings.secret_key,
        "DATASYNC_CHUNK_ROWS": str(settings.chunk_rows),
    }


def flush(services: Services) -> None:
    """Forget every queue, job and rate limit."""
    with redis.Redis.from_url(services.valkey.url()) as client:
        client.flushall()
