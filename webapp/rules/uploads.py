"""Whose row it is, for uploads that write nothing about the person: the import's rules (DOMAIN),
except that nobody is ever created and no key changes hands."""

from __future__ import annotations

from webapp.rules.faults import Fault, FaultCode
from webapp.rules.standard_import import Action, Decision, Evidence, Key, decide, match_fault


def decide_person(evidence: Evidence, *, unique_email: bool) -> Decision:
    """The row's constituent, or why it has none."""
    decision = decide(evidence, unique_email=unique_email)
    if decision.action is Action.CREATE:
        # Who would be made here is looked for once more, to tell what stands in the way
        decision = decide(evidence, unique_email=True)
    is_nobodys = evidence.key is Key.MEMBER_ID and decision.fault is FaultCode.EMAIL_TAKEN
    if decision.action is Action.CREATE or (is_nobodys and not evidence.member_active):
        return Decision(Action.REJECT, fault=FaultCode.PERSON_NOT_FOUND)
    return decision


def person_fault(
    code: FaultCode,
    *,
    cons_id: str | None,
    member_id: str | None,
    email: str | None,
    other_id: int | None,
    may_name_other: bool = True,
) -> Fault:
    """The sentence for a row whose person was not found, or may not be meant."""
    other = f"constituent {other_id}" if other_id and may_name_other else "another record"
    if code is FaultCode.PERSON_NOT_FOUND:
        column, value = "PRIMARY_EMAIL", email or ""
        if member_id:
            column, value = "MEMBER_ID", member_id
        return Fault(
            code,
            column,
            value,
            f"{column} “{value}” belongs to nobody here, and this upload creates nobody. Correct "
            "it, or import the person first.",
        )
    if code in (FaultCode.EMAIL_TAKEN, FaultCode.MEMBER_ID_TAKEN):
        is_email = code is FaultCode.EMAIL_TAKEN
        column = "PRIMARY_EMAIL" if is_email else "MEMBER_ID"
        value = (email if is_email else member_id) or ""
        first = "CONS_ID" if cons_id else "MEMBER_ID"
        return Fault(
            code,
            column,
            value,
            f"{column} “{value}” belongs to {other}, and {first} “{cons_id or member_id}” to "
            "somebody else. Clear the one that is wrong.",
        )
    return match_fault(
        code,
        cons_id=cons_id,
        member_id=member_id,
        email=email,
        other_id=other_id,
        may_name_other=may_name_other,
    )
