"""What a search text can mean, and the index that answers each meaning.

A text is looked up as a CONS_ID, a member ID, a phone number or a name, an email and a former
email, in that order. Each lookup walks one index in its own order, so the first page costs the same
whether ten or a hundred thousand records match, and the next page starts where this one ended.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import (
    ColumnElement,
    String,
    UnaryExpression,
    and_,
    exists,
    func,
    literal_column,
    or_,
    true,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.operators import custom_op

from webapp.models import Constituent, ConstituentEmail

LONGEST_QUERY = 200
MOST_NAME_PARTS = 6
FEWEST_PHONE_DIGITS = 4
WHOLE_NUMBER_DIGITS = 7
LARGEST_CONS_ID = 2**63 - 1

LAST = func.datasync_fold(Constituent.last_name)
FIRST = func.datasync_fold(Constituent.first_name)
MIDDLE = func.datasync_fold(Constituent.middle_name)
# In the very words of its index, which has only the names of several words
LAST_WORD = func.datasync_fold(
    func.substring(Constituent.last_name, literal_column("'[^ -]+$'", String))
)
HAS_LAST_WORD = Constituent.last_name.op("~", is_comparison=True)(literal_column("'[ -]'", String))
EMAIL = func.lower(Constituent.primary_email)
MEMBER_ID = cast(ColumnElement[str], Constituent.member_id.expression)
FORMER = ConstituentEmail.email.expression
PHONES = (
    ("Home phone", "home_phone"),
    ("Mobile phone", "mobile_phone"),
    ("Work phone", "work_phone"),
)

_PHONE = re.compile(r"[\d\s()+./–-]*\d[\d\s()+./–-]*")
_EMAIL_INSIDE = re.compile(r"<\s*(?:mailto:)?([^\s<>]+@[^\s<>]+?)\s*>")
_FORMS_OF_ADDRESS = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "rev", "hon"})
_GENERATIONS = frozenset({"jr", "sr", "ii", "iii", "iv"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """One meaning of the text: whom it finds, and in which order.

    `keys` are what the index is ordered by, before the id. `is_narrow`: few match, so all of them
    are found first and then sorted; otherwise the index is walked until the page is full.
    """

    why: str
    where: ColumnElement[bool]
    keys: tuple[ColumnElement[str], ...] = ()
    is_narrow: bool = False
    phone: str | None = None
    of_former_emails: bool = False


def read_query(text: str) -> str:
    """The text as it is looked up: NFC, single blanks, an address out of its angle brackets."""
    plain = unicodedata.normalize("NFC", text.replace("\x00", " ")[: LONGEST_QUERY * 2])
    inside = _EMAIL_INSIDE.search(plain)
    return " ".join((inside[1] if inside else plain).removeprefix("mailto:").split())[
        :LONGEST_QUERY
    ].strip()


def lookups_for(query: str) -> tuple[Lookup, ...]:
    """Everything the text can mean, the most telling first. No record is found by two of them."""
    return tuple(_each_once(_all_lookups(query)))


def _all_lookups(query: str) -> Iterator[Lookup]:
    if query.isascii() and query.isdigit() and 0 < int(query) <= LARGEST_CONS_ID:
        yield Lookup("CONS_ID", Constituent.id == int(query))
    yield from _member_id_lookups(query)
    is_phone = _PHONE.fullmatch(query) is not None
    if is_phone:
        yield from _phone_lookups(query)
    elif "@" not in query:
        yield from _name_lookups(query)
    if " " not in query:
        yield Lookup("Email", EMAIL.like(func.lower(_prefix(query))), (EMAIL,))
        yield Lookup("Former email", _formerly(query), (FORMER,), of_former_emails=True)


def _member_id_lookups(query: str) -> Iterator[Lookup]:
    """Their case is kept in the database and typed in any. The beginning of one is enough once it
    has a digit: a letter with which all of them begin tells nothing."""
    has_digit = any(character.isdigit() for character in query)
    for written in dict.fromkeys((query, query.upper(), query.lower())):
        where = MEMBER_ID.like(_prefix(written)) if has_digit else MEMBER_ID.in_([written])
        yield Lookup("Member ID", where, (MEMBER_ID,))


def _each_once(lookups: Iterator[Lookup]) -> Iterator[Lookup]:
    earlier: list[ColumnElement[bool]] = []
    for lookup in lookups:
        unseen = [where.is_not(true()) for where in earlier]
        yield Lookup(
            lookup.why,
            and_(lookup.where, *unseen),
            lookup.keys,
            lookup.is_narrow,
            lookup.phone,
            lookup.of_former_emails,
        )
        earlier.append(lookup.where)


def _prefix(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _starts(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.like(func.datasync_fold(_prefix(text)))


# ---- names ----


def name_parts(query: str) -> list[str]:
    """The words of a name without Mr, Dr or Jr (unless that is all there is)."""
    words = [word for word in re.split(r"[\s,;]+", query) if word.strip(".")]
    parts = [word.removesuffix(".") if len(word) == 2 else word for word in words]
    bare = [part.casefold().strip(".") for part in parts]
    kept = [
        part
        for position, part in enumerate(parts)
        if not (position == 0 and bare[position] in _FORMS_OF_ADDRESS)
        and not (position > 0 and position == len(parts) - 1 and bare[position] in _GENERATIONS)
    ]
    return (kept or parts)[:MOST_NAME_PARTS]


def _name_lookups(query: str) -> Iterator[Lookup]:
    parts = name_parts(query)
    if len(parts) == 1:
        yield Lookup("Last name", _starts(LAST, parts[0]), (LAST, FIRST))
        yield Lookup("Last name", _second_starts(parts[0]), (LAST_WORD, FIRST))
        yield Lookup("First name", _starts(FIRST, parts[0]), (FIRST, LAST))
    elif parts:
        yield Lookup("Name", or_(*_readings(parts)), (LAST, FIRST), is_narrow=True)


def _readings(parts: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    """Every way to read the words as first and last names, in either order."""
    whole = " ".join(parts)
    yield _starts(LAST, whole)
    yield _starts(FIRST, whole)
    for cut in range(1, len(parts)):
        one, other = " ".join(parts[:cut]), " ".join(parts[cut:])
        yield and_(_starts(FIRST, one), _starts(LAST, other))
        yield and_(_starts(LAST, one), _starts(FIRST, other))
        yield and_(_starts(FIRST, one), _second_starts(other))
        yield and_(_second_starts(one), _starts(FIRST, other))
    for cut in range(1, len(parts) - 1):
        yield _with_middle(" ".join(parts[:cut]), " ".join(parts[cut:-1]), parts[-1])
        yield _with_middle(" ".join(parts[1 : cut + 1]), " ".join(parts[cut + 1 :]), parts[0])


def _second_starts(name: str) -> ColumnElement[bool]:
    """The last of several words of the last name."""
    return and_(HAS_LAST_WORD, _starts(LAST_WORD, name))


def _with_middle(first: str, middle: str, last: str) -> ColumnElement[bool]:
    """Also a record without its middle name, if the last name is whole."""
    is_whole = and_(Constituent.middle_name.is_(None), func.datasync_fold(last) == LAST)
    named = or_(_starts(MIDDLE, middle), is_whole)
    return and_(_starts(FIRST, first), _starts(LAST, last), named)


# ---- phones ----


def phone_digits(query: str) -> str:
    """Its digits, without the (0) that some write after the country and, in a whole number, the
    zeros in front of it; the last few digits of a number are taken as they are."""
    digits = re.sub(r"[^0-9]", "", query.replace("(0)", ""))
    return digits.lstrip("0") if len(digits) >= WHOLE_NUMBER_DIGITS else digits


def _phone_lookups(query: str) -> Iterator[Lookup]:
    backwards = phone_digits(query)[::-1]
    if len(backwards) < FEWEST_PHONE_DIGITS:
        return
    for why, attribute in PHONES:
        key = func.datasync_phone_key(getattr(Constituent, attribute))
        where: ColumnElement[bool] = key.like(backwards + "%")
        if len(backwards) >= WHOLE_NUMBER_DIGITS:
            # One of the two may lack the country or area code, or have a zero in its place
            is_part = func.starts_with(backwards, func.rtrim(key, "0"))
            same_end = or_(where, is_part, key.like(backwards[:10] + "%"))
            where = and_(key.like(backwards[:WHOLE_NUMBER_DIGITS] + "%"), same_end)
        yield Lookup(why, where, (key,), phone=attribute)


# ---- former emails ----


def _formerly(query: str) -> ColumnElement[bool]:
    """An email the record once had, and has no more; the first of several that fit."""
    pattern = func.lower(_prefix(query))
    earlier = aliased(ConstituentEmail)
    return and_(
        ConstituentEmail.email.like(pattern),
        ConstituentEmail.email.is_distinct_from(EMAIL),
        ~exists()
        .where(earlier.constituent_id == ConstituentEmail.constituent_id)
        .where(earlier.email.like(pattern))
        .where(earlier.email < ConstituentEmail.email)
        .where(earlier.email.is_distinct_from(EMAIL)),
    )


# ---- walking an index ----


def in_order(keys: Sequence[ColumnElement[str]]) -> list[UnaryExpression[str]]:
    """ORDER BY as the indexes of search are ordered: by bytes (text_pattern_ops), blanks last."""
    return [UnaryExpression(key, modifier=custom_op("USING ~<~")) for key in keys]


def beyond(
    keys: Sequence[ColumnElement[str]], values: Sequence[str | None]
) -> Iterator[tuple[ColumnElement[bool], bool]]:
    """The stretches of an index that come after these values, in order. The first one is the rest
    of the records with the very same values (True): of those only the ids tell them apart."""
    same = [_same(key, value) for key, value in zip(keys, values, strict=True)]
    yield and_(true(), *same), True
    for place in reversed(range(len(keys))):
        if values[place] is not None:
            after = keys[place].op("~>~", is_comparison=True)(values[place])
            yield and_(*same[:place], after), False
            yield and_(*same[:place], keys[place].is_(None)), False


def _same(key: ColumnElement[str], value: str | None) -> ColumnElement[bool]:
    return key.is_(None) if value is None else key == value
