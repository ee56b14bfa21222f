"""Web pages (HTML) that programs write and call workbooks: their tables, cell by cell."""

from __future__ import annotations

import random
import time
from contextlib import suppress

import pytest

from tests.unit.rules.reading.sources import Bytes, found, read_all
from webapp.rules.reading import (
    Choices,
    Examination,
    OutsideKind,
    Refusal,
    UnreadableError,
    examine,
    read_records,
)
from webapp.rules.reading.html_tokens import Tokens

EXCEL = (
    "<html xmlns:x='urn:schemas-microsoft-com:office:excel'><head>"
    "<meta http-equiv=Content-Type content='text/html; charset=windows-1252'>"
    "<style><!--\n.xl24 {{mso-number-format:'Short Date';}}\n"
    ".zip, td.code {{color:red; mso-number-format:00000;}}\n--></style>"
    "<script>if (a<b) document.write('<table><tr><td>no</td></tr></table>');</script></head><body>"
    "<!--[if gte mso 9]><xml><table><tr><td>no</table></xml><![endif]-->{}</body></html>"
)
NAMES = "<tr><th>ID</th><th>Name</th><th>ZIP</th></tr>"


def page(rows: str, names: str = NAMES, frame: str = EXCEL, encoding: str = "cp1252") -> Bytes:
    return Bytes(frame.format(f"<table border=1>{names}{rows}</table>").encode(encoding), "a.xls")


def cell(tag: str) -> str:
    """The text of one cell below a header."""
    rows = read_all(page(f"<tr><td>7<td>Ann{tag}</tr>", frame=EXCEL)).rows
    return rows[0][2]


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("<td>02139", "02139"),
        ("<td>Zo&euml; &amp; S&#248;n &lt;b&gt;", "Zoë & Søn <b>"),
        ("<TD  Class='x' ><b>Jo</b><i>sé</i></TD>", "José"),
        ("<td>two\r\n   words&nbsp;&nbsp;here \xa0</td>", "two words here"),
        ("<td>1 Elm St<br>Apt 2<br/></td>", "1 Elm St\nApt 2"),
        ("<td><p>1 Elm St</p><p>Apt 2</p></td>", "1 Elm St\nApt 2"),
        ("<td>a<!-- not <td> this -->b<script>no</script></td>", "ab"),
        ("<td>a<table><tr><td>in</td><td>ner</td></tr></table>z</td>", "a\nin ner\nz"),
        ("<td style='mso-number-format:\"\\@\"'>0012</td>", "0012"),
        ("<td style='width:9pt;mso-number-format:00000'>2139</td>", "02139"),
        ("<td class=zip>2139</td>", "02139"),
        ("<td class='big code'>2139</td>", "02139"),
        ("<td class=zip>n/a</td>", "n/a"),
        ("<td class=xl24 x:num='43831'>1/1/20</td>", "2020-01-01"),
        ("<td class=xl24>1/1/20</td>", "1/1/20"),
        ("<td style='mso-number-format:\"mm\\/dd\\/yyyy\"' x:num=43831>1/1</td>", "2020-01-01"),
        ("<td x:num='1234.5'>$1,234.50</td>", "1234.5"),
        ("<td x:num>12</td>", "12"),
        ("<td x:num='1.2345678901E+10'>1.23E+10</td>", "12345678901"),
        ("<td x:num='2139'>02139</td>", "02139"),
        ("<td x:num='nonsense'>12</td>", "12"),
        ("<td style='mso-number-format:Fixed' x:num='5'>5.00</td>", "5"),
        ("<td x:str>1,234</td>", "1,234"),
        ("<td title='a > b'>x</td>", "x"),
        ("<td>&unknown; &#0; &</td>", "&unknown; \ufffd &"),
    ],
)
def test_a_cell_is_read_as_shown(tag: str, text: str) -> None:
    assert cell(tag) == text


