"""What a person says about how a file is to be read: taken as given, kept with the draft, and what
it makes void goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import xlsxwriter

from tests.jobs.site import OPERATION, Site
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.reading import Choices
from webapp.services import corrections, readings, runs, uploads, wizard
from webapp.transactions import commit

T = TypeVar("T")
HEADER = "MEMBER_ID,FIRST_NAME,HOME_CITY,HOME_STATEPROV,HOME_ZIP\n"
ROWS = "".join(f"m{n},Zo\xeb,Boston,MA,{2100 + n}\n" for n in range(20))


def draft_of(site: Site, content: bytes, folder: Path, name: str = "people.csv") -> int:
    path = folder / name
    path.write_bytes(content)
    with site.app.app_context():
        session = db.session()
        operation = runs.find_operation(session, OPERATION)
        assert operation is not None
        run = runs.create_draft(session, operation=operation, user=None)
        upload = uploads.store_upload(session, path=path, user_id=None, center_id=None)
        uploads.examine_upload(session, upload)
        runs.attach_upload(session, run, upload)
        commit(session)
        found = run.id
        db.session.remove()
    return found


def within(site: Site, draft: int, act: Callable[[Any, Run], T]) -> T:
    """Do something to the draft in a transaction of its own."""
    with site.app.app_context():
        session = db.session()
        try:
            done = act(session, session.get_one(Run, draft))
            commit(session)
        finally:
            db.session.remove()
    return done


def choose(site: Site, draft: int, **choices: Any) -> None:
    within(site, draft, lambda s, run: readings.choose_reading(s, run, Choices(**choices)))


def examination(site: Site) -> dict[str, Any]:
    return dict(site.sql("SELECT examination FROM uploads ORDER BY id DESC LIMIT 1")[0][0])


def test_what_was_found_is_kept(site: Site, tmp_path: Path) -> None:
    draft_of(site, (HEADER + ROWS).encode("cp1252"), tmp_path)
    kept = examination(site)
    names = {"dialect", "columns", "first_rows", "notes", "rows_estimate", "found", "outside",
             "irregular", "irregular_count", "readings", "is_unsure", "sheets", "must_choose",
             "choices"}  # fmt: skip
    assert kept.keys() == names
    assert kept["choices"] == {}
    assert kept["found"][1]["samples"] == ["Zoë"]


def test_a_cell_of_a_million_letters_is_not_kept_to_be_shown(site: Site, tmp_path: Path) -> None:
    draft = draft_of(site, f"MEMBER_ID,EMPLOYER\nm1,{'x' * 900_000}\n".encode(), tmp_path)
    assert len(str(examination(site))) < 100_000
    assert len(examination(site)["first_rows"][0][1]) == 1_000
    row = site.preview(draft).rows[2]
    assert row.cells is not None
    assert len(row.cells[1]) == 900_000


def test_texts_the_database_cannot_hold_are_kept_readable() -> None:
    given = {"a": ("x\0y", {"b": "\ud800z"}), "n": 1, "no": None}
    assert uploads.storable(given) == {"a": ["x␀y", {"b": "?z"}], "n": 1, "no": None}


def test_another_encoding_is_read_and_outdates_the_preview(site: Site, tmp_path: Path) -> None:
    draft = draft_of(site, (HEADER + ROWS).encode("cp1252"), tmp_path)
    first = site.preview(draft)
    choose(site, draft, encoding="mac-roman")
    kept = examination(site)
    assert kept["choices"] == {"encoding": "mac-roman"}
    assert kept["first_rows"][0][1] != "Zoë"
    second = site.preview(draft)
    assert second.id != first.id
    assert site.run(draft).counts["created"] == 20
    assert site.sql("SELECT DISTINCT first_name FROM constituents") == [("ZoÎ",)]


def test_saying_what_was_found_anyway_changes_nothing(site: Site, tmp_path: Path) -> None:
    draft = draft_of(site, (HEADER + ROWS).encode("cp1252"), tmp_path)
    first = site.preview(draft)
    within(site, draft, readings.diagnose_upload)
    choose(site, draft, delimiter=",")
    assert site.preview(draft).id == first.id
    assert examination(site)["choices"] == {"delimiter": ","}
    assert len(examination(site)["damage"]) == 1


def test_a_reading_that_is_refused_changes_nothing(site: Site, tmp_path: Path) -> None:
    draft = draft_of(site, (HEADER + ROWS).encode("cp1252"), tmp_path)
    before = examination(site)
    with pytest.raises(DataSyncError) as refused:
        choose(site, draft, header_line=5_000)
    assert refused.value.field == "header_line"
    assert refused.value.message.endswith(".")
    assert examination(site) == before


def test_a_look_at_another_reading_keeps_nothing(site: Site, tmp_path: Path) -> None:
    draft = draft_of(site, (HEADER + ROWS).encode("cp1252"), tmp_path)
    before = examination(site)
    seen = within(
        site, draft, lambda _, run: readings.preview_reading(run, Choices(encoding="mac-roman"))
    )
    assert seen["first_rows"][0][1] == "ZoÎ"
    assert seen.keys() == before.keys()
    assert examination(site) == before


def test_a_run_that_was_started_is_not_read_otherwise(site: Site, tmp_path: Path) -> None:
    draft = draft_of(site, (HEADER + ROWS).encode("cp1252"), tmp_path)
    site.start(draft)
    before = examination(site)
    with pytest.raises(DataSyncError, match="already started"):
        choose(site, draft, encoding="mac-roman")
    assert examination(site) == before


def test_what_lost_its_column_goes_and_what_has_it_stays(site: Site, tmp_path: Path) -> None:
    text = HEADER.replace("HOME_CITY", "Town") + ROWS
    draft = draft_of(site, text.encode("cp1252"), tmp_path)

    def decide(session: Any, run: Run) -> None:
        wizard.choose_columns(session, run, {"Town": "HOME_CITY"})
        [finding] = readings.diagnose_upload(session, run)
        readings.choose_repair(session, run, finding.id, finding.repair())
        for column in ("Town", "HOME_ZIP", "FIRST_NAME"):
            corrections.correct_cell(
                session, run, row_number=3, column=column, new_value="x", user_id=None
            )
        corrections.leave_out_row(session, run, row_number=4, user_id=None)

    def left(session: Any, run: Run) -> tuple[Any, ...]:
        edits = {edit.column for edit in corrections.list_corrections(session, run)}
        return edits, run.options["columns"], len(readings.list_repairs(run))

    within(site, draft, decide)
    choose(site, draft, last_line=15)
    everything = {"Town", "HOME_ZIP", "FIRST_NAME", None}
    assert within(site, draft, left) == (everything, {"Town": "HOME_CITY"}, 1)
    assert "damage" not in examination(site)
    choose(site, draft, encoding="mac-roman")
    assert within(site, draft, left) == (everything, {"Town": "HOME_CITY"}, 0)
    choose(site, draft, delimiter="|")
    assert within(site, draft, left) == (set(), {}, 0)


def test_what_a_column_is_decides_what_is_damage(site: Site, tmp_path: Path) -> None:
    text = HEADER.replace("HOME_ZIP", "Code") + ROWS
    draft = draft_of(site, text.encode("cp1252"), tmp_path)

    def diagnose(session: Any, run: Run) -> list[str]:
        return [finding.id for finding in readings.diagnose_upload(session, run)]

    def name_it(choice: str | None) -> None:
        within(site, draft, lambda s, run: wizard.choose_columns(s, run, {"Code": choice}))

    name_it("HOME_ZIP")
    assert within(site, draft, diagnose) == ["lost_zeros:4"]
    name_it("EMPLOYER")
    assert "damage" not in examination(site)
    name_it(None)
    assert within(site, draft, diagnose) == [], "what is not read is not damaged"


def test_a_book_with_several_tables_waits_until_somebody_says_which(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "made.xlsx"
    with xlsxwriter.Workbook(str(path)) as workbook:
        for name in ("Spring", "Autumn"):
            sheet = workbook.add_worksheet(name)
            sheet.write_row(0, 0, ["MEMBER_ID", "FIRST_NAME"])
            for at in range(1, 30):
                sheet.write_row(at, 0, [f"{name[0]}{at}", f"Ann {at}"])
    draft = draft_of(site, path.read_bytes(), tmp_path, "people.xlsx")
    assert examination(site)["must_choose"]
    with pytest.raises(DataSyncError, match=r"“Spring”, “Autumn”"):
        site.preview(draft)
    assert within(site, draft, lambda s, run: wizard.read_draft(s, run).reached) == "found"
    choose(site, draft, sheet="Autumn")
    assert site.preview(draft).counts["created"] == 29
    site.run(draft)
    assert {found[0] for (found,) in site.sql("SELECT member_id FROM constituents")} == {"A"}


@pytest.mark.parametrize(
    ("outside", "header", "sentence"),
    [
        ([], 1, ""),
        ([(1, 3)], 4, "3 rows above the table are not of it."),
        ([(1, 1)], 2, "1 row above the table is not of it."),
        ([(1, 3), (-1, -1)], 4, "3 rows above the table and 1 row below it are not of it."),
        ([(1, 1), (900, None)], 2, "1 row above the table and all rows below it are not of it."),
        ([(900, 902), (-2, None)], 1, "5 rows below the table are not of it."),
    ],
)
def test_rows_outside_the_table_in_words(
    outside: list[tuple[int, int | None]], header: int, sentence: str
) -> None:
    told = readings.describe_outside(
        {
            "dialect": {"header_line": header},
            "outside": [{"first_row": first, "last_row": last} for first, last in outside],
        }
    )
    assert told == sentence
