"""The rows of one sheet, streamed: the cells as the text that is shown in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from webapp.rules.reading.markup import feed, make_parser
from webapp.rules.reading.number_formats import Show, show_number
from webapp.rules.reading.records import cell_too_long
from webapp.rules.reading.shared_strings import SharedStrings, unescape
from webapp.rules.reading.tables import Limits, UnreadableError

_LAST_COLUMN = 16_384
_REMEMBERED = 50_000


@dataclass(slots=True)
class SheetRows:
    """Some rows with the numbers the sheet gives them."""

    numbers: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def column_index(letters: str) -> int:
    """A → 0, Z → 25, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    if not 1 <= index <= _LAST_COLUMN:
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
        self._shows = shows
        self._limits = limits
        self._columns: dict[str, int] = {}
        self._shown: dict[tuple[int, str], str] = {}
        self._row_number = 0
        self._row: list[str] = []
        self._column = -1
        self._type = "n"
        self._style = 0
        self._pieces: list[str] | None = None
        self._value = ""
        self._held = 0
        self._length = 0
        self._phonetic = False
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
        if name == self._c:
            self._start_cell(attributes)
        elif name == self._v or name == self._t:
            self._pieces = None if self._phonetic else []
        elif name == self._row_name:
            number = attributes.get("r")
            self._row_number = int(number) if number else self._row_number + 1
            self._row = []
            self._column = -1
            self._length = 0
        elif name == self._phonetic_name:
            self._phonetic = True

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        if place:
            letters = place.rstrip("0123456789")
            column = self._columns.get(letters)
            if column is None:
                column = self._columns[letters] = column_index(letters)
            self._column = column
        else:
            self._column += 1
            if self._column >= _LAST_COLUMN:
                raise ValueError(self._column)
        self._type = attributes.get("t", "n")
        self._style = int(attributes.get("s", 0))
        self._value = ""
        self._held = 0

    def _text(self, text: str) -> None:
        if self._pieces is not None:
            self._pieces.append(text)
            self._held += len(text)
            if self._held > self._limits.max_cell:
                raise UnreadableError(cell_too_long(self._limits))

    def _end(self, name: str) -> None:
        if name == self._v or name == self._t:
            if self._pieces is not None:
                self._value += "".join(self._pieces)
                self._pieces = None
        elif name == self._c:
            if self._value:
                self._end_cell()
        elif name == self._row_name:
            if self._row:
                self.found.numbers.append(self._row_number)
                self.found.rows.append(self._row)
        elif name == self._phonetic_name:
            self._phonetic = False

    def _end_cell(self) -> None:
        value, kind, row, column = self._value, self._type, self._row, self._column
        if kind == "s":
            value = self._strings[int(value)]
        elif kind == "n":
            value = self._show(value)
        elif kind == "b":
            value = "TRUE" if value.strip() == "1" else "FALSE"
        elif kind == "inlineStr" or kind == "str":
            value = unescape(value)
        elif kind == "d":
            value = value.removesuffix("T00:00:00").removesuffix("T00:00:00.000")
        self._length += len(value)
        if self._length > self._limits.max_line:
            raise UnreadableError(cell_too_long(self._limits))
        if column == len(row):
            row.append(value)
        elif column > len(row):
            row.extend([""] * (column - len(row)))
            row.append(value)
        else:
            row[column] = value

    def _show(self, value: str) -> str:
        key = (self._style, value)
        shown = self._shown.get(key)
        if shown is None:
            style = self._style
            show = self._shows[style] if style < len(self._shows) else show_number
            shown = show(value.strip())
            if len(self._shown) >= _REMEMBERED:
                self._shown.clear()
            self._shown[key] = shown
        return shown
