"""The Constituent Data Download: who is in it, who is not and why, and what stands in the file."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.processors import download_files
from tests.jobs.downloading import download, draft, outcome, settings
from tests.jobs.site import Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add, set_policy
from webapp.extensions import db
from webapp.rules.crossrefs import Policy
from webapp.rules.download_columns import REMOVAL_COLUMNS
from webapp.rules.download_settings import (
    ColumnChoice,
    DateFormat,
    DownloadRequest,
    DownloadSettings,
    Encoding,
    Start,
)
from webapp.rules.guarding import guard, unguard
from webapp.services import crossref_unmapped
from webapp.services.downloads import delete_old_list


def test_the_first_one_has_everybody_and_the_next_only_what_changed(site: Site) -> None:
    ann = site.person(first_name="Ann", member_id="A-1")
    bob = site.person(first_name="Bob")

    first = download(site, settings("FIRST_NAME", "MEMBER_ID"))
    nothing = download(site)
    site.change(bob, nickname="Bobby")
    second = download(site)

    assert first.ids == {ann, bob}
    assert first.counts["rows_read"] == 2
    assert nothing.ids == set()
    assert nothing.counts["rows_read"] == 0
    assert second.ids == {bob}


def test_a_failed_one_moves_nothing(site: Site) -> None:
    ann = site.person(first_name="Ann")
    download(site)
    site.change(ann, first_name="Ann Ő")

    failed = download(site, settings("FIRST_NAME", encoding=Encoding.WINDOWS))
    after = download(site, settings("FIRST_NAME"))

    assert failed.state == "failure"
    assert "“Ő”" in (failed.failure or "")
    assert failed.counts == dict.fromkeys(failed.counts, 0)
    assert after.ids == {ann}


def test_removed_merged_and_deleted_records_are_told_in_a_file_of_their_own(site: Site) -> None:
    ann, bob, cem, dee = (site.person(member_id=f"M-{n}") for n in range(4))
    download(site)

    site.change(ann, active_detail="Removed by contact")
    site.change(bob, active_detail="Removed as duplicate", merged_into_id=dee)
    site.sql_do(f"DELETE FROM constituents WHERE id = {cem}")
    found = download(site)

    assert found.ids == set()
    assert found.removed == {ann: "Removed by contact", bob: "Merged", cem: "Deleted"}
    by_id = {int(row["CONS_ID"]): row for row in found.rows("removals")}
    # No heading that can be chosen for a key may be one of these
    assert list(by_id[bob]) == ["CONS_ID", "MEMBER_ID", *REMOVAL_COLUMNS]
    assert by_id[bob]["MERGED_INTO_CONS_ID"] == str(dee)
    assert by_id[bob]["MERGED_INTO_MEMBER_ID"] == "M-3"
    assert by_id[cem]["MEMBER_ID"] == "M-2"
    assert found.counts["removed"] == 3


def test_whoever_has_the_member_id_of_one_removed_by_now_is_named(site: Site) -> None:
    """A number keyed offline: its old record is gone, the person is not."""
    twin, gone = site.person(member_id="M-1"), site.person(member_id="M-2")
    kept = site.person(first_name="Ann")
    download(site)
    site.change(twin, active_detail="Removed as duplicate")
    site.change(kept, member_id="M-1")
    site.sql_do(f"DELETE FROM constituents WHERE id = {gone}")
    again = site.person(member_id="M-2")

    for start in (Start.LAST, Start.EVERYTHING):
        told = {int(row["CONS_ID"]): row for row in download(site, start=start).rows("removals")}
        assert {
            number: (row["MEMBER_ID"], row["MERGED_INTO_CONS_ID"], row["MERGED_INTO_MEMBER_ID"])
            for number, row in told.items()
        } == {twin: ("M-1", str(kept), "M-1"), gone: ("M-2", str(again), "M-2")}


def test_who_came_and_went_between_two_downloads_is_no_change(site: Site) -> None:
    download(site)
    ann = site.person(first_name="Ann")
    site.sql_do(f"DELETE FROM constituents WHERE id = {ann}")

    assert download(site).counts["rows_read"] == 0


def _remove(site: Site, _: int, candidate: int) -> None:
    site.change(candidate, active_detail="Removed by administrator")


def _delete(site: Site, _: int, candidate: int) -> None:
    site.sql_do(f"DELETE FROM constituents WHERE id = {candidate}")


@pytest.mark.parametrize(
    ("resolve", "told"),
    [
        (lambda site, ann, _: site.clear_doubts(ann), None),
        (_remove, "Removed by administrator"),
        (_delete, "Deleted"),
    ],
    ids=["not a match", "the other one removed", "the other one deleted"],
)
def test_a_potential_duplicate_waits_and_goes_once_resolved(
    site: Site, resolve: Callable[[Site, int, int], None], told: str | None
) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    site.doubt(ann, bob)

    first = download(site)
    again = download(site)
    resolve(site, ann, bob)
    third = download(site)
    fourth = download(site)

    assert first.ids == {bob}
    assert [found[:2] for found in first.withheld] == [(ann, "unresolved_duplicate")]
    assert [found[:2] for found in again.withheld] == [(ann, "unresolved_duplicate")]
    assert (again.window["changed"], again.window["carried"]) == (0, 1)
    assert third.ids == {ann}
    assert third.removed == ({bob: told} if told else {})
    assert fourth.ids == set()


def test_a_registration_that_is_removed_waits_no_more_and_does_when_it_is_there_again(
    site: Site,
) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    site.doubt(ann, bob)
    first = download(site)
    site.change(ann, active_detail="Removed by administrator")
    gone = download(site)
    site.change(ann, active_detail="Accepted")
    back = download(site)

    assert (first.ids, gone.ids, gone.withheld, back.ids) == ({bob}, set(), [], set())
    assert gone.removed == {ann: "Removed by administrator"}
    assert [found[:2] for found in back.withheld] == [(ann, "unresolved_duplicate")]


def test_only_what_is_free_goes_when_that_is_asked_for(site: Site) -> None:
    ann, bob, cem = (site.person(first_name=name) for name in "ABC")
    for one in (ann, bob):
        site.doubt(one, cem)
    download(site)
    site.clear_doubts(ann)
    site.change(cem, first_name="Dan")

    free = download(site, start=Start.FREE)
    rest = download(site)

    assert free.ids == {ann}
    assert [found[0] for found in free.withheld] == [bob]
    assert rest.ids == {cem}
    assert [found[0] for found in rest.withheld] == [bob]


def test_everything_can_be_asked_for(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    gone = site.person(first_name="Cem", removed=True)
    download(site)

    found = download(site, start=Start.EVERYTHING)

    assert found.ids == {ann, bob}
    assert found.removed == {gone: "Removed by administrator"}
    assert found.counts["rows_read"] == 3


def test_codes_go_out_through_the_cross_references(site: Site) -> None:
    ann = site.person(first_name="Ann", title="Ms.", home_stateprov="MA")
    bob = site.person(first_name="Bob", title="Mr.", home_stateprov="NH")
    add(site, "field:TITLE", "Ms.", "01")
    add(site, "field:STATEPROV", "MA", "25")
    set_policy(site, "field:STATEPROV", Policy.REJECT)
    chosen = settings("TITLE", "HOME_STATEPROV")

    first = download(site, chosen)
    add(site, "field:STATEPROV", "NH", "33")
    second = download(site, chosen)

    assert first.rows() == [
        {"CONS_ID": str(ann), "TITLE": "01", "HOME_STATEPROV": "25", "DATASYNC_DOWNLOAD":
         f"run-{first.run_id}"}
    ]  # fmt: skip
    assert first.withheld == [(bob, "unmapped_value", "HOME_STATEPROV", "NH")]
    assert [(row["TITLE"], row["HOME_STATEPROV"]) for row in second.rows()] == [("Mr.", "33")]
    assert second.ids == {bob}


def test_group_numbers_go_out_as_codes_or_the_person_waits(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    choir, board = site.group("Choir"), site.group("Board")
    of_a_run = site.group("Run 1: New", kind="new")
    for person, group in ((ann, choir), (ann, board), (bob, choir), (bob, of_a_run)):
        site.insert("group_members", constituent_id=person, group_id=group)

    plain = download(site, settings("GROUP_IDS"))
    add(site, "group", choir, "CH")
    mapped = download(site, settings("GROUP_IDS"), Start.EVERYTHING)

    assert {int(row["CONS_ID"]): row["GROUP_IDS"] for row in plain.rows()} == {
        ann: f"{choir},{board}",
        bob: str(choir),
    }
    assert [row["GROUP_IDS"] for row in mapped.rows()] == ["CH"]
    assert mapped.withheld == [(ann, "unmapped_value", "GROUP_IDS", str(board))]


def test_what_came_in_from_the_offline_system_is_not_echoed(site: Site) -> None:
    ann, bob = site.person(member_id="1"), site.person(member_id="2")
    download(site)
    site.import_rows([{"MEMBER_ID": "1", "NICKNAME": "A"}, {"MEMBER_ID": "2", "NICKNAME": "B"}])
    site.change(bob, nickname="Bobby")

    found = download(site)
    site.import_rows([{"MEMBER_ID": "1", "NICKNAME": "AA"}])
    echoed = download(site, settings(echoes=True))

    assert found.ids == {bob}
    assert (found.counts["filtered_out"], found.window["echoed"]) == (1, 1)
    assert echoed.ids == {ann}


def test_what_came_from_a_centers_system_is_news_to_the_site(site: Site) -> None:
    ann, north = site.person(member_id="1"), site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=ann)
    for center in (None, north):
        download(site, center_id=center)
    site.import_rows([{"MEMBER_ID": "1", "NICKNAME": "A"}], center_id=north)

    of_site, of_north = download(site), download(site, center_id=north)

    assert (of_site.ids, of_site.window["echoed"]) == ({ann}, 0)
    assert (of_north.ids, of_north.window["echoed"]) == (set(), 1)


def test_an_undone_import_goes_out(site: Site) -> None:
    ann = site.person(member_id="1", nickname="Annie")
    imported = site.import_rows([{"MEMBER_ID": "1", "NICKNAME": "A"}])
    download(site)
    site.undo(imported.run.id)

    assert download(site).ids == {ann}


def test_a_filter_accounts_for_those_it_leaves_out_and_sees_them_enter(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    choir = site.group("Choir")
    site.insert("group_members", constituent_id=ann, group_id=choir)
    chosen = settings("FIRST_NAME", groups=(choir,))

    first = download(site, chosen)
    site.change(bob, first_name="Rob")
    outside = download(site, chosen)
    site.insert("group_members", constituent_id=bob, group_id=choir)
    entered = download(site, chosen)

    assert first.ids == {ann}
    assert first.counts["filtered_out"] == 1
    assert (outside.ids, outside.counts["filtered_out"]) == (set(), 1)
    assert entered.ids == {bob}


def test_a_center_gets_its_own_people_and_learns_who_left(site: Site) -> None:
    ann, bob, cem = (site.person(first_name=name) for name in ("Ann", "Bob", "Cem"))
    north = site.insert("centers", name="North")
    for person in (ann, bob):
        site.insert("center_members", center_id=north, constituent_id=person)

    first = download(site, center_id=north)
    site.change(cem, first_name="Jem")
    others = download(site, center_id=north)
    site.insert("center_members", center_id=north, constituent_id=cem)
    site.sql_do(f"DELETE FROM center_members WHERE constituent_id = {ann}")
    moved = download(site, center_id=north)
    everybody = download(site)

    assert first.ids == {ann, bob}
    assert others.counts["rows_read"] == 0
    assert moved.ids == {cem}
    assert moved.removed == {ann: "Left the center"}
    assert everybody.ids == {ann, bob, cem}


def test_a_center_is_not_told_of_anothers_groups_and_interests(site: Site) -> None:
    """As on a person's page; and its file goes back in: another center's group rejects a row."""
    north, south = site.insert("centers", name="North"), site.insert("centers", name="South")
    ann = site.person(first_name="Ann")
    general, own, other = (
        site.group(name, center_id=center)
        for name, center in (("Choir", None), ("Hikers", north), ("Planters", south))
    )
    news, others_news = site.interest("News"), site.interest("South News", center_id=south)
    for center in (north, south):
        site.insert("center_members", center_id=center, constituent_id=ann)
    for group in (general, own, other):
        site.insert("group_members", constituent_id=ann, group_id=group)
    for interest in (news, others_news):
        site.insert("interest_choices", constituent_id=ann, interest_id=interest, opted_in=True)
    add(site, "group", general, f"G{general}")
    add(site, "group", own, f"G{own}", center_id=north)
    chosen = settings("GROUP_IDS", "INTEREST_IDS")

    first = download(site, chosen, center_id=north)
    for interest in (news, others_news):
        site.sql_do(f"UPDATE interest_choices SET opted_in = false WHERE interest_id = {interest}")
        second = download(site, chosen, center_id=north)
    site.sql_do(f"DELETE FROM group_members WHERE group_id = {other}")
    third = download(site, chosen, center_id=north)

    assert [(row["GROUP_IDS"], row["INTEREST_IDS"]) for row in first.rows()] == [
        (f"G{general},G{own}", str(news))
    ]
    assert (second.counts["rows_read"], third.counts["rows_read"]) == (0, 0)


def test_a_center_that_takes_everything_learns_who_left_or_was_deleted(site: Site) -> None:
    """Its window moves on: nobody would tell it later."""
    ann, bob, cem = (site.person(member_id=number) for number in "123")
    north = site.insert("centers", name="North")
    for person in (ann, bob, cem):
        site.insert("center_members", center_id=north, constituent_id=person)
    download(site, center_id=north)
    site.sql_do(f"DELETE FROM center_members WHERE center_id = {north}")
    site.change(ann, member_id="of another center")
    site.sql_do(f"DELETE FROM constituents WHERE id = {cem}")

    found = download(site, start=Start.EVERYTHING, center_id=north)

    told = {row["CONS_ID"]: (row["MEMBER_ID"], row["BECAME"]) for row in found.rows("removals")}
    assert told == {
        str(ann): ("1", "Left the center"),
        str(bob): ("2", "Left the center"),
        str(cem): ("3", "Deleted"),
    }
    site.insert("center_members", center_id=north, constituent_id=bob)
    back = download(site, start=Start.EVERYTHING, center_id=north)
    assert (back.ids, sorted(back.removed)) == ({bob}, [ann, cem])


@pytest.mark.parametrize("start", [Start.LAST, Start.EVERYTHING])
def test_a_center_is_told_of_nobody_elses_who_is_gone(site: Site, start: Start) -> None:
    ann, bob, cem = (site.person(member_id=number) for number in "123")
    north = site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=ann)
    download(site, center_id=north)
    for person in (ann, bob):
        site.change(person, active_detail="Removed by contact")
    site.sql_do(f"DELETE FROM constituents WHERE id = {cem}")

    found = download(site, start=start, center_id=north)

    assert (found.ids, found.removed) == (set(), {ann: "Removed by contact"})


def test_a_date_ahead_of_the_last_download_leaves_the_window_where_it_is(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    download(site)
    site.change(ann, first_name="Anna")
    after = datetime.now(UTC)
    site.change(bob, first_name="Rob")

    extract = download(site, start=Start.DATE, since_at=after)
    rest = download(site)
    wide = download(site, start=Start.DATE, since_at=after - timedelta(days=1))

    assert extract.ids == {bob}
    assert not extract.window["moves"]
    assert rest.ids == {ann, bob}
    assert wide.ids == {ann, bob}
    assert wide.window["moves"]


def test_a_window_can_be_taken_again(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    download(site)
    site.change(ann, first_name="Anna")
    second = download(site)
    site.change(bob, first_name="Rob")

    assert download(site, start=Start.AGAIN, again=second.run_id).ids == {ann, bob}
    assert download(site).ids == set()


def test_a_window_taken_again_has_what_had_waited_until_then(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    site.doubt(ann, bob)
    download(site)
    site.clear_doubts(ann)
    free = download(site, start=Start.FREE)
    site.change(bob, first_name="Rob")
    second = download(site)

    again = download(site, start=Start.AGAIN, again=second.run_id)
    dee = site.person(first_name="Dee")
    site.doubt(ann, dee)
    site.change(ann, first_name="Anna")
    held = download(site)
    site.clear_doubts(ann)
    third = download(site)

    assert (free.ids, second.ids, again.ids) == ({ann}, {bob}, {bob})
    assert (held.ids, third.ids) == ({dee}, {ann})
    assert download(site, start=Start.AGAIN, again=third.run_id).ids == {ann}


def test_an_old_list_goes_unless_it_is_the_latest(site: Site) -> None:
    ann, old = site.person(first_name="Ann"), site.person(first_name="Old")
    site.doubt(ann, old)
    first, second = download(site), download(site)
    site.sql_do("UPDATE runs SET finished_at = now() - interval '91 days'")
    young = download(site, center_id=site.insert("centers", name="North"))
    assert (young.withheld, len(second.withheld)) == ([], 1)

    assert delete_lists(site, rows=1) == [first.run_id]

    site.clear_doubts(ann)
    bob = site.person(first_name="Bob")
    third = download(site)
    assert third.ids == {ann, bob}
    assert delete_lists(site, rows=1) == [second.run_id]
    # Nobody knows any more who waited when the third began, so it has everybody
    cem = site.person(first_name="Cem")
    assert download(site, start=Start.AGAIN, again=third.run_id).ids == {
        ann, old, bob, cem,
    }  # fmt: skip


def test_an_old_list_goes_a_little_at_a_time(site: Site) -> None:
    known = site.person(first_name="Old")
    for name in "ABC":
        site.doubt(site.person(first_name=name), known)
    first, _ = download(site), download(site)
    site.sql_do("UPDATE runs SET finished_at = now() - interval '91 days'")
    assert delete_lists(site, rows=2) == [first.run_id, first.run_id]
    assert site.sql("SELECT count(*) FROM withheld_records") == [(3,)]


def delete_lists(site: Site, *, rows: int) -> list[int]:
    """Clean until there is nothing to clean; whose lists went."""
    found = []
    with site.app.app_context():
        while (run_id := delete_old_list(db.session(), rows=rows)) is not None:
            db.session.commit()
            found.append(run_id)
        db.session.remove()
    return found


@pytest.mark.parametrize("start", [Start.DATE, Start.AGAIN, Start.LAST])
def test_who_was_delivered_and_is_gone_is_told_wherever_the_window_begins(
    site: Site, start: Start
) -> None:
    download(site)
    ann = site.person(first_name="Ann")
    delivered = download(site)
    site.sql_do(f"DELETE FROM constituents WHERE id = {ann}")
    never = site.person(first_name="Never")
    site.sql_do(f"DELETE FROM constituents WHERE id = {never}")
    yesterday = datetime.now(UTC) - timedelta(days=1)

    found = download(site, start=start, since_at=yesterday, again=delivered.run_id)

    assert (found.removed, found.window["moves"]) == ({ann: "Deleted"}, True)


def test_a_restored_database_is_told_and_everything_goes_again(site: Site) -> None:
    ann = site.person(first_name="Ann")
    download(site)
    site.sql_do("UPDATE download_windows SET cluster = '7000000000000000001/00000001'")

    found = download(site)

    assert found.ids == {ann}
    assert found.window["restored_from"] == "7000000000000000001/00000001"
    assert download(site).ids == set()


def test_the_workbook_shows_what_is_stored_and_has_no_formulas(site: Site) -> None:
    values = [
        "=1+1",
        "+1 617",
        "-5",
        "@x",
        " =2",
        "'=3",
        "02134",
        "O'Neil",
        "a\nb",
        "＝4",
        "\u2003=5",
    ]
    for value in values:
        site.person(nickname=value, home_zip="02134")
    found = download(site, settings("NICKNAME", "HOME_ZIP", formats=("csv", "xlsx"), marks=False))

    rows = [list(row.values()) for row in found.rows()]
    [sheet] = found.sheets()
    assert sorted(row[1] for row in rows) == sorted(guard(value) for value in values)
    # One that looks guarded itself keeps its guard, so that our upload reads it as it was
    shown = [
        [number, guard(plain) if plain == "'=3" else plain, zipped]
        for number, plain, zipped in ((row[0], unguard(row[1]), row[2]) for row in rows)
    ]
    assert sheet == [["CONS_ID", "NICKNAME", "HOME_ZIP"], *shown]
    book = zipfile.ZipFile(io.BytesIO(found.files["records", "xlsx"]))
    assert not any(b"<f>" in book.read(name) for name in book.namelist() if "sheet" in name)
    # By this Excel knows that such a cell is text, also once somebody edits it
    assert book.read("xl/styles.xml").count(b'quotePrefix="1"') == 1
    cells = re.findall(
        rb'<c r="B\d+" s="(\d+)"[^>]*>(.*?)</c>', book.read("xl/worksheets/sheet1.xml")
    )
    quoted = {style for style, cell in cells if re.search(rb">(=|\+|-|@| =|\xef|\xe2)", cell)}
    plain_styles = {style for style, cell in cells if re.search(rb">(0|O|a)", cell)}
    assert len(quoted) == 1
    assert not quoted & plain_styles


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_headings_and_formats(site: Site, delimiter: str) -> None:
    site.person(
        first_name=f"Ann{delimiter}\"B\"", birth_date="1980-03-31", matched_donor=True,
        created_at="2026-03-01 09:30:00Z",
    )  # fmt: skip
    columns = (
        ColumnChoice("FIRST_NAME", "First"), ColumnChoice("BIRTH_DATE", "Born"),
        ColumnChoice("MATCHED_DONOR"), ColumnChoice("CREATED_AT"), ColumnChoice("ACTIVE_STATUS"),
    )  # fmt: skip
    chosen = DownloadSettings(
        columns=columns, delimiter=delimiter, marks=False, encoding=Encoding.UTF8,
        date_format=DateFormat.DAY_FIRST,
    )  # fmt: skip

    found = download(site, chosen)

    assert found.rows(delimiter=delimiter) == [
        {"First": f"Ann{delimiter}\"B\"", "Born": "31/03/1980", "MATCHED_DONOR": "Yes",
         "CREATED_AT": "2026-03-01 09:30:00+00", "ACTIVE_STATUS": "Active"}
    ]  # fmt: skip


def test_a_column_that_no_longer_exists_stays_empty_and_is_told(site: Site) -> None:
    """Whoever reads the file by the places of its columns goes on to; nobody has a value there."""
    ann = site.person(first_name="Ann")
    site.insert("custom_fields", key="shirt", label="Shirt", kind="text")
    columns = (
        ColumnChoice("CUSTOM_SHIRT", "Shirt"), ColumnChoice("CONS_ID"), ColumnChoice("FIRST_NAME"),
    )  # fmt: skip
    chosen, alone = (DownloadSettings(columns=each, marks=False) for each in (columns, columns[:1]))
    site.sql_do("DELETE FROM custom_fields")

    found, only = download(site, chosen), download(site, alone, Start.EVERYTHING)

    assert found.rows() == [{"Shirt": "", "CONS_ID": str(ann), "FIRST_NAME": "Ann"}]
    assert found.tallies["gone_columns"] == ["CUSTOM_SHIRT"]
    assert only.rows() == [{"Shirt": ""}]


def test_a_row_of_one_blank_cell_is_a_row(site: Site) -> None:
    """An empty line is none to most readers: the file would have fewer rows than it says."""
    site.person(first_name="Ann", member_id="A-1")
    site.person(first_name="Bob")
    for column, there in (("MEMBER_ID", {"A-1", ""}), ("GROUP_IDS", {""})):
        chosen = DownloadSettings(columns=(ColumnChoice(column),), marks=False)
        found = download(site, chosen, Start.EVERYTHING)
        assert {row[column] for row in found.rows()} == there
        assert found.counts["delivered"] == len(found.rows()) == 2


def test_what_goes_out_for_a_value_is_no_formula_either(site: Site) -> None:
    """An entry's code, and a value without one that is kept as it is."""
    add(site, "field:TITLE", "Ms.", "=1+1")
    set_policy(site, "field:TITLE", Policy.KEEP)
    for title in ("Ms.", "@2", "Mr."):
        site.person(title=title)
    found = download(site, settings("TITLE"))
    assert [row["TITLE"] for row in found.rows()] == ["'=1+1", "'@2", "Mr."]


