"""Rows as they are put right, and those that are left to a person."""

from __future__ import annotations

import pytest

from tests.unit.rules.reading.sources import Bytes, read_all

HEADER = "ID,Name,City,Date,Amount,Notes"
NAMES = ('"O\'Neil, Sue"', "Ann Lee", '"Smith, Jr., Al"')
NOTES = ("", '"a, b"', '"said ""hi"""', '"two\r\nlines"')
GOOD = [
    f"{1000 + at},{NAMES[at % 3]},{('Boston', 'Lynn')[at % 2]},2026-01-{at + 1:02},"
    f"{at * 37 % 900}.{at * 7 % 100:02},{NOTES[at % 4]}"
    for at in range(24)
]


def read_with(row: str, *, among: int) -> tuple[list[str] | None, bool]:
    """The row that stands among some good ones, which must be unharmed; None where it was set
    aside. And whether it was said that it was put right."""
    lines = [HEADER, *GOOD[: among // 2], row, *GOOD[among // 2 : among], ""]
    clean = read_all(Bytes("\r\n".join([HEADER, *GOOD[:among], ""]).encode()))
    batch = read_all(Bytes("\r\n".join(lines).encode()))
    kept = [
        cells
        for at, cells in zip(batch.row_numbers, batch.rows, strict=True)
        if at not in batch.faults
    ]
    others = [cells for cells in kept if cells in clean.rows]
    assert others == clean.rows
    left = [cells for cells in kept if cells not in clean.rows]
    assert len(left) + len(batch.faults) >= 1
    return (left[0] if left else None), bool(batch.recovered)


FIXED = ["1099", "O'Neil, Sue", "Lynn", "2026-01-05", "331.42", ""]


@pytest.mark.parametrize(
    "row",
    [
        '1099,"O\'Neil, Sue",Lynn,,2026-01-05,331.42,"a, b"',
        '1099,O\'Neil, Sue,Lynn,2026-01-05,331.42,"a, b"',
        '1099,"O\'Neil, Sue"Lynn,2026-01-05,331.42,"a, b"',
        '1099,"O\'Neil, Sue",Lynn2026-01-05,331.42,"a, b"',
        '1099;"O\'Neil, Sue";Lynn;2026-01-05;331.42;"a, b"',
    ],
)
def test_a_row_that_can_be_read_in_one_way_is_put_right_and_said(row: str) -> None:
    assert read_with(row, among=24) == ([*FIXED[:5], "a, b"], True)


@pytest.mark.parametrize("among", [8, 24])
@pytest.mark.parametrize(
    "row",
    [
        "9,Ann Lee,Lynn,2026-01-05,2",
        "9,Ann Lee,Lynn,2026-01-05,",
        "9,Ann Lee,Ly,nn,2026-01-05,1.50,",
        "9,Ann Lee,Lynn,2026-01-05,41.5,0,",
        "9,Ann Lee,Lynn,20,26-01-05,41.50,",
        '9,Ann Lee,Lynn,2026-01-05",41.50,',
        '9",Ann Lee,Lynn,2026-01-05,41.50,',
        '9,Ann Lee,Lynn,2026-01-05,204.89"a, b"',
        '9"O\'Neil, Sue",Lynn,2026-01-05,1.50,',
        "9,\"O'Neil",
        '"9","Ann Lee","Ly',
        "Ann Lee,Lynn,2026-01-05,1.50,x",
    ],
)
def test_too_little_evidence_sets_a_row_aside(row: str, among: int) -> None:
    cells, _ = read_with(row, among=among)
    assert (
        cells is None
        or cells == ["9", "O'Neil, Sue", "Lynn", "2026-01-05", "1.50", ""]
        or (cells == ["9", "Ann Lee", "Lynn", "2026-01-05", "204.89", "a, b"])
    )


def test_a_quote_in_a_number_is_named_and_the_row_kept_as_it_stands() -> None:
    lines = [HEADER, *GOOD[:12], '9,Ann Lee,Lynn,2026-01-05",1.50,', *GOOD[12:]]
    batch = read_all(Bytes("\r\n".join(lines).encode()))
    (number,) = batch.faults
    assert "2026-01-05" in batch.faults[number]
    assert "column 4" in batch.faults[number]
    row = batch.rows[batch.row_numbers.index(number)]
    assert row == ["9", "Ann Lee", "Lynn", '2026-01-05"', "1.50", ""]


def test_a_clean_file_is_never_touched() -> None:
    text = [
        HEADER,
        *GOOD,
        '9,"a\r\nb, c, d\r\n1000,x,y,z","Ly""nn",2026-01-05,1.50,"1,""\r\n2,"',
        "",
    ]
    batch = read_all(Bytes("\r\n".join(text).encode()))
    assert not batch.faults
    assert not batch.recovered
    assert batch.rows[-1][1:3] == ["a\r\nb, c, d\r\n1000,x,y,z", 'Ly"nn']
