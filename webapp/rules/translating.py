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
    """What a part of a file had for one type: rows with a value, those of them whose values all
    have an entry, and the values without one, each with its rows and the first of them."""

    type_id: int
    rows: int
    mapped: int
    unmapped: Mapping[Foreign, tuple[int, int]]


@dataclass(slots=True)
class Translator:
    """A type's table at work in one run."""

    type_id: int
    translation: Translation
    on: date
    _columns: list[tuple[Sequence[str], Mapping[str, Sequence[Foreign]]]] = field(
        default_factory=list
    )

    def read(self, code: str) -> str | Unmapped:
        """The online value a code of a file stands for."""
        return self.translation.read(code, self.on)

    def count(self, cells: Sequence[str], missing: Mapping[str, Sequence[Foreign]]) -> None:
        """Account for a column: `missing` has, for each cell that is not blank, the values in it
        that have no entry."""
        self._columns.append((cells, missing))

    def take(self, numbers: Sequence[int]) -> Seen:
        """The account since the last time, of the rows with these numbers. A row counts once,
        however many columns and values of it are of this type."""
        columns, self._columns = self._columns, []
        missing_of = [missing for _, missing in columns]
        rows = list(zip(*(cells for cells, _ in columns), strict=True))
        values = mapped = 0
        unmapped: dict[Foreign, list[int]] = {}
        first: dict[tuple[str, ...], int] = {}
        for row, count in Counter(rows).items():
            found = [missing.get(cell) for cell, missing in zip(row, missing_of, strict=True)]
            known = [each for each in found if each is not None]
            if not known:
                continue
            values += count
            if not any(known):
                mapped += count
                continue
            first = first or {row: at for at, row in reversed(list(enumerate(rows)))}
            for value in dict.fromkeys(value for each in known for value in each):
                told = unmapped.setdefault(value, [0, first[row]])
                told[0] += count
                told[1] = min(told[1], first[row])
        return Seen(
            self.type_id,
            values,
            mapped,
            {value: (count, numbers[at]) for value, (count, at) in unmapped.items()},
        )


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
