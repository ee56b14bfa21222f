"""What is said of rows and cells that can't be read, or only at too great a cost."""

from __future__ import annotations

import csv

from webapp.rules.reading.tables import (
    Dialect,
    Limits,
    Refusal,
    UnreadableError,
    name_delimiter,
)

UNCLOSED = (
    "A quotation mark is opened in this row and never closed; "
    "remove it or close it, then upload the row again."
)

SAY_FIRST_HALF = (
    "The last value of this row seems to go on in the next line; join the two lines, "
    "then upload the row again."
)
SAY_SECOND_HALF = (
    "The first value of this row seems to begin in the line above; join the two lines, "
    "then upload the row again."
)


def say_irregular(found: int, dialect: Dialect) -> str:
    """What is wrong with a row of so many cells."""
    width, name = dialect.width, name_delimiter(dialect.delimiter)
    cells = "1 cell" if found == 1 else f"{found} cells"
    columns = "1 column" if width == 1 else f"{width} columns"
    if found == width:
        return (
            "This row has quotation marks that don't belong together; "
            "put each in pairs around a whole cell, then upload the row again."
        )
    if found > width:
        return (
            f"This row has {cells} but the header has {columns}; put text that contains a {name} "
            f"in quotation marks, or remove the {name} that is too many."
        )
    return (
        f"This row has {cells} but the header has {columns}; "
        f"add the {name} that is missing, or join it with the row it was cut from."
    )


def say_odd(cell: str, number: int) -> str:
    """What is wrong with a number, date or code that has a quotation mark in it."""
    shown = cell if len(cell) <= 60 else cell[:60] + "…"
    return (
        f"The value “{shown}” in column {number} has a quotation mark, which no other value of its "
        "column has; remove it, then upload the row again."
    )


def check_first_lines(lines: list[str], limits: Limits) -> None:
    """Set the limit of a cell, and refuse lines that are no rows but cost a lot to look at."""
    csv.field_size_limit(limits.max_cell)
    for line in lines:
        if len(line) > limits.max_cell:
            for delimiter in ",;\t|":
                count = line.count(delimiter)
                if count > 100 * limits.max_columns:
                    raise UnreadableError(too_many_columns(count + 1, limits))


def refuse_too_many_cells(lines: list[str], dialect: Dialect, limits: Limits) -> None:
    """A row of a million cells is no row; splitting it would cost more memory than is allowed."""
    for line in lines:
        if line.count(dialect.delimiter) > 100 * limits.max_columns:
            raise UnreadableError(too_many_columns(line.count(dialect.delimiter) + 1, limits))


def too_many_columns(count: int, limits: Limits) -> Refusal:
    return Refusal(
        "too_many_columns",
        f"This file has {count:,} columns and at most {limits.max_columns:,} can be read; "
        "keep the columns that are needed and save it again.",
    )


def cell_too_long(limits: Limits) -> Refusal:
    return Refusal(
        "cell_too_long",
        f"This file has a cell of more than {limits.max_cell:,} characters, which no field can "
        "hold; shorten or remove it and save the file again.",
    )
