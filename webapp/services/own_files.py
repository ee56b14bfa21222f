"""Our own files of rejects: written by us, so nothing about how to read them has to be guessed.

One of two lines, the second longer than the header on purpose, is too little evidence for anybody
who doesn't know where it comes from.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from itertools import islice

from webapp.rules.fields import REPORT_COLUMNS
from webapp.rules.reading import (
    Choices,
    Dialect,
    Examination,
    Refusal,
    Source,
    UnreadableError,
    examine,
    read_records,
)

HEAD = 1 << 16
FIRST_ROWS = 20


def examine_file(source: Source, choices: Choices) -> Examination | Refusal:
    """What is in an uploaded file (`rules.reading.examine`), one of our own known at sight."""
    found = examine(source, choices=choices)
    if choices.to_json() or isinstance(found, Refusal) or found.dialect.kind != "csv":
        return found
    known = _own_header(source)
    if known is None or found.columns == tuple(known[0]):
        return found
    header, delimiter = known
    dialect = Dialect("csv", "utf-8", delimiter, '"', "\r\n", had_bom=True, width=len(header))
    try:
        batches = islice(read_records(source, dialect, size=FIRST_ROWS), 1)
        rows = [row for batch in batches for row in batch.rows]
    except UnreadableError:
        return found
    return replace(
        found,
        dialect=dialect,
        columns=tuple(header),
        first_rows=tuple(tuple(row[: len(header)]) for row in rows if len(row) >= len(header)),
        notes=("This is a file of rejects that DataSync made.",),
        found=(), outside=(), irregular=(), irregular_count=0, readings=(), is_unsure=False,
    )  # fmt: skip


def _own_header(source: Source) -> tuple[list[str], str] | None:
    """The header and the delimiter, if the file begins as ours do."""
    with source.open() as file:
        head = file.read(HEAD).decode("utf-8-sig", "replace")
    for delimiter in (",", ";"):
        try:
            header = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
        except csv.Error:
            continue
        if tuple(header[-len(REPORT_COLUMNS) :]) == tuple(REPORT_COLUMNS):
            return header, delimiter
    return None
