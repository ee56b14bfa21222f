"""Speed of the Transaction Information Download: `python -m bench.transaction_download ROWS...`
prints ratios.

The floor is one COPY (SELECT the same columns) TO STDOUT, transactions joined to their givers. The
download does all it always does: cross-references of five types, reasons to hold back, the formula
guard, the window, the account of what was sent, SHA-256. One transaction in fifty is held back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.imports import temporary_database
from bench.memory import peak_mb
from tests.services import Services, environment_of, running_services

CHANGED = 1_000
BATCH = 100_000
GIVERS = 5  # transactions of one person
STEPS = (("everything", "floor"), ("1,000 changed", "everything"))
SLUG = "transaction-information-download"

_AROUND = """
INSERT INTO campaigns (id, name) SELECT n, 'Campaign ' || n FROM generate_series(1, 40) n;
INSERT INTO donation_forms (id, name) SELECT n, 'Form ' || n FROM generate_series(1, 40) n;
INSERT INTO designations (id, name) SELECT n, 'Fund ' || n FROM generate_series(1, 40) n;
INSERT INTO cross_reference_entries (type_id, online_value, foreign_values, online_key, foreign_key,
    searched) SELECT t.id, n, ARRAY['C' || n], lpad(n::text, 19, '0'), 'c' || n, 'c' || n
    FROM cross_reference_types t, generate_series(1, 40) n
    WHERE t.key IN ('campaign', 'donation_form', 'designation');
INSERT INTO constituents (id, member_id, primary_email, first_name, last_name, active_detail)
    SELECT n, CASE WHEN n % 100 <> 0 THEN 'M' || n END, 'p' || n || '@example.org',
    'First' || n % 1000, 'Last' || n % 5000, 'Accepted' FROM generate_series(1, {people}) n"""

_POPULATE = """
INSERT INTO transactions (transaction_type, constituent_id, amount, currency, tax_deductible,
    payment_date, tender_type, creation_method, check_number, confirmation_code, settlement_batch,
    settled_on, campaign_id, form_id, designation_id, source, sub_source, receipt_number)
SELECT (ARRAY['donation', 'donation', 'recurring_payment'])[1 + g %% 3], 1 + g %% %s::int,
    round((g %% 100000)::numeric / 100, 2), 'USD', 1.00, date '2024-01-01' + g %% 900,
    CASE WHEN g %% 20 = 0 THEN 'check' ELSE 'credit_card' END, (g %% 20 <> 0)::int,
    CASE WHEN g %% 20 = 0 THEN lpad(g::text, 8, '0') END, 'C' || g, 'B' || g / 1000,
    CASE WHEN g %% 100 <> 50 THEN date '2026-01-01' END, 1 + g %% 40, 1 + g %% 40, 1 + g %% 40,
    'Web', 'Appeal', 'R' || g
