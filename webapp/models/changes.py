"""The change log (DESIGN: The change log is the backbone). Written by triggers only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import HSTORE
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base


class Change(Base):
    """One record written once: which, how, when, by whom, from which run and row.

    `old` holds the previous values of the columns that changed (`custom.KEY` for a custom field)
    as text; NULL for an insert; the whole record for a delete. `key` tells records of one
    constituent apart (the group's id, the interest's id, the email, ...).
    """

    __tablename__ = "change_log"

    # No index of its own: nobody asks for an entry by its number alone, and it is paid per entry
    id: Mapped[int] = mapped_column(primary_key=True)
    # pg_current_xact_id(): 64 bits that never wrap around, as a bigint because BRIN takes no xid8
    xid: Mapped[int] = mapped_column(server_default=text("(pg_current_xact_id()::text::bigint)"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    table_name: Mapped[str] = mapped_column(Text)
    op: Mapped[str] = mapped_column(Text)  # insert, update, delete
    constituent_id: Mapped[int | None]
    key: Mapped[str | None]
    actor_id: Mapped[int | None]
    actor: Mapped[str | None]
    run_id: Mapped[int | None]
    row_number: Mapped[int | None] = mapped_column(Integer)
    old: Mapped[dict[str, str | None] | None] = mapped_column(HSTORE)

    __table_args__ = (
        Index(None, "constituent_id", "id"),
        # The log only grows at its end, so block ranges find a run or a window almost for nothing
        Index(
            "ix_change_log_run_id",
            "run_id",
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32, "autosummarize": True},
        ),
        Index(
            "ix_change_log_xid",
            "xid",
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32, "autosummarize": True},
        ),
    )
