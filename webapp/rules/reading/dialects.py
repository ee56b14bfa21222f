"""How a text table is delimited, found from how consistently each way of reading it works out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from webapp.rules.reading.kinds import BLANK, CODE, TEXT, column_kind, kind_of
from webapp.rules.reading.layout import find_width
from webapp.rules.reading.rows import sample_rows
from webapp.rules.reading.tables import Choices, Dialect, name_delimiters

_MOST_RECORDS = 400
_MOST_TEXT = 100_000
_TYPED_ROWS = 120
_TYPED_COLUMNS = 60
_ONE_COLUMN = 0.35

_SEP_LINE = "sep="
_PRIORS = {
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
_WEAK = " :#"
"""What stands in ordinary text more often than between cells."""
_LONG = re.compile(r"[^\w\s\"'\\.()\[\]{}/@$€£+-]{2,4}|[,;|:] ")


@dataclass(frozen=True, slots=True)
class _Reading:
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
        prior = _PRIORS.get(delimiter, _LONG_PRIOR if len(delimiter) > 1 else 0.7)
        breadth = 1 - 1 / (2 * self.width)
        first = 1.0 if self.fits_first else 0.75
        if self.is_steady:
            prior = max(prior, 0.9)
        elif delimiter in _WEAK and not self.is_typed:
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


def named_delimiter(lines: Sequence[str]) -> str | None:
    """The delimiter that Excel's own first line ``sep=;`` names."""
    first = lines[0].strip("\r\n\ufeff").lower() if lines else ""
    named = first.removeprefix(_SEP_LINE) if first.startswith(_SEP_LINE) else ""
    return named if len(named) == 1 and not named.isalnum() else None


def find_dialect(
    parts: Sequence[list[str]], draft: Dialect, choices: Choices
) -> tuple[Dialect, str]:
    """The draft with delimiter, quote and escape, and the sentence that says what spoke for them.

    ``parts`` are lines from the beginning of the file and from other places in it.
    """
    named = named_delimiter(parts[0]) if parts else None
    if named and choices.delimiter is None:
        choices = replace(choices, delimiter=named)
    found = _find(parts, draft, choices)
    dialect = found.dialect
    if named == dialect.delimiter:
        note = f"Columns are separated by {name_delimiters(named)}: the first line says so."
    elif found.width < 2:
        note = "There is one column."
    else:
        note = (
            f"Columns are separated by {name_delimiters(dialect.delimiter)}: {found.share:.0%} of "
            f"the rows looked at have {found.width} cells."
        )
    return dialect, note


def _find(parts: Sequence[list[str]], draft: Dialect, choices: Choices) -> _Reading:
    first = _first_of(parts[0])
    delimiters = _candidates(first) if choices.delimiter is None else [choices.delimiter]
    text = "".join(first)
    readings = [
        _read(
            parts,
            first,
            replace(draft, delimiter=delimiter, quote=quote, escape=choices.escape or ""),
        )
        for delimiter in delimiters
        for quote in (_quotes(text, delimiter) if choices.quote is None else [choices.quote])
        if delimiter != quote
    ]
    if not readings:
        return _Reading(replace(draft, delimiter=choices.delimiter or ",", quote='"'))
    if choices.escape is None and "\\" in text:
        readings += _escaped_readings(parts, first, text, readings)
    best = _best(readings)
    if choices.delimiter is None and not best.beats_one_column and not _is_clear(best):
        return _one_column(first, readings, choices)
    return best


def _escaped_readings(
    parts: Sequence[list[str]], first: list[str], text: str, readings: list[_Reading]
) -> list[_Reading]:
    """The same with a backslash as escape, where it makes regular what else is not."""
    found: list[_Reading] = []
    for plain in sorted(readings, key=lambda item: -item.score)[:6]:
        dialect = plain.dialect
        if not any(f"\\{sign}" in text for sign in _escaped_signs(dialect)):
            continue
        sign, quote = re.escape(dialect.delimiter), dialect.quote
        if quote and _escapes_all(text, sign, quote):
            found.append(_read(parts, first, replace(dialect, escape="\\")))
            continue
        if plain.is_whole:
            continue
        if not quote and '""' in text:
            continue
        if any(
            "\\" + dialect.delimiter in line and line.count(dialect.delimiter) == plain.width - 1
            for line in first
        ):
            # Cells end in a backslash here, and the row has all of them.
            continue
        if quote and re.search(rf"(?<=[^{sign}\s\\]){quote}{quote}(?=[^{sign}\s])", text):
            # Quotes are doubled here.
            continue
        reading = _read(parts, first, replace(dialect, escape="\\"))
        if reading.share + reading.sound > plain.share + plain.sound:
            found.append(reading)
    return found


