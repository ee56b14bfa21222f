"""What else a row brings: groups and interests, custom fields, emails ever used, and the run's own
New and Modified groups."""

from __future__ import annotations

import json
import re

import pytest

from tests.jobs.cases import Case, check, parameters, reject
from tests.jobs.site import CHUNK_SIZES, Site

ANN = {"member_id": "m1", "primary_email": "ann@x.org"}


# Groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_groups_are_added_to_and_nobody_is_taken_out(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    red, blue = site.group("Red"), site.group("Blue")
    ann = site.person(member_id="m1")
    bob = site.person(member_id="m2")
    site.insert("group_members", group_id=red, constituent_id=ann)
    imported = site.import_rows(
        [
            {"MEMBER_ID": "m1", "GROUP_IDS": str(red)},
            {"MEMBER_ID": "m2", "GROUP_IDS": f" {red} , {blue},{red}"},
            {"MEMBER_ID": "m3", "GROUP_IDS": str(blue)},
            {"MEMBER_ID": "m1", "GROUP_IDS": ""},
            {"MEMBER_ID": "m3", "GROUP_IDS": str(blue)},
            {"MEMBER_ID": "m1", "GROUP_IDS": str(blue)},
        ]
    )
    outcomes = [row.outcome for row in imported.rows.values()]
    assert outcomes == ["unchanged", "updated", "created", "unchanged", "unchanged", "updated"]
    new = imported.rows[4].constituent_id
    assert site.members(red) == {ann, bob}
    assert site.members(blue) == {ann, bob, new}
    assert imported.run.tallies["groups"] == {str(red): 1, str(blue): 3}


def test_groups_that_cannot_be_used(site: Site) -> None:
    red = site.group("Red")
    news = site.interest("News")
    [(into, out_of)] = site.sql("SELECT opt_in_group_id, opt_out_group_id FROM interests")
    made = site.import_rows([{"MEMBER_ID": "m0"}]).run
    cells = {
        str(into): ("opt_group", "which belongs to an interest"),
        f"{red},{out_of}": ("opt_group", f"group “{out_of}”"),
        str(made.new_group): ("unknown_group", "which a run made"),
        "999": ("unknown_group", "GROUP_IDS names group “999”, which does not exist"),
        "Red": ("unknown_group", "“Red”"),
        f"{red};{news}": ("unknown_group", "separate several with commas"),
    }
    rows = [{"MEMBER_ID": f"x{n}", "GROUP_IDS": cell} for n, cell in enumerate(cells)]
    imported = site.import_rows(rows)
    for row, (code, says) in zip(imported.rows.values(), cells.values(), strict=True):
        assert row.verdict == ("rejected", (code,))
        assert says in row.messages[0]
    assert site.members(red) == set()
    assert imported.run.counts["created"] == 0


def test_unknown_interests(site: Site) -> None:
    news = site.interest("News", with_groups=False)
    rows = [{"MEMBER_ID": "m1", "INTEREST_IDS": cell} for cell in ("999", f"{news},999", "News")]
    imported = site.import_rows(rows)
    assert {row.verdict for row in imported.rows.values()} == {("rejected", ("unknown_interest",))}
    assert "INTEREST_IDS names interest “999”" in imported.rows[3].messages[0]
    assert site.sql("SELECT * FROM interest_choices") == []


def test_every_fault_of_a_row_is_told(site: Site) -> None:
    row = {
        "MEMBER_ID": "m1",
        "PRIMARY_EMAIL": "nobody",
        "FIRST_NAME": "x" * 51,
        "BIRTH_DATE": "someday",
        "GROUP_IDS": "99",
    }
    found = site.import_rows([row]).rows[2]
    assert set(found.codes) == {"not_an_email", "too_long", "not_a_date", "unknown_group"}
    assert len(found.messages) == 4
    assert found.cells == list(row.values())


