"""Cells to values: one field at a time, a column at a time, faults as values.

A value is its stored text: what PostgreSQL reads for the column (`t`/`f`, an ISO date, digits).
A blank cell is None: it keeps what is stored (DOMAIN: Standard Constituent Import).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from webapp.rules import money
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.fields import Field, Kind


class DateOrder(StrEnum):
    """How an operation reads 03/04/1980."""

    MONTH_FIRST = "mdy"
    DAY_FIRST = "dmy"


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What reading a cell depends on besides the cell."""

    today: date
    date_order: DateOrder = DateOrder.MONTH_FIRST


YES_WORDS = frozenset({"yes", "y", "1", "true", "t"})
NO_WORDS = frozenset({"no", "n", "0", "false", "f"})
EARLIEST_YEAR = 1850
MAX_CONS_ID = 2**63 - 1

# Printable text may hold tabs and line breaks (a quoted street); the rest of C0 and C1 may not
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@.<>()\[\],;:\\\"]+(?:\.[^\s@.<>()\[\],;:\\\"]+)+")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?")
_DAY_MONTH = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?: 0?0:00(?::00)?)?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_PAST_DATES = ("BIRTH_DATE", "PAYMENT_DATE")
_SHOWN = 80
_MEMO_LIMIT = 50_000

Reading = str | None | Fault
"""What a cell comes to: a stored value, blank, or what is wrong with it."""


def read_cell(field: Field, cell: str, settings: ReadSettings) -> Reading:
    """The value of one cell. Never raises, whatever the text."""
    text = cell.strip()
    if not text:
        return None
    found = _CONTROL.search(text)
    if found:
        return Fault(
            FaultCode.CONTROL_CHARACTER,
            field.column,
            shown(text),
            f"{field.column} holds an invisible character (U+{ord(found.group()):04X}) in "
            f"“{shown(text)}”. Type the value anew.",
        )
    return _READERS[field.kind](field, text, settings)


def shown(text: str) -> str:
    """A value as a sentence quotes it: control characters replaced, long ones shortened."""
    clean = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 1] + "…"


def same_text(one: str | None, other: str | None) -> bool:
    """Whether two stored texts are the same to a reader (DOMAIN: compared by NFC)."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


class MemoReader:
    """Reads one column of a file, remembering what it read where few values repeat."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self._memo: dict[str, Reading] = {}

    def read(self, cells: Sequence[str]) -> tuple[list[str | None], dict[int, Fault]]:
        """The values of the cells, and the faults by position (whose value is then None)."""
        values: list[str | None] = []
        faults: dict[int, Fault] = {}
        if len(self._memo) > _MEMO_LIMIT:
            self._forget()
        memo = self._memo
        for position, cell in enumerate(cells):
            reading = memo.get(cell, _UNREAD)
            if reading is _UNREAD:
                reading = memo[cell] = self._read_cell(cell)
            if isinstance(reading, Fault):
                faults[position] = reading
                reading = None
            values.append(reading)
        return values, faults

    def _read_cell(self, cell: str) -> Reading:
        raise NotImplementedError

    def _forget(self) -> None:
        self._memo.clear()


class ColumnReader(MemoReader):
    """Reads a column whose cells say all by themselves."""

    def __init__(self, field: Field, settings: ReadSettings) -> None:
        super().__init__(field)
        self._settings = settings
        self._is_plain = field.kind is Kind.TEXT

    def read(self, cells: Sequence[str]) -> tuple[list[str | None], dict[int, Fault]]:
        """The values of the cells, and the faults by position (whose value is then None)."""
        if self._is_plain and self._all_fit(cells):
            return [cell.strip() or None for cell in cells], {}
        return super().read(cells)

    def _read_cell(self, cell: str) -> Reading:
        return read_cell(self.field, cell, self._settings)

    def _all_fit(self, cells: Sequence[str]) -> bool:
        """Whether no cell can be at fault, found out for all of them at once."""
        limit = self.field.max_length
        if limit is not None and cells and max(map(len, cells)) > limit:
            return False
        return _CONTROL.search("\n".join(cells)) is None


_UNREAD: Reading = Fault(FaultCode.NO_KEY, "", "", "")


def _read_text(field: Field, text: str, _settings: ReadSettings) -> Reading:
    if field.max_length is not None and len(text) > field.max_length:
        return _too_long(field, text)
    return text


def _too_long(field: Field, text: str) -> Fault:
    return Fault(
        FaultCode.TOO_LONG,
        field.column,
        shown(text),
        f"{field.column} has {len(text)} characters and can have {field.max_length}: "
        f"“{shown(text)}”. Shorten it.",
    )


def _read_number(field: Field, text: str, _settings: ReadSettings) -> Reading:
    if _NUMBER.fullmatch(text) and text.isascii():
        return _plain_number(text.replace(",", ""))
    return Fault(
        FaultCode.NOT_A_NUMBER,
        field.column,
        shown(text),
        f"{field.column} is “{shown(text)}”, which is not a number. Write digits, "
        "with a point before decimals.",
    )


def _plain_number(text: str) -> str:
    """The one way to write a number: 5.50 as 5.5 and 007 as 7, which is what a spreadsheet makes of
    them. Kept as it came, a file that went through one would change records nobody edited."""
    whole, _, decimals = text.lstrip("+-").partition(".")
    whole, decimals = whole.lstrip("0") or "0", decimals.rstrip("0")
    plain = f"{whole}.{decimals}" if decimals else whole
    return f"-{plain}" if text.startswith("-") and plain != "0" else plain


