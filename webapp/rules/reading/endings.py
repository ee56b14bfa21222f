"""What comes below a table: notes and totals, another table, its own header once more."""

from __future__ import annotations

import re
from collections.abc import Sequence

from webapp.rules.reading.headers import typed_columns
from webapp.rules.reading.kinds import BLANK, TYPED, kind_of
from webapp.rules.reading.tables import Outside, OutsideKind

Row = Sequence[str]

_MOST_NOTES = 40
_SURE = frozenset({"date", "time", "email", "url"})
"""What stands in a record and hardly in a line of totals."""
_TOTAL = re.compile(
    r"(?:grand |sub-?)?totals?\b|sum\b|summe\b|gesamt\b|(?:closing|ending|final) balance\b",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"notes?\b|sources?\b|\*|printed\b|generated\b|report\b|end of\b|page \d|exported\b|"
    r"\d[\d,. ]* (?:records?|rows?|items?)\b|(?:records?|rows?|number of)\b.*\d|©|copyright\b|"
    r"disclaimer\b|filters?\b|confidential\b",
    re.IGNORECASE,
)


def count_filled(row: Row) -> int:
    """How many cells of a row have something in them."""
    return sum(map(bool, map(str.strip, row)))


def text_of(row: Row) -> str:
    """How a row begins, as one text."""
    return " ".join(cell.strip() for cell in row if cell.strip())[:200]


