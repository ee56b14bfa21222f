"""The mistakes of the sample file that has twenty kinds of them, one in each row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from webapp.rules.faults import FaultCode
from webapp.services.demo_people import people_of, reachable_people


@dataclass(frozen=True, slots=True)
class Mistake:
    """One kind of mistake: what an import says about it, and how a good row gets it."""

    words: str
    code: FaultCode
    cells: dict[str, str]


@cache
def list_mistakes(center_id: int | None = None) -> tuple[Mistake, ...]:
    """The twenty kinds of mistakes, in the order of the rows that have them. With a center, the
    people they are about are the center's."""
    people = people_of(center_id)
    removed = [person for person in people if not person.is_active and person.member_id]
    friends = reachable_people(center_id)
    someone, other = friends[10], friends[20]
    opted_out = next(
        person
        for person in people
        if person.is_active and person.primary_email and not person.accepts_email
    )
    family = next(person for person in people if person.shares_email)
    keyless = {"CONS_ID": "", "MEMBER_ID": "", "PRIMARY_EMAIL": ""}
    by_email = {"CONS_ID": "", "MEMBER_ID": ""}
    code = FaultCode
    return (
        Mistake("no key at all", code.NO_KEY, keyless),
        Mistake("a first name that is too long", code.TOO_LONG, {"FIRST_NAME": "Wolfe" * 11}),
        Mistake(
            "a thing that is no email address",
            code.NOT_AN_EMAIL,
            {"PRIMARY_EMAIL": "dana.example.org"},
        ),
        Mistake(
            "two email addresses in one cell",
            code.NOT_AN_EMAIL,
            {"PRIMARY_EMAIL": "dana@example.org; d.reed@example.org"},
        ),
        Mistake("words instead of a date", code.NOT_A_DATE, {"BIRTH_DATE": "last spring"}),
        Mistake("31 February", code.NOT_A_DATE, {"BIRTH_DATE": "02/31/1980"}),
        Mistake("a birth date in the future", code.DATE_OUT_OF_RANGE, {"BIRTH_DATE": "2093-05-12"}),
        Mistake("neither yes nor no", code.NOT_YES_NO, {"ACCEPTS_EMAIL": "maybe"}),
        Mistake("an unknown preferred phone", code.NOT_A_CHOICE, {"PREFERRED_PHONE": "pager"}),
        Mistake("a T-shirt size nobody makes", code.NOT_A_CHOICE, {"CUSTOM_TSHIRT_SIZE": "XXXS"}),
        Mistake(
            "a word instead of a number", code.NOT_A_NUMBER, {"CUSTOM_NEWSLETTER_COPIES": "two"}
        ),
        Mistake("an unknown group", code.UNKNOWN_GROUP, {"GROUP_IDS": "1007, 9999"}),
        Mistake("an unknown interest", code.UNKNOWN_INTEREST, {"INTEREST_IDS": "999"}),
        Mistake("an interest's opt-in group as a group", code.OPT_GROUP, {"GROUP_IDS": "1021"}),
        Mistake("an unknown CONS_ID", code.CONS_ID_UNKNOWN, {"CONS_ID": "99999999"}),
        Mistake(
            "the member ID of a removed record",
            code.REMOVED,
            {"MEMBER_ID": str(removed[0].member_id)},
        ),
        Mistake(
            "an email that belongs to somebody else",
            code.EMAIL_TAKEN,
            {"MEMBER_ID": str(someone.member_id), "PRIMARY_EMAIL": str(other.primary_email)},
        ),
        Mistake(
            "a member ID that belongs to somebody else",
            code.MEMBER_ID_TAKEN,
            {
                "CONS_ID": str(someone.id),
                "MEMBER_ID": str(other.member_id),
                "PRIMARY_EMAIL": str(someone.primary_email),
            },
        ),
        Mistake(
            "an email that several people share",
            code.SEVERAL_EMAIL,
            by_email | {"PRIMARY_EMAIL": str(family.primary_email)},
        ),
        Mistake(
            "the email of someone who does not accept email",
            code.EMAIL_UNREACHABLE,
            by_email | {"PRIMARY_EMAIL": str(opted_out.primary_email)},
        ),
    )
