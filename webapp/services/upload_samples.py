"""The rows of the sample files for the uploads: people of the demo, some of them twice, a few
rows with a mistake each, and a name that makes what it names."""

# ruff: noqa: S311  # chance is wanted here, not secrecy

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from webapp.services.demo_people import SEED, Person, people_of, reachable_people

Row = dict[str, str]

GROUP_COLUMNS = ("MEMBER_ID", "PRIMARY_EMAIL", "EXT_GROUP_ID", "GROUP_NAME")
INTEREST_COLUMNS = ("MEMBER_ID", "PRIMARY_EMAIL", "INTEREST_NAME", "OPT_IN")
GIFT_COLUMNS = (
    "TRANSACTION_ID", "TRANSACTION_TYPE", "MEMBER_ID", "AMOUNT", "PAYMENT_DATE", "TENDER_TYPE",
    "CHECK_NUMBER", "CAMPAIGN", "DESIGNATION", "REFUND_OF",
)  # fmt: skip
NEW_GROUP = "River Cleanup 2026"
NEW_INTEREST = "Night Walks"


def group_rows(center_id: int | None) -> list[Row]:
    """Who goes into which group."""
    chance = Random(SEED + 5)
    people = chance.sample(reachable_people(center_id), 90)
    rows = [_of(person, EXT_GROUP_ID="1007") for person in people[:40]]
    rows += [_of(person, GROUP_NAME="Trail Crew") for person in people[40:70]]
    rows += [_of(person, GROUP_NAME=NEW_GROUP) for person in people[60:90]]
    removed = next(p for p in people_of(center_id) if not p.is_active and p.member_id)
    rows += [
        {"MEMBER_ID": "M-99999", "EXT_GROUP_ID": "1007"},
        _of(removed, EXT_GROUP_ID="1007"),
        _of(people[0], EXT_GROUP_ID="9999"),
        _of(people[1], EXT_GROUP_ID="1021"),
        _of(people[2]),
    ]
    chance.shuffle(rows)
    return _filled(GROUP_COLUMNS, rows)


def interest_rows(center_id: int | None) -> list[Row]:
    """Who opts in to which interest, and who out."""
    chance = Random(SEED + 6)
    people = chance.sample(reachable_people(center_id), 80)
    rows = [_of(person, INTEREST_NAME="Monthly Newsletter", OPT_IN="Yes") for person in people[:40]]
    rows += [_of(person, INTEREST_NAME="Action Alerts", OPT_IN="No") for person in people[40:60]]
    rows += [_of(person, INTEREST_NAME=NEW_INTEREST, OPT_IN="Yes") for person in people[50:80]]
    rows += [
        {"MEMBER_ID": "M-99999", "INTEREST_NAME": "Events", "OPT_IN": "Yes"},
        _of(people[0], INTEREST_NAME="Events", OPT_IN="perhaps"),
        _of(people[1], INTEREST_NAME="Events"),
    ]
    chance.shuffle(rows)
    return _filled(INTEREST_COLUMNS, rows)


def gift_rows(center_id: int | None) -> list[Row]:
    """Checks and cash of a day at the office, one of them paid back."""
    chance = Random(SEED + 12)
    people = chance.sample(reachable_people(center_id), 60)
    rows = []
    for number, person in enumerate(people):
        is_check = chance.random() < 0.8
        row = _of(
            person,
            TRANSACTION_ID=f"DB-{5000 + number}",
            AMOUNT=chance.choice(("20", "25.00", "50.00", "75", "100.00", "1,250.00", "36.50")),
            PAYMENT_DATE=f"2025-09-{chance.randrange(1, 29):02}",
            TENDER_TYPE="check" if is_check else "cash",
            CHECK_NUMBER=f"{chance.randrange(10, 9999):05}" if is_check else "",
            CAMPAIGN=chance.choice(("AF25", "AF25", "SPR25", "Save Otter Meadow")),
            DESIGNATION=chance.choice(("GEN", "GEN", "LAND", "")),
        )
        rows.append(row)
    paid_back = rows[0] | {"TRANSACTION_ID": "DB-5900", "REFUND_OF": "DB-5000"}
    rows += [
        paid_back | {"TRANSACTION_TYPE": "refund", "PAYMENT_DATE": "2025-09-30"},
        rows[1] | {"TRANSACTION_ID": "DB-5901", "MEMBER_ID": "M-99999"},
        rows[2] | {"TRANSACTION_ID": "DB-5902", "AMOUNT": "12,50"},
        rows[3] | {"TRANSACTION_ID": "DB-5903", "CAMPAIGN": "WINTER"},
        rows[4] | {"AMOUNT": "999.00"},
    ]
    return _filled(GIFT_COLUMNS, rows)


def _of(person: Person, **cells: str) -> Row:
    return {"MEMBER_ID": person.member_id or "", **cells}


def _filled(columns: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    return [{column: row.get(column, "") for column in columns} for row in rows]
