"""ZIPs get their zeros back where the row proves them, and never abroad."""

from __future__ import annotations

import pytest

from tests.unit.rules.doctor.damage import KnownIds, KnownZips, examine
from webapp.rules.doctor import ColumnSeen, DamageKind, Repairs
from webapp.rules.doctor.places import STATES, ZERO_PREFIXES, state_code

SEEN = [
    ColumnSeen(place, name, name)
    for place, name in enumerate(("HOME_CITY", "HOME_STATEPROV", "HOME_ZIP", "HOME_COUNTRY"))
]


def repaired(rows: list[list[str]], seen: list[ColumnSeen] = SEEN) -> list[list[str]]:
    found = examine(seen, rows).findings()
    accepted = [finding.repair() for finding in found if finding.can_repair]
    return Repairs(accepted).apply(range(len(rows)), rows)[0]


@pytest.mark.parametrize(
    ("city", "state", "zip_code", "country", "whole"),
    [
        ("Cambridge", "MA", "2139", "", "02139"),
        ("Cambridge", "Massachusetts", "2139", "USA", "02139"),
        ("Cambridge", "Mass.", "2139", "U.S.A.", "02139"),
        ("Newark", "N.J.", "7102-1234", "", "07102-1234"),
        ("Newark", "NJ", "71021234", "", "071021234"),
        ("Portland", "me", "4101.0", "United States", "04101"),
        ("San Juan", "PR", "901", "", "00901"),
        ("San Juan", "", "901", "Puerto Rico", "00901"),
        ("Charlotte Amalie", "VI", "802-1111", "US", "00802-1111"),
        ("Holtsville", "NY", "501", "", "00501"),
        ("Fishers Island", "NY", "6390", "", "06390"),
        ("APO", "AE", "9012", "", "09012"),
    ],
)
def test_the_state_proves_the_zero(
    city: str, state: str, zip_code: str, country: str, whole: str
) -> None:
    assert repaired([[city, state, zip_code, country]]) == [[city, state, whole, country]]


@pytest.mark.parametrize(
    "row",
    [
        ["Sydney", "NSW", "2000", "Australia"],
        ["Perth", "WA", "6000", ""],
        ["Cambridge", "MA", "2139", "Australia"],
        ["Cambridge", "TX", "2139", ""],
        ["Boston", "MA", "9999", ""],
        ["Boston", "MA", "02134", ""],
        ["Boston", "MA", "213", ""],
        ["Boston", "MA", "0213", ""],
        ["Zürich", "", "8001", ""],
        ["Zürich", "", "8001", "USA"],
        ["", "", "2139", ""],
        ["Oslo", "", "0150", "Norway"],
        ["Boston", "MA", "21345", ""],
        ["Boston", "MA", "2134-12", ""],
    ],
)
def test_what_nothing_proves_stays(row: list[str]) -> None:
    assert examine(SEEN, [row]).findings() == ()


def test_a_wrong_state_here_and_there_hides_no_damage() -> None:
    right = [["Cambridge", "MA", "2139", ""]] * 8

    assert repaired([*right, ["Austin", "TX", "2139", ""]])[0][2] == "02139"
    assert repaired([*right, *([["Bern", "TX", "3011", ""]] * 3)])[0][2] == "2139"


def test_the_country_proves_it_where_no_zip_kept_a_zero() -> None:
    whole = [["Austin", "", f"787{n:02d}", "USA"] for n in range(25)]

    assert repaired([*whole, ["Boston", "", "2134", "USA"]])[-1][2] == "02134"
    assert repaired([*whole, ["Boston", "", "2134", ""]])[-1][2] == "2134"
    assert repaired([*whole, ["", "", "02138", ""], ["Boston", "", "2134", "USA"]])[-1][2] == "2134"


def test_the_database_knows_the_city() -> None:
    rows = [
        ["Cambridge", "", "2139", ""],
        ["Sydney", "", "2000", ""],
        ["Cambridge", "", "2000", ""],
    ]
    (finding,) = examine(SEEN, rows, KnownZips()).findings()

    repaired_rows, _ = Repairs([finding.repair()]).apply([2, 3, 4], rows)

    assert finding.rows == 1
    assert [row[2] for row in repaired_rows] == ["02139", "2000", "2000"]


def test_zips_that_only_look_short_are_told() -> None:
    rows = [[f"787{n:02d}"] for n in range(25)] + [["2139"], ["2140"], ["7102"]]
    (finding,) = examine([ColumnSeen(0, "Zip", "HOME_ZIP")], rows).findings()

    assert (finding.kind, finding.rows, finding.can_repair) == (DamageKind.LOST_ZEROS, 3, False)


def test_each_address_has_its_own_state() -> None:
    seen = [
        ColumnSeen(0, "Home State"),
        ColumnSeen(1, "Home Zip"),
        ColumnSeen(2, "Mailing State"),
        ColumnSeen(3, "Mailing Zip"),
    ]

    assert repaired([["MA", "2139", "TX", "2139"]], seen) == [["MA", "02139", "TX", "2139"]]


def test_a_column_without_a_name_needs_several_states() -> None:
    seen = [ColumnSeen(0, "State"), ColumnSeen(1, "")]
    years = [["MA", str(1999 + n % 25)] for n in range(60)]
    zips = [
        [state, zip_code]
        for n in range(12)
        for state, zip_code in (("MA", f"21{n:02d}"), ("NJ", f"71{n:02d}"), ("CT", f"61{n:02d}"))
    ]

    assert examine(seen, years).findings() == ()
    assert repaired(zips, seen)[0] == ["MA", "02100"]


def test_member_ids_are_padded_where_the_database_knows_only_the_padded_ones() -> None:
    rows = [[str(307 * n)] for n in range(1, 100)]
    (finding,) = examine([ColumnSeen(0, "ID", "MEMBER_ID")], rows, KnownIds()).findings()

    assert finding.rows == 99
    assert finding.examples[0].after == "000307"
    assert examine([ColumnSeen(0, "ID", "EXT_GROUP_ID")], rows, KnownIds()).findings() == ()


def test_codes_of_two_systems_are_not_made_one() -> None:
    rows = [[f"{n:06d}"] for n in range(1, 400)] + [[str(n)] for n in range(10_000, 10_200)]

    assert examine([ColumnSeen(0, "ID", "MEMBER_ID")], rows).findings() == ()


def test_every_zero_led_prefix_belongs_to_a_state() -> None:
    assert ZERO_PREFIXES.keys() <= STATES.keys()
    assert all(prefix.startswith("0") for found in ZERO_PREFIXES.values() for prefix in found)
    assert all(state_code(name) == code for code, name in STATES.items())
