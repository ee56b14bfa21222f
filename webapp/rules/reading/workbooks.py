"""Workbooks (.xlsx, .xlsb, .xls, .ods): which sheet has the table, and its rows in batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import repeat
from operator import contains

from webapp.rules.reading import headers, signatures
from webapp.rules.reading.batches import batch_rows
from webapp.rules.reading.books import Book, Sheet, SheetFacts
from webapp.rules.reading.html_tables import HtmlBook, open_html
from webapp.rules.reading.layout import End, Layout, find_end, find_layout, note_layout
from webapp.rules.reading.merged import apply_merged
from webapp.rules.reading.ods import open_ods
from webapp.rules.reading.package import DAMAGED, find_archive_kind, refuse_other_kind
from webapp.rules.reading.rows import Records
from webapp.rules.reading.sheet_samples import (
    SheetSample,
    count_blank_left,
    count_titles,
    find_left,
    note_left,
    take_sheet_sample,
)
from webapp.rules.reading.spreadsheet_xml import open_spreadsheet_xml
from webapp.rules.reading.tables import (
    Batch,
    Choices,
    Dialect,
    Examination,
    Kind,
    Limits,
    Outside,
    Refusal,
    SheetFound,
    Source,
    UnreadableError,
)
from webapp.rules.reading.xls import open_xls
from webapp.rules.reading.xlsb import open_xlsb
from webapp.rules.reading.xlsx import open_xlsx

FIRST_ROWS = 20
_SHEETS_LOOKED_AT = 50
_READ_WHOLE = 20_000
"""Sheets of up to so many rows are read to their end, to see what comes below the table."""
_READ_WHOLE_PAGE = 2_000
"""The same for web pages, which take longer to read."""
_HEAD = 1 << 16

_TO_THE_LEFT = (
    "This row has a value to the left of the table's first column; move it into its column, or "
    "give its column a name."
)
_NO_TABLE = Refusal(
    "blank",
    "This workbook has no sheet with anything in it; check that the export finished and choose it "
    "again.",
)
_NO_SUCH_SHEET = Refusal(
    "no_such_sheet", "There is no such sheet in this workbook; choose one of those that it has."
)
_KINDS = {
    "xlsx": "Excel workbook",
    "xlsb": "Binary Excel workbook (.xlsb)",
    "xls": "Workbook of an older Excel (.xls)",
    "ods": "OpenDocument workbook (.ods)",
    "spreadsheet_xml": "Excel workbook in XML (of 2002 or 2003)",
    "html": "Web page (HTML), as many programs' “Export to Excel” writes it",
}


def _find_kind(source: Source, limits: Limits) -> str:
    with source.open() as file:
        head = file.read(_HEAD)
    if signatures.is_ole(head):
        return "xls"
    return signatures.find_markup(head) or find_archive_kind(source, head, limits)


def _open(
    source: Source, kind: str, limits: Limits, encoding: str | None = None
) -> AbstractContextManager[Book]:
    if kind == "html":
        return open_html(source, limits, encoding)
    if kind == "spreadsheet_xml":
        return open_spreadsheet_xml(source, limits)
    if kind == "xls":
        return open_xls(source, limits)
    if kind == "xlsb":
        return open_xlsb(source, limits)
    if kind == "ods":
        return open_ods(source, limits)
    return open_xlsx(source, limits)


@dataclass(slots=True)
class _Table:
    """What was found in a sheet."""

    sheet: Sheet
    facts: SheetFacts
    found: Examination | Refusal

    @property
    def columns(self) -> tuple[str, ...]:
        return self.found.columns if isinstance(self.found, Examination) else ()

    @property
    def rows(self) -> int:
        """How many records it has, about; of a sheet without a table, how many rows."""
        if isinstance(self.found, Examination) and self.found.rows_estimate is not None:
            return self.found.rows_estimate
        return self.facts.rows


def examine_workbook(
    source: Source,
    limits: Limits,
    choices: Choices = Choices(),  # noqa: B008
    *,
    may_lack_rows: bool = False,
) -> Examination | Refusal:
    """The sheet with the table: of those that are visible, the first that is likely."""
    kind = _find_kind(source, limits)
    refusal = refuse_other_kind(kind)
    if refusal:
        return refusal
    with _open(source, kind, limits, choices.encoding) as book:
        if choices.sheet is not None and all(one.name != choices.sheet for one in book.sheets):
            return _NO_SUCH_SHEET
        wanted = sorted(book.sheets, key=lambda sheet: sheet.is_hidden)[:_SHEETS_LOOKED_AT]
        wanted += [sheet for sheet in book.sheets if sheet.name == choices.sheet]
        finder = _Finder(
            book,
            "xlsx" if kind == "xlsx" else "workbook",
            limits,
            may_lack_rows,
            _READ_WHOLE_PAGE if kind == "html" else _READ_WHOLE,
        )
        tables = [
            table
            for sheet in dict.fromkeys(wanted)
            if (table := finder.find(sheet, _choices_for(sheet, choices))) is not None
        ]
    found = _pick(tables, choices.sheet, kind)
    return _add_encoding(found, book) if isinstance(book, HtmlBook) else found


def _add_encoding(found: Examination | Refusal, page: HtmlBook) -> Examination | Refusal:
    """A web page is text, in some encoding, which a person may have to choose."""
    if isinstance(found, Refusal):
        return found
    known = page.encoding
    return replace(
        found,
        dialect=replace(found.dialect, encoding=known.encoding, had_bom=known.had_bom),
        readings=known.readings,
        is_unsure=known.is_unsure,
    )


def _choices_for(sheet: Sheet, choices: Choices) -> Choices:
    """What was said of one sheet says nothing of another."""
    return choices if choices.sheet in (None, sheet.name) else Choices()


def _pick(tables: list[_Table], chosen: str | None, kind: str) -> Examination | Refusal:
    if chosen is not None:
        table = next((one for one in tables if one.sheet.name == chosen), None)
        if table is None:
            return _NO_TABLE
        likely = [table]
    else:
        likely = _likely(tables)
        table = likely[0] if likely else (tables[0] if tables else None)
    if table is None:
        return _NO_TABLE
    found = table.found
    if isinstance(found, Refusal):
        return found
    sheets = tuple(
        SheetFound(one.sheet.name, one.rows, one.sheet.is_hidden, one.columns) for one in tables
    )
    return replace(
        found,
        notes=(*_notes(table, tables, kind), *found.notes),
        sheets=sheets if len(sheets) > 1 else (),
        must_choose=len(likely) > 1,
    )


def _likely(tables: list[_Table]) -> list[_Table]:
    """The sheets that may be meant: visible before hidden ones, tables before lists and notes."""
    readable = [table for table in tables if table.columns]
    visible = [table for table in readable if not table.sheet.is_hidden] or readable[:1]
    rows = max((table.rows for table in visible), default=0)
    columns = max((len(table.columns) for table in visible), default=0)
    return [
        table for table in visible if table.rows * 20 >= rows and len(table.columns) * 3 >= columns
    ]


def _notes(table: _Table, tables: list[_Table], kind: str) -> Iterator[str]:
    name, others = table.sheet.name, [one.sheet for one in tables if one is not table]
    sheets = "tables" if kind == "html" else "sheets"
    if kind != "html":
        yield f"{_KINDS[kind]}: the table is in the sheet “{name}”."
    else:
        yield f"{_KINDS[kind]}: “{name}” is read." if others else f"{_KINDS[kind]}."
    if table.sheet.is_hidden:
        yield "That sheet is hidden in Excel."
    shown = [f"“{other.name}”" for other in others if not other.is_hidden]
    if shown:
        yield f"Other {sheets} with something in them are not read: {', '.join(shown[:5])}."
    facts = table.facts
    if facts.hidden_rows:
        yield f"Rows hidden in Excel are read like all others: {facts.hidden_rows:,}."
    if facts.hidden_columns:
        yield f"Columns hidden in Excel are read like all others: {facts.hidden_columns:,}."
    if facts.formulas_without_result:
        yield (
            "Cells with a formula whose result is not in the file are read as blank: "
            f"{facts.formulas_without_result:,}. Open the workbook in Excel, save it, and choose "
            "it again."
        )


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the table of a sheet."""

    book: Book
    kind: Kind
    limits: Limits
    may_lack_rows: bool
    read_whole: int

    def find(self, sheet: Sheet, choices: Choices) -> _Table | None:
        """What is in a sheet; nothing at all for a blank one."""
        facts = self.book.survey(sheet)
        sample = take_sheet_sample(
            self.book, sheet, facts, self.limits.max_columns + 1, self.read_whole
        )
        if sample is None:
            return None
        sample.cut_left(find_left(sample.rows))
        titles = count_titles(sample.rows)
        if titles and choices.header_line is None and choices.header_rows is None:
            choices = replace(choices, header_line=sample.start + titles, header_rows=1)
        layout = find_layout(sample.rows, choices=choices, start=sample.start)
        blank = count_blank_left(layout) if layout else 0
        if blank:
            sample.cut_left(blank)
            layout = find_layout(sample.rows, choices=choices, start=sample.start)
        if layout is None:
            return None
        merged = [] if choices.header_rows == 0 else sample.shift(facts.merged)
        layout = apply_merged(layout, sample.rows, sample.start, merged, choices)
        return _Table(sheet, facts, self._examine(sheet, facts, sample, layout, choices))

    def _examine(
        self, sheet: Sheet, facts: SheetFacts, sample: SheetSample, layout: Layout, choices: Choices
    ) -> Examination | Refusal:
        refusal = headers.check_names(layout.columns, self.limits)
        if refusal:
            return refusal
        start = layout.header_line + 1
        below = sample.rows[max(0, start - sample.start) :]
        end = find_end(
            below, layout, choices, start=start, is_whole=sample.is_whole, tail=sample.tail
        )
        _number_the_end(end, sample)
        dialect = Dialect(
            self.kind,
            header_line=layout.header_line,
            header_rows=layout.header_rows,
            last_line=end.last_line,
            sheet=sheet.name,
            width=len(layout.columns),
            pads_short_rows=True,
            repeats_header=end.repeats_header,
            left=sample.left,
        )
        first = next(_read(self.book, sheet, dialect, 0, FIRST_ROWS), None)
        if first is None and not self.may_lack_rows:
            return headers.refuse_no_rows()
        last = end.last_line or sample.last or facts.rows
        filled = sum(1 for row in below[: end.rows] if any(map(str.strip, row)))
        return Examination(
            dialect,
            layout.columns,
            tuple(map(tuple, first.rows)) if first else (),
            (*note_layout(layout, end, 1), *note_left(sample.left)),
            filled if sample.is_whole else max(1, last - layout.header_line),
            found=layout.found,
            outside=(*layout.outside, *end.outside),
        )


