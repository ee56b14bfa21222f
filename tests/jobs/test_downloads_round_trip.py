"""Two ways: a download, edited as people do and uploaded again, changes the edits only."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.jobs.downloading import Downloaded, download
from tests.jobs.site import OPERATION, Result, Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.download_settings import (
    ColumnChoice,
    DateFormat,
    DownloadSettings,
    Encoding,
    TimeFormat,
)
from webapp.rules.guarding import guard, guarded_sql, unguard
from webapp.services import runs, uploads

TRICKY = ("=1+1", "+1 (617) 555-0100", "-Bob-", "@ann", "'=x", "O'Neil", "02134", "1.23E+11", "3-4",
          "Zoë, the “Great”", "line one\nline two", "＝2", "Yes", "NULL")  # fmt: skip


def populate(site: Site) -> list[int]:
    """People with all that a spreadsheet likes to spoil, groups, interests and custom fields."""
    site.insert("custom_fields", key="shirt", label="Shirt", kind="choice", choices=["S", "M"])
    site.insert("custom_fields", key="since", label="Since", kind="date")
    site.insert("custom_fields", key="score", label="Score", kind="number")
    site.insert("custom_fields", key="vegan", label="Vegan", kind="yes_no")
    choir, news = site.group("Choir"), site.interest("News")
    found = []
    for number, value in enumerate(TRICKY):
        person = site.person(
            first_name=value[:50], last_name=f"Last {number}", member_id=f"{number:06}",
            primary_email=f"p{number}@example.org", home_zip="02134", home_street1=value,
            home_phone="+1 617 555 0100", home_stateprov="MA", birth_date="1980-03-04",
            matched_donor=number % 2 == 0, accepts_email=number % 3 != 0, position=value,
            preferred_phone="home",
            custom={"shirt": "S", "since": "2020-02-29", "score": "-5.5", "vegan": "No"},
        )  # fmt: skip
        site.insert("group_members", constituent_id=person, group_id=choir)
        site.insert("interest_choices", constituent_id=person, interest_id=news, opted_in=True)
        found.append(person)
    add(site, "field:STATEPROV", "MA", "25")
    add(site, "group", choir, "+CH")
    return found


def as_csv(rows: Sequence[Sequence[str]], path: Path) -> None:
    """As LibreOffice saves it: quotes where needed, no byte order mark."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def as_xlsx(rows: Sequence[Sequence[str]], path: Path) -> None:
    book = xlsxwriter.Workbook(str(path), {"strings_to_numbers": False})
    sheet = book.add_worksheet("Sheet1")
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write_string(at, column, cell)
    book.close()


def as_quoted_csv(rows: Sequence[Sequence[str]], path: Path) -> None:
    """As LibreOffice saves it where the semicolon separates and “Quote all text cells” is on."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)


def as_typed_xlsx(rows: Sequence[Sequence[str]], path: Path) -> None:
    """As LibreOffice saves it after the CSV was opened with the texts marked as text and the rest
    left to it: numbers became numbers, dates and times became its own."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Sheet1")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    header = rows[0]
    for at, row in enumerate(rows):
        for column, (name, cell) in enumerate(zip(header, row, strict=True)):
            if at == 0 or not cell or name not in (*NUMBERS, *DAYS, *MOMENTS):
                sheet.write_string(at, column, cell)
            elif name in NUMBERS:
                sheet.write_number(at, column, float(cell))
            else:
                kept = moment if name in MOMENTS else day
                sheet.write_datetime(at, column, datetime.fromisoformat(cell), kept)
    book.close()


NUMBERS = ("CONS_ID", "CUSTOM_SCORE")
DAYS = ("BIRTH_DATE", "CUSTOM_SINCE")
MOMENTS = ("CREATED_AT", "MODIFIED_AT")

SAVE = {
    "csv": as_csv,
    "quoted.csv": as_quoted_csv,
    "xlsx": as_xlsx,
    "typed.xlsx": as_typed_xlsx,
}


def cells_of(found: Downloaded, file_format: str) -> list[list[str]]:
    if file_format == "xlsx":
        return [[str(cell) for cell in row] for row in found.sheets()[0]]
    text = found.files["records", "csv"].decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def upload(site: Site, path: Path) -> Result:
    """The file through the Standard Constituent Import."""
    with site.app.app_context():
        session = db.session()
        operation = runs.find_operation(session, OPERATION)
        assert operation is not None
        run = runs.create_draft(session, operation=operation, user=None, label="Back again")
        stored = uploads.store_upload(session, path=path, user_id=None, center_id=None)
        uploads.examine_upload(session, stored)
        runs.attach_upload(session, run, stored)
        site._commit()
        run_id = session.get_one(Run, run.id).id
        db.session.remove()
    return site.run(run_id)


