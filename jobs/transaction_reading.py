"""A stored file of offline gifts as checked chunks: each row one gift of somebody who is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.reading import ChunkReader, Reader
from webapp.rules.faults import Fault
from webapp.rules.fields import PURPOSE_KINDS, TRANSACTION_FIELDS, Field, Kind
from webapp.rules.gifts import Amounts, check_gift
from webapp.rules.purposes import PurposeReader, Purposes
from webapp.rules.translating import Translator

GIFT_COLUMNS = tuple(found.column for found in TRANSACTION_FIELDS)
_CHECKED = (
    "TRANSACTION_ID", "TRANSACTION_TYPE", "AMOUNT", "TAX_DEDUCTIBLE", "PAYMENT_DATE",
    "TENDER_TYPE", "REFUND_OF", "RECURRING_OF", "CURRENCY",
)  # fmt: skip


@dataclass(kw_only=True)
class TransactionReader(ChunkReader):
    """Reads a file of gifts. `currency` is that of amounts whose row names none."""

    purposes: Mapping[Kind, Purposes]
    currency: str

    def _reader_of(self, known: Field) -> Reader:
        if known.kind in PURPOSE_KINDS:
            return PurposeReader(known, self.purposes[known.kind])
        return super()._reader_of(known)

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

    def _columns(
        self, numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]
    ) -> Sequence[Sequence[object]]:
        """As `TransactionSql.staged` has them."""
        blank: Sequence[None] = (None,) * len(numbers)
        return [
            values.get("CONS_ID", blank),
            *(values.get(name, blank) for name in GIFT_COLUMNS),
            *(values[name] for name in ("MEMBER_ID", "PRIMARY_EMAIL") if name in values),
        ]
