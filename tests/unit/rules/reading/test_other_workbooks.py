"""Workbooks that are not .xlsx: the same cells whatever kind of file they are kept in."""

from __future__ import annotations

import datetime
import io
import random
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import python_calamine
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rules.reading.book_writers import (
    NA,
    Cell,
    Error,
    Formula,
    SheetSpec,
    Styled,
    write_ods,
    write_ole,
    write_xls,
    write_xlsb,
    write_xml,
)
from tests.unit.rules.reading.sources import Bytes, found, read_all
from webapp.rules.reading import (
    Choices,
    Dialect,
    Examination,
    OutsideKind,
    Refusal,
    UnreadableError,
    examine,
    read_records,
)

Write = Callable[..., bytes]
BINARY: dict[str, Write] = {"ods": write_ods, "xlsb": write_xlsb, "xls": write_xls}
WRITERS: dict[str, Write] = BINARY | {"xml": write_xml}
every_kind = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)

HEADER = ["MEMBER_ID", "NAME", "ZIP", "BIRTH_DATE", "SINCE", "ACTIVE", "AMOUNT", "NOTE"]


def zip_code(number: int) -> Styled:
    return Styled(number, "00000", f"{number:05}")


def day(serial: float) -> Styled:
    start = datetime.date(1899, 12, 30) + datetime.timedelta(days=int(serial))
    return Styled(serial, "m/d/yyyy", start.isoformat())


ROWS: list[list[Cell]] = [
    [1, "Zoë & Søn\nLtd", zip_code(2139), day(29_252), None, True, 12.5, NA],
    [
        20_000_000_000,
        "Łukasz",
        zip_code(90_210),
        day(43_831),
        Styled(43_831.4375, "yyyy-mm-dd hh:mm", "2020-01-01 10:30:00"),
        False,
        0.1 + 0.2,
        Formula("made"),
    ],
    [1_000_003, " Ann ", None, None, None, Formula(True), Formula(2.25), Formula(NA)],
    [-7, "<b>", "00501", day(367), None, None, 1e21, Error(0x07, "#DIV/0!")],
]
TEXTS = [
    ["1", "Zoë & Søn\nLtd", "02139", "1980-02-01", "", "TRUE", "12.5", "#N/A"],
    [
        "20000000000",
        "Łukasz",
        "90210",
        "2020-01-01",
        "2020-01-01T10:30:00",
        "FALSE",
        "0.3",
        "made",
    ],
    ["1000003", " Ann ", "", "", "", "TRUE", "2.25", "#N/A"],
    ["-7", "<b>", "00501", "1901-01-01", "", "", "1" + "0" * 21, "#DIV/0!"],
]


def people(name: str = "People", **options: object) -> SheetSpec:
    return SheetSpec(name, [HEADER, *ROWS], **options)  # type: ignore[arg-type]


@every_kind
def test_cells_are_the_text_that_is_shown(write: Write) -> None:
    source = Bytes(write(people()), name="people.csv")
    examination = found(source)
    assert examination.dialect.kind == "workbook"
    assert examination.dialect.sheet == "People"
    assert examination.columns == tuple(HEADER)
    assert all(note.endswith(".") for note in examination.notes)
    assert read_all(source).rows == TEXTS
    assert read_all(source, start=2).rows == TEXTS[2:]


@pytest.mark.parametrize("write", BINARY.values(), ids=BINARY)
def test_another_reader_finds_the_same_cells(write: Write) -> None:
    """The hand-made files are what they claim to be: a library reads them too."""
    rnd = random.Random(7)
    rows = [
        [
            rnd.choice(["é" * rnd.randrange(1, 400), rnd.randrange(-99, 10**6), 0.5, None, True])
            for _ in range(9)
        ]
        for _ in range(300)
    ]
    data = write(SheetSpec("A", [[f"C{at}" for at in range(9)], *rows]), SheetSpec("B", [["x"]]))
    book = python_calamine.load_workbook(io.BytesIO(data))
    assert book.sheet_names == ["A", "B"]
    theirs = book.get_sheet_by_name("A").to_python(skip_empty_area=False)
    ours = read_all(Bytes(data)).rows
    kept = [row for row in theirs[1:] if any(cell != "" for cell in row)]
    assert len(ours) == len(kept)
    for our, their in zip(ours, kept, strict=True):
        for cell, other in zip(our, their, strict=False):
            if isinstance(other, bool):
                assert cell == str(other).upper()
            elif isinstance(other, int | float):
                assert float(cell) == other
            else:
                assert cell == other


