"""The rows of a text table in batches, as its dialect says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from webapp.rules.reading import headers
from webapp.rules.reading.batches import batch_rows
from webapp.rules.reading.lines import read_text_blocks, split_lines
from webapp.rules.reading.records import RecordReader
from webapp.rules.reading.refusals import check_first_lines
from webapp.rules.reading.rows import Records, sample_rows
from webapp.rules.reading.tables import Batch, Dialect, Limits, Source


def read_delimited(
    source: Source, dialect: Dialect, start: int, limits: Limits, size: int
) -> Iterator[Batch]:
    """The records below the header, ``size`` at most at a time, after ``start`` of them."""
    texts = read_text_blocks(source, dialect, limits)
    header, blocks = _skip_header(texts, dialect, limits)
    if not dialect.width:
        dialect = replace(dialect, width=len(headers.strip_names(header)))
    reader = RecordReader(dialect, limits)
    numbered = _number(reader.read(blocks), dialect)
    return batch_rows(numbered, dialect, start, size, header)


_ENOUGH = 600_000


def _skip_header(
    blocks: Iterator[str], dialect: Dialect, limits: Limits
) -> tuple[list[str], Iterator[str]]:
    """The cells of the header's last row, and the text below it."""
    wanted = dialect.header_line
    if not wanted:
        return [], blocks
    skipped = held = 0
    is_whole = True
    lines: list[str] = []
    for block in blocks:
        more = split_lines(block)
        # Blank lines at the start of the file, however many.
        if not lines and skipped + len(more) < wanted and not block.strip():
            skipped += len(more)
            continue
        lines += more
        held += len(block)
        if len(lines) > wanted - skipped + 500 or held > _ENOUGH:
            is_whole = False
            break
    check_first_lines(lines, limits)
    rows = sample_rows(lines, dialect, is_whole=is_whole)
    for number, (row, _, end) in enumerate(rows, start=1):
        if number == wanted - skipped:
            rest = "".join(lines[end:])
            return row or [], chain([rest] if rest else [], blocks)
    return [], iter(())


def _number(blocks: Iterator[Records], dialect: Dialect) -> Iterator[tuple[Sequence[int], Records]]:
    """Each block of records with the row number of each; what is below the table is left out."""
    number = dialect.header_line + 1
    held: list[Records] = []
    for records in blocks:
        count = len(records.rows)
        if dialect.last_line and number + count - 1 >= dialect.last_line:
            rest = records.cut(0, max(0, dialect.last_line - number + 1))
            yield range(number, number + len(rest.rows)), rest
            return
        if not dialect.footer_rows:
            yield range(number, number + count), records
            number += count
            continue
        # The last rows are known as such only when there are no more.
        held.append(records)
        while held and sum(len(item.rows) for item in held[1:]) >= dialect.footer_rows:
            first = held.pop(0)
            yield range(number, number + len(first.rows)), first
            number += len(first.rows)
    if held:
        left = sum(len(item.rows) for item in held) - dialect.footer_rows
        for item in held:
            rest = item.cut(0, max(0, min(len(item.rows), left)))
            left -= len(rest.rows)
            if rest.rows:
                yield range(number, number + len(rest.rows)), rest
            number += len(item.rows)
