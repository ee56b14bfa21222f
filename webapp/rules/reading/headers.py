"""The header: the names of the columns."""

from __future__ import annotations

from webapp.rules.reading.records import too_many_columns
from webapp.rules.reading.tables import Limits, Refusal


def refuse_no_rows() -> Refusal:
    return Refusal(
        "no_rows",
        "There is a header but no rows below it; check that the export finished and choose the "
        "file again.",
    )


def strip_names(cells: list[str]) -> list[str]:
    """The names without blanks around them, and without the nameless columns at the right."""
    names = [cell.replace("\x00", "").strip("\ufeff \t\r\n\xa0") for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def read_header(
    cells: list[str], body: list[list[str]], limits: Limits
) -> tuple[str, ...] | Refusal:
    """The column names as written. A nameless column at the right counts when data is below it."""
    names = strip_names(cells)
    used = max(
        (
            at + 1
            for row in body
            for at in range(len(names), min(len(row), len(cells)))
            if row[at].strip()
        ),
        default=0,
    )
    names += [""] * (used - len(names))
    if len(names) > limits.max_columns:
        return too_many_columns(len(names), limits)
    return _refuse_duplicates(names) or tuple(names)


def _refuse_duplicates(names: list[str]) -> Refusal | None:
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        key = name.casefold()
        if key and key in seen:
            return Refusal(
                "duplicate_column",
                f"Columns {seen[key]} and {position} are both named “{name}”, so it is not clear "
                "which one counts; rename or remove one of them.",
            )
        seen[key] = position
    return None
