"""A stored file of cross-references as checked chunks: each row an entry of one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.reading import ChunkReader, as_array
from webapp.rules.entry_files import CENTER, EntryRow, EntryRows
from webapp.rules.faults import Fault

COLUMNS = (
    "online_value", "online_key", "foreign_values", "foreign_key", "description", "center_id",
    "send_back", "valid_from", "valid_to", "online_name",
)  # fmt: skip
"""What is staged of an entry: attributes of `EntryRow`, in this order."""


@dataclass(kw_only=True)
class EntryReader(ChunkReader):
    """Reads a file of entries. It may be one we wrote, so guards are always taken away."""

    entries: EntryRows
    is_guarded: bool = True
    _read: dict[int, EntryRow] = field(default_factory=dict, init=False)

    def _convert(
        self,
        numbers: Sequence[int],
        rows: Sequence[Sequence[str]],
        faults: dict[int, list[Fault]],
    ) -> dict[str, Sequence[str | None]]:
        """The values of the cells; each good row is kept as the entry it describes."""
        values = super()._convert(numbers, rows, faults)
        self._read = {}
        has_center = CENTER.column in values
        names = list(values)
        for number, *cells in zip(numbers, *values.values(), strict=True):
            if number in faults:
                continue
            found = self.entries.read(dict(zip(names, cells, strict=True)), has_center=has_center)
            if isinstance(found, Fault):
                faults[number] = [found]
            else:
                self._read[number] = found
        return values

    def _describe(
        self, numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]
    ) -> dict[int, str]:
        """Each row in a few words: what stands for what."""
        said = {number: row.who[:120] for number, row in self._read.items()}
        if len(said) < len(numbers):
            names = [name for name in values if name.startswith("FOREIGN_")]
            names.append("ONLINE_VALUE")
            for number, *cells in zip(numbers, *(values[n] for n in names), strict=True):
                said.setdefault(number, " · ".join(filter(None, cells))[:120])
        return said

    def _columns(
        self, numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]
    ) -> Sequence[Sequence[object]]:
        """As `COLUMNS` has them."""
        rows = [self._read[number] for number in numbers]
        columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
        columns["foreign_values"] = [as_array(row.foreign_values) for row in rows]
        return list(columns.values())
