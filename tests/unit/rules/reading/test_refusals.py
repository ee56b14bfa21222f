"""What is no table gets a sentence, quickly, and costs little memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.unit.rules.reading.sources import Bytes, Repeated, workbook
from webapp.rules.reading import Limits, Refusal, examine

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def ole(name: str) -> bytes:
    """An OLE file whose directory has one entry of this name."""
    header = bytearray(512)
    header[:8] = OLE
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<I", header, 48, 3)
    return bytes(header) + bytes(512 * 3) + name.encode("utf-16-le").ljust(512, b"\x00")


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


BOOK = workbook('<row r="1"><c t="str"><v>A</v></c></row><row r="2"><c><v>1</v></c></row>')
HEADER_ONLY = workbook('<row r="1"><c t="str"><v>A</v></c></row>')


def break_bytes(data: bytes, part: str) -> bytes:
    """The package with the packed bytes of one part overwritten."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(part)
    at = info.header_offset + 30 + len(part)
    return data[:at] + b"\xff" * info.compress_size + data[at + info.compress_size :]


def with_flag(data: bytes) -> bytes:
    """The package with its first part marked as encrypted."""
    at = data.index(b"PK\x01\x02")
    return data[: at + 8] + b"\x01" + data[at + 9 :]


DTD = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><sst>&b;</sst>'

