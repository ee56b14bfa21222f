"""Promise 3: what the preview showed is what is applied; any other row is held back and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs.site import CHUNK_SIZES, Result, Site
from webapp.extensions import db
from webapp.models import Run
from webapp.services import corrections

ANN = {"member_id": "m1", "primary_email": "ann@x.org", "first_name": "Ann"}
BOB = {"member_id": "m2", "primary_email": "bob@x.org", "first_name": "Bob"}
ROWS = [
    {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "FIRST_NAME": "Anna"},
    {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "", "FIRST_NAME": "Bob"},
    {"MEMBER_ID": "m3", "PRIMARY_EMAIL": "cy@x.org", "FIRST_NAME": "Cy"},
    {"MEMBER_ID": "", "PRIMARY_EMAIL": "dee@x.org", "FIRST_NAME": "Dee"},
    {"MEMBER_ID": "m9", "PRIMARY_EMAIL": "", "FIRST_NAME": "Gone"},
]
SEEN = ["updated", "unchanged", "created", "created", "rejected"]


def settle(site: Site) -> dict[str, int]:
    """Ann, Bob, and a removed record."""
    return {
        "ann": site.person(**ANN),
        "bob": site.person(**BOB),
        "gone": site.person(member_id="m9", removed=True),
    }


def sealed(site: Site, change: Callable[[], object], rows: Any = ROWS, **options: Any) -> Result:
    """Preview, let something happen, run."""
    draft = site.draft(rows, **options)
    preview = site.preview(draft)
    assert preview.state == "success"
    change()
    run = site.run(draft)
    assert run.state == "success", run.failure
    run.check_counts()
    for row in run.rows.values():
        if row.outcome == "withheld":
            assert row.codes[0] == "changed_since_preview"
            assert "has changed since the preview" in row.messages[0]
            assert row.cells is not None
            assert row.constituent_id is None
        else:
            assert row.verdict == preview.rows[row.number].verdict
    return run


def held_back(run: Result) -> list[int]:
    """The rows that were held back."""
    return [number for number, row in run.rows.items() if row.outcome == "withheld"]


def edit(**values: object) -> Callable[[Site, dict[str, int]], object]:
    return lambda site, ids: site.change(ids["ann"], **values)


def edit_bob(**values: object) -> Callable[[Site, dict[str, int]], object]:
    return lambda site, ids: site.change(ids["bob"], **values)


def add(**values: object) -> Callable[[Site, dict[str, int]], object]:
    return lambda site, ids: site.person(**values)


CHANGES: dict[str, tuple[Callable[[Site, dict[str, int]], object], list[int]]] = {
    "nothing": (lambda site, ids: None, []),
    "somebody else": (add(member_id="m77", primary_email="else@x.org"), []),
    "a field the file does not have": (edit(last_name="Long"), []),
    "the very field": (edit(first_name="Annette"), [2]),
    "the very change, done by hand": (edit(first_name="Anna"), [2]),
    "the member ID, given to another value": (edit(member_id="m100"), [2]),
    "the record, removed": (edit(active_detail="Removed by contact"), [2]),
    "a record that was to stay as it is": (edit_bob(first_name="Robert"), [3]),
    "the member ID of a new record": (add(member_id="m3"), [4]),
    "the email of a new record": (add(primary_email="dee@x.org"), [5]),
    "the email of a new member": (add(primary_email="cy@x.org"), [4]),
    "the email of a new record, on a removed one": (
        add(primary_email="dee@x.org", removed=True),
        [5],
    ),
}


@pytest.mark.parametrize("chunk_rows", [1, 10_000])
@pytest.mark.parametrize("name", CHANGES)
def test_exactly_the_changed_rows_are_held_back(site: Site, name: str, chunk_rows: int) -> None:
    change, numbers = CHANGES[name]
    ids = settle(site)
    site.set(chunk_rows=chunk_rows)
    run = sealed(site, lambda: change(site, ids))
    assert held_back(run) == numbers
    assert [row.outcome for n, row in run.rows.items() if n not in numbers] == [
        outcome for n, outcome in enumerate(SEEN, 2) if n not in numbers
    ]


def test_a_row_that_would_now_be_rejected_says_why(site: Site) -> None:
    ids = settle(site)
    run = sealed(site, lambda: site.change(ids["ann"], active_detail="Removed by contact"))
    assert run.rows[2].codes == ("changed_since_preview", "removed")
    assert "MEMBER_ID “m1” belongs to a removed record" in run.rows[2].messages[1]


def test_a_row_that_would_no_longer_be_rejected_is_held_back(site: Site) -> None:
    ids = settle(site)
    run = sealed(site, lambda: site.change(ids["gone"], active_detail="Accepted"))
    assert held_back(run) == [6]
    assert site.stored(ids["gone"])["first_name"] is None


def test_what_is_held_back_changes_nothing(site: Site) -> None:
    ids = settle(site)
    run = sealed(site, lambda: site.change(ids["ann"], first_name="Annette"))
    assert site.stored(ids["ann"])["first_name"] == "Annette"
    assert ids["ann"] not in site.members(run.modified_group)


def test_groups_and_interests_are_sealed_as_well(site: Site) -> None:
    red, news = site.group("Red"), site.interest("News")
    ids = settle(site)
    rows = [
        {"MEMBER_ID": "m1", "GROUP_IDS": str(red), "INTEREST_IDS": ""},
        {"MEMBER_ID": "m2", "GROUP_IDS": "", "INTEREST_IDS": str(news)},
        {"MEMBER_ID": "m3", "GROUP_IDS": str(red), "INTEREST_IDS": str(news)},
    ]

    def change() -> None:
        site.insert("group_members", group_id=red, constituent_id=ids["ann"])
        site.insert("interest_choices", interest_id=news, constituent_id=ids["bob"], opted_in=False)

    run = sealed(site, change, rows)
    assert held_back(run) == [2, 3]
    assert run.counts["created"] == 1


def test_a_group_deleted_since_holds_its_rows_back(site: Site) -> None:
    red = site.group("Red")
    rows = [{"MEMBER_ID": "m1", "GROUP_IDS": str(red)}, {"MEMBER_ID": "m2", "GROUP_IDS": ""}]
    run = sealed(site, lambda: site.sql("DELETE FROM groups RETURNING id"), rows)
    assert held_back(run) == [2]
    assert run.rows[2].codes == ("changed_since_preview", "unknown_group")


def test_custom_fields_are_sealed_as_well(site: Site) -> None:
    site.insert("custom_fields", key="color", label="Color", kind="text")
    ids = {n: site.person(member_id=n, custom={"color": "red"}) for n in ("m1", "m2")}
    rows = [{"MEMBER_ID": name, "CUSTOM_COLOR": "blue"} for name in ids]
    run = sealed(site, lambda: site.change(ids["m1"], custom={"color": "green"}), rows)
    assert held_back(run) == [2]
    assert site.stored(ids["m1"])["custom"] == {"color": "green"}
    assert site.stored(ids["m2"])["custom"] == {"color": "blue"}


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_rows_on_top_of_a_row_that_is_held_back(site: Site, chunk_rows: int) -> None:
    """Row 3 was to change what row 2 makes. Row 2 is held back: so is row 3."""
    site.set(chunk_rows=chunk_rows)
    rows = [
        {"MEMBER_ID": "m5", "FIRST_NAME": "A", "LAST_NAME": "X"},
        {"MEMBER_ID": "m5", "FIRST_NAME": "B", "LAST_NAME": ""},
        {"MEMBER_ID": "m6", "FIRST_NAME": "C", "LAST_NAME": ""},
    ]
    other = 0

    def change() -> None:
        nonlocal other
        other = site.person(member_id="m5", first_name="A", last_name="X")

    run = sealed(site, change, rows)
    assert held_back(run) == [2, 3]
    assert site.stored(other)["first_name"] == "A"


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_file_whose_rows_build_on_each_other_is_no_change(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    ids = settle(site)
    rows = [
        {"MEMBER_ID": "m5", "PRIMARY_EMAIL": "e@x.org", "FIRST_NAME": "A"},
        {"MEMBER_ID": "", "PRIMARY_EMAIL": "e@x.org", "FIRST_NAME": "B"},
        {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": ""},
        {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "ann@x.org", "FIRST_NAME": ""},
        {"MEMBER_ID": "", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "C"},
    ]
    run = sealed(site, lambda: None, rows)
    assert held_back(run) == []
    assert site.stored(ids["ann"])["first_name"] == "C"


# Corrections ----------------------------------------------------------------------------------


def with_run(site: Site, draft: int, action: Callable[[Any, Run], object]) -> None:
    """Do something to a draft, as the wizard does."""
    with site.app.app_context():
        session = db.session()
        action(session, session.get_one(Run, draft))
        session.commit()
        session.info.clear()
        db.session.remove()


def test_corrections_are_previewed_and_applied_alike(site: Site) -> None:
    settle(site)
    rows = [
        {"MEMBER_ID": "m1", "FIRST_NAME": "x" * 51, "ACCEPTS_EMAIL": "maybe"},
        {"MEMBER_ID": "m2", "FIRST_NAME": "Bob", "ACCEPTS_EMAIL": " maybe "},
        {"MEMBER_ID": "m3", "FIRST_NAME": "Cy", "ACCEPTS_EMAIL": "Yes"},
    ]
    draft = site.draft(rows)
    assert site.preview(draft).counts["rejected"] == 2

    def correct(session: Any, run: Run) -> None:
        corrections.correct_cell(
            session, run, row_number=2, column="FIRST_NAME", new_value="Anna", user_id=None
        )
        corrections.replace_value(
            session, run, column="ACCEPTS_EMAIL", old_value="maybe", new_value="No", user_id=None
        )
        corrections.leave_out_row(session, run, row_number=4, user_id=None)

    with_run(site, draft, correct)
    preview = site.preview(draft)
    run = site.run(draft)
    assert [row.outcome for row in preview.rows.values()] == ["updated", "updated", "withheld"]
    assert preview.verdicts == run.verdicts
    assert run.rows[4].codes == ("left_out",)
    assert run.rows[4].cells == list(rows[2].values())
    names = site.sql(
        "SELECT first_name, accepts_email FROM constituents WHERE is_active ORDER BY 1"
    )
    assert names == [("Anna", False), ("Bob", False)]
    run.check_counts()


def test_a_left_out_row_with_mistakes_is_left_out(site: Site) -> None:
    draft = site.draft([{"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "maybe"}, {"MEMBER_ID": "m2"}])
    with_run(
        site,
        draft,
        lambda session, run: corrections.leave_out_row(session, run, row_number=2, user_id=None),
    )
    run = site.run(draft)
    assert run.rows[2].verdict == ("withheld", ("left_out",))
    assert run.rows[3].outcome == "created"
