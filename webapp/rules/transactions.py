"""What transactions there are, and how they are paid (DOMAIN: Column names)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class TransactionType(StrEnum):
    """What kind of payment it is."""

    DONATION = "donation"
    RECURRING_PAYMENT = "recurring_payment"
    TICKET_PURCHASE = "ticket_purchase"
    TEAMRAISER_GIFT = "teamraiser_gift"
    TEAMRAISER_REGISTRATION = "teamraiser_registration"
    PERSONAL_GIFT = "personal_gift"
    ECOMMERCE_ORDER = "ecommerce_order"
    REFUND = "refund"


class TenderType(StrEnum):
    """How it was paid."""

    CREDIT_CARD = "credit_card"
    CHECK = "check"
    CASH = "cash"
    ACH = "ach"
    X_CHECKOUT = "x_checkout"


class CreationMethod(IntEnum):
    """How it came to be."""

    OFFLINE = 0
    ONLINE = 1
    RECURRING = 2


TYPE_LABELS: Mapping[str, str] = {
    TransactionType.DONATION: "Donation",
    TransactionType.RECURRING_PAYMENT: "Recurring payment",
    TransactionType.TICKET_PURCHASE: "Ticket purchase",
    TransactionType.TEAMRAISER_GIFT: "TeamRaiser gift",
    TransactionType.TEAMRAISER_REGISTRATION: "TeamRaiser registration",
    TransactionType.PERSONAL_GIFT: "Personal fundraising gift",
    TransactionType.ECOMMERCE_ORDER: "eCommerce order",
    TransactionType.REFUND: "Refund",
}
TENDER_LABELS: Mapping[str, str] = {
    TenderType.CREDIT_CARD: "Credit card",
    TenderType.CHECK: "Check",
    TenderType.CASH: "Cash",
    TenderType.ACH: "Bank transfer (ACH)",
    TenderType.X_CHECKOUT: "Online checkout",
}
METHOD_LABELS: Mapping[int, str] = {
    CreationMethod.OFFLINE: "Offline",
    CreationMethod.ONLINE: "Online",
    CreationMethod.RECURRING: "Recurring",
}
TRIBUTE_LABELS: Mapping[str, str] = {"in_honor": "In honor of", "in_memory": "In memory of"}

UPLOADED_TYPES = (
    TransactionType.DONATION,
    TransactionType.RECURRING_PAYMENT,
    TransactionType.TEAMRAISER_GIFT,
    TransactionType.PERSONAL_GIFT,
    TransactionType.REFUND,
)
"""What can come in offline, by a file. Tickets, registrations and orders are made online."""
