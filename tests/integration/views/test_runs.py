"""Operation Results: the list, the live page, results, rejects, undo; and the messages page."""

from __future__ import annotations

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import event, func, select, text

from tests.finished_runs import COLUMNS, fault, make_reject, make_row, make_run
from tests.people import Person, make_admin, make_center, make_person, sign_in
from webapp import create_app
from webapp.extensions import db
from webapp.models import Constituent, Group, GroupMember, Message, Run
from webapp.rules.roles import Role
from webapp.services.progress import SILENT_AFTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session

    from tests.services import Services

HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def shared_app(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application for all of these tests, since they need no more than their own runs."""
    name = services.create_database()
    application = create_app(services.settings(name, tmp_path_factory.mktemp("runs") / "data"))
    application.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield application
    with application.app_context():
        for engine in db.engines.values():
            engine.dispose()
    services.drop_database(name)


@pytest.fixture(autouse=True)
def app(shared_app: Flask) -> Flask:
    """The same without the runs of earlier tests."""
    with shared_app.app_context():
        for table in ("messages", "run_rows", "runs", "uploads", "group_members", "groups"):
            db.session.execute(text(f"DELETE FROM {table}"))
        db.session.commit()
        db.session.remove()
    return shared_app


@pytest.fixture(scope="module")
def runner(shared_app: Flask) -> Person:
    return make_person(shared_app, "rita@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)


@pytest.fixture(scope="module")
def rita(shared_app: Flask, runner: Person) -> FlaskClient[Any]:
    return sign_in(shared_app.test_client(), runner)


@pytest.fixture(scope="module")
def viewer(shared_app: Flask) -> FlaskClient[Any]:
    roles = (Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_VIEW)
    return sign_in(shared_app.test_client(), make_person(shared_app, "vera@example.org", *roles))


@pytest.fixture(scope="module")
def admin(shared_app: Flask) -> FlaskClient[Any]:
    return sign_in(shared_app.test_client(), make_admin(shared_app))


def finished(session: Session, **values: Any) -> Run:
    run = make_run(
        session,
        [
            make_row(2, "created", "Anna Berg", constituent_id=900),
            make_row(3, "updated", "Bo Lee", notes=["The opt-out was kept."]),
            make_row(4, "unchanged", "Cy Dee"),
            make_reject(5, ["M1", "<b>Dee</b>", "nope"]),
            make_row(6, "withheld", "Ed", faults=[fault("left_out", message="Left out by Rita.")]),
        ],
        **values,
    )
    session.commit()
    return run


@pytest.fixture
def selects(session: Session) -> Iterator[list[str]]:
    """Every statement the database was asked."""
    found: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


class TestLivePage:
    def test_it_polls_while_the_run_is_under_way(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = make_run(
            session,
            state="running",
            rows_read=300,
            created=300,
            rows_total=1000,
            started_at=datetime.now(UTC) - timedelta(seconds=30),
        )
        session.commit()

        page = rita.get(f"/runs/{run.id}").text

        assert f'hx-get="/runs/{run.id}/progress"' in page
        assert 'hx-trigger="load delay:2s, every 15s"' in page
        assert "300 <span" in page
        assert "of 1,000" in page
        assert '<noscript><meta http-equiv="refresh"' in page
        assert "Cancel the run" in page

    def test_the_fragment_stops_polling_and_reloads_the_page_at_the_end(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = finished(session)

        answer = rita.get(f"/runs/{run.id}/progress", headers=HTMX)

        assert "hx-get" not in answer.text
        assert "hx-trigger" not in answer.text
        assert answer.headers["HX-Refresh"] == "true"

    @pytest.mark.parametrize("kind", ["run", "preview", "undo", "undo_preview"])
    def test_the_fragment_serves_every_kind(
        self, session: Session, rita: FlaskClient[Any], kind: str
    ) -> None:
        run = make_run(session, kind=kind, state="running", rows_read=0, rows_total=None)
        session.commit()

        answer = rita.get(f"/runs/{run.id}/progress", headers=HTMX)

        assert answer.status_code == 200
        assert answer.text.count('id="run-progress"') == 1
        assert "HX-Refresh" not in answer.headers
        assert ("Restored" in answer.text) == kind.startswith("undo")

    def test_a_poll_reads_the_run_with_one_select(
        self, session: Session, rita: FlaskClient[Any], selects: list[str]
    ) -> None:
        run = make_run(session, state="running", rows_read=5, created=5)
        session.commit()
        address = f"/runs/{run.id}/progress"
        rita.get(address, headers=HTMX)
        session.expire_all()
        del selects[:]

        rita.get(address, headers=HTMX)

        asked = [sql for sql in selects if sql.startswith("SELECT") and "set_config" not in sql]
        mine = [sql for sql in asked if "user" not in sql.partition("FROM")[2].split()[0]]
        assert len([sql for sql in mine if "FROM runs" in sql]) == 1, asked
        assert len(mine) == 1, asked

    def test_polls_get_rarer(self, session: Session, rita: FlaskClient[Any]) -> None:
        def delay(seconds: int) -> str:
            started = datetime.now(UTC) - timedelta(seconds=seconds)
            run = make_run(session, state="running", started_at=started, rows_read=0)
            session.commit()
            text = rita.get(f"/runs/{run.id}/progress", headers=HTMX).text
            found = re.search(r"load delay:(\d+)s", text)
            assert found
            return found[1]

        assert [delay(seconds) for seconds in (1, 30, 120, 3600)] == ["1", "2", "3", "5"]

    def test_a_silent_worker_is_told(self, session: Session, rita: FlaskClient[Any]) -> None:
        silent = datetime.now(UTC) - SILENT_AFTER - timedelta(seconds=5)
        stale = make_run(session, state="stale")
        quiet = make_run(session, state="running", heartbeat_at=silent)
        lively = make_run(session, state="running", heartbeat_at=datetime.now(UTC))
        session.commit()

        for run, is_told in ((stale, True), (quiet, True), (lively, False)):
            page = rita.get(f"/runs/{run.id}").text
            assert ("takes over by itself" in page) == is_told

    def test_an_estimate_never_looks_finished(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = make_run(
            session,
            state="running",
            rows_read=1200,
            created=1200,
            rows_total=1000,
            rows_total_is_exact=False,
        )
        session.commit()

        page = rita.get(f"/runs/{run.id}").text

        assert "of about 1,212" in page
        assert "99 %" in page

    def test_cancel(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = make_run(session, state="running")
        session.commit()

        answer = rita.post(f"/runs/{run.id}/cancel")

        assert answer.status_code == 303
        session.refresh(run)
        assert run.cancel_requested
        page = rita.get(answer.location).text
        assert "Stopping after the rows it is working on" in page
        assert "Cancel the run" not in page

    def test_cancelling_what_has_ended_changes_nothing(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = finished(session)

        page = rita.post(f"/runs/{run.id}/cancel", follow_redirects=True).text

        assert "It had ended before" in page
        session.refresh(run)
        assert run.state == "success"

    def test_who_may_only_look_is_not_offered_to_cancel(
        self, session: Session, viewer: FlaskClient[Any]
    ) -> None:
        run = make_run(session, state="running")
        session.commit()

        assert "Cancel the run" not in viewer.get(f"/runs/{run.id}").text
        assert viewer.post(f"/runs/{run.id}/cancel").status_code == 403


class TestResults:
    def test_counts_add_up_to_the_rows_read(self, session: Session, rita: FlaskClient[Any]) -> None:
        page = rita.get(f"/runs/{finished(session).id}").text

        assert "5 rows read = 1 created + 1 updated + 1 unchanged + 1 rejected + 1 withheld" in page
        assert 'hx-trigger="load' not in page

    def test_cells_are_text(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = finished(session, label="<script>alert(1)</script>")

        for url in (f"/runs/{run.id}", f"/runs/{run.id}/rows/5", "/runs/"):
            page = rita.get(url).text
            assert "<script>alert" not in page
            assert "<b>Dee" not in page

    def test_a_failure_says_its_sentence(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = finished(session, state="failure", failure="The file ends in the middle of a row.")

        assert "The file ends in the middle of a row." in rita.get(f"/runs/{run.id}").text

    def test_what_it_did_to_groups(self, session: Session, rita: FlaskClient[Any]) -> None:
        made = Group(name="New from Spring, 22 Nov", kind="new", folder="Data Sync")
        gala = Group(name="Gala guests")
        session.add_all([made, gala])
        session.flush()
        run = finished(
            session,
            new_group_id=made.id,
            tallies={"groups": {str(gala.id): 340, "999": 2}, "opt_outs_kept": 3, "repeated": 1},
        )

        page = rita.get(f"/runs/{run.id}").text

        assert "New from Spring, 22 Nov" in page
        assert re.search(r"340</span>.*Gala guests", page)
        assert "No. 999" in page
        assert "opt-outs were kept" in page
        assert "row was about someone" in page

    def test_someone_updated_twice_is_once_in_the_modified_group(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        made = Group(name="Modified from Spring", kind="modified", folder="Data Sync")
        person = Constituent(first_name="Anna")
        session.add_all([made, person])
        session.flush()
        session.add(GroupMember(group_id=made.id, constituent_id=person.id))
        run = make_run(
            session,
            [make_row(2, "updated", "Anna"), make_row(3, "updated", "Anna")],
            modified_group_id=made.id,
            tallies={"repeated": 1},
        )
        session.commit()

        page = rita.get(f"/runs/{run.id}").text

        assert re.search(r">1</span> <span>in <a[^>]*>Modified from Spring<", page)

    def test_rows_are_filtered_by_the_page_and_by_the_fragment_alike(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = finished(session)
        query = "outcome=rejected&text=nope"

        page = rita.get(f"/runs/{run.id}?{query}").text
        answer = rita.get(f"/runs/{run.id}/rows?{query}&problem=", headers=HTMX)

        for shown in (page, answer.text):
            assert "/rows/5" in shown
            assert "/rows/2" not in shown
        assert answer.text.lstrip().startswith('<div id="run-rows">')
        assert answer.headers["HX-Push-Url"] == f"/runs/{run.id}?{query}"

    def test_the_fragment_without_htmx_leads_to_the_page(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = finished(session)

        answer = rita.get(f"/runs/{run.id}/rows?text=anna")

        assert answer.status_code == 302
        assert answer.location == f"/runs/{run.id}?text=anna"

    @pytest.mark.parametrize(
        "query",
        [
            "after=x",
            "before=-1",
            "after=99999999999999999999",
            "outcome=nonsense",
            "problem=nonsense",
            "text=%00",
            "_external=1&_scheme=javascript&run_id=7&endpoint=static",
            "text=" + "x" * 5000,
        ],
    )
    def test_odd_queries_do_no_harm(
        self, session: Session, rita: FlaskClient[Any], query: str
    ) -> None:
        run = finished(session)

        for url in (f"/runs/{run.id}", f"/runs/{run.id}/rows", "/runs/"):
            answer = rita.get(f"{url}?{query}", headers=HTMX if "rows" in url else {})
            assert answer.status_code == 200
            assert "javascript:" not in answer.text + str(answer.headers)

    def test_pages_keep_the_filter(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = make_run(session, [make_row(n, "created", f"Ann {n}") for n in range(2, 130)])
        session.commit()

        first = rita.get(f"/runs/{run.id}?text=ann&outcome=created").text
        found = re.search(r'rel="next" href="([^"]+)"', first)
        assert found
        second = rita.get(found[1].replace("&amp;", "&")).text

        assert "Rows 2 to 51" in first
        assert "Rows 52 to 101" in second
        assert "text=ann" in found[1]
        assert "outcome=created" in found[1]

    def test_one_row_in_full(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = finished(session)

        page = rita.get(f"/runs/{run.id}/rows/5").text

        assert "This row was not imported." in page
        assert all(name in page for name in COLUMNS)
        assert 'class="is-wrong"' in page
        assert "/rows/4" in page
        assert "/rows/6" in page

    @pytest.mark.parametrize("number", ["0", "1", "99", "99999999999999"])
    def test_no_such_row(self, session: Session, rita: FlaskClient[Any], number: str) -> None:
        assert rita.get(f"/runs/{finished(session).id}/rows/{number}").status_code == 404

    @pytest.mark.parametrize("run_id", ["0", "424242", "99999999999999999999"])
    def test_no_such_run(self, rita: FlaskClient[Any], run_id: str) -> None:
        assert rita.get(f"/runs/{run_id}").status_code == 404
        assert rita.get(f"/runs/{run_id}/progress").status_code == 404
        assert rita.get(f"/runs/{run_id}/undo/").status_code == 404


class TestRejects:
    def test_csv(self, session: Session, rita: FlaskClient[Any]) -> None:
        answer = rita.get(f"/runs/{finished(session).id}/rejects.csv", buffered=True)

        assert answer.headers["Content-Disposition"] == "attachment; filename=members-rejects.csv"
        assert answer.mimetype == "text/csv"
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
        assert rows[0] == [*COLUMNS, "DATASYNC_ROW", "DATASYNC_REASON"]
        assert [row[3] for row in rows[1:]] == ["5", "6"]

    def test_workbook(self, session: Session, rita: FlaskClient[Any]) -> None:
        answer = rita.get(f"/runs/{finished(session).id}/rejects.xlsx", buffered=True)

        workbook = CalamineWorkbook.from_filelike(io.BytesIO(answer.data))
        rows = workbook.get_sheet_by_index(0).to_python()
        assert rows[0] == [*COLUMNS, "DATASYNC_ROW", "DATASYNC_REASON"]
        assert rows[1][:4] == ["M1", "<b>Dee</b>", "nope", "5"]

    def test_nothing_to_take_home_while_it_runs(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = make_run(session, state="running")
        session.commit()

        assert rita.get(f"/runs/{run.id}/rejects.csv").status_code == 404

    def test_a_run_without_rejects_offers_no_file(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = make_run(session, [make_row(2, "created")])
        session.commit()

        assert "rejects.csv" not in rita.get(f"/runs/{run.id}").text


class TestList:
    def test_drafts_of_mine_stand_apart(
        self, session: Session, rita: FlaskClient[Any], runner: Person
    ) -> None:
        make_run(session, label="My draft", state="draft", user_id=runner.id)
        make_run(session, label="Somebody's draft", state="draft")
        finished(session)

        page = rita.get("/runs/").text

        assert "Not yet run" in page
        assert "My draft" in page
        assert "Somebody&#39;s draft" not in page
        assert "Spring members" in page

    def test_nothing_yet_says_what_to_do(self, rita: FlaskClient[Any]) -> None:
        assert "Nothing has run yet" in rita.get("/runs/").text

    def test_a_filter_that_fits_nothing_says_so(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        finished(session)

        page = rita.get("/runs/?state=failure").text

        assert "No such run" in page
        assert 'href="/runs/"' in page

    def test_an_undone_run_is_marked(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = finished(session)
        make_run(session, kind="undo", parent_id=run.id, label=run.label)
        session.commit()

        page = rita.get("/runs/").text

        assert "Undone" in page
        assert "Undo of Spring members" in page

    def test_a_center_sees_its_own_runs_only(self, session: Session, app: Flask) -> None:
        north, south = make_center(app, "North"), make_center(app, "South")
        mine = finished(session, label="North run", center_id=north)
        others = [
            finished(session, label="South run", center_id=south),
            finished(session, label="Site run"),
        ]
        person = make_person(
            app,
            "nora@example.org",
            Role.VIEW_IMPORT_EXPORT,
            Role.DATA_SYNC_RUN,
            center_id=north,
        )
        rita = sign_in(app.test_client(), person)

        page = rita.get("/runs/").text

        assert "North run" in page
        assert "South run" not in page
        assert "Site run" not in page
        assert rita.get(f"/runs/{mine.id}").status_code == 200
        for run in others:
            for path in ("", "/progress", "/rows", "/rows/2", "/rejects.csv", "/undo/"):
                assert rita.get(f"/runs/{run.id}{path}").status_code == 404, path
            for path in ("/cancel", "/undo/look", "/undo/start"):
                assert rita.post(f"/runs/{run.id}{path}").status_code == 404, path


class TestUndo:
    def test_first_a_look_then_the_undo(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = finished(session)
        assert "Undo…" in rita.get(f"/runs/{run.id}").text

        answer = rita.post(f"/runs/{run.id}/undo/look")
        preview = session.scalars(select(Run).where(Run.kind == "undo_preview")).one()
        live = rita.get(answer.location).text
        assert f'hx-get="/runs/{preview.id}/progress"' in live
        assert "Undo the run" not in live

        preview.state, preview.finished_at = "success", datetime.now(UTC)
        preview.tallies = {"restored": 4, "removed": 3, "kept": 1}
        kept = make_row(3, "withheld", "Bo Lee", faults=[fault("kept", message="Changed since.")])
        kept.run_id = preview.id
        session.add(kept)
        session.commit()
        page = rita.get(f"/runs/{run.id}/undo/").text
        assert "Changed since." in page
        assert "Undo the run" in page

        answer = rita.post(f"/runs/{run.id}/undo/start")
        undo = session.scalars(select(Run).where(Run.kind == "undo")).one()
        assert answer.location == f"/runs/{undo.id}"
        assert "Undo of Spring members" in rita.get(answer.location).text

    def test_pressed_twice_it_is_one_undo(self, session: Session, rita: FlaskClient[Any]) -> None:
        run = finished(session)

        for _ in range(2):
            rita.post(f"/runs/{run.id}/undo/look")
            rita.post(f"/runs/{run.id}/undo/start")

        kinds = list(session.scalars(select(Run.kind).where(Run.parent_id == run.id)))
        assert sorted(kinds) == ["undo", "undo_preview"]

    def test_an_undone_run_says_so_and_cannot_be_undone_again(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = finished(session)
        undo = make_run(session, kind="undo", parent_id=run.id, label=run.label)
        session.commit()

        page = rita.get(f"/runs/{run.id}").text

        assert "This run was undone" in page
        assert f"/runs/{undo.id}" in page
        assert "Undo…" not in page
        assert rita.get(f"/runs/{run.id}/undo/").location == f"/runs/{undo.id}"

    def test_a_finished_undo_lists_what_was_kept(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = finished(session)
        kept = make_row(3, "withheld", "Bo Lee", faults=[fault("kept", message="Changed since.")])
        undo = make_run(
            session,
            [kept],
            kind="undo",
            parent_id=run.id,
            tallies={"restored": 4, "removed": 3, "kept": 1},
        )
        session.commit()

        page = rita.get(f"/runs/{undo.id}").text

        assert "This undid" in page
        assert "Changed since." in page
        assert "Kept" in page
        assert "rows read" not in page

    def test_a_run_that_changed_nothing_has_nothing_to_undo(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = make_run(session, [make_row(2, "unchanged"), make_row(3, "unchanged")])
        session.commit()

        page = rita.get(f"/runs/{run.id}").text

        assert "Undo…" not in page
        assert "it changed nothing" in page

    @pytest.mark.parametrize("state", ["failure", "cancelled"])
    def test_what_a_broken_off_run_did_can_be_undone(
        self, session: Session, rita: FlaskClient[Any], state: str
    ) -> None:
        run = finished(session, state=state)

        assert "Undo…" in rita.get(f"/runs/{run.id}").text
        assert rita.post(f"/runs/{run.id}/undo/look").location == f"/runs/{run.id}/undo/"

    def test_a_run_under_way_cannot_be_undone(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = make_run(session, state="running")
        session.commit()

        page = rita.post(f"/runs/{run.id}/undo/look", follow_redirects=True).text

        assert "Only a run that has ended can be undone" in page

    def test_an_undo_that_was_broken_off_is_told_on_the_page_of_the_run(
        self, session: Session, rita: FlaskClient[Any]
    ) -> None:
        run = finished(session, state="cancelled")
        undo = make_run(
            session, kind="undo", parent_id=run.id, state="cancelled", tallies={"removed": 3}
        )
        session.commit()

        page = rita.get(f"/runs/{run.id}").text

        assert f'(<a href="/runs/{undo.id}">run {undo.id}</a>) did not get to the end' in page
        assert "Undo…" in page
        undo.state = "success"
        session.commit()
        page = rita.get(f"/runs/{run.id}").text
        assert "did not get to the end" not in page
        assert "can be undone" not in page

    def test_looking_pressed_in_two_browsers_at_once_looks_once(
        self, shared_app: Flask, session: Session, runner: Person
    ) -> None:
        run = finished(session)
        url = f"/runs/{run.id}/undo/look"
        browsers = [sign_in(shared_app.test_client(), runner) for _ in range(4)]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda browser: browser.post(url), browsers))

        assert {answer.status_code for answer in answers} == {303}
        looks = select(func.count()).select_from(Run).where(Run.kind == "undo_preview")
        assert session.scalar(looks) == 1

    def test_who_may_only_look_cannot_undo(
        self, session: Session, viewer: FlaskClient[Any]
    ) -> None:
        run = finished(session)

        assert "Undo…" not in viewer.get(f"/runs/{run.id}").text
        assert viewer.post(f"/runs/{run.id}/undo/look").status_code == 403
        assert viewer.post(f"/runs/{run.id}/undo/start").status_code == 403


class TestMessages:
    def test_list_and_one(self, session: Session, admin: FlaskClient[Any]) -> None:
        run = finished(session)
        message = Message(
            run_id=run.id,
            recipient="x@example.org",
            subject="Spring <b>finished</b>",
            body="Hello\n<i>",
            state="failed",
            error="The mail server refused.",
        )
        session.add(message)
        session.commit()

        listed = admin.get("/admin/messages/").text
        shown = admin.get(f"/admin/messages/{message.id}").text

        assert "Spring &lt;b&gt;finished" in listed
        assert "The mail server refused." in listed
        assert "&lt;i&gt;" in shown
        assert f"/runs/{run.id}" in shown
        assert "None" in admin.get("/admin/messages/?state=sent").text
        admin.post(f"/admin/messages/{message.id}/again")
        session.refresh(message)
        assert message.state == "waiting"

    def test_nothing_yet(self, admin: FlaskClient[Any]) -> None:
        page = admin.get("/admin/messages/").text

        assert "No messages yet" in page
        assert "DATASYNC_SMTP_URL" in page

    def test_only_for_administrators(self, rita: FlaskClient[Any]) -> None:
        assert rita.get("/admin/messages/").status_code == 403
