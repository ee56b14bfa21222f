"""What each row does: what a new constituent gets, what changes of one that is there, and the seal.

The rules are DOMAIN's: a value replaces, a blank keeps, an address is one block, an opt-out stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.processors.import_matching import MatchSql
from webapp.rules.fields import OPT_OUT_FIELDS
from webapp.rules.standard_import import Decision

_OPT_OUTS = tuple(name.lower() for name in OPT_OUT_FIELDS)
DEFAULTS = {
    "accepts_email": "true",
    "accepts_postal_mail": "true",
    "email_status": "'unknown'",
}
EXAMPLE_ROWS = 1000
"""The first rows of a preview whose new constituents are kept field by field, to be shown."""


class EffectSql(MatchSql):
    """From `matched` to `effect`."""

    @property
    def _effect_columns(self) -> str:
        return (
            "row_number, who, said, outcome, target, has_values, notes, add_groups, add_interests,"
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
SELECT d.row_number, d.who, d.said, 'created', {target}, true, NULL, d.group_ids, d.interest_ids,
    {digest}, NULL, {changes}, coalesce(d.custom, '{{}}'){values}
FROM ({self.decided(decisions)}) d WHERE d.action = 'create'"""

    def _created_value(self, name: str) -> str:
        if name not in self.attributes:
            return f"NULL::{self.type_of(name)}"
        if name in DEFAULTS:
            return f"coalesce(d.{name}, {DEFAULTS[name]})"
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
SELECT d.row_number, d.who, d.said,
    CASE WHEN v.changed OR a.groups IS NOT NULL OR a.interests IS NOT NULL THEN 'updated'
         ELSE 'unchanged' END,
    d.target, v.changed, {self._notes()}, a.groups, a.interests,
    {digest}, h.before, h.changes, CASE WHEN v.changed THEN n.custom END{values}
FROM ({self.decided(decisions)}) d
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
        given = f"d.{name}" if name in self.attributes else f"NULL::{self.type_of(name)}"
        if name in _OPT_OUTS and not self.allow_opt_in:
            return f"CASE WHEN {kept} THEN coalesce({given}, {kept}) ELSE {kept} END"
        if self.type_of(name) != "text":
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