@every_kind
def test_rows_keep_the_numbers_of_the_sheet(write: Write) -> None:
    rows = [[None], ["Report"], [], ["ID", "NAME"], [1, "Ann"], [], [2, "Bo"], [None, None]]
    batch = read_all(Bytes(write(SheetSpec("S", rows))))
    assert batch.row_numbers == [5, 7]
    assert batch.rows == [["1", "Ann"], ["2", "Bo"]]


@every_kind
def test_what_is_hidden_is_read_and_said(write: Write) -> None:
    sheet = people(hidden_rows=(2,), hidden_columns=(1, 3))
    examination = found(Bytes(write(sheet)))
    assert examination.rows_estimate == 4
    notes = " ".join(examination.notes)
    assert "Rows hidden in Excel are read like all others: 1." in notes
    assert "Columns hidden in Excel are read like all others: 2." in notes


MEMBERS: list[list[Cell]] = [
    [at, f"Name {at}", f"{at} Elm St", "Boston", f"{at} State St", "Salem", day(40_000 + at)]
    for at in range(1, 12)
]
NAMES = ("ID", "Name", "Home Street", "Home City", "Work Street", "Work City", "Since")


@every_kind
@pytest.mark.parametrize(
    ("header", "merged"),
    [
        (
            [
                [None, None, "Home", None, "Work", None, None],
                ["ID", "Name", "Street", "City", "Street", "City", "Since"],
            ],
            [(0, 2, 0, 3), (0, 4, 0, 5)],
        ),
        (
            [
                ["ID", "Name", "Home", None, "Work", None, "Since"],
                [None, None, "Street", "City", "Street", "City", None],
            ],
            [(0, 2, 0, 3), (0, 4, 0, 5), (0, 0, 1, 0), (0, 1, 1, 1), (0, 6, 1, 6)],
        ),
    ],
)
def test_groups_over_columns_are_part_of_their_names(
    write: Write, header: list[list[Cell]], merged: list[tuple[int, int, int, int]]
) -> None:
    source = Bytes(write(SheetSpec("S", [*header, *MEMBERS], merged=merged)))
    examination = found(source)
    assert examination.columns == NAMES
    assert (examination.dialect.header_line, examination.dialect.header_rows) == (2, 2)
    assert len(read_all(source)) == 11


@every_kind
def test_one_name_over_two_columns_is_told_apart(write: Write) -> None:
    header = ["ID", "Name", "Address", None, "Work street", "Work city", "Since"]
    examination = found(Bytes(write(SheetSpec("S", [header, *MEMBERS], merged=[(0, 2, 0, 3)]))))
    assert examination.columns[2:4] == ("Address", "Address 2")


@every_kind
def test_titles_above_and_totals_below_are_not_of_the_table(write: Write) -> None:
    rows = [
        ["Donor report 2020", *[None] * 6],
        [],
        list(NAMES),
        *MEMBERS,
        [],
        ["Total", None, None, None, None, None, 11],
    ]
    source = Bytes(write(SheetSpec("S", rows, merged=[(0, 0, 0, 6)])))
    examination = found(source)
    assert examination.columns == NAMES
    assert examination.dialect.header_line == 3
    assert {item.kind for item in examination.outside} == {OutsideKind.TITLE, OutsideKind.TOTALS}
    assert read_all(source).row_numbers == list(range(4, 15))


