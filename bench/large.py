"""`python -m bench.large [ROWS]`: does a large create cost more per row, or more memory?

Compares a create of 5,000,000 rows with one of 100,000 and writes docs/performance-large.md. Takes
a quarter of an hour and 15 GB of disk, so it is not part of `make bench`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.__main__ import MOST_MB, REPORT, describe_machine
from bench.files import write_file
from bench.imports import Runner, temporary_database
from bench.verdicts import verdict
from tests.services import Services, running_services

SMALL = 100_000
MOST_PER_ROW = 1.3
MOST_MEMORY = 1.1


def main(arguments: list[str]) -> None:
    """Measure and report."""
    rows = int(arguments[0]) if arguments else 5_000_000
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        small = min(
            (_create(services, Path(folder), SMALL) for _ in range(2)),
            key=lambda step: float(step["seconds"]),
        )
        large = _create(services, Path(folder), rows)
    report = write_report(small, large)
    REPORT.with_name("performance-large.md").write_text(report, encoding="utf-8")
    print(report)


def _create(services: Services, folder: Path, rows: int) -> dict[str, Any]:
    path = folder / f"clean-{rows}.csv"
    if not path.exists():
        write_file(path, rows)
    with temporary_database(services) as name:
        return Runner(services, name, folder / name)("import", path)


def write_report(small: dict[str, Any], large: dict[str, Any]) -> str:
    """The page, with what was reached and what was missed."""
    per_row = [float(step["seconds"]) / step["rows"] * 1e6 for step in (small, large)]
    memory = [float(step["peak_mb"]) for step in (small, large)]

    return "\n".join(
        [
            "# A large file",
            "",
            "Written by `python -m bench.large`: a create of a large file beside one of "
            f"{SMALL:,} rows, both into an empty database, with everything an import does.",
            "",
            f"Measured on {datetime.now(UTC):%Y-%m-%d} on {describe_machine()}. The load average "
            f"over the 15 minutes before was {os.getloadavg()[2]:.1f}.",
            "",
            "| rows | seconds | µs per row | worker's peak MB |",
            "| ---: | ---: | ---: | ---: |",
            *(
                f"| {step['rows']:,} | {step['seconds']:.1f} | {cost:.1f} | {peak:.0f} |"
                for step, cost, peak in zip((small, large), per_row, memory, strict=True)
            ),
            "",
            f"* Cost per row: {per_row[1] / per_row[0]:.2f} × (target ≤ {MOST_PER_ROW}, "
            f"{verdict(per_row[1] <= MOST_PER_ROW * per_row[0])}).",
            f"* Memory: {memory[1] / memory[0]:.2f} × (target ≤ {MOST_MEMORY}, and ≤ {MOST_MB} MB: "
            f"{verdict(memory[1] <= min(MOST_MEMORY * memory[0], MOST_MB))}).",
            "",
        ]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
