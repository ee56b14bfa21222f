"""Standard Constituent Import: a file of constituents into the database, or a preview of it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import psycopg

from jobs.claims import Claim, hold
from jobs.processors.file_inputs import FileInputs, load_inputs
from jobs.processors.file_runs import FileRun, start_preview_over
from jobs.processors.import_matching import LOOKUPS_BY_KEY
from jobs.processors.import_sql import ImportSql
from jobs.processors.import_tables import OverlayTables, RealTables
from jobs.processors.run_rows import ChunkResult
from jobs.reading import CheckedChunk
from webapp.config import current_settings
from webapp.models.groups import DATA_SYNC_FOLDER
from webapp.rules.standard_import import Action, Decision, Evidence, decide
from webapp.rules.waves import find_waves


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Apply the file, chunk by chunk, from where an earlier attempt stood."""
    inputs = load_inputs(mine.run)
    groups = _make_groups(connection, mine, inputs)
    _Import(connection, mine, inputs, groups).go_on()


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Do the same without writing: what would happen to each row."""
    start_preview_over(connection, mine)
    _Import(connection, mine, load_inputs(mine.run), (None, None)).go_on()


class _Import(FileRun):
    """One attempt at one file of constituents."""

    _sql: ImportSql

    def __init__(
        self,
        connection: psycopg.Connection,
        mine: Claim,
        inputs: FileInputs,
        groups: tuple[int | None, int | None],
    ) -> None:
        super().__init__(connection, mine, inputs)
        self._sql = ImportSql(
            fields=inputs.fields,
            tables=OverlayTables() if self._is_preview else RealTables(),
            is_sealed=self._sealed_by is not None,
            allow_opt_in=inputs.allow_opt_in,
            center_id=mine.run["center_id"],
            custom_keys=tuple(
                f.attribute.removeprefix("custom.") for f in inputs.fields if f.is_custom
            ),
        )
        self._parameters |= {
            "new_group": groups[0],
            "modified_group": groups[1],
            "source": inputs.default_source,
            "sub_source": inputs.default_sub_source,
        }

    def decide(self, evidence: Evidence) -> Decision:
        """By the rules of the import."""
        return decide(evidence, unique_email=self._inputs.unique_email)

    def broken_seals(self) -> str:
        """Rows that would now do something else than the preview showed."""
        return self._sql.broken_seals()

    def apply(self, chunk: CheckedChunk, result: ChunkResult) -> None:
        """The rows of each wave at once, one wave after the other."""
        waves = self._process_wave(chunk, 0, result)
        for wave in range(1, waves):
            self._process_wave(chunk, wave, result)

    def finish(self) -> None:
        """Note on each row that an earlier one was the same constituent (DOMAIN O)."""
        self._connection.execute(_TELL_REPEATS, {"run": self._claim.id})

    def _process_wave(self, chunk: CheckedChunk, wave: int, result: ChunkResult) -> int:
        """Apply the rows of a wave; how many waves the chunk has, found out in the first."""
        execute, sql = self._connection.execute, self._sql
        if wave:
            execute("TRUNCATE matched, effect")
        execute(LOOKUPS_BY_KEY)
        execute(sql.match(), [wave])
        waves = self._find_waves(chunk) if wave == 0 else 0
        decisions = self._decide()
        actions = {decision.action for decision in decisions.values()}
        if Action.CREATE in actions:
            execute(sql.creations(decisions))
        if Action.UPDATE in actions:
            execute(sql.updates(decisions))
        self._reject(chunk, decisions, result)
        if self._sealed_by is not None:
            self._hold_back(chunk, result)
        outcomes = self._count(result)
        for statement in sql.write(outcomes):
            execute(statement, self._parameters)
        execute(sql.outcomes(), self._parameters)
        return waves

    def _find_waves(self, chunk: CheckedChunk) -> int:
        """Put off the rows that have to wait for others; how many waves there are."""
        execute, sql = self._connection.execute, self._sql
        row = execute(sql.has_conflicts()).fetchone()
        if not chunk.has_repeats and not (row and row[0]):
            return 1
        waves = find_waves(linked for (linked,) in execute(sql.links()))
        execute("SET LOCAL enable_hashjoin = on")
        for statement in sql.put_off():
            execute(statement, {"rows": list(waves), "waves": list(waves.values())})
        execute("SET LOCAL enable_hashjoin = off")
        return max(waves.values(), default=0) + 1

    def _count(self, result: ChunkResult) -> set[str]:
        """Add up what `effect` will do; which outcomes it has."""
        outcomes: set[str] = set()
        for outcome, count, notes in self._connection.execute(self._sql.counts()):
            outcomes.add(outcome)
            result.outcomes[outcome] += count
            result.opt_outs_kept += notes
        if self._sql.has_groups:
            for group, count in self._connection.execute(self._sql.added("add_groups")):
                result.counts["groups"][group] += count
        if self._sql.has_interests:
            for interest, count in self._connection.execute(self._sql.added("add_interests")):
                result.counts["interests"][interest] += count
        return outcomes


def _make_groups(
    connection: psycopg.Connection, mine: Claim, inputs: FileInputs
) -> tuple[int | None, int | None]:
    """The run's New and Modified groups, made by its first attempt (DOMAIN)."""
    if mine.run["new_group_id"] is not None:
        return mine.run["new_group_id"], mine.run["modified_group_id"]
    zone = ZoneInfo(current_settings().time_zone)
    at = datetime.now(UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    ids: list[int] = []
    with connection.transaction():
        hold(connection, mine)
        inputs.actor.act(connection, mine.id)
        for kind, word in (("new", "New"), ("modified", "Modified")):
            row = connection.execute(
                "INSERT INTO groups (name, kind, folder, center_id, made_by_run_id)"
                " VALUES (%s, %s, %s, %s, %s) RETURNING id",
                [
                    f"{inputs.label} – {word} – {at}",
                    kind,
                    DATA_SYNC_FOLDER,
                    mine.run["center_id"],
                    mine.id,
                ],
            ).fetchone()
            ids.append(row[0] if row else 0)
        connection.execute(
            "UPDATE runs SET new_group_id = %s, modified_group_id = %s WHERE id = %s",
            [*ids, mine.id],
        )
    return ids[0], ids[1]


_TELL_REPEATS = """
WITH found AS MATERIALIZED (
    SELECT updated + unchanged > 0 AS yes FROM runs WHERE id = %(run)s
), several AS (
    SELECT constituent_id FROM run_rows WHERE run_id = %(run)s AND constituent_id IS NOT NULL
        AND (SELECT yes FROM found)
    GROUP BY constituent_id HAVING count(*) > 1
), ordered AS (
    SELECT row_number,
        lag(row_number) OVER (PARTITION BY constituent_id ORDER BY row_number) AS prior
    FROM run_rows WHERE run_id = %(run)s AND constituent_id IN (SELECT constituent_id FROM several)
), told AS (
    UPDATE run_rows r SET notes = array_append(r.notes,
        'Row ' || o.prior || ' is the same constituent; the rows apply in file order.')
    FROM ordered o WHERE r.run_id = %(run)s AND r.row_number = o.row_number AND o.prior IS NOT NULL
        AND NOT coalesce(r.notes, '{}') @> ARRAY['Row ' || o.prior
            || ' is the same constituent; the rows apply in file order.']
)
UPDATE runs SET tallies = tallies
    || jsonb_build_object('repeated', (SELECT count(*) FROM ordered WHERE prior IS NOT NULL))
WHERE id = %(run)s"""
