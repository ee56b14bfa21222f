"""The application as the workers use it, made once per process and before it forks."""

from __future__ import annotations

from functools import cache

import psycopg
from flask import Flask

from webapp import create_app
from webapp.config import current_settings
from webapp.settings import libpq_url


@cache
def get_app() -> Flask:
    """The application with the settings of the environment. Opens no connection."""
    return create_app()


def connect(name: str) -> psycopg.Connection:
    """A connection of its own for set-based work, in the current application's database.

    Statements are planned anew each time (`prepare_threshold=None`): tables grow by orders of
    magnitude while a run goes on, and a plan made for the empty table would be kept.
    """
    return psycopg.connect(
        libpq_url(current_settings().database_url),
        application_name=f"datasync-{name}",
        prepare_threshold=None,
        connect_timeout=5,
        # A server that went away without a word is noticed within a minute, not after hours
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=60_000,
    )
