"""What a file is, told from its content: its name may say anything."""

from __future__ import annotations

import json
import re
import struct
from typing import BinaryIO, Literal

from webapp.rules.reading.tables import Refusal

_SAVE_AS = "open it in the program it comes from and save the table as CSV or .xlsx"

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# (first bytes, code, what it is)
_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image", "an image (PNG)"),
    (b"\xff\xd8\xff", "image", "an image (JPEG)"),
    (b"GIF87a", "image", "an image (GIF)"),
    (b"GIF89a", "image", "an image (GIF)"),
    (b"II*\x00", "image", "an image (TIFF)"),
    (b"MM\x00*", "image", "an image (TIFF)"),
    (b"\x7fELF", "program", "a program"),
    (b"SQLite format 3\x00", "database", "a database (SQLite)"),
    (b"PAR1", "database", "a Parquet file"),
    (b"{\\rtf", "document", "a text document (RTF)"),
    (b"ID3", "sound", "a sound recording (MP3)"),
    (b"OggS", "sound", "a sound recording (Ogg)"),
    (b"fLaC", "sound", "a sound recording (FLAC)"),
    (b"\x1a\x45\xdf\xa3", "video", "a video"),
)
_ARCHIVES: tuple[tuple[bytes, str], ...] = (
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
)

_MARKUP = re.compile(r"\s*<(\?xml|!doctype|!--|[a-z][\w:.-]*(\s[^<>]*)?/?>)", re.IGNORECASE)
_HTML = re.compile(r"<(!doctype\s+html|html|table|body|head)\b", re.IGNORECASE)
_JSON = re.compile(r'\s*(\{\s*("[^"]*"\s*:|\})|\[\s*(\{|\[|\]|"[^"]*"\s*[,\]]))')


_ARCHIVE = re.compile(r"\s*(?:From: .*\s+|Subject: .*\s+|Date: .*\s+){0,3}MIME-Version: 1\.0\b")
_SPREADSHEET_XML = "urn:schemas-microsoft-com:office:spreadsheet"
_WORKBOOK = re.compile(r"<(?:\w+:)?Workbook\b")


def find_markup(head: bytes) -> Literal["", "html", "spreadsheet_xml"]:
    """Does a file begin as a web page, or as a workbook in XML?"""
    # UTF-16 without its NULs is near enough to see that.
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\x00", b"").decode("latin-1")
    if not _MARKUP.match(text):
        return ""
    if _SPREADSHEET_XML in text and _WORKBOOK.search(text):
        return "spreadsheet_xml"
    return "html" if _HTML.search(text) else ""


def refuse_empty() -> Refusal:
    return Refusal(
        "empty", "This file is empty; check that the export finished and choose it again."
    )


def refuse_blank() -> Refusal:
    return Refusal(
        "blank",
        "This file has only blank lines; check that the export finished and choose it again.",
    )


def refuse_binary() -> Refusal:
    return Refusal(
        "binary",
        "This file is not text and not an Excel workbook, so there is no table in it to read; "
        f"{_SAVE_AS}.",
    )


def _is_a(code: str, what: str) -> Refusal:
    return Refusal(code, f"This is {what}, which has no rows and columns to read; {_SAVE_AS}.")


def is_zip(head: bytes) -> bool:
    return head.startswith(_ZIP_STARTS)


def is_ole(head: bytes) -> bool:
    return head.startswith(_OLE_START)


def refuse_by_signature(file: BinaryIO, head: bytes, size: int) -> Refusal | None:
    """The refusal for a file whose first bytes show that it is no table; zips are looked at
    elsewhere."""
    if b"%PDF-" in head[:1024]:
        return Refusal(
            "pdf",
            "This is a PDF, which keeps a picture of a table and not its rows and columns; export "
            "the table as CSV or .xlsx from the program it comes from.",
        )
    for start, code, what in _STARTS:
        if head.startswith(start):
            return _is_a(code, what)
    packed = next((what for start, what in _ARCHIVES if head.startswith(start)), "")
    if head[257:262] == b"ustar":
        packed = "tar"
    if packed:
        return Refusal(
            "archive",
            f"This is a packed file ({packed}); unpack it and choose the CSV or Excel file in it.",
        )
    if head.startswith(_OLE_START):
        return _refuse_ole(file, head)
    return _refuse_by_layout(head, size)


def _refuse_by_layout(head: bytes, size: int) -> Refusal | None:
    """Signatures too short to be believed without looking at what follows."""
    if head.startswith(b"MZ") and b"\x00" in head[:64]:
        return _is_a("program", "a program")
    if head.startswith(b"BM") and len(head) >= 14 and head[6:10] == bytes(4):
        return _is_a("image", "an image (BMP)")
    if head.startswith(b"RIFF") and head[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return _is_a("image", "an image or a recording")
    if head[4:8] == b"ftyp":
        return _is_a("video", "an image or a video")
    return None


def _refuse_ole(file: BinaryIO, head: bytes) -> Refusal | None:
    """An old Office file, or an encrypted new one: its directory has the names of its parts."""
    directory = b""
    if len(head) >= 52:
        (sector,) = struct.unpack_from("<I", head, 48)
        (shift,) = struct.unpack_from("<H", head, 30)
        file.seek((sector + 1) << min(shift, 12))
        directory = file.read(16_384)
    names = (head + directory).replace(b"\x00", b"")
    if b"EncryptedPackage" in names:
        return Refusal(
            "encrypted",
            "This workbook is protected with a password; open it in Excel, remove the password "
            "(File, Info, Protect Workbook), save it and choose it again.",
        )
    if re.search(b"(?:work)?book", names, re.IGNORECASE):
        return None
    if b"WordDocument" in names:
        return _is_a("document", "a Word document")
    return Refusal(
        "old_office", f"This is a file of an older Office program, which can't be read; {_SAVE_AS}."
    )


def refuse_text(text: str, *, whole: bool) -> Refusal | None:
    """The refusal for text that is written to be read by programs: XML, web archives, JSON."""
    if _MARKUP.match(text):
        return Refusal(
            "xml",
            "This is an XML file, whatever its name says; open it in Excel and save it as .xlsx.",
        )
    if _ARCHIVE.match(text):
        return Refusal(
            "html",
            "This is a web page saved as one file (MHTML), whatever its name says; open it in "
            "Excel and save it as .xlsx.",
        )
    if _JSON.match(text) and (not whole or _is_json(text)):
        return Refusal(
            "json",
            "This is a JSON file; export the table as CSV or .xlsx from the program it comes from.",
        )
    return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def looks_binary(text: str) -> bool:
    """Text has hardly any control characters; NULs are allowed where a row may be set aside."""
    if not text:
        return False
    controls = sum(text.count(chr(code)) for code in range(32) if code not in (9, 10, 12, 13, 26))
    return controls > 4 and controls > len(text) * 0.03
