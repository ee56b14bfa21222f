"""Cross-references: types, their entries, and what runs saw of them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base


class CrossReferenceType(Base):
    """What is translated: groups, interests, the codes of a field, ...

    `version` grows by one with every transaction that changes the type or one of its entries (a
    trigger keeps it), and changes of one type wait for one another: a version names a table.
    """

    __tablename__ = "cross_reference_types"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)  # 'group', 'origin_source', 'field:TITLE', ...
    label: Mapped[str]
    online_kind: Mapped[str]  # webapp.rules.crossrefs.OnlineKind
    foreign_labels: Mapped[list[str]] = mapped_column(JSONB, server_default='["Foreign value"]')
    policy: Mapped[str] = mapped_column(server_default="reject", default="reject")
    default_value: Mapped[str | None]
    position: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    version: Mapped[int] = mapped_column(server_default="0", default=0)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(
            "online_kind IN ('group', 'interest', 'code', 'campaign', 'donation_form',"
            " 'designation', 'calendar_event', 'teamraiser', 'personal_event')",
            name="online_kind",
        ),
        CheckConstraint("policy IN ('reject', 'keep', 'default')", name="policy"),
        CheckConstraint(
            "policy <> 'default' OR default_value IS NOT NULL", name="default_is_given"
        ),
        CheckConstraint("jsonb_array_length(foreign_labels) BETWEEN 1 AND 10", name="labels"),
    )


class CrossReferenceEntry(Base):
    """One online value with its foreign values, as many as its type has labels.

    `online_key` and `foreign_key` are the values as they are compared (webapp.rules.crossrefs),
    `searched` all of them as one text. In one scope (a center, or General) and at one time a
    foreign value means one thing, and one foreign value is sent back for an online one: the
    database refuses anything else.
    """

    __tablename__ = "cross_reference_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    type_id: Mapped[int] = mapped_column(ForeignKey("cross_reference_types.id"))
    online_value: Mapped[str]
    foreign_values: Mapped[list[str]] = mapped_column(ARRAY(Text))
    description: Mapped[str] = mapped_column(server_default="", default="")
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"))  # None: General
    is_sent_back: Mapped[bool] = mapped_column(server_default="false", default=False)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    online_key: Mapped[str]
    foreign_key: Mapped[str]
    searched: Mapped[str]
    version: Mapped[int] = mapped_column(Integer, server_default="1", default=1)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))

    __table_args__ = (
        CheckConstraint("cardinality(foreign_values) BETWEEN 1 AND 10", name="foreign_values"),
        CheckConstraint("valid_from <= valid_to", name="dates"),
        Index(None, "type_id", "foreign_key", "id"),
        Index(None, "type_id", "online_key", "id"),
        Index(None, "type_id", "updated_at", "id"),
        Index(None, "center_id", postgresql_where="center_id IS NOT NULL"),
    )


class CrossReferenceUse(Base):
    """How far one run could translate with one type: rows that had a value, and rows mapped.

    `amounts` has the money of those rows, where they have any: {currency: [of all, of the mapped]},
    decimals as text.
    """

    __tablename__ = "cross_reference_uses"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    type_id: Mapped[int] = mapped_column(ForeignKey("cross_reference_types.id"))
    center_id: Mapped[int | None]
    version: Mapped[int]
    rows: Mapped[int] = mapped_column(server_default="0", default=0)
    mapped: Mapped[int] = mapped_column(server_default="0", default=0)
    amounts: Mapped[dict[str, list[str]]] = mapped_column(JSONB, server_default="{}", default=dict)

    __table_args__ = (
        PrimaryKeyConstraint("run_id", "type_id"),
        Index(None, "type_id", "run_id"),
    )


class CrossReferenceSeen(Base):
    """A value without an entry, as a run or preview saw it, with its rows: a foreign one, or, on
    the way out (`is_outward`), one of our own, whose key is then the online key."""

    __tablename__ = "cross_reference_seen"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    type_id: Mapped[int] = mapped_column(ForeignKey("cross_reference_types.id"))
    is_outward: Mapped[bool] = mapped_column(server_default="false", default=False)
    foreign_key: Mapped[str]
    foreign_values: Mapped[list[str]] = mapped_column(ARRAY(Text))
    center_id: Mapped[int | None]
    rows: Mapped[int]
    first_row: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        PrimaryKeyConstraint("run_id", "type_id", "is_outward", "foreign_key"),
        Index(None, "type_id", "foreign_key"),
    )


class CrossReferenceSnapshot(Base):
    """A type's table as a run found it, for the run's later attempts when the table has changed."""

    __tablename__ = "cross_reference_snapshots"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    type_id: Mapped[int] = mapped_column(ForeignKey("cross_reference_types.id"))
    content: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (PrimaryKeyConstraint("run_id", "type_id"),)
