"""The sample files against the demo: each comes to exactly what its description says."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from jobs.runs import execute
from webapp.extensions import db
from webapp.models import Constituent, Run, RunRow
from webapp.services.demo import load_demo
from webapp.services.demo_people import NORTH, SOUTH
from webapp.services.readings import choose_repairs, diagnose_upload
from webapp.services.runs import attach_upload, create_draft, find_operation
from webapp.services.sample_mistakes import list_mistakes
from webapp.services.samples import (
    CLEAN,
    DAMAGED,
    GIFTS,
    GROUPS,
    INTERESTS,
    MISTAKES,
    WORKBOOK,
    open_sample,
)
from webapp.services.upload_samples import NEW_GROUP, NEW_INTEREST
from webapp.services.uploads import examine_upload, store_upload

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session


@pytest.fixture
def demo(session: Session) -> Session:
    """A database with the demo in it."""
    assert load_demo(session)
    session.commit()
    return session


def run_sample(
    session: Session,
    name: str,
    folder: Path,
    center_id: int | None = None,
    *,
    is_repaired: bool = False,
) -> Run:
    """Run the standard import on a sample, for the site or for a center; with every repair that the
    doctor offers, where it is to be repaired."""
    file = open_sample(name, center_id)
    assert file is not None
    path = folder / name
    path.write_bytes(file.read())
    operation = find_operation(session, SLUGS.get(name, "standard-constituent-import"))
    assert operation is not None
    run = create_draft(session, operation=operation, user=None, center_id=center_id)
    upload = store_upload(session, path=path, user_id=None, center_id=center_id)
    examine_upload(session, upload)
    attach_upload(session, run, upload)
    if is_repaired:
        offered = [one.repair() for one in diagnose_upload(session, run) if one.can_repair]
        choose_repairs(session, run, offered)
    run.state = "queued"
    session.commit()
    run_id = run.id
    execute(run_id)  # which ends with a session of its own
    ended = db.session.get(Run, run_id)
    assert ended is not None
    assert ended.state == "success", ended.failure
    return ended


SLUGS = {
    GROUPS: "group-assignment-upload",
    INTERESTS: "segmentation-upload",
    GIFTS: "transaction-upload",
}


@pytest.mark.parametrize("center_id", [None, NORTH])
@pytest.mark.parametrize(("name", "wrong"), [(GROUPS, 5), (INTERESTS, 3)])
def test_those_of_the_uploads(
    demo: Session, tmp_path: Path, name: str, wrong: int, center_id: int | None
) -> None:
    run = run_sample(demo, name, tmp_path, center_id)
    assert run.rejected == wrong
    assert run.updated > 30
    made = run.tallies["new_groups" if name == GROUPS else "new_interests"]
    assert list(made) == [NEW_GROUP if name == GROUPS else NEW_INTEREST]
    again = run_sample(db.session(), name, tmp_path, center_id)
    assert (again.updated, again.rejected) == (0, wrong)


def test_that_of_gifts(demo: Session, tmp_path: Path) -> None:
    run = run_sample(demo, GIFTS, tmp_path)
    assert outcomes(run) == {"created": 61, "rejected": 4}
    assert run.tallies["amounts"]["USD"] > run.tallies["amounts"]["-USD"] > 0
    again = run_sample(db.session(), GIFTS, tmp_path)
    assert outcomes(again) == {"unchanged": 61, "rejected": 4}


def outcomes(run: Run) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "rejected", "withheld")
    return {name: getattr(run, name) for name in names if getattr(run, name)}


def test_the_clean_one(demo: Session, tmp_path: Path) -> None:
    run = run_sample(demo, CLEAN, tmp_path)
    assert outcomes(run) == {"created": 100, "updated": 180, "unchanged": 20}
    again = run_sample(db.session(), CLEAN, tmp_path)
    assert outcomes(again) == {"unchanged": 300}


@pytest.mark.parametrize("center_id", [None, NORTH, SOUTH])
def test_the_one_with_twenty_mistakes(demo: Session, tmp_path: Path, center_id: int | None) -> None:
    run = run_sample(demo, MISTAKES, tmp_path, center_id)
    assert outcomes(run) == {"created": 10, "rejected": 20}
    rows = db.session.scalars(
        select(RunRow)
        .where(RunRow.run_id == run.id, RunRow.outcome == "rejected")
        .order_by(RunRow.row_number)
    ).all()
    found = [[fault["code"] for fault in row.faults or ()] for row in rows]
    assert found == [[mistake.code] for mistake in list_mistakes(center_id)]


def test_the_workbook(demo: Session, tmp_path: Path) -> None:
    run = run_sample(demo, WORKBOOK, tmp_path)
    assert outcomes(run) == {"created": 30, "updated": 45}
    american = select(Constituent.home_zip, Constituent.custom).where(
        Constituent.home_country == "USA", Constituent.custom["volunteer_since"].astext >= "2025-09"
    )
    written = db.session.execute(american).all()
    assert len(written) >= 75
    assert {len(zip_code) for zip_code, _ in written} == {5}
    assert any(zip_code.startswith("0") for zip_code, _ in written)
    assert all(date.fromisoformat(custom["volunteer_since"]) for _, custom in written)


def test_a_centers_samples_are_about_its_people(demo: Session, tmp_path: Path) -> None:
    run = run_sample(demo, CLEAN, tmp_path, NORTH)
    assert outcomes(run) == {"created": 100, "updated": 180, "unchanged": 20}
    run = run_sample(db.session(), WORKBOOK, tmp_path, NORTH)
    assert outcomes(run) == {"created": 30, "updated": 45}
    run = run_sample(db.session(), CLEAN, tmp_path)
    assert (run.created, run.rejected) == (100, 0)


@pytest.mark.parametrize("center_id", [None, NORTH])
def test_the_damaged_one_has_nothing_new_of_anybody_once_it_is_repaired(
    demo: Session, tmp_path: Path, center_id: int | None
) -> None:
    run = run_sample(demo, DAMAGED, tmp_path, center_id, is_repaired=True)
    assert outcomes(run) == {"created": 40, "unchanged": 60}
    kinds = {repair["kind"] for repair in run.options["repairs"]}
    assert kinds == {
        "mojibake", "stray_blanks", "lost_zeros", "swapped_dates", "null_word", "became_date",
    }  # fmt: skip
    codes = db.session.scalars(
        select(Constituent.sub_source).where(Constituent.member_id.like("M-%09%"))
    ).all()
    assert sum("-" in (code or "") and (code or "x")[0].isdigit() for code in codes) >= 38


def test_the_damaged_one_harms_many_where_nothing_is_repaired(
    demo: Session, tmp_path: Path
) -> None:
    run = run_sample(demo, DAMAGED, tmp_path)
    assert run.updated + run.rejected >= 20
