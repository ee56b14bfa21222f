"""Several imports and people at once on the same records: nobody sees a deadlock, and the end is
that of one file after the other, person by person."""

from __future__ import annotations

import csv
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.jobs.kills import people
from tests.jobs.kills.installation import Staff
from webapp.errors import DataSyncError
from webapp.services.changes import set_actor
from webapp.services.constituent_edits import get_version, update_constituent

PEOPLE = 3_000
COLUMNS = ("MEMBER_ID", "PRIMARY_EMAIL", "FIRST_NAME", "LAST_NAME", "HOME_STREET1", "HOME_CITY")


def write_file(path: Path, numbers: Sequence[int], word: str, prefix: str) -> Path:
    """The same people as any other such file, each told in this file's own words."""
    with path.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(COLUMNS)
        writer.writerows(
            [f"{prefix}{n}", f"{prefix.lower()}{n}@example.org", f"{word} {n}", word,
             f"{n} {word} Road", word]
            for n in numbers
        )  # fmt: skip
    return path


class Editor(threading.Thread):
    """Somebody who keeps saving records by hand: one that the files bring too, and the email of
    one they don't (which waits for imports)."""

    def __init__(self, staff: Staff, shared: int, other: int) -> None:
        super().__init__()
        self._staff, self._shared, self._other = staff, shared, other
        self._enough = threading.Event()
        self.saved = 0
        self.refused: list[str] = []

    def run(self) -> None:
        while not self._enough.is_set():
            number = self.saved + 1
            self._save(self._shared, nickname=f"Nick {number}")
            self._save(self._other, primary_email=f"other{number}@{self._other}.example.org")
            self.saved = number
            time.sleep(0.01)

    def _save(self, constituent_id: int, **typed: str) -> None:
        """Until it is saved: an import that came in between is told, and looked at again."""
        while not self._is_saved(constituent_id, typed):
            pass

    def _is_saved(self, constituent_id: int, typed: dict[str, str]) -> bool:
        try:
            with self._staff.session() as session:
                set_actor(session, None, "Mary Editor")
                edit = update_constituent(
                    session,
                    constituent_id,
                    typed=typed,
                    version=get_version(session, constituent_id),
                    unique_email=True,
                    today=datetime.now(UTC).date(),
                )
                assert not edit.errors
                return edit.is_saved
        except DataSyncError as error:
            self.refused.append(error.message)
            return True

    def stop(self) -> None:
        self._enough.set()
        self.join()


def a_person(staff: Staff, member_id: str) -> int:
    """A record by hand."""
    [(found,)] = staff.query(
        "INSERT INTO constituents (member_id, last_name) VALUES (%s, 'Edited') RETURNING id",
        member_id,
    )
    return int(found)


@pytest.mark.parametrize("time_around", [1, 2, 3])
def test_two_files_in_opposite_order_and_an_editor(
    staff: Staff, tmp_path: Path, time_around: int
) -> None:
    prefix = f"T{time_around}x"
    # Some are there before, so that rows create, update, and find what the other has just made
    for number in range(0, PEOPLE, 3):
        if number % 300 == 0:
            a_person(staff, f"{prefix}{number}")
    shared, other = a_person(staff, f"{prefix}1"), a_person(staff, f"other{prefix}")
    there = staff.query("SELECT count(*) FROM constituents WHERE member_id LIKE %s", prefix + "%")
    numbers = range(PEOPLE)
    drafts = [
        staff.draft(write_file(tmp_path / "up.csv", numbers, "Up", prefix)),
        staff.draft(write_file(tmp_path / "down.csv", numbers[::-1], "Down", prefix)),
    ]
    editor = Editor(staff, shared, other)
    editor.start()
    try:
        for draft in drafts:
            staff.start(draft)
        assert [staff.await_end(draft) for draft in drafts] == ["success", "success"]
    finally:
        editor.stop()

    created = 0
    for draft in drafts:
        people.check_rows(staff.query, draft, PEOPLE)
        told = Counter(found[0] for found in people.outcomes(staff.query, draft).values())
        assert told["rejected"] == told["withheld"] == 0
        created += told["created"]
    assert created == PEOPLE - there[0][0], "each new person was made by one of the two"
    _check_words(staff, prefix)
    assert editor.refused == []
    assert editor.saved > 0
    assert staff.query("SELECT nickname FROM constituents WHERE id = %s", shared) == [
        (f"Nick {editor.saved}",)
    ]
    assert staff.query(
        "SELECT count(*) FROM change_log WHERE constituent_id = %s AND actor = 'Mary Editor'"
        " AND table_name = 'constituents'",
        shared,
    ) == [(editor.saved,)]


def _check_words(staff: Staff, prefix: str) -> None:
    """Each record is as one of the files has it, and none is a mixture of both."""
    records = staff.query(
        "SELECT member_id, primary_email, first_name, last_name, home_street1, home_city"
        " FROM constituents WHERE member_id LIKE %s",
        prefix + "%",
    )
    assert len(records) == PEOPLE
    for member, email, first, word, street, city in records:
        number = member.removeprefix(prefix)
        assert word in ("Up", "Down")
        assert (email, first, street, city) == (
            f"{prefix.lower()}{number}@example.org",
            f"{word} {number}",
            f"{number} {word} Road",
            word,
        )
