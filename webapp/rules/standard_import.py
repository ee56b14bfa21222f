"""Which constituent a row means, and what may be done with it.

DOMAIN: Standard Constituent Import. The database gathers the evidence for a whole chunk at once;
the decision is made here, once per distinct evidence, so that the rule stands in one place and can
be tested case by case.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from webapp.rules.faults import Fault, FaultCode


class Key(StrEnum):
    """The key that decides: the first one present in the row."""

    CONS_ID = "c"
    MEMBER_ID = "m"
    PRIMARY_EMAIL = "e"
    NONE = "-"


class Action(StrEnum):
    """What is to be done with a row."""

    CREATE = "create"
    UPDATE = "update"
    REJECT = "reject"


class Candidate(StrEnum):
    """Which of the records found is the row's constituent."""

    CONS_ID = "cons"
    MEMBER_ID = "member"
    BLANK_MEMBER_ID = "blank"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the database found for a row. Counts are 0, 1 or 2 (two or more).

    `cons_active`/`cons_removed`: a record with the CONS_ID. `member_active`/`member_removed`:
    records with the MEMBER_ID. `email_active`: active records with the email; `email_match`: those
    of them that accept email and so can be matched by it; `email_blank`: those of the latter that
    have no member ID; `email_removed`: removed records with it. `cons_has_member`,
    `cons_has_email`, `member_has_email`: the record already has the row's value, so nothing is
    taken from anybody.
    """

    key: Key
    cons_active: bool = False
    cons_removed: bool = False
    cons_has_member: bool = False
    cons_has_email: bool = False
    member_active: int = 0
    member_removed: bool = False
    member_has_email: bool = False
    email_active: int = 0
    email_match: int = 0
    email_blank: int = 0
    email_removed: bool = False

    @classmethod
    def from_pattern(cls, pattern: str) -> Evidence:
        """From the database's form: the key's letter and one digit per field, in order."""
        key, digits = pattern[0], [int(digit) for digit in pattern[1:]]
        return cls(
            Key(key),
            bool(digits[0]),
            bool(digits[1]),
            bool(digits[2]),
            bool(digits[3]),
            digits[4],
            bool(digits[5]),
            bool(digits[6]),
            digits[7],
            digits[8],
            digits[9],
            bool(digits[10]),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, with which of the found records, or why not."""

    action: Action
    candidate: Candidate | None = None
    fault: FaultCode | None = None


CREATE = Decision(Action.CREATE)


def decide(evidence: Evidence, *, unique_email: bool) -> Decision:
    """The row's constituent by key precedence, and whether the row may have its effect."""
    if evidence.key is Key.CONS_ID:
        return _by_cons_id(evidence, unique_email=unique_email)
    if evidence.key is Key.MEMBER_ID:
        return _by_member_id(evidence, unique_email=unique_email)
    if evidence.key is Key.PRIMARY_EMAIL:
        return _by_email(evidence, unique_email=unique_email)
    return _reject(FaultCode.NO_KEY)


def _by_cons_id(evidence: Evidence, *, unique_email: bool) -> Decision:
    if evidence.cons_removed:
        return _reject(FaultCode.REMOVED)
    if not evidence.cons_active:
        return _reject(FaultCode.CONS_ID_UNKNOWN)
    if evidence.member_active and not evidence.cons_has_member:
        return _reject(FaultCode.MEMBER_ID_TAKEN)
    if unique_email and evidence.email_active and not evidence.cons_has_email:
        return _reject(FaultCode.EMAIL_TAKEN)
    return Decision(Action.UPDATE, Candidate.CONS_ID)


def _by_member_id(evidence: Evidence, *, unique_email: bool) -> Decision:
    if evidence.member_active > 1:
        return _reject(FaultCode.SEVERAL_MEMBER_ID)
    if evidence.member_active:
        if unique_email and evidence.email_active and not evidence.member_has_email:
            return _reject(FaultCode.EMAIL_TAKEN)
        return Decision(Action.UPDATE, Candidate.MEMBER_ID)
    if evidence.member_removed:
        return _reject(FaultCode.REMOVED)
    if evidence.email_blank == 1:
        return Decision(Action.UPDATE, Candidate.BLANK_MEMBER_ID)
    if not unique_email:
        return CREATE
    if evidence.email_blank > 1:
        return _reject(FaultCode.SEVERAL_EMAIL)
    if evidence.email_active:
        return _reject(FaultCode.EMAIL_TAKEN)
    return CREATE


