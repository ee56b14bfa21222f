"""Rows that share a key go into later and later waves, in the order of the file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.waves import find_waves


@pytest.mark.parametrize(
    ("keys", "waves"),
    [
        ([], [0, 0, 0]),
        ([["a", "b", "c"]], [0, 0, 0]),
        ([[None, None, None]], [0, 0, 0]),
        ([["", "", ""]], [0, 0, 0]),
        ([["a", "a", "a"]], [0, 1, 2]),
        ([["a", "b", "a"]], [0, 0, 1]),
        ([["a", "A", "b"]], [0, 1, 0]),
        ([["straße", "STRASSE", "x"]], [0, 1, 0]),
        ([["a", "a", None], ["x", "y", "y"]], [0, 1, 2]),
        ([["a", None, "a"], [None, "x", "x"]], [0, 0, 1]),
        # One text in two columns is two keys: a member ID is no email
        ([["a", "b", "c"], ["b", "c", "a"]], [0, 0, 0]),
    ],
)
def test_waves(keys: list[list[str | None]], waves: list[int]) -> None:
    found, has_repeats = find_waves(3, keys)
    assert list(found) == waves
    assert has_repeats is (max(waves) > 0)


def test_no_rows() -> None:
    assert [*find_waves(0, [])[0], *find_waves(0, [[], []])[0]] == []


def _share(keys: Sequence[Sequence[str | None]], one: int, other: int) -> bool:
    return any(
        a is not None and b is not None and a and a.casefold() == b.casefold()
        for a, b in ((column[one], column[other]) for column in keys)
    )


values = st.sampled_from([None, "", "a", "A", "b", "c", "ß", "SS"])


@given(rows=st.lists(st.tuples(values, values, values), max_size=12))
def test_rows_that_share_a_key_keep_their_order(rows: list[tuple[str | None, ...]]) -> None:
    keys = [[row[at] for row in rows] for at in range(3)]
    waves, has_repeats = find_waves(len(rows), keys)
    assert len(waves) == len(rows)
    pairs = list(combinations(range(len(rows)), 2))
    shared = [(one, other) for one, other in pairs if _share(keys, one, other)]
    assert has_repeats is bool(shared)
    for earlier, later in shared:
        assert waves[earlier] < waves[later]
    # No wave is left out, and a row waits only for one it shares a key with
    for at, wave in enumerate(waves):
        assert wave == 0 or any(
            waves[earlier] == wave - 1 for earlier in range(at) if _share(keys, earlier, at)
        )
