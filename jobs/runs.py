"""`execute(run_id)`: the one job there is. The run's row is the truth; the queue carries its id."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext

import psycopg
from flask import has_app_context
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from jobs.application import connect, get_app
from jobs.claims import (
    MOST_ATTEMPTS_AT_ONE_ROW,
    CancelledError,
    Claim,
    Heartbeat,
    LostClaimError,
    claim,
)
from jobs.endings import end_run
from jobs.failures import NOT_PASSING, RunFailedError, sentences_for
from jobs.processors import (
    crossref_undo,
    crossref_uploads,
    downloads,
    standard_import,
    transaction_upload,
    undo,
    uploads,
)
from webapp.rules.catalogues import (
    CONSTITUENT_DOWNLOAD,
    CROSSREF_UPLOAD,
    GROUP_UPLOAD,
    SEGMENTATION,
    STANDARD_IMPORT,
    TRANSACTION_DOWNLOAD,
    TRANSACTION_UPLOAD,
)
from webapp.rules.reading import UnreadableError

log = logging.getLogger(__name__)

Processor = Callable[[psycopg.Connection, Claim], None]

UNDOS: dict[str, Processor] = {"undo": undo.run, "undo_preview": undo.preview}
ENTRY_UNDOS: dict[str, Processor] = {
    "undo": crossref_undo.run,
    "undo_preview": crossref_undo.preview,
}
"""By the kind of the run: what was done to people, and what to cross-references."""
RUNS: dict[str, Processor] = {
    STANDARD_IMPORT: standard_import.run,
    GROUP_UPLOAD: uploads.run,
    SEGMENTATION: uploads.run,
    CROSSREF_UPLOAD: crossref_uploads.run,
    TRANSACTION_UPLOAD: transaction_upload.run,
    CONSTITUENT_DOWNLOAD: downloads.run,
    TRANSACTION_DOWNLOAD: downloads.run,
}
PREVIEWS: dict[str, Processor] = {
    STANDARD_IMPORT: standard_import.preview,
    GROUP_UPLOAD: uploads.preview,
    SEGMENTATION: uploads.preview,
    CROSSREF_UPLOAD: crossref_uploads.preview,
    TRANSACTION_UPLOAD: transaction_upload.preview,
    CONSTITUENT_DOWNLOAD: downloads.preview,
    TRANSACTION_DOWNLOAD: downloads.preview,
}
"""By the kind of the operation."""


def execute(run_id: int) -> None:
    """Do a run's work, from wherever it stands. Safe to call at any time, any number of times:
    only one attempt has the run, and each chunk is one transaction."""
    # A worker's jobs inherit its application context with the fork; a bare process makes its own
    context = nullcontext() if has_app_context() else get_app().app_context()
    with context, connect("run") as connection:
        mine = claim(connection, run_id)
        if mine is None:
            return
        log.info("Run %s: attempt %s from row %s", run_id, mine.attempt, mine.run["next_row"])
        with Heartbeat(mine):
            _work(connection, mine)


def _work(connection: psycopg.Connection, mine: Claim) -> None:
    """Process, and end the run in the state it deserves. A lost database ends nothing: another
    attempt goes on where this one stood."""
    attempts = int(mine.run["tallies"].get("attempts_at_row", 0))
    if attempts > MOST_ATTEMPTS_AT_ONE_ROW:
        sentence = sentences_for(mine.run).stuck
        sentence = sentence.format(times=attempts - 1, row=mine.run["next_row"] + 1)
        return _end(connection, mine, "failure", sentence)
    try:
        _processor(connection, mine)(connection, mine)
        _end(connection, mine, "success")
    except LostClaimError:
        log.info("Run %s went to another attempt", mine.id)
    except CancelledError:
        _end(connection, mine, "cancelled")
    except UnreadableError as error:
        _end(connection, mine, "failure", error.refusal.message)
    except RunFailedError as error:
        _end(connection, mine, "failure", error.sentence)
    except Exception as error:
        _end_broken(connection, mine, _cause(error))
    return None


def _processor(connection: psycopg.Connection, mine: Claim) -> Processor:
    with connection.transaction():
        row = connection.execute(
            "SELECT kind FROM operations WHERE id = %s", [mine.run["operation_id"]]
        ).fetchone()
    kind = row[0] if row else ""
    if mine.run["kind"] in UNDOS:
        return (ENTRY_UNDOS if kind == CROSSREF_UPLOAD else UNDOS)[mine.run["kind"]]
    return PREVIEWS[kind] if mine.run["kind"] == "preview" else RUNS[kind]


def _cause(error: Exception) -> Exception:
    """What the driver said, whichever of the two ways to the database it came by."""
    if isinstance(error, DBAPIError) and isinstance(error.orig, Exception):
        return error.orig
    return error


def _end_broken(connection: psycopg.Connection, mine: Claim, error: Exception) -> None:
    """End the run in failure with what a person can do about it; raise what passes by itself."""
    say = sentences_for(mine.run)
    match error:
        case errors.DiskFull():
            log.error("Run %s: no room", mine.id, exc_info=error)
            _end(connection, mine, "failure", say.no_room)
        case psycopg.OperationalError() | psycopg.InterfaceError():
            log.warning("Run %s lost the database; it goes on when it is back", mine.id)
            raise error
        case FileNotFoundError() if say.no_file:
            log.error("Run %s: no file", mine.id, exc_info=error)
            _end(connection, mine, "failure", say.no_file)
        case OSError() if say.no_store and error.errno in NOT_PASSING:
            log.error("Run %s: its file can't be written", mine.id, exc_info=error)
            _end(connection, mine, "failure", say.no_store.format(why=error.strerror))
        case OSError():
            log.warning("Run %s lost the file store; it goes on when it is back", mine.id)
            raise error
        case _:
            log.error("Run %s failed", mine.id, exc_info=error)
            row = _next_row(mine)
            _end(connection, mine, "failure", say.broken.format(row=row + 1, run=mine.id))


def _end(
    connection: psycopg.Connection, mine: Claim, state: str, failure: str | None = None
) -> None:
    connection.rollback()
    end_run(mine, state, failure)


def _next_row(mine: Claim) -> int:
    with connect("run") as connection:
        row = connection.execute("SELECT next_row FROM runs WHERE id = %s", [mine.id]).fetchone()
    return int(row[0]) if row else 0
