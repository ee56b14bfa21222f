"""A type's cross-references as a file: its columns, and its rows as entries (DOMAIN: import and
export of a type's entries as CSV). The form is the same on the way out and on the way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webapp.rules.columns import Need
from webapp.rules.crossrefs import (
    LONGEST_TUPLE,
    LONGEST_VALUE,
    TUPLE_SEPARATOR,
    OnlineKind,
    foreign_key,
    online_key,
)
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import Field, Kind, Section
from webapp.rules.values import shown

LONGEST_DESCRIPTION = 500
LARGEST_NUMBER = 2**63 - 1
GENERAL = "general"

ONLINE_VALUE = Field("ONLINE_VALUE", "Value here", Kind.TEXT, Section.LISTS, LONGEST_VALUE)
ONLINE_NAME = Field("ONLINE_NAME", "Its name, to read only", Kind.TEXT, Section.LISTS)
DESCRIPTION = Field("DESCRIPTION", "Description", Kind.TEXT, Section.LISTS, LONGEST_DESCRIPTION)
CENTER = Field("CENTER", "Belongs to", Kind.TEXT, Section.LISTS, 255)
SEND_BACK = Field("SEND_BACK", "Sent back", Kind.YES_NO, Section.LISTS)
VALID_FROM = Field("VALID_FROM", "Valid from", Kind.DATE, Section.LISTS)
VALID_TO = Field("VALID_TO", "Valid to", Kind.DATE, Section.LISTS)

Values = Mapping[str, Sequence[str | None]]


def entry_fields(labels: Sequence[str]) -> tuple[Field, ...]:
    """The columns of a type's file, in order; `labels` are those of its foreign keys."""
    return (
        ONLINE_VALUE,
        *(
            Field(foreign_column(at), label, Kind.TEXT, Section.LISTS, LONGEST_VALUE)
            for at, label in enumerate(labels)
        ),
        ONLINE_NAME,
        DESCRIPTION,
        CENTER,
        SEND_BACK,
        VALID_FROM,
        VALID_TO,
    )


def entry_needs(count: int) -> tuple[Need, ...]:
    """What a file of entries with so many foreign keys can't do without."""
    purpose = "to tell what stands for what"
    return tuple(
        Need((name,), purpose)
        for name in (ONLINE_VALUE.column, *(foreign_column(at) for at in range(count)))
    )


def foreign_column(at: int) -> str:
    """The column of a foreign key, counted from 0."""
    return f"FOREIGN_{at + 1}"


@dataclass(frozen=True, slots=True)
class EntryRow:
    """What a row says about one entry, as it is stored and compared. `center_id` None: General."""

    online_value: str
    online_key: str
    foreign_values: tuple[str, ...]
    foreign_key: str
    description: str
    center_id: int | None
    send_back: str | None
    valid_from: str | None
    valid_to: str | None
    online_name: str | None

    @property
    def who(self) -> str:
        """The row in a few words."""
        return f"{TUPLE_SEPARATOR.join(self.foreign_values)} → {self.online_value}"


@dataclass(frozen=True, slots=True)
class EntryRows:
    """Reads the rows of a type's file. `centers` has the number of each by its folded name;
    `run_center_id` is whose upload it is, which matters where the file has no CENTER."""

    kind: OnlineKind
    noun: str
    labels: int
    centers: Mapping[str, int]
    run_center_id: int | None

    def read(self, values: Mapping[str, str | None], *, has_center: bool) -> EntryRow | Fault:
        """One row, from the values of its cells by column; blank ones are None."""
        online = _joined(values.get(ONLINE_VALUE.column))
        if not online:
            message = "ONLINE_VALUE is blank. Say what the foreign value stands for here."
            return Fault(FaultCode.MISSING_VALUE, ONLINE_VALUE.column, "", message)
        foreign: list[str] = []
        for at in range(self.labels):
            column = foreign_column(at)
            value = _joined(values.get(column))
            if not value:
                return Fault(FaultCode.MISSING_VALUE, column, "", f"{column} is blank. Fill it in.")
            foreign.append(value)
        found = self._check_texts(online, foreign) or _check_dates(values)
        if found is not None:
            return found
        center_id = self.run_center_id
        if has_center:
            of_cell = self._center(values.get(CENTER.column))
            if isinstance(of_cell, Fault):
                return of_cell
            center_id = of_cell
        if self.kind is not OnlineKind.CODE:
            if not (online.isascii() and online.isdigit() and int(online) <= LARGEST_NUMBER):
                return unknown_online(self.noun, online)
            online = str(int(online))
        return EntryRow(
            online,
            online_key(self.kind, online),
            tuple(foreign),
            foreign_key(foreign),
            _joined(values.get(DESCRIPTION.column)),
            center_id,
            values.get(SEND_BACK.column),
            values.get(VALID_FROM.column),
            values.get(VALID_TO.column),
            _joined(values.get(ONLINE_NAME.column)) or None,
        )

    def _check_texts(self, online: str, foreign: Sequence[str]) -> Fault | None:
        for at, value in enumerate([online, *foreign]):
            column = foreign_column(at - 1) if at else ONLINE_VALUE.column
            if not value.isprintable():
                return Fault(
                    FaultCode.CONTROL_CHARACTER,
                    column,
                    shown(value),
                    f"{column} holds an invisible character in “{shown(value)}”. Type it anew.",
                )
            if at and len(foreign) > 1 and TUPLE_SEPARATOR in value:
                return Fault(
                    FaultCode.BAD_CROSS_REFERENCE,
                    column,
                    shown(value),
                    f"{column} is “{shown(value)}”, and {TUPLE_SEPARATOR} stands between the "
                    "values of several keys. Write it without.",
                )
        length = sum(map(len, foreign))
        if length > LONGEST_TUPLE:
            return Fault(
                FaultCode.TOO_LONG,
                foreign_column(0),
                shown(foreign[0]),
                f"The foreign values have {length} characters together and can have "
                f"{LONGEST_TUPLE}. Shorten them.",
            )
        return None

    def _center(self, name: str | None) -> int | Fault | None:
        folded = _joined(name).casefold()
        if not folded:
            return None
        center_id = self.centers.get(folded)
        if center_id is not None and self.run_center_id in (None, center_id):
            return center_id
        if center_id is None and folded == GENERAL:
            return None
        message = f"CENTER is “{shown(name or '')}”, and there is no center of that name. Correct "
        message += "it, or leave it blank for everybody."
        if self.run_center_id is not None:
            message = f"CENTER is “{shown(name or '')}”, which is not the center this upload is "
            message += "for. Leave the row to those who manage that one."
        return Fault(FaultCode.UNKNOWN_CENTER, CENTER.column, shown(name or ""), message)


def unknown_online(noun: str, value: str) -> Fault:
    """The sentence on a number that nothing here has."""
    return Fault(
        FaultCode.UNKNOWN_ONLINE_VALUE,
        ONLINE_VALUE.column,
        shown(value),
        f"ONLINE_VALUE is “{shown(value)}”, and no {noun} has this ID here. Use the ID of one that "
        "is there.",
    )


def _check_dates(values: Mapping[str, str | None]) -> Fault | None:
    first, last = values.get(VALID_FROM.column), values.get(VALID_TO.column)
    if first is None or last is None or first <= last:
        return None
    return Fault(
        FaultCode.DATE_OUT_OF_RANGE,
        VALID_TO.column,
        last,
        f"VALID_TO is {last}, before VALID_FROM, which is {first}. Correct one of them.",
    )


def _joined(text: str | None) -> str:
    return " ".join(text.split()) if text else ""
