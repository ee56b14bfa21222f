"""Tables of cases: who is there, the file, what becomes of each row, and what is stored then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.jobs.site import CHUNK_SIZES, Imported, Row, Site

NOTHING = {"created": 0, "updated": 0, "unchanged": 0, "rejected": 0, "withheld": 0}


@dataclass(frozen=True)
class Reject:
    """A row that does not go through: the fault, and words of its sentence."""

    code: str
    says: tuple[str, ...] = ()


def reject(code: str, *says: str) -> Reject:
    """A row rejected for this, saying that."""
    return Reject(code, says)


@dataclass(frozen=True)
class Case:
    """One rule, by example.

    `{ann}` in a cell or a sentence is the number of the person of that name. An outcome is
    `updated ann`, `unchanged ann`, `created` or a `Reject`. `stored` is what is stored afterwards
    of a person, or of `row 2`, the one that row made.
    """

    name: str
    rows: Sequence[Mapping[str, str]]
    outcomes: Sequence[str | Reject]
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stored: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def parameters(cases: Sequence[Case]) -> list[Any]:
    """Each case, those with several rows once per chunk size."""
    return [
        pytest.param(case, size, id=f"{case.name}-{size}" if len(case.rows) > 1 else case.name)
        for case in cases
        for size in (CHUNK_SIZES if len(case.rows) > 1 else CHUNK_SIZES[-1:])
    ]


def settle(site: Site, people: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Put the people in; their numbers by name."""
    return {name: site.person(**values) for name, values in people.items()}


def fill(rows: Sequence[Mapping[str, str]], ids: Mapping[str, int]) -> list[dict[str, str]]:
    """The rows with people's numbers in the place of `{name}`."""
    return [
        {column: cell.format_map(ids) if "{" in cell else cell for column, cell in row.items()}
        for row in rows
    ]


def check(site: Site, case: Case, chunk_rows: int) -> Imported:
    """Preview and run the case's file, and hold it against what the case says."""
    site.set(chunk_rows=chunk_rows, **case.settings)
    ids = settle(site, case.people)
    imported = site.import_rows(fill(case.rows, ids), **case.options)
    assert list(imported.rows) == list(range(2, 2 + len(case.rows)))
    for row, expected in zip(imported.rows.values(), case.outcomes, strict=True):
        check_row(row, expected, ids)
    for name, values in case.stored.items():
        number = name.removeprefix("row ")
        found = imported.rows[int(number)].constituent_id if name != number else ids[name]
        stored = site.stored(found)
        assert {attribute: stored[attribute] for attribute in values} == values, name
    return imported


def check_row(row: Row, expected: str | Reject, ids: Mapping[str, int]) -> None:
    """A row's outcome is the expected one; a fault's sentence names column and value."""
    if isinstance(expected, Reject):
        assert row.verdict == ("rejected", (expected.code,)), row
        for words in expected.says:
            assert words.format_map(ids) in row.messages[0]
        assert row.cells is not None
        assert row.constituent_id is None
        return
    outcome, _, name = expected.partition(" ")
    assert row.verdict == (outcome, ()), row
    if name:
        found = f"row {name}" if name.isdigit() else ids[name]
        assert row.constituent_id == found, row
