"""Pairs of a registration and whom it may be: who waits, who is told what, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import flask_migrate
import pytest
from sqlalchemy import func, select, text

from tests.holding import WAITING
from tests.people import make_center
from tests.processes.serving import eventually
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import CenterMember, Constituent, PotentialMatch
from webapp.services import registrations
from webapp.services.changes import set_actor
from webapp.services.registrations import EVERYTHING, Decided, Reach
from webapp.serving.migrations import DIRECTORY

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.orm import Session


@pytest.fixture
def mary(session: Session) -> Session:
    """The session of a request of Mary's."""
    set_actor(session, None, "Mary Manager")
    return session


def person(session: Session, name: str, *centers: int, **values: Any) -> int:
    made = Constituent(first_name=name, last_name="Lee", **values)
    session.add(made)
    session.flush()
    session.add_all(CenterMember(center_id=one, constituent_id=made.id) for one in centers)
    session.flush()
    return made.id


def waiting(session: Session) -> set[int]:
    """Whom downloads hold back."""
    return set(session.scalars(text("SELECT constituent_id FROM unresolved_duplicates")))


def pair_of(session: Session, registration: int, candidate: int) -> int:
    registrations.put_down(session, registration, candidate)
    return session.scalars(select(func.max(PotentialMatch.id))).one()


def not_a_match(session: Session, *pairs: int, reach: Reach = EVERYTHING) -> Decided:
    return registrations.decide_not_a_match(session, pairs, reach)


def refusal(action: Callable[[], object]) -> DataSyncError:
    with pytest.raises(DataSyncError) as caught:
        action()
    return caught.value


# ---- who waits ----


def test_the_registration_waits_and_the_other_one_does_not(mary: Session) -> None:
    liz, elizabeth = person(mary, "Liz"), person(mary, "Elizabeth")
    registrations.put_down(mary, liz, elizabeth)

    [pair] = registrations.list_waiting(mary, EVERYTHING).pairs
    assert (pair.registration.id, pair.candidate and pair.candidate.id) == (liz, elizabeth)
    assert (pair.found_by, pair.may_decide) == ("Mary Manager", True)
    assert waiting(mary) == {liz}
    assert registrations.count_waiting(mary, None) == 1


def test_one_who_may_be_several_waits_until_the_last_is_decided(mary: Session) -> None:
    liz, one, two = (person(mary, name) for name in ("Liz", "Beth", "Betty"))
    first, second = pair_of(mary, liz, one), pair_of(mary, liz, two)
    assert registrations.count_waiting(mary, None) == 1

    not_a_match(mary, first)
    assert waiting(mary) == {liz}
    not_a_match(mary, second)
    assert waiting(mary) == set()


@pytest.mark.parametrize("removed", ["registration", "candidate"])
def test_who_is_removed_ends_it_and_who_comes_back_begins_it_again(
    mary: Session, removed: str
) -> None:
    liz, beth = person(mary, "Liz"), person(mary, "Beth")
    registrations.put_down(mary, liz, beth)
    gone = mary.get_one(Constituent, liz if removed == "registration" else beth)

    gone.active_detail = "Removed by administrator"
    mary.flush()
    mary.refresh(gone)
    assert waiting(mary) == set()
    assert registrations.list_waiting(mary, EVERYTHING).pairs == ()
    [settled] = registrations.list_pairs(mary, liz, EVERYTHING).settled
    assert settled.decided_at is None

    gone.active_detail = "Accepted"
    mary.flush()
    assert waiting(mary) == {liz}


def test_what_waits_is_the_same_in_the_list_the_count_and_the_view(mary: Session) -> None:
    ids = [person(mary, f"P{number}") for number in range(8)]
    pairs = [pair_of(mary, ids[n], ids[n + 1]) for n in range(7)]
    not_a_match(mary, pairs[0], pairs[4])
    mary.get_one(Constituent, ids[3]).active_detail = "Removed by contact"
    mary.flush()
    mary.delete(mary.get_one(Constituent, ids[7]))
    mary.flush()

    listed = {one.registration.id for one in registrations.list_waiting(mary, EVERYTHING).pairs}
    assert listed == waiting(mary) == {ids[1], ids[5]}
    assert registrations.count_waiting(mary, None) == 2
    assert registrations.count_waiting(mary, None, most=1) == 1


# ---- putting a pair down ----


def test_a_pair_is_there_once_whichever_way_round(mary: Session) -> None:
    liz, beth = person(mary, "Liz"), person(mary, "Beth")
    registrations.put_down(mary, liz, beth)

    for one, other in ((liz, beth), (beth, liz)):
        error = refusal(lambda one=one, other=other: registrations.put_down(mary, one, other))
        assert error.message.startswith("Liz Lee waits already")
        assert "Beth Lee" in error.message
    assert mary.query(PotentialMatch).count() == 1


