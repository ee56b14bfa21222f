"""What becomes of each record a download looks at, found out in sets.

In the transaction that reads everything, temporary tables take the records that were looked at
(`download_candidates`), what became of those that are not delivered (`download_outcomes`), and why
some are held back (`download_reasons`). Where everything is wanted, the candidates are the records
themselves, and only exceptions are written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from jobs.processors.download_codes import CodeTables
from jobs.processors.download_sources import OutColumn, Source, Withholding
from jobs.processors.download_statements import Statements
from jobs.processors.download_traits import MOST_LISTED, block_of, join_traits
from jobs.processors.download_windows import Window
from webapp.rules.guarding import guarded_sql

TABLES = (
    "download_candidates",
    "download_outcomes",
    "download_reasons",
    "download_removals",
    "download_sent",
    "download_traits",
    "download_delivered",
    "download_values",
    "download_lacking",
)

_CREATE = """
CREATE TEMP TABLE download_candidates (record_id bigint PRIMARY KEY, is_changed boolean NOT NULL,
    is_echo boolean NOT NULL);
CREATE TEMP TABLE download_outcomes (record_id bigint PRIMARY KEY, outcome text NOT NULL);
"""

_NO_REASONS = (
    "SELECT NULL::bigint AS record_id, '' AS reason, '' AS field, '' AS value,"
    " NULL::bigint AS constituent_id, '' AS who, NULL::numeric AS amount, NULL::text AS currency"
    " WHERE false"
)
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
        self.source = source
        self.window = window
        self._is_whole = window.is_everything
        self._withheld = 0
        self._sent = ""
        self._sql = Statements(connection, {**source.parameters, "since_at": window.since_at})
        if self._is_whole:
            self._from = source.table
        else:
            self._from = (
                f"download_candidates k JOIN {source.table} ON {source.record} = k.record_id"
            )
        self.codes = CodeTables(self._sql, source)

    def make(self) -> Counts:
        """Find out what becomes of each record."""
        # The tables are small or have no statistics; what was planned for none must not be kept
        self._sql.run(f"DROP TABLE IF EXISTS {', '.join('pg_temp.' + name for name in TABLES)}")
        self._sql.run(_CREATE)
        if not self._is_whole:
            self._find_candidates()
        self._find_sent()
        self._find_traits()
        self._set_aside_removals()
        echoed = self._set_aside_echoes()
        filtered = self._set_aside_unwanted()
        self._look_at_codes()
        self._find_reasons()
        withheld = self._sql.run(
            "INSERT INTO download_outcomes SELECT DISTINCT record_id, 'withheld'"
            " FROM download_reasons ON CONFLICT DO NOTHING"
        )
        self._sql.run("ANALYZE download_outcomes")
        self._name_withheld(withheld)
        removed = self._sql.one("SELECT count(*) FROM download_outcomes WHERE outcome = 'removed'")
        if self._is_whole:
            present, filtered = self.codes.count_records()
            changed, carried = present + removed, 0
        else:
            changed, carried = self._count_candidates()
        return Counts(changed, carried, removed, withheld, filtered + echoed, echoed)

    # What stands in the files -------------------------------------------------------------

    def select(self, *, limit: int | None = None, is_numbered: bool = False) -> str:
        """SQL of the cells that are delivered, guarded, with parameters merged in; in front of
        them, where wanted, `record_id`."""
        source = self.source
        # COPY writes a row of one NULL as an empty line, which readers take for none at all
        last = "coalesce(({})::text, '')" if len(source.columns) == 1 else "{}"
        made = [
            (f"{_cell(column)} AS c{place}", last.format(f"p.c{place}"))
            if not column.is_list
            else ("", last.format(_cell(column)))
            for place, column in enumerate(source.columns)
        ]
        inner = ", ".join(cell for cell, _ in made if cell)
        lists = source.lists(self.window) if source.lists else ""
        joins = source.cell_joins(self.window) if source.cell_joins else ""
        limited = f" LIMIT {limit}" if limit is not None else ""
        number = "p.record_id, " if is_numbered else ""
        is_ordered = source.in_order or not self._is_whole
        # OFFSET: the lists come behind, so that several processes can make the other cells
        return self._sql.merged(
            f"SELECT {number}{', '.join(cell for _, cell in made)} FROM ("
            f"SELECT {source.record} AS record_id{', ' if inner else ''}{inner}"
            f" FROM {self._from} {joins} {self._sent} WHERE {self._delivered()}"
            f"{f' ORDER BY {source.record}' if is_ordered else ''}{limited} OFFSET 0) p {lists}"
            f"{' ORDER BY p.record_id' if is_ordered else ''}"
        )

    def select_removals(self, *, is_numbered: bool = False) -> str:
        """SQL of the cells of the file of removals; in front of them, where wanted, `record_id`."""
        number = "r.record_id, " if is_numbered else ""
        cells = ", ".join(map(_cell, self.source.removal_columns))
        return f"SELECT {number}{cells} FROM download_removals r ORDER BY r.record_id"

    @property
    def has_removals(self) -> bool:
        """Whether there is anybody to report in the file of removals."""
        return self._sql.one("SELECT count(*) FROM download_removals") > 0

    def count_delivered(self) -> int:
        """How many records would be delivered now."""
        return self._sql.one(f"SELECT count(*) FROM {self._from} WHERE {self._delivered()}")

    def keep_delivered(self) -> None:
        """Remember which records are delivered, for sources that send each once: as ranges, made
        of the runs of numbers that follow one another."""
        record = self.source.record
        self._sql.run(
            "CREATE TEMP TABLE download_delivered AS SELECT block, is_update,"
            " range_agg(int8range(first, last, '[]')) AS records"
            " FROM (SELECT block, is_update, min(id) AS first, max(id) AS last FROM ("
            f"SELECT {record} AS id, {block_of(record)} AS block, s.is_sent AS is_update,"
            f" {record} - row_number() OVER (PARTITION BY s.is_sent ORDER BY {record}) AS island"
            f" FROM {self._from} {self._sent} WHERE {self._delivered()}"
            ") each_one GROUP BY block, is_update, island) runs GROUP BY block, is_update"
        )

    def _delivered(self) -> str:
        """SQL: a record goes into the file."""
        if not self._is_whole:
            return self._remaining()
        if not self._withheld:
            return self._undecided()
        if self._withheld <= MOST_LISTED:
            return f"{self._undecided()} AND {self.source.record} <> ALL (%(withheld)s::bigint[])"
        return f"{self._undecided()} AND {self._has_no_outcome()}"

    def _undecided(self) -> str:
        """The same before anything is held back. Of everything, what was set aside until then is
        not present: without a temporary table the database may use more than one process."""
        if not self._is_whole:
            return self._remaining()
        wanted = f" AND ({self.source.wanted})" if self.source.wanted else ""
        return f"({self.source.present}){wanted}"

    def _remaining(self) -> str:
        """SQL: present, and nothing else became of it yet."""
        return f"({self.source.present}) AND {self._has_no_outcome()}"

    def _has_no_outcome(self) -> str:
        return (
            f"NOT EXISTS (SELECT FROM download_outcomes o WHERE o.record_id = {self.source.record})"
        )

    # The steps ----------------------------------------------------------------------------

    def _find_sent(self) -> None:
        """Which of the records that are looked at went with an earlier download."""
        if not self.source.sends_once:
            return
        looked_at = (
            ""
            if self._is_whole
            else f" AND d.block IN (SELECT {block_of('k.record_id')} FROM download_candidates k)"
        )
        self._sql.run(
            "CREATE TEMP TABLE download_sent AS SELECT d.block, range_agg(d.records) AS records"
            " FROM download_deliveries d JOIN download_windows w ON w.run_id = d.run_id"
            f" WHERE {self.window.delivered_by()}{looked_at} GROUP BY d.block"
        )
        self._sent = self._join_traits("download_sent", "s", {"is_sent": "records"})

    def _find_traits(self) -> None:
        """What is true of few records and takes many rows to tell."""
        source = self.source
        if source.traits is None:
            return
        looked_at = (
            "true"
            if self._is_whole
            else f"{source.record} IN (SELECT record_id FROM download_candidates)"
        )
        each = "int8multirange(int8range(record_id, record_id, '[]'))"
        columns = "".join(
            f", range_agg({each}) FILTER (WHERE {name}) AS {name}" for name in source.trait_names
        )
        self._sql.run(
            f"CREATE TEMP TABLE download_traits AS SELECT {block_of('record_id')} AS block{columns}"
            f" FROM ({source.traits(looked_at)}) found GROUP BY 1"
        )
        names = {name: name for name in source.trait_names}
        self._from += self._join_traits("download_traits", "trait", names)

    def _join_traits(self, table: str, alias: str, columns: Mapping[str, str]) -> str:
        """As constants for everything only: a window is read by one process anyway."""
        most = MOST_LISTED if self._is_whole else 0
        return join_traits(self._connection, table, self.source.record, alias, columns, most=most)

    def _find_candidates(self) -> None:
        window = self.window
        if not window.only_carried:
            self._sql.run(
                "INSERT INTO download_candidates SELECT record_id, true, is_echo FROM ("
                f"{self.source.changed(window)}) changed"
            )
        if window.carried_from:
            # Held back before: looked at again, an echo or not, for as long as it is there
            self._sql.run(
                "INSERT INTO download_candidates AS k SELECT DISTINCT w.record_id, false, false"
                " FROM withheld_records w WHERE w.run_id = ANY(%(runs)s) AND EXISTS (SELECT FROM"
                f" {self.source.table} WHERE {self.source.record} = w.record_id"
                f" AND {self.source.present})"
                " ON CONFLICT (record_id) DO UPDATE SET is_echo = false",
                runs=list(window.carried_from),
            )
        self._sql.run("ANALYZE download_candidates")

    def _set_aside_removals(self) -> None:
        if self.source.removals is None or self.window.only_carried:
            self._sql.run("CREATE TEMP TABLE download_removals (record_id bigint)")
            return
        self._sql.run(f"CREATE TEMP TABLE download_removals AS {self.source.removals(self.window)}")
        if not self._is_whole:
            self._sql.run(
                "DELETE FROM download_removals r WHERE NOT EXISTS (SELECT FROM download_candidates"
                " k WHERE k.record_id = r.record_id AND NOT k.is_echo)"
            )
        self._sql.run(
            "INSERT INTO download_outcomes SELECT record_id, 'removed' FROM download_removals"
        )

    def _set_aside_echoes(self) -> int:
        if self._is_whole:
            return 0
        return self._sql.run(
            "INSERT INTO download_outcomes SELECT record_id, 'echo' FROM download_candidates"
            " WHERE is_echo ON CONFLICT DO NOTHING"
        )

    def _set_aside_unwanted(self) -> int:
        wanted = self.source.wanted
        if wanted is None or self._is_whole:
            return 0
        return self._sql.run(
            f"INSERT INTO download_outcomes SELECT {self.source.record}, 'filtered'"
            f" FROM {self._from} WHERE {self._remaining()} AND ({wanted}) IS NOT TRUE"
        )

    def _look_at_codes(self) -> None:
        """Of everything, those that are not asked for are counted here as well."""
        looked_at, is_wanted = self._remaining(), "true"
        if self._is_whole:
            looked_at = f"({self.source.present})"
            is_wanted = f"coalesce({self.source.wanted or 'true'}, false)"
        self.codes.count(self._from, looked_at, is_wanted)
        for codes in self.source.codes:
            self.codes.look_up(codes, self._from, self._undecided())

    def _find_reasons(self) -> None:
        """Why some have to wait; what can't hold anybody back is not looked for."""
        found = [
            self._reasons(each)
            for each in self.source.withholdings
            if not each.only_if or self._sql.one(each.only_if)
        ]
        # Created from a query, because a query that inserts runs in one process only
        reasons = " UNION ALL ".join(found) or _NO_REASONS
        self._sql.run_merged(f"CREATE TEMP TABLE download_reasons AS {reasons}")

    def _reasons(self, each: Withholding) -> str:
        source = self.source
        return self._sql.merged(
            f"SELECT {source.record} AS record_id, %(reason)s::text AS reason,"
            f" %(field)s::text AS field, left(coalesce({each.value}, ''), {_LONGEST_VALUE})"
            f" AS value, {source.constituent_id} AS constituent_id, coalesce({source.who}, '')"
            f" AS who, {source.amount} AS amount, {source.currency} AS currency"
            f" FROM {self._from} {each.joins} WHERE {self._undecided()} AND ({each.condition})",
            reason=each.reason.value,
            field=each.field,
        )

    def _name_withheld(self, withheld: int) -> None:
        """Of everything, the statement that writes the file names those who are held back."""
        self._withheld = withheld
        if self._is_whole and 0 < withheld <= MOST_LISTED:
            self._sql.parameters["withheld"] = self._sql.text(
                "SELECT array_agg(record_id ORDER BY record_id)::text FROM download_outcomes"
                " WHERE outcome = 'withheld'"
            )

    def _count_candidates(self) -> tuple[int, int]:
        """Changed, and only held back before."""
        looked_at = self._sql.one("SELECT count(*) FROM download_candidates")
        changed = self._sql.one("SELECT count(*) FROM download_candidates WHERE is_changed")
        return changed, looked_at - changed


def _cell(column: OutColumn) -> str:
    return guarded_sql(column.sql) if column.is_text else column.sql
