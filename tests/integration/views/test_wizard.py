"""The run wizard over HTTP: each step, what stops it, and that nothing gets lost on the way."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import python_calamine
from rq import Queue

from tests.finished_runs import fault, make_reject, make_row
from tests.people import Person, make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import CustomField, Run, RunEdit, Upload
from webapp.rules.fields import STANDARD_FIELDS
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

START = "/operations/standard-constituent-import/start"
FILE = "MEMBER_ID,FIRST_NAME,PRIMARY_EMAIL\nM-1,Ada,ada@example.org\nM-2,Grace,grace@example.org\n"
RUNNER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
MANAGER = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_MANAGE)


@pytest.fixture
def runner(app: Flask) -> Person:
    return make_person(app, "runner@example.org", *RUNNER)


@pytest.fixture
def browser_of_runner(client: FlaskClient[Any], runner: Person) -> FlaskClient[Any]:
    return sign_in(client, runner)


class Wizard:
    """A person at the wizard, with the draft they are at."""

    def __init__(self, app: Flask, client: FlaskClient[Any]) -> None:
        self.app, self.client, self.run_id = app, client, 0

    def url(self, step: str) -> str:
        return f"/runs/{self.run_id}/wizard/{step}"

    def begin(self, **data: str) -> TestResponse:
        answer = self.client.post(START, data={"label": "Spring", "date_order": "dmy"} | data)
        if answer.status_code == 303:
            self.run_id = int(answer.location.split("/")[2])
        return answer

    def upload(self, text: str | bytes = FILE, name: str = "spring.csv") -> TestResponse:
        content = text.encode() if isinstance(text, str) else text
        return self.client.post(self.url("file"), data={"file": (io.BytesIO(content), name)})

    def get(self, step: str, **query: str) -> TestResponse:
        return self.client.get(self.url(step), query_string=query)

    def post(self, step: str, **data: Any) -> TestResponse:
        return self.client.post(self.url(step), data=data)

    def preview_with(self, *rows: Any, **values: Any) -> int:
        """A finished preview, as a worker would have left it."""
        self.post("preview/start")
        with self.app.app_context():
            run = db.session.get_one(Run, self.run_id)
            preview = db.session.get_one(Run, run.preview_id)
            preview.state, preview.rows_read = "success", len(rows)
            for row in rows:
                row.run_id = preview.id
                setattr(preview, row.outcome, getattr(preview, row.outcome) + 1)
            for name, value in values.items():
                setattr(preview, name, value)
            db.session.add_all(rows)
            db.session.commit()
            return preview.id

    def read(self) -> Run:
        with self.app.app_context():
            run = db.session.get_one(Run, self.run_id)
            db.session.expunge(run)
            return run

    def edits(self) -> list[RunEdit]:
        with self.app.app_context():
            return list(db.session.query(RunEdit).order_by(RunEdit.id))


@pytest.fixture
def wizard(app: Flask, browser_of_runner: FlaskClient[Any]) -> Wizard:
    return Wizard(app, browser_of_runner)


@pytest.fixture
def drafted(wizard: Wizard) -> Wizard:
    wizard.begin()
    assert wizard.run_id
    return wizard


@pytest.fixture
def uploaded(drafted: Wizard) -> Wizard:
    assert drafted.upload().status_code == 303
    return drafted


def rejected(number: int = 3) -> Any:
    return make_reject(
        number,
        ["M-9", "Ada", "not an email"],
        fault("not_an_email", "PRIMARY_EMAIL", "not an email", "It is no address; write one."),
    )


# ---- information ----


def test_the_template_has_every_column(app: Flask, browser_of_runner: FlaskClient[Any]) -> None:
    with app.app_context():
        db.session.add(CustomField(key="shirt", label="T-shirt", kind="text"))
        db.session.commit()
    every = [field.column for field in STANDARD_FIELDS] + ["CUSTOM_SHIRT"]
    start = browser_of_runner.get(START).text
    for ending in ("csv", "xlsx"):
        address = f"/operations/standard-constituent-import/template.{ending}"
        assert f'href="{address}"' in start
        content = browser_of_runner.get(address).data
        if ending == "csv":
            assert content.decode("utf-8-sig").splitlines() == [",".join(every)]
        else:
            book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
            assert book.get_sheet_by_index(0).to_python()[0] == every


def test_looking_at_the_first_step_makes_no_draft(wizard: Wizard) -> None:
    answer = wizard.client.get(START)
    assert answer.status_code == 200
    assert "Standard Constituent Import, " in answer.text
    with wizard.app.app_context():
        assert db.session.query(Run).count() == 0


def test_the_first_step_keeps_what_was_said(wizard: Wizard, runner: Person) -> None:
    answer = wizard.begin(label=" Gala ", description="From the gala")
    assert answer.location.endswith("/wizard/file")
    run = wizard.read()
    assert (run.label, run.description, run.options["date_order"]) == (
        "Gala",
        "From the gala",
        "dmy",
    )
    assert run.notify == [runner.email]
    assert run.state == "draft"


def test_a_label_is_needed(wizard: Wizard) -> None:
    answer = wizard.begin(label=" ")
    assert answer.status_code == 422
    assert "Enter a label" in answer.text


def test_information_can_be_changed_later(drafted: Wizard) -> None:
    answer = drafted.post("information", label="Other", date_order="mdy", description="")
    assert answer.status_code == 303
    assert drafted.read().label == "Other"
    assert 'value="Other"' in drafted.get("information").text


def test_a_runner_of_a_center_runs_for_it(app: Flask, client: FlaskClient[Any]) -> None:
    north = make_center(app, "North")
    make_center(app, "South")
    sign_in(client, make_person(app, "north@example.org", *RUNNER, center_id=north))
    wizard = Wizard(app, client)
    assert "Run for" not in client.get(START).text
    wizard.begin()
    assert wizard.read().center_id == north


def test_a_runner_of_two_centers_says_for_which(app: Flask, client: FlaskClient[Any]) -> None:
    from webapp.rules.roles import Grant

    north, south, east = (make_center(app, name) for name in ("North", "South", "East"))
    grants = [Grant(role, center) for role in RUNNER for center in (north, south)]
    sign_in(client, make_person(app, "two@example.org", grants=grants))
    wizard = Wizard(app, client)
    assert "South" in client.get(START).text
    assert "East" not in client.get(START).text
    assert wizard.begin(center_id=str(east)).status_code == 422
    wizard.begin(center_id=str(south))
    assert wizard.read().center_id == south


# ---- file ----


def test_a_file_leads_to_what_was_found(drafted: Wizard) -> None:
    answer = drafted.upload()
    assert answer.location.endswith("/wizard/found")
    page = drafted.get("found").text
    assert '<option selected value="utf-8">UTF-8</option>' in page
    assert '<option selected value="comma">commas</option>' in page
    assert "Member ID" in page
    assert "grace@example.org" in page


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"%PDF-1.7 something", "a.pdf"), (b"", "empty.csv"), (b"MEMBER_ID\n", "header.csv")],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(
    drafted: Wizard, content: bytes, name: str
) -> None:
    answer = drafted.upload(content, name)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert drafted.read().upload_id is None
    with drafted.app.app_context():
        assert db.session.query(Upload).count() == 0


class Arriving(io.RawIOBase):
    """The body of an upload of many megabytes, which looks how much of it is stored already each
    time that more of it is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        self._parts = iter([head + b"MEMBER_ID\n", *[b"M1\n" * 300_000] * 24, b"\r\n--x--\r\n"])
        self._rest = b""
        self._folder = folder
        self.size = len(head) + 10 + 24 * 900_000 + 9
        self.given = 0
        self.behind = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        stored = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        self.behind = max(self.behind, self.given - stored)
        self._rest = self._rest or next(self._parts, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        self.given += len(piece)
        return len(piece)


def test_a_file_is_stored_while_it_arrives(drafted: Wizard, settings: Any) -> None:
    body = Arriving(settings.data_dir / "files" / "uploads")
    sent = {
        "wsgi.input": body,
        "CONTENT_LENGTH": str(body.size),
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
    }
    answer = drafted.client.post(drafted.url("file"), environ_overrides=sent)
    assert answer.status_code == 303, answer.text
    assert body.given == body.size
    assert body.behind < 4 * 1024**2


def test_a_refused_file_is_not_kept(drafted: Wizard, settings: Any) -> None:
    drafted.upload(b"%PDF-1.7 something", "a.pdf")
    assert not [path for path in (settings.data_dir / "files").rglob("*") if path.is_file()]


def test_no_file_chosen(drafted: Wizard) -> None:
    answer = drafted.post("file")
    assert answer.status_code == 422
    assert "Choose the file that you want to import." in answer.text


def test_htmx_gets_the_form_or_is_sent_on(drafted: Wizard) -> None:
    headers = {"HX-Request": "true"}
    data = {"file": (io.BytesIO(b"%PDF-1.7"), "a.pdf")}
    refused = drafted.client.post(drafted.url("file"), data=data, headers=headers)
    assert refused.status_code == 422
    assert refused.text.lstrip().startswith('<form id="wizard-upload"')
    data = {"file": (io.BytesIO(FILE.encode()), "a.csv")}
    taken = drafted.client.post(drafted.url("file"), data=data, headers=headers)
    assert taken.status_code == 200
    assert taken.headers["HX-Redirect"].endswith("/wizard/found")


def test_another_file_forgets_the_corrections_of_the_first(uploaded: Wizard) -> None:
    uploaded.preview_with(rejected())
    uploaded.post("preview/leave-out", row_number="3")
    assert len(uploaded.edits()) == 1
    uploaded.upload(FILE + "M-3,Alan,alan@example.org\n")
    assert uploaded.edits() == []
    assert uploaded.read().preview_id is None


# ---- what we found ----


UNKNOWN = "MEMBR_ID,First,Shoe size\nM-1,Ada,38\n"


def test_unknown_columns_stop_it_and_are_decided_right_there(drafted: Wizard) -> None:
    drafted.upload(UNKNOWN)
    page = drafted.get("found").text
    assert "Shoe size" in page
    assert '<option selected value="MEMBER_ID">' in page
    stopped = drafted.get("preview")
    assert stopped.location.endswith("/wizard/found")
    answer = drafted.post("found", column_1="MEMBER_ID", column_2="FIRST_NAME", column_3="-")
    assert answer.status_code == 303
    assert drafted.read().options["columns"] == {
        "MEMBR_ID": "MEMBER_ID",
        "First": "FIRST_NAME",
        "Shoe size": None,
    }
    page = drafted.get("found").text
    assert "Show me what would happen" in page
    assert "Passed over" in page


def test_a_column_cannot_be_read_as_anything_but_a_field(drafted: Wizard) -> None:
    drafted.upload(UNKNOWN)
    answer = drafted.post("found", column_1="PASSWORD", column_2="", column_3="-")
    assert answer.status_code == 422
    assert "columns" not in drafted.read().options


def test_the_columns_nothing_is_said_about_can_be_left_out_at_once(drafted: Wizard) -> None:
    drafted.upload("MEMBR_ID,First,Shoe size,Hat size\nM-1,Ada,38,7\n")
    drafted.post("found", column_1="MEMBER_ID", column_2="FIRST_NAME", leave_rest_out="yes")
    assert drafted.read().options["columns"] == {
        "MEMBR_ID": "MEMBER_ID",
        "First": "FIRST_NAME",
        "Shoe size": None,
        "Hat size": None,
    }
    assert "Show me what would happen" in drafted.get("found").text


def test_a_file_without_a_key_column_says_so(drafted: Wizard) -> None:
    drafted.upload("FIRST_NAME\nAda\n")
    assert "CONS_ID, MEMBER_ID or PRIMARY_EMAIL" in drafted.get("found").text


def test_the_same_file_again_is_recognised(uploaded: Wizard, runner: Person) -> None:
    with uploaded.app.app_context():
        run = db.session.get_one(Run, uploaded.run_id)
        run.state = "success"
        db.session.commit()
    again = Wizard(uploaded.app, uploaded.client)
    again.begin(label="Once more")
    again.upload(name="other-name.csv")
    page = again.get("found").text
    assert "This file came in before" in page
    assert "Spring" in page
    assert runner.name in page


# ---- preview ----


def test_steps_cannot_be_skipped(drafted: Wizard) -> None:
    for step in ("found", "preview", "review"):
        assert drafted.get(step).location.endswith("/wizard/file")
    drafted.upload()
    assert drafted.get("review").location.endswith("/wizard/preview")


def test_coming_back_leads_to_where_the_draft_is(app: Flask, uploaded: Wizard) -> None:
    other = sign_in(app.test_client(), make_person(app, "colleague@example.org", *RUNNER))
    answer = other.get(f"/runs/{uploaded.run_id}/wizard")
    assert answer.location.endswith("/wizard/preview")


def test_the_preview_waits_and_can_be_stopped(uploaded: Wizard) -> None:
    assert uploaded.post("preview/start").location.endswith("/wizard/preview")
    page = uploaded.get("preview").text
    assert "run-progress" in page
    assert 'http-equiv="refresh"' in page
    preview = uploaded.read().preview_id
    uploaded.post("preview/start")
    assert uploaded.read().preview_id == preview
    uploaded.client.post(f"/runs/{preview}/cancel")
    assert "was stopped" in uploaded.get("preview").text


def test_the_preview_shows_counts_changes_groups_and_problems(uploaded: Wizard) -> None:
    uploaded.preview_with(
        make_row(
            2,
            "updated",
            "Ada Lovelace",
            before={"first_name": "Ada", "accepts_email": "t"},
            changes={"first_name": "Augusta", "accepts_email": "f"},
        ),
        make_row(4, "created", "Grace Hopper", changes={"last_name": "Hopper"}),
        rejected(),
        tallies={"groups": {"99": 4}, "opt_outs_kept": 2, "repeated": 1},
    )
    page = uploaded.get("preview").text
    assert "Ada Lovelace" in page
    assert "<del>Yes</del>" in page
    assert "<ins>No</ins>" in page
    assert "Hopper" in page
    assert "Not an email address" in page
    assert "+4" in page
    assert "2 opt-outs are kept" in page
    assert "1 row is about someone" in page


def test_a_problem_names_row_column_value_and_remedy_and_can_be_corrected(
    uploaded: Wizard,
) -> None:
    uploaded.preview_with(rejected())
    page = uploaded.get("preview/problems").text
    assert "Row 3" in page
    assert "It is no address; write one." in page
    assert 'value="not an email"' in page
    answer = uploaded.post(
        "preview/correct",
        row_number="3",
        column="PRIMARY_EMAIL",
        new_value="ada@example.org",
        code="not_an_email",
        anchor="row-3",
    )
    assert answer.location.endswith("/wizard/preview/problems?code=not_an_email#row-3")
    [edit] = uploaded.edits()
    assert (edit.kind, edit.row_number, edit.column, edit.new_value) == (
        "cell",
        3,
        "PRIMARY_EMAIL",
        "ada@example.org",
    )
    page = uploaded.get("preview/problems").text
    assert "This preview is out of date" in page
    assert "ada@example.org" in page
    assert uploaded.get("review").location.endswith("/wizard/preview")
    # Taken back, the preview holds no less than before, but it has to be asked
    uploaded.post(f"preview/corrections/{edit.id}/remove", **{"from": "list_corrections"})
    assert uploaded.edits() == []


def test_htmx_gets_the_problems_as_they_are_now(uploaded: Wizard) -> None:
    uploaded.preview_with(rejected())
    answer = uploaded.client.post(
        uploaded.url("preview/leave-out"),
        data={"row_number": "3", "code": "not_an_email"},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="wizard-problems"')
    assert "Left out." in answer.text


def test_a_value_is_replaced_everywhere(uploaded: Wizard) -> None:
    bad = fault("not_an_email", "PRIMARY_EMAIL", "n/a")
    uploaded.preview_with(
        make_reject(2, ["M-1", "Ada", "n/a"], bad), make_reject(3, ["M-2", "Grace", "n/a"], bad)
    )
    page = uploaded.get("preview/problems").text
    assert "Replace everywhere" in page
    uploaded.post("preview/replace", column="PRIMARY_EMAIL", old='"n/a"', new_value="")
    [edit] = uploaded.edits()
    assert (edit.kind, edit.old_value, edit.new_value) == ("value", "n/a", "")
    same = uploaded.post("preview/replace", column="PRIMARY_EMAIL", old='"x"', new_value="x")
    assert same.status_code == 303
    assert len(uploaded.edits()) == 1


NASTY = '<b>"O\'Neil" & söns</b>'


def test_a_value_comes_back_as_it_is_whatever_is_in_it(uploaded: Wizard) -> None:
    bad = fault("not_an_email", "PRIMARY_EMAIL", NASTY)
    uploaded.preview_with(
        make_reject(2, ["M-1", "Ada", NASTY], bad), make_reject(3, ["M-2", "Grace", NASTY], bad)
    )
    page = uploaded.get("preview/problems").text
    assert "<b>" not in page
    [sent] = re.findall(r'name="old" value="([^"]*)"', page)
    uploaded.post("preview/replace", column="PRIMARY_EMAIL", old=unescape(sent), new_value="")
    assert [edit.old_value for edit in uploaded.edits()] == [NASTY]


def test_what_was_sent_by_nobody_is_refused(uploaded: Wizard) -> None:
    uploaded.preview_with(rejected())
    uploaded.post("preview/correct", row_number="3", column="SHOE_SIZE", new_value="1")
    uploaded.post("preview/correct", row_number="-3", column="FIRST_NAME", new_value="1")
    uploaded.post("preview/correct", row_number="99999999999", column="FIRST_NAME", new_value="1")
    for old in ("no json", "1", r'"\u0000"', r'"\ud800"'):
        answer = uploaded.post("preview/replace", column="FIRST_NAME", old=old, new_value="1")
        assert answer.status_code == 303, old
    assert uploaded.post(f"preview/corrections/{2**63}/remove").status_code == 404
    assert uploaded.edits() == []


def test_an_operation_nobody_can_have_is_not_there(browser_of_runner: FlaskClient[Any]) -> None:
    assert browser_of_runner.get("/operations/%00/start").status_code == 404


def test_rows_are_filtered_and_paged(uploaded: Wizard) -> None:
    uploaded.preview_with(
        *(make_row(number, "created", f"New {number}") for number in range(2, 62)),
        make_row(70, "unchanged", "Old Friend", notes=["Kept."]),
    )
    first = uploaded.get("preview/rows").text
    assert "New 51" in first
    assert "New 52" not in first
    second = uploaded.get("preview/rows", after="51").text
    assert "New 52" in second
    assert "Old Friend" in uploaded.get("preview/rows", text="friend").text
    assert "Old Friend" in uploaded.get("preview/rows", noted="yes").text
    assert "New 2" not in uploaded.get("preview/rows", noted="yes").text
    assert "No such rows" in uploaded.get("preview/rows", outcome="updated").text


# ---- review ----


@pytest.fixture
def previewed(uploaded: Wizard) -> Wizard:
    uploaded.preview_with(make_row(2, "created", "Ada"), make_row(3, "updated", "Grace"))
    return uploaded


def test_the_review_says_what_will_happen_and_runs_once(previewed: Wizard) -> None:
    page = previewed.get("review").text
    assert "Running creates 1 constituent and updates existing constituents from 1 row." in page
    answer = previewed.post("review", notify="a@example.org, B@example.org\na@example.org")
    assert answer.location.endswith(f"/runs/{previewed.run_id}")
    run = previewed.read()
    assert run.state == "queued"
    assert run.notify == ["a@example.org", "B@example.org"]
    again = previewed.post("review", notify="")
    assert again.location.endswith(f"/runs/{previewed.run_id}")
    assert previewed.read().notify == ["a@example.org", "B@example.org"]


def test_run_pressed_in_two_browsers_at_once_runs_once(previewed: Wizard, runner: Person) -> None:
    browsers = [sign_in(previewed.app.test_client(), runner) for _ in range(2)]
    url, data = previewed.url("review"), {"notify": "a@example.org"}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda browser: browser.post(url, data=data), browsers))
    assert {answer.status_code for answer in answers} == {303}
    with previewed.app.app_context():
        queue = Queue("imports", connection=previewed.app.extensions["datasync_redis"])
        jobs = [job for job in queue.job_ids if job.startswith(f"run-{previewed.run_id}-")]
    assert len(jobs) == 1


