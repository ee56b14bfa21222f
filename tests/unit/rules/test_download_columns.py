"""The columns of a download: what can be, and what a press of a button makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.download_columns import (
    arrange_columns,
    check_columns,
    group_unused,
)
from webapp.rules.download_settings import ColumnChoice
from webapp.rules.fields import STANDARD_FIELDS, TRANSACTION_DOWNLOAD_FIELDS

NAMES = [field.column for field in STANDARD_FIELDS]


def made(*names: str) -> tuple[ColumnChoice, ...]:
    return tuple(ColumnChoice(name) for name in names)


def test_a_heading_that_says_the_name_is_none() -> None:
    columns, faults = check_columns([ColumnChoice("CONS_ID", "CONS_ID")], STANDARD_FIELDS)
    assert (columns, faults) == (made("CONS_ID"), [])


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (made("SHOE_SIZE"), "“SHOE_SIZE” is not a column of this download any more. Remove it."),
        (made("CONS_ID", "CONS_ID"), "CONS_ID is there twice. Remove one of the two."),
        (
            (ColumnChoice("CONS_ID", "x" * 101),),
            "The heading of CONS_ID has 101 characters. Use at most 100.",
        ),
        (
            (ColumnChoice("CONS_ID", "MEMBER_ID"), ColumnChoice("MEMBER_ID")),
            "Two columns have the heading “MEMBER_ID”. Give one of them another.",
        ),
        (
            (ColumnChoice("CONS_ID", "Id"), ColumnChoice("MEMBER_ID", "ID")),
            "Two columns have the heading “ID”. Give one of them another.",
        ),
        (
            (ColumnChoice("CONS_ID", "datasync_download"),),
            "The heading of CONS_ID can’t be “datasync_download”: by it our own files are known. "
            "Use another.",
        ),
        (
            (ColumnChoice("CONS_ID"), ColumnChoice("MEMBER_ID", "Became")),
            "The heading of MEMBER_ID can’t be “Became”: the file of those who were removed has "
            "another column called so. Use another.",
        ),
        (
            (ColumnChoice("CONS_ID", "MEMBER_ID"), ColumnChoice("LAST_NAME")),
            "The heading of CONS_ID can’t be “MEMBER_ID”: the file of those who were removed has "
            "another column called so. Use another.",
        ),
        (
            (ColumnChoice("FIRST_NAME", "cons_id"), ColumnChoice("MEMBER_ID")),
            "The heading of FIRST_NAME can’t be “cons_id”: the file of those who were removed has "
            "another column called so. Use another.",
        ),
    ],
)
def test_what_can_not_be_is_said(columns: tuple[ColumnChoice, ...], says: str) -> None:
    assert check_columns(columns, STANDARD_FIELDS)[1] == [says]


@pytest.mark.parametrize(
    "columns",
    [
        (ColumnChoice("CONS_ID", "OUR_ID"), ColumnChoice("MEMBER_ID", "CONS_ID")),
        (ColumnChoice("CONS_ID", "MEMBER_ID"), ColumnChoice("MEMBER_ID", "CONS_ID")),
    ],
)
def test_the_keys_can_have_one_anothers_names(columns: tuple[ColumnChoice, ...]) -> None:
    assert check_columns(columns, STANDARD_FIELDS) == (columns, [])


def test_a_download_that_reports_nobody_as_removed_can_have_these_headings() -> None:
    columns = (ColumnChoice("CONS_ID", "BECAME"), ColumnChoice("FIRST_NAME", "MEMBER_ID"))
    assert check_columns(columns, TRANSACTION_DOWNLOAD_FIELDS) == (columns, [])


@pytest.mark.parametrize(
    ("press", "more", "expected"),
    [
        ("up:B", (), "BAC"),
        ("up:A", (), "ABC"),
        ("down:B", (), "ACB"),
        ("down:C", (), "ABC"),
        ("remove:B", (), "AC"),
        ("remove:Z", (), "ABC"),
        ("sideways:B", (), "ABC"),
        ("clear", (), ""),
        ("add", (), "ABC"),
    ],
)
def test_a_press(press: str, more: tuple[str, ...], expected: str) -> None:
    assert arrange_columns(made(*"ABC"), press, STANDARD_FIELDS, more) == made(*expected)


def test_added_are_those_that_are_not_there_in_their_usual_order() -> None:
    columns = made("MEMBER_ID")
    keys = arrange_columns(columns, "add", STANDARD_FIELDS, ["section:Keys", "NICKNAME"])
    assert keys == made("MEMBER_ID", "CONS_ID", "PRIMARY_EMAIL", "NICKNAME")
    every = arrange_columns(columns, "add", STANDARD_FIELDS, ["every"])
    assert sorted(column.name for column in every) == sorted(NAMES)
    assert group_unused(every, STANDARD_FIELDS) == []


presses = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(["up", "down", "remove"]), st.sampled_from(NAMES)),
    st.sampled_from(["add", "clear"]),
)


@given(st.lists(st.tuples(presses, st.lists(st.sampled_from(NAMES), max_size=3)), max_size=12))
def test_whatever_is_pressed_each_column_is_there_once(
    pressed: list[tuple[str, list[str]]],
) -> None:
    columns: tuple[ColumnChoice, ...] = (ColumnChoice("CONS_ID", "ID"),)
    for press, more in pressed:
        columns = arrange_columns(columns, press, STANDARD_FIELDS, more)
    kept, faults = check_columns(columns, STANDARD_FIELDS)
    assert (kept, faults) == (columns, [])
    unused = [
        field.column for _, fields in group_unused(columns, STANDARD_FIELDS) for field in fields
    ]
    assert sorted([*unused, *(column.name for column in columns)]) == sorted(NAMES)
