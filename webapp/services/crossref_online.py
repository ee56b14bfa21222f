"""The online side of cross-references: what an online value is called, and which ones there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, func, literal, select, true, union_all
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import (
    Campaign,
    Constituent,
    CrossReferenceEntry,
    CrossReferenceType,
    Designation,
    DonationForm,
    Event,
    Group,
    Interest,
)
from webapp.rules.crossrefs import LONGEST_VALUE, OnlineKind, compared
from webapp.rules.fields import ADDRESS_PREFIXES, STORED_FIELDS, Field, Kind
from webapp.services.constituents import LARGEST_ID, visible_to

MOST_OPTIONS = 5_000
"""Groups, interests or codes among which one is chosen or suggested."""
CONSTITUENTS_LOOKED_AT = 100_000
"""The codes of a field that are in use are looked for among so many constituents."""
MOST_FOUND = 200

_BY_COLUMN = {field.column: field for field in STORED_FIELDS}
MAPPABLE_GROUPS = ("standard", "center_members")
"""Groups that a file may add people to."""


@dataclass(frozen=True, slots=True)
class Option:
    """An online value and its name; for codes they are the same."""

    value: str
    label: str


def columns_of(key: str) -> tuple[str, ...]:
    """The columns of a constituent whose codes a type translates; none for other types."""
    if key == "origin_source":
        return ("SOURCE",)
    name = key.removeprefix("field:")
    if name == key:
        return ()
    if name in _BY_COLUMN:
        return (name,)
    return tuple(f"{prefix}_{name}" for prefix in ADDRESS_PREFIXES)


def key_of(field: Field) -> str | None:
    """The type that translates a column of a file, None where there is none."""
    if field.kind in _KIND_KEYS:
        return _KIND_KEYS[field.kind]
    return _COLUMN_KEYS.get(field.column)


def other_keys_of(field: Field) -> tuple[str, ...]:
    """The types, besides that of `key_of`, in which a column's values are looked up as well."""
    return ("teamraiser", "personal_event") if field.kind is Kind.EVENT else ()


def find_labels(
    session: Session, found: CrossReferenceType, values: Iterable[str]
) -> Mapping[str, str]:
    """The names of groups, interests, campaigns, ... by their number; nothing for codes."""
    table = _TABLES.get(found.online_kind)
    numbers = {value for value in values if value.isascii() and value.isdigit()}
    if table is None or not numbers:
        return {}
    rows = session.execute(
        select(table.id, table.name).where(table.id.in_([int(value) for value in numbers]))
    )
    return {str(number): name for number, name in rows}


def find_numbers(session: Session, found: CrossReferenceType, text: str) -> list[str]:
    """The groups, interests, campaigns, ... with this text in their name."""
    table = _TABLES.get(found.online_kind)
    if table is None:
        return []
    part = func.strpos(func.datasync_fold(table.name), func.datasync_fold(text)) > 0
    return [
        str(number)
        for number in session.scalars(
            select(table.id).where(part, *_of_kind(found)).limit(MOST_FOUND)
        )
    ]


def list_options(
    session: Session, found: CrossReferenceType, *, center_ids: frozenset[int] | None = None
) -> tuple[Option, ...]:
    """What a value can be mapped to: groups, interests, campaigns, ... these people see; the codes
    that the table has and those in use."""
    table = _TABLES.get(found.online_kind)
    if table is not None:
        query = select(table.id, table.name).where(
            *visible_to(table.center_id.expression, center_ids), *_of_kind(found)
        )
        rows = session.execute(
            query.order_by(func.datasync_fold(table.name), table.id).limit(MOST_OPTIONS)
        )
        return tuple(Option(str(number), name) for number, name in rows)
    entry = CrossReferenceEntry
    known = select(entry.online_value).where(
        entry.type_id == found.id, *visible_to(entry.center_id.expression, center_ids)
    )
    codes = dict.fromkeys(session.scalars(known.distinct().limit(MOST_OPTIONS)))
    if center_ids is None:
        codes |= dict.fromkeys(list_codes_in_use(session, [found]).get(found.id, ()))
    by_key = {compared(code): code for code in reversed(codes)}
    return tuple(Option(code, code) for _, code in sorted(by_key.items()))


def list_codes_in_use(
    session: Session, types: Iterable[CrossReferenceType]
) -> Mapping[int, Sequence[str]]:
    """The codes that constituents have in the columns of these types, by the type's id, most
    frequent first. The constituents are looked through once, however many types there are."""
    columns = [(found.id, name.lower()) for found in types for name in columns_of(found.key)]
    if not columns:
        return {}
    some = (
        select(*(getattr(Constituent, name) for _, name in columns))
        .where(Constituent.is_active)
        .limit(CONSTITUENTS_LOOKED_AT)
        .cte()
    )
    codes = union_all(
        *(
            select(literal(type_id).label("type_id"), some.c[name].label("code")).where(
                some.c[name].is_not(None)
            )
            for type_id, name in columns
        )
    ).subquery()
    rows = session.execute(
        select(codes.c.type_id, codes.c.code)
        .group_by(codes.c.type_id, codes.c.code)
        .order_by(func.count().desc(), codes.c.code)
        .limit(MOST_OPTIONS * len(columns))
    )
    found_codes: dict[int, list[str]] = {}
    for type_id, code in rows:
        found_codes.setdefault(type_id, []).append(code)
    return {type_id: known[:MOST_OPTIONS] for type_id, known in found_codes.items()}


