"""Operations: the standard ones, and the customised copies made for someone (DOMAIN: The tabs)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from webapp.errors import DataSyncError
from webapp.models import Center, Operation, Run, User, UserRole
from webapp.rules.catalogues import (
    CONSTITUENT_DOWNLOAD,
    CROSSREF_UPLOAD,
    GROUP_UPLOAD,
    SEGMENTATION,
    STANDARD_IMPORT,
    TRANSACTION_DOWNLOAD,
    TRANSACTION_UPLOAD,
    catalogue_of,
)
from webapp.rules.download_settings import DownloadSettings
from webapp.rules.values import DateOrder

WORKING_KINDS = (
    STANDARD_IMPORT,
    GROUP_UPLOAD,
    SEGMENTATION,
    TRANSACTION_UPLOAD,
    CONSTITUENT_DOWNLOAD,
    CROSSREF_UPLOAD,
    TRANSACTION_DOWNLOAD,
)
"""Only operations that work can be started; a kind joins when its processor is there."""

LISTED_KINDS = tuple(kind for kind in WORKING_KINDS if not catalogue_of(kind).is_of_entries)
"""Uploads of cross-references start from the type whose entries they are."""

OPT_IN_RIGHT = "may_opt_in_again"

Centers = frozenset[int] | None
"""Where someone may do something: None everywhere, empty nowhere (`webapp.access.scope`)."""


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom a customised operation is: one user, one center, or (both None) the whole site.

    A user's operation may belong to a center, whose managers then look after it.
    """

    user_id: int | None = None
    center_id: int | None = None


@dataclass(frozen=True, slots=True)
class OperationDraft:
    """What a manager says about a customised operation."""

    title: str
    description: str
    audience: Audience
    notify: tuple[str, ...] = ()
    date_order: DateOrder = DateOrder.MONTH_FIRST
    template_columns: tuple[str, ...] = ()
    may_opt_in_again: bool = False
    download: DownloadSettings | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation as a list shows it."""

    operation: Operation
    for_whom: str
    last_run: Run | None
    notify: tuple[str, ...] = field(default=())


def list_customised(
    session: Session, *, user_id: int, centers: Collection[int], runs_in: Centers
) -> list[Entry]:
    """The operations customised for this user, their centers or the site: My Data Sync Operations.

    `runs_in` says whose runs they may see.
    """
    mine = or_(
        Operation.user_id == user_id,
        Operation.user_id.is_(None) & Operation.center_id.is_(None),
        Operation.user_id.is_(None) & Operation.center_id.in_(centers),
    )
    return _entries(session, ~Operation.is_standard & mine, user_id, runs_in)


def list_standard(session: Session, *, user_id: int, runs_in: Centers) -> list[Entry]:
    """The standard operations that work."""
    return _entries(session, Operation.is_standard.is_(True), user_id, runs_in)


def list_for_others(
    session: Session, *, user_id: int, centers: Collection[int], manages_in: Centers
) -> list[Entry]:
    """The operations this manager looks after that are not among their own."""
    own = {
        entry.operation.id
        for entry in list_customised(session, user_id=user_id, centers=centers, runs_in=manages_in)
    }
    managed = true() if manages_in is None else Operation.center_id.in_(manages_in)
    found = _entries(session, ~Operation.is_standard & managed, user_id, manages_in)
    return [entry for entry in found if entry.operation.id not in own]


def find_operation(session: Session, slug: str) -> Operation | None:
    """The operation of this slug that works, or None."""
    if "\x00" in slug:
        return None  # the database has no such text, and would say so by failing
    return session.scalar(
        select(Operation).where(Operation.slug == slug, Operation.kind.in_(WORKING_KINDS))
    )


def is_for(operation: Operation, *, user_id: int, centers: Centers) -> bool:
    """Whether someone who may do it in these centers may do it to this operation: to one for the
    site everybody, to a center's whoever may there, to a user's the user and whoever may in the
    center (or site) it belongs to."""
    if centers == frozenset():
        return False
    if centers is None or operation.user_id == user_id:
        return True
    if operation.user_id is not None:
        return operation.center_id in centers
    return operation.center_id is None or operation.center_id in centers


def is_open_to(operation: Operation, *, is_admin: bool) -> bool:
    """Whether the kind of the operation is one for everybody, or they are an administrator: what
    adds gifts to the books is nobody else's."""
    return is_admin or not catalogue_of(operation.kind).for_administrators


def copy_operation(session: Session, original: Operation, draft: OperationDraft) -> Operation:
    """A customised operation of the same kind. Its slug is made from its title and stays."""
    operation = Operation(kind=original.kind, is_standard=False)
    _apply(session, operation, draft)
    stem = _slug(draft.title)
    for number in range(1, 1000):
        operation.slug = stem if number == 1 else f"{stem}-{number}"
        if is_slug_taken(session, operation.slug):
            continue
        try:
            with session.begin_nested():
                session.add(operation)
        except IntegrityError:  # somebody took the slug at this moment
            continue
        return operation
    raise DataSyncError("title_taken", "There are too many operations of this title.", "title")


