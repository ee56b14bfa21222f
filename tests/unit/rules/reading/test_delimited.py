"""Text tables: encodings, delimiters, row numbers, irregular rows."""

from __future__ import annotations

import codecs

import pytest

from tests.unit.rules.reading.sources import Bytes, found, read_all
from webapp.rules.reading import (
    Dialect,
    Examination,
    Limits,
    Refusal,
    UnreadableError,
    examine,
    read_records,
)

TABLE = "MEMBER_ID{d}LAST_NAME{d}HOME_CITY\r\n007{d}García{d}Zürich\r\n008{d}Åberg{d}\r\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "bom", "expected"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", codecs.BOM_UTF8, "utf-8"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16-le"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16-be"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("cp1252", b"", "windows-1252"),
    ],
)
def test_encoding_and_delimiter_are_found(
    delimiter: str, encoding: str, bom: bytes, expected: str
) -> None:
    source = Bytes(bom + TABLE.format(d=delimiter).encode(encoding))
    examination = found(source)
    assert examination.columns == ("MEMBER_ID", "LAST_NAME", "HOME_CITY")
    assert examination.first_rows == (("007", "García", "Zürich"), ("008", "Åberg", ""))
    dialect = examination.dialect
    assert (dialect.encoding, dialect.delimiter, dialect.had_bom) == (
        expected,
        delimiter,
        bool(bom),
    )
    assert (dialect.kind, dialect.quote, dialect.line_ending) == ("csv", '"', "\r\n")
    assert all(note.endswith(".") for note in examination.notes)
    assert Dialect.from_json(dialect.to_json()) == dialect
    assert read_all(source).rows == [list(row) for row in examination.first_rows]


def test_a_byte_far_into_the_file_decides_the_encoding() -> None:
    data = b"ID,NAME\n" + b"1,Ann\n" * 200_000 + b"2,Jos\xe9\n"
    examination = found(Bytes(data))
    assert examination.dialect.encoding == "windows-1252"
    assert read_all(Bytes(data)).rows[-1] == ["2", "José"]


@pytest.mark.parametrize("misleading", [3, 12])
def test_the_whole_sample_decides_the_delimiter_and_not_the_first_lines(misleading: int) -> None:
    """The first records have a comma in every name, and the header has one too."""
    first = [f"{at};Lee, Ann;{at}.50" for at in range(misleading)]
    rest = [f"{at};Ann Lee;{at}.50" for at in range(misleading, 400)]
    lines = ["ID;NAME, AS WRITTEN;AMOUNT", *first, *rest]
    source = Bytes("\n".join(lines).encode())
    assert found(source).dialect.delimiter == ";"
    rows = read_all(source).rows
    assert rows[0] == ["0", "Lee, Ann", "0.50"]
    assert (len(rows), rows[-1]) == (400, ["399", "Ann Lee", "399.50"])


def test_stray_bytes_in_utf_8_are_read_as_windows_1252_and_said() -> None:
    source = Bytes("ID,NAME\n1,José\n2,Zoë\n3,".encode() + b"Fran\xe7ois\n")
    examination = found(source)
    assert examination.dialect.encoding == "utf-8+windows-1252"
    assert "read as Windows-1252" in examination.notes[0]
    assert [row[1] for row in read_all(source).rows] == ["José", "Zoë", "François"]


def test_undefined_windows_1252_bytes_do_not_stop_the_reader() -> None:
    rows = read_all(Bytes(b"ID,NAME\n1,Garc\xeda Mu\xf1oz \x81\x8d\n")).rows
    assert rows == [["1", "García Muñoz \x81\x8d"]]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_row_numbers_are_those_of_a_spreadsheet(ending: str) -> None:
    lines = ["", "A,B", "1,x", "", " , ", '2,"one', 'two"', "3,z"]
    examination = found(Bytes(ending.join(lines).encode()))
    assert examination.dialect.header_line == 2
    batch = read_all(Bytes(ending.join(lines).encode()))
    assert batch.row_numbers == [3, 6, 7]
    assert batch.rows == [["1", "x"], ["2", f"one{ending}two"], ["3", "z"]]
    assert not batch.faults