# New and Modified -----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_new_and_modified(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    ann, bob = site.person(member_id="m1"), site.person(member_id="m2", first_name="Bob")
    imported = site.import_rows(
        [
            {"MEMBER_ID": "m1", "FIRST_NAME": "Ann"},
            {"MEMBER_ID": "m2", "FIRST_NAME": "Bob"},
            {"MEMBER_ID": "m3", "FIRST_NAME": "Cy"},
            {"MEMBER_ID": "m3", "FIRST_NAME": "Cyril"},
            {"MEMBER_ID": "m1", "FIRST_NAME": "Anna"},
            {"MEMBER_ID": "m4", "FIRST_NAME": "x" * 51},
        ],
        label="Spring",
    )
    run = imported.run
    assert site.members(run.new_group) == {imported.rows[4].constituent_id}
    assert site.members(run.modified_group) == {ann}
    assert bob not in site.members(run.modified_group)
    groups = site.sql(
        "SELECT name, kind, folder, made_by_run_id FROM groups WHERE id IN (%s, %s) ORDER BY id",
        run.new_group,
        run.modified_group,
    )
    for (name, kind, folder, made_by), word in zip(groups, ("New", "Modified"), strict=True):
        assert re.fullmatch(rf"Spring – {word} – \d{{4}}-\d\d-\d\d \d\d:\d\d", name)
        assert (kind, folder, made_by) == (word.lower(), "Data Sync", run.id)


def test_a_preview_makes_no_groups_and_writes_nothing(site: Site) -> None:
    site.person(member_id="m1", first_name="Ann")
    red = site.group("Red")
    before = site.state()
    log = site.sql("SELECT count(*) FROM change_log")
    preview = site.preview(
        site.draft(
            [
                {"MEMBER_ID": "m1", "FIRST_NAME": "Anna", "GROUP_IDS": str(red)},
                {"MEMBER_ID": "m2", "FIRST_NAME": "New", "GROUP_IDS": ""},
            ]
        )
    )
    assert preview.state == "success"
    assert preview.counts["created"] == preview.counts["updated"] == 1
    assert site.state() == before
    assert site.sql("SELECT count(*) FROM change_log") == log


def test_a_preview_shows_before_and_after(site: Site) -> None:
    site.insert("custom_fields", key="color", label="Color", kind="text")
    site.person(member_id="m1", first_name="Ann", last_name="Lee", custom={"color": "red"})
    rows = [
        {"MEMBER_ID": "m1", "FIRST_NAME": "Anna", "LAST_NAME": "Lee", "CUSTOM_COLOR": "blue"},
        {"MEMBER_ID": "m2", "FIRST_NAME": "New", "LAST_NAME": "", "CUSTOM_COLOR": ""},
        {"MEMBER_ID": "m1", "FIRST_NAME": "Anna", "LAST_NAME": "", "CUSTOM_COLOR": ""},
    ]
    shown = site.preview(site.draft(rows)).rows
    assert shown[2].before == {"first_name": "Ann", "custom.color": "red"}
    assert shown[2].changes == {"first_name": "Anna", "custom.color": "blue"}
    assert shown[3].changes is not None
    assert shown[3].changes["first_name"] == "New"
    assert not shown[4].changes


# Custom fields --------------------------------------------------------------------------------

