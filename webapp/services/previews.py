"""Reading a preview: what would happen to the rows of a file, and what is wrong with which.

A preview is a run of kind 'preview'; its rows are in `run_rows` like those of any run. Everything
here reads by key, so that a preview of a million rows is looked through as fast as one of ten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.models import Run, RunRow
from webapp.rules.faults import FaultCode
from webapp.rules.fields import STANDARD_FIELDS, Field, Kind
from webapp.services import results
from webapp.services.changes import FieldChange
from webapp.services.results import ProblemCount, RowFilter, problem_title

PROBLEM_ROWS = 20
ROWS = 50
SAMPLES = 5
PROBLEM_VALUES = 10
ROWS_COUNTED = 50_000
LONGEST_VALUE = 500
"""A longer cell is corrected in its row, not everywhere at once."""
SHORTENED = "…"
REPLACED = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class ProblemValue:
    """One value that is wrong in the same way in several rows."""

    column: str
    value: str
    rows: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one row. `cell` is the whole cell as it is in the file, where known."""

    code: str
    title: str
    column: str
    value: str
    message: str
    cell: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What would happen to one row of the file."""

    row_number: int
    outcome: str
    who: str
    constituent_id: int | None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in the order of the file, and the keys of the pages beside it."""

    rows: tuple[PreviewRow, ...] = ()
    previous_before: int | None = None
    next_after: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Where a page of rows begins: after one row number, or before one."""

    after: int | None = None
    before: int | None = None
    limit: int = ROWS


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of one file are shown: the fields by attribute, the columns by position."""

    fields: Mapping[str, Field] = field(default_factory=dict)
    positions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Iterable[Field] = STANDARD_FIELDS, columns: Iterable[str] = ()) -> Reading:
        """`columns` are the names that faults use, in the order of the file's header."""
        return cls(
            {known.attribute: known for known in fields},
            {name: at for at, name in reversed(list(enumerate(columns))) if name},
        )

    def label(self, attribute: str) -> str:
        """A field's words; an attribute that is no field reads as it is written."""
        known = self.fields.get(attribute)
        return known.label if known else attribute.replace("_", " ").capitalize()

    def value(self, attribute: str, stored: str | None) -> str | None:
        """A stored value as people write it."""
        known = self.fields.get(attribute)
        if known and known.kind is Kind.YES_NO:
            return {"t": "Yes", "true": "Yes", "f": "No", "false": "No"}.get(stored or "", stored)
        return stored

    def cell(self, cells: Sequence[str] | None, column: str) -> str | None:
        """The whole cell of that column, None when it isn't known."""
        at = self.positions.get(column)
        if cells is None or at is None or at >= len(cells):
            return None
        return cells[at]


def list_problems(session: Session, preview: Run) -> list[ProblemCount]:
    """The kinds of problems, most frequent first. Rows that a person left out are no problem."""
    found = results.count_problems(session, preview)
    return [problem for problem in found if problem.code != FaultCode.LEFT_OUT]


def list_problem_values(
    session: Session, preview: Run, code: str, reading: Reading, *, limit: int = PROBLEM_VALUES
) -> list[ProblemValue]:
    """The cells behind one kind of problem that several rows share, most frequent first.

    The whole cell where the column is known (of `12,999` one group may be the unknown one), else
    the value the fault names, unless that was shortened to be shown. Only the first
    `ROWS_COUNTED` rows with the problem are counted.
    """
    statement = text(
        """
        SELECT fault ->> 'column' AS column_name,
               btrim(coalesce(r.cells[(CAST(:positions AS jsonb) ->> (fault ->> 'column'))::int],
                              fault ->> 'value'), E' \t\r\n') AS cell,
               count(DISTINCT r.row_number) AS rows
        FROM (
            SELECT row_number, cells, faults FROM run_rows
            WHERE run_id = :run AND outcome IN ('rejected', 'withheld')
              AND jsonb_typeof(faults) = 'array' AND faults @> CAST(:wanted AS jsonb)
            ORDER BY row_number LIMIT :most
        ) r CROSS JOIN LATERAL jsonb_array_elements(r.faults) AS fault
        WHERE fault ->> 'code' = :code AND fault ->> 'column' <> ''
          AND length(fault ->> 'value') > 0
        GROUP BY 1, 2 HAVING count(DISTINCT r.row_number) > 1
        ORDER BY 3 DESC, 1, 2 LIMIT :limit
        """
    )
    found = session.execute(
        statement,
        {
            "run": preview.id,
            "code": code,
            "wanted": _json([{"code": code}]),
            "positions": _json({name: at + 1 for name, at in reading.positions.items()}),
            "limit": limit,
            "most": ROWS_COUNTED,
        },
    )
    return [
        ProblemValue(column, cell, rows)
        for column, cell, rows in found
        if column in reading.positions or not (SHORTENED in cell or REPLACED in cell)
        if 0 < len(cell) <= LONGEST_VALUE
    ]


def list_rows(
    session: Session, preview: Run, wanted: RowFilter, reading: Reading, where: Slice
) -> Page:
    """The rows of the file that fit the filter, in the order of the file. Where one kind of
    problem is wanted, a row shows its problems of that kind only."""
    if wanted.outcome and not getattr(preview, wanted.outcome):
        return Page()
    page = results.list_rows(
        session, preview.id, wanted, after=where.after, before=where.before, limit=where.limit
    )
    rows = tuple(_read_row(row, reading, wanted.problem) for row in page.rows)
    return Page(rows, page.previous_before, page.next_after)


def sample_changes(
    session: Session, preview: Run, outcome: str, reading: Reading, *, limit: int = SAMPLES
) -> tuple[PreviewRow, ...]:
    """The first rows that would be created or updated, with what they would change."""
    wanted = RowFilter(outcome=outcome)
    return list_rows(session, preview, wanted, reading, Slice(limit=limit)).rows


def _read_row(row: RunRow, reading: Reading, code: str) -> PreviewRow:
    return PreviewRow(
        row.row_number,
        row.outcome,
        row.who,
        row.constituent_id,
        tuple(
            _read_problem(fault, row.cells, reading)
            for fault in row.faults or ()
            if code in ("", fault.get("code"))
        ),
        tuple(row.notes or ()),
        _read_changes(row.before or {}, row.changes or {}, reading),
    )


def _read_problem(
    fault: Mapping[str, Any], cells: Sequence[str] | None, reading: Reading
) -> Problem:
    code, column = str(fault.get("code", "")), str(fault.get("column", ""))
    value = str(fault.get("value", ""))
    return Problem(
        code,
        problem_title(code),
        column,
        value,
        str(fault.get("message", "")),
        reading.cell(cells, column) if column else None,
    )


def _read_changes(
    before: Mapping[str, str | None], after: Mapping[str, str | None], reading: Reading
) -> tuple[FieldChange, ...]:
    order = {attribute: at for at, attribute in enumerate(reading.fields)}
    attributes = sorted(after, key=lambda name: (order.get(name, len(order)), name))
    return tuple(
        FieldChange(
            reading.label(name),
            reading.value(name, before.get(name)),
            reading.value(name, after[name]),
        )
        for name in attributes
        if before.get(name) != after[name]
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