def _escapes_all(text: str, sign: str, quote: str) -> bool:
    """Has each quote within a cell a backslash before it?"""
    escaped = re.search(rf"\\{quote}(?!{sign}|[\r\n]|$)", text)
    bare = re.search(rf"(?<![\r\n\\])(?<!{sign}){quote}(?!{sign}|[\r\n]|$)", text[1:])
    return escaped is not None and bare is None


def _escaped_signs(dialect: Dialect) -> list[str]:
    return [dialect.quote or '"', dialect.delimiter]


def _first_of(lines: list[str]) -> list[str]:
    """As many lines from the beginning as the marks of a dialect are looked for in."""
    held = 0
    for at, line in enumerate(lines[:_MOST_RECORDS]):
        held += len(line)
        if held > _MOST_TEXT:
            return [each[:20_000] for each in lines[: at + 1]]
    return lines[:_MOST_RECORDS]


def _best(readings: list[_Reading]) -> _Reading:
    if any(reading.is_plain for reading in readings):
        # In every line, the header's among them, there are as many: no blank beats that.
        readings = [
            reading
            for reading in readings
            if reading.dialect.delimiter not in _WEAK and reading.fits_first
        ]
    best = max(readings, key=lambda item: (round(item.score, 3), not item.dialect.escape))
    for longer in sorted(readings, key=lambda item: len(item.dialect.delimiter)):
        # Comma and space where each comma has its space, and not the comma alone.
        if (
            longer.dialect.delimiter != best.dialect.delimiter
            and best.dialect.delimiter in longer.dialect.delimiter
            and longer.width == best.width
            and longer.share >= best.share - 0.02
            and longer.score >= 0.8 * best.score
            and longer.tidy >= best.tidy - 0.05
        ):
            best = longer
    return best


def _is_clear(reading: _Reading) -> bool:
    """Hardly a row fits: only a first row that is clearly delimited speaks for a table."""
    if reading.is_quoted and reading.width > 1:
        return True
    if not reading.fits_first or reading.dialect.delimiter not in ",;\t|":
        return False
    return reading.share > 0.98 or (
        reading.width > 2 and reading.tidy > 0.8 and reading.score > 0.1
    )


def _one_column(lines: list[str], readings: list[_Reading], choices: Choices) -> _Reading:
    """One column: any delimiter does that splits nothing; a comma that stands in no line."""
    draft = readings[0].dialect
    quote = _quote_of_one(lines) if choices.quote is None else choices.quote
    text = "".join(lines)
    free = next((sign for sign in ",;\t|~^\x1f" if sign not in text), ",")
    split_by = {
        reading.dialect.delimiter
        for reading in readings
        if reading.dialect.quote == quote and (reading.width > 1 or reading.share < 1.0)
    }
    if "," not in split_by or not any("," in line.strip("\r\n,") for line in lines):
        # Commas that only stand beside the cells are too many.
        free = ","
    return _Reading(
        replace(draft, delimiter=free, quote=quote, escape=choices.escape or ""), 1, 1.0
    )


def _quote_of_one(lines: list[str]) -> str:
    """The quote of a single column, whose cells all stand in it or need none."""
    cells = [line.strip("\r\n") for line in lines if line.strip()]
    quoted = sum(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells)
    needed = sum(cell[:1] == cell[-1:] == "'" and "," in cell for cell in cells)
    return "'" if quoted * 2 > len(cells) or needed > 1 else '"'


