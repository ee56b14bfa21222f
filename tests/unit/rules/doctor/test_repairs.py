"""Repairs do exactly what was shown, once, and the same whatever the batch."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rules.doctor.damage import SHARES, Case, cases, damaged_file, examine
from webapp.rules.doctor import ColumnSeen, DamageKind, Doctor, Finding, Repair, Repairs

CASES = list(cases())
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.label}")


def stored(repair: Repair) -> Repair:
    return Repair.from_json(json.loads(json.dumps(repair.to_json())))


@EVERY_CASE
@pytest.mark.parametrize("share", SHARES)
def test_as_many_cells_change_as_were_announced_and_none_twice(case: Case, share: float) -> None:
    columns, _, rows = damaged_file(case, share, seed=3)
    given_rows = [list(row) for row in rows]
    numbers = range(2, len(rows) + 2)

    for finding in examine(columns, rows, case.knowledge()).findings():
        if not finding.can_repair:
            continue
        repairs = Repairs([stored(finding.repair())])
        repaired, sentences = repairs.apply(numbers, rows)
        changed = {
            number: row
            for number, row, before in zip(numbers, repaired, rows, strict=True)
            if row != before
        }

        assert rows == given_rows
        assert len(changed) == finding.rows
        assert changed.keys() == sentences.keys()
        for example in finding.examples:
            assert changed[example.row][finding.position] == example.after
        for change in finding.changes:
            assert change.before != change.after
        again, silent = repairs.apply(numbers, repaired)
        assert again == repaired
        assert silent == {}
        left = examine(columns, repaired, case.knowledge()).findings()
        assert finding.id not in {one.id for one in left if one.can_repair}


@EVERY_CASE
def test_rows_come_out_the_same_in_any_batches(case: Case) -> None:
    columns, _, rows = damaged_file(case, 0.5, seed=4)
    found = examine(columns, rows, case.knowledge()).findings()
    accepted = [stored(finding.repair()) for finding in found if finding.can_repair]
    whole, _ = Repairs(accepted).apply(range(len(rows)), rows)

    repairs = Repairs(list(reversed(accepted)))
    parts: list[list[str]] = []
    for start in range(0, len(rows), 7):
        batch = rows[start : start + 7]
        parts += repairs.apply(range(start, start + len(batch)), batch)[0]

    assert parts == whole


@EVERY_CASE
def test_chosen_texts_alone_are_repaired(case: Case) -> None:
    columns, _, rows = damaged_file(case, 0.5, seed=5)
    for finding in examine(columns, rows, case.knowledge()).findings():
        if not finding.can_repair:
            continue
        chosen = finding.changes[0]
        repair = stored(finding.repair([chosen.before]))
        repaired, sentences = Repairs([repair]).apply(range(len(rows)), rows)
        touched = [
            row[finding.position] for row, new in zip(rows, repaired, strict=True) if row != new
        ]

        assert touched == [chosen.before] * chosen.rows
        assert len(sentences) == chosen.rows


@EVERY_CASE
def test_findings_are_stored_and_found_again(case: Case) -> None:
    columns, _, rows = damaged_file(case, 0.5, seed=6)
    for finding in examine(columns, rows, case.knowledge()).findings():
        again = Finding.from_json(json.loads(json.dumps(finding.to_json())))

        assert again == finding
        assert finding.title
        assert finding.evidence.endswith(".")
        assert finding.advice.endswith(".")
        assert 0 < len(finding.examples) <= 3
        assert len(finding.changes) <= 200


def test_without_repairs_the_rows_are_handed_back_as_they_are() -> None:
    rows = [["2139"], ["x"]]

    assert Repairs([]).apply([2, 3], rows) == (rows, {})
    assert Repairs([]).apply([2, 3], rows)[0] is rows


def test_a_repair_that_only_tells_is_no_repair() -> None:
    doctor = Doctor([ColumnSeen(0, "MEMBER_ID", "MEMBER_ID")])
    doctor.look([2], [["1.23457E+11"]])
    (finding,) = doctor.findings()

    assert not finding.can_repair
    with pytest.raises(ValueError, match="lost_digits:0"):
        finding.repair()


def test_several_repairs_of_one_cell_follow_one_another() -> None:
    columns = [ColumnSeen(0, "State", "HOME_STATEPROV"), ColumnSeen(1, "Zip", "HOME_ZIP")]
    rows = [["MA", "\u00a0'02139"], ["MA", "2139"], ["MA", "#N/A"], ["MA", " 2140 "]]
    doctor = Doctor(columns)
    doctor.look([2, 3, 4, 5], rows)
    accepted = [finding.repair() for finding in doctor.findings() if finding.can_repair]

    repaired, sentences = Repairs(accepted).apply([2, 3, 4, 5], rows)

    assert [row[1] for row in repaired] == ["02139", "02139", "", "02140"]
    assert sentences[3] == ["Zip: 2139 was read as 02139 (a spreadsheet dropped the zero)."]
    assert sentences[4] == ["Zip: “#N/A” was read as blank (the word stands for nothing)."]
    assert len(sentences[2]) == 2


def test_a_chosen_text_is_still_known_after_another_repair_changed_it() -> None:
    columns = [ColumnSeen(0, "State", "HOME_STATEPROV"), ColumnSeen(1, "Zip", "HOME_ZIP")]
    rows = [["MA", " 2139"], ["MA", "2140"]]
    doctor = Doctor(columns)
    doctor.look([2, 3], rows)
    found = {finding.kind: finding for finding in doctor.findings()}
    accepted = [
        found[DamageKind.STRAY_BLANKS].repair(),
        found[DamageKind.LOST_ZEROS].repair([" 2139"]),
    ]

    repaired, _ = Repairs(accepted).apply([2, 3], rows)

    assert repaired == [["MA", "02139"], ["MA", "2140"]]


def test_an_exchange_moves_both_cells_and_nothing_else() -> None:
    columns = [
        ColumnSeen(0, "PRIMARY_EMAIL", "PRIMARY_EMAIL"),
        ColumnSeen(1, "NAME"),
        ColumnSeen(2, "HOME_PHONE", "HOME_PHONE"),
    ]
    rows = [["a@example.org", "Ann", "617-555-0100"], ["617-555-0101", "Bo", "b@example.org"]]
    doctor = Doctor(columns)
    doctor.look([2, 3], rows)
    (finding,) = doctor.findings()

    repaired, sentences = Repairs([stored(finding.repair())]).apply([2, 3], rows)

    assert repaired == [rows[0], ["b@example.org", "Bo", "617-555-0101"]]
    assert sorted(sentence.partition(":")[0] for sentence in sentences[3]) == [
        "HOME_PHONE",
        "PRIMARY_EMAIL",
    ]


cell = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["2139", "'02139", '="1"', " x ", "NULL", "n/a", "GarcÃ­a", "3-4", "4-Mar", "13/02/2018"]
    ),
)


@given(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=12), st.integers(0, 5))
@settings(max_examples=150)
def test_any_rows_are_repaired_once_and_for_all(
    rows: list[tuple[str, str, str]], seed: int
) -> None:
    names = [
        "HOME_STATEPROV",
        "HOME_ZIP",
        "LAST_NAME",
        "MEMBER_ID",
        "BIRTH_DATE",
        "HOME_PHONE",
        None,
    ]
    chosen = Random(seed).sample(names, 3)
    columns = [ColumnSeen(place, name or "x", name) for place, name in enumerate(chosen)]
    table = [[text.replace("\0", "") for text in row] for row in rows]
    doctor = Doctor(columns)
    doctor.look(range(len(table)), table)
    for finding in doctor.findings():
        if not finding.can_repair:
            continue
        repairs = Repairs([stored(finding.repair())])
        repaired, sentences = repairs.apply(range(len(table)), table)

        assert len(sentences) == finding.rows
        assert repairs.apply(range(len(table)), repaired) == (repaired, {})


def test_rows_of_another_width_are_passed_over() -> None:
    doctor = Doctor([ColumnSeen(0, "Zip", "HOME_ZIP"), ColumnSeen(1, "State", "HOME_STATEPROV")])
    doctor.look([2, 3, 4], [["2139", "MA"], ["2139"], ["2139", "MA", "x"]])
    (finding,) = doctor.findings()

    assert doctor.looked_at == 1
    assert finding.rows == 1
    rows = [["2139", "MA"], ["2139"], []]
    repaired, _ = Repairs([finding.repair()]).apply([2, 3, 4], rows)
    assert repaired == [["02139", "MA"], ["2139"], []]
