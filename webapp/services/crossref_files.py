"""A type's entries as CSV or Excel: one row each, in the form that an upload takes.

The columns are ONLINE_VALUE, one FOREIGN_n for each key, ONLINE_NAME (to read only), DESCRIPTION,
CENTER (blank: General), SEND_BACK, VALID_FROM, VALID_TO. Written like the rejects file, with what a
spreadsheet would calculate guarded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from webapp.models import Center, CrossReferenceEntry, CrossReferenceType
from webapp.rules.guarding import guard
from webapp.services import crossref_online, text_tables
from webapp.services.constituents import visible_to

BATCH = 2_000


def columns(found: CrossReferenceType) -> list[str]:
    """The columns of a type's file."""
    foreign = [f"FOREIGN_{at + 1}" for at in range(len(found.foreign_labels))]
    return [
        "ONLINE_VALUE", *foreign, "ONLINE_NAME", "DESCRIPTION", "CENTER", "SEND_BACK",
        "VALID_FROM", "VALID_TO",
    ]  # fmt: skip


def write_entries(
    session: Session,
    found: CrossReferenceType,
    stream: BinaryIO,
    *,
    center_ids: frozenset[int] | None = None,
) -> None:
    """Write the entries as CSV, in the order of their foreign values. Memory does not grow."""
    text_tables.write_csv(stream, columns(found), _read_rows(session, found, center_ids))


def write_workbook(
    session: Session,
    found: CrossReferenceType,
    stream: BinaryIO,
    *,
    center_ids: frozenset[int] | None = None,
) -> None:
    """The same as an Excel workbook. Guarded as the CSV is: both come in again by the same way."""
    rows = _read_rows(session, found, center_ids)
    text_tables.write_workbook(stream, "Cross-references", columns(found), rows)


def _read_rows(
    session: Session, found: CrossReferenceType, center_ids: frozenset[int] | None
) -> Iterator[tuple[str, ...]]:
    entry = CrossReferenceEntry
    query = (
        select(
            entry.online_value,
            entry.foreign_values,
            entry.description,
            func.coalesce(Center.name, ""),
            case((entry.is_sent_back, "Yes"), else_="No"),
            func.coalesce(func.to_char(entry.valid_from, "YYYY-MM-DD"), ""),
            func.coalesce(func.to_char(entry.valid_to, "YYYY-MM-DD"), ""),
        )
        .outerjoin(Center, Center.id == entry.center_id)
        .where(entry.type_id == found.id, *visible_to(entry.center_id.expression, center_ids))
        .order_by(entry.foreign_key, entry.id)
        .execution_options(yield_per=BATCH)
    )
    for part in session.execute(query).partitions():
        names = crossref_online.find_labels(session, found, [row[0] for row in part])
        for online, foreign, *rest in part:
            row = (online, *foreign, names.get(online, ""), *rest)
            yield tuple(map(guard, row))