def _candidates(lines: list[str]) -> list[str]:
    """The delimiters that stand in at least a fair part of the lines."""
    filled = [line for line in lines if line.strip()]
    least = max(1, len(filled) // 5)
    text = "".join(filled)
    found = [
        sign
        for sign in _PRIORS
        if sign in text and sum(sign in line.strip("\r\n") for line in filled) >= least
    ]
    longer: Counter[str] = Counter()
    for line in filled[:100]:
        longer.update({match.group() for match in _LONG.finditer(line)})
    needed = max(1, min(len(filled), 100) // 3)
    found += [
        sign for sign, count in longer.most_common(8) if count >= needed and sign not in found
    ]
    return [*found, *(sign for sign in ",;\t|" if sign not in found)]


def _quotes(text: str, delimiter: str) -> list[str]:
    """The quotation marks that may stand around cells; the double one unless another does."""
    found = ['"']
    if "'" in text:
        sign = re.escape(delimiter)
        cells = re.findall(
            rf"(?:^|{sign})'((?:[^'\r\n]|'(?!{sign}|\r?$))*)'(?={sign}|\r?$)", text, re.MULTILINE
        )
        needed = sum(delimiter in cell or "''" in cell for cell in cells)
        # Or a text of several lines that stands in them as a whole.
        long = rf"(?:^|{sign})'(?:[^'\r\n]|'')*[\r\n](?:[^']|'')*'(?={sign}|\r?$)"
        needed += re.search(long, text, re.MULTILINE) is not None
        # A few cells that need no quotes may have these as text, where the names have none.
        first = text.lstrip("\r\n").partition("\n")[0]
        least = 4 if first.count("'") > 1 else 20
        if needed or len(cells) * 2 >= max(least, text.count("\n")):
            found.append("'")
    if '"' in text:
        found.append("")
    return found


def _read(parts: Sequence[list[str]], first: list[str], dialect: Dialect) -> _Reading:
    rows: list[list[str]] = []
    strays = 0
    for number, lines in enumerate(parts):
        if number and len(rows) < 20:
            # Cells so long that other parts are likely to begin within one.
            break
        held, most = 0, len(rows) + (_MOST_RECORDS if number == 0 else 40)
        for row, start, end in sample_rows(lines, dialect):
            held += sum(map(len, lines[start:end]))
            if len(rows) >= most or (held > _MOST_TEXT and len(rows) > 20):
                break
            if row is None or _swallows_rows(row, lines[start:end], dialect):
                strays += 1
                rows += [line.rstrip("\r\n").split(dialect.delimiter) for line in lines[start:end]]
            elif any(map(str.strip, row)):
                rows.append(row)
    if not rows:
        return _Reading(dialect)
    widths = Counter(map(len, rows))
    width = find_width(rows)
    if width < 2:
        return _Reading(dialect, 1, widths[1] / len(rows), sound=1 - strays / len(rows))
    regular = [row for row in rows if len(row) == width]
    share = len(regular) / len(rows) + _nearly(rows, regular, width, dialect)
    share = max(share, _share_in_runs(rows))
    purity, is_typed = _purity(regular)
    return _Reading(
        dialect,
        width,
        min(1.0, share),
        purity,
        _tidiness(regular, dialect),
        max(0.05, 1 - 1.5 * max(0, strays - 1) / len(rows) - 0.1 * (strays > 0))
        * _quoting(rows, dialect),
        is_typed or _stands_between_quotes(first, dialect),
        _is_all_quoted(first, dialect),
        not strays and all(len(row) == width for row in rows),
        _is_steady(rows, width) and not strays,
        len(rows[0]) == width,
        _whole_purity(first),
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


def _quoting(rows: list[list[str]], dialect: Dialect) -> float:
    """A backslash before a quote or delimiter that is left within cells was meant as escape."""
    if dialect.escape or not any("\\" in cell for row in rows for cell in row):
        return 1.0
    signs = [f"\\{sign}" for sign in _escaped_signs(dialect)]
    left = sum(
        any(sign in cell or cell.endswith("\\") for sign in signs) for row in rows for cell in row
    )
    return max(0.5, 1 - left / len(rows)) if left else 1.0


def find_line_ending(lines: list[str]) -> str:
    """The line ending most lines have."""
    kinds = Counter(
        "\r\n" if line.endswith("\r\n") else line[-1:]
        for line in lines
        if line.endswith(("\n", "\r"))
    )
    return kinds.most_common(1)[0][0] if kinds else ""


_ROWS_TO_TELL = 12


def leaves_out_trailing_blanks(rows: list[list[str]], width: int) -> bool:
    """Some programs leave out the blank cells at the end of a row.

    Then no row ends in a blank cell at all; where some do, a short row has lost a delimiter.
    """
    full = [row for row in rows if any(map(str.strip, row))]
    short = sum(len(row) < width for row in full)
    sizes = {len(row) for row in full}
    if len(full) > 5 and len(sizes) == 1 and 0.8 * width <= max(sizes) < width:
        # No row has the last columns at all.
        return True
    # Of a few rows, those that are short may as well all have been cut.
    return (
        width > 1
        and len(full) >= _ROWS_TO_TELL
        and short >= max(3, len(full) // 20)
        and all(row[-1].strip() for row in full)
        and any(len(row) == width for row in full)
    )
