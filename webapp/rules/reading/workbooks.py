"""Workbooks (.xlsx): which sheet has the table, and its rows in batches."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice, repeat
from operator import contains

from webapp.rules.reading import headers
from webapp.rules.reading.batches import batch_rows
from webapp.rules.reading.markup import list_elements, local
from webapp.rules.reading.number_formats import Show, format_code, make_show
from webapp.rules.reading.package import DAMAGED, Package, open_package
from webapp.rules.reading.records import Records
from webapp.rules.reading.shared_strings import SharedStrings
from webapp.rules.reading.tables import (
    Batch,
    Dialect,
    Examination,
    Limits,
    Refusal,
    Source,
    UnreadableError,
)
from webapp.rules.reading.worksheets import SheetRows, read_sheet

FIRST_ROWS = 20
_SAMPLE_ROWS = 200
_BLOCK = 1 << 20
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*\shidden="(?:1|true)"')
_ROW = re.compile(rb"<(?:\w+:)?row[\s>]")
_SHEETS_LOOKED_AT = 50

_NO_TABLE = Refusal(
    "blank",
    "This workbook has no sheet with anything in it; check that the export finished and choose it "
    "again.",
)


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    part: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class _Workbook:
    """An open workbook: its sheets in order, and what turns its cells into text."""

    package: Package
    sheets: tuple[_Sheet, ...]
    shows: list[Show]
    strings: SharedStrings
    limits: Limits

    def rows(self, sheet: _Sheet) -> Iterator[SheetRows]:
        with self.package.open(sheet.part) as part:
            yield from read_sheet(part, self.strings, self.shows, self.limits)


@contextmanager
def _open(source: Source, limits: Limits) -> Iterator[_Workbook]:
    with open_package(source, limits) as package:
        main = _main_part(package)
        targets = _relations(package, main)
        with package.open(main) as part:
            elements = list_elements(part, "sheet", "workbookPr")
        from_1904 = any(
            name == "workbookPr" and attributes.get("date1904") in ("1", "true")
            for _, name, attributes in elements
        )
        sheets = tuple(_list_sheets(elements, targets, package))
        strings_part = next(
            (part for kind, part in targets.values() if kind == "sharedStrings"), None
        )
        styles_part = next((part for kind, part in targets.values() if kind == "styles"), None)
        strings = SharedStrings(
            package.open(strings_part) if strings_part and strings_part in package else None, limits
        )
        try:
            shows = _list_shows(package, styles_part, from_1904=from_1904)
            yield _Workbook(package, sheets, shows, strings, limits)
        finally:
            strings.close()


def _main_part(package: Package) -> str:
    for kind, part in _relations(package, "").values():
        if kind == "officeDocument" and part in package:
            return part
    return "xl/workbook.xml"


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """What a part refers to: identifier → (kind, part)."""
    folder, name = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", name + ".rels")
    if relations not in package:
        return {}
    with package.open(relations) as file:
        elements = list_elements(file, "Relationship")
    return {
        attributes.get("Id", ""): (
            attributes.get("Type", "").rpartition("/")[2],
            posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip(
                "/"
            ),
        )
        for _, _, attributes in elements
        if attributes.get("TargetMode") != "External"
    }


def _list_sheets(
    elements: list[tuple[str, str, dict[str, str]]],
    targets: dict[str, tuple[str, str]],
    package: Package,
) -> Iterator[_Sheet]:
    for _, name, attributes in elements:
        if name != "sheet":
            continue
        identifier = next(
            (value for key, value in attributes.items() if ":" in key and local(key) == "id"), ""
        )
        kind, part = targets.get(identifier, ("", ""))
        if kind == "worksheet" and part in package:
            is_hidden = attributes.get("state", "visible") != "visible"
            yield _Sheet(attributes.get("name", ""), part, is_hidden)


def _list_shows(package: Package, part: str | None, *, from_1904: bool) -> list[Show]:
    """How each cell style shows a number, by the style's number."""
    if part is None or part not in package:
        return []
    with package.open(part) as file:
        elements = list_elements(file, "numFmt", "xf")
    custom = {
        int(attributes.get("numFmtId", 0)): attributes.get("formatCode", "")
        for parent, name, attributes in elements
        if name == "numFmt" and parent == "numFmts"
    }
    by_format: dict[int, Show] = {}
    shows: list[Show] = []
    for parent, name, attributes in elements:
        if name == "xf" and parent == "cellXfs":
            number = int(attributes.get("numFmtId", 0))
            if number not in by_format:
                by_format[number] = make_show(format_code(number, custom), from_1904=from_1904)
            shows.append(by_format[number])
    return shows


