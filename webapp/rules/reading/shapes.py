"""What the cells of a column look like, learnt from rows that are in order.

A shape is a small statistical model of the texts in a column: how often it is blank, which
patterns its texts have (``RI-3895`` is ``AA-9999``), which kinds of character follow one another,
and its values where there are few. An irregular row is put right by the reading whose cells are
the most likely ones. All of it is kept as text in the dialect, so that a later read is the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from math import exp, inf, log
from typing import Any

from webapp.rules.reading.kinds import BLANK, CODE, KIN, TYPED, column_kind, kind_of

_START, _END = "\x02", "\x03"
_KEPT_PATTERNS = 24
_KEPT_WORDS = 40
_LONGEST_PATTERN = 32
_LONGEST_RUNS = 24
_LONGEST_CELL = 400
"""Characters of a cell that are looked at."""

_LOG_LETTER, _LOG_DIGIT = log(26), log(10)


class _Classes(dict[int, str]):
    """Which class each character is of: upper, lower, digit, itself, or something else."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character.isdigit():
            found = "9"
        elif character.isalpha():
            found = "a" if character.islower() or not character.isupper() else "A"
        elif code < 127 and character.isprintable():
            found = character
        elif character.isspace():
            found = " "
        else:
            found = "\x01"
        self[code] = found
        return found


_CLASSES = _Classes()


def pattern_of(text: str) -> str:
    """``RI-3895`` is ``AA-9999``."""
    return text.translate(_CLASSES)


@lru_cache(maxsize=16_384)
def _runs_of(pattern: str) -> tuple[str, tuple[int, ...]]:
    """``AA-9999`` is ``A-9`` with runs of 2, 1 and 4."""
    letters: list[str] = []
    lengths: list[int] = []
    for character in pattern:
        if letters and letters[-1] == character:
            lengths[-1] += 1
        else:
            letters.append(character)
            lengths.append(1)
    return "".join(letters), tuple(lengths)


class Shape:
    """The model of one column."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.seen: int = data["n"]
        self.blank: int = data["b"]
        self.floor: float = data["f"]
        self.kind: str = data.get("k", "")
        self.definite: str = data.get("d", "")
        """The kind of all its texts, also of a few: of numbers, dates, codes and the like."""
        self._exact: dict[str, int] = data["e"]
        self._runs: dict[str, int] = data["r"]
        self._pairs: dict[str, int] = data["p"]
        self._words: dict[str, int] = data["w"]
        self._longest: dict[str, int] = data["m"]
        self._after: Counter[str] = Counter()
        for pair, count in self._pairs.items():
            self._after[pair[0]] += count
        self._filled: int = max(self.seen - self.blank, 0)
        new_exact, new_runs = (
            _novelty(counts, self._filled) for counts in (self._exact, self._runs)
        )
        self._weights = (
            log(1 - new_exact),
            log(new_exact * (1 - new_runs)),
            log(new_exact * new_runs),
        )
        self._scores: dict[str, float] = {}

    def to_text(self) -> str:
        return json.dumps(
            {
                "n": self.seen,
                "b": self.blank,
                "f": round(self.floor, 3),
                "k": self.kind,
                "d": self.definite,
                "e": self._exact,
                "r": self._runs,
                "p": self._pairs,
                "w": self._words,
                "m": self._longest,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @property
    def is_weak(self) -> bool:
        """Too few texts were seen to say that another can't be one of the column's."""
        return self._filled < 3

    @property
    def is_mostly_blank(self) -> bool:
        return self.blank >= 0.8 * self.seen > 0

    def score(self, cell: str) -> float:
        """The logarithm of how likely a cell of this column reads like this one."""
        if len(cell) > _LONGEST_CELL:
            # Not kept: a row that is taken apart in every way has thousands of such texts.
            return self._score(cell)
        found = self._scores.get(cell)
        if found is None:
            if len(self._scores) > 20_000:
                self._scores.clear()
            found = self._scores[cell] = self._score(cell)
        return found

    def _score(self, cell: str) -> float:
        blank = (self.blank + 0.5) / (self.seen + 1)
        if not cell.strip():
            return log(blank)
        pattern = pattern_of(cell[:_LONGEST_CELL])
        letters = pattern.count("a") + pattern.count("A")
        characters = -_LOG_LETTER * letters - _LOG_DIGIT * pattern.count("9")
        by_shape = self._pattern_score(pattern) + characters
        word = self._words.get(cell)
        if word:
            by_word = log(0.5 * word / self._filled)
            by_shape = _log_add(by_word, by_shape + log(0.5))
        return by_shape + log(1 - blank)

    def _pattern_score(self, pattern: str) -> float:
        filled = self._filled or 1
        by_exact, by_runs, by_chain = self._weights
        parts = [by_chain + self._chain_score(pattern)]
        if len(pattern) <= _LONGEST_PATTERN:
            count = self._exact.get(pattern)
            if count:
                parts.append(by_exact + log(count / filled))
            runs, lengths = _runs_of(pattern)
            count = self._runs.get(runs)
            if count:
                part = by_runs + log(count / filled)
                for letter, length in zip(runs, lengths, strict=True):
                    longest = self._longest.get(letter, 1)
                    part -= log(longest) if length <= longest else 3.0 + length - longest
                parts.append(part)
        total = parts[0]
        for part in parts[1:]:
            total = _log_add(total, part)
        return total

    def _chain_score(self, pattern: str) -> float:
        total = 0.0
        before = _START
        pairs, after = self._pairs, self._after
        for character in pattern:
            total += log((pairs.get(before + character, 0) + 0.05) / (after[before] + 1.5))
            before = character
        return total + log((pairs.get(before + _END, 0) + 0.05) / (after[before] + 1.5))

    def knows(self, cell: str) -> bool:
        """Was this cell seen, or one that looks exactly like it?"""
        return cell in self._words or pattern_of(cell[:_LONGEST_CELL]) in self._exact

    def is_usual(self, cell: str) -> bool:
        """Do several look exactly like this cell? One or two may be at fault themselves."""
        least = max(1, self._filled // 50)
        if not cell.strip():
            return self.blank > least
        if self._words.get(cell, 0) > least:
            return True
        return self._exact.get(pattern_of(cell[:_LONGEST_CELL]), 0) > least

    def agrees(self, cell: str) -> bool:
        """Is the cell of the column's kind, as far as that is known? A few texts say so already."""
        if not self.definite:
            return True
        kind = kind_of(cell)
        return kind in _ALIKE.get(self.definite, (self.definite, BLANK))

    def holds(self, sign: str) -> bool:
        """Is the sign in texts of the column?"""
        return sign in self._after

    def is_odd(self, cell: str, sign: str) -> bool:
        """Has a column of definite texts, none of which has the sign, a cell with it?"""
        return bool(self.definite) and sign in cell and not self.holds(sign)

    def fits(self, cell: str) -> bool:
        """Could this cell be one of the column, going by those that were seen?"""
        if not cell.strip():
            return self.blank > 0 or self.seen < 8
        if self.is_weak or cell in self._words:
            return True
        if self.kind and kind_of(cell) not in KIN.get(self.kind, (self.kind, BLANK)):
            return False
        pattern = pattern_of(cell[:_LONGEST_CELL])
        slack = 1.0 if self._filled >= 8 else 2.0
        return bool(self._pattern_score(pattern) / (len(pattern) + 2) >= self.floor - slack)


