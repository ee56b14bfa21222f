"""What a preview tells of characters that the file's encoding lacks: a run stops at the first.

Looked for in what would stand in the files, and only where the encoding lacks any: it costs what
making the rows costs.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
from psycopg import sql

from jobs.processors.download_plans import Plan
from jobs.processors.download_statements import Statements
from webapp.rules.download_settings import DownloadSettings
from webapp.rules.file_characters import lacking_pattern, show_character

FIRST = 10
_AROUND = 30
"""Of a long value so much is told on each side of the character."""

_COLUMNS = "SELECT place, count(*) FROM download_lacking GROUP BY place ORDER BY 2 DESC, 1"
_RECORDS = "SELECT count(DISTINCT record_id) FROM download_lacking"


def find_lacking(
    connection: psycopg.Connection, plan: Plan, settings: DownloadSettings
) -> dict[str, Any] | None:
    """How many records have such characters, in which columns, and the first few; None where the
    files can be written."""
    pattern = lacking_pattern(settings.encoding) if "csv" in settings.formats else ""
    if not pattern:
        return None
    source = plan.source
    headings = source.headings
    found = _select(plan.select(is_numbered=True), len(headings), 0, pattern)
    if plan.has_removals:
        removals = plan.select_removals(is_numbered=True)
        width = len(source.removal_columns)
        found += f" UNION ALL {_select(removals, width, len(headings), pattern)}"
        headings = [*headings, *(column.heading for column in source.removal_columns)]
    # Created from a query, because a query that inserts runs in one process only
    made = connection.execute(f"CREATE TEMP TABLE download_lacking AS {found}")
    if not made.rowcount:
        return None
    [records] = connection.execute(_RECORDS).fetchone() or (0,)
    columns = Counter[str]()  # a record is in one of the files: two of a heading add up
    for place, count in connection.execute(_COLUMNS):
        columns[headings[place]] += count
    # Nobody is named who is no longer in the center
    first = Statements(connection, source.parameters).merged(
        "SELECT x.record_id, w.who, x.place, x.cell, x.character FROM (SELECT * FROM"
        f" download_lacking ORDER BY record_id, place LIMIT {FIRST}) x LEFT JOIN LATERAL"
        f" (SELECT {source.who} AS who FROM {source.table} WHERE {source.record} = x.record_id"
        f" AND {source.present}) w ON true ORDER BY x.record_id, x.place"
    )
    return {
        "encoding": settings.encoding.value,
        "records": records,
        "columns": [list(column) for column in columns.most_common()],
        "first": [
            [record_id, who, headings[place], cell, show_character(character)]
            for record_id, who, place, cell, character in connection.execute(first)
        ],
    }


def _select(cells: str, width: int, offset: int, pattern: str) -> str:
    """SQL: each cell with such a character. Nearly no row has one, and is looked at as a whole."""
    lacking = sql.Literal(pattern).as_string()
    names = ", ".join(f"c{place}" for place in range(width))
    values = ", ".join(f"({place + offset}, f.c{place}::text)" for place in range(width))
    return (
        "SELECT f.record_id, v.place, s.character, CASE WHEN a.at > 1 THEN '…' ELSE '' END"
        f" || substring(v.cell FROM a.at FOR {2 * _AROUND + 1})"
        f" || CASE WHEN length(v.cell) > a.at + {2 * _AROUND} THEN '…' ELSE '' END AS cell"
        f" FROM ({cells}) f (record_id, {names})"
        f" CROSS JOIN LATERAL (VALUES {values}) v (place, cell)"
        f' CROSS JOIN LATERAL (SELECT substring(v.cell COLLATE "C" FROM {lacking})) s (character)'
        f" CROSS JOIN LATERAL (SELECT greatest(strpos(v.cell, s.character) - {_AROUND}, 1)) a (at)"
        f' WHERE f::text COLLATE "C" ~ {lacking} AND s.character IS NOT NULL'
    )
