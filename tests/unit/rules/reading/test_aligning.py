"""A row with one cell too many or too few: where is the mistake?"""

from __future__ import annotations

import pytest

from webapp.rules.reading.aligning import align, lex, lex_apostrophes
from webapp.rules.reading.mistakes import may_part
from webapp.rules.reading.shapes import learn_shapes

ROWS = [
    [f"{1000 + at}", name, town, f"2026-01-{at + 1:02}", f"{at * 37 % 900}.{at * 7 % 100:02}", note]
    for at, (name, town, note) in enumerate(
        [("Ann Lee", "Lynn", ""), ("Bob Ng", "Boston", "call back"), ("Eve Low", "Salem", "")] * 9
    )
]
SHAPES = learn_shapes(ROWS, 6)


@pytest.mark.parametrize(
    ("row", "cells", "is_doubtful"),
    [
        # A delimiter too many, and one that is missing between two cells
        ("1009,Ann Lee,,Lynn,2026-01-10,1.50,", "1009,Ann Lee,Lynn,2026-01-10,1.50,", False),
        ("1009,Ann LeeLynn,2026-01-10,1.50,", "1009,Ann Lee,Lynn,2026-01-10,1.50,", False),
        ("1009,Ann Lee,Lynn2026-01-10,1.50,", "1009,Ann Lee,Lynn,2026-01-10,1.50,", False),
        # What is lost at the front and at the end nobody can tell
        ("Ann Lee,Lynn,2026-01-10,1.50,", ",Ann Lee,Lynn,2026-01-10,1.50,", True),
        ("1009,Ann Lee,Lynn,2026-01-10,1.50", "1009,Ann Lee,Lynn,2026-01-10,1.50,", True),
        ("1009,Ann Lee,Lynn,2026-01-10,", "1009,Ann Lee,Lynn,2026-01-10,,", True),
        # A slip within a word or a number
        ("1009,Ann Lee,Ly,nn,2026-01-10,1.50,", "1009,Ann Lee,Lynn,2026-01-10,1.50,", True),
        ("1009,Ann Lee,Lynn,2026-01-10,41.5,0,", "1009,Ann Lee,Lynn,2026-01-10,41.50,", True),
    ],
)
def test_the_likeliest_way_of_giving_a_row_its_width(
    row: str, cells: str, is_doubtful: bool
) -> None:
    best = align(row.split(","), SHAPES, ",", '"', "comma")[0]
    assert (list(best.cells), best.is_doubtful) == (cells.split(","), is_doubtful)


@pytest.mark.parametrize(
    ("left", "right", "columns", "may"),
    [
        ("288.9", "9", (4, 5), False),
        ("2026-01-0", "512.50", (3, 4), False),
        ("2026-01-05", "12.50", (3, 4), True),
        ("Bos", "ton", (1, 2), False),
        ("Lynn", "2026-01-05", (2, 3), True),
        ("", "x", (1, 2), True),
    ],
)
def test_numbers_and_words_are_parted_only_where_both_parts_are_known(
    left: str, right: str, columns: tuple[int, int], may: bool
) -> None:
    one, other = (SHAPES[at] for at in columns)
    assert may_part(left, right, one, other) is may


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('1,"a, b",c', ["1", "a, b", "c"]),
        ('1,"a ""b"" c"', ["1", 'a "b" c']),
        ('1,"a,b', ["1", '"a', "b"]),
        ('1,a",b', ["1", 'a"', "b"]),
        ('"Ann","Lee,"x"', ["Ann", '"Lee', "x"]),
    ],
)
def test_quotes_count_where_they_stand_around_a_whole_cell(text: str, cells: list[str]) -> None:
    assert lex(text, ",", '"') == cells


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("1,'Kids' shirt, short',x", ["1", "Kids' shirt, short", "x"]),
        ("Men's,'It's, well, good'", ["Men's", "It's, well, good"]),
        ("'a''b',''", ["a'b", ""]),
        ("'open,x", ["'open", "x"]),
    ],
)
def test_an_apostrophe_within_a_quoted_cell_is_one(text: str, cells: list[str]) -> None:
    assert lex_apostrophes(text, ",") == cells
