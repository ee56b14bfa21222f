"""The rules of the Standard Constituent Import once more: one row after the other, in plain Python,
straight from DOMAIN. Slow and obvious; the engine's sets of rows have to come to the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Id = int | str
"""A constituent: its number, or "row 5" for the one that row 5 of the file made."""

YES = {"yes", "y", "1", "true", "t"}
NO = {"no", "n", "0", "false", "f"}
YES_NO_COLUMNS = ("ACCEPTS_EMAIL", "ACCEPTS_POSTAL_MAIL", "MATCHED_DONOR", "CUSTOM_VIP")
BLOCK = tuple(
    f"home_{part}"
    for part in ("street1", "street2", "street3", "city", "stateprov", "zip", "county", "country")
)
NOT_VALUES = ("CONS_ID", "GROUP_IDS", "INTEREST_IDS")


@dataclass(frozen=True)
class Settings:
    """What a run depends on besides the file and the people."""

    unique_email: bool = True
    opt_in_again: bool = False
    center: int | None = None
    source: str = "Standard Constituent Import"
    sub_source: str = "Members"
    groups: Mapping[str, str | None] = field(default_factory=dict)
    """Code -> None when it may be used, else the fault."""
    interests: Mapping[str, str | None] = field(default_factory=dict)
    opt_groups: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Interest -> its opt-in and opt-out groups."""


@dataclass
class Person:
    """A constituent."""

    id: Id
    is_active: bool
    values: dict[str, Any]
    custom: dict[str, str]

    @property
    def member_id(self) -> str | None:
        return self.values.get("member_id")

    @property
    def email(self) -> str | None:
        email = self.values.get("primary_email")
        return email.lower() if email else None

    @property
    def accepts_email(self) -> bool:
        return bool(self.values["accepts_email"])


@dataclass
class World:
    """Everything an import can change."""

    people: dict[Id, Person]
    emails: set[tuple[Id, str]]
    members: set[tuple[Any, Id]]
    choices: dict[tuple[int, Id], bool]
    centers: set[tuple[int, Id]]

    @classmethod
    def of(
        cls,
        state: Mapping[str, Any],
        made: Mapping[int, str] | None = None,
        groups: Mapping[int, str] | None = None,
    ) -> World:
        """What is stored. `made` names constituents and `groups` groups that the run made."""
        names: dict[Any, Any] = dict(made or {})
        group_names: dict[Any, Any] = dict(groups or {})

        def name(found: int) -> Id:
            return names.get(found, found)

        people: dict[Id, Person] = {}
        for stored in state["constituents"]:
            values = {
                key: value
                for key, value in stored.items()
                if key not in ("id", "custom", "is_active") and value is not None
            }
            found = name(stored["id"])
            people[found] = Person(found, stored["is_active"], values, stored["custom"])
        return cls(
            people,
            {(name(person), email) for person, email in state["emails"]},
            {
                (group_names.get(group, group), name(person))
                for group, person, _ in state["members"]
            },
            {(topic, name(person)): choice for topic, person, choice, _ in state["choices"]},
            {(center, name(person)) for center, person, _ in state["centers"]},
        )