def test_irregular_rows_are_faults_with_their_raw_cells() -> None:
    batch = read_all(Bytes(b"A,B,C\n1,2,3\n1,2\n1,2,3,4\n1,2,3,,\n4,5,6\n7,8,\n"))
    assert batch.rows == [
        ["1", "2", "3"],
        ["1", "2"],
        ["1", "2", "3", "4"],
        ["1", "2", "3"],
        ["4", "5", "6"],
        ["7", "8", ""],
    ]
    assert sorted(batch.faults) == [3, 4]
    assert "2 cells but the header has 3 columns" in batch.faults[3]
    assert "4 cells" in batch.faults[4]


def test_rows_that_end_early_are_filled_up_when_the_file_is_written_that_way() -> None:
    lines = ["A,B,C", "1,2,3", "1,2", "4,5,6", "2", "3,4", *["5,6,7"] * 7]
    examination = found(Bytes("\n".join(lines).encode()))
    assert examination.dialect.pads_short_rows
    batch = read_all(Bytes("\n".join(lines).encode()))
    assert not batch.faults
    assert batch.rows[1] == ["1", "2", ""]
    assert batch.rows[3] == ["2", "", ""]


def test_of_a_few_rows_those_that_end_early_are_set_aside() -> None:
    lines = ["A,B,C", *["5,6,7"] * 5, "1,2", "4,5", "2,7"]
    assert found(Bytes("\n".join(lines).encode())).dialect.pads_short_rows is False
    batch = read_all(Bytes("\n".join(lines).encode()))
    assert sorted(batch.faults) == [7, 8, 9]


def test_a_nul_character_is_a_fault_of_its_row_only() -> None:
    batch = read_all(Bytes(b"A,B\n1,x\n2,y\x00z\n3,w\n"))
    assert list(batch.faults) == [3]
    assert batch.rows[1] == ["2", "y␀z"]


@pytest.mark.parametrize("before", range(4))
def test_totals_below_a_long_table_are_found_wherever_the_last_part_begins(before: int) -> None:
    rows = "".join(f"{at},Ann Lee,2026-01-{at % 28 + 1:02},{at}.50\n" for at in range(10_000))
    source = Bytes((f"ID{'_' * before},Name,Date,Amount\n{rows}Total,,,49995.00\n").encode())
    examination = found(source)
    assert examination.dialect.footer_rows == 1
    assert [(part.kind, part.first_row) for part in examination.outside] == [("totals", -1)]
    assert len(read_all(source)) == 10_000


def test_a_header_that_comes_again_far_below_is_set_aside() -> None:
    rows = "".join(f"{at},Ann Lee,{at}.50\n" for at in range(10_000))
    batch = read_all(Bytes(f"ID,Name,Amount\n{rows}ID,Name,Amount\n{rows}".encode()))
    assert list(batch.faults) == [10_002]
    assert "repeats the header" in batch.faults[10_002]
    assert len(batch) == 20_001


def test_a_row_set_aside_has_all_of_its_text_however_long() -> None:
    long = '4,"' + "word " * 2_000 + '",x,y'
    lines = ["A,B,C", *(f"{at},text {at},z" for at in range(12)), long, "13,text 13,z"]
    batch = read_all(Bytes("\n".join(lines).encode()))
    assert batch.raw == {14: long}


def test_a_quote_never_closed_is_a_character_of_its_row() -> None:
    data = b'A,B,C\n1,"Bob,x\n' + b"2,Ann,y\n" * 50_000 + b"3,Zoe,z\n"
    batch = read_all(Bytes(data))
    assert not batch.faults
    assert list(batch.recovered) == [2]
    assert "quotation mark" in batch.recovered[2]
    assert batch.raw[2] == '1,"Bob,x'
    assert batch.rows[0] == ["1", '"Bob', "x"]
    assert len(batch) == 50_002
    assert batch.rows[-1] == ["3", "Zoe", "z"]


