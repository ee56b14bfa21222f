"""An offline gift's row as a whole: what only several cells together can tell (DOMAIN: Column
names, Transactions)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from webapp.rules.faults import Fault, FaultCode
from webapp.rules.money import in_places, places_of, written
from webapp.rules.transactions import TransactionType

REQUIRED = {
    "TRANSACTION_ID": "Give each gift the ID it has in the offline system.",
    "AMOUNT": "Fill it in.",
    "PAYMENT_DATE": "Fill it in.",
    "TENDER_TYPE": "Write how it was paid: check, cash, credit_card, ach or x_checkout.",
}
_OF = {
    "REFUND_OF": TransactionType.REFUND,
    "RECURRING_OF": TransactionType.RECURRING_PAYMENT,
}
Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amounts of a row as they are stored: in their currency's places, a refund's negative."""

    amount: str
    tax_deductible: str | None


def check_gift(row: Row, currency: str) -> Amounts | list[Fault]:
    """The amounts of a row whose cells are right each by itself, or what is wrong with it.

    `currency` is the row's or, where it names none, the site's. A row without a type is a donation,
    or what the gift is already.
    """
    faults = [
        Fault(FaultCode.MISSING_VALUE, column, "", f"{column} is blank. {remedy}")
        for column, remedy in REQUIRED.items()
        if row.get(column) is None
    ]
    faults += _check_belongs(row)
    amount, deductible = row.get("AMOUNT"), row.get("TAX_DEDUCTIBLE")
    if amount is None:
        return faults
    exact = _in_places("AMOUNT", Decimal(amount), currency, faults)
    part = (
        None
        if deductible is None
        else _in_places("TAX_DEDUCTIBLE", Decimal(deductible), currency, faults)
    )
    if exact is not None:
        exact = _check_sign(row, exact, currency, faults)
    if exact is not None and part is not None and not 0 <= part <= abs(exact):
        faults.append(
            Fault(
                FaultCode.AMOUNT_MISFIT,
                "TAX_DEDUCTIBLE",
                str(deductible),
                f"TAX_DEDUCTIBLE is {written(part, currency)} of an AMOUNT of "
                f"{written(abs(exact), currency)}. Correct one of them.",
            )
        )
    if faults or exact is None:
        return faults
    return Amounts(str(exact), None if part is None else str(part))


def _check_belongs(row: Row) -> list[Fault]:
    """What names another transaction has to be of the kind that can."""
    faults = []
    for column, kind in _OF.items():
        named = row.get(column)
        if named is None:
            continue
        if row.get("TRANSACTION_TYPE") != kind:
            says = f"{column} is filled in, so TRANSACTION_TYPE has to be {kind}. Correct it."
            faults.append(Fault(FaultCode.NOT_A_CHOICE, "TRANSACTION_TYPE", "", says))
        elif named == row.get("TRANSACTION_ID"):
            says = f"{column} names the row's own TRANSACTION_ID. Name the earlier transaction."
            faults.append(Fault(FaultCode.UNKNOWN_TRANSACTION, column, named, says))
    return faults


def _check_sign(row: Row, amount: Decimal, currency: str, faults: list[Fault]) -> Decimal | None:
    if row.get("TRANSACTION_TYPE") == TransactionType.REFUND:
        return -abs(amount)
    if amount >= 0:
        return amount
    says = (
        f"AMOUNT is {written(amount, currency)}. Only a refund is less than nothing: write refund "
        "in TRANSACTION_TYPE, or correct the amount."
    )
    faults.append(Fault(FaultCode.AMOUNT_MISFIT, "AMOUNT", str(amount), says))
    return None


def _in_places(column: str, amount: Decimal, currency: str, faults: list[Fault]) -> Decimal | None:
    exact = in_places(amount, currency)
    if exact is None:
        places = places_of(currency)
        allowed = f"{places} decimals" if places else "no decimals"
        says = f"{column} is {amount}, and {currency} has {allowed}. Correct the amount."
        faults.append(Fault(FaultCode.AMOUNT_MISFIT, column, str(amount), says))
    return exact


def transaction_fault(code: FaultCode, transaction_id: str, other: str, row: int | None) -> Fault:
    """The sentence for a row that the stored transactions do not allow. `other` is the
    constituent, currency or transaction in the way; `row` the earlier row of the file."""
    named = f"TRANSACTION_ID “{transaction_id}”"
    column, value = "TRANSACTION_ID", transaction_id
    match code:
        case FaultCode.REPEATED_TRANSACTION:
            says = f"{named} is in row {row:,} of this file already. Give each gift its own ID."
        case FaultCode.TRANSACTION_TAKEN:
            says = f"{named} is already a gift of {other}. Correct the ID or the person."
        case FaultCode.TRANSACTION_ONLINE:
            says = f"{named} was made online, so no file changes it. Leave the row out."
        case FaultCode.MISSING_VALUE:
            column, value = "CURRENCY", ""
            says = f"CURRENCY is blank, and {named} is in {other}. Write the currency."
        case _:
            column, value = "REFUND_OF or RECURRING_OF", other
            says = (
                f"The row belongs to transaction “{other}”, and this person has none of that ID. "
                "Put that one in an earlier row, or correct the ID."
            )
    return Fault(code, column, value, says)
