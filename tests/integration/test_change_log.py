"""Whatever writes to a logged table, the database keeps what changed, and who did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from webapp.services.changes import set_actor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# What is there from the start: a constituent, a group, an interest and a center, each number 1
THERE = (
    "INSERT INTO constituents (id, last_name) VALUES (1, 'Lee')",
    "INSERT INTO groups (id, name) VALUES (1, 'Owls')",
    "INSERT INTO interests (id, name) VALUES (1, 'News')",
    "INSERT INTO centers (id, name) VALUES (1, 'North')",
)
# A row is made, changed (an email is all there is of its row) and deleted
STATEMENTS = {
    "constituents": (
        "INSERT INTO constituents (id, last_name) VALUES (2, 'Roe')",
        "UPDATE constituents SET last_name = 'Poe' WHERE id = 2",
        "DELETE FROM constituents WHERE id = 2",
    ),
    "constituent_emails": (
        "INSERT INTO constituent_emails (constituent_id, email) VALUES (1, 'a@x.org')",
        "DELETE FROM constituent_emails WHERE constituent_id = 1",
    ),
    "group_members": (
        "INSERT INTO group_members (group_id, constituent_id) VALUES (1, 1)",
        "UPDATE group_members SET added_at = '2020-01-01' WHERE group_id = 1",
        "DELETE FROM group_members WHERE group_id = 1",
    ),
    "interest_choices": (
        "INSERT INTO interest_choices (interest_id, constituent_id, opted_in) VALUES (1, 1, true)",
        "UPDATE interest_choices SET opted_in = false WHERE interest_id = 1",
        "DELETE FROM interest_choices WHERE interest_id = 1",
    ),
    "center_members": (
        "INSERT INTO center_members (center_id, constituent_id) VALUES (1, 1)",
        "UPDATE center_members SET added_at = '2020-01-01' WHERE center_id = 1",
        "DELETE FROM center_members WHERE center_id = 1",
    ),
    "groups": (
        "INSERT INTO groups (id, name) VALUES (2, 'Hawks')",
        "UPDATE groups SET name = 'Kites' WHERE id = 2",
        "DELETE FROM groups WHERE id = 2",
    ),
    "interests": (
        "INSERT INTO interests (id, name) VALUES (2, 'Walks')",
        "UPDATE interests SET name = 'Talks' WHERE id = 2",
        "DELETE FROM interests WHERE id = 2",
    ),
    "centers": (
        "INSERT INTO centers (id, name) VALUES (2, 'South')",
        "UPDATE centers SET name = 'West' WHERE id = 2",
        "DELETE FROM centers WHERE id = 2",
    ),
}


@pytest.mark.parametrize("table", STATEMENTS)
def test_each_change_of_a_row_is_kept_with_who_made_it(session: Session, table: str) -> None:
    for statement in THERE:
        session.execute(text(statement))
    session.commit()
    for statement in STATEMENTS[table]:
        set_actor(session, None, f"Who did {statement}")
        session.execute(text(statement))
        session.commit()
    kept = session.execute(
        text("SELECT op, actor FROM change_log WHERE table_name = :table AND actor IS NOT NULL"
             " ORDER BY id"),
        {"table": table},
    ).all()  # fmt: skip
    assert kept == [
        (statement.split()[0].lower(), f"Who did {statement}") for statement in STATEMENTS[table]
    ]
