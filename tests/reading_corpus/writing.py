"""How a table is written: any delimiter, quote, escape and line ending."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.reading_corpus.tables import Row


@dataclass(frozen=True, slots=True)
class Style:
    """The way a program writes its tables; as RFC 4180 has it unless said otherwise."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    """What stands before a quote inside quotes; blank: the quote is doubled."""
    ending: str = "\r\n"
    quotes_all: bool = False


RFC = Style()


def write_cell(cell: str, style: Style) -> str:
    """The cell as it stands in the file."""
    if not style.quote:
        return cell
    special = (style.delimiter, style.quote, "\n", "\r", *(style.escape or ()))
    if not (style.quotes_all or any(sign in cell for sign in special) or cell != cell.strip()):
        return cell
    if style.escape:
        cell = cell.replace(style.escape, style.escape * 2)
    inner = cell.replace(style.quote, (style.escape or style.quote) + style.quote)
    return style.quote + inner + style.quote


def write_row(row: Sequence[str], style: Style) -> str:
    """The row without its line ending."""
    if len(row) == 1 and not row[0]:
        return style.quote * 2
    return style.delimiter.join(write_cell(cell, style) for cell in row)


def write_lines(rows: Iterable[Row], style: Style) -> list[str]:
    """Every row as it stands in the file."""
    return [write_row(row, style) for row in rows]


def join(lines: Iterable[str], ending: str = "\r\n") -> str:
    """The lines as a file."""
    return "".join(line + ending for line in lines)
