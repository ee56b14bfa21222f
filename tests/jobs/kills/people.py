"""The people these tests import, and what is stored of them afterwards."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

COLUMNS = (
    "MEMBER_ID", "FIRST_NAME", "LAST_NAME", "PRIMARY_EMAIL", "HOME_STREET1", "HOME_CITY",
    "HOME_ZIP", "MOBILE_PHONE", "GROUP_IDS",
)  # fmt: skip
OUTCOMES = ("created", "updated", "unchanged", "rejected", "withheld")
KNOWN_SHARE = 0.3
"""So many of a file's people are there already; every second of them lives elsewhere by now."""
HELD_SHARE = 0.9
"""Somebody that late in the file is there as well, for a test to hold a run up at."""

Query = Callable[..., list[tuple[Any, ...]]]


def settle(query: Query, rows: int, prefix: str = "M") -> int:
    """Put in who is there before the file comes, and a group; the group's number."""
    known = [*range(1, int(rows * KNOWN_SHARE) + 1), late(rows)]
    query(
        "INSERT INTO constituents (member_id, first_name, last_name, primary_email, home_street1,"
        " home_city, home_zip, mobile_phone) SELECT %s || n, 'First ' || n, 'Last ' || n,"
        " lower(%s) || n || '@example.org', n || ' Long Road', CASE n %% 2 WHEN 0 THEN 'Salem'"
        " ELSE 'Boston' END, '0' || (1000 + n %% 8999), '617-555-' || lpad((n %% 10000)::text,"
        " 4, '0') FROM unnest(%s) n RETURNING NULL",
        prefix,
        prefix,
        known,
    )
    query(
        "INSERT INTO constituent_emails (constituent_id, email) SELECT id, primary_email"
        " FROM constituents WHERE member_id LIKE %s || '%%' RETURNING NULL",
        prefix,
    )
    return int(query("INSERT INTO groups (name) VALUES ('Volunteers') RETURNING id")[0][0])


def late(rows: int) -> int:
    """The number of the row, and of the person, at which a run can be held up."""
    return int(rows * HELD_SHARE) + 1


def write_file(path: Path, rows: int, group: int | str = "", prefix: str = "M") -> Path:
    """Rows that create, update, change nothing, join a group, repeat an earlier one or are
    wrong."""
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        for n in range(1, rows + 1):
            repeats = n > 2000 and n % 2000 == 0
            number = n - 1500 if repeats else n
            wrong = n % 997 == 0
            writer.writerow(
                [
                    f"{prefix}{number}",
                    f"First {number}",
                    f"Last {number}",
                    "nowhere" if wrong else f"{prefix.lower()}{number}@example.org",
                    f"{number} Long Road",
                    "Lowell" if repeats else "Salem",
                    f"0{1000 + number % 8999}",
                    f"617-555-{number % 10000:04}",
                    group if n % 10 == 0 else "",
                ]
            )
    return path


_BUSINESS = """
SELECT c.member_id, md5((to_jsonb(c) - '{id,created_at,modified_at}'::text[] - %s::text[])::text
    || coalesce((SELECT string_agg(e.email, ',' ORDER BY e.email) FROM constituent_emails e
        WHERE e.constituent_id = c.id), '')
    || coalesce((SELECT string_agg(g.kind || ' ' || split_part(g.name, ' – ', 2), ',' ORDER BY g.id)
        FROM group_members m JOIN groups g ON g.id = m.group_id
        WHERE m.constituent_id = c.id), ''))
FROM constituents c WHERE c.member_id LIKE %s || '%%'"""


def business(query: Query, *, prefix: str = "M", without: tuple[str, ...] = ()) -> dict[str, str]:
    """Per member ID, a digest of the record, its emails and its groups. Twice there is a fault."""
    found = query(_BUSINESS, list(without), prefix)
    assert len(found) == len({member for member, _ in found}), "a member ID is there twice"
    return dict(found)


def logged(query: Query, run_id: int) -> dict[tuple[str, str, str], int]:
    """How many entries the change log has of each person by this run: by table and operation."""
    found = query(
        "SELECT c.member_id, l.table_name, l.op, count(*) FROM change_log l"
        " JOIN constituents c ON c.id = l.constituent_id WHERE l.run_id = %s GROUP BY 1, 2, 3",
        run_id,
    )
    return {(member, table, op): count for member, table, op, count in found}


def outcomes(query: Query, run_id: int) -> dict[int, tuple[Any, ...]]:
    """Each row number's outcome; a row number that is there twice is a fault."""
    found = query(
        "SELECT row_number, outcome, faults, notes, cells FROM run_rows WHERE run_id = %s", run_id
    )
    assert len(found) == len({row[0] for row in found})
    return {row[0]: tuple(map(str, row[1:])) for row in found}


def check_rows(query: Query, run_id: int, rows: int) -> None:
    """Every row has one outcome, the counts say so and add up (promise 1), and nobody was made
    twice."""
    found = outcomes(query, run_id)
    assert set(found) == set(range(2, rows + 2))
    told = Counter(outcome for outcome, *_ in found.values())
    state, _, read, *counted, _ = counts(query, run_id)
    assert (state, read) == ("success", rows)
    assert counted == [told[name] for name in OUTCOMES]
    created = query(
        "SELECT count(*), count(DISTINCT constituent_id) FROM change_log"
        " WHERE run_id = %s AND table_name = 'constituents' AND op = 'insert'",
        run_id,
    )
    assert created == [(counted[0], counted[0])]


def counts(query: Query, run_id: int) -> tuple[Any, ...]:
    """State, counts and tallies of a run, without what says how it got there."""
    return query(
        "SELECT state, failure, rows_read, created, updated, unchanged, rejected, withheld,"
        " tallies - '{attempts_at_row,claimed_at_row}'::text[] FROM runs WHERE id = %s",
        run_id,
    )[0]


def differences(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[Any]:
    """The first few keys whose values differ: whole mappings of 50,000 would be unreadable."""
    keys = found.keys() | expected.keys()
    wrong = [key for key in keys if found.get(key) != expected.get(key)]
    return [(key, found.get(key), expected.get(key)) for key in sorted(wrong)[:5]]
