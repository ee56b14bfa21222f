"""The SQL of a constituent import: one chunk of rows matched, compared and written as sets.

`ImportTables` says which tables, `MatchSql` whose rows, `EffectSql` what they do; this writes it.
"""

from __future__ import annotations

from collections.abc import Collection

from jobs.processors.import_effects import DEFAULTS, EffectSql
from jobs.processors.import_tables import ALL_COLUMNS


class ImportSql(EffectSql):
    """All statements of one file. Every one works on the chunk in the temporary tables."""

    _NOTES = "e.said || e.notes"

    # Writing -------------------------------------------------------------------------------

    def write(self, outcomes: Collection[str]) -> list[str]:
        """The statements that do what `effect` says, which has rows of these outcomes."""
        if self.tables.is_overlay:
            return self._write_overlay(outcomes)
        statements: list[str] = []
        if "created" in outcomes:
            statements += self._write_created()
        if "updated" in outcomes:
            statements += self._write_updated()
        if statements:
            statements += self._write_lists()
        return statements

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

    _EMAILS = (
        "INSERT INTO constituent_emails (constituent_id, email)"
        " SELECT e.target, lower(e.primary_email) FROM effect e"
        " WHERE e.outcome = '{}' AND e.has_values AND e.primary_email IS NOT NULL"
    )

    def _write_created(self) -> list[str]:
        """Nobody can be in the way of a new constituent, so nothing looks for conflicts."""
        columns, values = self._insert_values()
        statements = [
            f"INSERT INTO constituents ({columns}) SELECT {values} FROM effect e"
            " WHERE e.outcome = 'created'",
            "INSERT INTO group_members (group_id, constituent_id)"
            " SELECT %(new_group)s::bigint, e.target FROM effect e WHERE e.outcome = 'created'",
        ]
        if "primary_email" in self.attributes:
            statements.append(self._EMAILS.format("created"))
        if self.center_id is not None:
            statements.append(
                "INSERT INTO center_members (center_id, constituent_id)"
                f" SELECT {self.center_id}, e.target FROM effect e WHERE e.outcome = 'created'"
            )
        return statements

    def _write_updated(self) -> list[str]:
        sets = [f"{name} = e.{name}" for name in self.written]
        if self.custom_keys:
            sets.append("custom = e.custom")
        sets += ["modified_at = now()", "modified_row = e.row_number"]
        statements = [
            f"UPDATE constituents c SET {', '.join(sets)} FROM effect e"
            " WHERE c.id = e.target AND e.outcome = 'updated' AND e.has_values",
            "INSERT INTO group_members (group_id, constituent_id)"
            " SELECT %(modified_group)s::bigint, e.target FROM effect e"
            " WHERE e.outcome = 'updated' AND NOT EXISTS"
            " (SELECT 1 FROM group_members gm WHERE gm.group_id = %(new_group)s"
            " AND gm.constituent_id = e.target) ON CONFLICT DO NOTHING",
        ]
        if "primary_email" in self.attributes:
            statements.append(self._EMAILS.format("updated") + " ON CONFLICT DO NOTHING")
        return statements

    def _write_lists(self) -> list[str]:
        statements: list[str] = []
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
            "DELETE FROM group_members gm"
            f" USING ({chosen}) x JOIN interests t ON t.id = x.interest_id"
            " WHERE gm.group_id = t.opt_out_group_id AND gm.constituent_id = x.target",
            "INSERT INTO group_members (group_id, constituent_id)"
            f" SELECT t.opt_in_group_id, x.target FROM ({chosen}) x"
            " JOIN interests t ON t.id = x.interest_id WHERE t.opt_in_group_id IS NOT NULL"
            " ON CONFLICT DO NOTHING",
        ]

    def _write_overlay(self, outcomes: Collection[str]) -> list[str]:
        columns, values = self._insert_values()
        defaults = [
            (name, default) for name, default in DEFAULTS.items() if name not in self.attributes
        ]
        more_columns = "".join(f", {name}" for name, _ in defaults)
        more_values = "".join(f", {default}" for _, default in defaults)
        changed = {name: f"e.{name}" for name in self.written}
        if self.custom_keys:
            changed["custom"] = "e.custom"
        state = self.tables.constituents("r.id = e.target")
        all_values = ", ".join(changed.get(name, f"c.{name}") for name in ALL_COLUMNS)
        sets = ", ".join(f"{name} = excluded.{name}" for name in changed)
        statements: list[str] = []
        if "created" in outcomes:
            statements.append(
                f"INSERT INTO overlay_constituents ({columns}{more_columns}, active_detail,"
                f" is_active, created_at, modified_at) SELECT {values}{more_values}, 'Prospect',"
                " true, now(), now() FROM effect e WHERE e.outcome = 'created'"
            )
        if sets and "updated" in outcomes:
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

    def counts(self) -> str:
        """How many rows had which outcome, and how many carry a note."""
        return "SELECT outcome, count(*), count(notes) FROM effect GROUP BY outcome"

    def added(self, column: str) -> str:
        """Per group (`add_groups`) or interest (`add_interests`), how many were added to it."""
        return f"SELECT g::text, count(*) FROM effect, unnest({column}) g GROUP BY g"
