"""A type's entries as CSV: one row each, in the form that an import takes.

The columns are ONLINE_VALUE, one FOREIGN_n for each key, ONLINE_NAME (to read only), DESCRIPTION,
CENTER (blank: General), SEND_BACK, VALID_FROM, VALID_TO. Written like the rejects file: UTF-8 with
a byte order mark, every cell quoted, and what a spreadsheet would calculate guarded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.models import Center, CrossReferenceEntry, CrossReferenceType
from webapp.rules.guarding import guard
from webapp.services import crossref_online
from webapp.services.constituents import visible_to

BATCH = 2_000
BOM = "\ufeff"


def columns(found: CrossReferenceType) -> list[str]:
    """The columns of a type's file."""
    foreign = [f"FOREIGN_{at + 1}" for at in range(len(found.foreign_labels))]
    return [
        "ONLINE_VALUE", *foreign, "ONLINE_NAME", "DESCRIPTION", "CENTER", "SEND_BACK",
        "VALID_FROM", "VALID_TO",
    ]  # fmt: skip


def write_entries(
    session: Session, found: CrossReferenceType, *, center_ids: frozenset[int] | None = None
) -> Iterator[str]:
    """The file, part by part, in the order of the foreign values. Memory does not grow."""
    yield BOM + _as_csv([columns(found)])
    entry = CrossReferenceEntry
    query = (
        select(entry, Center.name)
        .outerjoin(Center, Center.id == entry.center_id)
        .where(entry.type_id == found.id, *visible_to(entry.center_id.expression, center_ids))
        .order_by(entry.foreign_key, entry.id)
        .execution_options(yield_per=BATCH)
    )
    for part in session.execute(query).partitions():
        names = crossref_online.find_labels(session, found, [row[0].online_value for row in part])
        yield _as_csv(
            [
                [
                    each.online_value,
                    *each.foreign_values,
                    names.get(each.online_value, ""),
                    each.description,
                    center or "",
                    "Yes" if each.is_sent_back else "No",
                    each.valid_from.isoformat() if each.valid_from else "",
                    each.valid_to.isoformat() if each.valid_to else "",
                ]
                for each, center in part
            ]
        )
        session.expunge_all()


def _as_csv(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([guard(cell) for cell in row] for row in rows)
    return buffer.getvalue()