KINDS = {
    "note": ("text", {"max_length": 10}),
    "score": ("number", {}),
    "joined": ("date", {}),
    "vip": ("yes_no", {}),
    "size": ("choice", {"choices": ["S", "Large"]}),
}
CUSTOM = [
    Case(
        "every kind on a new record",
        [{"MEMBER_ID": "m5", "CUSTOM_NOTE": "O'Neil \"x\"", "CUSTOM_SCORE": "1,000.50",
          "CUSTOM_JOINED": "3/4/2020", "CUSTOM_VIP": "y", "CUSTOM_SIZE": "large"}],
        ["created"],
        stored={"row 2": {"custom": {"note": "O'Neil \"x\"", "score": "1000.5",
                                     "joined": "2020-03-04", "vip": "Yes", "size": "Large"}}},
    ),
    Case(
        "blank keeps, a value replaces, others stay",
        [{"MEMBER_ID": "m1", "custom_note": "", "custom_score": "7"}],
        ["updated ann"],
        {"ann": {**ANN, "custom": {"note": "kept", "score": "5", "vip": "No"}}},
        {"ann": {"custom": {"note": "kept", "score": "7", "vip": "No"}}},
    ),
    Case(
        "the same values change nothing",
        [{"MEMBER_ID": "m1", "CUSTOM_VIP": "FALSE", "CUSTOM_SIZE": "s", "CUSTOM_SCORE": "+5"}],
        ["unchanged ann"],
        {"ann": {**ANN, "custom": {"vip": "No", "size": "S", "score": "5"}}},
    ),
    Case(
        "values that do not fit",
        [
            {"MEMBER_ID": "m1", "CUSTOM_NOTE": "x" * 11, "CUSTOM_SCORE": "", "CUSTOM_SIZE": ""},
            {"MEMBER_ID": "m1", "CUSTOM_NOTE": "", "CUSTOM_SCORE": "many", "CUSTOM_SIZE": ""},
            {"MEMBER_ID": "m1", "CUSTOM_NOTE": "", "CUSTOM_SCORE": "", "CUSTOM_SIZE": "XL"},
        ],
        [
            reject("too_long", "CUSTOM_NOTE has 11 characters and can have 10"),
            reject("not_a_number", "CUSTOM_SCORE is “many”"),
            reject("not_a_choice", "CUSTOM_SIZE is “XL”", "S, Large"),
        ],
        {"ann": ANN},
        {"ann": {"custom": {}}},
    ),
    Case(
        "several rows fill in one record",
        [
            {"MEMBER_ID": "m5", "CUSTOM_NOTE": "a", "CUSTOM_SCORE": ""},
            {"MEMBER_ID": "m5", "CUSTOM_NOTE": "", "CUSTOM_SCORE": "2"},
            {"MEMBER_ID": "m5", "CUSTOM_NOTE": "b", "CUSTOM_SCORE": ""},
        ],
        ["created", "updated", "updated"],
        stored={"row 2": {"custom": {"note": "b", "score": "2"}}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("case", "chunk_rows"), parameters(CUSTOM))
def test_custom_fields(site: Site, case: Case, chunk_rows: int) -> None:
    for key, (kind, values) in KINDS.items():
        site.insert("custom_fields", key=key, label=key, kind=kind, **values)
    check(site, case, chunk_rows)


def test_a_custom_field_that_does_not_exist_is_an_unknown_column(site: Site) -> None:
    draft = site.draft([{"MEMBER_ID": "m1", "CUSTOM_NOPE": "x"}])
    result = site.run(draft)
    assert result.state == "failure"
    assert "“CUSTOM_NOPE”, is not a known column" in (result.failure or "")
    assert result.rows == {}


# Emails ever used -----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_every_email_ever_used_is_kept(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    ann = site.person(**ANN)
    imported = site.import_rows(
        [
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "Two@x.org", "FIRST_NAME": ""},
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "three@x.org", "FIRST_NAME": ""},
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "FIRST_NAME": "Ann"},
            {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "NEW@x.org", "FIRST_NAME": ""},
            {"MEMBER_ID": "m3", "PRIMARY_EMAIL": "", "FIRST_NAME": ""},
        ]
    )
    assert site.emails_ever(ann) == {"ann@x.org", "two@x.org", "three@x.org"}
    assert site.emails_ever(imported.rows[5].constituent_id) == {"new@x.org"}
    assert site.emails_ever(imported.rows[6].constituent_id) == set()


# The change log -------------------------------------------------------------------------------


def test_the_log_names_actor_run_and_row_of_each_change(site: Site) -> None:
    user = site.user("Ada Admin")
    red = site.group("Red")
    ann = site.person(**ANN, first_name="Ann")
    rows = [
        {"MEMBER_ID": "m5", "FIRST_NAME": "New", "GROUP_IDS": ""},
        {"MEMBER_ID": "m1", "FIRST_NAME": "Anna", "GROUP_IDS": str(red)},
    ]
    run = site.import_rows(rows, user_id=user).run
    logged = site.sql(
        "SELECT table_name, op, constituent_id = %s, key, actor, actor_id, row_number, old::text"
        " FROM change_log WHERE run_id = %s ORDER BY table_name, op, row_number, key",
        ann,
        run.id,
    )
    who = ("Ada Admin", user)
    assert ("constituents", "update", True, None, *who, 3, '"first_name"=>"Ann"') in logged
    assert ("constituents", "insert", False, None, *who, 2, None) in logged
    assert ("group_members", "insert", True, str(red), *who, None, None) in logged
    assert all(row[4:6] == who for row in logged)


# Columns --------------------------------------------------------------------------------------


def test_what_a_person_chose_for_a_column_holds(site: Site) -> None:
    rows = [{"MEMBER_ID": "m1", "Vorname": "Ann", "Notiz": "x"}]
    columns = {"Vorname": "FIRST_NAME", "Notiz": None}
    draft = site.draft(rows)
    site.sql(
        "UPDATE runs SET options = options || %s::jsonb WHERE id = %s RETURNING id",
        json.dumps({"columns": columns}),
        draft,
    )
    result = site.run(draft)
    assert result.state == "success"
    assert site.stored(result.rows[2].constituent_id)["first_name"] == "Ann"
