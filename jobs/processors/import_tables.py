"""The tables of a constituent import: the real ones, a preview's overlay, and the temporary ones.

A chunk's rows go through `staged` (as read), `matched` (with the evidence of whose row each is) and
`effect` (what each row does). A preview works on an overlay: what earlier rows of the file would
have done, kept in temporary tables beside the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from jobs.reading import STAGED
from webapp.models import Constituent
from webapp.rules.fields import ADDRESS_PREFIXES, Field, Kind, address_block

ALL_COLUMNS = tuple(column.name for column in Constituent.__table__.columns)

_SQL_TYPES = {Kind.CONS_ID: "bigint", Kind.DATE: "date", Kind.YES_NO: "boolean"}


def is_there(table: str, group: str, constituent: str) -> str:
    """Whether a constituent is in a group of a table of memberships."""
    return (
        f"((SELECT true FROM {table} gm WHERE gm.group_id = {group}"
        f" AND gm.constituent_id = {constituent} LIMIT 1) IS TRUE)"
    )


@dataclass(frozen=True, slots=True)
class RealTables:
    """Apply: rows are looked up in and written to the real tables."""

    is_overlay = False

    def constituents(self, where: str) -> str:
        """A subquery of the constituents that meet a condition on the alias `r`."""
        return f"SELECT r.* FROM constituents r WHERE {where}"

    def is_member(self, group: str, constituent: str) -> str:
        """Whether a constituent is in a group. Looked up row by row: for an EXISTS among columns
        PostgreSQL may read all memberships there are into a hash table, chunk after chunk."""
        return is_there("group_members", group, constituent)

    def choice(self, interest: str, constituent: str) -> str:
        """The choice (true, false, NULL) of a constituent for an interest: said so, or by the group
        of the interest they are in."""
        return (
            "coalesce((SELECT ic.opted_in FROM interest_choices ic"
            f" WHERE ic.interest_id = {interest} AND ic.constituent_id = {constituent}),"
            " (SELECT gm.group_id IS NOT DISTINCT FROM t.opt_in_group_id"
            " FROM interests t JOIN group_members gm"
            " ON gm.group_id IN (t.opt_in_group_id, t.opt_out_group_id)"
            f" AND gm.constituent_id = {constituent} WHERE t.id = {interest} LIMIT 1))"
        )


@dataclass(frozen=True, slots=True)
class OverlayTables(RealTables):
    """Preview: the real tables as the file's earlier rows would have left them."""

    is_overlay = True

    def constituents(self, where: str) -> str:
        columns = ", ".join(f"r.{name}" for name in ALL_COLUMNS)
        return (
            f"SELECT {columns} FROM overlay_constituents r WHERE {where}"
            f" UNION ALL SELECT {columns} FROM constituents r WHERE {where}"
            " AND NOT EXISTS (SELECT 1 FROM overlay_constituents x WHERE x.id = r.id)"
        )

    def is_member(self, group: str, constituent: str) -> str:
        real = RealTables.is_member(self, group, constituent)
        return f"({real} OR {is_there('overlay_members', group, constituent)})"

    def choice(self, interest: str, constituent: str) -> str:
        real = RealTables.choice(self, interest, constituent)
        return (
            "coalesce((SELECT oc.opted_in FROM overlay_choices oc"
            f" WHERE oc.interest_id = {interest} AND oc.constituent_id = {constituent}), {real})"
        )


OVERLAY_TABLES = (
    "CREATE TEMP TABLE overlay_constituents (LIKE constituents)",
    "CREATE UNIQUE INDEX ON overlay_constituents (id)",
    "CREATE INDEX ON overlay_constituents (member_id) WHERE member_id IS NOT NULL",
    "CREATE INDEX ON overlay_constituents (lower(primary_email)) WHERE primary_email IS NOT NULL",
    "CREATE TEMP TABLE overlay_members (group_id bigint, constituent_id bigint,"
    " PRIMARY KEY (group_id, constituent_id))",
    "CREATE TEMP TABLE overlay_choices (interest_id bigint, constituent_id bigint,"
    " opted_in boolean, PRIMARY KEY (interest_id, constituent_id))",
)


