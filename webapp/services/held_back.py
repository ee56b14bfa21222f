"""What downloads hold back: every record with its reason, until it is gone.

The list of a stream is that of its latest download that counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from webapp.keys import read_key
from webapp.models import (
    Center,
    DownloadStream,
    DownloadWindow,
    Operation,
    WithheldRecord,
)
from webapp.rules.fields import STORED_FIELDS
from webapp.rules.withholding import Explanation, Reason, explain
from webapp.services.crossref_online import find_labels, key_of
from webapp.services.crossrefs import find_type

PAGE_RECORDS = 50
MOST_VALUES = 50
_FIELDS = {field.column: field for field in STORED_FIELDS}
_KEYS = {
    "GROUP_IDS": "group",
    "INTEREST_IDS": "interest",
    "CAMPAIGN": "campaign",
    "FORM": "donation_form",
    "DESIGNATION": "designation",
    "EVENT": "event",
    "EVENT (TeamRaiser)": "teamraiser",
    "EVENT (personal)": "personal_event",
}
"""The cross-reference types of columns that are no fields of a constituent."""
_NUMBERED = ("GROUP_IDS", "INTEREST_IDS")
"""Columns of which the list has bare numbers."""
_NAMED = re.compile(r"\(([0-9]+)\)$")


@dataclass(frozen=True, slots=True)
class Line:
    """A stream in the list: whose it is, since when, and how many records it holds back."""

    stream: DownloadStream
    operation: Operation
    center: str | None
    window: DownloadWindow
    records: int


@dataclass(frozen=True, slots=True)
class Total:
    """One reason: how many records wait for it, since when, and what they amount to."""

    reason: str
    words: Explanation
    records: int
    oldest_at: datetime
    amounts: tuple[tuple[Decimal, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A value without a cross-reference: how many records wait for it, and what they amount to."""

    field: str
    value: str
    records: int
    amounts: tuple[tuple[Decimal, str], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and the key behind which the next page begins."""

    records: Sequence[WithheldRecord]
    next_after: str | None


def list_lines(session: Session, centers: Collection[int] | None) -> list[Line]:
    """Every download that ever succeeded, of these centers (None: of all)."""
    heads = (
        select(DownloadWindow.stream_id, func.max(DownloadWindow.number).label("number"))
        .where(DownloadWindow.is_committed)
        .group_by(DownloadWindow.stream_id)
        .subquery()
    )
    query = (
        select(DownloadStream, Operation, Center.name, DownloadWindow)
        .join(Operation, Operation.id == DownloadStream.operation_id)
        .outerjoin(Center, Center.id == DownloadStream.center_id)
        .join(heads, heads.c.stream_id == DownloadStream.id)
        .join(
            DownloadWindow,
            and_(
                DownloadWindow.stream_id == DownloadStream.id,
                DownloadWindow.number == heads.c.number,
                DownloadWindow.is_committed,
            ),
        )
        .order_by(func.lower(Operation.title), Center.name, DownloadStream.id)
    )
    if centers is not None:
        query = query.where(DownloadStream.center_id.in_(centers))
    return [
        Line(stream, operation, center, window, window.withheld)
        for stream, operation, center, window in session.execute(query)
    ]


def find_line(session: Session, stream_id: int) -> Line | None:
    """One stream, if it has succeeded once."""
    return next((line for line in list_lines(session, None) if line.stream.id == stream_id), None)


def count_reasons(session: Session, run_id: int) -> list[Total]:
    """The reasons of a run's list, the most frequent first. A record with several reasons counts
    for each."""
    rows = session.execute(
        select(
            WithheldRecord.reason,
            func.count(func.distinct(WithheldRecord.record_id)),
            func.min(WithheldRecord.since_at),
        )
        .where(WithheldRecord.run_id == run_id)
        .group_by(WithheldRecord.reason)
    ).all()
    amounts = _amounts(session, run_id)
    totals = [
        Total(reason, explain(reason), records, oldest, tuple(amounts.get(reason, ())))
        for reason, records, oldest in rows
    ]
    return sorted(totals, key=lambda total: (-total.records, total.reason))


def _amounts(session: Session, run_id: int) -> dict[str, list[tuple[Decimal, str]]]:
    """What the records of each reason amount to, by currency; each record once."""
    once = (
        select(
            WithheldRecord.reason,
            WithheldRecord.record_id,
            func.max(WithheldRecord.amount).label("amount"),
            func.max(WithheldRecord.currency).label("currency"),
        )
        .where(WithheldRecord.run_id == run_id, WithheldRecord.amount.is_not(None))
        .group_by(WithheldRecord.reason, WithheldRecord.record_id)
        .subquery()
    )
    found: dict[str, list[tuple[Decimal, str]]] = {}
    for reason, currency, amount in session.execute(
        select(once.c.reason, once.c.currency, func.sum(once.c.amount))
        .group_by(once.c.reason, once.c.currency)
        .order_by(once.c.reason, once.c.currency)
    ):
        found.setdefault(reason, []).append((amount, currency or ""))
    return found


def count_amounts(session: Session, run_id: int) -> list[tuple[Decimal, str]]:
    """What all records of the list amount to, by currency; each record once."""
    once = (
        select(
            WithheldRecord.record_id,
            func.max(WithheldRecord.amount).label("amount"),
            func.max(WithheldRecord.currency).label("currency"),
        )
        .where(WithheldRecord.run_id == run_id, WithheldRecord.amount.is_not(None))
        .group_by(WithheldRecord.record_id)
        .subquery()
    )
    rows = session.execute(
        select(func.sum(once.c.amount), once.c.currency)
        .group_by(once.c.currency)
        .order_by(once.c.currency)
    )
    return [(amount, currency or "") for amount, currency in rows]


def list_values(session: Session, run_id: int, *, limit: int = MOST_VALUES) -> list[Unmapped]:
    """The values that a run's list waits for, those that most records wait for first."""
    unmapped = (WithheldRecord.run_id == run_id, WithheldRecord.reason == Reason.UNMAPPED_VALUE)
    of = (WithheldRecord.field, WithheldRecord.value)
    records = func.count()
    found = session.execute(
        select(*of, records)
        .where(*unmapped)
        .group_by(*of)
        .order_by(records.desc(), *of)
        .limit(limit)
    ).all()
    amounts: dict[tuple[str, str], list[tuple[Decimal, str]]] = {}
    for field, value, amount, currency in session.execute(
        select(*of, func.sum(WithheldRecord.amount), WithheldRecord.currency)
        .where(*unmapped, WithheldRecord.amount.is_not(None))
        .group_by(*of, WithheldRecord.currency)
        .order_by(WithheldRecord.currency)
    ):
        amounts.setdefault((field, value), []).append((amount or Decimal(), currency or ""))
    return [
        Unmapped(field, value, count, tuple(amounts.get((field, value), ())))
        for field, value, count in found
    ]


def list_records(
    session: Session, run_id: int, *, reason: str = "", after: str = "", limit: int = PAGE_RECORDS
) -> Page:
    """The records of a list by reason and number, behind the key `after`."""
    query = select(WithheldRecord).where(WithheldRecord.run_id == run_id)
    if reason:
        query = query.where(WithheldRecord.reason == reason)
    key = _read_key(after)
    if key is not None:
        last_reason, last_id = key
        query = query.where(
            or_(
                WithheldRecord.reason > last_reason,
                and_(WithheldRecord.reason == last_reason, WithheldRecord.record_id > last_id),
            )
        )
    query = query.order_by(
        WithheldRecord.reason,
        WithheldRecord.record_id,
        WithheldRecord.field,
        WithheldRecord.value,
    ).limit(limit + 1)
    found = list(session.scalars(query))
    if len(found) <= limit:
        return Page(found, None)
    # A page ends with a whole record: the next one begins behind its number
    last = found[limit - 1]
    key_of_last = (last.reason, last.record_id)
    if (found[limit].reason, found[limit].record_id) == key_of_last:
        shorter = [one for one in found[:limit] if (one.reason, one.record_id) != key_of_last]
        if shorter:
            found = shorter
            last = found[-1]
    return Page(found[:limit], f"{last.reason}:{last.record_id}")


def _read_key(text: str) -> tuple[str, int] | None:
    reason, _, last = text.rpartition(":")
    number = read_key(last)
    return None if not reason or number is None else (reason, number)


def online_value(column: str, value: str) -> str:
    """A value of the list as its type has it: of what transactions are for, the number alone."""
    named = _NAMED.search(value) if column in _KEYS else None
    return named[1] if named else value


def name_values(session: Session, values: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """By column and value: how people know it, groups and interests by name and number. The other
    values say themselves what they are."""
    named = {each: each[1] for each in values}
    for column in _NUMBERED:
        numbers = [value for where, value in named if where == column]
        found = find_type(session, _KEYS[column])
        labels = find_labels(session, found, numbers) if found and numbers else {}
        named |= {(column, value): f"{name} ({value})" for value, name in labels.items()}
    return named


def crossref_key(column: str) -> str | None:
    """The cross-reference type in which a value of this column can be mapped."""
    if column in _KEYS:
        return _KEYS[column]
    field = _FIELDS.get(column)
    return key_of(field) if field is not None else None
