"""`python -m bench.crossrefs [ROWS]`: what a cross-reference of 100,000 entries costs.

An import whose column has 100,000 codes, with and without a table that translates them; and the
pages of a type with 100,000 entries beside those of one with 1,000.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from bench.__main__ import describe_machine
from bench.files import HEADER, write_file
from bench.imports import Runner, temporary_database
from tests.people import make_admin, sign_in
from tests.services import Services, running_services
from webapp import create_app
from webapp.extensions import db

REPORT = Path(__file__).resolve().parent.parent / "docs" / "performance-crossrefs.md"
ENTRIES = 100_000
FEW = 1_000
COLUMN = "HOME_STATEPROV"
MOST_ADDED = 0.15
MOST_PAGE = 2.0
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


def main(arguments: list[str]) -> None:
    """Measure, and write the report."""
    rows = int(arguments[0]) if arguments else 1_000_000
    with running_services(durable=True) as services, tempfile.TemporaryDirectory() as folder:
        path = _write_codes(Path(folder), rows)
        without, with_entries = [], []
        for _ in range(ROUNDS):  # in turn, so that a busy moment meets both
            without.append(_import(services, Path(folder), path, entries=0))
            with_entries.append(_import(services, Path(folder), path, entries=ENTRIES))
        pages = _measure_pages(services, Path(folder))
    report = _report(rows, min(without), min(with_entries), pages)
    REPORT.write_text(report, encoding="utf-8")
    print(report)


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


def _report(
    rows: int, without: float, with_entries: float, pages: dict[str, tuple[float, float]]
) -> str:
    added = with_entries / without - 1
    verdict = "reached" if added <= MOST_ADDED else "**missed**"
    lines = [
        "# Performance of cross-references",
        "",
        f"Written by `python -m bench.crossrefs` on {datetime.now(UTC):%Y-%m-%d}, on "
        f"{describe_machine()}.",
        "",
        f"Importing {rows:,} rows whose {COLUMN} has {ENTRIES:,} codes takes {without:.1f} s "
        f"without entries and {with_entries:.1f} s through {ENTRIES:,} of them: {added:+.0%} "
        f"(target at most +{MOST_ADDED:.0%}; {verdict}). "
        f"The best of {ROUNDS} each, loading the table included.",
        "",
        f"| a page of entries | {FEW:,} entries, ms | {ENTRIES:,} entries, ms | ratio | target | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for words, (small, large) in pages.items():
        verdict = "reached" if large / small <= MOST_PAGE else "**missed**"
        lines.append(
            f"| {words} | {small:.0f} | {large:.0f} | {large / small:.1f} × | ≤ {MOST_PAGE:.0f} | "
            f"{verdict} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main(sys.argv[1:])
