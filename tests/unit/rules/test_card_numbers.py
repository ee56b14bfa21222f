"""What is taken for a card number, and what is not."""

from __future__ import annotations

import pytest

from webapp.rules.card_numbers import CardWatch, has_card_number

CARDS = (
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "paid with 4111 1111 1111 1111, exp. 12/27",
    "12 4111 1111 1111 1111",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "6200000000000005",
    "3530111333300000",
    "30569309025904",
    "4111  1111  1111  1111",
    "4111.1111.1111.1111",
    "4111\u00a01111\u00a01111\u00a01111",
    "4111\u20111111\u20111111\u20111111",
    "3782/822463/10005",
    "3056.930902.5904",
    "41111111 11111111",
)
OTHERS = (
    "",
    "0017",
    "4111111111111112",  # the check digit is wrong
    "1234567890123452",  # right, but nobody issues such
    "C4111111111111111",
    "ref_4111111111111111",
    "41111111111111111",  # too long
    "2026-11-23 06:25:41",
    "+1 617 555 0100",
    "617-555-0100 617-555-0101",
    "617.555.0100 / 617.555.0101",
    "2026-11-23T06:25:41.123456",
    "45.00 120.00 45.00 200.00",
    "4111\n1111\n1111\n1111",
    "3f4111111111111111",
    "١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦",
)


@pytest.mark.parametrize("text", CARDS)
def test_card_numbers(text: str) -> None:
    assert has_card_number(text)


@pytest.mark.parametrize("text", OTHERS)
def test_other_texts(text: str) -> None:
    assert not has_card_number(text)


def test_where_they_stand() -> None:
    watch = CardWatch(["MEMBER_ID", "NOTE"])
    watch.look([2, 3], [["m1", ""], ["m2", "visa 4111111111111111"]])
    watch.look([4, 5], [["m3", "5555555555554444"], ["m4", "thanks"]])
    found = watch.found()
    assert found is not None
    assert (found.column, found.row, found.ending, found.rows) == ("NOTE", 3, "1111", 2)
    assert found.sentence("gifts.csv").startswith(
        "Row 3 of gifts.csv has a card number in NOTE, ending in 1111; 1 more row has one."
    )


def test_columns_that_are_left_out() -> None:
    watch = CardWatch([" member_id "])
    watch.look([2], [["4111111111111111"]])
    assert watch.found() is None


def test_a_column_of_other_numbers_is_none_of_cards() -> None:
    """One long number in ten has a right check digit; of card numbers all have."""
    watch = CardWatch(["CONFIRMATION_CODE"])
    numbers = [str(4_000_123_412_340_000 + number) for number in range(100)]
    assert sum(map(has_card_number, numbers)) == 10
    watch.look(range(2, 102), [[number] for number in numbers])
    assert watch.found() is None


def test_rows_that_cannot_be_read() -> None:
    watch = CardWatch(["NOTE"])
    watch.look_at_raw({7: 'G-1,"paid,4111111111111111'})
    found = watch.found()
    assert found is not None
    assert (found.column, found.row) == ("", 7)
    assert "has a card number, ending" in found.sentence("gifts.csv")