CASES = {
    "empty": (b"", "empty"),
    "blanks": (b"\r\n \r\n\t\r\n", "blank"),
    "separators alone": (b",,,\n,,,\n", "blank"),
    "header alone": (b"A,B\r\n", "no_rows"),
    "header and blanks": (b"A,B\r\n,\r\n\r\n", "no_rows"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00", "image"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image"),
    "gif": (b"GIF89a\x01\x00", "image"),
    "bmp": (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00", "image"),
    "exe": (b"MZ\x90\x00\x03\x00\x00\x00", "program"),
    "elf": (b"\x7fELF\x02\x01", "program"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00", "archive"),
    "binary": (bytes(range(256)) * 20, "binary"),
    "xls": (ole("Workbook"), "damaged_workbook"),
    "doc": (ole("WordDocument"), "document"),
    "encrypted xlsx": (ole("EncryptedPackage"), "encrypted"),
    "other ole": (ole("Whatever"), "old_office"),
    "cut ole": (OLE, "old_office"),
    "html": (b"<html><body><form><input type=password></form></body></html>", "html"),
    "html, header alone": (b"<html><body><table><tr><td>A</td></tr></table>", "no_rows"),
    "html, cut": (b"<table><tr><td>A</td></tr><tr><td>1</td></tr><tr><td>2</", "damaged_workbook"),
    "mhtml": (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n--x", "html"),
    "html with doctype": (b"\xef\xbb\xbf \r\n<!DOCTYPE HTML>\n<p>", "html"),
    "xml": (b'<?xml version="1.0"?>\n<people><person/></people>', "xml"),
    "json": (b'[{"a": 1, "b": 2},\n {"a": 3, "b": 4}]', "json"),
    "json object": (b'{"a":\n 1}', "json"),
    "many columns": (b",".join(b"C%d" % at for at in range(10_000)) + b"\n1\n", "too_many_columns"),
    "1,001 columns": (
        b";".join(b"C%d" % at for at in range(1_001)) + b"\n" + b";" * 1_000 + b"x\n",
        "too_many_columns",
    ),
    "empty zip": (zipped({}), "no_table"),
    "docx": (zipped({"[Content_Types].xml": b"", "word/document.xml": b""}), "document"),
    "ods": (
        zipped(
            {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<a/>"}
        ),
        "blank",
    ),
    "xlsb": (zipped({"[Content_Types].xml": b"", "xl/workbook.bin": b""}), "blank"),
    "numbers": (zipped({"Index/Document.iwa": b"\x00", "preview.jpg": b"\xff"}), "numbers"),
    "xlsx, header alone": (HEADER_ONLY, "no_rows"),
    "xlsx, blank": (workbook("", ""), "blank"),
    "xlsx, no sheets": (workbook(), "blank"),
    "xlsx, no workbook": (
        zipped({"[Content_Types].xml": b"", "xl/x.xml": b""}),
        "damaged_workbook",
    ),
    "xlsx, first half": (BOOK[: len(BOOK) // 2], "damaged_workbook"),
    "xlsx, last byte gone": (BOOK[:-20], "damaged_workbook"),
    "xlsx, broken sheet": (break_bytes(BOOK, "xl/worksheets/sheet1.xml"), "damaged_workbook"),
    "xlsx, broken list": (break_bytes(BOOK, "xl/workbook.xml"), "damaged_workbook"),
    "xlsx, not xml": (workbook("<row><c><v>1</c></row>"), "damaged_workbook"),
    "xlsx, cut xml": (workbook("<row>" + "<c><v>1</v></c>" * 3), "damaged_workbook"),
    "xlsx, no such text": (workbook('<row><c t="s"><v>7</v></c></row>'), "damaged_workbook"),
    "xlsx, column too far": (workbook('<row><c r="XFE1"><v>7</v></c></row>'), "damaged_workbook"),
    "xlsx, entities": (
        workbook('<row><c t="s"><v>0</v></c></row>', extra={"xl/sharedStrings.xml": DTD}),
        "damaged_workbook",
    ),
    "xlsx, encrypted part": (with_flag(BOOK), "encrypted"),
    "xlsx, path out": (workbook("", extra={"../../etc/passwd": b"x"}), "unsafe_archive"),
    "xlsx, absolute path": (workbook("", extra={"/etc/passwd": b"x"}), "unsafe_archive"),
    "xlsx, drive": (workbook("", extra={"C:\\x": b"x"}), "unsafe_archive"),
    "xlsx, many parts": (
        workbook("", extra={f"xl/{at}": b"" for at in range(10_001)}),
        "archive_bomb",
    ),
    "xlsx, 10,000 columns": (
        workbook("<row>" + '<c t="str"><v>A</v></c>' * 10_000 + "</row><row><c><v>1</v></c></row>"),
        "too_many_columns",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_no_table_is_refused_with_a_sentence(case: str) -> None:
    data, code = CASES[case]
    refusal = examine(Bytes(data, name="people.csv"))
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code == code
    assert refusal.message.endswith(".")
    assert len(refusal.message) < 250


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    data = workbook("", extra={"xl/media/bomb.bin": bytes(80_000_000)})
    assert len(data) < 200_000
    refusal = examine(Bytes(data))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "archive_bomb"
    refusal = examine(Bytes(BOOK), limits=Limits(max_unpacked=1_000))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "archive_bomb"


def test_a_declared_size_that_lies_does_not_unpack_more() -> None:
    data = workbook("<row><c><v>1</v></c></row>" * 100_000)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        real = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    lying = data.replace(struct.pack("<I", real), struct.pack("<I", 100))
    refusal = examine(Bytes(lying))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "damaged_workbook"


@pytest.mark.parametrize("unit", [b"x", b"a,", "é".encode(), b'"', b"\x00", b'"\x00', b" "])
def test_a_file_of_one_gigabyte_without_a_line_is_refused(unit: bytes) -> None:
    refusal = examine(Repeated(b"A,B\n" if unit == b"a," else b"", unit, 1_000_000_000))
    assert isinstance(refusal, Refusal)
    assert refusal.code in ("line_too_long", "too_many_columns")


MEASURED = """
import time
BOOK_ROW = "<row><c><v>1</v></c></row>"
from tests.unit.rules.reading.sources import Bytes, Repeated, workbook
from webapp.rules.reading import Examination, UnreadableError, examine, read_records

source = {source}
result = examine(source)
if isinstance(result, Examination):
    try:
        for batch in read_records(source, result.dialect):
            pass
    except UnreadableError as error:
        result = error.refusal
# Not getrusage: its peak counts what the process was before it became this one.
status = open("/proc/self/status").read()
megabytes = int(status.partition("VmHWM:")[2].split()[0]) // 1024
print(getattr(result, "code", "read"), megabytes, time.process_time())
"""


@pytest.mark.parametrize(
    ("source", "outcome", "megabytes"),
    [
        (
            "Bytes(workbook(BOOK_ROW * 2_000 + BOOK_ROW.replace('<c>', '<c r=\"XFD1\">') * 9_000))",
            "too_many_columns",
            120,
        ),
        (
            "Bytes(workbook(BOOK_ROW * 2_000 + BOOK_ROW.replace('<c>', '<c r=\"BXX1\">') * 9_000))",
            "read",
            200,
        ),
        ('Repeated(b"", b"x", 1_000_000_000)', "line_too_long", 300),
        ('Repeated(b"A,B\\n1,2\\n", b"a,", 1_000_000_000)', "line_too_long", 300),
        ('Repeated(b"A,B\\n1,2\\n", b"a,", 12_000_000)', "too_many_columns", 300),
        ('Repeated(b"A,B\\n1,2\\n", "😀".encode(), 1_000_000_000)', "line_too_long", 300),
        ('Repeated(b"A,B\\n1,\\"2\\n", b"3,4\\n", 1_300_000)', "read", 150),
        ('Repeated(b"A,B\\n", b"1,2\\n", 3_000_000)', "read", 80),
        ('Repeated("\\ufeffA,B\\n".encode("utf-16-le"), b"1\\0,\\0\\n\\0", 2_000_000)', "read", 80),
        ('Repeated(b"\\n", b"\\n", 10_000_000)', "blank", 150),
        (
            "Bytes(workbook('<row><c t=\"str\"><v>A</v></c></row>' + BOOK_ROW * 150_000))",
            "read",
            120,
        ),
    ],
)
def test_memory_stays_flat(source: str, outcome: str, megabytes: int) -> None:
    result = subprocess.run(
        [sys.executable, "-c", MEASURED.format(source=source)],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    code, used, seconds = result.stdout.split()
    assert code == outcome
    assert outcome == "read" or float(seconds) < 10
    assert int(used) <= megabytes