def test_addresses_are_checked(previewed: Wizard) -> None:
    answer = previewed.post("review", notify="nobody")
    assert answer.status_code == 422
    assert "“nobody” is not an email address" in answer.text
    long = previewed.post("review", notify="n" * 5_000)
    assert f"“{'n' * 99}…” is not an email address" in long.text
    assert previewed.read().state == "draft"


def test_saving_does_not_run(previewed: Wizard) -> None:
    previewed.post("review", notify="a@example.org", save="yes")
    assert previewed.read().state == "draft"
    assert previewed.read().notify == ["a@example.org"]


def test_an_outdated_preview_cannot_be_run(previewed: Wizard) -> None:
    previewed.post("preview/leave-out", row_number="2")
    answer = previewed.post("review", notify="")
    assert answer.location.endswith("/wizard/preview")
    assert previewed.read().state == "draft"


def test_only_a_manager_may_opt_people_in_again(
    app: Flask, uploaded: Wizard, runner: Person
) -> None:
    uploaded.preview_with(make_row(2, "updated", "Ada"), tallies={"opt_outs_kept": 1})
    assert "Opt these people in again" not in uploaded.get("review").text
    uploaded.post("review", notify="", opt_in_again="y", save="yes")
    assert not uploaded.read().options.get("opt_in_again")

    manager = sign_in(app.test_client(), make_person(app, "manager@example.org", *MANAGER))
    by_manager = Wizard(app, manager)
    by_manager.run_id = uploaded.run_id
    assert "Opt these people in again" in by_manager.get("review").text
    answer = by_manager.post("review", notify="", opt_in_again="y")
    assert answer.location.endswith("/wizard/preview")
    run = by_manager.read()
    assert run.options["opt_in_again"] is True
    assert run.state == "draft"
    assert "run-progress" in by_manager.get("preview").text


