"""Speed and memory of downloads, against what the database and XlsxWriter alone need.

`python -m bench.downloads ROWS` prints the ratios; `make bench` puts them into the report.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import xlsxwriter

from bench.imports import temporary_database
from bench.memory import peak_mb
from bench.verdicts import verdict
from tests.services import Services, environment_of, running_services
from webapp.rules.fields import STORED_FIELDS

CHANGED = 1_000
WORKBOOK_ROWS = 200_000
BATCH = 100_000
MOST_MB = 300

_POPULATE = """
INSERT INTO constituents (member_id, primary_email, title, first_name, last_name, home_street1,
    home_city, home_stateprov, home_zip, home_country, home_phone, mobile_phone, preferred_phone,
    birth_date, gender, marital_status, employer, occupation, formal_salutation,
    casual_salutation, source, active_detail)
SELECT 'M' || g, 'person' || g || '@example.org', (ARRAY['Ms.', 'Mr.', 'Dr.'])[1 + g %% 3],
    'First' || g %% 1000, 'Last' || g %% 5000, g || ' Main Street', 'Boston',
    (ARRAY['MA', 'NH', 'RI', 'CT'])[1 + g %% 4], '0' || 1000 + g %% 1800, 'US',
    '(617) 555-' || 1000 + g %% 9000, '+1 617 555 ' || 1000 + g %% 9000, 'home',
    date '1940-01-01' + g %% 25000, (ARRAY['Female', 'Male'])[1 + g %% 2], 'Single',
    'Company ' || g %% 100, 'Teacher', 'Dear Last' || g %% 5000, 'First' || g %% 1000, 'Web',
    'Registered'
FROM generate_series(%s::int, %s::int) g"""

_AROUND = """
INSERT INTO groups (name) VALUES ('Choir'), ('Board');
INSERT INTO interests (name) VALUES ('News');
INSERT INTO group_members (group_id, constituent_id) SELECT g.id, c.id FROM constituents c, groups g
    WHERE g.name = 'Choir' AND c.id % 3 = 0;
INSERT INTO interest_choices (interest_id, constituent_id, opted_in) SELECT i.id, c.id, true
    FROM constituents c, interests i WHERE c.id % 4 = 0;
INSERT INTO potential_matches (registration_id, candidate_id) SELECT id, id - 1 FROM constituents
    WHERE id % 1000 = 0;
INSERT INTO cross_reference_entries (type_id, online_value, foreign_values, online_key, foreign_key,
    searched) SELECT t.id, v.online, ARRAY[v.sent], lower(v.online), lower(v.sent), v.online
    FROM cross_reference_types t JOIN (VALUES ('field:STATEPROV', 'MA', '25'),
        ('field:STATEPROV', 'NH', '33'), ('field:STATEPROV', 'RI', '44'), ('field:GENDER', 'Female',
        'F'), ('field:GENDER', 'Male', 'M')) v (key, online, sent) USING (key)"""

_FLOOR = """
COPY (SELECT c.id, {columns}, g.codes, i.codes, c.active_detail, c.created_at, c.modified_at
    FROM constituents c
    LEFT JOIN (SELECT constituent_id, string_agg(group_id::text, ',') AS codes FROM group_members
        GROUP BY 1) g ON g.constituent_id = c.id
    LEFT JOIN (SELECT constituent_id, string_agg(interest_id::text, ',') AS codes
        FROM interest_choices GROUP BY 1) i ON i.constituent_id = c.id
    WHERE c.is_active) TO STDOUT (FORMAT csv)"""


@dataclass(frozen=True, slots=True)
class Download:
    """One size: seconds and megabytes of each step, and of what it is compared to."""

    rows: int
    floor: float
    full: dict[str, Any]
    changed: dict[str, Any]
    workbook_rows: int
    workbook_floor: float
    workbook: dict[str, Any]

    @property
    def ratios(self) -> list[tuple[str, float, float]]:
        """What is promised: the words, the ratio, the most it may be."""
        return [
            (
                f"{self.rows:,} constituents to CSV ÷ one COPY of the same columns",
                self.full["seconds"] / self.floor,
                1.5,
            ),
            (
                f"finding {CHANGED:,} changed among {self.rows:,} ÷ the full download",
                self.changed["finding"] / self.full["seconds"],
                0.02,
            ),
            (
                f"a workbook of {self.workbook_rows:,} rows ÷ XlsxWriter alone",
                self.workbook["seconds"] / self.workbook_floor,
                1.5,
            ),
        ]

    @property
    def peak_mb(self) -> float:
        """The most memory any step took."""
        return max(float(step["peak_mb"]) for step in (self.full, self.changed, self.workbook))


def measure_downloads(services: Services, folder: Path, rows: int) -> Download:
    """Everything, a few that changed, and a workbook. The better of two counts, floors included."""
    with temporary_database(services) as name:
        url = services.postgres.url(name)
        populate(url, rows)
        environment = environment_of(services.settings(name, folder / name))
        floor = _measure_floor(url)
        full = min((_step(environment, "everything") for _ in range(2)), key=_seconds)
        floor = min(floor, _measure_floor(url))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "UPDATE constituents SET nickname = 'N' WHERE id IN (SELECT id FROM constituents"
                " WHERE id %% 7 = 0 ORDER BY id DESC LIMIT %s)",
                [CHANGED],
            )
        changed = _step(environment, "last")
        wanted = min(rows, WORKBOOK_ROWS)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "UPDATE constituents SET nickname = 'W' WHERE id IN"
                " (SELECT id FROM constituents ORDER BY id LIMIT %s)",
                [wanted],
            )
        workbook = _step(environment, "workbook")
        workbook_floor = _measure_workbook(Path(workbook["csv"]), folder)
    return Download(rows, floor, full, changed, workbook["rows"], workbook_floor, workbook)


def populate(url: str, rows: int) -> None:
    """People with twenty filled columns, groups, interests, cross-references; all of it logged."""
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(1, rows + 1, BATCH):
            connection.execute(_POPULATE, [first, min(first + BATCH - 1, rows)])
        for statement in _AROUND.split(";\n"):
            connection.execute(statement)
        connection.execute("VACUUM (ANALYZE) constituents, change_log, group_members")
        connection.execute("CHECKPOINT")


def _measure_floor(url: str) -> float:
    columns = ", ".join(f"c.{field.attribute}" for field in STORED_FIELDS)
    with psycopg.connect(url) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(_FLOOR.format(columns=columns)) as copy:
            for _ in copy:
                pass
        return time.perf_counter() - began


def _measure_workbook(path: Path, folder: Path) -> float:
    """XlsxWriter in constant memory, writing strings that are there already."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    began = time.perf_counter()
    book = xlsxwriter.Workbook(str(folder / "floor.xlsx"), {"constant_memory": True})
    sheet = book.add_worksheet("Constituents")
    text = book.add_format({"num_format": "@"})
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(at, column, cell, text)
    book.close()
    return time.perf_counter() - began


