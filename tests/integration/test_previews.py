"""Reading a preview: what is wrong where, which value everywhere, what changes; and corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from tests.finished_runs import fault, make_reject, make_row, make_run
from webapp.errors import DataSyncError
from webapp.models import Operation, Run, RunEdit
from webapp.services import corrections, plans, previews, runs, wizard
from webapp.services.previews import Reading, Slice
from webapp.services.results import RowFilter
from webapp.services.run_lists import Effect, Effects

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COLUMNS = ["MEMBER_ID", "GROUP_IDS", "PRIMARY_EMAIL"]
READING = Reading.of(columns=COLUMNS)


def of_groups(number: int, cell: str, code: str = "unknown_group") -> object:
    return make_reject(
        number, [f"M-{number}", cell, "a@example.org"], fault(code, "GROUP_IDS", "999")
    )


def test_the_values_of_a_problem_are_whole_cells_that_several_rows_share(session: Session) -> None:
    preview = make_run(
        session,
        [
            of_groups(2, "12,999"),
            of_groups(3, " 12,999 "),
            of_groups(4, "999"),
            of_groups(5, "12,999", "opt_group"),
        ],
        kind="preview",
    )
    [value] = previews.list_problem_values(session, preview, "unknown_group", READING)
    assert (value.column, value.value, value.rows) == ("GROUP_IDS", "12,999", 2)


def test_without_its_column_a_value_that_was_shortened_is_left_to_its_rows(
    session: Session,
) -> None:
    long, short = "x" * 79 + "…", "n/a"
    preview = make_run(
        session,
        [
            make_reject(number, [], fault("too_long", "NICKNAME", value))
            for number, value in enumerate([long, long, short, short], start=2)
        ],
        kind="preview",
    )
    found = previews.list_problem_values(session, preview, "too_long", READING)
    assert [(value.value, value.rows) for value in found] == [(short, 2)]


def test_a_row_shows_the_problems_of_the_wanted_kind_with_the_whole_cell(session: Session) -> None:
    faults = [fault("unknown_group", "GROUP_IDS", "9"), fault("not_an_email", "PRIMARY_EMAIL", "b")]
    preview = make_run(session, [make_reject(2, ["M-2", "1,9", "b"], *faults)], kind="preview")
    wanted = RowFilter(problem="unknown_group")
    [row] = previews.list_rows(session, preview, wanted, READING, Slice()).rows
    [problem] = row.problems
    assert (problem.title, problem.cell) == ("Unknown group", "1,9")
    assert {kind.code: kind.rows for kind in previews.list_problems(session, preview)} == {
        "unknown_group": 1,
        "not_an_email": 1,
    }


def test_rows_left_out_are_no_problem(session: Session) -> None:
    row = make_row(2, "withheld", faults=[fault("left_out")], cells=["M-2"])
    preview = make_run(session, [row], kind="preview")
    assert previews.list_problems(session, preview) == []


def test_changes_are_told_in_the_order_of_a_profile_and_in_words(session: Session) -> None:
    row = make_row(
        2,
        "updated",
        before={
            "home_city": "Paris",
            "accepts_email": "t",
            "first_name": "Ada",
            "custom.pet": None,
        },
        changes={
            "custom.pet": "cat",
            "home_city": "Lyon",
            "accepts_email": "f",
            "first_name": "Ada",
        },
    )
    preview = make_run(session, [row], kind="preview")
    [sample] = previews.sample_changes(session, preview, "updated", READING)
    assert [(item.label, item.before, item.after) for item in sample.changes] == [
        ("Home city", "Paris", "Lyon"),
        ("Accepts email", "Yes", "No"),
        ("Custom.pet", None, "cat"),
    ]


# ---- corrections ----


@pytest.fixture
def draft(session: Session) -> Run:
    return make_run(session, state="draft")


def edits_of(session: Session) -> list[tuple[str, int | None, str | None, str | None, str | None]]:
    found = session.scalars(select(RunEdit).order_by(RunEdit.id))
    return [
        (edit.kind, edit.row_number, edit.column, edit.old_value, edit.new_value) for edit in found
    ]


def correct(session: Session, draft: Run, number: int, value: str) -> RunEdit:
    return corrections.correct_cell(
        session, draft, row_number=number, column="MEMBER_ID", new_value=value, user_id=None
    )


def replace(session: Session, draft: Run, old: str, new: str) -> RunEdit:
    return corrections.replace_value(
        session, draft, column="MEMBER_ID", old_value=old, new_value=new, user_id=None
    )


def test_each_correction_outdates_the_preview(session: Session, draft: Run) -> None:
    correct(session, draft, 2, "M-2")
    assert draft.edits_version == 1
    edit = replace(session, draft, "x", "y")
    assert draft.edits_version == 2
    corrections.leave_out_row(session, draft, row_number=2, user_id=None)
    corrections.leave_out_row(session, draft, row_number=2, user_id=None)
    assert draft.edits_version == 3
    corrections.remove_correction(session, draft, edit.id)
    corrections.remove_correction(session, draft, edit.id)
    assert draft.edits_version == 4


def test_a_second_correction_takes_the_place_of_the_first(session: Session, draft: Run) -> None:
    correct(session, draft, 2, "M-2")
    correct(session, draft, 2, "M-3")
    replace(session, draft, "x", "y")
    replace(session, draft, " x ", "z")
    assert edits_of(session) == [
        ("cell", 2, "MEMBER_ID", None, "M-3"),
        ("value", None, "MEMBER_ID", "x", "z"),
    ]


def test_what_was_corrected_to_a_value_follows_when_that_is_corrected(
    session: Session, draft: Run
) -> None:
    correct(session, draft, 2, "y")
    replace(session, draft, "x", "y")
    replace(session, draft, "y", "z")
    assert edits_of(session) == [
        ("cell", 2, "MEMBER_ID", None, "z"),
        ("value", None, "MEMBER_ID", "x", "z"),
        ("value", None, "MEMBER_ID", "y", "z"),
    ]


def test_only_a_draft_can_be_corrected(session: Session, draft: Run) -> None:
    draft.state = "queued"
    session.flush()
    with pytest.raises(DataSyncError, match="already started"):
        correct(session, draft, 2, "M-2")
    assert edits_of(session) == []


def test_a_correction_of_another_draft_cannot_be_taken_back(session: Session, draft: Run) -> None:
    other = make_run(session, state="draft")
    edit = correct(session, other, 2, "M-2")
    corrections.remove_correction(session, draft, edit.id)
    assert len(edits_of(session)) == 1


# ---- the draft ----


def test_another_order_of_dates_outdates_the_preview(session: Session, draft: Run) -> None:
    preview = runs.start_preview(session, draft)
    preview.state = "success"
    session.flush()
    assert wizard.read_draft(session, draft).is_previewed
    wizard.update_information(session, draft, label="x", description="", date_order="dmy")
    after = wizard.read_draft(session, draft)
    assert not after.is_previewed
    assert after.reached is wizard.Step.PREVIEW
    with pytest.raises(DataSyncError):
        runs.start_run(session, draft)


def test_the_choice_to_opt_in_again_is_kept_with_who_made_it(session: Session, draft: Run) -> None:
    from webapp.services import users

    user = users.create_user(session, email="m@example.org", name="Mia", password="long enough one")
    assert wizard.allow_opting_in_again(session, draft, allowed=True, user=user)
    assert not wizard.allow_opting_in_again(session, draft, allowed=True, user=user)
    assert draft.options["opt_in_again_by"] == "Mia"
    assert wizard.allow_opting_in_again(session, draft, allowed=False, user=user)
    assert "opt_in_again" not in draft.options
    assert "opt_in_again_by" not in draft.options


NO_EFFECTS = Effects(None, None, [], [])
TWO_GROUPS = "Makes this run’s New and Modified groups in the Data Sync folder."


@pytest.mark.parametrize(
    ("counts", "effects", "sentences"),
    [
        ({}, NO_EFFECTS, ["Running changes no constituent.", TWO_GROUPS]),
        (
            {"created": 1, "updated": 2},
            Effects(None, None, [Effect(1, "Volunteers", 1)], []),
            [
                "Running creates 1 constituent and updates existing constituents from 2 rows.",
                "Adds 1 person to the group “Volunteers”.",
                TWO_GROUPS,
            ],
        ),
        (
            {"unchanged": 1, "rejected": 1200, "withheld": 1},
            NO_EFFECTS,
            [
                "Running changes no constituent.",
                "1 row says what is already there, and changes nothing.",
                TWO_GROUPS,
                "1,200 rows are rejected and come back as a file with the reasons, to be corrected "
                "and uploaded again.",
                "1 row is withheld and does nothing.",
            ],
        ),
    ],
)
def test_the_plan_says_what_happens(
    counts: dict[str, int], effects: Effects, sentences: list[str]
) -> None:
    nothing = dict.fromkeys(("created", "updated", "unchanged", "rejected", "withheld"), 0)
    preview = Run(**(nothing | counts))
    operation = Operation(kind="standard_constituent_import")
    draft = Run(operation=operation, options={})
    assert plans.describe_plan(draft, preview, effects) == sentences
    draft.options = {"opt_in_again": True, "opt_in_again_by": "Mia"}
    assert "Takes the file’s yes where a person had opted out, as Mia decided." in (
        plans.describe_plan(draft, preview, effects)
    )
