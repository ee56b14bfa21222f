"""Cross-references: what a foreign value means here, and what is sent back for one of ours.

A `Translation` is a type's table as it was at one moment. Values are compared without regard to
case and to blanks around them; runs of blanks inside count as one. A center's own entries come
before the General ones (those of no center); a translation for the site knows the General only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

MOST_LABELS = 10
LONGEST_VALUE = 255
LONGEST_TUPLE = 600
"""Characters of all keys of an entry together: they have to fit into one index entry."""

TUPLE_SEPARATOR = "|"
"""Between the keys of one entry where they stand in a single cell: `SPRING|GEN|MAIL`."""

_BETWEEN = "\x1f"
_NUMBER_WIDTH = 19


class Policy(StrEnum):
    """What becomes of a value without an entry."""

    REJECT = "reject"
    KEEP = "keep"
    DEFAULT = "default"


class OnlineKind(StrEnum):
    """What a type's online values are: numbers of groups, interests or what gifts are for, or
    codes."""

    GROUP = "group"
    INTEREST = "interest"
    CODE = "code"
    CAMPAIGN = "campaign"
    DONATION_FORM = "donation_form"
    DESIGNATION = "designation"
    CALENDAR_EVENT = "calendar_event"
    TEAMRAISER = "teamraiser"
    PERSONAL_EVENT = "personal_event"


class Why(StrEnum):
    """Why a value could not be translated."""

    NO_ENTRY = "no_entry"
    SEVERAL = "several"  # on the way out: several foreign values and none is the one to send back


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A value the table says nothing about, as its parts."""

    value: tuple[str, ...]
    why: Why = Why.NO_ENTRY


@dataclass(frozen=True, slots=True)
class Rejected:
    """A value without an entry whose type says: reject (on the way out: withhold) the row."""

    value: tuple[str, ...]


class Entry(NamedTuple):
    """One pairing. `center_id` None is General; the dates are both included, None is open.

    A tuple, because a table has up to hundreds of thousands of them.
    """

    id: int
    online: str
    foreign: tuple[str, ...]
    center_id: int | None = None
    is_sent_back: bool = False
    valid_from: date | None = None
    valid_to: date | None = None

    def is_valid(self, on: date) -> bool:
        """Whether the entry counts on that day."""
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_to is None or on <= self.valid_to
        )


def compared(value: str) -> str:
    """A value as it is compared: composed, without case, blanks around it, or double blanks."""
    if value.isascii():
        return " ".join(value.lower().split())
    folded = unicodedata.normalize("NFD", value).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def foreign_key(values: Sequence[str]) -> str:
    """The foreign values of an entry as one text: equal for tuples that mean the same."""
    return _BETWEEN.join(compared(value) for value in values)


def online_key(kind: OnlineKind, value: str) -> str:
    """An online value as it is compared; numbers are padded, so that they sort as numbers."""
    text = compared(value)
    is_number = kind is not OnlineKind.CODE and text.isascii() and text.isdigit()
    return (text.lstrip("0") or "0").rjust(_NUMBER_WIDTH, "0") if is_number else text


def split_tuple(cell: str, count: int) -> tuple[str, ...] | None:
    """The keys in one cell, `count` of them; None when there are more or fewer."""
    if count == 1:
        return (cell.strip(),)
    parts = tuple(part.strip() for part in cell.split(TUPLE_SEPARATOR))
    return parts if len(parts) == count else None


_Scoped = dict[str, list[Entry]]


@dataclass(slots=True)
class Translation:
    """A type's table as it was at `version`, for one center (None: for the site)."""

    key: str
    kind: OnlineKind
    version: int = 0
    labels: int = 1
    policy: Policy = Policy.REJECT
    default: str | None = None
    center_id: int | None = None
    entries: Sequence[Entry] = ()
    _to_online: tuple[_Scoped, _Scoped] | None = field(default=None, repr=False, compare=False)
    _to_foreign: tuple[_Scoped, _Scoped] | None = field(default=None, repr=False, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is no entry that this center could use."""
        return not any(entry.center_id in (None, self.center_id) for entry in self.entries)

    def _inward(self) -> tuple[_Scoped, _Scoped]:
        if self._to_online is None:
            self._to_online = self._index(lambda entry: foreign_key(entry.foreign))
        return self._to_online

    def _outward(self) -> tuple[_Scoped, _Scoped]:
        if self._to_foreign is None:
            self._to_foreign = self._index(lambda entry: online_key(self.kind, entry.online))
        return self._to_foreign

    def _index(self, key_of: Callable[[Entry], str]) -> tuple[_Scoped, _Scoped]:
        """The entries this center sees, its own and the General ones, made when first asked for."""
        own: _Scoped = {}
        general: _Scoped = {}
        for entry in self.entries:
            if entry.center_id is None:
                general.setdefault(key_of(entry), []).append(entry)
            elif entry.center_id == self.center_id:
                own.setdefault(key_of(entry), []).append(entry)
        return own, general

    def to_online(self, foreign: Sequence[str] | str, on: date) -> str | Unmapped:
        """The online value a foreign one stands for on that day."""
        values = (foreign,) if isinstance(foreign, str) else tuple(foreign)
        found = _first(self._inward(), foreign_key(values), on)
        return found[0].online if found else Unmapped(values)

    def to_foreign(self, online: str, on: date) -> tuple[str, ...] | Unmapped:
        """The foreign values that stand for an online one on that day: those of its only entry, or
        of the one that is marked as the one to send back."""
        found = _first(self._outward(), online_key(self.kind, online), on)
        if len(found) > 1:
            found = [entry for entry in found if entry.is_sent_back]
            if not found:
                return Unmapped((online,), Why.SEVERAL)
        return found[0].foreign if found else Unmapped((online,))

    def find_online(self, value: str, on: date) -> str | None:
        """The online value that was written instead of a foreign one, as the table has it."""
        found = _first(self._outward(), online_key(self.kind, value), on)
        return found[0].online if found else None

    def read(self, cell: str, on: date) -> str | Unmapped:
        """What a cell of a file means: a foreign value, else one of our own values that the table
        has. Several keys stand in the cell with `|` between them."""
        parts = split_tuple(cell, self.labels)
        found = self.to_online(parts, on) if parts else None
        if isinstance(found, str):
            return found
        own = self.find_online(cell, on)
        return own if own is not None else Unmapped(parts or (cell.strip(),))

    def apply_policy(self, unmapped: Unmapped) -> str | Rejected:
        """What becomes of a value on the way in that the table says nothing about."""
        if self.policy is Policy.DEFAULT and self.default:
            return self.default
        if self.policy is Policy.KEEP:
            return TUPLE_SEPARATOR.join(unmapped.value)
        return Rejected(unmapped.value)


def _first(scopes: Iterable[Mapping[str, list[Entry]]], key: str, on: date) -> list[Entry]:
    """The entries valid on that day, of the first scope that has any."""
    for scope in scopes:
        entries = scope.get(key)
        if entries:
            valid = [entry for entry in entries if entry.is_valid(on)]
            if valid:
                return valid
    return []
