"""The header: the names of the columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from webapp.rules.reading.kinds import (
    BLANK,
    CODE,
    TEXT,
    TYPED,
    column_kind,
    kind_of,
    shown_kind,
)
from webapp.rules.reading.refusals import too_many_columns
from webapp.rules.reading.shapes import pattern_of
from webapp.rules.reading.tables import Limits, Refusal

Row = Sequence[str]

_MOST_HEADER_ROWS = 5
_LOOKED_AT = 300
_ENOUGH = 3
"""So many rows tell what a column holds."""


def refuse_no_rows() -> Refusal:
    return Refusal(
        "no_rows",
        "There is a header but no rows below it; check that the export finished and choose the "
        "file again.",
    )


def strip_names(cells: Sequence[str]) -> list[str]:
    """The names without blanks around them, and without the nameless columns at the right."""
    names = [cell.replace("\x00", "").strip("\ufeff \t\r\n\xa0") for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def typed_columns(rows: Sequence[Row]) -> dict[int, str]:
    """The columns whose cells are nearly all of one definite kind."""
    if not rows:
        return {}
    found: dict[int, str] = {}
    looked_at = rows[:_LOOKED_AT]
    for at in range(len(rows[0])):
        kind, share = column_kind([row[at] for row in looked_at])
        if kind in TYPED and share >= 0.9:
            found[at] = kind
    return found


def is_of_kind(cell: str, kind: str) -> bool:
    """Could this cell be one of a column of that kind?"""
    found = kind_of(cell)
    return found == kind or {found, kind} <= {"number", "money", "phone", "zip"}


def has_header(first: Row, body: Sequence[Row]) -> bool:
    """Are these cells names, and not the first record?"""
    if not body:
        filled = [cell for cell in first if cell.strip()]
        return sum(kind_of(cell) in TYPED for cell in filled) * 2 < max(1, len(filled))
    typed = typed_columns(body)
    like = [at for at, kind in typed.items() if at < len(first) and is_of_kind(first[at], kind)]
    unlike = [
        at
        for at, kind in typed.items()
        if at < len(first) and kind_of(first[at]) != BLANK and not is_of_kind(first[at], kind)
    ]
    if unlike:
        return len(unlike) >= len(like)
    if like:
        return _counts_up([first[at] for at in like]) and len(like) < len(first)
    return not _is_like_body(first, body)


def _counts_up(cells: Sequence[str]) -> bool:
    """Years and numbers as names of columns: 2016, 2017, 2018."""
    if len(cells) < 2 or not all(cell.strip().isdecimal() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return all(later - earlier == 1 for earlier, later in pairwise(numbers))


def _is_like_body(first: Row, body: Sequence[Row]) -> bool:
    """Do cells of the row come again below it, or look like codes that do?"""
    again = codes = 0
    width = min(len(first), len(body[0]))
    for at in range(width):
        cell = first[at].strip()
        column = [row[at].strip() for row in body[:_LOOKED_AT]]
        if not cell:
            continue
        again += column.count(cell) >= 1
        kind, share = column_kind(column)
        if kind == CODE and share > 0.9 and kind_of(cell) == CODE:
            patterns = {pattern_of(other) for other in column if other}
            codes += len(patterns) <= 3 and pattern_of(cell) in patterns
    if again == len(first):
        return False
    return again >= 2 or (again == 1 and width >= 4) or codes >= 1


def count_header_rows(rows: Sequence[Row], width: int, body: Sequence[Row]) -> int:
    """How many rows the header has that begins with the first of these."""
    settled = body[_MOST_HEADER_ROWS:]
    typed = typed_columns(settled if len(settled) >= _ENOUGH else body[-2:])
    count = 1
    while count < min(_MOST_HEADER_ROWS, len(rows) - 1):
        row = rows[count]
        if len(row) != width or not any(map(str.strip, row)):
            break
        is_header = (
            list(row) == list(rows[0])
            or _is_below_groups(rows[count - 1], row, typed)
            or _are_labels(row, _well_filled(typed, settled))
        )
        if not is_header:
            break
        count += 1
    return count


def _well_filled(typed: dict[int, str], rows: Sequence[Row]) -> dict[int, str]:
    """The typed columns that say so in three rows and more: one cell makes no kind."""
    looked_at = rows[:_LOOKED_AT]
    return {
        at: kind
        for at, kind in typed.items()
        if sum(bool(row[at].strip()) for row in looked_at) >= _ENOUGH
    }


def _are_labels(row: Row, typed: dict[int, str]) -> bool:
    """Is text where the columns have numbers, dates and the like?"""
    cells = {at: kind_of(row[at]) for at in typed if at < len(row)}
    filled = {at: kind for at, kind in cells.items() if kind != BLANK}
    if len(filled) < 2 or len(filled) * 2 < len(typed):
        return False
    return all(kind in (TEXT, CODE, "yes_no") for kind in filled.values())


def _is_below_groups(above: Row, row: Row, typed: dict[int, str]) -> bool:
    """Names of groups with blanks to their right, and under them the names of the columns."""
    blanks = sum(not cell.strip() for cell in above)
    names = [cell.strip() for cell in row]
    if _fills_the_gaps(above, names) and not any(kind_of(name) in TYPED for name in names):
        return True
    clashes = sum(
        kind_of(row[at]) not in (kind, BLANK) for at, kind in typed.items() if at < len(row)
    )
    if are_labels(names) and is_group_row(above) and clashes:
        return True
    if not blanks or len(above) != len(row) or sum(map(bool, names)) <= len(above) - blanks:
        return False
    if any(kind_of(name) in TYPED for name in names):
        return False
    filled_up = _fill_right(above)
    joined = [f"{group} {name}" for group, name in zip(filled_up, names, strict=True)]
    repeats = len(set(names)) < len(names) and len(set(joined)) == len(joined)
    return (repeats and all(names)) or (clashes > 0 and clashes * 2 >= len(typed))


def are_labels(cells: Sequence[str]) -> bool:
    """Do these cells do for the lower row of a header, years among them?"""
    names = [cell.strip() for cell in cells]
    return (
        all(names)
        and len(set(names)) == len(names)
        and not any(kind_of(name) in TYPED and not _YEAR.fullmatch(name) for name in names)
        and not all(map(_YEAR.fullmatch, names))
    )


_YEAR = re.compile(r"(?:19|20)\d\d")


def is_group_row(row: Row) -> bool:
    """Names over several columns each: with blanks to their right, or again and again."""
    names = [cell.strip() for cell in row]
    filled = [name for name in names if name]
    return (
        len(filled) > 1
        and bool(names[0])
        and (len(filled) < len(names) or len(set(filled)) < len(filled))
        and not any(kind_of(name) in TYPED or name.endswith(":") for name in filled)
    )


def _fills_the_gaps(above: Row, names: Sequence[str]) -> bool:
    """Has each column a name in one of two rows, and stand some under a group's name?"""
    if len(above) != len(names):
        return False
    pairs = [(bool(cell.strip()), bool(name)) for cell, name in zip(above, names, strict=True)]
    gaps = pairs.count((False, True))
    return gaps >= 2 and pairs.count((True, True)) >= 1 and pairs.count((True, False)) >= 1


