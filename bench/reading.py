"""Speed and memory of reading files, against Python's own csv.reader told the dialect.

`python -m bench.reading` measures and prints; `python -m bench.reading STEP FILE` is one measured
step in a process of its own, so that its peak memory is that step's alone.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.files import write_file
from bench.memory import peak_mb
from bench.verdicts import verdict
from webapp.cli.local_files import LocalFile
from webapp.rules.reading import Examination, examine, read_records

SIZES = (1, 100, 1_000)
"""Megabytes of the files that are only examined."""
MOST_RATIO = 2.0
MOST_MS = 200
MOST_GROWTH_MB = 10
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured: seconds and MB by rows, and milliseconds by megabytes."""

    floor: dict[int, dict[str, float]]
    ours: dict[int, dict[str, float]]
    examined: dict[int, dict[str, float]]


def measure_reading(folder: Path, sizes: list[int]) -> Reading:
    """Files of these many rows read, and files of all sizes examined."""
    floor, ours = {}, {}
    for rows in sizes:
        path = folder / f"read-{rows}.csv"
        if not path.exists():
            write_file(path, rows)
        # In turns, so that what else the machine does meets both alike; the best of each counts
        pairs = [(_run("csv", path), _run("read", path)) for _ in range(REPEATS)]
        floor[rows] = min((pair[0] for pair in pairs), key=_seconds)
        ours[rows] = min((pair[1] for pair in pairs), key=_seconds)
    examined = {}
    for megabytes in SIZES:
        path = _write_bytes(folder, megabytes)
        runs = [_run("examine", path) for _ in range(REPEATS)]
        examined[megabytes] = min(runs, key=_seconds)
        path.unlink()
    return Reading(floor, ours, examined)


def _seconds(measured: dict[str, float]) -> float:
    return measured["seconds"]


def _write_bytes(folder: Path, megabytes: int) -> Path:
    """A table of that size: the same thousand rows again and again."""
    head, *lines = write_file(folder / "thousand.csv", 1_000).read_bytes().splitlines(True)
    body = b"".join(lines)
    path = folder / f"examined-{megabytes}.csv"
    with path.open("wb") as file:
        file.write(head)
        while file.tell() < megabytes * 1_000_000:
            file.write(body)
    return path


def _run(step: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.reading", step, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def report_reading(measured: Reading) -> list[str]:
    """The section of docs/performance.md."""
    lines = [
        "## Reading a file",
        "",
        "Reading finds out how the file is written, types the columns and gives every row, in a "
        "process of its own. The floor is `csv.reader` over the same bytes, told the dialect. "
        "Seconds are the processor's.",
        "",
        "| rows of 20 columns | floor s | reading s | ratio | target | | peak MB |",
        "| ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for rows, floor in measured.floor.items():
        ours = measured.ours[rows]
        ratio = ours["seconds"] / floor["seconds"]
        lines.append(
            f"| {rows:,} | {floor['seconds']:.2f} | {ours['seconds']:.2f} | {ratio:.2f} × | "
            f"≤ {MOST_RATIO} | {verdict(ratio <= MOST_RATIO)} | {ours['peak_mb']:.0f} |"
        )
    peaks = [ours["peak_mb"] for ours in measured.ours.values()]
    growth = max(peaks) - min(peaks)
    lines += [
        "",
        f"From the smallest of these files to the largest the peak grows by {growth:.0f} MB "
        f"(target ≤ {MOST_GROWTH_MB}: {verdict(growth <= MOST_GROWTH_MB)}).",
        "",
        "| file, MB | examined in ms | target | | peak MB |",
        "| ---: | ---: | ---: | --- | ---: |",
    ]
    for megabytes, found in measured.examined.items():
        taken = found["seconds"] * 1000
        lines.append(
            f"| {megabytes:,} | {taken:.0f} | ≤ {MOST_MS} | {verdict(taken <= MOST_MS)} | "
            f"{found['peak_mb']:.0f} |"
        )
    return lines


def _read_plainly(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        deque(csv.reader(file), maxlen=0)


def _examine(path: Path) -> tuple[LocalFile, Examination]:
    source = LocalFile(path, path.stat().st_size)
    found = examine(source)
    if not isinstance(found, Examination):
        sys.exit(found.message)
    return source, found


def _read(path: Path) -> None:
    source, found = _examine(path)
    deque(read_records(source, found.dialect), maxlen=0)


STEPS: dict[str, Callable[[Path], Any]] = {
    "csv": _read_plainly,
    "read": _read,
    "examine": _examine,
}


def main(arguments: list[str]) -> None:
    """One step, or all of it."""
    if arguments:
        step, path = arguments
        # Of the processor: what else the machine does should not count
        began = time.process_time()
        STEPS[step](Path(path))
        seconds = time.process_time() - began
        print(json.dumps({"seconds": seconds, "peak_mb": peak_mb()}))
        return
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(report_reading(measure_reading(Path(folder), [100_000, 1_000_000]))))


if __name__ == "__main__":
    main(sys.argv[1:])
