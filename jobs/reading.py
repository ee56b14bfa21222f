"""A stored file as checked chunks: read, corrected, repaired, converted a column at a time.

A person's corrections are of the text that stands in the file, which is what the pages show; the
repairs they accepted are then made in the cells they did not correct themselves: their word counts
most. What is kept of a row that does not go through is the row before its repairs, so that it comes
back as it came in.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import compress

from jobs.repairing import Repairing
from webapp.rules.codes import CodeReader
from webapp.rules.columns import Column, Recognition
from webapp.rules.corrections import Corrections
from webapp.rules.doctor import Repair
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import KEY_COLUMNS, Field
from webapp.rules.guarding import unguard
from webapp.rules.names import NameReader
from webapp.rules.purposes import PurposeReader
from webapp.rules.reading import Batch, Dialect, Source, read_records
from webapp.rules.standard_import import match_fault
from webapp.rules.translating import Seen, TranslatingReader, Translator
from webapp.rules.values import ColumnReader, DateOrder, ReadSettings
from webapp.rules.waves import has_repeats
from webapp.services.rejects import NOT_FIXED
from webapp.services.uploads import storable

WHO_COLUMNS = ("FIRST_NAME", "LAST_NAME", "PRIMARY_EMAIL", "MEMBER_ID", "CONS_ID")
WHO_LENGTH = 120
STILL_NOT_FIXED = (
    "This row still has the mark of a row that could not be read. Put each cell under its heading, "
    "then clear the mark and everything to its right."
)


STAGED = ("row_number", "who", "said")
"""The first columns of `staged`, whatever the file."""


@dataclass(frozen=True, slots=True)
class CheckedChunk:
    """Some records of a file, ready for the database.

    `payload` is the CSV for `staged` of the rows that are all right; `faults` (by row number) those
    that are not; `left_out` the rows a person left out. `rows` are the cells as they came in,
    corrections applied, of every row; `raw` has the text of those that could not be read. `said`
    are the sentences on what was put right in a row; `recovered` counts the rows that were
    irregular and put right, `repaired` the cells of each repair; `seen` tells how far the
    cross-references could translate.
    """

    count: int
    rows: Mapping[int, list[str]]
    who: Mapping[int, str]
    faults: Mapping[int, Sequence[Fault]]
    left_out: Sequence[int]
    payload: bytes
    staged: int
    has_repeats: bool
    said: Mapping[int, list[str]]
    raw: Mapping[int, str]
    recovered: int
    repaired: Mapping[str, int]
    seen: Sequence[Seen] = ()


Reader = ColumnReader | CodeReader | NameReader | PurposeReader | TranslatingReader


@dataclass(slots=True, kw_only=True)
class ChunkReader(ABC):
    """Reads a file chunk by chunk. Memory is that of one chunk, whatever the file's size. What is
    staged of its rows is each kind of file's own (`_columns`)."""

    source: Source
    dialect: Dialect
    recognition: Recognition
    settings: ReadSettings
    corrections: Corrections
    chunk_rows: int
    repairs: Sequence[Repair] = ()
    is_guarded: bool = False
    """Whether guards are taken away that we put before what a spreadsheet would calculate; those of
    a file with our report columns always are."""
    _readers: dict[int, Reader] = field(init=False)
    _translators: tuple[Translator, ...] = field(default=(), init=False)
    _repairing: Repairing = field(init=False)

    def __post_init__(self) -> None:
        self._repairing = Repairing(self.repairs)
        self._readers = {
            column.position: self._reader_of(field_of(column)) for column in self.recognition.known
        }

    def _reader_of(self, known: Field) -> Reader:
        """What reads the cells of a column."""
        return ColumnReader(known, self.settings)

    def translate(self, translators: Mapping[str, Translator]) -> None:
        """Read these columns through cross-references. Columns may share a translator."""
        for column in self.recognition.known:
            translator = translators.get(field_of(column).column)
            reader = self._readers[column.position]
            if translator is None:
                continue
            if isinstance(reader, CodeReader):
                reader.translator = translator
            elif isinstance(reader, ColumnReader):
                self._readers[column.position] = TranslatingReader(reader, translator)
        self._translators = tuple({id(each): each for each in translators.values()}.values())

    def read(self, start: int) -> Iterator[CheckedChunk]:
        """The chunks after the first `start` records."""
        is_guarded = self.is_guarded or self.recognition.is_guarded
        for batch in read_records(self.source, self.dialect, start=start, size=self.chunk_rows):
            if is_guarded:
                batch = unguarded(batch, len(self.recognition.columns))
            for part in self._parts(batch):
                yield self.check(part)

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        """The batch, or smaller ones that each get a transaction of their own."""
        yield batch

    def check(self, batch: Batch) -> CheckedChunk:
        """Correct, repair, convert and check the records of a batch."""
        rows = self.corrections.apply(batch.row_numbers, batch.rows)
        faults: dict[int, list[Fault]] = {
            number: [Fault(FaultCode.IRREGULAR_ROW, "", "", message)]
            for number, message in batch.faults.items()
        }
        left_out = self.corrections.left_out.intersection(batch.row_numbers)
        skip = faults.keys() | left_out
        keep = [number not in skip for number in batch.row_numbers]
        numbers = batch.row_numbers if not skip else list(compress(batch.row_numbers, keep))
        given = batch.rows if not skip else list(compress(batch.rows, keep))
        kept = rows if not skip else list(compress(rows, keep))
        repaired = self._repairing.repair(numbers, given, kept)

        values = self._convert(numbers, repaired.rows, faults)
        seen = tuple(each.take(numbers) for each in self._translators)
        _require_key(numbers, values, faults)
        who = self._describe(numbers, values)
        for number, row in zip(batch.row_numbers, rows, strict=True):
            if number in skip:
                who[number] = " · ".join(cell for cell in row if cell.strip())[:WHO_LENGTH]
        said = {number: [sentence] for number, sentence in batch.recovered.items()}
        for number, sentences in repaired.said.items():
            said.setdefault(number, []).extend(sentences)

        is_good = [number not in faults for number in numbers]
        if not all(is_good):
            values = {name: list(compress(found, is_good)) for name, found in values.items()}
            numbers = list(compress(numbers, is_good))
        return CheckedChunk(
            count=len(batch),
            rows=dict(zip(batch.row_numbers, rows, strict=True)),
            who=who,
            faults={number: found for number, found in faults.items() if number not in left_out},
            left_out=sorted(left_out),
            payload=self._payload(numbers, who, said, values),
            staged=len(numbers),
            has_repeats=has_repeats([values[name] for name in KEY_COLUMNS if name in values]),
            said=said,
            raw={n: storable(text) for n, text in batch.raw.items() if n in batch.faults},
            recovered=len(batch.recovered),
            repaired=repaired.cells,
            seen=seen,
        )

    def _convert(
        self,
        numbers: Sequence[int],
        rows: Sequence[Sequence[str]],
        faults: dict[int, list[Fault]],
    ) -> dict[str, Sequence[str | None]]:
        """The values of each known column; what is wrong with them is added to `faults`."""
        cells = list(zip(*rows, strict=True)) if rows else []
        values: dict[str, Sequence[str | None]] = {}
        for column in self.recognition.known:
            known = field_of(column)
            if not cells:
                values[known.column] = ()
                continue
            found, found_faults = self._readers[column.position].read(cells[column.position])
            values[known.column] = found
            for position, fault in found_faults.items():
                faults.setdefault(numbers[position], []).append(fault)
        return values

    def _describe(
        self, numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]
    ) -> dict[int, str]:
        """Each row in a few words."""
        return _who(numbers, values)

    def _payload(
        self,
        numbers: Sequence[int],
        who: Mapping[int, str],
        said: Mapping[int, Sequence[str]],
        values: Mapping[str, Sequence[str | None]],
    ) -> bytes:
        """The rows as CSV: the columns of `STAGED`, then those of the file's kind."""
        columns: list[Sequence[object]] = [
            numbers,
            [who[number] for number in numbers],
            [as_array(said[number]) if number in said else None for number in numbers],
            *self._columns(numbers, values),
        ]
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(zip(*columns, strict=True))
        return buffer.getvalue().encode()

    @abstractmethod
    def _columns(
        self, numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]
    ) -> Sequence[Sequence[object]]:
        """What is staged of these rows, column by column, in the order of the SQL's own list."""


