"""The rows of a file's run, whatever its kind: outcomes kept and counted, the run moved on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from jobs.claims import UNHURRIED, Claim, Standing, move_on
from jobs.processors.file_inputs import FileInputs
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

    def __init__(self, connection: psycopg.Connection, mine: Claim, inputs: FileInputs) -> None:
        self._connection = connection
        self._claim = mine
        self._inputs = inputs
        self._is_preview = mine.run["kind"] == "preview"
        self._sealed_by: int | None = None if self._is_preview else mine.run["preview_id"]
        self._kept: list[tuple[Any, ...]] = []

    def _act_as_user(self) -> None:
        self._inputs.actor.act(self._connection, self._claim.id)
        self._connection.execute(UNHURRIED)

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
        cells, raw = chunk.rows[number], chunk.raw.get(number)
        told = chunk.who.get(number, ""), chunk.said.get(number), cells, raw
        self._keep_row(number, outcome, faults, result, told)

    def _keep_row(
        self,
        number: int,
        outcome: str,
        faults: Sequence[Fault],
        result: ChunkResult,
        told: tuple[str, Sequence[str] | None, Sequence[str] | None, str | None],
    ) -> None:
        """Keep a row that does not go through. `told`: who it seems, what was said of it, its
        cells, and its text where that could not be read."""
        who, said, cells, raw = told
        self._kept.append(
            (self._claim.id, number, outcome, who, faults_json(faults), said, cells, raw)
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
        move_on(
            self._connection,
            self._claim,
            "next_row = %(next_row)s, rows_read = rows_read + %(rows)s,"
            " created = created + %(created)s, updated = updated + %(updated)s,"
            " unchanged = unchanged + %(unchanged)s, rejected = rejected + %(rejected)s,"
            " withheld = withheld + %(withheld)s, tallies = tallies || %(tallies)s",
            {name: result.outcomes[name] for name in OUTCOMES}
            | {
                "next_row": standing.next_row + records,
                "rows": result.outcomes.total(),
                "tallies": Jsonb(tallies),
            },
        )

    def _settle_total(self) -> None:
        """All rows were read: their number is known."""
        self._connection.execute(
            "UPDATE runs SET rows_total = rows_read, rows_total_is_exact = true WHERE id = %s",
            [self._claim.id],
        )
