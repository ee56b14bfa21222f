"""An irregular row is put right where exactly one reading of it fits the other rows.

A row's text is cut at every delimiter, and every way of making cells of the pieces is weighed: as
they are, several pieces as one quoted cell, a delimiter too many or too few, a quotation mark that
is only a character. Each departure from what the file's dialect says costs something; each cell
earns what the shape of its column says for it. One reading has to be clearly better than all that
give other cells, or the row is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import pairwise

from webapp.rules.reading.aligning import align, lex
from webapp.rules.reading.shapes import UNKNOWN, Shape, pattern_of, shapes_of
from webapp.rules.reading.tables import Dialect, name_delimiter, name_delimiters

_MARGIN = 2.5
"""How much likelier (as a logarithm) the best reading has to be than the next: 12 times."""
_SURE = 9.0
"""The same where the row has as many cells as it should and would do as it is."""
_MOST_EDITS = 2
_KEPT = 3
_SPLIT_ANYWHERE = 60
_LONGEST_ROW = 60_000
_WIDEST = 60
_LEAST_SEEN = 11
"""Rows that have to be in order before others are put right by what they look like."""
_MOST_FAILURES = 40
_MOST_STEPS = 20_000
"""A row that is not read after so many steps is left to a person."""
_MOST_READ = 3_000_000
"""Nor is one whose parts come to so many characters when each is taken for a cell."""
_EACH_READ = 50

_COST_BLANK, _COST_SPLIT, _COST_JOIN, _COST_STRAY, _COST_BARE = 3.0, 3.0, 3.0, 3.0, 2.0
_COST_QUOTED_SPLIT = 1.5
_COST_SPACE_JOIN = 0.3

OTHER_DELIMITERS = (",", ";", "\t", "|", " ", ":", "^")


@dataclass(frozen=True, slots=True)
class Recovered:
    """A row as it was put right, and what was done, in sentences."""

    cells: list[str]
    message: str


@dataclass(slots=True, frozen=True)
class _Reading:
    """The first cells of a row, read in one way."""

    score: float
    cell: str
    before: _Reading | None
    edits: int
    edit: str
    key: int
    strays: int = 0

    def cells(self) -> list[str]:
        found: list[str] = []
        at: _Reading | None = self
        while at is not None and at.before is not None:
            found.append(at.cell)
            at = at.before
        return found[::-1]

    def what(self) -> list[str]:
        found: list[str] = []
        at: _Reading | None = self
        while at is not None:
            if at.edit:
                found.append(at.edit)
            at = at.before
        return list(dict.fromkeys(found[::-1]))


@dataclass(slots=True, frozen=True)
class _Cell:
    """A piece of text as one cell; ``looks`` is what its shape is judged by."""

    text: str
    looks: str
    cost: float
    edit: str = ""


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
        if not self.knows:
            return self._recover_unseen(text, cells)
        if cells is not None and self._is_simple(cells):
            found = self._align(cells)
            if found is not None:
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
            if len(cells) == self.width and self._count_misfits(cells) <= self.width // 6:
                return Recovered(cells, SAY_STRAY)
            if abs(len(cells) - self.width) == 1:
                return self._align(cells)
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
        if len(found) != 1 or self._count_misfits(found[0][1]) > self.width // 6:
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

    def _align(self, cells: list[str]) -> Recovered | None:
        name = name_delimiter(self.dialect.delimiter)
        dialect = self.dialect
        found = align(cells, self.shapes, dialect.delimiter, dialect.quote, name)
        if not found or any(found[0].score - other.score < _MARGIN for other in found[1:3]):
            return None
        best = found[0]
        if self._count_misfits(best.cells) > self.width // 6:
            return None
        return Recovered(list(best.cells), best.edit)

    def _count_misfits(self, cells: Sequence[str]) -> int:
        quote = self.dialect.quote or None
        return sum(
            not shape.fits(cell) and not shape.fits(cell.strip(quote))
            for shape, cell in zip(self.shapes, cells, strict=True)
        )

    def _search(self, text: str) -> Recovered | None:
        best = self._find_best(text, self.dialect.delimiter)
        if best is not None:
            return Recovered(best.cells(), _say(best))
        other = self._read_with_other(text)
        return None if other is None else Recovered(other[0].cells(), other[1])

    def reconsider(self, text: str, cells: list[str]) -> Recovered | None:
        """Another reading of a row that has as many cells as it should, but looks odd."""
        halves = _has_halves(cells, self.dialect.quote)
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

    def _read_with_other(self, text: str) -> tuple[_Reading, str] | None:
        """A row that is separated by something else than the others."""
        own = self.dialect.delimiter
        if not self.knows or self.width < 3 or text.count(own) >= self.width - 1:
            quote = self.dialect.quote
            if not self.knows or self.width < 3 or not quote or quote not in text:
                return None
        found: list[tuple[_Reading, str]] = []
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
    ) -> _Reading | None:
        found = _Search(self, text, delimiter).find()
        if not found:
            return None
        best = found[0]
        if any(best.score - other.score < margin for other in found[1:]):
            return None
        if self._count_misfits(best.cells()) > (self.width // 6 if spare is None else spare):
            return None
        return best


def _has_halves(cells: Sequence[str], quote: str) -> bool:
    """Does a quote that begins within one cell end with another?"""
    halves = [cell for cell in cells if cell.count(quote) % 2]
    return len(halves) == 2 and halves[1].endswith(quote) and not halves[0].startswith(quote)


def _say_other(other: str, own: str) -> str:
    return (
        f"This row is separated by {name_delimiters(other)} and not by {name_delimiters(own)}, "
        "and was read so."
    )


def _say(reading: _Reading) -> str:
    return " ".join(reading.what())


class _Search:
    """Every way of reading one row, the most likely first."""

    def __init__(self, recovery: Recovery, text: str, delimiter: str) -> None:
        self.shapes = recovery.shapes
        self.width = recovery.width
        self.delimiter = delimiter
        self.quote = recovery.dialect.quote
        self.escape = recovery.dialect.escape
        self.pieces = text.split(delimiter)
        self.has_quotes = bool(self.quote) and self.quote in text
        self.joins_freely = delimiter == " "
        self.name = name_delimiter(delimiter)
        self.steps = 0
        self.read_characters = 0
        self._spans: dict[tuple[int, int], _Cell | None] = {}

    def find(self) -> list[_Reading]:
        count, width = len(self.pieces), self.width
        if count > 6 * width + 400 or (
            not self.has_quotes
            and not self.joins_freely
            and not self.escape
            and abs(count - width) > _MOST_EDITS
        ):
            return []
        states: list[dict[int, list[_Reading]]] = [{} for _ in range(count + 1)]
        states[0][0] = [_Reading(0.0, "", None, 0, "", 0)]
        for at in range(count + 1):
            here = states[at]
            if self.is_spent:
                return []
            for column in range(width + 1):
                if column not in here:
                    continue
                for reading in here[column]:
                    self._blank(states, at, column, reading)
                if at < count and not self._is_hopeless(at, column):
                    self._go_on(states, at, column, here[column])
        return sorted(states[count].get(width, []), key=lambda item: -item.score)

    @property
    def is_spent(self) -> bool:
        """Has the row cost as much as any row may?"""
        return self.steps > _MOST_STEPS or self.read_characters > _MOST_READ

    def _is_hopeless(self, at: int, column: int) -> bool:
        left, wanted = len(self.pieces) - at, self.width - column
        if left < wanted - _MOST_EDITS:
            return True
        return not self.has_quotes and not self.joins_freely and left > wanted + _MOST_EDITS

    def _blank(
        self, states: list[dict[int, list[_Reading]]], at: int, column: int, reading: _Reading
    ) -> None:
        """A blank cell whose delimiter is missing; a blank piece that is one too many."""
        if reading.edits >= _MOST_EDITS:
            return
        is_last = column == self.width - 1
        if 0 < column < self.width and (not is_last or self.shapes[-1].is_mostly_blank):
            edit = f"The blank cell {column + 1} was put in, because a {self.name} was missing."
            cell = _Cell("", "", _COST_BLANK, edit)
            self._put(states, at, column + 1, reading, [cell])
        if at < len(self.pieces) and not self.pieces[at].strip() and not self.joins_freely:
            edit = f"A {self.name} too many before cell {column + 1} was left out."
            found = _Reading(
                reading.score - _COST_BLANK,
                reading.cell,
                reading.before,
                reading.edits + 1,
                " ".join(filter(None, (reading.edit, edit))),
                reading.key,
            )
            _keep(states[at + 1].setdefault(column, []), found)

    def _go_on(
        self,
        states: list[dict[int, list[_Reading]]],
        at: int,
        column: int,
        readings: list[_Reading],
    ) -> None:
        if column >= self.width:
            return
        for end in self._ends(at):
            if self.is_spent:
                return
            cell = self._span(at, end)
            if cell is not None:
                for reading in readings:
                    self._put(states, end, column + 1, reading, [cell])
            if column + 1 < self.width:
                fewest = min(reading.edits for reading in readings)
                if fewest < _MOST_EDITS:
                    self._split(states, at, end, column, readings)

    def _ends(self, at: int) -> Iterator[int]:
        """Where a cell that begins with this piece may end."""
        count, quote = len(self.pieces), self.quote
        yield at + 1
        most = count if self.joins_freely else min(count, at + 1 + _MOST_EDITS)
        if self.has_quotes:
            quoted = [
                end
                for end in range(at + 2, min(count, at + 400) + 1)
                if quote in self.pieces[end - 1]
            ]
            yield from (end for end in quoted if end > most)
        yield from range(at + 2, most + 1)

    def _span(self, start: int, end: int) -> _Cell | None:
        key = (start, end)
        if key not in self._spans:
            text = self.delimiter.join(self.pieces[start:end])
            self._spans[key] = self._read(text, end - start)
        return self._spans[key]

    def _read(self, text: str, pieces: int) -> _Cell | None:
        """A text as one cell; None where it can't be one."""
        self.read_characters += len(text) + _EACH_READ
        quote = self.quote
        if not quote or quote not in text:
            return self._read_plain(text, pieces)
        bare = text.strip(" ") if self.delimiter != " " else text
        if bare.startswith(quote):
            if len(bare) >= 2 and bare.endswith(quote) and not self._is_escaped(bare):
                return self._read_quoted(bare[1:-1])
            if pieces == 1 and "\n" not in text and "\r" not in text:
                return _Cell(text, text.replace(quote, "", 1), _COST_STRAY, SAY_STRAY)
            return None
        if pieces > 1:
            return (
                None
                if self.joins_freely or bare.endswith(quote)
                else self._read_plain(text, pieces)
            )
        if bare.endswith(quote) and text.count(quote) == 1:
            return _Cell(text, text.replace(quote, "", 1), 1.0)
        return self._read_plain(text, pieces, 0.5)

    def _read_plain(self, text: str, pieces: int, cost: float = 0.0) -> _Cell | None:
        if "\n" in text or "\r" in text:
            return None
        if self.escape:
            text = self._unescape(text)
        if pieces == 1:
            return _Cell(text, text, cost)
        if self.joins_freely:
            return _Cell(text, text, cost + _COST_SPACE_JOIN * (pieces - 1), _SAY_SPACES)
        # A blank beside the delimiter is how it stands in text.
        gaps = [
            a.endswith(" ") or b.startswith(" ") for a, b in pairwise(text.split(self.delimiter))
        ]
        cost += sum(_COST_JOIN - 1 if gap else _COST_JOIN + 2 for gap in gaps)
        shown = text if len(text) <= 60 else text[:60] + "…"
        return _Cell(
            text, text, cost, f"“{shown}” was read as one cell, with the {self.name} in it."
        )

    def _read_quoted(self, inner: str) -> _Cell:
        quote = self.quote
        if self.escape and self.escape in inner:
            inner = self._unescape(inner)
            return _Cell(inner, inner, 0.0)
        if quote not in inner.replace(quote * 2, ""):
            text = inner.replace(quote * 2, quote)
            return _Cell(text, text, 0.0)
        text = inner.replace(quote * 2, quote)
        return _Cell(text, text.strip(quote), _COST_BARE, SAY_STRAY)

    def _unescape(self, text: str) -> str:
        """A text without the escapes that are before a sign that needs one."""
        special = frozenset((self.quote[:1], self.delimiter[:1], self.escape, "\r", "\n"))
        found: list[str] = []
        at = 0
        while at < len(text):
            if text[at] == self.escape and text[at + 1 : at + 2] in special:
                at += 1
            found.append(text[at : at + 1])
            at += 1
        return "".join(found)

    def _is_escaped(self, text: str) -> bool:
        return bool(self.escape) and text.endswith(self.escape + self.quote)

    def _split(
        self,
        states: list[dict[int, list[_Reading]]],
        start: int,
        end: int,
        column: int,
        readings: list[_Reading],
    ) -> None:
        """Two cells whose delimiter is missing."""
        text = self.delimiter.join(self.pieces[start:end])
        one, other = self.shapes[column], self.shapes[column + 1]
        pairs: list[tuple[float, _Cell, _Cell]] = []
        for at, cost in self._places(text, end - start):
            if self.is_spent:
                return
            left = self._read(text[:at], 1 if at <= len(self.pieces[start]) else 2)
            right = self._read(text[at:], 1 if self.delimiter not in text[at:] else 2)
            if left is None or right is None or left.edit or right.edit:
                continue
            score = one.score(left.looks) + other.score(right.looks)
            pairs.append((score - cost - left.cost - right.cost, left, right))
        for _, left, right in nlargest(_KEPT, pairs, key=lambda item: item[0]):
            quoted = self.quote and self.quote in text
            cost = (_COST_QUOTED_SPLIT if quoted else _COST_SPLIT) + left.cost + right.cost
            edit = (
                f"A {self.name} was missing between cells {column + 1} and {column + 2}: "
                f"they were read as “{_short(left.text)}” and “{_short(right.text)}”."
            )
            cells = [_Cell(left.text, left.looks, cost, edit), right]
            for reading in readings:
                if reading.edits < _MOST_EDITS:
                    self._put(states, end, column + 2, reading, cells)

    def _places(self, text: str, pieces: int) -> Iterator[tuple[int, float]]:
        quote = self.quote
        if quote and quote in text:
            for at in range(1, len(text)):
                if text[at] == quote or text[at - 1] == quote:
                    yield at, _COST_QUOTED_SPLIT
            return
        if pieces > 1:
            return
        if len(text) <= _SPLIT_ANYWHERE:
            for at in range(1, len(text)):
                yield at, _COST_SPLIT
            return
        pattern = pattern_of(text[:2_000])
        for at in range(1, len(pattern)):
            if pattern[at] != pattern[at - 1] and pattern[at] != " " and pattern[at - 1] != " ":
                yield at, _COST_SPLIT

    def _put(
        self,
        states: list[dict[int, list[_Reading]]],
        end: int,
        column: int,
        reading: _Reading,
        cells: list[_Cell],
    ) -> None:
        self.steps += 1
        score, edits, key = reading.score, reading.edits, reading.key
        at = column - len(cells)
        before = reading
        for cell in cells:
            if cell.edit and cell.edit is not _SAY_SPACES:
                edits += 1
            key = hash((key, cell.text))
            score += self.shapes[at].score(cell.looks) - cell.cost
            at += 1
            before = _Reading(score, cell.text, before, edits, cell.edit, key)
        if edits <= _MOST_EDITS:
            _keep(states[end].setdefault(column, []), before)


SAY_STRAY = "A quotation mark that has no counterpart was kept as a character."
_SAY_SPACES = "Text with spaces was read as one cell."


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def _keep(readings: list[_Reading], found: _Reading) -> None:
    """Keep the best few that give different cells."""
    for at, other in enumerate(readings):
        if other.key == found.key:
            if found.score > other.score:
                readings[at] = found
            return
    readings.append(found)
    if len(readings) > _KEPT:
        readings.remove(min(readings, key=lambda item: item.score))
