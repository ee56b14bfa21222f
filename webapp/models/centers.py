"""Centers: chapters or affiliates that see only their own records."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base


class Center(Base):
    """A chapter or affiliate."""

    __tablename__ = "centers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CenterMember(Base):
    """A constituent's membership of a center."""

    __tablename__ = "center_members"

    center_id: Mapped[int] = mapped_column(ForeignKey("centers.id"))
    constituent_id: Mapped[int]  # held by a trigger (docs/decisions/020-set-integrity.md)
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        PrimaryKeyConstraint("center_id", "constituent_id"),
        Index(None, "constituent_id"),
    )
