"""Constituents, every email they ever used, and the fields administrators add."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    Integer,
    PrimaryKeyConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base

ACTIVE_DETAILS = ("Registered", "Accepted", "Prospect")
REMOVED_DETAILS = (
    "Removed by administrator",
    "Removed by contact",
    "Removed as duplicate",
)


class Constituent(Base):
    """A person or organisation of the online database. `id` is the CONS_ID.

    Blank is NULL, never an empty string. A record is active unless its detail says it was removed;
    removed records are kept and never matched for update. The indexes that matching and search use
    are in the migrations (member ID unique among active records, email, folded names, phones).
    """

    __tablename__ = "constituents"

    id: Mapped[int] = mapped_column(primary_key=True)

    # Keys
    member_id: Mapped[str | None]
    primary_email: Mapped[str | None]

    # Name
    title: Mapped[str | None]
    first_name: Mapped[str | None]
    middle_name: Mapped[str | None]
    last_name: Mapped[str | None]
    suffix: Mapped[str | None]
    prof_suffix: Mapped[str | None]
    nickname: Mapped[str | None]
    formal_salutation: Mapped[str | None]
    casual_salutation: Mapped[str | None]
    user_name: Mapped[str | None]

    # Home address
    home_street1: Mapped[str | None]
    home_street2: Mapped[str | None]
    home_street3: Mapped[str | None]
    home_city: Mapped[str | None]
    home_stateprov: Mapped[str | None]
    home_zip: Mapped[str | None]
    home_county: Mapped[str | None]
    home_country: Mapped[str | None]

    # Alternate address 1
    alt1_street1: Mapped[str | None]
    alt1_street2: Mapped[str | None]
    alt1_street3: Mapped[str | None]
    alt1_city: Mapped[str | None]
    alt1_stateprov: Mapped[str | None]
    alt1_zip: Mapped[str | None]
    alt1_county: Mapped[str | None]
    alt1_country: Mapped[str | None]

    # Alternate address 2
    alt2_street1: Mapped[str | None]
    alt2_street2: Mapped[str | None]
    alt2_street3: Mapped[str | None]
    alt2_city: Mapped[str | None]
    alt2_stateprov: Mapped[str | None]
    alt2_zip: Mapped[str | None]
    alt2_county: Mapped[str | None]
    alt2_country: Mapped[str | None]

    # Phones
    home_phone: Mapped[str | None]
    work_phone: Mapped[str | None]
    mobile_phone: Mapped[str | None]
    fax_phone: Mapped[str | None]
    preferred_phone: Mapped[str | None]

    # Personal
    birth_date: Mapped[date | None]
    gender: Mapped[str | None]
    marital_status: Mapped[str | None]
    employer: Mapped[str | None]
    occupation: Mapped[str | None]
    position: Mapped[str | None]
    donor_status: Mapped[str | None]
    matched_donor: Mapped[bool | None]

    # Choices
    accepts_email: Mapped[bool] = mapped_column(server_default="true", default=True)
    accepts_postal_mail: Mapped[bool] = mapped_column(server_default="true", default=True)
    email_status: Mapped[str] = mapped_column(server_default="unknown", default="unknown")

    # Origin
    source: Mapped[str | None]
    sub_source: Mapped[str | None]

    # Custom fields: key -> text, in the form a file would have it
    custom: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)

    # State
    active_detail: Mapped[str] = mapped_column(server_default="Prospect", default="Prospect")
    is_active: Mapped[bool] = mapped_column(
        Computed("active_detail NOT LIKE 'Removed%'", persisted=True)
    )
    merged_into_id: Mapped[int | None]  # held by a trigger (docs/decisions/020-set-integrity.md)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    # The row of the run's file that wrote this version: the change log copies it, so that the
    # history can name file and row. Written by runs only.
    modified_row: Mapped[int | None] = mapped_column(Integer)

    @property
    def display_name(self) -> str:
        """What a list shows: the name, else the email, else the number."""
        parts = (self.title, self.first_name, self.middle_name, self.last_name, self.suffix)
        return (
            " ".join(part for part in parts if part)
            or self.primary_email
            or f"Constituent {self.id}"
        )

    __table_args__ = (
        CheckConstraint(
            "active_detail IN ('Registered', 'Accepted', 'Prospect', 'Removed by administrator',"
            " 'Removed by contact', 'Removed as duplicate')",
            name="active_detail",
        ),
        CheckConstraint("email_status IN ('unknown', 'good', 'bounced')", name="email_status"),
    )


class ConstituentEmail(Base):
    """An email address a constituent has, or once had, as the primary one."""

    __tablename__ = "constituent_emails"

    constituent_id: Mapped[int]  # held by a trigger (docs/decisions/020-set-integrity.md)
    email: Mapped[str]  # lower case: the form addresses are compared in
    first_used_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (PrimaryKeyConstraint("email", "constituent_id"),)


class CustomField(Base):
    """A field an administrator defined; its column in files is CUSTOM_ and the key."""

    __tablename__ = "custom_fields"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)  # lower case letters, digits, underscore
    label: Mapped[str]
    kind: Mapped[str]  # webapp.rules.fields.Kind: text, number, date, yes_no, choice
    max_length: Mapped[int | None] = mapped_column(Integer)
    choices: Mapped[list[str]] = mapped_column(JSONB, server_default="[]", default=list)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("kind IN ('text', 'number', 'date', 'yes_no', 'choice')", name="kind"),
        CheckConstraint("key ~ '^[a-z][a-z0-9_]{0,39}$'", name="key"),
    )
