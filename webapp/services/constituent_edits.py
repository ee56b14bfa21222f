"""Editing a constituent by hand: the same checks as an import, and nobody's change is lost.

A form remembers the last change the record had when it was opened (`version`). Whoever saves later
is told what changed in between; what they typed is kept, what they left alone is as it is now.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Change, Constituent, ConstituentEmail
from webapp.rules.faults import Fault
from webapp.rules.fields import STORED_FIELDS, Field, Kind
from webapp.rules.values import Reading, ReadSettings, read_cell, same_text
from webapp.services.constituents import list_center_ids, stored_text
from webapp.services.custom_fields import custom_fields
from webapp.services.locks import hold_keys, waiting_briefly

BUSY = "An import is writing to this record. Try again in a moment."
KEY_ATTRIBUTES = frozenset({"member_id", "primary_email"})
NEVER_BLANK = frozenset({"accepts_email", "accepts_postal_mail", "email_status"})
NAMING = ("first_name", "last_name", "primary_email", "member_id")
_CUSTOM_YES_NO = {"t": "Yes", "f": "No"}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, in a sentence that says what to do."""

    attribute: str
    message: str


@dataclass(frozen=True, slots=True)
class Interference:
    """A field that someone changed while it was being edited."""

    field: Field
    before: str | None
    now: str | None
    actor: str | None
    collides: bool  # the editor changed it too


@dataclass(frozen=True, slots=True)
class Edit:
    """What came of saving: `changed` fields, or errors, or what others changed meanwhile.

    Nothing was written where there are errors or interferences; `current` then holds what the
    form shows in the fields that the editor left alone, and `version` what it remembers.
    """

    version: int
    current: Mapping[str, str | None]
    typed: frozenset[str]
    changed: tuple[Field, ...] = ()
    errors: tuple[FieldError, ...] = ()
    interferences: tuple[Interference, ...] = ()

    @property
    def is_saved(self) -> bool:
        """Whether the record is now as the form was."""
        return not (self.errors or self.interferences)


def editable_fields(session: Session) -> tuple[Field, ...]:
    """Everything a person may change by hand, in the order of the catalogue."""
    return (*STORED_FIELDS, *custom_fields(session))


def get_version(session: Session, constituent_id: int) -> int:
    """The last change of the record's own fields; 0 when none was recorded."""
    last = select(func.max(Change.id)).where(
        Change.constituent_id == constituent_id, Change.table_name == "constituents"
    )
    return session.scalar(last) or 0


def current_texts(constituent: Constituent, fields: Sequence[Field]) -> dict[str, str | None]:
    """The stored text of each field, by attribute."""
    return {field.attribute: stored_text(constituent, field) for field in fields}


def update_constituent(
    session: Session,
    constituent_id: int,
    *,
    typed: Mapping[str, str],
    version: int,
    unique_email: bool,
    today: date,
    center_ids: frozenset[int] | None = None,
) -> Edit:
    """Save what was typed, by attribute; a blank clears the field. Fields not in `typed` stay.

    Another record that has the same key is named to those who see it: people of `center_ids` see
    their members only. Raises `DataSyncError` when the record is gone or an import holds
    it for too long.
    """
    fields = {field.attribute: field for field in editable_fields(session)}
    touches_keys = _touches_keys(session, constituent_id, fields, typed)
    constituent = _locked(session, constituent_id, with_keys=touches_keys)
    now = current_texts(constituent, list(fields.values()))
    latest = get_version(session, constituent_id)
    since = version if 0 <= version <= latest else 0  # a version that never was proves nothing
    others = _changes_since(session, constituent_id, since)
    base = now | {name: old for name, (old, _) in others.items() if name in now}
    changed = {
        name
        for name, written in typed.items()
        if name in fields and not _is_same(fields[name], written, base[name])
    }
    if any(name in now for name in others):
        return Edit(
            latest,
            now,
            frozenset(changed),
            interferences=tuple(
                Interference(fields[name], old, now[name], actor, name in changed)
                for name, (old, actor) in others.items()
                if name in fields
            ),
        )
    values, faults = _read(fields, typed, changed, today)
    if not faults:
        faults = _check_record(changed, now | values)
    if not faults and constituent.is_active:
        keys = _KeyCheck(session, constituent, center_ids)
        faults = keys.check(values, unique_email=unique_email)
    if faults:
        return Edit(latest, now, frozenset(changed), errors=tuple(faults))
    written_fields = tuple(fields[name] for name in fields if name in changed)
    if changed:
        _write(session, constituent, values)
    return Edit(get_version(session, constituent_id), now | values, frozenset(), written_fields)


