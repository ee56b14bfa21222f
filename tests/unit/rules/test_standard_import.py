"""Whose row it is: every rule of DOMAIN by name, and what holds for any evidence at all."""

from __future__ import annotations

from itertools import product

import pytest

from webapp.rules.faults import FaultCode
from webapp.rules.standard_import import (
    CREATE,
    Action,
    Candidate,
    Decision,
    Evidence,
    Key,
    decide,
    match_fault,
)

_BOOL, _COUNT = (0, 1), (0, 1, 2)
_DIGITS = (_BOOL, _BOOL, _BOOL, _BOOL, _COUNT, _BOOL, _BOOL, _COUNT, _COUNT, _COUNT, _BOOL)
EVERY_EVIDENCE = [
    Evidence.from_pattern(key + "".join(map(str, digits)))
    for key in ("c", "m", "e", "-")
    for digits in product(*_DIGITS)
]


def updated(candidate: Candidate) -> Decision:
    return Decision(Action.UPDATE, candidate)


def rejected(code: FaultCode) -> Decision:
    return Decision(Action.REJECT, fault=code)


# By name: evidence, decision where the site enforces unique email, decision where it doesn't
CASES = {
    "no key": (Evidence(Key.NONE), rejected(FaultCode.NO_KEY), None),
    "CONS_ID of an active record": (
        Evidence(Key.CONS_ID, cons_active=True),
        updated(Candidate.CONS_ID),
        None,
    ),
    "CONS_ID of a removed record": (
        Evidence(Key.CONS_ID, cons_removed=True),
        rejected(FaultCode.REMOVED),
        None,
    ),
    "CONS_ID of nobody": (Evidence(Key.CONS_ID), rejected(FaultCode.CONS_ID_UNKNOWN), None),
    "CONS_ID of nobody, the email is known": (
        Evidence(Key.CONS_ID, email_active=1, email_match=1, email_blank=1),
        rejected(FaultCode.CONS_ID_UNKNOWN),
        None,
    ),
    "CONS_ID, the member ID is somebody else's": (
        Evidence(Key.CONS_ID, cons_active=True, member_active=1),
        rejected(FaultCode.MEMBER_ID_TAKEN),
        None,
    ),
    "CONS_ID, the member ID is its own": (
        Evidence(Key.CONS_ID, cons_active=True, cons_has_member=True, member_active=1),
        updated(Candidate.CONS_ID),
        None,
    ),
    "CONS_ID, the member ID was a removed record's": (
        Evidence(Key.CONS_ID, cons_active=True, member_removed=True),
        updated(Candidate.CONS_ID),
        None,
    ),
    "CONS_ID, the email is somebody else's": (
        Evidence(Key.CONS_ID, cons_active=True, email_active=1, email_match=1),
        rejected(FaultCode.EMAIL_TAKEN),
        updated(Candidate.CONS_ID),
    ),
    "CONS_ID, the email is its own and somebody else's": (
        Evidence(Key.CONS_ID, cons_active=True, cons_has_email=True, email_active=2, email_match=2),
        updated(Candidate.CONS_ID),
        None,
    ),
    "MEMBER_ID of an active record": (
        Evidence(Key.MEMBER_ID, member_active=1),
        updated(Candidate.MEMBER_ID),
        None,
    ),
    "MEMBER_ID of a removed record": (
        Evidence(Key.MEMBER_ID, member_removed=True),
        rejected(FaultCode.REMOVED),
        None,
    ),
    "MEMBER_ID of a removed record, blank member ID with the email": (
        Evidence(Key.MEMBER_ID, member_removed=True, email_active=1, email_match=1, email_blank=1),
        rejected(FaultCode.REMOVED),
        None,
    ),
    "MEMBER_ID of an active and of a removed record": (
        Evidence(Key.MEMBER_ID, member_active=1, member_removed=True),
        updated(Candidate.MEMBER_ID),
        None,
    ),
    "MEMBER_ID of several": (
        Evidence(Key.MEMBER_ID, member_active=2),
        rejected(FaultCode.SEVERAL_MEMBER_ID),
        None,
    ),
    "MEMBER_ID, a new email that nobody has": (
        Evidence(Key.MEMBER_ID, member_active=1),
        updated(Candidate.MEMBER_ID),
        None,
    ),
    "MEMBER_ID, the new email is somebody else's": (
        Evidence(Key.MEMBER_ID, member_active=1, email_active=1, email_match=1),
        rejected(FaultCode.EMAIL_TAKEN),
        updated(Candidate.MEMBER_ID),
    ),
    "MEMBER_ID, the new email is of somebody who does not accept email": (
        Evidence(Key.MEMBER_ID, member_active=1, email_active=1),
        rejected(FaultCode.EMAIL_TAKEN),
        updated(Candidate.MEMBER_ID),
    ),
    "MEMBER_ID, the email is a removed record's": (
        Evidence(Key.MEMBER_ID, member_active=1, email_removed=True),
        updated(Candidate.MEMBER_ID),
        None,
    ),
    "MEMBER_ID of nobody": (Evidence(Key.MEMBER_ID), CREATE, None),
    "MEMBER_ID of nobody, blank member ID with the email": (
        Evidence(Key.MEMBER_ID, email_active=1, email_match=1, email_blank=1),
        updated(Candidate.BLANK_MEMBER_ID),
        None,
    ),
    "MEMBER_ID of nobody, several with the email, one without member ID": (
        Evidence(Key.MEMBER_ID, email_active=2, email_match=2, email_blank=1),
        updated(Candidate.BLANK_MEMBER_ID),
        None,
    ),
    "MEMBER_ID of nobody, several without member ID with the email": (
        Evidence(Key.MEMBER_ID, email_active=2, email_match=2, email_blank=2),
        rejected(FaultCode.SEVERAL_EMAIL),
        CREATE,
    ),
    "MEMBER_ID of nobody, the email's record has another member ID": (
        Evidence(Key.MEMBER_ID, email_active=1, email_match=1),
        rejected(FaultCode.EMAIL_TAKEN),
        CREATE,
    ),
    "MEMBER_ID of nobody, the email's record does not accept email": (
        Evidence(Key.MEMBER_ID, email_active=1),
        rejected(FaultCode.EMAIL_TAKEN),
        CREATE,
    ),
    "PRIMARY_EMAIL of an active record": (
        Evidence(Key.PRIMARY_EMAIL, email_active=1, email_match=1),
        updated(Candidate.EMAIL),
        None,
    ),
    "PRIMARY_EMAIL of several": (
        Evidence(Key.PRIMARY_EMAIL, email_active=2, email_match=2),
        rejected(FaultCode.SEVERAL_EMAIL),
        CREATE,
    ),
    "PRIMARY_EMAIL of several, one of whom accepts email": (
        Evidence(Key.PRIMARY_EMAIL, email_active=2, email_match=1),
        updated(Candidate.EMAIL),
        None,
    ),
    "PRIMARY_EMAIL of somebody who does not accept email": (
        Evidence(Key.PRIMARY_EMAIL, email_active=1),
        rejected(FaultCode.EMAIL_UNREACHABLE),
        CREATE,
    ),
    "PRIMARY_EMAIL of a removed record": (
        Evidence(Key.PRIMARY_EMAIL, email_removed=True),
        rejected(FaultCode.REMOVED),
        None,
    ),
    "PRIMARY_EMAIL of an active and of a removed record": (
        Evidence(Key.PRIMARY_EMAIL, email_active=1, email_match=1, email_removed=True),
        updated(Candidate.EMAIL),
        None,
    ),
    "PRIMARY_EMAIL of nobody": (Evidence(Key.PRIMARY_EMAIL), CREATE, None),
}


