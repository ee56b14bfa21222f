"""What reading a file gives: plain values that every upload is built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, BinaryIO, Literal, Protocol

Kind = Literal["csv", "xlsx"]

DELIMITER_NAMES: Mapping[str, str] = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "pipe",
}


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
    header_line: int = 1
    """The row number of the header as a spreadsheet shows it, from 1."""
    sheet: str | None = None
    had_bom: bool = False
    width: int = 0
    """How many columns the table has; 0 lets the reader take the header's width."""
    pads_short_rows: bool = False
    """The program that wrote the file leaves out blank cells at the end of a row."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Dialect:
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a file, before anything is done with it."""

    dialect: Dialect
    columns: tuple[str, ...]
    first_rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    rows_estimate: int | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, in file order.

    ``row_numbers[i]`` is the row number a spreadsheet shows for ``rows[i]``. Every row has exactly
    the header's width, except those whose row number is in ``faults``: these hold the raw cells as
    they were found, any number of them. No cell holds a NUL character (it is shown as ``␀``, and
    such a row is in ``faults``).
    """

    row_numbers: list[int]
    rows: list[list[str]]
    faults: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)
