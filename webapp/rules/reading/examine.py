"""The two things a file is asked: what is in it, and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from webapp.rules.reading import signatures
from webapp.rules.reading.delimited import examine_text
from webapp.rules.reading.package import find_archive_kind
from webapp.rules.reading.packed import examine_gzip, examine_zip
from webapp.rules.reading.packing import is_gzip, unpack
from webapp.rules.reading.tables import (
    Batch,
    Choices,
    Dialect,
    Examination,
    Limits,
    Refusal,
    Source,
    UnreadableError,
)
from webapp.rules.reading.text_rows import read_delimited
from webapp.rules.reading.workbooks import examine_workbook, read_workbook

# Reading is half as fast again when ten thousand rows are held at once.
BATCH = 2_000
_HEAD = 1 << 16


def examine(
    source: Source,
    *,
    limits: Limits = Limits(),  # noqa: B008
    choices: Choices = Choices(),  # noqa: B008
    may_lack_rows: bool = False,
) -> Examination | Refusal:
    """What a file holds, or the sentence that says why it can't be read as a table.

    `choices` are taken as given. A header without rows below it is refused unless `may_lack_rows`.
    Goes by the content and never by the name; costs seconds and little memory whatever it is given.
    """
    if not source.size:
        return signatures.refuse_empty()
    examine_one = partial(_examine_unpacked, may_lack_rows=may_lack_rows)
    try:
        with source.open() as file:
            head = file.read(_HEAD)
        if is_gzip(head):
            return examine_gzip(source, limits, choices, examine_one)
        if signatures.is_zip(head) and find_archive_kind(source, head, limits) == "archive":
            return examine_zip(source, limits, choices, examine_one)
        return examine_one(source, limits, choices)
    except UnreadableError as error:
        return error.refusal


def _examine_unpacked(
    source: Source, limits: Limits, choices: Choices, *, may_lack_rows: bool
) -> Examination | Refusal:
    """The same for a file that has no other files in it."""
    with source.open() as file:
        head = file.read(_HEAD)
        if not head:
            return signatures.refuse_empty()
        refusal = signatures.refuse_by_signature(file, head, source.size)
    if refusal:
        return refusal
    if signatures.is_zip(head) or signatures.is_ole(head) or signatures.find_markup(head):
        return examine_workbook(source, limits, choices, may_lack_rows=may_lack_rows)
    return examine_text(source, limits, choices, may_lack_rows=may_lack_rows)


def read_records(
    source: Source,
    dialect: Dialect,
    *,
    start: int = 0,
    limits: Limits = Limits(),  # noqa: B008
    size: int = BATCH,
) -> Iterator[Batch]:
    """The records below the header in batches of ``size``, after the first ``start`` of them.

    Blank rows are left out and not counted. Memory stays flat. Raises ``UnreadableError`` where the
    rest of the file can't be read as a table (a cell or line beyond the limits).
    """
    if dialect.packing:
        source = unpack(source, dialect, limits)
    if dialect.kind != "csv":
        return read_workbook(source, dialect, start, limits, size)
    return read_delimited(source, dialect, start, limits, size)