def test_a_heading_is_no_formula_either(site: Site) -> None:
    site.person(first_name="Ann")
    columns = (ColumnChoice("CONS_ID", "=1+1"), ColumnChoice("MEMBER_ID", "@ID"))
    found = download(site, DownloadSettings(columns=columns, marks=False, formats=("csv", "xlsx")))
    assert list(found.rows()[0]) == ["'=1+1", "'@ID"]
    assert found.sheets()[0][0] == ["'=1+1", "'@ID"]


def test_more_rows_than_a_sheet_can_have_go_on_in_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [site.person(first_name=f"P{n}") for n in range(5)]
    monkeypatch.setattr(download_files, "SHEET_ROWS", 2)

    sheets = download(site, settings(formats=("xlsx",), marks=False)).sheets()

    # Of everything, the rows come in the order they lie in, which is the database's to choose
    assert [sheet[0][0] for sheet in sheets] == ["CONS_ID"] * 3
    assert [len(sheet) - 1 for sheet in sheets] == [2, 2, 1]
    assert sorted(int(row[0]) for sheet in sheets for row in sheet[1:]) == people


def test_the_files_are_named_by_kind_time_and_run(site: Site) -> None:
    found = download(site)
    pattern = rf"constituents_\d{{4}}-\d\d-\d\d_\d{{4}}_run-{found.run_id}\.csv"
    assert re.fullmatch(pattern, found.names["records", "csv"])


