"""Cross-reference types and their entries, to change.

Every write first locks the type's row, so changes of one type wait for one another and its version
names one table. An entry that somebody else changed meanwhile is not overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, func, select, text, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import CrossReferenceEntry, CrossReferenceType, User
from webapp.rules.crossrefs import (
    LONGEST_TUPLE,
    LONGEST_VALUE,
    MOST_LABELS,
    TUPLE_SEPARATOR,
    OnlineKind,
    Policy,
    compared,
    foreign_key,
    online_key,
)
from webapp.rules.values import EARLIEST_YEAR
from webapp.services import crossref_online
from webapp.services.changes import fingerprint, require_unchanged
from webapp.services.locks import waiting_briefly

LONGEST_DESCRIPTION = 500
LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class EntryValues:
    """What a person says about an entry. `center_id` None is General."""

    online_value: str
    foreign_values: tuple[str, ...]
    description: str = ""
    center_id: int | None = None
    is_sent_back: bool = False
    valid_from: date | None = None
    valid_to: date | None = None


# ---- types ----


def edit_type(
    session: Session,
    found: CrossReferenceType,
    *,
    labels: Iterable[str],
    policy: Policy,
    default_value: str = "",
    seen: str | None = None,
) -> None:
    """Other labels for the foreign keys, another policy. How many keys there are can change only
    while the type has no entries. `seen` is the fingerprint of the settings that were looked at."""
    lock_type(session, found)
    require_unchanged(seen, fingerprint_type(found), f"the settings of {found.label}")
    wanted = _clean_labels(labels)
    if len(wanted) != len(found.foreign_labels) and _has_entries(session, found):
        raise DataSyncError(
            "label_count",
            f"The entries of {found.label} have {len(found.foreign_labels)} foreign key(s) each, "
            "so their number can't change. Export the entries and delete them first.",
            "labels",
        )
    default: str | None = " ".join(default_value.split()) or None
    if policy is Policy.DEFAULT and default is None:
        raise DataSyncError(
            "default_missing", "Say which value stands for those without an entry.", "default_value"
        )
    if default is not None:
        default = crossref_online.check_online(session, found, default, None, "default_value")
    found.foreign_labels, found.policy, found.default_value = wanted, policy.value, default
    found.version += 1
    found.updated_at = func.now()
    session.flush()


def fingerprint_type(found: CrossReferenceType) -> str:
    """Of a type's settings."""
    return fingerprint(list(found.foreign_labels), found.policy, found.default_value)


def _clean_labels(labels: Iterable[str]) -> list[str]:
    wanted = [cleaned for label in labels if (cleaned := " ".join(label.split()))]
    message = None
    if not 1 <= len(wanted) <= MOST_LABELS:
        message = f"Write one to {MOST_LABELS} labels, one per line."
    elif any(len(label) > LONGEST_LABEL for label in wanted):
        message = f"Use at most {LONGEST_LABEL} characters for each label."
    elif len({compared(label) for label in wanted}) < len(wanted):
        message = "Give each foreign key a label of its own."
    if message:
        raise DataSyncError("bad_labels", message, "labels")
    return wanted


def _has_entries(session: Session, found: CrossReferenceType) -> bool:
    entry = CrossReferenceEntry
    query = select(entry.id).where(entry.type_id == found.id).limit(1)
    return session.scalar(query) is not None


# ---- entries ----


def add_entry(
    session: Session, found: CrossReferenceType, values: EntryValues, user_id: int | None
) -> CrossReferenceEntry:
    """A new entry. The first one of an online value is the one to send back."""
    lock_type(session, found)
    entry = CrossReferenceEntry(type_id=found.id, version=1)
    _write(session, found, entry, values, user_id)
    _mark_others(session, found, entry.center_id, entry.online_key)
    return entry


def edit_entry(
    session: Session,
    found: CrossReferenceType,
    entry_id: int,
    values: EntryValues,
    *,
    version: int,
    user_id: int | None,
) -> CrossReferenceEntry:
    """Change an entry as it was when it was read (`version`); who comes second is told."""
    entry = _get_current(session, found, entry_id, version)
    before = (entry.center_id, entry.online_key)
    _write(session, found, entry, values, user_id)
    for scope in {before, (entry.center_id, entry.online_key)}:
        _mark_others(session, found, *scope)
    return entry


