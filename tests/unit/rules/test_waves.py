"""Rows that a key or a record links apply one after the other, in the order of the file."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.waves import find_waves, has_repeats


@pytest.mark.parametrize(
    ("links", "waves"),
    [
        ([], {}),
        ([[2]], {}),
        ([[2, 3]], {3: 1}),
        ([[3, 2]], {3: 1}),
        ([[2, 2]], {}),
        ([[2, 5, 9]], {5: 1, 9: 2}),
        ([[2, 3], [4, 5]], {3: 1, 5: 1}),
        ([[2, 3], [3, 4]], {3: 1, 4: 2}),
        # Row 4 and row 2 have nothing in common but for row 3
        ([[3, 4], [2, 3]], {3: 1, 4: 2}),
        ([[5, 9], [3, 7], [9, 3]], {5: 1, 7: 2, 9: 3}),
    ],
)
def test_waves(links: list[list[int]], waves: dict[int, int]) -> None:
    assert find_waves(links) == waves


rows = st.lists(st.integers(2, 15), min_size=1, max_size=4)


@given(links=st.lists(rows, max_size=8))
def test_linked_rows_keep_their_order(links: list[list[int]]) -> None:
    waves = find_waves(links)
    assert 0 not in waves.values()
    linked = {row: {row} for link in links for row in link}
    for _ in linked:
        for link in links:
            together = set().union(*(linked[row] for row in link))
            for row in together:
                linked[row] = together
    for one, other in combinations(sorted(linked), 2):
        if other in linked[one]:
            assert waves.get(one, 0) < waves.get(other, 0)
    for row, others in linked.items():
        assert waves.get(row, 0) == sorted(others).index(row)


def test_links_of_many_rows_need_no_stack() -> None:
    waves = find_waves([n, n + 1] for n in range(2, 20_002))
    assert waves[20_002] == 20_000


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], False),
        ([[]], False),
        ([["a", "b"]], False),
        ([["a", "a"]], True),
        ([["a", "A"]], True),
        ([["straße", "STRASSE"]], True),
        ([[None, None], ["", ""]], False),
        ([["a", "b"], ["x", "x"]], True),
        # One text in two columns is two keys: a member ID is no email
        ([["a", "b"], ["b", "a"]], False),
    ],
)
def test_repeats(keys: list[list[str | None]], expected: bool) -> None:
    assert has_repeats(keys) is expected
