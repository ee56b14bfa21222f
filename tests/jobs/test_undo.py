"""Promise 4: an undo gives back what the run changed and nobody changed since; the rest is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.site import CHUNK_SIZES, Result, Site
from tests.jobs.stopping import cancelled_after

ANN = {"member_id": "m1", "primary_email": "ann@x.org", "first_name": "Ann", "last_name": "Lee"}
BOB = {"member_id": "m2", "primary_email": "bob@x.org", "first_name": "Bob"}
TOLD = ("removed", "restored", "restored_fields", "kept")


def undo(site: Site, run_id: int) -> Result:
    """Look at the undo, which changes nothing, then do it: both tell the same."""
    before = site.state()
    looked = site.undo_preview(run_id)
    assert looked.state == "success", looked.failure
    assert site.state() == before
    done = site.undo(run_id)
    assert done.state == "success", done.failure
    assert told(looked) == told(done)
    assert looked.rows_read == done.rows_read
    kept = [(r.constituent_id, r.codes, r.messages) for r in looked.rows.values()]
    assert kept == [(r.constituent_id, r.codes, r.messages) for r in done.rows.values()]
    return done


def told(result: Result) -> dict[str, Any]:
    """What an undo says of itself."""
    return {name: result.tallies[name] for name in TOLD}


def stored(site: Site, constituent: int | None, **values: object) -> None:
    """These are the stored values."""
    found = site.stored(constituent)
    assert {name: found[name] for name in values} == values


def exists(site: Site, constituent: int | None) -> bool:
    """Whether the record is there."""
    return bool(site.sql("SELECT 1 FROM constituents WHERE id = %s", constituent))


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_everything_comes_back(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    site.insert("custom_fields", key="color", label="Color", kind="text")
    red, news = site.group("Red"), site.interest("News")
    ann = site.person(**ANN, birth_date="1980-01-02", custom={"color": "red", "old": "x"})
    site.person(**BOB, accepts_email=False)
    [(out_group,)] = site.sql("SELECT opt_out_group_id FROM interests")
    site.insert("interest_choices", interest_id=news, constituent_id=ann, opted_in=False)
    site.insert("group_members", group_id=out_group, constituent_id=ann)
    before = site.state()
    rows = [
        {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "Anna",
         "BIRTH_DATE": "1981-01-02", "CUSTOM_COLOR": "blue", "GROUP_IDS": str(red),
         "INTEREST_IDS": str(news), "HOME_STREET1": "1 Elm St", "ACCEPTS_EMAIL": "No"},
        {"MEMBER_ID": "m2", "FIRST_NAME": "Robert", "INTEREST_IDS": str(news),
         "CUSTOM_COLOR": "green", "ACCEPTS_EMAIL": "Yes"},
        {"MEMBER_ID": "m3", "PRIMARY_EMAIL": "c@x.org", "GROUP_IDS": str(red),
         "INTEREST_IDS": str(news)},
        {"MEMBER_ID": "m3", "FIRST_NAME": "Cy"},
        {"MEMBER_ID": "m1", "FIRST_NAME": "Annie", "PRIMARY_EMAIL": "newer@x.org"},
    ]  # fmt: skip
    run = site.import_rows(rows, opt_in_again=True).run
    assert run.counts == {
        "created": 1, "updated": 4, "unchanged": 0, "rejected": 0, "withheld": 0
    }  # fmt: skip
    assert site.state() != before
    done = undo(site, run.id)
    assert site.state() == before
    assert done.rows_read == 3
    assert done.tallies["removed"] == 1
    assert done.tallies["restored"] == 2
    assert done.tallies["kept"] == 0


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_field_changed_since_by_hand_is_kept_and_told(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    ann = site.person(**ANN)
    rows = [{"MEMBER_ID": "m1", "FIRST_NAME": "Anna", "LAST_NAME": "Low"}]
    run = site.import_rows(rows).run
    site.change(ann, "Mary Editor", first_name="Annette")
    done = undo(site, run.id)
    stored(site, ann, first_name="Annette", last_name="Lee")
    assert told(done) == {"removed": 0, "restored": 1, "restored_fields": 1, "kept": 1}
    [row] = done.rows.values()
    assert (row.outcome, row.codes) == ("withheld", ("changed_since_run",))
    assert row.constituent_id == ann
    assert "FIRST_NAME keeps its present value: changed since by Mary Editor on " in row.messages[0]
    assert row.messages[0].endswith(".")


def test_changed_and_changed_back_is_restored(site: Site) -> None:
    ann = site.person(**ANN)
    run = site.import_rows([{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}]).run
    site.change(ann, first_name="Annette")
    site.change(ann, first_name="Anna")
    done = undo(site, run.id)
    stored(site, ann, first_name="Ann")
    assert done.tallies["kept"] == 0


def test_a_value_somebody_set_to_the_old_one_is_no_matter(site: Site) -> None:
    ann = site.person(**ANN)
    run = site.import_rows([{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}]).run
    site.change(ann, first_name="Ann")
    undo(site, run.id)
    stored(site, ann, first_name="Ann")


def test_changes_to_other_fields_are_no_obstacle(site: Site) -> None:
    ann = site.person(**ANN)
    run = site.import_rows([{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}]).run
    site.change(ann, last_name="Long", home_city="Oslo")
    done = undo(site, run.id)
    stored(site, ann, first_name="Ann", last_name="Long", home_city="Oslo")
    assert done.tallies["kept"] == 0


def test_custom_fields_one_by_one(site: Site) -> None:
    for key in ("color", "size", "shape"):
        site.insert("custom_fields", key=key, label=key, kind="text")
    ann = site.person(**ANN, custom={"color": "red", "size": "S"})
    row = {"MEMBER_ID": "m1", "CUSTOM_COLOR": "blue", "CUSTOM_SIZE": "L", "CUSTOM_SHAPE": "round"}
    run = site.import_rows([row]).run
    site.change(ann, custom={"color": "blue", "size": "XL", "shape": "round"})
    done = undo(site, run.id)
    stored(site, ann, custom={"color": "red", "size": "XL"})
    [kept] = done.rows.values()
    assert "CUSTOM" in kept.messages[0].upper()
    assert "SIZE" in kept.messages[0].upper()


# Records the run made -------------------------------------------------------------------------


def touch_by_edit(site: Site, constituent: int) -> None:
    site.change(constituent, "Mary Editor", last_name="Touched")


def touch_by_group(site: Site, constituent: int) -> None:
    group = site.group("By hand")
    with site.connection.transaction():
        site.act_as("Mary Editor")
        site.insert("group_members", group_id=group, constituent_id=constituent)


def touch_by_interest(site: Site, constituent: int) -> None:
    topic = site.interest("By hand", with_groups=False)
    with site.connection.transaction():
        site.act_as("Mary Editor")
        site.insert(
            "interest_choices", interest_id=topic, constituent_id=constituent, opted_in=False
        )


@pytest.mark.parametrize("touch", [touch_by_edit, touch_by_group, touch_by_interest])
def test_a_record_others_touched_stays(site: Site, touch: Any) -> None:
    run = site.import_rows([{"MEMBER_ID": "m5"}, {"MEMBER_ID": "m6"}])
    touched, untouched = run.rows[2].constituent_id, run.rows[3].constituent_id
    assert touched is not None
    touch(site, touched)
    done = undo(site, run.run.id)
    assert exists(site, touched)
    assert not exists(site, untouched)
    assert (done.tallies["removed"], done.tallies["kept"]) == (1, 1)
    [row] = done.rows.values()
    assert row.constituent_id == touched
    assert row.codes == ("changed_since_run",)
    assert row.messages[0].startswith("This record stays: it was changed since by Mary Editor on ")
    # The group that shows it stays as well
    assert site.members(run.run.new_group) == {touched}


def test_a_record_that_another_was_merged_into_stays(site: Site) -> None:
    imported = site.import_rows([{"MEMBER_ID": "m5"}])
    made = imported.rows[2].constituent_id
    site.person(removed=True, merged_into_id=made)
    done = undo(site, imported.run.id)
    assert exists(site, made)
    assert "merged with constituent" in done.rows[1].messages[0]


def test_a_record_removed_since_stays(site: Site) -> None:
    imported = site.import_rows([{"MEMBER_ID": "m5"}])
    made = imported.rows[2].constituent_id
    assert made is not None
    site.change(made, active_detail="Removed by contact")
    undo(site, imported.run.id)
    assert exists(site, made)


def test_a_record_deleted_since_is_gone(site: Site) -> None:
    imported = site.import_rows([{"MEMBER_ID": "m5"}, {"MEMBER_ID": "m6"}])
    site.sql(
        "WITH g AS (DELETE FROM group_members WHERE constituent_id = %s)"
        " DELETE FROM constituents WHERE id = %s RETURNING id",
        imported.rows[2].constituent_id,
        imported.rows[2].constituent_id,
    )
    done = undo(site, imported.run.id)
    assert done.tallies["removed"] == 1
    assert not site.sql("SELECT 1 FROM constituents")


# Keys taken since -----------------------------------------------------------------------------


def test_a_member_id_taken_since_stays_taken(site: Site) -> None:
    ann = site.person(**ANN)
    rows = [{"CONS_ID": str(ann), "MEMBER_ID": "m7", "FIRST_NAME": "Anna"}]
    run = site.import_rows(rows).run
    other = site.person(member_id="m1")
    done = undo(site, run.id)
    stored(site, ann, member_id="m7", first_name="Ann")
    stored(site, other, member_id="m1")
    [row] = done.rows.values()
    assert row.codes == ("taken_since_run",)
    expected = (
        f"MEMBER_ID keeps its present value: its old value now belongs to constituent {other}."
    )
    assert row.messages == (expected,)


@pytest.mark.parametrize("unique_email", [True, False])
def test_an_email_taken_since(site: Site, unique_email: bool) -> None:
    site.set(unique_email=unique_email)
    ann = site.person(**ANN)
    rows = [{"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org"}]
    run = site.import_rows(rows).run
    site.person(primary_email="ANN@x.org")
    done = undo(site, run.id)
    stored(site, ann, primary_email="new@x.org" if unique_email else "ann@x.org")
    assert [row.codes for row in done.rows.values()] == [("taken_since_run",)] * unique_email


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_member_ids_handed_around_go_back(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    a, b, c = (site.person(member_id=f"m{n}") for n in (1, 2, 3))
    before = site.state()
    rows = [
        {"CONS_ID": str(a), "MEMBER_ID": "tmp"},
        {"CONS_ID": str(b), "MEMBER_ID": "m1"},
        {"CONS_ID": str(c), "MEMBER_ID": "m2"},
        {"CONS_ID": str(a), "MEMBER_ID": "m3"},
        {"CONS_ID": "", "MEMBER_ID": "tmp"},
    ]
    imported = site.import_rows(rows)
    outcomes = [row.outcome for row in imported.rows.values()]
    assert outcomes == ["updated"] * 4 + ["created"]
    done = undo(site, imported.run.id)
    if chunk_rows == CHUNK_SIZES[-1]:
        assert site.state() == before
    else:  # a circle that is not in one chunk is told of
        assert done.tallies["kept"] > 0


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
@pytest.mark.parametrize("is_up", [True, False])
def test_a_chain_of_member_ids_goes_back(site: Site, is_up: bool, chunk_rows: int) -> None:
    """Each row takes what the one before it gave up, the last one's is nobody's."""
    site.set(chunk_rows=chunk_rows)
    people = [site.person(member_id=f"m{n}", primary_email=f"e{n}@x.org") for n in range(5)]
    before = site.state()
    ids = people if is_up else people[::-1]
    old = {person: f"m{n}" for n, person in enumerate(people)}
    given = {one: old[other] for one, other in zip(ids[1:], ids, strict=False)} | {ids[0]: "free"}
    emails = {person: f"{key}@x.org".replace("m", "e") for person, key in given.items()}
    rows = [{"CONS_ID": str(p), "MEMBER_ID": given[p], "PRIMARY_EMAIL": emails[p]} for p in ids]
    run = site.import_rows(rows).run
    assert run.counts["updated"] == 5
    assert undo(site, run.id).tallies["kept"] == 0
    assert site.state() == before


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_who_keeps_a_member_id_keeps_it_from_others(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    a, b = site.person(member_id="m1"), site.person(member_id="m2")
    rows = [{"CONS_ID": str(a), "MEMBER_ID": "m0"}, {"CONS_ID": str(b), "MEMBER_ID": "m1"}]
    run = site.import_rows(rows).run
    site.person(member_id="m2")
    done = undo(site, run.id)
    assert done.tallies["kept"] == 2
    stored(site, a, member_id="m0")
    stored(site, b, member_id="m1")


def test_an_email_shared_before_the_run_is_not_taken_since(site: Site) -> None:
    one, _ = (site.person(primary_email="both@x.org", first_name=name) for name in "AB")
    before = site.state()
    run = site.import_rows([{"CONS_ID": str(one), "PRIMARY_EMAIL": "new@x.org"}]).run
    assert undo(site, run.id).tallies["kept"] == 0
    assert site.state() == before


def test_a_member_id_of_a_record_that_came_back_is_taken(site: Site) -> None:
    ann, gone = site.person(member_id="m1"), site.person(member_id="m1", removed=True)
    run = site.import_rows([{"CONS_ID": str(ann), "MEMBER_ID": "m7"}]).run
    site.change(gone, active_detail="Accepted")
    assert undo(site, run.id).tallies["kept"] == 1
    stored(site, ann, member_id="m7")


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_two_with_one_email_get_it_back(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    people = [site.person(primary_email="both@x.org") for _ in range(2)]
    before = site.state()
    rows = [{"CONS_ID": str(p), "PRIMARY_EMAIL": f"{p}@x.org"} for p in people]
    run = site.import_rows(rows).run
    assert undo(site, run.id).tallies["kept"] == 0
    assert site.state() == before


def test_a_cancelled_undo_is_taken_up_by_another(site: Site) -> None:
    site.set(chunk_rows=2)
    site.person(**ANN)
    before = site.state()
    rows = [{"MEMBER_ID": f"m{n}", "FIRST_NAME": "X"} for n in range(1, 7)]
    run = site.import_rows(rows).run
    with cancelled_after(site, 2):
        first = site.undo(run.id)
    assert first.state == "cancelled"
    assert first.rows_read == 2
    second = undo(site, run.id)
    assert second.id != first.id
    assert second.tallies["kept"] == 0
    assert second.rows_read == 4
    assert site.state() == before


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_a_member_id_that_a_new_record_has_goes_back(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    ann = site.person(**ANN)
    before = site.state()
    rows = [{"CONS_ID": str(ann), "MEMBER_ID": "m7"}, {"CONS_ID": "", "MEMBER_ID": "m1"}]
    run = site.import_rows(rows).run
    assert run.counts["created"] == 1
    undo(site, run.id)
    assert site.state() == before


# Memberships and choices ----------------------------------------------------------------------


def test_memberships_others_touched_stay_as_they_are(site: Site) -> None:
    red, blue = site.group("Red"), site.group("Blue")
    ann = site.person(**ANN)
    run = site.import_rows([{"MEMBER_ID": "m1", "GROUP_IDS": f"{red},{blue}"}]).run
    with site.connection.transaction():
        site.act_as("Mary Editor")
        for group, back in ((red, False), (blue, True)):
            site.sql("DELETE FROM group_members WHERE group_id = %s RETURNING 1", group)
            if back:
                site.insert("group_members", group_id=group, constituent_id=ann)
    done = undo(site, run.id)
    assert site.members(red) == set()
    assert site.members(blue) == {ann}
    assert done.tallies["kept"] == 2
    told_groups = {row.messages[0].partition(" stays")[0] for row in done.rows.values()}
    assert told_groups == {f"Group {red}", f"Group {blue}"}


def test_a_choice_made_since_stays(site: Site) -> None:
    news = site.interest("News", with_groups=False)
    ann, bob = site.person(**ANN), site.person(**BOB)
    rows = [{"MEMBER_ID": member, "INTEREST_IDS": str(news)} for member in ("m1", "m2")]
    run = site.import_rows(rows).run
    with site.connection.transaction():
        site.act_as("Ann herself")
        site.sql(
            "UPDATE interest_choices SET opted_in = false WHERE constituent_id = %s RETURNING 1",
            ann,
        )
    done = undo(site, run.id)
    assert site.choice(news, ann) is False
    assert site.choice(news, bob) is None
    [row] = done.rows.values()
    assert f"Interest {news} stays as it is for this person" in row.messages[0]
    assert "Ann herself" in row.messages[0]


def test_memberships_from_before_the_run_stay(site: Site) -> None:
    red = site.group("Red")
    ann = site.person(**ANN)
    site.insert("group_members", group_id=red, constituent_id=ann)
    run = site.import_rows([{"MEMBER_ID": "m1", "FIRST_NAME": "Anna", "GROUP_IDS": str(red)}]).run
    undo(site, run.id)
    assert site.members(red) == {ann}


# Runs on top of runs --------------------------------------------------------------------------


def two_runs(site: Site) -> tuple[int, int, int]:
    """Run A and, on top of it, run B."""
    ann = site.person(**ANN)
    first = [{"MEMBER_ID": "m1", "FIRST_NAME": "A", "LAST_NAME": "A", "HOME_CITY": "A"}]
    second = [{"MEMBER_ID": "m1", "FIRST_NAME": "B", "LAST_NAME": "A", "HOME_CITY": ""}]
    return ann, site.import_rows(first).run.id, site.import_rows(second, label="B").run.id


def test_undoing_the_earlier_run_keeps_the_later_one_s(site: Site) -> None:
    ann, first, _ = two_runs(site)
    done = undo(site, first)
    stored(site, ann, first_name="B", last_name="Lee", home_city=None)
    assert told(done) == {"removed": 0, "restored": 1, "restored_fields": 2, "kept": 1}


def test_undoing_the_later_run_and_then_the_earlier_gives_all_back(site: Site) -> None:
    ann = site.person(**ANN)
    red = site.group("Red")
    before = site.state()
    runs = [
        site.import_rows(rows).run.id
        for rows in (
            [{"MEMBER_ID": "m1", "FIRST_NAME": "A"}, {"MEMBER_ID": "m5", "FIRST_NAME": "A"}],
            [{"MEMBER_ID": "m1", "FIRST_NAME": "B", "GROUP_IDS": str(red)},
             {"MEMBER_ID": "m5", "FIRST_NAME": "B", "GROUP_IDS": str(red)}],
        )
    ]  # fmt: skip
    assert undo(site, runs[1]).tallies["kept"] == 0
    stored(site, ann, first_name="A")
    assert undo(site, runs[0]).tallies["kept"] == 0
    assert site.state() == before


def test_a_record_of_an_earlier_run_that_a_later_one_changed_stays(site: Site) -> None:
    first = site.import_rows([{"MEMBER_ID": "m5", "FIRST_NAME": "A"}])
    second = site.import_rows([{"MEMBER_ID": "m5", "FIRST_NAME": "B"}])
    done = undo(site, first.run.id)
    assert (done.tallies["removed"], done.tallies["kept"]) == (0, 1)
    made = first.rows[2].constituent_id
    stored(site, made, first_name="B")
    assert undo(site, second.run.id).tallies["restored_fields"] == 1
    stored(site, made, first_name="A")


# Which runs, and how often --------------------------------------------------------------------


def test_a_cancelled_run_is_undone_as_far_as_it_came(site: Site) -> None:
    site.set(chunk_rows=2)
    site.person(**ANN)
    before = site.state()
    rows = [{"MEMBER_ID": f"m{n}", "FIRST_NAME": "X"} for n in range(1, 7)]
    draft = site.draft(rows)
    site.start(draft)
    with cancelled_after(site, 2):
        run = site.execute(draft)
    assert run.state == "cancelled"
    run.check_counts()
    assert (run.counts["created"], run.counts["updated"]) == (1, 1)
    assert len(site.state()["constituents"]) == 2
    undo(site, run.id)
    assert site.state() == before


def test_an_undo_in_two_halves_leaves_no_trace_for_the_run_before(site: Site) -> None:
    site.set(chunk_rows=2)
    for n in range(1, 5):
        site.person(member_id=f"m{n}", first_name="Old")
    before = site.state()
    first, second = (
        site.import_rows([{"MEMBER_ID": f"m{n}", "FIRST_NAME": name} for n in range(1, 5)]).run.id
        for name in "AB"
    )
    with cancelled_after(site, 2):
        assert site.undo(second).state == "cancelled"
    assert undo(site, second).tallies["kept"] == 0
    assert undo(site, first).tallies["kept"] == 0
    assert site.state() == before


def test_a_run_is_undone_once(site: Site) -> None:
    site.person(**ANN)
    run = site.import_rows([{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}]).run
    first = site.undo(run.id)
    assert site.undo(run.id).id == first.id


def test_an_undo_is_logged_under_who_did_it(site: Site) -> None:
    user = site.user("Una Undo")
    ann = site.person(**ANN)
    run = site.import_rows([{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}]).run
    done = site.undo(run.id, user_id=user)
    logged = site.sql(
        "SELECT actor, actor_id, old -> 'first_name' FROM change_log WHERE run_id = %s"
        " AND constituent_id = %s AND table_name = 'constituents'",
        done.id,
        ann,
    )
    assert logged == [("Una Undo", user, "Anna")]


def test_the_same_file_after_its_undo_does_the_same_again(site: Site) -> None:
    site.person(**ANN)
    rows = [{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}, {"MEMBER_ID": "m5", "FIRST_NAME": "New"}]
    first = site.import_rows(rows)
    site.undo(first.run.id)
    assert site.import_rows(rows).run.counts == first.run.counts


def test_a_run_that_changed_nothing(site: Site) -> None:
    site.person(**ANN)
    before = site.state()
    run = site.import_rows([{"MEMBER_ID": "m1", "FIRST_NAME": "Ann"}]).run
    assert run.counts["unchanged"] == 1
    assert told(undo(site, run.id)) == {
        "removed": 0, "restored": 0, "restored_fields": 0, "kept": 0
    }  # fmt: skip
    assert site.state() == before
