"""The demo organisation: what a first start shows, so that everything can be tried at once.

Riverbend Conservancy: 5,000 constituents and a few new registrations that may be some of them,
groups, interests and two centers, and one user per role. It goes into an empty database only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from random import Random

from psycopg import Cursor, sql
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from webapp.models import Center, CustomField, Group, Interest, Operation, User, UserRole
from webapp.services import crossref_edits, crossrefs, demo_transactions
from webapp.services.changes import set_actor
from webapp.services.crossref_edits import EntryValues
from webapp.services.demo_names import TSHIRT_SIZES
from webapp.services.demo_organisation import (
    CENTERS,
    CROSS_REFERENCES,
    DEMO_PASSWORD,
    DEMO_USERS,
    DONOR_SYSTEM_COLUMNS,
    GROUPS,
    INTERESTS,
    SIGN_UP_COLUMNS,
    DemoUser,
)
from webapp.services.demo_people import NORTH, SEED, SOUTH, Person, demo_people
from webapp.services.demo_registrations import Registration, demo_registrations
from webapp.services.users import create_user

__all__ = ["DEMO_PASSWORD", "DEMO_USERS", "DemoUser", "is_demo", "load_demo"]

ACTOR = "Demo"
NOT_PERSON_COLUMNS = {"household", "center_id", "old_emails", "shares_email"}
FIRST_FREE_GROUP_ID = 1101


def load_demo(session: Session) -> bool:
    """Fill an empty database with the demo organisation; False, and nothing done, when anyone can
    sign in already. The caller commits."""
    if not _is_untouched(session):
        return False
    set_actor(session, None, ACTOR)
    _add_centers(session)
    _add_custom_fields(session)
    _add_groups(session)
    _add_interests(session)
    _add_users(session)
    _add_operations(session)
    for rows in demo_transactions.purpose_rows().values():
        session.add_all(rows)
    session.flush()
    _add_cross_references(session)
    people, newcomers = demo_people(), demo_registrations()
    connection = session.connection().connection.driver_connection
    assert connection is not None
    with connection.cursor() as cursor:
        _copy_people(cursor, [*people, *(each.person for each in newcomers)])
        _copy_memberships(cursor, people)
        _copy_registrations(cursor, newcomers)
        _copy_gifts(cursor)
        _free_numbers(cursor)
        for table in (
            "constituents", "constituent_emails", "group_members", "interest_choices",
            "transactions", "potential_matches",
        ):  # fmt: skip
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    return True


def is_demo(session: Session) -> bool:
    """Whether the demo organisation is in this database, and the sample files fit it."""
    return bool(session.scalar(select(exists().where(User.email == "visitor@example.org"))))


def _is_untouched(session: Session) -> bool:
    # Two first starts at the same moment: the second waits here and then finds the users
    session.execute(select(func.pg_advisory_xact_lock(SEED)))
    return not session.scalar(select(exists().where(User.id.is_not(None))))


def _add_centers(session: Session) -> None:
    session.add_all(Center(id=number, name=name) for number, name in CENTERS)
    session.flush()


def _add_custom_fields(session: Session) -> None:
    session.add_all(
        (
            CustomField(
                key="tshirt_size", label="T-shirt size", kind="choice", choices=list(TSHIRT_SIZES)
            ),
            CustomField(key="volunteer_since", label="Volunteer since", kind="date"),
            CustomField(key="allergies", label="Allergies", kind="text", max_length=120),
            CustomField(key="newsletter_copies", label="Newsletter copies", kind="number"),
            CustomField(key="board_member", label="Board member", kind="yes_no"),
        )
    )
    session.flush()


def _add_groups(session: Session) -> None:
    for group in GROUPS:
        session.add(
            Group(
                id=group.id,
                name=group.name,
                folder=group.folder,
                description=group.description,
                kind=group.kind,
                center_id=group.center_id,
            )
        )
    session.flush()


def _add_interests(session: Session) -> None:
    for interest in INTERESTS:
        if interest.group:
            session.add_all(
                Group(
                    id=interest.group + offset,
                    name=f"{interest.name}: {words}",
                    kind=kind,
                    folder="Interests",
                    center_id=interest.center_id,
                )
                for offset, kind, words in ((0, "opt_in", "opted in"), (1, "opt_out", "opted out"))
            )
            session.flush()
        session.add(
            Interest(
                id=interest.id,
                name=interest.name,
                kind=interest.kind,
                parent_id=interest.parent_id,
                is_default=interest.id == INTERESTS[0].id,
                center_id=interest.center_id,
                opt_in_group_id=interest.group,
                opt_out_group_id=interest.group + 1 if interest.group else None,
            )
        )
        session.flush()


def _add_users(session: Session) -> None:
    first, *others = DEMO_USERS
    admin = create_user(
        session,
        email=first.email,
        name=first.name,
        password=first.password,
        is_site_admin=first.is_site_admin,
    )
    # The others have the same public password; hashing it nine times would be most of the work
    session.add_all(
        User(
            email=user.email,
            name=user.name,
            password_hash=admin.password_hash,
            is_vendor_support=user.is_vendor_support,
            roles=[
                UserRole(role=grant.role.value, center_id=grant.center_id) for grant in user.grants
            ],
        )
        for user in others
    )
    session.flush()


def _add_cross_references(session: Session) -> None:
    """What the organisation's donor system calls groups, titles, campaigns, funds and events."""
    for key, entries in {**CROSS_REFERENCES, **demo_transactions.CROSS_REFERENCES}.items():
        found = crossrefs.find_type(session, key)
        if found is not None:
            for online, foreign, description in entries:
                values = EntryValues(online, (foreign,), description)
                crossref_edits.add_entry(session, found, values, None)