@every_kind
def test_a_title_above_two_columns_is_none_of_them(write: Write) -> None:
    people: list[list[Cell]] = [[f"M-{at}", f"Name {at}"] for at in range(1, 12)]
    source = Bytes(write(SheetSpec("S", [["Spring donors"], [], ["ID", "NAME"], *people])))
    examination = found(source)
    assert examination.columns == ("ID", "NAME")
    assert [item.kind for item in examination.outside] == [OutsideKind.TITLE]
    assert len(read_all(source)) == 11
    nameless: list[list[Cell]] = [["M-0"], *people]
    assert len(read_all(Bytes(write(SheetSpec("S", nameless))))) == 12


@every_kind
def test_totals_below_a_long_table_are_found(write: Write) -> None:
    rows = [["ID", "NAME", "AMOUNT"], *([at, f"Name {at}", at / 4] for at in range(1, 3_001))]
    source = Bytes(write(SheetSpec("S", [*rows, [], ["Total", None, 1_125_375]])))
    examination = found(source)
    assert examination.dialect.last_line == 3_002
    assert len(read_all(source)) == 3_000


@pytest.mark.parametrize("write", [write_xlsb, write_ods, write_xml], ids=["xlsb", "ods", "xml"])
def test_totals_below_a_very_long_table_are_found_without_reading_all_of_it(write: Write) -> None:
    rows = [["ID", "NAME", "AMOUNT"], *([at, f"Name {at}", at / 4] for at in range(1, 21_001))]
    source = Bytes(write(SheetSpec("S", [*rows, [], ["Total", None, 55_127_625]])))
    examination = found(source)
    assert examination.dialect.last_line == 21_002
    assert examination.rows_estimate == 21_001
    assert [item.kind for item in examination.outside] == [OutsideKind.TOTALS]
    assert examination.outside[0].first_row == 21_003
    assert sum(map(len, read_records(source, examination.dialect))) == 21_000


@every_kind
@pytest.mark.parametrize("right", [4, 6])
def test_a_title_merged_over_most_of_the_columns_is_none_of_their_names(
    write: Write, right: int
) -> None:
    rows = [
        ["Riverbend gifts", *[None] * 6],
        [None, None, "Home", None, "Work", None, None],
        ["ID", "Name", "Street", "City", "Street", "City", "Since"],
        *MEMBERS,
    ]
    merged = [(0, 0, 0, right), (1, 2, 1, 3), (1, 4, 1, 5)]
    examination = found(Bytes(write(SheetSpec("S", rows, merged=merged))))
    assert examination.columns == NAMES
    assert (examination.dialect.header_line, examination.dialect.header_rows) == (3, 2)
    assert [(item.kind, item.sample) for item in examination.outside] == [
        (OutsideKind.TITLE, "Riverbend gifts")
    ]


@every_kind
def test_columns_left_of_the_table_are_left_out(write: Write) -> None:
    rows = [
        ["Riverbend gifts"],
        [],
        *([None, None, *row] for row in [list(NAMES), *MEMBERS]),
        ["Total", None, None, None, None, None, None, None, 11],
    ]
    source = Bytes(write(SheetSpec("S", rows)))
    examination = found(source)
    assert examination.columns == NAMES
    assert [one.name for one in examination.found] == list(NAMES)
    assert [item.kind for item in examination.outside] == [OutsideKind.TITLE, OutsideKind.TOTALS]
    assert any("begins in column C" in note for note in examination.notes)
    batch = read_all(source)
    assert batch.row_numbers == list(range(4, 15))
    assert batch.rows[0][:2] == ["1", "Name 1"]


@every_kind
def test_a_value_left_of_the_table_sets_its_row_aside(write: Write) -> None:
    people = [[None, *row] for row in [list(NAMES), *MEMBERS * 100]]
    people.append(["stray", *MEMBERS[0]])
    batch = read_all(Bytes(write(SheetSpec("S", people))))
    assert len(batch.rows) == 1_101
    assert list(batch.faults) == [1_102]
    assert "to the left" in batch.faults[1_102]
    assert batch.raw[1_102].startswith("stray\t1\tName 1")


