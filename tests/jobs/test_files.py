"""Files as they come: encodings, delimiters, workbooks, odd rows, and headers nobody can use."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import xlsxwriter

from tests.jobs.site import Result, Site
from webapp.extensions import db
from webapp.models import Run
from webapp.services import runs, uploads
from webapp.services.files import file_store

HEADER = ["member_id", " First_Name ", "LAST_NAME", "HOME_STREET1", "HOME_ZIP"]
ROWS = [
    ["m1", "José", "Müller-Lüdenscheidt", "1 Elm St\nApt 4", "02134"],
    ["m2", "Zoë", "O'Neil; Jr", 'The "Old" Mill, Rear', "00501"],
    ["m3", "Renée", "García|Márquez", "5\tHigh", ""],
]


def stored(site: Site) -> list[list[str]]:
    """The people, as rows of the file."""
    found = site.sql(
        "SELECT member_id, first_name, last_name, home_street1, coalesce(home_zip, '')"
        " FROM constituents ORDER BY member_id"
    )
    return [list(row) for row in found]


def take_in(site: Site, content: bytes, name: str, folder: Path) -> Result:
    """Run a file of these bytes."""
    path = folder / name
    path.write_bytes(content)
    with site.app.app_context():
        session = db.session()
        operation = runs.find_operation(session, "standard-constituent-import")
        assert operation is not None
        run = runs.create_draft(session, operation=operation, user=None)
        upload = uploads.store_upload(session, path=path, user_id=None, center_id=None)
        uploads.examine_upload(session, upload)
        assert upload.examination is not None
        assert "refusal" not in upload.examination, upload.examination
        runs.attach_upload(session, run, upload)
        session.commit()
        found = run.id
        db.session.remove()
    return site.run(found)


def as_text(delimiter: str, newline: str = "\r\n") -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=newline)
    writer.writerows([HEADER, *ROWS])
    return buffer.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semi", "tab", "pipe"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_and_delimiters(
    site: Site, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    run = take_in(site, as_text(delimiter).encode(encoding), "people.csv", tmp_path)
    assert run.state == "success", run.failure
    assert run.counts["created"] == 3
    assert stored(site) == ROWS


@pytest.mark.parametrize("chunk_rows", [1, 2, 10_000])
def test_a_workbook(site: Site, tmp_path: Path, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    path = tmp_path / "made.xlsx"
    with xlsxwriter.Workbook(str(path)) as workbook:
        sheet = workbook.add_worksheet()
        for at, row in enumerate([HEADER, *ROWS]):
            for column, cell in enumerate(row):
                sheet.write_string(at, column, cell)
    run = take_in(site, path.read_bytes(), "people.xlsx", tmp_path)
    assert run.state == "success", run.failure
    assert stored(site) == ROWS


@pytest.mark.parametrize("chunk_rows", [1, 2, 10_000])
def test_rows_that_do_not_fit_the_header_and_blank_ones(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    text = (
        "MEMBER_ID,FIRST_NAME,LAST_NAME\n"
        "m1,Ann,Lee\n"
        "\n"
        ",,\n"
        "m2,Bob,Low,surplus\n"
        "m3,Cy\n"
        'm4,"Dee\nDee",Long\n'
        "m5,Eve,Last\n"
    )
    imported = site.import_rows(text)
    outcomes = [row.outcome for row in imported.rows.values()]
    assert outcomes == ["created", "rejected", "rejected", "created", "created"]
    irregular = [row for row in imported.rows.values() if row.outcome == "rejected"]
    assert [row.codes for row in irregular] == [("irregular_row",)] * 2
    assert [row.cells for row in irregular] == [["m2", "Bob", "Low", "surplus"], ["m3", "Cy"]]
    assert [row.number for row in irregular] == [5, 6]
    assert {name for (name,) in site.sql("SELECT first_name FROM constituents")} == {
        "Ann",
        "Dee\nDee",
        "Eve",
    }


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("MEMBER_ID,FIRSTNAME", ("“FIRSTNAME”, is not a known column", "FIRST_NAME")),
        ("FIRST_NAME,LAST_NAME", ("at least one of the columns CONS_ID, MEMBER_ID or",)),
    ],
)
def test_a_header_nobody_can_use_ends_the_run_with_a_sentence(
    site: Site, header: str, says: tuple[str, ...]
) -> None:
    draft = site.draft(f"{header}\nm1,Ann\n")
    preview = site.preview(draft)
    assert preview.state == "failure"
    assert all(words in (preview.failure or "") for words in says)
    site.sql("UPDATE runs SET preview_id = NULL WHERE id = %s RETURNING id", draft)
    result = site.run(draft)
    assert result.state == "failure"
    assert all(words in (result.failure or "") for words in says)
    assert result.rows_read == 0
    assert site.sql("SELECT 1 FROM constituents") == []


def test_a_file_that_is_gone_ends_the_run_with_a_sentence(site: Site) -> None:
    draft = site.draft([{"MEMBER_ID": "m1"}])
    [(key,)] = site.sql("SELECT key FROM uploads")
    with site.app.app_context():
        file_store().delete(key)
    result = site.run(draft)
    assert result.state == "failure"
    assert (result.failure or "").endswith(".")
    assert result.rows_read == 0


def test_the_same_bytes_are_recognised(site: Site) -> None:
    rows = [{"MEMBER_ID": "m1"}]
    first = site.import_rows(rows).run
    again, other = site.draft(rows), site.draft([{"MEMBER_ID": "m2"}])
    with site.app.app_context():
        session = db.session()

        def earlier(draft: int) -> list[int]:
            upload = session.get_one(Run, draft).upload
            assert upload is not None
            return [run.id for run in uploads.find_earlier_runs(session, upload)]

        assert earlier(again) == [first.id]
        assert earlier(other) == []
        db.session.remove()


def rejects(site: Site, run: Result) -> str:
    assert run.rejects_key is not None
    with site.app.app_context(), file_store().open(run.rejects_key) as stream:
        return stream.read().decode("utf-8-sig")


def test_rejects_are_fixed_and_uploaded_again(site: Site) -> None:
    """Promise 9, from end to end: what was wrong is put right in the file that came back."""
    rows = [
        {"MEMBER_ID": "m1", "FIRST_NAME": "Ann", "ACCEPTS_EMAIL": "maybe"},
        {"MEMBER_ID": "m2", "FIRST_NAME": "Bob", "ACCEPTS_EMAIL": "No"},
        {"MEMBER_ID": "+3", "FIRST_NAME": "=1+1", "ACCEPTS_EMAIL": "maybe"},
    ]
    first = site.import_rows(rows).run
    assert first.counts["rejected"] == 2
    text = rejects(site, first)
    assert "ACCEPTS_EMAIL is “maybe”" in text
    assert '"\'=1+1"' in text, "no spreadsheet calculates it"
    parsed = list(csv.reader(io.StringIO(text)))
    assert parsed[0] == [*rows[0], "DATASYNC_ROW", "DATASYNC_REASON"]
    assert [row[-2] for row in parsed[1:]] == ["2", "4"]
    for row in parsed[1:]:
        row[2] = "Yes"
    buffer = io.StringIO()
    csv.writer(buffer).writerows(parsed)
    second = site.import_rows(buffer.getvalue()).run
    assert second.counts["created"] == 2
    names = site.sql("SELECT member_id, first_name FROM constituents ORDER BY member_id")
    assert names == [("+3", "=1+1"), ("m1", "Ann"), ("m2", "Bob")]


def test_a_run_without_rejects_has_no_rejects_file(site: Site) -> None:
    assert site.import_rows([{"MEMBER_ID": "m1"}]).run.rejects_key is None


def test_several_chunks_of_the_default_size(site: Site) -> None:
    """Three chunks, a few wrong cells, a person at both ends of the file."""
    rows = 25_000
    lines = [f"m{n},First{n},{'maybe' if n % 5_000 == 7 else 'Yes'}" for n in range(rows)]
    lines[-1] = "m0,Last,Yes"
    text = "MEMBER_ID,FIRST_NAME,ACCEPTS_EMAIL\n" + "\n".join(lines) + "\n"
    run = site.import_rows(text, preview=False).run
    assert run.counts == {
        "created": rows - 6, "updated": 1, "unchanged": 0, "rejected": 5, "withheld": 0
    }  # fmt: skip
    assert run.rows[rows + 1].notes == (
        "Row 2 is the same constituent; the rows apply in file order.",
    )
