"""Editing by hand: an import's checks, unique keys, nobody's change lost, and who did it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import (
    Center,
    CenterMember,
    Change,
    Constituent,
    ConstituentEmail,
    CustomField,
)
from webapp.services import locks
from webapp.services.changes import set_actor
from webapp.services.constituent_edits import (
    Edit,
    get_version,
    reactivate_constituent,
    update_constituent,
)
from webapp.services.constituents import get_profile

if TYPE_CHECKING:
    from webapp.settings import Settings

TODAY = date(2026, 11, 22)


def save(
    session: Session,
    person: Constituent,
    typed: Mapping[str, str],
    *,
    version: int | None = None,
    unique_email: bool = True,
) -> Edit:
    return update_constituent(
        session,
        person.id,
        typed=typed,
        version=get_version(session, person.id) if version is None else version,
        unique_email=unique_email,
        today=TODAY,
    )


def add(session: Session, **fields: Any) -> Constituent:
    person = Constituent(**fields)
    session.add(person)
    session.flush()
    if person.primary_email:
        email = ConstituentEmail(constituent_id=person.id, email=person.primary_email.lower())
        session.add(email)
        session.flush()
    return person


@pytest.fixture
def person(session: Session) -> Constituent:
    session.add_all(
        [
            CustomField(key="shirt", label="Shirt size", kind="choice", choices=["S", "M"]),
            CustomField(key="board", label="Board member", kind="yes_no"),
            CustomField(key="since", label="Volunteer since", kind="date"),
        ]
    )
    return add(
        session,
        first_name="Ada",
        last_name="Lovelace",
        primary_email="Ada@Example.org",
        member_id="M-1",
        home_city="London",
        home_street1="1 Main Street\nFlat 2",
        birth_date=date(1980, 12, 10),
        custom={"shirt": "S", "board": "Yes"},
        modified_row=7,
    )


def test_what_was_typed_is_stored(session: Session, person: Constituent) -> None:
    before = person.modified_at
    edit = save(
        session,
        person,
        {
            "first_name": " Ada Augusta ",
            "last_name": "Lovele\u0301ce",
            "home_city": "",
            "birth_date": "1915-12-10",
            "accepts_email": "No",
            "matched_donor": "Yes",
            "email_status": "bounced",
            "preferred_phone": "mobile",
            "custom.shirt": "m",
            "custom.board": "No",
            "custom.since": "2020-01-31",
        },
    )
    assert edit.is_saved, edit
    session.expire(person)
    assert (person.first_name, person.last_name) == ("Ada Augusta", "Loveléce")
    assert person.home_city is None
    assert person.birth_date == date(1915, 12, 10)
    assert (person.accepts_email, person.matched_donor) == (False, True)
    assert (person.email_status, person.preferred_phone) == ("bounced", "mobile")
    assert person.custom == {"shirt": "M", "board": "No", "since": "2020-01-31"}
    assert person.modified_row is None
    assert person.modified_at >= before
    assert person.home_street1 == "1 Main Street\nFlat 2"


def test_sending_the_form_back_as_it_was_changes_nothing(
    session: Session, person: Constituent
) -> None:
    last = get_version(session, person.id)
    edit = save(
        session,
        person,
        {
            "first_name": "Ada",
            "home_street1": "1 Main Street\r\nFlat 2",
            "accepts_email": "Yes",
            "matched_donor": "",
            "birth_date": "1980-12-10",
            "email_status": "unknown",
            "custom.board": "Yes",
            "custom.since": "",
        },
    )
    assert edit.is_saved
    assert edit.changed == ()
    assert get_version(session, person.id) == last


def test_a_record_stored_decomposed_stays_as_it_is(session: Session) -> None:
    person = add(session, last_name="Nu\u0301n\u0303ez")
    assert save(session, person, {"last_name": "Núñez"}).changed == ()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"first_name": "x" * 51}, "First name has 51 characters and can have 50"),
        ({"primary_email": "ada at example"}, "which is not an email address"),
        ({"birth_date": "2030-01-01"}, "which is in the future"),
        ({"birth_date": "1980-02-30"}, "which is not a date"),
        ({"preferred_phone": "pager"}, "which is not one of its choices"),
        ({"accepts_email": ""}, "Accepts email can't be blank"),
        ({"email_status": ""}, "Email status can't be blank"),
        ({"custom.shirt": "XL"}, "which is not one of its choices: S, M"),
        ({"home_city": "Lon\x07don"}, "holds an invisible character"),
        (
            {"first_name": "", "last_name": "", "primary_email": "", "member_id": ""},
            "Keep a name, an email or a member ID",
        ),
        ({"accepts_email": "perhaps"}, "which is neither yes nor no"),
    ],
)
def test_what_an_import_refuses_is_refused_here(
    session: Session, person: Constituent, typed: dict[str, str], says: str
) -> None:
    last = get_version(session, person.id)
    edit = save(session, person, typed)
    assert not edit.is_saved
    assert [error.message for error in edit.errors if says in error.message], edit.errors
    assert edit.typed == set(typed)
    assert get_version(session, person.id) == last


def test_keys_stay_unique_among_active_records(session: Session, person: Constituent) -> None:
    other = add(session, last_name="Byron", primary_email="byron@example.org", member_id="M-2")
    edit = save(session, person, {"member_id": "M-2", "primary_email": "BYRON@example.org"})
    assert [error.attribute for error in edit.errors] == ["member_id", "primary_email"]
    assert f"Byron (CONS_ID {other.id})" in edit.errors[0].message
    assert save(
        session, person, {"primary_email": "byron@example.org"}, unique_email=False
    ).is_saved
    other.active_detail = "Removed by contact"
    session.flush()
    assert save(session, person, {"member_id": "M-2"}).is_saved


@pytest.mark.parametrize(
    ("member_id", "email", "taken"),
    [
        ("M-7", "other@example.org", "member ID"),
        (None, "GONE@example.org", "email"),
        (None, "other@example.org", None),
    ],
)
def test_a_removed_record_is_active_again_unless_its_keys_are_taken(
    session: Session, member_id: str | None, email: str, taken: str | None
) -> None:
    gone = add(
        session, last_name="Gone", member_id="M-7", primary_email="gone@example.org",
        active_detail="Removed by contact", accepts_email=False,
    )  # fmt: skip
    add(session, last_name="Other", member_id=member_id, primary_email=email)
    if taken:
        with pytest.raises(DataSyncError, match=f"This {taken} belongs to Other"):
            reactivate_constituent(session, gone.id, unique_email=True)
    else:
        reactivate_constituent(session, gone.id, unique_email=True)
        reactivate_constituent(session, gone.id, unique_email=True)  # pressed twice
    session.refresh(gone)
    assert (gone.active_detail, gone.is_active, gone.accepts_email) == (
        "Removed by contact" if taken else "Accepted",
        not taken,
        False,
    )


def test_a_merged_record_stays_removed(session: Session, person: Constituent) -> None:
    gone = add(
        session, last_name="Twice", active_detail="Removed as duplicate", merged_into_id=person.id
    )
    with pytest.raises(DataSyncError, match="was merged into another one"):
        reactivate_constituent(session, gone.id, unique_email=True)


def test_who_has_a_key_is_named_to_those_who_see_them(
    session: Session, person: Constituent
) -> None:
    other = add(session, last_name="Byron", member_id="M-2")
    own, foreign = Center(name="Own"), Center(name="Foreign")
    session.add_all([own, foreign])
    session.flush()
    session.add(CenterMember(center_id=foreign.id, constituent_id=other.id))
    session.flush()

    def told(center: int) -> str:
        edit = update_constituent(
            session,
            person.id,
            typed={"member_id": "M-2"},
            version=get_version(session, person.id),
            unique_email=True,
            today=TODAY,
            center_ids=frozenset({center}),
        )
        return edit.errors[0].message

    assert told(foreign.id).startswith(f"This member ID belongs to Byron (CONS_ID {other.id}).")
    assert told(own.id).startswith("This member ID belongs to a record outside your center.")


def test_a_new_email_joins_those_ever_used(session: Session, person: Constituent) -> None:
    assert save(session, person, {"primary_email": "Ada@New.example"}).is_saved
    emails = get_profile(session, person).emails
    assert [(used.email, used.is_current) for used in emails] == [
        ("ada@new.example", True),
        ("ada@example.org", False),
    ]
    assert save(session, person, {"primary_email": "ADA@new.example"}).is_saved
    assert person.primary_email == "ADA@new.example"
    assert save(session, person, {"primary_email": ""}).is_saved
    assert len(get_profile(session, person).emails) == 2


def test_the_log_names_who_and_no_row(session: Session, person: Constituent) -> None:
    set_actor(session, 42, "Grace Hopper")
    save(session, person, {"home_city": "Paris"})
    last = session.scalars(select(Change).order_by(Change.id.desc()).limit(1)).one()
    assert (last.actor_id, last.actor, last.run_id, last.row_number) == (
        42,
        "Grace Hopper",
        None,
        None,
    )
    assert last.old == {"home_city": "London"}


def test_the_second_editor_is_told_and_keeps_what_they_typed(
    session: Session, person: Constituent
) -> None:
    opened = get_version(session, person.id)
    set_actor(session, 1, "First Editor")
    save(session, person, {"home_city": "Paris", "home_zip": "75001"})
    save(session, person, {"home_city": "Lyon"})
    form = {"home_city": "Rome", "home_zip": "", "first_name": "Augusta"}
    edit = save(session, person, form, version=opened)
    assert not edit.is_saved
    told = {found.field.attribute: found for found in edit.interferences}
    assert set(told) == {"home_city", "home_zip"}
    assert (told["home_city"].before, told["home_city"].now) == ("London", "Lyon")
    assert told["home_city"].collides
    assert not told["home_zip"].collides
    assert told["home_zip"].actor == "First Editor"
    assert edit.typed == {"home_city", "first_name"}
    assert edit.current["home_zip"] == "75001"
    assert person.home_city == "Lyon"
    again = save(session, person, form | {"home_zip": "75001"}, version=edit.version)
    assert {field.attribute for field in again.changed} == {"home_city", "first_name"}
    assert (person.home_city, person.home_zip) == ("Rome", "75001")


def test_a_change_that_touches_nothing_of_the_form_is_no_interference(
    session: Session, person: Constituent
) -> None:
    opened = get_version(session, person.id)
    session.add(ConstituentEmail(constituent_id=person.id, email="more@example.org"))
    session.flush()
    assert save(session, person, {"home_city": "Rome"}, version=opened).is_saved


def test_a_record_that_is_gone_says_so(session: Session, person: Constituent) -> None:
    for table, column in (("constituent_emails", "constituent_id"), ("constituents", "id")):
        session.execute(text(f"DELETE FROM {table} WHERE {column} = :id"), {"id": person.id})
    session.expunge_all()
    with pytest.raises(DataSyncError, match="no longer exists"):
        update_constituent(session, person.id, typed={}, version=0, unique_email=True, today=TODAY)


@pytest.fixture
def busy(settings: Settings, person: Constituent, session: Session) -> Any:
    """A transaction beside ours, as an import's chunk has one."""
    session.commit()
    engine = create_engine(settings.database_url)
    with Session(engine) as beside:
        yield beside
        beside.rollback()
    engine.dispose()


def test_a_key_waits_for_an_import_and_other_fields_do_not(
    session: Session,
    person: Constituent,
    busy: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.2)
    busy.execute(text("SELECT pg_advisory_xact_lock(7231002)"))
    assert save(session, person, {"home_city": "Rome"}).is_saved
    with pytest.raises(DataSyncError, match="Try again in a moment"):
        save(session, person, {"member_id": "M-9"})
    busy.rollback()
    assert save(session, person, {"member_id": "M-9"}).is_saved


def test_a_row_that_is_being_written_is_waited_for(
    session: Session, person: Constituent, busy: Session
) -> None:
    busy.execute(text("UPDATE constituents SET home_zip = 'N1' WHERE id = :id"), {"id": person.id})
    opened = get_version(session, person.id)
    release = threading.Timer(0.5, busy.commit)
    release.start()
    edit = save(session, person, {"home_city": "Rome"}, version=opened)
    release.join()
    assert [found.field.attribute for found in edit.interferences] == ["home_zip"]
