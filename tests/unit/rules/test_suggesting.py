"""Suggestions: by names, by abbreviations, by what was mapped alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.suggesting import MOST, suggest

GROUPS = {
    "1": "Volunteers",
    "2": "Board of directors",
    "3": "Newsletter readers",
    "4": "Major donors",
    "5": "Youth Choir",
}
MAPPED = {"maj-2025": "4", "sing": "5"}

CASES = [
    ("a name written otherwise", ("volunteer",), "1"),
    ("a name in another order", ("Directors, board",), "2"),
    ("a misspelt name", ("Newsleter Readers",), "3"),
    ("an abbreviation", ("BRD",), "2"),
    ("a beginning", ("VOL",), "1"),
    ("a beginning with a year", ("NEWS_2026",), "3"),
    ("what was mapped alike", ("MAJ-2026",), "4"),
    ("what was mapped so elsewhere", ("SING",), "5"),
    ("several keys", ("Youth", "Choir"), "5"),
]


@pytest.mark.parametrize(("foreign", "best"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_the_best_comes_first(foreign: tuple[str, ...], best: str) -> None:
    found = suggest(foreign, GROUPS, MAPPED)
    assert found[0].value == best
    assert found[0].why


@pytest.mark.parametrize("foreign", [("QXZ-9",), ("",), ("7",)])
def test_nothing_like_it_suggests_nothing(foreign: tuple[str, ...]) -> None:
    assert not suggest(foreign, GROUPS, MAPPED)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_suggestions_are_ranked_choosable_and_few(foreign: list[str]) -> None:
    found = suggest(foreign, GROUPS, MAPPED | {"gone": "99"})
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) <= MOST
    assert {one.value for one in found} <= set(GROUPS)
