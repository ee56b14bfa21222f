"""The rejects file: what came in comes out, safe in a spreadsheet, and is read back the same."""

from __future__ import annotations

import csv
import io
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from jobs.reading import unguarded
from tests.finished_runs import fault, make_reject, make_row, make_run
from webapp.rules.faults import FaultCode
from webapp.rules.guarding import guard, is_guarded_file, unguard
from webapp.rules.reading import Examination, examine, read_records
from webapp.services.rejects import NOT_FIXED, write_rejects, write_rejects_workbook
from webapp.services.results import count_problems

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from webapp.models import Run

COLUMNS = ["Member_ID", "Zip", "Note"]


@dataclass
class Bytes:
    """A file in memory as the reader takes it."""

    content: bytes
    name: str = "rejects.csv"

    @property
    def size(self) -> int:
        return len(self.content)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)


def written(session: Session, run: Run) -> bytes:
    stream = io.BytesIO()
    write_rejects(session, run, stream)
    assert not stream.closed
    return stream.getvalue()


def read_back(content: bytes, name: str = "rejects.csv") -> tuple[list[str], list[list[str]]]:
    """What our own reader makes of it: columns and rows, guards taken away."""
    source = Bytes(content, name)
    found = examine(source)
    assert isinstance(found, Examination), found
    assert is_guarded_file(found.columns)
    rows = [
        [unguard(cell) for cell in row]
        for batch in read_records(source, found.dialect)
        for row in batch.rows
    ]
    return list(found.columns), rows


def test_the_original_columns_then_row_and_reason(session: Session) -> None:
    run = make_run(
        session,
        [
            make_row(2, "created"),
            make_reject(3, ["M1", "02134", 'Ünï, "q"\nline'], fault("too_long", message="Cut it.")),
            make_row(
                4, "withheld", cells=["M2", "", ""], faults=[fault("left_out", message="Left out.")]
            ),
        ],
        columns=COLUMNS,
    )

    content = written(session, run)

    assert content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))) == [
        [*COLUMNS, "DATASYNC_ROW", "DATASYNC_REASON"],
        ["M1", "02134", 'Ünï, "q"\nline', "3", "Cut it."],
        ["M2", "", "", "4", "Left out."],
    ]


def test_a_run_that_is_ending_gets_its_tally_of_problems(session: Session) -> None:
    twice = [fault("too_long", "A"), fault("too_long", "B"), fault("not_a_date")]
    rows = [make_reject(2, ["a", "b", "c"], *twice), make_reject(3, ["", "", ""], fault("no_key"))]
    ending = make_run(session, rows, state="running", tallies={"repeated": 1})

    written(session, ending)

    expected = {"too_long": 1, "not_a_date": 1, "no_key": 1}
    assert ending.tallies == {"repeated": 1, "problems": expected}
    assert {count.code: count.rows for count in count_problems(session, ending)} == expected


@given(
    cells=st.lists(
        st.tuples(
            st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
            st.text(alphabet="'=+-@ ,;\"\r\n\té1", max_size=6),
        ),
        min_size=1,
        max_size=4,
    )
)
@hypothesis_settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_every_cell_is_read_back_as_it_came_in(
    session: Session, cells: list[tuple[str, str]]
) -> None:
    rows = [["M1", zip_code, note] for zip_code, note in cells]
    run = make_run(
        session,
        [make_reject(number, row) for number, row in enumerate(rows, start=2)],
        columns=COLUMNS,
    )

    columns, found = read_back(written(session, run))

    assert columns == [*COLUMNS, "DATASYNC_ROW", "DATASYNC_REASON"]
    assert [row[:3] for row in found] == rows
    assert [row[3] for row in found] == [str(number) for number in range(2, len(rows) + 2)]


def test_no_cell_is_a_formula(session: Session) -> None:
    nasty = ["=cmd|' /C calc'!A0", "+1", "@SUM(1)"]
    run = make_run(session, [make_reject(2, nasty, fault("too_long", message="=1+1"))])

    rows = list(csv.reader(io.StringIO(written(session, run).decode("utf-8-sig"))))

    assert rows[1] == ["'" + cell for cell in nasty] + ["2", "'=1+1"]


def test_rejects_of_a_rejects_file_do_not_pile_up_columns(session: Session) -> None:
    columns = ["datasync_row", "MEMBER_ID", " DATASYNC_REASON "]
    run = make_run(session, [make_reject(9, ["3", "M1", "old reason"])], columns=columns)

    found, rows = read_back(written(session, run))

    assert found == ["MEMBER_ID", "DATASYNC_ROW", "DATASYNC_REASON"]
    assert rows[0][:2] == ["M1", "9"]


