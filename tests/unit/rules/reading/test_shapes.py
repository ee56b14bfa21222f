"""What is learnt of a column's cells, and which others could be one of them."""

from __future__ import annotations

import pytest

from webapp.rules.reading.shapes import Shape, learn_shapes, pattern_of, shapes_of

DATES = [f"2026-01-{day:02}" for day in range(1, 21)]
CODES = [f"RI-{number}" for number in range(1000, 1020)]
AMOUNTS = [f"{number * 7}.50" for number in range(1, 21)]
NAMES = ["Ann Lee", "Bob Ng", "O'Neil", "de la Cruz", "Zoë", "St. John", "Al", "Mary-Jo"] * 3


def learn(cells: list[str]) -> Shape:
    return learn_shapes([[cell] for cell in cells], 1)[0]


def test_a_pattern_has_the_classes_of_the_characters() -> None:
    assert pattern_of("RI-3895 é\tÀ") == "AA-9999 a A"


@pytest.mark.parametrize(
    ("cells", "cell", "fits"),
    [
        (DATES, "2026-12-31", True),
        (DATES, "Lynn", False),
        (DATES, "12.50", False),
        (DATES, "", False),
        ([*DATES, "", ""], "", True),
        (CODES, "MG-9999", True),
        (CODES, "a note, in words", False),
        (AMOUNTS, "7.25", True),
        (AMOUNTS, "2026-01-01", False),
        (NAMES, "Eve", True),
        (DATES[:2], "anything", True),
    ],
)
def test_which_cells_could_be_of_the_column(cells: list[str], cell: str, fits: bool) -> None:
    assert learn(cells).fits(cell) is fits


@pytest.mark.parametrize(
    ("cells", "cell", "agrees"),
    [
        (DATES[:2], "Lynn", False),
        (DATES[:2], "", True),
        (DATES[:1], "Lynn", True),
        (["a", "2026-01-01"], "Lynn", True),
        (CODES[:2], "12", True),
        (AMOUNTS[:3], "$12", True),
    ],
)
def test_two_cells_of_one_kind_say_what_the_others_are(
    cells: list[str], cell: str, agrees: bool
) -> None:
    assert learn(cells).agrees(cell) is agrees


def test_a_sign_is_odd_where_definite_cells_never_have_it() -> None:
    assert learn(DATES).is_odd('2026-01-01"', '"')
    assert not learn(DATES).is_odd("2026-01-01", '"')
    assert not learn(NAMES).is_odd('Ann "Bo" Lee', '"')
    assert not learn([*CODES[:4], 'RI-5"']).is_odd('RI-7"', '"')


def test_the_likelier_cell_scores_higher() -> None:
    shape = learn(CODES)
    assert shape.score("RI-5555") > shape.score("RI-555") > shape.score("Tote bag")
    assert shape.knows("MG-1234")
    assert not shape.knows("MG-12345")


def test_what_was_learnt_is_kept_as_text() -> None:
    shape = learn([*DATES, "", "N/A"])
    (again,) = shapes_of((shape.to_text(),))
    assert again.to_text() == shape.to_text()
    assert [again.score(cell) for cell in (*DATES, "x", "")] == [
        shape.score(cell) for cell in (*DATES, "x", "")
    ]
    assert (again.seen, again.blank, again.definite) == (22, 1, "date")
