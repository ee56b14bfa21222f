"""How the same bytes look in several encodings: rated, and as examples for a person to judge."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from webapp.rules.reading.letters import letter_evidence, sign_evidence
from webapp.rules.reading.tables import EncodingReading

_EXAMPLES = 5
_LONGEST = 32
_PER_PART = 120
_MANY = 1_000
"""Words after which a part adds fewer."""
_RATED = 500

# What is between words in any table, all of it ASCII.
_BEFORE = re.compile(rb"[^\x00-\x20,;|\"<>/:=()\[\]{}]*\Z")
_AFTER = re.compile(rb"[^\x00-\x20,;|\"<>/:=()\[\]{}]*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoding that bytes may be in, and the letters to expect in it."""

    encoding: str
    codec: str
    errors: str
    letters: str
    prior: float

    def decode(self, data: bytes) -> str:
        return data.decode(self.codec, self.errors)


@dataclass(frozen=True, slots=True)
class Rating:
    candidate: Candidate
    score: float
    likelihood: float
    """The average evidence of one word."""


class Tokens:
    """The different words with bytes beyond ASCII that a file has, and how often each comes."""

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()

    def add(self, data: bytes) -> None:
        """Some of the words of a part of the file, from its start on."""
        view = memoryview(data)
        position = 0
        for _ in range(_PER_PART if self.counts.total() < _MANY else _PER_PART // 3):
            at = _next_beyond_ascii(view, position)
            if at is None:
                return
            before = _BEFORE.search(data, max(position, at - _LONGEST), at)
            after = _AFTER.match(data, at, min(at + _LONGEST, len(data)))
            start = before.start() if before else at
            position = max(after.end() if after else at, at + 1)
            self.counts[data[start:position]] += 1

    def choose(self, candidate: Candidate) -> list[bytes]:
        """Up to five words to show: names rather than signs, and each with letters of its own."""
        ranked = sorted(
            self.counts, key=lambda token: _how_telling(candidate.decode(token)), reverse=True
        )
        chosen: list[bytes] = []
        seen: set[str] = set()
        for needs_new in (True, False):
            for token in ranked:
                text = candidate.decode(token)
                letters = {letter for letter in text if letter > "\x7f"}
                if token not in chosen and (letters - seen or not needs_new):
                    chosen.append(token)
                    seen |= letters
                if len(chosen) == _EXAMPLES:
                    return chosen
        return chosen


def _next_beyond_ascii(view: memoryview, position: int) -> int | None:
    """Where the next byte beyond ASCII is. Decoding finds it faster than any search."""
    try:
        str(view[position:], "ascii")
    except UnicodeDecodeError as error:
        return position + error.start
    return None


def _how_telling(text: str) -> tuple[bool, bool, bool]:
    return (
        any(sign > "\x7f" and sign.isalpha() for sign in text),
        text[:1].isupper(),
        3 <= len(text) <= 20,
    )


def rate_readings(
    tokens: Tokens, candidates: Iterable[Candidate], bonus: Mapping[str, float]
) -> list[Rating]:
    """The readings that differ, the best first; of those that are the same, the first is kept."""
    words = tokens.counts.most_common(_RATED)
    weights = [1 + math.log(count) for _, count in words]
    ratings: dict[tuple[str, ...], Rating] = {}
    for candidate in candidates:
        texts = tuple(candidate.decode(word) for word, _ in words)
        evidence = sum(
            weight * _rate(text, candidate.letters)
            for text, weight in zip(texts, weights, strict=True)
        )
        score = candidate.prior + bonus.get(candidate.encoding, 0.0) + evidence
        rating = Rating(candidate, score, evidence / sum(weights))
        same = ratings.get(texts)
        if same is None:
            ratings[texts] = rating
        elif rating.score > same.score:
            ratings[texts] = replace(rating, candidate=same.candidate)
    return sorted(ratings.values(), key=lambda rating: -rating.score)


def _rate(text: str, letters: str) -> float:
    """The evidence of all that is beyond ASCII in a word."""
    score = 0.0
    for at, sign in enumerate(text):
        if sign <= "\x7f":
            continue
        if sign.isalpha() and sign not in "ªº":
            before, after = text[at - 1 : at] or " ", text[at + 1 : at + 2] or " "
            score += letter_evidence(letters, before, sign, after)
        else:
            score += sign_evidence(text[:at], sign, text[at + 1 :])
    return score


def show_readings(
    candidates: Iterable[Candidate], examples: list[bytes], labels: Mapping[str, str]
) -> tuple[EncodingReading, ...]:
    """The examples as they look in each encoding."""
    return tuple(
        EncodingReading(
            candidate.encoding,
            labels[candidate.encoding],
            tuple(_visible(candidate.decode(example)) for example in examples),
        )
        for candidate in candidates
    )


def _visible(text: str) -> str:
    """Control characters, which a page can't show, as the sign for what can't be shown."""
    return "".join(sign if sign.isprintable() or sign == "\xa0" else "\ufffd" for sign in text)
