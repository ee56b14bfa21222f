"""What happened to a group or an interest: made, changed, filled by runs, and whom people put in
or took out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from webapp.models import (
    CenterMember,
    Change,
    Constituent,
    Group,
    Interest,
    InterestChoice,
    Run,
)

HISTORY = 50
_FIELDS = {
    "name": "Name",
    "folder": "Folder",
    "description": "Description",
    "kind": "Kind",
    "parent_id": "What it stands under",
    "is_default": "Whether it is chosen by default",
}
_QUOTED = ("name", "folder", "kind")


@dataclass(frozen=True, slots=True)
class GroupEvent:
    """One thing that happened. `run`: by it; `person_id`: to whom, where it was done by hand."""

    at: datetime
    who: str
    words: str
    run: Run | None = None
    person_id: int | None = None
    person: str = ""


def list_group_history(
    session: Session, group: Group, center_ids: Iterable[int] | None
) -> list[GroupEvent]:
    """What happened to a group, newest first: by hand to people these may see, and by runs that
    they may see."""
    scope = None if center_ids is None else list(center_ids)
    own = Change.constituent_id.is_(None), Change.table_name == "groups"
    events = [
        *_changes(session, (*own, Change.key == str(group.id))),
        *_by_hand(session, "group_members", group.id, scope),
    ]
    for run in _runs(session, ("groups",), group.id, group.made_by_run_id, scope):
        named = (run.tallies.get("new_groups") or {}).get(group.name, 0)
        count = int((run.tallies.get("groups") or {}).get(str(group.id), named))
        words = f"Added {_people(count)}" if count else "Made or filled it"
        events.append(_of_run(run, words))
    return _newest(events)


def list_interest_history(
    session: Session, interest: Interest, center_ids: Iterable[int] | None
) -> list[GroupEvent]:
    """The same of an interest: who was opted in and out."""
    scope = None if center_ids is None else list(center_ids)
    own = Change.run_id.is_(None), Change.table_name == "interests"
    events = [
        *_changes(session, (*own, Change.key == str(interest.id))),
        *_by_hand(session, "interest_choices", interest.id, scope),
    ]
    tallies = "interests", "interests_out"
    for run in _runs(session, tallies, interest.id, interest.made_by_run_id, scope):
        into, out_of = (_count(run, interest, tally) for tally in tallies)
        told = [f"opted {_people(into)} in"] if into else []
        told += [f"opted {_people(out_of)} out"] if out_of else []
        words = " and ".join(told) or "made or filled it"
        events.append(_of_run(run, words[0].upper() + words[1:]))
    return _newest(events)


def _count(run: Run, interest: Interest, tally: str) -> int:
    named = (run.tallies.get(f"new_{tally}") or {}).get(interest.name, 0)
    return int((run.tallies.get(tally) or {}).get(str(interest.id), named))


def _newest(events: list[GroupEvent]) -> list[GroupEvent]:
    return sorted(events, key=lambda event: event.at, reverse=True)[:HISTORY]


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _of_run(run: Run, words: str) -> GroupEvent:
    who = (run.user.name or run.user.email) if run.user else "DataSync"
    return GroupEvent(run.finished_at or run.started_at or run.created_at, who, words, run)


def _changes(session: Session, where: Iterable[ColumnElement[bool]]) -> Iterator[GroupEvent]:
    query = select(Change).where(*where).order_by(Change.id.desc()).limit(HISTORY)
    for change in session.scalars(query):
        yield GroupEvent(change.at, change.actor or "DataSync", _words(change))


def _words(change: Change) -> str:
    if change.op == "insert":
        return "Made"
    told = [
        f"{_FIELDS[name]} changed" + (f" from “{old}”" if old and name in _QUOTED else "")
        for name, old in (change.old or {}).items()
        if name in _FIELDS
    ]
    return "; ".join(told) or "Changed"


def _by_hand(
    session: Session, table: str, number: int, scope: list[int] | None
) -> list[GroupEvent]:
    """Whom people put in or took out, among those that people of these centers see. What was done
    to many at one moment is told once."""
    query = (
        select(
            func.max(Change.id).label("id"),
            Change.at,
            func.coalesce(Change.actor, "DataSync").label("who"),
            Change.op,
            func.count().label("people"),
            func.max(Change.constituent_id).label("person_id"),
        )
        .where(Change.run_id.is_(None), Change.table_name == table, Change.key == str(number))
        .group_by(Change.at, Change.actor, Change.op)
    )
    if scope is not None:
        is_theirs = select(CenterMember.constituent_id).where(
            CenterMember.constituent_id == Change.constituent_id, CenterMember.center_id.in_(scope)
        )
        query = query.where(is_theirs.correlate(Change).exists())
    done = session.execute(query.order_by(func.max(Change.id).desc()).limit(HISTORY)).all()
    ids = {each.person_id for each in done if each.people == 1 and each.person_id is not None}
    names = _names(session, ids)
    choices = _choices_after(session, number, ids) if table == "interest_choices" else {}
    events = []
    for each in done:
        if each.people > 1:
            verb = "Removed" if each.op == "delete" else "Added"
            verb = verb if table == "group_members" else "Kept the choices of"
            events.append(GroupEvent(each.at, each.who, f"{verb} {_people(each.people)}"))
            continue
        if table == "group_members":
            words = "Added by hand" if each.op == "insert" else "Removed by hand"
        else:
            into = choices.get(each.id)
            words = f"Opted {'in' if into else 'out'} by hand"
            words = "Choice deleted" if into is None else words
        person = each.person_id or 0
        events.append(
            GroupEvent(
                each.at,
                each.who,
                words,
                person_id=person if person in names else None,
                person=names.get(person, f"constituent {person}, who is gone"),
            )
        )
    return events


def _choices_after(session: Session, interest_id: int, ids: set[int]) -> dict[int, bool]:
    """By the number of each change of these people's choices, whoever made it: what stood after
    it. The log has what stood before, so it is what the next change found, or what is there now."""
    now = session.execute(
        select(InterestChoice.constituent_id, InterestChoice.opted_in).where(
            InterestChoice.interest_id == interest_id, InterestChoice.constituent_id.in_(ids)
        )
    )
    standing: dict[int, bool | None] = {row[0]: row[1] for row in now}
    changes = session.scalars(
        select(Change)
        .where(
            Change.constituent_id.in_(ids),
            Change.table_name == "interest_choices",
            Change.key == str(interest_id),
        )
        .order_by(Change.id.desc())
    )
    after: dict[int, bool] = {}
    for change in changes:
        person = change.constituent_id or 0
        stood = standing.get(person)
        if stood is not None:
            after[change.id] = stood
        old = (change.old or {}).get("opted_in")
        if old is not None:
            standing[person] = old in ("t", "true")
        elif change.op == "insert":
            standing[person] = None
    return after


def _names(session: Session, ids: set[int]) -> dict[int, str]:
    columns = (
        Constituent.id, Constituent.first_name, Constituent.last_name, Constituent.primary_email,
    )  # fmt: skip
    return {
        row[0]: " ".join(filter(None, row[1:3])) or row[3] or f"Constituent {row[0]}"
        for row in session.execute(select(*columns).where(Constituent.id.in_(ids)))
    }


def _runs(
    session: Session,
    tallies: Iterable[str],
    number: int,
    made_by: int | None,
    scope: list[int] | None,
) -> Iterator[Run]:
    """The runs that counted it among these tallies, or made it."""
    counted = " OR ".join(f"jsonb_exists(runs.tallies -> '{tally}', :number)" for tally in tallies)
    query = (
        select(Run)
        .where(
            Run.kind == "run",
            Run.started_at.is_not(None),
            text(f"({counted} OR runs.id = :made_by)"),
        )
        .params(number=str(number), made_by=made_by or 0)
        .order_by(Run.id.desc())
        .limit(HISTORY)
    )
    if scope is not None:
        query = query.where(Run.center_id.in_(scope))
    yield from session.scalars(query)