FROM generate_series(%s::int, %s::int) g"""

_FLOOR = """
COPY (SELECT t.transaction_id, t.transaction_type, c.id, c.member_id, c.first_name, c.last_name,
    c.primary_email, t.amount, t.currency, t.tax_deductible, t.payment_date, t.tender_type,
    t.creation_method, t.check_number, t.confirmation_code, t.settlement_batch, t.campaign_id,
    t.form_id, t.designation_id, t.event_id, t.source, t.sub_source, t.recurring_of, t.refund_of,
    t.tribute_type, t.tribute_name, t.receipt_number, 'new'
    FROM transactions t JOIN constituents c ON c.id = t.constituent_id) TO STDOUT (FORMAT csv)"""


@dataclass(frozen=True, slots=True)
class Transactions:
    """One size: seconds of the floor; seconds, rows and megabytes of each step."""

    rows: int
    floor: float
    steps: dict[str, dict[str, Any]]

    def ratio(self, step: str, base: str) -> float:
        """Seconds of a step to those of another, or to the floor."""
        seconds = self.floor if base == "floor" else float(self.steps[base]["seconds"])
        return float(self.steps[step]["seconds"]) / seconds


def measure_transactions(services: Services, folder: Path, rows: int) -> Transactions:
    """Floor, everything, nothing new, and a few that changed. The better of two counts."""
    with temporary_database(services) as name:
        url = services.postgres.url(name)
        populate(url, rows)
        environment = environment_of(services.settings(name, folder / name))
        floor = min(_measure_floor(url) for _ in range(2))
        full = min((_step(environment, "everything") for _ in range(2)), key=_seconds)
        floor = min(floor, _measure_floor(url))
        steps = {"everything": full, "nothing new": _step(environment, "last")}
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "UPDATE transactions SET amount = amount + 1 WHERE id IN"
                " (SELECT id FROM transactions WHERE id %% 7 = 1 ORDER BY id DESC LIMIT %s)",
                [CHANGED],
            )
        steps["1,000 changed"] = _step(environment, "last")
    return Transactions(rows, floor, steps)


def report_transactions(measured: list[Transactions]) -> list[str]:
    """The lines of the report."""
    lines = ["## Transaction download", "", "| rows | step | seconds | ratio | MB |"]
    lines.append("| ---: | --- | ---: | ---: | ---: |")
    for found in measured:
        lines.append(f"| {found.rows:,} | floor | {found.floor:.1f} | | |")
        for step, base in STEPS:
            told, ratio = found.steps[step], found.ratio(step, base)
            lines.append(
                f"| {found.rows:,} | {step} | {told['seconds']:.1f} | {ratio:.3f} × {base} |"
                f" {told['peak_mb']:.0f} |"
            )
    lines += [
        "",
        "The floor is one COPY (SELECT the same columns) TO STDOUT of transactions and their "
        "givers. One transaction in fifty is held back; what was sent is remembered.",
    ]
    return lines


def populate(url: str, rows: int) -> None:
    """Transactions of people, mapped, all of it logged."""
    people = max(rows // GIVERS, 1)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _AROUND.replace("{people}", str(people)).split(";\n"):
            connection.execute(statement)
        for first in range(1, rows + 1, BATCH):
            connection.execute(_POPULATE, [people, first, min(first + BATCH - 1, rows)])
        connection.execute("VACUUM (ANALYZE) transactions, constituents, change_log")
        connection.execute("CHECKPOINT")


def _measure_floor(url: str) -> float:
    with psycopg.connect(url) as connection:
        began = time.perf_counter()
        with connection.cursor().copy(_FLOOR) as copy:
            for _ in copy:
                pass
        return time.perf_counter() - began


def _seconds(step: dict[str, Any]) -> float:
    return float(step["seconds"])


def _step(environment: dict[str, str], kind: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.transaction_download", "step", kind],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"    {kind}: {found['rows']:,} rows, {found['seconds']:.2f} s, {found['peak_mb']:.0f} MB",
        flush=True,
    )
    return found


def do_step(kind: str) -> None:
    """One download in this process, as a worker does it; prints JSON."""
    from jobs.application import get_app
    from jobs.runs import execute
    from webapp.extensions import db
    from webapp.models import Run
    from webapp.rules.download_settings import DownloadRequest, DownloadSettings, Start
    from webapp.services import downloads, runs

    # Measured here without the queue: the job is called by hand
    runs.enqueue = lambda *_, **__: True
    with get_app().app_context():
        session = db.session()
        operation = runs.find_operation(session, SLUG)
        assert operation is not None
        start = Start.EVERYTHING if kind == "everything" else Start.LAST
        request = DownloadRequest(start, None, None, DownloadSettings(marks=False))
        run = downloads.begin_download(session, operation, None, center_id=None, request=request)
        runs.start_run(session, run, without_preview=True)
        session.commit()
        run_id = run.id
        db.session.remove()
        began = time.perf_counter()
        execute(run_id)
        seconds = time.perf_counter() - began
        run = db.session.get_one(Run, run_id)
        if run.state != "success":
            sys.exit(f"run {run_id} ended in {run.state}: {run.failure}")
        told = {"seconds": seconds, "rows": run.delivered, "peak_mb": peak_mb()}
        print(json.dumps(told))


def main(arguments: list[str]) -> None:
    """The sizes given, or one step in a process of its own."""
    if arguments[:1] == ["step"]:
        do_step(arguments[1])
        return
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        sizes = map(int, arguments or ["100000", "1000000"])
        measured = [measure_transactions(services, Path(folder), rows) for rows in sizes]
    print("\n".join(report_transactions(measured)))


if __name__ == "__main__":
    main(sys.argv[1:])
