"""Centers: chapters or affiliates with members and administrators of their own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import distinct, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Center, UserRole


def create_center(session: Session, name: str) -> Center:
    """A new center; names are unique, whatever their case."""
    center = Center(name=_clean(session, name, except_id=None))
    with _unique_name(session):
        session.add(center)
    return center


def rename_center(session: Session, center: Center, name: str) -> None:
    """Give it another name. Rows of later files must use the new one."""
    name = _clean(session, name, except_id=center.id)
    with _unique_name(session):
        center.name = name


def find_center(session: Session, center_id: int) -> Center | None:
    """The center with this id, or None."""
    return session.get(Center, center_id)


def find_center_by_name(session: Session, name: str) -> Center | None:
    """The center of this name, in any case, or None."""
    wanted = unicodedata.normalize("NFC", name.strip())
    return session.scalar(select(Center).where(func.lower(Center.name) == func.lower(wanted)))


def get_center_by_name(session: Session, name: str) -> Center:
    """The same; `DataSyncError` "no_center" names those there are."""
    center = find_center_by_name(session, name)
    if center is None:
        known = ", ".join(center.name for center in list_centers(session)) or "none yet"
        raise DataSyncError("no_center", f"There is no center called {name}. There are: {known}.")
    return center


def list_centers(session: Session) -> Sequence[Center]:
    """All of them, by name."""
    return session.scalars(select(Center).order_by(func.lower(Center.name), Center.id)).all()


def count_users(session: Session) -> dict[int, int]:
    """How many users hold a role for each center."""
    rows = session.execute(
        select(UserRole.center_id, func.count(distinct(UserRole.user_id)))
        .where(UserRole.center_id.is_not(None))
        .group_by(UserRole.center_id)
    )
    return {center_id: count for center_id, count in rows if center_id is not None}


def _clean(session: Session, name: str, except_id: int | None) -> str:
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name:
        raise DataSyncError("name_missing", "Give the center a name.", "name")
    other = find_center_by_name(session, name)
    if other is not None and other.id != except_id:
        raise _name_taken()
    return name


def _name_taken() -> DataSyncError:
    return DataSyncError(
        "name_taken", "There is a center of this name already. Choose another name.", "name"
    )


@contextmanager
def _unique_name(session: Session) -> Iterator[None]:
    # The constraint decides when two administrators use one name at the same moment.
    try:
        with session.begin_nested():
            yield
            session.flush()
    except IntegrityError as error:
        raise _name_taken() from error
