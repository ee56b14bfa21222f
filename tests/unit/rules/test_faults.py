"""Faults as they are stored and told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.faults import FAULT_TITLES, Fault, FaultCode, faults_json


@pytest.mark.parametrize("code", FaultCode)
def test_every_code_has_a_title(code: FaultCode) -> None:
    title = FAULT_TITLES[code]
    assert title
    assert not title.endswith(".")
    assert str(code) == code.value


def test_titles_tell_codes_apart() -> None:
    assert len(set(FAULT_TITLES.values())) == len(FaultCode) == len(FAULT_TITLES)


@given(
    code=st.sampled_from(FaultCode),
    texts=st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=300)] * 3),
)
def test_the_stored_form_gives_the_fault_back(code: FaultCode, texts: tuple[str, ...]) -> None:
    column, value, message = texts
    fault = Fault(code, column, value, message)
    stored = json.loads(faults_json([fault, fault]))
    assert stored == [fault.as_dict()] * 2
    assert stored[0] == {
        "code": code.value,
        "column": column,
        "value": value[:200],
        "message": message,
    }


def test_no_faults() -> None:
    assert faults_json([]) == "[]"
