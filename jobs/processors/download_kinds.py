"""Of which kind a download is, and what its source needs from the database beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

import psycopg

from jobs.claims import Claim
from jobs.outward import Outward, load_outward
from jobs.processors import constituent_download, transaction_download
from jobs.processors.download_sources import Source
from webapp.config import current_settings
from webapp.extensions import db
from webapp.rules.catalogues import CONSTITUENT_DOWNLOAD, TRANSACTION_DOWNLOAD
from webapp.rules.download_settings import DownloadRequest
from webapp.services import uploads

SourceMaker = Callable[[psycopg.Connection, Claim, DownloadRequest], Source]


def make_source(connection: psycopg.Connection, mine: Claim, request: DownloadRequest) -> Source:
    """The source of a run, by the kind of its operation."""
    with connection.transaction():
        row = connection.execute(
            "SELECT kind FROM operations WHERE id = %s", [mine.run["operation_id"]]
        ).fetchone()
    return _MAKERS[row[0] if row else ""](connection, mine, request)


def _make_constituent_source(
    connection: psycopg.Connection, mine: Claim, request: DownloadRequest
) -> Source:
    fields = uploads.known_fields(db.session(), CONSTITUENT_DOWNLOAD)
    db.session.remove()
    keys = constituent_download.keys_used(request.settings, fields)
    scene = constituent_download.Scene(
        run_id=_number(mine),
        center_id=mine.run["center_id"],
        time_zone=current_settings().time_zone,
        fields=fields,
        tables=_load_tables(connection, mine, keys),
    )
    return constituent_download.make_source(request.settings, scene)


def _number(mine: Claim) -> int:
    """The run that the file will be of: a preview shows the mark of the run it is made for."""
    return mine.run["parent_id"] or mine.id


def _load_tables(
    connection: psycopg.Connection, mine: Claim, keys: Set[str], *, always: Set[str] = frozenset()
) -> dict[str, Outward]:
    """The cross-reference tables of these types. One without any entry translates nothing: where
    nobody has mapped anything yet, our own values go out. Those in `always` count all the same:
    then what is not mapped waits."""
    tables = load_outward(connection, mine, keys) if keys else {}
    return {
        key: table
        for key, table in tables.items()
        if key in always or _has_entries(connection, table)
    }


def _has_entries(connection: psycopg.Connection, table: Outward) -> bool:
    with connection.transaction():
        row = connection.execute(f"SELECT EXISTS (SELECT FROM {table.table})").fetchone()
    return bool(row and row[0])


def _make_transaction_source(
    connection: psycopg.Connection, mine: Claim, request: DownloadRequest
) -> Source:
    keys = transaction_download.keys_used(request.settings)
    scene = transaction_download.Scene(
        run_id=_number(mine),
        center_id=mine.run["center_id"],
        # What transactions are for has to be mapped; where they came from only once anything is
        tables=_load_tables(
            connection, mine, keys, always=keys - {transaction_download.SOURCE_KEY}
        ),
    )
    return transaction_download.make_source(request.settings, scene)


_MAKERS: Mapping[str, SourceMaker] = {
    CONSTITUENT_DOWNLOAD: _make_constituent_source,
    TRANSACTION_DOWNLOAD: _make_transaction_source,
}
"""By the kind of the operation."""
