"""The pages of downloads: ask, look, run, fetch, take again; and what is held back."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import python_calamine
from sqlalchemy import select, text, update

from jobs.processors import download_progress
from tests.finished_runs import make_download, make_run
from tests.people import make_center, make_person, sign_in
from tests.working import work_off
from webapp.extensions import db
from webapp.models import (
    CenterMember,
    Constituent,
    CustomField,
    DownloadFile,
    DownloadWindow,
    Group,
    Interest,
    Message,
    Operation,
    PotentialMatch,
    Run,
)
from webapp.rules.download_settings import DownloadRequest, Start
from webapp.rules.roles import Grant, Role
from webapp.services.downloads import delete_old_files
from webapp.services.files import file_store
from webapp.services.progress import describe_progress

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

SLUG = "constituent-data-download"
RUNNER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
VIEWER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_VIEW)
MANAGER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE)
USUAL = {
    "label": "March", "start": "last", "formats": "csv", "delimiter": ",", "encoding": "utf-8-sig",
    "date_format": "iso", "time_format": "utc", "marks": "y", "translates": "y",
}  # fmt: skip


def columns(*lines: str) -> dict[str, object]:
    """What the list of columns sends: NAME, or NAME=Heading."""
    pairs = [line.partition("=") for line in lines]
    return {
        "columns": [name for name, _, _ in pairs],
        "columns-heading": [heading for _, _, heading in pairs],
    }


def chosen(page: str) -> list[tuple[str, str]]:
    """The columns that a page's list has, each with its heading."""
    names = re.findall(r'name="columns" value="([^"]*)"', page)
    return list(
        zip(names, re.findall(r'name="columns-heading" value="([^"]*)"', page), strict=True)
    )


def file_links(page: str) -> list[str]:
    """Where the files of a result are."""
    return list(dict.fromkeys(re.findall(r'href="(/runs/\d+/files/\d+)"', page)))


class Downloading:
    """A person at the pages of a download, and the worker behind them."""

    slug = SLUG

    def __init__(self, app: Flask, client: FlaskClient[Any]) -> None:
        self.app, self.client, self.run_id = app, client, 0

    def ask(self, **more: object) -> str:
        """The first step; the page of the preview."""
        answer = self.client.post(f"/operations/{self.slug}/download", data=USUAL | more)
        assert answer.status_code == 303, answer.text
        self.run_id = int(answer.location.split("/")[2])
        return self.look(answer)

    def look(self, answer: TestResponse) -> str:
        """On past those who wait, if anybody does; the page of the preview."""
        if answer.location.endswith("/conflicts"):
            answer = self.client.post(answer.location.replace("/conflicts", "/download/preview"))
        work_off(self.app)
        return self.get(answer.location)

    def run(self, notify: str = "") -> str:
        """Press Run, and see the results."""
        answer = self.client.post(f"/runs/{self.run_id}/download/run", data={"notify": notify})
        assert answer.status_code == 303, answer.text
        work_off(self.app)
        return self.get(answer.location)

    def files(self, results: str) -> list[bytes]:
        """What the files of a result hold."""
        return [self.client.get(link).data for link in file_links(results)]

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.location)
        return answer.text


@pytest.fixture
def people(app: Flask) -> list[int]:
    with app.app_context():
        found = [Constituent(first_name=name, home_zip="02134") for name in ("Ann", "Bob", "Cem")]
        db.session.add_all(found)
        db.session.flush()
        db.session.add(PotentialMatch(registration_id=found[2].id, candidate_id=found[0].id))
        ids = [one.id for one in found]
        db.session.commit()
    return ids


@pytest.fixture
def person(app: Flask, client: FlaskClient[Any]) -> Downloading:
    return Downloading(app, sign_in(client, make_person(app, "run@example.org", *RUNNER)))


