"""GROUP_IDS and INTEREST_IDS cells: codes to the groups and interests they mean.

A code is first looked up in the cross-references, then it is our own number (DOMAIN: EXT_GROUP_ID):
what an administrator mapped by hand is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webapp.rules.crossrefs import Policy
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import Field
from webapp.rules.translating import Foreign, Translator
from webapp.rules.values import MemoReader, Reading, shown, split_list


@dataclass(frozen=True, slots=True)
class Codes:
    """What codes mean, as it was when the run began.

    `ids` maps a code to the group's or interest's number. `refused` maps a code that exists but may
    not be used to the fault it is and the reason, as a sentence's end.
    """

    noun: str
    unknown: FaultCode
    ids: Mapping[str, int]
    refused: Mapping[str, tuple[FaultCode, str]]


class CodeReader(MemoReader):
    """Reads a column of code lists to PostgreSQL arrays of numbers; unknown codes are faults."""

    remedy = ", separate several with commas"

    def __init__(self, field: Field, codes: Codes) -> None:
        super().__init__(field)
        self._codes = codes
        self.translator: Translator | None = None
        self._missing: dict[str, list[Foreign]] = {}

    def read(self, cells: Sequence[str]) -> tuple[list[str | None], dict[int, Fault]]:
        """The arrays, and the faults by position (whose value is then None)."""
        found = super().read(cells)
        if self.translator is not None:
            self.translator.count(cells, self._missing)
        return found

    def _forget(self) -> None:
        super()._forget()
        self._missing.clear()

    def _read_cell(self, cell: str) -> Reading:
        ids: dict[int, None] = {}
        fault: Fault | None = None
        for code in split_list(cell):
            found = self._find(cell, code)
            if isinstance(found, Fault):
                fault = fault or found
            else:
                ids[found] = None
        if fault is not None:
            return fault
        return "{" + ",".join(map(str, ids)) + "}" if ids else None

    def _find(self, cell: str, code: str) -> int | Fault:
        """The number a code stands for. What has no entry is remembered for its cell."""
        missing = self._missing.setdefault(cell, [])
        codes, translator = self._codes, self.translator
        online = translator.read(code) if translator else code
        if isinstance(online, str):
            number = codes.ids.get(online)
            return self._fault(code, online) if number is None else number
        if code in codes.ids:
            return codes.ids[code]
        if code in codes.refused or translator is None:
            return self._fault(code, code)
        missing.append(online.value)
        default = translator.translation.default
        if translator.translation.policy is not Policy.DEFAULT or default is None:
            return self._fault(code, code)
        number = codes.ids.get(default)
        return self._fault(code, default) if number is None else number

    def _fault(self, code: str, online: str) -> Fault:
        column, noun = self.field.column, self._codes.noun
        quoted = f"{column} names {noun} “{shown(code)}”"
        if online != code:
            quoted += f", which the cross-references read as {noun} {shown(online)}"
        if online in self._codes.refused:
            fault_code, reason = self._codes.refused[online]
            return Fault(fault_code, column, shown(code), f"{quoted}, {reason}")
        return Fault(
            self._codes.unknown,
            column,
            shown(code),
            f"{quoted}, which does not exist. Use the number the {noun} has here{self.remedy}.",
        )


class SingleCodeReader(CodeReader):
    """Reads a column in which each cell is one code (EXT_GROUP_ID): its number as text."""

    remedy = ", or give its name in a column of its own"

    def _read_cell(self, cell: str) -> Reading:
        code = cell.strip()
        if not code:
            return None
        found = self._find(cell, code)
        return found if isinstance(found, Fault) else str(found)
