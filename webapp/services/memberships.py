"""Who is in a group, and what they chose of an interest, changed by hand.

DOMAIN: Group Assignment Upload and Segmentation Upload, whose rules hold here too. Every change is
logged with the person who made it as its source. A run that writes at that moment is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import (
    Center,
    CenterMember,
    Change,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
)
from webapp.services.constituents import hold_active
from webapp.services.locks import hold_keys, waiting_briefly

KINDS_BY_HAND = ("standard", "center_members")
"""What is an interest's is chosen on its page; what is a run's tells what that run did."""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding somebody: nothing, when they were in the group already."""

    was_added: bool
    joined: Center | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody chose of an interest, and when."""

    opted_in: bool
    at: datetime

    @property
    def version(self) -> str:
        """Names this choice among all that they made of it."""
        return f"{'in' if self.opted_in else 'out'} {self.at.isoformat()}"


def add_member(session: Session, group: Group, constituent_id: int) -> Added:
    """Put somebody into a group; a center's group makes them a member of that center (DOMAIN)."""
    _require_by_hand(group)
    with _waiting_briefly(session):
        hold_active(session, constituent_id)
        _hold(session, group)
        row = {"group_id": group.id, "constituent_id": constituent_id}
        made = insert(GroupMember).values(row).on_conflict_do_nothing()
        was_added = session.scalar(made.returning(GroupMember.group_id)) is not None
        has_joined = False
        if group.center_id is not None:
            row = {"center_id": group.center_id, "constituent_id": constituent_id}
            made = insert(CenterMember).values(row).on_conflict_do_nothing()
            has_joined = session.scalar(made.returning(CenterMember.center_id)) is not None
    return Added(was_added, session.get(Center, group.center_id) if has_joined else None)


def remove_member(session: Session, group: Group, constituent_id: int) -> bool:
    """Take somebody out of a group; False when they were not in it. Of a center they stay a
    member."""
    _require_by_hand(group)
    with _waiting_briefly(session):
        gone = delete(GroupMember).where(
            GroupMember.group_id == group.id, GroupMember.constituent_id == constituent_id
        )
        return session.scalar(gone.returning(GroupMember.group_id)) is not None


def choose(
    session: Session,
    interest: Interest,
    constituent_id: int,
    *,
    opted_in: bool,
    undoes_opt_out: bool = False,
    seen: str | None = None,
) -> bool:
    """Opt somebody in to an interest, or out of it; its groups follow. False when that was their
    choice already.

    `seen` is the version of their choice that was looked at (blank: there was none). When somebody
    changed it since, nothing is saved and `DataSyncError` "changed" says so.

    An opt-out is undone only when the caller says that the person asked for it (promise 7); else
    `DataSyncError` "opted_out" says what they chose.
    """
    with _waiting_briefly(session):
        # As runs do: nobody may enter one group of the interest while we put them into the other
        hold_keys(session)
        hold_active(session, constituent_id)
        _hold(session, interest)
        before = list_choices(session, interest, [constituent_id]).get(constituent_id)
        if before is not None and before.opted_in == opted_in:
            return False
        if seen is not None and seen != (before.version if before else ""):
            raise _changed(session, interest, constituent_id)
        if before is not None and opted_in and not undoes_opt_out:
            raise DataSyncError(
                "opted_out",
                f"This person opted out of {interest.name}, and stays opted out. Opt them in "
                "again only if they asked for it.",
            )
        _write_choice(session, interest, constituent_id, opted_in=opted_in)
    return True


def _changed(session: Session, interest: Interest, constituent_id: int) -> DataSyncError:
    who = session.scalar(
        select(Change.actor)
        .where(
            Change.constituent_id == constituent_id,
            Change.table_name == InterestChoice.__tablename__,
            Change.key == str(interest.id),
        )
        .order_by(Change.id.desc())
        .limit(1)
    )
    return DataSyncError(
        "changed",
        f"{who or 'Somebody else'} changed what this person chose of {interest.name} while you had "
        "the page open, so nothing was saved. Look at it as it is now, then choose again.",
    )


def _write_choice(
    session: Session, interest: Interest, constituent_id: int, *, opted_in: bool
) -> None:
    made = insert(InterestChoice).values(
        interest_id=interest.id, constituent_id=constituent_id, opted_in=opted_in
    )
    session.execute(
        made.on_conflict_do_update(
            index_elements=[InterestChoice.interest_id, InterestChoice.constituent_id],
            set_={"opted_in": opted_in, "chosen_at": func.now()},
        )
    )
    entered, left = interest.opt_in_group_id, interest.opt_out_group_id
    if not opted_in:
        entered, left = left, entered
    if left is not None:
        session.execute(
            delete(GroupMember).where(
                GroupMember.group_id == left, GroupMember.constituent_id == constituent_id
            )
        )
    if entered is not None:
        row = {"group_id": entered, "constituent_id": constituent_id}
        session.execute(insert(GroupMember).values(row).on_conflict_do_nothing())


def list_members_among(session: Session, group: Group, ids: Iterable[int]) -> frozenset[int]:
    """Which of these are in the group."""
    found = select(GroupMember.constituent_id).where(
        GroupMember.group_id == group.id, GroupMember.constituent_id.in_(list(ids))
    )
    return frozenset(session.scalars(found))


def list_choices(session: Session, interest: Interest, ids: Iterable[int]) -> Mapping[int, Chosen]:
    """What each of these chose, if anything: said so, or by the group of the interest they are
    in, as a segmentation upload understands it."""
    wanted = list(ids)
    owned = [each for each in (interest.opt_in_group_id, interest.opt_out_group_id) if each]
    members = session.execute(
        select(GroupMember.constituent_id, GroupMember.group_id, GroupMember.added_at).where(
            GroupMember.group_id.in_(owned), GroupMember.constituent_id.in_(wanted)
        )
    )
    found = {row[0]: Chosen(row[1] == interest.opt_in_group_id, row[2]) for row in members}
    said = session.execute(
        select(
            InterestChoice.constituent_id, InterestChoice.opted_in, InterestChoice.chosen_at
        ).where(
            InterestChoice.interest_id == interest.id, InterestChoice.constituent_id.in_(wanted)
        )
    )
    return found | {row[0]: Chosen(row[1], row[2]) for row in said}


def _require_by_hand(group: Group) -> None:
    if group.kind in KINDS_BY_HAND:
        return
    if group.kind in ("opt_in", "opt_out"):
        message = (
            f"{group.name} belongs to an interest. Opt people in or out on the interest's page."
        )
    else:
        message = f"{group.name} tells whom a run created or modified, and stays as it is."
    raise DataSyncError("not_by_hand", message)


def _hold(session: Session, thing: Group | Interest) -> None:
    """The group or interest stays there until the transaction ends."""
    table = type(thing)
    held = select(table.id).where(table.id == thing.id).with_for_update(read=True, key_share=True)
    if session.scalar(held) is None:
        noun = table.__name__.lower()
        raise DataSyncError("gone", f"This {noun} was deleted meanwhile. Choose another one.")


def _waiting_briefly(session: Session) -> AbstractContextManager[None]:
    return waiting_briefly(session, "A run is writing to the same records. Try again in a moment.")