def find_footer(
    rows: Sequence[Row], width: int, body: Sequence[Row]
) -> tuple[int, tuple[Outside, ...]]:
    """How many rows at the end are not of the table; what they are, numbered from 1."""
    if width < 2:
        return 0, ()
    known = [row for row in body[-500:] if count_filled(row)]
    least = min(
        (count_filled(row) for row in known[:-_MOST_NOTES] or known[: len(known) // 2]), default=1
    )
    typed = typed_columns(known)
    found: list[tuple[int, OutsideKind]] = []
    at = len(rows)
    while at > max(0, len(rows) - 2 * _MOST_NOTES):
        row = rows[at - 1]
        if count_filled(row):
            kind = _ending_kind(rows, at - 1, width, least, typed, known[: at - len(rows) - 1])
            if kind is None:
                break
            found.append((at - 1, kind))
        at -= 1
    if not found:
        return 0, ()
    first = found[-1][0]
    outside: list[Outside] = []
    for position, kind in reversed(found):
        if outside and outside[-1].kind == kind:
            before = outside[-1]
            outside[-1] = Outside(kind, before.first_row, position + 1, before.sample)
        else:
            outside.append(Outside(kind, position + 1, position + 1, text_of(rows[position])))
    return len(rows) - first, tuple(outside)


def _ending_kind(
    rows: Sequence[Row],
    at: int,
    width: int,
    least: int,
    typed: dict[int, str],
    known: Sequence[Row],
) -> OutsideKind | None:
    row = rows[at]
    count = count_filled(row)
    first = next(cell for cell in row if cell.strip()).strip()
    position = next(place for place, cell in enumerate(row) if cell.strip())
    fits = _fits_kinds(row, typed)
    if any(
        kind in _SURE and kind_of(row[column]) == kind
        for column, kind in typed.items()
        if column < len(row)
    ):
        return None
    if (
        _TOTAL.match(first)
        and count < width
        and (position in typed or count < least or not fits)
        and (
            (count == 1 and position in typed)
            or _sums_up(row, position, least)
            or not any(map(str.strip, rows[at - 1]))
        )
        and not any(other[position].strip() == first for other in known)
    ):
        return OutsideKind.TOTALS
    if count > max(1, width // 3) or (least <= count and len(row) == width):
        return None
    if len(row) == width or width == 2:
        is_alone = at > 0 and not count_filled(rows[at - 1])
        is_note = _NOTE.match(first) is not None
        if not (is_alone or is_note) or (position in typed and kind_of(first) == typed[position]):
            return None
        return OutsideKind.NOTES
    if len(row) == 1 and _is_in_another_delimiter(row[0], width, typed):
        return None
    if len(row) == 1 or len(row) > width or _NOTE.match(first):
        cut = 0 in typed and kind_of(first) in (*TYPED, BLANK)
        return None if cut else OutsideKind.NOTES
    return None


def _sums_up(row: Row, position: int, least: int) -> bool:
    """Are there figures, and nothing else, beside the word total?"""
    kinds = [kind_of(cell) for cell in row[position + 1 :] if cell.strip()]
    if not kinds:
        return least > 1 or any(sign.isdigit() for sign in row[position])
    return all(kind in _FIGURES for kind in kinds)


_FIGURES = frozenset({"number", "money", "phone", "zip", "code", BLANK})


def _is_in_another_delimiter(text: str, width: int, typed: dict[int, str]) -> bool:
    """Is it a row like the others, but for what separates its cells?"""
    if any(text.count(sign) == width - 1 for sign in ",;\t|"):
        return True
    words = [word.strip("\"'") for word in text.split(" ")]
    kind = typed.get(0)
    alike = kind is not None and kind_of(words[0]) == kind
    return len(words) >= width and (alike or '" "' in text)


def _fits_kinds(row: Row, typed: dict[int, str]) -> bool:
    return all(kind_of(row[at]) in (kind, BLANK) for at, kind in typed.items() if at < len(row))


def find_repeats(rows: Sequence[Row], first: int, header: tuple[str, ...], width: int) -> list[int]:
    """Where the header stands once more, cell by cell."""
    if width < 2 or len(header) < 2 or not any(header):
        return []
    return [at for at in range(first, len(rows)) if tuple(rows[at]) == header]


def find_next_table(
    rows: Sequence[Row],
    first: int,
    header: tuple[str, ...],
    width: int,
    repeats: Sequence[int],
) -> int | None:
    """Where another table begins below this one, if there is one."""
    if width < 2:
        return None
    again = _copy_begins(rows, first, repeats)
    names = {name.strip().casefold() for name in header if name.strip()}
    typed = typed_columns([row for row in rows[first : first + 400] if len(row) == width])
    end = again if again is not None else len(rows)
    raw_names = {name for name in header if name.strip()}
    place, kind = next(iter(typed.items()), (0, ""))
    for at in range(first + 1, end):
        row = rows[at]
        if len(row) < 2 or (
            len(row) == width
            and raw_names.isdisjoint(row)
            and (not kind or kind_of(row[place]) == kind)
            and count_filled(rows[at - 1])
        ):
            continue
        if tuple(row) != header and _is_header_below(rows, at, width, names, typed):
            return _with_title(rows, at, first, width)
    return None if again is None else _with_title(rows, again, first, width)


def _with_title(rows: Sequence[Row], at: int, first: int, width: int) -> int:
    """The title of a table is no part of the one above it."""
    while at > first + 1 and count_filled(rows[at - 1]) <= (1 if width > 2 else 0):
        at -= 1
    while at < len(rows) and not count_filled(rows[at]):
        at += 1
    return at


def _copy_begins(rows: Sequence[Row], first: int, repeats: Sequence[int]) -> int | None:
    """A header that stands once more is another table's where it is alone in that, and comes
    after a blank line, or the same rows begin anew below it."""
    if len(repeats) != 1:
        return None
    at = repeats[0]
    if at == first:
        return None
    below = next((row for row in rows[at + 1 :] if count_filled(row)), None)
    begins = next((row for row in rows[first:] if count_filled(row)), None)
    if sum(count_filled(row) > max(1, len(row) // 2) for row in rows[at + 1 :]) > at - first:
        # No page is longer than the first one; totals and notes below it do not count.
        return at
    same = below is not None and begins is not None and _alike(below, begins)
    return at if same or not count_filled(rows[at - 1]) else None


def _alike(one: Row, other: Row) -> bool:
    return [cell for cell in one if cell.strip()] == [cell for cell in other if cell.strip()]


def _is_header_below(
    rows: Sequence[Row], at: int, width: int, names: set[str], typed: dict[int, str]
) -> bool:
    row = rows[at]
    cells = [cell.strip() for cell in row if cell.strip()]
    if len(cells) < 2 or len(cells) < 0.6 * len(row) or len(set(cells)) < len(cells):
        return False
    known = sum(cell.casefold() in names for cell in cells)
    if names and known >= 2 and known >= 0.6 * min(len(names), len(cells)):
        return len(row) != width or known < len(cells)
    if any(kind_of(cell) in TYPED for cell in cells):
        return False
    following = [other for other in rows[at + 1 : at + 6] if count_filled(other)]
    if not following or any(len(other) != len(row) for other in following):
        return False
    is_apart = not count_filled(rows[at - 1]) or (
        len(rows[at - 1]) != width and len(rows[at - 1]) == 1
    )
    if is_apart and len(row) == width:
        typed = typed_columns([other for other in rows[:at][-400:] if len(other) == width])
    if len(row) != width:
        if is_apart:
            return len(following) > 1 or at + 2 >= len(rows)
        return len(cells) == len(row) and _heads(row, following)
    clashes = sum(kind_of(row[column]) not in (kind, BLANK) for column, kind in typed.items())
    fitting = [_fits_kinds(other, typed) for other in following]
    goes_on = all(fitting) if is_apart else any(fitting)
    return clashes > 0 and clashes == len(typed) and not goes_on and (is_apart or clashes > 1)


def _heads(row: Row, following: Sequence[Row]) -> bool:
    """Is a row the header of those below it, although nothing sets it apart from those above?

    Rows of this table that lost cells, alike, are not: they are set aside and told.
    """
    if len(following) < 3 or any(
        row[at] == other[at] for other in following for at in range(len(row))
    ):
        return False
    return any(kind_of(cell) in TYPED for other in following for cell in other)
