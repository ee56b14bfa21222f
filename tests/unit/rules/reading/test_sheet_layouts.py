"""Sheets as people lay them out: titles, groups, blank columns and totals in every combination, in
every kind of workbook. The table is found cell by cell."""

from __future__ import annotations

import datetime
import html
import io
import random
from collections.abc import Callable

import pytest
import xlsxwriter

from tests.unit.rules.reading.book_writers import (
    Cell,
    SheetSpec,
    Styled,
    write_ods,
    write_xls,
    write_xlsb,
    write_xml,
)
from tests.unit.rules.reading.sources import Bytes, found
from webapp.rules.reading import read_records

Rows = list[list[Cell]]
Ranges = list[tuple[int, int, int, int]]

FIRST = ("Ann", "Bo", "Cy", "Dee", "Eve", "Flo", "Gus", "Hal", "Ida", "Joe")
LAST = ("Ng", "Smith", "Garcia", "Lee", "Jones", "Brown", "Cohen")
CITIES = ("Boston", "Salem", "Lynn", "Austin", "Reno")
NAMES = ("ID", "First", "Last", "Street", "City", "ZIP", "Amount", "Date", "Note")


def write_html(sheet: SheetSpec) -> bytes:
    covered: set[tuple[int, int]] = set()
    rows = ""
    for at, row in enumerate(sheet.rows):
        cells = ""
        for column, cell in enumerate(row):
            if (at, column) in covered:
                continue
            span = ""
            for top, left, _, right in sheet.merged:
                if (top, left) == (at, column):
                    span = f" colspan={right - left + 1}"
                    covered |= {(at, other) for other in range(left + 1, right + 1)}
            cells += f"<td{span}>{html.escape(shown(cell))}</td>"
        rows += f"<tr>{cells}</tr>\n"
    return f"<html><body><table>{rows}</table></body></html>".encode()


def write_xlsx(sheet: SheetSpec) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet.name)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for at, row in enumerate(sheet.rows):
            for column, cell in enumerate(row):
                if isinstance(cell, Styled):
                    page.write_number(at, column, cell.value, day)
                elif isinstance(cell, int | float):
                    page.write_number(at, column, cell)
                elif cell is not None:
                    page.write_string(at, column, str(cell))
        for top, left, bottom, right in sheet.merged:
            page.merge_range(top, left, bottom, right, str(sheet.rows[top][left]))
    return buffer.getvalue()


def shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Styled):
        return cell.shown
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def record(rnd: random.Random, number: int) -> list[Cell]:
    day = datetime.date(2020, 1, 1) + datetime.timedelta(days=number)
    serial = (day - datetime.date(1899, 12, 30)).days
    return [
        number,
        rnd.choice(FIRST),
        rnd.choice(LAST),
        f"{rnd.randrange(1, 99)} Elm St",
        rnd.choice(CITIES),
        str(rnd.randrange(10_000, 99_999)),
        rnd.randrange(1, 9_999) / 4,
        Styled(serial, "yyyy-mm-dd", day.isoformat()),
        rnd.choice([None, "thanks", "call"]),
    ]


def lay_out(rnd: random.Random) -> tuple[SheetSpec, list[str], list[list[str]]]:
    """A sheet, and the names and cells of its table."""
    width = rnd.choice([2, 3, 4, 5, 7, 9])
    left = rnd.choice([0, 0, 0, 1, 2])
    body = [record(rnd, number)[:width] for number in range(1, rnd.choice([3, 8, 30, 150]) + 1)]
    names = list(NAMES[:width])
    rows, merged = titles(rnd, left, width)
    blank: list[Cell] = [None] * left
    wanted = list(names)
    if width >= 5 and rnd.random() < 0.3:
        at = len(rows)
        rows.append([*blank, None, "Name", None, "Home", None, *[None] * (width - 5)])
        merged += [(at, left + 1, at, left + 2), (at, left + 3, at, left + 4)]
        groups = ["", "Name ", "Name ", "Home ", "Home ", "", "", "", ""]
        wanted = [group + name for group, name in zip(groups, names, strict=False)]
    rows.append([*blank, *names])
    rows += [[*blank, *row] for row in body]
    foot = rnd.choice(["", "", "total", "note"])
    if foot == "total" and width >= 7:
        rows.append([*blank, "Total", *[None] * 5, 1234.5])
    elif foot == "note":
        rows += [[], [*blank, "Note: amounts are before fees"]]
    return SheetSpec("S", rows, merged=merged), wanted, [list(map(shown, row)) for row in body]


def titles(rnd: random.Random, left: int, width: int) -> tuple[Rows, Ranges]:
    kind = rnd.choice(["", "", "plain", "over all", "over most"])
    if not kind:
        return [], []
    at = rnd.choice([0, left])
    rows: Rows = [[*[None] * at, "Riverbend gifts report"]]
    merged: Ranges = []
    if kind == "over all":
        merged = [(0, at, 0, left + width - 1)]
    elif kind == "over most":
        merged = [(0, at, 0, max(at + 1, left + width - 2))]
    if rnd.random() < 0.5:
        rows.append([*[None] * at, "Printed 1 May 2026 by Ann"])
    if rnd.random() < 0.5:
        rows.append([])
    return rows, merged


WRITERS: dict[str, Callable[[SheetSpec], bytes]] = {
    "xlsx": write_xlsx,
    "xlsb": write_xlsb,
    "xls": write_xls,
    "ods": write_ods,
    "xml": write_xml,
    "html": write_html,
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("seeds", [range(start, start + 15) for start in (0, 110, 364)], ids=str)
def test_the_table_of_a_sheet_is_found_however_it_is_laid_out(kind: str, seeds: range) -> None:
    for seed in seeds:
        sheet, names, cells = lay_out(random.Random(seed))
        source = Bytes(WRITERS[kind](sheet))
        examination = found(source)
        assert list(examination.columns) == names, seed
        read = [row for batch in read_records(source, examination.dialect) for row in batch.rows]
        assert read == cells, seed
