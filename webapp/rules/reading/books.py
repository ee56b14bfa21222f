"""What every kind of workbook offers, however it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from webapp.rules.reading.number_formats import Show, show_number
from webapp.rules.reading.refusals import too_many_columns
from webapp.rules.reading.tables import Limits, UnreadableError

ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
LAST_COLUMN = 16_384
LAST_ROW = 1_048_576
TAIL = 200
"""How many rows at the end of a sheet are looked at for what is not of the table."""
MERGED_WITHIN = 50
"""Headers are within the first so many rows; merged cells below them change nothing."""

# Rows are handed on a few at a time: a block of them has to fit into the processor's cache.
_BLOCK_CELLS = 4_096


def check_column(column: int, limits: Limits) -> None:
    """Refuse a cell so far to the right that a few rows like its own would fill the memory."""
    if column >= LAST_COLUMN:
        raise ValueError(column)
    if column >= 2 * limits.max_columns:
        raise UnreadableError(too_many_columns(column + 1, limits))


@dataclass(slots=True)
class SheetRows:
    """Some rows with the numbers the sheet gives them."""

    numbers: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet with cells; `part` is where its workbook keeps it."""

    name: str
    part: str
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """A range of cells that are shown as one: row numbers from 1, columns from 0, both included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class SheetFacts:
    """What a look at the whole sheet shows."""

    rows: int = 0
    """How many rows there are down to the last with something in it, as far as is known."""
    hidden_rows: int = 0
    hidden_columns: int = 0
    formulas_without_result: int = 0
    """Cells that would have to be worked out: programs other than Excel may leave that to it."""
    merged: list[Merged] = field(default_factory=list)

    def add_merged(self, merged: Merged) -> None:
        if merged.top <= MERGED_WITHIN and len(self.merged) < 2_000:
            self.merged.append(merged)


class Book(Protocol):
    """An open workbook."""

    @property
    def sheets(self) -> tuple[Sheet, ...]: ...

    def rows(self, sheet: Sheet) -> Iterator[SheetRows]:
        """Every row that has a cell, in order, block by block."""
        ...

    def survey(self, sheet: Sheet) -> SheetFacts:
        """Look at all of a sheet; a damaged one is ``UnreadableError`` now, not in a run."""
        ...

    def tail(self, sheet: Sheet) -> SheetRows:
        """Some of the last rows, where they can be had without reading all that come before."""
        ...


class RowCollector:
    """Cells in order of their rows, gathered into blocks of rows."""

    def __init__(self) -> None:
        self._found = SheetRows()
        self._number = 0
        self._row: list[str] = []
        self._cells = 0

    def add(self, number: int, column: int, text: str) -> None:
        """A cell; of its row if that was begun, else of a later one."""
        if number != self._number:
            self.begin(number)
        row = self._row
        gap = column - len(row)
        if gap > 0:
            row.extend([""] * gap)
        if gap < 0:
            row[column] = text
        else:
            row.append(text)

    def begin(self, number: int) -> None:
        if number <= self._number or number > LAST_ROW:
            raise ValueError(number)
        self._end_row()
        self._number = number

    def _end_row(self) -> None:
        if self._row:
            self._cells += len(self._row)
            self._found.numbers.append(self._number)
            self._found.rows.append(self._row)
            self._row = []

    def take_full(self) -> SheetRows | None:
        """The rows that are complete, if they are enough to be handed on."""
        if self._cells < _BLOCK_CELLS:
            return None
        found, self._found = self._found, SheetRows()
        self._cells = 0
        return found

    def take_rest(self) -> SheetRows | None:
        self._end_row()
        return self._found if self._found.numbers else None


class Shower:
    """Numbers as text by the style of their cell; the same one is not worked out again."""

    def __init__(self, shows: list[Show]) -> None:
        self._shows = shows
        self._shown: dict[tuple[int, float], str] = {}

    def show(self, style: int, value: float) -> str:
        key = style, value
        text = self._shown.get(key)
        if text is None:
            show = self._shows[style] if style < len(self._shows) else show_number
            text = show(_digits_of(value))
            if len(self._shown) >= 50_000:
                self._shown.clear()
            self._shown[key] = text
        return text


def _digits_of(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)
