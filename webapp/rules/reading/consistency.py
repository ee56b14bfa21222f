"""How consistently one way of reading a sample works out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from webapp.rules.reading.kinds import BLANK, CODE, TEXT, column_kind, kind_of
from webapp.rules.reading.layout import find_width
from webapp.rules.reading.rows import sample_rows
from webapp.rules.reading.tables import Dialect

MOST_RECORDS = 400
MOST_TEXT = 100_000
_TYPED_ROWS = 120
_TYPED_COLUMNS = 60
_ONE_COLUMN = 0.35
PRIORS = {
    ",": 1.0,
    ";": 1.0,
    "\t": 1.0,
    "|": 1.0,
    "^": 0.9,
    "~": 0.85,
    "\x1f": 1.0,
    "\x1e": 1.0,
    "\x01": 1.0,
    "¦": 0.9,
    "§": 0.85,
    "#": 0.6,
    ":": 0.6,
    " ": 0.6,
}
_LONG_PRIOR = 1.0
WEAK = " :#"
"""What stands in ordinary text more often than between cells."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a sample looks like when read in one dialect."""

    dialect: Dialect
    width: int = 1
    share: float = 0.0
    """Of the rows that are not blank, the share that has that many cells."""
    purity: float = 0.0
    """How much the cells of each column are of one kind."""
    tidy: float = 1.0
    """The share of cells that neither begin with a blank nor hold half a pair of quotes."""
    sound: float = 1.0
    """The share of rows whose quotes are in order."""
    is_typed: bool = True
    """There is a column of dates, numbers or the like, or there are quoted cells."""
    is_quoted: bool = False
    """Many lines have the delimiter between two quoted cells."""
    is_whole: bool = False
    """All rows have their cells, and all quotes are in order."""
    is_steady: bool = False
    """So many rows of so many cells, all alike, that it can't be by chance."""
    fits_first: bool = False
    """The first row has that many cells as well."""
    whole_purity: float = 0.0
    """How much the lines as they are, are of one kind: a date and time, a number."""

    @property
    def score(self) -> float:
        if self.width < 2:
            return 0.0
        delimiter = self.dialect.delimiter
        prior = PRIORS.get(delimiter, _LONG_PRIOR if len(delimiter) > 1 else 0.7)
        breadth = 1 - 1 / (2 * self.width)
        first = 1.0 if self.fits_first else 0.75
        if self.is_steady:
            prior = max(prior, 0.9)
        elif delimiter in WEAK and not self.is_typed:
            prior *= 0.6
        if not self.dialect.quote:
            # A few stray quotes are likelier than a file that has them as mere characters.
            prior *= 0.75
        kinds = 0.4 + 0.6 * self.purity
        return self.share * kinds * self.tidy**2 * self.sound * prior * breadth * first

    @property
    def is_plain(self) -> bool:
        """Each row has the same cells, by a sign that is there for nothing else."""
        return (
            self.is_whole
            and self.fits_first
            and self.width > 1
            and self.dialect.delimiter in ",;\t|"
            and not self.dialect.escape
        )

    @property
    def beats_one_column(self) -> bool:
        whole = 0.0 if self.fits_first and self.dialect.delimiter in ",;\t|" else self.whole_purity
        return self.score > _ONE_COLUMN + 0.5 * whole


def try_dialect(parts: Sequence[list[str]], first: list[str], dialect: Dialect) -> Trial:
    """How a sample works out in a dialect. ``first`` are its first lines, ``parts`` all of it."""
    rows: list[list[str]] = []
    strays = 0
    for number, lines in enumerate(parts):
        if number and len(rows) < 20:
            # Cells so long that other parts are likely to begin within one.
            break
        held, most = 0, len(rows) + (MOST_RECORDS if number == 0 else 40)
        for row, start, end in sample_rows(lines, dialect):
            held += sum(map(len, lines[start:end]))
            if len(rows) >= most or (held > MOST_TEXT and len(rows) > 20):
                break
            if row is None or _swallows_rows(row, lines[start:end], dialect):
                strays += 1
                rows += [line.rstrip("\r\n").split(dialect.delimiter) for line in lines[start:end]]
            elif any(map(str.strip, row)):
                rows.append(row)
    if not rows:
        return Trial(dialect)
    widths = Counter(map(len, rows))
    width = find_width(rows)
    if width < 2:
        return Trial(dialect, 1, widths[1] / len(rows), sound=1 - strays / len(rows))
    regular = [row for row in rows if len(row) == width]
    share = len(regular) / len(rows) + _nearly(rows, regular, width, dialect)
    share = max(share, _share_in_runs(rows))
    purity, is_typed = _purity(regular)
    return Trial(
        dialect,
        width,
        share=min(1.0, share),
        purity=purity,
        tidy=_tidiness(regular, dialect),
        sound=max(0.05, 1 - 1.5 * max(0, strays - 1) / len(rows) - 0.1 * (strays > 0))
        * _quoting(rows, dialect),
        is_typed=is_typed or _stands_between_quotes(first, dialect),
        is_quoted=_is_all_quoted(first, dialect),
        is_whole=not strays and all(len(row) == width for row in rows),
        is_steady=_is_steady(rows, width) and not strays,
        fits_first=len(rows[0]) == width,
        whole_purity=_whole_purity(first),
    )


