"""Numbers cut short, codes that became dates, dates in the other order, phones, other columns."""

from __future__ import annotations

import pytest

from tests.unit.rules.doctor.damage import examine
from webapp.rules.doctor import ColumnSeen, DamageKind, Doctor, Finding, Repairs


def findings(field: str | None, cells: list[str], name: str = "") -> tuple[Finding, ...]:
    return examine([ColumnSeen(0, name, field)], [[cell] for cell in cells]).findings()


def repaired(field: str | None, cells: list[str]) -> list[str]:
    accepted = [finding.repair() for finding in findings(field, cells) if finding.can_repair]
    return [row[0] for row in Repairs(accepted).apply(range(len(cells)), [[c] for c in cells])[0]]


def test_lost_digits_are_told_and_nothing_false_is_offered() -> None:
    (finding,) = findings("MEMBER_ID", ["1.23457E+11", "9E+15", "104512", "1.5E+3"])

    assert (finding.kind, finding.rows) == (DamageKind.LOST_DIGITS, 2)
    assert not finding.can_repair
    assert finding.changes == ()
    assert finding.examples[0].after is None


def test_a_column_nobody_knows_needs_whole_numbers_of_that_length_or_several() -> None:
    assert findings(None, ["1.23457E+08", "12"]) == ()
    assert findings(None, ["1.23457E+08", "123456789"])[0].rows == 1
    assert findings(None, ["1.23457E+11"] * 3)[0].rows == 3
    assert findings(None, ["1.234E+3", "6.0221E-23", "5e12", "1E5"]) == ()
    assert findings(None, ["6.022E+23"] * 9) == ()
    assert findings(None, ["1.23457E+12"] * 9 + ["1.2E+3"]) == ()
    assert findings(None, ["1.23457E+12"] * 9 + ["see below", "none", "later"]) == ()


WHOLE = [f"{one}-{two}" for one in range(1, 6) for two in (32, 45, 60, 51)]


def test_a_code_is_written_again_where_only_one_fits() -> None:
    cells = [*WHOLE, "25-Mar", "4-Mar", "5-5", "31-May", "Jun-45", "5-May"]

    assert repaired(None, cells)[-6:] == ["3-25", "4-Mar", "5-5", "5-31", "Jun-45", "5-5"]


def test_whole_codes_of_the_column_tell_the_order() -> None:
    pairs = ["1-2", "2-3", "4-3", "5-1"]
    others = [f"{n}-{m}" for n in range(13, 20) for m in (13, 14, 15)]

    assert repaired(None, [*pairs, *others, "2-Jan", "3-Feb", "3-Apr"])[-3:] == [
        "1-2",
        "2-3",
        "4-3",
    ]


def test_a_date_that_may_have_been_two_codes_is_told() -> None:
    (finding,) = findings(None, [*(f"{n}-{m}" for n in range(13, 20) for m in (13, 14)), "4-Mar"])

    assert not finding.can_repair
    assert finding.examples[0].after is None


def test_the_database_knows_the_code() -> None:
    class Known:
        def zips_of(self, city: str, state: str) -> tuple[str, ...]:
            return ()

        def knows_value(self, field: str, value: str) -> bool:
            return (field, value) == ("MEMBER_ID", "3-4")

    cells = [f"{n}-{m}" for n in range(1, 20) for m in (7, 41)] + ["4-Mar", "7-Sep"]
    doctor = Doctor([ColumnSeen(0, "ID", "MEMBER_ID")], knowledge=Known())
    doctor.look(range(len(cells)), [[cell] for cell in cells])
    (finding,) = doctor.findings()

    assert finding.rows == 1
    assert finding.examples[0].after == "3-4"


@pytest.mark.parametrize("cell", ["4-Mar", "Mar-04", "04-Mar-24", "2024-03-04 00:00:00"])
def test_dates_among_member_ids_are_told(cell: str) -> None:
    found = findings("MEMBER_ID", [*(f"M{n:04d}" for n in range(20)), cell])

    assert [(finding.kind, finding.can_repair) for finding in found] == [("became_date", False)]


def test_days_and_months_are_no_damage_where_all_are_dates() -> None:
    assert findings(None, [f"{n}-Mar" for n in range(1, 29)], "Event day") == ()


ONLY_MONTH_FIRST = [f"{month}/{day}/1980" for month in range(1, 5) for day in range(13, 20)]


def test_dates_that_only_fit_the_other_order_change_places() -> None:
    cells = [*ONLY_MONTH_FIRST, "13/02/2018", "31/12/1999 10:30", "3/4/1980", "13/13/2018"]

    assert repaired("BIRTH_DATE", cells)[-4:] == [
        "02/13/2018",
        "12/31/1999 10:30",
        "3/4/1980",
        "13/13/2018",
    ]
    (finding,) = findings("BIRTH_DATE", cells)
    assert "1 could be either" in finding.evidence


def test_iso_dates_with_the_day_in_the_middle() -> None:
    cells = [f"1980-{month:02d}-{day}" for month in range(1, 5) for day in range(13, 20)]

    assert repaired("BIRTH_DATE", [*cells, "2018-13-02"])[-1] == "2018-02-13"