def _fill_right(cells: Row) -> list[str]:
    filled: list[str] = []
    for cell in cells:
        filled.append(cell.strip() or (filled[-1] if filled else ""))
    return filled


def join_header(rows: Sequence[Row]) -> list[str]:
    """The names of the columns from all rows of the header, joined by a space."""
    width = max(map(len, rows))
    parts = [[*row, *[""] * (width - len(row))] for row in rows]
    if len(parts) > 1:
        parts = [
            _fill_over(row, parts[-1]) if _has_groups(row, parts[-1]) else list(row)
            for row in parts[:-1]
        ] + [parts[-1]]
    return [
        " ".join(filter(None, (cell.strip() for cell in column)))
        for column in zip(*parts, strict=True)
    ]


def _fill_over(row: Row, last: Row) -> list[str]:
    """The names of groups over each column that has a name below them."""
    return [
        group if name.strip() or cell.strip() else ""
        for group, cell, name in zip(_fill_right(row), row, last, strict=True)
    ]


def _has_groups(row: Row, last: Row) -> bool:
    return any(not cell.strip() and name.strip() for cell, name in zip(row, last, strict=True))


def name_columns(body: Sequence[Row], width: int) -> list[str]:
    """Names for columns that have none: by position, and by what is in them where it is clear."""
    names: list[str] = []
    for at in range(width):
        kind = shown_kind([row[at] for row in body[:_LOOKED_AT]])
        suffix = "" if kind in (TEXT, BLANK) else f" ({kind.replace('_', ' ')})"
        names.append(f"column_{at + 1}{suffix}")
    return names


def check_names(names: Sequence[str], limits: Limits) -> Refusal | None:
    """Too many columns. Two of one name are for those to judge who know what columns there are."""
    if len(names) > limits.max_columns:
        return too_many_columns(len(names), limits)
    return None


def are_names(cells: Sequence[str]) -> bool:
    """Do these cells do for a header: all filled, all different, none a number or a date?"""
    names = [cell.strip().casefold() for cell in cells]
    return (
        all(names)
        and len(set(names)) == len(names)
        and not any(kind_of(name) in TYPED for name in names)
    )
