"""`make bench`: measure, and write docs/performance.md.

`python -m bench` measures 100,000 and 1,000,000 rows; `python -m bench 100000 5000000` others.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.crossrefs import Crossrefs, measure_crossrefs, report_crossrefs
from bench.downloads import Download, measure_downloads, report_downloads
from bench.group_assignment import Assigned, measure_groups, report_groups
from bench.imports import Measured, measure_imports
from bench.latency import Latency, measure_latency
from bench.reading import Reading, measure_reading, report_reading
from bench.transaction_download import (
    Transactions,
    measure_transactions,
    report_transactions,
)
from bench.verdicts import verdict
from tests.services import running_services

REPORT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"

TARGETS = (
    # step, compared to, the most it may be
    ("create", None, 2.0),
    ("same again", "create", 0.5),
    ("10 % changed", "create", 0.7),
    ("preview", "create", 0.5),
    ("undo", "create", 1.0),
)
MOST_MB = 300
LATENCY_FACTOR = 3.0


def main(arguments: list[str]) -> None:
    """Measure the sizes given and report."""
    sizes = [int(argument) for argument in arguments] or [100_000, 1_000_000]
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        measured = []
        for rows in sizes:
            print(f"{rows:,} rows", flush=True)
            measured.append(measure_imports(services, Path(folder), rows))
        print("group assignment", flush=True)
        groups = [measure_groups(services, Path(folder), rows) for rows in sizes]
        print("pages while an import runs", flush=True)
        latency = measure_latency(services, Path(folder), max(sizes))
        print("cross-references", flush=True)
        crossrefs = measure_crossrefs(services, Path(folder), max(sizes))
        print("downloads", flush=True)
        downloads = [measure_downloads(services, Path(folder), rows) for rows in sizes]
        transactions = [measure_transactions(services, Path(folder), rows) for rows in sizes]
    print("reading", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        reading = measure_reading(Path(folder), sizes)
    report = write_report(measured, groups, latency, crossrefs, downloads, transactions, reading)
    REPORT.write_text(report, encoding="utf-8")
    print(report)


def write_report(
    measured: list[Measured],
    groups: list[Assigned],
    latency: list[Latency],
    crossrefs: Crossrefs,
    downloads: list[Download],
    transactions: list[Transactions],
    reading: Reading,
) -> str:
    """The page, with what was reached and what was missed."""
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench`. Every figure is a ratio to something measured in the same "
            "run on the same server: the *floor* is COPY of the same bytes into a staging table "
            "and one plain INSERT … SELECT each for constituents, emails and memberships, with "
            "triggers (change log and integrity) off. The imports do all they always do: "
            "checks, matching, change log, outcome of every row, progress.",
            "",
            f"Measured on {datetime.now(UTC):%Y-%m-%d} on {describe_machine()}. The load average "
            f"over the 15 minutes before was {os.getloadavg()[2]:.1f}; other work on the machine "
            "makes every figure worse, the ratios less so.",
            "",
            *_speed(measured),
            "",
            *_memory(measured),
            "",
            *report_groups(groups),
            "",
            *_pages(latency),
            "",
            *report_crossrefs(crossrefs),
            "",
            *report_downloads(downloads),
            "",
            *report_transactions(transactions),
            "",
            *report_reading(reading),
            "",
        ]
    )


def describe_machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, the embedded PostgreSQL 18 with its own settings"
    )


def _speed(measured: list[Measured]) -> list[str]:
    lines = ["## Speed, files of 20 columns", "", "| rows | step | seconds | ratio | target | |"]
    lines.append("| ---: | --- | ---: | ---: | ---: | --- |")
    for found in measured:
        lines.append(f"| {found.rows:,} | floor | {found.floor:.1f} | | | |")
        for step, base, most in TARGETS:
            ratio = found.ratio(step, base)
            lines.append(
                f"| {found.rows:,} | {step} | {found.steps[step]['seconds']:.1f} | {ratio:.2f} × "
                f"{base or 'floor'} | ≤ {most} | {verdict(ratio <= most)} |"
            )
    if len(measured) > 1:
        first, last = measured[0], measured[-1]
        per_row = [float(f.steps["create"]["seconds"]) / f.rows for f in (first, last)]
        lines += [
            "",
            f"Cost per row of a create at {last.rows:,} rows: {per_row[1] / per_row[0]:.2f} × that "
            f"at {first.rows:,} (target ≤ 1.3).",
        ]
    return lines


def _memory(measured: list[Measured]) -> list[str]:
    lines = ["## Memory of the worker, peak", "", "| rows | step | MB | target | |"]
    lines.append("| ---: | --- | ---: | ---: | --- |")
    for found in measured:
        for step, values in found.steps.items():
            lines.append(
                f"| {found.rows:,} | {step} | {values['peak_mb']:.0f} | ≤ {MOST_MB} |"
                f" {verdict(values['peak_mb'] <= MOST_MB)} |"
            )
    return lines


def _pages(latency: list[Latency]) -> list[str]:
    lines = ["## Pages while an import runs (95th percentile)", ""]
    lines += [
        "| page | idle ms | busy ms | ratio | target | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for found in latency:
        ratio = found.busy / found.idle
        lines.append(
            f"| {found.page} | {found.idle * 1000:.0f} | {found.busy * 1000:.0f} | {ratio:.1f} × |"
            f" ≤ {LATENCY_FACTOR:.0f} | {verdict(ratio <= LATENCY_FACTOR)} |"
        )
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])
