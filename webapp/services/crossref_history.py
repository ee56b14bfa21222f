"""Who changed which cross-reference when, read from the change log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from webapp.models import Center, Change, CrossReferenceType, Run
from webapp.services import crossref_online
from webapp.services.changes import FieldChange

PAGE_CHANGES = 50
SHOWN: Mapping[str, str] = {
    "foreign_values": "Foreign value",
    "online_value": "Stands for",
    "description": "Description",
    "center_id": "Belongs to",
    "is_sent_back": "Sent back",
    "valid_from": "Valid from",
    "valid_to": "Valid to",
}
"""The columns a person knows, with their words."""
TABLE = "cross_reference_entries"
_LATER = 20_000
"""Later changes of the entries on a page that are read to know what each was at the time."""

State = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class EntryChange:
    """One change of one entry; `what` names the entry as it was then, `run` is the upload (or the
    undo of one) that made it."""

    id: int
    entry_id: int
    at: datetime
    actor: str | None
    op: str
    what: str
    changes: tuple[FieldChange, ...]
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some changes, newest first, and the id before which the next page starts."""

    changes: tuple[EntryChange, ...] = ()
    next_before: int | None = None


def list_changes(
    session: Session,
    found: CrossReferenceType,
    *,
    center_ids: frozenset[int] | None = None,
    entry_id: int | None = None,
    since: datetime | None = None,
    before: int | None = None,
    limit: int = PAGE_CHANGES,
) -> HistoryPage:
    """The changes of a type's entries, or of one of them, that these people may see; those from a
    moment on, if one is given."""
    query = (
        select(Change.id, Change.key, Change.at, Change.actor, Change.op)
        .where(Change.table_name == TABLE, _about(found, entry_id))
        .order_by(Change.id.desc())
    )
    if since is not None:
        query = query.where(Change.at >= since)
    seen: list[EntryChange] = []
    last = before
    while True:
        page = query if last is None else query.where(Change.id < last)
        rows = session.execute(page.limit(limit + 1)).all()
        seen += _describe(session, found, [row[0] for row in rows], center_ids)
        if len(rows) <= limit or len(seen) > limit:
            break
        last = rows[-1][0]
    shown = tuple(seen[:limit])
    return HistoryPage(shown, shown[-1].id if len(seen) > limit else None)


def _about(found: CrossReferenceType, entry_id: int | None) -> ColumnElement[bool]:
    if entry_id is not None:
        return Change.key == f"{found.id}:{entry_id}"
    return func.split_part(Change.key, ":", 1) == str(found.id)


def _describe(
    session: Session,
    found: CrossReferenceType,
    ids: Sequence[int],
    center_ids: frozenset[int] | None,
) -> list[EntryChange]:
    """These changes in words: each entry is walked back from how it is now."""
    if not ids:
        return []
    shown = Change.table_name == TABLE, _about(found, None), Change.id.in_(ids)
    keys = list(session.scalars(select(Change.key).where(*shown).distinct()))
    log = session.execute(
        select(Change.id, Change.key, Change.at, Change.actor, Change.op, Change.old, Change.run_id)
        .where(Change.table_name == TABLE, Change.key.in_(keys), Change.id >= min(ids))
        .order_by(Change.id.desc())
        .limit(_LATER)
    ).all()
    states = _present(session, keys)
    wanted, described = set(ids), []
    for number, key, at, actor, op, old, run_id in log:
        after = states.get(key)
        earlier: State | None = None if op == "insert" else (after or {}) | (old or {})
        states[key] = earlier
        if number in wanted and _may_see(earlier or after, center_ids):
            described.append((number, key, at, actor, op, run_id, earlier, after))
    names = _names(session, found, [state for row in described for state in row[6:] if state])
    made_by = {row[5] for row in described if row[5]}
    runs = {run.id: run for run in session.scalars(select(Run).where(Run.id.in_(made_by)))}
    return [
        EntryChange(
            number,
            _entry_of(key),
            at,
            actor,
            op,
            _values((after or earlier or {}).get("foreign_values")) or "",
            _compare(earlier, after, names) if op == "update" else _compare({}, after, names),
            runs.get(run_id or 0),
        )
        for number, key, at, actor, op, run_id, earlier, after in described
    ]


def _entry_of(key: str | None) -> int:
    return int((key or ":0").partition(":")[2])


def _present(session: Session, keys: Sequence[str | None]) -> dict[str | None, State | None]:
    """The entries as they are now, in the form of the log."""
    ids = [_entry_of(key) for key in keys]
    rows = session.execute(
        text(
            "SELECT e.type_id || ':' || e.id, hstore_to_json(hstore(e))"
            " FROM cross_reference_entries e WHERE e.id = ANY (:ids)"
        ),
        {"ids": ids},
    )
    return {row[0]: row[1] for row in rows}


def _may_see(state: State | None, center_ids: frozenset[int] | None) -> bool:
    center = (state or {}).get("center_id")
    return center_ids is None or center is None or int(center) in center_ids


def _names(
    session: Session, found: CrossReferenceType, states: Sequence[State]
) -> dict[str, dict[str, str]]:
    online = {value for state in states if (value := state.get("online_value"))}
    centers = {int(value) for state in states if (value := state.get("center_id"))}
    return {
        "online_value": dict(crossref_online.find_labels(session, found, online)),
        "center_id": {
            str(number): name
            for number, name in session.execute(
                select(Center.id, Center.name).where(Center.id.in_(centers))
            )
        },
    }


def _compare(
    before: State | None, after: State | None, names: Mapping[str, Mapping[str, str]]
) -> tuple[FieldChange, ...]:
    found = []
    for column, label in SHOWN.items():
        old, new = (before or {}).get(column), (after or {}).get(column)
        if (old or "") != (new or "") and not (old is None and new == "f"):
            found.append(FieldChange(label, _shown(column, old, names), _shown(column, new, names)))
    return tuple(found)


def _shown(column: str, value: str | None, names: Mapping[str, Mapping[str, str]]) -> str | None:
    if column == "foreign_values":
        return _values(value)
    if column == "is_sent_back":
        return {"t": "Yes", "f": "No"}.get(value or "")
    if column == "center_id":
        return names[column].get(value or "", "General")
    if column == "online_value" and value is not None and value in names[column]:
        return f"{names[column][value]} ({value})"
    return value


def _values(array: str | None) -> str | None:
    """`{a,"b c"}`, as the log has an array, as people write it."""
    if array is None:
        return None
    values, current, is_quoted, is_escaped = [], "", False, False
    for letter in array[1:-1]:
        if is_escaped:
            current, is_escaped = current + letter, False
        elif letter == "\\":
            is_escaped = True
        elif letter == '"':
            is_quoted = not is_quoted
        elif letter == "," and not is_quoted:
            values.append(current)
            current = ""
        else:
            current += letter
    return " | ".join([*values, current])
