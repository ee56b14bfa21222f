"""One row of a table spoilt: each row, each column, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.reading_corpus.ambiguity import readings_of_long, readings_of_short
from tests.reading_corpus.cases import Case
from tests.reading_corpus.tables import SINGLE, TABLES, WIDE, Row, Table
from tests.reading_corpus.writing import RFC, Style, join, write_cell, write_lines, write_row

STYLES = (RFC, Style(";"), Style("\t"))


def _places(table: Table, *, columns: int) -> Iterator[tuple[int, int]]:
    """Every row and column; of a very wide table, some of its columns."""
    step = max(1, columns // 12)
    for row in range(len(table.rows)):
        for column in range(row % step, columns, step):
            yield row, column


def _tables() -> Iterator[tuple[Table, Style]]:
    for at, table in enumerate(TABLES):
        yield table, STYLES[at % len(STYLES)]
        yield table, RFC
    yield WIDE, RFC
    yield SINGLE, RFC


def _with_line(table: Table, style: Style, row: int, line: str) -> bytes:
    """The file with one of its lines (-1: the header) written otherwise."""
    lines = write_lines((table.header, *table.rows), style)
    lines[row + 1] = line
    return join(lines, style.ending).encode()


def _cells(row: Row, style: Style) -> list[str]:
    return [write_cell(cell, style) for cell in row]


def missing_delimiters() -> Iterator[Case]:
    """A delimiter left out, in each row between any two cells."""
    for table, style in _tables():
        for row, column in _places(table, columns=table.width - 1):
            cells = _cells(table.rows[row], style)
            line = style.delimiter.join(
                (*cells[:column], cells[column] + cells[column + 1], *cells[column + 2 :])
            )
            free = {} if _is_clear(table, style, row, column) else {row: ()}
            yield Case(
                "a delimiter missing in a row",
                f"{table.name} row {row} column {column}",
                _with_line(table, style, row, line),
                table,
                free,
            )


def _is_clear(table: Table, style: Style, row: int, column: int) -> bool:
    """Only one place for the delimiter leaves every cell looking as its column does."""
    if len(table.rows) < 3:
        return False
    clean = table.rows[row]
    left, right = clean[column], clean[column + 1]
    quoted = [write_cell(cell, style).startswith(style.quote) for cell in (left, right)]
    if any(quoted):
        # A quote in the middle of the text shows where one cell ends; two of them look like one
        # that is doubled.
        return not all(quoted) and bool(left) and bool(right)
    merged = (*clean[:column], left + right, *clean[column + 2 :])
    return readings_of_short(merged, table) == {clean}


def extra_delimiters() -> Iterator[Case]:
    """A delimiter too many, in each row before any cell and behind the last."""
    for table, style in _tables():
        for row, column in _places(table, columns=table.width + 1):
            clean = table.rows[row]
            cells = _cells(clean, style)
            line = style.delimiter.join((*cells[:column], "", *cells[column:]))
            long = (*clean[:column], "", *clean[column:])
            is_clear = len(table.rows) > 2 and readings_of_long(long, style.delimiter, table) == {
                clean
            }
            yield Case(
                "a delimiter too many in a row",
                f"{table.name} row {row} column {column}",
                _with_line(table, style, row, line),
                table,
                {} if is_clear or column == table.width else {row: ()},
            )


def lost_cells() -> Iterator[Case]:
    """A cell left out with its delimiter, and a row cut short: what was there nobody can tell."""
    for table, style in _tables():
        for row, column in _places(table, columns=table.width):
            if table.width == 1:
                continue
            clean = table.rows[row]
            cells = _cells(clean, style)
            for kind, left in (
                ("a cell missing in a row", (*cells[:column], *cells[column + 1 :])),
                ("a row cut short", tuple(cells[: column or 1])),
            ):
                if not any(left):
                    continue
                blank = (*clean[:column], "", *clean[column + 1 :])
                yield Case(
                    kind,
                    f"{table.name} row {row} column {column}",
                    _with_line(table, style, row, style.delimiter.join(left)),
                    table,
                    {row: (blank,) if len(left) == table.width - 1 else ()},
                )


def spoilt_headers() -> Iterator[Case]:
    """A delimiter missing, too many, or a quote too many in the header."""
    for table, style in _tables():
        if len(table.rows) < 3:
            continue
        for column in range(0, table.width, max(1, table.width // 12)):
            cells = _cells(table.header, style)
            line = style.delimiter.join((*cells[:column], "", *cells[column:]))
            name = f"{table.name} column {column}"
            yield Case(
                "a delimiter too many in the header",
                name,
                _with_line(table, style, -1, line),
                table,
            )
            for kind, cell in (("before", '"' + cells[column]), ("behind", cells[column] + '"')):
                line = style.delimiter.join((*cells[:column], cell, *cells[column + 1 :]))
                yield Case(
                    "a quote too many in the header",
                    f"{name} {kind}",
                    _with_line(table, style, -1, line),
                    table,
                    names_may_differ=frozenset({column}),
                )
            if column + 1 < table.width:
                line = style.delimiter.join(
                    (*cells[:column], cells[column] + cells[column + 1], *cells[column + 2 :])
                )
                yield Case(
                    "a delimiter missing in the header",
                    name,
                    _with_line(table, style, -1, line),
                    table,
                    names_may_differ=frozenset(range(table.width)),
                )


def stray_quotes() -> Iterator[Case]:
    """A quote too many at the beginning, in the middle and at the end of each cell."""
    for table, style in _tables():
        for row, column in _places(table, columns=table.width):
            clean = table.rows[row]
            cells = _cells(clean, style)
            cell = clean[column]
            half = len(cell) // 2
            for where, spoilt in (
                ("beginning", '"' + cell),
                ("middle", cell[:half] + '"' + cell[half:]),
                ("end", cell + '"'),
            ):
                if where == "middle" and not 0 < half < len(cell):
                    continue
                line, free = _with_stray(cells, column, cell, where, style)
                kept = (*clean[:column], spoilt, *clean[column + 1 :])
                # In a text the quote is a character. A number, a date or a code that has one is
                # read without it, or set aside.
                is_text = not _is_definite(cell)
                rows = (*table.rows[:row], kept if is_text else clean, *table.rows[row + 1 :])
                yield Case(
                    f"a stray quote at the {where} of a cell",
                    f"{table.name} row {row} column {column}",
                    _with_line(table, style, row, line),
                    Table(table.name, table.header, rows, table.forms),
                    {row: ()} if free or not is_text else {},
                )


def _is_definite(cell: str) -> bool:
    """A number, a date, a code, an address on the web: no words, and no sign that is not meant."""
    has_words = re.search(r"[^\W\d_]{2,} [^\W\d_]{2,}", cell) is not None
    return not has_words and re.search(r"[\d@]", cell) is not None


def _with_stray(
    cells: list[str], column: int, cell: str, where: str, style: Style
) -> tuple[str, bool]:
    """The line, and whether the quote could as well be one that belongs."""
    written = cells[column]
    if written.startswith('"'):
        inner = written[1:-1]
        half = len(cell[: len(cell) // 2].replace('"', '""'))
        new = {
            "beginning": '""' + inner + '"',
            "middle": '"' + inner[:half] + '"' + inner[half:] + '"',
            "end": '"' + inner + '""',
        }[where]
        # Beside a quote of the text, which is doubled, there are three in a row.
        doubled = '"""' in new[1:-1] or '""' in (inner[:2], inner[-2:])
    else:
        half = len(cell) // 2
        new = {
            "beginning": '"' + cell,
            "middle": cell[:half] + '"' + cell[half:],
            "end": cell + '"',
        }[where]
        doubled = False
    # A blank cell with one quote, and one quote before what ends with one, open a quoted cell.
    free = not cell or doubled or len(cells) < 2
    return style.delimiter.join((*cells[:column], new, *cells[column + 1 :])), free


