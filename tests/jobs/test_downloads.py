"""The Constituent Data Download: who is in it, who is not and why, and what stands in the file."""

from __future__ import annotations

from tests.jobs.downloading import download, settings
from tests.jobs.site import Site
from webapp.rules.download_settings import Encoding, Start


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
    assert by_id[bob]["MERGED_INTO_CONS_ID"] == str(dee)
    assert by_id[bob]["MERGED_INTO_MEMBER_ID"] == "M-3"
    assert by_id[cem]["MEMBER_ID"] == "M-2"
    assert found.counts["removed"] == 3


def test_who_came_and_went_between_two_downloads_is_no_change(site: Site) -> None:
    download(site)
    ann = site.person(first_name="Ann")
    site.sql_do(f"DELETE FROM constituents WHERE id = {ann}")

    assert download(site).counts["rows_read"] == 0


def test_a_potential_duplicate_waits_and_goes_once_resolved(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    site.insert("unresolved_duplicates", constituent_id=ann)

    first = download(site)
    again = download(site)
    site.sql_do("DELETE FROM unresolved_duplicates")
    third = download(site)
    fourth = download(site)

    assert first.ids == {bob}
    assert [found[:2] for found in first.withheld] == [(ann, "unresolved_duplicate")]
    assert [found[:2] for found in again.withheld] == [(ann, "unresolved_duplicate")]
    assert (again.window["changed"], again.window["carried"]) == (0, 1)
    assert third.ids == {ann}
    assert fourth.ids == set()


def test_only_what_is_free_goes_when_that_is_asked_for(site: Site) -> None:
    ann, bob, cem = (site.person(first_name=name) for name in "ABC")
    for one in (ann, bob):
        site.insert("unresolved_duplicates", constituent_id=one)
    download(site)
    site.sql_do(f"DELETE FROM unresolved_duplicates WHERE constituent_id = {ann}")
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
