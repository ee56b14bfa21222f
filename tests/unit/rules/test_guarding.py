"""Guarding cells: nothing a spreadsheet calculates, and always the same cell back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webapp.rules.guarding import guard, is_guarded_file, unguard

tricky = st.text(alphabet=st.sampled_from("'=+-@＝ \t\r\n1aé"), max_size=8)


@given(st.one_of(st.text(), tricky))
@example("'=1+1")
@example("''=1+1")
@example("' =1")
@example("O'Brien")
@example("'")
def test_unguarding_gives_back_exactly_what_was_guarded(value: str) -> None:
    assert unguard(guard(value)) == value


@given(tricky)
def test_no_guarded_cell_begins_like_a_formula(value: str) -> None:
    shown = guard(value)

    assert not shown.lstrip(" \t\r\n").startswith(("=", "+", "-", "@", "＝"))
    assert not shown.startswith(("\t", "\r", "\n"))


@pytest.mark.parametrize("value", ["", "02134", "O'Brien", "'t Hooft", "a=b", "anna@example.org"])
def test_ordinary_cells_stay_as_they_are(value: str) -> None:
    assert guard(value) == value
    assert unguard(value) == value


@pytest.mark.parametrize("value", ["=1+1", "+1 555 0100", "-5", "@SUM(A1)", " =1", "\t=1", "＝1"])
def test_what_a_spreadsheet_would_calculate_gets_an_apostrophe(value: str) -> None:
    assert guard(value) == "'" + value


def test_only_a_file_with_our_columns_is_guarded() -> None:
    assert is_guarded_file(["FIRST_NAME", " datasync_reason "])
    assert not is_guarded_file(["FIRST_NAME", "ROW"])
