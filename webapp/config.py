"""Flask's configuration, made from the settings; and the settings of the running application."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, cast
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, current_app
from redis import Redis

from webapp.settings import Settings

REDIS_SECONDS = 2.0
CONNECT_SECONDS = 5


def flask_config(settings: Settings) -> dict[str, Any]:
    """Everything Flask and its extensions read."""
    return {
        "DATASYNC": settings,
        "SECRET_KEY": settings.secret_key,
        "MAX_CONTENT_LENGTH": settings.max_upload_bytes,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=30),
        "SESSION_COOKIE_NAME": "datasync_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_pre_ping": True,
            "pool_size": 5,
            "max_overflow": 10,
            "pool_timeout": 10,
            "connect_args": {
                "application_name": "datasync-web",
                "connect_timeout": CONNECT_SECONDS,
            },
        },
        # The token lives as long as the session does, which ends by idling.
        "WTF_CSRF_TIME_LIMIT": None,
        "RATELIMIT_STORAGE_URI": _limits_url(settings.redis_url),
        "RATELIMIT_STORAGE_OPTIONS": _redis_timeouts(),
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_SWALLOW_ERRORS": True,
        "RATELIMIT_KEY_PREFIX": "datasync",
        **_mail(settings),
    }


def current_settings() -> Settings:
    """The settings of the application that handles this request."""
    return cast(Settings, current_app.config["DATASYNC"])


def site_zone() -> ZoneInfo:
    """The site's time zone."""
    return ZoneInfo(current_settings().time_zone)


def site_today() -> date:
    """The day it is for the site."""
    return datetime.now(site_zone()).date()


def connect_redis(settings: Settings) -> Redis:
    """A client for short questions; it connects when first used, never before a fork."""
    return Redis.from_url(settings.redis_url, **_redis_timeouts())


def current_redis() -> Redis:
    """The client of the application that handles this request."""
    return cast(Redis, current_app.extensions["datasync_redis"])


def register_redis(app: Flask, settings: Settings) -> None:
    """Give the application the client that `current_redis` answers with."""
    app.extensions["datasync_redis"] = connect_redis(settings)


def _redis_timeouts() -> dict[str, Any]:
    return {"socket_connect_timeout": REDIS_SECONDS, "socket_timeout": REDIS_SECONDS}


def _limits_url(redis_url: str) -> str:
    # The rate limiter spells a socket's address differently from redis-py.
    return "redis+" + redis_url if redis_url.startswith("unix://") else redis_url


def _mail(settings: Settings) -> dict[str, Any]:
    common = {"MAIL_DEFAULT_SENDER": settings.mail_from}
    if settings.smtp_url is None:
        folder = settings.data_dir / "mail"
        return common | {"MAIL_BACKEND": "file", "MAIL_FILE_PATH": str(folder)}
    parts = urlsplit(settings.smtp_url)
    secure = parts.scheme == "smtps"
    return common | {
        "MAIL_BACKEND": "smtp",
        "MAIL_SERVER": parts.hostname or "localhost",
        "MAIL_PORT": parts.port or (465 if secure else 25),
        "MAIL_USERNAME": unquote(parts.username) if parts.username else None,
        "MAIL_PASSWORD": unquote(parts.password) if parts.password else None,
        "MAIL_USE_SSL": secure,
        "MAIL_USE_TLS": parts.scheme == "smtp+starttls",
        "MAIL_TIMEOUT": 20,
    }
