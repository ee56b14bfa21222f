"""The mistakes a row may have: what each costs as an explanation, what makes it one in which
something may be lost, and how it is told. Both ways of looking for them weigh them alike."""

from __future__ import annotations

from collections.abc import Sequence

from webapp.rules.reading.shapes import Shape

COST_BLANK, COST_SPLIT, COST_JOIN = 3.0, 3.0, 3.0
COST_QUOTED_SPLIT = 1.5
SPLIT_ANYWHERE = 60
"""A text so long is looked at between any two of its characters."""
_SHOWN = 40


def cost_of_joining(left: str, right: str) -> float:
    """Two pieces as one cell: a blank beside the delimiter is how it stands in text."""
    return COST_JOIN - 1 if left.endswith(" ") or right.startswith(" ") else COST_JOIN + 2


def may_part(left: str, right: str, one: Shape, other: Shape) -> bool:
    """May a text be parted here? Within a number or a word only where both parts look exactly as
    their columns do."""
    if not left or not right:
        return True
    inside = (left[-1].isdigit() and right[0].isdigit()) or (
        left[-1].isalpha() and right[0].islower()
    )
    return not inside or (one.knows(left) and other.knows(right))


def is_doubtful_blank(shapes: Sequence[Shape], column: int) -> bool:
    """Is a row that lacks the cell of a column likely to lack more than its delimiter?

    At the front it may be the end of a record that was cut; at the end the row may have been cut
    there, unless that is hardly ever filled.
    """
    is_last = column == len(shapes) - 1
    is_cut = column == 0 or (is_last and not shapes[-1].is_mostly_blank)
    return is_cut or not shapes[column].fits("")


def say_put_in(column: int, name: str) -> str:
    """A blank cell was missing."""
    return f"The blank cell {column + 1} was put in, because a {name} was missing."


def say_left_out(column: int, name: str) -> str:
    """A blank cell was too many."""
    return f"A {name} too many before cell {column + 1} was left out."


def say_joined(text: str, name: str) -> str:
    """A cell was cut by a delimiter that is part of it."""
    return f"“{_short(text)}” was read as one cell, with the {name} in it."


def say_parted(column: int, left: str, right: str, name: str) -> str:
    """Two cells had nothing between them."""
    return (
        f"A {name} was missing between cells {column + 1} and {column + 2}: "
        f"they were read as “{_short(left)}” and “{_short(right)}”."
    )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
