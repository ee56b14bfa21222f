"""Downloads: whose window it is, what each one covered and gave, its files, what was held back.

The rows of a download are written before it ends and count once `is_committed`, which is set in
the transaction that marks the run a success. What a run left behind that never got there is
nobody's.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base


class DownloadStream(Base):
    """Whose window it is: an operation's, for the site or for one center."""

    __tablename__ = "download_streams"

    id: Mapped[int] = mapped_column(primary_key=True)
    operation_id: Mapped[int] = mapped_column(ForeignKey("operations.id", ondelete="CASCADE"))
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"))

    __table_args__ = (
        UniqueConstraint("operation_id", "center_id", postgresql_nulls_not_distinct=True),
    )


class DownloadWindow(Base):
    """What one download covered, and the account of every change in it.

    `number` counts the committed downloads of a stream. `position` is the snapshot up to which
    everything was accounted for once this one is committed (its own end, or, for a download that
    does not move the window, what it was before), and `position_log_id` the last row of the change
    log that it saw; both belong to `cluster`. `token` is what the file store remembers this one by
    (services.delivery_tokens); None: it leaves there what it finds.
    """

    __tablename__ = "download_windows"

    run_id: Mapped[int] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    stream_id: Mapped[int | None] = mapped_column(
        ForeignKey("download_streams.id", ondelete="SET NULL")
    )
    number: Mapped[int]
    is_committed: Mapped[bool] = mapped_column(server_default="false", default=False)
    start: Mapped[str]  # rules.download_settings.Start
    since_at: Mapped[datetime | None]
    from_snapshot: Mapped[str | None]  # None: everything
    from_log_id: Mapped[int | None]
    to_snapshot: Mapped[str]
    to_at: Mapped[datetime]
    moves: Mapped[bool]
    position: Mapped[str | None]
    position_log_id: Mapped[int | None]
    position_at: Mapped[datetime | None]
    cluster: Mapped[str | None]
    restored_from: Mapped[str | None]  # the cluster before, when the database was put back
    token: Mapped[str | None]
    changed: Mapped[int]
    carried: Mapped[int]  # held back before, looked at again
    delivered: Mapped[int]
    removed: Mapped[int]
    withheld: Mapped[int]
    filtered_out: Mapped[int]
    echoed: Mapped[int]  # of those filtered out
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sample: Mapped[list[list[str]]] = mapped_column(JSONB, server_default="[]", default=list)

    __table_args__ = (
        CheckConstraint("start IN ('last', 'everything', 'date', 'again', 'free')", name="start"),
        CheckConstraint(
            "changed + carried = delivered + removed + withheld + filtered_out",
            name="accounts_for_every_change",
        ),
        CheckConstraint("echoed <= filtered_out", name="echoes_are_filtered_out"),
        CheckConstraint("NOT moves OR position = to_snapshot", name="moves_to_its_end"),
        Index(
            "uq_download_windows_stream_number",
            "stream_id",
            "number",
            unique=True,
            postgresql_where=text("is_committed"),
        ),
    )


class DownloadFile(Base):
    """A file of a download, in the file store under `key` until its time is over."""

    __tablename__ = "download_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    role: Mapped[str]  # 'records', 'removals'
    format: Mapped[str]  # 'csv', 'xlsx'
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    rows: Mapped[int]
    size: Mapped[int]
    sha256: Mapped[str]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("role IN ('records', 'removals')", name="role"),
        CheckConstraint("format IN ('csv', 'xlsx')", name="format"),
    )


class WithheldRecord(Base):
    """Why a download held a record back: one row for each reason. The current held-back list of a
    stream is that of its latest committed download."""

    __tablename__ = "withheld_records"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    record_id: Mapped[int]
    reason: Mapped[str]  # rules.withholding.Reason
    field: Mapped[str] = mapped_column(server_default="", default="")
    value: Mapped[str] = mapped_column(server_default="", default="")
    constituent_id: Mapped[int | None]
    who: Mapped[str] = mapped_column(server_default="", default="")
    amount: Mapped[Decimal | None] = mapped_column(Numeric)
    currency: Mapped[str | None]
    since_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("run_id", "record_id", "reason", "field", "value"),
        Index(None, "run_id", "reason", "record_id"),
    )


class DownloadDelivery(Base):
    """Records that go out once, and the download that took them: those of one block of numbers
    (`record >> 10`), as ranges."""

    __tablename__ = "download_deliveries"

    run_id: Mapped[int]
    block: Mapped[int]
    is_update: Mapped[bool]
    records: Mapped[MultiRange[int]] = mapped_column(INT8MULTIRANGE)

    __table_args__ = (PrimaryKeyConstraint("block", "run_id", "is_update"), Index(None, "run_id"))