class Rejected(Exception):
    """The row is not applied."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = codes


@dataclass
class Reference:
    """An import of one file into a world, row by row."""

    world: World
    settings: Settings
    columns: Sequence[str]
    verdicts: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    targets: dict[int, Id] = field(default_factory=dict)
    opt_outs_kept: int = 0

    def apply(self, number: int, cells: Mapping[str, str]) -> None:
        """Apply one row."""
        try:
            row = self._read(cells)
            person = self._find(row)
            if person is None:
                self.targets[number] = self._create(number, row)
                outcome = "created"
            else:
                self._check_center(person)
                self.targets[number] = person.id
                outcome = "updated" if self._update(person, row) else "unchanged"
            self.verdicts[number] = (outcome, ())
        except Rejected as rejected:
            self.verdicts[number] = ("rejected", rejected.codes)

    @property
    def repeated(self) -> int:
        """How many rows were a constituent's second, third, ..."""
        return len(self.targets) - len(set(self.targets.values()))

    # Reading ------------------------------------------------------------------------------

    def _read(self, cells: Mapping[str, str]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        faults: list[str] = []
        for column in self.columns:
            text = cells.get(column, "").strip()
            row[column], fault = self._read_cell(column, text) if text else (None, None)
            if fault:
                faults.append(fault)
        if faults:
            raise Rejected(*faults)
        if not any(row.get(key) for key in ("CONS_ID", "MEMBER_ID", "PRIMARY_EMAIL")):
            raise Rejected("no_key")
        return row

    def _read_cell(self, column: str, text: str) -> tuple[Any, str | None]:
        """The value of a cell that is not blank, and what is wrong with it."""
        if column in YES_NO_COLUMNS:
            return text.lower() in YES, None if text.lower() in YES | NO else "not_yes_no"
        if column == "CONS_ID":
            return (int(text), None) if text.isdigit() else (None, "not_a_number")
        if column == "PRIMARY_EMAIL":
            return text, None if "@" in text and "." in text else "not_an_email"
        if column in ("GROUP_IDS", "INTEREST_IDS"):
            known = self.settings.groups if column == "GROUP_IDS" else self.settings.interests
            unknown = "unknown_group" if column == "GROUP_IDS" else "unknown_interest"
            codes = [code.strip() for code in text.split(",") if code.strip()]
            faults = [fault for code in codes if (fault := known.get(code, unknown))]
            return {int(code) for code in codes}, faults[0] if faults else None
        return text, None

    # Matching -----------------------------------------------------------------------------

    def _find(self, row: Mapping[str, Any]) -> Person | None:
        """The row's constituent; None to create one."""
        member = row.get("MEMBER_ID")
        email = (row.get("PRIMARY_EMAIL") or "").lower()
        active = [person for person in self.world.people.values() if person.is_active]
        have_member = [person for person in active if member and person.member_id == member]
        have_email = [person for person in active if email and person.email == email]
        if row.get("CONS_ID") is not None:
            return self._by_cons_id(row["CONS_ID"], have_member, have_email)
        if member:
            return self._by_member_id(member, have_member, have_email)
        return self._by_email(email, have_email)

    def _by_cons_id(
        self, cons_id: int, have_member: list[Person], have_email: list[Person]
    ) -> Person:
        found = self.world.people.get(cons_id)
        if found is None:
            raise Rejected("cons_id_unknown")
        if not found.is_active:
            raise Rejected("removed")
        if have_member and found not in have_member:
            raise Rejected("member_id_taken")
        return self._may_take_email(found, have_email)

    def _by_member_id(
        self, member: str, have_member: list[Person], have_email: list[Person]
    ) -> Person | None:
        if have_member:
            return self._may_take_email(have_member[0], have_email)
        if any(person.member_id == member for person in self.world.people.values()):
            raise Rejected("removed")
        blank = [p for p in have_email if p.accepts_email and p.member_id is None]
        if len(blank) == 1:
            return blank[0]
        if self.settings.unique_email and have_email:
            raise Rejected("several_email" if blank else "email_taken")
        return None

    def _by_email(self, email: str, have_email: list[Person]) -> Person | None:
        reachable = [person for person in have_email if person.accepts_email]
        if len(reachable) == 1:
            return reachable[0]
        if have_email:
            if self.settings.unique_email:
                raise Rejected("several_email" if reachable else "email_unreachable")
            return None
        if any(person.email == email for person in self.world.people.values()):
            raise Rejected("removed")
        return None

    def _may_take_email(self, person: Person, have_email: list[Person]) -> Person:
        if self.settings.unique_email and have_email and person not in have_email:
            raise Rejected("email_taken")
        return person

    def _check_center(self, person: Person) -> None:
        center = self.settings.center
        if center is not None and (center, person.id) not in self.world.centers:
            raise Rejected("other_center")

    # Applying -----------------------------------------------------------------------------

    def _create(self, number: int, row: Mapping[str, Any]) -> Id:
        found: Id = f"row {number}"
        values = {"accepts_email": True, "accepts_postal_mail": True, "email_status": "unknown"}
        defaults = {"source": self.settings.source, "sub_source": self.settings.sub_source}
        given = {name: value for name, value in _values(row).items() if value is not None}
        stored = values | defaults | {"active_detail": "Prospect"} | given
        self.world.people[found] = Person(found, True, stored, _custom(row))
        self._remember_email(found)
        self._add_lists(found, row)
        self.world.members.add(("new", found))
        if self.settings.center is not None:
            self.world.centers.add((self.settings.center, found))
        return found

    def _update(self, person: Person, row: Mapping[str, Any]) -> bool:
        """Whether anything changed."""
        before = (dict(person.values), dict(person.custom))
        is_kept = self._replace(person, row)
        person.custom.update(_custom(row))
        is_changed = (person.values, person.custom) != before
        if is_changed and "PRIMARY_EMAIL" in self.columns:
            self._remember_email(person.id)
        is_added, is_still_out = self._add_lists(person.id, row)
        if is_kept or is_still_out:
            self.opt_outs_kept += 1
        if (is_changed or is_added) and ("new", person.id) not in self.world.members:
            self.world.members.add(("modified", person.id))
        return is_changed or is_added

    def _replace(self, person: Person, row: Mapping[str, Any]) -> bool:
        """Values replace, blanks keep, an address is one; whether an opt-out was kept."""
        is_kept = False
        given = _values(row)
        if self._moved(person.values, given):
            for name in BLOCK:
                _put(person.values, name, given.get(name))
        for name, value in given.items():
            if value is None:
                continue
            if (
                name in ("accepts_email", "accepts_postal_mail")
                and value
                and not person.values[name]
                and not self.settings.opt_in_again
            ):
                is_kept = True
                continue
            old = person.values.get(name)
            if isinstance(value, str) and isinstance(old, str) and _nfc(old) == _nfc(value):
                continue
            person.values[name] = value
        return is_kept

    @staticmethod
    def _moved(stored: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        first, *rest = BLOCK[:3]

        def differs(name: str) -> bool:
            old, new = stored.get(name) or "", given.get(name)
            return bool(new) and _nfc(old).lower() != _nfc(new).lower()

        return differs(first) or any(stored.get(name) and differs(name) for name in rest)

    def _remember_email(self, person: Id) -> None:
        email = self.world.people[person].email
        if email:
            self.world.emails.add((person, email))

    def _add_lists(self, person: Id, row: Mapping[str, Any]) -> tuple[bool, bool]:
        """Whether anything was added, and whether an opted-out interest stays out."""
        is_added = is_still_out = False
        for group in row.get("GROUP_IDS") or ():
            is_added |= (group, person) not in self.world.members
            self.world.members.add((group, person))
        for interest in row.get("INTEREST_IDS") or ():
            choice = self.world.choices.get((interest, person))
            if choice is True:
                continue
            if choice is False and not self.settings.opt_in_again:
                is_still_out = True
                continue
            is_added = True
            self.world.choices[interest, person] = True
            if interest in self.settings.opt_groups:
                into, out_of = self.settings.opt_groups[interest]
                self.world.members.add((into, person))
                self.world.members.discard((out_of, person))
        return is_added, is_still_out


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column.lower(): value
        for column, value in row.items()
        if column not in NOT_VALUES and not column.startswith("CUSTOM_")
    }


def _custom(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        column.removeprefix("CUSTOM_").lower(): {True: "Yes", False: "No"}.get(value, value)
        for column, value in row.items()
        if column.startswith("CUSTOM_") and value is not None
    }


def _put(values: dict[str, Any], name: str, value: object) -> None:
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def import_into(
    world: World, settings: Settings, columns: Sequence[str], rows: Mapping[int, Mapping[str, str]]
) -> Reference:
    """Apply the rows, by number, to the world (which is changed)."""
    reference = Reference(world, replace(settings), columns)
    for number in sorted(rows):
        reference.apply(number, rows[number])
    return reference