@pytest.mark.parametrize("cells", [["M1", "x"], ["M1", "x", "y", "=z", "w"], ['"M1', "x", "y"]])
def test_an_irregular_row_stays_rejected_until_somebody_looked(
    session: Session, cells: list[str]
) -> None:
    bad = fault(FaultCode.IRREGULAR_ROW, message="Does not fit.")
    rows = [make_reject(n, ["M", "1", "2"]) for n in range(2, 6)] + [make_reject(7, cells, bad)]
    run = make_run(session, rows, columns=COLUMNS)

    content = written(session, run)

    last = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[-1]
    padded = [*cells[:3], *[""] * (3 - len(cells[:3]))]
    assert last == [*padded, "7", "Does not fit.", NOT_FIXED, *map(guard, cells[3:])]
    source = Bytes(content)
    found = examine(source)
    assert isinstance(found, Examination)
    batches = list(read_records(source, found.dialect))
    assert list(batches[0].faults) == [6]
    fixed = source.content.replace(NOT_FIXED.encode(), b"")
    again = [
        unguarded(batch, found.dialect.width) for batch in read_records(Bytes(fixed), found.dialect)
    ]
    assert bool(again[0].faults) == (len(cells) > 3)


def test_the_text_of_a_row_stands_behind_its_cells_where_they_do_not_say_it_all(
    session: Session,
) -> None:
    bad = fault(FaultCode.IRREGULAR_ROW, message="Never closed.")
    torn, plain = make_reject(2, ["M1,x"], bad), make_reject(3, ["M1", "x", "y", "z"], bad)
    torn.raw, plain.raw = '"M1,x', "M1,x,y,z"
    rows = [torn, plain]

    _, first, second = csv.reader(
        io.StringIO(written(session, make_run(session, rows, columns=COLUMNS)).decode("utf-8-sig"))
    )

    assert first == ["M1,x", "", "", "2", "Never closed.", NOT_FIXED, '"M1,x']
    assert second == ["M1", "x", "y", "3", "Never closed.", NOT_FIXED, "z"]


def test_the_note_on_a_row_that_was_not_put_right_does_not_pile_up(session: Session) -> None:
    cells = ["M1", "x", "", "7", "Does not fit.", NOT_FIXED, "surplus"]
    columns = [*COLUMNS, "DATASYNC_ROW", "DATASYNC_REASON"]
    bad = fault(FaultCode.IRREGULAR_ROW, message="Does not fit.")
    run = make_run(session, [make_reject(2, cells, bad)], columns=columns)

    _, rows = read_back(written(session, run))

    assert rows == [["M1", "x", "", "2", "Does not fit.", NOT_FIXED, "surplus"]]


@pytest.mark.parametrize(
    ("delimiter", "expected"), [(",", ","), (";", ";"), ("\t", ","), ("|", ",")]
)
def test_a_semicolon_is_kept_since_excel_expects_it_there(
    session: Session, delimiter: str, expected: str
) -> None:
    run = make_run(session, [make_reject(2, ["a", "b", "c"])], delimiter=delimiter)

    header = written(session, run).decode("utf-8-sig").splitlines()[0]

    assert header.count(expected) == 4


def test_workbook_keeps_text_and_is_read_back(session: Session) -> None:
    cells = ["00123", "02134", "=1+1"]
    run = make_run(session, [make_reject(2, cells)], columns=COLUMNS)
    stream = io.BytesIO()

    assert write_rejects_workbook(session, run, stream) == 1

    rows = CalamineWorkbook.from_filelike(io.BytesIO(stream.getvalue())).get_sheet_by_index(0)
    assert rows.to_python()[1][:4] == ["00123", "02134", "'=1+1", "2"]
    _, found = read_back(stream.getvalue(), "rejects.xlsx")
    assert found[0][:3] == cells


def test_memory_does_not_grow_with_the_rejects(session: Session) -> None:
    class Nowhere(io.RawIOBase):
        size = 0

        def writable(self) -> bool:
            return True

        def write(self, data: object, /) -> int:
            self.size += len(data)  # type: ignore[arg-type]
            return len(data)  # type: ignore[arg-type]

    run = make_run(session, rejected=60_000, rows_read=60_000)
    session.execute(
        text(
            "INSERT INTO run_rows (run_id, row_number, outcome, who, cells, faults)"
            " SELECT :run, n + 1, 'rejected', 'x', ARRAY['M' || n, repeat('x', 200), ''],"
            ' \'[{"code": "too_long", "column": "A", "value": "", "message": "Cut it."}]\''
            " FROM generate_series(1, 60000) n"
        ),
        {"run": run.id},
    )
    peaks = []
    for limit in (10_000, 60_000):
        session.execute(
            text("UPDATE run_rows SET outcome = 'created' WHERE run_id = :run AND row_number > :n"),
            {"run": run.id, "n": limit + 1},
        ) if limit == 10_000 else session.execute(
            text("UPDATE run_rows SET outcome = 'rejected' WHERE run_id = :run"), {"run": run.id}
        )
        stream = Nowhere()
        tracemalloc.start()
        assert write_rejects(session, run, stream) == limit  # type: ignore[arg-type]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.3
