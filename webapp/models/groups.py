"""Groups and interests, and who is in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base

DATA_SYNC_FOLDER = "Data Sync"
"""Where the New and Modified groups of runs stand (DOMAIN: Standard Constituent Import)."""

INTERESTS_FOLDER = "Interests"
"""Where the opt-in and opt-out groups of interests stand."""


class Group(Base):
    """A named set of constituents."""

    __tablename__ = "groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="standard", default="standard")
    folder: Mapped[str] = mapped_column(server_default="", default="")
    description: Mapped[str] = mapped_column(server_default="", default="")
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"), index=True)
    made_by_run_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(
            "kind IN ('standard', 'center_members', 'opt_in', 'opt_out', 'new', 'modified')",
            name="kind",
        ),
        Index(None, "name"),
    )


class GroupMember(Base):
    """A constituent's membership of a group."""

    __tablename__ = "group_members"

    group_id: Mapped[int]  # held by a trigger (docs/decisions/020-set-integrity.md)
    constituent_id: Mapped[int]  # held by a trigger (docs/decisions/020-set-integrity.md)
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        PrimaryKeyConstraint("group_id", "constituent_id"),
        Index(None, "constituent_id"),
    )


class Interest(Base):
    """An email or web topic a person can opt in to or out of."""

    __tablename__ = "interests"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="email", default="email")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("interests.id"))
    is_default: Mapped[bool] = mapped_column(server_default="false", default=False)
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"), index=True)
    opt_in_group_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id"))
    opt_out_group_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id"))
    made_by_run_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("kind IN ('email', 'web')", name="kind"),)


class InterestChoice(Base):
    """What a constituent chose for an interest: opted in, or opted out."""

    __tablename__ = "interest_choices"

    interest_id: Mapped[int] = mapped_column(ForeignKey("interests.id", ondelete="CASCADE"))
    constituent_id: Mapped[int]  # held by a trigger (docs/decisions/020-set-integrity.md)
    opted_in: Mapped[bool]
    chosen_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        PrimaryKeyConstraint("interest_id", "constituent_id"),
        Index(None, "constituent_id"),
    )
