"""Rows that are not like the others, through the engine: what was put right is told with the row's
outcome, what could not be read comes back with its text, and the rows around are unharmed."""

from __future__ import annotations

import csv
import io

import pytest

from tests.jobs.site import Imported, Result, Site, as_csv
from webapp.services.files import file_store
from webapp.services.rejects import NOT_FIXED

HEADER = "MEMBER_ID,FIRST_NAME,LAST_NAME,ACCEPTS_EMAIL\n"


def plain(first: int, count: int = 30) -> str:
    return "".join(f"m{n},Ann{n},Lee,Yes\n" for n in range(first, first + count))


def take_in(site: Site, text: str) -> Imported:
    draft = site.draft(text)
    imported = Imported(site.preview(draft), site.run(draft))
    imported.check()
    return imported


def rejects_of(site: Site, run: Result) -> str:
    assert run.rejects_key is not None
    with site.app.app_context(), file_store().open(run.rejects_key) as stream:
        return stream.read().decode("utf-8-sig")


@pytest.mark.parametrize("chunk_rows", [1, 7, 10_000])
def test_a_row_put_right_is_told_whatever_becomes_of_it(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    site.person(member_id="m100", first_name='"Eve', last_name="Low")
    site.person(member_id="m101", first_name="Old", last_name="Low")
    odd = 'm100,"Eve,Low,Yes\nm101,"Fay,Low,Yes\nm102,"Gil,Low,Yes\nm103,"Hal,Low,maybe\n'
    imported = take_in(site, HEADER + plain(0) + odd + plain(200))
    rows = [imported.rows[number] for number in range(32, 36)]
    assert [row.outcome for row in rows] == ["unchanged", "updated", "created", "rejected"]
    assert all("quotation mark" in row.notes[0] for row in rows)
    assert imported.run.tallies["recovered"] == 4
    assert imported.run.tallies["opt_outs_kept"] == 0
    assert imported.run.counts["created"] == 61
    returned = list(csv.reader(io.StringIO(rejects_of(site, imported.run))))
    assert returned[1][:5] == ["m103", '"Hal', "Low", "maybe", "35"]
    assert len(returned[1]) == len(returned[0]), "it was read: nothing about it is to be put right"


def test_a_row_that_cannot_be_read_keeps_its_text(site: Site) -> None:
    text = HEADER + plain(0) + 'm100,"Bob,Low\n' + plain(200)
    imported = take_in(site, text)
    row = imported.rows[32]
    assert row.verdict == ("rejected", ("irregular_row",))
    [(raw,)] = site.sql("SELECT raw FROM run_rows WHERE run_id = %s AND row_number = 32",
                        imported.run.id)  # fmt: skip
    assert raw.strip() == 'm100,"Bob,Low'
    assert imported.run.counts["created"] == 60
    assert len(site.sql("SELECT 1 FROM run_rows WHERE raw IS NOT NULL")) == 2, "run and preview"


def test_what_was_not_put_right_is_not_let_in(site: Site) -> None:
    """However a rejects file with its mark is read, the marked row is rejected once more."""
    text = HEADER + plain(0) + 'm100,"Bob,Low\nm101,Cy,Low\nm102,Di,Low,Yes,Yes\n' + plain(200)
    first = take_in(site, text)
    irregular = [n for n, row in first.rows.items() if row.outcome == "rejected"]
    assert irregular == [32, 33, 34]
    returned = rejects_of(site, first.run)
    for again in (returned, resaved(returned, fill=True), resaved(returned, fill=False)):
        preview = site.preview(site.draft(again))
        assert preview.state in ("success", "failure")
        assert preview.counts["created"] == preview.counts["updated"] == 0


def resaved(text: str, *, fill: bool) -> str:
    """As a spreadsheet saves it: rows as wide as the widest, or without cells that are blank."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    widest = max(map(len, rows))
    buffer = io.StringIO()
    csv.writer(buffer).writerows(
        [*row, *[""] * (widest - len(row))] if fill else row for row in rows
    )
    return buffer.getvalue()


def test_once_put_right_the_rejects_go_through(site: Site) -> None:
    first = take_in(site, HEADER + plain(0) + "m101,Cy,Low\n" + plain(200))
    rows = list(csv.reader(io.StringIO(rejects_of(site, first.run))))
    at = rows[1].index(NOT_FIXED)
    fixed = [rows[0], ["m101", "Cy", "Low", "Yes", *rows[1][4:at]]]
    buffer = io.StringIO()
    csv.writer(buffer).writerows(fixed)
    second = take_in(site, buffer.getvalue())
    assert second.run.counts["created"] == 1
    assert site.sql("SELECT first_name FROM constituents WHERE member_id = 'm101'") == [("Cy",)]


def test_a_mark_that_was_cleared_leaves_blank_cells(site: Site) -> None:
    first = take_in(site, HEADER + plain(0) + "m101,Cy,Low\nm102,Di,Low,Yes,Yes\n" + plain(200))
    rows = list(csv.reader(io.StringIO(rejects_of(site, first.run))))
    fixed = [rows[0]]
    for row in rows[1:]:
        at = row.index(NOT_FIXED)
        fixed.append([*row[:3], "Yes", *row[4:at], *[""] * (len(row) - at)])
    buffer = io.StringIO()
    csv.writer(buffer).writerows(fixed)
    second = take_in(site, buffer.getvalue())
    assert second.run.counts["created"] == 2


def test_rows_outside_the_table_are_told_and_not_counted(site: Site) -> None:
    text = "Members of the spring drive\n\n" + HEADER + plain(0) + "Total,30,,\n"
    imported = take_in(site, text)
    assert imported.run.counts["created"] == imported.run.rows_read == 30
    said = imported.run.tallies["outside"]
    assert said.endswith("not of it.")
    assert "above the table" in said
    assert "below" in said
    assert imported.preview is not None
    assert imported.preview.tallies["outside"] == said


def test_a_table_that_fills_the_file_has_nothing_outside(site: Site) -> None:
    run = site.import_rows(as_csv([{"MEMBER_ID": "m1", "FIRST_NAME": "Ann"}])).run
    assert "outside" not in run.tallies
    assert "recovered" not in run.tallies