def delete_entry(
    session: Session,
    found: CrossReferenceType,
    entry_id: int,
    *,
    version: int,
    user_id: int | None,
) -> None:
    """Delete an entry as it was when it was read. Where it was the one to send back, the oldest
    of the others takes its place."""
    entry = _get_current(session, found, entry_id, version)
    scope = (entry.center_id, entry.online_key)
    session.delete(entry)
    session.flush()
    _mark_others(session, found, *scope)


def lock_type(session: Session, found: CrossReferenceType) -> None:
    """The type's table stands still until the transaction ends. Raises `DataSyncError` "busy" when
    an upload of its entries, or taking one back, takes longer than somebody waits for."""
    busy = (
        f"An upload is writing the entries of {found.label} at this moment. Nothing was saved; try "
        "again when it is done."
    )
    with waiting_briefly(session, busy):
        session.refresh(found, with_for_update={"key_share": True})


def _get_current(
    session: Session, found: CrossReferenceType, entry_id: int, version: int
) -> CrossReferenceEntry:
    lock_type(session, found)
    entry = session.get(CrossReferenceEntry, entry_id, populate_existing=True)
    if entry is None or entry.type_id != found.id:
        raise DataSyncError(
            "gone", "Somebody deleted this entry meanwhile. Reload the page to see what is there."
        )
    if entry.version != version:
        who = session.scalar(select(User.name).where(User.id == entry.updated_by_id))
        raise DataSyncError(
            "changed",
            f"{who or 'Somebody else'} changed this entry while you had it open, so nothing was "
            "saved. Look at it as it is now, then change it again.",
        )
    return entry


def _write(
    session: Session,
    found: CrossReferenceType,
    entry: CrossReferenceEntry,
    values: EntryValues,
    user_id: int | None,
) -> None:
    foreign = _clean_foreign(found, values.foreign_values)
    online = crossref_online.check_online(session, found, values.online_value, values.center_id)
    description = " ".join(values.description.split())
    if len(description) > LONGEST_DESCRIPTION:
        message = f"Use at most {LONGEST_DESCRIPTION} characters for the description."
        raise DataSyncError("description", message, "description")
    if values.valid_from and values.valid_to and values.valid_from > values.valid_to:
        raise DataSyncError(
            "dates", "The first day is after the last one. Correct one of them.", "valid_to"
        )
    for name in ("valid_from", "valid_to"):
        day = getattr(values, name)
        if day is not None and day.year < EARLIEST_YEAR:
            message = f"Use a day from {EARLIEST_YEAR} on, or leave it blank."
            raise DataSyncError("dates", message, name)
    key = online_key(OnlineKind(found.online_kind), online)
    with session.no_autoflush:
        others = _others(session, found, entry.id, key, values)
    marked = values.is_sent_back or not any(other.is_sent_back for other in others)
    with _refusals(session, found, foreign, values):
        if marked:
            for other in others:
                other.is_sent_back = False
            session.flush()  # the others lose the mark before this one takes it
        with session.no_autoflush:
            entry.online_value, entry.foreign_values = online, list(foreign)
            entry.description, entry.center_id = description, values.center_id
            entry.valid_from, entry.valid_to = values.valid_from, values.valid_to
            entry.online_key, entry.foreign_key = key, foreign_key(foreign)
            entry.searched = "\n".join((online, *foreign, description))
            entry.updated_at, entry.updated_by_id = func.now(), user_id
            entry.is_sent_back = marked
            if entry.id is not None:
                entry.version += 1
        session.add(entry)
        session.flush()
    session.refresh(entry)