def edit_operation(session: Session, operation: Operation, draft: OperationDraft) -> None:
    """Change a customised operation. Runs that were started keep what they began with."""
    _require_customised(operation)
    _apply(session, operation, draft)
    session.flush()


def delete_operation(session: Session, operation: Operation) -> int:
    """Delete a customised operation. Its runs and open drafts stay, filed under the standard
    operation of its kind; says how many runs those are."""
    _require_customised(operation)
    # Whoever makes a draft of it at this moment waits, so that no run is left without operation
    if session.get(Operation, operation.id, with_for_update=True, populate_existing=True) is None:
        return 0
    standard = session.scalars(
        select(Operation.id).where(Operation.kind == operation.kind, Operation.is_standard)
    ).one()
    kept = session.scalar(
        select(func.count())
        .select_from(Run)
        .where(Run.operation_id == operation.id, Run.kind == "run", Run.state != "draft")
    )
    session.execute(
        update(Run).where(Run.operation_id == operation.id).values(operation_id=standard)
    )
    session.delete(operation)
    session.flush()
    return kept or 0


def list_people(
    session: Session, centers: Centers, *, also_id: int | None = None
) -> Sequence[User]:
    """The active users a manager of these centers can make an operation for, and whoever has this
    one already (`also_id`), so that editing it doesn't take it away."""
    offered: ColumnElement[bool] = User.is_active_user.is_(True)
    if centers is not None:
        held = select(UserRole.user_id).where(UserRole.center_id.in_(centers))
        offered = and_(offered, User.id.in_(held))
    query = select(User).where(or_(offered, User.id == also_id))
    return session.scalars(query.order_by(func.lower(User.name), User.id)).all()


def common_center(session: Session, user_id: int, centers: frozenset[int]) -> int:
    """The one of these centers that a person works for; the first of them if it is several."""
    held = session.scalar(
        select(func.min(UserRole.center_id)).where(
            UserRole.user_id == user_id, UserRole.center_id.in_(centers)
        )
    )
    return held if held is not None else min(centers)


def date_order_of(operation: Operation) -> DateOrder:
    """How the operation reads 03/04/1980."""
    return DateOrder(operation.options.get("date_order", DateOrder.MONTH_FIRST))


def template_columns_of(operation: Operation) -> tuple[str, ...]:
    """The columns of the operation's template file; empty means all."""
    return tuple(operation.options.get("template_columns", ()))


def may_opt_in_again(operation: Operation) -> bool:
    """Whether a manager gave this operation the right to opt people in again who opted out: each
    run of it still has to be told so by the person who starts it (promise 7)."""
    return bool((operation.options or {}).get(OPT_IN_RIGHT))


def is_slug_taken(session: Session, slug: str) -> bool:
    """Whether an operation has this slug."""
    return session.scalar(select(Operation.id).where(Operation.slug == slug)) is not None


def _entries(
    session: Session, which: ColumnElement[bool], user_id: int, runs_in: Centers
) -> list[Entry]:
    latest = (
        select(Run)
        .where(Run.operation_id == Operation.id, Run.kind == "run", Run.state != "draft")
        .where(true() if runs_in is None else Run.center_id.in_(runs_in))
        .order_by(Run.id.desc())
        .limit(1)
        .correlate(Operation)
        .lateral()
    )
    last_run = aliased(Run, latest)
    rows = session.execute(
        select(Operation, User.name, User.email, Center.name, last_run)
        .outerjoin(User, User.id == Operation.user_id)
        .outerjoin(Center, Center.id == Operation.center_id)
        .outerjoin(last_run, true())
        .where(which, Operation.kind.in_(LISTED_KINDS))
        .order_by(Operation.is_standard.desc(), func.lower(Operation.title), Operation.id)
    )
    return [
        Entry(
            operation,
            _for_whom(operation, user_id, name or email, center),
            run,
            tuple(operation.notify),
        )
        for operation, name, email, center, run in rows
    ]


def _for_whom(
    operation: Operation, user_id: int, user_name: str | None, center_name: str | None
) -> str:
    if operation.user_id is not None:
        return "you" if operation.user_id == user_id else str(user_name)
    return str(center_name) if operation.center_id is not None else "everyone"


def _apply(session: Session, operation: Operation, draft: OperationDraft) -> None:
    operation.title = draft.title
    operation.description = draft.description
    operation.user_id = draft.audience.user_id
    operation.center_id = draft.audience.center_id
    operation.notify = list(unique_addresses(draft.notify))
    operation.options = {
        **(operation.options or {}),
        "date_order": draft.date_order.value,
        "template_columns": list(draft.template_columns),
        OPT_IN_RIGHT: draft.may_opt_in_again,
    }
    if draft.download is not None:
        operation.options |= {"download_settings": draft.download.to_json()}


def unique_addresses(addresses: Iterable[str]) -> list[str]:
    """Each address once, in any case, in the order given."""
    return list({address.lower(): address for address in reversed(list(addresses))}.values())[::-1]


def _require_customised(operation: Operation) -> None:
    if operation.is_standard:
        raise DataSyncError(
            "standard", "A standard operation stays as it is. Customise a copy of it instead."
        )


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "operation"