def examine_workbook(source: Source, limits: Limits) -> Examination | Refusal:
    """The first sheet with a table: visible ones first, in their order."""
    with _open(source, limits) as workbook:
        refusal: Refusal | None = None
        candidates = sorted(workbook.sheets, key=lambda sheet: sheet.is_hidden)
        for at, sheet in enumerate(candidates[:_SHEETS_LOOKED_AT]):
            found = _examine_sheet(workbook, sheet)
            if isinstance(found, Examination):
                others = [
                    other
                    for other in candidates[at + 1 : _SHEETS_LOOKED_AT]
                    if not other.is_hidden and _has_rows(workbook, other)
                ]
                return _with_notes(workbook, sheet, found, others)
            refusal = refusal or found
        return refusal or _NO_TABLE


def _has_rows(workbook: _Workbook, sheet: _Sheet) -> bool:
    return any(any(map(str.strip, row)) for block in workbook.rows(sheet) for row in block.rows)


def _examine_sheet(workbook: _Workbook, sheet: _Sheet) -> Examination | Refusal | None:
    """The table in a sheet, or why it has none; nothing at all for a blank sheet."""
    filled = (
        (number, row)
        for block in workbook.rows(sheet)
        for number, row in zip(block.numbers, block.rows, strict=True)
        if any(map(str.strip, row))
    )
    sample = list(islice(filled, 1 + _SAMPLE_ROWS))
    if not sample:
        return None
    header_line, header = sample[0]
    body = [row for _, row in sample[1:]]
    widest = max(len(row) for row in (header, *body))
    columns = headers.read_header(
        header + [""] * (min(widest, workbook.limits.max_columns) - len(header)),
        body,
        workbook.limits,
    )
    if isinstance(columns, Refusal):
        return columns
    if not body:
        return headers.refuse_no_rows()
    dialect = Dialect(
        "xlsx", header_line=header_line, sheet=sheet.name, width=len(columns), pads_short_rows=True
    )
    blocks = iter([([number for number, _ in sample[1:]], Records(body))])
    first = next(batch_rows(blocks, dialect, 0, FIRST_ROWS))
    return Examination(dialect, columns, tuple(map(tuple, first.rows)), (), None)


def _with_notes(
    workbook: _Workbook, sheet: _Sheet, found: Examination, others: list[_Sheet]
) -> Examination:
    rows, hidden = _survey(workbook, sheet)
    notes = [f"Excel workbook: the table is in the sheet “{sheet.name}”."]
    if sheet.is_hidden:
        notes.append("That sheet is hidden in Excel.")
    if others:
        names = ", ".join(f"“{other.name}”" for other in others[:5])
        notes.append(f"Other sheets with something in them are not read: {names}.")
    if found.dialect.header_line > 1:
        notes.append(f"The header is in row {found.dialect.header_line}.")
    if hidden:
        notes.append(f"Rows hidden in Excel are read like all others: {hidden:,}.")
    return replace(
        found, notes=tuple(notes), rows_estimate=max(1, rows - found.dialect.header_line)
    )


def _survey(workbook: _Workbook, sheet: _Sheet) -> tuple[int, int]:
    """How many rows a sheet has and how many are hidden; unpacks all of it, so that a damaged
    workbook is refused now and not in the middle of a run."""
    rows = hidden = 0
    carry = b""
    with workbook.package.open(sheet.part) as part:
        while block := part.read(_BLOCK):
            block = carry + block
            cut = max(block.rfind(b">") + 1, len(block) - 4096)
            carry, block = block[cut:], block[:cut]
            rows += len(_ROW.findall(block))
            if b"hidden=" in block:
                hidden += len(_HIDDEN_ROW.findall(block))
    return rows, hidden


def read_workbook(
    source: Source, dialect: Dialect, start: int, limits: Limits, size: int
) -> Iterator[Batch]:
    """The records below the header of the dialect's sheet."""
    with _open(source, limits) as workbook:
        sheet = next((one for one in workbook.sheets if one.name == dialect.sheet), None)
        if sheet is None:
            raise UnreadableError(DAMAGED)
        if not dialect.width:
            dialect = replace(dialect, width=_header_width(workbook, sheet, dialect.header_line))
        yield from batch_rows(_below_header(workbook, sheet, dialect), dialect, start, size)


def _header_width(workbook: _Workbook, sheet: _Sheet, header_line: int) -> int:
    for block in workbook.rows(sheet):
        for number, row in zip(block.numbers, block.rows, strict=True):
            if number == header_line:
                return len(headers.strip_names(row))
    return 0


def _below_header(
    workbook: _Workbook, sheet: _Sheet, dialect: Dialect
) -> Iterator[tuple[list[int], Records]]:
    for block in workbook.rows(sheet):
        numbers, rows = block.numbers, block.rows
        if numbers[0] <= dialect.header_line:
            keep = [at for at, number in enumerate(numbers) if number > dialect.header_line]
            numbers, rows = [numbers[at] for at in keep], [rows[at] for at in keep]
        texts = ["".join(row) for row in rows]
        has_nul = any(map(contains, texts, repeat("\x00")))
        yield numbers, Records(rows, has_nul=has_nul, weight=sum(map(len, texts)))
