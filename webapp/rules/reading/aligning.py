"""A row with one cell too many or too few, whose quotes are in order: where is the one mistake?

The cells before the mistake stand in their columns, and those behind it in the columns beside
theirs. Both sums are known for every place at once, so that a wide row costs little more than a
narrow one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from webapp.rules.reading.mistakes import (
    COST_BLANK,
    COST_JOIN,
    COST_QUOTED_SPLIT,
    COST_SPLIT,
    SPLIT_ANYWHERE,
    cost_of_joining,
    is_doubtful_blank,
    may_part,
    say_joined,
    say_left_out,
    say_parted,
    say_put_in,
)
from webapp.rules.reading.shapes import Shape

_PLACES = 24
"""So many of the likeliest places are looked at."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """One way of putting a row right."""

    score: float
    cells: tuple[str, ...]
    edit: str
    touched: tuple[int, ...]
    """The columns of the cells that were made."""
    is_doubtful: bool = False
    """It may well be so, but then something is lost: the row is better left to a person."""


def align(
    cells: Sequence[str], shapes: Sequence[Shape], delimiter: str, quote: str, name: str
) -> list[Alignment]:
    """The ways of giving a row its width that are likeliest, the best first."""
    aligner = _Aligner(cells, shapes, delimiter, quote, name)
    found = aligner.shorten() if len(cells) > len(shapes) else aligner.lengthen()
    best: dict[tuple[str, ...], Alignment] = {}
    for item in found:
        other = best.get(item.cells)
        if other is None or item.score > other.score:
            best[item.cells] = item
    return sorted(best.values(), key=lambda item: -item.score)


class _Aligner:
    def __init__(
        self, cells: Sequence[str], shapes: Sequence[Shape], delimiter: str, quote: str, name: str
    ) -> None:
        self.cells = list(cells)
        self.shapes = shapes
        self.delimiter = delimiter
        self.quote = quote
        self.name = name
        width, count = len(shapes), len(cells)
        self.before = [
            0.0,
            *accumulate(shapes[at].score(cells[at]) for at in range(min(width, count))),
        ]
        back = list(
            accumulate(
                shapes[width - 1 - at].score(cells[count - 1 - at])
                for at in range(min(width, count))
            )
        )
        self.after = [0.0, *back]

    def _rest(self, at: int) -> float:
        """What the cells from a position on score in the columns they have from the right."""
        return self.after[len(self.cells) - at]

    def shorten(self) -> Iterator[Alignment]:
        """Without a blank cell, or with two cells as one."""
        cells, width = self.cells, len(self.shapes)
        for at, cell in enumerate(cells):
            if not cell.strip():
                score = self.before[at] + self._rest(at + 1) - COST_BLANK
                edit = say_left_out(at, self.name)
                yield Alignment(score, tuple(cells[:at] + cells[at + 1 :]), edit, ())
        bases = {at: self.before[at] + self._rest(at + 2) for at in range(width)}
        for at in _best_places(bases):
            text = cells[at] + self.delimiter + cells[at + 1]
            cost = cost_of_joining(cells[at], cells[at + 1])
            score = bases[at] + self.shapes[at].score(text) - cost
            edit = say_joined(text, self.name)
            is_odd = self.shapes[at].is_odd(text, self.delimiter)
            yield Alignment(score, (*cells[:at], text, *cells[at + 2 :]), edit, (at,), is_odd)
            # The delimiter may be a slip within one word.
            text = cells[at] + cells[at + 1]
            slip = cost + 3 if cost < COST_JOIN else cost - 1
            score = bases[at] + self.shapes[at].score(text) - slip
            yield Alignment(score, (*cells[:at], text, *cells[at + 2 :]), "", (at,), True)

    def lengthen(self) -> Iterator[Alignment]:
        """With a blank cell more, or one cell as two."""
        cells, shapes = self.cells, self.shapes
        for at in range(len(cells) + 1):
            score = self.before[at] + shapes[at].score("") + self._rest(at) - COST_BLANK
            found = (*cells[:at], "", *cells[at:])
            is_doubtful = is_doubtful_blank(shapes, at)
            yield Alignment(score, found, say_put_in(at, self.name), (at,), is_doubtful)
        bases = {at: self.before[at] + self._rest(at + 1) for at in range(len(cells))}
        for at in _best_places(bases):
            yield from self._split(at, bases[at])

    def _split(self, at: int, base: float) -> Iterator[Alignment]:
        cell, quote = self.cells[at], self.quote
        one, other = self.shapes[at], self.shapes[at + 1]
        found: list[tuple[float, str, str]] = []
        if quote and quote in cell:
            for place, sign in enumerate(cell):
                if sign == quote and 0 < place < len(cell) - 1:
                    pair = cell[:place], cell[place + 1 :]
                    if pair[1].endswith(quote) and pair[1].count(quote) == 1:
                        pair = pair[0], pair[1][:-1]
                    found.append((COST_QUOTED_SPLIT, *pair))
        if len(cell) <= SPLIT_ANYWHERE:
            found += [(COST_SPLIT, cell[:place], cell[place:]) for place in range(1, len(cell))]
        else:
            found += [(COST_SPLIT, cell[:place], cell[place:]) for place in _joints(cell)]
        scored = sorted(
            (
                (base + one.score(left) + other.score(right) - cost, left, right)
                for cost, left, right in found
                if may_part(left, right, one, other)
            ),
            reverse=True,
        )
        for score, left, right in scored[:3]:
            edit = say_parted(at, left, right, self.name)
            parted = (*self.cells[:at], left, right, *self.cells[at + 1 :])
            yield Alignment(score, parted, edit, (at, at + 1))


def _joints(cell: str) -> list[int]:
    """Where one kind of character meets another in a long text."""
    found = [
        place
        for place in range(1, min(len(cell), 2_000))
        if not cell[place].isspace()
        and not cell[place - 1].isspace()
        and (
            cell[place].isupper() != cell[place - 1].isupper()
            or cell[place].isdigit() != cell[place - 1].isdigit()
            or cell[place].isalnum() != cell[place - 1].isalnum()
        )
    ]
    return found[:80]


def _best_places(bases: dict[int, float]) -> list[int]:
    """The places where the other cells stand best."""
    return sorted(bases, key=lambda at: -bases[at])[:_PLACES]


def lex(text: str, delimiter: str, quote: str) -> list[str]:
    """A row's cells where a quote counts only if another one ends the cell."""
    pieces = text.split(delimiter)
    cells: list[str] = []
    at = 0
    while at < len(pieces):
        end = _quoted_end(pieces, at, quote) if quote and pieces[at].startswith(quote) else None
        if end is None:
            cells.append(pieces[at])
            at += 1
        else:
            inner = delimiter.join(pieces[at:end])[1:-1]
            cells.append(inner.replace(quote * 2, quote))
            at = end
    return cells


