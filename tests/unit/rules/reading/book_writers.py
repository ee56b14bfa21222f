"""Writers of workbooks for the tests: .ods, .xlsb, .xls and XML, as small as they can be.

A cell is a text, a number, a truth value, an ``Error`` or a ``Styled`` number; None is blank.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr


@dataclass(frozen=True)
class Error:
    code: int
    text: str


@dataclass(frozen=True)
class Styled:
    """A number in a number format; ``shown`` is what the program that wrote it showed."""

    value: float
    code: str
    shown: str = ""


@dataclass(frozen=True)
class Formula:
    """A formula with what it came to."""

    value: object


NA = Error(0x2A, "#N/A")
Cell = object


@dataclass
class SheetSpec:
    name: str
    rows: Sequence[Sequence[Cell]]
    is_hidden: bool = False
    hidden_rows: Sequence[int] = ()
    """Positions, from 0."""
    hidden_columns: Sequence[int] = ()
    merged: Sequence[tuple[int, int, int, int]] = field(default=())
    """(top, left, bottom, right), from 0, both included."""


def _formats(sheets: Sequence[SheetSpec]) -> list[str]:
    codes = {
        cell.code
        for sheet in sheets
        for row in sheet.rows
        for cell in row
        if isinstance(cell, Styled)
    }
    return sorted(codes)


def _packed(parts: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


# --- .ods ---------------------------------------------------------------------------------------

_ODS_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)


def write_ods(*sheets: SheetSpec, manifest: str = "") -> bytes:
    body = "".join(_ods_sheet(sheet) for sheet in sheets)
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_ODS_NAMES} '
        'office:version="1.2"><office:automatic-styles>'
        '<style:style style:name="ta1" style:family="table"><style:table-properties '
        'table:display="true"/></style:style>'
        '<style:style style:name="ta2" style:family="table"><style:table-properties '
        'table:display="false"/></style:style></office:automatic-styles>'
        f"<office:body><office:spreadsheet>{body}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    return _packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content,
            "META-INF/manifest.xml": manifest,
        }
    )


def _ods_sheet(sheet: SheetSpec) -> str:
    width = max((len(row) for row in sheet.rows), default=0)
    columns = "".join(
        f"<table:table-column{_collapse(at in sheet.hidden_columns)}/>" for at in range(width)
    )
    rows = "".join(
        f"<table:table-row{_collapse(at in sheet.hidden_rows)}>"
        + "".join(_ods_cell(cell, _span(sheet, at, column)) for column, cell in enumerate(row))
        + '<table:table-cell table:number-columns-repeated="1000"/></table:table-row>'
        for at, row in enumerate(sheet.rows)
    )
    rows += (
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell '
        'table:number-columns-repeated="1000"/></table:table-row>'
    )
    style = "ta2" if sheet.is_hidden else "ta1"
    return (
        f'<table:table table:name={quoteattr(sheet.name)} table:style-name="{style}">'
        f"{columns}{rows}</table:table>"
    )


def _collapse(is_hidden: bool) -> str:
    return ' table:visibility="collapse"' if is_hidden else ""


def _span(sheet: SheetSpec, row: int, column: int) -> str:
    for top, left, bottom, right in sheet.merged:
        if (top, left) == (row, column):
            return (
                f' table:number-columns-spanned="{right - left + 1}"'
                f' table:number-rows-spanned="{bottom - top + 1}"'
            )
    return ""


def _ods_cell(cell: Cell, span: str) -> str:
    if isinstance(cell, Formula):
        cell = cell.value
    if cell is None:
        return f"<table:table-cell{span}/>"
    value, text = "", ""
    if isinstance(cell, bool):
        value = f'"boolean" office:boolean-value="{str(cell).lower()}"'
        text = str(cell).upper()
    elif isinstance(cell, Error):
        value, text = '"string"', cell.text
    elif isinstance(cell, Styled):
        value, text = _ods_styled(cell)
    elif isinstance(cell, int | float):
        value, text = f'"float" office:value="{cell!r}"', f"{cell:,}"
    else:
        value, text = '"string"', str(cell)
    paragraphs = "".join(f"<text:p>{escape(line)}</text:p>" for line in text.split("\n"))
    return (
        f"<table:table-cell office:value-type={value}{span}>"
        f"<office:annotation><text:p>a note</text:p></office:annotation>{paragraphs}"
        "</table:table-cell>"
    )


def _ods_styled(cell: Styled) -> tuple[str, str]:
    if "y" in cell.code:
        return f'"date" office:date-value="{cell.shown.replace(" ", "T")}"', "a date"
    return f'"float" office:value="{cell.value!r}"', cell.shown


# --- XML (SpreadsheetML of 2003) ----------------------------------------------------------------


def write_xml(*sheets: SheetSpec) -> bytes:
    styles = "".join(
        f'<Style ss:ID="s{at}"><NumberFormat ss:Format={quoteattr(code)}/></Style>'
        for at, code in enumerate(_formats(sheets))
    )
    name = "urn:schemas-microsoft-com:office:spreadsheet"
    return (
        '<?xml version="1.0"?>\r\n<?mso-application progid="Excel.Sheet"?>\r\n'
        f'<Workbook xmlns="{name}" xmlns:ss="{name}" '
        'xmlns:x="urn:schemas-microsoft-com:office:excel">'
        f"<Styles>{styles}</Styles>"
        + "".join(_xml_sheet(sheet, _formats(sheets)) for sheet in sheets)
        + "</Workbook>"
    ).encode()


def _xml_sheet(sheet: SheetSpec, codes: list[str]) -> str:
    columns = "".join(f'<Column ss:Index="{at + 1}" ss:Hidden="1"/>' for at in sheet.hidden_columns)
    rows = ""
    for at, row in enumerate(sheet.rows):
        cells = "".join(
            _xml_cell(cell, column, codes, sheet.merged, at)
            for column, cell in enumerate(row)
            if cell is not None
        )
        hidden = ' ss:Hidden="1"' if at in sheet.hidden_rows else ""
        rows += f'<Row ss:Index="{at + 1}"{hidden}>{cells}</Row>' if cells else ""
    state = "SheetHidden" if sheet.is_hidden else "SheetVisible"
    return (
        f"<Worksheet ss:Name={quoteattr(sheet.name)}><Table>{columns}{rows}</Table>"
        f"<x:WorksheetOptions><x:Visible>{state}</x:Visible></x:WorksheetOptions></Worksheet>"
    )


def _xml_cell(
    cell: Cell,
    column: int,
    codes: list[str],
    merged: Sequence[tuple[int, int, int, int]],
    number: int,
) -> str:
    style, formula = "", ""
    if isinstance(cell, Formula):
        cell, formula = cell.value, ' ss:Formula="=A1"'
    if isinstance(cell, Styled):
        style = f' ss:StyleID="s{codes.index(cell.code)}"'
        kind, text = "Number", repr(cell.value)
        if "y" in cell.code:
            kind = "DateTime"
            day, _, time = cell.shown.partition(" ")
            text = f"{day}T{time or '00:00:00'}.000"
    elif isinstance(cell, bool):
        kind, text = "Boolean", str(int(cell))
    elif isinstance(cell, Error):
        kind, text = "Error", cell.text
    elif isinstance(cell, int | float):
        kind, text = "Number", repr(cell)
    else:
        kind, text = "String", escape(str(cell)).replace("\n", "&#10;")
    for top, left, bottom, right in merged:
        if (top, left) == (number, column):
            style += f' ss:MergeAcross="{right - left}" ss:MergeDown="{bottom - top}"'
    return (
        f'<Cell ss:Index="{column + 1}"{style}{formula}><Data ss:Type="{kind}">{text}</Data>'
        "<Comment><Data>a note</Data></Comment></Cell>"
    )


# --- .xlsb --------------------------------------------------------------------------------------


def _record(kind: int, data: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = len(data)
    while size >= 0x80:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + bytes([size]) + data


def _wide(text: str) -> bytes:
    data = text.encode("utf-16-le")
    return struct.pack("<I", len(data) // 2) + data


def write_xlsb(*sheets: SheetSpec, from_1904: bool = False) -> bytes:
    codes = _formats(sheets)
    strings: dict[str, int] = {}
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = "".join(
        f'<Relationship Id="rId{at}" Type="{office}/worksheet" Target="worksheets/sheet{at}.bin"/>'
        for at in range(1, len(sheets) + 1)
    )
    related += f'<Relationship Id="s" Type="{office}/sharedStrings" Target="sharedStrings.bin"/>'
    related += f'<Relationship Id="f" Type="{office}/styles" Target="styles.bin"/>'
    book = _record(131) + _record(153, struct.pack("<II", from_1904, 0) + _wide("")) + _record(143)
    for at, sheet in enumerate(sheets, 1):
        state = struct.pack("<II", sheet.is_hidden, at)
        book += _record(156, state + _wide(f"rId{at}") + _wide(sheet.name))
    book += _record(144) + _record(132)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships><Relationship Id="a" Type="{office}/officeDocument" '
        'Target="xl/workbook.bin"/></Relationships>',
        "xl/workbook.bin": book,
        "xl/_rels/workbook.bin.rels": f"<Relationships>{related}</Relationships>",
    }
    for at, sheet in enumerate(sheets, 1):
        parts[f"xl/worksheets/sheet{at}.bin"] = _xlsb_sheet(sheet, codes, strings)
    styles = _record(278)
    styles += _record(615, struct.pack("<I", len(codes)))
    for at, code in enumerate(codes):
        styles += _record(44, struct.pack("<H", 164 + at) + _wide(code))
    styles += _record(616) + _record(617, struct.pack("<I", len(codes) + 1))
    for at in range(-1, len(codes)):
        styles += _record(47, struct.pack("<HH", 0, 164 + at if at >= 0 else 0) + bytes(12))
    parts["xl/styles.bin"] = styles + _record(618) + _record(279)
    count = struct.pack("<II", len(strings), len(strings))
    shared = b"".join(_record(19, b"\x00" + _wide(text)) for text in strings)
    parts["xl/sharedStrings.bin"] = _record(159, count) + shared + _record(160)
    return _packed(parts)


def _xlsb_sheet(sheet: SheetSpec, codes: list[str], strings: dict[str, int]) -> bytes:
    last = struct.pack("<IIII", 0, max(len(sheet.rows) - 1, 0), 0, 255)
    data = bytearray(_record(129) + _record(148, last) + _record(390))
    for column in sheet.hidden_columns:
        data += _record(60, struct.pack("<IIIIH", column, column, 0, 0, 1))
    data += _record(391) + _record(145)
    for at, row in enumerate(sheet.rows):
        hidden = 0x10 if at in sheet.hidden_rows else 0
        data += _record(0, struct.pack("<IIHBBBI", at, 0, 300, 0, hidden, 0, 0))
        for column, cell in enumerate(row):
            if cell is not None:
                data += _xlsb_cell(column, cell, codes, strings)
    data += _record(146)
    if sheet.merged:
        data += _record(177, struct.pack("<I", len(sheet.merged)))
        for top, left, bottom, right in sheet.merged:
            data += _record(176, struct.pack("<IIII", top, bottom, left, right))
        data += _record(178)
    return bytes(data + _record(130))


def _xlsb_cell(column: int, cell: Cell, codes: list[str], strings: dict[str, int]) -> bytes:
    style = 0
    is_formula = isinstance(cell, Formula)
    value = cell.value if isinstance(cell, Formula) else cell
    if isinstance(value, Styled):
        style = codes.index(value.code) + 1
        value = value.value
    head = struct.pack("<II", column, style)
    formula = bytes(10) if is_formula else b""
    if isinstance(value, bool):
        return _record(10 if is_formula else 4, head + bytes([value]) + formula)
    if isinstance(value, Error):
        return _record(11 if is_formula else 3, head + bytes([value.code]) + formula)
    if isinstance(value, int) and abs(value) < 1 << 29 and not is_formula:
        return _record(2, head + struct.pack("<I", (value << 2 | 2) & 0xFFFFFFFF))
    if isinstance(value, int | float):
        return _record(9 if is_formula else 5, head + struct.pack("<d", value) + formula)
    text = str(value)
    if is_formula:
        return _record(8, head + _wide(text) + formula)
    return _record(7, head + struct.pack("<I", strings.setdefault(text, len(strings))))


# --- .xls ---------------------------------------------------------------------------------------


_MOST = 8_223


def _biff(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _short(text: str) -> bytes:
    return bytes([len(text), 1]) + text.encode("utf-16-le")


def _long(text: str) -> bytes:
    data = text.encode("utf-16-le")
    return struct.pack("<HB", len(data) // 2, 1) + data


def write_xls(
    *sheets: SheetSpec,
    from_1904: bool = False,
    password: bool = False,
    cut_at: int = 8_000,
    shuffle: bool = False,
) -> bytes:
    """A workbook of Excel 97; its texts go on in another record after ``cut_at`` bytes."""
    codes = _formats(sheets)
    strings: dict[str, int] = {}
    bodies = [_xls_sheet(sheet, codes, strings, shuffle=shuffle) for sheet in sheets]
    before = _biff(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    if password:
        before += _biff(0x2F, bytes(54))
    before += _biff(0x42, struct.pack("<H", 1200)) + _biff(0x22, struct.pack("<H", from_1904))
    for at, code in enumerate(codes):
        before += _biff(0x41E, struct.pack("<H", 164 + at) + _long(code))
    for at in range(-1, len(codes)):
        before += _biff(0xE0, struct.pack("<HH", 0, 164 + at if at >= 0 else 0) + bytes(16))
    after = _xls_strings(strings, cut_at) + _biff(0x0A)
    listed = sum(4 + 6 + len(_short(sheet.name)) for sheet in sheets)
    offset = len(before) + listed + len(after)
    for sheet, body in zip(sheets, bodies, strict=True):
        before += _biff(0x85, struct.pack("<IBB", offset, sheet.is_hidden, 0) + _short(sheet.name))
        offset += len(body)
    return write_ole("Workbook", before + after + b"".join(bodies))


def _xls_strings(strings: dict[str, int], cut_at: int) -> bytes:
    """The shared texts, cut where a record is full, also in the middle of a text."""
    records = [bytearray(struct.pack("<II", len(strings), len(strings)))]
    for number, text in enumerate(strings):
        is_rich = number % 3 == 1
        wide = not text.isascii()
        if len(records[-1]) + 5 > cut_at:
            records.append(bytearray())
        units = len(text.encode("utf-16-le")) // 2
        records[-1] += struct.pack("<HB", units, wide | is_rich << 3)
        records[-1] += struct.pack("<H", 1) if is_rich else b""
        encoded = text.encode("utf-16-le" if wide else "latin-1")
        width = 2 if wide else 1
        for at in range(0, len(encoded), width):
            data = encoded[at : at + width]
            if len(records[-1]) + len(data) > cut_at:
                records.append(bytearray([wide]))
            records[-1] += data
        records[-1] += bytes(4) if is_rich else b""
    return _biff(0xFC, records[0]) + b"".join(_biff(0x3C, record) for record in records[1:])


def _xls_sheet(
    sheet: SheetSpec, codes: list[str], strings: dict[str, int], *, shuffle: bool = False
) -> bytes:
    data = bytearray(_biff(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)))
    for column in sheet.hidden_columns:
        data += _biff(0x7D, struct.pack("<HHHHHH", column, column, 0, 0, 1, 0))
    for at, row in enumerate(sheet.rows):
        hidden = 0x20 if at in sheet.hidden_rows else 0
        data += _biff(0x208, struct.pack("<HHHHHHHH", at, 0, len(row), 255, 0, 0, hidden, 0))
    cells = [
        _xls_cell(at, column, cell, codes, strings)
        for at, row in enumerate(sheet.rows)
        for column, cell in enumerate(row)
        if cell is not None
    ]
    data += b"".join(reversed(cells) if shuffle else cells)
    if sheet.merged:
        data += _biff(
            0xE5,
            struct.pack("<H", len(sheet.merged))
            + b"".join(
                struct.pack("<HHHH", top, bottom, left, right)
                for top, left, bottom, right in sheet.merged
            ),
        )
    return bytes(data + _biff(0x0A))


def _xls_cell(
    row: int, column: int, cell: Cell, codes: list[str], strings: dict[str, int]
) -> bytes:
    style = 0
    is_formula = isinstance(cell, Formula)
    value = cell.value if isinstance(cell, Formula) else cell
    if isinstance(value, Styled):
        style = codes.index(value.code) + 1
        value = value.value
    head = struct.pack("<HHH", row, column, style)
    if is_formula:
        return _xls_formula(head, value)
    if isinstance(value, bool):
        return _biff(0x205, head + bytes([value, 0]))
    if isinstance(value, Error):
        return _biff(0x205, head + bytes([value.code, 1]))
    if isinstance(value, int) and abs(value) < 1 << 29:
        packed = struct.pack("<I", (value << 2 | 2) & 0xFFFFFFFF)
        if column % 2:
            several = head + packed + struct.pack("<H", column)
            return _biff(0xBD, several)
        return _biff(0x27E, head + packed)
    if isinstance(value, int | float):
        return _biff(0x203, head + struct.pack("<d", value))
    text = str(value)
    return _biff(0xFD, head + struct.pack("<I", strings.setdefault(text, len(strings))))


def _xls_formula(head: bytes, value: object) -> bytes:
    rest = bytes(8)
    if isinstance(value, bool):
        return _biff(0x06, head + bytes([1, 0, value, 0, 0, 0, 255, 255]) + rest)
    if isinstance(value, Error):
        return _biff(0x06, head + bytes([2, 0, value.code, 0, 0, 0, 255, 255]) + rest)
    if isinstance(value, int | float):
        return _biff(0x06, head + struct.pack("<d", value) + rest)
    data = _long(str(value))
    record = _biff(0x06, head + bytes([0, 0, 0, 0, 0, 0, 255, 255]) + rest)
    record += _biff(0x207, data[:_MOST])
    for at in range(_MOST, len(data), _MOST - 1):
        record += _biff(0x3C, b"\x01" + data[at : at + _MOST - 1])
    return record


def write_ole(name: str, data: bytes) -> bytes:
    """A compound file with one stream; a small one lies within the stream of small ones."""
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    is_small = len(data) < 4096
    size = len(data)
    unit = 64 if is_small else 512
    data += bytes(-size % unit)
    blocks = data + bytes(-len(data) % 512)
    count = len(blocks) // 512
    small_table = b""
    if is_small:
        chain = [*range(1, len(data) // 64), end]
        small_table = struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")
    # Sectors: the table, the directory, the table of small ones, the data.
    tables = 1
    while (tables + 1 + bool(small_table) + count) * 4 > tables * 512:
        tables += 1
    directory_at, small_at = tables, tables + 1
    first = tables + 1 + bool(small_table)
    table = [0xFFFFFFFD] * tables + [end] + [end] * bool(small_table)
    table += [*range(first + 1, first + count), end]
    table += [free] * (tables * 128 - len(table))
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<III", head, 40, 0, tables, directory_at)
    struct.pack_into("<I", head, 56, 4096)
    struct.pack_into("<II", head, 60, small_at if small_table else end, int(bool(small_table)))
    struct.pack_into("<II", head, 68, end, 0)
    struct.pack_into("<109I", head, 76, *[*range(tables), *[free] * 109][:109])
    root = _entry("Root Entry", 5, first if is_small else end, len(data) if is_small else 0, 1)
    entry = _entry(name, 2, 0 if is_small else first, size, free)
    directory = (root + entry).ljust(512, b"\x00")
    packed = struct.pack(f"<{len(table)}I", *table)
    return bytes(head) + packed + directory + small_table + blocks


def _entry(name: str, kind: int, start: int, size: int, child: int) -> bytes:
    encoded = name.encode("utf-16-le")
    free = 0xFFFFFFFF
    return (
        encoded.ljust(64, b"\x00")
        + struct.pack("<HBBIII", len(encoded) + 2, kind, 1, free, free, child)
        + bytes(36)
        + struct.pack("<II", start, size)
        + bytes(4)
    )
