"""The codes that a download's records have, counted in one look at them all, and what goes out for
each through its cross-reference table.

What is written into a file and what a run tells of codes both come from here: temporary tables, one
of what was counted (`download_values`) and one for each type (`Codes.table`).
"""

from __future__ import annotations

from collections.abc import Iterable

from jobs.processors.download_sources import Codes, Source
from jobs.processors.download_statements import Statements
from webapp.rules.guarding import guarded_sql


class CodeTables:
    """The codes of the records that a download looks at. `table` is SQL of what a FROM needs."""

    def __init__(self, statements: Statements, source: Source) -> None:
        self._sql = statements
        self._source = source

    def count(self, table: str, looked_at: str, is_wanted: str) -> None:
        """Count the records by the codes they have: one look at them all, however many columns have
        codes. Those that are not wanted are counted by themselves."""
        values = self._own_values()
        of_each = "".join(f", {value} AS v{number}" for number, value in enumerate(values))
        grouped = ", ".join(str(number) for number in range(1, len(values) + 3))
        self._sql.run(
            f"CREATE TEMP TABLE download_values AS SELECT {is_wanted} AS is_wanted,"
            f" {self._source.currency if values else 'NULL::text'} AS currency{of_each},"
            f" count(*) AS rows, {f'sum({self._source.amount})' if values else 'NULL'} AS amount"
            f" FROM {table} WHERE {looked_at} GROUP BY {grouped}"
        )

    def count_records(self) -> tuple[int, int]:
        """How many records were counted, and how many of them are not wanted."""
        return (
            self._sql.one("SELECT coalesce(sum(rows), 0) FROM download_values"),
            self._sql.one("SELECT coalesce(sum(rows), 0) FROM download_values WHERE NOT is_wanted"),
        )

    def look_up(self, codes: Codes, table: str, undecided: str) -> None:
        """What goes out for each value that the records have, with how many have it; `undecided`:
        SQL of the records whose values stand in other tables."""
        outward, values = codes.outward, self._count_values(codes, table, undecided)
        self._sql.run(f"DROP TABLE IF EXISTS {codes.table}")
        self._sql.run(
            f"CREATE TEMP TABLE {codes.table.removeprefix('pg_temp.')} AS SELECT v.value, v.rows,"
            f" {outward.text('x', 'v.value')} AS sent,"
            f" {outward.is_withheld('x', 'v.value')} AS waits"
            f" FROM ({values}) v {outward.join('x', 'v.value')}"
        )
        self._sql.run(f"ANALYZE {codes.table}")
        cell = guarded_sql("c.sent") if codes.are_cells else "c.sent"
        self._sql.parameters[codes.parameter] = self._sql.text(
            f"SELECT coalesce(jsonb_object_agg(c.value, coalesce({cell}, '')), '{{}}')::text"
            f" FROM {codes.table} c WHERE NOT c.waits AND ({cell}) IS DISTINCT FROM c.value"
        )

    def counted(self, codes: Codes) -> str:
        """SQL: the values of these codes, with the amounts, currency and number of the records that
        have them (jobs.outward.record_outward)."""
        if codes.joins:
            return f"SELECT value, NULL, NULL, rows FROM {codes.table}"
        return f"SELECT u.value, l.amount, l.currency, l.rows {self._counted_once(codes)}"

    def _own_values(self) -> list[str]:
        """The codes that stand in a record itself, one for each column."""
        own = (value for codes in self._source.codes if not codes.joins for value in codes.values)
        return list(dict.fromkeys(own))

    def _counted_once(self, codes: Codes) -> str:
        """SQL: of what the look at all of them found, a line `u` for each of these codes."""
        own = self._own_values()
        columns = [f"l.v{own.index(value)}" for value in codes.values]
        return (
            f"FROM download_values l CROSS JOIN LATERAL (VALUES {_in_brackets(columns)}) u (value)"
            f" WHERE l.is_wanted AND u.value IS NOT NULL AND {codes.only}"
        )

    def _count_values(self, codes: Codes, table: str, undecided: str) -> str:
        """SQL: each value of these codes, with how many records have it."""
        if not codes.joins:
            found = self._counted_once(codes)
            return f"SELECT u.value, sum(l.rows)::bigint AS rows {found} GROUP BY u.value"
        return (
            f"SELECT u.value, count(*) AS rows FROM {table} {codes.joins}"
            f" CROSS JOIN LATERAL (VALUES {_in_brackets(codes.values)}) u (value)"
            f" WHERE {undecided} AND u.value IS NOT NULL GROUP BY u.value"
        )


def _in_brackets(values: Iterable[str]) -> str:
    return ", ".join(f"({value})" for value in values)
