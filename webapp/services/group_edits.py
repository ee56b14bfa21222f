"""Making and changing groups and interests by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Group, Interest
from webapp.models.groups import INTERESTS_FOLDER
from webapp.rules.names import cleaned, folded_name
from webapp.services.changes import fingerprint, require_unchanged
from webapp.services.locks import waiting_briefly

EDITABLE_KINDS = ("standard", "center_members")
"""What is an interest's, or a run's, is changed with those."""


@dataclass(frozen=True, slots=True)
class InterestDraft:
    """What somebody says about an interest."""

    name: str
    kind: str
    parent_id: int | None
    is_default: bool


def create_group(
    session: Session, *, name: str, folder: str, description: str, center_id: int | None
) -> Group:
    """A standard group; its name is free where it belongs."""
    name = cleaned(name)
    _require_free(session, Group, name, center_id, None)
    group = Group(name=name, folder=folder, description=description, center_id=center_id)
    session.add(group)
    session.flush()
    return group


def edit_group(
    session: Session,
    group: Group,
    *,
    name: str,
    folder: str,
    description: str,
    seen: str | None = None,
) -> None:
    """Change what a group is called; who is in it stays. `seen` is the fingerprint of the group
    that was looked at."""
    _hold(session, group)
    require_unchanged(seen, fingerprint_group(group), group.name)
    if group.kind not in EDITABLE_KINDS:
        raise DataSyncError(
            "not_editable",
            "This group belongs to an interest or a run, and is changed with it.",
        )
    name = cleaned(name)
    _require_free(session, Group, name, group.center_id, group.id)
    group.name, group.folder, group.description = name, folder, description
    session.flush()


def fingerprint_group(group: Group) -> str:
    """Of what can be edited of a group."""
    return fingerprint(group.name, group.folder, group.description)


def create_interest(session: Session, draft: InterestDraft, *, center_id: int | None) -> Interest:
    """An interest with its opt-in and opt-out groups."""
    name = cleaned(draft.name)
    _require_free(session, Interest, name, center_id, None)
    _require_parent(session, draft.parent_id, center_id, None)
    into, out_of = (
        Group(name=f"{name}: {words}", kind=kind, folder=INTERESTS_FOLDER, center_id=center_id)
        for kind, words in (("opt_in", "opted in"), ("opt_out", "opted out"))
    )
    session.add_all([into, out_of])
    session.flush()
    interest = Interest(
        name=name,
        kind=draft.kind,
        parent_id=draft.parent_id,
        is_default=draft.is_default,
        center_id=center_id,
        opt_in_group_id=into.id,
        opt_out_group_id=out_of.id,
    )
    session.add(interest)
    session.flush()
    return interest


def edit_interest(
    session: Session, interest: Interest, draft: InterestDraft, *, seen: str | None = None
) -> None:
    """Change an interest; its groups are called after it, and what people chose stays. `seen` is
    the fingerprint of the interest that was looked at."""
    _hold(session, interest)
    require_unchanged(seen, fingerprint_interest(interest), interest.name)
    name = cleaned(draft.name)
    _require_free(session, Interest, name, interest.center_id, interest.id)
    _require_parent(session, draft.parent_id, interest.center_id, interest.id)
    if name != interest.name:
        for group_id, words in (
            (interest.opt_in_group_id, "opted in"),
            (interest.opt_out_group_id, "opted out"),
        ):
            group = session.get(Group, group_id) if group_id else None
            if group is not None and group.name == f"{interest.name}: {words}":
                group.name = f"{name}: {words}"
    interest.name, interest.kind = name, draft.kind
    interest.parent_id, interest.is_default = draft.parent_id, draft.is_default
    session.flush()


def fingerprint_interest(interest: Interest) -> str:
    """Of what can be edited of an interest."""
    return fingerprint(interest.name, interest.kind, interest.parent_id, interest.is_default)


def _hold(session: Session, thing: Group | Interest) -> None:
    """It is as the database has it, and stays so until the transaction ends. Raises `DataSyncError`
    when somebody deleted it, or takes longer than a person waits for."""
    name = thing.name
    with waiting_briefly(session, f"Somebody else is changing {name} at this moment. Try again."):
        held = session.get(
            type(thing), thing.id, with_for_update={"key_share": True}, populate_existing=True
        )
    if held is None:
        raise DataSyncError("gone", f"Somebody else deleted {name} while you had this page open.")


def find_interest(session: Session, interest_id: int) -> Interest | None:
    """The interest with this id, or None."""
    return session.get(Interest, interest_id) if interest_id < 2**63 else None


def list_parents(
    session: Session, center_id: int | None, *, but: int | None = None
) -> Sequence[Interest]:
    """The interests that one of this center (None: a General one) may stand under: those of the
    first level that are General or the center's own."""
    query = select(Interest).where(
        Interest.parent_id.is_(None),
        Interest.center_id.is_(None) | (Interest.center_id == center_id),
    )
    if but is not None:
        query = query.where(Interest.id != but)
    return session.scalars(query.order_by(func.lower(Interest.name), Interest.id)).all()


def _require_free(
    session: Session,
    table: type[Group] | type[Interest],
    name: str,
    center_id: int | None,
    but: int | None,
) -> None:
    if not name:
        raise DataSyncError("no_name", "Give it a name.", "name")
    same = select(table.id, table.name).where(
        table.center_id.is_not_distinct_from(center_id), func.lower(table.name) == name.lower()
    )
    if any(row[0] != but and folded_name(row[1]) == folded_name(name)
           for row in session.execute(same)):  # fmt: skip
        raise DataSyncError("name_taken", "There is one of this name already.", "name")


def _require_parent(
    session: Session, parent_id: int | None, center_id: int | None, own_id: int | None
) -> None:
    if parent_id is None:
        return
    allowed = {parent.id for parent in list_parents(session, center_id, but=own_id)}
    if own_id is not None and session.scalar(
        select(Interest.id).where(Interest.parent_id == own_id).limit(1)
    ):
        raise DataSyncError(
            "has_children", "Interests stand under this one, so it can’t stand under another.",
            "parent_id",
        )  # fmt: skip
    if parent_id not in allowed:
        raise DataSyncError("no_parent", "Choose one of the interests offered.", "parent_id")
