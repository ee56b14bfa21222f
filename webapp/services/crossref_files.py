"""A type's entries as CSV or Excel: one row each, in the form that an upload takes.

The columns are ONLINE_VALUE, one FOREIGN_n for each key, ONLINE_NAME (to read only), DESCRIPTION,
CENTER (blank: General), SEND_BACK, VALID_FROM, VALID_TO. Written like the rejects file: UTF-8 with
a byte order mark, every cell quoted, and what a spreadsheet would calculate guarded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

import xlsxwriter
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
    """Write the entries as CSV, in the order of their foreign values. Memory does not grow."""
    with_bom = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    writer = csv.writer(with_bom, quoting=csv.QUOTE_ALL)
    writer.writerow(columns(found))
    writer.writerows(map(guard, row) for row in _read_rows(session, found, center_ids))
    with_bom.flush()
    with_bom.detach()


def write_workbook(
    session: Session,
    found: CrossReferenceType,
    stream: BinaryIO,
    *,
    center_ids: frozenset[int] | None = None,
) -> None:
    """The same as an Excel workbook in which every cell is text, so that 007 stays 007. Guarded as
    the CSV is: both come in again by the same way."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    workbook = xlsxwriter.Workbook(stream, options)
    as_text = workbook.add_format({"num_format": "@"})
    heading = workbook.add_format({"num_format": "@", "bold": True})
    sheet = workbook.add_worksheet("Cross-references")
    sheet.freeze_panes(1, 0)
    names = columns(found)
    sheet.set_column(0, len(names) - 1, 20, as_text)
    for at, name in enumerate(names):
        sheet.write_string(0, at, name, heading)
    for line, row in enumerate(_read_rows(session, found, center_ids), start=1):
        for at, value in enumerate(row):
            if value:
                sheet.write_string(line, at, guard(value), as_text)
    workbook.close()


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
            yield (online, *foreign, names.get(online, ""), *rest)
