"""What one kind of download is made of, as SQL: the engine (downloads.py) does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.outward import Outward
from jobs.processors.download_windows import Window
from webapp.rules.download_settings import ColumnChoice, DateFormat, DownloadSettings
from webapp.rules.fields import DOWNLOAD_COLUMN, Field
from webapp.rules.withholding import Reason


@dataclass(frozen=True, slots=True)
class OutColumn:
    """A column of a file. `sql` is a text (or, unless `is_text`, anything that can't be taken for
    a formula) of the source's table, or of its lists."""

    heading: str
    sql: str
    is_text: bool = True
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Withholding:
    """Which records wait for what. `field` is a column's name, `value` SQL for what stands there;
    `joins` are those the condition needs besides the source's table."""

    reason: Reason
    condition: str
    field: str = ""
    value: str = "''"
    joins: str = ""
    only_if: str = ""
    """A query of one number; zero spares the look at every record."""


@dataclass(frozen=True, slots=True)
class Codes:
    """What goes out through one cross-reference table: `values` are SQL texts of the source's table
    (and `joins`), those of them that `only` (SQL about `u.value`) says. Each distinct value is
    looked up once, into a temporary table; those that go out as something else become one constant
    of the statement that writes the file. A join with a table of the connection's own would keep
    the database from using more than one process.

    `are_cells`: each value is a cell of its own, and is guarded here."""

    outward: Outward
    values: tuple[str, ...]
    joins: str = ""
    only: str = "true"
    are_cells: bool = True

    @property
    def table(self) -> str:
        """The temporary table: value, rows, sent (what goes out for it) and waits (nothing may)."""
        return f"pg_temp.download_codes_{self.outward.type_id}"

    @property
    def parameter(self) -> str:
        """The name of the parameter that has what goes out instead of values (blank: nothing)."""
        return f"codes_{self.outward.type_id}"

    def withhold(self, field: str, value: str, *, joins: str = "", shown: str = "") -> Withholding:
        """Who has a value that has to wait for an entry; `shown`: SQL of how it is called."""
        return Withholding(
            Reason.UNMAPPED_VALUE,
            "x.waits",
            field,
            shown or value,
            f"{joins} JOIN {self.table} x ON x.value = {value}",
            only_if=f"SELECT count(*) FROM {self.table} WHERE waits",
        )


def sent(value: str, *codes: Codes) -> str:
    """SQL: what goes out for a value, which one of these types at most is about."""
    found = "".join(f"%({each.parameter})s::jsonb ->> {value}, " for each in codes)
    return f"nullif(coalesce({found}{value}), '')"


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of download for one run.

    `table` and `record` are its records and their number; `present` says which exist and are in
    scope, `wanted` which of those the settings ask for. `changed` makes the SQL of the records that
    changed in a window: `record_id, is_echo` (came in from the offline system only). `removals`
    makes the SQL of those that are no longer present: `record_id` and one column for each of
    `removal_columns`. `lists` makes the joins of what is gathered from many rows, to
    `p.record_id`: they come last, when the other cells are done; `cell_joins` those of what the
    other cells need besides. Parameters are named, `%(since_at)s` among them.

    `traits` makes the SQL of the few records of which something is true that takes many rows to
    tell: `record_id` and a boolean for each of `trait_names`, of those that a condition on
    `record` says. Everywhere else it is `trait.NAME`, never NULL. Of sources that send each record
    once `s.is_sent` says the same of those that went before.
    """

    noun: str
    table: str
    record: str
    present: str
    columns: tuple[OutColumn, ...]
    changed: Callable[[Window], str]
    gone: tuple[str, ...] = ()
    """Columns chosen that no longer exist: they stay where they were, empty, so that whoever reads
    the file by their places goes on to."""
    wanted: str | None = None
    lists: Callable[[Window], str] | None = None
    cell_joins: Callable[[Window], str] | None = None
    traits: Callable[[str], str] | None = None
    trait_names: tuple[str, ...] = ()
    withholdings: tuple[Withholding, ...] = ()
    codes: tuple[Codes, ...] = ()
    removals: Callable[[Window], str] | None = None
    removal_columns: tuple[OutColumn, ...] = ()
    constituent_id: str = "NULL::bigint"
    who: str = "''"
    amount: str = "NULL::numeric"
    currency: str = "NULL::text"
    sends_once: bool = False
    in_order: bool = True
    """Whether everything is written in the order of the numbers too: not where it costs a walk
    through another table, person by person."""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headings(self) -> list[str]:
        """The headings of the file of records."""
        return [column.heading for column in self.columns]


# What every kind has -------------------------------------------------------------------------

WHO = (
    "coalesce(nullif(concat_ws(' ', c.first_name, c.last_name), ''), c.primary_email,"
    " 'Constituent ' || c.id)"
)
"""SQL about `constituents c`: how a held-back list calls them."""
UNRESOLVED = Withholding(
    Reason.UNRESOLVED_DUPLICATE,
    "EXISTS (SELECT FROM unresolved_duplicates u WHERE u.constituent_id = c.id)",
)
_DATE_FORMATS = {DateFormat.MONTH_FIRST: "MM/DD/YYYY", DateFormat.DAY_FIRST: "DD/MM/YYYY"}


def in_center(constituent_id: str) -> str:
    """SQL: whether somebody is in the center of the run (`%(center)s`)."""
    return (
        "EXISTS (SELECT FROM center_members m WHERE m.center_id = %(center)s"
        f" AND m.constituent_id = {constituent_id})"
    )


def mark_column(run_id: int) -> OutColumn:
    """The column by which our own files are known when they come back."""
    return OutColumn(DOWNLOAD_COLUMN, f"'run-{run_id}'", is_text=False)


def date_cell(value: str, settings: DownloadSettings) -> str:
    """SQL of a date as the settings want it written."""
    pattern = _DATE_FORMATS.get(settings.date_format)
    return f"to_char({value}, '{pattern}')" if pattern else value


def choose_columns(settings: DownloadSettings, fields: Sequence[Field]) -> tuple[ColumnChoice, ...]:
    """The columns that have something in them: those chosen that still exist, else all."""
    known = {field.column for field in fields}
    chosen = tuple(column for column in settings.columns if column.name in known)
    return chosen or tuple(ColumnChoice(field.column) for field in fields)


def wanted_people(settings: DownloadSettings) -> str | None:
    """SQL about `constituents c`: whom the settings ask for; None for everybody."""
    parts = []
    if settings.groups:
        parts.append(
            "EXISTS (SELECT FROM group_members m WHERE m.group_id = ANY(%(groups)s)"
            " AND m.constituent_id = c.id)"
        )
    if settings.interests:
        parts.append(
            "EXISTS (SELECT FROM interest_choices i WHERE i.interest_id = ANY(%(interests)s)"
            " AND i.constituent_id = c.id AND i.opted_in)"
        )
    if settings.centers:
        parts.append(
            "EXISTS (SELECT FROM center_members m WHERE m.center_id = ANY(%(centers)s)"
            " AND m.constituent_id = c.id)"
        )
    if settings.statuses:
        parts.append("c.active_detail = ANY(%(statuses)s)")
    return " AND ".join(parts) or None


def wanted_parameters(settings: DownloadSettings) -> dict[str, Any]:
    """The parameters of `wanted_people`."""
    return {
        "groups": list(settings.groups),
        "interests": list(settings.interests),
        "centers": list(settings.centers),
        "statuses": list(settings.statuses),
    }
