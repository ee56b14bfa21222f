"""What a cross-reference of 100,000 entries costs: a part of `make bench`.

An import whose column has 100,000 codes, with and without a table that translates them; the pages
of a type with 100,000 entries beside those of one with 1,000; and the table itself from a file.
`python -m bench.crossrefs [ROWS [ENTRIES]]` prints it alone.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.files import HEADER, write_file
from bench.imports import Runner, temporary_database
from bench.verdicts import verdict
from tests.people import make_admin, sign_in
from tests.services import Services, running_services
from webapp import create_app
from webapp.extensions import db

ENTRIES = 100_000
FEW = 1_000
COLUMN = "HOME_STATEPROV"
MOST_ADDED = 0.15
MOST_PAGE = 2.0
MOST_MB = 256
ROUNDS = 3
PAGES = {
    "by foreign value": "",
    "by value here": "?sort=online",
    "by last change": "?sort=-changed",
    "searched, one fits": "?q=code-999",
    "searched, all fit": "?q=code",
    "searched, none fits": "?q=nowhere",
}

_FILL = text("""
INSERT INTO cross_reference_entries (type_id, online_value, foreign_values, online_key, foreign_key,
    searched, is_sent_back, updated_at)
SELECT t.id, 'State ' || n / 2, ARRAY['code-' || n], 'state ' || n / 2, 'code-' || n,
    'State ' || n / 2 || E'\\n' || 'code-' || n || E'\\n', n % 2 = 0,
    now() - n * interval '1 second'
FROM generate_series(0, :entries - 1) n, cross_reference_types t WHERE t.key = :key""")


@dataclass(frozen=True, slots=True)
class Crossrefs:
    """Seconds of the import without and with entries; milliseconds of each page of the small and of
    the large type; what the upload of the table's file took."""

    rows: int
    entries: int
    without: float
    with_entries: float
    pages: dict[str, tuple[float, float]]
    uploads: dict[str, dict[str, Any]]


def main(arguments: list[str]) -> None:
    """Measure this alone."""
    rows, entries = [*map(int, arguments), *(1_000_000, ENTRIES)[len(arguments) :]]
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        found = measure_crossrefs(services, Path(folder), rows, entries)
    print("\n".join(report_crossrefs(found)))


def measure_crossrefs(
    services: Services, folder: Path, rows: int, entries: int = ENTRIES
) -> Crossrefs:
    """The import of so many rows, the pages, and the file of so many entries."""
    path = _write_codes(folder, rows)
    without, with_entries = [], []
    for _ in range(ROUNDS):  # in turn, so that a busy moment meets both
        without.append(_import(services, folder, path, entries=0))
        with_entries.append(_import(services, folder, path, entries=ENTRIES))
    return Crossrefs(
        rows,
        entries,
        min(without),
        min(with_entries),
        _measure_pages(services, folder),
        _measure_uploads(services, folder, entries),
    )


def _write_codes(folder: Path, rows: int) -> Path:
    """A file whose column has as many codes as the table."""
    clean, path = write_file(folder / "clean.csv", rows), folder / "codes.csv"
    at = HEADER.index(COLUMN)
    with (
        clean.open(encoding="utf-8", newline="") as source,
        path.open("w", encoding="utf-8", newline="") as target,
    ):
        reader, writer = csv.reader(source), csv.writer(target)
        writer.writerow(next(reader))
        for number, row in enumerate(reader):
            row[at] = f"code-{number % ENTRIES}"
            writer.writerow(row)
    return path


def _import(services: Services, folder: Path, path: Path, *, entries: int) -> float:
    with temporary_database(services) as name:
        app = create_app(services.settings(name, folder / name))
        if entries:
            with app.app_context():
                _fill("field:STATEPROV", entries)
        return float(Runner(services, name, folder / name)("import", path)["seconds"])


def _fill(key: str, entries: int) -> None:
    db.session.execute(_FILL, {"key": key, "entries": entries})
    db.session.commit()
    db.session.execute(text("ANALYZE cross_reference_entries"))
    db.session.commit()
    for engine in db.engines.values():
        engine.dispose()


def _measure_pages(services: Services, folder: Path) -> dict[str, tuple[float, float]]:
    """Milliseconds of each page, of the small type and of the large one."""
    with temporary_database(services) as name:
        app = create_app(services.settings(name, folder / name))
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        client = sign_in(app.test_client(), make_admin(app))
        with app.app_context():
            _fill("field:TITLE", FEW)
            _fill("origin_source", ENTRIES)

        def measure(address: str) -> float:
            began = time.perf_counter()
            assert client.get(address).status_code == 200
            return (time.perf_counter() - began) * 1000

        found = {}
        for words, query in PAGES.items():
            small, large = [], []
            for _ in range(15):
                small.append(measure(f"/cross-references/field:TITLE{query}"))
                large.append(measure(f"/cross-references/origin_source{query}"))
            found[words] = statistics.median(small), statistics.median(large)
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()
    return found


def _measure_uploads(services: Services, folder: Path, entries: int) -> dict[str, dict[str, Any]]:
    """A type's table as a file: into an empty type, once more, and taken back."""
    path = folder / "entries.csv"
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(("ONLINE_VALUE", "FOREIGN_1", "DESCRIPTION", "SEND_BACK"))
        for number in range(entries):
            mark = "No" if number % 2 else "Yes"
            writer.writerow((f"State {number // 2}", f"code-{number}", f"No. {number}", mark))
    with temporary_database(services) as name:
        create_app(services.settings(name, folder / name))
        run = Runner(services, name, folder / name, "cross-reference-upload", "origin_source")
        steps = {"preview": run("preview", path), "create": run("import", path)}
        steps["same again"] = run("import", path)
        steps["undo"] = run("undo", steps["create"]["run"])
    return steps


def report_crossrefs(found: Crossrefs) -> list[str]:
    """The section of the page."""
    added = found.with_entries / found.without - 1
    lines = [
        "## Cross-references",
        "",
        f"Importing {found.rows:,} rows whose {COLUMN} has {ENTRIES:,} codes takes "
        f"{found.without:.1f} s without entries and {found.with_entries:.1f} s through "
        f"{ENTRIES:,} of them: {added:+.0%} (target at most +{MOST_ADDED:.0%}; "
        f"{verdict(added <= MOST_ADDED)}). "
        f"The best of {ROUNDS} each, loading the table included.",
        "",
        f"| a page of entries | {FEW:,} entries, ms | {ENTRIES:,} entries, ms | ratio | target | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for words, (small, large) in found.pages.items():
        lines.append(
            f"| {words} | {small:.0f} | {large:.0f} | {large / small:.1f} × | ≤ {MOST_PAGE:.0f} | "
            f"{verdict(large / small <= MOST_PAGE)} |"
        )
    lines += [
        "",
        f"| a file of {found.entries:,} entries | seconds | peak MB | target | |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for step, values in found.uploads.items():
        lines.append(
            f"| {step} | {values['seconds']:.1f} | {values['peak_mb']:.0f} | ≤ {MOST_MB} | "
            f"{verdict(values['peak_mb'] <= MOST_MB)} |"
        )
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])