def _number_the_end(end: End, sample: SheetSample) -> None:
    """A sheet's last row is known, so that its end needs no counting backwards."""
    if end.footer_rows and not end.last_line:
        end.last_line = max(1, sample.last - end.footer_rows)
        end.footer_rows = 0
        end.outside = tuple(_from_the_top(one, sample.last) for one in end.outside)


def _from_the_top(item: Outside, last: int) -> Outside:
    """Rows that are counted from the end, by their numbers."""
    if item.first_row >= 0:
        return item
    below = item.last_row + last + 1 if item.last_row is not None else None
    return replace(item, first_row=item.first_row + last + 1, last_row=below)


def read_workbook(
    source: Source, dialect: Dialect, start: int, limits: Limits, size: int
) -> Iterator[Batch]:
    """The records below the header of the dialect's sheet."""
    kind = _find_kind(source, limits)
    with _open(source, kind, limits, dialect.encoding or None) as book:
        sheet = next((one for one in book.sheets if one.name == dialect.sheet), None)
        if sheet is None:
            raise UnreadableError(DAMAGED)
        yield from _read(book, sheet, dialect, start, size)


def _read(book: Book, sheet: Sheet, dialect: Dialect, start: int, size: int) -> Iterator[Batch]:
    header = _header_cells(book, sheet, dialect)
    if not dialect.width:
        dialect = replace(dialect, width=len(headers.strip_names(header)))
    yield from batch_rows(_below_header(book, sheet, dialect), dialect, start, size, header)


