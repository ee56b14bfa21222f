"""What reading a file gives: plain values that every upload is built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, BinaryIO, Literal, Protocol

Kind = Literal["csv", "xlsx", "workbook"]
"""Text; a workbook that is streamed (.xlsx); one of another kind (.xls, .xlsb, .ods)."""

DELIMITER_NAMES: Mapping[str, str] = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "pipe",
    ":": "colon",
    "^": "caret",
    " ": "space",
    ", ": "comma and space",
    "; ": "semicolon and space",
    "~": "tilde",
    "#": "hash",
}


def name_delimiter(delimiter: str) -> str:
    """What a delimiter is called within a sentence; those without a name are shown."""
    return DELIMITER_NAMES.get(delimiter) or f"“{delimiter}”"


def name_delimiters(delimiter: str) -> str:
    """The same in the plural: columns are separated by …"""
    name = DELIMITER_NAMES.get(delimiter)
    if name is None:
        return f"“{delimiter}”"
    first, _, rest = name.partition(" ")
    return f"{first}s and {rest.removeprefix('and ')}s" if rest else f"{name}s"


class Source(Protocol):
    """A file that can be opened again and again: each ``open`` gives a seekable binary file."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file can't be read as a table; ``message`` tells the user what to do about it."""

    code: str
    message: str


class UnreadableError(Exception):
    """Raised while rows are being read, when the rest of the file can't be read as a table."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. Characters, except for the unpacked size, which is in bytes."""

    max_columns: int = 1_000
    max_cell: int = 1_000_000
    max_line: int = 16 * 1024 * 1024
    max_unpacked: int = 8 * 1024**3
    max_ratio: int = 200


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the table is written. Kept with the run, so that a later read is the same read."""

    kind: Kind
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    line_ending: str = ""
    escape: str = ""
    """What makes a quote a character: blank where it is doubled, else a backslash."""
    header_line: int = 1
    """The row number of the header as a spreadsheet shows it, from 1; of its last row, where it has
    several. Records begin below it. Without a header it is the row above the first record, or 0."""
    header_rows: int = 1
    """How many rows the header has; 0 when the file has none and columns are named by position."""
    last_line: int = 0
    """The row number of the table's last row, where something else comes below; 0: to the end."""
    footer_rows: int = 0
    """How many rows at the very end of the file are not of the table (totals, notes, blanks)."""
    shapes: tuple[str, ...] = ()
    """What the cells of each column look like, learnt from the sample: an irregular row is put
    right where exactly one reading of it fits these."""
    packing: Literal["", "gz", "zip"] = ""
    member: str = ""
    """The file's name in its .zip."""
    sheet: str | None = None
    had_bom: bool = False
    width: int = 0
    """How many columns the table has; 0 lets the reader take the header's width."""
    pads_short_rows: bool = False
    """The program that wrote the file leaves out blank cells at the end of a row."""
    cells: int = 0
    """How many cells a row has in the file where they are more than the columns: those at the right
    are blank and have no name."""
    repeats_header: bool = False
    """The header stands again between the records (on each page): these rows are left out."""
    left: int = 0
    """How many columns of a sheet stand blank to the left of the table; they are left out."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Dialect:
        known = {item.name for item in fields(cls)}
        kept = {key: value for key, value in data.items() if key in known}
        return cls(**(kept | {"shapes": tuple(kept.get("shapes", ()))}))


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person said about how a file is to be read; None where the file decides.

    The other conclusions are drawn anew with what was said taken as given.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    header_line: int | None = None
    header_rows: int | None = None
    last_line: int | None = None
    sheet: str | None = None
    member: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Choices:
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})


class OutsideKind(StrEnum):
    """What rows are that do not belong to the table."""

    TITLE = "title"
    NOTES = "notes"
    TOTALS = "totals"
    SECOND_TABLE = "second_table"
    REPEATED_HEADER = "repeated_header"


@dataclass(frozen=True, slots=True)
class Outside:
    """Rows that are not of the table, from `first_row` to `last_row` (None: to the end).

    Counted from the file's end they are negative: -1 is the last row.
    """

    kind: OutsideKind
    first_row: int
    last_row: int | None
    sample: str
    """How they begin, as text."""


@dataclass(frozen=True, slots=True)
class Irregular:
    """A row of the sample that was put right, or is set aside; `message` says what and why."""

    row: int
    is_set_aside: bool
    message: str
    raw: str


@dataclass(frozen=True, slots=True)
class ColumnFound:
    """What the sample shows of a column."""

    name: str
    kind: str
    """blank, number, date, time, yes_no, email, phone, zip, code, url, money, text."""
    fill: float
    """The share of its cells that are not blank, 0 to 1."""
    samples: tuple[str, ...]
    """Up to five different values."""


@dataclass(frozen=True, slots=True)
class EncodingReading:
    """How words with letters beyond ASCII look in one encoding that the file may be in."""

    encoding: str
    label: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetFound:
    """A sheet of a workbook with something in it, or a file in a .zip."""

    name: str
    rows: int
    is_hidden: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a file, before anything is done with it."""

    dialect: Dialect
    columns: tuple[str, ...]
    first_rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    rows_estimate: int | None
    found: tuple[ColumnFound, ...] = ()
    outside: tuple[Outside, ...] = ()
    irregular: tuple[Irregular, ...] = ()
    """The first twenty of the sample."""
    irregular_count: int = 0
    """How many rows of the sample are irregular."""
    readings: tuple[EncodingReading, ...] = ()
    """The encodings to choose from, the one taken first; blank for workbooks and plain ASCII."""
    is_unsure: bool = False
    """More than one encoding would do: a person should look at the names."""
    sheets: tuple[SheetFound, ...] = ()
    """The sheets (or files of a .zip) to choose from, where there are several."""
    must_choose: bool = False
    """Several of `sheets` have tables alike: a person has to say which is meant."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, in file order.

    ``row_numbers[i]`` is the row number a spreadsheet shows for ``rows[i]``. Every row has exactly
    the header's width, except those whose row number is in ``faults``: these hold the raw cells as
    they were found, any number of them. No cell holds a NUL character (it is shown as ``␀``, and
    such a row is in ``faults``). ``recovered`` says, by row number, what was put right in a row
    that was irregular; ``raw`` has the text of the rows in ``faults`` as it stands in the file.
    """

    row_numbers: list[int]
    rows: list[list[str]]
    faults: dict[int, str] = field(default_factory=dict)
    recovered: dict[int, str] = field(default_factory=dict)
    raw: dict[int, str] = field(default_factory=dict)
    as_written: frozenset[int] = frozenset()
    """Those in ``faults`` that have every cell, but with a quotation mark in a number, a date or a
    code: they may be shown as they stand, and hardly be taken for data."""

    def __len__(self) -> int:
        return len(self.rows)
