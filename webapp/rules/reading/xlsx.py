"""Workbooks as Excel writes them (.xlsx): their sheets, streamed."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from webapp.rules.reading.books import LAST_COLUMN, TAIL, Merged, Sheet, SheetFacts, SheetRows
from webapp.rules.reading.markup import list_elements, local
from webapp.rules.reading.number_formats import Show, format_code, make_show
from webapp.rules.reading.package import Package, open_package
from webapp.rules.reading.shared_strings import SharedStrings
from webapp.rules.reading.tables import Limits, Source
from webapp.rules.reading.worksheets import column_index, read_sheet

_BLOCK = 1 << 20
_BEGIN = 1 << 16
_KEPT = 1 << 18
_ROOT = re.compile(rb"<((?:\w+:)?worksheet)\b[^>]*>")
_NUMBERED_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*\sr="\d+"[^>]*>')
_ROW_END = re.compile(rb"</(?:\w+:)?row>")
_VALUE_ENDS = (b"</v>", b":v>", b"</t>", b":t>")
_NO_RESULT = re.compile(
    rb"<(?:\w+:)?c\b(?![^>]*\st=\"str\")[^>]*><(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>"
)
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*\shidden="(?:1|true)"')
_ROW = re.compile(rb"<(?:\w+:)?row[\s>]")
_COLUMNS = re.compile(rb"<(?:\w+:)?col\b[^>]*>")
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\b[^>]*\sref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"'
)


@dataclass(frozen=True, slots=True)
class XlsxBook:
    """An open workbook: its sheets in order, and what turns its cells into text."""

    package: Package
    sheets: tuple[Sheet, ...]
    shows: list[Show]
    strings: SharedStrings
    limits: Limits

    def rows(self, sheet: Sheet) -> Iterator[SheetRows]:
        with self.package.open(sheet.part) as part:
            yield from read_sheet(part, self.strings, self.shows, self.limits)

    def tail(self, sheet: Sheet) -> SheetRows:
        """The last rows of the sheet's XML with a value, put between its beginning and an end."""
        kept = before = begin = b""
        with self.package.open(sheet.part) as part:
            for block in _blocks(part):
                begin = begin or block[:_BEGIN]
                joined = before + block
                last = max(map(joined.rfind, _VALUE_ENDS))
                row_end = _ROW_END.search(joined, last) if last >= 0 else None
                if row_end:
                    kept = joined[: row_end.end()][-_KEPT:]
                before = joined[-_KEPT:]
        root = _ROOT.search(begin)
        rows = list(_NUMBERED_ROW.finditer(kept))
        if root is None or not rows:
            return SheetRows()
        first = rows[-min(TAIL, len(rows))].start()
        name = root[1].rpartition(b":")
        prefix = name[0] + name[1]
        data = (
            root[0]
            + b"<%ssheetData>" % prefix
            + kept[first:]
            + b"</%ssheetData></%s>" % (prefix, root[1])
        )
        found = SheetRows()
        for some in read_sheet(io.BytesIO(data), self.strings, self.shows, self.limits):
            found.numbers += some.numbers
            found.rows += some.rows
        return found

    def survey(self, sheet: Sheet) -> SheetFacts:
        facts = SheetFacts()
        rows = 0
        with self.package.open(sheet.part) as part:
            for block in _blocks(part):
                last = max(map(block.rfind, _VALUE_ENDS))
                if last >= 0:
                    facts.rows = rows + len(_ROW.findall(block, 0, last))
                rows += len(_ROW.findall(block))
                if b"<f" in block or b":f" in block:
                    facts.formulas_without_result += len(_NO_RESULT.findall(block))
                if b"hidden=" in block:
                    facts.hidden_rows += len(_HIDDEN_ROW.findall(block))
                    facts.hidden_columns += _count_hidden_columns(block)
                if b"mergeCell" in block:
                    for merged in _list_merged(block):
                        facts.add_merged(merged)
        return facts


def _blocks(part: BinaryIO) -> Iterator[bytes]:
    """A part in pieces that begin and end between tags, as far as possible before a cell's."""
    carry = b""
    while block := part.read(_BLOCK):
        block = carry + block
        cell = block.rfind(b"<c ")
        is_near = 0 <= len(block) - 4096 < cell
        cut = cell if is_near else max(block.rfind(b">") + 1, len(block) - 4096)
        carry = block[cut:]
        yield block[:cut]
    if carry:
        yield carry


def _count_hidden_columns(block: bytes) -> int:
    hidden = 0
    for tag in _COLUMNS.findall(block):
        bounds = [re.search(rb'\s%b="(\d{1,5})"' % name, tag) for name in (b"min", b"max")]
        if re.search(rb'\shidden="(?:1|true)"', tag) and bounds[0] and bounds[1]:
            hidden += max(0, min(int(bounds[1][1]), LAST_COLUMN) - int(bounds[0][1]) + 1)
    return hidden


def _list_merged(block: bytes) -> Iterator[Merged]:
    for match in _MERGED.finditer(block):
        left, right = (column_index(match[at].decode()) for at in (1, 3))
        yield Merged(int(match[2]), left, int(match[4]), right)


@contextmanager
def open_xlsx(source: Source, limits: Limits) -> Iterator[XlsxBook]:
    with open_package(source, limits) as package:
        main = _main_part(package)
        targets = list_relations(package, main)
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
            yield XlsxBook(package, sheets, shows, strings, limits)
        finally:
            strings.close()


def _main_part(package: Package) -> str:
    for kind, part in list_relations(package, "").values():
        if kind == "officeDocument" and part in package:
            return part
    return "xl/workbook.xml"


def list_relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
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
) -> Iterator[Sheet]:
    for _, name, attributes in elements:
        if name != "sheet":
            continue
        identifier = next(
            (value for key, value in attributes.items() if ":" in key and local(key) == "id"), ""
        )
        kind, part = targets.get(identifier, ("", ""))
        if kind == "worksheet" and part in package:
            is_hidden = attributes.get("state", "visible") != "visible"
            yield Sheet(attributes.get("name", ""), part, is_hidden)


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
