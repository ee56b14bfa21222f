"""Where a table is among rows: what stands above it, its header, and what comes below it."""

from __future__ import annotations

import pytest

from webapp.rules.reading.endings import find_footer, find_next_table, find_repeats
from webapp.rules.reading.layout import find_layout
from webapp.rules.reading.run_together import split_names
from webapp.rules.reading.tables import OutsideKind

HEADER = "ID,Name,Date,Amount"
BODY = [f"{1000 + at},Ann Lee,2026-01-{at + 1:02},{at}.50" for at in range(12)]


def rows_of(*lines: str) -> list[list[str]]:
    return [line.split(",") if line else [] for line in lines]


@pytest.mark.parametrize(
    ("above", "header_line", "header_rows", "first"),
    [
        ((HEADER,), 1, 1, "ID"),
        (("Gifts of the spring", "", HEADER), 3, 1, "ID"),
        (("Gifts of the spring,,,", HEADER), 2, 1, "ID"),
        (("Run by:,Dana,,", "", HEADER), 3, 1, "ID"),
        (("Person,,Gift,", HEADER), 2, 2, "Person ID"),
        ((), 0, 0, "column_1 (number)"),
    ],
)
def test_where_the_header_is(
    above: tuple[str, ...], header_line: int, header_rows: int, first: str
) -> None:
    layout = find_layout(rows_of(*above, *BODY))
    assert layout is not None
    assert (layout.header_line, layout.header_rows) == (header_line, header_rows)
    assert layout.columns[0] == first
    assert len(layout.body) == len(BODY)
    assert bool(layout.outside) is (header_line > header_rows)


def test_a_record_above_nearly_blank_ones_is_no_second_line_of_the_header() -> None:
    header = "CONS_ID,FIRST_NAME,ACTIVE,CITY,HOME_ZIP,MEMBER_ID"
    first = "x1,Yes,,x1,m2,"
    sparse = [
        "x1,,,7,m2,",
        ",,0,,,",
        "0,,0,1,x1,m2",
        ",,,Yes,,",
        ",7,1,Yes,,",
        ",,x1,,7,7",
        ",0,7,x1,,Yes",
    ]
    lines = [header, first, *sparse]
    layout = find_layout(rows_of(*lines))
    assert layout is not None
    assert (layout.header_line, layout.header_rows) == (1, 1)
    assert layout.body[0][0] == "x1"


@pytest.mark.parametrize(
    ("lines", "columns", "records"),
    [
        (("Our donors", "", "EMAIL", "a@x.org", "b@x.org", "c@x.org"), ("EMAIL",), 3),
        (("Our donors", "", "Name", "Ann Lee", "Bob Ng", "Cy Young"), ("Name",), 3),
        # The first record is blank
        (("MEMBER_ID", "", "m1", "m2", "m3"), ("MEMBER_ID",), 3),
        (("MEMBER_ID", "", "m1", "m1", "m1"), ("MEMBER_ID",), 3),
        (("Name", "", "Ann Lee", "Bob Ng", "Cy Young"), ("Name",), 3),
    ],
)
def test_a_title_above_one_column_and_a_blank_first_record(
    lines: tuple[str, ...], columns: tuple[str, ...], records: int
) -> None:
    layout = find_layout(rows_of(*lines))
    assert layout is not None
    assert layout.columns == columns
    assert len(layout.body) == records


@pytest.mark.parametrize(
    ("first", "body", "columns"),
    [
        ("Name,Amount", ("Ann Lee,4.50", "Bob,6.25", "Cy Young,7.00"), ("Name", "Amount")),
        ("Name,City", ("Ann Lee,Boston", "Bob,Salem", "Cy Young,Lynn"), ("Name", "City")),
        # The second column has no name
        ("Zoe,3.25", ("Ann Lee,4.50", "Bob,6.25", "Cy Young,7.00"), ("Donor list", "")),
        ("Zoe,Lynn", ("Ann Lee,Boston", "Bob,Salem", "Cy Young,Lynn"), ("Donor list", "")),
    ],
)
def test_a_title_with_a_blank_cell_above_two_columns(
    first: str, body: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    layout = find_layout(rows_of("Donor list,", first, *body))
    assert layout is not None
    assert layout.columns == columns


@pytest.mark.parametrize(
    ("below", "kinds"),
    [
        (("Total,,,66.00",), [OutsideKind.TOTALS]),
        (("", "Total,,,66.00", "Printed by Dana"), [OutsideKind.TOTALS, OutsideKind.NOTES]),
        (("12 records",), [OutsideKind.NOTES]),
        (("Total,,,",), [OutsideKind.TOTALS]),
        # These are records
        (("1012,Total due,2026-01-13,1.50",), []),
        (("Total,,2026-01-13,1.50",), []),
        (("1012,Ann Lee,,",), []),
    ],
)
def test_what_comes_below_the_last_record(below: tuple[str, ...], kinds: list[OutsideKind]) -> None:
    rows = rows_of(*BODY, *below)
    count, outside = find_footer(rows, 4, rows_of(*BODY))
    assert [part.kind for part in outside] == kinds
    assert count == (len(below) if kinds and below[0] else max(0, len(below) - 1))


@pytest.mark.parametrize(
    "last",
    [
        "Total;Women's club;",
        "Total;;Ann",
        "Total due;Boston;",
    ],
)
def test_texts_beside_the_word_total_are_a_record(last: str) -> None:
    rows = [row.split(";") for row in ("Club;Lynn;x", "Total due;Lynn;", "Choir;;y", last)]
    assert find_footer(rows, 3, rows) == (0, ())


def test_another_table_below_is_found_by_its_header() -> None:
    header = tuple(HEADER.split(","))
    second = ["", "Code,Fund,Goal,Left", "A1,General,100.00,2.00", "A2,River,50.00,1.00"]
    rows = rows_of(*BODY, *second)
    assert find_next_table(rows, 0, header, 4, []) == len(BODY) + 1
    assert find_next_table(rows_of(*BODY), 0, header, 4, []) is None


def test_the_header_on_each_page_is_no_other_table() -> None:
    header = tuple(HEADER.split(","))
    rows = rows_of(*BODY[:4], HEADER, *BODY[4:8], HEADER, *BODY[8:])
    repeats = find_repeats(rows, 0, header, 4)
    assert repeats == [4, 9]
    assert find_next_table(rows, 0, header, 4, repeats) is None


@pytest.mark.parametrize(
    ("names", "row", "parted"),
    [
        ("MEMBER_IDFIRST_NAME,DATE", "7,Ann,2026-01-02", ["MEMBER_ID", "FIRST_NAME", "DATE"]),
        ("Gift DateEntered,Birthday", "1/2/2026,2026-01-02,3/4/1990",
         ["Gift Date", "Entered", "Birthday"]),
        ("qzv,wxk", "1,2,3", None),
    ],
)  # fmt: skip
def test_two_names_that_ran_together(names: str, row: str, parted: list[str] | None) -> None:
    body = [row.split(",") for _ in range(12)]
    assert split_names(names.split(","), 3, body) == parted
