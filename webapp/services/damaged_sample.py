"""What a spreadsheet does to a list on its way: the sample file that the doctor has work with."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from random import Random

DAMAGED_COLUMNS = (
    "MEMBER_ID",
    "PRIMARY_EMAIL",
    "FIRST_NAME",
    "LAST_NAME",
    "HOME_STREET1",
    "HOME_CITY",
    "HOME_STATEPROV",
    "HOME_ZIP",
    "BIRTH_DATE",
    "EMPLOYER",
    "SUB_SOURCE",
)
TITLE = "Riverbend spring appeal - replies"
HOUSE = "The Birches"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Row = dict[str, str]


def reply_code(number: int) -> str:
    """The code on a reply card: the month and the place of the mailing, some of which a spreadsheet
    takes for days (4-12) and for months of a year (Mar-45)."""
    return f"{number % 12 + 1}-{number * 7 % 60 + 1}"


def damaged_csv(rows: Sequence[Row], chance: Random) -> bytes:
    """The rows as they come out of a spreadsheet that opened them: zeros and letters lost, codes
    turned into dates, words for nothing, a title above and a total below."""
    harmed = [_harm(dict(row), at, chance) for at, row in enumerate(rows)]
    blanks = [""] * (len(DAMAGED_COLUMNS) - 1)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([TITLE, *blanks])
    writer.writerow(["", *blanks])
    writer.writerow(DAMAGED_COLUMNS)
    writer.writerows([row[column] for column in DAMAGED_COLUMNS] for row in harmed)
    writer.writerow(["", *blanks])
    writer.writerow(["Total", str(len(harmed)), *blanks[1:]])
    # One quote that nobody closes, as it is left when text is pasted
    return text.getvalue().replace(HOUSE, f'"{HOUSE}', 1).encode("utf-8-sig")


def _harm(row: Row, at: int, chance: Random) -> Row:
    for column in ("FIRST_NAME", "LAST_NAME", "HOME_CITY"):
        row[column] = _misread(row[column])
    row["HOME_ZIP"] = row["HOME_ZIP"].lstrip("0")
    if at % 4 == 0:
        row["SUB_SOURCE"] = _as_date(row["SUB_SOURCE"])
    if not row["EMPLOYER"] and chance.random() < 0.5:
        row["EMPLOYER"] = chance.choice(("NULL", "N/A"))
    if at % 9 == 4:
        row["HOME_CITY"] += "\u00a0"
    month, _, rest = row["BIRTH_DATE"].partition("/")
    day, _, year = rest.partition("/")
    if at % 8 == 3 and year and int(day) > 12:
        row["BIRTH_DATE"] = f"{day}/{month}/{year}"
    return row


def _misread(text: str) -> str:
    """UTF-8 opened as Windows-1252."""
    return "".join(
        bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode("utf-8")
    )


def _as_date(code: str) -> str:
    """What a spreadsheet set to American English makes of 3-4 and 3-45."""
    first, _, second = code.partition("-")
    if not second or not 1 <= int(first) <= 12:
        return code
    if 1 <= int(second) <= 28:
        return f"{second}-{_MONTHS[int(first) - 1]}"
    return f"{_MONTHS[int(first) - 1]}-{second}" if int(second) > 31 else code
