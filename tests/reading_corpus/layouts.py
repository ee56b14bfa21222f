"""Tables with something above, below or beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tests.reading_corpus.cases import Case
from tests.reading_corpus.styles import text_of
from tests.reading_corpus.tables import (
    CODES,
    DONORS,
    NUMBERS,
    SINGLE,
    TABLES,
    WIDE,
    Row,
    Table,
    build,
)
from tests.reading_corpus.writing import RFC, Style, join, write_lines

STYLES = (RFC, Style(";"), Style("\t"), Style(ending="\n", quotes_all=True))


def _each() -> Iterator[tuple[Table, Style]]:
    for table in (*TABLES, WIDE):
        for style in STYLES:
            yield table, style


def preambles() -> Iterator[Case]:
    """A title, notes or blank lines above the header."""
    for table, style in _each():
        padding = style.delimiter * (table.width - 1)
        delimiter = style.delimiter
        for kind, lines in (
            ("a title above", ["Donor list"]),
            ("a title above", ["Riverbend Food Bank: gifts of the year, by fund", ""]),
            ("a title above", ["Donor list" + padding, padding]),
            ("a title above", ["Donor list" + padding]),
            ("blank lines above", ["", "", ""]),
            ("blank lines above", [padding, padding]),
            ("notes above", ["Report: Donors", "Date: 11/22/2026", ""]),
            ("notes above", [f"Report{delimiter}Donors", f"Date{delimiter}11/22/2026", ""]),
            ("notes above", ["# exported by the donor system", "# do not edit"]),
            ("notes above", ["Riverbend Food Bank", "", "Printed on 11/22/2026 by dana", "", ""]),
            ("the line sep= above", [f"sep={delimiter}"]),
        ):
            data = (join(lines, style.ending) + text_of(table, style)).encode()
            yield Case(kind, f"{table.name} {lines[0][:20]}", data, table)


def footers() -> Iterator[Case]:
    """Notes or totals below the last record."""
    for table, style in _each():
        padding = style.delimiter * (table.width - 1)
        for kind, lines in (
            ("notes below", ["", "End of report"]),
            ("notes below", ["End of report"]),
            ("notes below", [padding, "Printed on 11/22/2026 by dana" + padding]),
            ("notes below", ["", "", "Confidential. Do not forward.", "Page 1 of 1"]),
            ("totals below", [f"Total{padding}"]),
            ("totals below", [f"{len(table.rows)} records"]),
            ("totals below", ["", f"Total records{style.delimiter}{len(table.rows)}"]),
            ("blank lines below", [padding, padding, ""]),
        ):
            data = (text_of(table, style) + join(lines, style.ending)).encode()
            yield Case(kind, f"{table.name} {lines[-1][:20]}", data, table)
    yield from _sums()


def _sums() -> Iterator[Case]:
    table = build("numbers", NUMBERS, 24)
    gifts = sum(int(row[3]) for row in table.rows)
    sums = [f"{sum(float(row[at]) for row in table.rows):.2f}" for at in (1, 2)]
    for word in ("Total", "TOTALS", "Grand total:", "Sum"):
        for style in STYLES:
            row = (word, *sums, str(gifts), "", "")
            for gap in ((), ("",)):
                data = text_of(table, style) + join(
                    [*gap, *write_lines([row], style)], style.ending
                )
                yield Case("totals below", f"{table.name} {word}", data.encode(), table)


def headers_of_several_rows() -> Iterator[Case]:
    """Groups above the names, or units below them."""
    for table, style in _each():
        groups = tuple(
            "Person" if at < table.width // 2 else "Details" for at in range(table.width)
        )
        gaps = tuple(
            group if at == 0 or group != groups[at - 1] else "" for at, group in enumerate(groups)
        )
        for count, above in ((2, (groups,)), (2, (table.header,)), (3, (groups, groups))):
            header = tuple(
                " ".join((*parts, name)) for *parts, name in zip(*above, table.header, strict=True)
            )
            yield _under(f"a header of {count} rows", above, table, style, header)
        filled = tuple(f"{group} {name}" for group, name in zip(groups, table.header, strict=True))
        yield _under("a header of 2 rows, the upper with gaps", (gaps,), table, style, filled)


def _under(kind: str, above: tuple[Row, ...], table: Table, style: Style, header: Row) -> Case:
    lines = join(write_lines(above, style), style.ending)
    return Case(kind, table.name, (lines + text_of(table, style)).encode(), table, header=header)


def no_header() -> Iterator[Case]:
    """Only records. Left out: tables of mere text, where nobody can tell."""
    for table, style in _each():
        if table.name in ("texts",):
            continue
        data = text_of(table, style, header=False).encode()
        yield Case("no header", table.name, data, table, has_header=False)


def second_tables() -> Iterator[Case]:
    """Another table below the first, narrower, as wide, or wider."""
    for table, style in _each():
        for kind, width in (
            ("a narrower table below", max(2, table.width // 2)),
            ("a table as wide below", table.width),
            ("a wider table below", table.width + 3),
        ):
            other = _other(width)
            for gap in ("", style.ending, style.ending * 3):
                if table.width == width and not gap:
                    continue  # nobody can tell where a table of the same width begins
                data = (text_of(table, style) + gap + text_of(other, style)).encode()
                yield Case(kind, f"{table.name} {len(gap)}", data, table)


def _other(width: int) -> Table:
    few = (*CODES[:3], *DONORS[1:6], *NUMBERS[:3])
    columns = [
        dataclasses.replace(few[at % len(few)], name=f"{few[at % len(few)].name} II {at}")
        for at in range(width)
    ]
    return build(f"second {width}", tuple(columns), 9)


def repeated_headers() -> Iterator[Case]:
    """The header again on each page of a report."""
    for table, style in _each():
        header, *lines = write_lines((table.header, *table.rows), style)
        paged = [header]
        for at, line in enumerate(lines):
            if at and at % 8 == 0:
                paged.append(header)
            paged.append(line)
        data = join(paged, style.ending).encode()
        yield Case("the header again on each page", table.name, data, table)


def empty_columns() -> Iterator[Case]:
    """Delimiters at the end of every row, with nothing between them."""
    for table, style in _each():
        for count in (1, 4):
            lines = [
                line + style.delimiter * count
                for line in write_lines((table.header, *table.rows), style)
            ]
            data = join(lines, style.ending).encode()
            yield Case("empty columns on the right", f"{table.name} {count}", data, table)


def blank_rows() -> Iterator[Case]:
    """A blank line after every record, or after some."""
    for table, style in _each():
        lines = write_lines((table.header, *table.rows), style)
        for every_one in (True, False):
            spaced = [
                part
                for at, line in enumerate(lines)
                for part in ((line, "") if every_one or at % 5 == 3 else (line,))
            ]
            data = join(spaced, style.ending).encode()
            yield Case("blank lines between rows", table.name, data, table)


def header_only() -> Iterator[Case]:
    """A header without rows."""
    for table in (*TABLES, WIDE):
        for style in STYLES:
            empty = dataclasses.replace(table, rows=())
            yield Case("a mere header", table.name, text_of(empty, style).encode(), empty)


def single_rows() -> Iterator[Case]:
    """A header and one row."""
    for style in STYLES:
        yield Case("one row", SINGLE.name, text_of(SINGLE, style).encode(), SINGLE)


def every() -> Iterator[Case]:
    """All of these."""
    yield from preambles()
    yield from footers()
    yield from headers_of_several_rows()
    yield from no_header()
    yield from second_tables()
    yield from repeated_headers()
    yield from empty_columns()
    yield from blank_rows()
    yield from header_only()
    yield from single_rows()