def check_online(
    session: Session,
    found: CrossReferenceType,
    value: str,
    center_id: int | None,
    field: str = "online_value",
) -> str:
    """The online value as it is stored, if an entry of that center can have it."""
    cleaned = " ".join(value.split())
    if not cleaned:
        raise DataSyncError("online_missing", "Say what it stands for here.", field)
    if OnlineKind(found.online_kind) is OnlineKind.CODE:
        return _check_code(found, cleaned, field)
    return _check_number(session, found, cleaned, center_id, field)


def longest_online(found: CrossReferenceType) -> int:
    """How many characters an online value of this type can have: as many as its fields."""
    longest = LONGEST_VALUE
    for column in columns_of(found.key):
        longest = min(longest, _BY_COLUMN[column].max_length or longest)
    return longest


def noun_of(found: CrossReferenceType) -> str:
    """What a type's online values are numbers of, in a sentence."""
    return found.online_kind.replace("_", " ")


def find_center(session: Session, found: CrossReferenceType, value: str) -> int | None:
    """The center that an entry for this value has to belong to; None where it may be general."""
    if found.online_kind == OnlineKind.CODE:
        return None
    thing = _find_thing(session, found, value)
    return thing.center_id if thing is not None else None


def things_sql(found: CrossReferenceType) -> str | None:
    """SQL of what a type's numbers can be: id, name, center_id, is_mappable. None for codes."""
    table = _TABLES.get(found.online_kind)
    if table is None:
        return None
    is_mappable: ColumnElement[bool] = true()
    query = select(table.id, table.name, table.center_id)
    if table is Group:
        is_mappable = Group.kind.in_(MAPPABLE_GROUPS)
    else:
        query = query.where(*_of_kind(found))
    query = query.add_columns(is_mappable.label("is_mappable"))
    dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _check_code(found: CrossReferenceType, value: str, field: str) -> str:
    longest = longest_online(found)
    if len(value) > longest:
        raise DataSyncError(
            "online_too_long", f"Use at most {longest} characters for the online value.", field
        )
    if not value.isprintable():
        message = "The online value holds an invisible character. Type it anew."
        raise DataSyncError("online_value", message, field)
    return value


def _check_number(
    session: Session, found: CrossReferenceType, value: str, center_id: int | None, field: str
) -> str:
    noun = noun_of(found)
    thing = _find_thing(session, found, value)
    message = None
    if thing is None:
        message = f"There is no {noun} with the ID {value[:40]}. Choose one from the list."
    elif thing.center_id not in (None, center_id):
        message = f"{thing.name} belongs to a center. Choose that center, or a shared {noun}."
    elif isinstance(thing, Group) and thing.kind not in MAPPABLE_GROUPS:
        message = f"Files can't add people to {thing.name}. Choose a standard group."
    if message or thing is None:
        raise DataSyncError("online_unknown", message or "", field)
    return str(thing.id)


def _find_thing(session: Session, found: CrossReferenceType, value: str) -> _Thing | None:
    """What a type's number is the number of."""
    thing: _Thing | None = None
    if value.isascii() and value.isdigit() and int(value[:20]) <= LARGEST_ID:
        thing = cast("_Thing | None", session.get(_TABLES[found.online_kind], int(value)))
    if isinstance(thing, Event) and thing.kind != _EVENT_KINDS[found.online_kind]:
        return None
    return thing


def _of_kind(found: CrossReferenceType) -> list[ColumnElement[bool]]:
    """Which rows of its table a type is about: some kinds of groups, one kind of events."""
    if found.online_kind == OnlineKind.GROUP:
        return [Group.kind.in_(MAPPABLE_GROUPS)]
    kind = _EVENT_KINDS.get(found.online_kind)
    return [Event.kind == kind] if kind else []


_Thing = Group | Interest | Campaign | DonationForm | Designation | Event
_TABLES: Mapping[
    str,
    type[Group]
    | type[Interest]
    | type[Campaign]
    | type[DonationForm]
    | type[Designation]
    | type[Event],
] = {
    OnlineKind.GROUP.value: Group,
    OnlineKind.INTEREST.value: Interest,
    OnlineKind.CAMPAIGN.value: Campaign,
    OnlineKind.DONATION_FORM.value: DonationForm,
    OnlineKind.DESIGNATION.value: Designation,
    OnlineKind.CALENDAR_EVENT.value: Event,
    OnlineKind.TEAMRAISER.value: Event,
    OnlineKind.PERSONAL_EVENT.value: Event,
}
_EVENT_KINDS = {
    OnlineKind.CALENDAR_EVENT.value: "calendar",
    OnlineKind.TEAMRAISER.value: "teamraiser",
    OnlineKind.PERSONAL_EVENT.value: "personal",
}
_KIND_KEYS = {
    Kind.GROUP_LIST: "group",
    Kind.GROUP_CODE: "group",
    Kind.INTEREST_LIST: "interest",
    Kind.INTEREST_CODE: "interest",
    Kind.CAMPAIGN: "campaign",
    Kind.DONATION_FORM: "donation_form",
    Kind.DESIGNATION: "designation",
    Kind.EVENT: "event",
}
_FIELD_KEYS = (
    "origin_source",
    "field:TITLE",
    "field:SUFFIX",
    "field:GENDER",
    "field:STATEPROV",
    "field:COUNTRY",
    "field:MARITAL_STATUS",
)
_COLUMN_KEYS = {column: key for key in _FIELD_KEYS for column in columns_of(key)}