def other_delimiters() -> Iterator[Case]:
    """Each row in another delimiter than the rest."""
    for table in (*TABLES, WIDE):
        for here, there in ((RFC, Style(";")), (Style(";"), RFC), (Style("\t"), RFC),
                            (RFC, Style(" ")), (RFC, Style("|"))):  # fmt: skip
            for row in range(len(table.rows)):
                line = write_row(table.rows[row], there)
                yield Case(
                    "a row in another delimiter",
                    f"{table.name} row {row} {there.delimiter!r} among {here.delimiter!r}",
                    _with_line(table, here, row, line),
                    table,
                )


def control_characters() -> Iterator[Case]:
    """A NUL or another control character in each row."""
    for table, style in _tables():
        for row in range(len(table.rows)):
            column = row % table.width
            clean = table.rows[row]
            for sign in ("\x00", "\x01", "\x1f", "\x7f"):
                cell = clean[column][:1] + sign + clean[column][1:]
                spoilt = (*clean[:column], cell, *clean[column + 1 :])
                accepted = () if sign == "\x00" else (spoilt,)
                kind = "a NUL in a row" if sign == "\x00" else "a control character in a row"
                data = _with_line(table, style, row, write_row(spoilt, style))
                yield Case(kind, f"{table.name} row {row}", data, table, {row: accepted})


def half_last_lines() -> Iterator[Case]:
    """The file ends somewhere within its last row."""
    for table, style in _tables():
        if len(table.rows) < 3:
            continue
        lines = write_lines((table.header, *table.rows), style)
        last, whole = lines[-1], join(lines[:-1], style.ending)
        for cut in range(1, min(len(last), 120)):
            row = len(table.rows) - 1
            accepted: tuple[Row, ...] = ()
            begun = sum(len(cell) + 1 for cell in _cells(table.rows[-1], style)[:-1])
            if cut >= begun:
                cell = last[begun:cut]
                clean = table.rows[-1][:-1]
                inner = cell[1:].replace('""', '"')
                accepted = tuple((*clean, text) for text in (cell, inner, inner.removesuffix('"')))
            yield Case(
                "half a last line",
                f"{table.name} {cut}",
                (whole + last[:cut]).encode(),
                table,
                {row: accepted},
            )


def every() -> Iterator[Case]:
    """All of these."""
    yield from missing_delimiters()
    yield from extra_delimiters()
    yield from lost_cells()
    yield from spoilt_headers()
    yield from stray_quotes()
    yield from other_delimiters()
    yield from control_characters()
    yield from half_last_lines()