def test_ask_look_run_fetch(person: Downloading, people: list[int]) -> None:
    ann, bob, _ = people
    preview = person.ask(**columns("CONS_ID", "FIRST_NAME=First", "HOME_ZIP"))
    results = person.run(notify="boss@example.org")

    assert "has never succeeded before" in preview
    assert "3 changed = 2 delivered + 0 removed + 1 held back + 0 filtered out" in preview
    assert "May be someone who is already there" in preview
    assert "3 changed = 2 delivered" in results
    link = re.search(r'href="(/runs/\d+/files/\d+)"[^>]*>(constituents_[^<]*\.csv)<', results)
    assert link
    first, again = (person.client.get(link[1]) for _ in range(2))
    assert first.data == again.data
    run = f"run-{person.run_id}"
    assert first.data.decode("utf-8-sig").splitlines() == [
        "CONS_ID,First,HOME_ZIP,DATASYNC_DOWNLOAD",
        f"{ann},Ann,02134,{run}",
        f"{bob},Bob,02134,{run}",
    ]
    assert hashlib.sha256(first.data).hexdigest() in results
    assert link[2] in first.headers["Content-Disposition"]
    # About people: neither a proxy nor the browser of whoever signed out has it
    assert first.headers["Cache-Control"] == "no-store"


