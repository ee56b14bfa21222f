"""What a gift is for, in a file: CAMPAIGN, FORM, DESIGNATION and EVENT cells to numbers.

A cell is first looked up in the cross-references, then it is our own number, then a name that only
one has (case and double blanks aside): what an administrator mapped by hand is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from webapp.rules.crossrefs import Policy, compared
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import Field
from webapp.rules.translating import Foreign, Translator
from webapp.rules.values import MemoReader, Reading, shown

_SEVERAL = 0
"""Stands for a name that several have; no number is 0."""


@dataclass(frozen=True, slots=True)
class Purposes:
    """The campaigns (forms, ...) that a run may use, as they were when it began."""

    noun: str
    ids: frozenset[str]
    names: dict[str, int]

    @classmethod
    def of(cls, noun: str, found: Iterable[tuple[int, str]]) -> Purposes:
        """From numbers and names."""
        ids: set[str] = set()
        names: dict[str, int] = {}
        for number, name in found:
            ids.add(str(number))
            key = compared(name)
            names[key] = _SEVERAL if key in names else number
        return cls(noun, frozenset(ids), names)


class PurposeReader(MemoReader):
    """Reads such a column to numbers as text. `translators` are asked in their order; the first
    accounts for what none of them has, and its policy counts."""

    def __init__(self, field: Field, purposes: Purposes) -> None:
        super().__init__(field)
        self.purposes = purposes
        self.translators: Sequence[Translator] = ()
        self._missing: list[dict[str, list[Foreign]]] = []

    def read(self, cells: Sequence[str]) -> tuple[list[str | None], dict[int, Fault]]:
        """The numbers, and the faults by position (whose value is then None)."""
        if len(self._missing) != len(self.translators):
            self._forget()
        found = super().read(cells)
        for translator, missing in zip(self.translators, self._missing, strict=True):
            translator.count(cells, missing)
        return found

    def _forget(self) -> None:
        super()._forget()
        self._missing = [{} for _ in self.translators]

    def _read_cell(self, cell: str) -> Reading:
        code = " ".join(cell.split())
        if not code:
            return None
        for translator, missing in zip(self.translators, self._missing, strict=True):
            online = translator.read(code)
            if isinstance(online, str):
                missing[cell] = []
                return online if online in self.purposes.ids else self._gone(code, online)
        if code in self.purposes.ids:
            return code
        number = self.purposes.names.get(compared(code))
        if number == _SEVERAL:
            return self._several(code)
        return self._unmapped(cell, code) if number is None else str(number)

    def _unmapped(self, cell: str, code: str) -> Reading:
        if self.translators:
            first = self.translators[0]
            online = first.read(code)
            if not isinstance(online, str):
                self._missing[0][cell] = [online.value]
            translation = first.translation
            if translation.policy is Policy.DEFAULT and translation.default in self.purposes.ids:
                return translation.default
        column, noun = self.field.column, self.purposes.noun
        return Fault(
            FaultCode.UNMAPPED_VALUE,
            column,
            shown(code),
            f"{column} is “{shown(code)}”, which is no {noun} here and has no cross-reference. Say "
            f"which {noun} it stands for, or use the number or name one has here.",
        )

    def _several(self, code: str) -> Fault:
        column, noun = self.field.column, self.purposes.noun
        return Fault(
            FaultCode.SEVERAL_OF_NAME,
            column,
            shown(code),
            f"{column} is “{shown(code)}”, and several {noun}s have that name. Use its number.",
        )

    def _gone(self, code: str, online: str) -> Fault:
        column, noun = self.field.column, self.purposes.noun
        return Fault(
            FaultCode.UNMAPPED_VALUE,
            column,
            shown(code),
            f"{column} is “{shown(code)}”, which the cross-references read as {noun} "
            f"{shown(online)}; there is none that this run may use. Correct the cross-reference.",
        )
