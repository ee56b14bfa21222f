"""What holds for every table and for every file."""

from __future__ import annotations

import csv
import io
import random
import zipfile

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.unit.rules.reading.sources import Bytes, found, read_all, workbook
from webapp.rules.reading import (
    Dialect,
    Examination,
    Refusal,
    UnreadableError,
    examine,
    read_records,
)

NAMES = ["MEMBER_ID", "LAST_NAME", "HOME_ZIP", "PRIMARY_EMAIL", "SOURCE"]
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "cp1252": "windows-1252",
}

any_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a"), max_size=12
)
plain_text = st.text(st.sampled_from("abc XYZ019.-@'éü"), max_size=12)
latin_text = st.text(st.sampled_from("abc,;|\t\"'\r\nÀéüß"), max_size=8)


def rows_of(cells: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    """Rows of one width, each with something in its first cell."""
    filled = st.one_of(cells.filter(lambda text: bool(text.strip())), st.just("7"))
    return st.integers(1, len(NAMES)).flatmap(
        lambda width: st.lists(
            st.tuples(filled, *[cells] * (width - 1)).map(list), min_size=1, max_size=12
        )
    )


def write(rows: list[list[str]], delimiter: str, quoting: int, ending: str, encoding: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerow(NAMES[: len(rows[0])])
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


delimiters = st.sampled_from(",;\t|")
quotings = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
endings = st.sampled_from(["\n", "\r\n", "\r"])


@given(rows_of(any_text), delimiters, quotings, endings, st.sampled_from(sorted(ENCODINGS)))
@settings(max_examples=200, deadline=None)
def test_any_table_reads_back_equal_when_its_dialect_is_known(
    rows: list[list[str]], delimiter: str, quoting: int, ending: str, encoding: str
) -> None:
    if encoding == "cp1252":
        rows = [
            [cell.encode("cp1252", "ignore").decode("cp1252") or "x" for cell in row]
            for row in rows
        ]
    if quoting == csv.QUOTE_MINIMAL and ending != "\r\n":
        # The writer puts quotes around its own line ending only.
        rows = [[cell.replace("\r", ending).replace("\n", ending) for cell in row] for row in rows]
    data = write(rows, delimiter, quoting, ending, encoding)
    dialect = Dialect(
        "csv",
        ENCODINGS[encoding],
        delimiter,
        '"',
        had_bom=encoding == "utf-8-sig",
        width=len(rows[0]),
    )
    rows = [row for row in rows if any(map(str.strip, row))]
    batches = list(read_records(Bytes(data), dialect, size=5))
    assert [row for batch in batches for row in batch.rows] == rows
    assert not any(batch.faults for batch in batches)


@given(rows_of(plain_text), delimiters, quotings, endings, st.sampled_from(sorted(ENCODINGS)))
@settings(max_examples=200, deadline=None)
@example([["a b"]], "|", csv.QUOTE_ALL, "\r", "utf-16-be")
def test_the_dialect_of_a_plain_table_is_found(
    rows: list[list[str]], delimiter: str, quoting: int, ending: str, encoding: str
) -> None:
    data = write(rows, delimiter, quoting, ending, encoding)
    # Letters at random may well look better in another encoding; then it says so.
    assume(encoding != "cp1252" or not found(Bytes(data)).is_unsure)
    assert read_all(Bytes(data)).rows == rows


@given(rows_of(latin_text), delimiters, endings, st.sampled_from(["utf-8", "utf-16", "cp1252"]))
@settings(max_examples=200, deadline=None)
def test_any_text_in_quotes_reads_back_equal(
    rows: list[list[str]], delimiter: str, ending: str, encoding: str
) -> None:
    data = write(rows, delimiter, csv.QUOTE_ALL, ending, encoding)
    assume(encoding != "cp1252" or not found(Bytes(data)).is_unsure)
    assert read_all(Bytes(data)).rows == rows


def check_any_answer(data: bytes) -> None:
    """Whatever a file holds, there is an answer, and every row is whole or has a fault."""
    source = Bytes(data)
    result = examine(source)
    if isinstance(result, Refusal):
        assert result.message.endswith(".")
        return
    assert isinstance(result, Examination)
    width = len(result.columns)
    assert result.dialect.width == width
    try:
        batches = list(read_records(source, result.dialect, size=100))
    except UnreadableError:
        return
    last = result.dialect.header_line
    for batch in batches:
        for number, row in zip(batch.row_numbers, batch.rows, strict=True):
            assert number > last
            last = number
            assert number in batch.faults or len(row) == width
            assert not any("\x00" in cell for cell in row)
        assert set(batch.faults) <= set(batch.row_numbers)


@given(st.binary(max_size=400))
@settings(max_examples=400, deadline=None)
def test_random_bytes_get_an_answer(data: bytes) -> None:
    check_any_answer(data)


@given(
    st.text(st.sampled_from('ab1,;\t|"\n\r \x00é\x1a'), max_size=80),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
@settings(max_examples=600, deadline=None)
def test_random_signs_get_an_answer(text: str, encoding: str) -> None:
    check_any_answer(text.encode(encoding))


BOOK = workbook(
    '<row r="1"><c t="s"><v>0</v></c><c t="str"><v>B</v></c></row>'
    '<row r="2"><c s="1"><v>43831</v></c><c r="B2" t="inlineStr"><is><t>x</t></is></c></row>',
    strings="<si><t>A</t></si>",
    styles='<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>',
)


@given(st.integers(0, 2**32), st.integers(1, 6))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_workbook_with_any_damage_gets_an_answer(seed: int, count: int) -> None:
    chance = random.Random(seed)
    data = bytearray(BOOK)
    for _ in range(count):
        data[chance.randrange(len(data))] = chance.randrange(256)
    if seed % 5 == 0:
        del data[chance.randrange(len(data)) :]
    check_any_answer(bytes(data))


PARTS = {
    name: zipfile.ZipFile(io.BytesIO(BOOK)).read(name)
    for name in zipfile.ZipFile(io.BytesIO(BOOK)).namelist()
}


@given(st.sampled_from(sorted(PARTS)), st.integers(0, 2**32), st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_a_workbook_with_any_part_garbled_gets_an_answer(part: str, seed: int, count: int) -> None:
    chance = random.Random(seed)
    data = bytearray(PARTS[part])
    for _ in range(count):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(3)] = bytes([chance.choice(b'<>/"=&0179AZrts \x00')])
    check_any_answer(workbook("", extra={**PARTS, part: bytes(data)}))