def _by_email(evidence: Evidence, *, unique_email: bool) -> Decision:
    if evidence.email_match == 1:
        return Decision(Action.UPDATE, Candidate.EMAIL)
    if evidence.email_match > 1:
        return _reject(FaultCode.SEVERAL_EMAIL) if unique_email else CREATE
    if evidence.email_active:
        return _reject(FaultCode.EMAIL_UNREACHABLE) if unique_email else CREATE
    if evidence.email_removed:
        return _reject(FaultCode.REMOVED)
    return CREATE


def _reject(code: FaultCode) -> Decision:
    return Decision(Action.REJECT, fault=code)


def match_fault(
    code: FaultCode,
    *,
    cons_id: str | None,
    member_id: str | None,
    email: str | None,
    other_id: int | None,
    may_name_other: bool = True,
) -> Fault:
    """The sentence for a row that could not be matched or may not have its effect.

    `other_id` is the record in the way; in a preview, minus the number of the row that would make
    it. It is left unnamed where the person may not see it (another center's).
    """
    other = _name_other(other_id) if other_id and may_name_other else "another record"
    key, value = _deciding_key(cons_id, member_id, email)
    if code in (FaultCode.EMAIL_TAKEN, FaultCode.SEVERAL_EMAIL, FaultCode.EMAIL_UNREACHABLE):
        key, value = "PRIMARY_EMAIL", email or ""
    if code is FaultCode.MEMBER_ID_TAKEN:
        key, value = "MEMBER_ID", member_id or ""
    messages = {
        FaultCode.NO_KEY: "CONS_ID, MEMBER_ID and PRIMARY_EMAIL are all blank, so nobody can say "
        "whose row it is. Fill in one of them.",
        FaultCode.CONS_ID_UNKNOWN: f"CONS_ID {value} does not exist. Correct it, or clear it to "
        "match by MEMBER_ID or PRIMARY_EMAIL.",
        FaultCode.REMOVED: f"{key} “{value}” belongs to a removed record ({other}), which is never "
        "updated. Restore that record first, or leave the row out.",
        FaultCode.SEVERAL_MEMBER_ID: f"MEMBER_ID “{value}” belongs to several active records. Use "
        "CONS_ID to say which one.",
        FaultCode.SEVERAL_EMAIL: f"PRIMARY_EMAIL “{value}” belongs to several active records. Use "
        "CONS_ID or MEMBER_ID to say which one.",
        FaultCode.EMAIL_TAKEN: f"PRIMARY_EMAIL “{value}” already belongs to {other}. Give another "
        "address, or settle first whether the two are the same person.",
        FaultCode.EMAIL_UNREACHABLE: f"PRIMARY_EMAIL “{value}” belongs to {other}, who does not "
        "accept email and so cannot be matched by it. Add CONS_ID or MEMBER_ID.",
        FaultCode.MEMBER_ID_TAKEN: f"MEMBER_ID “{value}” already belongs to {other}. Correct the "
        "member ID, or settle first whether the two are the same person.",
        FaultCode.OTHER_CENTER: f"{key} “{value}” belongs to a record outside your center, which "
        "you may not change. Leave the row out, or ask a site administrator.",
        FaultCode.CHANGED_SINCE_PREVIEW: "What this row would do has changed since the preview, so "
        "it was held back. Look at it again and run it anew.",
    }
    return Fault(code, "" if code in _WHOLE_ROW else key, value, messages[code])


_WHOLE_ROW = (FaultCode.NO_KEY, FaultCode.CHANGED_SINCE_PREVIEW)


def _name_other(other_id: int) -> str:
    return f"constituent {other_id}" if other_id > 0 else f"the record that row {-other_id} makes"


def _deciding_key(cons_id: str | None, member_id: str | None, email: str | None) -> tuple[str, str]:
    if cons_id:
        return "CONS_ID", cons_id
    if member_id:
        return "MEMBER_ID", member_id
    return "PRIMARY_EMAIL", email or ""
