"""Finding constituents: by name, email, member ID, CONS_ID or phone, a page at a time."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text
from sqlalchemy.orm import Session

from webapp.models import CenterMember, Constituent, ConstituentEmail, GroupMember
from webapp.services.constituent_lookups import (
    PHONES,
    Lookup,
    beyond,
    in_order,
    lookups_for,
    read_query,
)

PAGE_ROWS = 50
SMALL = 10_000
"""Up to so many members of a center or group, a search starts from them; above, from the text."""

# How many a text finds differs by a million: a plan made for any text would serve none of them
_PLAN_EACH = text("SET LOCAL plan_cache_mode = force_custom_plan")


class Status(StrEnum):
    """Which records a search shows."""

    ALL = "all"
    ACTIVE = "active"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Match:
    """A record that was found, and why."""

    id: int
    name: str
    member_id: str | None
    primary_email: str | None
    phone: str | None
    place: str
    active_detail: str
    is_active: bool
    why: str


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of results, and where the next one starts (None: there is none)."""

    query: str
    matches: tuple[Match, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page ended: in which lookup, at which keys and id."""

    lookup: int
    keys: tuple[str | None, ...]
    id: int


@dataclass(frozen=True, slots=True)
class _Hit:
    lookup: Lookup
    position: _Position


@dataclass(frozen=True, slots=True)
class _Members:
    """The members of a center or of a group: the only ones who may be shown."""

    owner: ColumnElement[bool]
    owners: tuple[int, ...]
    constituent_id: ColumnElement[int]
    owner_id: ColumnElement[int]

    @classmethod
    def of_centers(cls, center_ids: frozenset[int]) -> _Members:
        column = CenterMember.center_id.expression
        owners = tuple(sorted(center_ids))
        return cls(column.in_(owners), owners, CenterMember.constituent_id.expression, column)

    @classmethod
    def of_group(cls, group_id: int) -> _Members:
        column = GroupMember.group_id.expression
        member = GroupMember.constituent_id.expression
        return cls(column.in_([group_id]), (group_id,), member, column)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Which records may be shown at all: conditions, and whether few enough meet them that a
    search starts from those; else `members` (if any) are walked in the order of their ids."""

    conditions: tuple[ColumnElement[bool], ...]
    are_narrow: bool
    members: _Members | None = None


def search_constituents(
    session: Session,
    *,
    query: str,
    status: Status = Status.ALL,
    center_ids: frozenset[int] | None = None,
    group_id: int | None = None,
    after: str | None = None,
    limit: int = PAGE_ROWS,
) -> SearchPage:
    """Whom the text finds, from `after` on; without a text, everybody, the newest first.

    `center_ids` restricts to the members of these centers (None: no restriction), `group_id` to
    those of a group.
    """
    session.execute(_PLAN_EACH)
    written = read_query(query)
    members = [] if center_ids is None else [_Members.of_centers(center_ids)]
    if group_id is not None:
        members.append(_Members.of_group(group_id))
    limits = _limits(session, status, members)
    position = _read_position(after)
    if written:
        hits = _hits(session, lookups_for(written), limits, position, limit + 1)
    else:
        hits = _newest(session, limits, position, limit + 1)
    shown = hits[:limit]
    more = _write_position(shown[-1].position) if len(hits) > limit else None
    return SearchPage(written, tuple(_matches(session, shown)), more)


def _limits(session: Session, status: Status, members: Sequence[_Members]) -> _Limits:
    conditions: list[ColumnElement[bool]] = []
    are_narrow = status is Status.REMOVED
    if status is Status.ACTIVE:
        conditions.append(Constituent.is_active.is_(True))
    elif status is Status.REMOVED:
        conditions.append(~Constituent.is_active)
    for some in members:
        if _is_small(session, some):
            are_narrow = True
            conditions.append(Constituent.id.in_(select(some.constituent_id).where(some.owner)))
        else:
            is_one = select(some.constituent_id).where(some.constituent_id == Constituent.id)
            conditions.append(is_one.where(some.owner).correlate(Constituent).exists())
    return _Limits(tuple(conditions), are_narrow, members[-1] if members else None)


def _is_small(session: Session, members: _Members) -> bool:
    some = select(members.constituent_id).where(members.owner).limit(SMALL + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) <= SMALL


# ---- without a text ----

_ANYONE = Lookup("", Constituent.id.is_not(None))


def _newest(
    session: Session, limits: _Limits, position: _Position | None, limit: int
) -> list[_Hit]:
    before = None if position is None else position.id
    if limits.members is not None and not limits.are_narrow:
        ids = _newest_members(session, limits.members, limits, before, limit)
    else:
        found: Select[Any] = select(Constituent.id.label("id")).where(*limits.conditions)
        if before is not None:
            found = found.where(Constituent.id < before)
        if limits.are_narrow:
            fenced = found.offset(0).subquery()
            found = select(fenced.c.id).order_by(fenced.c.id.desc())
        else:
            found = found.order_by(Constituent.id.desc())
        ids = list(session.scalars(found.limit(limit)))
    return [_Hit(_ANYONE, _Position(0, (), found_id)) for found_id in ids]


def _newest_members(
    session: Session, members: _Members, limits: _Limits, before: int | None, limit: int
) -> list[int]:
    """The newest of each owner, then the newest of those: their tables' keys have that order."""
    newest: set[int] = set()
    for owner_id in members.owners:
        found = (
            select(members.constituent_id)
            .join(Constituent, Constituent.id == members.constituent_id)
            .where(members.owner_id == owner_id)
            .where(*limits.conditions)
        )
        if before is not None:
            found = found.where(members.constituent_id < before)
        found = found.order_by(members.constituent_id.desc()).limit(limit)
        newest.update(session.scalars(found))
    return sorted(newest, reverse=True)[:limit]


# ---- with a text ----


def _hits(
    session: Session,
    lookups: Sequence[Lookup],
    limits: _Limits,
    position: _Position | None,
    limit: int,
) -> list[_Hit]:
    """One lookup after the other, until the page is full."""
    first = 0 if position is None else min(position.lookup, len(lookups))
    hits: list[_Hit] = []
    for number in range(first, len(lookups)):
        lookup = lookups[number]
        after = position if position is not None and position.lookup == number else None
        if after is not None and len(after.keys) != len(lookup.keys):
            after = None
        for statement in _statements(lookup, limits, after):
            rows = session.execute(statement.limit(limit - len(hits)))
            hits += [_Hit(lookup, _Position(number, tuple(row[1:]), row[0])) for row in rows]
            if len(hits) >= limit:
                return hits
    return hits


def _statements(lookup: Lookup, limits: _Limits, after: _Position | None) -> Iterator[Select[Any]]:
    """The lookup as stretches of its index, in order, from the position on."""
    base: Select[Any] = _base(lookup, limits)
    if not lookup.is_narrow and not limits.are_narrow:
        yield from _stretches(base, _id_of(lookup), lookup.keys, after)
        return
    # OFFSET 0 keeps the planner from walking a whole index in the hope of an early end
    fenced = base.offset(0).subquery()
    id_, *keys = fenced.c
    found = select(id_, *keys).order_by(*in_order(keys), id_)
    if after is not None:  # all of them are found anyway: one statement, not one per stretch
        found = found.where(or_(*_after(id_, keys, after)))
    yield found


def _base(lookup: Lookup, limits: _Limits) -> Select[Any]:
    columns: list[Any] = [_id_of(lookup).label("id")]
    columns += [key.label(f"key{number}") for number, key in enumerate(lookup.keys)]
    found: Select[Any] = select(*columns)
    if lookup.of_former_emails:
        found = found.select_from(ConstituentEmail).join(
            Constituent, Constituent.id == ConstituentEmail.constituent_id
        )
    return found.where(lookup.where, *limits.conditions)


def _id_of(lookup: Lookup) -> ColumnElement[int]:
    column = ConstituentEmail.constituent_id if lookup.of_former_emails else Constituent.id
    return column.expression


def _stretches(
    base: Select[Any],
    id_: ColumnElement[int],
    keys: tuple[ColumnElement[str], ...],
    after: _Position | None,
) -> Iterator[Select[Any]]:
    ordered = base.order_by(*in_order(keys), id_)
    if after is None:
        yield ordered
        return
    for where in _after(id_, keys, after):
        yield ordered.where(where)


def _after(
    id_: ColumnElement[int], keys: Sequence[ColumnElement[str]], after: _Position
) -> Iterator[ColumnElement[bool]]:
    for where, is_same in beyond(keys, after.keys):
        yield and_(where, id_ > after.id) if is_same else where


# ---- what is shown ----


_SHOWN = [
    "id",
    "title",
    "first_name",
    "middle_name",
    "last_name",
    "suffix",
    "member_id",
    "primary_email",
    "home_phone",
    "mobile_phone",
    "work_phone",
    "home_city",
    "home_stateprov",
    "active_detail",
    "is_active",
]


def _matches(session: Session, hits: Sequence[_Hit]) -> Iterator[Match]:
    columns = [getattr(Constituent, name) for name in _SHOWN]
    ids = [hit.position.id for hit in hits]
    found = session.execute(select(*columns).where(Constituent.id.in_(ids)))
    by_id = {row.id: row for row in found}
    for hit in hits:
        row = by_id.get(hit.position.id)
        if row is not None:  # else it was deleted between the two statements
            yield _match(row, hit)


def _match(row: Any, hit: _Hit) -> Match:
    name = (row.title, row.first_name, row.middle_name, row.last_name, row.suffix)
    phones = [getattr(row, attribute) for _, attribute in PHONES]
    phone = getattr(row, hit.lookup.phone) if hit.lookup.phone else None
    why = hit.lookup.why
    if hit.lookup.of_former_emails:
        why = f"{why} {hit.position.keys[0]}"
    return Match(
        id=row.id,
        name=" ".join(part for part in name if part)
        or row.primary_email
        or f"Constituent {row.id}",
        member_id=row.member_id,
        primary_email=row.primary_email,
        phone=phone or next((number for number in phones if number), None),
        place=", ".join(part for part in (row.home_city, row.home_stateprov) if part),
        active_detail=row.active_detail,
        is_active=row.is_active,
        why=why,
    )


# ---- the position in an address ----


def _write_position(position: _Position) -> str:
    text = json.dumps([position.lookup, position.keys, position.id], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_position(text: str | None) -> _Position | None:
    """What `_write_position` wrote; None for anything else, so that the search starts anew."""
    try:
        padded = (text or "") + "=" * (-len(text or "") % 4)
        lookup, keys, last = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (ValueError, TypeError, binascii.Error):
        return None
    is_whole = isinstance(lookup, int) and lookup >= 0 and isinstance(last, int)
    if not is_whole or not isinstance(keys, list) or abs(last) >= 2**63:
        return None
    if not all(key is None or (isinstance(key, str) and "\x00" not in key) for key in keys):
        return None
    return _Position(lookup, tuple(keys), last)
