"""Numbers that addresses and forms bring back."""

from __future__ import annotations

import pytest

from webapp.keys import INTEGER_DIGITS, read_key


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("042", 42),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("", None),
        (None, None),
        ("-1", None),
        (" 1", None),
        ("1.0", None),
        ("٣", None),  # a digit to Python, but not one of ours
        ("²", None),
    ],
)
def test_only_numbers_that_can_be_are_read(text: str | None, number: int | None) -> None:
    assert read_key(text) == number


def test_no_number_is_too_long_for_its_column() -> None:
    assert read_key("9" * INTEGER_DIGITS, INTEGER_DIGITS) == 999_999_999
    assert read_key("9" * (INTEGER_DIGITS + 1), INTEGER_DIGITS) is None
