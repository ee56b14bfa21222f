"""Every setting of DataSync, read once from the environment and never changed afterwards."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webapp.rules.money import DEFAULT_CURRENCY, read_currency

GIB = 1024**3


class SettingsError(ValueError):
    """A setting cannot be used; the message names it, its value and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation can decide: one environment variable each (docs/settings.md)."""

    data_dir: Path
    database_url: str
    redis_url: str
    files_url: str
    secret_key: str
    time_zone: str = "UTC"
    site_name: str = "DataSync"
    max_upload_bytes: int = 2 * GIB
    idle_minutes: int = 60
    unique_email: bool = True
    chunk_rows: int = 10_000
    currency: str = DEFAULT_CURRENCY
    smtp_url: str | None = None
    mail_from: str = "datasync@localhost"
    public_url: str | None = None
    secure_cookies: bool = False
    trusted_proxies: int = 0
    download_days: int = 90

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings of this process. `DATASYNC_DATABASE_URL` and `DATASYNC_REDIS_URL` are
        required: `datasync serve` sets them for its children when the services are embedded."""
        env = os.environ if environ is None else environ
        data_dir = Path(env.get("DATASYNC_DATA", "./var")).resolve()
        return cls(
            data_dir=data_dir,
            database_url=sqlalchemy_url(_required(env, "DATASYNC_DATABASE_URL")),
            redis_url=_required(env, "DATASYNC_REDIS_URL"),
            files_url=env.get("DATASYNC_FILES_URL", (data_dir / "files").as_uri()),
            secret_key=env.get("DATASYNC_SECRET_KEY") or secrets.token_hex(32),
            time_zone=env.get("DATASYNC_TIME_ZONE", "UTC"),
            site_name=env.get("DATASYNC_SITE_NAME", "DataSync"),
            max_upload_bytes=_integer(env, "DATASYNC_MAX_UPLOAD_BYTES", 2 * GIB),
            idle_minutes=_integer(env, "DATASYNC_IDLE_MINUTES", 60),
            unique_email=_flag(env, "DATASYNC_UNIQUE_EMAIL", default=True),
            chunk_rows=_integer(env, "DATASYNC_CHUNK_ROWS", 10_000),
            currency=_currency(env),
            smtp_url=env.get("DATASYNC_SMTP_URL") or None,
            mail_from=env.get("DATASYNC_MAIL_FROM", "datasync@localhost"),
            public_url=env.get("DATASYNC_PUBLIC_URL") or None,
            secure_cookies=_flag(env, "DATASYNC_SECURE_COOKIES", default=False),
            trusted_proxies=_integer(env, "DATASYNC_TRUSTED_PROXIES", 0),
            download_days=_integer(env, "DATASYNC_DOWNLOAD_DAYS", 90),
        )


def sqlalchemy_url(url: str) -> str:
    """The same PostgreSQL address with the driver this program uses named in it."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def libpq_url(url: str) -> str:
    """The address as libpq (and psycopg.connect) reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        message = (
            f"{name} is not set. Start everything with `datasync serve`, which sets it, "
            "or point it at your own service."
        )
        raise SettingsError(message)
    return value


def _currency(env: Mapping[str, str]) -> str:
    value = env.get("DATASYNC_CURRENCY", "")
    code = read_currency(value) if value else DEFAULT_CURRENCY
    if code is None:
        message = f"DATASYNC_CURRENCY is {value!r}. Give the three letters of a currency, like USD."
        raise SettingsError(message)
    return code


def _integer(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name, "")
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        message = f"{name} is {value!r}, which is not a whole number. Give it as digits only."
        raise SettingsError(message) from None


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = env.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off"}:
        return False
    message = f"{name} is {value!r}. Use yes or no."
    raise SettingsError(message)