def test_what_was_decided_never_comes_back(mary: Session) -> None:
    liz, beth = person(mary, "Liz"), person(mary, "Beth")
    not_a_match(mary, pair_of(mary, liz, beth))

    for one, other in ((liz, beth), (beth, liz)):
        error = refusal(lambda one=one, other=other: registrations.put_down(mary, one, other))
        assert error.message.startswith("Mary Manager decided on ")
        assert error.message.endswith("Liz Lee and Beth Lee are not the same person. That stays.")
    assert waiting(mary) == set()


def test_nobody_is_put_down_as_themselves_or_as_somebody_who_is_not_there(mary: Session) -> None:
    liz, gone = person(mary, "Liz"), person(mary, "Gone", active_detail="Removed by contact")
    codes = [
        refusal(lambda other=other: registrations.put_down(mary, liz, other)).code
        for other in (liz, gone, 10**9)
    ]
    assert codes == ["same", "removed", "gone"]


# ---- deciding ----


def test_a_decision_says_who_and_when(mary: Session) -> None:
    liz, beth = person(mary, "Liz"), person(mary, "Beth")
    assert not_a_match(mary, pair_of(mary, liz, beth)) == Decided(1, ())

    [settled] = registrations.list_pairs(mary, beth, EVERYTHING).settled
    assert settled.decided_by == "Mary Manager"
    assert settled.decided_at is not None


def test_all_resolved_is_said_of_those_that_are_left(mary: Session) -> None:
    liz, *others = (person(mary, name) for name in ("Liz", "Ann", "Beth", "Cem"))
    first, *_ = (pair_of(mary, liz, other) for other in others)
    pair_of(mary, others[0], others[1])
    not_a_match(mary, first)

    assert registrations.resolve_rest(mary, liz, EVERYTHING) == Decided(2, ())
    assert waiting(mary) == {others[0]}


def test_the_second_of_two_is_told_what_the_first_decided(app: Flask) -> None:
    with app.app_context():
        mary = db.session()
        set_actor(mary, None, "Mary Manager")
        pair = pair_of(mary, person(mary, "Liz"), person(mary, "Beth"))
        mary.commit()

        def decide_too() -> Decided:
            with app.app_context():
                set_actor(db.session(), None, "Rita Runner")
                decided = not_a_match(db.session(), pair)
                db.session.commit()
                return decided

        set_actor(mary, None, "Mary Manager")
        assert not_a_match(mary, pair) == Decided(1, ())
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(decide_too)
            assert eventually(lambda: mary.scalar(text(WAITING)))
            mary.commit()
            second = other.result()
    assert second.pairs == 0
    [sentence] = second.told
    assert sentence.startswith("Mary Manager decided on ")


def test_two_who_put_the_same_pair_down_make_one(app: Flask) -> None:
    with app.app_context():
        mary = db.session()
        liz, beth = person(mary, "Liz"), person(mary, "Beth")
        mary.commit()

        def put_down_too() -> str:
            with app.app_context():
                error = refusal(lambda: registrations.put_down(db.session(), beth, liz))
                db.session.rollback()
                return error.code

        registrations.put_down(mary, liz, beth)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(put_down_too)
            assert eventually(lambda: mary.scalar(text(WAITING)))
            mary.commit()
            assert other.result() == "waiting"


# ---- one page after the other ----


def test_the_list_goes_on_where_it_ended_and_keeps_a_registration_together(mary: Session) -> None:
    ids = [person(mary, f"P{number}") for number in range(5)]
    wanted = [(ids[0], ids[4]), (ids[2], ids[4]), (ids[0], ids[1]), (ids[1], ids[2])]
    for one, other in wanted:
        registrations.put_down(mary, one, other)

    seen, after = [], ""
    while True:
        page = registrations.list_waiting(mary, EVERYTHING, after=after, limit=3)
        seen += [
            (pair.registration.id, pair.candidate and pair.candidate.id) for pair in page.pairs
        ]
        if page.next_after is None:
            break
        after = page.next_after
    assert seen == [wanted[0], wanted[2], wanted[3], wanted[1]]
    for odd in ("x", "1:", "-1:2", "9" * 30, "1:2:3"):
        assert len(registrations.list_waiting(mary, EVERYTHING, after=odd).pairs) == 4