BACK_AS = "Accepted"
"""The state of a record that a person here made active again."""


def reactivate_constituent(
    session: Session,
    constituent_id: int,
    *,
    unique_email: bool,
    center_ids: frozenset[int] | None = None,
) -> None:
    """Make a removed record active again; what it chose about mail stays. Raises `DataSyncError`
    when it was merged into another one, or an active record has its member ID or email."""
    constituent = _locked(session, constituent_id, with_keys=True)
    if constituent.is_active:
        return
    if constituent.merged_into_id is not None:
        raise DataSyncError(
            "merged",
            "This record was merged into another one, which stands in its place. Use that one.",
        )
    values = {name: getattr(constituent, name) for name in ("member_id", "primary_email")}
    keys = _KeyCheck(session, constituent, center_ids)
    for fault in keys.check(values, unique_email=unique_email):
        raise DataSyncError("taken", fault.message, fault.attribute)
    constituent.active_detail, constituent.modified_row = BACK_AS, None
    session.flush()


REMOVED_BY_HAND = "Removed by administrator"
"""The state of a record that a person here took out. It is kept, and can be made active again."""


def remove_constituent(session: Session, constituent_id: int) -> None:
    """Take a record out of use: no import matches it any more, downloads tell that it was removed,
    and whoever may be the same person as it waits no longer. What belongs to it stays with it."""
    constituent = _locked(session, constituent_id, with_keys=True)
    if constituent.is_active:
        constituent.active_detail, constituent.modified_row = REMOVED_BY_HAND, None
        session.flush()


# ---- holding still ----


def _locked(session: Session, constituent_id: int, *, with_keys: bool) -> Constituent:
    """The record, held until the transaction ends; with its keys, imports wait as well.

    The order (keys, then the row) is the one imports have, so that the two never wait for
    each other.
    """
    with waiting_briefly(session, BUSY):
        if with_keys:
            hold_keys(session)
        held = session.get(
            Constituent, constituent_id, with_for_update=True, populate_existing=True
        )
    if held is None:
        raise _gone()
    return held


def _touches_keys(
    session: Session,
    constituent_id: int,
    fields: Mapping[str, Field],
    typed: Mapping[str, str],
) -> bool:
    """Whether what was typed has another key than the record."""
    seen = session.get(Constituent, constituent_id)
    if seen is None:
        raise _gone()
    return any(
        not _is_same(fields[name], typed[name], stored_text(seen, fields[name]))
        for name in KEY_ATTRIBUTES & typed.keys()
    )


def _gone() -> DataSyncError:
    return DataSyncError("gone", "This record no longer exists. Search for it again.")


def _changes_since(
    session: Session, constituent_id: int, version: int
) -> dict[str, tuple[str | None, str | None]]:
    """Each field changed after the version: what it was then, and who changed it last."""
    entries = session.execute(
        select(Change.old, Change.actor)
        .where(Change.constituent_id == constituent_id, Change.id > version)
        .where(Change.table_name == "constituents", Change.op == "update")
        .order_by(Change.id)
    )
    found: dict[str, tuple[str | None, str | None]] = {}
    for old, actor in entries:
        for name, value in (old or {}).items():
            first = found[name][0] if name in found else value
            found[name] = (first, actor)
    return found


# ---- reading and checking ----


def _is_same(field: Field, written: str, stored: str | None) -> bool:
    """Whether a form that shows what is stored would send this back."""
    if field.kind is Kind.YES_NO:
        return written.strip().lower()[:1] == _as_yes_no(stored)
    return same_text(_plain(written), _plain(stored or ""))


def _as_yes_no(stored: str | None) -> str:
    letter = (stored or "").strip().lower()[:1]
    return {"t": "y", "f": "n"}.get(letter, letter)


