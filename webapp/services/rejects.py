"""The rejects file: every row that did not go through, as it came in, with its number and reason.

It has the columns of the file that was imported, in their order, then DATASYNC_ROW and
DATASYNC_REASON, and can be uploaded again once fixed (promise 9). Cells that a spreadsheet would
calculate are guarded (promise 12, `rules.guarding`), and reading the file takes the guard away.

A row that had too many or too few cells keeps that fault until somebody looks at it: its surplus
cells, and the note NOT_FIXED, stand right of the reason, where no heading is; behind them the text
of the row as it stands in the file, where its cells don't say it all (a stray quote). Filled up in
silence, it would be imported with its cells under the wrong headings.

Cells are as they came in: what the accepted repairs made of them is not in here, so that a file
sent again is looked at again; what a person corrected is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from webapp.models import Run, RunRow
from webapp.rules.faults import FaultCode
from webapp.rules.fields import REPORT_COLUMNS
from webapp.rules.guarding import guard, is_report_column
from webapp.services.text_tables import write_csv, write_workbook

BATCH_ROWS = 5_000
NOT_FIXED = (
    "This row could not be read. Put it right as the reason says, "
    "each cell under its heading, then clear this cell and all to its right."
)
_KEPT_DELIMITERS = (",", ";")


class _Reject(NamedTuple):
    row_number: int
    faults: list[dict[str, str]] | None
    cells: list[str] | None
    raw: str | None


def write_rejects(session: Session, run: Run, stream: BinaryIO) -> int:
    """Write the run's rejected and withheld rows as CSV; say how many. Memory does not grow.

    A run that is just ending gets its tally of problems on the way (`tallies["problems"]`), so that
    no page has to count them again.
    """
    layout = _Layout(run)
    problems: Counter[str] = Counter()

    def rows() -> Iterator[list[str]]:
        for reject in _read_rejects(session, run.id):
            problems.update({fault["code"] for fault in reject.faults or ()})
            yield layout.lay_out(reject)

    count = write_csv(stream, layout.header, rows(), delimiter=_delimiter(run))
    if not run.is_finished:
        run.tallies = run.tallies | {"problems": dict(problems)}
    return count


def write_rejects_workbook(session: Session, run: Run, stream: BinaryIO) -> int:
    """The same as an Excel workbook."""
    layout = _Layout(run)
    rows = map(layout.lay_out, _read_rejects(session, run.id))
    return write_workbook(stream, "Rejects", layout.header, rows)


def explain(faults: Iterable[dict[str, str]] | None) -> str:
    """All the sentences of a row's faults as one text without line breaks."""
    return " ".join(" ".join(fault["message"].split()) for fault in faults or ())


class _Layout:
    """Which cell goes where: the original columns, the two of ours, then what fits nowhere."""

    def __init__(self, run: Run) -> None:
        columns, delimiter = _columns(run), _dialect(run).get("delimiter", "")
        self._kept = [at for at, name in enumerate(columns) if not is_report_column(name)]
        self._width = len(columns)
        self._is_of_rejects = len(self._kept) < self._width
        self._delimiter = delimiter
        self.header = [guard(columns[at]) for at in self._kept] + list(REPORT_COLUMNS)

    def lay_out(self, reject: _Reject) -> list[str]:
        cells = reject.cells or []
        original = [guard(cells[at]) if at < len(cells) else "" for at in self._kept]
        laid_out = [*original, str(reject.row_number), guard(explain(reject.faults))]
        if _is_irregular(reject) or (cells and len(cells) != self._width):
            surplus = (cell for cell in cells[self._width :] if cell != NOT_FIXED)
            laid_out += [NOT_FIXED, *(guard(cell) for cell in surplus)]
            if self._says_more(reject.raw, cells):
                laid_out.append(guard(reject.raw or ""))
        return laid_out

    def _says_more(self, raw: str | None, cells: Sequence[str]) -> bool:
        """Whether the row's own text has to stand beside its cells. In the rejects of rejects it
        stands there already, among the surplus ones."""
        return bool(raw) and not self._is_of_rejects and raw != self._delimiter.join(cells)


def _is_irregular(reject: _Reject) -> bool:
    is_fault = any(fault["code"] == FaultCode.IRREGULAR_ROW for fault in reject.faults or ())
    return is_fault or reject.raw is not None


def _columns(run: Run) -> list[str]:
    examination = (run.upload.examination if run.upload else None) or {}
    return list(examination.get("columns", ()))


def _dialect(run: Run) -> dict[str, Any]:
    examination = (run.upload.examination if run.upload else None) or {}
    return dict(examination.get("dialect") or {})


def _delimiter(run: Run) -> str:
    """The semicolon of a file from a country that writes 1,5 is kept: Excel there expects it."""
    delimiter = _dialect(run).get("delimiter")
    return delimiter if delimiter in _KEPT_DELIMITERS else ","


def _read_rejects(session: Session, run_id: int) -> Iterator[_Reject]:
    after = 0
    while True:
        rows = session.execute(
            select(RunRow.row_number, RunRow.faults, RunRow.cells, RunRow.raw)
            .where(
                RunRow.run_id == run_id,
                RunRow.row_number > after,
                # The very words of the partial index
                text("run_rows.outcome IN ('rejected', 'withheld')"),
            )
            .order_by(RunRow.row_number)
            .limit(BATCH_ROWS)
        ).all()
        if not rows:
            return
        yield from (_Reject(*row) for row in rows)
        after = rows[-1].row_number
