"""“What we found” over HTTP: every conclusion can be changed, every repair is a person's choice."""

from __future__ import annotations

import io
import json
import re
import zipfile
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from tests.people import Person, make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

RUNNER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
FRAGMENT = {"HX-Request": "true"}
PLACES = (("Boston", "MA", "2108"), ("Newark", "NJ", "7102"), ("Salem", "MA", "1970"))
NAMES = ("García", "Hopper", "Núñez", "Turing", "Müller", "Jackson")


def donors(rows: int = 30, *, delimiter: str = ";", above: str = "", below: str = "") -> str:
    """An export whose ZIPs have lost their zeros."""
    header = ("MEMBER_ID", "LAST_NAME", "HOME_CITY", "HOME_STATEPROV", "HOME_ZIP")
    lines = [delimiter.join(header)]
    for number in range(1, rows + 1):
        cells = (f"M-{number}", NAMES[number % len(NAMES)], *PLACES[number % len(PLACES)])
        lines.append(delimiter.join(cells))
    return above + "\n".join(lines) + "\n" + below


class Found:
    """A person at “what we found”, with the draft they are at."""

    def __init__(self, app: Flask, client: FlaskClient[Any], *, run_id: int = 0) -> None:
        self.app, self.client, self.run_id = app, client, run_id

    @property
    def url(self) -> str:
        return f"/runs/{self.run_id}/wizard/found"

    def upload(self, content: str | bytes, name: str = "donors.csv") -> Found:
        start = "/operations/standard-constituent-import/start"
        begun = self.client.post(start, data={"label": "Spring", "date_order": "mdy"})
        self.run_id = int(begun.location.split("/")[2])
        data = content.encode() if isinstance(content, str) else content
        answer = self.client.post(
            f"/runs/{self.run_id}/wizard/file", data={"file": (io.BytesIO(data), name)}
        )
        assert answer.status_code == 303, unescape(answer.text)
        return self

    def page(self) -> str:
        answer = self.client.get(self.url)
        assert answer.status_code == 200
        return unescape(answer.text)

    def read(self, **said: str) -> TestResponse:
        return self.client.post(f"{self.url}/reading", data=said)

    def repair(self, finding: str, choice: str, *texts: str, htmx: bool = False) -> TestResponse:
        return self.client.post(
            f"{self.url}/repair",
            data={"finding": finding, "choice": choice, "values": [json.dumps(t) for t in texts]},
            headers=FRAGMENT if htmx else {},
        )

    def run(self) -> Run:
        with self.app.app_context():
            run = db.session.get_one(Run, self.run_id)
            assert run.upload is not None
            db.session.expunge_all()
            return run

    @property
    def examination(self) -> dict[str, Any]:
        upload = self.run().upload
        assert upload is not None
        return dict(upload.examination or {})

    @property
    def dialect(self) -> dict[str, Any]:
        return dict(self.examination["dialect"])

    def finding(self, kind: str) -> str:
        [found] = [each for each in self.examination["damage"] if each["kind"] == kind]
        return f"{kind}:{found['position']}"

    def first_row(self) -> list[str]:
        return list(self.examination["first_rows"][0])


@pytest.fixture
def runner(app: Flask) -> Person:
    return make_person(app, "runner@example.org", *RUNNER)


@pytest.fixture
def found(app: Flask, client: FlaskClient[Any], runner: Person) -> Found:
    return Found(app, sign_in(client, runner))


def selected(page: str, name: str) -> str:
    """The value a control shows."""
    if control := re.search(rf'<select[^>]* name="{name}".*?</select>', page, re.DOTALL):
        return re.findall(r'<option selected value="([^"]*)"', control.group())[0]
    [value] = re.findall(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page)
    return str(value)


# ---- the reading in words ----


