"""Every kind of malformed table is read as the scores in docs/reading.md say, or better."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.reading_corpus.__main__ import PAGE, every_case, mean
from tests.reading_corpus.cases import Case
from tests.reading_corpus.scores import read, score

LEAST = 0.995
MOST_FILES = 24

CASES = every_case()
PERFECT = {
    "RFC 4180",
    "delimiter: comma",
    "line ending: LF",
    "line ending: CRLF",
    "no newline at the end",
    "one row",
    "a mere header",
}
"""What RFC 4180 allows."""


def sample(cases: Sequence[Case]) -> Sequence[Case]:
    """Cases from all over a kind, the same ones every time; all of them for the script."""
    steps = max(1, len(cases) // MOST_FILES)
    # A step without small factors, so that it does not always meet the same column
    return cases[:: steps + 1 if steps > 1 and steps % 2 == 0 else steps][:MOST_FILES]


@pytest.mark.parametrize("kind", CASES)
def test_a_kind_is_read_well(kind: str) -> None:
    cases = sample(CASES[kind])
    scores = [score(case, read(case.data)) for case in cases]
    least = 1.0 if kind in PERFECT else LEAST
    bad = [case.name for case, one in zip(cases, scores, strict=True) if not one.is_perfect]
    for measure in ("header", "records", "cells"):
        assert mean(getattr(one, measure) for one in scores) >= least, (measure, bad)
    assert kind not in PERFECT or not any(one.wrong or one.lost for one in scores)


def test_the_scores_are_written_down() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ][2:]
    assert {row[0]: row[1].replace(",", "") for row in rows} == {
        kind: str(len(cases)) for kind, cases in CASES.items()
    }
    low = {row[0]: row[2:5] for row in rows if min(map(float, row[2:5])) < LEAST}
    assert not low
    assert all(row[2:5] == ["1.0000"] * 3 for row in rows if row[0] in PERFECT)
