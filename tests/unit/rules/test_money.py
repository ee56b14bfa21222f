"""Amounts and currencies as people and programs write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.money import in_places, places_of, read_amount, read_currency, written


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("50", "50.0"),
        ("1,250.50", "1250.50"),
        (" $5 ", "5"),
        ("-20", "-20"),
        ("$-20.5", "-20.5"),
        ("-$20.5", "-20.5"),
        ("(20.00)", "-20.00"),
        (".5", "0.5"),
        ("0", "0"),
        ("0.10", "0.10"),
    ],
)
def test_an_amount_is_read_exactly(cell: str, amount: str) -> None:
    assert read_amount(cell) == Decimal(amount)


@pytest.mark.parametrize(
    "cell",
    ["", "-", "$", "twenty", "12,50", "1.234,50", "1,2,3", "1e5", "--5", "(-5)", "5 USD", "٥",
     "NaN", "Infinity", "1.2.3", "9" * 16],
)  # fmt: skip
def test_what_could_be_something_else_is_no_amount(cell: str) -> None:
    assert read_amount(cell) is None


@given(st.decimals(-(10**12), 10**12, places=2))
def test_what_is_written_is_read_back(amount: Decimal) -> None:
    assert read_amount(f"{amount:,f}") == amount
    assert read_amount(f"{amount:f}") == amount
    assert in_places(amount, "USD") == amount


@pytest.mark.parametrize(
    ("amount", "currency", "exact"),
    [
        ("10", "USD", "10.00"),
        ("10.10", "USD", "10.10"),
        ("10.100", "USD", "10.10"),
        ("10.005", "USD", None),
        ("10", "JPY", "10"),
        ("10.5", "JPY", None),
        ("10.005", "KWD", "10.005"),
    ],
)
def test_an_amount_has_its_currencys_places(amount: str, currency: str, exact: str | None) -> None:
    found = in_places(Decimal(amount), currency)
    assert (found if found is None else str(found)) == exact


def test_currencies_are_three_letters() -> None:
    assert read_currency(" usd ") == "USD"
    assert [read_currency(text) for text in ("US", "DOLL", "U$D", "", "ÜSD")] == [None] * 5
    assert (places_of("EUR"), places_of("JPY"), places_of("KWD")) == (2, 0, 3)


def test_how_an_amount_is_written() -> None:
    assert written(Decimal("1234.5"), "USD") == "1,234.50 USD"
    assert written(Decimal("-5000"), "JPY") == "-5,000 JPY"