def test_the_reading_is_told_in_words(found: Found) -> None:
    above, below = "Spring donors 2026;;;;\n;;;;\n", "Total;30;;;\n"
    page = found.upload(donors(above=above, below=below)).page()
    assert selected(page, "encoding") == "utf-8"
    assert selected(page, "delimiter") == "semicolon"
    assert (selected(page, "header_rows"), selected(page, "first_row")) == ("1", "3")
    assert (selected(page, "ends"), selected(page, "last_row")) == ("row", "33")
    assert re.search(r"Rows? 1[^<]*:</span> a title <q[^>]*>Spring donors 2026", page)
    assert re.search(r"Row 34:</span> totals", page)
    assert "You said so." not in page


@pytest.mark.parametrize(
    ("said", "kept", "first_cell"),
    [
        ({"delimiter": "comma"}, {"delimiter": ","}, "M-1;Hopper;Newark;NJ;7102"),
        ({"delimiter": "other", "other_delimiter": "M-"}, {"delimiter": "M-"}, None),
        ({"first_row": "2"}, {"header_line": 2, "header_rows": 1}, "M-2"),
        ({"header_rows": "0"}, {"header_line": 0, "header_rows": 0}, "MEMBER_ID"),
        ({"header_rows": "2"}, {"header_line": 2, "header_rows": 2}, "M-2"),
        ({"ends": "row", "last_row": "11"}, {"last_line": 11}, "M-1"),
        ({"quote": "single"}, {"quote": "'"}, "M-1"),
        ({"quote": "none"}, {"quote": ""}, "M-1"),
        ({"escape": "backslash"}, {"escape": "\\"}, "M-1"),
        ({"encoding": "windows-1252"}, {"encoding": "windows-1252"}, "M-1"),
    ],
)
def test_what_is_said_changes_the_reading(
    found: Found, said: dict[str, str], kept: dict[str, Any], first_cell: str | None
) -> None:
    found.upload(donors()).page()
    assert found.read(**said).location.endswith("/wizard/found#reading")
    assert found.examination["choices"] == kept
    for name, value in kept.items():
        assert found.dialect[name] == value, name
    if first_cell is not None:
        assert found.first_row()[0] == first_cell
    page = found.page()
    assert page.count("You said so.") == 1
    for name, value in said.items():
        assert selected(page, name) == value


def test_letters_are_read_anew(found: Found) -> None:
    found.upload(donors())
    assert found.first_row()[1] == "Hopper"
    found.read(encoding="mac-roman")
    names = {row[1] for row in found.examination["first_rows"]}
    assert "Garc√≠a" in names
    page = found.page()
    assert "You said in which the names look right." in page
    assert "García" in page  # the other reading, beside it


def test_the_file_decides_again(found: Found) -> None:
    found.upload(donors(above="Spring donors 2026;;;;\n")).page()
    before = found.dialect
    found.read(first_row="3")
    found.read(delimiter="tab")
    assert set(found.examination["choices"]) == {"header_line", "header_rows", "delimiter"}
    found.read(auto="delimiter")
    assert set(found.examination["choices"]) == {"header_line", "header_rows"}
    found.read(auto="header")
    assert found.examination["choices"] == {}
    assert found.dialect == before


def test_what_another_browser_said_meanwhile_stays(found: Found) -> None:
    """A page sends all its controls; only those that were changed on it count."""
    page = found.upload(donors(above="Spring donors 2026;;;;\n")).page()
    [shown] = re.findall(r"name=\"shown\"[^>]*value=\"(\{.*?\})\"", page)
    found.read(ends="row", last_row="9")  # the other browser
    sent = json.loads(shown) | {"quote": "single"}
    found.read(shown=shown, **{name: str(value) for name, value in sent.items()})
    assert found.examination["choices"] == {"last_line": 9, "quote": "'"}


