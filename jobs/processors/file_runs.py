"""A file's run or preview, whatever its kind: chunk by chunk, each one transaction, from where an
earlier attempt stood. What a chunk's rows do is each kind's own (`FileRun.apply`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from jobs.ahead import read_ahead
from jobs.claims import Claim, add_tallies, hold
from jobs.crossrefs import forget_seen, record_seen
from jobs.processors.file_inputs import FileInputs
from jobs.processors.import_matching import MatchSql
from jobs.processors.run_rows import CHANGED, TALLIES, ChunkResult, RunRows
from jobs.reading import CheckedChunk
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.standard_import import Decision, Evidence, match_fault
from webapp.rules.uploads import decide_person, person_fault
from webapp.services.locks import KEYS_LOCK

DEADLOCK_RETRIES = 5


def start_preview_over(connection: psycopg.Connection, mine: Claim) -> None:
    """An interrupted preview starts over, because what earlier rows would have done lives in the
    session's temporary tables."""
    with connection.transaction():
        hold(connection, mine)
        connection.execute("DELETE FROM run_rows WHERE run_id = %s", [mine.id])
        forget_seen(connection, mine)
        connection.execute(
            "UPDATE runs SET next_row = 0, rows_read = 0, created = 0, updated = 0, unchanged = 0,"
            " rejected = 0, withheld = 0, tallies = tallies - %s::text[] WHERE id = %s",
            [list(TALLIES), mine.id],
        )


class FileRun(RunRows, ABC):
    """One attempt at one file."""

    _sql: MatchSql

    def __init__(self, connection: psycopg.Connection, mine: Claim, inputs: FileInputs) -> None:
        super().__init__(connection, mine, inputs)
        self._decisions: dict[str, Decision] = {}
        self._parameters: dict[str, Any] = {"run": mine.id, "preview": self._sealed_by}

    @abstractmethod
    def apply(self, chunk: CheckedChunk, result: ChunkResult) -> None:
        """Do what the staged rows say, and keep their outcomes."""

    @abstractmethod
    def decide(self, evidence: Evidence) -> Decision:
        """Whose row it is that has this evidence, and whether it may have its effect."""

    @abstractmethod
    def broken_seals(self) -> str:
        """The statement that takes rows out of `effect` that would now do something else than the
        preview showed, and returns their numbers (parameters: the run, the preview)."""

    def create_tables(self) -> Iterable[str]:
        """The statements that make the temporary tables."""
        return self._sql.create_tables()

    def finish(self) -> None:
        """What only the whole run can tell; in a transaction that holds the run."""
        return

    def fault_of(self, code: FaultCode, **keys: Any) -> Fault:
        """The sentence for a row whose person was not found."""
        return match_fault(code, **keys)

    def go_on(self) -> None:
        """Process every chunk that is left, then what only the whole run can tell."""
        with self._connection.transaction():
            start = hold(self._connection, self._claim).next_row
            # A chunk's rows, and a preview's overlay that is looked up by key again and again,
            # should not go to disk meanwhile
            self._connection.execute("SET temp_buffers = '256MB'")
            for statement in self.create_tables():
                self._connection.execute(statement)
            if self._inputs.outside:
                add_tallies(self._connection, self._claim, {"outside": self._inputs.outside})
        reader = self._inputs.reader
        with read_ahead(lambda: reader.read(start)) as chunks:
            for chunk in chunks:
                self._process(chunk)
        with self._connection.transaction():
            hold(self._connection, self._claim)
            self.finish()
            self._settle_total()

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
        result = ChunkResult(recovered=chunk.recovered, repaired=chunk.repaired)
        self._kept.clear()
        if not self._is_preview:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [KEYS_LOCK])
        standing = hold(connection, self._claim)
        self._act_as_user()
        record_seen(connection, mine=self._claim, seen=chunk.seen)
        self._keep_rows_that_stay_out(chunk, result)
        if chunk.staged:
            with connection.cursor() as cursor, cursor.copy(self._sql.copy_staged()) as copy:
                copy.write(chunk.payload)
            self.apply(chunk, result)
        self._advance(standing, chunk.count, result)

    # Whose rows they are ---------------------------------------------------------------------

    def _decide(self) -> Mapping[str, Decision]:
        """What each pattern of evidence in this wave comes to; patterns are few."""
        patterns = [
            row[0] for row in self._connection.execute("SELECT DISTINCT pattern FROM matched")
        ]
        for pattern in patterns:
            if pattern not in self._decisions:
                self._decisions[pattern] = self.decide(Evidence.from_pattern(pattern))
        return {pattern: self._decisions[pattern] for pattern in patterns}

    def _reject(
        self, chunk: CheckedChunk, decisions: Mapping[str, Decision], result: ChunkResult
    ) -> None:
        center = self._claim.run["center_id"]
        if center is None and all(d.fault is None for d in decisions.values()):
            return
        rows = self._connection.execute(self._sql.rejected(decisions))
        rejected = {
            number: [
                self.fault_of(
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

    def _hold_back(self, chunk: CheckedChunk, result: ChunkResult) -> None:
        rows = self._connection.execute(self.broken_seals(), self._parameters).fetchall()
        for number, *_ in rows:
            self._keep(chunk, number, "withheld", [CHANGED], result)
        self._write_kept()


class KnownPeopleRun(FileRun):
    """One attempt at one file whose rows name people who are here already: nobody is created, and
    nothing of a person is written."""

    def decide(self, evidence: Evidence) -> Decision:
        """By the rules of the import, but nobody is created."""
        return decide_person(evidence, unique_email=self._inputs.unique_email)

    def fault_of(self, code: FaultCode, **keys: Any) -> Fault:
        """The sentence for a row whose person was not found."""
        return person_fault(code, **keys)
