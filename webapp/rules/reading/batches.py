"""Records as batches: numbered, blank rows left out, irregular ones named with what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from webapp.rules.reading.records import Records
from webapp.rules.reading.tables import DELIMITER_NAMES, Batch, Dialect

_HEAVY = 8_000_000
NUL = "\x00"
SHOWN_NUL = "␀"


@dataclass(slots=True)
class _Pending:
    """Rows that wait until there are enough for a batch."""

    numbers: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    weight: int = 0

    def take(self, count: int) -> Batch:
        numbers, self.numbers = self.numbers[:count], self.numbers[count:]
        rows, self.rows = self.rows[:count], self.rows[count:]
        faults: dict[int, str] = {}
        if not self.rows:
            self.weight = 0
        if self.faults and numbers:
            last = numbers[-1]
            faults = {number: why for number, why in self.faults.items() if number <= last}
            self.faults = {number: why for number, why in self.faults.items() if number > last}
        return Batch(numbers, rows, faults)

    def drop(self, count: int) -> int:
        """Forget up to ``count`` rows; say how many."""
        return len(self.take(count)) if count else 0


def batch_rows(
    blocks: Iterable[tuple[Sequence[int], Records]], dialect: Dialect, start: int, size: int
) -> Iterator[Batch]:
    """Batches of ``size`` rows; fewer at the end and where cells are huge.

    The first ``start`` rows are left out.
    """
    pending = _Pending()
    to_skip = start
    for numbers, records in blocks:
        _add(pending, numbers, records, dialect)
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


def _add(pending: _Pending, numbers: Sequence[int], records: Records, dialect: Dialect) -> None:
    rows = records.rows
    strip = str.strip
    # Most rows have something in their first cell, and so need no second look.
    maybe = [at for at, row in enumerate(rows) if not row or not row[0].strip()]
    blank = {at for at in maybe if not any(map(strip, rows[at]))}
    faults = _find_faults(numbers, records, dialect)
    if blank:
        for at in blank:
            faults.pop(numbers[at], None)
        numbers = [number for at, number in enumerate(numbers) if at not in blank]
        rows = [row for at, row in enumerate(rows) if at not in blank]
    pending.weight += records.weight
    pending.numbers.extend(numbers)
    pending.rows.extend(rows)
    pending.faults.update(faults)


def _find_faults(numbers: Sequence[int], records: Records, dialect: Dialect) -> dict[int, str]:
    """What is wrong with which row; rows that surely fit the header's width are given it."""
    rows, width = records.rows, dialect.width
    faults = {numbers[at]: why for at, why in records.broken.items()}
    if any(size != width for size in set(map(len, rows))):
        for at, row in enumerate(rows):
            if len(row) != width and at not in records.broken:
                fault = _fit(row, dialect)
                if fault:
                    faults[numbers[at]] = fault
    if records.has_nul:
        for at, row in enumerate(rows):
            if any(NUL in cell for cell in row):
                rows[at] = [cell.replace(NUL, SHOWN_NUL) for cell in row]
                faults.setdefault(
                    numbers[at],
                    "This row has a NUL character (shown as ␀), which no text can hold; "
                    "remove it, then upload the row again.",
                )
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
    if dialect.kind == "xlsx":
        return (
            "This row has a value to the right of the last column that has a name; "
            "move it into its column, or give its column a name."
        )
    found, name = len(row), DELIMITER_NAMES.get(dialect.delimiter, "delimiter")
    cells = "1 cell" if found == 1 else f"{found} cells"
    columns = "1 column" if width == 1 else f"{width} columns"
    if found > width:
        return (
            f"This row has {cells} but the header has {columns}; put text that contains a {name} "
            f"in quotation marks, or remove the {name} that is too many."
        )
    return (
        f"This row has {cells} but the header has {columns}; "
        f"add the {name} that is missing, or join it with the row it was cut from."
    )