def _header_cells(book: Book, sheet: Sheet, dialect: Dialect) -> list[str]:
    if not dialect.header_rows:
        return []
    for block in book.rows(sheet):
        for number, row in zip(block.numbers, block.rows, strict=True):
            if number >= dialect.header_line:
                return row[dialect.left :] if number == dialect.header_line else []
    return []


def _below_header(
    book: Book, sheet: Sheet, dialect: Dialect
) -> Iterator[tuple[list[int], Records]]:
    above, last = dialect.header_line, dialect.last_line
    for block in book.rows(sheet):
        numbers, rows = block.numbers, block.rows
        if numbers[0] <= above or (last and numbers[-1] > last):
            keep = [
                at
                for at, number in enumerate(numbers)
                if number > above and (not last or number <= last)
            ]
            if not keep and last and numbers[0] > last:
                return
            numbers, rows = [numbers[at] for at in keep], [rows[at] for at in keep]
        broken: dict[int, str] = {}
        raw: dict[int, str] = {}
        if dialect.left:
            rows = _cut_left(rows, dialect.left, broken, raw)
        texts = ["".join(row) for row in rows]
        has_nul = any(map(contains, texts, repeat("\x00")))
        # Blank cells have no characters, but a place in the row each.
        weight = sum(map(len, texts)) + sum(map(len, rows))
        yield numbers, Records(rows, has_nul=has_nul, weight=weight, broken=broken, raw=raw)


def _cut_left(
    rows: list[list[str]], left: int, broken: dict[int, str], raw: dict[int, str]
) -> list[list[str]]:
    """The rows from the table's first column on; one with something before it is set aside."""
    cut = [row[left:] for row in rows]
    for at, row in enumerate(rows):
        if any(map(str.strip, row[:left])):
            broken[at] = _TO_THE_LEFT
            raw[at] = "\t".join(row)
            cut[at] = row
    return cut
