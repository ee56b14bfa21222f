"""A file's header against the known fields (DOMAIN: column names, any case, any order)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz, process

from webapp.rules.fields import KEY_COLUMNS, PASSED_OVER_COLUMNS, REPORT_COLUMNS, Field
from webapp.rules.guarding import is_guarded_file

NEAREST_CUTOFF = 60


@dataclass(frozen=True, slots=True)
class Need:
    """At least one of these columns has to be there, for what the purpose says."""

    columns: tuple[str, ...]
    purpose: str


NEEDS_KEY = Need(KEY_COLUMNS, "to tell whose row it is")

_SAID_ONE_BY_ONE, _NAMED = 5, 3


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file. `field` is None when unknown or passed over."""

    position: int
    name: str
    field: Field | None
    is_passed_over: bool = False
    nearest: str | None = None
    key: str = ""
    """What a choice about the column is kept under: its name, with its number (`TOTAL #8`) where an
    earlier column has the same name."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a header means. A file can be read when there are no `faults` (sentences)."""

    columns: tuple[Column, ...]
    faults: tuple[str, ...]

    @property
    def known(self) -> tuple[Column, ...]:
        """The columns that are read."""
        return tuple(column for column in self.columns if column.field)

    @property
    def unknown(self) -> tuple[Column, ...]:
        """The columns nobody knows: each is an error."""
        return tuple(
            column for column in self.columns if not column.field and not column.is_passed_over
        )

    @property
    def report(self) -> tuple[Column, ...]:
        """The columns of a rejects file, which tell where a row came from."""
        return tuple(column for column in self.columns if folded(column.name) in REPORT_COLUMNS)

    @property
    def is_guarded(self) -> bool:
        """Whether it is a file of ours, whose cells are guarded (rules.guarding)."""
        return is_guarded_file(column.name for column in self.columns)


def folded(name: str) -> str:
    """A column name as it is compared: upper case, no surrounding blanks."""
    return name.strip().upper()


def column_keys(header: Iterable[str]) -> list[str]:
    """What choices about the columns are kept under, folded: no two are the same."""
    keys: list[str] = []
    for position, name in enumerate(header):
        key = folded(name)
        keys.append(f"{key} #{position + 1}".strip() if key in keys else key)
    return keys


def recognise(
    header: Sequence[str],
    fields: Iterable[Field],
    choices: Mapping[str, str | None] | None = None,
    needs: Sequence[Need] = (NEEDS_KEY,),
) -> Recognition:
    """Which field each column of a header is.

    `choices` says what a person chose for columns by their key: a field's column name, or None to
    pass the column over. A name that an earlier column has already is nobody's until they choose.
    Of each of the `needs` one column must be there.
    """
    by_name = {field.column: field for field in fields}
    chosen = {folded(name): choice for name, choice in (choices or {}).items()}
    columns = tuple(
        replace(
            _column(position, name, key, by_name, chosen),
            key=name if key == folded(name) else key,
        )
        for position, (name, key) in enumerate(zip(header, column_keys(header), strict=True))
    )
    return Recognition(columns, tuple(_header_faults(columns, needs)))


def _column(
    position: int,
    name: str,
    key: str,
    by_name: Mapping[str, Field],
    chosen: Mapping[str, str | None],
) -> Column:
    if key in by_name and key not in chosen:
        return Column(position, name, by_name[key])
    if key in chosen:
        choice = chosen[key]
        if choice is None:
            return Column(position, name, None, is_passed_over=True)
        if choice in by_name:
            return Column(position, name, by_name[choice])
    if key in PASSED_OVER_COLUMNS:
        return Column(position, name, None, is_passed_over=True)
    if key != folded(name):
        return Column(position, name, None)
    match = process.extractOne(
        key.replace(" ", "_"), by_name.keys(), scorer=fuzz.WRatio, score_cutoff=NEAREST_CUTOFF
    )
    return Column(position, name, None, nearest=match[0] if match else None)


def _header_faults(columns: Sequence[Column], needs: Sequence[Need]) -> Iterable[str]:
    unknown = [column for column in columns if not column.field and not column.is_passed_over]
    if len(unknown) > _SAID_ONE_BY_ONE:
        yield _say_many_unknown(unknown)
    else:
        yield from map(_say_unknown, unknown)
    seen: dict[str, Column] = {}
    for column in columns:
        if not column.field:
            continue
        first = seen.setdefault(column.field.column, column)
        if first is not column:
            yield (
                f"Columns {first.position + 1} and {column.position + 1} are both "
                f"{column.field.column}. Keep one of them."
            )
    for need in needs:
        if not any(name in seen for name in need.columns):
            yield _say_missing(need)


def _say_unknown(column: Column) -> str:
    place = f"Column {column.position + 1}"
    if not column.name.strip():
        return f"{place} has no name. Give it one of the column names, or delete the column."
    place = f"{place}, “{column.name}”,"
    if column.key != column.name:
        return (
            f"{place} has the name of an earlier column. Say what it is, rename it or leave it out."
        )
    if column.nearest:
        return f"{place} is not a known column. The nearest known one is {column.nearest}."
    return f"{place} is not a known column. Rename it or leave it out."


def _say_many_unknown(unknown: Sequence[Column]) -> str:
    """One sentence: nobody reads nine hundred."""
    names = [
        f"{column.position + 1} “{column.name}”"
        if column.name.strip()
        else f"{column.position + 1} (no name)"
        for column in unknown[:_NAMED]
    ]
    return (
        f"Columns {', '.join(names)} and {len(unknown) - _NAMED:,} more are not known columns. "
        "Say what they are, rename them or leave them out."
    )


def _say_missing(need: Need) -> str:
    *rest, last = need.columns
    names = f"the column {last}"
    if rest:
        names = f"at least one of the columns {', '.join(rest)} or {last}"
    return f"The file needs {names}, {need.purpose}."
