"""Sample upload files for the demo organisation: made when asked for, the same bytes each time.

They are generated from the people of the demo, so that some of their rows update somebody, some
are new, and in one file each row has one mistake.
"""

# ruff: noqa: S311  # chance is wanted here, not secrecy

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import BinaryIO, NamedTuple

import xlsxwriter
from sqlalchemy.orm import Session

from webapp.rules.catalogues import (
    GROUP_UPLOAD,
    SEGMENTATION,
    STANDARD_IMPORT,
    TRANSACTION_UPLOAD,
)
from webapp.services import demo_names as names
from webapp.services.damaged_sample import (
    DAMAGED_COLUMNS,
    HOUSE,
    damaged_csv,
    reply_code,
)
from webapp.services.demo import is_demo
from webapp.services.demo_people import SEED, Person, reachable_people
from webapp.services.sample_mistakes import list_mistakes
from webapp.services.upload_samples import (
    GIFT_COLUMNS,
    GROUP_COLUMNS,
    INTEREST_COLUMNS,
    gift_rows,
    group_rows,
    interest_rows,
)

CLEAN = "constituents.csv"
MISTAKES = "twenty-mistakes.csv"
WORKBOOK = "event-sign-ups.xlsx"
DAMAGED = "through-a-spreadsheet.csv"
GROUPS = "group-members.csv"
INTERESTS = "interests.csv"
GIFTS = "gifts.csv"
_KINDS = {GROUPS: GROUP_UPLOAD, INTERESTS: SEGMENTATION, GIFTS: TRANSACTION_UPLOAD}
_NEW_NUMBER = 30_001  # member IDs of new people: nobody in the demo has one as high


class Sample(NamedTuple):
    """A file to try an import with."""

    name: str
    title: str
    description: str


def list_samples(session: Session, kind: str | None = None) -> tuple[Sample, ...]:
    """The sample files for a kind of operation (None: all); none where there is no demo for them
    to fit."""
    if not is_demo(session):
        return ()
    return tuple(s for s in demo_samples() if kind in (None, _KINDS.get(s.name, STANDARD_IMPORT)))


def open_sample(name: str, center_id: int | None = None) -> BinaryIO | None:
    """A sample by its name, None when there is no such one. With a center, it is about the center's
    people only: those are all that a run of the center may see and change."""
    make = _MAKERS.get(name)
    return io.BytesIO(make(center_id)) if make else None


@cache
def _clean_csv(center_id: int | None) -> bytes:
    chance = Random(SEED + 2)
    known = [person for person in reachable_people(center_id) if not _signs_up(person)]
    chosen = chance.sample(known, 200)
    first = _first_new(center_id)
    rows = [_updated(chance, person) for person in chosen[:180]]
    rows += [_as_row(person) for person in chosen[180:]]
    rows += [_newcomer(chance, first + number) for number in range(100)]
    chance.shuffle(rows)
    return _csv(_CLEAN_COLUMNS, rows)


_CLEAN_COLUMNS = (
    "MEMBER_ID",
    "PRIMARY_EMAIL",
    "TITLE",
    "FIRST_NAME",
    "LAST_NAME",
    "HOME_STREET1",
    "HOME_STREET2",
    "HOME_CITY",
    "HOME_STATEPROV",
    "HOME_ZIP",
    "HOME_COUNTRY",
    "HOME_PHONE",
    "MOBILE_PHONE",
    "BIRTH_DATE",
    "EMPLOYER",
    "DONOR_STATUS",
    "ACCEPTS_POSTAL_MAIL",
    "GROUP_IDS",
    "INTEREST_IDS",
    "CUSTOM_NEWSLETTER_COPIES",
)


def _as_row(person: Person) -> dict[str, str]:
    """What is stored, as a file would have it."""
    row: dict[str, str] = {}
    for column in _CLEAN_COLUMNS:
        value = getattr(person, column.lower(), None)
        if isinstance(value, date):
            row[column] = f"{value.month:02d}/{value.day:02d}/{value.year}"
        elif isinstance(value, bool):
            row[column] = "Yes" if value else "No"
        else:
            row[column] = value or ""
    row["CUSTOM_NEWSLETTER_COPIES"] = person.custom.get("newsletter_copies", "")
    return row


