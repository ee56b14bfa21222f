"""Columns of a file read through a cross-reference, with an account of what had no entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from webapp.rules.crossrefs import Rejected, Translation, Unmapped
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.values import ColumnReader, shown

_MEMO_LIMIT = 50_000

Foreign = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a part of a file had for one type: values, those that could be translated, and those
    without an entry, each with how often and in which row first."""

    type_id: int
    values: int
    mapped: int
    unmapped: Mapping[Foreign, tuple[int, int]]


@dataclass(slots=True)
class Translator:
    """A type's table at work in one run."""

    type_id: int
    translation: Translation
    on: date
    _values: int = 0
    _mapped: int = 0
    _unmapped: dict[Foreign, list[int]] = field(default_factory=dict)

    def read(self, code: str) -> str | Unmapped:
        """The online value a code of a file stands for."""
        return self.translation.read(code, self.on)

    def count(self, cells: Sequence[str], missing: Mapping[str, Sequence[Foreign]]) -> None:
        """Account for a column: `missing` has, for each cell that is not blank, the values in it
        that have no entry."""
        for cell, count in Counter(cells).items():
            unmapped = missing.get(cell)
            if unmapped is None:
                continue
            self._values += count
            if not unmapped:
                self._mapped += count
            for value in unmapped:
                found = self._unmapped.setdefault(value, [0, cells.index(cell)])
                found[0] += count

    def take(self, numbers: Sequence[int]) -> Seen:
        """The account since the last time, its positions as the numbers of rows."""
        seen = Seen(
            self.type_id,
            self._values,
            self._mapped,
            {value: (count, numbers[at]) for value, (count, at) in self._unmapped.items()},
        )
        self._values, self._mapped, self._unmapped = 0, 0, {}
        return seen


class TranslatingReader:
    """Reads a column of codes: each cell's online value in its place, then as any other column."""

    def __init__(self, inner: ColumnReader, translator: Translator) -> None:
        self.field = inner.field
        self._inner = inner
        self._translator = translator
        self._memo: dict[str, str | Fault] = {}
        self._missing: dict[str, tuple[Foreign, ...]] = {}

    def read(self, cells: Sequence[str]) -> tuple[list[str | None], dict[int, Fault]]:
        """The values of the cells, and the faults by position (whose value is then None)."""
        memo = self._memo
        if len(memo) > _MEMO_LIMIT:
            memo.clear()
            self._missing.clear()
        for cell in set(cells).difference(memo):
            memo[cell] = self._translate(cell)
        self._translator.count(cells, self._missing)
        translated = [memo[cell] for cell in cells]
        faults = {at: found for at, found in enumerate(translated) if isinstance(found, Fault)}
        values, more = self._inner.read(
            [found if isinstance(found, str) else "" for found in translated]
        )
        return values, more | faults

    def _translate(self, cell: str) -> str | Fault:
        if not cell.strip():
            return cell
        found = self._translator.read(cell)
        if isinstance(found, str):
            self._missing[cell] = ()
            return found
        self._missing[cell] = (found.value,)
        becomes = self._translator.translation.apply_policy(found)
        if isinstance(becomes, Rejected):
            column = self.field.column
            return Fault(
                FaultCode.UNMAPPED_VALUE,
                column,
                shown(cell.strip()),
                f"{column} is “{shown(cell.strip())}”, which has no cross-reference. Say what it "
                "stands for, or use a value that the cross-references have.",
            )
        return cell if self._translator.translation.policy == "keep" else becomes
