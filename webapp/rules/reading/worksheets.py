"""The rows of one sheet, streamed: the cells as the text that is shown in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from webapp.rules.reading.books import LAST_COLUMN, LAST_ROW, SheetRows, check_column
from webapp.rules.reading.markup import feed, make_parser
from webapp.rules.reading.number_formats import Show, show_number
from webapp.rules.reading.refusals import cell_too_long
from webapp.rules.reading.shared_strings import SharedStrings, unescape
from webapp.rules.reading.tables import Limits, UnreadableError

_REMEMBERED = 50_000


def column_index(letters: str) -> int:
    """A → 0, Z → 25, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    if not 1 <= index <= LAST_COLUMN:
        raise ValueError(letters)
    return index - 1


def read_sheet(
    part: BinaryIO, strings: SharedStrings, shows: list[Show], limits: Limits
) -> Iterator[SheetRows]:
    """Every row that has a cell, block by block."""
    reader = _SheetReader(strings, shows, limits)
    for _ in feed(reader.parser, part):
        if reader.found.numbers:
            found, reader.found = reader.found, SheetRows()
            yield found


class _SheetReader:
    """Turns the parser's events into rows. Few names and no layers: it runs for every cell."""

    def __init__(self, strings: SharedStrings, shows: list[Show], limits: Limits) -> None:
        self.found = SheetRows()
        self._strings = strings
        self._shows = {str(style): show for style, show in enumerate(shows)}
        self._limits = limits
        self._columns: dict[str, int] = {}
        self._shown: dict[tuple[str, str], str] = {}
        self._row_number = 0
        self._digits = 1
        self._row: list[str] = []
        self._column = -1
        self._cell: dict[str, str] = {}
        self._value = ""
        self._takes_text = False
        self._is_phonetic = False
        self.parser = make_parser()
        self.parser.StartElementHandler = self._start_root
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._set_prefix("")

    def _set_prefix(self, prefix: str) -> None:
        self._c, self._v, self._t = prefix + "c", prefix + "v", prefix + "t"
        self._row_name, self._phonetic_name = prefix + "row", prefix + "rPh"

    def _start_root(self, name: str, _: dict[str, str]) -> None:
        prefix, colon, _rest = name.rpartition(":")
        self._set_prefix(prefix + colon)
        self.parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._v:
            self._takes_text = self._cell.get("t") != "inlineStr"
        elif name == self._t:
            self._takes_text = not self._is_phonetic
        elif name == self._c:
            self._cell = attributes
            self._value = ""
        elif name == self._row_name:
            number = attributes.get("r")
            self._row_number = int(number) if number else self._row_number + 1
            if self._row_number > LAST_ROW:
                raise ValueError(number)
            self._digits = len(number) if number else 0
            self._row = []
            self._column = -1
        elif name == self._phonetic_name:
            self._is_phonetic = True

    def _text(self, text: str) -> None:
        if self._takes_text:
            self._value += text
            if len(self._value) > self._limits.max_cell:
                raise UnreadableError(cell_too_long(self._limits))

    def _end(self, name: str) -> None:
        if name == self._v or name == self._t:
            self._takes_text = False
        elif name == self._c:
            self._end_cell()
        elif name == self._row_name:
            if self._row:
                if sum(map(len, self._row)) > self._limits.max_line:
                    raise UnreadableError(cell_too_long(self._limits))
                self.found.numbers.append(self._row_number)
                self.found.rows.append(self._row)
        elif name == self._phonetic_name:
            self._is_phonetic = False

    def _end_cell(self) -> None:
        cell, value, row = self._cell, self._value, self._row
        place = cell.get("r")
        if place:
            column = self._columns.get(place[: -self._digits])
            if column is None:
                column = self._find_column(place)
        else:
            column = self._column + 1
        self._column = column
        if not value:
            return
        kind = cell.get("t")
        if kind == "s":
            value = self._strings[int(value)]
        elif kind is None or kind == "n":
            value = self._show(cell.get("s", "0"), value)
        else:
            value = _show_text(kind, value)
        gap = column - len(row)
        if gap > 0:
            check_column(column, self._limits)
            row.extend([""] * gap)
        if gap < 0:
            row[column] = value
        else:
            row.append(value)

    def _find_column(self, place: str) -> int:
        letters = place.rstrip("0123456789")
        column = column_index(letters)
        self._columns[letters] = column
        return column

    def _show(self, style: str, value: str) -> str:
        show = self._shows.get(style, show_number)
        if show is show_number:
            return value if value.isdecimal() else show_number(value.strip())
        shown = self._shown.get((style, value))
        if shown is None:
            shown = show(value.strip())
            if len(self._shown) >= _REMEMBERED:
                self._shown.clear()
            self._shown[style, value] = shown
        return shown


def _show_text(kind: str, value: str) -> str:
    """The cells that are neither numbers nor shared texts."""
    if kind == "b":
        return "TRUE" if value.strip() == "1" else "FALSE"
    if kind == "d":
        return value.removesuffix("T00:00:00").removesuffix("T00:00:00.000")
    return unescape(value) if kind in ("inlineStr", "str") else value
