"""Lines as rows of cells: Python's csv reader, also for delimiters of several characters."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from webapp.rules.reading.tables import Dialect

if TYPE_CHECKING:
    from _csv import Reader

# Characters that stand for a delimiter of several, where the text doesn't hold them itself.
_STAND_INS = "\x1f\x1e\x1d\x1c\ue000\ue001\uf8ff\ufdd0\ufdd1"


class RowReader(Protocol):
    """What csv.reader gives."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


def make_reader(lines: Iterable[str], dialect: Dialect, *, strict: bool) -> RowReader:
    """Rows of the lines; in strict reading a quote that is not where it belongs is an error."""
    if dialect.escape:
        lines = _keep_other_escapes(lines, dialect)
    if len(dialect.delimiter) > 1:
        return _LongDelimiterReader(lines, dialect, strict=strict)
    return _make_plain(lines, dialect, dialect.delimiter, strict=strict)


def _make_plain(lines: Iterable[str], dialect: Dialect, delimiter: str, *, strict: bool) -> Reader:
    if not dialect.quote:
        return csv.reader(
            lines,
            delimiter=delimiter,
            quoting=csv.QUOTE_NONE,
            escapechar=dialect.escape or None,
        )
    return csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape or None,
        strict=strict,
    )


def _keep_other_escapes(lines: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """An escape before anything else than what needs it is a character like others."""
    escape = dialect.escape
    special = frozenset((dialect.quote[:1], dialect.delimiter[:1], escape, "\r", "\n"))

    def keep(match: re.Match[str]) -> str:
        return match.group() if match.group(1) in special else escape + match.group()

    pattern = re.compile(re.escape(escape) + "(.)", re.DOTALL)
    for line in lines:
        yield pattern.sub(keep, line) if escape in line else line


class _LongDelimiterReader:
    """A delimiter of several characters is read as one that the text doesn't hold."""

    def __init__(self, lines: Iterable[str], dialect: Dialect, *, strict: bool) -> None:
        kept = list(lines)
        text = "".join(kept)
        self._delimiter = dialect.delimiter
        self._stand_in = next((sign for sign in _STAND_INS if sign not in text), "\x1f")
        replaced = [line.replace(dialect.delimiter, self._stand_in) for line in kept]
        self._reader = _make_plain(replaced, dialect, self._stand_in, strict=strict)
        self._may_hold = bool(dialect.quote) and dialect.quote in text

    @property
    def line_num(self) -> int:
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        row = next(self._reader)
        if self._may_hold and any(self._stand_in in cell for cell in row):
            return [cell.replace(self._stand_in, self._delimiter) for cell in row]
        return row