def test_a_runner_cannot_run_what_only_a_manager_may_choose(app: Flask, uploaded: Wizard) -> None:
    """The choice stays the manager's, who may also press Run; nobody else runs it unseen."""
    uploaded.preview_with(make_row(2, "updated", "Ada"), tallies={"opt_outs_kept": 1})
    with app.app_context():
        run = db.session.get_one(Run, uploaded.run_id)
        run.options = run.options | {"opt_in_again": True}
        preview = db.session.get_one(Run, run.preview_id)
        preview.options = preview.options | {"opt_in_again": True}
        db.session.commit()
    page = uploaded.get("review").text
    assert "a manager" in page
    assert uploaded.post("review", notify="").status_code == 303
    assert uploaded.read().state == "draft"


# ---- the draft as a whole ----


def test_a_draft_can_be_discarded(uploaded: Wizard) -> None:
    assert uploaded.post("discard").location == "/operations/"
    assert uploaded.read().state == "cancelled"
    assert uploaded.get("file").location.endswith(f"/runs/{uploaded.run_id}")
    page = uploaded.client.get(f"/runs/{uploaded.run_id}").text
    assert "This draft was discarded before it was run" in page
    assert "already started" not in page
    assert f"/runs/{uploaded.run_id}" not in uploaded.client.get("/runs/").text


def test_another_center_does_not_see_a_draft(app: Flask, drafted: Wizard) -> None:
    center = make_center(app, "North")
    other = sign_in(
        app.test_client(), make_person(app, "north@example.org", *RUNNER, center_id=center)
    )
    assert other.get(drafted.url("file")).status_code == 404
    assert other.post(drafted.url("discard")).status_code == 404
    assert drafted.read().state == "draft"
