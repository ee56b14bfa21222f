"""What the engine leaves behind for the results pages: each row's changes, and the rejects file."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.jobs.site import Imported, Site
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.fields import REPORT_COLUMNS
from webapp.rules.guarding import unguard
from webapp.services.files import file_store
from webapp.services.results import count_problems, get_row
from webapp.services.row_changes import RowChanges, list_row_changes

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("MEMBER_ID", "FIRST_NAME", "LAST_NAME", "PRIMARY_EMAIL", "BIRTH_DATE")

tricky = st.text(alphabet="'=+-@ ,;\"\n\té1", max_size=5)
bad_rows = st.lists(
    st.one_of(
        st.tuples(tricky, tricky, tricky, st.just("no email"), st.just("")),
        st.tuples(st.just("M1"), tricky, tricky, st.just(""), st.just("31.31.2020")),
        st.tuples(st.just(""), tricky, tricky, st.just(""), st.just("")),
        st.tuples(st.just("M2"), st.just("x" * 60), tricky),
        st.tuples(*[st.just("=a")] * 7),
    ).filter(lambda row: any(cell.strip() for cell in row)),  # a blank row is no row
    min_size=1,
    max_size=6,
)


def changes_of(site: Site, run_id: int, row_number: int) -> RowChanges:
    with site.app.app_context():
        session = db.session()
        run = session.get_one(Run, run_id)
        row = get_row(session, run_id, row_number)
        assert row is not None
        found = list_row_changes(session, run, row)
        db.session.remove()
        return found


def told(changes: RowChanges) -> list[tuple[str, str | None, str | None]]:
    return [(change.label, change.before, change.after) for change in changes.fields]


def test_each_row_shows_what_it_changed_as_its_preview_said(site: Site) -> None:
    group = site.group("Gala")
    site.insert("custom_fields", key="shirt", label="Shirt size", kind="text")
    site.person(member_id="M1", first_name="Ann", primary_email="ann@a.test")
    row = {"MEMBER_ID": "M1", "FIRST_NAME": "Anna", "ACCEPTS_EMAIL": "N", "CUSTOM_SHIRT": "L"}
    row |= {"GROUP_IDS": str(group)}

    done: Imported = site.import_rows([row, {"MEMBER_ID": "M2", "FIRST_NAME": "Bo"}])

    assert done.preview is not None
    expected = [
        ("First name", "Ann", "Anna"),
        ("Accepts email", "Yes", "No"),
        ("Shirt size", None, "L"),
    ]
    shown = changes_of(site, done.run.id, 2)
    assert told(shown) == expected
    assert "Added to Gala" in shown.memberships
    assert [line for line in told(changes_of(site, done.preview.id, 2)) if line in expected] == (
        expected
    )
    new = changes_of(site, done.run.id, 3)
    assert new.is_new
    assert ("First name", None, "Bo") in told(new)


def rejects_of(site: Site, run_id: int) -> list[list[str]]:
    with site.app.app_context():
        run = db.session.get_one(Run, run_id)
        assert run.rejects_key is not None
        with file_store().open(run.rejects_key) as file:
            text = file.read().decode("utf-8-sig")
        problems = {count.code: count.rows for count in count_problems(db.session(), run)}
        assert problems == run.tallies["problems"]
        db.session.remove()
    return list(csv.reader(io.StringIO(text, newline="")))


GOOD_ROWS = [(f"G{number}", "Ann", "Low", "", "2001-02-03") for number in range(5)]
"""Rows to see by what the table is: of nothing but bad ones there would be no telling."""


def as_text(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *GOOD_ROWS, *rows])
    return buffer.getvalue()


@given(rows=bad_rows)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_rejects_file_sent_again_as_it_is_is_rejected_just_the_same(
    site: Site, rows: list[tuple[str, ...]]
) -> None:
    """Promise 9: nothing is lost, cut, shifted or let in on the way out and in again."""
    site.reset()
    first = site.import_rows(as_text(rows), preview=False).run
    once = rejects_of(site, first.id)
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(once)

    second = site.import_rows(text.getvalue(), preview=False).run
    twice = rejects_of(site, second.id)

    assert first.counts["rejected"] == len(rows) == second.counts["rejected"]
    assert once[0] == twice[0] == [*COLUMNS, *REPORT_COLUMNS]
    for row, again, came_in in zip(once[1:], twice[1:], rows, strict=True):
        assert row[:5] == again[:5]
        assert [unguard(cell) for cell in row[:5]] == [*came_in[:5], *[""] * (5 - len(came_in))]
        assert len(row) > len(REPORT_COLUMNS) + 5 or row[6] == again[6]
