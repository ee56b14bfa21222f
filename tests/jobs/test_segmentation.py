"""DOMAIN "Segmentation Upload", rule by rule: the same in the preview and the run, at any chunk
size, and gone again after the undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import psycopg
import pytest

from tests.jobs.cases import Reject, check_row, fill, reject
from tests.jobs.site import CHUNK_SIZES, Imported, Site
from webapp.extensions import db
from webapp.models import Interest
from webapp.services import memberships
from webapp.services.changes import set_actor
from webapp.services.history import constituent_history

OPERATION = "segmentation-upload"
UPDATED, SAME = "updated", "unchanged"


def segment(site: Site, rows: Sequence[Mapping[str, str]] | str, **options: Any) -> Imported:
    """Take in a file of interests."""
    return site.import_rows(rows, operation=OPERATION, **options)


def allow(site: Site) -> None:
    """Give the operation the right to opt people in again."""
    site.connection.execute(
        "UPDATE operations SET options = options || '{\"may_opt_in_again\": true}' WHERE slug = %s",
        [OPERATION],
    )


@pytest.fixture(autouse=True)
def _standard_options(site: Site) -> Any:
    yield
    site.connection.execute("UPDATE operations SET options = '{}' WHERE slug = %s", [OPERATION])


def choose(site: Site, interest: int, person: int, *, opted_in: bool) -> None:
    """What somebody chose before, as it is stored."""
    [(into, out_of)] = site.sql(
        "SELECT opt_in_group_id, opt_out_group_id FROM interests WHERE id = %s", interest
    )
    site.insert("interest_choices", interest_id=interest, constituent_id=person, opted_in=opted_in)
    if into:
        group = into if opted_in else out_of
        site.insert("group_members", group_id=group, constituent_id=person)


@pytest.fixture
def ids(site: Site) -> dict[str, int]:
    """People, interests and centers by name: bob opted in to News, cy opted out of it."""
    found = {
        "north": site.insert("centers", name="North"),
        "south": site.insert("centers", name="South"),
        "ann": site.person(member_id="m1", primary_email="ann@x.org"),
        "bob": site.person(member_id="m2"),
        "cy": site.person(member_id="m3"),
        "gone": site.person(member_id="m9", removed=True),
        "news": site.interest("News"),
        "plain": site.interest("Plain", with_groups=False),
    }
    found["southern"] = site.interest("Sailing", center_id=found["south"])
    choose(site, found["news"], found["bob"], opted_in=True)
    choose(site, found["news"], found["cy"], opted_in=False)
    site.insert("center_members", center_id=found["north"], constituent_id=found["bob"])
    return found


def standing(site: Site, interest: int, person: int) -> tuple[bool | None, bool, bool]:
    """The choice, and whether the person is in the opt-in and in the opt-out group."""
    [(into, out_of)] = site.sql(
        "SELECT opt_in_group_id, opt_out_group_id FROM interests WHERE id = %s", interest
    )
    choice = site.choice(interest, person)
    return choice, person in site.members(into), person in site.members(out_of)


IN, OUT, NOTHING = (True, True, False), (False, False, True), (None, False, False)

CASES: list[tuple[str, dict[str, str], Any, Any]] = [
    ("in", {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "{news}", "OPT_IN": "Yes"}, "updated ann", IN),
    ("out", {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "{news}", "OPT_IN": "N"}, "updated ann", OUT),
    ("by name", {"MEMBER_ID": "m1", "INTEREST_NAME": " news ", "OPT_IN": "1"}, "updated ann", IN),
    (
        "the name wins",
        {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "9", "INTEREST_NAME": "News", "OPT_IN": "1"},
        "updated ann",
        IN,
    ),
    (
        "in already",
        {"MEMBER_ID": "m2", "INTEREST_NAME": "News", "OPT_IN": "y"},
        "unchanged bob",
        IN,
    ),
    (
        "in, now out",
        {"MEMBER_ID": "m2", "INTEREST_NAME": "News", "OPT_IN": "no"},
        "updated bob",
        OUT,
    ),
    (
        "out already",
        {"MEMBER_ID": "m3", "INTEREST_NAME": "News", "OPT_IN": "F"},
        "unchanged cy",
        OUT,
    ),
    (
        "a no stays",
        {"MEMBER_ID": "m3", "INTEREST_NAME": "News", "OPT_IN": "T"},
        "unchanged cy",
        OUT,
    ),
    (
        "an ID that nobody knows",
        {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "999", "OPT_IN": "Yes"},
        reject("unknown_interest", "EXT_INTEREST_ID names interest “999”"),
        NOTHING,
    ),
    (
        "neither yes nor no",
        {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "{news}", "OPT_IN": "perhaps"},
        reject("not_yes_no"),
        NOTHING,
    ),
    (
        "no answer",
        {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "{news}", "OPT_IN": ""},
        reject("missing_value", "OPT_IN is blank"),
        NOTHING,
    ),
    (
        "no interest",
        {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "", "OPT_IN": "Yes"},
        reject("missing_value", "EXT_INTEREST_ID is blank"),
        NOTHING,
    ),
    (
        "nobody",
        {"MEMBER_ID": "m77", "EXT_INTEREST_ID": "{news}", "OPT_IN": "Yes"},
        reject("person_not_found", "m77"),
        NOTHING,
    ),
    (
        "a removed record",
        {"MEMBER_ID": "m9", "EXT_INTEREST_ID": "{news}", "OPT_IN": "Yes"},
        reject("removed"),
        NOTHING,
    ),
]
WHO = {"m1": "ann", "m2": "bob", "m3": "cy"}


@pytest.mark.parametrize(
    ("row", "expected", "after"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_each_rule(
    site: Site, ids: dict[str, int], row: dict[str, str], expected: Any, after: Any
) -> None:
    before = site.state()
    imported = segment(site, fill([row], ids))
    check_row(imported.rows[2], expected, ids)
    person = ids[WHO.get(row["MEMBER_ID"], "ann")]
    assert standing(site, ids["news"], person) == after
    if isinstance(expected, Reject):
        assert site.state() == before
    site.undo(imported.run.id)
    assert site.state() == before


def test_an_interest_without_groups(site: Site, ids: dict[str, int]) -> None:
    segment(site, [{"MEMBER_ID": "m1", "INTEREST_NAME": "Plain", "OPT_IN": "no"}])
    assert site.choice(ids["plain"], ids["ann"]) is False


# Opt-outs -------------------------------------------------------------------------------------

AGAIN = [{"MEMBER_ID": "m3", "INTEREST_NAME": "News", "OPT_IN": "Yes"}]


def test_a_no_stays_and_is_told(site: Site, ids: dict[str, int]) -> None:
    imported = segment(site, AGAIN)
    assert imported.run.tallies["opt_outs_kept"] == 1
    assert imported.rows[2].notes == (
        "Stays opted out of News: the file alone cannot opt anybody in again.",
    )


@pytest.mark.parametrize(("right", "confirmed"), [(False, True), (True, False), (False, False)])
def test_right_and_word_are_both_needed(
    site: Site, ids: dict[str, int], right: bool, confirmed: bool
) -> None:
    if right:
        allow(site)
    imported = segment(site, AGAIN, opt_in_again=confirmed)
    assert imported.rows[2].outcome == SAME
    assert standing(site, ids["news"], ids["cy"]) == OUT


def test_with_both_it_is_done_and_logged(site: Site, ids: dict[str, int]) -> None:
    allow(site)
    before = site.state()
    imported = segment(
        site, AGAIN, opt_in_again=True, opt_in_again_by="Mary O’Neil 100 %", name="again.csv"
    )
    assert imported.rows[2].outcome == UPDATED
    assert imported.rows[2].notes == (
        "Opted in again to News, as Mary O’Neil 100 % decided: this person had opted out.",
    )
    assert imported.run.tallies["opted_in_again"] == 1
    assert standing(site, ids["news"], ids["cy"]) == IN
    logged = site.sql(
        "SELECT table_name, op, old -> 'opted_in' FROM change_log WHERE run_id = %s"
        " AND table_name = 'interest_choices'",
        imported.run.id,
    )
    assert logged == [("interest_choices", "update", "f")]
    with site.app.app_context():
        event = constituent_history(db.session(), ids["cy"]).events[0]
        db.session.remove()
    assert event.source is not None
    assert (event.source.run_id, event.source.file_name) == (imported.run.id, "again.csv")
    site.undo(imported.run.id)
    assert site.state() == before


def test_who_is_only_in_the_opt_out_group_opted_out(site: Site, ids: dict[str, int]) -> None:
    site.connection.execute("DELETE FROM interest_choices")
    rows = [{"MEMBER_ID": m, "INTEREST_NAME": "News", "OPT_IN": "Yes"} for m in ("m2", "m3")]
    imported = segment(site, rows)
    assert [row.outcome for row in imported.rows.values()] == [SAME, SAME]
    assert imported.run.tallies["opt_outs_kept"] == 1


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
@pytest.mark.parametrize("again", [False, True])
def test_rows_of_one_person_apply_in_file_order(
    site: Site, ids: dict[str, int], chunk_rows: int, again: bool
) -> None:
    site.set(chunk_rows=chunk_rows)
    allow(site)
    before = site.state()
    answers = ["y", "y", "n", "y", "n"]
    rows = [{"MEMBER_ID": "m1", "INTEREST_NAME": "News", "OPT_IN": answer} for answer in answers]
    imported = segment(site, rows, opt_in_again=again)
    outcomes = [row.outcome for row in imported.rows.values()]
    kept = [UPDATED, SAME, UPDATED, SAME, SAME]
    assert outcomes == ([UPDATED, SAME, UPDATED, UPDATED, UPDATED] if again else kept)
    assert standing(site, ids["news"], ids["ann"]) == OUT
    assert imported.run.tallies["opt_outs_kept"] == (0 if again else 1)
    site.undo(imported.run.id)
    assert site.state() == before


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_choice_that_went_to_and_fro_is_undone_to_the_day_it_was_made(
    site: Site, ids: dict[str, int], chunk_rows: int
) -> None:
    site.set(chunk_rows=chunk_rows)
    allow(site)
    before = site.state()
    rows = [
        {"MEMBER_ID": member, "INTEREST_NAME": "News", "OPT_IN": answer}
        for member, answers in (("m3", "yn"), ("m2", "ny"))
        for answer in answers
    ]
    run = segment(site, rows, opt_in_again=True).run
    assert run.counts["updated"] == 4
    assert site.undo(run.id).tallies["kept"] == 0
    assert site.state() == before


def test_what_people_choose_by_hand_since_stays_when_it_is_undone(
    site: Site, ids: dict[str, int]
) -> None:
    """Whatever they had chosen before and whatever the file said. Who chooses by hand what the file
    had brought changes nothing, so theirs goes back."""
    cases = list(product((None, True, False), (True, False), (True, False)))
    people = [site.person(member_id=f"case-{n}") for n in range(len(cases))]
    for person, (before, _, _) in zip(people, cases, strict=True):
        if before is not None:
            choose(site, ids["news"], person, opted_in=before)
    rows = [
        {"MEMBER_ID": f"case-{n}", "INTEREST_NAME": "News", "OPT_IN": "Yes" if said else "No"}
        for n, (_, said, _) in enumerate(cases)
    ]
    allow(site)
    run = segment(site, rows, opt_in_again=True).run
    changed = []
    with site.app.app_context():
        session = db.session()
        set_actor(session, None, "Mary Editor")
        news = session.get_one(Interest, ids["news"])
        for person, (_, _, by_hand) in zip(people, cases, strict=True):
            changed.append(
                memberships.choose(session, news, person, opted_in=by_hand, undoes_opt_out=True)
            )
        session.commit()
        db.session.remove()
    assert changed == [said is not by_hand for _, said, by_hand in cases]
    assert site.undo_preview(run.id).tallies["kept"] == site.undo(run.id).tallies["kept"] > 0
    standings = {None: NOTHING, True: IN, False: OUT}
    for person, case in zip(people, cases, strict=True):
        before, said, by_hand = case
        wanted = before if said is by_hand else by_hand
        assert standing(site, ids["news"], person) == standings[wanted], case


# Names that nobody has ------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_an_unknown_name_makes_an_email_interest(
    site: Site, ids: dict[str, int], chunk_rows: int
) -> None:
    site.set(chunk_rows=chunk_rows)
    before = site.state()
    rows = [
        {"MEMBER_ID": "m1", "INTEREST_NAME": "Owls", "OPT_IN": "yes"},
        {"MEMBER_ID": "m2", "INTEREST_NAME": "OWLS", "OPT_IN": "no"},
        {"MEMBER_ID": "m1", "INTEREST_NAME": "owls ", "OPT_IN": "yes"},
        {"MEMBER_ID": "m77", "INTEREST_NAME": "Nobody’s", "OPT_IN": "yes"},
    ]
    imported = segment(site, rows)
    outcomes = [row.outcome for row in imported.rows.values()]
    assert outcomes == [UPDATED, UPDATED, SAME, "rejected"]
    [(owls, kind, into, out_of)] = site.sql(
        "SELECT id, kind, opt_in_group_id, opt_out_group_id FROM interests WHERE name = 'Owls'"
    )
    assert kind == "email"
    assert (site.members(into), site.members(out_of)) == ({ids["ann"]}, {ids["bob"]})
    groups = site.sql(
        "SELECT kind, name FROM groups WHERE id IN (%s, %s) ORDER BY id", into, out_of
    )
    assert groups == [("opt_in", "Owls: opted in"), ("opt_out", "Owls: opted out")]
    assert imported.run.tallies["new_interests"] == {"Owls": 1}
    assert imported.run.tallies["new_interests_out"] == {"Owls": 1}
    assert standing(site, owls, ids["ann"]) == IN
    again = segment(site, rows)
    assert again.run.counts["updated"] == 0
    site.undo(imported.run.id)
    assert site.state() == before


def test_an_interest_others_chose_stays(site: Site, ids: dict[str, int]) -> None:
    row = {"MEMBER_ID": "m1", "INTEREST_NAME": "Owls", "OPT_IN": "yes"}
    first = segment(site, [row])
    segment(site, [{**row, "MEMBER_ID": "m2"}])
    site.undo(first.run.id)
    [(owls,)] = site.sql("SELECT id FROM interests WHERE name = 'Owls'")
    assert standing(site, owls, ids["bob"]) == IN
    assert standing(site, owls, ids["ann"]) == NOTHING


# Centers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"MEMBER_ID": "m2", "EXT_INTEREST_ID": "{plain}", "OPT_IN": "y"}, "updated bob"),
        ({"MEMBER_ID": "m2", "INTEREST_NAME": "Ours", "OPT_IN": "y"}, "updated bob"),
        (
            {"MEMBER_ID": "m1", "EXT_INTEREST_ID": "{plain}", "OPT_IN": "y"},
            reject("other_center", "outside your center"),
        ),
        (
            {"MEMBER_ID": "m2", "EXT_INTEREST_ID": "{southern}", "OPT_IN": "y"},
            reject("unknown_interest", "which belongs to another center"),
        ),
        (
            {"MEMBER_ID": "m2", "INTEREST_NAME": "Sailing", "OPT_IN": "y"},
            reject("unknown_interest", "which belongs to another center"),
        ),
    ],
)
def test_a_center_touches_its_own(
    site: Site, ids: dict[str, int], row: dict[str, str], expected: Any
) -> None:
    before = site.state()
    imported = segment(site, fill([row], ids), center_id=ids["north"])
    check_row(imported.rows[2], expected, ids)
    made = site.sql("SELECT center_id FROM interests WHERE name = 'Ours'")
    assert made == ([(ids["north"],)] if row.get("INTEREST_NAME") == "Ours" else [])
    site.undo(imported.run.id)
    assert site.state() == before


# What the database refuses --------------------------------------------------------------------


def test_nobody_is_in_both_groups_of_an_interest(site: Site, ids: dict[str, int]) -> None:
    [(into, out_of)] = site.sql(
        "SELECT opt_in_group_id, opt_out_group_id FROM interests WHERE id = %s", ids["news"]
    )
    for group, person in ((into, ids["cy"]), (out_of, ids["bob"])):
        with pytest.raises(psycopg.errors.ExclusionViolation, match="both groups of interest News"):
            site.insert("group_members", group_id=group, constituent_id=person)
    site.insert("group_members", group_id=into, constituent_id=ids["ann"])
    with pytest.raises(psycopg.errors.ExclusionViolation):
        site.connection.execute(
            "INSERT INTO group_members (group_id, constituent_id)"
            " SELECT g, %s FROM unnest(%s::bigint[]) g",
            [site.person(member_id="m5"), [into, out_of]],
        )


# The preview ----------------------------------------------------------------------------------


def test_the_preview_shows_before_and_after(site: Site, ids: dict[str, int]) -> None:
    imported = segment(site, [{"MEMBER_ID": "m2", "INTEREST_NAME": "news", "OPT_IN": "No"}])
    assert imported.preview is not None
    row = imported.preview.rows[2]
    assert (row.before, row.changes) == (
        {"opt_in": "true"},
        {"interest_name": "News", "opt_in": "false"},
    )


def test_somebody_opts_out_after_the_preview(site: Site, ids: dict[str, int]) -> None:
    row = {"MEMBER_ID": "m1", "INTEREST_NAME": "News", "OPT_IN": "Yes"}
    draft = site.draft([row, row], operation=OPERATION)
    assert [r.outcome for r in site.preview(draft).rows.values()] == [UPDATED, SAME]
    choose(site, ids["news"], ids["ann"], opted_in=False)
    run = site.run(draft)
    assert [r.codes for r in run.rows.values()] == [("changed_since_preview",)] * 2
    assert standing(site, ids["news"], ids["ann"]) == OUT
