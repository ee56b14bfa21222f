"""Groups and interests, to be read: what there is, and how many people are in it.

People of a center see their own center's and the General ones (those of no center), and count
their own members only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, or_, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from webapp.models import Center, CenterMember, Group, GroupMember, Interest, InterestChoice, Run
from webapp.services.constituents import LARGEST_ID, visible_to

PAGE_GROUPS = 50
COUNTED = 20_000
"""A list counts members up to here; the group's own page counts them all."""

GROUP_KINDS: Mapping[str, str] = {
    "standard": "Standard",
    "center_members": "Center members",
    "opt_in": "Opt-in",
    "opt_out": "Opt-out",
    "new": "New (made by a run)",
    "modified": "Modified (made by a run)",
}

_NAME = func.datasync_fold(Group.name)


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group in a list. `is_more`: it has more members than were counted."""

    id: int
    name: str
    kind: str
    folder: str
    center: str | None
    created_at: datetime
    members: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Some groups by folder and name, and the id after which the next page starts."""

    groups: tuple[GroupLine, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """Which groups are wanted; blank means all. `folder` None: any; "": those in no folder."""

    text: str = ""
    kind: str = ""
    folder: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every group is wanted."""
        return not self.text and not self.kind and self.folder is None


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """A group with what its page tells about it."""

    group: Group
    center: str | None
    members: int
    run: Run | None
    interest: Interest | None


@dataclass(frozen=True, slots=True)
class InterestLine:
    """An interest with how many opted in and out."""

    id: int
    name: str
    kind: str
    parent: str | None
    center: str | None
    center_id: int | None
    is_default: bool
    opt_in_group_id: int | None
    opt_out_group_id: int | None
    opted_in: int
    opted_out: int


def list_groups(
    session: Session,
    wanted: GroupFilter,
    *,
    center_ids: frozenset[int] | None = None,
    after: int | None = None,
    limit: int = PAGE_GROUPS,
) -> GroupPage:
    """The groups wanted, behind the group `after`."""
    query = (
        select(Group.id, Group.name, Group.kind, Group.folder, Center.name, Group.created_at)
        .outerjoin(Center, Center.id == Group.center_id)
        .where(*visible_to(Group.center_id.expression, center_ids), *_conditions(wanted))
        .order_by(Group.folder, _NAME, Group.id)
        .limit(limit + 1)
    )
    if after is not None:
        last = select(Group.folder, _NAME, Group.id).where(Group.id == after)
        query = query.where(tuple_(Group.folder, _NAME, Group.id) > last.scalar_subquery())
    rows = session.execute(query).all()
    shown = rows[:limit]
    counts = _count_up_to(session, [row[0] for row in shown], center_ids)
    lines = (
        GroupLine(
            *row,
            members=min(counts.get(row[0], 0), COUNTED),
            is_more=counts.get(row[0], 0) > COUNTED,
        )
        for row in shown
    )
    return GroupPage(tuple(lines), shown[-1][0] if len(rows) > limit else None)


def list_folders(session: Session, *, center_ids: frozenset[int] | None = None) -> list[str]:
    """The folders that hold a group these people see."""
    visible = visible_to(Group.center_id.expression, center_ids)
    query = select(Group.folder).where(*visible, Group.folder != "").distinct()
    return list(session.scalars(query.order_by(Group.folder)))


def find_group(session: Session, group_id: int) -> Group | None:
    """The group with this id, or None."""
    return session.get(Group, group_id) if group_id <= LARGEST_ID else None


def get_details(
    session: Session, group: Group, *, center_ids: frozenset[int] | None = None
) -> GroupDetails:
    """What a group's page tells, its members counted one by one."""
    members = select(func.count()).select_from(GroupMember).where(GroupMember.group_id == group.id)
    if center_ids is not None:
        members = members.where(_is_member_of(center_ids))
    owner = or_(Interest.opt_in_group_id == group.id, Interest.opt_out_group_id == group.id)
    return GroupDetails(
        group=group,
        center=session.scalar(select(Center.name).where(Center.id == group.center_id)),
        members=session.scalar(members) or 0,
        run=session.get(Run, group.made_by_run_id) if group.made_by_run_id else None,
        interest=session.scalar(select(Interest).where(owner).limit(1)),
    )


def list_interests(
    session: Session, *, center_ids: frozenset[int] | None = None
) -> tuple[InterestLine, ...]:
    """Every interest these people see, under its parent, with the choices made."""
    rows = session.execute(
        _interest_lines().where(*visible_to(Interest.center_id.expression, center_ids))
    ).all()
    counts = _count_choices(session, center_ids)
    return tuple(InterestLine(*row, *counts.get(row[0], (0, 0))) for row in rows)


def get_interest_line(
    session: Session, interest: Interest, *, center_ids: frozenset[int] | None = None
) -> InterestLine:
    """One interest, as a list tells of it."""
    row = session.execute(_interest_lines().where(Interest.id == interest.id)).one()
    counts = _count_choices(session, center_ids, interest.id)
    return InterestLine(*row, *counts.get(interest.id, (0, 0)))


def _interest_lines() -> Select[int, str, str, str, str, int | None, bool, int | None, int | None]:
    parent = aliased(Interest)
    return (
        select(
            Interest.id,
            Interest.name,
            Interest.kind,
            parent.name,
            Center.name,
            Interest.center_id,
            Interest.is_default,
            Interest.opt_in_group_id,
            Interest.opt_out_group_id,
        )
        .outerjoin(parent, parent.id == Interest.parent_id)
        .outerjoin(Center, Center.id == Interest.center_id)
        .order_by(
            func.datasync_fold(func.coalesce(parent.name, Interest.name)),
            func.coalesce(parent.id, Interest.id),
            case((parent.id.is_(None), 0), else_=1),
            func.datasync_fold(Interest.name),
        )
    )


def _conditions(wanted: GroupFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.text:
        part = func.strpos(_NAME, func.datasync_fold(wanted.text)) > 0
        is_number = wanted.text.isascii() and wanted.text.isdigit() and len(wanted.text) < 19
        conditions.append(or_(part, Group.id == int(wanted.text)) if is_number else part)
    if wanted.kind:
        conditions.append(Group.kind == wanted.kind)
    if wanted.folder is not None:
        conditions.append(Group.folder == wanted.folder)
    return conditions


def _is_member_of(center_ids: frozenset[int]) -> ColumnElement[bool]:
    return GroupMember.constituent_id.in_(
        select(CenterMember.constituent_id).where(CenterMember.center_id.in_(center_ids))
    )


def _count_up_to(
    session: Session, group_ids: Sequence[int], center_ids: frozenset[int] | None
) -> dict[int, int]:
    """The members of each group; where all of them count, no further than one above COUNTED."""
    if not group_ids:
        return {}
    if center_ids is not None:
        counted: Select[int, int] = (
            select(GroupMember.group_id, func.count())
            .where(GroupMember.group_id.in_(group_ids), _is_member_of(center_ids))
            .group_by(GroupMember.group_id)
        )
        return {row[0]: row[1] for row in session.execute(counted)}
    some = (
        select(GroupMember.constituent_id)
        .where(GroupMember.group_id == Group.id)
        .correlate(Group)
        .limit(COUNTED + 1)
        .subquery()
    )
    each = select(func.count().label("members")).select_from(some).lateral()
    query = select(Group.id, each.c.members).join(each, true()).where(Group.id.in_(group_ids))
    return {row[0]: row[1] for row in session.execute(query)}


def _count_choices(
    session: Session, center_ids: frozenset[int] | None, interest_id: int | None = None
) -> dict[int, tuple[int, int]]:
    query = select(
        InterestChoice.interest_id,
        func.count().filter(InterestChoice.opted_in),
        func.count().filter(~InterestChoice.opted_in),
    ).group_by(InterestChoice.interest_id)
    if interest_id is not None:
        query = query.where(InterestChoice.interest_id == interest_id)
    if center_ids is not None:
        mine = select(CenterMember.constituent_id).where(CenterMember.center_id.in_(center_ids))
        query = query.where(InterestChoice.constituent_id.in_(mine))
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}