def test_a_page_as_donor_systems_write_it() -> None:
    title = "<tr><td colspan=3><b>Riverbend gifts</b></td></tr>"
    rows = "".join(f"<tr><td>{at}<td>José {at}<td>0{at + 2100}</tr>\r\n" for at in range(1, 40))
    source = page(rows + "<tr><td colspan=2>Total</td><td>39</td></tr>", title + NAMES)
    examination = found(source)
    assert examination.columns == ("ID", "Name", "ZIP")
    assert examination.dialect.kind == "workbook"
    assert examination.dialect.encoding == "windows-1252"
    assert "Web page (HTML)" in examination.notes[0]
    assert [item.kind for item in examination.outside] == [OutsideKind.TITLE, OutsideKind.TOTALS]
    batch = read_all(source)
    assert batch.row_numbers == list(range(3, 42))
    assert batch.rows[0] == ["1", "José 1", "02101"]


def test_spans_leave_their_columns_blank_and_groups_name_columns() -> None:
    names = (
        "<thead><tr><th rowspan=2>ID</th><th colspan=2>Home</th><th rowspan=2>Since</th></tr>"
        "<tr><th>Street</th><th>City</th></tr></thead>"
    )
    rows = "".join(
        f"<tr><td>{at}<td colspan=2>{at} Elm St<td>2020-01-{at:02}</tr>" for at in range(1, 13)
    )
    source = page(rows, names)
    assert found(source).columns == ("ID", "Home Street", "Home City", "Since")
    assert read_all(source).rows[0] == ["1", "1 Elm St", "", "2020-01-01"]


@pytest.mark.parametrize(
    ("said", "encoding", "taken"),
    [
        ("windows-1252", "cp1252", "windows-1252"),
        ("iso-8859-1", "cp1252", "windows-1252"),
        ("windows-1252", "utf-8", "utf-8"),
        ("utf-8", "utf-8-sig", "utf-8"),
        ("iso-8859-2", "iso-8859-2", "iso-8859-2"),
        ("nonsense", "utf-8", "utf-8"),
        ("windows-1252", "utf-16", "utf-16-le"),
    ],
)
def test_the_bytes_tell_the_encoding_before_the_page_does(
    said: str, encoding: str, taken: str
) -> None:
    frame = EXCEL.replace("windows-1252", said)
    name = "Łukasz Żółć" if encoding == "iso-8859-2" else "Zoë Müller"
    rows = "".join(f"<tr><td>{at}<td>{name}<td>02139</tr>" for at in range(9))
    source = page(rows, frame=frame, encoding=encoding)
    assert found(source).dialect.encoding == taken
    assert read_all(source).rows[0][1] == name


def test_a_chosen_encoding_is_taken() -> None:
    source = page("<tr><td>1<td>Zoë<td>02139</tr>" * 3)
    examination = examine(source, choices=Choices(encoding="mac-roman"))
    assert isinstance(examination, Examination)
    rows = next(iter(read_records(source, examination.dialect))).rows
    assert rows[0][1] == "Zo\xeb".encode("cp1252").decode("mac-roman")


DATA = "".join(f"<tr><td>{at}<td>Ann {at}<td>{at + 2100}</tr>" for at in range(30))


def test_of_tables_that_only_place_others_those_within_are_read() -> None:
    frame = EXCEL.format("<table><tr><td>Menu</td><td>{}</td></tr></table>").replace("{{", "{")
    frame = frame.replace("}}", "}")
    data = frame.replace("{}", f"<table>{NAMES}{DATA}</table>", 1) if "{}" in frame else frame
    source = Bytes(data.encode("cp1252"))
    assert found(source).columns == ("ID", "Name", "ZIP")
    assert len(read_all(source)) == 30


def test_two_tables_alike_are_a_question_and_a_small_one_is_not() -> None:
    two = f"<table>{NAMES}{DATA}</table><h2>2020</h2><table>{NAMES}{DATA}</table>"
    examination = found(Bytes(EXCEL.format(two).encode()))
    assert examination.must_choose
    assert [(one.name, one.rows) for one in examination.sheets] == [
        ("Table 1", 30),
        ("Table 2", 30),
    ]
    chosen = examine(Bytes(EXCEL.format(two).encode()), choices=Choices(sheet="Table 2"))
    assert isinstance(chosen, Examination)
    assert not chosen.must_choose
    small = f"<table><tr><td>Run by<td>Ann</tr></table><table>{NAMES}{DATA}</table>"
    examination = found(Bytes(EXCEL.format(small).encode()))
    assert (examination.dialect.sheet, examination.must_choose) == ("Table 2", False)
    assert any("Other tables" in note for note in examination.notes)


