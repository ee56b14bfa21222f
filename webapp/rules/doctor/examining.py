"""The doctor: looks at every row of a file once and says which columns were damaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from webapp.rules.doctor.apostrophes import ApostropheWatch
from webapp.rules.doctor.became_dates import BecameDateWatch
from webapp.rules.doctor.blanks import BlanksWatch
from webapp.rules.doctor.codes import CodesWatch
from webapp.rules.doctor.contract import NO_KNOWLEDGE, ColumnSeen, Finding, Knowledge
from webapp.rules.doctor.dates import DatesWatch
from webapp.rules.doctor.digits import DigitsWatch
from webapp.rules.doctor.mojibake import FileEvidence, MojibakeWatch
from webapp.rules.doctor.names import NamesWatch
from webapp.rules.doctor.null_words import NullEvidence, NullWatch
from webapp.rules.doctor.phones import PhoneWatch
from webapp.rules.doctor.shifted import ExchangeWatch, exchangeable
from webapp.rules.doctor.uses import Purposes, Use
from webapp.rules.doctor.watching import Describe, Glance, Watch
from webapp.rules.doctor.zips import ZipWatch

_CODES = frozenset({Use.CODE, Use.UNKNOWN})
_LONG = frozenset({Use.CODE, Use.UNKNOWN, Use.PHONE, Use.ZIP})


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
    describe = Describe(purposes)
    nulls, misread = NullEvidence(), FileEvidence()
    for purpose in purposes.all:
        yield BlanksWatch(purpose, describe)
        yield ApostropheWatch(purpose, describe)
        yield MojibakeWatch(purpose, describe, misread)
        yield NullWatch(purpose, purposes, describe, nulls)
        if purpose.use in _LONG:
            yield DigitsWatch(purpose, describe)
        if purpose.use in _CODES:
            yield CodesWatch(purpose, describe, knowledge)
        if purpose.use in _CODES or purpose.use is Use.STREET:
            yield BecameDateWatch(purpose, describe, knowledge)
        if purpose.use in (Use.DATE, Use.UNKNOWN):
            yield DatesWatch(purpose, describe, day_first)
        if purpose.use is Use.PHONE:
            yield PhoneWatch(purpose, purposes, describe)
        if purpose.use is Use.ZIP or (purpose.use is Use.UNKNOWN and purposes.having(Use.STATE)):
            yield ZipWatch(purpose, purposes, knowledge)
    for one, other, blank in exchangeable(purposes):
        yield ExchangeWatch(one, other, blank, describe)
    first, last = purposes.having(Use.FIRST_NAME), purposes.having(Use.LAST_NAME)
    if first and last:
        yield NamesWatch(first[0], last[0])
