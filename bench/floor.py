"""The floor: what PostgreSQL alone needs to take the same rows, in the same tables and indexes.

COPY of the file's bytes into a staging table, then one INSERT ... SELECT each for constituents,
emails and memberships, with triggers (change log, integrity) off.
"""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from bench.files import HEADER

_CASTS = {
    "birth_date": "birth_date::date",
    "accepts_email": "accepts_email IN ('Yes', 'Y')",
    "accepts_postal_mail": "accepts_postal_mail IN ('Yes', '1', 'True')",
}


def measure_floor(url: str, path: Path) -> float:
    """Seconds for the file into an empty, migrated database."""
    names = [name.lower() for name in HEADER]
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        staging = ", ".join(f"{name} text" for name in names)
        began = time.perf_counter()
        connection.execute(f"CREATE TABLE staging ({staging})")
        with (
            path.open("rb") as file,
            connection.cursor().copy(
                f"COPY staging ({', '.join(names)}) FROM STDIN (FORMAT csv, HEADER)"
            ) as copy,
        ):
            while block := file.read(1 << 20):
                copy.write(block)
        values = ", ".join(_CASTS.get(name, name) for name in names)
        connection.execute(
            f"INSERT INTO constituents ({', '.join(names)}) SELECT {values} FROM staging"
        )
        connection.execute(
            "INSERT INTO constituent_emails (constituent_id, email)"
            " SELECT id, lower(primary_email) FROM constituents"
        )
        connection.execute("INSERT INTO groups (name) VALUES ('New')")
        connection.execute(
            "INSERT INTO group_members (group_id, constituent_id)"
            " SELECT g.id, c.id FROM constituents c, groups g"
        )
        connection.commit()
        return time.perf_counter() - began
