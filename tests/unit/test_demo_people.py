"""The people of the demo: believable, and the same each time."""

from __future__ import annotations

from collections import Counter, defaultdict

from webapp.rules.fields import STORED_FIELDS
from webapp.rules.values import ReadSettings, read_cell
from webapp.services.demo_people import PEOPLE, demo_people


def test_they_are_the_same_each_time() -> None:
    again = demo_people.__wrapped__()
    assert again == demo_people()
    assert len(again) == PEOPLE


def test_every_value_would_pass_an_import() -> None:
    from datetime import date

    settings = ReadSettings(date(2026, 1, 1))
    for field in STORED_FIELDS:
        for person in demo_people():
            value = getattr(person, field.attribute, None)
            if value is None or isinstance(value, bool):
                continue
            text = value if isinstance(value, str) else value.isoformat()
            assert read_cell(field, text, settings) == text


def test_keys_are_unique_and_some_are_missing() -> None:
    people = demo_people()
    members = Counter(person.member_id for person in people if person.member_id)
    assert max(members.values()) == 1
    assert len(members) < PEOPLE * 0.95
    without_email = sum(person.primary_email is None for person in people)
    assert 200 < without_email < 1000
    own = Counter(
        person.primary_email
        for person in people
        if person.primary_email and not person.shares_email
    )
    assert max(own.values()) == 1


def test_households_share_their_address_and_phone() -> None:
    homes = defaultdict(list)
    for person in demo_people():
        homes[person.household].append(person)
    shared = [people for people in homes.values() if len(people) > 1]
    assert len(shared) > 800
    for people in shared:
        living = [person for person in people if person.active_detail != "Removed as duplicate"]
        assert len({(p.home_street1, p.home_zip) for p in living}) == 1
        assert len({p.home_phone for p in living}) == 1


def test_there_is_some_of_everything() -> None:
    people = demo_people()
    details = Counter(person.active_detail for person in people)
    assert len(details) == 6
    assert min(details.values()) >= 10
    assert any(person.home_zip and person.home_zip.startswith("0") for person in people)
    assert any(not person.first_name.isascii() for person in people)
    assert 200 < sum(not person.accepts_email for person in people) < 800
    assert {person.center_id for person in people} == {None, 1, 2}
    merged = [person for person in people if person.merged_into_id]
    known = {person.id: person for person in people}
    assert all(known[person.merged_into_id or 0].last_name == person.last_name for person in merged)
