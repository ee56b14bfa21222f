"""What kind of thing a cell holds, and what the cells of a column hold together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from webapp.rules.reading.tables import ColumnFound

BLANK = "blank"
TEXT = "text"
CODE = "code"

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\.?)?"
_ZONE = r"(?:\s?(?:z|utc|[+-]\d{2}:?\d{2}))?"
_DAY = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"
    r"|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[-/ ]{_MONTH}[-/ ,]{{1,2}}(?:\d{{4}}|\d{{2}})"
    rf"|{_MONTH}[-/ ]\d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_DIGITS = r"(?:\d{1,3}(?:[,. ']\d{3})+|\d+)(?:[.,]\d+)?"
_AMOUNT = rf"(?:{_DIGITS}|\.\d+)"
_CURRENCY = r"(?:[$€£¥]|usd|eur|gbp|cad|chf)"

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("date", rf"{_DAY}(?:[ t]\s?{_CLOCK}{_ZONE})?"),
        ("time", rf"{_CLOCK}"),
        ("number", rf"[-+]?{_AMOUNT}(?:e[-+]?\d+)?%?|\({_AMOUNT}\)"),
        (
            "money",
            rf"[-+(]?\s?{_CURRENCY}\s?-?{_AMOUNT}\)?|-?{_AMOUNT}\s?{_CURRENCY}",
        ),
        ("email", r"[\w.+%'&-]+@[\w-]+(?:\.[\w-]+)+"),
        ("url", r"(?:https?://|ftp://|www\.)\S+"),
        ("yes_no", r"y|n|yes|no|true|false"),
        ("zip", r"\d{5}-\d{4}"),
        ("phone", r"\+?(?:\(\d{3}\)|\d)[\d .()/-]{7,18}\d(?:\s?(?:x|ext\.?)\s?\d+)?"),
        (CODE, r"(?=\S*\d)[a-z0-9]+(?:[-_/.#][a-z0-9]+)*|(?=\S*\d)[A-Z0-9#-]+"),
    )
)

TYPED = frozenset({"number", "money", "date", "time", "email", "url", "phone", "zip"})
"""The kinds that are so definite that a cell of another one is odd among them."""

_NUMERIC = ("number", "money", "phone", "zip", BLANK)
KIN = dict.fromkeys(_NUMERIC[:-1], _NUMERIC)
"""Kinds that one column may have together."""

NULL_WORDS = frozenset({"null", "n/a", "na", "nan", "none", "-", "--", "?", "#n/a", "nil", "."})
LONGEST_TYPED = 200


def kind_of(cell: str) -> str:
    """The kind of one cell; ``text`` where it is nothing more definite."""
    if len(cell) > LONGEST_TYPED:
        # What is kept of the cells that were looked at must not be whole files.
        cell = cell.strip()
        if len(cell) > LONGEST_TYPED:
            return TEXT
    return _kind_of(cell)


@lru_cache(maxsize=65_536)
def _kind_of(cell: str) -> str:
    text = cell.strip()
    if not text or text.lower() in NULL_WORDS:
        return BLANK
    for kind, pattern in _KINDS:
        if pattern.fullmatch(text):
            return kind
    return TEXT


def column_kind(cells: Iterable[str]) -> tuple[str, float]:
    """The kind most of a column's cells have, and the share that has it (blank ones aside)."""
    counts = Counter(map(kind_of, cells))
    counts.pop(BLANK, None)
    total = counts.total()
    if not total:
        return BLANK, 0.0
    for wide, narrow in (("phone", "number"), (CODE, "number"), ("money", "number")):
        # Some codes are all digits, some prices lack their sign.
        if counts[wide] and counts[narrow] and counts[wide] * 3 >= counts[narrow]:
            counts[wide] += counts.pop(narrow)
    kind, count = max(counts.items(), key=lambda item: (item[1], item[0]))
    return kind, count / total


_ZIP = re.compile(r"\d{5}(?:-\d{4})?")


def shown_kind(cells: Sequence[str]) -> str:
    """The kind of a column as it is told to a person."""
    filled = [cell.strip() for cell in cells if kind_of(cell) != BLANK]
    kind, share = column_kind(filled)
    if kind in ("number", "zip", "phone", CODE) and filled:
        if all(map(_ZIP.fullmatch, filled)) and any(
            cell.startswith("0") or "-" in cell for cell in filled
        ):
            return "zip"
        lengths = set(map(len, filled))
        if kind == "number" and lengths <= {10, 11} and all(map(str.isdigit, filled)):
            return "phone"
        if kind == "number" and any(
            len(cell) > 1 and cell[0] == "0" and cell.isdigit() for cell in filled
        ):
            return CODE
    return kind if share >= 0.8 else TEXT if filled else BLANK


def describe_column(name: str, cells: Sequence[str]) -> ColumnFound:
    """What the sample shows of a column."""
    filled = [cell for cell in cells if cell.strip()]
    samples = tuple(dict.fromkeys(cell.strip()[:80] for cell in filled))[:5]
    fill = len(filled) / len(cells) if cells else 0.0
    return ColumnFound(name, shown_kind(cells), round(fill, 4), samples)
