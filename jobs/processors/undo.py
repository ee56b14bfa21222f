"""Undo."""

from __future__ import annotations

import psycopg

from jobs.claims import Claim


def run(connection: psycopg.Connection, mine: Claim) -> None:
    raise NotImplementedError


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    raise NotImplementedError
