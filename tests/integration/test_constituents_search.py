"""Finding constituents: what each kind of text finds, why, in which order, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from webapp.models import (
    Center,
    CenterMember,
    Constituent,
    ConstituentEmail,
    Group,
    GroupMember,
)
from webapp.services import constituent_search
from webapp.services.constituent_lookups import lookups_for, name_parts, phone_digits, read_query
from webapp.services.constituent_search import Status, search_constituents

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def add(session: Session, **fields: Any) -> Constituent:
    former = fields.pop("former", ())
    person = Constituent(**fields)
    session.add(person)
    session.flush()
    emails = {email.lower() for email in (person.primary_email, *former) if email}
    session.add_all(ConstituentEmail(constituent_id=person.id, email=email) for email in emails)
    session.flush()
    return person


@pytest.fixture
def people(session: Session) -> dict[str, int]:
    """A few people, each with something of their own."""
    made = {
        "ann": add(
            session,
            first_name="Mary Ann",
            middle_name="Quincy",
            last_name="Smith",
            primary_email="Mary.Smith@Example.org",
            former=["mary@old-employer.example", "mary@college.example"],
            member_id="M-100",
            home_phone="(212) 555-1234",
        ),
        "jose": add(
            session,
            first_name="José",
            last_name="Núñez",
            primary_email="jose@example.org",
            member_id="m-200",
            mobile_phone="+44 (0)20 7946 0958",
        ),
        "dung": add(session, first_name="Dũng", last_name="Nguyễn", work_phone="0049 30 901820"),
        "acme": add(session, last_name="Acme Foundation", primary_email="info@acme.example"),
        "gone": add(
            session,
            first_name="Mary",
            last_name="Smithson",
            active_detail="Removed by administrator",
            member_id="M-300",
        ),
        "noname": add(session, primary_email="just.an.email@example.org"),
        "eva": add(session, first_name="Eva María", last_name="García-López"),
        "jan": add(session, first_name="Jan", last_name="van den Berg"),
        "percent": add(session, last_name="100% Cotton_Club", first_name="Back\\slash"),
    }
    return {name: person.id for name, person in made.items()}


def found(session: Session, query: str, **options: Any) -> list[int]:
    return [match.id for match in search_constituents(session, query=query, **options).matches]


FINDS: list[tuple[str, list[str]]] = [
    ("Smith", ["ann", "gone"]),
    ("smith", ["ann", "gone"]),
    ("SMI", ["ann", "gone"]),
    ("mary smith", ["ann", "gone"]),
    ("smith mary", ["ann", "gone"]),
    ("Smith, Mary Ann", ["ann"]),
    ("mary ann smith", ["ann"]),
    ("mary ann quincy smith", ["ann"]),
    ("Mary Ann Q. Smith", ["ann"]),
    ("Ms. Mary Ann Smith", ["ann"]),
    ("Smith Mary Ann Jr.", ["ann"]),
    ("mary", ["gone", "ann"]),
    ("nunez", ["jose"]),
    ("Núñez", ["jose"]),
    ("Nu\u0301n\u0303ez", ["jose"]),
    ("jose nunez", ["jose"]),
    ("nguyen dung", ["dung"]),
    ("Nguyễn", ["dung"]),
    ("Acme Foundation", ["acme"]),
    ("acme fou", ["acme"]),
    ("foundation", ["acme"]),
    ("lopez", ["eva"]),
    ("garcia-lopez", ["eva"]),
    ("eva lopez", ["eva"]),
    ("López, Eva", ["eva"]),
    ("eva maria lopez", ["eva"]),
    ("eva garcia", ["eva"]),
    ("berg", ["jan"]),
    ("jan berg", ["jan"]),
    ("van den berg jan", ["jan"]),
    ("mary.smith@example.org", ["ann"]),
    ("MARY.SMITH@EXAMPLE.ORG", ["ann"]),
    ("Mary Smith <mary.smith@example.org>", ["ann"]),
    ("mailto:mary.smith@example.org", ["ann"]),
    ("mary@old-employer.example", ["ann"]),
    ("mary@", ["ann"]),
    ("just.an", ["noname"]),
    ("m-100", ["ann"]),
    ("M-100", ["ann"]),
    ("M-2", ["jose"]),
    ("m-200", ["jose"]),
    ("555-1234", ["ann"]),
    ("212 555 1234", ["ann"]),
    ("+1 (212) 555-1234", ["ann"]),
    ("12125551234", ["ann"]),
    ("+1 (312) 555-1234", []),
    ("0207 946 0958", ["jose"]),
    ("+44 20 7946 0958", ["jose"]),
    ("+44 (0)20 7946 0958", ["jose"]),
    ("0044 20 7946 0958", ["jose"]),
    ("901820", ["dung"]),
    ("+49 30 901820", ["dung"]),
    ("100%", ["percent"]),
    ("100_", []),
    ("cotton", ["percent"]),
    ("back\\slash", ["percent"]),
    ("%", []),
    ("nobody at all", []),
    ("x\x00y", []),
    ("'; DROP TABLE constituents; --", []),
    ("9" * 30, []),
    (", ; .", []),
]


def test_each_text_finds_whom_it_means(session: Session, people: dict[str, int]) -> None:
    names = {number: name for name, number in people.items()}
    for query, who in FINDS:
        assert [names[number] for number in found(session, query)] == who, query


def test_a_cons_id_comes_first(session: Session, people: dict[str, int]) -> None:
    number = str(people["ann"])
    add(session, member_id=number + "0", last_name="Other")
    page = search_constituents(session, query=number)
    assert page.matches[0].id == people["ann"]
    assert page.matches[0].why == "CONS_ID"
    assert [match.why for match in page.matches[1:]] == ["Member ID"]


def test_a_match_says_why(session: Session, people: dict[str, int]) -> None:
    reasons = {
        "smi": "Last name",
        "mary": "First name",
        "smith mary ann": "Name",
        "mary.smith@": "Email",
        "mary@old": "Former email mary@old-employer.example",
        "M-100": "Member ID",
        "5551234": "Home phone",
    }
    for query, why in reasons.items():
        assert search_constituents(session, query=query).matches[0].why == why


def test_nobody_is_found_twice(session: Session) -> None:
    person = add(
        session,
        first_name="Anders",
        last_name="Anders",
        member_id="anders",
        primary_email="anders@anders.example",
        former=["anders@one.example", "anders@two.example"],
    )
    assert found(session, "anders") == [person.id]


def test_removed_records_are_found_and_can_be_filtered(
    session: Session, people: dict[str, int]
) -> None:
    every = search_constituents(session, query="smith").matches
    assert [(match.is_active, match.active_detail) for match in every] == [
        (True, "Prospect"),
        (False, "Removed by administrator"),
    ]
    assert found(session, "smith", status=Status.ACTIVE) == [people["ann"]]
    assert found(session, "smith", status=Status.REMOVED) == [people["gone"]]
    assert found(session, "", status=Status.REMOVED) == [people["gone"]]


def test_without_a_text_the_newest_come_first(session: Session, people: dict[str, int]) -> None:
    assert found(session, "  ") == sorted(people.values(), reverse=True)


@pytest.mark.parametrize("is_small", [True, False], ids=["small centers", "large centers"])
def test_a_center_sees_its_members_only(
    session: Session, people: dict[str, int], is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_small:
        monkeypatch.setattr(constituent_search, "SMALL", 0)
    own, other = Center(name="Own"), Center(name="Other")
    session.add_all([own, other])
    session.flush()
    for center, names in ((own, ("ann", "jose", "gone")), (other, ("jose", "acme"))):
        session.add_all(
            CenterMember(center_id=center.id, constituent_id=people[name]) for name in names
        )
    session.flush()
    mine = frozenset({own.id})
    newest = sorted((people[name] for name in ("ann", "jose", "gone")), reverse=True)
    assert found(session, "", center_ids=mine) == newest
    assert found(session, "acme", center_ids=mine) == []
    assert found(session, "smith", center_ids=mine) == [people["ann"], people["gone"]]
    assert found(session, "mary@old", center_ids=mine) == [people["ann"]]
    assert found(session, "smith", center_ids=mine, status=Status.ACTIVE) == [people["ann"]]
    assert found(session, "", center_ids=mine, status=Status.ACTIVE) == newest[1:]
    both = frozenset({own.id, other.id})
    assert found(session, "", center_ids=both) == sorted({*newest, people["acme"]}, reverse=True)
    assert found(session, "", center_ids=frozenset()) == []
    assert found(session, "smith", center_ids=frozenset()) == []


@pytest.mark.parametrize("is_small", [True, False], ids=["small", "large"])
def test_the_members_of_a_group(
    session: Session, people: dict[str, int], is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_small:
        monkeypatch.setattr(constituent_search, "SMALL", 0)
    group, center = Group(name="Choir"), Center(name="Own")
    session.add_all([group, center])
    session.flush()
    for name in ("ann", "jose"):
        session.add(GroupMember(group_id=group.id, constituent_id=people[name]))
    session.add(CenterMember(center_id=center.id, constituent_id=people["jose"]))
    session.flush()
    assert found(session, "", group_id=group.id) == [people["jose"], people["ann"]]
    assert found(session, "smith", group_id=group.id) == [people["ann"]]
    mine = frozenset({center.id})
    assert found(session, "", group_id=group.id, center_ids=mine) == [people["jose"]]
    assert found(session, "smith", group_id=group.id, center_ids=mine) == []


def test_the_pages_together_are_everything_once_and_in_order(session: Session) -> None:
    for number in range(40):
        add(
            session,
            first_name=["Kim", "Lee", None, "Kimberly"][number % 4],
            last_name=["Lee", "Kim", "Lee-Kim", "Leeds", None][number % 5],
            primary_email=f"p{number // 2}@example.org" if number % 3 else None,
            former=[f"kim{number}@old.example", f"lee{number}@old.example"],
            member_id=f"M-{number}",
            home_phone=f"{number}555{number % 4 % 3}555",
            active_detail="Removed by contact" if number % 4 < 2 else "Registered",
        )
    for query in ("", "lee", "kim", "lee kim", "k", "p1", "0555", "m-3"):
        for status in (Status.ALL, Status.REMOVED):
            whole = found(session, query, status=status, limit=1000)
            assert len(whole) > 3, query
            assert len(set(whole)) == len(whole), query
            assert list(_paged(session, query, status)) == whole, query


def _paged(session: Session, query: str, status: Status) -> Iterator[int]:
    after = None
    for _ in range(60):
        page = search_constituents(session, query=query, status=status, after=after, limit=3)
        yield from (match.id for match in page.matches)
        after = page.next
        if after is None:
            return


def test_a_position_that_is_none_starts_anew(session: Session, people: dict[str, int]) -> None:
    for after in ("x", "", "W10", "WzEsWyJhIl0sM10", "é", "bnVsbA", "WzAsW10sIDFlOTldCg"):
        assert found(session, "smith", after=after) == [people["ann"], people["gone"]], after


# ---- each lookup is served by an index ----


SERVED_BY: list[tuple[str, set[str]]] = [
    (
        "smith",
        {
            "ix_constituents_last_first",
            "ix_constituents_last_word",
            "ix_constituents_first_last",
        },
    ),
    ("m-100", {"uq_constituents_member_id_active"}),
    ("a@example.org", {"ix_constituents_email", "pk_constituent_emails"}),
    (
        "2125551234",
        {
            "pk_constituents",
            "ix_constituents_home_phone",
            "ix_constituents_mobile_phone",
            "ix_constituents_work_phone",
        },
    ),
]


def test_every_kind_of_lookup_has_an_index(session: Session, people: dict[str, int]) -> None:
    """With sequential scans made costly, one that shows up has no index to take its place."""
    session.execute(text("SET LOCAL enable_seqscan = off"))
    limits = constituent_search._limits(session, Status.ALL, [])
    for query, indexes in SERVED_BY:
        used: set[str] = set()
        for lookup in lookups_for(query):
            for statement in constituent_search._statements(lookup, limits, None):
                sql = statement.limit(51).compile(
                    session.connection(), compile_kwargs={"literal_binds": True}
                )
                lines = session.connection().exec_driver_sql(f"EXPLAIN {sql}").scalars()
                plan = "\n".join(lines)
                assert "Seq Scan" not in plan, f"{lookup.why}:\n{plan}"
                used |= {index for index in indexes if index in plan}
        assert used == indexes, query


# ---- reading the text ----


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("  Mary   Smith ", "Mary Smith"),
        ("Mary <mary@example.org>", "mary@example.org"),
        ("<mailto:mary@example.org>", "mary@example.org"),
        ("Jose\u0301", "José"),
        ("a" * 900, "a" * 200),
    ],
)
def test_a_text_is_read(typed: str, read: str) -> None:
    assert read_query(typed) == read


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("Dr. No", ["No"]),
        ("Dr", ["Dr"]),
        ("Smith, John", ["Smith", "John"]),
        ("J. Smith Jr.", ["J", "Smith"]),
        ("Jr", ["Jr"]),
        ("a b c d e f g h", ["a", "b", "c", "d", "e", "f"]),
    ],
)
def test_a_name_is_taken_apart(query: str, parts: list[str]) -> None:
    assert name_parts(query) == parts


@pytest.mark.parametrize(
    ("query", "digits"),
    [
        ("+44 (0)20 7946 0958", "442079460958"),
        ("0123", "0123"),
        ("0044 20 7946", "44207946"),
        ("(0)", ""),
    ],
)
def test_a_phone_number_is_its_digits(query: str, digits: str) -> None:
    assert phone_digits(query) == digits
