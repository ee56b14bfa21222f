"""One constituent: every field by section, and what else is known: emails, groups, interests,
centers. Stored values are told as the text a file would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, aliased

from webapp.errors import DataSyncError
from webapp.models import (
    Center,
    CenterMember,
    Constituent,
    ConstituentEmail,
    Group,
    GroupMember,
    Interest,
    InterestChoice,
)
from webapp.rules.fields import STORED_FIELDS, Field, Kind, Section
from webapp.services.custom_fields import custom_fields

LARGEST_ID = 2**63 - 1
MOST_MEMBERSHIPS = 200
_YES_NO = {"t": "Yes", "f": "No"}


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A field of a record with its value as people read it; None where it is blank."""

    field: Field
    value: str | None


@dataclass(frozen=True, slots=True)
class SectionValues:
    """The fields of one section, in the order of the catalogue."""

    section: Section
    values: tuple[FieldValue, ...]

    @property
    def filled(self) -> tuple[FieldValue, ...]:
        """Those that have a value."""
        return tuple(value for value in self.values if value.value is not None)


@dataclass(frozen=True, slots=True)
class EmailUsed:
    """An email the record has, or once had."""

    email: str
    first_used_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """A group the record is in."""

    group_id: int
    name: str
    kind: str
    folder: str
    center: str | None
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person chose for an interest."""

    interest_id: int
    name: str
    kind: str
    parent: str | None
    opted_in: bool
    chosen_at: datetime


@dataclass(frozen=True, slots=True)
class CenterOf:
    """A center the record belongs to."""

    id: int
    name: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """All that a profile shows. `has_more_groups`: only the latest memberships are listed."""

    sections: tuple[SectionValues, ...]
    emails: tuple[EmailUsed, ...]
    groups: tuple[Membership, ...]
    has_more_groups: bool
    choices: tuple[Choice, ...]
    centers: tuple[CenterOf, ...]


def find_constituent(session: Session, constituent_id: int) -> Constituent | None:
    """The record with this CONS_ID, active or removed, or None."""
    return session.get(Constituent, constituent_id) if constituent_id <= LARGEST_ID else None


def list_center_ids(session: Session, constituent_id: int) -> list[int]:
    """The centers the record belongs to: whose users may see it."""
    mine = CenterMember.constituent_id == constituent_id
    return list(session.scalars(select(CenterMember.center_id).where(mine)))


def hold_active(session: Session, constituent_id: int) -> None:
    """The record is there and active, and is not deleted until the transaction ends (decision 020).
    Raises `DataSyncError` when it is not."""
    person = session.scalar(
        select(Constituent)
        .where(Constituent.id == constituent_id)
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    if person is None:
        raise DataSyncError("gone", "This constituent is not there any more. Search again.")
    if not person.is_active:
        raise DataSyncError(
            "removed", "This record was removed, and can’t be added to anything. Search again."
        )


def get_profile(
    session: Session, constituent: Constituent, *, center_ids: frozenset[int] | None = None
) -> Profile:
    """Everything about a record that people of these centers may see (None: everything)."""
    groups = _groups(session, constituent.id, center_ids)
    return Profile(
        sections=get_sections(constituent, custom_fields(session)),
        emails=_emails(session, constituent),
        groups=groups[:MOST_MEMBERSHIPS],
        has_more_groups=len(groups) > MOST_MEMBERSHIPS,
        choices=_choices(session, constituent.id, center_ids),
        centers=_centers(session, constituent.id, center_ids),
    )


def get_sections(constituent: Constituent, custom: Sequence[Field]) -> tuple[SectionValues, ...]:
    """Every stored field by section; sections without fields are left out."""
    by_section: dict[Section, list[FieldValue]] = {}
    for field in (*STORED_FIELDS, *custom):
        value = shown_value(field, stored_text(constituent, field))
        by_section.setdefault(field.section, []).append(FieldValue(field, value))
    return tuple(
        SectionValues(section, tuple(by_section[section]))
        for section in Section
        if section in by_section
    )


def stored_text(constituent: Constituent, field: Field) -> str | None:
    """What is stored, as the change log writes it: t and f, ISO dates, text. None where blank."""
    if field.is_custom:
        value = constituent.custom.get(field.attribute.removeprefix("custom."))
        return None if value is None else str(value)
    value = getattr(constituent, field.attribute)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None else str(value)


def shown_value(field: Field | None, text: str | None) -> str | None:
    """A stored text as people read it: Yes and No, choices with a capital."""
    if field is None or not text:
        return text
    if field.kind is Kind.YES_NO:
        return _YES_NO.get(text, text)
    if field.kind is Kind.CHOICE and not field.is_custom:
        return text.capitalize()
    return text


def visible_to(
    column: ColumnElement[int | None], center_ids: frozenset[int] | None
) -> list[ColumnElement[bool]]:
    """The condition on a thing's center: one's own, or General; nothing where all may be seen."""
    return [] if center_ids is None else [or_(column.is_(None), column.in_(center_ids))]


def _emails(session: Session, constituent: Constituent) -> tuple[EmailUsed, ...]:
    rows = session.scalars(
        select(ConstituentEmail)
        .where(ConstituentEmail.constituent_id == constituent.id)
        .order_by(ConstituentEmail.first_used_at.desc(), ConstituentEmail.email)
    )
    current = (constituent.primary_email or "").lower()
    found = [EmailUsed(row.email, row.first_used_at, row.email == current) for row in rows]
    return tuple(sorted(found, key=lambda used: not used.is_current))


def _groups(
    session: Session, constituent_id: int, center_ids: frozenset[int] | None
) -> tuple[Membership, ...]:
    rows = session.execute(
        select(Group.id, Group.name, Group.kind, Group.folder, Center.name, GroupMember.added_at)
        .join(GroupMember, GroupMember.group_id == Group.id)
        .outerjoin(Center, Center.id == Group.center_id)
        .where(GroupMember.constituent_id == constituent_id)
        .where(*visible_to(Group.center_id.expression, center_ids))
        .order_by(GroupMember.added_at.desc(), Group.id.desc())
        .limit(MOST_MEMBERSHIPS + 1)
    )
    return tuple(Membership(*row) for row in rows)


def _choices(
    session: Session, constituent_id: int, center_ids: frozenset[int] | None
) -> tuple[Choice, ...]:
    parent = aliased(Interest)
    rows = session.execute(
        select(
            Interest.id,
            Interest.name,
            Interest.kind,
            parent.name,
            InterestChoice.opted_in,
            InterestChoice.chosen_at,
        )
        .join(InterestChoice, InterestChoice.interest_id == Interest.id)
        .outerjoin(parent, parent.id == Interest.parent_id)
        .where(InterestChoice.constituent_id == constituent_id)
        .where(*visible_to(Interest.center_id.expression, center_ids))
        .order_by(InterestChoice.opted_in.desc(), Interest.name, Interest.id)
    )
    return tuple(Choice(*row) for row in rows)


def _centers(
    session: Session, constituent_id: int, center_ids: frozenset[int] | None
) -> tuple[CenterOf, ...]:
    query = (
        select(Center.id, Center.name, CenterMember.added_at)
        .join(CenterMember, CenterMember.center_id == Center.id)
        .where(CenterMember.constituent_id == constituent_id)
        .order_by(Center.name)
    )
    if center_ids is not None:
        query = query.where(Center.id.in_(center_ids))
    return tuple(CenterOf(*row) for row in session.execute(query))
