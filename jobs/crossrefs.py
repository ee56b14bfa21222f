"""Cross-references in a run: the tables it began with, and what had no entry in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from jobs.claims import Claim
from webapp.config import site_zone
from webapp.rules.columns import Recognition
from webapp.rules.crossrefs import LONGEST_TUPLE, OnlineKind, foreign_key
from webapp.rules.translating import Seen, Translator
from webapp.services.crossref_online import key_of, other_keys_of
from webapp.services.crossref_translation import load_for_run

MOST_SEEN = 5_000
"""Values without an entry that are kept of one run and type; a column of free text has no end."""


def load_translators(
    session: Session, run: Mapping[str, Any], recognition: Recognition, today: date
) -> dict[str, Translator]:
    """A translator for each column of the file that has one. Codes without any entry are left as
    they are; groups and interests always have one, so that unknown codes can be mapped. A column
    that is looked up in several types has more under its name and theirs: `EVENT:teamraiser`."""
    fields = [column.field for column in recognition.known if column.field is not None]
    keys = {field.column: key for field in fields if (key := key_of(field)) is not None}
    keys |= {f"{field.column}:{key}": key for field in fields for key in other_keys_of(field)}
    if not keys:
        return {}
    tables = load_for_run(session, run["id"], set(keys.values()), run["center_id"])
    session.commit()
    on = day_of(run) or today
    by_key = {
        key: Translator(type_id, translation, on)
        for key, (type_id, translation) in tables.items()
        if not (translation.kind is OnlineKind.CODE and translation.is_empty)
    }
    return {column: by_key[key] for column, key in keys.items() if key in by_key}


def record_seen(connection: psycopg.Connection, mine: Claim, seen: Sequence[Seen]) -> None:
    """Add what a chunk had to the run's account, in the chunk's transaction."""
    for each in seen:
        if not each.rows:
            continue
        connection.execute(
            "UPDATE cross_reference_uses SET rows = rows + %s, mapped = mapped + %s"
            " WHERE run_id = %s AND type_id = %s",
            [each.rows, each.mapped, mine.id, each.type_id],
        )
        if each.unmapped:
            _record_unmapped(connection, mine, each)


def forget_seen(connection: psycopg.Connection, mine: Claim) -> None:
    """What starts over, a preview or a download, counts anew."""
    connection.execute("DELETE FROM cross_reference_seen WHERE run_id = %s", [mine.id])
    connection.execute(
        "UPDATE cross_reference_uses SET rows = 0, mapped = 0, amounts = '{}' WHERE run_id = %s",
        [mine.id],
    )


def _record_unmapped(connection: psycopg.Connection, mine: Claim, seen: Seen) -> None:
    found: dict[str, tuple[list[str], int, int]] = {}
    for value, (count, row) in seen.unmapped.items():
        if not "".join(value).isprintable() or not 0 < sum(map(len, value)) <= LONGEST_TUPLE:
            continue
        key = foreign_key(value)
        written, earlier, first = found.get(key, (list(value), 0, row))
        found[key] = (written, earlier + count, min(first, row))
    if not found:
        return
    counted = connection.execute(
        "SELECT count(*) FROM cross_reference_seen WHERE run_id = %s AND type_id = %s",
        [mine.id, seen.type_id],
    ).fetchone()
    room = MOST_SEEN - (counted[0] if counted else 0)
    statement = (
        "INSERT INTO cross_reference_seen AS s (run_id, type_id, foreign_key, foreign_values,"
        " center_id, rows, first_row) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (run_id, type_id, is_outward, foreign_key)"
        " DO UPDATE SET rows = s.rows + excluded.rows"
    )
    if room < len(found):
        statement = (
            "UPDATE cross_reference_seen AS s SET rows = s.rows + e.rows FROM (VALUES (%s::bigint,"
            " %s::bigint, %s, %s::text[], %s::bigint, %s::bigint, %s::int)) e (run_id, type_id,"
            " foreign_key, foreign_values, center_id, rows, first_row) WHERE s.run_id = e.run_id"
            " AND s.type_id = e.type_id AND s.foreign_key = e.foreign_key"
        )
    center_id = mine.run["center_id"]
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (mine.id, seen.type_id, key, values, center_id, count, first)
                for key, (values, count, first) in found.items()
            ],
        )


def day_of(run: Mapping[str, Any]) -> date | None:
    """The day the run began, the same for each of its attempts."""
    at = run.get("started_at")
    return at.astimezone(site_zone()).date() if at else None
