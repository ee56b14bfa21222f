"""A type's entries as CSV: one row each, in the form that an import takes.

The columns are ONLINE_VALUE, one FOREIGN_n for each key, ONLINE_NAME (to read only), DESCRIPTION,
CENTER (blank: General), SEND_BACK, VALID_FROM, VALID_TO. Written like the rejects file: UTF-8 with
a byte order mark, every cell quoted, and what a spreadsheet would calculate guarded.
"""

from __future__ import annotations

import csv
import io
from typing import BinaryIO

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from webapp.models import Center, CrossReferenceEntry, CrossReferenceType
from webapp.rules.guarding import guard
from webapp.services import crossref_online
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
    """Write the entries in the order of their foreign values. Memory does not grow."""
    with_bom = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    writer = csv.writer(with_bom, quoting=csv.QUOTE_ALL)
    writer.writerow(columns(found))
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
        writer.writerows(
            map(guard, (online, *foreign, names.get(online, ""), *rest))
            for online, foreign, *rest in part
        )
    with_bom.flush()
    with_bom.detach()
