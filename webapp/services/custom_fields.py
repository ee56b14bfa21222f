"""The fields that administrators add to constituents (DOMAIN: custom fields)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Constituent, CustomField, Run
from webapp.rules.fields import Field, Kind, custom_field

KINDS: dict[Kind, str] = {
    Kind.TEXT: "Text",
    Kind.NUMBER: "Number",
    Kind.DATE: "Date",
    Kind.YES_NO: "Yes or no",
    Kind.CHOICE: "One of several choices",
}
DEFAULT_LENGTH = 255
MAX_CUSTOM_TEXT = 1000
MOST_CHOICES = 200
LONGEST_CHOICE = 100
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


def list_fields(session: Session) -> Sequence[CustomField]:
    """All of them, in the order they were added."""
    return session.scalars(select(CustomField).order_by(CustomField.id)).all()


def custom_fields(session: Session) -> tuple[Field, ...]:
    """The fields that administrators added."""
    rows = session.scalars(select(CustomField).order_by(CustomField.id))
    return tuple(
        custom_field(
            row.key,
            row.label,
            Kind(row.kind),
            max_length=row.max_length or (MAX_CUSTOM_TEXT if row.kind == "text" else None),
            choices=row.choices,
        )
        for row in rows
    )


def find_field(session: Session, key: str) -> CustomField | None:
    """The field with this key, or None."""
    return session.scalar(select(CustomField).where(CustomField.key == key))


def add_field(
    session: Session,
    *,
    key: str,
    label: str,
    kind: Kind,
    max_length: int | None = None,
    choices: Iterable[str] = (),
) -> CustomField:
    """A new field; its column in files is CUSTOM_ and the key in capitals."""
    key = clean_key(key)
    if not _KEY.fullmatch(key):
        raise DataSyncError(
            "bad_key",
            "Use up to 40 letters, digits and underscores, beginning with a letter.",
            "key",
        )
    if find_field(session, key) is not None:
        raise _taken(key)
    field = CustomField(
        key=key,
        label=label,
        kind=kind.value,
        max_length=_length(max_length) if kind is Kind.TEXT else None,
        choices=_clean_choices(choices, ()) if kind is Kind.CHOICE else [],
    )
    try:
        with session.begin_nested():
            session.add(field)
    except IntegrityError:
        raise _taken(key) from None
    return field


def edit_field(
    session: Session, field: CustomField, *, label: str, choices: Iterable[str] = ()
) -> None:
    """Another label, and for a choice other choices; one that constituents have must stay."""
    field.label = label
    if field.kind == Kind.CHOICE:
        wanted = _clean_choices(choices, field.choices)
        for gone in field.choices:
            if gone not in wanted:
                _require_unused_choice(session, field, gone)
        field.choices = wanted
    session.flush()


def count_values(session: Session, field: CustomField) -> int:
    """How many constituents, active or removed, have a value in this field."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Constituent)
            .where(Constituent.custom.has_key(field.key))
        )
        or 0
    )


def delete_field(session: Session, field: CustomField) -> None:
    """Delete a field that nobody has a value in."""
    # No run begins until this is committed, and one that then does finds the column unknown
    session.execute(text("LOCK TABLE runs IN SHARE MODE"))
    busy = session.scalar(
        select(func.count()).select_from(Run).where(Run.state.in_(("queued", "running", "stale")))
    )
    if busy:
        raise DataSyncError(
            "busy", "A run is under way and could fill this field. Wait until it has ended."
        )
    count = count_values(session, field)
    if count:
        who = "1 constituent has" if count == 1 else f"{count:,} constituents have"
        raise DataSyncError(
            "in_use",
            f"{who} a value in {field.label}, so it can't be deleted. "
            "Clear those values first, or keep the field.",
        )
    session.delete(field)
    session.flush()


def clean_key(key: str) -> str:
    """A key as it is stored: lower case, blanks as underscores, without a CUSTOM_ in front."""
    return re.sub(r"[\s-]+", "_", key.strip().lower()).removeprefix("custom_")


def _taken(key: str) -> DataSyncError:
    return DataSyncError(
        "key_taken", f"There is a field CUSTOM_{key.upper()} already. Choose another name.", "key"
    )


def _length(max_length: int | None) -> int:
    length = DEFAULT_LENGTH if max_length is None else max_length
    if not 1 <= length <= MAX_CUSTOM_TEXT:
        raise DataSyncError(
            "bad_length", f"Use a length from 1 to {MAX_CUSTOM_TEXT:,} characters.", "max_length"
        )
    return length


def _clean_choices(choices: Iterable[str], present: Sequence[str]) -> list[str]:
    """Each choice once, in any case; one that is there already keeps the way it is written."""
    written = {choice.casefold(): choice for choice in present}
    wanted: dict[str, str] = {}
    for choice in choices:
        text = " ".join(choice.split())
        if text:
            wanted.setdefault(text.casefold(), written.get(text.casefold(), text))
    message = None
    if not wanted:
        message = "Write at least one choice, one per line."
    elif len(wanted) > MOST_CHOICES:
        message = f"Use at most {MOST_CHOICES} choices."
    elif any(len(choice) > LONGEST_CHOICE for choice in wanted.values()):
        message = f"Use at most {LONGEST_CHOICE} characters for each choice."
    if message:
        raise DataSyncError("bad_choices", message, "choices")
    return list(wanted.values())


def _require_unused_choice(session: Session, field: CustomField, choice: str) -> None:
    count = session.scalar(
        select(func.count())
        .select_from(Constituent)
        .where(Constituent.custom[field.key].astext == choice)
    )
    if count:
        who = "1 constituent has" if count == 1 else f"{count:,} constituents have"
        raise DataSyncError(
            "choice_in_use", f"{who} “{choice}”, so it must stay among the choices.", "choices"
        )