def test_a_stray_quote_does_not_join_rows_up_to_the_next_quote() -> None:
    lines = ["A,B,C", '1,"Bob,x', "2,Cy,y", '3,"Dee",z', "4,Eve,w"]
    batch = read_all(Bytes("\n".join(lines).encode()))
    assert list(batch.recovered) == [2]
    assert batch.rows[0] == ["1", '"Bob', "x"]
    assert batch.rows[1:] == [["2", "Cy", "y"], ["3", "Dee", "z"], ["4", "Eve", "w"]]


def test_a_quoted_cell_across_blocks_stays_whole() -> None:
    long = "line\n" * 40_000
    batch = read_all(Bytes(f'A,B\n1,"{long}"\n2,x\n'.encode()))
    assert batch.rows == [["1", long], ["2", "x"]]
    assert batch.row_numbers == [2, 3]


@pytest.mark.parametrize("size", [1, 7, 2_000])
def test_start_leaves_out_as_many_records(size: int) -> None:
    lines = ["A,B"]
    for number in range(5_000):
        lines.append(f'{number},"x\ny"' if number % 10 == 0 else f"{number},z")
        lines.extend([""] * (number % 3 == 0))
    source = Bytes("\n".join(lines).encode())
    dialect = found(source).dialect
    whole = read_all(source)
    for start in (0, 1, 999, 4_999, 5_000, 6_000):
        rows: list[list[str]] = []
        numbers: list[int] = []
        for batch in read_records(source, dialect, start=start, size=size):
            assert 0 < len(batch) <= size
            rows += batch.rows
            numbers += batch.row_numbers
        assert rows == whole.rows[start:]
        assert numbers == whole.row_numbers[start:]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("NAME\nSmith\nJones\n", ("NAME",)),
        ("NAME\nSmith, John\nDoe, Ann\nCher\n", ("NAME",)),
        ('NAME\n"Smith, John"\n"Doe; Ann"\n', ("NAME",)),
        ("NAME;AMOUNT\nSmith;1,50\nDoe;2,75\n", ("NAME", "AMOUNT")),
        ("NAME;MAIL\nSmith, J;a@b\nDoe, A;c@d\n", ("NAME", "MAIL")),
        ("A|B|C\n1,2|3|4\n5,6|7|8\n", ("A", "B", "C")),
        ('"A";"B"\n"x, y";"z"\n', ("A", "B")),
        (" A , B \n1,2\n", ("A", "B")),
        ("A,B,,\n1,2,,\n", ("A", "B")),
        ("A,B,,\n1,2,3,\n", ("A", "B", "")),
        ("sep=|\nA|B\n1|2\n", ("A", "B")),
        ("A,B\n1,2\x1a", ("A", "B")),
    ],
)
def test_the_header_is_read_as_written(text: str, columns: tuple[str, ...]) -> None:
    source = Bytes(text.encode())
    assert found(source).columns == columns
    batch = read_all(source)
    assert not batch.faults
    assert all(len(row) == len(columns) for row in batch.rows)


def test_two_columns_of_one_name_are_both_read() -> None:
    source = Bytes(b"EMAIL,NAME,email \n1,2,3\n")
    assert found(source).columns == ("EMAIL", "NAME", "email")
    assert read_all(source).rows == [["1", "2", "3"]]


def test_a_cell_beyond_the_limit_ends_the_reading_with_a_sentence() -> None:
    source = Bytes(b"A,B\n1,2\n" + b"x" * 1_000_001 + b",3\n")
    dialect = found(Bytes(b"A,B\n1,2\n")).dialect
    with pytest.raises(UnreadableError) as error:
        list(read_records(source, dialect))
    assert error.value.refusal.code == "cell_too_long"
    assert isinstance(examine(source), Refusal)
    assert isinstance(examine(source, limits=Limits(max_cell=2_000_000)), Examination)