def test_what_could_not_go_is_listed_as_not_yet_mapped(site: Site) -> None:
    for state in ("MA", "NH", "NH", " nh "):
        site.person(first_name="Ann", home_stateprov=state)
    add(site, "field:STATEPROV", "MA", "25")
    set_policy(site, "field:STATEPROV", Policy.REJECT)

    found = download(site, settings("HOME_STATEPROV"))

    assert (found.counts["delivered"], found.counts["withheld"]) == (1, 3)
    seen = site.sql("SELECT foreign_key, rows FROM cross_reference_seen WHERE is_outward")
    assert seen == [("nh", 3)]
    uses = "SELECT rows, mapped FROM cross_reference_uses WHERE run_id = %s"
    assert site.sql(uses, found.run_id) == [(4, 1)]
    with site.app.app_context():
        counted = crossref_unmapped.count_waiting(db.session(), date(2026, 11, 23))
        db.session.remove()
    assert list(counted.values()) == [crossref_unmapped.Waiting(unsent=1, unsent_rows=3)]


def test_the_preview_shows_the_rows_that_the_file_will_have(site: Site) -> None:
    site.person(first_name="Ann", member_id="A-1")
    run_id = draft(site, DownloadRequest(Start.EVERYTHING, settings=settings("FIRST_NAME")))

    site.preview(run_id)
    site.run(run_id)

    told = site.sql("SELECT tallies->'download' FROM runs WHERE parent_id = %s", run_id)[0][0]
    assert told["sample"] == [list(row.values()) for row in outcome(site, run_id).rows()]
