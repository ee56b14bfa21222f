"""A stored file of constituents as checked chunks: each row a person, with groups and interests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.reading import ChunkReader, Reader, field_of
from webapp.rules.codes import CodeReader, Codes
from webapp.rules.fields import KEY_COLUMNS, Field, Kind
from webapp.rules.reading import Batch

CROWD = 100
"""Rows with one key: more of them in a chunk, and it is done in parts. They apply one after the
other, and a transaction grows slower with each change of the same record."""
PART_ROWS = 250
_LISTS = ("CONS_ID", "GROUP_IDS", "INTEREST_IDS")


@dataclass(kw_only=True)
class ConstituentReader(ChunkReader):
    """Reads a file of constituents."""

    groups: Codes
    interests: Codes

    def _reader_of(self, known: Field) -> Reader:
        if known.kind is Kind.GROUP_LIST:
            return CodeReader(known, self.groups)
        if known.kind is Kind.INTEREST_LIST:
            return CodeReader(known, self.interests)
        return super()._reader_of(known)

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        """The batch, or smaller ones where many of its rows have one key (`none@example.org`)."""
        keys = [c.position for c in self.recognition.known if field_of(c).column in KEY_COLUMNS]
        if not any(_has_crowd(batch.rows, position) for position in keys):
            yield batch
            return
        for at in range(0, len(batch), PART_ROWS):
            yield _part(batch, at)

    def _columns(
        self, numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]
    ) -> Sequence[Sequence[object]]:
        """As `ImportTables.staged` has them."""
        blank: Sequence[None] = (None,) * len(numbers)
        known = {field_of(column).column: field_of(column) for column in self.recognition.known}
        return [
            *(values.get(name, blank) for name in _LISTS),
            _custom(known, values, blank),
            *(
                values[name]
                for name, found in known.items()
                if name not in _LISTS and not found.is_custom
            ),
        ]


def _part(batch: Batch, at: int) -> Batch:
    numbers = batch.row_numbers[at : at + PART_ROWS]
    within = set(numbers)

    def part_of(told: Mapping[int, str]) -> dict[int, str]:
        return {number: text for number, text in told.items() if number in within}

    return Batch(
        numbers,
        batch.rows[at : at + PART_ROWS],
        part_of(batch.faults),
        part_of(batch.recovered),
        part_of(batch.raw),
    )


def _has_crowd(rows: Sequence[Sequence[str]], position: int) -> bool:
    cells = [cell for row in rows if position < len(row) and (cell := row[position])]
    if len(cells) - len(set(cells)) < CROWD:
        return False
    return Counter(cells).most_common(1)[0][1] > CROWD


def _custom(
    known: Mapping[str, Field],
    values: Mapping[str, Sequence[str | None]],
    blank: Sequence[None],
) -> Sequence[str | None]:
    """The custom fields of each row as one JSON object; None where all are blank."""
    fields = [found for found in known.values() if found.is_custom]
    if not fields:
        return blank
    keys = [found.attribute.removeprefix("custom.") for found in fields]
    columns: list[Iterable[str | None]] = [
        [_YES_NO.get(value or "") for value in values[found.column]]
        if found.kind is Kind.YES_NO
        else values[found.column]
        for found in fields
    ]
    objects: list[str | None] = []
    for row in zip(*columns, strict=True):
        present = {key: value for key, value in zip(keys, row, strict=True) if value is not None}
        objects.append(json.dumps(present, ensure_ascii=False) if present else None)
    return objects


_YES_NO = {"t": "Yes", "f": "No"}
