"""Deleting a group or an interest: what it would take along, and what forbids it.

Nothing that is still used goes (a cross-reference, an operation's filter, an interest under it),
nor an interest that somebody opted out of: with it their no would be forgotten (promise 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import (
    CrossReferenceEntry,
    CrossReferenceType,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
    Operation,
)
from webapp.rules.crossrefs import OnlineKind, online_key
from webapp.services.downloads import SETTINGS_OPTION
from webapp.services.locks import hold_keys, waiting_briefly

DELETABLE_KINDS = ("standard", "center_members")
MOST_MEMBERS = 100_000
"""With more, a deletion would take longer than a request may."""
NAMED = 3
"""Uses of one sort that are named one by one."""


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a deletion would do. With `obstacles`, sentences that say why not and what to do, it
    is refused. `members` counts no further than one above MOST_MEMBERS."""

    members: int = 0
    opted_in: int = 0
    opted_out: int = 0
    obstacles: tuple[str, ...] = ()


def foresee_group(session: Session, group: Group) -> Consequences:
    """What deleting the group would do."""
    members = _members(session, [group.id])
    obstacles = [*_uses(session, "group", group.id, group.name, "groups")]
    owner = or_(Interest.opt_in_group_id == group.id, Interest.opt_out_group_id == group.id)
    is_owned = session.scalar(select(Interest.id).where(owner).limit(1)) is not None
    if group.kind not in DELETABLE_KINDS or is_owned:
        obstacles.append("It belongs to an interest or a run, and goes with it.")
    if members > MOST_MEMBERS:
        obstacles.append(
            f"It has over {MOST_MEMBERS:,} members. Undo the runs that filled it, then delete it."
        )
    return Consequences(members=members, obstacles=tuple(obstacles))


def foresee_interest(session: Session, interest: Interest) -> Consequences:
    """What deleting the interest would do."""
    into = InterestChoice.opted_in
    chosen = select(func.count().filter(into), func.count().filter(~into)).where(
        InterestChoice.interest_id == interest.id
    )
    opted_in, opted_out = session.execute(chosen).one()
    members = _members(session, _owned(interest))
    if interest.opt_out_group_id is not None:
        opted_out = max(opted_out, _members(session, [interest.opt_out_group_id]))
    obstacles = [*_uses(session, "interest", interest.id, interest.name, "interests")]
    if opted_out:
        people = "person" if opted_out == 1 else "people"
        obstacles.append(
            f"{opted_out:,} {people} opted out of it, and their no would be forgotten."
        )
    under = session.scalars(
        select(Interest.name).where(Interest.parent_id == interest.id).order_by(Interest.name)
    ).all()
    if under:
        obstacles.append(
            f"{_listed(under)} {'stands' if len(under) == 1 else 'stand'} under it. Edit or delete"
            f" {'that' if len(under) == 1 else 'those'} first."
        )
    if members > MOST_MEMBERS:
        obstacles.append(f"Over {MOST_MEMBERS:,} people chose it, too many to delete at once.")
    return Consequences(members, opted_in, opted_out, tuple(obstacles))


def delete_group(session: Session, group: Group) -> Consequences:
    """Delete the group with its memberships, each logged. Raises `DataSyncError` "in_use"."""
    _hold(session, group)
    found = foresee_group(session, group)
    _refuse(found)
    session.execute(delete(GroupMember).where(GroupMember.group_id == group.id))
    session.delete(group)
    session.flush()
    return found


def delete_interest(session: Session, interest: Interest) -> Consequences:
    """Delete the interest, the choices made and its two groups. Raises `DataSyncError` "in_use"."""
    _hold(session, interest)
    found = foresee_interest(session, interest)
    _refuse(found)
    owned = _owned(interest)
    session.execute(delete(GroupMember).where(GroupMember.group_id.in_(owned)))
    session.execute(delete(InterestChoice).where(InterestChoice.interest_id == interest.id))
    session.delete(interest)
    session.flush()
    others = select(Interest.id).where(
        or_(Interest.opt_in_group_id == Group.id, Interest.opt_out_group_id == Group.id)
    )
    session.execute(
        delete(Group)
        .where(Group.id.in_(owned), ~others.correlate(Group).exists())
        .execution_options(synchronize_session=False)
    )
    return found


def _hold(session: Session, thing: Group | Interest) -> None:
    """No run may be about to put somebody into it (docs/decisions/020-set-integrity.md)."""
    table = type(thing)
    with waiting_briefly(session, "A run is writing at this moment. Try again when it is done."):
        hold_keys(session)
        held = session.scalar(select(table.id).where(table.id == thing.id).with_for_update())
    if held is None:
        raise DataSyncError("gone", "It was deleted meanwhile.")


def _refuse(found: Consequences) -> None:
    if found.obstacles:
        raise DataSyncError("in_use", " ".join(found.obstacles))


def _owned(interest: Interest) -> list[int]:
    """The interest's groups: opted in, then opted out."""
    return [each for each in (interest.opt_in_group_id, interest.opt_out_group_id) if each]


def _members(session: Session, group_ids: list[int]) -> int:
    some = select(GroupMember.constituent_id).where(GroupMember.group_id.in_(group_ids))
    some_of_them = some.limit(MOST_MEMBERS + 1).subquery()
    return session.scalar(select(func.count()).select_from(some_of_them)) or 0


def _uses(session: Session, kind: str, number: int, name: str, option: str) -> Iterator[str]:
    """Sentences on what still names it."""
    entries = session.scalar(
        select(func.count())
        .select_from(CrossReferenceEntry)
        .join(CrossReferenceType, CrossReferenceType.id == CrossReferenceEntry.type_id)
        .where(
            CrossReferenceType.online_kind == kind,
            CrossReferenceEntry.online_key == online_key(OnlineKind(kind), str(number)),
        )
    )
    if entries:
        words = "cross-reference leads" if entries == 1 else "cross-references lead"
        yield f"{entries:,} {words} to {name}. Delete or change them first."
    defaults = session.scalars(
        select(CrossReferenceType.label).where(
            CrossReferenceType.online_kind == kind, CrossReferenceType.default_value == str(number)
        )
    ).all()
    if defaults:
        yield (
            f"It is what unmapped values become in the cross-reference {_listed(defaults)}. "
            "Choose another default first."
        )
    filters = Operation.options[SETTINGS_OPTION][option]
    operations = session.scalars(
        select(Operation.title)
        .where(func.coalesce(filters, text("'[]'::jsonb")).op("@>")(func.to_jsonb(number)))
        .order_by(Operation.title)
    ).all()
    if operations:
        yield f"The operation {_listed(operations)} is limited to it. Change the operation first."


def _listed(names: Sequence[str]) -> str:
    known = [f"“{name}”" for name in names]
    shown, more = known[:NAMED], len(known) - NAMED
    if more > 0:
        shown.append(f"{more:,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
