"""What a person accepted of the doctor's findings: made by preview and run alike, told row by row,
never in what comes back, and undone with the run."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.jobs.site import Imported, Result, Site
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.doctor import DamageKind, Finding
from webapp.services import corrections, readings
from webapp.services.files import file_store
from webapp.transactions import commit

COLUMNS = ("MEMBER_ID", "FIRST_NAME", "HOME_CITY", "HOME_STATEPROV", "HOME_ZIP", "ACCEPTS_EMAIL")
BOSTON = ("Boston", "MA")


def member(number: int, zip_code: str, **more: str) -> dict[str, str]:
    row = {"MEMBER_ID": f"m{number}", "FIRST_NAME": f"Ann {number}", "HOME_CITY": "Boston",
           "HOME_STATEPROV": "MA", "HOME_ZIP": zip_code, "ACCEPTS_EMAIL": "Yes"}  # fmt: skip
    return row | more


def damaged(count: int = 6) -> list[dict[str, str]]:
    """Members whose ZIPs lost their zeros, and one whose has not."""
    return [*(member(n, f"{2100 + n}") for n in range(count)), member(count, "02199")]


def diagnose(site: Site, draft: int, **bounds: Any) -> tuple[Finding, ...]:
    with site.app.app_context():
        session = db.session()
        found = readings.diagnose_upload(session, session.get_one(Run, draft), **bounds)
        commit(session)
        db.session.remove()
    return found


def accept(site: Site, draft: int, *findings: Finding, values: Sequence[str] | None = None) -> None:
    with site.app.app_context():
        session = db.session()
        run = session.get_one(Run, draft)
        for finding in findings:
            readings.choose_repair(session, run, finding.id, finding.repair(values))
        commit(session)
        db.session.remove()


def take_in(site: Site, draft: int) -> Imported:
    imported = Imported(site.preview(draft), site.run(draft))
    imported.check()
    for name in ("repaired", "recovered"):
        assert imported.preview is not None
        assert imported.preview.tallies.get(name) == imported.run.tallies.get(name)
    return imported


def zips(site: Site) -> dict[str, str]:
    return dict(site.sql("SELECT member_id, home_zip FROM constituents ORDER BY id"))


def rejects_of(site: Site, run: Result) -> list[list[str]]:
    assert run.rejects_key is not None
    with site.app.app_context(), file_store().open(run.rejects_key) as stream:
        text = stream.read().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_nothing_is_repaired_that_nobody_accepted(site: Site) -> None:
    draft = site.draft(damaged())
    [finding] = diagnose(site, draft)
    assert (finding.kind, finding.rows) == (DamageKind.LOST_ZEROS, 6)
    imported = take_in(site, draft)
    assert zips(site)["m0"] == "2100"
    assert "repaired" not in imported.run.tallies
    assert all(not row.notes for row in imported.rows.values())


@pytest.mark.parametrize("chunk_rows", [1, 3, 10_000])
def test_an_accepted_repair_is_made_and_told(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    draft = site.draft(damaged())
    accept(site, draft, *diagnose(site, draft))
    before = site.state()
    imported = take_in(site, draft)
    assert zips(site) == {f"m{n}": f"0{2100 + n}" for n in range(6)} | {"m6": "02199"}
    assert imported.run.tallies["repaired"] == {"lost_zeros:4": 6}
    assert imported.run.tallies["opt_outs_kept"] == 0
    assert "HOME_ZIP: 2100 was read as 02100" in imported.rows[2].notes[0]
    assert imported.rows[8].notes == ()
    undone = site.undo(imported.run.id)
    assert undone.state == "success", undone.failure
    assert site.state() == before


def test_only_the_chosen_texts_are_repaired(site: Site) -> None:
    draft = site.draft(damaged())
    accept(site, draft, *diagnose(site, draft), values=["2101", "2103"])
    imported = take_in(site, draft)
    repaired = {name for name, code in zips(site).items() if code.startswith("02")}
    assert repaired == {"m1", "m3", "m6"}
    assert imported.run.tallies["repaired"] == {"lost_zeros:4": 2}


def test_a_row_that_is_rejected_comes_back_unrepaired(site: Site) -> None:
    rows = [*damaged(), member(9, "2109", ACCEPTS_EMAIL="maybe")]
    draft = site.draft(rows)
    accept(site, draft, *diagnose(site, draft))
    imported = take_in(site, draft)
    row = imported.rows[9]
    assert row.outcome == "rejected"
    assert row.cells == list(rows[-1].values())
    assert "2109 was read as 02109" in row.notes[0]
    [_, returned] = rejects_of(site, imported.run)
    assert returned[4] == "2109"


def test_what_a_person_corrected_is_not_repaired(site: Site) -> None:
    draft = site.draft(damaged())
    accept(site, draft, *diagnose(site, draft))
    with site.app.app_context():
        session = db.session()
        run = session.get_one(Run, draft)
        corrections.correct_cell(
            session, run, row_number=2, column="HOME_ZIP", new_value="2199", user_id=None
        )
        corrections.replace_value(
            session, run, column="HOME_ZIP", old_value="2101", new_value="2198", user_id=None
        )
        corrections.correct_cell(
            session, run, row_number=4, column="FIRST_NAME", new_value="Zoe", user_id=None
        )
        commit(session)
        db.session.remove()
    imported = take_in(site, draft)
    found = zips(site)
    assert (found["m0"], found["m1"], found["m2"]) == ("2199", "2198", "02102")
    assert imported.rows[2].notes == imported.rows[3].notes == ()
    assert imported.run.tallies["repaired"] == {"lost_zeros:4": 4}


def test_a_repair_accepted_after_the_preview_outdates_it(site: Site) -> None:
    draft = site.draft(damaged())
    first = site.preview(draft)
    accept(site, draft, *diagnose(site, draft))
    second = site.preview(draft)
    assert first.id != second.id
    assert "repaired" not in first.tallies
    assert second.tallies["repaired"] == {"lost_zeros:4": 6}


def test_leaving_the_damage_takes_a_repair_back(site: Site) -> None:
    draft = site.draft(damaged())
    [finding] = diagnose(site, draft)
    accept(site, draft, finding)
    with site.app.app_context():
        session = db.session()
        run = session.get_one(Run, draft)
        version = run.edits_version
        readings.choose_repair(session, run, finding.id, None)
        assert run.edits_version == version + 1
        readings.choose_repair(session, run, finding.id, None)
        assert run.edits_version == version + 1, "nothing changed"
        assert readings.list_repairs(run) == []
        session.rollback()
        db.session.remove()


def test_a_run_that_was_started_takes_no_repair(site: Site) -> None:
    draft = site.draft(damaged())
    [finding] = diagnose(site, draft)
    site.start(draft)
    with pytest.raises(DataSyncError, match="already started"):
        accept(site, draft, finding)
    db_options: Mapping[str, Any] = site.sql("SELECT options FROM runs WHERE id = %s", draft)[0][0]
    assert "repairs" not in db_options


def test_the_doctor_looks_as_far_as_it_may(site: Site) -> None:
    draft = site.draft(damaged(3_000))

    def stored() -> tuple[Any, ...]:
        return site.sql(
            "SELECT examination -> 'damage_rows', examination -> 'damage_complete' FROM uploads"
        )[0]

    diagnose(site, draft, rows=1_000)
    assert stored() == (2_000, False)
    diagnose(site, draft, seconds=-1)
    assert stored() == (0, False)
    diagnose(site, draft)
    assert stored() == (3_001, True)


def test_the_database_is_evidence(site: Site) -> None:
    """Without states only what is stored of the city says that a zero is missing."""
    rows = [member(n, "2139", HOME_CITY="Cambridge", HOME_STATEPROV="") for n in range(5)]
    rows += [member(n, "60601", HOME_CITY="Chicago", HOME_STATEPROV="") for n in range(5, 9)]
    assert not [f for f in diagnose(site, site.draft(rows)) if f.can_repair]
    site.person(home_city="CAMBRIDGE", home_stateprov="Massachusetts", home_zip="02139-4307")
    [finding] = [f for f in diagnose(site, site.draft(rows)) if f.can_repair]
    assert (finding.kind, finding.rows) == (DamageKind.LOST_ZEROS, 5)


def test_the_guards_of_a_rejects_file_are_no_damage(site: Site) -> None:
    rows = [member(n, "02139", FIRST_NAME=f"'=A{n}") for n in range(5)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "DATASYNC_ROW", "DATASYNC_REASON"])
    writer.writerows([*row.values(), "2", "Why"] for row in rows)
    assert diagnose(site, site.draft(text.getvalue())) == ()
