"""Cross-references as they are kept: what is refused, who is told, which entry is sent back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import Center, CrossReferenceEntry, CrossReferenceType, Group, Operation, Run
from webapp.rules.crossrefs import Policy, foreign_key
from webapp.services import crossref_edits, crossref_translation, crossrefs
from webapp.services.changes import set_actor
from webapp.services.crossref_edits import EntryValues
from webapp.services.crossrefs import EntryFilter

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.orm import Session

TODAY = date(2026, 11, 22)


@pytest.fixture
def titles(session: Session) -> CrossReferenceType:
    found = crossrefs.find_type(session, "field:TITLE")
    assert found is not None
    return found


def add(session: Session, found: CrossReferenceType, online: str, *foreign: str, **more: object):  # type: ignore[no-untyped-def]
    values = EntryValues(online, foreign, **more)  # type: ignore[arg-type]
    return crossref_edits.add_entry(session, found, values, None)


def make_center(session: Session, name: str = "North") -> int:
    center = Center(name=name)
    session.add(center)
    session.flush()
    return center.id


def test_the_types_of_the_domain_are_there(session: Session) -> None:
    keys = [line.type.key for line in crossrefs.list_types(session)]
    assert keys[:3] == ["group", "interest", "origin_source"]
    assert {"campaign", "donation_form", "designation", "event", "ticket", "store", "product",
            "teamraiser", "personal_event", "field:TITLE", "field:SUFFIX", "field:GENDER",
            "field:STATEPROV", "field:COUNTRY", "field:MARITAL_STATUS"} <= set(keys)  # fmt: skip


def test_the_first_entry_of_a_value_is_sent_back(
    session: Session, titles: CrossReferenceType
) -> None:
    first, second = add(session, titles, "Mr.", "01"), add(session, titles, "mr.", "Mister")
    assert (first.is_sent_back, second.is_sent_back) == (True, False)
    third = add(session, titles, "Mr.", "Herr", is_sent_back=True)
    session.expire_all()
    assert [first.is_sent_back, second.is_sent_back, third.is_sent_back] == [False, False, True]


def test_when_the_marked_one_goes_the_oldest_other_takes_its_place(
    session: Session, titles: CrossReferenceType
) -> None:
    first, second = add(session, titles, "Mr.", "01"), add(session, titles, "Mr.", "Mister")
    crossref_edits.delete_entry(session, titles, first.id, version=first.version, user_id=None)
    session.refresh(second)
    assert second.is_sent_back


def test_when_the_marked_one_gets_another_meaning_the_other_takes_its_place(
    session: Session, titles: CrossReferenceType
) -> None:
    first, second = add(session, titles, "Mr.", "01"), add(session, titles, "Mr.", "Mister")
    crossref_edits.edit_entry(
        session, titles, first.id, EntryValues("Ms.", ("01",)), version=1, user_id=None
    )
    session.expire_all()
    assert (first.online_value, first.is_sent_back, second.is_sent_back) == ("Ms.", True, True)


def test_a_foreign_value_means_one_thing_at_a_time(
    session: Session, titles: CrossReferenceType
) -> None:
    add(session, titles, "Mr.", "01", valid_to=date(2026, 12, 31))
    with pytest.raises(DataSyncError, match="“01” already stands for Mr"):
        add(session, titles, "Ms.", " 01 ")
    with pytest.raises(DataSyncError, match="already stands for"):
        add(session, titles, "Ms.", "01", valid_from=date(2026, 12, 31))
    add(session, titles, "Ms.", "01", valid_from=date(2027, 1, 1))
    add(session, titles, "Dr.", "01", center_id=make_center(session))
    translation = crossref_translation.load_translation(session, "field:TITLE", None)
    assert translation is not None
    assert translation.to_online("01", date(2026, 12, 31)) == "Mr."
    assert translation.to_online("01", date(2027, 1, 1)) == "Ms."


def test_the_database_itself_refuses_two(session: Session, titles: CrossReferenceType) -> None:
    def raw(online: str, foreign: str) -> CrossReferenceEntry:
        return CrossReferenceEntry(
            type_id=titles.id, online_value=online, foreign_values=[foreign], is_sent_back=True,
            online_key=online.lower(), foreign_key=foreign_key([foreign]), searched="",
        )  # fmt: skip

    def insert(entry: CrossReferenceEntry) -> None:
        with session.begin_nested():
            session.add(entry)

    insert(raw("Mr.", "01"))
    for online, foreign, name in (("Mr.", "02", "sent_back"), ("Ms.", "01", "foreign")):
        with pytest.raises(IntegrityError, match=f"ex_cross_reference_entries_{name}"):
            insert(raw(online, foreign))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"online_value": " "}, "Say what it stands for here."),
        ({"online_value": "x" * 51}, "at most 50 characters for the online value"),
        ({"foreign_values": (" ",)}, "Enter the Foreign value."),
        ({"foreign_values": ("a", "b")}, "Enter the Foreign value."),
        ({"foreign_values": ("x" * 256,)}, "at most 255 characters"),
        ({"foreign_values": ("a\u200b",)}, "invisible character"),
        ({"description": "x" * 501}, "at most 500 characters"),
        ({"valid_from": date(2026, 2, 1), "valid_to": date(2026, 1, 1)}, "after the last one"),
    ],
)
def test_what_cannot_be_is_said(
    session: Session, titles: CrossReferenceType, change: dict[str, object], sentence: str
) -> None:
    values = replace(EntryValues("Mr.", ("01",)), **change)  # type: ignore[arg-type]
    with pytest.raises(DataSyncError, match=sentence):
        crossref_edits.add_entry(session, titles, values, None)


def test_groups_are_named_by_a_number_that_files_may_use(session: Session) -> None:
    found = crossrefs.find_type(session, "group")
    assert found is not None
    north = make_center(session)
    groups = [
        Group(name="Volunteers"),
        Group(name="News: in", kind="opt_in"),
        Group(name="Board", center_id=north),
    ]
    session.add_all(groups)
    session.flush()
    shared, opt_in, board = (str(group.id) for group in groups)
    assert add(session, found, f"0{shared}", "VOL").online_value == shared
    assert add(session, found, board, "BRD", center_id=north).online_value == board
    for online, sentence in (
        ("999999", "no group with the ID 999999"),
        ("Volunteers", "no group with the ID Volunteers"),
        (opt_in, "can't add people to News: in"),
        (board, "Board belongs to a center"),
    ):
        with pytest.raises(DataSyncError, match=sentence):
            add(session, found, online, f"X{online}")
    page = crossrefs.list_entries(session, found, EntryFilter(text="volun"))
    assert [line.online_label for line in page.lines] == ["Volunteers"]


def test_who_comes_second_is_told(app: Flask, session: Session, titles: CrossReferenceType) -> None:
    entry = add(session, titles, "Mr.", "01")
    session.commit()
    values = EntryValues("Mr.", ("1",))
    crossref_edits.edit_entry(session, titles, entry.id, values, version=1, user_id=None)
    session.commit()
    with pytest.raises(DataSyncError, match="changed this entry while you had it open"):
        crossref_edits.edit_entry(session, titles, entry.id, values, version=1, user_id=None)
    with pytest.raises(DataSyncError, match="changed this entry"):
        crossref_edits.delete_entry(session, titles, entry.id, version=1, user_id=None)
    crossref_edits.delete_entry(session, titles, entry.id, version=2, user_id=None)
    with pytest.raises(DataSyncError, match="deleted this entry meanwhile"):
        crossref_edits.edit_entry(session, titles, entry.id, values, version=2, user_id=None)


def test_every_change_is_a_version_and_is_logged(
    session: Session, titles: CrossReferenceType
) -> None:
    set_actor(session, 7, "Mary Editor")
    session.refresh(titles)
    versions = [titles.version]
    entry = add(session, titles, "Mr.", "01")
    for change in (
        lambda: crossref_edits.edit_entry(
            session, titles, entry.id, EntryValues("Mr.", ("1",)), version=1, user_id=None
        ),
        lambda: crossref_edits.delete_entry(session, titles, entry.id, version=2, user_id=None),
        lambda: crossref_edits.edit_type(session, titles, labels=["Code"], policy=Policy.REJECT),
    ):
        session.refresh(titles)
        versions.append(titles.version)
        change()
    session.refresh(titles)
    versions.append(titles.version)
    assert versions == sorted(set(versions))
    logged = session.execute(
        text("SELECT table_name, op, actor, old -> 'foreign_values' FROM change_log"
             " WHERE table_name LIKE 'cross%' ORDER BY id")
    ).all()  # fmt: skip
    entries = [tuple(row[1:]) for row in logged if row[0] == "cross_reference_entries"]
    assert entries[0] == ("insert", "Mary Editor", None)
    assert ("update", "Mary Editor", "{01}") in entries
    assert entries[-1] == ("delete", "Mary Editor", "{1}")
    assert [row[1] for row in logged if row[0] == "cross_reference_types"] == ["update"]


def test_a_type_has_one_to_ten_labels_and_a_policy(
    session: Session, titles: CrossReferenceType
) -> None:
    crossref_edits.edit_type(session, titles, labels=["Campaign", "Fund"], policy=Policy.KEEP)
    entry = add(session, titles, "Spring", "SPR", "GEN")
    assert entry.foreign_values == ["SPR", "GEN"]
    for labels, policy, sentence in (
        ([], Policy.KEEP, "Write one to 10 labels"),
        ([str(at) for at in range(11)], Policy.KEEP, "Write one to 10 labels"),
        (["a", "A"], Policy.KEEP, "a label of its own"),
        (["a"], Policy.KEEP, "their number can't change"),
        (["a", "b"], Policy.DEFAULT, "Say which value stands for"),
    ):
        with pytest.raises(DataSyncError, match=sentence):
            crossref_edits.edit_type(session, titles, labels=labels, policy=policy)


def test_a_list_is_paged_by_key_in_every_order(
    session: Session, titles: CrossReferenceType
) -> None:
    made = [add(session, titles, f"T{9 - at}", f"f{at % 3}-{at}").id for at in range(8)]
    for sort in ("foreign", "online", "changed"):
        for descending in (False, True):
            seen: list[int] = []
            after = None
            for _ in range(10):
                wanted = EntryFilter(sort=sort, descending=descending)
                page = crossrefs.list_entries(session, titles, wanted, after=after, limit=3)
                seen += [line.entry.id for line in page.lines]
                after = page.next_after
                if after is None:
                    break
            assert sorted(seen) == sorted(made)
            if sort == "online":
                assert seen == (made if descending else made[::-1])


def test_a_center_sees_its_own_and_general_entries(
    session: Session, titles: CrossReferenceType
) -> None:
    north, south = make_center(session), make_center(session, "South")
    add(session, titles, "Mr.", "01")
    add(session, titles, "Ms.", "02", center_id=north)
    add(session, titles, "Dr.", "03", center_id=south)
    page = crossrefs.list_entries(session, titles, EntryFilter(), center_ids=frozenset({north}))
    assert [line.entry.foreign_values for line in page.lines] == [["01"], ["02"]]
    assert crossrefs.count_entries(session, titles, center_ids=frozenset({north})) == 2
    line = next(
        line
        for line in crossrefs.list_types(session, center_ids=frozenset({north}))
        if line.type.key == "field:TITLE"
    )
    assert line.entries == 2


def test_a_run_keeps_the_table_it_began_with(session: Session, titles: CrossReferenceType) -> None:
    operation = session.scalar(select(Operation))
    assert operation is not None
    run = Run(operation_id=operation.id, label="x", state="running")
    session.add(run)
    entry = add(session, titles, "Mr.", "01", valid_from=date(2020, 1, 1))
    session.flush()
    first = crossref_translation.load_for_run(session, run.id, ["field:TITLE"], None)
    crossref_edits.edit_entry(
        session, titles, entry.id, EntryValues("Ms.", ("01",)), version=1, user_id=None
    )
    again = crossref_translation.load_for_run(session, run.id, ["field:TITLE"], None)
    assert first["field:TITLE"] == again["field:TITLE"]
    assert again["field:TITLE"][1].to_online("01", TODAY) == "Mr."
    other = Run(operation_id=operation.id, label="x", state="running")
    session.add(other)
    session.flush()
    later = crossref_translation.load_for_run(session, other.id, ["field:TITLE"], None)
    assert later["field:TITLE"][1].to_online("01", TODAY) == "Ms."
    assert later["field:TITLE"][1].version > first["field:TITLE"][1].version


def test_two_administrators_at_the_same_moment(app: Flask) -> None:
    """Both have version 1 and both save: one waits for the other's commit and is then told."""
    with app.app_context():
        found = crossrefs.find_type(db.session(), "field:TITLE")
        assert found is not None
        number = add(db.session(), found, "Mr.", "01").id
        db.session.commit()
    both_read = threading.Barrier(2, timeout=20)

    def save(online: str) -> str:
        with app.app_context():
            own = crossrefs.find_type(db.session(), "field:TITLE")
            assert own is not None
            assert db.session.get_one(CrossReferenceEntry, number).version == 1
            both_read.wait()
            try:
                crossref_edits.edit_entry(
                    db.session(), own, number, EntryValues(online, ("01",)), version=1, user_id=None
                )
                db.session.commit()
            except DataSyncError as error:
                db.session.rollback()
                return error.code
            return online

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(save, ("Ms.", "Dr.")))
    assert "changed" in outcomes
    saved = next(outcome for outcome in outcomes if outcome != "changed")
    with app.app_context():
        entry = db.session.get_one(CrossReferenceEntry, number)
        assert (entry.online_value, entry.version) == (saved, 2)


def test_two_who_add_the_same_value_at_the_same_moment(app: Flask) -> None:
    both_there = threading.Barrier(2, timeout=20)

    def save(online: str) -> str:
        with app.app_context():
            own = crossrefs.find_type(db.session(), "field:TITLE")
            assert own is not None
            both_there.wait()
            try:
                add(db.session(), own, online, "01")
                db.session.commit()
            except DataSyncError as error:
                db.session.rollback()
                return error.code
            return "saved"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(save, ("Ms.", "Dr."))) == ["foreign_taken", "saved"]
