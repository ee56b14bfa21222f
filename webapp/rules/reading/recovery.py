"""An irregular row is put right where exactly one reading of it fits the other rows.

One reading has to be clearly better than all that give other cells, or the row is left to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.rules.reading.aligning import align, lex, lex_apostrophes
from webapp.rules.reading.searching import SAY_STRAY, Reading, Search
from webapp.rules.reading.shapes import UNKNOWN, Shape, shapes_of
from webapp.rules.reading.tables import Dialect, name_delimiter, name_delimiters

_MARGIN = 2.5
"""How much likelier (as a logarithm) the best reading has to be than the next: 12 times."""
_SURE = 9.0
"""The same where the row has as many cells as it should and would do as it is."""
_LONGEST_ROW = 60_000
_WIDEST = 60
_FEW_ODD = 6
"""Of so many cells one may be odd by itself."""
_LEAST_SEEN = 11
"""Rows that have to be in order before others are put right by what they look like."""
_MOST_FAILURES = 40
OTHER_DELIMITERS = (",", ";", "\t", "|", " ", ":", "^")


@dataclass(frozen=True, slots=True)
class Recovered:
    """A row as it was put right, and what was done, in sentences."""

    cells: list[str]
    message: str


class Recovery:
    """Puts rows of one dialect right."""

    def __init__(self, dialect: Dialect, shapes: Sequence[Shape] | None = None) -> None:
        self.dialect = dialect
        self.width = dialect.cells or dialect.width
        if shapes is None:
            shapes = shapes_of(dialect.shapes)
        self.shapes = tuple(shapes) if len(shapes) == self.width else (UNKNOWN,) * self.width
        # Whether the cells can be told apart by what they look like.
        self._successes = self._failures = 0
        self.knows = any(not shape.is_weak for shape in self.shapes) and (
            max(shape.seen for shape in self.shapes) >= _LEAST_SEEN
        )

    def recover(self, text: str, cells: list[str] | None = None) -> Recovered | None:
        """The row, where exactly one reading of its text fits.

        ``cells`` are those it has by its quotes, where these are in order.
        """
        text = text.rstrip("\r\n")
        if len(text) > _LONGEST_ROW or not self.width:
            return None
        found = self._recover(text, cells)
        return None if found is None or self._is_torn(found.cells, text) else found

    def _recover(self, text: str, cells: list[str] | None) -> Recovered | None:
        if self.dialect.quote == "'" and "\n" not in text:
            whole = lex_apostrophes(text, self.dialect.delimiter)
            if len(whole) == self.width and self._fits(whole, ()):
                return Recovered(whole, SAY_STRAY)
        if not self.knows:
            return self._recover_unseen(text, cells)
        if cells is not None and self._is_simple(cells):
            found, is_lost = self._align(cells)
            if found is not None or is_lost:
                return found
        plain = self._lex(text)
        if plain is not None:
            return plain
        if not self._may_search():
            return None
        found = self._search(text)
        self._successes += found is not None
        self._failures += found is None
        return found

    def _lex(self, text: str) -> Recovered | None:
        """The cheap way: quotes count where they stand around a whole cell, else as characters.

        For rows that are too wide to look at every reading.
        """
        own, quote = self.dialect.delimiter, self.dialect.quote
        if self.width > _WIDEST:
            cells = lex(text, own, quote)
            if len(cells) == self.width and self._count_misfits(cells) <= self.width // _FEW_ODD:
                return Recovered(cells, SAY_STRAY)
            if abs(len(cells) - self.width) == 1:
                return self._align(cells)[0]
        return self._lex_other(text)

    def _recover_unseen(self, text: str, cells: list[str] | None) -> Recovered | None:
        """What can be said of a row when too few others were seen to know what is in a column."""
        if cells is None:
            found = lex(text, self.dialect.delimiter, self.dialect.quote)
            if len(found) == self.width and "\n" not in text:
                return Recovered(found, SAY_STRAY)
        return self._lex_other(text)

    def _lex_other(self, text: str) -> Recovered | None:
        """A row that has exactly its cells when read with another delimiter."""
        own, quote = self.dialect.delimiter, self.dialect.quote
        if self.width < 3 or text.count(own) * 2 >= self.width or "\n" in text:
            return None
        found = [
            (other, cells)
            for other in OTHER_DELIMITERS
            if other != own and len(cells := lex(text, other, quote)) == self.width
        ]
        if len(found) != 1 or self._count_misfits(found[0][1]) > self.width // _FEW_ODD:
            return None
        return Recovered(found[0][1], _say_other(found[0][0], own))

    def _is_simple(self, cells: list[str]) -> bool:
        """One cell too many or too few, and no quotes that may hide another mistake."""
        quote = self.dialect.quote
        return abs(len(cells) - self.width) == 1 and (
            self.width > _WIDEST or not quote or not any(quote in cell for cell in cells)
        )

    def _may_search(self) -> bool:
        """Looking at every reading costs milliseconds: not where it has been in vain so often."""
        return self.width <= _WIDEST and (
            self._failures < _MOST_FAILURES or self._failures < 4 * self._successes
        )

    def _align(self, cells: list[str]) -> tuple[Recovered | None, bool]:
        """The row with one mistake put right; or whether something of it is likely to be lost."""
        name = name_delimiter(self.dialect.delimiter)
        dialect = self.dialect
        found = align(cells, self.shapes, dialect.delimiter, dialect.quote, name)
        if not found:
            return None, False
        best = found[0]
        if best.is_doubtful:
            return None, True
        if any(best.score - other.score < _MARGIN for other in found[1:3]):
            return None, False
        if not self._fits(best.cells, best.touched):
            return None, False
        return Recovered(list(best.cells), best.edit), False

    def _fits(self, cells: Sequence[str], touched: Sequence[int], spare: int | None = None) -> bool:
        """Do the cells that were made look as their columns do, and nearly all of the others?"""
        if not all(self._fits_column(at, cells[at]) for at in touched):
            return False
        return self._count_misfits(cells) <= (self.width // _FEW_ODD if spare is None else spare)

    def _count_misfits(self, cells: Sequence[str]) -> int:
        return sum(not self._fits_column(at, cell) for at, cell in enumerate(cells))

    def _fits_column(self, at: int, cell: str) -> bool:
        """Does the cell look like its column, but for a quote too many?"""
        shape, quote = self.shapes[at], self.dialect.quote
        return shape.fits(cell) or (
            bool(quote) and quote in cell and shape.fits(cell.replace(quote, ""))
        )

    def _is_torn(self, cells: Sequence[str], text: str) -> bool:
        """Are there quotes in two cells that may belong together? Then they were one, or three."""
        quote = self.dialect.quote
        if not quote or quote == "'":
            return False
        odd = sum(
            cell.count(quote) % 2
            and not shape.holds(quote)
            and quote + cell.replace(quote, quote * 2) + quote not in text
            for cell, shape in zip(cells, self.shapes, strict=True)
        )
        return odd > 1

    def find_odd(self, cells: Sequence[str]) -> int | None:
        """Where a quote stands in a number, a date, a code: no value of its column has one."""
        quote = self.dialect.quote
        if not quote:
            return None
        return next(
            (
                at
                for at, (cell, shape) in enumerate(zip(cells, self.shapes, strict=True))
                if quote in cell and shape.is_odd(cell, quote)
            ),
            None,
        )

    def _search(self, text: str) -> Recovered | None:
        best = self._find_best(text, self.dialect.delimiter)
        if best is not None:
            return Recovered(best.cells(), _say(best))
        other = self._read_with_other(text)
        return None if other is None else Recovered(other[0].cells(), other[1])

    def reconsider(self, text: str, cells: list[str]) -> Recovered | None:
        """Another reading of a row that has as many cells as it should, but looks odd."""
        halves = has_halves(cells, self.dialect.quote)
        fitting = (shape.fits(cell) for shape, cell in zip(self.shapes, cells, strict=True))
        if not halves and all(fitting):
            return None
        text = text.rstrip("\r\n")
        if len(text) > _LONGEST_ROW or not self._may_search():
            return None
        margin = _MARGIN if halves else _SURE
        best = self._find_best(text, self.dialect.delimiter, margin, spare=0)
        if best is None or best.cells() == cells:
            return None
        return Recovered(best.cells(), _say(best))

    def _read_with_other(self, text: str) -> tuple[Reading, str] | None:
        """A row that is separated by something else than the others."""
        own, quote = self.dialect.delimiter, self.dialect.quote
        if not self.knows or self.width < 3:
            return None
        if text.count(own) >= self.width - 1 and not (quote and quote in text):
            return None
        found: list[tuple[Reading, str]] = []
        for other in OTHER_DELIMITERS:
            if other == own or text.count(other) < max(1, self.width - 1):
                continue
            best = self._find_best(text, other)
            if best is not None:
                found.append((best, other))
        if not found:
            return None
        best, other = max(found, key=lambda item: item[0].score)
        rest = [item[0] for item in found if item[0] is not best]
        if any(best.score - item.score < _MARGIN and item.key != best.key for item in rest):
            return None
        return best, " ".join([_say_other(other, own), *best.what()])

    def _find_best(
        self, text: str, delimiter: str, margin: float = _MARGIN, spare: int | None = None
    ) -> Reading | None:
        found = Search(self.shapes, self.dialect, text, delimiter).find()
        if not found:
            return None
        best = found[0]
        if best.is_doubtful or any(best.score - other.score < margin for other in found[1:]):
            return None
        if not self._fits(best.cells(), best.touched(), spare):
            return None
        return best


def has_halves(cells: Sequence[str], quote: str) -> bool:
    """Does a quote that begins within one cell end with another?"""
    if quote == "'":
        return False
    halves = [cell for cell in cells if cell.count(quote) % 2]
    return (
        len(halves) == 2
        and halves[1].endswith(quote)
        and not halves[0].startswith(quote)
        and not (halves[0].endswith(quote) and halves[0].count(quote) == 1)
    )


def _say_other(other: str, own: str) -> str:
    return (
        f"This row is separated by {name_delimiters(other)} and not by {name_delimiters(own)}, "
        "and was read so."
    )


def _say(reading: Reading) -> str:
    return " ".join(reading.what())
