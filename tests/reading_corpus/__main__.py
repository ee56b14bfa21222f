"""Read the whole corpus and write its scores into docs/reading.md.

`python -m tests.reading_corpus`; with words (`stray quote`), only the kinds named so, what went
wrong is shown, and nothing is written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.reading_corpus import irregular, layouts, styles
from tests.reading_corpus.cases import Case
from tests.reading_corpus.scores import Read, Score, read, score

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reading.md"
HEADING = (
    "| kind | files | header | records | cells | set aside | not read | wrongly read |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)
MOST_SHOWN = 3


def every_case() -> dict[str, list[Case]]:
    """All cases by their kind."""
    cases: dict[str, list[Case]] = {}
    for part in (styles, layouts, irregular):
        for case in part.every():
            cases.setdefault(case.kind, []).append(case)
    return cases


def mean(values: Iterable[float]) -> float:
    """Every file counts the same."""
    numbers = list(values)
    return sum(numbers) / len(numbers)


def line_of(kind: str, scores: list[Score]) -> str:
    """A kind's row of the table."""
    measures = [
        f"{mean(getattr(one, name) for one in scores):.4f}"
        for name in ("header", "records", "cells")
    ]
    counts = [
        f"{sum(getattr(one, name) for one in scores):,}" for name in ("set_aside", "lost", "wrong")
    ]
    return f"| {' | '.join((kind, f'{len(scores):,}', *measures, *counts))} |"


def write_page(lines: Iterable[str]) -> None:
    """Put the table in the place of the one that is there."""
    table = "\n".join((*HEADING, *lines))
    text = PAGE.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^\| kind \| files .*?(?=\n\n|\Z)", lambda _: table, text, count=1)
    PAGE.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show(case: Case, got: Read) -> None:
    """What went wrong, as small as it gets."""
    say(f"  {case.kind}: {case.name}: {got.refusal} {got.set_aside} set aside")
    wanted = case.header or case.table.header
    if got.header != wanted:
        say(f"    header wanted {[name for name in wanted if name not in got.header][:6]}")
        missing = [name for name in got.header if name not in wanted]
        say(f"    header got    {missing[:6]} of {len(got.header)}")
    rows = set(case.table.rows)
    for row in [row for row in got.rows if row not in rows][:2]:
        say(f"    got    {str(row)[:220]}")
    for row in [row for row in case.table.rows if row not in set(got.rows)][:2]:
        say(f"    wanted {str(row)[:220]}")


def main(words: list[str]) -> None:
    """All kinds, or those the words name."""
    lines = []
    wanted = " ".join(words)
    for kind, cases in every_case().items():
        if wanted not in kind:
            continue
        scores = []
        shown = 0
        for case in cases:
            got = read(case.data)
            scores.append(score(case, got))
            if words and shown < MOST_SHOWN and not scores[-1].is_perfect:
                show(case, got)
                shown += 1
        lines.append(line_of(kind, scores))
        say(lines[-1])
    if not words:
        write_page(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
