"""The people of the demo organisation: believable, and the same each time.

Everything comes from one seeded generator, so that the sample files know whom the demo database
holds without asking it.
"""

# ruff: noqa: S311  # chance is wanted here, not secrecy

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random

from webapp.services import demo_names as names

SEED = 20_250_314
PEOPLE = 5_000
FIRST_CONS_ID = 10_001
NORTH, SOUTH = 1, 2
_OPENED = datetime(2017, 3, 1, 14, 0, tzinfo=UTC)
_DAYS = 3_100  # the last record is from the summer of 2025: before any installation


@dataclass(slots=True)
class Person:
    """One constituent; the names are those of the table's columns."""

    id: int
    first_name: str
    last_name: str
    gender: str
    member_id: str | None = None
    primary_email: str | None = None
    title: str | None = None
    middle_name: str | None = None
    suffix: str | None = None
    prof_suffix: str | None = None
    nickname: str | None = None
    formal_salutation: str | None = None
    casual_salutation: str | None = None
    user_name: str | None = None
    home_street1: str | None = None
    home_street2: str | None = None
    home_city: str | None = None
    home_stateprov: str | None = None
    home_zip: str | None = None
    home_county: str | None = None
    home_country: str | None = None
    home_phone: str | None = None
    work_phone: str | None = None
    mobile_phone: str | None = None
    preferred_phone: str | None = None
    birth_date: date | None = None
    marital_status: str | None = None
    employer: str | None = None
    occupation: str | None = None
    position: str | None = None
    donor_status: str | None = None
    matched_donor: bool | None = None
    accepts_email: bool = True
    accepts_postal_mail: bool = True
    email_status: str = "unknown"
    source: str | None = None
    sub_source: str | None = None
    custom: dict[str, str] = field(default_factory=dict)
    active_detail: str = "Prospect"
    merged_into_id: int | None = None
    created_at: datetime = _OPENED
    modified_at: datetime = _OPENED
    # Not columns of the table
    household: int = 0
    center_id: int | None = None
    old_emails: list[str] = field(default_factory=list)
    shares_email: bool = False

    @property
    def is_active(self) -> bool:
        """Whether an import may touch the record."""
        return not self.active_detail.startswith("Removed")


@dataclass(frozen=True, slots=True)
class _Home:
    """What the members of a household share."""

    number: int
    last_name: str
    kind: int  # index into names.NAMES
    columns: dict[str, str | None]
    area_code: str | None
    phone_pattern: str | None
    center_id: int | None


@cache
def demo_people() -> tuple[Person, ...]:
    """All of them, in the order of their CONS_ID. Do not change them: they are shared."""
    chance = Random(SEED)
    people: list[Person] = []
    number = 0
    while len(people) < PEOPLE:
        number += 1
        home = _make_home(chance, number)
        size = chance.choices((1, 2, 3, 4), weights=(56, 28, 9, 7))[0]
        for member in range(min(size, PEOPLE - len(people))):
            people.append(_make_member(chance, home, FIRST_CONS_ID + len(people), member))
    _give_dates(chance, people)
    _give_member_ids(chance, people)
    _give_emails(chance, people)
    _give_choices(chance, people)
    _remove_some(chance, people)
    return tuple(people)


def people_of(center_id: int | None) -> list[Person]:
    """The people of a center; of None, everybody."""
    return [person for person in demo_people() if center_id in (None, person.center_id)]


def reachable_people(center_id: int | None) -> list[Person]:
    """Active people with both keys whom an import can change without meeting any other rule."""
    return [
        person
        for person in people_of(center_id)
        if person.is_active
        and person.member_id
        and person.primary_email
        and person.accepts_email
        and person.accepts_postal_mail
        and not person.shares_email
    ]


def _make_home(chance: Random, number: int) -> _Home:
    if chance.random() < 0.04:
        return _home_abroad(chance, number)
    kind = chance.choices(range(len(names.NAMES)), weights=names.NAME_WEIGHTS)[0]
    city = chance.choice(names.CITIES)
    street = chance.choice(names.STREET_NAMES) + " " + chance.choice(names.STREET_KINDS)
    house = chance.randrange(1, 3200)
    unit = chance.choice(names.UNITS).format(chance.randrange(1, 40))
    center_id = None
    if city.state in names.NORTH_STATES:
        center_id = NORTH
    elif city.state in names.SOUTH_STATES:
        center_id = SOUTH
    return _Home(
        number,
        chance.choice(names.NAMES[kind].last),
        kind,
        {
            "home_street1": f"{house} {street}",
            "home_street2": unit if chance.random() < 0.22 else None,
            "home_city": city.name,
            "home_stateprov": city.state,
            "home_zip": chance.choice(city.zips),
            "home_county": city.county,
            "home_country": "USA",
        },
        chance.choice(city.area_codes),
        None,
        center_id,
    )


