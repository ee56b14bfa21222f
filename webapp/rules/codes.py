"""GROUP_IDS and INTEREST_IDS cells: codes to the groups and interests they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import Field
from webapp.rules.values import Reading, shown, split_list

_MEMO_LIMIT = 50_000


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


class CodeReader:
    """Reads a column of code lists to PostgreSQL arrays of numbers; unknown codes are faults."""

    remedy = ", separate several with commas"

    def __init__(self, field: Field, codes: Codes) -> None:
        self.field = field
        self._codes = codes
        self._memo: dict[str, Reading] = {}

    def read(self, cells: Sequence[str]) -> tuple[list[str | None], dict[int, Fault]]:
        """The arrays, and the faults by position (whose value is then None)."""
        values: list[str | None] = []
        faults: dict[int, Fault] = {}
        memo = self._memo
        if len(memo) > _MEMO_LIMIT:
            memo.clear()
        for position, cell in enumerate(cells):
            if cell in memo:
                reading = memo[cell]
            else:
                reading = memo[cell] = self._read_cell(cell)
            if isinstance(reading, Fault):
                faults[position] = reading
                reading = None
            values.append(reading)
        return values, faults

    def _read_cell(self, cell: str) -> Reading:
        ids: dict[int, None] = {}
        for code in split_list(cell):
            found = self._codes.ids.get(code)
            if found is None:
                return self._fault(code)
            ids[found] = None
        return "{" + ",".join(map(str, ids)) + "}" if ids else None

    def _fault(self, code: str) -> Fault:
        column, noun = self.field.column, self._codes.noun
        quoted = f"{column} names {noun} “{shown(code)}”"
        if code in self._codes.refused:
            fault_code, reason = self._codes.refused[code]
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
        found = self._codes.ids.get(code)
        return self._fault(code) if found is None else str(found)
