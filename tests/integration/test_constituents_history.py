"""The history of a record: old and new value, when, by whom, from which file and row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.finished_runs import make_run
from webapp.models import (
    Center,
    CenterMember,
    Constituent,
    ConstituentEmail,
    CustomField,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
)
from webapp.services.changes import set_actor
from webapp.services.history import Event, constituent_history, created_by

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Do = Callable[..., None]


@pytest.fixture
def do(session: Session) -> Do:
    """One transaction of someone: statements with their values."""

    def run(actor: str, *statements: str, run_id: int | None = None, **values: Any) -> None:
        set_actor(session, 1, actor, run_id)
        for statement in statements:
            session.execute(text(statement), values)
        session.commit()

    return run


def told(event: Event) -> dict[str, tuple[str | None, str | None]]:
    return {change.label: (change.before, change.after) for change in event.fields}


def also(event: Event) -> list[tuple[str, str, bool]]:
    return [(other.what, other.name, other.is_added) for other in event.others]


def history(session: Session, person: int, **options: Any) -> list[Event]:
    return list(constituent_history(session, person, **options).events)


@pytest.fixture
def person(session: Session, do: Do) -> int:
    session.add(CustomField(key="board", label="Board member", kind="yes_no"))
    session.commit()
    set_actor(session, 1, "Ada")
    made = Constituent(first_name="Jo", last_name="Doe", custom={"board": "Yes"})
    session.add(made)
    session.commit()
    do("Bob", "UPDATE constituents SET first_name = 'Joe' WHERE id = :id", id=made.id)
    do(
        "Cy",
        "UPDATE constituents SET first_name = NULL, accepts_email = false,"
        " custom = '{}', home_city = 'Rome' WHERE id = :id",
        id=made.id,
    )
    do(
        "Di",
        "UPDATE constituents SET first_name = 'Jo', home_city = 'Oslo' WHERE id = :id",
        id=made.id,
    )
    return made.id


def test_each_change_has_its_old_and_new_value(session: Session, person: int) -> None:
    di, cy, bob, ada = history(session, person)
    assert [event.actor for event in (di, cy, bob, ada)] == ["Di", "Cy", "Bob", "Ada"]
    assert told(di) == {"First name": (None, "Jo"), "Home city": ("Rome", "Oslo")}
    assert told(cy) == {
        "First name": ("Joe", None),
        "Home city": (None, "Rome"),
        "Accepts email": ("Yes", "No"),
        "Board member": ("Yes", None),
    }
    assert told(bob) == {"First name": ("Jo", "Joe")}
    assert ada.is_created
    assert told(ada) == {
        "First name": (None, "Jo"),
        "Last name": (None, "Doe"),
        "Board member": (None, "Yes"),
    }
    assert di.source is None
    assert di.at > ada.at


def test_one_field_alone(session: Session, person: int) -> None:
    events = history(session, person, attribute="first_name")
    assert [told(event)["First name"] for event in events] == [
        (None, "Jo"),
        ("Joe", None),
        ("Jo", "Joe"),
        (None, "Jo"),
    ]
    board = history(session, person, attribute="custom.board")
    assert [told(event).get("Board member") for event in board] == [("Yes", None), (None, "Yes")]
    (made,) = history(session, person, attribute="home_zip")
    assert made.is_created
    assert not made.fields


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_pages_together_are_the_whole(session: Session, person: int, limit: int) -> None:
    pages: list[Event] = []
    before = None
    for _ in range(9):
        page = constituent_history(session, person, before=before, limit=limit)
        pages += page.events
        before = page.next_before
        if before is None:
            break
    assert pages == history(session, person)


def test_an_event_is_not_torn_apart_by_a_page(session: Session, person: int, do: Do) -> None:
    do(
        "Ed",
        "UPDATE constituents SET home_city = 'Bern' WHERE id = :id",
        "INSERT INTO constituent_emails (constituent_id, email) VALUES (:id, 'a@example.org')",
        "INSERT INTO constituent_emails (constituent_id, email) VALUES (:id, 'b@example.org')",
        id=person,
    )
    do("Flo", "UPDATE constituents SET home_city = 'Graz' WHERE id = :id", id=person)
    first = constituent_history(session, person, limit=2)
    assert [event.actor for event in first.events] == ["Flo"]
    second = constituent_history(session, person, limit=4, before=first.next_before)
    assert second.events[0].actor == "Ed"
    assert also(second.events[0]) == [
        ("Email", "a@example.org", True),
        ("Email", "b@example.org", True),
    ]
    assert told(second.events[0]) == {"Home city": ("Oslo", "Bern")}


def test_a_run_is_named_with_its_file_and_row(session: Session, person: int, do: Do) -> None:
    run = make_run(session, label="Spring members")
    session.commit()
    do(
        "Robin",
        "UPDATE constituents SET home_zip = '02134', modified_row = 12 WHERE id = :id",
        "INSERT INTO constituent_emails (constituent_id, email) VALUES (:id, 'x@example.org')",
        run_id=run.id,
        id=person,
    )
    event = history(session, person)[0]
    assert event.source is not None
    assert (event.source.run_id, event.source.label) == (run.id, "Spring members")
    assert event.source.file_name == "members.csv"
    assert event.rows == (12,)
    assert event.actor == "Robin"
    assert also(event) == [("Email", "x@example.org", True)]


def test_memberships_choices_and_centers(session: Session, person: int, do: Do) -> None:
    group, interest, center = Group(name="Choir"), Interest(name="News"), Center(name="North")
    session.add_all([group, interest, center])
    session.commit()
    ids = {"id": person, "g": group.id, "i": interest.id, "c": center.id}
    do(
        "Ed",
        "INSERT INTO group_members (group_id, constituent_id) VALUES (:g, :id)",
        "INSERT INTO center_members (center_id, constituent_id) VALUES (:c, :id)",
        "INSERT INTO interest_choices (interest_id, constituent_id, opted_in)"
        " VALUES (:i, :id, true)",
        **ids,
    )
    do("Flo", "UPDATE interest_choices SET opted_in = false WHERE constituent_id = :id", **ids)
    do(
        "Gus",
        "DELETE FROM group_members WHERE constituent_id = :id",
        "DELETE FROM interest_choices WHERE constituent_id = :id",
        **ids,
    )
    gus, flo, ed = history(session, person)[:3]
    assert also(ed) == [
        ("Group", "Choir", True),
        ("Center", "North", True),
        ("Opted in to", "News", True),
    ]
    assert also(flo) == [("Opted out of", "News", False)]
    assert also(gus) == [("Group", "Choir", False), ("Interest choice", "News", False)]
    assert ed.others[0].group_id == group.id


def test_what_belongs_to_another_center_is_not_told(session: Session, person: int) -> None:
    own, other = Center(name="Own"), Center(name="Other")
    session.add_all([own, other])
    session.flush()
    groups = [
        Group(name=f"of {c.name if c else 'all'}", center_id=c.id if c else None)
        for c in (own, other, None)
    ]
    interest = Interest(name="Theirs", center_id=other.id)
    session.add_all([*groups, interest])
    session.flush()
    session.add_all(GroupMember(group_id=g.id, constituent_id=person) for g in groups)
    session.add_all(CenterMember(center_id=c.id, constituent_id=person) for c in (own, other))
    session.add(InterestChoice(interest_id=interest.id, constituent_id=person, opted_in=True))
    session.commit()
    names = {
        other_change.name
        for event in history(session, person, center_ids=frozenset({own.id}))
        for other_change in event.others
    }
    assert names == {"of Own", "of all", "Own"}


def test_a_group_deleted_since_is_still_told(session: Session, person: int) -> None:
    group = Group(name="Short-lived")
    session.add(group)
    session.flush()
    session.add(GroupMember(group_id=group.id, constituent_id=person))
    session.commit()
    number = group.id
    session.execute(text("DELETE FROM group_members WHERE group_id = :id"), {"id": number})
    session.execute(text("DELETE FROM groups WHERE id = :id"), {"id": number})
    session.commit()
    removed, added = history(session, person)[:2]
    assert also(added) == [("Group", f"no. {number}, since deleted", True)]
    assert also(removed) == [("Group", f"no. {number}, since deleted", False)]


def test_who_made_the_record(session: Session, person: int) -> None:
    made = created_by(session, person)
    assert made is not None
    assert (made.actor, made.source, made.rows) == ("Ada", None, ())
    session.execute(text("DELETE FROM change_log"))
    assert created_by(session, person) is None
    assert history(session, person) == []


def test_emails_of_the_record_itself(session: Session, person: int) -> None:
    session.add(ConstituentEmail(constituent_id=person, email="jo@example.org"))
    session.commit()
    session.execute(text("DELETE FROM constituent_emails"))
    session.commit()
    assert [also(event) for event in history(session, person)[:2]] == [
        [("Email", "jo@example.org", False)],
        [("Email", "jo@example.org", True)],
    ]
