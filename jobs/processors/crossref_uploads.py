"""Cross-Reference Upload: a file of one type's entries, whole or not at all.

All rows are read first, then planned together, and what they come to is written in one transaction:
the type gets one new table, and no run ever finds half of it. Until then nothing is kept, not even
of rows that could not be read, so a later attempt starts over.
"""

from __future__ import annotations

from typing import Any

import psycopg

from jobs.ahead import read_ahead
from jobs.claims import Claim, add_tallies, hold
from jobs.crossref_reading import COLUMNS
from jobs.failures import RunFailedError
from jobs.processors import crossref_upload_sql as sql
from jobs.processors.crossref_upload_sql import EntrySql
from jobs.processors.file_inputs import FileInputs, load_inputs
from jobs.processors.file_runs import start_preview_over
from jobs.processors.run_rows import CHANGED, ChunkResult, RunRows
from jobs.reading import STAGED, CheckedChunk
from webapp.extensions import db
from webapp.rules.entry_faults import Refused, entry_fault
from webapp.services import crossref_online, crossrefs
from webapp.services.uploads import TYPE_OPTION

MOST_PLANS = 20
"""A file whose rows would all do something else than was shown is not worth planning for ever."""
PAGE = 5_000
_COPY = f"COPY staged ({', '.join((*STAGED, *COLUMNS))}) FROM STDIN (FORMAT csv)"


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Apply the file, whole; an earlier attempt has left nothing behind."""
    _Upload(connection, mine, load_inputs(mine.run)).go_on()


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Do the same without writing: what would happen to each row."""
    start_preview_over(connection, mine)
    _Upload(connection, mine, load_inputs(mine.run)).go_on()


