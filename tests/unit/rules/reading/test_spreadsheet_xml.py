"""Workbooks in the XML of Excel 2003: what the other kinds of workbooks don't have."""

from __future__ import annotations

import pytest

from tests.unit.rules.reading.sources import Bytes, found, read_all
from webapp.rules.reading import Refusal, examine

NAME = "urn:schemas-microsoft-com:office:spreadsheet"
STYLES = "".join(
    f'<Style ss:ID="{style}"><NumberFormat ss:Format="{code}"/></Style>'
    for style, code in (
        ("date", "Short Date"),
        ("time", "Short Time"),
        ("both", "General Date"),
        ("long", "[h]:mm:ss"),
        ("zip", "00000"),
        ("fixed", "Fixed"),
    )
)


def book(rows: str, *, head: str = '<?xml version="1.0"?>', more: str = "") -> str:
    return (
        f'{head}<?mso-application progid="Excel.Sheet"?><Workbook xmlns="{NAME}" '
        f'xmlns:ss="{NAME}"><Styles>{STYLES}</Styles>{more}<Worksheet ss:Name="S"><Table>'
        f'<Row><Cell><Data ss:Type="String">A</Data></Cell></Row>{rows}</Table></Worksheet>'
        "</Workbook>"
    )


def moment(style: str, text: str) -> str:
    return f'<Cell ss:StyleID="{style}"><Data ss:Type="DateTime">{text}</Data></Cell>'


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<Cell><Data ss:Type="Number">1.2345678901E+10</Data></Cell>', "12345678901"),
        ('<Cell ss:StyleID="zip"><Data ss:Type="Number">2139</Data></Cell>', "02139"),
        ('<Cell ss:StyleID="fixed"><Data ss:Type="Number">5</Data></Cell>', "5"),
        ('<Cell><Data ss:Type="Boolean">1</Data></Cell>', "TRUE"),
        ('<Cell><Data ss:Type="Error">#N/A</Data></Cell>', "#N/A"),
        ('<Cell><Data ss:Type="DateTime">2020-01-31T00:00:00.000</Data></Cell>', "2020-01-31"),
        (moment("date", "2020-01-31T18:30:00.000"), "2020-01-31"),
        (moment("both", "2020-01-31T18:30:00.000"), "2020-01-31T18:30:00"),
        (moment("time", "1899-12-31T18:30:00.000"), "18:30:00"),
        (moment("long", "1900-01-01T12:00:00.000"), "36:00:00"),
        (moment("date", "1900-01-01T00:00:00.000"), "1900-01-01"),
        ('<Cell><Data ss:Type="DateTime">some day</Data></Cell>', "some day"),
        (
            '<Cell><ss:Data ss:Type="String" xmlns="http://www.w3.org/TR/REC-html40"><B>Jo</B>s&#233;'
            "</ss:Data></Cell>",
            "José",
        ),
        (
            '<Cell><Data ss:Type="String">a&#10;b &lt;c&gt;</Data><Comment><ss:Data>no'
            "</ss:Data></Comment></Cell>",
            "a\nb <c>",
        ),
    ],
)
def test_a_cell_is_read_as_shown(cell: str, text: str) -> None:
    assert read_all(Bytes(book(f"<Row>{cell}</Row>").encode())).rows == [[text]]


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<?xml version="1.0" encoding="utf-8"?>', "utf-8"),
        ('<?xml version="1.0" encoding="windows-1252"?>', "cp1252"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "latin-1"),
        ('<?xml version="1.0" encoding="utf-16"?>', "utf-16"),
        ('\n\n  <?xml version="1.0"?>', "utf-8"),
    ],
)
def test_the_encoding_is_the_one_it_says(head: str, encoding: str) -> None:
    rows = '<Row><Cell><Data ss:Type="String">Zoë</Data></Cell></Row>'
    assert read_all(Bytes(book(rows, head=head).encode(encoding))).rows == [["Zoë"]]


def test_rows_and_cells_may_be_left_out() -> None:
    rows = (
        '<Row ss:Index="3"><Cell ss:Index="1"><Data ss:Type="Number">1</Data></Cell></Row>'
        '<Row/><Row><Cell><Data ss:Type="Number">2</Data></Cell></Row>'
    )
    assert read_all(Bytes(book(rows).encode())).row_numbers == [3, 5]


def test_formulas_without_a_result_are_told() -> None:
    rows = (
        '<Row><Cell ss:Formula="=1+1"><Data ss:Type="Number">2</Data></Cell></Row>'
        '<Row><Cell ss:Formula="=1+1"/></Row>'
        '<Row><Cell><Data ss:Type="Number">3</Data></Cell></Row>'
    )
    notes = found(Bytes(book(rows).encode())).notes
    assert any("result is not in the file" in note and ": 1." in note for note in notes)


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    "data",
    [
        book("<Row><Cell><Data>&b;</Data></Cell></Row>", head=BOMB),
        book("<Row><Cell><Data>Fish & Chips</Data></Cell></Row>"),
        book("<Row><Cell><Data>cut")[:-60],
        book('<Row ss:Index="1"><Cell><Data>twice the same row</Data></Cell></Row>'),
        book('<Row ss:Index="2000000"><Cell><Data>too far</Data></Cell></Row>'),
        book('<Row><Cell ss:Index="x"><Data>no number</Data></Cell></Row>'),
    ],
    ids=["entities", "an ampersand", "cut", "a row twice", "too far down", "no number"],
)
def test_what_is_damaged_is_refused_with_a_sentence(data: str) -> None:
    refusal = examine(Bytes(data.encode()))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "damaged_workbook"


def test_xml_that_is_no_workbook_is_refused() -> None:
    refusal = examine(Bytes(b'<?xml version="1.0"?><donors><donor name="Ann"/></donors>'))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "xml"
