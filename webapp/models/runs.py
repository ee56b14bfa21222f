"""Operations, uploads, runs, the outcome of every row, and what staff corrected before a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import HSTORE, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.models.base import Base
from webapp.models.users import User


class Operation(Base):
    """A configured job staff can run: a standard one, or a customised copy for someone."""

    __tablename__ = "operations"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]  # 'standard_constituent_import', ...
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="", default="")
    is_standard: Mapped[bool] = mapped_column(server_default="false", default=False)
    # For whom a customised operation is: a user, a center, or (both null) the whole site
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"))
    notify: Mapped[list[str]] = mapped_column(JSONB, server_default="[]", default=list)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Upload(Base):
    """A file a person sent, as it came, in the file store under `key`."""

    __tablename__ = "uploads"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"))
    # rules.reading: the dialect and what was found, or the refusal
    examination: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Run(Base):
    """One execution of an operation, its preview, or its undo. This row is the truth.

    `state`: draft (the wizard is open), queued, running, success, failure, stale, cancelled.
    `next_row` is the number of data records already dealt with; `attempt` fences out workers that
    lost the run (DESIGN: A run). Rows read = created + updated + unchanged + rejected + withheld +
    delivered + removed + filtered out.
    """

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(server_default="run", default="run")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    operation_id: Mapped[int] = mapped_column(ForeignKey("operations.id"))
    label: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="", default="")
    state: Mapped[str] = mapped_column(server_default="draft", default="draft")
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
    notify: Mapped[list[str]] = mapped_column(JSONB, server_default="[]", default=list)
    upload_id: Mapped[int | None] = mapped_column(ForeignKey("uploads.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"))

    # The preview that was looked at, and how many times the rows were corrected since
    preview_id: Mapped[int | None] = mapped_column(BigInteger)
    edits_version: Mapped[int] = mapped_column(Integer, server_default="0", default=0)

    attempt: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    next_row: Mapped[int] = mapped_column(server_default="0", default=0)
    rows_total: Mapped[int | None]
    rows_total_is_exact: Mapped[bool] = mapped_column(server_default="false", default=False)
    rows_read: Mapped[int] = mapped_column(server_default="0", default=0)
    created: Mapped[int] = mapped_column(server_default="0", default=0)
    updated: Mapped[int] = mapped_column(server_default="0", default=0)
    unchanged: Mapped[int] = mapped_column(server_default="0", default=0)
    rejected: Mapped[int] = mapped_column(server_default="0", default=0)
    withheld: Mapped[int] = mapped_column(server_default="0", default=0)
    # Of downloads, whose rows read are the records that were looked at
    delivered: Mapped[int] = mapped_column(server_default="0", default=0)
    removed: Mapped[int] = mapped_column(server_default="0", default=0)
    filtered_out: Mapped[int] = mapped_column(server_default="0", default=0)
    # What else the run did: memberships added, opt-outs kept, undo's restored/removed/kept, ...
    tallies: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)

    cancel_requested: Mapped[bool] = mapped_column(server_default="false", default=False)
    failure: Mapped[str | None]  # the sentence a person reads
    new_group_id: Mapped[int | None]
    modified_group_id: Mapped[int | None]
    rejects_key: Mapped[str | None]  # in the file store

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    queued_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    operation: Mapped[Operation] = relationship()
    upload: Mapped[Upload | None] = relationship()
    user: Mapped[User | None] = relationship()

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in FINISHED_STATES

    __table_args__ = (
        CheckConstraint("kind IN ('run', 'preview', 'undo', 'undo_preview')", name="kind"),
        CheckConstraint(
            "state IN ('draft', 'queued', 'running', 'success', 'failure', 'stale', 'cancelled')",
            name="state",
        ),
        CheckConstraint(
            "kind LIKE 'undo%' OR rows_read = created + updated + unchanged + rejected + withheld"
            " + delivered + removed + filtered_out",
            name="counts_add_up",
        ),
        Index(None, "parent_id"),
        Index(None, "state"),
        Index(None, "upload_id"),
    )


FINISHED_STATES = ("success", "failure", "cancelled")


class RunRow(Base):
    """The outcome of one row of a run (for a preview: what would happen to it).

    `row_number` is the one a spreadsheet shows. `cells` are the row as it came in, kept where the
    row did not go through; `raw` is its text as it stands in the file, where that could not be read
    as a row. `changes` (previews only) is field => new value, `before` the old ones;
    `digest` seals them.
    """

    __tablename__ = "run_rows"

    run_id: Mapped[int]  # no foreign key: a check per row would be paid a million times a run
    row_number: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(Text)
    constituent_id: Mapped[int | None]
    who: Mapped[str]  # the row in a few words: name, email, member ID as in the file
    faults: Mapped[list[dict[str, str]] | None] = mapped_column(JSONB)
    notes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    cells: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    raw: Mapped[str | None]
    digest: Mapped[int | None]
    before: Mapped[dict[str, str | None] | None] = mapped_column(HSTORE)
    changes: Mapped[dict[str, str | None] | None] = mapped_column(HSTORE)
    into_id: Mapped[int | None]  # of uploads of memberships: the group or interest it is about

    __table_args__ = (
        PrimaryKeyConstraint("run_id", "row_number"),
        Index(
            "ix_run_rows_problems",
            "run_id",
            "row_number",
            postgresql_where="outcome IN ('rejected', 'withheld')",
        ),
        CheckConstraint(
            "outcome IN ('created', 'updated', 'unchanged', 'rejected', 'withheld')",
            name="outcome",
        ),
    )


class RunEdit(Base):
    """A correction made before a run: one cell, a row left out, or one value everywhere."""

    __tablename__ = "run_edits"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]  # 'cell', 'leave_out', 'value'
    row_number: Mapped[int | None] = mapped_column(Integer)
    column: Mapped[str | None]
    old_value: Mapped[str | None]
    new_value: Mapped[str | None]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint("kind IN ('cell', 'leave_out', 'value')", name="kind"),)


class Message(Base):
    """An email the program sent, or would have sent if a mail server were configured."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="waiting", default="waiting")
    error: Mapped[str | None]
    try_at: Mapped[datetime | None]  # not before then; null: at once
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'written', 'failed')", name="state"),
    )
