"""Transaction Upload: offline gifts of people who are here already. Nobody is created, and nothing
of a person is written; a gift that is here already is corrected, blank cells keep."""

from __future__ import annotations

import psycopg

from jobs.claims import Claim
from jobs.failures import RunFailedError
from jobs.processors import transaction_sql
from jobs.processors.file_inputs import FileInputs, load_inputs
from jobs.processors.file_runs import KnownPeopleRun, start_preview_over
from jobs.processors.import_matching import LOOKUPS_BY_KEY
from jobs.processors.import_tables import RealTables
from jobs.processors.run_rows import ChunkResult
from jobs.processors.transaction_sql import TransactionSql
from jobs.processors.upload_sql import MembershipOverlay
from jobs.reading import CheckedChunk
from webapp.config import current_settings
from webapp.extensions import db
from webapp.models import Upload
from webapp.rules.faults import FaultCode
from webapp.rules.gifts import transaction_fault
from webapp.rules.standard_import import Action
from webapp.services.card_numbers import forget_card_numbers


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Apply the file, chunk by chunk, from where an earlier attempt stood."""
    _require_no_card_numbers(mine)
    _TransactionUpload(connection, mine, load_inputs(mine.run)).go_on()


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Do the same without writing: what would happen to each row."""
    start_preview_over(connection, mine)
    _require_no_card_numbers(mine)
    _TransactionUpload(connection, mine, load_inputs(mine.run)).go_on()


def _require_no_card_numbers(mine: Claim) -> None:
    """Before the first row has any effect. Raises `RunFailedError`; the file is gone then."""
    if mine.run["next_row"]:
        return  # an earlier attempt has looked
    session = db.session()
    try:
        upload = session.get(Upload, mine.run["upload_id"])
        sentence = forget_card_numbers(session, upload) if upload else ""
    finally:
        db.session.remove()
    if sentence:
        raise RunFailedError(sentence)


class _TransactionUpload(KnownPeopleRun):
    """One attempt at one file of gifts."""

    _sql: TransactionSql

    def __init__(self, connection: psycopg.Connection, mine: Claim, inputs: FileInputs) -> None:
        super().__init__(connection, mine, inputs)
        self._parameters["currency"] = current_settings().currency
        self._sql = TransactionSql(
            fields=inputs.fields,
            tables=MembershipOverlay() if self._is_preview else RealTables(),
            is_sealed=self._sealed_by is not None,
            allow_opt_in=False,
            center_id=mine.run["center_id"],
        )

    def broken_seals(self) -> str:
        """Rows that would now do something else."""
        return transaction_sql.BROKEN_SEALS

    def apply(self, chunk: CheckedChunk, result: ChunkResult) -> None:
        """All rows at once; then those that belong to a gift of this very chunk, and so on."""
        execute, sql = self._connection.execute, self._sql
        execute(LOOKUPS_BY_KEY)
        execute(sql.match(), [0])
        decisions = self._decide()
        self._reject(chunk, decisions, result)
        if not any(decision.action is Action.UPDATE for decision in decisions.values()):
            return
        execute(sql.judge(decisions), self._parameters)
        execute(transaction_sql.REPEATED)
        while execute(sql.effects(), self._parameters).rowcount:
            execute(transaction_sql.MARK_DONE)
            if self._sealed_by is not None:
                self._hold_back(chunk, result)
            self._count(result)
            for statement in (
                transaction_sql.REMEMBER if self._is_preview else transaction_sql.WRITE
            ):
                execute(statement, self._parameters)
            execute(sql.outcomes(), self._parameters)
            execute(transaction_sql.CLEAR)
        execute(transaction_sql.LEFT_OVER)
        self._reject_faulty(chunk, result)

    def _reject_faulty(self, chunk: CheckedChunk, result: ChunkResult) -> None:
        """Reject the gifts that the stored transactions do not allow."""
        rows = self._connection.execute(transaction_sql.FAULTY).fetchall()
        faults = {
            number: [transaction_fault(FaultCode(code), transaction_id, other, other_row)]
            for number, code, transaction_id, other, other_row in rows
        }
        self._keep_rejected(chunk, faults, result)
        self._write_kept()

    def _count(self, result: ChunkResult) -> None:
        """Add up what `effect` will do."""
        for outcome, count in self._connection.execute(transaction_sql.COUNT_OUTCOMES):
            result.outcomes[outcome] += count
        amounts = result.counts["amounts"]
        for currency, given, refunded in self._connection.execute(transaction_sql.COUNT_AMOUNTS):
            amounts[currency] += given
            amounts[f"-{currency}"] += refunded