def test_the_bar_goes_on_from_one_file_to_the_next(
    person: Downloading, people: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is known how much there is, it says that this is being found out."""
    monkeypatch.setattr(download_progress, "LOOK_SECONDS", 0)
    with person.app.app_context():
        # All that the row of the run has ever said, while it was running
        db.session.execute(
            text(
                "CREATE TABLE said (at int GENERATED ALWAYS AS IDENTITY, delivered bigint);"
                " CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " INSERT INTO said (delivered) VALUES (NEW.delivered); RETURN NULL; END $$;"
                " CREATE TRIGGER say AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.state = 'running'"
                " AND NEW.kind = 'run') EXECUTE FUNCTION say()"
            )
        )
        db.session.commit()
    person.ask(formats=["csv", "xlsx"])
    person.run()
    with person.app.app_context():
        run = db.session.get_one(Run, person.run_id)
        said = list(db.session.scalars(text("SELECT delivered FROM said ORDER BY at")))
        run.state, run.rows_total = "running", None
        assert "Finding out what changed" in describe_progress(run).sentence
        db.session.rollback()
    assert said == sorted(said)
    assert {0, 1, 2} <= set(said)


def test_the_message_has_the_counts_and_what_is_held_back(
    person: Downloading, people: list[int]
) -> None:
    person.ask()
    person.run(notify="boss@example.org")

    with person.app.app_context():
        message = db.session.scalars(select(Message).filter_by(recipient="boss@example.org")).one()
        assert "March finished: 2 delivered, 1 held back" in message.subject
        assert "1 record held back." in message.body


def test_the_message_of_one_that_failed_says_that_nothing_went(
    person: Downloading, people: list[int]
) -> None:
    """Not that nothing has changed. The preview had nothing to say: the name came after it."""
    person.ask(encoding="cp1252")
    with person.app.app_context():
        db.session.get_one(Constituent, people[0]).first_name = "Άννα"
        db.session.commit()
    results = person.run(notify="boss@example.org")

    assert "“Ά” can&#39;t be written in the encoding that was chosen" in results
    with person.app.app_context():
        message = db.session.scalars(select(Message).filter_by(recipient="boss@example.org")).one()
        assert message.subject == "March failed: nothing was delivered"
        assert "“Ά” can't be written" in message.body


def test_when_their_time_is_over_the_files_go_and_the_page_says_so(
    person: Downloading, people: list[int]
) -> None:
    person.ask()
    [link] = file_links(person.run())
    days = timedelta(days=person.app.config["DATASYNC"].download_days)
    for age, status in ((days - timedelta(minutes=5), 200), (days + timedelta(minutes=5), 404)):
        with person.app.app_context():
            run = db.session.get_one(Run, person.run_id)
            run.finished_at = datetime.now(UTC) - age
            db.session.commit()
            delete_old_files(db.session(), file_store())
            db.session.commit()
        assert person.client.get(link, buffered=True).status_code == status
    page = person.get(f"/runs/{person.run_id}")
    assert f"deleted after {days.days} days; download the changes again" in page
    assert link not in page


def test_a_database_that_was_put_back_is_told_wherever_people_look(
    person: Downloading, people: list[int]
) -> None:
    person.ask()
    person.run()
    with person.app.app_context():
        # As in a copy from before it
        db.session.execute(update(DownloadWindow).values(token="an earlier one"))
        db.session.commit()

    assert "Everything goes again" in person.ask(start="date", since="2030-01-01")
    assert "Everything went again" in person.run(notify="boss@example.org")
    with person.app.app_context():
        message = db.session.scalars(select(Message).filter_by(recipient="boss@example.org")).one()
        assert "restored or moved" in message.body
    assert "again, rather than" not in person.ask()
    person.run(notify="aide@example.org")
    with person.app.app_context():
        message = db.session.scalars(select(Message).filter_by(recipient="aide@example.org")).one()
        assert "restored or moved" not in message.body


def test_the_held_back_list_names_what_fixes_it_and_sends_what_is_free(
    person: Downloading, people: list[int]
) -> None:
    cem = people[2]
    person.ask()
    person.run()
    answer = person.client.get("/held-back", follow_redirects=True)
    stream = re.search(r"/held-back/(\d+)/send", answer.text)
    assert stream
    assert f"/constituents/{cem}" in answer.text
    assert f"/registrations/{cem}?stream={stream[1]}" in answer.text
    with person.app.app_context():
        db.session.query(PotentialMatch).delete()
        db.session.commit()

    sent = person.client.post(f"/held-back/{stream[1]}/send")
    work_off(person.app)
    results = person.get(sent.location)

    assert "0 changed + 1 held back before = 1 delivered" in results
    assert "Nothing is held back" in person.get(f"/held-back/{stream[1]}")


def test_the_values_to_map_are_added_up(app: Flask, client: FlaskClient[Any]) -> None:
    sign_in(client, make_person(app, "run@example.org", *RUNNER, Role.CROSSREF_VIEW))
    with app.app_context():
        operation = db.session.scalars(select(Operation).filter_by(slug=SLUG)).one()
        make_download(
            db.session(),
            operation,
            withheld=[
                (1, "unmapped_value", "TITLE", "Dr."),
                (2, "unmapped_value", "TITLE", "Dr."),
                (2, "unmapped_value", "HOME_STATEPROV", "NH"),
                (3, "unresolved_duplicate", "", ""),
            ],
        )
        db.session.commit()
    page = client.get("/held-back", follow_redirects=True).text
    table = page[page.index('id="held-values"') : page.index('id="held-records"')]
    rows = [re.sub(r"<[^>]+>|\s+", " ", row).split() for row in table.split("<tr>")[2:]]
    assert [row[:3] for row in rows] == [["Dr.", "TITLE", "2"], ["NH", "HOME_STATEPROV", "1"]]
    assert table.count("/cross-references/field:STATEPROV") + table.count("field%3ASTATEPROV") == 1


def test_a_group_to_map_is_called_by_its_name(app: Flask, client: FlaskClient[Any]) -> None:
    sign_in(client, make_person(app, "run@example.org", *RUNNER))
    with app.app_context():
        operation = db.session.scalars(select(Operation).filter_by(slug=SLUG)).one()
        group, interest = Group(name="Trail Crew"), Interest(name="Otters")
        db.session.add_all([group, interest])
        db.session.flush()
        named = [f"Trail Crew ({group.id})", f"Otters ({interest.id})"]
        waits = [
            (1, "unmapped_value", "GROUP_IDS", str(group.id)),
            (1, "unmapped_value", "INTEREST_IDS", str(interest.id)),
            (2, "unmapped_value", "GROUP_IDS", "987654"),
        ]
        make_download(db.session(), operation, withheld=waits)
        db.session.commit()
    page = client.get("/held-back", follow_redirects=True).text
    values, records = page[page.index('id="held-values"') :].split('id="held-records"')
    assert values.count("For whoever manages cross-references") == 3
    for name in (*named, "987654"):
        assert f">{name}</th>" in values
        assert f"“{name}”" in records


def test_the_first_file_is_at_hand_and_the_sum_is_explained(
    person: Downloading, people: list[int]
) -> None:
    person.ask(statuses="Accepted")
    results = person.run()
    head = results[: results.index('id="files-title"')]
    assert re.search(r'<a class="btn btn-primary" href="/runs/\d+/files/\d+" download>', head)
    assert "Filtered out: who is not in the groups" in results
    assert "eCommerce" not in results


def test_a_window_can_be_taken_again(person: Downloading, people: list[int]) -> None:
    person.ask()
    person.run()
    answer = person.client.post(f"/runs/{person.run_id}/again")
    assert answer.status_code == 303
    preview = person.look(answer)
    assert "2 delivered" in preview


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (columns("CONS_ID", "SHOE_SIZE"), "“SHOE_SIZE” is not a column of this download any more"),
        (columns("CONS_ID", "CONS_ID"), "CONS_ID is there twice"),
        (columns("CONS_ID=ID", "MEMBER_ID=ID"), "Two columns have the heading “ID”"),
        (columns("CONS_ID=became"), "The heading of CONS_ID can’t be “became”: the file"),
        (columns(f"CONS_ID={'x' * 101}"), "The heading of CONS_ID has 101 characters"),
        (columns("CONS_ID=Číslo") | {"encoding": "cp1252"}, "“Č”, which Windows-1252 lacks"),
        (columns("CONS_ID") | {"encoding": "klingon"}, "Not a valid choice"),
        ({"start": "date"}, "Enter the date from which on"),
        ({"start": "date", "since": "9999-12-31"}, "between the years 1900 and 2999"),
        ({"start": "date", "since": "0001-01-01"}, "between the years 1900 and 2999"),
        ({"start": "date", "since": "31/12/2026"}, "Not a valid date"),
        ({"since": "2026-03-01"}, "Choose “What changed since a date” to use this date"),
        ({"formats": ""}, "Choose CSV, Excel or both"),
        ({"label": " "}, "Enter a label"),
    ],
)
def test_what_can_not_be_is_said(person: Downloading, given: dict[str, object], says: str) -> None:
    data = {name: value for name, value in (USUAL | given).items() if value}
    answer = person.client.post(f"/operations/{SLUG}/download", data=data)
    assert answer.status_code == 422
    assert says in answer.text
    assert answer.text.count('<li><a href="#') == 1, "and nothing else"


def test_a_file_that_can_not_be_written_is_told_before_it_is_run(
    app: Flask, person: Downloading, people: list[int]
) -> None:
    with app.app_context():
        db.session.execute(
            update(Constituent).where(Constituent.id == people[0]).values(last_name="Ő’Neil")
        )
        db.session.commit()
    wanted = columns("CONS_ID", "LAST_NAME=Surname")
    preview = person.ask(**wanted, encoding="cp1252")
    path = f"/runs/{person.run_id}/download"
    after = person.client.post(f"{path}/run", data={"notify": ""}, follow_redirects=True).text

    says = "1 record has characters that Windows-1252 lacks, so the file can’t be written."
    for page in (preview, after):
        assert says in page
        assert ">Run</button>" not in page
        assert f'href="{path}#encoding"' in page
        cells = re.search(r'id="lacking-values".*?</tbody>', page, re.DOTALL)
        assert cells
        for told in ("Ann Ő’Neil", "Surname", ">Ő’Neil<", ">Ő<"):
            assert told in cells[0]
    with app.app_context():
        assert db.session.get_one(Run, person.run_id).state == "draft"

    changed = person.client.post(path, data=USUAL | wanted | {"encoding": "utf-8"})
    assert says not in person.look(changed)
    assert "2 delivered" in person.run()


def test_headings_have_what_they_have(person: Downloading, people: list[int]) -> None:
    """A delimiter, quotes, a formula; a line break that was pasted in is a blank."""
    headings = ["No, really", 'The "first" name', "=ZIP", "two\r\nlines"]
    names = ("CONS_ID", "FIRST_NAME", "HOME_ZIP", "LAST_NAME")
    person.ask(**{"columns": list(names), "columns-heading": headings}, formats=["csv", "xlsx"])
    results = person.run()
    csv_file, workbook = person.files(results)
    [row, *_] = csv.reader(io.StringIO(csv_file.decode("utf-8-sig"), newline=""))
    assert row[:4] == ["No, really", 'The "first" name', "'=ZIP", "two lines"]
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(workbook))
    assert book.get_sheet_by_index(0).to_python()[0] == row


def test_a_column_that_was_deleted_is_told(person: Downloading, people: list[int]) -> None:
    with person.app.app_context():
        db.session.add(CustomField(key="shirt", label="Shirt", kind="text"))
        db.session.commit()
    person.ask(**columns("CONS_ID", "CUSTOM_SHIRT=Shirt"))
    person.run()
    with person.app.app_context():
        db.session.query(CustomField).delete()
        db.session.commit()
    again = person.client.post(f"/runs/{person.run_id}/again")
    person.run_id = int(again.location.split("/")[2])
    told = "CUSTOM_SHIRT no longer exists, so its column in the file is empty."
    assert told in person.look(again)
    assert told in person.run()


def test_a_center_has_its_own_people_only(app: Flask, client: FlaskClient[Any],
                                          people: list[int]) -> None:  # fmt: skip
    north = make_center(app, "North")
    with app.app_context():
        db.session.add(CenterMember(center_id=north, constituent_id=people[0]))
        db.session.commit()
    person = Downloading(
        app, sign_in(client, make_person(app, "north@example.org", *RUNNER, center_id=north))
    )
    person.ask(**columns("CONS_ID"))
    [content] = person.files(person.run())
    rows = content.decode("utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [str(people[0])]


def finished(app: Flask, center_id: int | None) -> tuple[int, str, str]:
    """A download that holds one record back: its run, the path of its file, that of its list."""
    with app.app_context():
        operation = db.session.scalars(select(Operation).filter_by(slug=SLUG)).one()
        held = [(1, "no_member_id", "", "")]
        run = make_download(db.session(), operation, center_id, withheld=held)
        run_id = run.id
        file = db.session.scalars(select(DownloadFile).filter_by(run_id=run_id)).one()
        window = db.session.get_one(DownloadWindow, run_id)
        paths = f"/runs/{run_id}/files/{file.id}", f"/held-back/{window.stream_id}"
        db.session.commit()
    return run_id, *paths


def ask_all(client: FlaskClient[Any], download: tuple[int, str, str]) -> list[int]:
    """What is answered to whoever wants to see its page, its file and its list, take its window
    again, and send what is free."""
    run_id, file, held = download
    looked = [client.get(path).status_code for path in (f"/runs/{run_id}", file, held)]
    posted = [client.post(path).status_code for path in (f"/runs/{run_id}/again", f"{held}/send")]
    return [*looked, *posted]


def test_a_center_has_its_own_downloads_only(app: Flask, client: FlaskClient[Any]) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    own, other, of_site = (finished(app, center) for center in (north, south, None))
    sign_in(client, make_person(app, "north@example.org", *RUNNER, center_id=north))

    assert ask_all(client, other) == [404] * 5
    assert ask_all(client, of_site) == [404] * 5
    assert ask_all(client, own) == [200, 200, 200, 303, 303]
    # The only one there is
    assert client.get("/held-back").location == own[2]


def test_who_may_only_look_here_and_run_elsewhere_runs_nothing_here(
    app: Flask, client: FlaskClient[Any]
) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    grants = [*(Grant(role, north) for role in VIEWER), *(Grant(role, south) for role in RUNNER)]
    sign_in(client, make_person(app, "both@example.org", grants=grants))
    assert ask_all(client, finished(app, north)) == [200, 200, 200, 403, 403]


def test_an_operation_keeps_its_settings(app: Flask, client: FlaskClient[Any]) -> None:
    sign_in(client, make_person(app, "manage@example.org", *MANAGER))
    data = {key: value for key, value in USUAL.items() if key not in ("label", "start")}
    answer = client.post(
        f"/operations/{SLUG}/customise",
        data=data | {"title": "For Raiser", "audience": "site", "delimiter": "tab",
                     "statuses": "Registered"} | columns("CONS_ID", "MEMBER_ID=ID"),
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    with app.app_context():
        operation = db.session.scalars(select(Operation).filter_by(slug="for-raiser")).one()
        kept = operation.options["download_settings"]
    assert kept["delimiter"] == "\t"
    assert kept["columns"] == [["CONS_ID", ""], ["MEMBER_ID", "ID"]]
    for page in ("/operations/for-raiser/download", "/operations/for-raiser/edit"):
        assert chosen(client.get(page).text) == [("CONS_ID", ""), ("MEMBER_ID", "ID")]


def test_the_columns_are_arranged_without_script(person: Downloading) -> None:
    """Each press gives the page back as it was filled in, with another list."""
    page, path = "", f"/operations/{SLUG}/download"
    data: dict[str, object] = USUAL | {"label": "April", "start": "everything"}
    for press, more, expected in (
        ("add", ["CONS_ID"], ["CONS_ID"]),
        ("add", ["section:Keys", "HOME_ZIP"],
         ["CONS_ID", "MEMBER_ID", "PRIMARY_EMAIL", "HOME_ZIP"]),
        ("up:HOME_ZIP", [], ["CONS_ID", "MEMBER_ID", "HOME_ZIP", "PRIMARY_EMAIL"]),
        ("down:CONS_ID", [], ["MEMBER_ID", "CONS_ID", "HOME_ZIP", "PRIMARY_EMAIL"]),
        ("up:MEMBER_ID", [], ["MEMBER_ID", "CONS_ID", "HOME_ZIP", "PRIMARY_EMAIL"]),
        ("remove:CONS_ID", [], ["MEMBER_ID", "HOME_ZIP", "PRIMARY_EMAIL"]),
        ("nonsense:CONS_ID", [], ["MEMBER_ID", "HOME_ZIP", "PRIMARY_EMAIL"]),
    ):  # fmt: skip
        pressed = {"columns-press": press, "columns-more": more}
        answer = person.client.post(path, data=data | columns(*_lines(page)) | pressed)
        page = answer.text
        assert answer.status_code == 200
        assert [name for name, _ in chosen(page)] == expected
        assert 'value="April"' in page
        assert re.search(r'<input[^>]*checked[^>]*value="everything"', page)
        if press.startswith(("up:", "down:")):
            assert re.search(rf'value="{press}"[^>]* autofocus', page), "one goes on from there"
    assert chosen(page)[1] == ("HOME_ZIP", "")
    with person.app.app_context():
        assert db.session.scalars(select(Run.id)).all() == []


def _lines(page: str) -> list[str]:
    return [f"{name}={heading}" for name, heading in chosen(page)]


def test_the_list_alone_is_a_fragment(person: Downloading) -> None:
    data = columns("CONS_ID", "HOME_ZIP=Postal code") | {"columns-press": "up:HOME_ZIP"}
    answer = person.client.post("/downloads/constituent_data_download/columns", data=data)
    assert chosen(answer.text) == [("HOME_ZIP", "Postal code"), ("CONS_ID", "")]
    assert "HOME_ZIP is column 1 of 2." in answer.text
    assert answer.text.lstrip().startswith('<div id="download-columns">')
    every = person.client.post(
        "/downloads/transaction_information_download/columns",
        data={"columns-press": "add", "columns-more": "every"},
    )
    assert chosen(every.text)[0] == ("TRANSACTION_ID", "")
    assert person.client.post("/downloads/standard_constituent_import/columns").status_code == 404


def test_an_operations_columns_are_arranged_without_script(
    app: Flask, client: FlaskClient[Any]
) -> None:
    sign_in(client, make_person(app, "manage@example.org", *MANAGER))
    data = columns("CONS_ID", "MEMBER_ID=ID") | {
        "title": "For Raiser", "columns-press": "remove:CONS_ID"
    }  # fmt: skip
    answer = client.post(f"/operations/{SLUG}/customise", data=data)
    assert answer.status_code == 200
    assert chosen(answer.text) == [("MEMBER_ID", "ID")]
    assert 'value="For Raiser"' in answer.text


@pytest.mark.parametrize("state", ["failure", "cancelled"])
def test_a_download_that_gave_nothing_leads_to_the_next_try(
    app: Flask, person: Downloading, state: str
) -> None:
    def ended(start: str, again: int | None = None) -> str:
        asked = DownloadRequest(start=Start(start), again_run_id=again).to_json()
        with app.app_context():
            operation = db.session.scalars(select(Operation).filter_by(slug=SLUG)).one()
            run = make_run(
                db.session(), operation=operation, state=state, options={"download": asked}
            )
            db.session.commit()
            return f"/runs/{run.id}"

    with app.app_context():
        operation = db.session.scalars(select(Operation).filter_by(slug=SLUG)).one()
        success = make_download(db.session(), operation).id
        stream = db.session.get_one(DownloadWindow, success).stream_id
        db.session.commit()
    first, free = ended("last"), ended("free")
    again = ended("again", success)

    primary = r'<a class="btn btn-primary" href="([^"]+)">'
    assert re.findall(primary, person.get(first)) == [f"/operations/{SLUG}/download"]
    assert re.findall(primary, person.get(free)) == [f"/held-back/{stream}"]
    assert re.findall(primary, person.get(again)) == [f"/runs/{success}"]
    viewer = sign_in(app.test_client(), make_person(app, "view@example.org", *VIEWER))
    assert not re.findall(primary, viewer.get(first).text)
