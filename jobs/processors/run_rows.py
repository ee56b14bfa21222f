"""The rows of a file's run, whatever its kind: outcomes kept and counted, the run moved on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from jobs.claims import UNHURRIED, Claim, LostClaimError, Standing
from jobs.processors.import_inputs import ImportInputs
from jobs.reading import CheckedChunk
from webapp.rules.faults import Fault, FaultCode, faults_json
from webapp.rules.standard_import import match_fault

OUTCOMES = ("created", "updated", "unchanged", "rejected", "withheld")
COUNTS = (
    "groups", "interests", "interests_out", "new_groups", "new_interests", "new_interests_out",
    "problems", "amounts",
)  # fmt: skip
"""Tallies that count by number, name or code."""
TALLIES = ("opt_outs_kept", "opted_in_again", "repeated", "recovered", "repaired", *COUNTS)
KEPT = "run_id, row_number, outcome, who, faults, notes, cells, raw"
"""What is kept of a row that does not go through."""
CHANGED = match_fault(
    FaultCode.CHANGED_SINCE_PREVIEW, cons_id=None, member_id=None, email=None, other_id=None
)


@dataclass(slots=True)
class ChunkResult:
    """What became of the rows of one chunk."""

    outcomes: Counter[str] = field(default_factory=Counter)
    opt_outs_kept: int = 0
    opted_in_again: int = 0
    recovered: int = 0
    repaired: Mapping[str, int] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in COUNTS}
    )


class RunRows:
    """What one attempt at one file does with every row's outcome."""

    _kept_in = "run_rows"

    def __init__(self, connection: psycopg.Connection, mine: Claim, inputs: ImportInputs) -> None:
        self._connection = connection
        self._claim = mine
        self._inputs = inputs
        self._is_preview = mine.run["kind"] == "preview"
        self._sealed_by: int | None = None if self._is_preview else mine.run["preview_id"]
        self._kept: list[tuple[Any, ...]] = []

    def _act_as_user(self) -> None:
        user = self._inputs.actor
        self._connection.execute(
            "SELECT set_config('datasync.actor_id', %s, true),"
            " set_config('datasync.actor', %s, true), set_config('datasync.run_id', %s, true),"
            f" {UNHURRIED}",
            ["" if user.id is None else str(user.id), user.name, str(self._claim.id)],
        )

    # Rows that never reach the constituents ---------------------------------------------------

    def _keep_rows_that_stay_out(self, chunk: CheckedChunk, result: ChunkResult) -> None:
        self._keep_rejected(chunk, chunk.faults, result)
        left_out = Fault(
            FaultCode.LEFT_OUT, "", "", "A person left this row out before the run. Nothing to do."
        )
        for number in chunk.left_out:
            self._keep(chunk, number, "withheld", [left_out], result)
        self._write_kept()

    def _keep_rejected(
        self, chunk: CheckedChunk, rejected: Mapping[int, Sequence[Fault]], result: ChunkResult
    ) -> None:
        """Keep rejected rows. One that the preview showed as applied is held back instead."""
        held_back = self._shown_as_applied(list(rejected))
        for number, faults in rejected.items():
            if number in held_back:
                self._keep(chunk, number, "withheld", [CHANGED, *faults], result)
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
        result: ChunkResult,
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
        result.counts["problems"].update({str(fault.code) for fault in faults})

    def _write_kept(self) -> None:
        if not self._kept:
            return
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {self._kept_in} ({KEPT}) FROM STDIN") as copy,
        ):
            for row in self._kept:
                copy.write_row(row)
        self._kept.clear()

    def _advance(self, standing: Standing, records: int, result: ChunkResult) -> None:
        """Move the run on by this chunk, in its transaction, if the run is still this attempt's."""
        tallies = standing.tallies
        for name in ("opt_outs_kept", "opted_in_again", "recovered"):
            count = getattr(result, name)
            if count or name == "opt_outs_kept":
                tallies[name] = tallies.get(name, 0) + count
        for name, counts in (*result.counts.items(), ("repaired", result.repaired)):
            if counts:
                tallies[name] = dict(Counter(tallies.get(name, {})) + Counter(counts))
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
