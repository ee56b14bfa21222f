"""People who sign in, and the roles they hold site-wide or for a center."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.models.base import Base
from webapp.models.centers import Center


class User(Base):
    """Someone who can sign in. Never deleted (the change log names them), only deactivated."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    password_hash: Mapped[str]
    is_site_admin: Mapped[bool] = mapped_column(server_default="false", default=False)
    is_vendor_support: Mapped[bool] = mapped_column(server_default="false", default=False)
    is_active_user: Mapped[bool] = mapped_column(server_default="true", default=True)
    session_version: Mapped[int] = mapped_column(server_default="1", default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_sign_in_at: Mapped[datetime | None]

    roles: Mapped[list[UserRole]] = relationship(
        back_populates="user", cascade="all, delete-orphan", order_by="UserRole.id"
    )


Index("uq_users_email_lower", func.lower(User.email), unique=True)


class UserRole(Base):
    """One role of one user: site-wide where `center_id` is null, else for that center."""

    __tablename__ = "user_roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(Text)
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id", ondelete="CASCADE"))

    user: Mapped[User] = relationship(back_populates="roles")
    center: Mapped[Center | None] = relationship()

    __table_args__ = (
        UniqueConstraint("user_id", "role", "center_id", postgresql_nulls_not_distinct=True),
    )
