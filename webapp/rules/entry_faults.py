"""Why a row of a file of cross-references can't be an entry, beside the other rows and entries: the
sentences. What a row can't be by itself is `entry_files`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from webapp.rules.entry_files import ONLINE_VALUE, SEND_BACK, VALID_FROM, unknown_online
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.values import shown


@dataclass(frozen=True, slots=True)
class Refused:
    """A row, and why it can't be: `reason` as the plan has it. `other` is the row in its way;
    `name` what its online value is called; the rest is of the entry in its way."""

    reason: str
    other: str | None
    online: str
    foreign: Sequence[str]
    name: str | None
    entry_online: str | None = None
    entry_from: date | None = None
    entry_to: date | None = None


def entry_fault(row: Refused, noun: str) -> Fault:
    """The sentence for a row; `noun` is what the type's online values are numbers of."""
    what, other = shown("|".join(row.foreign)), row.other
    match row.reason:
        case "unknown":
            return unknown_online(noun, row.online)
        case "centers":
            return _unusable(
                row,
                "which belongs to another center than this entry. "
                f"Use a shared {noun}, or write its center in CENTER.",
            )
        case "unmappable":
            return _unusable(row, "which files can't add people to. Use a standard group.")
        case "repeated":
            return Fault(
                FaultCode.REPEATED_ENTRY,
                "",
                what,
                f"“{what}” is in row {other} already, with something else beside it. Keep one of "
                "the two rows, or give them days that don't overlap.",
            )
        case "overlaps":
            return Fault(
                FaultCode.REPEATED_ENTRY,
                VALID_FROM.column,
                what,
                f"“{what}” is in row {other} too, for days that overlap. Correct VALID_FROM or "
                "VALID_TO of one of them.",
            )
        case "sent_back_twice":
            return Fault(
                FaultCode.SENT_BACK_TWICE,
                SEND_BACK.column,
                "Yes",
                f"Row {other} has Yes in SEND_BACK for {row.name or row.online} already, and one "
                "foreign value is sent back. Write No in one of them.",
            )
        case "several":
            return Fault(
                FaultCode.FOREIGN_VALUE_TAKEN,
                "",
                what,
                f"“{what}” has several entries here, for different days. Add the columns "
                "VALID_FROM and VALID_TO to say which of them is meant.",
            )
        case "others":
            return Fault(
                FaultCode.OTHERS_ENTRY,
                "",
                what,
                f"“{what}” would be an entry for everybody, and this upload is for one center. "
                "Write the center's name in CENTER, or leave the row out.",
            )
        case _:
            days = _days(row.entry_from, row.entry_to)
            return Fault(
                FaultCode.FOREIGN_VALUE_TAKEN,
                VALID_FROM.column,
                what,
                f"“{what}” stands for {row.entry_online} already {days}. Give this row the same "
                "VALID_FROM to change that entry, or days that don't overlap.",
            )


def _unusable(row: Refused, why: str) -> Fault:
    return Fault(
        FaultCode.UNKNOWN_ONLINE_VALUE,
        ONLINE_VALUE.column,
        row.online,
        f"ONLINE_VALUE is {row.online}, “{row.name}”, {why}",
    )


def _days(first: date | None, last: date | None) -> str:
    if first and last:
        return f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if first:
        return f"from {first:%Y-%m-%d} on"
    return f"until {last:%Y-%m-%d}" if last else "at all times"
