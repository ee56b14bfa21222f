"""The doctor: looks at every row of a file once and says which columns were damaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from webapp.rules.doctor.contract import NO_KNOWLEDGE, ColumnSeen, Finding, Knowledge
from webapp.rules.doctor.uses import Purposes, Use
from webapp.rules.doctor.watching import Glance, Watch
from webapp.rules.doctor.zips import ZipWatch


class Doctor:
    """Give it the rows batch by batch, then ask for the findings.

    It keeps counts and a few texts of each column: its memory does not grow with the file. Rows
    that don't have the header's width are passed over (the reader set them aside).
    """

    def __init__(
        self,
        columns: Sequence[ColumnSeen],
        *,
        knowledge: Knowledge = NO_KNOWLEDGE,
        day_first: bool | None = None,
    ) -> None:
        self.looked_at = 0
        self._width = len(columns)
        self._purposes = Purposes(columns)
        self._watches = list(_watches(self._purposes, knowledge, day_first))

    def look(self, row_numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Take in a batch of rows."""
        width = self._width
        if any(len(row) != width for row in rows):
            fit = [index for index, row in enumerate(rows) if len(row) == width]
            row_numbers = [row_numbers[index] for index in fit]
            rows = [rows[index] for index in fit]
        if not rows:
            return
        self.looked_at += len(rows)
        glance = Glance(row_numbers, rows)
        for watch in self._watches:
            watch.look(glance)

    def findings(self) -> tuple[Finding, ...]:
        """What is damaged, by column and kind; empty where all is well."""
        found = [finding for watch in self._watches for finding in watch.findings()]
        unique: dict[str, Finding] = {}
        for finding in sorted(found, key=lambda one: (one.position, one.kind, -one.rows)):
            unique.setdefault(finding.id, finding)
        return tuple(unique.values())


def _watches(purposes: Purposes, knowledge: Knowledge, day_first: bool | None) -> Iterable[Watch]:
    for purpose in purposes.all:
        if purpose.use is Use.ZIP or (purpose.use is Use.UNKNOWN and purposes.having(Use.STATE)):
            yield ZipWatch(purpose, purposes, knowledge)
