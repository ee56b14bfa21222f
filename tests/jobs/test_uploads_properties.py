"""What holds for any file of the two uploads: sets come to what one row after the other comes to,
whatever the chunk's size; an undo gives everything back; nobody is in both groups of an interest;
interrupted or beside another run, the end is the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.jobs.site import Site
from tests.jobs.stopping import interrupted

quick = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
UPLOADS = {"groups": "group-assignment-upload", "interests": "segmentation-upload"}
MEMBERS = ("m1", "m2", "m3", "m404")
GROUP_CELLS = ("1", "2", "77", "")
GROUP_NAMES = ("", "", "Red", "red ", "Owls", "OWLS")
NAMES = ("News", "news", "Plain", "Owls", "oWLs", "")
ANSWERS = ("yes", "no", "Y", "")

Row = Mapping[str, str]

group_rows = st.lists(
    st.fixed_dictionaries(
        {
            "MEMBER_ID": st.sampled_from(MEMBERS),
            "EXT_GROUP_ID": st.sampled_from(GROUP_CELLS),
            "GROUP_NAME": st.sampled_from(GROUP_NAMES),
        }
    ),
    min_size=1,
    max_size=12,
)
interest_rows = st.lists(
    st.fixed_dictionaries(
        {
            "MEMBER_ID": st.sampled_from(MEMBERS),
            "INTEREST_NAME": st.sampled_from(NAMES),
            "OPT_IN": st.sampled_from(ANSWERS),
        }
    ),
    min_size=1,
    max_size=12,
)
chunks = st.sampled_from((1, 2, 5, 10_000))
memberships = st.sets(st.tuples(st.sampled_from((1, 2)), st.sampled_from((1, 2, 3))), max_size=4)
choices = st.dictionaries(
    st.tuples(st.sampled_from((1, 2)), st.sampled_from((1, 2, 3))), st.booleans(), max_size=4
)

GROUPS = {"red": 1, "blue": 2}
INTERESTS = {"news": 1, "plain": 2}
PEOPLE = {"m1": 1, "m2": 2, "m3": 3}


def settle(site: Site) -> None:
    site.reset()
    for member, number in PEOPLE.items():
        site.insert("constituents", id=number, member_id=member)
    for name, number in GROUPS.items():
        site.insert("groups", id=number, name=name.title())
    for group, kind in ((11, "opt_in"), (12, "opt_out")):
        site.insert("groups", id=group, name=f"News {kind}", kind=kind)
    site.insert("interests", id=1, name="News", opt_in_group_id=11, opt_out_group_id=12)
    site.insert("interests", id=2, name="Plain")


def settle_choices(site: Site, before: Mapping[tuple[int, int], bool]) -> None:
    for (interest, person), opted_in in before.items():
        site.insert(
            "interest_choices", interest_id=interest, constituent_id=person, opted_in=opted_in
        )
        if interest == 1:
            group = 11 if opted_in else 12
            site.insert("group_members", group_id=group, constituent_id=person)


def allow(site: Site, *, allowed: bool) -> None:
    site.connection.execute(
        "UPDATE operations SET options = jsonb_build_object('may_opt_in_again', %s) WHERE slug ="
        " 'segmentation-upload'",
        [allowed],
    )


def expect_groups(
    rows: list[Row], before: set[tuple[Any, int]]
) -> tuple[list[str], set[tuple[Any, int]]]:
    """The outcomes and the memberships, one row after the other; a made group goes by its name."""
    members, outcomes = set(before), []
    for row in rows:
        person = PEOPLE.get(row["MEMBER_ID"])
        name = " ".join(row["GROUP_NAME"].split()).lower()
        group: Any = GROUPS.get(name, name) if name else {"1": 1, "2": 2}.get(row["EXT_GROUP_ID"])
        if person is None or group is None:
            outcomes.append("rejected")
        elif (group, person) in members:
            outcomes.append("unchanged")
        else:
            outcomes.append("updated")
            members.add((group, person))
    return outcomes, members


def expect_choices(
    rows: list[Row], before: Mapping[tuple[Any, int], bool], *, allowed: bool
) -> tuple[list[str], dict[tuple[Any, int], bool]]:
    """The same for interests."""
    chosen, outcomes = dict(before), []
    for row in rows:
        person = PEOPLE.get(row["MEMBER_ID"])
        name = row["INTEREST_NAME"].strip().lower()
        answer = {"yes": True, "Y": True, "no": False}.get(row["OPT_IN"])
        if person is None or not name or answer is None:
            outcomes.append("rejected")
            continue
        key = (INTERESTS.get(name, name), person)
        is_kept = answer and chosen.get(key) is False and not allowed
        if chosen.get(key) is answer or is_kept:
            outcomes.append("unchanged")
        else:
            outcomes.append("updated")
            chosen[key] = answer
    return outcomes, chosen


def is_file(rows: list[Row]) -> bool:
    """Whether any row is one: a row of blanks is none."""
    return all(any(row.values()) for row in rows)


@quick
@given(rows=group_rows, before=memberships, chunk=chunks, undo_chunk=chunks)
def test_groups(
    site: Site, rows: list[Row], before: set[tuple[int, int]], chunk: int, undo_chunk: int
) -> None:
    settle(site)
    for group, person in before:
        site.insert("group_members", group_id=group, constituent_id=person)
    state = site.state()
    site.set(chunk_rows=chunk)
    run = site.import_rows(rows, operation=UPLOADS["groups"]).run
    outcomes, members = expect_groups(rows, set(before))
    assert [row.outcome for row in run.rows.values()] == outcomes
    found = site.sql(
        "SELECT CASE WHEN g.made_by_run_id IS NULL THEN NULL ELSE lower(g.name) END, g.id,"
        " m.constituent_id FROM group_members m JOIN groups g ON g.id = m.group_id"
    )
    assert {(name or group, person) for name, group, person in found} == members
    again = site.import_rows(rows, operation=UPLOADS["groups"]).run
    assert again.counts["updated"] == 0
    site.set(chunk_rows=undo_chunk)
    assert site.undo(run.id).tallies["kept"] == 0
    assert site.state() == state


@quick
@given(rows=interest_rows, before=choices, chunk=chunks, undo_chunk=chunks, allowed=st.booleans())
def test_interests(
    site: Site,
    rows: list[Row],
    before: dict[tuple[int, int], bool],
    chunk: int,
    undo_chunk: int,
    allowed: bool,
) -> None:
    settle(site)
    settle_choices(site, before)
    allow(site, allowed=allowed)
    state = site.state()
    site.set(chunk_rows=chunk)
    run = site.import_rows(rows, operation=UPLOADS["interests"], opt_in_again=allowed).run
    allow(site, allowed=False)
    outcomes, chosen = expect_choices(rows, before, allowed=allowed)
    assert [row.outcome for row in run.rows.values()] == outcomes
    found = site.sql(
        "SELECT CASE WHEN t.made_by_run_id IS NULL THEN NULL ELSE lower(t.name) END, t.id,"
        " c.constituent_id, c.opted_in FROM interest_choices c JOIN interests t"
        " ON t.id = c.interest_id"
    )
    assert {(name or topic, person): c for name, topic, person, c in found} == chosen
    # The groups say what the choices say, and nobody is in both
    groups = site.sql(
        "SELECT t.id, c.constituent_id FROM interests t JOIN interest_choices c"
        " ON c.interest_id = t.id WHERE t.opt_in_group_id IS NOT NULL AND ARRAY(SELECT m.group_id"
        " FROM group_members m WHERE m.constituent_id = c.constituent_id AND m.group_id IN"
        " (t.opt_in_group_id, t.opt_out_group_id)) <> ARRAY[CASE WHEN c.opted_in"
        " THEN t.opt_in_group_id ELSE t.opt_out_group_id END]"
    )
    assert groups == []
    site.set(chunk_rows=undo_chunk)
    assert site.undo(run.id).tallies["kept"] == 0
    assert site.state() == state


FILES: dict[str, list[dict[str, str]]] = {
    "groups": [
        {"MEMBER_ID": "m1", "GROUP_NAME": "Owls"},
        {"MEMBER_ID": "m404", "GROUP_NAME": "Owls"},
        {"MEMBER_ID": "m2", "GROUP_NAME": "owls"},
        {"MEMBER_ID": "m1", "GROUP_NAME": "Red"},
        {"MEMBER_ID": "m1", "GROUP_NAME": "OWLS"},
        {"MEMBER_ID": "m3", "GROUP_NAME": "Hawks"},
    ],
    "interests": [
        {"MEMBER_ID": "m1", "INTEREST_NAME": "Owls", "OPT_IN": "yes"},
        {"MEMBER_ID": "m404", "INTEREST_NAME": "Owls", "OPT_IN": "yes"},
        {"MEMBER_ID": "m2", "INTEREST_NAME": "owls", "OPT_IN": "no"},
        {"MEMBER_ID": "m1", "INTEREST_NAME": "News", "OPT_IN": "no"},
        {"MEMBER_ID": "m1", "INTEREST_NAME": "OWLS", "OPT_IN": "yes"},
        {"MEMBER_ID": "m3", "INTEREST_NAME": "Hawks", "OPT_IN": "yes"},
    ],
}
OUTCOMES = ["updated", "rejected", "updated", "updated", "unchanged", "updated"]


@pytest.mark.parametrize("next_row", [1, 2, 3, 6])
@pytest.mark.parametrize("what", list(UPLOADS))
def test_it_goes_on_where_it_stood(site: Site, what: str, next_row: int) -> None:
    """Sealed by its preview: what was made before the interruption is still what was shown."""
    settle(site)
    site.set(chunk_rows=1)
    before = site.state()
    draft = site.draft(FILES[what], operation=UPLOADS[what])
    assert site.preview(draft).state == "success"
    run = interrupted(site, site.start(draft), next_row)
    assert run.state == "success", run.failure
    run.check_counts()
    assert [row.outcome for row in run.rows.values()] == OUTCOMES
    made = site.sql(f"SELECT name FROM {what} WHERE made_by_run_id = {run.id} ORDER BY id")
    assert [name for (name,) in made if ":" not in name] == ["Owls", "Hawks"]
    site.undo(run.id)
    assert site.state() == before


@pytest.mark.parametrize("what", list(UPLOADS))
def test_two_at_once_make_one_of_each_name(site: Site, what: str) -> None:
    settle(site)
    site.set(chunk_rows=1)
    runs = [site.start(site.draft(FILES[what] * 4, operation=UPLOADS[what])) for _ in range(3)]
    results = site.at_once(runs)
    assert [result.state for result in results] == ["success"] * 3
    names = site.sql(f"SELECT name FROM {what} WHERE name IN ('Owls', 'Hawks') ORDER BY name")
    assert names == [("Hawks",), ("Owls",)]
    assert sum(result.counts["updated"] for result in results) == 4
