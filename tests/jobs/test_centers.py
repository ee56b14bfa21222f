"""A run of a center: its own people, groups and interests, and nothing of anybody else's."""

from __future__ import annotations

import pytest

from tests.jobs.cases import check_row, reject
from tests.jobs.site import CHUNK_SIZES, Site


@pytest.fixture
def centers(site: Site) -> tuple[int, int]:
    """This center and another one."""
    return site.insert("centers", name="North"), site.insert("centers", name="South")


def join(site: Site, center: int, constituent: int) -> int:
    """Make somebody a member of a center."""
    site.insert("center_members", center_id=center, constituent_id=constituent)
    return constituent


def members(site: Site, center: int) -> set[int]:
    """Who is in a center."""
    rows = site.sql("SELECT constituent_id FROM center_members WHERE center_id = %s", center)
    return {found for (found,) in rows}


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_center_changes_its_own_people_alone(
    site: Site, centers: tuple[int, int], chunk_rows: int
) -> None:
    here, there = centers
    site.set(chunk_rows=chunk_rows)
    ann = join(site, here, site.person(member_id="m1", primary_email="ann@x.org"))
    bob = join(site, there, site.person(member_id="m2", primary_email="bob@x.org"))
    eve = site.person(member_id="m3", primary_email="eve@x.org")
    both = join(site, there, join(site, here, site.person(member_id="m4")))
    rows = [
        {"MEMBER_ID": "m1", "FIRST_NAME": "A"},
        {"MEMBER_ID": "m2", "FIRST_NAME": "B"},
        {"MEMBER_ID": "m3", "FIRST_NAME": "C"},
        {"MEMBER_ID": "m4", "FIRST_NAME": "D"},
        {"MEMBER_ID": "m5", "FIRST_NAME": "E"},
        {"MEMBER_ID": "m5", "FIRST_NAME": "F"},
        {"MEMBER_ID": "m2", "FIRST_NAME": ""},
    ]
    imported = site.import_rows(rows, center_id=here)
    outside = reject("other_center", "outside your center", "ask a site administrator")
    expected = ["updated ann", outside, outside, "updated both", "created", "updated", outside]
    ids = {"ann": ann, "both": both}
    for row, outcome in zip(imported.rows.values(), expected, strict=True):
        check_row(row, outcome, ids)
    new = imported.rows[6].constituent_id
    assert members(site, here) == {ann, both, new}
    assert members(site, there) == {bob, both}
    for constituent, name in ((ann, "A"), (bob, None), (eve, None), (both, "D"), (new, "F")):
        assert site.stored(constituent)["first_name"] == name


def test_people_of_others_are_not_named(site: Site, centers: tuple[int, int]) -> None:
    here, there = centers
    ann = join(site, here, site.person(member_id="m1", primary_email="ann@x.org"))
    bob = join(site, there, site.person(member_id="m2", primary_email="bob@x.org"))
    gone = site.person(member_id="m9", primary_email="gone@x.org", removed=True)
    rows = [
        {"CONS_ID": "", "MEMBER_ID": "m1", "PRIMARY_EMAIL": "bob@x.org"},
        {"CONS_ID": str(ann), "MEMBER_ID": "m2", "PRIMARY_EMAIL": ""},
        {"CONS_ID": "", "MEMBER_ID": "m9", "PRIMARY_EMAIL": ""},
        {"CONS_ID": "", "MEMBER_ID": "", "PRIMARY_EMAIL": "bob@x.org"},
    ]
    imported = site.import_rows(rows, center_id=here)
    codes = [row.codes for row in imported.rows.values()]
    assert codes == [("email_taken",), ("member_id_taken",), ("removed",), ("other_center",)]
    for row in imported.rows.values():
        assert not any(f"constituent {found}" in row.messages[0] for found in (ann, bob, gone))


def test_groups_and_interests_of_a_center(site: Site, centers: tuple[int, int]) -> None:
    here, there = centers
    ours, shared = site.group("Ours", center_id=here), site.group("Shared")
    theirs = site.group("Theirs", center_id=there)
    news, secret = site.interest("News"), site.interest("Secret", center_id=there)
    rows = [
        {"MEMBER_ID": "m1", "GROUP_IDS": f"{ours},{shared}", "INTEREST_IDS": str(news)},
        {"MEMBER_ID": "m2", "GROUP_IDS": f"{ours},{theirs}", "INTEREST_IDS": ""},
        {"MEMBER_ID": "m3", "GROUP_IDS": "", "INTEREST_IDS": str(secret)},
    ]
    imported = site.import_rows(rows, center_id=here)
    verdicts = [row.verdict for row in imported.rows.values()]
    assert verdicts == [
        ("created", ()),
        ("rejected", ("other_center_group",)),
        ("rejected", ("unknown_interest",)),
    ]
    assert f"group “{theirs}”, which belongs to another center" in imported.rows[3].messages[0]
    assert site.members(theirs) == set()
    new = imported.rows[2].constituent_id
    assert site.members(ours) == site.members(shared) == {new}
    assert site.choice(news, new) is True
    # The site's own runs may use every center's groups
    assert site.import_rows(rows[1:], center_id=None).run.counts["created"] == 2


def test_the_run_s_groups_belong_to_the_center(site: Site, centers: tuple[int, int]) -> None:
    run = site.import_rows([{"MEMBER_ID": "m1"}], center_id=centers[0]).run
    rows = site.sql("SELECT center_id FROM groups WHERE made_by_run_id = %s", run.id)
    assert rows == [(centers[0],), (centers[0],)]


def test_undoing_a_center_s_run_takes_its_new_people_out(
    site: Site, centers: tuple[int, int]
) -> None:
    before = site.state()
    run = site.import_rows([{"MEMBER_ID": "m1"}, {"MEMBER_ID": "m2"}], center_id=centers[0]).run
    assert len(members(site, centers[0])) == 2
    assert site.undo(run.id).state == "success"
    assert site.state() == before