@pytest.mark.parametrize("given_as", ["csv", "xlsx"])
@pytest.mark.parametrize("saved_as", SAVE)
def test_only_the_edits_change_something(site: Site, given_as: str, saved_as: str) -> None:
    people = populate(site)
    chosen = DownloadSettings(formats=(given_as,), time_format=TimeFormat.LOCAL)
    header, *rows = cells_of(download(site, chosen), given_as)
    at = {name: position for position, name in enumerate(header)}
    assert {row[at["HOME_STATEPROV"]] for row in rows} == {"25"}
    assert {row[at["GROUP_IDS"]] for row in rows} == {"'+CH" if given_as == "csv" else "+CH"}
    [edited] = [row for row in rows if row[at["CONS_ID"]] == str(people[3])]
    edited[at["LAST_NAME"]] = "Edited"
    rows.reverse()
    order = sorted(range(len(header)), key=lambda position: header[position])  # other columns first
    before = site.state()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"edited.{saved_as}"
        SAVE[saved_as]([[row[position] for position in order] for row in [header, *rows]], path)
        result = upload(site, path)

    assert result.state == "success", result.failure
    assert {name: count for name, count in result.counts.items() if count} == {
        "unchanged": len(people) - 1,
        "updated": 1,
    }, site.sql("SELECT constituent_id, old FROM change_log WHERE run_id = %s", result.id)
    after = site.state()
    [changed] = [record for record in before["constituents"] if record["id"] == people[3]]
    changed["last_name"] = "Edited"
    known = {number for number, *_ in before["groups"]}  # the run's own are new
    after["members"] = [member for member in after["members"] if member[0] in known]
    for part in ("constituents", "emails", "members", "choices", "centers", "interests"):
        assert before[part] == after[part], part


@pytest.mark.parametrize(
    ("encoding", "delimiter", "dates"),
    [
        (Encoding.UTF8, ";", DateFormat.MONTH_FIRST),
        (Encoding.WINDOWS, "\t", DateFormat.ISO),
        (Encoding.UTF16, "|", DateFormat.MONTH_FIRST),
        (Encoding.UTF16, ",", DateFormat.ISO),
    ],
)
def test_however_it_is_written_it_reads_back(
    site: Site, encoding: Encoding, delimiter: str, dates: DateFormat
) -> None:
    people = populate(site)
    if encoding is Encoding.WINDOWS:  # which lacks it, and a download says so
        site.sql_do(
            "UPDATE constituents SET first_name = 'Zoë', home_street1 = 'Zoë', position = 'Zoë'"
            " WHERE first_name = '＝2'"
        )
    found = download(
        site, DownloadSettings(encoding=encoding, delimiter=delimiter, date_format=dates)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / found.names["records", "csv"]
        path.write_bytes(found.files["records", "csv"])
        result = upload(site, path)
    assert {name: count for name, count in result.counts.items() if count} == {
        "unchanged": len(people)
    }, site.sql("SELECT constituent_id, old FROM change_log WHERE run_id = %s", result.id)


SIGNS = (*"=+-@'\t\r\n ,;|a0\"<>&é𝒳＝", "_x0041_", "_x000D_", "_x005F_", "\x01", "\x0b", "\x1f",
         "\x7f", "\x85", "\u2028", "\ufeff", "\u200b", "\xa0", "1E5", "http://x")  # fmt: skip


def test_whatever_is_in_a_cell_both_files_have_it(site: Site) -> None:
    """Signs that XML can't have, what XML's own escapes look like, and what files are made of."""
    chance = random.Random(5)
    stored = {}
    for _ in range(300):
        value = "".join(chance.choices(SIGNS, k=chance.randint(1, 6)))
        stored[str(site.person(nickname=value))] = value
    chosen = DownloadSettings(
        columns=(ColumnChoice("CONS_ID"), ColumnChoice("NICKNAME")), formats=("csv", "xlsx")
    )
    found = download(site, chosen)
    for file_format in ("csv", "xlsx"):
        _, *rows = cells_of(found, file_format)
        assert {row[0]: unguard(row[1]) for row in rows} == stored


def test_the_mark_can_be_left_out(site: Site) -> None:
    site.person(first_name="Ann")
    found = download(site, DownloadSettings(marks=False))
    assert "DATASYNC_DOWNLOAD" not in cells_of(found, "csv")[0]


texts = st.one_of(
    st.sampled_from(["\\075", "\\053", "\\101", "\\053x", "(1)", "*", "+", "-", "=", "."]),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12),
    st.text(st.sampled_from("'=+-@＝＋－＠ \t\r\n\x0b\x1c\x85\xa0\u2003\u3000aZ09_[é"), max_size=6),
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=40))
def test_the_database_guards_as_the_rule_does(shared_site: Site, values: list[Any]) -> None:
    found = shared_site.sql(
        f"SELECT {guarded_sql('v.v')} FROM unnest(%s::text[]) WITH ORDINALITY v (v, n) ORDER BY n",
        values,
    )
    assert [row[0] for row in found] == [guard(value) for value in values]
