"""Where the tables of a web page are, found by their tags alone: quick, whatever its size."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from webapp.rules.reading.books import TAIL
from webapp.rules.reading.encodings import (
    EncodingFound,
    bom_length,
    find_encoding,
    known_encoding,
    make_decoder,
)
from webapp.rules.reading.html_tokens import find_end_of
from webapp.rules.reading.tables import Refusal, Source, UnreadableError

_BLOCK = 1 << 16
_MOST_TABLES = 1_000
_LONGEST_TOKEN = 16
_STYLES = 1 << 20
_TAGS = re.compile(r"<(?:!(--)|(/?)(table|tr|t[dh]|script|style)(?=[\s/>]))", re.IGNORECASE)
_META = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEAD = 1 << 16
# What browsers take these names for: the pages say one and mean the other.
_MEANT = {"iso-8859-1": "windows-1252", "us-ascii": "windows-1252", "ascii": "windows-1252"}

TOO_MANY_TABLES = Refusal(
    "html",
    f"This is a web page (HTML) with more than {_MOST_TABLES:,} tables, of which none can be told "
    "to be the one that is meant; export the table as CSV or .xlsx.",
)
CUT_OFF = Refusal(
    "damaged_workbook",
    "This web page (HTML) ends in the middle of a row of its table, so it was cut off on its way "
    "here; export it and choose it again.",
)


def find_html_encoding(source: Source, chosen: str | None = None) -> EncodingFound:
    """The encoding of a web page.

    What a page says of itself is believed unless its bytes show that it is UTF-8.
    """
    found = find_encoding(source, chosen)
    if chosen or found.had_bom or (found.readings and found.encoding.startswith("utf-")):
        return found
    with source.open() as file:
        said = _META.search(file.read(_HEAD))
    name = said[1].decode("ascii", "replace").lower() if said else ""
    known = known_encoding(_MEANT.get(name, name)) if name else None
    # A page that says so in bytes of one each is in none of two.
    if not known or known.startswith(("utf-16", "utf-32")):
        return found
    # A stable sort: the one taken comes first, the others stay in their order.
    readings = tuple(sorted(found.readings, key=lambda reading: reading.encoding != known))
    return replace(found, encoding=known, readings=readings, is_unsure=False)


def read_text(source: Source, encoding: str, had_bom: bool, skip: int = 0) -> Iterator[str]:
    """The text of a page in blocks, without its first `skip` characters."""
    decoder = make_decoder(encoding)
    with source.open() as file:
        file.seek(bom_length(encoding) if had_bom else 0)
        while True:
            data = file.read(_BLOCK)
            text = decoder.decode(data, not data)
            if skip >= len(text):
                skip -= len(text)
            else:
                yield text[skip:]
                skip = 0
            if not data:
                return


@dataclass(slots=True)
class TableFound:
    """A table of a page, in characters from the page's beginning."""

    start: int
    end: int = 0
    rows: int = 0
    last_rows: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=TAIL))
    """The numbers of its last rows with cells, and where each begins."""
    inner: list[TableFound] = field(default_factory=list)
    row_start: int = 0
    closes_rows: bool = False
    is_in_row: bool = False

    def list_tables(self) -> list[TableFound]:
        """The tables that hold data: of one that only places others, those within it."""
        if max((inner.rows for inner in self.inner), default=0) >= max(1, self.rows):
            return [found for inner in self.inner for found in inner.list_tables()]
        return [self]


class PageScan:
    """Goes through a page once, and keeps where its tables and their last rows are."""

    def __init__(self) -> None:
        self._outer: list[TableFound] = []
        self.styles = ""
        self._open: list[TableFound] = []
        self._count = 0
        self._text = ""
        self._base = 0
        self._until = ""

    @property
    def tables(self) -> list[TableFound]:
        return [found for table in self._outer for found in table.list_tables()]

    def add(self, block: str, *, at_end: bool = False) -> None:
        self._text += block
        at = 0
        while True:
            if self._until:
                at = self._skip(at)
                if self._until:
                    break
            match = _TAGS.search(self._text, at)
            if match is None:
                break
            at = match.end()
            self._take(match)
        keep = at if at_end else max(at, len(self._text) - _LONGEST_TOKEN)
        self._text = self._text[keep:]
        self._base += keep

    def _skip(self, at: int) -> int:
        """Past a comment, a script or styles, in which tags are none."""
        end = find_end_of(self._until, self._text, at)
        stop = max(at, len(self._text) - _LONGEST_TOKEN) if end is None else end
        if self._until == "style" and len(self.styles) < _STYLES:
            self.styles += self._text[at:stop]
        if end is not None:
            self._until = ""
        return stop

    def _take(self, match: re.Match[str]) -> None:
        if match[1]:
            self._until = "-->"
            return
        name, is_end = match[3].lower(), bool(match[2])
        if name in ("script", "style"):
            self._until = "" if is_end else name
        elif name == "table":
            self._take_table(self._base + match.start(), is_end=is_end)
        elif self._open:
            self._take_row(self._open[-1], name, self._base + match.start(), is_end=is_end)

    def _take_table(self, place: int, *, is_end: bool) -> None:
        if is_end:
            if self._open:
                self._open.pop().end = place
            return
        self._count += 1
        if self._count > _MOST_TABLES:
            raise UnreadableError(TOO_MANY_TABLES)
        found = TableFound(place)
        (self._open[-1].inner if self._open else self._outer).append(found)
        self._open.append(found)

    def _take_row(self, table: TableFound, name: str, place: int, *, is_end: bool) -> None:
        if name == "tr":
            table.is_in_row = not is_end
            table.closes_rows = table.closes_rows or is_end
            if not is_end:
                table.rows += 1
                table.row_start = place
        elif not is_end and table.row_start:
            table.last_rows.append((table.rows, table.row_start))
            table.row_start = 0

    def finish(self) -> None:
        """Refuse a page that ends within a row; a table that is only not closed is taken as is."""
        self.add("", at_end=True)
        if any(table.is_in_row and table.closes_rows for table in self._open):
            raise UnreadableError(CUT_OFF)
        for table in self._open:
            table.end = self._base + len(self._text)