def _step(environment: dict[str, str], kind: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.downloads", "step", kind],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"    {kind}: {found['seconds']:.2f} s, {found['peak_mb']:.0f} MB", flush=True)
    return found


def _seconds(step: dict[str, Any]) -> float:
    return float(step["seconds"])


def do_step(kind: str) -> None:
    """One download in this process, as a worker does it; prints JSON."""
    from jobs.application import get_app
    from jobs.processors import downloads as engine
    from jobs.processors.download_plans import Plan
    from jobs.runs import execute
    from webapp.extensions import db
    from webapp.models import Run
    from webapp.rules.download_settings import DownloadRequest, DownloadSettings, Start
    from webapp.services import downloads, runs
    from webapp.services.files import file_store

    runs.enqueue = lambda *_, **__: True
    finding = [0.0]

    def timed(find: Callable[..., Any]) -> Callable[..., Any]:
        def find_timed(*args: Any) -> Any:
            began = time.perf_counter()
            found = find(*args)
            finding[0] += time.perf_counter() - began
            return found

        return find_timed

    engine.open_window = timed(engine.open_window)
    Plan.make = timed(Plan.make)  # type: ignore[method-assign]

    def make(file_format: str, start: Start, again: int | None = None) -> tuple[float, int]:
        session = db.session()
        operation = runs.find_operation(session, "constituent-data-download")
        assert operation is not None
        settings = DownloadSettings(formats=(file_format,), marks=False)
        request = DownloadRequest(start, None, again, settings)
        run = downloads.begin_download(session, operation, None, center_id=None, request=request)
        runs.start_run(session, run, without_preview=True)
        session.commit()
        run_id = run.id
        db.session.remove()
        finding[0] = 0.0
        began = time.perf_counter()
        execute(run_id)
        return time.perf_counter() - began, run_id

    with get_app().app_context():
        seconds, run_id = make("csv", Start.EVERYTHING if kind == "everything" else Start.LAST)
        csv_run = run_id
        if kind == "workbook":  # the same rows once more
            seconds, run_id = make("xlsx", Start.AGAIN, csv_run)
        run = db.session.get_one(Run, run_id)
        result = downloads.find_result(db.session(), db.session.get_one(Run, csv_run))
        if result is None or run.state != "success":
            sys.exit(f"run {run_id} ended in {run.state}: {run.failure}")
        told = {
            "seconds": seconds,
            "finding": finding[0],
            "rows": run.delivered,
            "peak_mb": peak_mb(),
            "csv": str(file_store()._path(result.files[0].key)),
        }
        print(json.dumps(told))


def report_downloads(measured: list[Download]) -> list[str]:
    """The lines of the report."""
    lines = ["## Downloads", "", "| | ratio | target | |", "| --- | ---: | ---: | --- |"]
    for found in measured:
        for words, ratio, most in found.ratios:
            lines.append(f"| {words} | {ratio:.3f} | ≤ {most} | {verdict(ratio <= most)} |")
        is_little = found.peak_mb <= MOST_MB
        lines.append(
            f"| memory of the worker, peak, MB | {found.peak_mb:.0f} | ≤ {MOST_MB} |"
            f" {verdict(is_little)} |"
        )
    lines += [
        "",
        "The download does all it always does: cross-references of two types, group and interest "
        "lists, formula guard, window, held-back records, SHA-256. Every column, twenty of them "
        "filled. A workbook has every cell as text.",
    ]
    return lines


def main(arguments: list[str]) -> None:
    """`python -m bench.downloads ROWS...`, or one step in a process of its own."""
    if arguments[:1] == ["step"]:
        do_step(arguments[1])
        return
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        for rows in map(int, arguments or ["100000"]):
            found = measure_downloads(services, Path(folder), rows)
            print(f"{rows:,} rows: floor {found.floor:.2f} s, "
                  f"workbook's floor {found.workbook_floor:.2f} s")  # fmt: skip
            for words, ratio, most in found.ratios:
                print(f"  {words}: {ratio:.3f} (at most {most})")
            print(f"  {found.peak_mb:.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