def _novelty(counts: dict[str, int], total: int) -> float:
    """How likely the next text has a pattern that was not seen: as often as one was seen once."""
    once = total - sum(count for count in counts.values() if count > 1)
    return min(0.98, (once + 0.5) / (total + 1))


def _log_add(one: float, other: float) -> float:
    high, low = (one, other) if one > other else (other, one)
    return high if low == -inf or high - low > 40 else high + log(1 + exp(low - high))


UNKNOWN = Shape({"n": 0, "b": 0, "f": 0.0, "e": {}, "r": {}, "p": {}, "w": {}, "m": {}})

_ALIKE = KIN | {CODE: (CODE, *KIN["number"])}

NAMES = Shape({"n": 100, "b": 0, "f": -99.0, "e": {}, "r": {}, "p": {}, "w": {}, "m": {}})
"""The shape of a header's cells: any text, hardly ever none."""


def learn_shapes(rows: Sequence[Sequence[str]], width: int) -> tuple[Shape, ...]:
    """The shape of each of ``width`` columns, from rows that have as many cells."""
    return tuple(_learn([row[at] for row in rows]) for at in range(width))


def _learn(cells: Sequence[str]) -> Shape:
    filled = [cell for cell in cells if cell.strip()]
    exact: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    longest: dict[str, int] = {}
    patterns = [pattern_of(cell[:_LONGEST_CELL]) for cell in filled]
    pairs.update(
        chain.from_iterable(
            map(str.__add__, _START + pattern, pattern + _END) for pattern in patterns
        )
    )
    for pattern, count in Counter(patterns).items():
        if len(pattern) <= _LONGEST_PATTERN:
            exact[pattern] = count
            letters, lengths = _runs_of(pattern)
            if len(letters) <= _LONGEST_RUNS:
                runs[letters] += count
                for letter, length in zip(letters, lengths, strict=True):
                    longest[letter] = max(longest.get(letter, 1), length)
    words = Counter(cell for cell in filled if len(cell) <= 60)
    kind, share = column_kind(filled)
    few = len(words) <= _KEPT_WORDS and len(words) * 2 <= len(filled)
    shape = Shape(
        {
            "n": len(cells),
            "b": len(cells) - len(filled),
            "f": 0.0,
            "k": kind if kind in TYPED and share >= 0.95 and len(filled) >= 8 else "",
            "d": kind if _is_definite(kind, share, len(filled)) else "",
            "e": dict(exact.most_common(_KEPT_PATTERNS)),
            "r": dict(runs.most_common(_KEPT_PATTERNS)),
            "p": dict(pairs),
            "w": dict(words) if few else {},
            "m": longest,
        }
    )
    known = {
        pattern: shape._pattern_score(pattern) / (len(pattern) + 2)
        for pattern in set(patterns[:300])
    }
    floors = sorted(known[pattern] for pattern in patterns[:300])
    if floors:
        # One in fifty may be odd itself.
        shape.floor = floors[(len(floors) + 20) // 50]
    return shape


def _is_definite(kind: str, share: float, count: int) -> bool:
    return kind in (*TYPED, CODE) and count >= 2 and share >= (0.95 if count >= 20 else 1.0)


@lru_cache(maxsize=64)
def shapes_of(texts: tuple[str, ...]) -> tuple[Shape, ...]:
    """The shapes as a dialect keeps them."""
    return tuple(Shape(json.loads(text)) for text in texts)
