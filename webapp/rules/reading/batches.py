"""Records as batches: numbered, blank rows left out, irregular ones named with what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from webapp.rules.reading.refusals import say_irregular
from webapp.rules.reading.rows import Records
from webapp.rules.reading.tables import Batch, Dialect

_HEAVY = 8_000_000
NUL = "\x00"
SHOWN_NUL = "␀"


@dataclass(slots=True)
class _Pending:
    """Rows that wait until there are enough for a batch."""

    numbers: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    recovered: dict[int, str] = field(default_factory=dict)
    raw: dict[int, str] = field(default_factory=dict)
    as_written: set[int] = field(default_factory=set)
    weight: int = 0

    def take(self, count: int) -> Batch:
        numbers, self.numbers = self.numbers[:count], self.numbers[count:]
        rows, self.rows = self.rows[:count], self.rows[count:]
        if not self.rows:
            self.weight = 0
        if not numbers:
            return Batch(numbers, rows)
        last = numbers[-1]
        faults, self.faults = _divide(self.faults, last)
        recovered, self.recovered = _divide(self.recovered, last)
        raw, self.raw = _divide(self.raw, last)
        as_written = frozenset(self.as_written.intersection(faults))
        return Batch(numbers, rows, faults, recovered, raw, as_written)

    def drop(self, count: int) -> int:
        """Forget up to ``count`` rows; say how many."""
        return len(self.take(count)) if count else 0


def _divide(notes: dict[int, str], last: int) -> tuple[dict[int, str], dict[int, str]]:
    if not notes:
        return {}, notes
    return (
        {number: text for number, text in notes.items() if number <= last},
        {number: text for number, text in notes.items() if number > last},
    )


def batch_rows(
    blocks: Iterable[tuple[Sequence[int], Records]],
    dialect: Dialect,
    start: int,
    size: int,
    header: Sequence[str] = (),
) -> Iterator[Batch]:
    """Batches of ``size`` rows; fewer at the end and where cells are huge.

    The first ``start`` rows are left out.
    """
    pending = _Pending()
    to_skip = start
    names = list(header) if dialect.width > 1 and any(header) else []
    for numbers, records in blocks:
        _add(pending, numbers, records, dialect, names)
        to_skip -= pending.drop(to_skip)
        while len(pending.rows) >= size:
            yield pending.take(size)
        # Rows of huge cells: fewer at a time, or memory would grow with them.
        while pending.weight > _HEAVY and pending.rows:
            yield pending.take(_how_many(pending.rows))
    if pending.rows:
        yield pending.take(size)


def _how_many(rows: list[list[str]]) -> int:
    """How many of the rows may be held together; one at least."""
    held = 0
    for at, row in enumerate(rows):
        held += sum(map(len, row))
        if held > _HEAVY:
            return max(1, at)
    return len(rows)


def _add(
    pending: _Pending,
    numbers: Sequence[int],
    records: Records,
    dialect: Dialect,
    header: list[str],
) -> None:
    rows = records.rows
    left_out: set[int] = set()
    repeated: list[int] = []
    firsts = list(map(_FIRST, rows)) if records.is_plain else []
    # Most rows have something in their first cell, and so need no second look.
    if not records.is_plain or not all(map(str.strip, firsts)):
        left_out = _find_blank(rows)
    if header and (not firsts or header[0] in firsts):
        repeated = [at for at, row in enumerate(rows) if row == header]
    if dialect.repeats_header:
        left_out.update(repeated)
        repeated = []
    faults = _find_faults(numbers, records, dialect)
    for at in repeated:
        faults[numbers[at]] = _REPEATED
        pending.raw[numbers[at]] = (dialect.delimiter or "\t").join(rows[at])
    if left_out:
        for at in left_out:
            faults.pop(numbers[at], None)
        kept = [at for at in range(len(rows)) if at not in left_out]
        told = {at: numbers[at] for at in kept}
        numbers = [numbers[at] for at in kept]
        rows = [rows[at] for at in kept]
    else:
        told = dict(enumerate(numbers)) if records.recovered or records.raw else {}
    pending.as_written.update(told[at] for at in records.as_written if at in told)
    pending.weight += records.weight
    pending.numbers.extend(numbers)
    pending.rows.extend(rows)
    pending.faults.update(faults)
    if records.recovered:
        pending.recovered.update(
            {told[at]: what for at, what in records.recovered.items() if at in told}
        )
    if records.raw:
        pending.raw.update({told[at]: text for at, text in records.raw.items() if at in told})


def _find_blank(rows: list[list[str]]) -> set[int]:
    strip = str.strip
    maybe = [at for at, row in enumerate(rows) if not row or not row[0].strip()]
    return {at for at in maybe if not any(map(strip, rows[at]))}


_FIRST = itemgetter(0)
_REPEATED = "This row repeats the header; remove it, then upload the file again."


def _find_faults(numbers: Sequence[int], records: Records, dialect: Dialect) -> dict[int, str]:
    """What is wrong with which row; rows that surely fit the header's width are given it."""
    rows, width = records.rows, dialect.width
    faults = {numbers[at]: why for at, why in records.broken.items()}
    if not records.is_plain or dialect.cells:
        for at, row in enumerate(rows):
            if len(row) != width and at not in records.broken:
                fault = _fit(row, dialect)
                if fault:
                    faults[numbers[at]] = fault
                    records.raw.setdefault(at, (dialect.delimiter or "\t").join(row))
    if records.has_nul:
        for at, row in enumerate(rows):
            if any(NUL in cell for cell in row):
                records.raw.setdefault(
                    at, (dialect.delimiter or "\t").join(row).replace(NUL, SHOWN_NUL)
                )
                rows[at] = [cell.replace(NUL, SHOWN_NUL) for cell in row]
                faults.setdefault(
                    numbers[at],
                    "This row has a NUL character (shown as ␀), which no text can hold; "
                    "remove it, then upload the row again.",
                )
        records.raw = {at: text.replace(NUL, SHOWN_NUL) for at, text in records.raw.items()}
    return faults


def _fit(row: list[str], dialect: Dialect) -> str | None:
    """Give a row the header's width where nothing is lost or shifted; else say what is wrong."""
    width = dialect.width
    if len(row) > width:
        if not any(map(str.strip, row[width:])):
            del row[width:]
            return None
    elif dialect.pads_short_rows:
        row.extend([""] * (width - len(row)))
        return None
    if dialect.kind != "csv":
        return (
            "This row has a value to the right of the last column that has a name; "
            "move it into its column, or give its column a name."
        )
    return say_irregular(len(row), dialect)
