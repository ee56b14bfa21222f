"""Standard Constituent Import: a file of constituents into the database, or a preview of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from jobs.ahead import read_ahead
from jobs.claims import APPLY_LOCK, Claim, LostClaimError, Standing, add_tallies, hold
from jobs.processors.import_inputs import ImportInputs, load_inputs, make_groups
from jobs.processors.import_sql import ImportSql
from jobs.processors.import_tables import OverlayTables, RealTables
from jobs.reading import CheckedChunk
from webapp.rules.faults import Fault, FaultCode, faults_json
from webapp.rules.standard_import import Action, Decision, Evidence, decide, match_fault
from webapp.rules.waves import find_waves

OUTCOMES = ("created", "updated", "unchanged", "rejected", "withheld")
TALLIES = (
    "opt_outs_kept", "groups", "interests", "problems", "repeated", "recovered", "repaired"
)  # fmt: skip
DEADLOCK_RETRIES = 5
_CHANGED = match_fault(
    FaultCode.CHANGED_SINCE_PREVIEW, cons_id=None, member_id=None, email=None, other_id=None
)


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Apply the file, chunk by chunk, from where an earlier attempt stood."""
    inputs = load_inputs(mine.run)
    groups = make_groups(connection, mine, inputs)
    _Import(connection, mine, inputs, groups).go_on()


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Do the same without writing: what would happen to each row. An interrupted preview starts
    over, because what earlier rows would have done lives in the session's temporary tables."""
    with connection.transaction():
        hold(connection, mine)
        # The overlay is looked up by key again and again: it should not go to disk meanwhile
        connection.execute("SET temp_buffers = '256MB'")
        connection.execute("DELETE FROM run_rows WHERE run_id = %s", [mine.id])
        connection.execute(
            "UPDATE runs SET next_row = 0, rows_read = 0, created = 0, updated = 0, unchanged = 0,"
            " rejected = 0, withheld = 0, tallies = tallies - %s::text[] WHERE id = %s",
            [list(TALLIES), mine.id],
        )
    _Import(connection, mine, load_inputs(mine.run), (None, None)).go_on()


@dataclass(slots=True)
class _ChunkResult:
    """What became of the rows of one chunk."""

    outcomes: Counter[str] = field(default_factory=Counter)
    notes: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    interests: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    recovered: int = 0
    repaired: Mapping[str, int] = field(default_factory=dict)


