"""What becomes of each record a download looks at, found out in sets.

In the transaction that reads everything, temporary tables take the records that were looked at
(`download_candidates`), what became of those that are not delivered (`download_outcomes`), and why
some are held back (`download_reasons`). Where everything is wanted, the candidates are the records
themselves, and only exceptions are written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from jobs.processors.download_sources import Codes, Source, Withholding
from jobs.processors.download_windows import Window
from webapp.rules.guarding import guarded_sql

TABLES = (
    "download_candidates",
    "download_outcomes",
    "download_reasons",
    "download_removals",
    "download_sent",
    "download_delivered",
)

_CREATE = """
CREATE TEMP TABLE download_candidates (record_id bigint PRIMARY KEY, is_changed boolean NOT NULL,
    is_echo boolean NOT NULL);
CREATE TEMP TABLE download_outcomes (record_id bigint PRIMARY KEY, outcome text NOT NULL);
CREATE TEMP TABLE download_reasons (record_id bigint NOT NULL, reason text NOT NULL,
    field text NOT NULL, value text NOT NULL, constituent_id bigint, who text NOT NULL,
    amount numeric, currency text);
"""

_LONGEST_VALUE = 500


@dataclass(frozen=True, slots=True)
class Counts:
    """The account of a download: changed + carried = the rest, echoes being filtered out."""

    changed: int
    carried: int
    removed: int
    withheld: int
    filtered_out: int
    echoed: int

    @property
    def looked_at(self) -> int:
        """How many records were looked at."""
        return self.changed + self.carried


class Plan:
    """The records of one window, and what becomes of each."""

    def __init__(self, connection: psycopg.Connection, source: Source, window: Window) -> None:
        self._connection = connection
        self._source = source
        self._window = window
        self._is_whole = window.is_everything
        self._parameters = dict(source.parameters) | {"since_at": window.since_at}
        if self._is_whole:
            self._from = source.table
        else:
            self._from = (
                f"download_candidates k JOIN {source.table} ON {source.record} = k.record_id"
            )

    def make(self) -> Counts:
        """Find out what becomes of each record."""
        # The tables are small or have no statistics; what was planned for none must not be kept
        self._run(f"DROP TABLE IF EXISTS {', '.join('pg_temp.' + name for name in TABLES)}")
        self._run(_CREATE)
        if not self._is_whole:
            self._find_candidates()
        self._find_sent()
        self._set_aside_removals()
        echoed = self._set_aside_echoes()
        filtered = self._set_aside_unwanted()
        for codes in self._source.codes:
            self._look_up(codes)
        for each in self._source.withholdings:
            self._find_reasons(each)
        withheld = self._run(
            "INSERT INTO download_outcomes SELECT DISTINCT record_id, 'withheld'"
            " FROM download_reasons ON CONFLICT DO NOTHING"
        )
        self._run("ANALYZE download_outcomes")
        changed, carried = self._count_looked_at()
        removed = self._one("SELECT count(*) FROM download_outcomes WHERE outcome = 'removed'")
        return Counts(changed, carried, removed, withheld, filtered + echoed, echoed)

    # What stands in the files -------------------------------------------------------------

    def select(self, *, limit: int | None = None) -> str:
        """SQL of the cells that are delivered, guarded, with parameters merged in."""
        cells = ", ".join(
            guarded_sql(column.sql) if column.is_text else column.sql
            for column in self._source.columns
        )
        order = "" if self._is_whole else f" ORDER BY {self._source.record}"
        return self._merged(
            f"SELECT {cells} FROM {self._from} {self._source.joins} WHERE {self._delivered()}"
            f"{order}{f' LIMIT {limit}' if limit is not None else ''}"
        )

    def select_removals(self) -> str:
        """SQL of the cells of the file of removals."""
        cells = ", ".join(
            guarded_sql(column.sql) if column.is_text else column.sql
            for column in self._source.removal_columns
        )
        return f"SELECT {cells} FROM download_removals r ORDER BY r.record_id"

    @property
    def has_removals(self) -> bool:
        """Whether there is anybody to report in the file of removals."""
        return self._one("SELECT count(*) FROM download_removals") > 0

    def count_delivered(self) -> int:
        """How many records would be delivered now."""
        return self._one(f"SELECT count(*) FROM {self._from} WHERE {self._delivered()}")

    def keep_delivered(self) -> int:
        """Remember which records are delivered, for sources that send each once."""
        self._run(
            f"CREATE TEMP TABLE download_delivered AS SELECT {self._source.record} AS record_id,"
            f" s.record_id IS NOT NULL AS is_update FROM {self._from}"
            f" LEFT JOIN download_sent s ON s.record_id = {self._source.record}"
            f" WHERE {self._delivered()}"
        )
        return self._one("SELECT count(*) FROM download_delivered")

    def _delivered(self) -> str:
        wanted = f" AND ({self._source.wanted})" if self._is_whole and self._source.wanted else ""
        return f"{self._remaining()}{wanted}"

    def _undecided(self) -> str:
        """The same before anything is held back. Of everything, what was set aside until then is
        not present; without a temporary table the database may look at it with several workers."""
        if not self._is_whole:
            return self._delivered()
        wanted = f" AND ({self._source.wanted})" if self._source.wanted else ""
        return f"({self._source.present}){wanted}"

    def _remaining(self) -> str:
        """SQL: present, and nothing else became of it yet."""
        return (
            f"({self._source.present}) AND NOT EXISTS (SELECT FROM download_outcomes o"
            f" WHERE o.record_id = {self._source.record})"
        )

    # The steps ----------------------------------------------------------------------------

    def _find_sent(self) -> None:
        """Which of the records that are looked at went with an earlier download."""
        if not self._source.sends_once:
            return
        looked_at = (
            ""
            if self._is_whole
            else " AND EXISTS (SELECT FROM download_candidates k WHERE k.record_id = d.record_id)"
        )
        self._run(
            "CREATE TEMP TABLE download_sent AS SELECT DISTINCT d.record_id"
            " FROM download_deliveries d JOIN download_windows w ON w.run_id = d.run_id"
            " WHERE w.stream_id = %(stream)s AND w.is_committed"
            " AND (%(repeats_from)s::bigint IS NULL OR w.number < %(repeats_from)s::bigint)"
            f"{looked_at}",
            stream=self._window.stream_id,
            repeats_from=self._window.repeats_from,
        )
        self._run("CREATE INDEX ON download_sent (record_id)")
        self._run("ANALYZE download_sent")

    def _find_candidates(self) -> None:
        window = self._window
        if not window.only_carried:
            self._run(
                "INSERT INTO download_candidates SELECT record_id, true, is_echo FROM ("
                f"{self._source.changed(window)}) changed"
            )
        if window.carried_from:
            # Held back before: looked at again, an echo or not, for as long as it is there
            self._run(
                "INSERT INTO download_candidates AS k SELECT DISTINCT w.record_id, false, false"
                " FROM withheld_records w WHERE w.run_id = ANY(%(runs)s) AND EXISTS (SELECT FROM"
                f" {self._source.table} WHERE {self._source.record} = w.record_id"
                f" AND {self._source.present})"
                " ON CONFLICT (record_id) DO UPDATE SET is_echo = false",
                runs=list(window.carried_from),
            )
        self._run("ANALYZE download_candidates")

    def _set_aside_removals(self) -> None:
        if self._source.removals is None or self._window.only_carried:
            self._run("CREATE TEMP TABLE download_removals (record_id bigint)")
            return
        self._run(f"CREATE TEMP TABLE download_removals AS {self._source.removals(self._window)}")
        if self._is_whole:
            self._run(
                "INSERT INTO download_outcomes SELECT record_id, 'removed' FROM download_removals"
            )
            return
        self._run(
            "DELETE FROM download_removals r WHERE NOT EXISTS (SELECT FROM download_candidates k"
            " WHERE k.record_id = r.record_id AND NOT k.is_echo)"
        )
        self._run(
            "INSERT INTO download_outcomes SELECT record_id, 'removed' FROM download_removals"
        )

    def _set_aside_echoes(self) -> int:
        if self._is_whole:
            return 0
        return self._run(
            "INSERT INTO download_outcomes SELECT record_id, 'echo' FROM download_candidates"
            " WHERE is_echo ON CONFLICT DO NOTHING"
        )

    def _set_aside_unwanted(self) -> int:
        wanted = self._source.wanted
        if wanted is None:
            return 0
        unwanted = f"FROM {self._from} WHERE {self._remaining()} AND ({wanted}) IS NOT TRUE"
        if self._is_whole:
            return self._one(f"SELECT count(*) {unwanted}")
        return self._run(
            f"INSERT INTO download_outcomes SELECT {self._source.record}, 'filtered' {unwanted}"
        )

    def _look_up(self, codes: Codes) -> None:
        """What goes out for each value that the records have, with how many have it."""
        values = ", ".join(f"({value})" for value in codes.values)
        outward = codes.outward
        self._run(f"DROP TABLE IF EXISTS {codes.table}")
        self._run(
            f"CREATE TEMP TABLE {codes.table.removeprefix('pg_temp.')} AS SELECT v.value, v.rows,"
            f" {outward.text('x', 'v.value')} AS sent,"
            f" {outward.is_withheld('x', 'v.value')} AS waits"
            f" FROM (SELECT u.value, count(*) AS rows FROM {self._from} {codes.joins}"
            f" CROSS JOIN LATERAL (VALUES {values}) u (value)"
            f" WHERE {self._undecided()} AND u.value IS NOT NULL GROUP BY u.value) v"
            f" {outward.join('x', 'v.value')}"
        )
        self._run(f"ANALYZE {codes.table}")

    def _find_reasons(self, each: Withholding) -> None:
        source = self._source
        if each.only_if and not self._one(each.only_if):
            return
        self._run(
            f"INSERT INTO download_reasons SELECT {source.record}, %(reason)s, %(field)s,"
            f" left(coalesce({each.value}, ''), {_LONGEST_VALUE}), {source.constituent_id},"
            f" coalesce({source.who}, ''), {source.amount}, {source.currency}"
            f" FROM {self._from} {each.joins}"
            f" WHERE {self._undecided()} AND ({each.condition})",
            reason=each.reason.value,
            field=each.field,
        )

    def _count_looked_at(self) -> tuple[int, int]:
        """Changed, and only held back before."""
        if not self._is_whole:
            row = self._connection.execute(
                "SELECT count(*) FILTER (WHERE is_changed), count(*) FILTER (WHERE NOT is_changed)"
                " FROM download_candidates"
            ).fetchone()
            assert row is not None
            return int(row[0]), int(row[1])
        present = self._one(
            f"SELECT count(*) FROM {self._source.table} WHERE {self._source.present}"
        )
        return present + self._one("SELECT count(*) FROM download_removals"), 0

    # The connection -----------------------------------------------------------------------

    def _run(self, statement: str, **more: object) -> int:
        cursor = self._connection.cursor()
        cursor.execute(self._merged(statement, more))
        return max(cursor.rowcount, 0)

    def _one(self, statement: str) -> int:
        row = self._connection.execute(self._merged(statement)).fetchone()
        return int(row[0]) if row else 0

    def _merged(self, statement: str, more: Mapping[str, Any] | None = None) -> str:
        """The statement with its parameters as literals: COPY takes none."""
        values = self._parameters | dict(more or {})
        return merge(self._connection, statement, values)


def merge(connection: psycopg.Connection, statement: str, values: Mapping[str, Any]) -> str:
    """A statement with its named parameters put in as literals."""
    return psycopg.ClientCursor(connection).mogrify(statement, values)