def test_totals_below_a_long_table_are_found_without_reading_all_of_it() -> None:
    rows = "".join(f"<tr><td>{at}</td><td>Ann {at}</td><td>{at}</td></tr>" for at in range(4_000))
    source = page(rows + "<tr><td>Total</td><td></td><td>7998000</td></tr>")
    examination = found(source)
    assert examination.rows_estimate == 4_000
    assert [item.first_row for item in examination.outside] == [4_002]
    assert len(read_all(source)) == 4_000


HOSTILE = [
    b"<table>" + b"<a" * 500_000,
    b"<table><tr><td>" + b"<!--" * 500_000,
    b"<table><tr><td>" + b"</" * 500_000,
    b"<table " + b"x='" * 500_000,
    b"<table><tr><td>x" + b"<![CDATA[" * 200_000,
    b"<table><tr>" * 50_000,
    b"<table><tr><td>" + b"&" * 2_000_000,
    b"<table><tr><td colspan=1000 rowspan=65000>x" + b"<td>y<tr>" * 20_000,
    b"<table><tr><td>" + b"<b>" * 500_000 + b"</table>",
    b"<table><tr><td>" + b"<!-- x -->" * 200_000 + b"</table>",
    b"<table><tr><td " + b'a="' * 500_000 + b"></table>",
    b"<table><tr><td>" + b"<td a=b " * 200_000 + b"</table>",
    b"<table><tr><td>" + b"<script>" * 200_000 + b"</table>",
]


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: data[:24].decode())
def test_pages_made_to_harm_are_answered_in_seconds(data: bytes) -> None:
    started = time.process_time()
    examine(Bytes(data))
    assert time.process_time() - started < 8


@pytest.mark.parametrize("seed", range(40))
def test_damaged_pages_never_raise_anything_else(seed: int) -> None:
    rnd = random.Random(seed)
    data = bytearray(page(DATA).data)
    for _ in range(rnd.randrange(1, 30)):
        at = rnd.randrange(len(data))
        data[at : at + rnd.randrange(2)] = bytes([rnd.randrange(256)]) * rnd.randrange(3)
    source = Bytes(bytes(data[: rnd.randrange(200, len(data))]))
    examination = examine(source)
    if isinstance(examination, Examination):
        with suppress(UnreadableError):
            for _ in read_records(source, examination.dialect):
                pass


class Events:
    """What a page consists of, as it is told."""

    def __init__(self, page: str, size: int) -> None:
        self.told: list[tuple[str, ...]] = []
        tokens = Tokens(self)
        for at in range(0, len(page), size):
            tokens.take(page[at : at + size])
        tokens.take("", at_end=True)

    def start(self, name: str, attributes: str) -> None:
        self.told.append((name, attributes))

    def end(self, name: str) -> None:
        self.told.append((f"/{name}",))

    def text(self, text: str) -> None:
        self.told.append(("", text))


@pytest.mark.parametrize("seed", range(12))
def test_a_page_is_the_same_in_whatever_pieces_it_comes(seed: int) -> None:
    rnd = random.Random(seed)
    parts = [
        *("<td>", "</td>", "<tr class='a > b'>", "<td title=\"x<y\" x:num='5'>", "<!-- <td> -->"),
        *("a &amp; b", "5 < 6", '<td title=5">', "<script>if (a<b) '</td>'</SCRIPT>", "&lt;", '"'),
        *("<", ">", "=", "'", "<br/>", '<td a="' + "v" * 5_000 + '">', "text " * 400, "<!x>"),
    ]
    page = "".join(rnd.choice(parts) for _ in range(300))
    whole = Events(page, len(page)).told
    assert len(whole) > 50
    for size in (1_000, 4_096, 9_001):
        assert Events(page, size).told == whole


def test_a_page_without_a_table_says_so() -> None:
    refusal = examine(Bytes(b"<!DOCTYPE html><html><body>Please sign in</body></html>"))
    assert isinstance(refusal, Refusal)
    assert "no table in it" in refusal.message
