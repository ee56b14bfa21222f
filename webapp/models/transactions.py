"""Transactions: gifts, tickets, registrations, orders and refunds, and what they were given for."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Numeric, func, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base

_AMOUNT = Numeric(asdecimal=True)


class _Purpose:
    """What a transaction can be for. `name` is what people call it; cross-references and files
    name it by its number."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="", default="")
    center_id: Mapped[int | None] = mapped_column(ForeignKey("centers.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Campaign(_Purpose, Base):
    """A donation campaign."""

    __tablename__ = "campaigns"


class DonationForm(_Purpose, Base):
    """The form a gift was made with."""

    __tablename__ = "donation_forms"


class Designation(_Purpose, Base):
    """A fund a gift is meant for."""

    __tablename__ = "designations"


class Event(_Purpose, Base):
    """A calendar event with tickets, a TeamRaiser, or somebody's personal fundraising event."""

    __tablename__ = "events"

    kind: Mapped[str] = mapped_column(server_default="calendar", default="calendar")
    held_on: Mapped[date | None]

    __table_args__ = (
        CheckConstraint("kind IN ('calendar', 'teamraiser', 'personal')", name="kind"),
    )


class Transaction(Base):
    """One payment, or one refund. The columns are those of DOMAIN's list.

    `transaction_id` is the key that files carry: an online transaction's is made here, an offline
    gift's is its own in the offline system. Amounts are exact decimals with as many places as the
    currency has; a refund's is negative, so that sums are sums. `settled_on` NULL: not settled.
    No card numbers are kept.
    """

    __tablename__ = "transactions"

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[str] = mapped_column(
        unique=True, server_default=text("'T' || nextval('transaction_numbers')")
    )
    transaction_type: Mapped[str]  # webapp.rules.transactions.TransactionType
    constituent_id: Mapped[int]  # held by a trigger (docs/decisions/020-set-integrity.md)
    amount: Mapped[Decimal] = mapped_column(_AMOUNT)
    currency: Mapped[str]
    tax_deductible: Mapped[Decimal | None] = mapped_column(_AMOUNT)
    payment_date: Mapped[date]
    tender_type: Mapped[str]
    creation_method: Mapped[int] = mapped_column(Integer)  # 0 offline, 1 online, 2 recurring
    check_number: Mapped[str | None]
    confirmation_code: Mapped[str | None]
    settlement_batch: Mapped[str | None]
    settled_on: Mapped[date | None]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    form_id: Mapped[int | None] = mapped_column(ForeignKey("donation_forms.id"))
    designation_id: Mapped[int | None] = mapped_column(ForeignKey("designations.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    # TeamRaiser and personal fundraising: for whom somebody gave, and that one's team
    participant_id: Mapped[int | None]  # held by a trigger, as constituent_id
    team_name: Mapped[str | None]
    source: Mapped[str | None]
    sub_source: Mapped[str | None]
    recurring_of: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    refund_of: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"))
    tribute_type: Mapped[str | None]
    tribute_name: Mapped[str | None]
    receipt_number: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    # The upload's run and row that last had this transaction; bookkeeping, never a change by itself
    upload_run_id: Mapped[int | None]
    upload_row: Mapped[int | None] = mapped_column(Integer)

    __table_args__ = (
        CheckConstraint(
            "transaction_type IN ('donation', 'recurring_payment', 'ticket_purchase',"
            " 'teamraiser_gift', 'teamraiser_registration', 'personal_gift', 'ecommerce_order',"
            " 'refund')",
            name="transaction_type",
        ),
        CheckConstraint(
            "tender_type IN ('credit_card', 'check', 'cash', 'ach', 'x_checkout')",
            name="tender_type",
        ),
        CheckConstraint("creation_method IN (0, 1, 2)", name="creation_method"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint(
            "CASE WHEN transaction_type = 'refund' THEN amount <= 0 ELSE amount >= 0 END",
            name="amount_sign",
        ),
        CheckConstraint("scale(amount) <= 3 AND abs(amount) < 1e13", name="amount_size"),
        CheckConstraint("tribute_type IN ('in_honor', 'in_memory')", name="tribute_type"),
        CheckConstraint("recurring_of <> id AND refund_of <> id", name="not_of_itself"),
        Index(None, "constituent_id", "payment_date", "id"),
        Index(None, "payment_date", "id"),
        Index(None, "transaction_type", "payment_date", "id"),
        *(
            Index(None, name, "payment_date", "id", postgresql_where=f"{name} IS NOT NULL")
            for name in ("campaign_id", "event_id")
        ),
        *(
            Index(None, name, postgresql_where=f"{name} IS NOT NULL")
            for name in (
                "participant_id", "recurring_of", "refund_of", "check_number", "confirmation_code",
                "receipt_number",
            )
        ),
    )  # fmt: skip


class TransactionItem(Base):
    """One line of an order (a product) or of a ticket purchase (a ticket class)."""

    __tablename__ = "transaction_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(
        ForeignKey("transactions.id", ondelete="CASCADE"), index=True
    )
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str]
    name: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[Decimal] = mapped_column(_AMOUNT)

    __table_args__ = (
        CheckConstraint("kind IN ('product', 'ticket')", name="kind"),
        CheckConstraint("quantity > 0", name="quantity"),
    )
