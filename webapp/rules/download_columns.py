"""The columns of a download as people choose them: which, in what order, under which headings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from webapp.rules.download_settings import LONGEST_HEADING, ColumnChoice
from webapp.rules.fields import DOWNLOAD_COLUMN, REPORT_COLUMNS, Field, Section

REMOVAL_KEYS = frozenset({"CONS_ID", "MEMBER_ID"})
REMOVAL_COLUMNS = ("BECAME", "MERGED_INTO_CONS_ID", "MERGED_INTO_MEMBER_ID")
"""What the file of those who were removed tells besides the keys."""
SECTION = "section:"
"""Before a section's name: all of its columns."""
EVERY = "every"


def check_columns(
    chosen: Iterable[ColumnChoice], fields: Sequence[Field]
) -> tuple[tuple[ColumnChoice, ...], list[str]]:
    """The columns that a file can have as they were chosen, and a sentence about each that can't
    be. A heading that only repeats the column's name is none."""
    known = {found.column for found in fields}
    kept: dict[str, ColumnChoice] = {}
    faults: list[str] = []
    for column in chosen:
        if column.name not in known:
            faults.append(
                f"“{column.name[:60]}” is not a column of this download any more. Remove it."
            )
        elif column.name in kept:
            faults.append(f"{column.name} is there twice. Remove one of the two.")
        elif len(column.heading) > LONGEST_HEADING:
            faults.append(
                f"The heading of {column.name} has {len(column.heading)} characters. Use at most "
                f"{LONGEST_HEADING}."
            )
        else:
            heading = "" if column.heading == column.name else column.heading
            kept[column.name] = ColumnChoice(column.name, heading)
    return tuple(kept.values()), (
        faults + _check_headings(kept.values()) + _check_removals(kept, known)
    )


def _check_headings(columns: Iterable[ColumnChoice]) -> list[str]:
    """Case does not tell two headings apart: neither our uploads nor a spreadsheet's tables heed
    it. Those that our own files are known by are not to be had."""
    faults, seen, told = [], set[str](), set[str]()
    for column in columns:
        folded = column.shown.casefold()
        if folded in seen and folded not in told:
            told.add(folded)
            faults.append(
                f"Two columns have the heading “{column.shown}”. Give one of them another."
            )
        if column.shown.upper() in (DOWNLOAD_COLUMN, *REPORT_COLUMNS):
            faults.append(
                f"The heading of {column.name} can’t be “{column.shown}”: by it our own files are "
                "known. Use another."
            )
        seen.add(folded)
    return faults


def _check_removals(columns: Mapping[str, ColumnChoice], known: Collection[str]) -> list[str]:
    """The file of removals has the keys under the headings they have here (their own names where
    they aren't chosen) and columns of its own. Only a download of constituents has such a file."""
    if "TRANSACTION_ID" in known:
        return []
    taken = {*REMOVAL_COLUMNS, *(REMOVAL_KEYS - columns.keys())}
    return [
        f"The heading of {column.name} can’t be “{column.shown}”: the file of those who were "
        "removed has another column called so. Use another."
        for column in columns.values()
        if column.shown.upper() in taken
    ]


def arrange_columns(
    chosen: Sequence[ColumnChoice], press: str, fields: Sequence[Field], more: Sequence[str] = ()
) -> tuple[ColumnChoice, ...]:
    """The columns after one press: `up:NAME`, `down:NAME`, `remove:NAME`, `add` (of `more`: names,
    sections, or every one) or `clear`. What can't be done changes nothing."""
    action, _, name = press.partition(":")
    columns = list(chosen)
    at = next((place for place, column in enumerate(columns) if column.name == name), None)
    if action == "clear":
        return ()
    if action == "add":
        return (*columns, *_added(columns, fields, more))
    if at is None:
        return tuple(columns)
    if action == "remove":
        del columns[at]
    elif action in ("up", "down"):
        to = at + (1 if action == "down" else -1)
        if 0 <= to < len(columns):
            columns.insert(to, columns.pop(at))
    return tuple(columns)


def _added(
    columns: Iterable[ColumnChoice], fields: Iterable[Field], more: Sequence[str]
) -> list[ColumnChoice]:
    there = {column.name for column in columns}
    return [
        ColumnChoice(found.column)
        for found in fields
        if found.column not in there
        and (EVERY in more or found.column in more or SECTION + found.section.value in more)
    ]


def group_unused(
    chosen: Iterable[ColumnChoice], fields: Iterable[Field]
) -> list[tuple[Section, list[Field]]]:
    """The columns that are not in the file, by section."""
    there = {column.name for column in chosen}
    sections: dict[Section, list[Field]] = {}
    for found in fields:
        if found.column not in there:
            sections.setdefault(found.section, []).append(found)
    return list(sections.items())
