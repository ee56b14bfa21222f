"""A header with one name too few: which two names have run together, and where?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from webapp.rules.reading.kinds import BLANK, CODE, TEXT, TYPED, column_kind

Row = Sequence[str]

_LOOKED_AT = 300
_WORDS = frozenset(
    """
    account active address age amount area author balance birth birthday business category cell
    city class code comment comments company contact cost count country county created currency
    customer date day deceased department description detail discount district dob donor
    email employer end ext fax fax first from fund gender gift given group height hire home hours id
    income item job join key language last lat latitude length level line lng location lon longitude
    mail manager member memo method middle mobile modified money month name nickname note notes num
    number office opt order organization other paid parent partner password payment percent person
    phone position postal preferred prefix price primary product productid project province purpose
    qty quantity race rate rating reason receipt record reference region registered relation report
    review salary salutation score secondary sector service sex size source spouse start state
    status street suffix sum surname tag tax team tel telephone text time timestamp title to total
    town type unit units updated url user username value volunteer website weight work year zip
    """.split()  # noqa: SIM905 – a list of words reads better so
)
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def is_known_name(name: str) -> bool:
    """Is it made of words that columns are named by?"""
    tokens = [token.lower() for token in _TOKEN.findall(name) if not token.isdigit()]
    return bool(tokens) and all(token in _WORDS for token in tokens)


_HINTS = {
    "date": ("date",),
    "birthday": ("date",),
    "time": ("time", "number"),
    "email": ("email",),
    "mail": ("email",),
    "url": ("url",),
    "website": ("url",),
    "phone": ("phone", "number"),
    "tel": ("phone", "number"),
    "mobile": ("phone", "number"),
    "zip": ("zip", "number"),
} | dict.fromkeys(
    ("qty", "quantity", "count", "amount", "price", "cost", "total", "sum", "balance", "age"),
    ("number", "money"),
)
"""What kinds a column may hold whose name ends in a word."""


def split_names(cells: Sequence[str], width: int, body: Sequence[Row]) -> list[str] | None:
    """The names where two of them have run together, if it is clear which and where.

    The names that are known go well with what is in the columns below them only where the right
    one is split.
    """
    if len(cells) != width - 1:
        return None
    kinds = [column_kind([row[at] for row in body[:_LOOKED_AT]])[0] for at in range(width)]
    rated: list[tuple[int, list[str]]] = []
    for at, place in dict.fromkeys([*_known_places(cells), *_joints(cells)]):
        names = [*cells[:at], cells[at][:place], cells[at][place:], *cells[at + 1 :]]
        rated.append((_rate_names(names, kinds), names))
    if not any(row[-1].strip() for row in body):
        # The rows may as well end in a blank cell that has no name.
        rated.insert(0, (_rate_names([*cells, ""], kinds), [*cells, ""]))
    rated.sort(key=lambda item: -item[0])
    if rated and not rated[0][1][-1]:
        return rated[0][1]
    best = [names for rating, names in rated if rating == rated[0][0]]
    if _has_row_names(body, kinds):
        return _beside_row_names(cells, kinds, best)
    return best[0] if len(best) == 1 else None


def _beside_row_names(
    cells: Sequence[str], kinds: Sequence[str], best: Sequence[list[str]]
) -> list[str] | None:
    """The same where the first column may be one that has no name."""
    named = ["", *cells]
    rating = _rate_names(named, kinds)
    parted = _rate_names(best[0], kinds) if best else rating - 1
    if rating < _rate_best_gap(cells, kinds) or rating < parted:
        return best[0] if len(best) == 1 else None
    if rating > parted or len(best) > 1:
        # Capitals within several words are how names are written here.
        return named
    return best[0] if any(" " in cell or "_" in cell for cell in cells) else None


def _known_places(cells: Sequence[str]) -> list[tuple[int, int]]:
    """Where a name can be parted into two that are known, and not within a word that is."""
    return [
        (at, place)
        for at, cell in enumerate(cells)
        for place in range(2, len(cell) - 1)
        if cell[place] not in "_ -"
        and cell[place - 1] not in "_ -"
        and not _is_within_word(cell, place)
        and is_known_name(cell[:place])
        and is_known_name(cell[place:])
    ]


def _is_within_word(cell: str, place: int) -> bool:
    return any(
        token.start() < place < token.end() and token.group().lower() in _WORDS
        for token in _TOKEN.finditer(cell)
    )


def _has_row_names(body: Sequence[Row], kinds: Sequence[str]) -> bool:
    """Some programs write no name over the first column, which names the rows."""
    firsts = [row[0] for row in body]
    return (
        len(body) > 2
        and all(map(str.strip, firsts))
        and len(set(firsts)) == len(firsts)
        and kinds[0] in (TEXT, CODE)
        and sum(kind in TYPED for kind in kinds[1:]) * 2 > len(kinds)
    )


def _rate_best_gap(cells: Sequence[str], kinds: Sequence[str]) -> int:
    """How well the names go with what is below them where any one of them stands for two."""
    left = [0, *accumulate(map(_rate, cells, kinds))]
    right = [0, *accumulate(map(_rate, reversed(cells), reversed(kinds)))]
    return max(left[at] + right[len(cells) - 1 - at] for at in range(len(cells)))


def _rate_names(names: Sequence[str], kinds: Sequence[str]) -> int:
    """How many names say what is below them, less those that say something else."""
    return sum(map(_rate, names, kinds))


def _rate(name: str, kind: str) -> int:
    words = [token for token in _TOKEN.findall(name) if not token.isdigit()]
    hint = _HINTS.get(words[-1].lower()) if words else None
    if not hint or kind == BLANK:
        return 0
    return 1 if kind in hint else -1


def _joints(cells: Sequence[str]) -> list[tuple[int, int]]:
    """Where a small letter or digit meets a capital, if that is so in one name only."""
    return [
        (at, place)
        for at, cell in enumerate(cells)
        for place in range(1, len(cell))
        if (cell[place - 1].islower() or cell[place - 1].isdigit()) and cell[place].isupper()
    ]
