"""Corrections as they meet the rows of a file."""

from __future__ import annotations

import pytest

from webapp.rules.corrections import Corrections

NUMBERS = [2, 3, 5]
ROWS = [["m1", "ann", "x"], ["m2", " maybe ", "x"], ["m3", "maybe", "y"]]


@pytest.mark.parametrize(
    ("corrections", "expected"),
    [
        (Corrections(), ROWS),
        (Corrections(left_out=frozenset({3})), ROWS),
        (
            Corrections(cells={3: {0: "M2", 2: ""}}),
            [ROWS[0], ["M2", " maybe ", ""], ROWS[2]],
        ),
        (
            Corrections(values={1: {"maybe": "No"}}),
            [ROWS[0], ["m2", "No", "x"], ["m3", "No", "y"]],
        ),
        # A value is replaced in its own column alone
        (Corrections(values={2: {"maybe": "No"}}), ROWS),
        (
            Corrections(cells={5: {1: "Yes"}}, values={1: {"maybe": "No"}}),
            [ROWS[0], ["m2", "No", "x"], ["m3", "Yes", "y"]],
        ),
        (
            Corrections(values={1: {"": "never", "ann": "Ann"}, 2: {"x": "y", "y": "z"}}),
            [["m1", "Ann", "y"], ["m2", " maybe ", "y"], ["m3", "maybe", "z"]],
        ),
        # Row numbers are those of the spreadsheet; there is no row 4 here
        (Corrections(cells={4: {0: "gone"}}), ROWS),
        # A row that is too short has no such cell
        (Corrections(cells={2: {9: "far"}}, values={9: {"": "far"}}), ROWS),
    ],
)
def test_corrections(corrections: Corrections, expected: list[list[str]]) -> None:
    before = [list(row) for row in ROWS]
    assert corrections.apply(NUMBERS, ROWS) == expected
    assert before == ROWS, "the rows that came in stay as they are"


def test_a_blank_may_be_filled_everywhere() -> None:
    filled = Corrections(values={1: {"": "Unknown"}}).apply([2, 3], [["a", ""], ["b", "  "]])
    assert filled == [["a", "Unknown"], ["b", "Unknown"]]