@pytest.mark.parametrize("name", CASES)
def test_rules_of_domain(name: str) -> None:
    evidence, unique, shared = CASES[name]
    assert decide(evidence, unique_email=True) == unique
    assert decide(evidence, unique_email=False) == (shared or unique)


# What holds for any evidence, also such as can't be -------------------------------------------

_FOUND_BY = {
    Candidate.CONS_ID: lambda e: e.key is Key.CONS_ID and e.cons_active and not e.cons_removed,
    Candidate.MEMBER_ID: lambda e: e.key is Key.MEMBER_ID and e.member_active == 1,
    Candidate.BLANK_MEMBER_ID: lambda e: (
        e.key is Key.MEMBER_ID
        and not e.member_active
        and not e.member_removed
        and e.email_blank == 1
    ),
    Candidate.EMAIL: lambda e: e.key is Key.PRIMARY_EMAIL and e.email_match == 1,
}


@pytest.mark.parametrize("unique_email", [True, False])
def test_invariants(unique_email: bool) -> None:
    assert len(EVERY_EVIDENCE) == 4 * 2**7 * 3**4
    for evidence in EVERY_EVIDENCE:
        decision = decide(evidence, unique_email=unique_email)
        is_update = decision.action is Action.UPDATE
        assert (decision.candidate is not None) is is_update, evidence
        assert (decision.fault is not None) is (decision.action is Action.REJECT), evidence
        if decision.candidate is not None:
            # Exactly one active record was found by the deciding key
            assert _FOUND_BY[decision.candidate](evidence), evidence
        if decision.action is Action.CREATE:
            assert evidence.key in (Key.MEMBER_ID, Key.PRIMARY_EMAIL), evidence
            assert not (evidence.key is Key.MEMBER_ID and evidence.member_active), evidence
            assert not (evidence.key is Key.MEMBER_ID and evidence.member_removed), evidence
            if unique_email:
                assert not evidence.email_active, evidence
        if evidence.key is Key.NONE:
            assert decision.fault is FaultCode.NO_KEY, evidence