def _updated(chance: Random, person: Person) -> dict[str, str]:
    """The row of somebody about whom the offline database knows something newer."""
    row = _as_row(person)
    change = chance.randrange(6)
    if change == 0:
        row |= _new_home(chance)
    elif change == 1:
        row["MOBILE_PHONE"] = f"(651) 555-{chance.randrange(1000, 9999)}"
    elif change == 2:
        others = [employer for employer in names.EMPLOYERS if employer != person.employer]
        row["EMPLOYER"] = chance.choice(others)
    elif change == 3:
        row["GROUP_IDS"] = chance.choice(("1007", "1005, 1007", "1006"))
        row["CUSTOM_NEWSLETTER_COPIES"] = "4"  # they may be in the groups already
    elif change == 4:
        row["INTEREST_IDS"] = chance.choice(("105", "103, 104"))
        row["CUSTOM_NEWSLETTER_COPIES"] = "4"
    else:
        mailbox = row["PRIMARY_EMAIL"].partition("@")[0]
        row["PRIMARY_EMAIL"] = f"{mailbox}.{person.id}@example.org"
    return row


def _new_home(chance: Random) -> dict[str, str]:
    city = chance.choice(names.CITIES)
    street = f"{chance.choice(names.STREET_NAMES)} {chance.choice(names.STREET_KINDS)}"
    return {
        "HOME_STREET1": f"{chance.randrange(1, 2000)} {street}",
        "HOME_STREET2": "",
        "HOME_CITY": city.name,
        "HOME_STATEPROV": city.state,
        "HOME_ZIP": chance.choice(city.zips),
        "HOME_COUNTRY": "USA",
        "HOME_PHONE": f"({chance.choice(city.area_codes)}) 555-{chance.randrange(1000, 9999)}",
    }


def _newcomer(chance: Random, number: int) -> dict[str, str]:
    known = names.NAMES[chance.choice((0, 0, 0, 1, 2, 4))]
    born = date(1940, 1, 1) + timedelta(days=chance.randrange(22_000))
    row = dict.fromkeys(_CLEAN_COLUMNS, "")
    row |= _new_home(chance)
    row |= {
        "MEMBER_ID": f"M-{number}",
        "PRIMARY_EMAIL": f"new.member.{number}@example.com",
        "FIRST_NAME": chance.choice(known.women + known.men),
        "LAST_NAME": chance.choice(known.last),
        "BIRTH_DATE": f"{born.month:02d}/{born.day:02d}/{born.year}",
        "DONOR_STATUS": chance.choice(("", "Donor", "Monthly donor")),
        "ACCEPTS_POSTAL_MAIL": chance.choice(("Yes", "Yes", "No")),
        "GROUP_IDS": chance.choice(("", "", "1007")),
        "INTEREST_IDS": chance.choice(("", "101", "101, 103")),
    }
    return row


_MISTAKES_COLUMNS = (
    "CONS_ID",
    "MEMBER_ID",
    "PRIMARY_EMAIL",
    "FIRST_NAME",
    "LAST_NAME",
    "HOME_CITY",
    "HOME_ZIP",
    "BIRTH_DATE",
    "PREFERRED_PHONE",
    "ACCEPTS_EMAIL",
    "EMAIL_STATUS",
    "GROUP_IDS",
    "INTEREST_IDS",
    "CUSTOM_TSHIRT_SIZE",
    "CUSTOM_NEWSLETTER_COPIES",
)


@cache
def _mistakes_csv(center_id: int | None) -> bytes:
    chance = Random(SEED + 3)
    first = _first_new(center_id) + 500
    rows = []
    for number, mistake in enumerate(list_mistakes(center_id)):
        if number % 2 == 0:  # a good row here and there
            rows.append(_short_row(chance, first + number))
        rows.append(_short_row(chance, first + 100 + number) | mistake.cells)
    return _csv(_MISTAKES_COLUMNS, rows)


