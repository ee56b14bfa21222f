"""Rows of one chunk that may mean one person: they must be applied one after the other.

Rows without a key in common can be applied at once, as a set. A row that shares a key with an
earlier one goes into a later wave than it (DOMAIN O: rows of one person apply in file order).
"""

from __future__ import annotations

from collections.abc import Sequence


def find_waves(count: int, keys: Sequence[Sequence[str | None]]) -> tuple[Sequence[int], bool]:
    """The wave of each of `count` rows, from 0, and whether any key stands in two of them.

    `keys` are key columns; within one column equal values (case aside) are the same key.
    """
    repeating = [column for column in keys if _repeats(column)]
    if not repeating:
        return (0,) * count, False
    waves = [0] * count
    for_key: list[dict[str, int]] = [{} for _ in repeating]
    for position in range(count):
        found = [column[position] for column in repeating]
        wave = max(
            (
                seen.get(value.casefold(), 0)
                for seen, value in zip(for_key, found, strict=True)
                if value
            ),
            default=0,
        )
        waves[position] = wave
        for seen, value in zip(for_key, found, strict=True):
            if value:
                seen[value.casefold()] = wave + 1
    return waves, True


def _repeats(column: Sequence[str | None]) -> bool:
    present = [value.casefold() for value in column if value]
    return len(set(present)) != len(present)
