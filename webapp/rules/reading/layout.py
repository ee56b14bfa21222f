"""Where the table is: what stands above it, its header, and what stands below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from webapp.rules.reading.endings import (
    count_filled,
    find_footer,
    find_next_table,
    find_repeats,
    text_of,
)
from webapp.rules.reading.headers import (
    are_labels,
    are_names,
    count_header_rows,
    has_header,
    is_group_row,
    is_of_kind,
    join_header,
    name_columns,
    strip_names,
    typed_columns,
)
from webapp.rules.reading.kinds import describe_column
from webapp.rules.reading.run_together import is_known_name
from webapp.rules.reading.tables import Choices, ColumnFound, Outside, OutsideKind

_WINDOW = 12
_FIRST_ROWS = 60
_BODY = 1_000

Row = Sequence[str]


@dataclass(slots=True)
class Layout:
    """Where a table is among rows. Row numbers are those of the rows, counted as they were."""

    header_line: int
    header_rows: int
    columns: tuple[str, ...]
    width: int
    raw_width: int = 0
    """How many cells its rows have, with those at the right that are always blank."""
    header_cells: tuple[str, ...] = ()
    """The last row of the header as it stands."""
    outside: tuple[Outside, ...] = ()
    """What stands above it."""
    body: list[Row] = field(default_factory=list)
    """The rows of the table that have its width."""
    all_rows: list[Row] = field(default_factory=list)
    """Those that are not blank."""

    @property
    def found(self) -> tuple[ColumnFound, ...]:
        """What each column holds."""
        return tuple(
            describe_column(name, [row[at] for row in self.body[:_BODY]])
            for at, name in enumerate(self.columns)
        )


def find_layout(
    rows: Sequence[Row],
    *,
    choices: Choices | None = None,
    start: int = 1,
    header: Sequence[str] | None = None,
) -> Layout | None:
    """Where the table is among rows that are numbered from ``start``; None where all are blank.

    ``header`` gives the header's cells where they had to be put right. `find_end` says where it
    ends.
    """
    choices = choices or Choices()
    filled = [count_filled(row) for row in rows]
    first = next((at for at, count in enumerate(filled) if count), None)
    if first is None:
        return None
    width = find_width(rows[first:])
    head = _find_head(rows, filled, first, width)
    if choices.header_line is not None:
        head = max(0, choices.header_line - start - max(0, (choices.header_rows or 1) - 1))
        head = min(head, len(rows) - 1)
    return _lay_out(rows, head, width, choices, start, header)


def find_width(rows: Sequence[Row]) -> int:
    """How many cells the rows of the first table have."""
    filled = [row for row in rows if count_filled(row)]
    sizes = [len(row) for row in filled]
    if not sizes:
        return 1
    common = Counter(sizes)
    usual = max(common, key=lambda size: (common[size] * (0.7 if size == 1 else 1.0), size))
    if usual == 1:
        return 1
    if len(sizes) == 2 and sizes[0] != sizes[1]:
        return _width_of_two(filled)
    for at in range(min(len(sizes), 400)):
        window = sizes[at : at + _WINDOW]
        size, count = max(Counter(window).items(), key=lambda item: (item[1], item[0]))
        if size > 1 and count >= 2 and count >= 0.6 * len(window):
            return size
    return usual


def _width_of_two(rows: Sequence[Row]) -> int:
    """Of a header and one record, the one with a blank cell too many is the one that is wrong."""
    if len(rows[0]) > 1 and abs(len(rows[0]) - len(rows[1])) > 1:
        return len(rows[0])
    short, long = sorted(rows, key=len)
    blank = len(long) - count_filled(long)
    return len(short) if 1 < len(short) == len(long) - 1 and blank else len(long)


def _find_head(rows: Sequence[Row], filled: Sequence[int], first: int, width: int) -> int:
    """The first row of the table: the one below titles and blank lines."""
    if width < 2:
        return _below_title(rows, filled, first)
    for at in range(first, min(len(rows), first + _FIRST_ROWS)):
        count, size = filled[at], len(rows[at])
        if not count:
            continue
        is_title = (
            count <= max(1, width // 3)
            if width > 2
            else count == 1
            and (size == 1 or not any(filled[at + 1 : at + 2]) or _is_above_names(rows, at))
        )
        below = rows[at + 1] if at + 1 < len(rows) else ()
        if size != width and len(below) == width and are_names(below) and not _is_sentence(below):
            is_title = is_title or not are_names(rows[at])
        if size == len(below) == width and is_group_row(rows[at]) and are_labels(below):
            is_title = False
        if at + 2 < len(rows) and count < width and not filled[at + 1]:
            # What stands above a blank line, with gaps, above a row of names.
            names = rows[at + 2]
            is_title = is_title or (len(names) == width and are_names(names))
        if not is_title and size >= width - max(1, width // 3):
            return at
    return first


def _is_above_names(rows: Sequence[Row], at: int) -> bool:
    """Is a row with one filled cell of two a title, going by names of both columns below it?"""
    names = rows[at + 1] if at + 1 < len(rows) else ()
    if not (rows[at][0].strip() and len(names) == 2 and are_names(names)):
        return False
    typed = typed_columns([row for row in rows[at + 2 : at + 2 + _BODY] if len(row) == 2])
    if typed:
        return not any(is_of_kind(names[column], kind) for column, kind in typed.items())
    return all(map(is_known_name, names))


def _is_sentence(row: Row) -> bool:
    """Is it prose rather than names?"""
    return any(len(cell.split()) >= 5 or len(cell) > 60 for cell in row)


def _below_title(rows: Sequence[Row], filled: Sequence[int], first: int) -> int:
    """In one column a line is a title where a blank line sets it apart from a header above several
    others. A name above a first record that is blank looks much the same."""
    rest = filled[first + 1 : first + 6]
    if len(rest) < 4 or rest[0] or not all(rest[1:]):
        return first
    title, header = "".join(rows[first]), rows[first + 2]
    if is_known_name(title) and not is_known_name("".join(header)):
        return first
    below = [row for row in rows[first + 3 : first + 3 + _BODY] if len(row) == len(header)]
    return first + 2 if has_header(header, below) else first


def _lay_out(
    rows: Sequence[Row],
    head: int,
    width: int,
    choices: Choices,
    start: int,
    header: Sequence[str] | None,
) -> Layout:
    below = [
        row for row in rows[head + 1 : head + 1 + _BODY] if len(row) == width and count_filled(row)
    ]
    top = list(rows[head]) if header is None else list(header)
    if choices.header_rows is not None:
        count = max(0, choices.header_rows)
    elif choices.header_line is not None or has_header(top, below):
        count = count_header_rows(rows[head:], width, below)
    else:
        count = 0
    if choices.header_rows is None and choices.header_line is None:
        while count > 1 and _is_sentence(rows[head]) and not _is_sentence(rows[head + 1]):
            # A title of as many cells as the table has.
            head, count, top = head + 1, count - 1, list(rows[head + 1])
    if count == 0 and choices.header_line is not None:
        head = min(len(rows), choices.header_line - start + 1)
    outside = _above(rows, head, start)
    if count:
        parts = [top, *(list(row) for row in rows[head + 1 : head + count])]
        raw_header = tuple(parts[-1])
        names = join_header(parts)
    else:
        raw_header, names = (), []
    first = head + count
    layout = Layout(start + first - 1, count, (), 0, raw_width=width, header_cells=raw_header)
    layout.outside = outside
    end = find_end(rows[first : first + 2 * _BODY], layout, choices, start=start + first)
    layout.all_rows = [row for row in rows[first : first + end.rows] if count_filled(row)]
    body = [row for row in layout.all_rows if len(row) == width]
    layout.body = [row for row in body if tuple(row) != raw_header] if end.repeats_header else body
    names = _fit_names(names, layout.body) if count else name_columns(layout.body, width)
    layout.columns, layout.width = tuple(names), len(names)
    return layout


@dataclass(slots=True)
class End:
    """Where a table ends: after so many of the rows below its header."""

    rows: int
    last_line: int = 0
    footer_rows: int = 0
    repeats_header: bool = False
    outside: tuple[Outside, ...] = ()


def find_end(
    rows: Sequence[Row],
    layout: Layout,
    choices: Choices,
    *,
    start: int,
    is_whole: bool = True,
    tail: Sequence[Row] = (),
) -> End:
    """Where a table ends whose rows begin below its header; ``start`` is the first one's number."""
    width, header = layout.raw_width, layout.header_cells
    if choices.last_line is not None:
        return End(min(len(rows), max(0, choices.last_line - start + 1)), choices.last_line)
    end = End(len(rows))
    repeats = find_repeats(rows, 0, header, width)
    next_table = find_next_table(rows, 0, header, width, repeats)
    if next_table is not None:
        end.rows = next_table
        repeats = [at for at in repeats if at < next_table]
        last = start + len(rows) - 1 if is_whole else None
        sample = text_of(rows[next_table])
        end.outside = (Outside(OutsideKind.SECOND_TABLE, start + next_table, last, sample),)
    if is_whole or next_table is not None:
        body = [row for row in rows[: end.rows] if len(row) == width]
        count, notes = find_footer(rows[: end.rows], width, body)
        end.rows -= count
        end.outside = tuple(_shift(item, start - 1) for item in notes) + end.outside
    else:
        body = [row for row in rows if len(row) == width]
        end.footer_rows, notes = find_footer(tail, width, body)
        end.outside += tuple(_shift(item, -len(tail) - 1) for item in notes)
    end.outside = (
        tuple(
            Outside(OutsideKind.REPEATED_HEADER, start + at, start + at, text_of(rows[at]))
            for at in repeats[:20]
        )
        + end.outside
    )
    end.repeats_header = bool(repeats)
    if end.rows < len(rows):
        # A row number of 0 says that the table goes on to the end of the file.
        end.last_line = max(1, start + end.rows - 1)
    return end


