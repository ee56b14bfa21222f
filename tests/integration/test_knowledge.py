"""What the doctor hears of the database: places as they are stored, keys in use, and a center no
more than it may know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from webapp.models import Center, CenterMember, Constituent
from webapp.services import knowledge
from webapp.services.knowledge import DatabaseKnowledge

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def put(session: Session, **values: object) -> Constituent:
    person = Constituent(**values)
    session.add(person)
    session.flush()
    return person


def test_zips_of_a_city_however_it_is_written(session: Session) -> None:
    put(session, home_city="St. Albans", home_stateprov="VT", home_zip="05478-0001")
    put(session, home_city="ST ALBANS", home_stateprov="Vermont", home_zip="05479")
    put(session, home_city="st albans", home_stateprov="NY", home_zip="11412")
    put(session, home_city="St Albans", home_stateprov="VT", home_zip="5478")
    put(session, home_city="St Albans", home_stateprov="VT", home_zip="05470",
        active_detail="Removed by administrator")  # fmt: skip
    known = DatabaseKnowledge(session)
    assert set(known.zips_of("St. Albans", "")) == {"05478", "05479", "11412"}
    assert set(known.zips_of("Saint Albans", "")) == set()
    assert set(known.zips_of("ST. ALBANS", "vermont")) == {"05478", "05479"}


def test_a_large_database_is_looked_at_in_part(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    towns = (f"Town {number}" for number in range(300))
    session.add_all(
        Constituent(home_city=town, home_stateprov="MA", home_zip="02134", employer="x" * 100)
        for town in towns
    )
    session.flush()
    monkeypatch.setattr(knowledge, "SAMPLE_BYTES", 10_000)
    known = DatabaseKnowledge(session)
    found = {n for n in range(300) if known.zips_of(f"Town {n}", "MA")}
    assert len(found) < 300
    again = DatabaseKnowledge(session)
    assert {n for n in range(300) if again.zips_of(f"Town {n}", "MA")} == found


def test_keys_in_use(session: Session) -> None:
    put(session, member_id="00123", primary_email="Ann@Example.org")
    put(session, member_id="00124", active_detail="Removed by administrator")
    known = DatabaseKnowledge(session)
    assert known.knows_value("MEMBER_ID", "00123")
    assert not known.knows_value("MEMBER_ID", "123")
    assert not known.knows_value("MEMBER_ID", "00124")
    assert known.knows_value("PRIMARY_EMAIL", "ann@example.org")
    assert not known.knows_value("EMPLOYER", "00123")


def test_a_center_hears_of_its_own_people_only(session: Session) -> None:
    center = Center(name="North")
    session.add(center)
    session.flush()
    ours, _other = put(session, member_id="00123"), put(session, member_id="00200")
    session.add(CenterMember(center_id=center.id, constituent_id=ours.id))
    session.flush()
    known = DatabaseKnowledge(session, center.id)
    assert known.knows_value("MEMBER_ID", "00123")
    assert not known.knows_value("MEMBER_ID", "00200")


def test_the_questions_end(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    put(session, member_id="00123")
    monkeypatch.setattr(knowledge, "MOST_QUESTIONS", 2)
    known = DatabaseKnowledge(session)
    assert known.knows_value("MEMBER_ID", "00123")
    assert not known.knows_value("MEMBER_ID", "1")
    assert not known.knows_value("MEMBER_ID", "00123x")
    assert known.knows_value("MEMBER_ID", "00123"), "what was answered is remembered"