def _clean_foreign(found: CrossReferenceType, values: Sequence[str]) -> tuple[str, ...]:
    cleaned = tuple(" ".join(value.split()) for value in values)
    labels = found.foreign_labels
    if len(cleaned) != len(labels) or not all(cleaned):
        missing = next((at for at, value in enumerate(cleaned) if not value), 0)
        raise DataSyncError(
            "foreign_missing", f"Enter the {labels[missing]}.", f"foreign_{missing}"
        )
    message = None
    if any(len(value) > LONGEST_VALUE for value in cleaned):
        message = f"Use at most {LONGEST_VALUE} characters for each foreign value."
    elif sum(map(len, cleaned)) > LONGEST_TUPLE:
        message = f"Use at most {LONGEST_TUPLE} characters for all foreign values together."
    elif len(cleaned) > 1 and any(TUPLE_SEPARATOR in value for value in cleaned):
        message = f"A foreign value can't contain {TUPLE_SEPARATOR}, which stands between values."
    elif any(not value.isprintable() for value in cleaned):
        message = "A foreign value holds an invisible character. Type it anew."
    if message:
        raise DataSyncError("foreign_values", message, "foreign_0")
    return cleaned


def _period(values: EntryValues) -> ColumnElement[Any]:
    return func.daterange(values.valid_from, values.valid_to, "[]")


def _overlaps(values: EntryValues) -> ColumnElement[bool]:
    entry = CrossReferenceEntry
    own = func.daterange(entry.valid_from, entry.valid_to, "[]")
    return own.op("&&")(_period(values))


def _in_scope(center_id: int | None) -> ColumnElement[bool]:
    column = CrossReferenceEntry.center_id
    return column.is_(None) if center_id is None else column == center_id


def _others(
    session: Session,
    found: CrossReferenceType,
    entry_id: int | None,
    key: str,
    values: EntryValues,
) -> Sequence[CrossReferenceEntry]:
    """The other entries of an online value in this scope and time."""
    entry = CrossReferenceEntry
    return session.scalars(
        select(entry).where(
            entry.type_id == found.id,
            entry.online_key == key,
            _in_scope(values.center_id),
            _overlaps(values),
            entry.id != entry_id if entry_id is not None else true(),
        )
    ).all()


_MARK = text("""
UPDATE cross_reference_entries SET is_sent_back = true, version = version + 1
WHERE id = (SELECT e.id FROM cross_reference_entries e
    WHERE e.type_id = :type AND coalesce(e.center_id, 0) = :center AND e.online_key = :key
    AND NOT e.is_sent_back AND NOT EXISTS (SELECT 1 FROM cross_reference_entries m
        WHERE m.type_id = e.type_id AND coalesce(m.center_id, 0) = :center
        AND m.online_key = :key AND m.is_sent_back
        AND daterange(m.valid_from, m.valid_to, '[]') && daterange(e.valid_from, e.valid_to, '[]'))
    ORDER BY e.id LIMIT 1)""")


def _mark_others(
    session: Session, found: CrossReferenceType, center_id: int | None, key: str
) -> None:
    """Whichever lost the one that was sent back in their place: the oldest of them takes it, so
    that an entry is left unmarked only beside a marked one."""
    while True:
        done = session.execute(_MARK, {"type": found.id, "center": center_id or 0, "key": key})
        if not cast("CursorResult[Any]", done).rowcount:
            break
        session.expire_all()


@contextmanager
def _refusals(
    session: Session, found: CrossReferenceType, foreign: Sequence[str], values: EntryValues
) -> Iterator[None]:
    """Turns what the database refuses into a sentence that names the entry in the way."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        raise _refusal(session, found, foreign, values) from error


def _refusal(
    session: Session, found: CrossReferenceType, foreign: Sequence[str], values: EntryValues
) -> DataSyncError:
    entry = CrossReferenceEntry
    other = session.scalar(
        select(entry).where(
            entry.type_id == found.id,
            entry.foreign_key == foreign_key(foreign),
            _in_scope(values.center_id),
            _overlaps(values),
        )
    )
    what = TUPLE_SEPARATOR.join(foreign)
    if other is None:
        return DataSyncError(
            "refused", f"“{what}” could not be saved. Reload the page and try again."
        )
    labels = crossref_online.find_labels(session, found, [other.online_value])
    name = labels.get(other.online_value) or other.online_value
    return DataSyncError(
        "foreign_taken",
        f"“{what}” already stands for {name} at that time. Edit that entry, or give the two "
        "entries dates that don't overlap.",
        "foreign_0",
    )
