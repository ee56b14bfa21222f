"""Text tables: what is in them, and their rows in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from webapp.rules.reading import headers, signatures
from webapp.rules.reading.batches import batch_rows
from webapp.rules.reading.dialects import (
    find_dialect,
    find_line_ending,
    leaves_out_trailing_blanks,
    named_delimiter,
)
from webapp.rules.reading.encodings import find_encoding
from webapp.rules.reading.lines import LineCounter, read_line_blocks
from webapp.rules.reading.records import Records, read_records_of
from webapp.rules.reading.tables import (
    Batch,
    Choices,
    Dialect,
    Examination,
    Limits,
    Refusal,
    Source,
)

SAMPLE = 1 << 19
FIRST_ROWS = 20


def examine_text(
    source: Source,
    limits: Limits,
    choices: Choices = Choices(),  # noqa: B008
) -> Examination | Refusal:
    """Find encoding, delimiter and header of a text file, or say why it is no table."""
    encoding = find_encoding(source, choices.encoding)
    with source.open() as file:
        counter = LineCounter(file, limits)
        counter.read_rest()
    draft = Dialect("csv", encoding=encoding.encoding, had_bom=encoding.had_bom)
    lines, whole = _sample(source, draft, limits)
    text = "".join(lines)
    refusal = signatures.refuse_text(text, whole=whole)
    if refusal:
        return refusal
    if signatures.looks_binary(text):
        return signatures.refuse_binary()
    if not text.strip("\ufeff\x1a\x00 \t\r\n,;|"):
        return signatures.refuse_blank()
    if not whole:
        lines = lines[:-1]
    draft = replace(draft, line_ending=find_line_ending(lines))
    dialect, note = find_dialect(lines, draft, limits, whole=whole)
    found = _examine_table(source, dialect, limits, (encoding.note, note), counter.lines)
    if isinstance(found, Refusal):
        return found
    return replace(found, readings=encoding.readings, is_unsure=encoding.is_unsure)


def _examine_table(
    source: Source,
    dialect: Dialect,
    limits: Limits,
    notes: tuple[str, ...],
    lines: int,
) -> Examination | Refusal:
    sample: list[list[str]] = []
    for records in _read_raw(source, dialect, 0, limits):
        sample.extend(records.rows)
        if len(sample) > 2_000 or (len(sample) > 100 and any(map(any, sample))):
            break
    position = _find_header(sample, dialect)
    if position is None:
        return signatures.refuse_blank()
    body = [row for row in sample[position + 1 :] if any(map(str.strip, row))]
    found = headers.read_header(sample[position], body, limits)
    if isinstance(found, Refusal):
        return found
    dialect = replace(
        dialect,
        header_line=position + 1,
        width=len(found),
        pads_short_rows=leaves_out_trailing_blanks(body[:2_000], len(found)),
    )
    if position:
        notes += (f"The header is in row {position + 1}.",)
    if dialect.pads_short_rows:
        notes += ("Rows that end early are filled up with blank cells.",)
    first = next(read_delimited(source, dialect, 0, limits, FIRST_ROWS), None)
    if first is None:
        return headers.refuse_no_rows()
    return Examination(
        dialect=dialect,
        columns=found,
        first_rows=tuple(tuple(row) for row in first.rows),
        notes=notes,
        rows_estimate=max(len(first), lines - dialect.header_line),
    )


def _find_header(rows: list[list[str]], dialect: Dialect) -> int | None:
    """The first row that is not blank and not Excel's ``sep=;``."""
    for position, row in enumerate(rows):
        line = dialect.delimiter.join(row)
        if any(cell.strip("\ufeff \t") for cell in row) and not (
            position == 0 and named_delimiter([line])
        ):
            return position
    return None


def read_delimited(
    source: Source, dialect: Dialect, start: int, limits: Limits, size: int
) -> Iterator[Batch]:
    """The records below the header, ``size`` at most at a time, after ``start`` of them."""
    width = dialect.width or _header_width(source, dialect, limits)
    dialect = replace(dialect, width=width)
    numbered = _numbered(_read_raw(source, dialect, width, limits), dialect.header_line)
    return batch_rows(numbered, dialect, start, size)


def _header_width(source: Source, dialect: Dialect, limits: Limits) -> int:
    rows = (row for records in _read_raw(source, dialect, 0, limits) for row in records.rows)
    header = next(islice(rows, dialect.header_line - 1, None), [])
    return len(headers.strip_names(header))


def _read_raw(source: Source, dialect: Dialect, width: int, limits: Limits) -> Iterator[Records]:
    return read_records_of(read_line_blocks(source, dialect, limits), dialect, width, limits)


def _numbered(
    blocks: Iterator[Records], header_line: int
) -> Iterator[tuple[Sequence[int], Records]]:
    """Each block of records with the row number of each; the header and all above it
    are left out."""
    number = 1
    for records in blocks:
        count = len(records.rows)
        over = header_line - number + 1
        if over <= 0:
            yield range(number, number + count), records
        elif over < count:
            broken = {at - over: why for at, why in records.broken.items() if at >= over}
            rest = Records(records.rows[over:], broken, records.has_nul, records.weight)
            yield range(number + over, number + count), rest
        number += count


def _sample(source: Source, dialect: Dialect, limits: Limits) -> tuple[list[str], bool]:
    """The lines at the start of the file, from the first that is not blank, and if they are all."""
    lines: list[str] = []
    held = 0
    for block in read_line_blocks(source, dialect, limits):
        if not lines and not any(map(str.strip, block)):
            continue
        lines += block
        held += sum(map(len, block))
        if held > SAMPLE:
            return lines, False
    return lines, True