class _Import:
    """One attempt at one file."""

    def __init__(
        self,
        connection: psycopg.Connection,
        mine: Claim,
        inputs: ImportInputs,
        groups: tuple[int | None, int | None],
    ) -> None:
        self._connection = connection
        self._claim = mine
        self._inputs = inputs
        self._is_preview = mine.run["kind"] == "preview"
        self._sealed_by: int | None = None if self._is_preview else mine.run["preview_id"]
        self._decisions: dict[str, Decision] = {}
        self._kept: list[tuple[Any, ...]] = []
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
        self._parameters = {
            "run": mine.id,
            "preview": self._sealed_by,
            "new_group": groups[0],
            "modified_group": groups[1],
            "source": inputs.default_source,
            "sub_source": inputs.default_sub_source,
        }

    def go_on(self) -> None:
        """Process every chunk that is left, then what only the whole run can tell."""
        with self._connection.transaction():
            start = hold(self._connection, self._claim).next_row
            for statement in self._sql.create_tables():
                self._connection.execute(statement)
            if self._inputs.outside:
                add_tallies(self._connection, self._claim, {"outside": self._inputs.outside})
        reader = self._inputs.reader
        with read_ahead(lambda: reader.read(start)) as chunks:
            for chunk in chunks:
                self._process(chunk)
        self._tell_repeats()

    def _process(self, chunk: CheckedChunk) -> None:
        """One chunk, one transaction; a deadlock with another program's is tried again."""
        for attempt in range(DEADLOCK_RETRIES):
            try:
                with self._connection.transaction():
                    self._process_once(chunk)
            except (
                psycopg.errors.DeadlockDetected,
                psycopg.errors.SerializationFailure,
                psycopg.errors.UniqueViolation,
            ):
                # Somebody else wrote the same people at the same moment: look again
                if attempt == DEADLOCK_RETRIES - 1:
                    raise
            else:
                return

    def _process_once(self, chunk: CheckedChunk) -> None:
        connection = self._connection
        result = _ChunkResult(recovered=chunk.recovered, repaired=chunk.repaired)
        self._kept.clear()
        if not self._is_preview:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [APPLY_LOCK])
        standing = hold(connection, self._claim)
        self._act_as_user()
        self._keep_rows_that_stay_out(chunk, result)
        if chunk.staged:
            with connection.cursor() as cursor, cursor.copy(self._sql.copy_staged()) as copy:
                copy.write(chunk.payload)
            waves = self._process_wave(chunk, 0, result)
            for wave in range(1, waves):
                self._process_wave(chunk, wave, result)
        self._advance(standing, chunk.count, result)

    def _act_as_user(self) -> None:
        user = self._inputs.actor
        self._connection.execute(
            "SELECT set_config('datasync.actor_id', %s, true),"
            " set_config('datasync.actor', %s, true), set_config('datasync.run_id', %s, true)",
            ["" if user.id is None else str(user.id), user.name, str(self._claim.id)],
        )

    # Rows that never reach the constituents ---------------------------------------------------

    def _keep_rows_that_stay_out(self, chunk: CheckedChunk, result: _ChunkResult) -> None:
        self._keep_rejected(chunk, chunk.faults, result)
        left_out = Fault(
            FaultCode.LEFT_OUT, "", "", "A person left this row out before the run. Nothing to do."
        )
        for number in chunk.left_out:
            self._keep(chunk, number, "withheld", [left_out], result)
        self._write_kept()

    def _keep_rejected(
        self, chunk: CheckedChunk, rejected: Mapping[int, Sequence[Fault]], result: _ChunkResult
    ) -> None:
        """Keep rejected rows. One that the preview showed as applied is held back instead."""
        held_back = self._shown_as_applied(list(rejected))
        for number, faults in rejected.items():
            if number in held_back:
                self._keep(chunk, number, "withheld", [_CHANGED, *faults], result)
            else:
                self._keep(chunk, number, "rejected", faults, result)

    def _shown_as_applied(self, numbers: list[int]) -> set[int]:
        if self._sealed_by is None or not numbers:
            return set()
        shown = self._connection.execute(
            "SELECT row_number FROM run_rows WHERE run_id = %s AND row_number = ANY (%s)"
            " AND outcome IN ('created', 'updated', 'unchanged')",
            [self._sealed_by, numbers],
        )
        return {number for (number,) in shown}

    def _keep(
        self,
        chunk: CheckedChunk,
        number: int,
        outcome: str,
        faults: Sequence[Fault],
        result: _ChunkResult,
    ) -> None:
        self._kept.append(
            (
                self._claim.id,
                number,
                outcome,
                chunk.who.get(number, ""),
                faults_json(faults),
                chunk.said.get(number),
                chunk.rows[number],
                chunk.raw.get(number),
            )
        )
        result.outcomes[outcome] += 1
        result.problems.update({str(fault.code) for fault in faults})

    def _write_kept(self) -> None:
        if not self._kept:
            return
        with (
            self._connection.cursor() as cursor,
            cursor.copy(
                "COPY run_rows (run_id, row_number, outcome, who, faults, notes, cells, raw)"
                " FROM STDIN"
            ) as copy,
        ):
            for row in self._kept:
                copy.write_row(row)
        self._kept.clear()

    # Waves ------------------------------------------------------------------------------------

    def _process_wave(self, chunk: CheckedChunk, wave: int, result: _ChunkResult) -> int:
        """Apply the rows of a wave; how many waves the chunk has, found out in the first."""
        execute, sql = self._connection.execute, self._sql
        if wave:
            execute("TRUNCATE matched, effect")
        execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
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

    def _decide(self) -> Mapping[str, Decision]:
        """What each pattern of evidence in this wave comes to; patterns are few."""
        patterns = [
            row[0] for row in self._connection.execute("SELECT DISTINCT pattern FROM matched")
        ]
        for pattern in patterns:
            if pattern not in self._decisions:
                self._decisions[pattern] = decide(
                    Evidence.from_pattern(pattern), unique_email=self._inputs.unique_email
                )
        return {pattern: self._decisions[pattern] for pattern in patterns}

    def _reject(
        self, chunk: CheckedChunk, decisions: Mapping[str, Decision], result: _ChunkResult
    ) -> None:
        center = self._claim.run["center_id"]
        if center is None and all(d.fault is None for d in decisions.values()):
            return
        rows = self._connection.execute(self._sql.rejected(decisions))
        rejected = {
            number: [
                match_fault(
                    FaultCode(code),
                    cons_id=cons_id,
                    member_id=member_id,
                    email=email,
                    other_id=other_id,
                    may_name_other=center is None,
                )
            ]
            for number, _who, code, cons_id, member_id, email, other_id in rows
        }
        self._keep_rejected(chunk, rejected, result)
        self._write_kept()

    def _hold_back(self, chunk: CheckedChunk, result: _ChunkResult) -> None:
        rows = self._connection.execute(
            self._sql.broken_seals(),
            self._parameters,
        ).fetchall()
        for number, _who in rows:
            self._keep(chunk, number, "withheld", [_CHANGED], result)
        self._write_kept()

    def _count(self, result: _ChunkResult) -> set[str]:
        """Add up what `effect` will do; which outcomes it has."""
        outcomes: set[str] = set()
        for outcome, count, notes in self._connection.execute(self._sql.counts()):
            outcomes.add(outcome)
            result.outcomes[outcome] += count
            result.notes += notes
        if self._sql.has_groups:
            for group, count in self._connection.execute(self._sql.added("add_groups")):
                result.groups[group] += count
        if self._sql.has_interests:
            for interest, count in self._connection.execute(self._sql.added("add_interests")):
                result.interests[interest] += count
        return outcomes

    def _advance(self, standing: Standing, records: int, result: _ChunkResult) -> None:
        """Move the run on by this chunk, in its transaction, if the run is still this attempt's."""
        tallies = standing.tallies
        tallies["opt_outs_kept"] = tallies.get("opt_outs_kept", 0) + result.notes
        for name, counts in (
            ("groups", result.groups),
            ("interests", result.interests),
            ("problems", result.problems),
            ("repaired", result.repaired),
        ):
            if counts:
                tallies[name] = dict(Counter(tallies.get(name, {})) + Counter(counts))
        if result.recovered:
            tallies["recovered"] = tallies.get("recovered", 0) + result.recovered
        updated = self._connection.execute(
            "UPDATE runs SET next_row = %(next_row)s, rows_read = rows_read + %(rows)s,"
            " created = created + %(created)s, updated = updated + %(updated)s,"
            " unchanged = unchanged + %(unchanged)s, rejected = rejected + %(rejected)s,"
            " withheld = withheld + %(withheld)s, tallies = tallies || %(tallies)s,"
            " heartbeat_at = clock_timestamp()"
            " WHERE id = %(id)s AND attempt = %(attempt)s AND state = 'running'",
            {name: result.outcomes[name] for name in OUTCOMES}
            | {
                "id": self._claim.id,
                "attempt": self._claim.attempt,
                "next_row": standing.next_row + records,
                "rows": result.outcomes.total(),
                "tallies": Jsonb(tallies),
            },
        )
        if updated.rowcount != 1:
            raise LostClaimError

    # The whole run -----------------------------------------------------------------------------

    def _tell_repeats(self) -> None:
        """Note on each row that an earlier one was the same constituent (DOMAIN O)."""
        with self._connection.transaction():
            hold(self._connection, self._claim)
            self._connection.execute(_TELL_REPEATS, {"run": self._claim.id})
            self._connection.execute(
                "UPDATE runs SET rows_total = rows_read, rows_total_is_exact = true WHERE id = %s",
                [self._claim.id],
            )


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