class _Upload(RunRows):
    """One attempt at one file."""

    _kept_in = "kept_rows"

    def __init__(self, connection: psycopg.Connection, mine: Claim, inputs: FileInputs) -> None:
        super().__init__(connection, mine, inputs)
        try:
            session = db.session()
            self._type = crossrefs.find_type(session, str(mine.run["options"].get(TYPE_OPTION)))
            if self._type is None:
                raise RunFailedError("This upload is of no cross-reference type. Start a new one.")
            self._noun = crossref_online.noun_of(self._type)
            self._labels = list(self._type.foreign_labels)
            things = crossref_online.things_sql(self._type)
            type_id = self._type.id
        finally:
            db.session.remove()
        columns = frozenset(field.column for field in inputs.fields)
        self._sql = EntrySql(things, columns, mine.run["center_id"])
        self._parameters: dict[str, Any] = {
            "run": mine.id,
            "preview": self._sealed_by,
            "type": type_id,
            "center": mine.run["center_id"] or 0,
            "user": inputs.actor.id,
        }
        self._result = ChunkResult()
        self._records = 0

    def go_on(self) -> None:
        """Read everything, then do what it comes to."""
        self._read_all()
        if self._is_preview:
            # Planned on one moment's table, without making its editors wait
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with self._connection.transaction():
                self._plan()
            self._connection.isolation_level = None
        with self._connection.transaction():
            if not self._is_preview:
                self._lock_type()
                self._plan_sealed()
                self._act_as_user()
                for statement in sql.WRITE:
                    self._connection.execute(statement, self._parameters)
            self._keep_refused()
            self._keep_planned()
            self._connection.execute(sql.KEEP)
            standing = hold(self._connection, self._claim)
            self._advance(standing, self._records, self._result)
            self._settle_total()

    # Reading ---------------------------------------------------------------------------------

    def _read_all(self) -> None:
        connection = self._connection
        with connection.transaction():
            hold(connection, self._claim)
            connection.execute("SET temp_buffers = '128MB'")
            for statement in sql.TABLES:
                connection.execute(statement)
            if self._inputs.outside:
                add_tallies(connection, self._claim, {"outside": self._inputs.outside})
        reader = self._inputs.reader
        with read_ahead(lambda: reader.read(0)) as chunks:
            for chunk in chunks:
                with connection.transaction():
                    hold(connection, self._claim)
                    self._stage(chunk)
                    add_tallies(connection, self._claim, {"rows_looked_at": self._records})
        with connection.transaction():
            for statement in sql.INDEX_STAGED:
                connection.execute(statement)

    def _stage(self, chunk: CheckedChunk) -> None:
        result = self._result
        self._records += chunk.count
        result.recovered += chunk.recovered
        result.repaired = {
            name: result.repaired.get(name, 0) + chunk.repaired.get(name, 0)
            for name in {*result.repaired, *chunk.repaired}
        }
        self._keep_rows_that_stay_out(chunk, result)
        if not chunk.staged:
            return
        with self._connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                copy.write(chunk.payload)
            out = {*chunk.faults, *chunk.left_out}
            with cursor.copy("COPY staged_cells FROM STDIN") as copy:
                for number, cells in chunk.rows.items():
                    if number not in out:
                        copy.write_row((number, cells))

    # Planning --------------------------------------------------------------------------------

    def _lock_type(self) -> None:
        """Whoever changes the type waits until this has ended, and this for them."""
        row = self._connection.execute(
            "SELECT foreign_labels FROM cross_reference_types WHERE id = %(type)s"
            " FOR NO KEY UPDATE",
            self._parameters,
        ).fetchone()
        if row is None or len(row[0]) != len(self._labels):
            raise RunFailedError(
                "The foreign keys of this cross-reference type were changed meanwhile, so the file "
                "no longer fits it and nothing was done. Download the entries to see the columns."
            )

    def _plan_sealed(self) -> None:
        """Plan; without the rows that would now do something else than the preview showed."""
        self._plan()
        if self._sealed_by is None:
            return
        for _ in range(MOST_PLANS):
            broken = self._connection.execute(sql.BROKEN_SEALS, self._parameters).rowcount
            if not broken:
                return
            self._plan()
        raise RunFailedError(
            "The entries were changed so much since the preview that little of it still holds, so "
            "nothing was done. Upload the file again and look at a new preview."
        )

    def _plan(self) -> None:
        execute, parameters = self._connection.execute, self._parameters
        execute(sql.START_OVER)
        execute(self._sql.plan())
        execute(sql.TWINS)
        for statement in (*self._sql.match(), *self._sql.refuse()):
            execute(statement, parameters)
        while execute(sql.TAKEN, parameters).rowcount:
            pass
        execute(sql.TWINS_FOLLOW)
        execute(sql.AFFECTED)
        for statement in sql.MARKS:
            execute(statement, parameters)
        for statement in sql.UNMARK:
            execute(statement)
        if execute(sql.MARK_FIRST).rowcount:
            while execute(sql.MARK_OTHERS).rowcount:
                pass
        for statement in (*sql.SETTLE, *self._sql.name_old()):
            execute(statement)
        execute(sql.DIFFERENCES)
        losing = execute(sql.LOSING).fetchone()
        execute(sql.NOTES, {"losing": losing[0] if losing else []})
        execute(sql.DIGESTS)

    # What became of the rows ------------------------------------------------------------------

    def _keep_planned(self) -> None:
        execute = self._connection.execute
        execute(sql.OUTCOMES, self._parameters)
        for outcome, count in execute(sql.COUNTS):
            self._result.outcomes[outcome] += count
        lost, gained = execute(sql.OTHERS_MARKED).fetchone() or (0, 0)
        told = {"marks_lost": lost, "marks_gained": gained}
        add_tallies(self._connection, self._claim, told)

    def _keep_refused(self) -> None:
        """The rows that the plan has no place for, a page at a time."""
        after = 0
        while True:
            rows = self._connection.execute(sql.FAULTY, {"after": after, "limit": PAGE}).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            shown_as_applied = self._shown_as_applied([row[0] for row in rows])
            for number, who, said, cells, *about in rows:
                refused = Refused(*about)
                is_withdrawn = refused.reason == "withdrawn"
                faults = [] if is_withdrawn else [entry_fault(refused, self._noun)]
                outcome = "rejected"
                if is_withdrawn or number in shown_as_applied:
                    faults, outcome = [CHANGED, *faults], "withheld"
                self._keep_row(number, outcome, faults, self._result, (who, said, cells, None))
            self._write_kept()
