"""What the filter of a download can name: groups, interests and centers."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from webapp.models import Center, Group, Interest

MOST = 5_000

Choices = list[tuple[int, str]]


def list_choices(session: Session, center_id: int | None) -> tuple[Choices, Choices, Choices]:
    """Groups, interests and centers by name: a center's own and the General ones, all of them for
    the site. A center's download has its own people only, so it is offered no centers."""
    groups = select(Group.id, Group.name).where(Group.kind == "standard")
    interests = select(Interest.id, Interest.name)
    if center_id is not None:
        groups = groups.where(or_(Group.center_id.is_(None), Group.center_id == center_id))
        interests = interests.where(
            or_(Interest.center_id.is_(None), Interest.center_id == center_id)
        )
    centers = (
        []
        if center_id is not None
        else session.execute(
            select(Center.id, Center.name).order_by(func.lower(Center.name)).limit(MOST)
        ).all()
    )
    return (
        [
            (row[0], row[1])
            for row in session.execute(
                groups.order_by(func.lower(Group.name), Group.id).limit(MOST)
            )
        ],
        [
            (row[0], row[1])
            for row in session.execute(
                interests.order_by(func.lower(Interest.name), Interest.id).limit(MOST)
            )
        ],
        [(row[0], row[1]) for row in centers],
    )
