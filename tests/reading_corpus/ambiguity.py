"""Whether anybody could read a malformed row: in how many ways do its cells fit the columns?"""

from __future__ import annotations

from collections.abc import Sequence

from tests.reading_corpus.tables import Row, Table


def fits(row: Sequence[str], table: Table) -> bool:
    """Each cell looks like the other cells of its column."""
    return len(row) == table.width and all(
        form.fullmatch(cell) for form, cell in zip(table.forms, row, strict=True)
    )


def readings_of_short(cells: Sequence[str], table: Table) -> set[Row]:
    """Every way to put one more delimiter into a row that has one cell too few."""
    found = set()
    for at, cell in enumerate(cells):
        for cut in range(len(cell) + 1):
            row = (*cells[:at], cell[:cut], cell[cut:], *cells[at + 1 :])
            if fits(row, table):
                found.add(row)
    return found


def readings_of_long(cells: Sequence[str], delimiter: str, table: Table) -> set[Row]:
    """Every way to take one delimiter out of a row that has one cell too many: it was one too
    many, or it is part of a text that should have been quoted."""
    found = set()
    for at in range(len(cells) - 1):
        left, right = cells[at], cells[at + 1]
        joined = {left + delimiter + right} if left and right else {left + right}
        for cell in joined:
            row = (*cells[:at], cell, *cells[at + 2 :])
            if fits(row, table):
                found.add(row)
    return found
