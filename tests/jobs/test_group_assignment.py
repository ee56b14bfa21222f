"""DOMAIN "Group Assignment Upload", rule by rule: the same in the preview and the run, at any chunk
size, and gone again after the undo."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.jobs.cases import check_row, fill, reject
from tests.jobs.site import CHUNK_SIZES, Imported, Site
from webapp.extensions import db
from webapp.models import Group
from webapp.rules.guarding import unguard
from webapp.services import memberships
from webapp.services.changes import set_actor
from webapp.services.files import file_store

OPERATION = "group-assignment-upload"


def assign(site: Site, rows: Sequence[Mapping[str, str]] | str, **options: Any) -> Imported:
    """Take in a file of memberships."""
    return site.import_rows(rows, operation=OPERATION, **options)


@pytest.fixture
def ids(site: Site) -> dict[str, int]:
    """A site with people, groups and centers, by name."""
    north = site.insert("centers", name="North")
    south = site.insert("centers", name="South")
    found = {
        "north": north,
        "south": south,
        "ann": site.person(member_id="m1", primary_email="ann@x.org"),
        "bob": site.person(member_id="m2", primary_email="bob@x.org"),
        "cy": site.person(primary_email="cy@x.org"),
        "gone": site.person(member_id="m9", primary_email="gone@x.org", removed=True),
        "deaf": site.person(primary_email="deaf@x.org", accepts_email=False),
        "twin": site.person(primary_email="twins@x.org"),
        "other_twin": site.person(primary_email="twins@x.org"),
        "red": site.group("Red"),
        "blue": site.group("Blue Sky"),
        "northern": site.group("Hikers", center_id=north),
        "southern": site.group("Sailors", center_id=south),
        "pair": site.group("Pair"),
        "other_pair": site.group("PAIR"),
        "new": site.group("Spring – New", kind="new"),
    }
    found["news"] = site.interest("News")
    [(into, out_of)] = site.sql("SELECT opt_in_group_id, opt_out_group_id FROM interests")
    site.insert("center_members", center_id=north, constituent_id=found["bob"])
    site.insert("group_members", group_id=found["red"], constituent_id=found["bob"])
    return found | {"into": into, "out_of": out_of}


UPDATED, SAME = "updated", "unchanged"

CASES: list[tuple[str, dict[str, str], Any]] = [
    ("by CONS_ID", {"CONS_ID": "{ann}", "EXT_GROUP_ID": "{red}"}, "updated ann"),
    ("by MEMBER_ID", {"MEMBER_ID": "m1", "EXT_GROUP_ID": "{red}"}, "updated ann"),
    ("by email, any case", {"PRIMARY_EMAIL": "ANN@x.org", "EXT_GROUP_ID": "{red}"}, "updated ann"),
    ("a member already", {"MEMBER_ID": "m2", "EXT_GROUP_ID": "{red}"}, "unchanged bob"),
    ("by name", {"MEMBER_ID": "m1", "GROUP_NAME": "Red"}, "updated ann"),
    ("by name, loosely", {"MEMBER_ID": "m1", "GROUP_NAME": " blue   SKY "}, "updated ann"),
    ("a member by name", {"MEMBER_ID": "m2", "GROUP_NAME": "RED"}, "unchanged bob"),
    (
        "the name wins",
        {"MEMBER_ID": "m2", "EXT_GROUP_ID": "{blue}", "GROUP_NAME": "Red"},
        "unchanged bob",
    ),
    (
        "the name wins over an ID that nobody knows",
        {"MEMBER_ID": "m1", "EXT_GROUP_ID": "9999", "GROUP_NAME": "Red"},
        "updated ann",
    ),
    (
        "MEMBER_ID of nobody, and the email of one without member ID",
        {"MEMBER_ID": "m7", "PRIMARY_EMAIL": "cy@x.org", "EXT_GROUP_ID": "{red}"},
        "updated cy",
    ),
    (
        "nobody's CONS_ID",
        {"CONS_ID": "999", "EXT_GROUP_ID": "{red}"},
        reject("cons_id_unknown", "CONS_ID 999 does not exist"),
    ),
    (
        "nobody's MEMBER_ID",
        {"MEMBER_ID": "m7", "EXT_GROUP_ID": "{red}"},
        reject("person_not_found", "MEMBER_ID “m7” belongs to nobody here", "creates nobody"),
    ),
    (
        "nobody's email",
        {"PRIMARY_EMAIL": "new@x.org", "EXT_GROUP_ID": "{red}"},
        reject("person_not_found", "PRIMARY_EMAIL “new@x.org”"),
    ),
    (
        "nobody's MEMBER_ID, somebody's email",
        {"MEMBER_ID": "m7", "PRIMARY_EMAIL": "ann@x.org", "EXT_GROUP_ID": "{red}"},
        reject("person_not_found", "MEMBER_ID “m7”"),
    ),
    (
        "a removed record",
        {"MEMBER_ID": "m9", "EXT_GROUP_ID": "{red}"},
        reject("removed", "MEMBER_ID “m9”", "constituent {gone}"),
    ),
    (
        "a removed record's email",
        {"PRIMARY_EMAIL": "gone@x.org", "EXT_GROUP_ID": "{red}"},
        reject("removed", "gone@x.org"),
    ),
    (
        "several of one email",
        {"PRIMARY_EMAIL": "twins@x.org", "EXT_GROUP_ID": "{red}"},
        reject("several_email", "several active records"),
    ),
    (
        "email not accepted",
        {"PRIMARY_EMAIL": "deaf@x.org", "EXT_GROUP_ID": "{red}"},
        reject("email_unreachable", "does not accept email"),
    ),
    (
        "two keys that mean two people",
        {"CONS_ID": "{ann}", "MEMBER_ID": "m2", "EXT_GROUP_ID": "{red}"},
        reject("member_id_taken", "constituent {bob}", "Clear the one that is wrong"),
    ),
    ("no key", {"MEMBER_ID": "", "EXT_GROUP_ID": "{red}"}, reject("no_key")),
    (
        "no group",
        {"MEMBER_ID": "m1", "EXT_GROUP_ID": " "},
        reject("missing_value", "EXT_GROUP_ID is blank"),
    ),
    (
        "neither ID nor name",
        {"MEMBER_ID": "m1", "EXT_GROUP_ID": "", "GROUP_NAME": ""},
        reject("missing_value", "EXT_GROUP_ID and GROUP_NAME are both blank"),
    ),
    (
        "an ID that nobody knows",
        {"MEMBER_ID": "m1", "EXT_GROUP_ID": "9999"},
        reject("unknown_group", "EXT_GROUP_ID names group “9999”, which does not exist"),
    ),
    (
        "an opt-in group",
        {"MEMBER_ID": "m1", "EXT_GROUP_ID": "{into}"},
        reject("opt_group", "which belongs to an interest"),
    ),
    (
        "an opt-out group by name",
        {"MEMBER_ID": "m1", "GROUP_NAME": "News: out"},
        reject("opt_group", "GROUP_NAME names group “News: out”"),
    ),
    (
        "a group that a run made",
        {"MEMBER_ID": "m1", "EXT_GROUP_ID": "{new}"},
        reject("unknown_group", "which a run made"),
    ),
    (
        "a name that two have",
        {"MEMBER_ID": "m1", "GROUP_NAME": "pair"},
        reject("several_of_name", "{pair}, {other_pair}", "EXT_GROUP_ID"),
    ),
    ("the exact one of two", {"MEMBER_ID": "m1", "GROUP_NAME": "PAIR"}, "updated ann"),
    (
        "an email that is none",
        {"PRIMARY_EMAIL": "ann", "EXT_GROUP_ID": "{red}"},
        reject("not_an_email"),
    ),
]


@pytest.mark.parametrize(("row", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_each_rule(site: Site, ids: dict[str, int], row: dict[str, str], expected: Any) -> None:
    before = site.state()
    imported = assign(site, fill([row], ids))
    check_row(imported.rows[2], expected, ids)
    after = site.state()
    is_updated = isinstance(expected, str) and expected.startswith("updated")
    assert (after != before) is is_updated
    assert after["constituents"] == before["constituents"]
    site.undo(imported.run.id)
    assert site.state() == before


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_all_rules_in_one_file(site: Site, ids: dict[str, int], chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    rows = fill([row for _, row, _ in CASES], ids)
    site.connection.execute("DELETE FROM group_members")
    before = site.state()
    imported = assign(site, rows)
    for row, (name, _, expected) in zip(imported.rows.values(), CASES, strict=True):
        if isinstance(expected, str):
            assert row.outcome in (UPDATED, SAME), name
        else:
            assert row.verdict == ("rejected", (expected.code,)), name
    assert site.members(ids["red"]) == {ids["ann"], ids["bob"], ids["cy"]}
    again = assign(site, rows)
    assert again.run.counts["updated"] == 0
    site.undo(imported.run.id)
    assert site.state() == before


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_row_twice(site: Site, ids: dict[str, int], chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    rows = [
        {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "EXT_GROUP_ID": str(ids["red"])},
        {"MEMBER_ID": "", "PRIMARY_EMAIL": "ann@x.org", "EXT_GROUP_ID": str(ids["red"])},
        {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "EXT_GROUP_ID": str(ids["blue"])},
    ]
    imported = assign(site, rows)
    assert [row.outcome for row in imported.rows.values()] == [UPDATED, SAME, UPDATED]
    assert imported.run.tallies["groups"] == {str(ids["red"]): 1, str(ids["blue"]): 1}


GROUPS = ("Red", "Blue Sky", "Night Owls")

# Names that nobody has ------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_an_unknown_name_makes_the_group_once(
    site: Site, ids: dict[str, int], chunk_rows: int
) -> None:
    site.set(chunk_rows=chunk_rows)
    before = site.state()
    rows = [
        {"MEMBER_ID": "m404", "GROUP_NAME": "Night  Owls"},
        {"MEMBER_ID": "m1", "GROUP_NAME": " Night  Owls"},
        {"MEMBER_ID": "m2", "GROUP_NAME": "night owls"},
        {"MEMBER_ID": "m1", "GROUP_NAME": "NIGHT OWLS"},
        {"MEMBER_ID": "m404", "GROUP_NAME": "Nobody’s"},
    ]
    imported = assign(site, rows)
    outcomes = [row.outcome for row in imported.rows.values()]
    assert outcomes == ["rejected", UPDATED, UPDATED, SAME, "rejected"]
    made = site.sql(
        "SELECT id, name, kind, center_id FROM groups WHERE made_by_run_id = %s", imported.run.id
    )
    assert [group[1:] for group in made] == [("Night Owls", "standard", None)]
    assert site.members(made[0][0]) == {ids["ann"], ids["bob"]}
    assert imported.run.tallies["new_groups"] == {"Night Owls": 2}
    assert imported.preview is not None
    assert imported.preview.rows[3].changes == {"group_name": "Night Owls"}
    # The same file again goes into the group that is there now
    again = assign(site, rows)
    assert again.run.counts["updated"] == 0
    site.undo(imported.run.id)
    assert site.state() == before


def test_a_group_that_others_joined_stays(site: Site, ids: dict[str, int]) -> None:
    first = assign(site, [{"MEMBER_ID": "m1", "GROUP_NAME": "Night Owls"}])
    assign(site, [{"MEMBER_ID": "m2", "GROUP_NAME": "Night Owls"}])
    undone = site.undo(first.run.id)
    assert undone.tallies["restored"] == 1
    [(group,)] = site.sql("SELECT id FROM groups WHERE name = 'Night Owls'")
    assert site.members(group) == {ids["bob"]}


def test_what_people_did_by_hand_since_stays_when_it_is_undone(
    site: Site, ids: dict[str, int]
) -> None:
    """Whom they took out stays out, whom they put in again stays in; who was put into a group that
    the run made keeps it there."""
    rows = [{"MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "GROUP_NAME": name} for name in GROUPS]
    rows.append({"MEMBER_ID": "", "PRIMARY_EMAIL": "cy@x.org", "GROUP_NAME": "Red"})
    run = assign(site, rows).run
    made = {name: site.sql("SELECT id FROM groups WHERE name = %s", name)[0][0] for name in GROUPS}
    with site.app.app_context():
        session = db.session()
        set_actor(session, None, "Mary Editor")
        red, blue, owls = (session.get_one(Group, made[name]) for name in GROUPS)
        assert memberships.remove_member(session, red, ids["ann"])
        assert memberships.remove_member(session, blue, ids["ann"])
        assert memberships.add_member(session, blue, ids["ann"]).was_added
        assert memberships.add_member(session, owls, ids["bob"]).was_added
        session.commit()
        db.session.remove()
    looked, undone = site.undo_preview(run.id), site.undo(run.id)
    for told in (looked, undone):
        assert (told.tallies["restored"], told.tallies["kept"]) == (2, 2)
        assert {row.messages[0].partition(":")[0] for row in told.rows.values()} == {
            f"Group {made[name]} stays as it is for this person" for name in ("Red", "Blue Sky")
        }
        assert all("by Mary Editor on" in row.messages[0] for row in told.rows.values())
    assert [site.members(made[name]) for name in GROUPS] == [
        {ids["bob"]}, {ids["ann"]}, {ids["bob"]},
    ]  # fmt: skip


def test_what_a_name_meant_in_the_preview_is_what_it_means(site: Site, ids: dict[str, int]) -> None:
    """Somebody makes the group between the preview and the run: the rows are held back."""
    draft = site.draft([{"MEMBER_ID": "m1", "GROUP_NAME": "Night Owls"}], operation=OPERATION)
    site.preview(draft)
    made = site.group("Night owls")
    run = site.run(draft)
    assert run.rows[2].verdict == ("withheld", ("changed_since_preview",))
    assert site.members(made) == set()
    assert site.sql("SELECT count(*) FROM groups WHERE made_by_run_id = %s", run.id) == [(0,)]


def test_what_follows_a_row_that_is_held_back(site: Site, ids: dict[str, int]) -> None:
    row = {"MEMBER_ID": "m2", "EXT_GROUP_ID": str(ids["red"])}
    draft = site.draft([row, row, {**row, "MEMBER_ID": "m1"}], operation=OPERATION)
    looked = site.preview(draft)
    assert [r.outcome for r in looked.rows.values()] == [SAME, SAME, UPDATED]
    site.connection.execute("DELETE FROM group_members")
    run = site.run(draft)
    assert [r.outcome for r in run.rows.values()] == ["withheld", "withheld", UPDATED]


# Centers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_preview_tells_who_comes_into_a_center(
    site: Site, ids: dict[str, int], chunk_rows: int
) -> None:
    """Once for each person, and not for those who are in it."""
    site.set(chunk_rows=chunk_rows)
    second = site.group("Swimmers", center_id=ids["north"])
    shown = assign(
        site,
        [
            {"MEMBER_ID": "m1", "EXT_GROUP_ID": str(ids["red"])},
            {"MEMBER_ID": "m1", "EXT_GROUP_ID": str(ids["northern"])},
            {"MEMBER_ID": "m1", "EXT_GROUP_ID": str(second)},
            {"MEMBER_ID": "m2", "EXT_GROUP_ID": str(second)},
        ],
    ).preview
    assert shown is not None
    assert [shown.rows[number].changes for number in (2, 3, 4, 5)] == [
        {"group_name": "Red"},
        {"group_name": "Hikers", "center_name": "North"},
        {"group_name": "Swimmers"},
        {"group_name": "Swimmers"},
    ]


def test_each_row_keeps_what_it_is_about(site: Site, ids: dict[str, int]) -> None:
    """By the statement for all at once and by the steps (a name that is new) alike."""
    site.set(chunk_rows=2)
    named = [("Red", "m1"), ("Night Owls", "m1"), ("Blue Sky", "m1"), ("Red", "m2"), ("", "m1")]
    run = assign(site, [{"MEMBER_ID": m, "GROUP_NAME": name} for name, m in named]).run
    found = site.sql(
        "SELECT r.row_number, r.outcome, g.name FROM run_rows r LEFT JOIN groups g"
        " ON g.id = r.into_id WHERE r.run_id = %s ORDER BY 1",
        run.id,
    )
    assert found == [
        (2, "updated", "Red"),
        (3, "updated", "Night Owls"),
        (4, "updated", "Blue Sky"),
        (5, "unchanged", "Red"),
        (6, "rejected", None),
    ]


def test_a_centers_group_makes_a_member_of_the_center(site: Site, ids: dict[str, int]) -> None:
    before = site.state()
    imported = assign(
        site,
        [
            {"MEMBER_ID": "m1", "EXT_GROUP_ID": str(ids["northern"])},
            {"MEMBER_ID": "m2", "EXT_GROUP_ID": str(ids["northern"])},
            {"MEMBER_ID": "m1", "EXT_GROUP_ID": str(ids["red"])},
        ],
    )
    centers = site.sql("SELECT center_id, constituent_id FROM center_members ORDER BY 2")
    assert centers == [(ids["north"], ids["ann"]), (ids["north"], ids["bob"])]
    site.undo(imported.run.id)
    assert site.state() == before


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"MEMBER_ID": "m2", "EXT_GROUP_ID": "{northern}"}, "updated bob"),
        ({"MEMBER_ID": "m2", "EXT_GROUP_ID": "{blue}"}, "updated bob"),
        (
            {"MEMBER_ID": "m1", "EXT_GROUP_ID": "{blue}"},
            reject("other_center", "MEMBER_ID “m1”", "outside your center"),
        ),
        (
            {"MEMBER_ID": "m2", "EXT_GROUP_ID": "{southern}"},
            reject("other_center_group", "which belongs to another center"),
        ),
        (
            {"MEMBER_ID": "m2", "GROUP_NAME": "sailors"},
            reject("other_center_group", "GROUP_NAME names group “sailors”"),
        ),
        ({"MEMBER_ID": "m2", "GROUP_NAME": "Hikers"}, "updated bob"),
        ({"MEMBER_ID": "m2", "GROUP_NAME": "Our own"}, "updated bob"),
    ],
)
def test_a_center_touches_its_own(
    site: Site, ids: dict[str, int], row: dict[str, str], expected: Any
) -> None:
    before = site.state()
    imported = assign(site, fill([row], ids), center_id=ids["north"])
    check_row(imported.rows[2], expected, ids)
    made = site.sql("SELECT center_id FROM groups WHERE name = 'Our own'")
    assert made == ([(ids["north"],)] if row.get("GROUP_NAME") == "Our own" else [])
    site.undo(imported.run.id)
    assert site.state() == before


def test_a_centers_own_group_comes_before_the_shared_one(site: Site, ids: dict[str, int]) -> None:
    own = site.group("Red", center_id=ids["north"])
    assign(site, [{"MEMBER_ID": "m2", "GROUP_NAME": "Red"}], center_id=ids["north"])
    assert site.members(own) == {ids["bob"]}
    assign(site, [{"MEMBER_ID": "m1", "GROUP_NAME": "Red"}])
    assert site.members(ids["red"]) == {ids["ann"], ids["bob"]}


# The file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("MEMBER_ID", "at least one of the columns EXT_GROUP_ID or GROUP_NAME, to tell which"),
        ("GROUP_NAME", "at least one of the columns CONS_ID, MEMBER_ID or PRIMARY_EMAIL"),
        ("MEMBER_ID,GROUP_NAME,FIRST_NAME", "“FIRST_NAME”, is not a known column"),
    ],
)
def test_columns_it_needs(site: Site, columns: str, says: str) -> None:
    cells = ",".join("x" for _ in columns.split(","))
    run = site.run(site.draft(f"{columns}\n{cells}\n", operation=OPERATION))
    assert run.state == "failure"
    assert says in (run.failure or "")


def test_rejects_come_back_and_go_in_again(site: Site, ids: dict[str, int]) -> None:
    rows = [
        {"MEMBER_ID": "m1", "GROUP_NAME": "Red"},
        {"MEMBER_ID": "m77", "GROUP_NAME": "=Red"},
        {"MEMBER_ID": "m2", "GROUP_NAME": "News: in"},
    ]
    run = assign(site, rows).run
    assert run.rejects_key is not None
    with site.app.app_context(), file_store().open(run.rejects_key) as stream:
        text = stream.read().decode().removeprefix("\ufeff")
    again = list(csv.reader(io.StringIO(text)))
    assert again[0] == ["MEMBER_ID", "GROUP_NAME", "DATASYNC_ROW", "DATASYNC_REASON"]
    assert [[unguard(cell) for cell in row[:3]] for row in again[1:]] == [
        ["m77", "=Red", "3"],
        ["m2", "News: in", "4"],
    ]
    fixed = text.replace("m77", "m1").replace("News: in", "Blue Sky")
    assert assign(site, fixed).run.counts["updated"] == 2


def test_left_out_rows_and_memory_of_who(site: Site, ids: dict[str, int]) -> None:
    row = {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "ann@x.org", "GROUP_NAME": "Fresh"}
    draft = site.draft([row], operation=OPERATION)
    site.insert("run_edits", run_id=draft, kind="leave_out", row_number=2)
    assert site.preview(draft).rows[2].verdict == ("withheld", ("left_out",))
    assert site.run(draft).rows[2].outcome == "withheld"
    assert site.sql("SELECT count(*) FROM groups WHERE name = 'Fresh'") == [(0,)]


def test_the_history_names_who_and_which_file(site: Site, ids: dict[str, int]) -> None:
    user = site.user()
    imported = assign(site, [{"MEMBER_ID": "m1", "GROUP_NAME": "Fresh"}], user_id=user)
    changes = site.sql(
        "SELECT table_name, op, actor FROM change_log WHERE run_id = %s ORDER BY id",
        imported.run.id,
    )
    assert changes == [("groups", "insert", "Ada Admin"), ("group_members", "insert", "Ada Admin")]


def test_the_trigger_is_told_that_the_people_are_known(site: Site, ids: dict[str, int]) -> None:
    """By each chunk of an upload, for its own transaction; by nobody else (decision 020)."""
    site.connection.execute(
        "CREATE TABLE told (known text); CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO told VALUES (current_setting('datasync.people_are_known', true));"
        " RETURN NULL; END $$; CREATE TRIGGER tell AFTER INSERT ON group_members"
        " FOR EACH STATEMENT EXECUTE FUNCTION tell()"
    )
    try:
        site.set(chunk_rows=1)
        assign(site, [{"MEMBER_ID": m, "GROUP_NAME": "Blue Sky"} for m in ("m1", "m2")])
        site.insert("group_members", group_id=ids["pair"], constituent_id=ids["ann"])
        site.import_rows([{"MEMBER_ID": "m1", "GROUP_IDS": str(ids["red"])}])
        told = [known or "" for (known,) in site.sql("SELECT known FROM told")]
    finally:
        site.connection.execute("DROP TRIGGER tell ON group_members; DROP FUNCTION tell")
        site.connection.execute("DROP TABLE told")
    assert told[:2] == ["yes", "yes"]
    assert set(told[2:]) == {""}


def test_codes_come_from_the_cross_references(site: Site, ids: dict[str, int]) -> None:
    [(type_id,)] = site.sql("SELECT id FROM cross_reference_types WHERE key = 'group'")
    site.connection.execute(
        "INSERT INTO cross_reference_entries (type_id, online_value, online_key, foreign_values,"
        " foreign_key, searched) VALUES (%s, %s, lpad(%s, 19, '0'), ARRAY['VOL-7'], 'vol-7',"
        " '')",
        [type_id, str(ids["red"]), str(ids["red"])],
    )
    rows = [{"MEMBER_ID": "m1", "EXT_GROUP_ID": code} for code in (" vol-7 ", "VOL-8")]
    imported = assign(site, rows)
    assert [row.outcome for row in imported.rows.values()] == [UPDATED, "rejected"]
    assert site.members(ids["red"]) == {ids["ann"], ids["bob"]}
