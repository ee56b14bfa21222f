"""Rows of huge cells: a few at a time, and never taken apart for long."""

from __future__ import annotations

import time

from tests.unit.rules.reading.sources import Bytes, Repeated, found, read_all, workbook
from webapp.rules.reading import read_records


def test_a_batch_of_long_rows_is_cut_short() -> None:
    row = b'1,"' + (b"long text " * 9 + b"\n") * 10_000 + b'"\n'
    source = Repeated(b"A,B\n", row, 4 + len(row) * 12)
    batches = list(read_records(source, found(source).dialect, size=10_000))
    assert sum(map(len, batches)) == 12
    assert max(map(len, batches)) <= 10
    assert [number for batch in batches for number in batch.row_numbers] == list(range(2, 14))


def test_one_long_text_that_many_cells_share_does_not_make_one_huge_batch() -> None:
    rows = '<row><c t="str"><v>A</v></c></row>' + '<row><c t="s"><v>0</v></c></row>' * 100
    source = Bytes(workbook(rows, strings=f"<si><t>{'x' * 500_000}</t></si>"))
    batches = list(read_records(source, found(source).dialect, size=10_000))
    assert sum(map(len, batches)) == 100
    assert max(map(len, batches)) <= 16


def test_long_rows_of_stray_quotes_cost_no_more_than_a_moment() -> None:
    header = ",".join(f"C{at}" for at in range(20))
    good = ["".join(f'"{row}",' for _ in range(19)) + '"x y"' for row in range(400)]
    odd = ",".join('"' * (at % 3 == 0) + "x y " * 30 + '" ' * (at % 4 == 0) for at in range(480))
    text = "\r\n".join([header, *good[:200], *[odd] * 12, *good[200:], ""])
    began = time.process_time()
    read = read_all(Bytes(text.encode()))
    assert time.process_time() - began < 5
    assert len(read.faults) == 12
    assert len(read.rows) == 412
