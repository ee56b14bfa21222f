"""Why a download holds a record back, and what makes it go (DOMAIN: the downloads)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """A reason for which a record is held back. The values are kept in the database."""

    UNRESOLVED_DUPLICATE = "unresolved_duplicate"
    UNMAPPED_VALUE = "unmapped_value"
    NOT_SETTLED = "not_settled"
    CONSTITUENT_INACTIVE = "constituent_inactive"
    NO_MEMBER_ID = "no_member_id"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a list says about a reason: its heading, and what to do so that the records go."""

    title: str
    remedy: str


EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.UNRESOLVED_DUPLICATE: Explanation(
        "May be someone who is already there",
        "Resolve the new registration: say whether it is the same person.",
    ),
    Reason.UNMAPPED_VALUE: Explanation(
        "A value has no cross-reference",
        "Map the value, or let its cross-reference type keep what has no entry.",
    ),
    Reason.NOT_SETTLED: Explanation(
        "The payment is not settled yet",
        "Say on its page when it was settled: “Correct” there, which is for site administrators.",
    ),
    Reason.CONSTITUENT_INACTIVE: Explanation(
        "The constituent was removed",
        "Make the constituent active again on its page.",
    ),
    Reason.NO_MEMBER_ID: Explanation(
        "The constituent has no member ID",
        "Give the constituent the member ID it has in the offline database.",
    ),
}


def explain(reason: str) -> Explanation:
    """The words for a reason, also for one that only an older version knew."""
    try:
        return EXPLANATIONS[Reason(reason)]
    except ValueError:
        words = reason.replace("_", " ").capitalize()
        return Explanation(words, "Look at the record.")