@every_kind
def test_of_several_tables_alike_a_person_has_to_choose(write: Write) -> None:
    data = write(
        SheetSpec("Read me", [["Please read this"], ["before you go on"]]),
        SheetSpec("2019", [list(NAMES), *MEMBERS]),
        SheetSpec("Łeft", [list(NAMES), *MEMBERS[:5]]),
        SheetSpec("Lists", [["State", "Code"], ["MA", 1]]),
        SheetSpec("Old", [list(NAMES), *MEMBERS], is_hidden=True),
    )
    examination = found(Bytes(data))
    assert examination.must_choose
    assert examination.dialect.sheet == "2019"
    assert [(sheet.name, sheet.rows, sheet.is_hidden) for sheet in examination.sheets] == [
        ("Read me", 1, False),
        ("2019", 11, False),
        ("Łeft", 5, False),
        ("Lists", 1, False),
        ("Old", 11, True),
    ]
    assert examination.sheets[1].columns == NAMES
    chosen = examine(Bytes(data), choices=Choices(sheet="Łeft"))
    assert isinstance(chosen, Examination)
    assert not chosen.must_choose
    assert chosen.dialect.sheet == "Łeft"
    assert sum(map(len, read_records(Bytes(data), chosen.dialect))) == 5


@every_kind
def test_one_table_among_notes_and_lists_is_taken(write: Write) -> None:
    data = write(
        SheetSpec("Read me", [["Please read this"], ["before you go on"]]),
        SheetSpec("People", [list(NAMES), *MEMBERS]),
        SheetSpec("Lists", [["State", "Code"], ["MA", 1], ["NH", 2]]),
    )
    examination = found(Bytes(data))
    assert not examination.must_choose
    assert examination.dialect.sheet == "People"


@every_kind
def test_choices_of_header_and_end_are_taken_as_given(write: Write) -> None:
    data = write(people())
    choices = Choices(header_line=0, header_rows=0, last_line=3)
    examination = examine(Bytes(data), choices=choices)
    assert isinstance(examination, Examination)
    assert examination.dialect.header_rows == 0
    assert len(examination.columns) == len(HEADER)
    rows = [row for batch in read_records(Bytes(data), examination.dialect) for row in batch.rows]
    assert [row[0] for row in rows] == ["MEMBER_ID", "1", "20000000000"]


@every_kind
def test_a_sheet_that_is_not_there_can_not_be_chosen(write: Write) -> None:
    refusal = examine(Bytes(write(people())), choices=Choices(sheet="Nowhere"))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no_such_sheet"


@every_kind
def test_a_header_alone_is_refused_unless_rows_may_be_lacking(write: Write) -> None:
    source = Bytes(write(SheetSpec("S", [HEADER])))
    refusal = examine(source)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "no_rows"
    examination = examine(source, may_lack_rows=True)
    assert isinstance(examination, Examination)
    assert examination.columns == tuple(HEADER)


@pytest.mark.parametrize("write", [write_xls, write_xlsb])
def test_dates_of_old_macs_count_from_1904(write: Write) -> None:
    rows = [["ID", "DAY"], [1, Styled(42_369, "yyyy-mm-dd")]]
    assert read_all(Bytes(write(SheetSpec("S", rows), from_1904=True))).rows == [
        ["1", "2020-01-01"]
    ]


@pytest.mark.parametrize("cut_at", [40, 97, 250, 8_000])
def test_texts_of_an_xls_may_be_cut_anywhere(cut_at: int) -> None:
    rows = [["ID", "TEXT"]] + [
        [at, ("plain " if at % 2 else "žluťoučký ") * (at % 29 + 1) + str(at)]
        for at in range(1, 200)
    ]
    batch = read_all(Bytes(write_xls(SheetSpec("S", rows), cut_at=cut_at)))
    assert batch.rows == [[str(number), text] for number, text in rows[1:]]


