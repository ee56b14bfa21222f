"""The history of a constituent, read from the change log: what changed, from what to what, when,
by whom, and from which file and row.

The log keeps old values only. The new value of a change is the old value of the next change of the
same field, or what the record has now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import RowMapping, Select, and_, func, or_, select, text
from sqlalchemy.orm import Session

from webapp.models import Center, Change, Group, Interest, Run, Transaction, Upload
from webapp.rules.fields import STORED_FIELDS, Field
from webapp.services.constituents import shown_value, visible_to
from webapp.services.custom_fields import custom_fields

PAGE_CHANGES = 100
STATE_LABELS = {"active_detail": "Status", "merged_into_id": "Merged into"}
"""What changes in a record besides its fields."""

_HIDDEN = frozenset({"id", "is_active", "custom", "created_at", "modified_at", "modified_row"})
_DEFAULTS = {"accepts_email": "t", "accepts_postal_mail": "t", "email_status": "unknown"}

State = dict[tuple[str, str | None, str], str | None]
"""(table, key, column) → the value after the changes that are being looked at."""


@dataclass(frozen=True, slots=True)
class Source:
    """The run that made a change, and its file. `center_id` says who may open it."""

    run_id: int
    label: str
    kind: str
    file_name: str | None
    center_id: int | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of the record: before and after, as people read them."""

    attribute: str
    label: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class OtherChange:
    """A membership, choice, center or email that came or went: `what` says which, in words."""

    what: str
    name: str
    is_added: bool
    group_id: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What one person or run did to the record at one moment."""

    at: datetime
    actor: str | None
    source: Source | None
    rows: tuple[int, ...]
    is_created: bool
    fields: tuple[FieldChange, ...]
    others: tuple[OtherChange, ...]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some events, the latest first, and where the next page starts (None: there is none)."""

    events: tuple[Event, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class _Names:
    """What the numbers in the log are called."""

    fields: Mapping[str, Field]
    groups: Mapping[str, str]
    interests: Mapping[str, str]
    centers: Mapping[str, str]
    sources: Mapping[int, Source]
    gifts: Mapping[str, str] = field(default_factory=dict)
    attribute: str | None = field(default=None)


def constituent_history(
    session: Session,
    constituent_id: int,
    *,
    attribute: str | None = None,
    center_ids: frozenset[int] | None = None,
    before: int | None = None,
    limit: int = PAGE_CHANGES,
) -> HistoryPage:
    """What happened to a record, the latest first; with `attribute`, to that field alone.

    Groups, interests and centers that people of `center_ids` may not see are left out.
    """
    query = select(Change).where(Change.constituent_id == constituent_id)
    if attribute is not None:
        query = query.where(
            Change.table_name == "constituents",
            or_(Change.op == "insert", func.exist(Change.old, attribute)),
        )
    page = query if before is None else query.where(Change.id < before)
    changes = session.scalars(page.order_by(Change.id.desc()).limit(limit + 1)).all()
    shown = _whole_events(changes, limit)
    if not shown:
        return HistoryPage((), None)
    state = _state_now(session, constituent_id)
    if before is not None:
        state |= _state_before(session, constituent_id, before)
    names = _names(session, shown, attribute, center_ids)
    events = []
    for _, together in groupby(shown, key=_event_key):
        event = _event(list(together), state, names)
        if event.is_created or event.fields or event.others:
            events.append(event)
    return HistoryPage(tuple(events), shown[-1].id if len(changes) > len(shown) else None)


def created_by(session: Session, constituent_id: int) -> Event | None:
    """Who or what made the record; None for one that is older than the log."""
    change = session.scalar(
        select(Change)
        .where(Change.constituent_id == constituent_id)
        .where(Change.table_name == "constituents", Change.op == "insert")
        .order_by(Change.id)
        .limit(1)
    )
    if change is None:
        return None
    source = _sources(session, [change]).get(change.run_id or 0)
    return Event(change.at, change.actor, source, _rows([change]), True, (), ())


# ---- events ----


def _event_key(change: Change) -> tuple[int, int | None, str | None]:
    return (change.xid, change.run_id, change.actor)


def _whole_events(changes: Sequence[Change], limit: int) -> list[Change]:
    """At most `limit` changes, without the beginning of an event that goes on behind them."""
    shown = list(changes[:limit])
    if len(changes) > limit and _event_key(shown[0]) != _event_key(shown[-1]):
        cut = _event_key(changes[limit])
        shown = [change for change in shown if _event_key(change) != cut] or shown
    return shown


def _event(changes: Sequence[Change], state: State, names: _Names) -> Event:
    """The changes of one moment, given the latest first; `state` is taken back past them."""
    fields: list[FieldChange] = []
    others: list[OtherChange] = []
    for change in changes:
        if change.table_name == "constituents":
            fields += _field_changes(change, state, names)
        else:
            others += _other_change(change, state, names)
        _take_back(change, state)
    latest = changes[0]
    return Event(
        at=latest.at,
        actor=latest.actor,
        source=names.sources.get(latest.run_id or 0),
        rows=_rows(changes),
        is_created=any(
            change.op == "insert" and change.table_name == "constituents" for change in changes
        ),
        fields=tuple(_in_order(fields, names)),
        others=tuple(reversed(others)),
    )


def _rows(changes: Iterable[Change]) -> tuple[int, ...]:
    return tuple(sorted({change.row_number for change in changes if change.row_number is not None}))


def _in_order(changes: Iterable[FieldChange], names: _Names) -> list[FieldChange]:
    order = {attribute: place for place, attribute in enumerate(names.fields)}
    return sorted(changes, key=lambda change: order.get(change.attribute, len(order)))


def _field_changes(change: Change, state: State, names: _Names) -> Iterator[FieldChange]:
    if change.op == "delete":
        return
    if change.op == "insert":
        filled = [
            name for (table, _, name), value in state.items() if table == "constituents" and value
        ]
        before: Mapping[str, str | None] = {
            name: None
            for name in filled
            if _DEFAULTS.get(name) != state["constituents", None, name]
        }
    else:
        before = change.old or {}
    for attribute, old in before.items():
        is_asked = names.attribute in (None, attribute)
        if attribute in _HIDDEN or not is_asked:
            continue
        if change.op == "insert" and attribute in STATE_LABELS:
            continue
        known = names.fields.get(attribute)
        label = known.label if known else STATE_LABELS.get(attribute, _readable(attribute))
        after = state.get(("constituents", None, attribute))
        yield FieldChange(attribute, label, shown_value(known, old), shown_value(known, after))


def _readable(attribute: str) -> str:
    """A custom field that was deleted since has no label any more."""
    return attribute.removeprefix("custom.").replace("_", " ").capitalize()


def _other_change(change: Change, state: State, names: _Names) -> Iterator[OtherChange]:
    key = change.key or ""
    is_added = change.op != "delete"
    if change.table_name == "constituent_emails" and change.op != "update":
        yield OtherChange("Email", key, is_added)
    elif change.table_name == "group_members" and change.op != "update":
        name = names.groups.get(key)
        if name is not None:
            yield OtherChange("Group", name, is_added, group_id=int(key))
    elif change.table_name == "center_members" and change.op != "update":
        name = names.centers.get(key)
        if name is not None:
            yield OtherChange("Center", name, is_added)
    elif change.table_name == "transactions":
        yield from _gift_change(change, names)
    elif change.table_name == "interest_choices":
        yield from _choice_change(change, state, names)


def _gift_change(change: Change, names: _Names) -> Iterator[OtherChange]:
    """A transaction that came, went, moved here from another record, or was corrected."""
    name = names.gifts.get(change.key or "") or (change.old or {}).get("transaction_id") or ""
    if change.op == "update" and "constituent_id" not in (change.old or {}):
        yield OtherChange("Transaction corrected", name, True)
    else:
        yield OtherChange("Transaction", name, change.op != "delete")


def _choice_change(change: Change, state: State, names: _Names) -> Iterator[OtherChange]:
    name = names.interests.get(change.key or "")
    if name is None:
        return
    if change.op == "delete":
        yield OtherChange("Interest choice", name, False)
        return
    opted_in = state.get(("interest_choices", change.key, "opted_in"))
    if change.op == "insert" or "opted_in" in (change.old or {}):
        is_in = opted_in == "t"
        yield OtherChange("Opted in to" if is_in else "Opted out of", name, is_in)


# ---- the state, taken back change by change ----


def _take_back(change: Change, state: State) -> None:
    """Make the state what it was before this change."""
    if change.op == "insert":
        for place in [at for at in state if at[:2] == (change.table_name, change.key)]:
            state[place] = None
        return
    for column, value in (change.old or {}).items():
        if column == "custom":
            state |= _custom_state(value)
        else:
            state[change.table_name, change.key, column] = value


def _custom_state(value: str | None) -> State:
    stored: dict[str, Any] = json.loads(value or "{}")
    return {("constituents", None, f"custom.{key}"): str(item) for key, item in stored.items()}


_NOW = text(
    "SELECT 'constituents' AS table_name, NULL::text AS key, hstore(c) AS record"
    " FROM constituents c WHERE c.id = :id"
    " UNION ALL SELECT 'interest_choices', interest_id::text,"
    " hstore('opted_in', CASE WHEN opted_in THEN 't' ELSE 'f' END)"
    " FROM interest_choices WHERE constituent_id = :id"
)

# For each field changed at or after a change: its value before the first of those changes
_EARLIER = text(
    "SELECT DISTINCT ON (c.table_name, c.key, o.name)"
    " c.table_name, c.key, hstore(o.name, o.value) AS record"
    " FROM change_log c CROSS JOIN LATERAL each(c.old) o(name, value)"
    " WHERE c.constituent_id = :id AND c.id >= :before"
    " AND c.table_name IN ('constituents', 'interest_choices')"
    " ORDER BY c.table_name, c.key, o.name, c.id"
)


def _state_now(session: Session, constituent_id: int) -> State:
    return _state_of(session.execute(_NOW, {"id": constituent_id}).mappings())


def _state_before(session: Session, constituent_id: int, before: int) -> State:
    values = {"id": constituent_id, "before": before}
    return _state_of(session.execute(_EARLIER, values).mappings())


def _state_of(rows: Iterable[RowMapping]) -> State:
    state: State = {}
    for row in rows:
        for column, value in row["record"].items():
            if column == "custom":
                state |= _custom_state(value)
            else:
                state[row["table_name"], row["key"], column] = value
    return state


# ---- names ----


def _names(
    session: Session,
    changes: Sequence[Change],
    attribute: str | None,
    center_ids: frozenset[int] | None,
) -> _Names:
    def ids(table: str) -> set[int]:
        keys = {change.key or "" for change in changes if change.table_name == table}
        return {int(key) for key in keys if key.isdigit()}

    def named(query: Select[int, str]) -> dict[str, str]:
        return {str(key): name for key, name in session.execute(query)}

    groups = ids("group_members")
    interests = ids("interest_choices")
    centers = ids("center_members")
    may_see = and_(True) if center_ids is None else Center.id.in_(center_ids)
    all_fields = (*STORED_FIELDS, *custom_fields(session))
    return _Names(
        fields={known.attribute: known for known in all_fields},
        groups=_with_gone(
            groups,
            named(select(Group.id, Group.name).where(Group.id.in_(groups))),
            _hidden(session, Group, groups, center_ids),
        ),
        interests=_with_gone(
            interests,
            named(select(Interest.id, Interest.name).where(Interest.id.in_(interests))),
            _hidden(session, Interest, interests, center_ids),
        ),
        centers=named(select(Center.id, Center.name).where(Center.id.in_(centers), may_see)),
        sources=_sources(session, changes),
        gifts=named(
            select(Transaction.id, Transaction.transaction_id).where(
                Transaction.id.in_(ids("transactions"))
            )
        ),
        attribute=attribute,
    )


def _hidden(
    session: Session,
    model: type[Group] | type[Interest],
    ids: set[int],
    center_ids: frozenset[int] | None,
) -> set[str]:
    """Those that belong to a center these people don't see."""
    if center_ids is None or not ids:
        return set()
    mine = visible_to(model.center_id.expression, center_ids)
    visible = select(model.id).where(model.id.in_(ids), *mine)
    all_known = set(session.scalars(select(model.id).where(model.id.in_(ids))))
    return {str(known) for known in all_known - set(session.scalars(visible))}


def _with_gone(ids: set[int], names: Mapping[str, str], hidden: set[str]) -> dict[str, str]:
    """Every name, also of what was deleted since: an undo deletes the groups its run made."""
    every = {str(number): names.get(str(number), f"no. {number}, since deleted") for number in ids}
    return {number: name for number, name in every.items() if number not in hidden}


def _sources(session: Session, changes: Iterable[Change]) -> dict[int, Source]:
    runs = {change.run_id for change in changes if change.run_id is not None}
    if not runs:
        return {}
    rows = session.execute(
        select(Run.id, Run.label, Run.kind, Upload.name, Run.center_id)
        .outerjoin(Upload, Upload.id == Run.upload_id)
        .where(Run.id.in_(runs))
    )
    return {row[0]: Source(*row) for row in rows}