def test_a_column_half_and_half_is_told() -> None:
    cells = [*ONLY_MONTH_FIRST[:6], *(f"{day}/1/1980" for day in range(13, 18))]
    (finding,) = findings("BIRTH_DATE", cells)

    assert not finding.can_repair


def test_an_import_that_reads_the_other_order_is_named() -> None:
    rows = [[cell] for cell in [*ONLY_MONTH_FIRST, "13/02/2018"]]
    doctor = Doctor([ColumnSeen(0, "Born", "BIRTH_DATE")], day_first=True)
    doctor.look(range(len(rows)), rows)

    assert "month before day" in doctor.findings()[0].advice


PHONES = [f"617555{n:04d}" for n in range(30)]


def test_nine_digits_among_ten_are_told() -> None:
    (finding,) = findings("HOME_PHONE", [*PHONES, "175550100", "(17) 555-0100"])

    assert (finding.kind, finding.rows, finding.can_repair) == (DamageKind.SHORT_PHONE, 2, False)


def test_nine_digits_abroad_are_right() -> None:
    seen = [ColumnSeen(0, "Phone", "HOME_PHONE"), ColumnSeen(1, "Country", "HOME_COUNTRY")]
    rows = [*([phone, "US"] for phone in PHONES), ["612345678", "Spain"], ["+34612345678", ""]]

    assert examine(seen, rows).findings() == ()


def test_a_zero_comes_back_where_every_whole_number_begins_with_it() -> None:
    whole = [f"07{n:08d}" for n in range(30)]

    assert repaired("HOME_PHONE", [*whole, "712345678"])[-1] == "0712345678"
    assert repaired("HOME_PHONE", [*whole, "712345678", "(07) 1"])[-2] == "712345678"
    assert repaired("HOME_PHONE", [*whole[:5], "712345678"])[-1] == "712345678"


PERSON = [
    ColumnSeen(0, "First", "FIRST_NAME"),
    ColumnSeen(1, "Last", "LAST_NAME"),
    ColumnSeen(2, "Email", "PRIMARY_EMAIL"),
    ColumnSeen(3, "Phone", "HOME_PHONE"),
    ColumnSeen(4, "City", "HOME_CITY"),
    ColumnSeen(5, "State", "HOME_STATEPROV"),
    ColumnSeen(6, "Zip", "HOME_ZIP"),
]


@pytest.mark.parametrize(
    ("row", "whole"),
    [
        (
            ["A", "B", "617-555-0100", "a@b.org", "", "", ""],
            ["A", "B", "a@b.org", "617-555-0100", "", "", ""],
        ),
        (["A", "B", "", "a@b.org", "", "", ""], ["A", "B", "a@b.org", "", "", "", ""]),
        (["A", "B", "6175550100", "", "", "", ""], ["A", "B", "", "6175550100", "", "", ""]),
        (["A", "B", "", "", "MA", "Boston", ""], ["A", "B", "", "", "Boston", "MA", ""]),
        (["A", "B", "", "", "Boston", "02134", "MA"], ["A", "B", "", "", "Boston", "MA", "02134"]),
        (["A", "B", "a@b.org", "c@d.org", "", "", ""], None),
        (["A", "B", "a@b.org", "617-555-0100", "LA", "California", ""], None),
        (["A", "B", "none yet", "a@b.org", "", "", ""], None),
    ],
)
def test_cells_change_places_where_each_looks_like_the_other(
    row: list[str], whole: list[str] | None
) -> None:
    usual = [["Ann", "Lee", "x@y.org", "617-555-0199", "Boston", "MA", "02134"]] * 20
    rows = [*usual, row]
    accepted = [finding.repair() for finding in examine(PERSON, rows).findings()]

    assert Repairs(accepted).apply(range(len(rows)), rows)[0][-1] == (whole or row)


def test_names_in_one_cell_are_told() -> None:
    usual = [["John", "Smith"], ["Mary", "Jones"], ["Wei", "Chen"]] * 3
    rows = [
        *usual,
        ["Smith, John", ""],
        ["", "Mary Jones"],
        ["", "Grace Foundation"],
        ["", "Acme, Inc."],
    ]
    found = examine(PERSON[:2], rows).findings()

    assert [(one.position, one.rows, one.can_repair) for one in found] == [
        (0, 1, False),
        (1, 1, False),
    ]


def test_organisations_and_families_are_no_shifted_names() -> None:
    rows = [["John", "Smith"], ["Mary", "Jones"]] * 5 + [["", "Smith, Jones"], ["", "Smith Trust"]]

    assert examine(PERSON[:2], rows).findings() == ()


def test_first_and_last_names_that_changed_places_are_told() -> None:
    usual = [
        [one, two] for one in ("John", "Mary", "Wei", "Ana") for two in ("Smith", "Lee", "Ruiz")
    ]
    rows = [*(usual * 3), *([two, one] for one, two in usual[:6])]
    (finding,) = examine(PERSON[:2], rows).findings()

    assert (finding.kind, finding.rows, finding.can_repair) == ("shifted_columns", 6, False)