def unguarded(batch: Batch, width: int) -> Batch:
    """A batch of one of our rejects files, without the guards. A row that nobody has put right is
    set aside once more, even where the mark on it could be read as part of its cells; one whose
    mark was cleared, as it asks for, is not too long for the blank cells that are left of it."""
    faults = dict(batch.faults)
    rows = [[unguard(cell) for cell in row] for row in batch.rows]
    for at, (number, row) in enumerate(zip(batch.row_numbers, rows, strict=True)):
        if any(NOT_FIXED in cell for cell in row):
            faults.setdefault(number, STILL_NOT_FIXED)
        elif number in faults and len(row) > width and not "".join(row[width:]).strip():
            del faults[number]
            rows[at] = row[:width]
    recovered = {n: sentence for n, sentence in batch.recovered.items() if n not in faults}
    return replace(batch, rows=rows, faults=faults, recovered=recovered)


def as_array(texts: Sequence[str]) -> str:
    """Texts as PostgreSQL writes an array of them."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def field_of(column: Column) -> Field:
    """The field of a known column."""
    if column.field is None:
        message = f"column {column.name!r} is not a known one"
        raise ValueError(message)
    return column.field


def _require_key(
    numbers: Sequence[int],
    values: Mapping[str, Sequence[str | None]],
    faults: dict[int, list[Fault]],
) -> None:
    """A row with no key at all is nobody's."""
    keys = [values[name] for name in KEY_COLUMNS if name in values]
    if not keys or any(all(column) for column in keys if column):
        return
    for number, *present in zip(numbers, *keys, strict=True):
        if number not in faults and not any(present):
            faults[number] = [
                match_fault(
                    FaultCode.NO_KEY, cons_id=None, member_id=None, email=None, other_id=None
                )
            ]


def _who(numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]) -> dict[int, str]:
    """Each row in a few words: name, email, keys."""
    first, last, *keys = (values.get(name) for name in WHO_COLUMNS)
    blank = ("",) * len(numbers)
    names = zip(first or blank, last or blank, strict=True)
    parts = zip(numbers, names, *(key for key in keys if key), strict=True)
    found: dict[int, str] = {}
    for number, name, *rest in parts:
        words = " ".join(filter(None, name))
        found[number] = " · ".join(filter(None, (words, *rest)))[:WHO_LENGTH]
    return found


def read_settings(options: Mapping[str, object], today: date) -> ReadSettings:
    """What reading a cell depends on, from a run's options."""
    return ReadSettings(today, DateOrder(str(options.get("date_order", DateOrder.MONTH_FIRST))))