def test_unique_email_only_ever_forbids() -> None:
    """Without the rule a row may do more, but an update stays the same update."""
    differ = 0
    for evidence in EVERY_EVIDENCE:
        unique = decide(evidence, unique_email=True)
        shared = decide(evidence, unique_email=False)
        if unique == shared:
            continue
        differ += 1
        assert unique.fault in (
            FaultCode.EMAIL_TAKEN,
            FaultCode.SEVERAL_EMAIL,
            FaultCode.EMAIL_UNREACHABLE,
        ), evidence
        assert shared.action is not Action.REJECT, evidence
        assert evidence.email_active or evidence.email_match or evidence.email_blank
    assert differ


def test_email_evidence_is_nothing_without_an_email_that_counts() -> None:
    """With CONS_ID, only whether the email is somebody else's matters, not who could be matched."""
    for evidence in EVERY_EVIDENCE:
        if evidence.key is not Key.CONS_ID or not evidence.cons_active or evidence.cons_removed:
            continue
        decision = decide(evidence, unique_email=True)
        is_taken = bool(evidence.email_active) and not evidence.cons_has_email
        has_other = bool(evidence.member_active) and not evidence.cons_has_member
        assert (decision.action is Action.UPDATE) is not (is_taken or has_other)


def test_a_pattern_is_its_evidence() -> None:
    assert Evidence.from_pattern("m10012101120") == Evidence(
        Key.MEMBER_ID,
        cons_active=True,
        cons_has_email=True,
        member_active=2,
        member_removed=True,
        email_active=1,
        email_match=1,
        email_blank=2,
    )


# Sentences ------------------------------------------------------------------------------------

_MATCH_FAULTS = [
    FaultCode.CONS_ID_UNKNOWN,
    FaultCode.REMOVED,
    FaultCode.SEVERAL_MEMBER_ID,
    FaultCode.SEVERAL_EMAIL,
    FaultCode.EMAIL_TAKEN,
    FaultCode.EMAIL_UNREACHABLE,
    FaultCode.MEMBER_ID_TAKEN,
    FaultCode.OTHER_CENTER,
]
_KEYS = {
    "CONS_ID": {"cons_id": "77", "member_id": "m1", "email": "ann@example.org"},
    "MEMBER_ID": {"cons_id": None, "member_id": "m1", "email": "ann@example.org"},
    "PRIMARY_EMAIL": {"cons_id": None, "member_id": None, "email": "ann@example.org"},
}
_OWN_COLUMN = {
    FaultCode.EMAIL_TAKEN: "PRIMARY_EMAIL",
    FaultCode.SEVERAL_EMAIL: "PRIMARY_EMAIL",
    FaultCode.EMAIL_UNREACHABLE: "PRIMARY_EMAIL",
    FaultCode.MEMBER_ID_TAKEN: "MEMBER_ID",
}
_POSSIBLE = {
    FaultCode.CONS_ID_UNKNOWN: ("CONS_ID",),
    FaultCode.SEVERAL_MEMBER_ID: ("MEMBER_ID",),
    FaultCode.MEMBER_ID_TAKEN: ("CONS_ID",),
}
_VALUES = {"CONS_ID": "77", "MEMBER_ID": "m1", "PRIMARY_EMAIL": "ann@example.org"}


@pytest.mark.parametrize(
    ("code", "key"),
    [(code, key) for code in _MATCH_FAULTS for key in _POSSIBLE.get(code, tuple(_KEYS))],
)
def test_sentences_name_column_and_value(code: FaultCode, key: str) -> None:
    fault = match_fault(code, other_id=12, **_KEYS[key])
    column = _OWN_COLUMN.get(code, key)
    assert (fault.code, fault.column, fault.value) == (code, column, _VALUES[column])
    assert column in fault.message
    assert _VALUES[column] in fault.message
    assert fault.message.count(".") >= 2, "what is wrong, and what to do"
    assert fault.message.endswith(".")


@pytest.mark.parametrize("code", [FaultCode.NO_KEY, FaultCode.CHANGED_SINCE_PREVIEW])
def test_sentences_on_the_whole_row(code: FaultCode) -> None:
    fault = match_fault(code, cons_id=None, member_id=None, email=None, other_id=None)
    assert (fault.code, fault.column, fault.value) == (code, "", "")


@pytest.mark.parametrize(
    "code", [FaultCode.REMOVED, FaultCode.EMAIL_TAKEN, FaultCode.MEMBER_ID_TAKEN]
)
def test_the_record_in_the_way_is_named_only_to_who_may_see_it(code: FaultCode) -> None:
    keys = _KEYS["MEMBER_ID"]
    assert "constituent 12" in match_fault(code, other_id=12, **keys).message
    hidden = match_fault(code, other_id=12, may_name_other=False, **keys).message
    assert "12" not in hidden
    assert "another record" in hidden


@pytest.mark.parametrize("code", [FaultCode.EMAIL_TAKEN, FaultCode.MEMBER_ID_TAKEN])
def test_in_a_preview_the_record_in_the_way_may_be_one_that_a_row_makes(code: FaultCode) -> None:
    message = match_fault(code, other_id=-5, **_KEYS["MEMBER_ID"]).message
    assert "the record that row 5 makes" in message
    assert "-5" not in message