def _short_row(chance: Random, number: int) -> dict[str, str]:
    whole = _newcomer(chance, number)
    return {column: whole.get(column, "") for column in _MISTAKES_COLUMNS} | {
        "PREFERRED_PHONE": "home",
        "ACCEPTS_EMAIL": "Yes",
        "GROUP_IDS": "1007",
    }


_WORKBOOK_COLUMNS = (
    "PRIMARY_EMAIL",
    "FIRST_NAME",
    "LAST_NAME",
    "HOME_STREET1",
    "HOME_STREET2",
    "HOME_CITY",
    "HOME_STATEPROV",
    "HOME_ZIP",
    "HOME_COUNTRY",
    "MOBILE_PHONE",
    "BIRTH_DATE",
    "GROUP_IDS",
    "CUSTOM_TSHIRT_SIZE",
    "CUSTOM_VOLUNTEER_SINCE",
    "CUSTOM_NEWSLETTER_COPIES",
)


@cache
def _workbook(center_id: int | None) -> bytes:
    chance = Random(SEED + 4)
    friends = [
        person
        for person in reachable_people(center_id)
        if _signs_up(person) and person.home_country == "USA" and not person.home_street2
    ]
    first = _first_new(center_id) + 700
    rows = [_sign_up(chance, _as_row(person)) for person in chance.sample(friends, 45)]
    rows += [_sign_up(chance, _newcomer(chance, first + number)) for number in range(30)]
    chance.shuffle(rows)
    return _excel("Sign-ups", _WORKBOOK_COLUMNS, rows)


def _sign_up(chance: Random, row: dict[str, str]) -> dict[str, object]:
    """A row with real dates and numbers, and text where a code could lose its zeros."""
    signed: dict[str, object] = {column: row.get(column, "") for column in _WORKBOOK_COLUMNS}
    if row["BIRTH_DATE"]:
        month, day, year = (int(part) for part in row["BIRTH_DATE"].split("/"))
        signed["BIRTH_DATE"] = date(year, month, day)
    signed["GROUP_IDS"] = "1005"
    signed["CUSTOM_TSHIRT_SIZE"] = chance.choice(names.TSHIRT_SIZES)
    signed["CUSTOM_VOLUNTEER_SINCE"] = date(2025, 9, 1) + timedelta(days=chance.randrange(30))
    signed["CUSTOM_NEWSLETTER_COPIES"] = chance.choice((1, 1, 2))
    return signed


def replies(center_id: int | None) -> list[dict[str, str]]:
    """The replies to an appeal as they were before a spreadsheet opened them: of people of the
    demo, with nothing new, and of new ones."""
    chance = Random(SEED + 7)
    known = [person for person in reachable_people(center_id) if person.home_country == "USA"]
    accented = [p for p in known if not f"{p.first_name}{p.last_name}".isascii()]
    plain = [person for person in known if person not in accented]
    people = chance.sample(accented, min(14, len(accented)))
    people += chance.sample(plain, 60 - len(people))
    rows = [_as_row(person) for person in people]
    first = _first_new(center_id) + 900
    rows += [
        _newcomer(chance, first + at) | {"SUB_SOURCE": reply_code(at), "EMPLOYER": ""}
        for at in range(40)
    ]
    rows[-1]["HOME_STREET1"] = f"{HOUSE} 14 Oak St"
    chance.shuffle(rows)
    return [{column: row.get(column, "") for column in DAMAGED_COLUMNS} for row in rows]


@cache
def _damaged_csv(center_id: int | None) -> bytes:
    return damaged_csv(replies(center_id), Random(SEED + 8))


def _signs_up(person: Person) -> bool:
    """Who is in the workbook is not in the clean file, which changes emails."""
    return person.id % 3 == 0


