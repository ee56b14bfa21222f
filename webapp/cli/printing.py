"""What `inspect` and `clean` say to a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webapp.rules.reading import DELIMITER_NAMES

WIDEST = 60
OUTSIDE_WORDS = {
    "title": "a title or notes above the table",
    "notes": "notes",
    "totals": "totals",
    "second_table": "another table",
    "repeated_header": "the header again",
}
LINE_ENDINGS = {"\n": "LF", "\r\n": "CRLF", "\r": "CR", "": "none"}


def print_found(told: Mapping[str, Any]) -> None:
    """The whole of `inspect`, a paragraph for each thing."""
    for line in _lines(told):
        print(line)


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['file']}: {_what(told)}"
    yield f"  {_where(told)}"
    for sentence in told["notes"]:
        yield f"  {sentence}"
    for sheet in told["sheets"]:
        hidden = ", hidden" if sheet["is_hidden"] else ""
        rows = plural(sheet["rows"], "row")
        yield f"  Has also been found in it: {sheet['name']} ({rows}{hidden})"
    yield ""
    yield from _column_lines(told["columns"])
    if told["outside"]:
        yield ""
        yield from outside_lines(told["outside"])
    yield from _irregular_lines(told["irregular"])
    yield from _damage_lines(told)


def _what(told: Mapping[str, Any]) -> str:
    if told["kind"] != "csv":
        if told["encoding"]:
            return f"a web page (HTML), {told['encoding']}, {told['sheet']}"
        return f"a workbook, sheet {told['sheet']}"
    quote = f"quote {told['quote']}" if told["quote"] else "no quotes"
    escape = f" escaped with {told['escape']}" if told["escape"] else ""
    return (
        f"{told['encoding']}, {named(told['delimiter'])}, {quote}{escape}, "
        f"lines end with {LINE_ENDINGS.get(told['line_ending'], 'several signs')}"
    )


def named(delimiter: str) -> str:
    """A delimiter in words where it has a name."""
    return DELIMITER_NAMES.get(delimiter, f"“{delimiter}”")


def plural(count: int, one: str) -> str:
    """1 row, 2,000 rows."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def _where(told: Mapping[str, Any]) -> str:
    header, table = told["header"], told["table"]
    count = f"{plural(table['rows'], 'row')} × {plural(table['columns'], 'column')}"
    if not table["is_complete"]:
        count = f"the first {count}"
    if not header["rows"]:
        return f"{count}; no header: the columns are named by position."
    first = header["row"] - header["rows"] + 1
    rows = f"row {header['row']}" if header["rows"] == 1 else f"rows {first}–{header['row']}"
    return f"{count}; the header is in {rows}."


def _column_lines(columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    widest = min(max((len(shown(column["name"])) for column in columns), default=0), 30)
    for position, column in enumerate(columns, start=1):
        fill = "" if column["fill"] is None else f"{column['fill']:.0%}"
        samples = ", ".join(shown(sample, 24) for sample in column["samples"][:3])
        name = shown(column["name"], 30)
        line = f"  {position:>3}  {name:<{widest}}  {column['kind']:<7} {fill:>4}  {samples}"
        yield line.rstrip()


def outside_lines(outside: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Which rows are not of the table, and what they are."""
    for part in outside:
        words = OUTSIDE_WORDS.get(part["kind"], part["kind"])
        yield f"  {_place(part)} {words}, not of the table: {shown(part['sample'])}"


def _place(part: Mapping[str, Any]) -> str:
    first, last = part["first_row"], part["last_row"]
    if first < 0:
        return "The last row is" if first == -1 else f"The last {-first} rows are"
    if last is None:
        return f"Row {first} and all below are"
    return f"Row {first} is" if first == last else f"Rows {first}–{last} are"


def _irregular_lines(irregular: Mapping[str, Any]) -> Iterator[str]:
    if irregular["recovered"] or irregular["set_aside"]:
        yield ""
        yield (
            f"  Irregular rows: {irregular['recovered']:,} put right, "
            f"{irregular['set_aside']:,} set aside."
        )
    for example in irregular["examples"][:5]:
        yield f"  Row {example['row']}: {example['message']}"


def _damage_lines(told: Mapping[str, Any]) -> Iterator[str]:
    for finding in told["damage"]:
        yield ""
        yield f"  {finding['column']}: {finding['title']} ({finding['kind']})"
        yield f"    {finding['evidence']}"
        yield f"    {finding['advice']}"
        for example in finding["examples"]:
            after = "" if example["after"] is None else f" → {shown(example['after'], 30)}"
            yield f"    row {example['row']}: {shown(example['before'], 30)}{after}"


def shown(text: str, widest: int = WIDEST) -> str:
    """A text on one line of a terminal, without signs that would do something there."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= widest else line[: widest - 1] + "…"


def count_registrations(told: Mapping[str, Any]) -> str:
    """How many new registrations wait to be resolved, in the words a sentence begins with."""
    waiting = told["registrations_waiting"]
    return f"{plural(waiting, 'new registration')} {'waits' if waiting == 1 else 'wait'}"
