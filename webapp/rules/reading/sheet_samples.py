"""The first and last rows of a sheet, from which its table is found, and where it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from webapp.rules.reading.books import TAIL, Book, Merged, Sheet, SheetFacts, SheetRows
from webapp.rules.reading.headers import are_names, has_header
from webapp.rules.reading.layout import Layout

_SAMPLE_ROWS = 1_000
_SAMPLE_CELLS = 200_000
_GAP = 200

Row = list[str]


@dataclass(slots=True)
class SheetSample:
    """The first rows of a sheet with none left out, and the last ones of a longer sheet."""

    start: int
    rows: list[Row]
    is_whole: bool
    tail: list[Row]
    last: int
    """The number of the sheet's last row with something in it, where it was seen, else 0."""
    left: int = 0
    """How many columns at the left are cut off."""

    def cut_left(self, count: int) -> None:
        """Leave out columns at the left; what a title or total has there goes to the first one
        that is kept, so that it is still known by its text."""
        if not count:
            return
        self.left += count
        for row in (*self.rows, *self.tail):
            text = " ".join(cell.strip() for cell in row[:count] if cell.strip())
            del row[:count]
            if text and row and not row[0].strip():
                row[0] = text

    def shift(self, merged: Sequence[Merged]) -> list[Merged]:
        """Merged cells, counted from the first column that is kept."""
        return [
            replace(one, left=max(0, one.left - self.left), right=one.right - self.left)
            for one in merged
            if one.right >= self.left
        ]


def take_sheet_sample(
    book: Book, sheet: Sheet, facts: SheetFacts, widest: int, read_whole: int
) -> SheetSample | None:
    """A sample of a sheet, all rows equally wide; None of a blank one.

    Sheets of more than `read_whole` rows are not read to their end: only their tail is.
    """
    gather = _Gatherer()
    is_cut = False
    for block in book.rows(sheet):
        gather.add(block)
        if gather.is_full and facts.rows > read_whole:
            is_cut = True
            break
    if is_cut:
        gather.tail, gather.last = [], 0
        gather.add(book.tail(sheet))
    rows, tail = gather.rows, gather.tail[-TAIL:]
    if not any(any(map(str.strip, row)) for row in rows):
        return None
    # Rows of a sheet end with their last cell; those of a table are all as wide as the widest.
    width = min(max(map(_filled_width, rows)), widest)
    for row in (*rows, *tail):
        row[width:] = []
        row.extend([""] * (width - len(row)))
    return SheetSample(gather.start, rows, not gather.is_full, tail, gather.last)


class _Gatherer:
    """Gathers the first rows of a sheet, blank ones between them too, and after them the last."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.tail: list[Row] = []
        self.start = self.last = 0
        self.is_full = False
        self._cells = 0

    def add(self, block: SheetRows) -> None:
        for number, row in zip(block.numbers, block.rows, strict=True):
            self.start = self.start or number
            gap = number - self.last - 1 if self.last else 0
            self.is_full = self.is_full or (
                len(self.rows) >= _SAMPLE_ROWS or self._cells > _SAMPLE_CELLS or gap > _GAP
            )
            kept = self.tail if self.is_full else self.rows
            kept.extend([] for _ in range(min(gap, _GAP)))
            kept.append(row)
            self._cells += len(row)
            self.last = number
        del self.tail[: -2 * TAIL]


def _filled_width(row: Sequence[str]) -> int:
    return next((at for at in range(len(row), 0, -1) if row[at - 1].strip()), 0)


def find_left(rows: Sequence[Row]) -> int:
    """How many columns at the left are no part of the table: blank, or with titles and notes
    that stand alone in their rows."""
    spans = [(_filled_from(row), _filled_width(row) - 1) for row in rows]
    spans = [(first, last) for first, last in spans if last >= 0]
    count = 0
    for column in range(max((last for _, last in spans), default=0)):
        beside = any(first <= column < last for first, last in spans)
        table = [at for at, (first, last) in enumerate(spans) if column < first < last]
        if beside or not table or len(spans) > 2 * len(table):
            break
        between = spans[table[0] : table[-1]]
        if sum(first <= column for first, _ in between) * 4 > len(table):
            break
        count = column + 1
    return count


def _filled_from(row: Sequence[str]) -> int:
    return next((at for at, cell in enumerate(row) if cell.strip()), len(row))


def count_titles(rows: Sequence[Row]) -> int:
    """How many rows at the top of a table of two columns are titles over its header: a cell alone
    may be a record that lacks the other, but not above a row of names."""
    if not rows or len(rows[0]) != 2:
        return 0
    first = next((at for at, row in enumerate(rows) if all(map(str.strip, row))), 0)
    header, body = rows[first], [list(row) for row in rows[first + 1 :] if any(row)]
    is_header = first and are_names(header) and has_header(header, body) and len(body) > 2
    return first if is_header else 0


def count_blank_left(layout: Layout) -> int:
    """How many columns at the left have neither a name nor a value in any row of the table."""
    if not layout.header_rows or not layout.body:
        return 0
    blank = 0
    for at, name in enumerate(layout.columns[:-1]):
        if name or any(row[at].strip() for row in layout.body):
            break
        blank += 1
    return blank


def note_left(left: int) -> Iterator[str]:
    if left:
        columns = "column to its left is" if left == 1 else f"{left} columns to its left are"
        yield f"The table begins in column {_letters(left)}; the {columns} not of it."


def _letters(column: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
