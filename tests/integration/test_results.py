"""What became of every row: filters, pages by key, counts per problem, one row's changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tests.finished_runs import fault, make_reject, make_row, make_run
from webapp.models import Constituent, CustomField
from webapp.services import run_lists
from webapp.services.changes import set_actor
from webapp.services.results import RowFilter, count_problems, get_row, list_rows
from webapp.services.row_changes import list_row_changes

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from webapp.models import Run


@pytest.fixture
def run(session: Session) -> Run:
    return make_run(
        session,
        [
            make_row(2, "created", "Anna Berg · anna@example.org", constituent_id=900),
            make_row(3, "updated", "Bo 50% Lee", notes=["The opt-out was kept."]),
            make_row(5, "unchanged", "Émile Zola"),
            make_reject(6, ["", "", "x"], fault("not_an_email", "PRIMARY_EMAIL", "x", "a_b")),
            make_reject(
                7,
                ["", "", "y"],
                fault("not_an_email", message='It is y"z'),
                fault("too_long", message="-"),
            ),
            make_row(
                9, "withheld", "Cy", faults=[fault("left_out", message="-")], cells=["", "Cy", ""]
            ),
        ],
    )


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (RowFilter(), [2, 3, 5, 6, 7, 9]),
        (RowFilter(outcome="rejected"), [6, 7]),
        (RowFilter(outcome="created"), [2]),
        (RowFilter(problem="not_an_email"), [6, 7]),
        (RowFilter(problem="too_long"), [7]),
        (RowFilter(problem="removed"), []),
        (RowFilter(outcome="withheld", problem="too_long"), []),
        (RowFilter(text="ANNA@"), [2]),
        (RowFilter(text="émile"), [5]),
        (RowFilter(text="opt-out"), [3]),
        (RowFilter(text="50%"), [3]),
        (RowFilter(text="%"), [3]),
        (RowFilter(text="_"), [6]),  # in a sentence, as itself
        (RowFilter(text='y"z'), [7]),
        (RowFilter(text="\\"), []),  # how JSON writes that quotation mark
        (RowFilter(text="message"), []),  # nor what else is only in the stored form
        (RowFilter(text="900"), [2]),  # the constituent
        (RowFilter(text="9"), [9]),  # the row number
        (RowFilter(text="9" * 30), []),
        (RowFilter(outcome="rejected", text="x"), [6]),
    ],
)
def test_filters(session: Session, run: Run, wanted: RowFilter, numbers: list[int]) -> None:
    found = [row.row_number for row in list_rows(session, run.id, wanted).rows]

    assert found == numbers


def test_pages_forwards_and_backwards_show_every_row_once(session: Session) -> None:
    run = make_run(session, [make_row(number, "created") for number in range(2, 25)])
    seen: list[list[int]] = []
    after: int | None = None
    while True:
        page = list_rows(session, run.id, RowFilter(), after=after, limit=5)
        seen.append([row.row_number for row in page.rows])
        after = page.next_after
        if after is None:
            break
    before = page.previous_before
    back = []
    while before is not None:
        page = list_rows(session, run.id, RowFilter(), before=before, limit=5)
        back.append([row.row_number for row in page.rows])
        before = page.previous_before

    assert [number for numbers in seen for number in numbers] == list(range(2, 25))
    assert back == seen[-2::-1]


def test_rows_of_another_run_are_never_shown(session: Session, run: Run) -> None:
    other = make_run(session, [make_row(2, "created", "Anna Other")])

    assert [row.who for row in list_rows(session, other.id, RowFilter()).rows] == ["Anna Other"]
    assert get_row(session, other.id, 3) is None


def test_problem_filter_is_served_by_the_partial_index(session: Session, run: Run) -> None:
    session.execute(
        text(
            "INSERT INTO run_rows (run_id, row_number, outcome, who)"
            " SELECT :run, n, 'created', 'x' FROM generate_series(100, 30000) n"
        ),
        {"run": run.id},
    )
    session.execute(text("ANALYZE run_rows"))
    plan = "\n".join(
        session.scalars(
            text(
                "EXPLAIN SELECT * FROM run_rows WHERE run_id = :run AND outcome = 'rejected'"
                " AND run_rows.outcome IN ('rejected', 'withheld') AND row_number > 0"
                " ORDER BY row_number LIMIT 51"
            ),
            {"run": run.id},
        )
    )

    assert "ix_run_rows_problems" in plan


def test_problems_are_counted_by_rows(session: Session, run: Run) -> None:
    counts = {count.code: (count.rows, count.title) for count in count_problems(session, run)}

    assert counts == {
        "not_an_email": (2, "Not an email address"),
        "too_long": (1, "Value too long"),
        "left_out": (1, "Left out by a person"),
    }


def test_a_tally_of_problems_saves_the_counting(session: Session, run: Run) -> None:
    run.tallies = {"problems": {"removed": 7}}

    assert [(count.code, count.rows) for count in count_problems(session, run)] == [("removed", 7)]


def _constituent(session: Session, run: Run, row_number: int, **values: object) -> Constituent:
    set_actor(session, None, "Import", run.id)
    person = Constituent(modified_row=row_number, **values)
    session.add(person)
    session.flush()
    return person


def _update(session: Session, run: Run | None, row: int | None, sql: str, person: int) -> None:
    set_actor(session, None, "Import", run.id if run else None)
    session.execute(
        text(f"UPDATE constituents SET {sql}, modified_row = :row WHERE id = :id"),
        {"row": row, "id": person},
    )


def test_a_rows_changes_are_those_of_its_moment(session: Session) -> None:
    session.add(CustomField(key="shirt", label="Shirt size", kind="text"))
    first = make_run(session, [make_row(2, "created")])
    person = _constituent(session, first, 2, first_name="Ann", home_zip="02134")
    run = make_run(session, [make_row(4, "updated", constituent_id=person.id)])
    _update(
        session,
        run,
        4,
        "first_name = 'Anna', accepts_email = false, custom = '{\"shirt\": \"M\"}'",
        person.id,
    )
    _update(session, None, None, "first_name = 'Hannah', home_zip = NULL", person.id)
    row = get_row(session, run.id, 4)
    assert row is not None

    changes = list_row_changes(session, run, row)

    assert [(c.label, c.before, c.after) for c in changes.fields] == [
        ("First name", "Ann", "Anna"),
        ("Accepts email", "Yes", "No"),
        ("Shirt size", None, "M"),
    ]
    assert not changes.is_new
    assert not changes.is_gone


def test_a_created_rows_changes_are_what_it_began_with(session: Session) -> None:
    run = make_run(session, [make_row(2, "created")])
    person = _constituent(session, run, 2, first_name="Ann", last_name="Berg")
    _update(session, None, None, "first_name = 'Hannah', nickname = 'H'", person.id)
    set_actor(session, None, "Undo", None)
    session.execute(text("DELETE FROM constituents WHERE id = :id"), {"id": person.id})
    row = get_row(session, run.id, 2)
    assert row is not None
    row.constituent_id = person.id

    changes = list_row_changes(session, run, row)

    told = {change.label: change.after for change in changes.fields}
    assert told["First name"] == "Ann"
    assert told["Last name"] == "Berg"
    assert "Nickname" not in told
    assert changes.is_new
    assert changes.is_gone


def test_two_rows_about_one_person_each_show_their_own_change(session: Session) -> None:
    first = make_run(session, [make_row(2, "created")])
    person = _constituent(session, first, 2, first_name="A")
    run = make_run(
        session,
        [make_row(number, "updated", constituent_id=person.id) for number in (2, 3)],
    )
    _update(session, run, 2, "first_name = 'B'", person.id)
    _update(session, run, 3, "first_name = 'C'", person.id)

    told = []
    for number in (2, 3):
        row = get_row(session, run.id, number)
        assert row is not None
        told += [(c.before, c.after) for c in list_row_changes(session, run, row).fields]

    assert told == [("A", "B"), ("B", "C")]


def test_an_undo_that_was_cancelled_does_not_count_as_one(session: Session) -> None:
    run = make_run(session)
    make_run(session, kind="undo", parent_id=run.id, state="cancelled")
    assert run_lists.find_undo(session, run.id) is None

    undo = make_run(session, kind="undo", parent_id=run.id, state="running")

    assert run_lists.find_undo(session, run.id) is undo
    assert run_lists.find_undos(session, [run.id]) == {run.id: undo}


def test_results_list_is_newest_first_and_pages_both_ways(session: Session) -> None:
    runs = [make_run(session, label=f"Run {n}") for n in range(7)]
    make_run(session, state="draft")
    make_run(session, kind="preview", parent_id=runs[0].id)

    first = run_lists.list_results(session, None, run_lists.RunFilter(), limit=3)
    second = run_lists.list_results(
        session, None, run_lists.RunFilter(), before=first.older_before, limit=3
    )
    again = run_lists.list_results(
        session, None, run_lists.RunFilter(), after=second.newer_after, limit=3
    )

    assert [run.label for run in first.runs] == ["Run 6", "Run 5", "Run 4"]
    assert first.newer_after is None
    assert [run.label for run in second.runs] == ["Run 3", "Run 2", "Run 1"]
    assert [run.id for run in again.runs] == [run.id for run in first.runs]
    assert again.newer_after is None


def test_results_list_filters(session: Session) -> None:
    spring = make_run(session, label="Spring", state="failure")
    make_run(session, label="Autumn")
    wanted = run_lists.RunFilter

    def labels(filter_: run_lists.RunFilter, centers: set[int] | None = None) -> list[str]:
        return [run.label for run in run_lists.list_results(session, centers, filter_).runs]

    assert labels(wanted(text="spr")) == ["Spring"]
    assert labels(wanted(text="members.csv")) == ["Autumn", "Spring"]
    assert labels(wanted(text="%")) == []
    assert labels(wanted(state="failure")) == ["Spring"]
    assert labels(wanted(operation=spring.operation.slug)) == ["Autumn", "Spring"]
    assert labels(wanted(operation="other")) == []
    assert labels(wanted(), {1}) == []
