"""A stored file of an upload as checked chunks: each row a person, and a group or an interest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.reading import ChunkReader, Reader
from webapp.rules.codes import Codes, SingleCodeReader
from webapp.rules.columns import Column
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import OPT_IN, Field, Kind
from webapp.rules.names import NEW, NameReader, Names

_CODE_KINDS = (Kind.GROUP_CODE, Kind.INTEREST_CODE)
_NAME_KINDS = (Kind.GROUP_NAME, Kind.INTEREST_NAME)
_INTO = "into"
"""Among the values: what the row is about, as `NameReader` puts it."""


@dataclass(kw_only=True)
class UploadReader(ChunkReader):
    """Reads a file of group memberships or interests, which have these codes and names."""

    codes: Codes
    names: Names

    def _reader_of(self, known: Field) -> Reader:
        if known.kind in _CODE_KINDS:
            return SingleCodeReader(known, self.codes)
        if known.kind in _NAME_KINDS:
            return NameReader(known, self.names, self.settings)
        return super()._reader_of(known)

    def _convert(
        self,
        numbers: Sequence[int],
        rows: Sequence[Sequence[str]],
        faults: dict[int, list[Fault]],
    ) -> dict[str, Sequence[str | None]]:
        """The values; where the row has both a name and a code, the name wins (DOMAIN)."""
        values = super()._convert(numbers, rows, faults)
        code, name = self._column(_CODE_KINDS), self._column(_NAME_KINDS)
        codes = values.pop(code, None) if code else None
        names = values.pop(name, None) if name else None
        if names is None or codes is None:
            into = codes if names is None else names
        else:
            into = [by_name or by_code for by_name, by_code in zip(names, codes, strict=True)]
            _forgive(numbers, names, faults, code)
        values[_INTO] = into = into or ()
        says = f"{name or code} is blank. Fill it in."
        if name and code:
            says = f"{code} and {name} are both blank. Fill in one of them."
        _require(numbers, into, faults, name or code, says)
        if OPT_IN.column in values:
            says = "OPT_IN is blank. Write Yes or No."
            _require(numbers, values[OPT_IN.column], faults, OPT_IN.column, says)
        return values

    def _column(self, kinds: Sequence[Kind]) -> str:
        found: Sequence[Column] = self.recognition.known
        return next((c.field.column for c in found if c.field and c.field.kind in kinds), "")

    def _columns(
        self, numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]
    ) -> Sequence[Sequence[object]]:
        """As `UploadSql.staged` has them."""
        blank: Sequence[None] = (None,) * len(numbers)
        into = values[_INTO]
        return [
            values.get("CONS_ID", blank),
            [None if value is None or value[0] == NEW else value for value in into],
            [value[1:] if value is not None and value[0] == NEW else None for value in into],
            values.get(OPT_IN.column, blank),
            *(values[name] for name in ("MEMBER_ID", "PRIMARY_EMAIL") if name in values),
        ]


def _forgive(
    numbers: Sequence[int],
    names: Sequence[str | None],
    faults: dict[int, list[Fault]],
    code_column: str,
) -> None:
    """A code that means nothing is no fault where a name says what is meant."""
    if not faults:
        return
    named = {number for number, name in zip(numbers, names, strict=True) if name is not None}
    for number in named.intersection(faults):
        left = [fault for fault in faults[number] if fault.column != code_column]
        if left:
            faults[number] = left
        else:
            del faults[number]


def _require(
    numbers: Sequence[int],
    values: Sequence[str | None],
    faults: dict[int, list[Fault]],
    column: str,
    says: str,
) -> None:
    """A row that says nothing in a column where it has to."""
    if all(values):
        return
    for number, value in zip(numbers, values, strict=True):
        told = faults.get(number, ())
        if value is None and not any(fault.column in says for fault in told if fault.column):
            faults.setdefault(number, []).append(Fault(FaultCode.MISSING_VALUE, column, "", says))
