"""How a text table is delimited, found from how consistently each way of reading it works out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from webapp.rules.reading.consistency import (
    MOST_RECORDS,
    MOST_TEXT,
    PRIORS,
    WEAK,
    Trial,
    escaped_signs,
    try_dialect,
)
from webapp.rules.reading.tables import Choices, Dialect, name_delimiters

_SEP_LINE = "sep="
_LONG = re.compile(r"[^\w\s\"'\\.()\[\]{}/@$€£+-]{2,4}|[,;|:] ")


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


def _find(parts: Sequence[list[str]], draft: Dialect, choices: Choices) -> Trial:
    first = _first_of(parts[0])
    delimiters = _candidates(first) if choices.delimiter is None else [choices.delimiter]
    text = "".join(first)
    trials = [
        try_dialect(
            parts,
            first,
            replace(draft, delimiter=delimiter, quote=quote, escape=choices.escape or ""),
        )
        for delimiter in delimiters
        for quote in (_quotes(text, delimiter) if choices.quote is None else [choices.quote])
        if delimiter != quote
    ]
    if not trials:
        return Trial(replace(draft, delimiter=choices.delimiter or ",", quote='"'))
    if choices.escape is None and "\\" in text:
        trials += _escaped_trials(parts, first, text, trials)
    best = _best(trials)
    if choices.delimiter is None and not best.beats_one_column and not _is_clear(best):
        return _one_column(first, trials, choices)
    return best


def _escaped_trials(
    parts: Sequence[list[str]], first: list[str], text: str, trials: list[Trial]
) -> list[Trial]:
    """The same with a backslash as escape, where it makes regular what else is not."""
    found: list[Trial] = []
    for plain in sorted(trials, key=lambda item: -item.score)[:6]:
        dialect = plain.dialect
        if not any(f"\\{sign}" in text for sign in escaped_signs(dialect)):
            continue
        sign, quote = re.escape(dialect.delimiter), dialect.quote
        if quote and _escapes_all(text, sign, quote):
            found.append(try_dialect(parts, first, replace(dialect, escape="\\")))
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
        trial = try_dialect(parts, first, replace(dialect, escape="\\"))
        if trial.share + trial.sound > plain.share + plain.sound:
            found.append(trial)
    return found


def _escapes_all(text: str, sign: str, quote: str) -> bool:
    """Has each quote within a cell a backslash before it?"""
    escaped = re.search(rf"\\{quote}(?!{sign}|[\r\n]|$)", text)
    bare = re.search(rf"(?<![\r\n\\])(?<!{sign}){quote}(?!{sign}|[\r\n]|$)", text[1:])
    return escaped is not None and bare is None


def _first_of(lines: list[str]) -> list[str]:
    """As many lines from the beginning as the marks of a dialect are looked for in."""
    held = 0
    for at, line in enumerate(lines[:MOST_RECORDS]):
        held += len(line)
        if held > MOST_TEXT:
            return [each[:20_000] for each in lines[: at + 1]]
    return lines[:MOST_RECORDS]


def _best(trials: list[Trial]) -> Trial:
    if any(trial.is_plain for trial in trials):
        # In every line, the header's among them, there are as many: no blank beats that.
        trials = [
            trial for trial in trials if trial.dialect.delimiter not in WEAK and trial.fits_first
        ]
    best = max(trials, key=lambda item: (round(item.score, 3), not item.dialect.escape))
    for longer in sorted(trials, key=lambda item: len(item.dialect.delimiter)):
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


def _is_clear(trial: Trial) -> bool:
    """Hardly a row fits: only a first row that is clearly delimited speaks for a table."""
    if trial.is_quoted and trial.width > 1:
        return True
    if not trial.fits_first or trial.dialect.delimiter not in ",;\t|":
        return False
    return trial.share > 0.98 or (trial.width > 2 and trial.tidy > 0.8 and trial.score > 0.1)


def _one_column(lines: list[str], trials: list[Trial], choices: Choices) -> Trial:
    """One column: any delimiter does that splits nothing; a comma that stands in no line."""
    draft = trials[0].dialect
    quote = _quote_of_one(lines) if choices.quote is None else choices.quote
    text = "".join(lines)
    free = next((sign for sign in ",;\t|~^\x1f" if sign not in text), ",")
    split_by = {
        trial.dialect.delimiter
        for trial in trials
        if trial.dialect.quote == quote and (trial.width > 1 or trial.share < 1.0)
    }
    if "," not in split_by or not any("," in line.strip("\r\n,") for line in lines):
        # Commas that only stand beside the cells are too many.
        free = ","
    return Trial(replace(draft, delimiter=free, quote=quote, escape=choices.escape or ""), 1, 1.0)


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
        for sign in PRIORS
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