def _home_abroad(chance: Random, number: int) -> _Home:
    place = chance.choice(names.ABROAD)
    kind = place.names
    street, house = chance.choice(place.streets), chance.randrange(1, 240)
    columns = {
        "home_street1": f"{house} {street}" if kind in (0, 2) else f"{street} {house}",
        "home_street2": None,
        "home_city": place.city,
        "home_stateprov": place.region or None,
        "home_zip": _digits(chance, place.postal_code),
        "home_county": None,
        "home_country": place.country,
    }
    last = chance.choice(names.NAMES[kind].last)
    return _Home(number, last, kind, columns, None, place.phone, None)


def _digits(chance: Random, pattern: str) -> str:
    return "".join(str(chance.randrange(10)) if sign == "#" else sign for sign in pattern)


def _phone(chance: Random, home: _Home) -> str:
    if home.phone_pattern:
        return _digits(chance, home.phone_pattern)
    number = f"{chance.randrange(100, 10_000):04d}"
    if chance.random() < 0.7:
        return f"({home.area_code}) 555-{number}"
    return f"{home.area_code}-555-{number}"


def _make_member(chance: Random, home: _Home, cons_id: int, member: int) -> Person:
    known = names.NAMES[home.kind]
    is_woman = chance.random() < 0.54
    last_name = home.last_name
    if member == 1 and chance.random() < 0.18:  # kept their own name
        last_name = chance.choice(known.last)
    person = Person(
        cons_id,
        chance.choice(known.women if is_woman else known.men),
        last_name,
        "Female" if is_woman else "Male",
        household=home.number,
        center_id=home.center_id,
    )
    for column, value in home.columns.items():
        setattr(person, column, value)
    if person.household % 3 and home.number % 7:
        # One line per household, drawn from the household's own generator: everyone gets the same
        person.home_phone = _phone(Random(SEED + home.number), home)
    if chance.random() < 0.45:
        person.mobile_phone = _phone(chance, home)
        person.preferred_phone = "mobile" if chance.random() < 0.6 else None
    _give_name_parts(chance, person, known)
    _give_life(chance, person, home, member)
    return person


def _give_name_parts(chance: Random, person: Person, known: names.Names) -> None:
    is_woman = person.gender == "Female"
    if chance.random() < 0.35:
        person.title = chance.choice(("Ms.", "Mrs.", "Dr.")) if is_woman else "Mr."
    if chance.random() < 0.3:
        person.middle_name = chance.choice(known.women if is_woman else known.men)
        if chance.random() < 0.5:
            person.middle_name = person.middle_name[0] + "."
    if not is_woman and chance.random() < 0.03:
        person.suffix = chance.choice(("Jr.", "Sr.", "III"))
    if chance.random() < 0.03:
        person.prof_suffix = chance.choice(("MD", "PhD", "Esq.", "CPA", "RN"))
    if len(person.first_name) > 6 and chance.random() < 0.15:
        person.nickname = person.first_name[:3]
    if person.title:
        person.formal_salutation = f"Dear {person.title} {person.last_name}"
        person.casual_salutation = f"Dear {person.nickname or person.first_name}"


def _give_life(chance: Random, person: Person, home: _Home, member: int) -> None:
    if chance.random() < 0.62:
        year = chance.randrange(2001, 2008) if member >= 2 else chance.randrange(1934, 2000)
        person.birth_date = date(year, 1, 1) + timedelta(days=chance.randrange(365))
    if member < 2 and chance.random() < 0.4:
        person.marital_status = chance.choice(("Married", "Single", "Divorced", "Widowed"))
    if chance.random() < 0.38:
        person.occupation, position = chance.choice(names.OCCUPATIONS)
        person.position = position or None
        if person.occupation not in ("Retired", "Student"):
            person.employer = chance.choice(names.EMPLOYERS)
            if chance.random() < 0.3:
                person.work_phone = _phone(chance, home)
    person.donor_status = chance.choices(
        (None, "Donor", "Monthly donor", "Major donor", "Lapsed"), weights=(45, 32, 8, 2, 13)
    )[0]
    if person.donor_status in ("Donor", "Major donor") and chance.random() < 0.1:
        person.matched_donor = chance.random() < 0.7
    person.source, person.sub_source = chance.choice(names.SOURCES)


