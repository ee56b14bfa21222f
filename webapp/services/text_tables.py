"""Tables that people mend and send in again, as CSV and as Excel workbooks.

CSV is UTF-8 with a byte order mark and every cell quoted, which Excel opens right by a double
click; in a workbook every cell is text, so that 02134 stays 02134. Rows come one by one, so memory
does not grow with them, and with cells that are guarded already (`rules.guarding`).
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import xlsxwriter

_MOST_ROWS = 1_048_575
_MOST_CHARACTERS = 32_767
_WIDTH = 18


def write_csv(
    stream: BinaryIO,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    delimiter: str = ",",
) -> int:
    """Write the table; say how many rows it has below the header."""
    with_bom = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(with_bom, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  # the last is how many
        writer.writerow(row)
    with_bom.flush()
    with_bom.detach()
    return count


def write_workbook(
    stream: BinaryIO, sheet: str, header: Sequence[str], rows: Iterable[Sequence[str]]
) -> int:
    """Write the table as a workbook of one sheet, as far as Excel has room: so many rows, and so
    many characters in a cell. Says how many rows it has below the header."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    workbook = xlsxwriter.Workbook(stream, options)
    as_text = workbook.add_format({"num_format": "@"})
    heading = workbook.add_format({"num_format": "@", "bold": True})
    page = workbook.add_worksheet(sheet)
    page.freeze_panes(1, 0)
    page.set_column(0, len(header), _WIDTH, as_text)
    for at, name in enumerate(header):
        page.write_string(0, at, name, heading)
    count = 0
    for count, row in enumerate(itertools.islice(rows, _MOST_ROWS), start=1):
        for at, cell in enumerate(row):
            if cell:
                page.write_string(count, at, cell[:_MOST_CHARACTERS], as_text)
    workbook.close()
    return count
