"""Amounts: exact decimals in a currency, never binary fractions."""

from __future__ import annotations

import re
from decimal import Decimal

DEFAULT_CURRENCY = "USD"
LARGEST_AMOUNT = Decimal(10) ** 12
PLACES = 2
"""Decimal places of most currencies (ISO 4217)."""
_OTHER_PLACES = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
         "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}  # fmt: skip

_CURRENCY = re.compile("[A-Z]{3}")
# A sign, a currency sign before or behind it, groups of three, a point before decimals; an
# accountant's brackets are a minus
_AMOUNT = re.compile(
    r"(?P<sign>[+-])?\s*\$?\s*(?P<late>[+-])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+|\d+)?(?:\.(?P<decimals>\d+))?"
)


def places_of(currency: str) -> int:
    """How many decimal places amounts in this currency have."""
    return _OTHER_PLACES.get(currency, PLACES)


def read_currency(text: str) -> str | None:
    """A currency's three letters (`usd` is USD), None when it is something else."""
    code = text.strip().upper()
    return code if _CURRENCY.fullmatch(code) else None


def read_amount(text: str) -> Decimal | None:
    """The amount that stands in a cell (1,250.50 · -20 · $5 · (20.00)), exactly as many decimals
    as it has; None when it is no amount. A comma before decimals is none: it could be thousands."""
    text = text.strip()
    is_bracketed = text.startswith("(") and text.endswith(")")
    found = _AMOUNT.fullmatch(text[1:-1].strip() if is_bracketed else text)
    if found is None or not text.isascii() or not (found["digits"] or found["decimals"]):
        return None
    signs = (found["sign"] or "") + (found["late"] or "")
    if len(signs) > 1 or (signs and is_bracketed):
        return None
    digits = (found["digits"] or "0").replace(",", "")
    if len(digits) > 15 or len(found["decimals"] or "") > 15:
        return None
    value = Decimal(f"{digits}.{found['decimals'] or '0'}")
    return -value if is_bracketed or signs == "-" else value


def in_places(amount: Decimal, currency: str) -> Decimal | None:
    """The amount with its currency's decimal places, None when it has more than those (and they
    are not all zeros): nothing is ever rounded."""
    exact = amount.quantize(Decimal(1).scaleb(-places_of(currency)))
    return exact if exact == amount else None


def written(amount: Decimal, currency: str) -> str:
    """1234.5 USD → 1,234.50 USD: how sentences and pages write an amount."""
    exact = in_places(amount, currency)
    return f"{amount if exact is None else exact:,f} {currency}"
