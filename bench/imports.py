"""Speed and memory of the constituent import, against the floor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.files import write_file
from bench.floor import measure_floor
from tests.services import Services, environment_of, running_services


@dataclass(frozen=True, slots=True)
class Measured:
    """One size of file: seconds per step, and the peak memory of each step's process."""

    rows: int
    floor: float
    steps: dict[str, dict[str, Any]]

    def ratio(self, step: str, to: str | None = None) -> float:
        """Seconds of a step to those of another, or to the floor."""
        base = self.floor if to is None else float(self.steps[to]["seconds"])
        return float(self.steps[step]["seconds"]) / base


def measure_imports(services: Services, folder: Path, rows: int) -> Measured:
    """Floor, preview, create, the same again, a tenth changed, and undo of the create."""
    clean = write_file(folder / f"clean-{rows}.csv", rows)
    changed = write_file(folder / f"changed-{rows}.csv", rows, changed_every=10)
    floor = _floor(services, clean)
    with temporary_database(services) as name:
        run = Runner(services, name, folder / name)
        steps = {"preview": run("preview", clean), "create": run("import", clean)}
        steps["same again"] = run("import", clean)
        steps["10 % changed"] = run("import", changed)
    # The create is undone where nothing came after it: everything it made has to go
    with temporary_database(services) as name:
        run = Runner(services, name, folder / name)
        created = run("import", clean)
        steps["undo"] = run("undo", created["run"])
    # Both were creates on an empty database; like the floor, the better of two counts
    steps["create"] = min(steps["create"], created, key=lambda step: float(step["seconds"]))
    floor = min(floor, _floor(services, clean))
    return Measured(rows, floor, steps)


def _floor(services: Services, path: Path) -> float:
    with temporary_database(services) as name:
        return measure_floor(services.postgres.url(name), path)


class Runner:
    """Runs steps on one database, each in a process of its own."""

    def __init__(self, services: Services, database: str, data: Path, *operation: str) -> None:
        self._environment = environment_of(services.settings(database, data))
        self._operation = operation

    def __call__(self, kind: str, subject: object) -> dict[str, Any]:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "bench.step",
                kind,
                str(subject),
                *self._operation,
            ],
            env=self._environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        print(f"    {kind}: {found['seconds']:.1f} s, {found['peak_mb']:.0f} MB", flush=True)
        return found


@contextmanager
def temporary_database(services: Services) -> Iterator[str]:
    name = services.create_database()
    try:
        yield name
    finally:
        services.drop_database(name)


def main(arguments: list[str]) -> None:
    """`python -m bench.imports ROWS...`: print the ratios."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        for rows in map(int, arguments or ["100000"]):
            found = measure_imports(services, Path(folder), rows)
            print(f"{rows} rows: floor {found.floor:.2f} s")
            for name, step in found.steps.items():
                print(
                    f"  {name}: {step['seconds']:.2f} s, {found.ratio(name):.2f} x floor,"
                    f" {found.ratio(name, 'create'):.2f} x create, {step['peak_mb']:.0f} MB,"
                    f" {step['cpu_seconds']:.1f} s CPU"
                )


if __name__ == "__main__":
    main(sys.argv[1:])
