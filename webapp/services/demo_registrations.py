"""The demo organisation's new registrations: who signed up online and may be here already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

from webapp.services.demo_people import Person, demo_people

ELIZABETH_RUSSELL, ROBERT_LEWIS, WILLIAM_COLLINS, WILLIAM_ROSS = 11_147, 11_710, 11_847, 11_236
_HOME = (
    "last_name", "gender", "home_street1", "home_street2", "home_city", "home_stateprov",
    "home_zip", "home_county", "home_country", "household", "center_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Registration:
    """A record that signed up, and the records it may be the same person as."""

    person: Person
    candidates: tuple[int, ...]


@cache
def demo_registrations() -> tuple[Registration, ...]:
    """All of them, after the people who were there first: a short name, a new address, one of a
    couple, and a namesake who is somebody else."""
    people = demo_people()
    by_id = {person.id: person for person in people}
    one, other = _couple(people)
    liz = _at_home(by_id[ELIZABETH_RUSSELL], "Liz", "liz.russell@mail.example.com")
    liz.home_phone = by_id[ELIZABETH_RUSSELL].home_phone
    bob = _at_home(by_id[ROBERT_LEWIS], "Bob", "bob.lewis@example.net")
    bob.birth_date = by_id[ROBERT_LEWIS].birth_date
    bill = _at_home(by_id[WILLIAM_COLLINS], "Bill", "bill.collins@post.example.org")
    bill.home_street1, bill.home_zip = "14 Lakeview Ter", "05401"
    bill.mobile_phone = by_id[WILLIAM_COLLINS].mobile_phone
    family = _at_home(one, one.first_name[0] + ".", "the.family@example.net")
    family.home_phone = one.home_phone
    junior = _at_home(by_id[WILLIAM_ROSS], "William", "will.ross98@example.com")
    junior.suffix, junior.home_street1, junior.home_city = "Jr.", "77 Harbor Ct", "Portland"
    junior.home_street2 = None
    junior.home_stateprov, junior.home_zip, junior.home_county = "ME", "04101", "Cumberland"
    found = (
        (liz, (ELIZABETH_RUSSELL,)),
        (bob, (ROBERT_LEWIS,)),
        (bill, (WILLIAM_COLLINS,)),
        (family, (one.id, other.id)),
        (junior, (WILLIAM_ROSS,)),
    )
    last, began = people[-1].id, max(person.modified_at for person in people)
    return tuple(
        Registration(_numbered(person, last + place, began, place), candidates)
        for place, (person, candidates) in enumerate(found, start=1)
    )


def _couple(people: tuple[Person, ...]) -> tuple[Person, Person]:
    """The first two of one household who are both active."""
    return next(
        (one, other)
        for one, other in pairwise(people)
        if one.household == other.household
        and one.last_name == other.last_name
        and one.is_active
        and other.is_active
    )


def _at_home(known: Person, first_name: str, email: str) -> Person:
    """Somebody of that name who lives where the other one does."""
    person = Person(0, first_name, "", "", primary_email=email)
    for name in _HOME:
        setattr(person, name, getattr(known, name))
    person.active_detail, person.source = "Registered", "Web"
    return person


def _numbered(person: Person, number: int, began: datetime, place: int) -> Person:
    person.id = number
    person.created_at = person.modified_at = began + timedelta(hours=7 * place)
    return person
