"""Headers with merged cells: names of groups above the names of the columns, and long names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from webapp.rules.reading.books import Merged
from webapp.rules.reading.headers import are_labels
from webapp.rules.reading.layout import Layout, find_layout
from webapp.rules.reading.tables import Choices

_MOST_ROWS = 4


def apply_merged(
    layout: Layout,
    rows: Sequence[Sequence[str]],
    start: int,
    merged: Sequence[Merged],
    choices: Choices,
) -> Layout:
    """The layout with a header that takes merged cells for what they show: `Home` over `Street`
    and `City` makes `Home Street` and `Home City`."""
    if not layout.header_rows:
        return layout
    top, bottom = _find_header(layout, rows, start, merged, choices)
    within = [one for one in merged if top <= one.top <= bottom]
    if not within:
        return layout
    count = bottom - top + 1
    if (layout.header_line, layout.header_rows) != (bottom, count):
        said = replace(choices, header_line=bottom, header_rows=count)
        layout = find_layout(rows, choices=said, start=start) or layout
    names = _name(rows[top - start : bottom - start + 1], top, within, len(rows[0]))
    size = len(layout.columns)
    while len(names) > size and not names[-1]:
        names.pop()
    layout.columns = tuple(_tell_apart(names))
    layout.width = len(names)
    return layout


def _find_header(
    layout: Layout,
    rows: Sequence[Sequence[str]],
    start: int,
    merged: Sequence[Merged],
    choices: Choices,
) -> tuple[int, int]:
    """The first and last row of the header, groups above it and what reaches below it included."""
    bottom = layout.header_line
    top = bottom - layout.header_rows + 1
    width = len(rows[0])
    groups = {one.top for one in merged if 1 <= one.right - one.left < width - 1}
    if choices.header_rows is None:
        while top - 1 in groups and top > start and bottom - top + 1 < _MOST_ROWS:
            if _is_title(rows[top - 1 - start], top - 1, merged, is_over_groups=top in groups):
                break
            top -= 1
    if choices.header_line is None:
        reach = [one.bottom for one in merged if top <= one.top <= bottom and one.left == one.right]
        furthest = max(reach, default=bottom)
        if bottom < furthest < top + _MOST_ROWS and furthest - start < len(rows) - 1:
            bottom = furthest
        elif choices.header_rows is None and _is_above_names(rows, bottom, start, merged):
            bottom += 1
    return top, bottom


def _is_above_names(
    rows: Sequence[Sequence[str]], number: int, start: int, merged: Sequence[Merged]
) -> bool:
    """Are groups all that a row has, with columns of none, and the names of all in the next row?"""
    at = number - start
    over = {
        column
        for one in merged
        if one.top == one.bottom == number and one.right > one.left
        for column in range(one.left, one.right + 1)
    }
    if not over or at + 2 >= len(rows):
        return False
    others = [cell.strip() for column, cell in enumerate(rows[at]) if column not in over]
    return "" in others and are_labels(rows[at + 1])


def _is_title(
    row: Sequence[str], number: int, merged: Sequence[Merged], *, is_over_groups: bool
) -> bool:
    """Is all that a row has one text over most of the table from its left, or over its groups?"""
    filled = [at for at, cell in enumerate(row) if cell.strip()]
    if len(filled) != 1:
        return False
    over = [one for one in merged if one.top == number and one.left == filled[0]]
    across = max((one.right - one.left + 1 for one in over), default=1)
    return is_over_groups or (filled[0] == 0 and across * 2 > len(row))


def _name(
    header: Sequence[Sequence[str]], top: int, merged: Sequence[Merged], width: int
) -> list[str]:
    cells = [[cell.strip() for cell in row] for row in header]
    for one in merged:
        if one.right - one.left >= width - 1 and len(cells) > 1:
            continue  # a title over all of the table names none of its columns
        row = cells[one.top - top]
        text = row[one.left] if one.left < len(row) else ""
        for column in range(one.left + 1, min(one.right + 1, len(row))):
            row[column] = row[column] or text
    return [
        " ".join(dict.fromkeys(part for part in column if part))
        for column in zip(*cells, strict=True)
    ]


def _tell_apart(names: Sequence[str]) -> list[str]:
    """One name over several columns: the second and later ones are numbered."""
    seen: Counter[str] = Counter()
    told: list[str] = []
    for name in names:
        seen[name.casefold()] += 1
        count = seen[name.casefold()]
        told.append(f"{name} {count}" if name and count > 1 else name)
    return told
