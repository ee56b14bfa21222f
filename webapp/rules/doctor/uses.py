"""What a column of a file is used for, and which columns of the row go with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from webapp.rules.doctor.contract import ColumnSeen
from webapp.rules.fields import STANDARD_FIELDS, Kind


class Use(StrEnum):
    """What the cells of a column are meant to be."""

    ZIP = "zip"
    STATE = "state"
    CITY = "city"
    COUNTRY = "country"
    STREET = "street"
    PHONE = "phone"
    EMAIL = "email"
    DATE = "date"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    NAME = "name"
    CODE = "code"
    NUMBER = "number"
    YES_NO = "yes_no"
    WORDS = "words"
    """A known text that isn't any of these: an employer, an occupation, a title."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Purpose:
    """A column, what it is used for, and how sure that is.

    `is_known`: the catalogue says so, not only the heading. `group`: what the columns of one
    address have in common (HOME, ALT1, "mailing").
    """

    column: ColumnSeen
    use: Use
    is_known: bool
    group: str

    @property
    def position(self) -> int:
        return self.column.position

    @property
    def name(self) -> str:
        """The column as sentences call it."""
        return self.column.name.strip() or f"Column {self.column.position + 1}"


_BY_FIELD: dict[str, Use] = {
    "CONS_ID": Use.CODE,
    "MEMBER_ID": Use.CODE,
    "FIRST_NAME": Use.FIRST_NAME,
    "LAST_NAME": Use.LAST_NAME,
    "MIDDLE_NAME": Use.NAME,
    "NICKNAME": Use.NAME,
    "FORMAL_SALUTATION": Use.WORDS,
    "CASUAL_SALUTATION": Use.WORDS,
    "USER_NAME": Use.CODE,
    "PREFERRED_PHONE": Use.WORDS,
    "EXT_GROUP_ID": Use.CODE,
    "EXT_INTEREST_ID": Use.CODE,
    "GROUP_IDS": Use.CODE,
    "INTEREST_IDS": Use.CODE,
    "SOURCE": Use.CODE,
    "SUB_SOURCE": Use.CODE,
}
_BY_ENDING: tuple[tuple[str, Use], ...] = (
    ("_ZIP", Use.ZIP),
    ("_STATEPROV", Use.STATE),
    ("_CITY", Use.CITY),
    ("_COUNTRY", Use.COUNTRY),
    ("_STREET1", Use.STREET),
    ("_STREET2", Use.STREET),
    ("_STREET3", Use.STREET),
    ("_COUNTY", Use.WORDS),
    ("_PHONE", Use.PHONE),
)
_BY_KIND: dict[Kind, Use] = {
    Kind.EMAIL: Use.EMAIL,
    Kind.DATE: Use.DATE,
    Kind.NUMBER: Use.NUMBER,
    Kind.YES_NO: Use.YES_NO,
    Kind.CHOICE: Use.WORDS,
    Kind.TEXT: Use.WORDS,
}
_KINDS = {field.column: field.kind for field in STANDARD_FIELDS}

# Headings of columns that nobody has mapped yet. Whole words only: "estate" is no state.
_HEADINGS: tuple[tuple[Use, re.Pattern[str]], ...] = tuple(
    (use, re.compile(rf"(?:^| )(?:{words})(?: |$)"))
    for use, words in (
        (Use.EMAIL, "e ?mail|email address|mail address"),
        (Use.ZIP, "zip|zipcode|zip code|postal code|postalcode|post ?code|plz|code postal"),
        (Use.PHONE, "(?:tele)?phone|tel|mobile|cell|cellphone|fax|(?:tele)?phone ?number"),
        (Use.DATE, "date|dob|birth ?date|birthday|birthdate"),
        (Use.STATE, "state|stateprov|state prov|province|state province"),
        (Use.COUNTRY, "country|country code"),
        (Use.CITY, "city|town"),
        (Use.FIRST_NAME, "first ?name|fname|given name|first"),
        (Use.LAST_NAME, "last ?name|lname|surname|family name|last"),
        (Use.STREET, "street|address|street ?address|addr|street ?[123]|address ?[123]"),
        (Use.CODE, "id|ids|code|codes|number|no|nr|num|account|acct|sku|ref|reference|key|ssn|ein"),
    )
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def purpose_of(column: ColumnSeen) -> Purpose:
    """What a column is used for: by the catalogue, else by its heading."""
    if column.field and not column.field.startswith("CUSTOM_"):
        name = column.field.upper()
        return Purpose(column, _use_of_field(name), True, name.partition("_")[0].lower())
    words = _words(column.name)
    for use, pattern in _HEADINGS:
        found = pattern.search(words)
        if found:
            group = _NOT_WORD.sub(" ", words[: found.start()] + " " + words[found.end() :]).strip()
            return Purpose(column, use, False, group)
    return Purpose(column, Use.UNKNOWN, False, "")


def _use_of_field(name: str) -> Use:
    if name in _BY_FIELD:
        return _BY_FIELD[name]
    for ending, use in _BY_ENDING:
        if name.endswith(ending):
            return use
    kind = _KINDS.get(name)
    return _BY_KIND.get(kind, Use.UNKNOWN) if kind else Use.UNKNOWN


def _words(heading: str) -> str:
    return _NOT_WORD.sub(" ", _CAMEL.sub(" ", heading).lower()).strip()


class Purposes:
    """All columns of a file, and how to find the ones that go together."""

    def __init__(self, columns: Sequence[ColumnSeen]) -> None:
        self.all = tuple(purpose_of(column) for column in columns)

    def having(self, *uses: Use) -> tuple[Purpose, ...]:
        """The columns with one of the uses, in the order of the file."""
        return tuple(purpose for purpose in self.all if purpose.use in uses)

    def beside(self, purpose: Purpose, use: Use) -> Purpose | None:
        """The column of another use in the same address; without one, the only one of the file."""
        others = self.having(use)
        same = [other for other in others if other.group == purpose.group]
        if same:
            return same[0]
        if len(others) != 1 or len(self.having(purpose.use)) != 1:
            return None
        # The catalogue says of both whose they are: another address's state proves nothing
        return None if purpose.is_known and others[0].is_known else others[0]