def test_htmx_gets_all_that_the_reading_changes(found: Found) -> None:
    found.upload(donors()).page()
    answer = found.client.post(f"{found.url}/reading", data={"first_row": "2"}, headers=FRAGMENT)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="wizard-found" data-said="')
    assert "<html" not in answer.text
    assert "Columns nobody knows" in answer.text
    assert 'hx-trigger="load"' in answer.text  # the doctor looks after the page is there
    damage = found.client.get(f"{found.url}/damage", headers=FRAGMENT)
    assert damage.text.lstrip().startswith('<section id="found-damage"')
    assert 'hx-trigger="load"' not in damage.text


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"first_row": "900"}, None),
        ({"first_row": "0"}, "Enter a row number, 1 or more."),
        ({"ends": "row", "last_row": "1"}, "The table has to end below the names"),
        ({"ends": "row", "last_row": ""}, "Enter the number of the table’s last row."),
        ({"delimiter": "other", "other_delimiter": ""}, "Type the characters"),
        ({"delimiter": "other", "other_delimiter": "::::::::::"}, "Type at most 8"),
        ({"delimiter": "other", "other_delimiter": 'a"b'}, "A quote or a line break"),
        ({"encoding": "klingon"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_read_so_is_refused_and_nothing_changes(
    found: Found, said: dict[str, str], sentence: str | None
) -> None:
    found.upload(donors()).page()
    before = found.examination
    answer = found.read(**said)
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert sentence is None or sentence in page
    assert "form-error" in page or "notice-danger" in page
    assert found.examination == before
    assert "M-1</td>" in page  # the rows as they were


def test_rows_that_are_not_like_the_others_are_told(found: Found) -> None:
    text = donors().replace("M-7;Hopper;", "M-7;Hopper\n;").replace("M-9;", "M-9;extra;more;")
    page = found.upload(text).page()
    assert re.search(r"like the others", page)
    assert "M-9;extra;more;" in page
    assert re.search(r"Set aside</span> M-9 \| extra \| more", page)
    found.repair(found.finding("lost_zeros"), "all")  # which passes over rows set aside
    assert re.search(r"Set aside</span> M-9 \| extra \| more", found.page())


def test_a_file_without_names_asks_what_its_columns_are(found: Found) -> None:
    rows = donors().partition("\n")[2].replace("M-", "")
    page = found.upload(rows).page()
    assert selected(page, "header_rows") == "0"
    assert "the table begins with row" in page
    assert "What is in each column?" in page
    names = found.examination["columns"]
    answer = found.client.post(
        found.url,
        data={"column_1": "MEMBER_ID", "column_2": "LAST_NAME", "leave_rest_out": "yes"},
    )
    assert answer.status_code == 303
    assert found.run().options["columns"][names[1]] == "LAST_NAME"
    assert "Show me what would happen" in found.page()


def test_numbers_with_zeros_in_front_are_zips_only_in_a_column_of_zips(found: Found) -> None:
    rows = "".join(f"{number:05},Hopper,02139\n" for number in range(1, 20))

    page = found.upload("MEMBER_ID,LAST_NAME,HOME_ZIP\n" + rows).page()

    table = page[page.index('id="columns"') :]
    assert re.findall(r'<td class="tight">(.*?)</td>', table)[:3] == ["codes", "text", "ZIPs"]


def test_without_names_what_is_plain_from_the_values_is_suggested(found: Found) -> None:
    rows = [f"{n},p{n}@example.org,Boston,02{n}\n" for n in range(110, 150)]
    page = found.upload("".join(rows)).page()
    assert selected(page, "header_rows") == "0"
    assert selected(page, "column_2") == "PRIMARY_EMAIL"
    assert selected(page, "column_4") == "HOME_ZIP"
    assert '<option selected value="">Choose what to do' in page  # the others are left open
    assert "columns" not in found.run().options


# ---- workbooks and packed files ----


def workbook(**sheets: list[list[str]]) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
    book.close()
    return file.getvalue()


def people(*names: str) -> list[list[str]]:
    rows = [[f"{name[0]}-{number}", name] for name in names for number in range(1, 9)]
    return [["MEMBER_ID", "FIRST_NAME"], *rows]


def test_one_of_several_sheets_has_to_be_chosen(found: Found) -> None:
    found.upload(workbook(Donors=people("Ada"), Volunteers=people("Grace")), "people.xlsx")
    page = found.page()
    assert "Which sheet is meant?" in page
    assert "First rows" not in page
    assert "Show me what would happen" not in page
    stopped = found.client.get(f"/runs/{found.run_id}/wizard/preview")
    assert stopped.location.endswith("/wizard/found")
    # The first is as much a choice as the second
    [shown] = re.findall(r'name="shown" value="([^"]*"[^"]*"[^>]*)">', page)
    answer = found.read(shown=shown, sheet="Donors")
    assert answer.status_code == 303
    page = found.page()
    assert selected(page, "sheet") == "Donors"
    assert "A-1</td>" in page
    assert "Show me what would happen" in page
    found.read(sheet="Volunteers")
    assert found.first_row() == ["G-1", "Grace"]
    assert "What columns are separated by" not in found.page()


def test_another_sheet_forgets_what_was_said_about_the_first(found: Found) -> None:
    found.upload(workbook(Donors=people("Ada"), Volunteers=people("Grace")), "people.xlsx")
    found.read(sheet="Volunteers")
    found.read(first_row="2")
    assert found.examination["choices"] == {
        "sheet": "Volunteers",
        "header_line": 2,
        "header_rows": 1,
    }
    found.read(sheet="Donors")
    assert found.examination["choices"] == {"sheet": "Donors"}


def web_page(*tables: list[list[str]]) -> bytes:
    """What a donor system's “Export to Excel” writes."""
    written = "".join(
        "<table>"
        + "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        + "</table>"
        for rows in tables
    )
    return f"<html><body>{written}</body></html>".encode("cp1252")


def test_a_web_page_called_a_workbook_is_read(found: Found) -> None:
    found.upload(web_page([["Spring donors", ""], *people("Zoë")]), "donors.xls")
    page = found.page()
    assert "This is a web page (HTML) in" in page
    assert selected(page, "encoding") == "windows-1252"
    assert found.first_row() == ["Z-1", "Zoë"]
    found.read(encoding="mac-roman")
    assert found.first_row()[0] == "Z-1"
    assert found.first_row()[1] != "Zoë"


def test_one_of_several_tables_of_a_web_page_has_to_be_chosen(found: Found) -> None:
    found.upload(web_page(people("Ada"), people("Grace")), "donors.xls")
    assert "Which table is meant?" in found.page()
    found.read(sheet="Table 2")
    assert found.first_row() == ["G-1", "Grace"]
    assert "Of its tables" in found.page()


def test_one_of_several_files_in_a_zip(found: Found) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("donors.csv", donors())
        packed.writestr("volunteers.csv", donors(12, delimiter=","))
    page = found.upload(file.getvalue(), "export.zip").page()
    assert "Which file is meant?" in page
    found.read(member="volunteers.csv")
    page = found.page()
    assert selected(page, "member") == "volunteers.csv"
    assert selected(page, "delimiter") == "comma"


def test_of_nine_hundred_unknown_columns_some_are_listed_and_the_rest_is_left_out(
    found: Found,
) -> None:
    header = ["MEMBER_ID", *(f"Score {at}" for at in range(899)), "First Name"]
    rows = [header, *([f"M-{at}", *["5"] * 899, "Ada"] for at in range(5))]
    page = found.upload("\n".join(map(",".join, rows)) + "\n").page()
    assert "Columns 2 “Score 0”, 3 “Score 1”, 4 “Score 2” and 897 more are not known" in page
    assert len(re.findall(r'<select[^>]* id="column_', page)) == 60
    assert 'id="column_901"' in page, "what is suggested is listed, wherever it stands"
    assert "840 more columns are not listed here" in page
    said = {"column_901": "FIRST_NAME", "leave_rest_out": "yes"}
    assert found.client.post(found.url, data=said).status_code == 303
    assert "Show me what would happen" in found.page()
    # What was left out stays so when something else is said.
    found.client.post(found.url, data={"column_901": "LAST_NAME"})
    columns = found.run().options["columns"]
    assert columns["Score 898"] is None
    assert columns["First Name"] == "LAST_NAME"


# ---- the damage ----


def test_nothing_is_repaired_unless_somebody_says_so(found: Found) -> None:
    page = found.upload(donors()).page()
    assert "As it stands, nothing is repaired" in page
    assert "Repair all 30 rows" in page
    assert re.search(r'value="none" checked', page)
    assert "repairs" not in found.run().options
    assert 'href="/help/excel#lost-zeros"' in page


def test_all_of_a_finding_is_repaired(found: Found) -> None:
    found.upload(donors()).page()
    zeros = found.finding("lost_zeros")
    answer = found.repair(zeros, "all")
    assert answer.location.endswith("#damage-lost_zeros-4")
    [repair] = found.run().options["repairs"]
    assert (repair["kind"], repair["column"], repair["values"]) == ("lost_zeros", "HOME_ZIP", None)
    page = found.page()
    assert "Will be repaired." in page
    assert re.search(r"<ins>07102</ins> <del>7102</del>", page)
    found.repair(zeros, "none")
    assert found.run().options["repairs"] == []
    assert "<del>7102</del>" not in found.page()


def test_some_of_a_finding_is_repaired(found: Found) -> None:
    found.upload(donors()).page()
    answer = found.repair(found.finding("lost_zeros"), "some", "7102", "1970", "nonsense")
    assert answer.status_code == 303
    [repair] = found.run().options["repairs"]
    assert repair["values"] == ["1970", "7102"]
    page = found.page()
    assert "2 values in 20 rows will be repaired." in page
    assert len(re.findall(r'name="values"[^>]* checked', page)) == 2


def test_choosing_nothing_repairs_nothing_and_says_so(found: Found) -> None:
    found.upload(donors()).page()
    answer = found.repair(found.finding("lost_zeros"), "some", htmx=True)
    assert "Nothing is ticked, so nothing is repaired." in answer.text
    assert not found.run().options.get("repairs")


def test_htmx_gets_what_a_repair_changes_and_no_form_is_replaced(found: Found) -> None:
    found.upload(donors()).page()
    answer = found.repair(found.finding("lost_zeros"), "all", htmx=True)
    assert "Will be repaired." in answer.text
    assert "<ins>07102</ins>" in answer.text
    for part in ("damage-lost_zeros-4-said", "damage-summary", "found-rows", "found-actions"):
        assert re.search(rf'id="{part}"[^>]* hx-swap-oob="', answer.text)
    assert 'name="values"' not in answer.text


def test_everything_is_repaired_at_once_and_taken_back(found: Found) -> None:
    garbled = donors().encode("utf-8").decode("windows-1252")
    page = found.upload(garbled).page()
    assert "Repair all of it" in page
    found.client.post(f"{found.url}/repair/all", data={"choice": "all"})
    kinds = {repair["kind"] for repair in found.run().options["repairs"]}
    assert kinds == {"lost_zeros", "mojibake"}
    answer = found.client.post(f"{found.url}/repair/all", data={"choice": "none"}, headers=FRAGMENT)
    assert answer.text.lstrip().startswith('<section id="found-damage"')
    assert found.run().options["repairs"] == []


def test_a_finding_that_is_gone_is_not_repaired(found: Found) -> None:
    found.upload(donors()).page()
    answer = found.repair("lost_zeros:77", "all", htmx=True)
    assert answer.status_code == 409
    assert answer.mimetype == "text/plain"
    assert found.repair("lost_zeros:77", "all").status_code == 303
    assert not found.run().options.get("repairs")


def seen_by(page: str, finding: str) -> str:
    """What a card sends along to say which finding it showed."""
    sent = rf'value="{finding}">\s*<input type="hidden" name="seen" value="(\w+)"'
    [seen] = re.findall(sent, page)
    return str(seen)


def test_a_page_from_before_the_file_was_read_anew_repairs_nothing(found: Found) -> None:
    found.upload(donors().replace("ü", "Ã¼"))
    before = found.page()
    zeros = found.finding("lost_zeros")
    [everything] = re.findall(r'name="seen" value="(\w+)">\s*<button', before)
    found.read(ends="row", last_row="20")
    after = found.page()
    assert found.finding("lost_zeros") == zeros  # one of the same id, in fewer rows

    one = {"finding": zeros, "choice": "all", "seen": seen_by(before, zeros)}
    for where, data in (("repair", one), ("repair/all", {"choice": "all", "seen": everything})):
        answer = found.client.post(f"{found.url}/{where}", data=data, headers=FRAGMENT)
        assert (answer.status_code, "The file was read anew since." in answer.text) == (409, True)
    assert not found.run().options.get("repairs")

    answer = found.client.post(f"{found.url}/repair", data=one | {"seen": seen_by(after, zeros)})
    assert answer.status_code == 303
    assert len(found.run().options["repairs"]) == 1


def test_what_is_repaired_outdates_the_preview(found: Found) -> None:
    found.upload(donors()).page()
    found.client.post(f"/runs/{found.run_id}/wizard/preview/start")
    assert "Continue to the preview" in found.page()
    found.repair(found.finding("lost_zeros"), "all")
    assert "Show me what would happen" in found.page()


# ---- who, and when ----


def test_nobody_else_reads_or_repairs_it(app: Flask, found: Found) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    owner = sign_in(
        app.test_client(), make_person(app, "north@example.org", *RUNNER, center_id=north)
    )
    theirs = Found(app, owner).upload(donors())
    theirs.page()
    zeros = theirs.finding("lost_zeros")
    other = sign_in(
        app.test_client(), make_person(app, "south@example.org", *RUNNER, center_id=south)
    )
    stranger = Found(app, other, run_id=theirs.run_id)
    assert stranger.client.get(stranger.url).status_code == 404
    assert stranger.read(delimiter="comma").status_code == 404
    assert stranger.repair(zeros, "all").status_code == 404
    viewer = sign_in(
        app.test_client(),
        make_person(
            app,
            "view@example.org",
            Role.VIEW_IMPORT_EXPORT,
            Role.DATA_SYNC_VIEW,
            center_id=north,
        ),
    )
    assert Found(app, viewer, run_id=theirs.run_id).repair(zeros, "all").status_code == 403
    assert theirs.examination["choices"] == {}
    assert not theirs.run().options.get("repairs")


def test_once_it_runs_nothing_is_read_otherwise(app: Flask, found: Found) -> None:
    found.upload(donors()).page()
    zeros = found.finding("lost_zeros")
    with app.app_context():
        db.session.get_one(Run, found.run_id).state = "running"
        db.session.commit()
    for answer in (found.read(delimiter="comma"), found.repair(zeros, "all")):
        assert answer.location.endswith(f"/runs/{found.run_id}")
    assert found.examination["choices"] == {}
    assert not found.run().options.get("repairs")


def test_the_upload_page_names_what_can_be_read(found: Found) -> None:
    found.upload(donors())
    page = found.client.get(f"/runs/{found.run_id}/wizard/file").text
    [accepted] = re.findall(r'accept="([^"]*)"', page)
    for ending in (
        ".csv",
        ".txt",
        ".tsv",
        ".xlsx",
        ".xls",
        ".xlsb",
        ".ods",
        ".xml",
        ".html",
        ".zip",
        ".gz",
    ):
        assert ending in accepted.split(",")
        assert ending in page.partition('id="file-hint"')[2].partition("</p>")[0]