def _give_dates(chance: Random, people: list[Person]) -> None:
    moments = sorted(chance.random() for _ in people)
    last = _OPENED + timedelta(days=_DAYS)
    for person, moment in zip(people, moments, strict=True):
        person.created_at = _OPENED + timedelta(days=_DAYS * moment)
        later = (last - person.created_at) * (chance.random() ** 2)
        person.modified_at = person.created_at + later


def _give_member_ids(chance: Random, people: list[Person]) -> None:
    numbers = chance.sample(range(10_000, 20_000), len(people))
    for person, number in zip(people, sorted(numbers), strict=True):
        if chance.random() < 0.87:
            person.member_id = f"M-{number}"


def _give_emails(chance: Random, people: list[Person]) -> None:
    taken: set[str] = set()
    for person in people:
        if chance.random() < 0.11:
            continue
        person.primary_email = _unused_email(chance, person, taken)
        person.email_status = chance.choices(("good", "unknown", "bounced"), weights=(66, 31, 3))[0]
        if chance.random() < 0.08:
            person.old_emails.append(_unused_email(chance, person, taken))
        if chance.random() < 0.25:
            person.user_name = person.primary_email.partition("@")[0]
    # From before addresses had to be unique: couples who share one
    for one, other in _couples(people)[::60]:
        if one.primary_email:
            other.primary_email = one.primary_email
            other.email_status = one.email_status
            one.shares_email = other.shares_email = True


def _unused_email(chance: Random, person: Person, taken: set[str]) -> str:
    first, last = _latin(person.first_name), _latin(person.last_name)
    if not first or not last:
        mailbox = chance.choice(names.LATIN_MAILBOXES)
    else:
        mailbox = chance.choice((f"{first}.{last}", f"{first}.{last}", f"{first[0]}{last}", first))
    number = ""
    while True:
        email = f"{mailbox}{number}@{chance.choice(names.MAIL_DOMAINS)}"
        if email not in taken:
            taken.add(email)
            return email
        number = str(chance.randrange(2, 99))


def _latin(word: str) -> str:
    plain = word.replace("ß", "ss").translate(str.maketrans("øØłŁđĐ", "oOlLdD"))
    folded = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return "".join(letter for letter in folded.lower() if letter.isalpha())


def _couples(people: list[Person]) -> list[tuple[Person, Person]]:
    return [
        (one, other)
        for one, other in pairwise(people)
        if one.household == other.household and one.last_name == other.last_name
    ]


def _give_choices(chance: Random, people: list[Person]) -> None:
    for person in people:
        person.accepts_email = chance.random() > 0.09 or person.shares_email
        person.accepts_postal_mail = chance.random() > 0.06
        person.active_detail = chance.choices(
            ("Registered", "Accepted", "Prospect"), weights=(38, 22, 40)
        )[0]
        if not person.primary_email and person.active_detail == "Registered":
            person.active_detail = "Prospect"
        if chance.random() < 0.3:
            person.custom["tshirt_size"] = chance.choice(names.TSHIRT_SIZES)
        if chance.random() < 0.18:
            began = date(2012, 1, 1) + timedelta(days=chance.randrange(4_700))
            person.custom["volunteer_since"] = began.isoformat()
        if chance.random() < 0.05:
            person.custom["allergies"] = chance.choice(names.ALLERGIES)
        if chance.random() < 0.25:
            person.custom["newsletter_copies"] = str(chance.choice((1, 1, 1, 2, 2, 3, 5, 10)))
        if chance.random() < 0.04:
            person.custom["board_member"] = "Yes" if chance.random() < 0.06 else "No"


def _remove_some(chance: Random, people: list[Person]) -> None:
    spared = {person.id for person in people if person.shares_email}
    chosen = [
        index
        for index in chance.sample(range(1, len(people)), 110)
        if people[index].id not in spared
    ]
    for count, index in enumerate(sorted(chosen)):
        person = people[index]
        if count % 5 == 0:
            _make_duplicate(person, people[index - 1])
        elif count % 5 < 3:
            person.active_detail = "Removed by administrator"
        else:
            person.active_detail = "Removed by contact"
            person.accepts_email = False


def _make_duplicate(person: Person, master: Person) -> None:
    """The same human being twice: the record just before stays, this one was merged into it."""
    if not master.is_active:
        person.active_detail = "Removed by administrator"
        return
    for column in ("last_name", "home_street1", "home_city", "home_stateprov", "home_zip"):
        setattr(person, column, getattr(master, column))
    person.first_name = master.nickname or master.first_name
    person.home_county, person.home_country = master.home_county, master.home_country
    person.gender, person.center_id = master.gender, master.center_id
    person.active_detail = "Removed as duplicate"
    person.merged_into_id = master.id
