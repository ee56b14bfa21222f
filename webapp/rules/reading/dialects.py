"""How a text table is delimited, found from how consistently each way of reading it works out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from webapp.rules.reading.records import sample_records
from webapp.rules.reading.tables import DELIMITER_NAMES, Dialect, Limits

SAMPLE_RECORDS = 2_000

_SEP_LINE = "sep="


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a sample looks like when read with one delimiter."""

    delimiter: str
    width: int
    share: float
    """Of the records that are not blank, the share that has as many cells as the header."""
    tidy: float
    """The share of cells that neither begin with a blank nor hold half a pair of quotes."""

    @property
    def score(self) -> float:
        return self.share * self.tidy


def named_delimiter(lines: list[str]) -> str | None:
    """The delimiter that Excel's own first line ``sep=;`` names."""
    first = lines[0].strip("\r\n\ufeff").lower() if lines else ""
    if first.startswith(_SEP_LINE) and first[len(_SEP_LINE) :] in DELIMITER_NAMES:
        return first[len(_SEP_LINE) :]
    return None


def find_dialect(
    lines: list[str], draft: Dialect, limits: Limits, *, whole: bool
) -> tuple[Dialect, str]:
    """The draft with its delimiter, and the sentence that says what spoke for it."""
    named = named_delimiter(lines)
    if named:
        found = replace(draft, delimiter=named, quote='"')
        return found, f"Columns are separated by {DELIMITER_NAMES[named]}s: the first line says so."
    readings = [
        _read_with(delimiter, lines, draft, limits, whole=whole) for delimiter in DELIMITER_NAMES
    ]
    tables = [reading for reading in readings if reading.width > 1 and reading.share >= 0.3] or [
        # Hardly a row fits: only a header that is clearly delimited speaks for a table.
        reading
        for reading in readings
        if reading.width > 2 and reading.tidy > 0.8
    ]
    if tables:
        best = max(tables, key=lambda reading: (round(reading.score, 2), reading.width))
        name = DELIMITER_NAMES[best.delimiter]
        note = (
            f"Columns are separated by {name}s: {best.share:.0%} of the rows looked at have "
            f"{best.width} cells, like the header."
        )
        return replace(draft, delimiter=best.delimiter, quote='"'), note
    # One column: any delimiter does that splits nothing.
    best = max(readings, key=lambda reading: reading.share if reading.width == 1 else -1)
    return replace(draft, delimiter=best.delimiter, quote='"'), "There is one column."


def _read_with(
    delimiter: str, lines: list[str], draft: Dialect, limits: Limits, *, whole: bool
) -> _Reading:
    dialect = replace(draft, delimiter=delimiter, quote='"')
    rows = sample_records(lines, dialect, limits, SAMPLE_RECORDS, whole=whole)
    if not rows:
        return _Reading(delimiter, 1, 0.0, 1.0)
    width = len(rows[0])
    body = rows[1:] or rows
    share = sum(len(row) == width for row in body) / len(body)
    return _Reading(delimiter, width, share, _tidiness(rows))


def _tidiness(rows: list[list[str]]) -> float:
    cells = untidy = 0
    for row in rows[:200]:
        cells += len(row)
        untidy += sum(cell[:1] == " " or _has_half_a_quote(cell) for cell in row)
    return 1 - untidy / cells if cells else 1.0


def _has_half_a_quote(cell: str) -> bool:
    return '"' in cell and (cell[0] == '"') != (cell[-1] == '"')


def find_line_ending(lines: list[str]) -> str:
    """The line ending most lines have."""
    kinds = Counter(
        "\r\n" if line.endswith("\r\n") else line[-1:]
        for line in lines
        if line.endswith(("\n", "\r"))
    )
    return kinds.most_common(1)[0][0] if kinds else ""


def leaves_out_trailing_blanks(rows: list[list[str]], width: int) -> bool:
    """Some programs leave out the blank cells at the end of a row.

    Then no row ends in a blank cell at all; where some do, a short row has lost a delimiter.
    """
    full = [row for row in rows if any(map(str.strip, row))]
    short = sum(len(row) < width for row in full)
    return (
        width > 1
        and short >= max(3, len(full) // 20)
        and all(row[-1].strip() for row in full)
        and any(len(row) == width for row in full)
    )