def _first_new(center_id: int | None) -> int:
    """The number of the first newcomer: each center has its own, as they are different people."""
    return _NEW_NUMBER + 10_000 * (center_id or 0)


def _csv(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    # With a byte order mark, by which Excel knows that it is UTF-8
    return text.getvalue().encode("utf-8-sig")


def _excel(sheet: str, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> bytes:
    file = io.BytesIO()
    workbook = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False})
    # The time of making is part of a workbook; without a fixed one each download would differ
    workbook.set_properties({"created": datetime(2025, 10, 1, tzinfo=UTC).replace(tzinfo=None)})
    as_text = workbook.add_format({"num_format": "@"})
    as_date = workbook.add_format({"num_format": "yyyy-mm-dd"})
    heading = workbook.add_format({"bold": True})
    page = workbook.add_worksheet(sheet)
    page.freeze_panes(1, 0)
    for at, column in enumerate(columns):
        page.set_column(at, at, max(14, len(column) + 2))
        page.write_string(0, at, column, heading)
    for line, row in enumerate(rows, start=1):
        for at, column in enumerate(columns):
            value = row[column]
            if isinstance(value, date):
                page.write_datetime(line, at, datetime.combine(value, time()), as_date)
            elif isinstance(value, int):
                page.write_number(line, at, value)
            elif value:
                page.write_string(line, at, str(value), as_text)
    workbook.close()
    return file.getvalue()


def demo_samples() -> tuple[Sample, ...]:
    """The samples that go with the demo. How many rows each has is written here and held by a test:
    counting would make all people of the demo anew for the first page that lists them."""
    return (
        Sample(
            CLEAN,
            "A clean file",
            "300 rows from the donor system, CSV: 180 people of the demo with something new, 20 "
            "with nothing new, 100 new people.",
        ),
        Sample(
            WORKBOOK,
            "An Excel file",
            "75 sign-ups for an event, 45 of them by people of the demo: ZIPs as text, so that "
            "02134 keeps its zero, and real dates.",
        ),
        Sample(
            MISTAKES,
            "Twenty kinds of mistakes",
            "30 rows, CSV: 10 good ones, and 20 that each have one mistake: "
            + ", ".join(mistake.words for mistake in list_mistakes())
            + ".",
        ),
        Sample(
            DAMAGED,
            "A file that a spreadsheet damaged",
            "100 rows, CSV: ZIPs without their zero, names with letters read "
            "wrongly, codes that became dates, days and months exchanged, NULL for nothing, a "
            "stray quote, a title above and a total below. With every repair accepted, 60 people "
            "of the demo have nothing new.",
        ),
        Sample(
            GROUPS,
            "Group members",
            "105 rows, CSV: people of the demo into two groups and a new one, "
            "and five rows with a mistake.",
        ),
        Sample(
            INTERESTS,
            "Interests",
            "93 rows, CSV: people of the demo opting in to the newsletter "
            "and a new interest, out of the alerts, and three rows with a mistake. Some opted out "
            "before: their no stays.",
        ),
        Sample(
            GIFTS,
            "Checks and cash",
            "65 rows, CSV: gifts that came to the office, one of them paid "
            "back, and four rows with a mistake.",
        ),
    )


@cache
def _groups_csv(center_id: int | None) -> bytes:
    return _csv(GROUP_COLUMNS, group_rows(center_id))


@cache
def _interests_csv(center_id: int | None) -> bytes:
    return _csv(INTEREST_COLUMNS, interest_rows(center_id))


@cache
def _gifts_csv(center_id: int | None) -> bytes:
    return _csv(GIFT_COLUMNS, gift_rows(center_id))


_MAKERS: dict[str, Callable[[int | None], bytes]] = {
    CLEAN: _clean_csv,
    MISTAKES: _mistakes_csv,
    WORKBOOK: _workbook,
    DAMAGED: _damaged_csv,
    GROUPS: _groups_csv,
    INTERESTS: _interests_csv,
    GIFTS: _gifts_csv,
}