def _add_operations(session: Session) -> None:
    standard = session.scalars(
        select(Operation).where(Operation.slug == "standard-constituent-import")
    ).one()
    manager = session.scalars(select(User).where(User.email == "manage@example.org")).one()
    common = {"kind": standard.kind, "is_standard": False}
    session.add_all(
        (
            Operation(
                slug="donor-system-update",
                title="Donor system update",
                description="The weekly file from the donor system: new and changed constituents.",
                notify=["database@example.org"],
                options={"date_order": "mdy", "template_columns": list(DONOR_SYSTEM_COLUMNS)},
                **common,
            ),
            Operation(
                slug="north-center-members",
                title="North Center members",
                description="Sign-up sheets of the North Center, typed into a spreadsheet.",
                center_id=NORTH,
                notify=["north@example.org"],
                options={"date_order": "mdy", "template_columns": list(SIGN_UP_COLUMNS)},
                **common,
            ),
            Operation(
                slug="european-partners",
                title="European partners",
                description="Lists from partners abroad, who write the day before the month.",
                user_id=manager.id,
                notify=["manage@example.org"],
                options={"date_order": "dmy", "template_columns": []},
                **common,
            ),
        )
    )
    session.flush()


def _copy(
    cursor: Cursor[object], table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _copy_people(cursor: Cursor[object], people: Sequence[Person]) -> None:
    columns = [field.name for field in fields(Person) if field.name not in NOT_PERSON_COLUMNS]
    _copy(
        cursor,
        "constituents",
        columns,
        (
            [
                json.dumps(person.custom) if name == "custom" else getattr(person, name)
                for name in columns
            ]
            for person in people
        ),
    )
    _copy(
        cursor,
        "constituent_emails",
        ("constituent_id", "email", "first_used_at"),
        (
            (person.id, email.lower(), person.created_at)
            for person in people
            for email in dict.fromkeys((person.primary_email, *person.old_emails))
            if email
        ),
    )


def _copy_memberships(cursor: Cursor[object], people: Sequence[Person]) -> None:
    chance = Random(SEED + 1)  # noqa: S311
    choices = _choices(chance, people)
    members = _group_members(chance, people)
    groups = {interest.id: interest.group for interest in INTERESTS}
    for (interest_id, person_id), opted_in in choices.items():
        group = groups[interest_id]
        if group:
            members.append((group if opted_in else group + 1, person_id))
    since = {person.id: person.modified_at for person in people}
    _copy(
        cursor,
        "center_members",
        ("center_id", "constituent_id", "added_at"),
        ((person.center_id, person.id, since[person.id]) for person in people if person.center_id),
    )
    _copy(
        cursor,
        "interest_choices",
        ("interest_id", "constituent_id", "opted_in", "chosen_at"),
        (
            (interest, person, opted_in, since[person])
            for (interest, person), opted_in in choices.items()
        ),
    )
    _copy(
        cursor,
        "group_members",
        ("group_id", "constituent_id", "added_at"),
        ((group, person, since[person]) for group, person in members),
    )


def _copy_registrations(cursor: Cursor[object], newcomers: Sequence[Registration]) -> None:
    people = [each.person for each in newcomers]
    _copy(
        cursor,
        "center_members",
        ("center_id", "constituent_id", "added_at"),
        ((one.center_id, one.id, one.created_at) for one in people if one.center_id),
    )
    _copy(
        cursor,
        "potential_matches",
        ("registration_id", "candidate_id", "found_at", "found_by"),
        (
            (each.person.id, candidate, each.person.created_at, ACTOR)
            for each in newcomers
            for candidate in each.candidates
        ),
    )


def _copy_gifts(cursor: Cursor[object]) -> None:
    _copy(cursor, "transactions", demo_transactions.COLUMNS, demo_transactions.gift_rows())
    _copy(
        cursor,
        "transaction_items",
        ("transaction_id", "position", "kind", "name", "quantity", "unit_price"),
        demo_transactions.item_rows(),
    )


def _choices(chance: Random, people: Sequence[Person]) -> dict[tuple[int, int], bool]:
    chosen: dict[tuple[int, int], bool] = {}
    for interest in INTERESTS:
        for person in people:
            if not person.primary_email or interest.center_id not in (None, person.center_id):
                continue
            if chance.random() < interest.share:
                chosen[interest.id, person.id] = person.accepts_email and chance.random() < 0.88
    return chosen


def _group_members(chance: Random, people: Sequence[Person]) -> list[tuple[int, int]]:
    members: list[tuple[int, int]] = []
    for person in people:
        if not person.is_active:
            continue
        belongs = {
            1001: person.donor_status == "Major donor",
            1002: person.donor_status == "Monthly donor",
            1003: person.donor_status == "Lapsed",
            1004: "volunteer_since" in person.custom and chance.random() < 0.4,
            1005: "volunteer_since" in person.custom and chance.random() < 0.5,
            1006: chance.random() < 0.06,
            1007: chance.random() < 0.09,
            1008: person.custom.get("board_member") == "Yes",
            1009: "newsletter_copies" in person.custom,
            1010: person.center_id == NORTH,
            1011: person.center_id == SOUTH,
            1012: person.center_id == NORTH and chance.random() < 0.3,
            1013: person.center_id == SOUTH and chance.random() < 0.25,
        }
        members += [(group, person.id) for group, is_in in belongs.items() if is_in]
    return members


def _free_numbers(cursor: Cursor[object]) -> None:
    """Let the tables number what comes next after what was numbered here."""
    for table in (
        "constituents", "groups", "interests", "centers", "campaigns", "donation_forms",
        "designations", "events", "transactions",
    ):  # fmt: skip
        cursor.execute(
            sql.SQL(
                "SELECT setval(pg_get_serial_sequence({name}, 'id'), greatest(max(id), {floor}))"
                " FROM {table}"
            ).format(
                name=sql.Literal(table),
                floor=sql.Literal(FIRST_FREE_GROUP_ID - 1 if table == "groups" else 1),
                table=sql.Identifier(table),
            )
        )
    cursor.execute(
        "SELECT setval('transaction_numbers', %s)",
        [demo_transactions.FIRST_NUMBER + len(demo_transactions.demo_gifts()) - 1],
    )