@every_kind
def test_a_long_text_that_a_formula_came_to_is_whole(write: Write) -> None:
    long = "long žlutý " * 2_000
    data = write(SheetSpec("S", [["ID", "TEXT"], [1, Formula(long)], [2, Formula("short")]]))
    assert read_all(Bytes(data)).rows == [["1", long], ["2", "short"]]


def test_cells_of_an_xls_in_no_order_are_put_in_order() -> None:
    assert read_all(Bytes(write_xls(people(), shuffle=True))).rows == TEXTS


def biff5() -> bytes:
    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def label(row: int, column: int, text: bytes) -> bytes:
        return record(0x204, struct.pack("<HHHH", row, column, 0, len(text)) + text)

    begin = record(0x809, struct.pack("<HHHH", 0x500, 5, 0, 0))
    begin += record(0x42, struct.pack("<H", 1252)) + record(0xE0, bytes(16))
    listed = record(0x85, struct.pack("<IBB", 0, 0, 0) + b"\x05Blatt")
    offset = len(begin) + len(listed) + 4
    listed = record(0x85, struct.pack("<IBB", offset, 0, 0) + b"\x05Blatt")
    sheet = record(0x809, struct.pack("<HHHH", 0x500, 16, 0, 0))
    sheet += label(0, 0, b"ID") + label(0, 1, b"NAME") + label(1, 0, b"1")
    sheet += label(1, 1, "Jörg".encode("cp1252")) + record(0x0A, b"")
    return write_ole("Book", begin + listed + record(0x0A, b"") + sheet)


def test_workbooks_of_excel_95_are_read() -> None:
    assert read_all(Bytes(biff5())).rows == [["1", "Jörg"]]


ENCRYPTED = "<manifest:manifest><manifest:encryption-data/></manifest:manifest>"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (write_xls(people(), password=True), "encrypted"),
        (write_ods(people(), manifest=ENCRYPTED), "encrypted"),
        (write_ole("EncryptedPackage", bytes(5_000)), "encrypted"),
        (write_ole("WordDocument", bytes(5_000)), "document"),
        (write_ole("Workbook", struct.pack("<HHHH", 0x409, 4, 0x400, 16)), "blank"),
        (write_ole("Workbook", struct.pack("<HHHH", 0x809, 4, 0x400, 16)), "old_excel"),
        (write_xls(people())[:3_000], "damaged_workbook"),
        (write_xls(SheetSpec("S", [])), "blank"),
        (write_ods(SheetSpec("S", [])), "blank"),
        (write_xlsb(SheetSpec("S", [])), "blank"),
        (
            write_xlsb(people()).replace(b"xl/worksheets/sheet1.bin", b"xl/worksheets/sheet9.bin"),
            "blank",
        ),
    ],
)
def test_what_can_not_be_read_is_refused_with_a_sentence(data: bytes, code: str) -> None:
    refusal = examine(Bytes(data, name="people.xls"))
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == code
    assert refusal.message.endswith(".")


