"""Rows of one chunk that may mean one person: they must be applied one after the other.

Rows that have nothing in common can be applied at once, as a set. Those that a key or a record
links, directly or by way of others, apply in file order (DOMAIN O), each in a wave of its own: a
row changes keys, so what a later one of them finds is only known once the earlier ones are done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence


def has_repeats(keys: Iterable[Sequence[str | None]]) -> bool:
    """Whether two rows have a key in common: any of the key columns holds a value twice, case
    aside."""
    return any(_repeats(column) for column in keys)


def find_waves(links: Iterable[Sequence[int]]) -> dict[int, int]:
    """The wave of each row that has to wait, from 1; all other rows are in wave 0.

    `links` are the row numbers that have a key or a record in common.
    """
    found = _Links()
    for rows in links:
        for row in rows[1:]:
            found.join(rows[0], row)
    return {row: wave for rows in found.linked() for wave, row in enumerate(sorted(rows)) if wave}


class _Links:
    """Which rows are linked, directly or by way of others."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}

    def join(self, one: int, other: int) -> None:
        root, other_root = self._root(one), self._root(other)
        if root != other_root:
            self._parents[max(root, other_root)] = min(root, other_root)

    def linked(self) -> Iterable[list[int]]:
        by_root: defaultdict[int, list[int]] = defaultdict(list)
        for row in list(self._parents):
            by_root[self._root(row)].append(row)
        return by_root.values()

    def _root(self, row: int) -> int:
        parents = self._parents
        root = parents.setdefault(row, row)
        while parents[root] != root:
            root = parents[root]
        while parents[row] != root:
            parents[row], row = root, parents[row]
        return root


def _repeats(column: Sequence[str | None]) -> bool:
    present = [value.casefold() for value in column if value]
    return len(set(present)) != len(present)