def _plain(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n").strip()


def _read(
    fields: Mapping[str, Field], typed: Mapping[str, str], changed: set[str], today: date
) -> tuple[dict[str, str | None], list[FieldError]]:
    settings = ReadSettings(today=today)
    values: dict[str, str | None] = {}
    faults: list[FieldError] = []
    for name, field in fields.items():
        if name not in changed:
            continue
        cell = unicodedata.normalize("NFC", _plain(typed[name]))
        reading: Reading = read_cell(field, cell, settings)
        if isinstance(reading, Fault):
            faults.append(FieldError(name, reading.message.replace(field.column, field.label, 1)))
        elif reading is None and name in NEVER_BLANK:
            faults.append(FieldError(name, f"{field.label} can't be blank. Choose a value."))
        else:
            values[name] = reading
    return values, faults


def _check_record(changed: set[str], after: Mapping[str, str | None]) -> list[FieldError]:
    if not changed or any(after[name] for name in NAMING):
        return []
    message = "Keep a name, an email or a member ID, so that the record can be found again."
    return [FieldError("last_name", message)]


@dataclass(frozen=True, slots=True)
class _KeyCheck:
    """Whether the keys of an active record are still its own."""

    session: Session
    constituent: Constituent
    center_ids: frozenset[int] | None

    def check(self, values: Mapping[str, str | None], *, unique_email: bool) -> list[FieldError]:
        """What is wrong with the changed keys among `values`."""
        found: list[FieldError] = []
        member_id, email = values.get("member_id"), values.get("primary_email")
        if member_id:
            same = Constituent.member_id == member_id
            found += self._taken("member_id", "member ID", same)
        if unique_email and email and not self._keeps(email):
            same = func.lower(Constituent.primary_email) == func.lower(literal(email))
            found += self._taken("primary_email", "email", same)
        return found

    def _keeps(self, email: str) -> bool:
        """A change of capitals alone is no new claim to the address; a removed record has none."""
        same = (self.constituent.primary_email or "").lower() == email.lower()
        return self.constituent.is_active and same

    def _taken(self, attribute: str, what: str, same: ColumnElement[bool]) -> Iterator[FieldError]:
        other = self.session.scalar(
            select(Constituent)
            .where(same, Constituent.is_active, Constituent.id != self.constituent.id)
            .order_by(Constituent.id)
            .limit(1)
        )
        if other is None:
            return
        whose, remedy = "a record outside your center", "Use another one."
        if self._sees(other):
            whose = f"{other.display_name} (CONS_ID {other.id})"
            remedy = "Use another one, or change that record first."
        yield FieldError(attribute, f"This {what} belongs to {whose}. {remedy}")

    def _sees(self, other: Constituent) -> bool:
        if self.center_ids is None:
            return True
        return not self.center_ids.isdisjoint(list_center_ids(self.session, other.id))


# ---- writing ----


def _write(session: Session, constituent: Constituent, values: Mapping[str, str | None]) -> None:
    custom = dict(constituent.custom)
    custom_kinds = {field.attribute: field.kind for field in custom_fields(session)}
    for name, value in values.items():
        if name.startswith("custom."):
            key = name.removeprefix("custom.")
            if value is None:
                custom.pop(key, None)
            else:
                is_yes_no = custom_kinds[name] is Kind.YES_NO
                custom[key] = _CUSTOM_YES_NO[value] if is_yes_no else value
        else:
            setattr(constituent, name, _typed_value(name, value))
    if custom != constituent.custom:
        constituent.custom = custom
    constituent.modified_row = None
    session.flush()
    if values.get("primary_email"):
        email = func.lower(literal(values["primary_email"]))
        session.execute(
            insert(ConstituentEmail)
            .values(constituent_id=constituent.id, email=email)
            .on_conflict_do_nothing()
        )


_KINDS = {field.attribute: field.kind for field in STORED_FIELDS}


def _typed_value(name: str, value: str | None) -> str | bool | date | None:
    if value is None:
        return None
    if _KINDS[name] is Kind.YES_NO:
        return value == "t"
    if _KINDS[name] is Kind.DATE:
        return date.fromisoformat(value)
    return value
