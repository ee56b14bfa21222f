"""A stored file of offline gifts as checked chunks: each row one gift of somebody who is here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jobs.reading import ChunkReader, as_array
from webapp.rules.faults import Fault
from webapp.rules.fields import PURPOSE_KINDS, TRANSACTION_FIELDS, Kind
from webapp.rules.gifts import Amounts, check_gift
from webapp.rules.money import DEFAULT_CURRENCY
from webapp.rules.purposes import PurposeReader, Purposes
from webapp.rules.reading import Batch
from webapp.rules.translating import Translator

GIFT_COLUMNS = tuple(found.column for found in TRANSACTION_FIELDS)
_CHECKED = (
    "TRANSACTION_ID", "TRANSACTION_TYPE", "AMOUNT", "TAX_DEDUCTIBLE", "PAYMENT_DATE",
    "TENDER_TYPE", "REFUND_OF", "RECURRING_OF", "CURRENCY",
)  # fmt: skip


@dataclass
class TransactionReader(ChunkReader):
    """Reads a file of gifts. `currency` is that of amounts whose row names none."""

    purposes: Mapping[Kind, Purposes] = field(default_factory=dict)
    currency: str = DEFAULT_CURRENCY

    def __post_init__(self) -> None:
        super().__post_init__()
        for column in self.recognition.known:
            known = column.field
            if known is not None and known.kind in PURPOSE_KINDS:
                self._readers[column.position] = PurposeReader(known, self.purposes[known.kind])

    def translate(self, translators: Mapping[str, Translator]) -> None:
        """As of any file; what a gift is for is looked up in several types one after the other."""
        super().translate(translators)
        for reader in self._readers.values():
            if isinstance(reader, PurposeReader):
                name = reader.field.column
                reader.translators = [
                    translator
                    for key, translator in translators.items()
                    if key == name or key.startswith(f"{name}:")
                ]

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        """Rows of one person are no trouble here: nothing of a person is written."""
        yield batch

    def _convert(
        self,
        numbers: Sequence[int],
        rows: Sequence[Sequence[str]],
        faults: dict[int, list[Fault]],
    ) -> dict[str, Sequence[str | None]]:
        """The values, amounts as they are stored; each row is checked as a whole."""
        values = super()._convert(numbers, rows, faults)
        given = {name: values[name] for name in _CHECKED if name in values}
        blank: Sequence[str | None] = (None,) * len(numbers)
        amounts, parts = (
            list(values.get("AMOUNT", blank)),
            list(values.get("TAX_DEDUCTIBLE", blank)),
        )
        for at, number in enumerate(numbers):
            if number in faults:
                continue
            row = {name: column[at] for name, column in given.items()}
            found = check_gift(row, row.get("CURRENCY") or self.currency)
            if isinstance(found, Amounts):
                amounts[at], parts[at] = found.amount, found.tax_deductible
            else:
                faults[number] = found
        values["AMOUNT"] = amounts
        if "TAX_DEDUCTIBLE" in values:
            values["TAX_DEDUCTIBLE"] = parts
        return values

    def _payload(
        self,
        numbers: Sequence[int],
        who: Mapping[int, str],
        said: Mapping[int, Sequence[str]],
        values: Mapping[str, Sequence[str | None]],
    ) -> bytes:
        """The rows as CSV, in the order of `TransactionSql.staged_columns`."""
        blank: Sequence[None] = (None,) * len(numbers)
        columns: list[Sequence[object]] = [
            numbers,
            (0,) * len(numbers),
            [who[number] for number in numbers],
            [as_array(said[number]) if number in said else None for number in numbers]
            if said
            else blank,
            values.get("CONS_ID", blank),
            *(values.get(name, blank) for name in GIFT_COLUMNS),
            *(values[name] for name in ("MEMBER_ID", "PRIMARY_EMAIL") if name in values),
        ]
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(zip(*columns, strict=True))
        return buffer.getvalue().encode()