def _is_steady(rows: list[list[str]], width: int) -> bool:
    count = len(rows)
    return all(len(row) == width for row in rows) and (
        (count >= 20 and width >= 3) or (count >= 5 and width >= 4) or (count >= 2 and width >= 6)
    )


def _share_in_runs(rows: list[list[str]]) -> float:
    """The share of rows that stand among others of their width: there may be several tables."""
    sizes = [len(row) for row in rows]
    inside = sum(
        length
        for size, length in ((size, len(list(run))) for size, run in groupby(sizes))
        if size > 1 and length >= 5
    )
    return 0.9 * inside / len(rows)


def _nearly(rows: list[list[str]], regular: list[list[str]], width: int, dialect: Dialect) -> float:
    """What rows that are nearly of the width count for."""
    others = [row for row in rows if len(row) != width]
    if not others:
        return 0.0
    if dialect.delimiter != " ":
        near = sum(abs(len(row) - width) <= (1 if width > 2 else 0) for row in others)
        return 0.4 * near / len(rows)
    # Text with spaces that is not in quotes: the other columns still show where they begin.
    kinds = [column_kind([row[at] for row in regular])[0] for at in range(width)]
    typed = [at for at, kind in enumerate(kinds) if kind not in (TEXT, BLANK)]
    fitting = sum(len(row) > width and bool(typed) and _begins_alike(row, kinds) for row in others)
    return 0.8 * fitting / len(rows)


def _begins_alike(row: list[str], kinds: list[str]) -> bool:
    begun = 0
    for cell, kind in zip(row, kinds, strict=False):
        if kind in (TEXT, BLANK):
            break
        if kind_of(cell) not in (kind, BLANK):
            return False
        begun += 1
    return begun > 0


def _swallows_rows(row: list[str], lines: list[str], dialect: Dialect) -> bool:
    """Would each line of a record do as one by itself? Then two stray quotes have joined them."""
    return (
        len(lines) > 1
        and len(row) > 2
        and all(line.count(dialect.delimiter) >= len(row) - 1 for line in lines)
    )


def _is_all_quoted(first: list[str], dialect: Dialect) -> bool:
    between = dialect.quote + dialect.delimiter + dialect.quote
    filled = [line for line in first if line.strip()]
    return bool(dialect.quote) and sum(between in line for line in filled) > 0.4 * len(filled)


def _stands_between_quotes(first: list[str], dialect: Dialect) -> bool:
    between = dialect.quote + dialect.delimiter + dialect.quote
    return bool(dialect.quote) and any(between in line for line in first)


def _purity(rows: list[list[str]]) -> tuple[float, bool]:
    """Columns of one kind speak for a reading; text says little; blank columns speak against."""
    body = rows[1 : _TYPED_ROWS + 1] or rows
    total = 0.0
    is_typed = False
    columns = min(len(rows[0]), _TYPED_COLUMNS)
    for at in range(columns):
        kind, share = column_kind(row[at] for row in body)
        if kind == BLANK:
            total += 0.3
        elif kind in (TEXT, CODE):
            total += 0.6 * share
        else:
            total += share
            is_typed = is_typed or (len(body) > 1 and share > 0.9)
    return total / columns, is_typed


def _whole_purity(lines: list[str]) -> float:
    kind, share = column_kind(line.strip("\r\n\"'") for line in lines[1:100] if line.strip())
    return 0.0 if kind in (TEXT, BLANK) else share


def _tidiness(rows: list[list[str]], dialect: Dialect) -> float:
    cells = untidy = 0
    for row in rows[:200]:
        cells += len(row)
        untidy += sum(_is_untidy(cell, dialect) for cell in row)
    return 1 - untidy / cells if cells else 1.0


def _is_untidy(cell: str, dialect: Dialect) -> bool:
    if not cell.strip():
        return False
    if cell[0] == " " and dialect.delimiter != " ":
        return True
    first, last = cell[0], cell[-1]
    if dialect.quote != '"' and len(cell) > 1 and first == last == '"':
        return True
    if (
        dialect.quote != "'"
        and '"' in cell
        and (first == '"') != (last == '"')
        and cell.count('"') % 2
    ):
        return True
    return len(cell) > 2 and first == last == "'" and dialect.quote != "'"


def escaped_signs(dialect: Dialect) -> list[str]:
    return [dialect.quote or '"', dialect.delimiter]


def _quoting(rows: list[list[str]], dialect: Dialect) -> float:
    """A backslash before a quote or delimiter that is left within cells was meant as escape."""
    if dialect.escape or not any("\\" in cell for row in rows for cell in row):
        return 1.0
    signs = [f"\\{sign}" for sign in escaped_signs(dialect)]
    left = sum(
        any(sign in cell or cell.endswith("\\") for sign in signs) for row in rows for cell in row
    )
    return max(0.5, 1 - left / len(rows)) if left else 1.0
