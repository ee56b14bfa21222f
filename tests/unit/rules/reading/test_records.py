"""Irregular records: what is set aside whole, what is put right, and what stays as it is."""

from __future__ import annotations

import csv
import io

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
