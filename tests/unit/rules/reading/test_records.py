"""Irregular records: what is set aside whole, what is put right, and what stays as it is."""

from __future__ import annotations

import csv
import io

import pytest

from tests.unit.rules.reading.sources import Bytes, read_all
from webapp.rules.reading import Batch

HEADER = ("ID", "FIRST", "LAST", "EMAIL", "BORN")
GOOD = tuple((f"G{at}", "Ann", "Low", "", "2001-02-03") for at in range(5))


def written(*rows: tuple[str, ...]) -> Bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([HEADER, *GOOD, *rows])
    return Bytes(text.getvalue().encode())


def set_aside(batch: Batch) -> list[list[str]]:
    return [
        row for at, row in zip(batch.row_numbers, batch.rows, strict=True) if at in batch.faults
    ]


def test_a_record_of_several_lines_is_set_aside_whole() -> None:
    for last in ('",,\n\n', "a\nb", "a,b,c\nd,e", '"\n"', "\n,,,,"):
        row = ("M2", "Bob", last)
        batch = read_all(written(row, ("M3", "Eve", "Ng", "", "2002-03-04")))
        assert set_aside(batch) == [list(row)], last
        assert len(batch) == 7
        assert not batch.recovered


PLEDGES = [f"{1000 + at},Ann Lee,2026-01-{at + 1:02},{at + 100}.50" for at in range(20)]


@pytest.mark.parametrize(
    ("parted", "numbers"),
    [
        ("10\n08,Ann Lee,2026-01-09,108.50", [10, 11]),
        ("1008\n,Ann Lee,2026-01-09,108.50", [10, 11]),
        ("1008,Ann Lee,2026-01-09,1\n08.50", [10, 11]),
        ("1008,Ann\n Lee,2026-01-09,108.50", [10, 11]),
        # A row that was cut does no harm to those beside it
        ("10", [10]),
        ("1008,Ann Lee,2026-01-09,108.50\n10", [11]),
    ],
)
def test_both_halves_of_a_record_that_a_line_break_cuts_are_set_aside(
    parted: str, numbers: list[int]
) -> None:
    lines = ["ID,Name,Date,Amount", *PLEDGES[:8], parted, *PLEDGES[9:]]
    batch = read_all(Bytes("\n".join(lines).encode()))
    assert sorted(batch.faults) == numbers
    both = zip(batch.row_numbers, batch.rows, strict=True)
    kept = [row for number, row in both if number not in numbers]
    assert all(",".join(row) in PLEDGES for row in kept)
    assert "\n".join(batch.raw[number] for number in numbers) in parted


def test_signs_that_only_look_like_line_ends_do_not_part_a_row() -> None:
    lines = ["A,B,C", *(f"{at},text {at},z" for at in range(12)), "12,one\u2028two,x,y,z,w"]
    batch = read_all(Bytes("\n".join(lines).encode()))
    assert batch.rows[-1] == ["12", "one\u2028two", "x", "y", "z", "w"]
    assert "6 cells" in batch.faults[14]
