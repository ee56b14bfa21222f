"""For which center a command runs an operation."""

from __future__ import annotations

from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Operation
from webapp.services.centers import get_center_by_name


def find_place(session: Session, operation: Operation, name: str | None) -> int | None:
    """The number of the center of this name, for whose own it then runs only; without a name the
    operation's own center, None for the site. `DataSyncError` where that can't be."""
    if name is None:
        return operation.center_id
    center = get_center_by_name(session, name)
    if operation.center_id not in (None, center.id):
        message = f"{operation.slug} is another center's operation. Leave --center out."
        raise DataSyncError("other_center", message)
    return center.id