def _shift(item: Outside, by: int) -> Outside:
    last = item.first_row if item.last_row is None else item.last_row
    return Outside(item.kind, item.first_row + by, last + by, item.sample)


def _fit_names(names: list[str], body: Sequence[Row]) -> list[str]:
    """The names, and nameless columns at the right only where there is data in them."""
    size = len(names)
    names = strip_names(names)
    used = max(
        (
            at + 1
            for row in body
            for at in range(len(names), min(len(row), size))
            if row[at].strip()
        ),
        default=0,
    )
    return names + [""] * (used - len(names))


def _above(rows: Sequence[Row], head: int, start: int) -> tuple[Outside, ...]:
    titles = [at for at in range(head) if count_filled(rows[at])]
    if not titles:
        return ()
    sample = text_of(rows[titles[0]])
    return (Outside(OutsideKind.TITLE, start + titles[0], start + titles[-1], sample),)


def note_layout(layout: Layout, end: End, start: int = 1) -> tuple[str, ...]:
    """What was found, in sentences."""
    notes: list[str] = []
    count = layout.header_rows
    first = layout.header_line - count + 1
    if count == 0:
        notes.append("There is no header: columns are named by position and by what is in them.")
    elif count > 1:
        notes.append(f"The header is in rows {first} to {layout.header_line}.")
    elif first > 1:
        notes.append(f"The header is in row {first}.")
    if end.last_line:
        notes.append(f"The table ends in row {end.last_line}.")
    if end.footer_rows:
        rows = "row" if end.footer_rows == 1 else f"{end.footer_rows} rows"
        notes.append(f"The last {rows} of the file are not of the table.")
    if end.repeats_header:
        notes.append("The header stands again between the rows; there it is left out.")
    return tuple(notes)
