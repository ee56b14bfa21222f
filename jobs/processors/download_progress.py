"""How far a download is, shown on its run while it goes on; and whether it is still wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from jobs.application import connect
from jobs.claims import CancelledError, Claim, LostClaimError
from jobs.processors.download_plans import Counts

LOOK_SECONDS = 0.5


class RunProgress:
    """Shows how far it is and learns whether it is still wanted, on a connection of its own."""

    def __init__(self, mine: Claim, connection: psycopg.Connection) -> None:
        self._mine = mine
        self._connection = connection
        self._looked_at = 0.0
        self._aside = self._delivered = 0

    def expect(self, counts: Counts) -> None:
        """What there will be, once it is known; what is not delivered is done with."""
        self._aside = counts.removed + counts.withheld + counts.filtered_out
        self._delivered = counts.looked_at - self._aside
        self._connection.execute(
            "UPDATE runs SET rows_total = %s, rows_total_is_exact = true, removed = %s,"
            " withheld = %s, filtered_out = %s, rows_read = %s WHERE id = %s AND attempt = %s"
            " AND state = 'running'",
            [
                counts.looked_at, counts.removed, counts.withheld, counts.filtered_out,
                self._aside, self._mine.id, self._mine.attempt,
            ],
        )  # fmt: skip

    def telling(self, part: int, parts: int) -> Callable[[int], None]:
        """What is to be told how many records are written, in one of several files that have the
        same records: the bar goes on from the one to the next."""

        def tell(rows: int) -> None:
            if self._is_due():
                self.look((part * self._delivered + rows) // parts)

        return tell

    def uncounted(self, _rows: int) -> None:
        """Is told of rows that are no records: looks only whether the run is still wanted."""
        if self._is_due():
            self.look()

    def _is_due(self) -> bool:
        return time.monotonic() - self._looked_at >= LOOK_SECONDS

    def look(self, rows: int | None = None) -> None:
        """Raise what ends the run, if something does."""
        self._looked_at = time.monotonic()
        row = self._connection.execute(
            "UPDATE runs SET delivered = coalesce(%(rows)s::bigint, delivered),"
            " rows_read = coalesce(%(rows)s::bigint + %(aside)s, rows_read),"
            " heartbeat_at = clock_timestamp()"
            " WHERE id = %(run)s AND attempt = %(attempt)s AND state = 'running'"
            " RETURNING cancel_requested",
            {
                "rows": rows,
                "aside": self._aside,
                "run": self._mine.id,
                "attempt": self._mine.attempt,
            },
        ).fetchone()
        if row is None:
            raise LostClaimError
        if row[0]:
            raise CancelledError


@contextmanager
def showing_progress(mine: Claim) -> Iterator[RunProgress]:
    """The progress of the run, shown for as long as this lasts."""
    with connect("download-progress") as connection:
        connection.autocommit = True
        yield RunProgress(mine, connection)
