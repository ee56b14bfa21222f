"""Speed of the Group Assignment Upload: `python -m bench.group_assignment ROWS...` prints ratios,
and `python -m bench` reports them.

The floor is COPY of the same bytes into a staging table and one INSERT ... SELECT into a membership
table with the same indexes, the person found by member ID. Both get the same people: as many as
there are rows, each into one of 50 groups.
"""

from __future__ import annotations

import csv
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.imports import Runner, temporary_database
from bench.verdicts import verdict
from tests.services import Services, running_services

GROUPS = 50
MOST = 2.0


def write_file(path: Path, rows: int) -> Path:
    """Everybody once, in an order that has nothing to do with the table's."""
    chance = random.Random(1)
    numbers = list(range(rows))
    chance.shuffle(numbers)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("MEMBER_ID", "EXT_GROUP_ID"))
        writer.writerows((f"M{n:07}", 1 + chance.randrange(GROUPS)) for n in numbers)
    return path


def settle(url: str, rows: int) -> None:
    """The people and the groups."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO constituents (member_id, first_name) SELECT 'M' || lpad(n::text, 7, '0'),"
            " 'Ann' FROM generate_series(0, %s) n",
            [rows - 1],
        )
        connection.execute(
            "INSERT INTO groups (id, name) SELECT n, 'Group ' || n FROM generate_series(1, %s) n",
            [GROUPS],
        )
        connection.execute("VACUUM ANALYZE constituents")


def measure_floor(url: str, path: Path) -> float:
    """Seconds for COPY and INSERT ... SELECT, triggers off."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("CREATE TABLE members (LIKE group_members INCLUDING ALL)")
        connection.commit()
        began = time.perf_counter()
        connection.execute("CREATE TABLE staging (member_id text, group_id bigint)")
        with (
            path.open("rb") as file,
            connection.cursor().copy("COPY staging FROM STDIN (FORMAT csv, HEADER)") as copy,
        ):
            while block := file.read(1 << 20):
                copy.write(block)
        connection.execute(
            "INSERT INTO members (group_id, constituent_id) SELECT s.group_id, c.id FROM staging s"
            " JOIN constituents c ON c.member_id = s.member_id AND c.is_active"
        )
        connection.commit()
        seconds = time.perf_counter() - began
        connection.execute("DROP TABLE members, staging")
        connection.commit()
        return seconds


@dataclass(frozen=True, slots=True)
class Assigned:
    """One size of file: seconds of the floor, and what each step's process tells of itself."""

    rows: int
    floor: float
    steps: dict[str, dict[str, Any]]

    def ratio(self, step: str) -> float:
        """Seconds of a step to those of the floor."""
        return float(self.steps[step]["seconds"]) / self.floor


def measure_groups(services: Services, folder: Path, rows: int) -> Assigned:
    """Floor, preview, run, the same again and undo. Like the floor, the run is the better of two:
    the second is of a database as it was before the first."""
    path = write_file(folder / f"groups-{rows}.csv", rows)
    with temporary_database(services) as name:
        url = services.postgres.url(name)
        settle(url, rows)
        floor = measure_floor(url, path)
        run = Runner(services, name, folder / name, "group-assignment-upload")
        steps = {"preview": run("preview", path), "run": run("import", path)}
        floor = min(floor, measure_floor(url, path))
        steps["same again"] = run("import", path)
        steps["undo"] = run("undo", steps["run"]["run"])
    with temporary_database(services) as name:
        url = services.postgres.url(name)
        settle(url, rows)
        second = Runner(services, name, folder / name, "group-assignment-upload")("import", path)
        steps["run"] = min(steps["run"], second, key=lambda step: float(step["seconds"]))
        floor = min(floor, measure_floor(url, path))
    return Assigned(rows, floor, steps)


def report_groups(measured: Sequence[Assigned]) -> list[str]:
    """A section of docs/performance.md."""
    lines = [
        f"## Group Assignment Upload, {GROUPS} groups",
        "",
        "The floor is COPY of the same bytes and one INSERT … SELECT into a membership table with "
        "the same indexes, the people found by member ID, triggers off. The upload does more: it "
        "keeps the outcome of every row and an entry of every membership in the change log, from "
        "which it is undone.",
        "",
        "| rows | step | seconds | × floor | target | | MB |",
        "| ---: | --- | ---: | ---: | ---: | --- | ---: |",
    ]
    for found in measured:
        lines.append(f"| {found.rows:,} | floor | {found.floor:.1f} | | | | |")
        for step, told in found.steps.items():
            ratio = found.ratio(step)
            target, reached = "", ""
            if step == "run":
                target, reached = f"≤ {MOST}", verdict(ratio <= MOST)
            lines.append(
                f"| {found.rows:,} | {step} | {told['seconds']:.1f} | {ratio:.2f} | {target} |"
                f" {reached} | {told['peak_mb']:.0f} |"
            )
    return lines


def main(arguments: list[str]) -> None:
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        sizes = [int(argument) for argument in arguments] or [100_000, 1_000_000]
        measured = [measure_groups(services, Path(folder), rows) for rows in sizes]
    print("\n".join(report_groups(measured)))


if __name__ == "__main__":
    main(sys.argv[1:])