def test_next_goes_round(mary: Session) -> None:
    one, two, known = (person(mary, name) for name in ("Ann", "Beth", "Cem"))
    registrations.put_down(mary, one, known)
    assert registrations.find_next(mary, EVERYTHING, one) is None
    registrations.put_down(mary, two, known)
    assert registrations.find_next(mary, EVERYTHING, one) == two
    assert registrations.find_next(mary, EVERYTHING, two) == one
    assert registrations.find_next(mary, EVERYTHING, known) == one


# ---- centers ----


def test_a_center_sees_its_registrations_and_of_others_only_that_they_are(
    app: Flask, mary: Session
) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    ours, theirs, shared = (
        person(mary, "Ours", north), person(mary, "Theirs", south),
        person(mary, "Shared", north, south),
    )  # fmt: skip
    general = person(mary, "General")
    within, across = pair_of(mary, ours, shared), pair_of(mary, ours, theirs)
    hidden, of_site = pair_of(mary, theirs, shared), pair_of(mary, general, ours)
    reach = Reach(frozenset({north}), frozenset({north}))

    page = registrations.list_waiting(mary, reach).pairs
    assert {pair.id: pair.candidate and pair.candidate.id for pair in page} == {
        within: shared,
        across: None,
    }
    assert registrations.count_waiting(mary, {north}) == 1
    assert registrations.list_pairs(mary, ours, reach).others == ()  # who it is may not be told

    told = not_a_match(mary, within, across, hidden, of_site, reach=reach)
    assert told.pairs == 1
    assert len(told.told) == 2
    assert "record of another center" in told.told[0]
    assert "Theirs" not in " ".join(told.told)
    assert waiting(mary) == {ours, theirs, general}

    looks_only = Reach(None, frozenset({south}))
    told = not_a_match(mary, across, hidden, reach=looks_only)
    assert told.pairs == 1
    assert "You may look at Ours Lee and Theirs Lee" in told.told[0]


# ---- the tables before and after ----


def test_the_tables_can_go_back_and_come_again(app: Flask) -> None:
    folder = str(DIRECTORY)
    with app.app_context():
        session = db.session()
        beth, liz, ann = (person(session, name) for name in ("Beth", "Liz", "Ann"))
        for one, email in ((beth, "b@x.org"), (liz, "b@x.org"), (ann, "a@x.org")):
            session.execute(
                text("INSERT INTO constituent_emails (constituent_id, email) VALUES (:id, :email)"),
                {"id": one, "email": email},
            )
        registrations.put_down(session, liz, ann)
        registrations.put_down(session, ann, beth)
        registrations.resolve_rest(session, ann, EVERYTHING)
        since = session.scalar(text("SELECT since_at FROM unresolved_duplicates"))
        session.commit()

        flask_migrate.downgrade(directory=folder, revision="0014")
        rows = session.execute(text("SELECT * FROM unresolved_duplicates")).all()
        assert [tuple(row) for row in rows] == [(liz, since)]
        session.execute(text(f"INSERT INTO unresolved_duplicates VALUES ({ann})"))
        session.commit()

        flask_migrate.upgrade(directory=folder)
        assert waiting(session) == {liz}
        [pair] = registrations.list_waiting(session, EVERYTHING).pairs
        assert (pair.candidate and pair.candidate.id, pair.found_at) == (beth, since)


# ---- very many of one ----


def test_what_was_decided_hides_nothing_that_waits(mary: Session) -> None:
    liz = person(mary, "Liz")
    for number in range(registrations.MOST_OF_ONE + 1):
        not_a_match(mary, pair_of(mary, liz, person(mary, f"Other {number}")))
    last = person(mary, "Elizabeth")
    registrations.put_down(mary, liz, last)

    pairs = registrations.list_pairs(mary, liz, EVERYTHING)
    assert [pair.candidate and pair.candidate.id for pair in pairs.waiting] == [last]
    assert pairs.waiting_count == 1
    assert len(registrations.list_pairs(mary, last, EVERYTHING).others) == 1


def test_all_resolved_is_all_of_them(mary: Session) -> None:
    liz, many = person(mary, "Liz"), registrations.MOST_OF_ONE + 10
    for number in range(many):
        registrations.put_down(mary, liz, person(mary, f"Other {number}"))
    pairs = registrations.list_pairs(mary, liz, EVERYTHING)
    assert (len(pairs.waiting), pairs.waiting_count) == (registrations.MOST_OF_ONE, many)

    assert registrations.resolve_rest(mary, liz, EVERYTHING).pairs == many
    assert waiting(mary) == set()
    assert registrations.list_pairs(mary, liz, EVERYTHING).waiting_count == 0
