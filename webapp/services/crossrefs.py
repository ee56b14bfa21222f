"""Cross-reference types and their entries, to look at: by key, however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from webapp.models import Center, CrossReferenceEntry, CrossReferenceType, Operation, Run, User
from webapp.rules.catalogues import CROSSREF_UPLOAD
from webapp.rules.crossrefs import (
    OnlineKind,
    online_key,
)
from webapp.services import crossref_online
from webapp.services.constituents import visible_to

PAGE_ENTRIES = 50
COUNTED = 5_000
"""A page of entries says how many there are up to here."""
SORTS: Mapping[str, InstrumentedAttribute[Any]] = {
    "foreign": CrossReferenceEntry.foreign_key,
    "online": CrossReferenceEntry.online_key,
    "changed": CrossReferenceEntry.updated_at,
}


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted, and in which order. `center` None: all; 0: the General ones."""

    text: str = ""
    center: int | None = None
    sort: str = "foreign"
    descending: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether every entry is wanted."""
        return not self.text and self.center is None


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry with the names that belong to its numbers."""

    entry: CrossReferenceEntry
    online_label: str
    center: str | None
    changed_by: str | None


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries, and the id after which the next page starts."""

    lines: tuple[EntryLine, ...] = ()
    next_after: int | None = None


@dataclass(frozen=True, slots=True)
class TypeLine:
    """A type in the list."""

    type: CrossReferenceType
    entries: int
    changed_at: datetime | None
    changed_by: str | None


# ---- types ----


def list_types(
    session: Session, *, center_ids: frozenset[int] | None = None
) -> tuple[TypeLine, ...]:
    """Every type, with its entries these people see and the last change among them."""
    entry = CrossReferenceEntry
    seen = visible_to(entry.center_id.expression, center_ids)
    counts = {
        type_id: (count, at)
        for type_id, count, at in session.execute(
            select(entry.type_id, func.count(), func.max(entry.updated_at))
            .where(*seen)
            .group_by(entry.type_id)
        )
    }
    lines = []
    for found in list_all_types(session):
        count, at = counts.get(found.id, (0, None))
        who = None
        if at is not None:
            who = session.scalar(
                select(User.name)
                .join(entry, entry.updated_by_id == User.id)
                .where(entry.type_id == found.id, entry.updated_at == at, *seen)
                .limit(1)
            )
        lines.append(TypeLine(found, count, at, who))
    return tuple(lines)


def list_all_types(session: Session) -> Sequence[CrossReferenceType]:
    """Every type, in the order of the list."""
    return session.scalars(select(CrossReferenceType).order_by(CrossReferenceType.position)).all()


def find_type(session: Session, key: str) -> CrossReferenceType | None:
    """The type with this key, or None."""
    return session.scalar(select(CrossReferenceType).where(CrossReferenceType.key == key))


UPLOADS_SHOWN = 5


def list_uploads(
    session: Session,
    found: CrossReferenceType,
    *,
    center_ids: frozenset[int] | None = None,
    user_id: int,
) -> Sequence[Run]:
    """The last uploads of a type's entries that these people may see, newest first, and the
    person's own drafts of such."""
    query = (
        select(Run)
        .join(Operation, Operation.id == Run.operation_id)
        .options(joinedload(Run.user), joinedload(Run.upload))
        .where(
            Operation.kind == CROSSREF_UPLOAD,
            Run.kind == "run",
            Run.options["crossref_type"].astext == found.key,
            or_(Run.queued_at.is_not(None), (Run.state == "draft") & (Run.user_id == user_id)),
        )
        .order_by(Run.id.desc())
        .limit(UPLOADS_SHOWN)
    )
    if center_ids is not None:
        query = query.where(Run.center_id.in_(center_ids))
    return session.scalars(query).all()


# ---- entries, to look at ----


def list_entries(
    session: Session,
    found: CrossReferenceType,
    wanted: EntryFilter,
    *,
    center_ids: frozenset[int] | None = None,
    after: int | None = None,
    limit: int = PAGE_ENTRIES,
) -> EntryPage:
    """The entries wanted, behind the entry `after` in their order. Reads by key."""
    entry = CrossReferenceEntry
    sort = SORTS[wanted.sort]
    query = (
        select(entry, Center.name, User.name)
        .outerjoin(Center, Center.id == entry.center_id)
        .outerjoin(User, User.id == entry.updated_by_id)
        .where(*_conditions(session, found, wanted, center_ids))
        .limit(limit + 1)
    )
    if wanted.descending:
        query = query.order_by(sort.desc(), entry.id.desc())
    else:
        query = query.order_by(sort, entry.id)
    if after is not None:
        query = _behind(session, query, after, wanted)
    rows = session.execute(query).all()
    shown = rows[:limit]
    labels = crossref_online.find_labels(session, found, [row[0].online_value for row in shown])
    lines = tuple(
        EntryLine(row, labels.get(row.online_value, ""), center, who) for row, center, who in shown
    )
    return EntryPage(lines, lines[-1].entry.id if len(rows) > limit else None)


def find_entry(session: Session, found: CrossReferenceType, entry_id: int) -> EntryLine | None:
    """One entry as a list shows it."""
    entry = CrossReferenceEntry
    row = session.execute(
        select(entry, Center.name, User.name)
        .outerjoin(Center, Center.id == entry.center_id)
        .outerjoin(User, User.id == entry.updated_by_id)
        .where(entry.type_id == found.id, entry.id == entry_id)
    ).first()
    if row is None:
        return None
    labels = crossref_online.find_labels(session, found, [row[0].online_value])
    return EntryLine(row[0], labels.get(row[0].online_value, ""), row[1], row[2])


def count_entries(
    session: Session,
    found: CrossReferenceType,
    *,
    center_ids: frozenset[int] | None = None,
    most: int = COUNTED,
) -> int:
    """How many entries of a type these people see; no further than one above `most`."""
    entry = CrossReferenceEntry
    some = (
        select(entry.id)
        .where(entry.type_id == found.id, *visible_to(entry.center_id.expression, center_ids))
        .limit(most + 1)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) or 0


def _behind(
    session: Session, query: Select[Any, Any, Any], after: int, wanted: EntryFilter
) -> Select[Any, Any, Any]:
    """Only what follows that entry; all when it is gone."""
    entry, sort = CrossReferenceEntry, SORTS[wanted.sort]
    last = session.scalar(select(sort).where(entry.id == after))
    if last is None:
        return query
    place, edge = tuple_(sort, entry.id), tuple_(last, after)
    return query.where(place < edge if wanted.descending else place > edge)


def _conditions(
    session: Session,
    found: CrossReferenceType,
    wanted: EntryFilter,
    center_ids: frozenset[int] | None,
) -> list[ColumnElement[bool]]:
    entry = CrossReferenceEntry
    conditions = [
        entry.type_id == found.id,
        *visible_to(entry.center_id.expression, center_ids),
    ]
    if wanted.center is not None:
        conditions.append(
            entry.center_id == wanted.center if wanted.center else entry.center_id.is_(None)
        )
    if wanted.text:
        pattern = "%" + wanted.text.replace("\\", "\\\\").replace("%", "\\%").replace(
            "_", "\\_"
        ) + "%"  # fmt: skip
        part = func.datasync_fold(entry.searched).like(func.datasync_fold(pattern))
        numbers = crossref_online.find_numbers(session, found, wanted.text)
        keys = [online_key(OnlineKind(found.online_kind), number) for number in numbers]
        conditions.append(or_(part, entry.online_key.in_(keys)) if keys else part)
    return conditions