def repeated_ods(rows: int, columns: int) -> bytes:
    cell = (
        f'<table:table-cell table:number-columns-repeated="{columns}" '
        'office:value-type="string"><text:p>x</text:p></table:table-cell>'
    )
    data = write_ods(SheetSpec("S", [["A", "B"], [1, 2]]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    row = f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'
    parts["content.xml"] = parts["content.xml"].replace(
        b"</table:table>", row.encode() + b"</table:table>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


@pytest.mark.parametrize(("rows", "columns"), [(1_000_000, 16_000), (999_999_999, 1), (1, 99_999)])
def test_cells_that_stand_for_endless_others_are_refused(rows: int, columns: int) -> None:
    started = time.process_time()
    assert isinstance(examine(Bytes(repeated_ods(rows, columns))), Refusal)
    assert time.process_time() - started < 5


def test_repeated_rows_are_read_as_often_as_they_stand_for() -> None:
    batch = read_all(Bytes(repeated_ods(40, 2)))
    assert len(batch) == 41
    assert batch.rows[-1] == ["x", "x"]


MEASURED = """
import io, time
from tests.unit.rules.reading.book_writers import (
    SheetSpec, write_ods, write_xls, write_xlsb, write_xml,
)
from tests.unit.rules.reading.sources import Bytes, found
from webapp.rules.reading import read_records

rows = [[f"C{at}" for at in range(20)]] + [
    [at, *(f"text {at} {other}" for other in range(19))] for at in range(8_000)
]
data = write_it(SheetSpec("S", rows))
del rows
before = int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0])
open("/proc/self/clear_refs", "w").write("5")
source = Bytes(data)
dialect = found(source).dialect
count = sum(map(len, read_records(source, dialect)))
peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
print(count, (peak - before) // 1024)
"""


@every_kind
def test_memory_does_not_grow_with_the_sheet(write: Write) -> None:
    result = subprocess.run(
        [sys.executable, "-c", MEASURED.replace("write_it", write.__name__)],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    count, megabytes = map(int, result.stdout.split())
    assert count == 8_000
    assert megabytes < 60


@every_kind
@pytest.mark.parametrize("seed", range(40))
def test_damaged_workbooks_never_raise_anything_else(write: Write, seed: int) -> None:
    rnd = random.Random(seed)
    whole = write(people(merged=[(0, 0, 0, 1)]), SheetSpec("B", [["x", "y"], [1, 2]]))
    data = bytearray(whole[: rnd.randrange(100, len(whole) + 1)] if seed % 3 == 0 else whole)
    for _ in range(rnd.randrange(1, 9)):
        data[rnd.randrange(8, len(data))] = rnd.randrange(256)
    source = Bytes(bytes(data))
    examination = examine(source)
    if isinstance(examination, Examination):
        with suppress(UnreadableError):
            for _ in read_records(source, examination.dialect):
                pass


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("write", [write_ods, write_xlsb], ids=["ods", "xlsb"])
def test_parts_that_are_wrong_within_a_sound_zip_never_raise_anything_else(
    write: Write, seed: int
) -> None:
    rnd = random.Random(seed)
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(write(people()))) as archive,
        zipfile.ZipFile(buffer, "w") as other,
    ):
        for name in archive.namelist():
            part = bytearray(archive.read(name))
            for _ in range(rnd.randrange(3) if part else 0):
                part[rnd.randrange(len(part))] = rnd.randrange(256)
            other.writestr(name, bytes(part))
    source = Bytes(buffer.getvalue())
    examination = examine(source)
    if isinstance(examination, Examination):
        with suppress(UnreadableError):
            for _ in read_records(source, examination.dialect):
                pass


TEXT = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="\ufeff\ufffe\uffff"
    ),
    min_size=1,
    max_size=40,
).filter(lambda text: text.strip() == text)
VALUE = TEXT | st.integers(-(10**14), 10**14) | st.booleans() | st.none()


@every_kind
@given(
    rows=st.lists(st.tuples(st.integers(1, 10**6), VALUE, VALUE, VALUE), min_size=1, max_size=12),
    cut_at=st.integers(20, 300),
)
@settings(max_examples=30, deadline=None)
def test_whatever_is_written_reads_back(
    write: Write, rows: list[tuple[Cell, ...]], cut_at: int
) -> None:
    sheet = SheetSpec("S", [["ID", "ONE", "TWO", "THREE"], *rows])
    source = Bytes(write(sheet, cut_at=cut_at) if write is write_xls else write(sheet))
    dialect = Dialect("workbook", header_line=1, sheet="S", width=4, pads_short_rows=True)
    read = [row for batch in read_records(source, dialect) for row in batch.rows]
    assert read == [[_shown(cell) for cell in row] for row in rows]


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    return str(cell).upper() if isinstance(cell, bool) else str(cell)
