"""The command line: attached to a `serve`, or with services of its own."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.processes import serving
from tests.processes.serving import (
    DATASYNC,
    PATIENCE,
    Serve,
    datasync,
    environment,
    eventually,
    survivors,
)

SLUG = "standard-constituent-import"
DOWNLOAD_SLUG = "constituent-data-download"
COLUMNS = ("MEMBER_ID", "FIRST_NAME", "LAST_NAME", "PRIMARY_EMAIL", "HOME_CITY")
TOLD = {
    "run", "state", "rows_read", "created", "updated", "unchanged", "rejected", "withheld",
    "rejects", "seconds",
}  # fmt: skip
COUNTED = ("created", "updated", "unchanged", "rejected", "withheld")


def write_file(path: Path, rows: int, *, prefix: str, wrong: int = 0) -> Path:
    """A file of believable rows, the last `wrong` of them with an impossible address."""
    with path.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        for number in range(rows):
            email = f"{prefix}{number}@example.org" if number < rows - wrong else "nowhere"
            writer.writerow(
                [f"{prefix}{number}", f"First{number}", f"Last{number}", email, "Salem"]
            )
    return path


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object a command printed."""
    assert done.stdout.count("\n") == 1, (done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run_file(file: Path, data: Path, *options: str) -> dict[str, Any]:
    """`datasync run --json`, which must end well."""
    done = datasync("run", SLUG, "--file", file, "--data", data, "--json", *options)
    assert done.returncode == 0, done.stderr
    return told(done)


def address_of(data: Path) -> str:
    """Where the database is."""
    return datasync("database-url", "--data", data).stdout.strip()


def constituents(data: Path, prefix: str, address: str | None = None) -> int:
    """How many of the file's people are there now."""
    with psycopg.connect(address or address_of(data)) as connection:
        row = connection.execute(
            "SELECT count(*) FROM constituents WHERE member_id LIKE %s", [f"{prefix}%"]
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_run_is_previewed_done_repeated_and_undone(serve: Serve, tmp_path: Path) -> None:
    file = write_file(tmp_path / "people.csv", 30, prefix="whole", wrong=2)

    preview = run_file(file, serve.data, "--preview")
    assert preview["kind"] == "preview"
    assert (preview["created"], preview["rejected"]) == (28, 2)
    assert constituents(serve.data, "whole") == 0

    first = run_file(file, serve.data, "--label", "From the command line")
    assert first["state"] == "success"
    assert first["rows_read"] == 30 == sum(first[name] for name in COUNTED)
    assert (first["created"], first["rejected"]) == (28, 2)
    assert first["seconds"] > 0
    assert first.keys() >= TOLD
    assert constituents(serve.data, "whole") == 28
    with Path(first["rejects"]).open(encoding="utf-8-sig", newline="") as rejects:
        assert [row["MEMBER_ID"] for row in csv.DictReader(rejects)] == ["whole28", "whole29"]

    again = run_file(file, serve.data)
    assert (again["created"], again["unchanged"]) == (0, 28)

    undone = datasync("undo", str(first["run"]), "--data", serve.data, "--json")
    assert undone.returncode == 0, undone.stderr
    assert told(undone)["undoes"] == first["run"]
    assert told(undone)["tallies"] == {"restored": 0, "removed": 28, "kept": 0}
    assert constituents(serve.data, "whole") == 0


def test_registrations_that_wait_are_told_and_stop_nothing(serve: Serve, tmp_path: Path) -> None:
    file = write_file(tmp_path / "people.csv", 2, prefix="wait")
    first = run_file(file, serve.data)
    assert first["registrations_waiting"] == 0
    with psycopg.connect(address_of(serve.data)) as connection:
        connection.execute(
            "INSERT INTO potential_matches (registration_id, candidate_id) SELECT min(id), max(id)"
            " FROM constituents WHERE member_id LIKE 'wait%'"
        )
    told_so = datasync("run", SLUG, "--file", file, "--data", serve.data)
    assert "1 new registration waits: a row may be matched to the wrong one" in told_so.stdout
    out = tmp_path / "all.csv"
    held = download(out, serve.data, "--since", "everything")
    assert (held["registrations_waiting"], held["withheld"]) == (1, 1)
    assert "wait0" not in out.read_text(encoding="utf-8")

    undone = datasync("undo", str(first["run"]), "--data", serve.data)
    assert undone.returncode == 0, undone.stderr
    assert download(out, serve.data, "--since", "everything")["registrations_waiting"] == 0


def download(out: Path, data: Path, *options: str) -> dict[str, Any]:
    """`datasync download --json`; the account adds up, and the file is the one it tells of."""
    done = datasync("download", DOWNLOAD_SLUG, "--out", out, "--data", data, "--json", *options)
    assert done.returncode == 0, done.stderr
    found = told(done)
    gone = found["removed"] + found["withheld"] + found["filtered_out"]
    assert found["changed"] + found["carried"] == found["delivered"] + gone
    [records] = [file for file in found["files"] if file["role"] == "records"]
    content = out.read_bytes()
    assert (records["path"], records["bytes"]) == (str(out), len(content))
    assert records["sha256"] == hashlib.sha256(content).hexdigest()
    assert records["rows"] == found["delivered"]
    assert not list(out.parent.glob(".*"))
    return found


def test_gifts_are_uploaded_corrected_and_sent_once(serve: Serve, tmp_path: Path) -> None:
    run_file(write_file(tmp_path / "people.csv", 3, prefix="gift"), serve.data)
    file = tmp_path / "gifts.csv"
    head = "TRANSACTION_ID,MEMBER_ID,AMOUNT,PAYMENT_DATE,TENDER_TYPE,CONFIRMATION_CODE\n"
    rows = "DB-1,gift0,50,2026-03-01,check,\nDB-2,gift1,20.5,2026-03-01,cash,\n"

    def run(text: str) -> tuple[int, dict[str, Any]]:
        file.write_text(head + text)
        given = ["--file", file, "--data", serve.data, "--json"]
        done = datasync("run", "transaction-upload", *given)
        return done.returncode, told(done)

    def fetch() -> list[tuple[str, str, str]]:
        out = tmp_path / "sent.csv"
        slug = "transaction-information-download"
        done = datasync("download", slug, "--out", out, "--data", serve.data)
        assert done.returncode == 0, done.stderr
        with out.open(encoding="utf-8-sig", newline="") as sent:
            found = [(r["TRANSACTION_ID"], r["AMOUNT"], r["SENT_AS"]) for r in csv.DictReader(sent)]
        out.unlink()
        return found

    code, refused = run(f"{rows}DB-3,gift2,1,2026-03-01,cash,4111111111111111\n")
    assert (code, refused["run"]) == (1, None)
    assert "has a card number in CONFIRMATION_CODE, ending in 1111" in refused["failure"]
    code, made = run(rows)
    assert (code, made["created"]) == (0, 2)
    # The offline system has what it sent; what was changed here it has not
    assert fetch() == []
    with psycopg.connect(address_of(serve.data)) as connection:
        connection.execute("UPDATE transactions SET amount = 21 WHERE transaction_id = 'DB-2'")
    assert fetch() == [("DB-2", "21", "update")]
    assert fetch() == []


def test_what_changed_is_downloaded(serve: Serve, tmp_path: Path) -> None:
    people = write_file(tmp_path / "people.csv", 20, prefix="down")
    imported = run_file(people, serve.data)
    everything = download(tmp_path / "all.csv", serve.data, "--since", "everything")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        found = [row["MEMBER_ID"] for row in csv.DictReader(file)]
    assert {f"down{number}" for number in range(20)} <= set(found)
    assert (everything["state"], everything["restored"]) == ("success", False)
    assert everything["delivered"] == len(found)

    assert download(tmp_path / "none.csv", serve.data)["changed"] == 0

    # Other tests' people may have gone before
    before = download(tmp_path / "before.xlsx", serve.data, "--since", "2026-01-01")
    undone = datasync("undo", str(imported["run"]), "--data", serve.data, "--json")
    assert undone.returncode == 0, undone.stderr
    since = download(tmp_path / "since.xlsx", serve.data, "--since", "2026-01-01")
    [removals] = [file for file in since["files"] if file["role"] == "removals"]
    assert since["removed"] == removals["rows"] == before["removed"] + 20
    assert removals["path"] == str(tmp_path / "since-removed.xlsx")
    assert Path(removals["path"]).read_bytes()[:2] == b"PK"

    with psycopg.connect(address_of(serve.data)) as connection:
        connection.execute("UPDATE download_windows SET token = 'as in a copy from before'")
    out = tmp_path / "again.csv"
    again = datasync("download", DOWNLOAD_SLUG, "--out", out, "--data", serve.data)
    assert "restored or moved since the last download: everything went again" in again.stdout
    assert download(tmp_path / "usual.csv", serve.data)["restored"] is False


def test_a_center_has_a_download_of_its_own(serve: Serve, tmp_path: Path) -> None:
    people = write_file(tmp_path / "people.csv", 3, prefix="own-download")
    run_file(people, serve.data)
    with psycopg.connect(address_of(serve.data)) as connection:
        connection.execute(
            "WITH c AS (INSERT INTO centers (name) VALUES ('Deep South') RETURNING id)"
            " INSERT INTO center_members (center_id, constituent_id)"
            " SELECT c.id, p.id FROM c, constituents p WHERE p.member_id = 'own-download1'"
        )
    first = download(tmp_path / "first.csv", serve.data, "--center", "deep south")
    next_one = download(tmp_path / "next.csv", serve.data, "--center", "Deep South")

    with (tmp_path / "first.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["MEMBER_ID"] for row in csv.DictReader(file)] == ["own-download1"]
    assert (first["delivered"], next_one["changed"]) == (1, 0)
    out = tmp_path / "nowhere.csv"
    refused = datasync(
        "download", DOWNLOAD_SLUG, "--out", out, "--data", serve.data, "--json",
        "--center", "nowhere",
    )  # fmt: skip
    assert refused.returncode == 2
    assert "There is no center called nowhere. There are: " in told(refused)["error"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["nonsense", "--out", "a.csv"], "no download is called nonsense"),
        ([DOWNLOAD_SLUG, "--out", "nowhere/a.csv"], "is no folder"),
        ([DOWNLOAD_SLUG, "--out", "a.csv", "--since", "March"], "--since"),
        ([DOWNLOAD_SLUG, "--out", "a.csv", "--since", "9999-12-31"], "neither last"),
        ([DOWNLOAD_SLUG, "--out", "folder.csv"], "is there and is no file"),
        ([DOWNLOAD_SLUG, "--out", "beside.csv"], "beside-removed.csv is there and"),
        ([DOWNLOAD_SLUG, "--out", "a.csv", "--run", "1", "--since", "last"], "--run"),
        ([DOWNLOAD_SLUG, "--out", "a.csv", "--run", "1", "--center", "North"], "no --center"),
    ],
)
def test_a_download_that_can_not_be_is_refused(
    serve: Serve, given: list[str], says: str, tmp_path: Path
) -> None:
    for name in ("folder.csv", "beside-removed.csv"):
        (tmp_path / name).mkdir()
    asked = [str(tmp_path / part) if part.endswith(".csv") else part for part in given]
    done = datasync("download", *asked, "--data", serve.data)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_file_that_found_no_room_can_be_fetched_later(serve: Serve, tmp_path: Path) -> None:
    """The window has moved by then: the file is kept, and the message says how to get it."""
    out = tmp_path / "all.csv"
    given = [DOWNLOAD_SLUG, "--out", out, "--data", serve.data, "--json"]
    full = subprocess.run(
        ["/bin/bash", "-c", 'ulimit -f 0; exec "$@"', "", DATASYNC, "download", *given,
         "--since", "everything"],
        env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip

    found = told(full)
    assert (full.returncode, found["state"], found["files"]) == (1, "success", [])
    assert f"It is kept: fetch it with `datasync download {given[0]} --run" in found["failure"]
    assert list(tmp_path.iterdir()) == []
    fetched = download(out, serve.data, "--run", str(found["run"]))
    assert fetched["delivered"] == found["delivered"]


def test_files_are_fetched_again(serve: Serve, tmp_path: Path) -> None:
    made = download(tmp_path / "all.csv", serve.data, "--since", "everything")
    stale = tmp_path / "again-removed.csv"
    stale.write_text("of an earlier download")

    again = download(tmp_path / "again.csv", serve.data, "--run", str(made["run"]))

    assert again["run"] == made["run"]
    assert [file["sha256"] for file in again["files"]] == [file["sha256"] for file in made["files"]]
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()
    assert stale.exists() == (len(made["files"]) == 2)
    assert not stale.exists() or stale.read_text() != "of an earlier download"
    for number, out, says in (
        (made["run"], "all.xlsx", f"Run {made['run']} made csv. Let --out end in .csv."),
        (2**40, "all.csv", f"Run {2**40} is no finished download"),
    ):
        refused = datasync(
            "download", DOWNLOAD_SLUG, "--run", str(number), "--out",
            tmp_path / out, "--data", serve.data, "--json",
        )  # fmt: skip
        assert refused.returncode == 1
        assert says in told(refused)["failure"]
        assert told(refused)["files"] == []
        assert told(refused).keys() == made.keys()


def test_the_entries_of_a_type_are_uploaded(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "titles.csv"
    file.write_text("FOREIGN_1,ONLINE_VALUE\n01,Mr.\n02,\n")
    upload = ["run", "cross-reference-upload", "--file", file, "--data", serve.data, "--json"]
    done = told(datasync(*upload, "--type", "Field:TITLE"))
    assert (done["state"], done["created"], done["rejected"]) == ("success", 1, 1)
    assert told(datasync("undo", str(done["run"]), "--data", serve.data, "--json"))["state"] == (
        "success"
    )
    for wrong in ([], ["--type", "nonsense"]):
        refused = datasync(*upload, *wrong)
        assert refused.returncode == 2
        assert "field:TITLE" in told(refused)["error"]
    with psycopg.connect(address_of(serve.data)) as connection:
        connection.execute("INSERT INTO centers (name) VALUES ('Far North')")
    own = told(datasync(*upload, "--type", "field:TITLE", "--center", "far north"))
    assert (own["state"], own["created"]) == ("success", 1)
    with psycopg.connect(address_of(serve.data)) as connection:
        query = (
            "SELECT c.name, c.id = r.center_id FROM cross_reference_entries e"
            " JOIN centers c ON c.id = e.center_id JOIN runs r ON r.id = %s"
        )
        assert connection.execute(query, [own["run"]]).fetchall() == [("Far North", True)]
    refused = datasync(*upload, "--type", "field:TITLE", "--center", "nowhere")
    assert refused.returncode == 2
    assert "There is no center called nowhere. There are: " in told(refused)["error"]


def test_a_run_without_rejects_has_no_rejects_file(serve: Serve, tmp_path: Path) -> None:
    file = write_file(tmp_path / "clean.csv", 3, prefix="clean")
    assert run_file(file, serve.data)["rejects"] is None


def test_a_file_that_is_no_table_fails_with_a_sentence(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "picture.csv"
    file.write_bytes(b"%PDF-1.7\n" + bytes(range(256)))
    done = datasync("run", SLUG, "--file", file, "--data", serve.data, "--json")
    assert done.returncode == 1
    assert told(done)["state"] == "failure"
    assert told(done)["failure"].endswith(".")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", SLUG],
        ["run", SLUG, "--file", "no such file.csv"],
        ["run", "no-such-operation", "--file", __file__],
        ["run", SLUG, "--file", "."],
        ["run", SLUG, "--file", __file__, "--label", "x" * 500],
        ["run", SLUG, "--file", __file__, "--label", "\udcff"],
        ["run", "\udcff", "--file", __file__],
        ["undo", "seven"],
        ["undo", "99999999999999999999"],
        ["frobnicate"],
        [],
        ["serve", "--port", "http"],
        ["create-user", "new@example.org", "--role", "emperor"],
        ["create-user", "nobody", "--role", "data-sync-run"],
        ["create-user", "new@example.org", "--role", "site-administrator", "--center", "North"],
    ],
)
def test_wrong_usage_is_two(serve: Serve, arguments: list[str]) -> None:
    with_data = [*arguments, "--data", str(serve.data)] if len(arguments) > 1 else arguments
    done = datasync(*with_data)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_wrong_usage_is_told_as_json_where_that_is_asked_for(serve: Serve) -> None:
    for arguments in (["run", SLUG, "--file", "gone.csv"], ["undo", "seven"], ["run", "--wrong"]):
        done = datasync(*arguments, "--data", str(serve.data), "--json")
        assert (done.returncode, done.stderr) == (2, "")
        assert told(done)["error"]


def test_damage_is_offered_and_repaired_when_asked_for(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "zips.csv"
    lines = [f"zip{n},Zoe,Boston,MA,{2100 + n}" for n in range(20)]
    file.write_text("MEMBER_ID,FIRST_NAME,HOME_CITY,HOME_STATEPROV,HOME_ZIP\n" + "\n".join(lines))

    offered = run_file(file, serve.data, "--preview")
    repaired = run_file(file, serve.data, "--repair", "lost_zeros")

    [finding] = offered["damage"]
    assert (finding["id"], finding["rows"]) == ("lost_zeros:4", 20)
    assert (finding["is_repaired"], finding["cells"]) == (False, 0)
    [finding] = repaired["damage"]
    assert (finding["is_repaired"], finding["cells"]) == (True, 20)
    with psycopg.connect(address_of(serve.data)) as connection:
        zips = connection.execute(
            "SELECT home_zip FROM constituents WHERE member_id LIKE 'zip%' ORDER BY id"
        ).fetchall()
    assert zips == [(f"0{2100 + n}",) for n in range(20)]


def test_how_a_file_is_read_can_be_said(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    file.write_bytes("MEMBER_ID,FIRST_NAME\nsaid1,Ji\xf8\n".encode("latin-1"))

    run_file(file, serve.data, "--encoding", "windows-1250", "--delimiter", "comma")

    with psycopg.connect(address_of(serve.data)) as connection:
        [(name,)] = connection.execute(
            "SELECT first_name FROM constituents WHERE member_id = 'said1'"
        ).fetchall()
    assert name == "Ji\u0159"


def test_an_undo_of_nothing_fails_with_a_sentence(serve: Serve) -> None:
    done = datasync("undo", "999999", "--data", serve.data)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "999999" in done.stderr


def test_status_tells_where_it_runs(serve: Serve) -> None:
    done = datasync("status", "--data", serve.data, "--json")
    found = told(done)
    assert done.returncode == 0
    assert found["serving"] is True
    assert found["address"] == f"http://127.0.0.1:{serve.port}"
    assert eventually(
        lambda: told(datasync("status", "--data", serve.data, "--json"))["workers"] >= 3
    )


def test_the_data_folder_can_be_said_once_for_all_commands(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = environment() | {"DATASYNC_DATA": str(serve.data)}
    monkeypatch.setattr(serving, "environment", lambda: said)
    assert told(datasync("status", "--json"))["address"].endswith(f":{serve.port}")


def test_a_reader_who_has_seen_enough_is_no_fault(serve: Serve) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [DATASYNC, "status", "--data", str(serve.data)],
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == ""


def test_a_user_is_made_with_the_password_from_standard_input(serve: Serve) -> None:
    arguments = ("create-user", "op@example.org", "--role", "data-sync-run", "--data", serve.data)
    made = datasync(*arguments, stdin="a long enough password\n")
    assert made.returncode == 0, made.stderr
    twice = datasync(*arguments, stdin="a long enough password\n")
    assert twice.returncode == 1
    assert twice.stderr.count("\n") == 1
    with psycopg.connect(address_of(serve.data)) as connection:
        connection.execute("INSERT INTO centers (name) VALUES ('North Shore')")
    here = datasync(
        "create-user", "c@example.org", "--role", "data-sync-run", "--center", "North Shore",
        "--data", serve.data, stdin="a long enough password\n",
    )  # fmt: skip
    assert here.returncode == 0, here.stderr
    with psycopg.connect(address_of(serve.data)) as connection:
        held = connection.execute(
            "SELECT DISTINCT c.name FROM users u JOIN user_roles r ON r.user_id = u.id"
            " LEFT JOIN centers c ON c.id = r.center_id WHERE u.email = 'c@example.org'"
        ).fetchall()
    assert held == [("North Shore",)]
    short = datasync(
        "create-user", "b@example.org", "--role", "view-import-export", "--data", serve.data,
        stdin="short\n",
    )  # fmt: skip
    assert short.returncode == 1
    assert "password" in short.stderr


def test_without_a_serve_a_run_brings_its_own_services(data: Path, tmp_path: Path) -> None:
    file = write_file(tmp_path / "people.csv", 5, prefix="own")
    assert run_file(file, data)["created"] == 5
    # psutil asks each once, and says None of one that is gone by then
    found = psutil.process_iter(["cmdline"])
    lines = [" ".join(process.info["cmdline"] or ()) for process in found]
    assert [line for line in lines if str(data) in line] == []
    status = told(datasync("status", "--data", data, "--json"))
    assert status["serving"] is False
    assert [run["state"] for run in status["last_runs"]] == ["success"]


def test_a_stopped_serve_takes_its_runs_up_again(data: Path, tmp_path: Path) -> None:
    rows = 60_000
    file = write_file(tmp_path / "many.csv", rows, prefix="many")
    first = Serve.start(data, "--no-demo")
    command = [DATASYNC, "run", SLUG, "--file", str(file), "--data", str(data), "--json"]
    waiting = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    address = address_of(data)
    assert eventually(lambda: constituents(data, "many", address) > 0)
    everything = first.below()
    assert first.stop() == 0
    assert survivors(everything) == []
    output, errors = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 1, output
    assert "goes on when it starts again" in errors

    second = Serve.start(data, "--no-demo", port=first.port)
    try:
        assert eventually(
            lambda: (
                told(datasync("status", "--data", data, "--json"))["last_runs"][0]["state"]
                == "success"
            )
        )
        assert constituents(data, "many") == rows
    finally:
        second.stop()


def test_interrupting_a_run_cancels_it_and_keeps_what_it_did(data: Path, tmp_path: Path) -> None:
    file = write_file(tmp_path / "many.csv", 100_000, prefix="many")
    serve = Serve.start(data, "--no-demo")
    try:
        command = [DATASYNC, "run", SLUG, "--file", str(file), "--data", str(data), "--json"]
        waiting = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        address = address_of(data)
        assert eventually(lambda: constituents(data, "many", address) > 0)
        os.kill(waiting.pid, signal.SIGINT)
        output, _ = waiting.communicate(timeout=PATIENCE)
        assert waiting.returncode == 1
        ended = json.loads(output)
        assert ended["state"] == "cancelled"
        assert ended["created"] == constituents(data, "many")
    finally:
        serve.stop()
