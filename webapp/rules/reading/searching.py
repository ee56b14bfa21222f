"""Every way of reading one row.

A row's text is cut at every delimiter, and every way of making cells of the pieces is weighed: as
they are, several pieces as one quoted cell, a delimiter too many or too few, a quotation mark that
is only a character. Each departure from what the file's dialect says costs something; each cell
earns what the shape of its column says for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import pairwise

from webapp.rules.reading.mistakes import (
    COST_BLANK,
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
from webapp.rules.reading.shapes import Shape, pattern_of
from webapp.rules.reading.tables import Dialect, name_delimiter

_MOST_EDITS = 2
_KEPT = 3
_MOST_STEPS = 20_000
"""A row that is not read after so many steps is left to a person."""
_MOST_READ = 3_000_000
"""Nor is one whose parts come to so many characters when each is taken for a cell."""
_EACH_READ = 50
_COST_STRAY, _COST_BARE = 3.0, 2.0
_COST_SPACE_JOIN = 0.3
SAY_STRAY = "A quotation mark that has no counterpart was kept as a character."
_SAY_UNCLOSED = "The quotation mark that closes a cell was missing."
_SAY_SPACES = "Text with spaces was read as one cell."


@dataclass(slots=True, frozen=True)
class Reading:
    """The first cells of a row, read in one way."""

    score: float
    cell: str
    before: Reading | None
    edits: int
    edit: str
    key: int
    is_parted: bool = False
    """It and the one behind it were one text."""
    is_doubtful: bool = False
    """It may well be so, but then something is lost: the row is better left to a person."""

    def cells(self) -> list[str]:
        found: list[str] = []
        at: Reading | None = self
        while at is not None and at.before is not None:
            found.append(at.cell)
            at = at.before
        return found[::-1]

    def touched(self) -> list[int]:
        """The columns of the cells that were made."""
        found: list[int] = []
        column = len(self.cells()) - 1
        at: Reading | None = self
        while at is not None and at.before is not None:
            if at.edit and at.edit is not _SAY_SPACES:
                found += [column, column + 1] if at.is_parted else [column]
            at = at.before
            column -= 1
        return found

    def what(self) -> list[str]:
        found: list[str] = []
        at: Reading | None = self
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
    is_doubtful: bool = False


class Search:
    """Every way of reading one row, the most likely first."""

    def __init__(
        self, shapes: Sequence[Shape], dialect: Dialect, text: str, delimiter: str
    ) -> None:
        self.shapes = shapes
        self.width = len(shapes)
        self.delimiter = delimiter
        self.quote = dialect.quote
        self.escape = dialect.escape
        self.pieces = text.split(delimiter)
        self.has_quotes = bool(self.quote) and self.quote in text
        self.joins_freely = delimiter == " "
        self.name = name_delimiter(delimiter)
        self.steps = 0
        self.read_characters = 0
        self._spans: dict[tuple[int, int], _Cell | None] = {}

    def find(self) -> list[Reading]:
        count, width = len(self.pieces), self.width
        if count > 6 * width + 400 or (
            not self.has_quotes
            and not self.joins_freely
            and not self.escape
            and abs(count - width) > _MOST_EDITS
        ):
            return []
        states: list[dict[int, list[Reading]]] = [{} for _ in range(count + 1)]
        states[0][0] = [Reading(0.0, "", None, 0, "", 0)]
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
        self, states: list[dict[int, list[Reading]]], at: int, column: int, reading: Reading
    ) -> None:
        """A blank cell whose delimiter is missing; a blank piece that is one too many."""
        if reading.edits >= _MOST_EDITS:
            return
        if column < self.width:
            edit = say_put_in(column, self.name)
            cell = _Cell("", "", COST_BLANK, edit, is_doubtful_blank(self.shapes, column))
            self._put(states, at, column + 1, reading, [cell])
        if at < len(self.pieces) and not self.pieces[at].strip() and not self.joins_freely:
            edit = say_left_out(column, self.name)
            found = Reading(
                reading.score - COST_BLANK,
                reading.cell,
                reading.before,
                reading.edits + 1,
                " ".join(filter(None, (reading.edit, edit))),
                reading.key,
                is_doubtful=reading.is_doubtful,
            )
            _keep(states[at + 1].setdefault(column, []), found)

    def _go_on(
        self,
        states: list[dict[int, list[Reading]]],
        at: int,
        column: int,
        readings: list[Reading],
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
            if "\n" in text or "\r" in text:
                return None
            if pieces == 1:
                return _Cell(text, text.replace(quote, "", 1), _COST_STRAY, SAY_STRAY)
            inner = bare[1:]
            if quote in inner or self.joins_freely:
                return None
            return _Cell(inner, inner, _COST_STRAY, _SAY_UNCLOSED)
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
        cost += sum(cost_of_joining(*pair) for pair in pairwise(text.split(self.delimiter)))
        return _Cell(text, text, cost, say_joined(text, self.name))

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
        states: list[dict[int, list[Reading]]],
        start: int,
        end: int,
        column: int,
        readings: list[Reading],
    ) -> None:
        """Two cells whose delimiter is missing."""
        text = self.delimiter.join(self.pieces[start:end])
        one, other = self.shapes[column], self.shapes[column + 1]
        pairs: list[tuple[float, _Cell, _Cell]] = []
        for at, cost in self._places(text, end - start):
            if self.is_spent:
                return
            if not may_part(text[:at], text[at:], one, other):
                continue
            left = self._read(text[:at], 1 if at <= len(self.pieces[start]) else 2)
            right = self._read(text[at:], 1 if self.delimiter not in text[at:] else 2)
            if left is None or right is None or left.edit or right.edit:
                continue
            score = one.score(left.looks) + other.score(right.looks)
            pairs.append((score - cost - left.cost - right.cost, left, right))
        for _, left, right in nlargest(_KEPT, pairs, key=lambda item: item[0]):
            quoted = self.quote and self.quote in text
            cost = (COST_QUOTED_SPLIT if quoted else COST_SPLIT) + left.cost + right.cost
            edit = say_parted(column, left.text, right.text, self.name)
            cells = [_Cell(left.text, left.looks, cost, edit), right]
            for reading in readings:
                if reading.edits < _MOST_EDITS:
                    self._put(states, end, column + 2, reading, cells)

    def _places(self, text: str, pieces: int) -> Iterator[tuple[int, float]]:
        quote = self.quote
        if quote and quote in text:
            for at in range(1, len(text)):
                # Within a longer run of them they stand for some in the text.
                if (
                    quote in text[at - 1 : at + 1]
                    and quote * 3 not in text[max(0, at - 2) : at + 2]
                ):
                    yield at, COST_QUOTED_SPLIT
            return
        if pieces > 1:
            return
        if len(text) <= SPLIT_ANYWHERE:
            for at in range(1, len(text)):
                yield at, COST_SPLIT
            return
        pattern = pattern_of(text[:2_000])
        for at in range(1, len(pattern)):
            if pattern[at] != pattern[at - 1] and pattern[at] != " " and pattern[at - 1] != " ":
                yield at, COST_SPLIT

    def _put(
        self,
        states: list[dict[int, list[Reading]]],
        end: int,
        column: int,
        reading: Reading,
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
            before = Reading(
                score,
                cell.text,
                before,
                edits,
                cell.edit,
                key,
                is_parted=len(cells) > 1 and cell is cells[0],
                is_doubtful=before.is_doubtful or cell.is_doubtful,
            )
        if edits <= _MOST_EDITS:
            _keep(states[end].setdefault(column, []), before)


def _keep(readings: list[Reading], found: Reading) -> None:
    """Keep the best few that give different cells."""
    for at, other in enumerate(readings):
        if other.key == found.key:
            if found.score > other.score:
                readings[at] = found
            return
    readings.append(found)
    if len(readings) > _KEPT:
        readings.remove(min(readings, key=lambda item: item.score))