def _read_cons_id(field: Field, text: str, _settings: ReadSettings) -> Reading:
    if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MAX_CONS_ID:
        return str(int(text))
    return Fault(
        FaultCode.NOT_A_NUMBER,
        field.column,
        shown(text),
        f"{field.column} is “{shown(text)}”, which is not a constituent ID. Use the whole number "
        "that a download gave, or leave it blank.",
    )


def _read_email(field: Field, text: str, settings: ReadSettings) -> Reading:
    if not _EMAIL.fullmatch(text):
        return Fault(
            FaultCode.NOT_AN_EMAIL,
            field.column,
            shown(text),
            f"{field.column} is “{shown(text)}”, which is not an email address. "
            "Write it like name@example.org.",
        )
    return _read_text(field, text, settings)


def _read_date(field: Field, text: str, settings: ReadSettings) -> Reading:
    parts = _date_parts(text, settings.date_order)
    try:
        found = date(*parts) if parts else None
    except ValueError:
        found = None
    if found is None:
        order = (
            "month/day/year" if settings.date_order is DateOrder.MONTH_FIRST else "day/month/year"
        )
        return Fault(
            FaultCode.NOT_A_DATE,
            field.column,
            shown(text),
            f"{field.column} is “{shown(text)}”, which is not a date. Write it as year-month-day "
            f"(1980-03-31) or {order}, the year with four digits.",
        )
    is_past = field.column in _PAST_DATES
    if found.year < EARLIEST_YEAR or (is_past and found > settings.today):
        why = "in the future" if found > settings.today else f"before {EARLIEST_YEAR}"
        return Fault(
            FaultCode.DATE_OUT_OF_RANGE,
            field.column,
            shown(text),
            f"{field.column} is “{shown(text)}”, which is {why}. Correct the year.",
        )
    return found.isoformat()


def _date_parts(text: str, order: DateOrder) -> tuple[int, int, int] | None:
    if not text.isascii():
        return None
    iso = _ISO_DATE.fullmatch(text)
    if iso:
        return int(iso[1]), int(iso[2]), int(iso[3])
    slashed = _DAY_MONTH.fullmatch(text)
    if not slashed:
        return None
    first, second, year = int(slashed[1]), int(slashed[3]), int(slashed[4])
    if order is DateOrder.MONTH_FIRST:
        return year, first, second
    return year, second, first


def _read_yes_no(field: Field, text: str, _settings: ReadSettings) -> Reading:
    word = text.lower()
    if word in YES_WORDS:
        return "t"
    if word in NO_WORDS:
        return "f"
    return Fault(
        FaultCode.NOT_YES_NO,
        field.column,
        shown(text),
        f"{field.column} is “{shown(text)}”, which is neither yes nor no. Write Yes or No "
        "(Y, 1, True, T or N, 0, False, F do too).",
    )


def _read_choice(field: Field, text: str, _settings: ReadSettings) -> Reading:
    word = text.casefold()
    for choice in field.choices:
        if choice.casefold() == word:
            return choice
    return Fault(
        FaultCode.NOT_A_CHOICE,
        field.column,
        shown(text),
        f"{field.column} is “{shown(text)}”, which is not one of its choices: "
        f"{', '.join(field.choices)}. Use one of them.",
    )


def _read_amount(field: Field, text: str, _settings: ReadSettings) -> Reading:
    amount = money.read_amount(text)
    if amount is not None and abs(amount) < money.LARGEST_AMOUNT:
        return str(amount)
    return Fault(
        FaultCode.NOT_A_NUMBER,
        field.column,
        shown(text),
        f"{field.column} is “{shown(text)}”, which is not an amount. Write digits with a point "
        "before the cents, and the currency in CURRENCY.",
    )


def _read_currency(field: Field, text: str, _settings: ReadSettings) -> Reading:
    return money.read_currency(text) or Fault(
        FaultCode.NOT_A_CHOICE,
        field.column,
        shown(text),
        f"{field.column} is “{shown(text)}”, which is not a currency. Write its three letters, "
        "such as USD.",
    )


_READERS: dict[Kind, Callable[[Field, str, ReadSettings], Reading]] = {
    Kind.TEXT: _read_text,
    Kind.NUMBER: _read_number,
    Kind.EMAIL: _read_email,
    Kind.DATE: _read_date,
    Kind.YES_NO: _read_yes_no,
    Kind.CHOICE: _read_choice,
    Kind.CONS_ID: _read_cons_id,
    Kind.TIME: _read_text,
    Kind.GROUP_LIST: _read_text,
    Kind.INTEREST_LIST: _read_text,
    Kind.GROUP_CODE: _read_text,
    Kind.GROUP_NAME: _read_text,
    Kind.INTEREST_CODE: _read_text,
    Kind.INTEREST_NAME: _read_text,
    Kind.AMOUNT: _read_amount,
    Kind.CURRENCY: _read_currency,
    Kind.CAMPAIGN: _read_text,
    Kind.DONATION_FORM: _read_text,
    Kind.DESIGNATION: _read_text,
    Kind.EVENT: _read_text,
}


def split_list(text: str) -> list[str]:
    """The codes in a GROUP_IDS or INTEREST_IDS cell: separated by commas, blanks around ignored."""
    return [code for part in text.split(",") if (code := part.strip())]
