"""Precision: a healthy column is never offered a repair, whatever it is called."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rules.doctor.damage import examine
from tests.unit.rules.doctor.healthy import Table, columns, tables
from webapp.rules.doctor import ColumnSeen
from webapp.rules.guarding import guard

COLUMNS = list(columns())


@pytest.mark.parametrize(
    ("heading", "field", "cells"), COLUMNS, ids=[f"{n}-{c[0]}" for n, c in enumerate(COLUMNS)]
)
@pytest.mark.parametrize("naming", ["field", "heading", "nothing"])
def test_a_healthy_column_is_left_alone(
    heading: str, field: str | None, cells: list[str], naming: str
) -> None:
    names = {"field": (heading, field), "heading": (heading, None), "nothing": ("", None)}
    column = ColumnSeen(0, *names[naming])

    assert examine([column], [[cell] for cell in cells]).findings() == ()


@pytest.mark.parametrize(("label", "table"), list(tables()), ids=lambda value: str(value)[:9])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_healthy_file_is_left_alone(label: str, table: Table, is_known: bool) -> None:
    seen, rows = table
    if not is_known:
        seen = [ColumnSeen(column.position, f"Column {column.position}") for column in seen]

    assert examine(seen, rows).findings() == ()


@pytest.mark.parametrize(
    "row",
    [
        ["Jennifer", "Null"],
        ["Christopher", "Null"],
        ["CHRISTOPHER", "NULL"],
        ["christopher", "null"],
        ["None", "Smith"],
        ["Na", "Kim"],
        ["Nan", "Goldin"],
        ["Shaquille", "O'Neal"],
        ["Guus", "'t Hooft"],
        ["João", "SÃO PAULO"],
        ["Íris", "IRMÃ"],
        ["佐藤　健二", "さくら"],
    ],
)
def test_people_who_are_called_so_are_left_alone(row: list[str]) -> None:
    others = [["Mary", "Smith"], ["José", "García"], ["Ann", "Lee"], ["Wei", "Chen"]] * 10
    seen = [ColumnSeen(0, "First", "FIRST_NAME"), ColumnSeen(1, "Last", "LAST_NAME")]

    assert examine(seen, [*others, row]).findings() == ()


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_plain_numbers_are_no_damage_in_a_column_nobody_knows(numbers: list[int]) -> None:
    rows = [[str(number)] for number in numbers]

    assert examine([ColumnSeen(0, "Amount")], rows).findings() == ()
    assert examine([ColumnSeen(0, "MEMBER_ID", "MEMBER_ID")], rows).findings() == ()


@given(
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12), max_size=30
    ).map(lambda cells: [" ".join(cell.split()) for cell in cells])
)
@settings(max_examples=150)
def test_printable_ascii_in_any_cell_gets_only_offers_that_it_asks_for(cells: list[str]) -> None:
    marked = ("'", "=", "#", "(", "<", "[", "\\")
    plain = [
        cell
        for cell in cells
        if not cell.startswith(marked)
        and cell.lower() not in {"null", "n/a", "n.a.", "-", "--", "---", "nan"}
    ]

    found = examine([ColumnSeen(0, "Remarks")], [[cell] for cell in plain]).findings()

    assert [finding for finding in found if finding.can_repair] == []


@given(st.lists(st.text(alphabet="'=+-@1a ", max_size=6), min_size=1, max_size=20))
def test_what_we_guarded_ourselves_is_not_taken_for_damage(cells: list[str]) -> None:
    guarded = [cell for text in cells if (cell := guard(text.strip())) != text.strip()]

    found = examine([ColumnSeen(0, "Remarks")], [[cell] for cell in guarded]).findings()

    assert [finding for finding in found if finding.kind == "apostrophe"] == []


@given(st.lists(st.text(alphabet="ABCÃÂÉÑÄÖÜÅéãñö ’'-", max_size=8), min_size=1, max_size=20))
def test_letters_that_are_no_utf8_are_never_read_again(cells: list[str]) -> None:
    found = examine([ColumnSeen(0, "City", "HOME_CITY")], [[cell] for cell in cells]).findings()

    assert [finding for finding in found if finding.kind == "mojibake"] == []
