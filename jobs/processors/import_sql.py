"""The SQL of a constituent import: one chunk of rows matched, compared and written as sets.

Every statement works on the temporary tables `staged` (the rows as read), `matched` (with the
evidence of whose row it is) and `effect` (what each row does). A preview runs the same statements
against an `Overlay`: what earlier rows of the file did, kept beside the real tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from webapp.models import Constituent
from webapp.rules.fields import ADDRESS_PREFIXES, OPT_OUT_FIELDS, Field, Kind, address_block
from webapp.rules.standard_import import Candidate, Decision

GENERATED = ("is_active",)
ALL_COLUMNS = tuple(column.name for column in Constituent.__table__.columns)
WRITTEN_COLUMNS = tuple(name for name in ALL_COLUMNS if name not in GENERATED)

_SQL_TYPES = {Kind.CONS_ID: "bigint", Kind.DATE: "date", Kind.YES_NO: "boolean"}
_OPT_OUTS = tuple(name.lower() for name in OPT_OUT_FIELDS)
_DEFAULTS = {
    "accepts_email": "true",
    "accepts_postal_mail": "true",
    "email_status": "'unknown'",
}
EXAMPLE_ROWS = 1000
_CANDIDATE_COLUMNS = {
    Candidate.CONS_ID: "cons_hit",
    Candidate.MEMBER_ID: "member_hit",
    Candidate.BLANK_MEMBER_ID: "blank_hit",
    Candidate.EMAIL: "email_hit",
}


@dataclass(frozen=True, slots=True)
class RealTables:
    """Apply: rows are looked up in and written to the real tables."""

    is_overlay = False

    def constituents(self, where: str) -> str:
        """A subquery of the constituents that meet a condition on the alias `r`."""
        return f"SELECT r.* FROM constituents r WHERE {where}"

    def is_member(self, group: str, constituent: str) -> str:
        """Whether a constituent is in a group."""
        return (
            "EXISTS (SELECT 1 FROM group_members gm"
            f" WHERE gm.group_id = {group} AND gm.constituent_id = {constituent})"
        )

    def choice(self, interest: str, constituent: str) -> str:
        """The choice (true, false, NULL) of a constituent for an interest."""
        return (
            "(SELECT ic.opted_in FROM interest_choices ic"
            f" WHERE ic.interest_id = {interest} AND ic.constituent_id = {constituent})"
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
        return (
            f"({real} OR EXISTS (SELECT 1 FROM overlay_members om"
            f" WHERE om.group_id = {group} AND om.constituent_id = {constituent}))"
        )

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
class ImportSql:
    """The statements for one file: its fields, its settings, and which tables they work on."""

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

    def _type(self, attribute: str) -> str:
        by_attribute: Mapping[str, Field] = {f.attribute: f for f in self.fields}
        known = by_attribute.get(attribute)
        return _SQL_TYPES.get(known.kind, "text") if known else "text"

    # Temporary tables ----------------------------------------------------------------------

    @cached_property
    def staged_columns(self) -> tuple[str, ...]:
        """The columns of `staged`, in the order rows are copied into it."""
        return (
            "row_number",
            "wave",
            "who",
            "key_cons_id",
            "group_ids",
            "interest_ids",
            "custom",
            *self.attributes,
        )

    def create_tables(self) -> list[str]:
        """The statements that make the temporary tables of a session."""
        values = "".join(f", {name} {self._type(name)}" for name in self.attributes)
        new_values = "".join(f", {name} {self._type(name)}" for name in self.written)
        staged = (
            "row_number int, wave int, who text, key_cons_id bigint, group_ids bigint[],"
            f" interest_ids bigint[], custom jsonb{values}"
        )
        return [
            f"CREATE TEMP TABLE staged ({staged}) ON COMMIT DELETE ROWS",
            f"CREATE TEMP TABLE matched ({staged}, cons_hit bigint, member_hit bigint,"
            " blank_hit bigint, email_hit bigint, email_low bigint, email_high bigint,"
            " removed_hit bigint, pattern text) ON COMMIT DELETE ROWS",
            "CREATE TEMP TABLE effect (row_number int, who text, outcome text, target bigint,"
            " has_values boolean, notes text[], add_groups bigint[], add_interests bigint[],"
            " digest bigint, before hstore, changes hstore, custom jsonb"
            f"{new_values}) ON COMMIT DELETE ROWS",
            *(OVERLAY_TABLES if self.tables.is_overlay else ()),
        ]

    def copy_staged(self) -> str:
        """COPY the rows of a chunk, as CSV in which nothing is NULL's form."""
        return f"COPY staged ({', '.join(self.staged_columns)}) FROM STDIN (FORMAT csv)"

    # Evidence ------------------------------------------------------------------------------

    def match(self) -> str:
        """Gather the evidence for the rows of one wave (parameter: the wave)."""
        member = "s.member_id" if "member_id" in self.attributes else "NULL::text"
        email = "lower(s.primary_email)" if "primary_email" in self.attributes else "NULL::text"
        has_cons_id = any(f.kind is Kind.CONS_ID for f in self.fields)
        by_id = (
            "SELECT k.id, k.is_active, k.member_id, lower(k.primary_email) AS email"
            f" FROM ({self.tables.constituents('r.id = s.key_cons_id')}) k"
            if has_cons_id
            else "SELECT NULL::bigint AS id, NULL::boolean AS is_active, NULL::text AS member_id,"
            " NULL::text AS email"
        )
        by_member = self.tables.constituents(f"r.member_id = {member}")
        # Whose address it is matters only where the row's own constituent does not have it yet
        by_email = self.tables.constituents(
            f"lower(r.primary_email) = {email} AND NOT coalesce(m.has_email, false)"
            " AND c.email IS DISTINCT FROM "
            f"{email}"
        )
        return f"""
INSERT INTO matched
SELECT s.*, c.id, m.id, e.blank_id, e.match_id, e.low, e.high,
    CASE WHEN s.key_cons_id IS NOT NULL THEN c.id
         WHEN {member} IS NOT NULL THEN m.removed_id ELSE e.removed_id END,
    concat(
        CASE WHEN s.key_cons_id IS NOT NULL THEN 'c' WHEN {member} IS NOT NULL THEN 'm'
             WHEN {email} IS NOT NULL THEN 'e' ELSE '-' END,
        coalesce(c.is_active, false)::int, coalesce(NOT c.is_active, false)::int,
        coalesce(c.member_id = {member}, false)::int, coalesce(c.email = {email}, false)::int,
        least(m.active, 2), (m.removed_id IS NOT NULL)::int, coalesce(m.has_email, false)::int,
        least(e.active, 2), least(e.matching, 2), least(e.blank, 2),
        (e.removed_id IS NOT NULL)::int)
FROM staged s
LEFT JOIN LATERAL ({by_id}) c ON true
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE k.is_active) AS active,
    min(k.id) FILTER (WHERE k.is_active) AS id,
    min(k.id) FILTER (WHERE NOT k.is_active) AS removed_id,
    bool_or(k.is_active AND lower(k.primary_email) = {email}) AS has_email
    FROM ({by_member}) k) m
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE k.is_active) AS active,
    count(*) FILTER (WHERE k.is_active AND k.accepts_email) AS matching,
    min(k.id) FILTER (WHERE k.is_active AND k.accepts_email) AS match_id,
    count(*) FILTER (WHERE k.is_active AND k.accepts_email AND k.member_id IS NULL) AS blank,
    min(k.id) FILTER (WHERE k.is_active AND k.accepts_email AND k.member_id IS NULL) AS blank_id,
    min(k.id) FILTER (WHERE k.is_active) AS low, max(k.id) FILTER (WHERE k.is_active) AS high,
    min(k.id) FILTER (WHERE NOT k.is_active) AS removed_id
    FROM ({by_email}) k) e
WHERE s.wave = %s"""

    _HITS = (
        "SELECT row_number, hit FROM matched, unnest(ARRAY[cons_hit, member_hit, blank_hit,"
        " email_hit, email_low, email_high]) hit WHERE hit IS NOT NULL"
    )

    def has_conflicts(self) -> str:
        """Whether two rows of the wave may have looked at one record: exact where each row looked
        at one record at most, as nearly all do; else yes, and `links` finds out."""
        hits = "cons_hit, member_hit, blank_hit, email_hit, email_low, email_high"
        return (
            "SELECT coalesce(bool_or(one <> other), false) OR count(one) <> count(DISTINCT one)"
            f" FROM (SELECT least({hits}) AS one, greatest({hits}) AS other FROM matched) h"
        )

    def links(self) -> str:
        """The row numbers that have a key in common, or looked at one record, or name a key that a
        record has which another looked at (and may take it from)."""
        member = "'m' || member_id" if "member_id" in self.attributes else "NULL"
        email = "'e' || lower(primary_email)" if "primary_email" in self.attributes else "NULL"
        record = self.tables.constituents("r.id = h.hit")
        return f"""
WITH hits AS MATERIALIZED (SELECT DISTINCT row_number, hit FROM ({self._HITS}) x),
links AS (
    SELECT row_number, 'r' || hit AS link FROM hits
    UNION SELECT row_number, link FROM matched,
        unnest(ARRAY['c' || key_cons_id, {member}, {email}]) link WHERE link IS NOT NULL
    UNION SELECT h.row_number, link FROM hits h CROSS JOIN LATERAL ({record}) k,
        unnest(ARRAY['m' || k.member_id, 'e' || lower(k.primary_email)]) link
        WHERE link IS NOT NULL
)
SELECT array_agg(row_number) FROM links GROUP BY link HAVING count(*) > 1"""

    def put_off(self) -> list[str]:
        """Give rows a later wave (parameters: `rows` and their `waves`)."""
        return [
            "UPDATE staged s SET wave = w.wave FROM unnest(%(rows)s::int[], %(waves)s::int[])"
            " AS w(number, wave) WHERE s.row_number = w.number",
            "DELETE FROM matched WHERE row_number = ANY (%(rows)s::int[])",
        ]

    # Decisions -----------------------------------------------------------------------------

    def _decided(self, decisions: Mapping[str, Decision]) -> str:
        """`matched` with what was decided for each pattern: action, target, fault."""

        def case(values: Mapping[str, str]) -> str:
            whens = " ".join(f"WHEN '{pattern}' THEN {sql}" for pattern, sql in values.items())
            return f"CASE pattern {whens} END" if values else "NULL"

        actions = {p: f"'{d.action}'" for p, d in decisions.items()}
        targets = {p: _CANDIDATE_COLUMNS[d.candidate] for p, d in decisions.items() if d.candidate}
        faults = {p: f"'{d.fault}'" for p, d in decisions.items() if d.fault}
        decided = (
            f"SELECT m.*, {case(actions)} AS action, ({case(targets)})::bigint AS target,"
            f" ({case(faults)})::text AS fault FROM matched m"
        )
        if self.center_id is None:
            return decided
        # A center touches its own people only; those this very preview would make are its own
        is_ours = (
            "d.target < 0 OR EXISTS (SELECT 1 FROM center_members cm"
            f" WHERE cm.center_id = {self.center_id} AND cm.constituent_id = d.target)"
        )
        others = ", ".join(
            f"d.{name}" for name in ("pattern", *self.staged_columns, "email_low", "removed_hit")
        )
        return (
            f"SELECT {others}, d.member_hit, d.target, CASE WHEN d.action = 'update' AND NOT"
            f" ({is_ours}) THEN 'reject' ELSE d.action END AS action, CASE WHEN d.action ="
            f" 'update' AND NOT ({is_ours}) THEN 'other_center' ELSE d.fault END AS fault"
            f" FROM ({decided}) d"
        )

    def rejected(self, decisions: Mapping[str, Decision]) -> str:
        """The rows that are rejected, with what their sentences need."""
        member = "d.member_id" if "member_id" in self.attributes else "NULL"
        email = "d.primary_email" if "primary_email" in self.attributes else "NULL"
        return (
            f"SELECT d.row_number, d.who, d.fault, d.key_cons_id::text, {member}, {email},"
            " CASE d.fault WHEN 'email_taken' THEN d.email_low"
            " WHEN 'email_unreachable' THEN d.email_low WHEN 'member_id_taken' THEN d.member_hit"
            " WHEN 'removed' THEN d.removed_hit END"
            f" FROM ({self._decided(decisions)}) d WHERE d.action = 'reject'"
        )

    # Effects -------------------------------------------------------------------------------

    @cached_property
    def _effect_columns(self) -> str:
        return (
            "row_number, who, outcome, target, has_values, notes, add_groups, add_interests,"
            " digest, before, changes, custom" + "".join(f", {name}" for name in self.written)
        )

    def creations(self, decisions: Mapping[str, Decision]) -> str:
        """What the rows do that make a new constituent."""
        target = "-d.row_number" if self.tables.is_overlay else "nextval('constituents_id_seq')"
        values = "".join(f", {self._created_value(name)}" for name in self.written)
        changes = "NULL::hstore"
        if self.tables.is_overlay:
            # Examples are enough: a new record's values are the row's own
            keys, new = self._diff_arrays("d", with_defaults=True)
            changes = f"CASE WHEN d.row_number <= {EXAMPLE_ROWS} THEN hstore({keys}, {new}) END"
        digest = self._digest("''::hstore", "''::hstore", "d.group_ids", "d.interest_ids")
        return f"""
INSERT INTO effect ({self._effect_columns})
SELECT d.row_number, d.who, 'created', {target}, true, NULL, d.group_ids, d.interest_ids,
    {digest}, NULL, {changes}, coalesce(d.custom, '{{}}'){values}
FROM ({self._decided(decisions)}) d WHERE d.action = 'create'"""

    def _created_value(self, name: str) -> str:
        if name not in self.attributes:
            return f"NULL::{self._type(name)}"
        if name in _DEFAULTS:
            return f"coalesce(d.{name}, {_DEFAULTS[name]})"
        return f"d.{name}"

    def updates(self, decisions: Mapping[str, Decision]) -> str:
        """What the rows do to a constituent that is there already, perhaps nothing."""
        state = self.tables.constituents("r.id = d.target")
        new = ", ".join(f"{self._new_value(name)} AS {name}" for name in self.written)
        new = f"{new}, " if new else ""
        has_custom = bool(self.custom_keys)
        custom = "c.custom || coalesce(d.custom, '{}')" if has_custom else "c.custom"
        names = (*self.written, "custom") if has_custom else self.written
        old_row = ", ".join(f"c.{name}" for name in names)
        new_row = ", ".join(f"n.{name}" for name in names)
        changed = f"ROW({old_row}) IS DISTINCT FROM ROW({new_row})" if names else "false"
        before = changes = "NULL::hstore"
        if self.keeps_diffs:
            old_arrays, new_arrays = self._diff_arrays("c"), self._diff_arrays("n")
            before = f"hstore({', '.join(old_arrays)})"
            changes = f"hstore({', '.join(new_arrays)})"
            before, changes = f"{before} - {changes}", f"{changes} - {before}"
        digest = self._digest("h.before", "h.changes", "a.groups", "a.interests")
        values = "".join(f", CASE WHEN v.changed THEN n.{name} END" for name in self.written)
        return f"""
INSERT INTO effect ({self._effect_columns})
SELECT d.row_number, d.who,
    CASE WHEN v.changed OR a.groups IS NOT NULL OR a.interests IS NOT NULL THEN 'updated'
         ELSE 'unchanged' END,
    d.target, v.changed, {self._notes()}, a.groups, a.interests,
    {digest}, h.before, h.changes, CASE WHEN v.changed THEN n.custom END{values}
FROM ({self._decided(decisions)}) d
CROSS JOIN LATERAL ({state}) c
CROSS JOIN LATERAL (SELECT {new}{custom} AS custom OFFSET 0) n
CROSS JOIN LATERAL (SELECT {changed} AS changed OFFSET 0) v
CROSS JOIN LATERAL (SELECT CASE WHEN v.changed THEN {before} END AS before,
    CASE WHEN v.changed THEN {changes} END AS changes OFFSET 0) h
CROSS JOIN LATERAL (SELECT {self._added_groups()} AS groups,
    {self._added_interests()} AS interests OFFSET 0) a
WHERE d.action = 'update'"""

    def _new_value(self, name: str) -> str:
        """What the attribute becomes: a blank cell keeps, a value replaces, an address is one."""
        kept = f"c.{name}"
        block = next((b for b in self.blocks if name in b), None)
        given = f"d.{name}" if name in self.attributes else f"NULL::{self._type(name)}"
        if name in _OPT_OUTS and not self.allow_opt_in:
            return f"CASE WHEN {kept} THEN coalesce({given}, {kept}) ELSE {kept} END"
        if self._type(name) != "text":
            return f"coalesce({given}, {kept})"
        value = (
            f"CASE WHEN {given} IS NULL OR {given} = {kept}"
            f" OR normalize({given}) = normalize({kept}) THEN {kept} ELSE {given} END"
        )
        if block is None:
            return value
        return f"CASE WHEN {self._moved(block)} THEN {given} ELSE {value} END"

    def _moved(self, block: Sequence[str]) -> str:
        """Whether the row's street is another one than the stored (DOMAIN O: then the whole
        address is replaced). A second line added to the same street is not another street."""

        def differs(name: str, *, must_be_stored: bool) -> str:
            if name not in self.attributes:
                return "false"
            given, kept = f"d.{name}", f"c.{name}"
            stored = f" AND {kept} IS NOT NULL" if must_be_stored else ""
            return (
                f"({given} IS NOT NULL{stored} AND {given} IS DISTINCT FROM {kept} AND"
                f" lower(normalize({given})) IS DISTINCT FROM lower(normalize({kept})))"
            )

        first, second, third = block[:3]
        return (
            f"({differs(first, must_be_stored=False)} OR {differs(second, must_be_stored=True)}"
            f" OR {differs(third, must_be_stored=True)})"
        )

    def _diff_arrays(self, alias: str, *, with_defaults: bool = False) -> tuple[str, str]:
        """Names and values of what can change, as two arrays for hstore()."""
        names = list(self.written)
        keys = [f"'{name}'" for name in names] + [f"'custom.{key}'" for key in self.custom_keys]
        values = [
            f"({self._created_value(name) if with_defaults else f'{alias}.{name}'})::text"
            for name in names
        ]
        values += [f"{alias}.custom ->> '{key}'" for key in self.custom_keys]
        return f"ARRAY[{', '.join(keys)}]::text[]", f"ARRAY[{', '.join(values)}]::text[]"

    def _digest(self, before: str, changes: str, groups: str, interests: str) -> str:
        """The seal of a row's effect: equal when the same would be done to the same values."""
        if not self.keeps_diffs:
            return "NULL::bigint"
        return (
            f"hashtextextended(concat_ws('|', {before}::text, {changes}::text,"
            f" {groups}::text, {interests}::text), 0)"
        )

    def _added_groups(self) -> str:
        if not self.has_groups:
            return "NULL::bigint[]"
        return (
            "(SELECT array_agg(g ORDER BY g) FROM unnest(d.group_ids) g WHERE NOT "
            f"{self.tables.is_member('g', 'd.target')})"
        )

    def _added_interests(self) -> str:
        """Interests not chosen yet; one the person opted out of only by an explicit choice."""
        if not self.has_interests:
            return "NULL::bigint[]"
        choice = self.tables.choice("i", "d.target")
        wanted = f"{choice} IS NOT TRUE" if self.allow_opt_in else f"{choice} IS NULL"
        return f"(SELECT array_agg(i ORDER BY i) FROM unnest(d.interest_ids) i WHERE {wanted})"

    def _notes(self) -> str:
        """Sentences on what was kept although the file says otherwise."""
        if self.allow_opt_in:
            return "NULL::text[]"
        notes = [
            f"CASE WHEN d.{name} AND NOT c.{name} THEN '{name.upper()} stays No: this person"
            " opted out, and the file alone cannot opt anybody in again.' END"
            for name in _OPT_OUTS
            if name in self.attributes
        ]
        if self.has_interests:
            notes.append(
                "(SELECT 'Stays opted out of ' || string_agg(t.name, ', ' ORDER BY t.id) ||"
                " ': the file alone cannot opt anybody in again.'"
                " FROM unnest(d.interest_ids) i JOIN interests t ON t.id = i"
                f" WHERE {self.tables.choice('i', 'd.target')} IS FALSE)"
            )
        if not notes:
            return "NULL::text[]"
        return f"nullif(array_remove(ARRAY[{', '.join(notes)}], NULL), '{{}}')"

    # The seal ------------------------------------------------------------------------------

    def broken_seals(self) -> str:
        """Rows that would now do something else than the preview showed (parameters: the run, the
        preview). Records the run itself made are known to the preview by the row that makes them.
        """
        return """
WITH plan AS (
    SELECT e.row_number FROM effect e
    LEFT JOIN run_rows p ON p.run_id = %(preview)s AND p.row_number = e.row_number
    LEFT JOIN run_rows made ON made.run_id = %(run)s AND made.row_number = -p.constituent_id
    WHERE p.outcome IS DISTINCT FROM e.outcome OR p.digest IS DISTINCT FROM e.digest
        OR (e.outcome <> 'created'
            AND coalesce(made.constituent_id, p.constituent_id) IS DISTINCT FROM e.target)
)
DELETE FROM effect WHERE row_number IN (SELECT row_number FROM plan)
RETURNING row_number, who"""

    # Writing -------------------------------------------------------------------------------

    def write(self) -> list[str]:
        """The statements that do what `effect` says."""
        return self._write_overlay() if self.tables.is_overlay else self._write_real()

    def _insert_values(self) -> tuple[str, str]:
        """Column and value lists of a new constituent, from `effect e`."""
        names = [name for name in self.attributes if name not in ("source", "sub_source")]
        values = [f"e.{name}" for name in names]
        source = "e.source" if "source" in self.attributes else "NULL"
        sub_source = "e.sub_source" if "sub_source" in self.attributes else "NULL"
        columns = ["id", *names, "source", "sub_source", "custom", "modified_row"]
        values = [
            "e.target",
            *values,
            f"coalesce({source}, %(source)s)",
            f"coalesce({sub_source}, %(sub_source)s)",
            "e.custom",
            "e.row_number",
        ]
        return ", ".join(columns), ", ".join(values)

    def _write_real(self) -> list[str]:
        columns, values = self._insert_values()
        sets = [f"{name} = e.{name}" for name in self.written]
        if self.custom_keys:
            sets.append("custom = e.custom")
        sets += ["modified_at = now()", "modified_row = e.row_number"]
        statements = [
            f"INSERT INTO constituents ({columns}) SELECT {values} FROM effect e"
            " WHERE e.outcome = 'created'",
            f"UPDATE constituents c SET {', '.join(sets)} FROM effect e"
            " WHERE c.id = e.target AND e.outcome = 'updated' AND e.has_values",
        ]
        if "primary_email" in self.attributes:
            # Nobody can be in the way of a new constituent, so those are spared the look
            emails = (
                "INSERT INTO constituent_emails (constituent_id, email)"
                " SELECT e.target, lower(e.primary_email) FROM effect e"
                " WHERE e.outcome = '{}' AND e.has_values AND e.primary_email IS NOT NULL"
            )
            statements.append(emails.format("created"))
            statements.append(emails.format("updated") + " ON CONFLICT DO NOTHING")
        statements += self._write_memberships()
        return statements

    def _write_memberships(self) -> list[str]:
        statements = [
            "INSERT INTO group_members (group_id, constituent_id)"
            " SELECT %(new_group)s::bigint, e.target FROM effect e WHERE e.outcome = 'created'",
            "INSERT INTO group_members (group_id, constituent_id)"
            " SELECT %(modified_group)s::bigint, e.target FROM effect e"
            " WHERE e.outcome = 'updated' AND NOT EXISTS"
            " (SELECT 1 FROM group_members gm WHERE gm.group_id = %(new_group)s"
            " AND gm.constituent_id = e.target) ON CONFLICT DO NOTHING",
        ]
        if self.center_id is not None:
            statements.append(
                "INSERT INTO center_members (center_id, constituent_id)"
                f" SELECT {self.center_id}, e.target FROM effect e WHERE e.outcome = 'created'"
                " ON CONFLICT DO NOTHING"
            )
        if self.has_groups:
            statements.append(
                "INSERT INTO group_members (group_id, constituent_id)"
                " SELECT DISTINCT g, e.target FROM effect e, unnest(e.add_groups) g"
                " ON CONFLICT DO NOTHING"
            )
        if self.has_interests:
            statements += self._write_choices()
        return statements

    def _write_choices(self) -> list[str]:
        chosen = (
            "SELECT DISTINCT i AS interest_id, e.target FROM effect e, unnest(e.add_interests) i"
        )
        return [
            "INSERT INTO interest_choices (interest_id, constituent_id, opted_in)"
            f" SELECT x.interest_id, x.target, true FROM ({chosen}) x"
            " ON CONFLICT (interest_id, constituent_id)"
            " DO UPDATE SET opted_in = true, chosen_at = now()",
            "INSERT INTO group_members (group_id, constituent_id)"
            f" SELECT t.opt_in_group_id, x.target FROM ({chosen}) x"
            " JOIN interests t ON t.id = x.interest_id WHERE t.opt_in_group_id IS NOT NULL"
            " ON CONFLICT DO NOTHING",
            "DELETE FROM group_members gm"
            f" USING ({chosen}) x JOIN interests t ON t.id = x.interest_id"
            " WHERE gm.group_id = t.opt_out_group_id AND gm.constituent_id = x.target",
        ]

    def _write_overlay(self) -> list[str]:
        columns, values = self._insert_values()
        defaults = [
            (name, default) for name, default in _DEFAULTS.items() if name not in self.attributes
        ]
        more_columns = "".join(f", {name}" for name, _ in defaults)
        more_values = "".join(f", {default}" for _, default in defaults)
        changed = {name: f"e.{name}" for name in self.written}
        if self.custom_keys:
            changed["custom"] = "e.custom"
        state = self.tables.constituents("r.id = e.target")
        all_values = ", ".join(changed.get(name, f"c.{name}") for name in ALL_COLUMNS)
        sets = ", ".join(f"{name} = excluded.{name}" for name in changed)
        statements = [
            f"INSERT INTO overlay_constituents ({columns}{more_columns}, active_detail, is_active,"
            f" created_at, modified_at) SELECT {values}{more_values}, 'Prospect', true, now(),"
            " now() FROM effect e WHERE e.outcome = 'created'",
        ]
        if sets:
            statements.append(
                f"INSERT INTO overlay_constituents ({', '.join(ALL_COLUMNS)})"
                f" SELECT {all_values} FROM effect e CROSS JOIN LATERAL ({state}) c"
                " WHERE e.outcome = 'updated' AND e.has_values"
                f" ON CONFLICT (id) DO UPDATE SET {sets}"
            )
        if self.has_groups:
            statements.append(
                "INSERT INTO overlay_members SELECT DISTINCT g, e.target"
                " FROM effect e, unnest(e.add_groups) g ON CONFLICT DO NOTHING"
            )
        if self.has_interests:
            statements.append(
                "INSERT INTO overlay_choices SELECT DISTINCT i, e.target, true"
                " FROM effect e, unnest(e.add_interests) i"
                " ON CONFLICT (interest_id, constituent_id) DO UPDATE SET opted_in = true"
            )
        return statements

    def outcomes(self) -> str:
        """Keep the outcome of the rows that went through (parameter: the run)."""
        shown = "e.digest, e.before, e.changes" if self.tables.is_overlay else "NULL, NULL, NULL"
        return (
            "INSERT INTO run_rows (run_id, row_number, outcome, constituent_id, who, notes,"
            f" digest, before, changes) SELECT %(run)s, e.row_number, e.outcome, e.target, e.who,"
            f" e.notes, {shown} FROM effect e"
        )

    def counts(self) -> str:
        """How many rows had which outcome, and how many carry a note."""
        return "SELECT outcome, count(*), count(notes) FROM effect GROUP BY outcome"

    def added(self, column: str) -> str:
        """Per group (`add_groups`) or interest (`add_interests`), how many were added to it."""
        return f"SELECT g::text, count(*) FROM effect, unnest({column}) g GROUP BY g"