@dataclass(frozen=True)
class ImportTables:
    """One file's fields and settings, and the temporary tables they need."""

    fields: Sequence[Field]
    tables: RealTables
    is_sealed: bool
    allow_opt_in: bool
    center_id: int | None
    custom_keys: Sequence[str] = field(default=())

    # Columns -------------------------------------------------------------------------------

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The stored attributes of the file's columns, custom fields and lists aside."""
        lists = (Kind.CONS_ID, Kind.GROUP_LIST, Kind.INTEREST_LIST)
        return tuple(f.attribute for f in self.fields if f.kind not in lists and not f.is_custom)

    @cached_property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The addresses that the file has a street of, each as its eight attributes."""
        found = (address_block(prefix) for prefix in ADDRESS_PREFIXES)
        return tuple(b for b in found if any(street in self.attributes for street in b[:3]))

    @cached_property
    def written(self) -> tuple[str, ...]:
        """The attributes an update may change: the file's, and the rest of its addresses."""
        rest = (name for block in self.blocks for name in block if name not in self.attributes)
        return (*self.attributes, *rest)

    @cached_property
    def has_groups(self) -> bool:
        """Whether the file has GROUP_IDS."""
        return any(f.kind is Kind.GROUP_LIST for f in self.fields)

    @cached_property
    def has_interests(self) -> bool:
        """Whether the file has INTEREST_IDS."""
        return any(f.kind is Kind.INTEREST_LIST for f in self.fields)

    @cached_property
    def keeps_diffs(self) -> bool:
        """Whether before and after are needed: to be shown, or to be held against the seal."""
        return self.tables.is_overlay or self.is_sealed

    def type_of(self, attribute: str) -> str:
        by_attribute: Mapping[str, Field] = {f.attribute: f for f in self.fields}
        known = by_attribute.get(attribute)
        return _SQL_TYPES.get(known.kind, "text") if known else "text"

    # Temporary tables ----------------------------------------------------------------------

    @cached_property
    def staged(self) -> Mapping[str, str]:
        """What `staged` has of each row besides whose it seems and what was said of it: columns
        and types, in the order rows are copied into it."""
        lists = {"key_cons_id": "bigint", "group_ids": "bigint[]", "interest_ids": "bigint[]"}
        values = {name: self.type_of(name) for name in self.attributes}
        return lists | {"custom": "jsonb"} | values

    @property
    def staged_columns(self) -> tuple[str, ...]:
        """All columns that rows are copied into."""
        return (*STAGED, *self.staged)

    def create_tables(self) -> list[str]:
        """The statements that make the temporary tables of a session."""
        new_values = "".join(f", {name} {self.type_of(name)}" for name in self.written)
        return [
            *self.create_matching(),
            "CREATE TEMP TABLE effect (row_number int, who text, said text[], outcome text,"
            " target bigint, has_values boolean, notes text[], add_groups bigint[],"
            " add_interests bigint[], digest bigint, before hstore, changes hstore, custom jsonb"
            f"{new_values}) ON COMMIT DELETE ROWS",
            *(OVERLAY_TABLES if self.tables.is_overlay else ()),
        ]

    def create_matching(self) -> list[str]:
        """The statements that make `staged` and `matched`, whatever becomes of the rows."""
        values = "".join(f", {name} {kind}" for name, kind in self.staged.items())
        row = f"row_number int, who text, said text[], wave int DEFAULT 0{values}"
        return [
            f"CREATE TEMP TABLE staged ({row}) ON COMMIT DELETE ROWS",
            f"CREATE TEMP TABLE matched ({row}, cons_hit bigint, member_hit bigint,"
            " blank_hit bigint, email_hit bigint, email_low bigint, email_high bigint,"
            " removed_hit bigint, pattern text) ON COMMIT DELETE ROWS",
        ]

    def copy_staged(self) -> str:
        """COPY the rows of a chunk, as CSV in which nothing is NULL's form."""
        return f"COPY staged ({', '.join(self.staged_columns)}) FROM STDIN (FORMAT csv)"
