"""A header against the known fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.columns import recognise
from webapp.rules.fields import STANDARD_FIELDS, Kind, custom_field

FIELDS = (*STANDARD_FIELDS, custom_field("shoe_size", "Shoe size", Kind.NUMBER))
NAMES = [field.column for field in FIELDS]


def columns_of(*header: str) -> list[str | None]:
    """The field of each column."""
    found = recognise(header, FIELDS)
    return [column.field.column if column.field else None for column in found.columns]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_any_case_and_with_blanks_around_it(name: str) -> None:
    for written in (name, name.lower(), name.title(), f"  {name} ", f"\u00a0{name}\t"):
        assert columns_of("CONS_ID" if name != "CONS_ID" else "MEMBER_ID", written)[1] == name


def test_any_order_and_only_those_needed() -> None:
    found = recognise(["Last_Name", "primary_email"], FIELDS)
    assert [c.field.column for c in found.known if c.field] == ["LAST_NAME", "PRIMARY_EMAIL"]
    assert [c.position for c in found.known] == [0, 1]
    assert found.faults == ()
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("FIRSTNAME", "FIRST_NAME"),
        ("First Name", "FIRST_NAME"),
        ("EMAIL", "PRIMARY_EMAIL"),
        ("Primary E-mail", "PRIMARY_EMAIL"),
        ("MEMBERID", "MEMBER_ID"),
        ("HOME_STREET_1", "HOME_STREET1"),
        ("home zip", "HOME_ZIP"),
        ("CUSTOM_SHOESIZE", "CUSTOM_SHOE_SIZE"),
    ],
)
def test_an_unknown_column_names_the_nearest(written: str, nearest: str) -> None:
    found = recognise(["CONS_ID", written], FIELDS)
    assert found.columns[1].nearest == nearest
    assert [column.name for column in found.unknown] == [written]
    assert len(found.faults) == 1
    assert all(part in found.faults[0] for part in ("Column 2", f"“{written}”", nearest))


def test_an_unknown_column_near_nothing() -> None:
    found = recognise(["CONS_ID", "§§§"], FIELDS)
    assert found.columns[1].nearest is None
    assert "“§§§”" in found.faults[0]
    assert "Rename it or leave it out" in found.faults[0]


@pytest.mark.parametrize("name", ["", "  ", "\u00a0"], ids=ascii)
def test_a_column_without_a_name(name: str) -> None:
    found = recognise(["CONS_ID", name], FIELDS)
    assert len(found.faults) == 1
    assert "Column 2 has no name" in found.faults[0]


def test_the_same_column_twice() -> None:
    found = recognise(["CONS_ID", "First_Name", "LAST_NAME", " first_name "], FIELDS)
    assert len(found.faults) == 1
    assert "Column 4" in found.faults[0]
    assert "has the name of an earlier column" in found.faults[0]
    assert [column.key for column in found.columns] == [
        "CONS_ID",
        "First_Name",
        "LAST_NAME",
        "FIRST_NAME #4",
    ]


def test_of_two_columns_of_one_name_each_can_be_chosen() -> None:
    header = ["CONS_ID", "Total", "TOTAL", "", ""]
    choices = {"Total": "NICKNAME", "TOTAL #3": "SUFFIX", "": None, "#5": "TITLE"}
    found = recognise(header, FIELDS, choices)
    assert found.faults == ()
    fields = [column.field.column if column.field else None for column in found.columns]
    assert fields == ["CONS_ID", "NICKNAME", "SUFFIX", None, "TITLE"]


def test_a_file_needs_a_key() -> None:
    found = recognise(["FIRST_NAME", "LAST_NAME"], FIELDS)
    assert len(found.faults) == 1
    assert "CONS_ID, MEMBER_ID or PRIMARY_EMAIL" in found.faults[0]
    for key in ("cons_id", "member_id", "primary_email"):
        assert recognise(["FIRST_NAME", key], FIELDS).faults == ()


def test_a_rejects_file_is_recognised_and_its_report_passed_over() -> None:
    found = recognise(["CONS_ID", "DATASYNC_ROW", "datasync_reason "], FIELDS)
    assert found.faults == ()
    assert [column.is_passed_over for column in found.columns] == [False, True, True]
    assert [column.position for column in found.report] == [1, 2]
    assert [column.position for column in found.known] == [0]


def test_choices_of_a_person() -> None:
    header = ["CONS_ID", "Vorname", "Notes", "LAST_NAME", "Mystery"]
    choices = {"vorname ": "FIRST_NAME", "NOTES": None, "LAST_NAME": "NICKNAME", "Mystery": "NOPE"}
    found = recognise(header, FIELDS, choices)
    fields = [column.field.column if column.field else None for column in found.columns]
    assert fields == ["CONS_ID", "FIRST_NAME", None, "NICKNAME", None]
    assert [column.is_passed_over for column in found.columns] == [False, False, True, False, False]
    assert [column.name for column in found.unknown] == ["Mystery"]


def test_a_choice_may_pass_over_a_known_column() -> None:
    found = recognise(["CONS_ID", "FIRST_NAME"], FIELDS, {"first_name": None})
    assert found.columns[1].is_passed_over
    assert found.faults == ()


def test_passing_over_the_only_key_is_a_fault() -> None:
    found = recognise(["CONS_ID", "FIRST_NAME"], FIELDS, {"CONS_ID": None})
    assert len(found.faults) == 1


def test_two_columns_chosen_for_one_field_are_a_fault() -> None:
    found = recognise(["CONS_ID", "FIRST_NAME", "Vorname"], FIELDS, {"Vorname": "FIRST_NAME"})
    assert found.faults == ("Columns 2 and 3 are both FIRST_NAME. Keep one of them.",)


@given(header=st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=20)), max_size=8))
def test_any_header_has_an_answer(header: list[str]) -> None:
    found = recognise(header, FIELDS)
    assert len(found.columns) == len(header)
    known = [column.field.column for column in found.known if column.field]
    has_key = bool({"CONS_ID", "MEMBER_ID", "PRIMARY_EMAIL"} & set(known))
    is_good = has_key and len(set(known)) == len(known) and not found.unknown
    assert (not found.faults) == is_good
    assert all(fault.endswith(".") for fault in found.faults)


def test_many_unknown_columns_are_one_sentence() -> None:
    header = ["MEMBER_ID", "", *(f"Score {at}" for at in range(900))]
    (fault,) = recognise(header, STANDARD_FIELDS).faults
    assert fault == (
        "Columns 2 (no name), 3 “Score 0”, 4 “Score 1” and 898 more are not known columns. "
        "Say what they are, rename them or leave them out."
    )
