"""What is in a packed file: which of the files in it is the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from webapp.rules.reading import signatures
from webapp.rules.reading.package import (
    DAMAGED_PACKING,
    find_archive_kind,
    looks_like_workbook,
    open_archive,
)
from webapp.rules.reading.packing import NO_SUCH_MEMBER, Spooled, Unpacked, is_gzip
from webapp.rules.reading.tables import (
    Choices,
    Examination,
    Limits,
    Refusal,
    SheetFound,
    Source,
    UnreadableError,
)

Examine = Callable[[Source, Limits, Choices], Examination | Refusal]

_LOOKED_AT = 20
_HEAD = 1 << 16
_NOT_MEANT = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini")

_NESTED = Refusal(
    "archive",
    "This packed file has another packed file in it; unpack it and choose the CSV or Excel file "
    "in it.",
)
_NO_TABLE = Refusal(
    "no_table",
    "None of the files in this zip is a table that can be read; choose the CSV or Excel file "
    "itself.",
)


def examine_gzip(
    source: Source, limits: Limits, choices: Choices, examine: Examine
) -> Examination | Refusal:
    """The table in a .gz."""
    inner = Unpacked(source, "gz", "", limits)
    if choices == Choices():
        # Once is enough: choices are made about a file that was found whole before.
        inner.measure()
    found = _examine_member(inner, limits, choices, examine)
    if isinstance(found, Refusal):
        return found
    return replace(
        found,
        dialect=replace(found.dialect, packing="gz"),
        notes=("The file was packed (.gz); it is unpacked as it is read.", *found.notes),
    )


def examine_zip(
    source: Source, limits: Limits, choices: Choices, examine: Examine
) -> Examination | Refusal:
    """The table in a .zip: the only file that has one, or the one that was chosen."""
    with open_archive(source, limits, DAMAGED_PACKING) as archive:
        names = [
            info.filename for info in archive.infolist() if not info.is_dir() and info.file_size
        ]
    names = [name for name in dict.fromkeys(names) if _is_meant(name)]
    if choices.member is not None and choices.member not in names:
        return NO_SUCH_MEMBER
    looked_at = names[:_LOOKED_AT]
    if choices.member is not None and choices.member not in looked_at:
        looked_at.append(choices.member)
    results = {
        name: _try_member(source, name, limits, _choices_for(name, choices), examine)
        for name in looked_at
    }
    return _pick(results, choices.member)


def _is_meant(name: str) -> bool:
    """Macs and Windows pack files of their own along with those that were chosen."""
    lowered = name.lower()
    last = lowered.rpartition("/")[2]
    return not (
        lowered.startswith("__macosx/") or last.startswith("._") or last.endswith(_NOT_MEANT)
    )


def _choices_for(name: str, choices: Choices) -> Choices:
    """What was said of one file says nothing of another."""
    return choices if choices.member in (None, name) else Choices()


def _try_member(
    source: Source, name: str, limits: Limits, choices: Choices, examine: Examine
) -> Examination | Refusal:
    try:
        return _examine_member(Unpacked(source, "zip", name, limits), limits, choices, examine)
    except UnreadableError as error:
        return error.refusal


def _examine_member(
    inner: Unpacked, limits: Limits, choices: Choices, examine: Examine
) -> Examination | Refusal:
    with inner.open() as file:
        head = file.read(_HEAD)
    if is_gzip(head):
        return _NESTED
    if signatures.is_zip(head):
        if not looks_like_workbook(head):
            return _NESTED
        spooled = Spooled(inner)
        if find_archive_kind(spooled, head, limits) == "archive":
            return _NESTED
        return examine(spooled, limits, choices)
    source = Spooled(inner) if signatures.is_ole(head) else inner
    found = examine(source, limits, choices)
    return _NESTED if isinstance(found, Refusal) and found.code == "archive" else found


def _pick(results: dict[str, Examination | Refusal], chosen: str | None) -> Examination | Refusal:
    tables = {name: one for name, one in results.items() if isinstance(one, Examination)}
    if chosen is not None and chosen not in tables:
        return results[chosen]
    if not tables:
        return _refuse(list(results.values()))
    # A note that comes along with a table is text too, but has no columns.
    likely = {name: one for name, one in tables.items() if len(one.columns) > 1} or tables
    name = chosen if chosen is not None else next(iter(likely))
    found = tables[name]
    notes = [f"The file is packed (zip); the table is in “{name}”."]
    others = [f"“{other}”" for other in results if other != name]
    if others:
        notes.append(f"Other files in the zip are not read: {', '.join(others[:5])}.")
    must_choose = chosen is None and len(likely) > 1
    sheets = found.sheets
    if len(tables) > 1 and (must_choose or not found.must_choose):
        sheets = tuple(_describe(other, one) for other, one in tables.items())
    return replace(
        found,
        dialect=replace(found.dialect, packing="zip", member=name),
        notes=(*notes, *found.notes),
        sheets=sheets,
        must_choose=must_choose or found.must_choose,
    )


def _describe(name: str, found: Examination) -> SheetFound:
    rows = found.rows_estimate if found.rows_estimate is not None else len(found.first_rows)
    return SheetFound(name, rows, columns=found.columns)


def _refuse(refusals: Sequence[Examination | Refusal]) -> Refusal:
    said = [one for one in refusals if isinstance(one, Refusal)]
    if len(said) == 1:
        return said[0]
    return _NESTED if _NESTED in said else _NO_TABLE
