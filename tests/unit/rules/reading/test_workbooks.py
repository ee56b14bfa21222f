"""Workbooks: cells as the text that is shown in them, the right sheet, row numbers."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable

import pytest
import xlsxwriter

from tests.unit.rules.reading.sources import Bytes, found, read_all, workbook
from webapp.rules.reading import Choices, Dialect, Examination, OutsideKind, Refusal, examine
from webapp.rules.reading.number_formats import make_show

HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>A</t></is></c></row>'


def cell(xml: str, **parts: str) -> str:
    """The text of one cell below the header."""
    data = workbook(f'{HEADER}<row r="2">{xml}</row>', **parts)
    (row,) = read_all(Bytes(data)).rows
    return row[0]


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("<c><v>2139</v></c>", "2139"),
        ("<c><v>12</v></c>", "12"),
        ("<c><v>12.0</v></c>", "12"),
        ("<c><v>12.5</v></c>", "12.5"),
        ("<c><v>0.30000000000000004</v></c>", "0.3"),
        ("<c><v>1.2345678901E+10</v></c>", "12345678901"),
        ("<c><v>1E-3</v></c>", "0.001"),
        ("<c><v>1E+20</v></c>", "100000000000000000000"),
        ("<c><v>-0.0</v></c>", "0"),
        ("<c><v>-7</v></c>", "-7"),
        ("<c><v>12345678901234567</v></c>", "12345678901234567"),
        ("<c><v>nonsense</v></c>", "nonsense"),
        ('<c t="b"><v>1</v></c>', "TRUE"),
        ('<c t="b"><v>0</v></c>', "FALSE"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c t="str"><f>"0"&amp;1</f><v>01</v></c>', "01"),
        ('<c t="d"><v>2020-02-29T00:00:00</v></c>', "2020-02-29"),
        ('<c t="inlineStr"><is><t>02139</t></is></c>', "02139"),
        ('<c t="inlineStr"><is><r><t>Jo</t></r><r><t>sé</t></r></is></c>', "José"),
        ('<c t="inlineStr"><is><t>a_x000D_b_x005F_c</t></is></c>', "a\rb_c"),
        ('<c t="inlineStr"><is><t><![CDATA[a<b]]>&amp;c</t></is></c>', "a<b&c"),
    ],
)
def test_a_cell_is_read_as_shown(xml: str, text: str) -> None:
    assert cell(xml) == text


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("00000", "2139", "02139"),
        ("00000-0000", "21391234", "02139-1234"),
        ("00000\\-0000", "21391234", "02139-1234"),
        ("000-00-0000", "12345678", "012-34-5678"),
        ('00000"-"0000', "21391234", "02139-1234"),
        ("00000", "2139.5", "2139.5"),
        ('"M-"00000', "42", "M-00042"),
        ("\\M\\-0000", "42", "M-0042"),
        ('000"/A"', "7", "007/A"),
        ("-00", "7", "-07"),
        ("(000) 000-0000", "6175551234", "6175551234"),
        ("0.00%", "0.125", "0.125"),
        ('_($* #,##0.00_);_($* (#,##0.00);_($* "-"??_);_(@_)', "-1234.5", "-1234.5"),
        ("TT.MM.JJJJ", "43831", "2020-01-01"),
        ("00", "123", "123"),
        ("0", "5", "5"),
        ("0.00", "12.5", "12.5"),
        ("#,##0", "1234567", "1234567"),
        ("[Red]0.00E+00", "12345", "12345"),
        ("yyyy-mm-dd", "43831", "2020-01-01"),
        ("m/d/yy", "43831.75", "2020-01-01"),
        ("d/m/yyyy h:mm", "43831.75", "2020-01-01T18:00:00"),
        ("[$-409]mmmm d, yyyy;@", "43831", "2020-01-01"),
        ("h:mm", "0.75", "18:00:00"),
        ("[h]:mm", "1.5", "36:00:00"),
        ("yyyy-mm-dd", "59", "1900-02-28"),
        ("yyyy-mm-dd", "60", "1900-02-29"),
        ("yyyy-mm-dd", "61", "1900-03-01"),
        ("yyyy-mm-dd", "-1", "-1"),
        ("yyyy-mm-dd", "99999999", "99999999"),
        ('"day "0', "5", "5"),
        ("General", "5.50", "5.5"),
    ],
)
def test_a_number_format_shows_codes_and_dates(code: str, value: str, text: str) -> None:
    assert make_show(code, from_1904=False)(value) == text


def test_styles_and_the_dates_of_1904_are_applied() -> None:
    styles = (
        '<numFmts><numFmt numFmtId="170" formatCode="00000"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/></cellXfs>'
    )
    assert cell('<c s="0"><v>43831</v></c>', styles=styles) == "43831"
    assert cell('<c s="1"><v>43831</v></c>', styles=styles) == "2020-01-01"
    assert cell('<c s="2"><v>2139</v></c>', styles=styles) == "02139"
    of_1904 = '<workbookPr date1904="1"/>'
    assert cell('<c s="1"><v>42369</v></c>', styles=styles, properties=of_1904) == "2020-01-01"


def test_shared_texts_leave_out_phonetic_hints() -> None:
    strings = "<si><t>x</t></si><si><t>東京</t><rPh sb='0' eb='2'><t>トウ</t></rPh></si>"
    assert cell('<c t="s"><v>1</v></c>', strings=strings) == "東京"


def test_rows_keep_the_numbers_of_the_sheet_and_blank_ones_do_not_count() -> None:
    data = workbook(
        '<row r="3"><c r="B3" t="str"><v>NAME</v></c><c r="C3" t="str"><v>ZIP</v></c></row>'
        '<row r="5"><c r="B5" t="str"><v>Ann</v></c></row>'
        '<row r="6"><c r="B6" s="4"/></row>'
        '<row r="9" hidden="1"><c r="C9"><v>1</v></c></row>'
        '<row r="10"><c r="B10" t="str"><v>Cy</v></c><c r="E10"><v>9</v></c></row>'
    )
    examination = found(Bytes(data))
    assert examination.columns == ("NAME", "ZIP", "", "")
    assert examination.dialect.header_line == 3
    batch = read_all(Bytes(data))
    assert batch.row_numbers == [5, 9, 10]
    assert batch.rows[0] == ["Ann", "", "", ""]
    assert any("hidden in Excel" in note and "1" in note for note in examination.notes)


def test_a_value_beyond_the_named_columns_is_a_fault_of_its_row() -> None:
    rows = "".join(f'<row r="{at}"><c r="A{at}"><v>{at}</v></c></row>' for at in range(2, 1_400))
    data = workbook(HEADER + rows + '<row r="1400"><c r="A1400"/><c r="C1400"><v>9</v></c></row>')
    batch = read_all(Bytes(data))
    assert list(batch.faults) == [1400]
    assert "to the right" in batch.faults[1400]


def test_places_may_be_left_out_and_names_prefixed() -> None:
    data = workbook(
        '</sheetData><x:sheetData xmlns:x="y"/><sheetData>'
        '<row><c t="str"><v>A</v></c><c t="str"><v>B</v></c></row>'
        "<row><c><v>1</v></c><c><v>2</v></c></row>"
    )
    assert read_all(Bytes(data)).rows == [["1", "2"]]


def test_the_first_visible_sheet_with_a_table_is_taken_and_others_are_said() -> None:
    table = f'{HEADER}<row r="2"><c r="A2"><v>{{}}</v></c></row>'
    data = workbook(
        "", table.format(1), HEADER, table.format(2), "", table.format(3), states=("", "hidden")
    )
    examination = found(Bytes(data, name="no-extension"))
    assert examination.dialect == Dialect("xlsx", sheet="Sheet4", width=1, pads_short_rows=True)
    assert examination.first_rows == (("2",),)
    assert "“Sheet6”" in examination.notes[1]
    only_hidden = workbook("", table.format(1), states=("", "hidden"))
    assert "hidden" in found(Bytes(only_hidden)).notes[1]


def write_table(rows: int) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("People & more")
    date = book.add_format({"num_format": "m/d/yyyy"})
    zipped = book.add_format({"num_format": "00000"})
    sheet.write_row(0, 0, ["MEMBER_ID", "NAME", "BIRTH_DATE", "ZIP", "AMOUNT"])
    for at in range(1, rows + 1):
        sheet.write_string(at, 0, f"{at:06}")
        sheet.write_string(at, 1, f"Zoë <{at}> & Sons\nLtd")
        sheet.write_datetime(at, 2, datetime.datetime(1980, 1, 1), date)  # noqa: DTZ001
        sheet.write_number(at, 3, 2139, zipped)
        sheet.write_number(at, 4, at / 4)
    book.close()
    return buffer.getvalue()


def test_a_workbook_as_excel_writes_it_reads_back() -> None:
    source = Bytes(write_table(3_000))
    examination = found(source)
    assert examination.rows_estimate == 3_000
    assert "“People & more”" in examination.notes[0]
    batch = read_all(source, size=700)
    assert batch.row_numbers == list(range(2, 3_002))
    assert batch.rows[1] == ["000002", "Zoë <2> & Sons\nLtd", "1980-01-01", "02139", "0.5"]
    assert read_all(source, start=2_990).rows == batch.rows[2_990:]


def test_texts_too_many_for_memory_go_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_table(500)
    expected = read_all(Bytes(data)).rows
    monkeypatch.setattr("webapp.rules.reading.shared_strings._IN_MEMORY", 1_000)
    monkeypatch.setattr("webapp.rules.reading.shared_strings._CACHED", 10)
    assert read_all(Bytes(data)).rows == expected


def write_book(write: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        write(book)
    return buffer.getvalue()


def fill(sheet: xlsxwriter.worksheet.Worksheet, first: int, count: int) -> None:
    for at in range(count):
        sheet.write_row(first + at, 0, [at, f"Name {at}", f"{at} Elm St", "Boston", "x@y.org"])


def test_merged_groups_and_hidden_columns_of_excel() -> None:
    def write(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("S")
        sheet.merge_range("A1:E1", "Donors 2020")
        sheet.merge_range("A3:A4", "ID")
        sheet.merge_range("B3:B4", "Name")
        sheet.merge_range("C3:D3", "Home")
        sheet.write_row("C4", ["Street", "City"])
        sheet.merge_range("E3:E4", "Email")
        sheet.set_column(1, 2, None, None, {"hidden": True})
        fill(sheet, 4, 12)

    source = Bytes(write_book(write))
    examination = found(source)
    assert examination.columns == ("ID", "Name", "Home Street", "Home City", "Email")
    assert (examination.dialect.header_line, examination.dialect.header_rows) == (4, 2)
    assert any("Columns hidden" in note and ": 2." in note for note in examination.notes)
    assert [item.kind for item in examination.outside] == [OutsideKind.TITLE]
    assert len(read_all(source)) == 12


def test_two_tables_alike_are_to_be_chosen_from() -> None:
    def write(book: xlsxwriter.Workbook) -> None:
        for name in ("2019", "2020"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["ID", "NAME", "STREET", "CITY", "EMAIL"])
            fill(sheet, 1, 12)
        book.add_chartsheet("Chart")

    source = Bytes(write_book(write))
    examination = found(source)
    assert examination.must_choose
    assert [sheet.name for sheet in examination.sheets] == ["2019", "2020"]
    chosen = examine(source, choices=Choices(sheet="2020"))
    assert isinstance(chosen, Examination)
    assert (chosen.must_choose, chosen.dialect.sheet) == (False, "2020")


def test_a_value_beside_a_text_within_the_cell_is_not_shown() -> None:
    assert cell('<c t="inlineStr"><is><t>1.</t></is><v>9</v></c>') == "1."


def test_a_package_without_a_list_of_its_parts_is_a_workbook() -> None:
    data = workbook('<row><c t="str"><v>A</v></c></row><row><c><v>1</v></c></row>')
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as whole,
        zipfile.ZipFile(buffer, "w") as bare,
    ):
        for name in whole.namelist():
            if name != "[Content_Types].xml":
                bare.writestr(name, whole.read(name))
    assert read_all(Bytes(buffer.getvalue())).rows == [["1"]]


@pytest.mark.parametrize("count", [3_000, 21_000])
def test_totals_below_a_long_sheet_are_found_without_reading_all_of_it(count: int) -> None:
    def write(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("S")
        sheet.write_row(0, 0, ["ID", "NAME", "AMOUNT"])
        for at in range(1, count + 1):
            sheet.write_row(at, 0, [at, f"Name {at}", at / 4])
        sheet.write_row(count + 2, 0, ["Total", None, count * 3])

    source = Bytes(write_book(write))
    examination = found(source)
    assert examination.dialect.last_line == count + 2
    assert [item.kind for item in examination.outside] == [OutsideKind.TOTALS]
    assert len(read_all(source)) == count


def test_rows_that_are_only_formatted_are_no_rows() -> None:
    empty = "".join(f'<row r="{at}"><c r="A{at}" s="1"/></row>' for at in range(5_002, 60_000))
    rows = "".join(
        f'<row r="{at}"><c r="A{at}"><v>{at}</v></c><c r="B{at}" t="str"><v>Ann</v></c>'
        f'<c r="C{at}"><v>7</v></c></row>'
        for at in range(2, 5_000)
    )
    names = "".join(f'<c t="str"><v>{name}</v></c>' for name in ("ID", "NAME", "AMOUNT"))
    header = f'<row r="1">{names}</row>'
    total = '<row r="5001"><c t="str"><v>Total</v></c><c r="C5001"><v>34986</v></c></row>'
    source = Bytes(workbook(header + rows + total + empty))
    examination = found(source)
    assert examination.rows_estimate == 4_999  # with the blank one
    assert [item.kind for item in examination.outside] == [OutsideKind.TOTALS]
    assert len(read_all(source)) == 4_998


def test_formulas_without_a_result_are_told() -> None:
    """Programs that write workbooks may leave it to Excel to work formulas out."""
    rows = "".join(
        f'<row r="{at}"><c><v>{at}</v></c><c><f>A{at}*2</f><v></v></c><c t="str"><f>""</f><v></v>'
        f'</c><c><f>A{at}</f><v>{at}</v></c><c><f t="shared" si="0"/></c></row>'
        for at in range(2, 6)
    )
    names = "".join(f'<c t="str"><v>{name}</v></c>' for name in ("A", "B", "C", "D", "E"))
    notes = found(Bytes(workbook(f'<row r="1">{names}</row>{rows}'))).notes
    assert any("result is not in the file" in note and ": 8." in note for note in notes)


def test_an_encoding_that_nobody_knows_is_damage() -> None:
    data = workbook("", extra={"_rels/.rels": '<?xml version="1.0" encoding="UF-8"?><a/>'})
    refusal = examine(Bytes(data))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "damaged_workbook"
