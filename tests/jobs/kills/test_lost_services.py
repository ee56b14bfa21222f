"""A database that goes away, a queue that is emptied, a disk that is full: each ends in a sentence
or goes on by itself, and leaves nothing half done."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from jobs.claims import MOST_ATTEMPTS_AT_ONE_ROW
from jobs.failures import OF_PREVIEW, OF_RUN
from jobs.housekeeping import take_over_stale_runs
from jobs.runs import execute
from tests.holding import Held
from tests.jobs.kills import people
from tests.jobs.kills.conftest import staffed
from tests.jobs.kills.installation import FINISHED, Staff
from tests.jobs.stopping import await_no_work, largest_file
from tests.people import make_person, sign_in
from tests.processes.serving import eventually
from tests.services import Services, flush, running_services
from webapp.extensions import db
from webapp.models import Run
from webapp.rules.roles import Role
from webapp.services import runs
from webapp.serving.account import account_for
from webapp.serving.errors import ServingError

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

ROWS = 6_000
START = "/operations/standard-constituent-import/start"
DRAFT = {"label": "Spring", "date_order": "mdy"}


# ---- the queue ----


def test_an_emptied_queue_loses_no_run(staff: Staff, services: Services, tmp_path: Path) -> None:
    chance = random.Random(random.getrandbits(32))
    drafts = [
        staff.draft(people.write_file(tmp_path / f"{prefix}.csv", ROWS, prefix=prefix))
        for prefix in ("QA", "QB", "QC", "QD")
    ]
    for draft in drafts:
        staff.start(draft)
    for share in sorted(chance.uniform(0, 0.6) for _ in range(3)):
        staff.await_rows(drafts[0], int(share * ROWS))
        flush(services)
    for draft in drafts:
        assert staff.await_end(draft) == "success"
        people.check_rows(staff.query, draft, ROWS)


def test_a_run_whose_process_died_between_commit_and_queue_is_done(
    staff: Staff, tmp_path: Path
) -> None:
    draft = staff.draft(people.write_file(tmp_path / "people.csv", 500, prefix="DC"))
    with staff.app.app_context():
        session = db.session()
        runs.start_run(session, session.get_one(Run, draft), without_preview=True)
        session.commit()
        session.info.clear()  # what was to follow the commit never happens
        db.session.remove()
    assert staff.await_end(draft) == "success"
    people.check_rows(staff.query, draft, 500)


# ---- the database ----


def test_a_run_goes_on_after_its_connections_were_cut(staff: Staff, tmp_path: Path) -> None:
    people.settle(staff.query, ROWS, "CUT")
    draft = staff.draft(people.write_file(tmp_path / "people.csv", ROWS, prefix="CUT"))
    shares = (0.05, 0.3, 0.6)
    with Held(staff.database_url, f"CUT{people.late(ROWS)}"):
        staff.start(draft)
        for attempt, share in enumerate(shares, start=1):
            # Until the next one has the run, it looks as the one that was cut off left it
            assert eventually(partial(is_tried, staff, draft, attempt))
            assert staff.await_rows(draft, int(share * ROWS))
            staff.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'datasync-%%' AND datname = current_database()"
            )
    assert staff.await_end(draft) == "success"
    assert is_tried(staff, draft, len(shares) + 1), "the cuts interrupted nothing"
    people.check_rows(staff.query, draft, ROWS)


def is_tried(staff: Staff, run_id: int, attempt: int) -> bool:
    """Whether somebody has begun this attempt at a run, or a later one."""
    return staff.query("SELECT attempt >= %s FROM runs WHERE id = %s", attempt, run_id) == [(True,)]


def test_the_web_says_so_while_the_database_is_away_and_the_run_finishes_afterwards(
    tmp_path: Path,
) -> None:
    with (
        running_services(durable=True) as own,
        staffed(own, tmp_path / "office", workers=1, chunk_rows=200) as (staff, _),
    ):
        staff.app.config["WTF_CSRF_ENABLED"] = False
        person = make_person(
            staff.app, "r@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN
        )
        browser = sign_in(staff.app.test_client(), person)
        draft = int(browser.post(START, data=DRAFT).location.split("/")[2])
        run_id = staff.start(staff.draft(people.write_file(tmp_path / "people.csv", ROWS)))
        assert staff.await_rows(run_id, ROWS // 4)
        own.kill_postgres()
        files = Path(staff.app.config["DATASYNC"].data_dir / "files" / "uploads")
        before = sorted(files.iterdir())
        for answer in (
            browser.get(f"/runs/{run_id}"),
            browser.post(
                f"/runs/{draft}/wizard/file",
                data={"file": (io.BytesIO(b"MEMBER_ID\nM1\n"), "a.csv")},
            ),
        ):
            assert answer.status_code == 503
            assert "The database does not answer" in answer.text
            assert "Nothing was lost. Wait a moment and reload the page." in answer.text
        assert sorted(files.iterdir()) == before, "the upload left something behind"
        start_again(own)
        assert staff.await_end(run_id) == "success"
        people.check_rows(staff.query, run_id, ROWS)
        assert browser.get(f"/runs/{run_id}").status_code == 200


def start_again(services: Services) -> None:
    """Start the database, as soon as what the kill left of it has gone."""
    for _ in range(100):
        try:
            return services.start_postgres()
        except ServingError:
            time.sleep(0.2)
    return services.start_postgres()


_CUT_AT_THE_END = """
CREATE SEQUENCE endings;
CREATE FUNCTION cut_first_ending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('endings') = 1 THEN {happens}; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cut_first_ending BEFORE UPDATE ON runs FOR EACH ROW
    WHEN (NEW.state = 'success') EXECUTE FUNCTION cut_first_ending();"""
_CUT = "PERFORM pg_terminate_backend(pg_backend_pid())"
_FULL = "RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'"


def test_a_connection_lost_when_the_run_ends_is_no_fault(alone: Staff, tmp_path: Path) -> None:
    happen(alone, _CUT_AT_THE_END.format(happens=_CUT))
    run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", 1000)))
    with pytest.raises(psycopg.OperationalError):
        work(alone, run_id)
    assert alone.progress(run_id) == ("running", 1000)
    assert take_over(alone) == [run_id]
    work(alone, run_id)
    people.check_rows(alone.query, run_id, 1000)
    # The row that is wrong is in one rejects file, the one of the attempt that ended the run
    folder = tmp_path / "data" / "files" / "rejects"
    [(key,)] = alone.query("SELECT rejects_key FROM runs WHERE id = %s", run_id)
    assert [f"rejects/{path.name}" for path in folder.iterdir()] == [key]


@pytest.mark.parametrize(
    ("kind", "sentence"), [("run", OF_RUN.stuck), ("preview", OF_PREVIEW.stuck)]
)
def test_a_run_that_dies_whoever_takes_it_is_ended_with_a_sentence(
    alone: Staff, tmp_path: Path, kind: str, sentence: str
) -> None:
    happen(
        alone,
        _CUT_AT_THE_END.format(happens=_CUT)
        .replace("nextval('endings') = 1", "true")
        .replace("NEW.state = 'success'", "NEW.rows_read > 3000"),
    )
    draft = alone.draft(people.write_file(tmp_path / "people.csv", 3500))
    alone.app.config["DATASYNC"] = replace(alone.app.config["DATASYNC"], chunk_rows=1000)
    run_id = alone.start(draft) if kind == "run" else alone.preview(draft)
    attempts = 0
    while alone.progress(run_id)[0] not in FINISHED:
        attempts += 1
        try:
            work(alone, run_id)
        except psycopg.OperationalError:
            assert take_over(alone) == [run_id]
    # The first attempt at a run gets as far as the row at which the others die
    assert attempts == MOST_ATTEMPTS_AT_ONE_ROW + (2 if kind == "run" else 1)
    state, failure, read, *_ = people.counts(alone.query, run_id)
    assert (state, failure) == (
        "failure",
        sentence.format(times=MOST_ATTEMPTS_AT_ONE_ROW, row=3001),
    )
    assert read == 3000


def test_no_room_when_the_run_ends_is_told_like_any_other(alone: Staff, tmp_path: Path) -> None:
    happen(alone, _CUT_AT_THE_END.format(happens=_FULL))
    run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", 100)))
    work(alone, run_id)
    assert people.counts(alone.query, run_id)[:3] == ("failure", OF_RUN.no_room, 100)


def happen(staff: Staff, statements: str) -> None:
    """Prepare the database."""
    with psycopg.connect(staff.database_url) as connection:
        connection.execute(statements)


def test_an_upload_whose_commit_is_lost_leaves_nothing_behind(
    alone: Staff, client: FlaskClient[Any], tmp_path: Path
) -> None:
    happen(
        alone,
        _CUT_AT_THE_END.format(happens=_CUT)
        .replace("BEFORE UPDATE ON runs", "AFTER INSERT ON uploads DEFERRABLE INITIALLY DEFERRED")
        .replace("CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER")
        .replace("WHEN (NEW.state = 'success')", ""),
    )
    person = make_person(alone.app, "r@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
    browser = sign_in(client, person)
    run_id = int(browser.post(START, data=DRAFT).location.split("/")[2])
    files = tmp_path / "data" / "files" / "uploads"
    for status, kept in ((503, 0), (303, 1)):
        answer = browser.post(
            f"/runs/{run_id}/wizard/file",
            data={"file": (io.BytesIO(b"MEMBER_ID\nM1\n"), "people.csv")},
        )
        assert answer.status_code == status
        assert len(list(files.iterdir())) == kept
        assert alone.query("SELECT count(*) FROM uploads") == [(kept,)]


# ---- the disk ----


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of two megabytes. Making one takes an administrator."""
    folder = Path(tempfile.mkdtemp(prefix="datasync-small-"))
    folder.chmod(0o711)
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("this machine lets nobody mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


def send_large_file(app: Flask, client: FlaskClient[Any]) -> tuple[int, str, int]:
    """Upload five megabytes in the wizard; the status, the page and the draft."""
    person = make_person(app, "runner@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
    browser = sign_in(client, person)
    run_id = int(browser.post(START, data=DRAFT).location.split("/")[2])
    # Spelled out: Werkzeug's own way to write a form this large leaves a file open
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n\r\n'
    content = head + b"MEMBER_ID,FIRST_NAME\n" + b"M1,Ada\n" * 750_000 + b"\r\n--x--\r\n"
    answer = browser.post(
        f"/runs/{run_id}/wizard/file",
        data=content,
        content_type="multipart/form-data; boundary=x",
    )
    return answer.status_code, answer.text, run_id


def check_refused(app: Flask, folder: Path, sent: tuple[int, str, int], reason: str) -> None:
    """A sentence, and nothing is left behind: no file, no upload; the draft waits for another."""
    status, page, run_id = sent
    assert status == 422
    assert f"the file store answered “{reason}”" in page
    assert "Nothing was imported; try again once an administrator has made room." in page
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    with app.app_context():
        run = db.session.get_one(Run, run_id)
        assert (run.state, run.upload_id) == ("draft", None)


def test_an_upload_onto_a_full_disk_gets_a_sentence(
    services: Services, database: str, small_disk: Path, tmp_path: Path
) -> None:
    from webapp import create_app

    settings = services.settings(database, tmp_path / "data", files_url=small_disk.as_uri())
    app = create_app(settings, TESTING=True, WTF_CSRF_ENABLED=False)
    sent = send_large_file(app, app.test_client())
    check_refused(app, small_disk, sent, "No space left on device")
    with app.app_context():
        db.engine.dispose()


def test_an_upload_that_the_store_cannot_hold_gets_a_sentence(
    app: Flask, client: FlaskClient[Any], tmp_path: Path
) -> None:
    with largest_file(2 * 1024**2):
        sent = send_large_file(app, client)
    check_refused(app, tmp_path / "data" / "files", sent, "File too large")


@pytest.fixture
def alone(app: Flask) -> Iterator[Staff]:
    """Staff without a worker: the test works itself."""
    from webapp.settings import libpq_url

    found = Staff(app, libpq_url(app.config["DATASYNC"].database_url))
    yield found
    found.close()


def work(staff: Staff, run_id: int) -> None:
    """Do the run's work in this process."""
    with staff.app.app_context():
        execute(run_id)


def take_over(staff: Staff) -> list[int]:
    """What housekeeping does about runs whose worker is gone, once the server has noticed."""
    await_no_work(staff.query)
    with staff.app.app_context():
        return take_over_stale_runs()


def test_a_run_whose_rejects_cannot_be_stored_ends_all_the_same(
    alone: Staff, client: FlaskClient[Any], tmp_path: Path
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("MEMBER_ID,PRIMARY_EMAIL\n" + "M1,nowhere\n" * ROWS)
    person = make_person(alone.app, "r@example.org", Role.VIEW_IMPORT_EXPORT, Role.DATA_SYNC_RUN)
    run_id = alone.start(alone.draft(path))
    with largest_file(200 * 1024):
        work(alone, run_id)
    [(state, key)] = alone.query("SELECT state, rejects_key FROM runs WHERE id = %s", run_id)
    assert (state, key) == ("success", None)
    assert list((tmp_path / "data" / "files" / "rejects").iterdir()) == []
    with sign_in(client, person).get(f"/runs/{run_id}/rejects.csv") as rejects:
        assert rejects.text.count("nowhere") >= ROWS


def test_a_run_whose_file_is_gone_ends_with_a_sentence(alone: Staff, tmp_path: Path) -> None:
    run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", 100)))
    for path in (tmp_path / "data" / "files" / "uploads").iterdir():
        path.unlink()
    work(alone, run_id)
    assert people.counts(alone.query, run_id)[:3] == ("failure", OF_RUN.no_file, 0)


def test_a_database_without_room_ends_the_run_with_a_sentence_and_the_rest_is_undone(
    alone: Staff, services: Services, small_disk: Path, tmp_path: Path
) -> None:
    account = account_for(services.postgres.cluster)
    place = small_disk / "tables"
    place.mkdir()
    if account is not None:
        os.chown(place, account.uid, account.gid)
    name = f"small_{os.getpid()}_{time.monotonic_ns()}"
    alone.app.config["DATASYNC"] = services.settings(
        alone.query("SELECT current_database()")[0][0], tmp_path / "data", chunk_rows=500
    )
    with psycopg.connect(alone.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'")
        connection.execute(f"ALTER TABLE run_rows SET TABLESPACE {name}")
        connection.execute("CREATE TABLE before AS SELECT * FROM constituents")
        run_id = alone.start(alone.draft(people.write_file(tmp_path / "people.csv", 25_000)))
        try:
            work(alone, run_id)
            state, failure, read, *counted, _ = people.counts(alone.query, run_id)
            assert (state, failure) == ("failure", OF_RUN.no_room)
            assert 0 < read < 25_000
            assert read == sum(counted)
            assert len(people.outcomes(alone.query, run_id)) == read
            assert len(people.business(alone.query)) == counted[0]
        finally:
            connection.execute("ALTER TABLE run_rows SET TABLESPACE pg_default")
            connection.execute(f"DROP TABLESPACE {name}")
    undo = alone.undo(run_id)
    work(alone, undo)
    assert people.counts(alone.query, undo)[0] == "success"
    assert people.business(alone.query) == {}