def lex_apostrophes(text: str, delimiter: str) -> list[str]:
    """A row's cells where ``'`` is the quote, and an apostrophe too: only one that stands at the
    end of a cell closes it."""
    pieces = text.split(delimiter)
    cells: list[str] = []
    at = 0
    while at < len(pieces):
        end = _apostrophe_end(pieces, at) if pieces[at].startswith("'") else None
        if end is None:
            cells.append(pieces[at])
            at += 1
        else:
            cells.append(delimiter.join(pieces[at:end])[1:-1].replace("''", "'"))
            at = end
    return cells


def _apostrophe_end(pieces: Sequence[str], start: int) -> int | None:
    if len(pieces[start]) > 1 and pieces[start].endswith("'"):
        return start + 1
    return next((at + 1 for at in range(start + 1, len(pieces)) if pieces[at].endswith("'")), None)


def _quoted_end(pieces: Sequence[str], start: int, quote: str) -> int | None:
    """Behind which piece a cell ends that begins with a quote; None where it isn't quoted."""
    count = 0
    for at in range(start, len(pieces)):
        count += pieces[at].count(quote)
        if count % 2 == 0:
            return at + 1 if pieces[at].endswith(quote) else None
        if at > start and pieces[at].startswith(quote):
            # Another cell begins: the quote before it has no counterpart.
            return start + 1 if len(pieces[start]) > 1 and pieces[start].endswith(quote) else None
    return None
