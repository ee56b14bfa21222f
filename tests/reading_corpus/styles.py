"""Tables written in every style and encoding."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tests.reading_corpus.cases import Case
from tests.reading_corpus.tables import DONORS as DONOR_COLUMNS
from tests.reading_corpus.tables import (
    EVERY,
    ONE_OF_TEXT,
    SINGLE,
    TABLES,
    TWO_ROWS,
    WIDE,
    Row,
    Table,
    build,
)
from tests.reading_corpus.writing import RFC, Style, join, write_lines

DELIMITERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "pipe": "|",
    "colon": ":",
    "caret": "^",
    "space": " ",
    "comma and space": ", ",
    "double pipe": "||",
    "tilde and pipe": "~|~",
    "double colon": "::",
}
ENDINGS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}


def text_of(table: Table, style: Style = RFC, *, header: bool = True) -> str:
    """The whole file."""
    rows = (table.header, *table.rows) if header else table.rows
    return join(write_lines(rows, style), style.ending)


def with_newlines(table: Table, ending: str) -> Table:
    """The table with this line ending within its cells: a program has only one."""
    rows = tuple(tuple(cell.replace("\n", ending) for cell in row) for row in table.rows)
    return dataclasses.replace(table, rows=rows)


def plain(table: Table, *signs: str) -> Table:
    """The table without these signs, and without quotes and line ends: it needs no quotes."""

    def strip(cell: str) -> str:
        for sign in ('"', "\n", *signs):
            cell = cell.replace(sign, "-")
        return cell

    rows: tuple[Row, ...] = tuple(tuple(map(strip, row)) for row in table.rows)
    header = tuple(map(strip, table.header))
    return dataclasses.replace(table, rows=rows, header=header)


def everything_rfc_4180_allows() -> Iterator[Case]:
    """Commas, quotes doubled, CRLF or LF, with or without a last one, all or few cells quoted."""
    for table in EVERY:
        for ending in ("\r\n", "\n"):
            shown = with_newlines(table, ending)
            for quotes_all in (False, True):
                text = text_of(shown, Style(ending=ending, quotes_all=quotes_all))
                for cut in (text, text.removesuffix(ending)):
                    yield Case("RFC 4180", f"{table.name} {ending!r}", cut.encode(), shown)


def delimiters() -> Iterator[Case]:
    """Every delimiter, with few and with all cells quoted."""
    for name, delimiter in DELIMITERS.items():
        for table in (*TABLES, WIDE, SINGLE, TWO_ROWS):
            for quotes_all in (False, True):
                style = Style(delimiter, quotes_all=quotes_all)
                data = text_of(table, style).encode()
                yield Case(f"delimiter: {name}", f"{table.name} {quotes_all}", data, table)


def quotes() -> Iterator[Case]:
    """Each quote and escape with each of the usual delimiters."""
    for delimiter in ",;\t|":
        for table in (*TABLES, ONE_OF_TEXT, WIDE, TWO_ROWS):
            if table.width == 1 and delimiter != ",":
                continue
            for kind, style in (
                ("quote: '", Style(delimiter, "'")),
                ("quote: ' around every cell", Style(delimiter, "'", quotes_all=True)),
                ("escape: backslash", Style(delimiter, escape="\\")),
                ("escape: backslash, all quoted", Style(delimiter, escape="\\", quotes_all=True)),
            ):
                yield Case(kind, table.name, text_of(table, style).encode(), table)
            bare = plain(table, delimiter)
            yield Case(
                "quote: none", table.name, text_of(bare, Style(delimiter, "")).encode(), bare
            )


def line_endings() -> Iterator[Case]:
    """Each line ending; several in one file; none or two at the end."""
    for name, ending in ENDINGS.items():
        for table in EVERY:
            shown = with_newlines(table, ending)
            style = Style(ending=ending)
            text = text_of(shown, style)
            yield Case(f"line ending: {name}", table.name, text.encode(), shown)
            yield Case(
                "no newline at the end", table.name, text.removesuffix(ending).encode(), shown
            )
            yield Case("two newlines at the end", table.name, (text + ending).encode(), shown)
    for table in EVERY:
        lines = write_lines((table.header, *table.rows), RFC)
        mixed = "".join(line + ("\r\n", "\n", "\n", "\r")[at % 4] for at, line in enumerate(lines))
        yield Case("line ending: mixed", table.name, mixed.encode(), table)


WESTERN = build("western names", DONOR_COLUMNS, 40)
_POLISH = ("Łukasz Żółć", "Świętosława", "Grażyna Wójcik", "Dvořák", "Šimůnková", "Kovačević",
           "Příbram", "Łódź", "Kraków", "Čapek", "Ñandú")  # fmt: skip


def _central() -> Table:
    rows = tuple(
        (str(at), _POLISH[at % 10], _POLISH[(at * 3 + 1) % 10], f"p{at}@example.org")
        for at in range(40)
    )
    forms = WESTERN.forms[:4]
    return Table("central names", ("No", "Name", "Town", "Email"), rows, forms)


CENTRAL = _central()


def _with_euros() -> Table:
    rows = tuple((*row[:8], f"{at} €") for at, row in enumerate(WESTERN.rows))
    return dataclasses.replace(WESTERN, rows=rows)


def _with_typography() -> Table:
    rows = tuple((*row[:4], f"“{row[4]}” – don’t call…", *row[5:]) for row in WESTERN.rows)
    return dataclasses.replace(WESTERN, rows=rows)


def encodings() -> Iterator[Case]:
    """Each encoding with names that have accents in it."""
    for kind, table, codec in (
        ("UTF-8", WESTERN, "utf-8"),
        ("UTF-8", CENTRAL, "utf-8"),
        ("UTF-8 with BOM", WESTERN, "utf-8-sig"),
        ("UTF-16 with BOM", WESTERN, "utf-16"),
        ("UTF-16 with BOM", CENTRAL, "utf-16"),
        ("UTF-16 without BOM", WESTERN, "utf-16-le"),
        ("UTF-16 without BOM", WESTERN, "utf-16-be"),
        ("UTF-16 without BOM", CENTRAL, "utf-16-le"),
        ("Windows-1252", WESTERN, "cp1252"),
        ("Windows-1252", _with_typography(), "cp1252"),
        ("Windows-1252", _with_euros(), "cp1252"),
        ("ISO-8859-1", WESTERN, "iso8859-1"),
        ("ISO-8859-2", CENTRAL, "iso8859-2"),
        ("ISO-8859-15", WESTERN, "iso8859-15"),
        ("ISO-8859-15", _with_euros(), "iso8859-15"),
        ("Mac Roman", WESTERN, "mac-roman"),
        ("Mac Roman", _with_typography(), "mac-roman"),
    ):
        for delimiter in ",;\t":
            for ending in ("\r\n", "\n") if kind != "Mac Roman" else ("\r", "\n"):
                text = text_of(table, Style(delimiter, ending=ending))
                name = f"{table.name} {codec} {delimiter!r}"
                yield Case(f"encoding: {kind}", name, text.encode(codec), table)
    for at in range(len(WESTERN.rows)):
        lines = write_lines((WESTERN.header, *WESTERN.rows), RFC)
        data = b"".join(
            (line + "\r\n").encode("cp1252" if number == at + 1 else "utf-8")
            for number, line in enumerate(lines)
        )
        yield Case("encoding: UTF-8 with one row in Windows-1252", f"row {at}", data, WESTERN)


def every() -> Iterator[Case]:
    """All of these."""
    yield from everything_rfc_4180_allows()
    yield from delimiters()
    yield from quotes()
    yield from line_endings()
    yield from encodings()
