"""How much damage is found is what docs/damage.md says, and nothing is ever put wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.rules.doctor.damage import SHARES, Case, cases, score, table
from webapp.rules.doctor import DamageKind

DOCS = Path(__file__).parents[4] / "docs" / "damage.md"


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.kind}-{case.label}")
@pytest.mark.parametrize("seed", [2, 3])
def test_nothing_is_put_wrong(case: Case, seed: int) -> None:
    for share in SHARES:
        assert score(case, share, seed).wrong == 0


def test_the_documentation_says_how_much_is_found() -> None:
    text = DOCS.read_text(encoding="utf-8")

    assert "\n".join(table()) in text


def test_every_kind_is_measured_and_described() -> None:
    text = DOCS.read_text(encoding="utf-8")

    assert {case.kind for case in cases()} == set(DamageKind)
    assert all(f"| `{kind}` |" in text for kind in DamageKind)
