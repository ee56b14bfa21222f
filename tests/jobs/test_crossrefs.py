"""Files read through cross-references: what is translated, what becomes of the rest, what is kept
of it, and which table a run uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.jobs.site import Site
from tests.jobs.stopping import interrupted
from webapp.extensions import db
from webapp.models import CrossReferenceType
from webapp.rules.crossrefs import Policy
from webapp.services import crossref_edits, crossrefs
from webapp.services.crossref_edits import EntryValues


@pytest.fixture(autouse=True)
def _types_as_they_came(site: Site) -> Iterator[None]:
    yield
    site.sql_do(
        "UPDATE cross_reference_types SET default_value = NULL,"
        " policy = CASE WHEN key LIKE 'field:%' OR key = 'origin_source' THEN 'keep'"
        " ELSE 'reject' END, foreign_labels = '[\"Foreign value\"]'"
    )


def type_of(key: str) -> CrossReferenceType:
    found = crossrefs.find_type(db.session(), key)
    assert found is not None
    return found


def add(site: Site, key: str, online: object, *foreign: str, **more: Any) -> None:
    with site.app.app_context():
        values = EntryValues(str(online), foreign, **more)
        crossref_edits.add_entry(db.session(), type_of(key), values, None)
        db.session.commit()


def set_policy(site: Site, key: str, policy: Policy, default: object = "", labels: int = 1) -> None:
    with site.app.app_context():
        names = [f"Key {at}" for at in range(labels)]
        crossref_edits.edit_type(
            db.session(), type_of(key), labels=names, policy=policy, default_value=str(default)
        )
        db.session.commit()


def seen(site: Site, run_id: int) -> dict[str, tuple[int, int]]:
    return {
        "|".join(values): (rows, first)
        for values, rows, first in site.sql(
            "SELECT foreign_values, rows, first_row FROM cross_reference_seen WHERE run_id = %s",
            run_id,
        )
    }


def used(site: Site, run_id: int, key: str) -> tuple[int, int] | None:
    rows = site.sql(
        "SELECT rows, mapped FROM cross_reference_uses u JOIN cross_reference_types t"
        " ON t.id = u.type_id WHERE run_id = %s AND key = %s",
        run_id,
        key,
    )
    return rows[0] if rows else None


def people(*cells: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"MEMBER_ID": f"M-{at}", **row} for at, row in enumerate(cells)]


@pytest.mark.parametrize("chunk_rows", [1, 3, 10_000])
def test_group_codes_are_foreign_ones_or_our_own(site: Site, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    volunteers, board = site.group("Volunteers"), site.group("Board")
    add(site, "group", volunteers, "VOL")
    add(site, "group", board, "B-1")
    add(site, "group", board, "B-2")
    found = site.import_rows(
        people(
            {"GROUP_IDS": f"vol, {board}"},
            {"GROUP_IDS": " b-2 ,B-1"},
            {"GROUP_IDS": "VOL,CHOIR"},
            {"GROUP_IDS": "choir,999999"},
            {"GROUP_IDS": ""},
        )
    ).run
    assert [row.outcome for row in found.rows.values()] == [
        "created", "created", "rejected", "rejected", "created",
    ]  # fmt: skip
    assert found.rows[4].codes == ("unknown_group",)
    assert "“CHOIR”" in found.rows[4].messages[0]
    assert site.members(volunteers) == {found.rows[2].constituent_id}
    assert site.members(board) == {found.rows[2].constituent_id, found.rows[3].constituent_id}
    assert seen(site, found.id) == {"CHOIR": (2, 4), "999999": (1, 5)} or seen(site, found.id) == {
        "choir": (2, 4), "999999": (1, 5)
    }  # fmt: skip
    assert used(site, found.id, "group") == (4, 2)


def test_what_was_mapped_by_hand_comes_before_our_own_number(site: Site) -> None:
    one, other = site.group("One"), site.group("Other")
    add(site, "group", other, str(one))
    found = site.import_rows(people({"GROUP_IDS": str(one)})).run
    assert site.members(other) == {found.rows[2].constituent_id}
    assert not site.members(one)


def test_the_default_of_groups_takes_the_rest(site: Site) -> None:
    rest = site.group("Everyone else")
    set_policy(site, "group", Policy.DEFAULT, rest)
    found = site.import_rows(people({"GROUP_IDS": "CHOIR"})).run
    assert site.members(rest) == {found.rows[2].constituent_id}
    assert seen(site, found.id) == {"CHOIR": (1, 2)}


def test_a_mapped_group_that_files_may_not_use_rejects_the_row(site: Site) -> None:
    group = site.group("Board")
    add(site, "group", group, "BRD")
    site.sql_do(f"UPDATE groups SET kind = 'opt_in' WHERE id = {group}")
    found = site.import_rows(people({"GROUP_IDS": "BRD"})).run
    assert found.rows[2].codes == ("opt_group",)
    assert f"which the cross-references read as group {group}" in found.rows[2].messages[0]


def test_interests_are_translated_too(site: Site) -> None:
    news = site.interest("News")
    add(site, "interest", news, "NL")
    found = site.import_rows(people({"INTEREST_IDS": "nl"}, {"INTEREST_IDS": "XX"})).run
    assert site.choice(news, found.rows[2].constituent_id) is True
    assert found.rows[3].codes == ("unknown_interest",)


def test_several_keys_stand_in_one_code(site: Site) -> None:
    group = site.group("Spring appeal")
    set_policy(site, "group", Policy.REJECT, labels=3)
    add(site, "group", group, "SPR", "GEN", "MAIL")
    found = site.import_rows(
        people({"GROUP_IDS": "spr|gen|mail"}, {"GROUP_IDS": "spr|gen"}, {"GROUP_IDS": str(group)})
    ).run
    assert [row.outcome for row in found.rows.values()] == ["created", "rejected", "created"]
    assert site.members(group) == {found.rows[n].constituent_id for n in (2, 4)}


FIELD_CASES = [
    ("TITLE", "field:TITLE", "title"),
    ("SUFFIX", "field:SUFFIX", "suffix"),
    ("GENDER", "field:GENDER", "gender"),
    ("MARITAL_STATUS", "field:MARITAL_STATUS", "marital_status"),
    ("HOME_STATEPROV", "field:STATEPROV", "home_stateprov"),
    ("ALT1_STATEPROV", "field:STATEPROV", "alt1_stateprov"),
    ("ALT2_COUNTRY", "field:COUNTRY", "alt2_country"),
    ("SOURCE", "origin_source", "source"),
]


@pytest.mark.parametrize(("column", "key", "attribute"), FIELD_CASES)
def test_the_codes_of_a_field(site: Site, column: str, key: str, attribute: str) -> None:
    add(site, key, "Ours", "07")
    found = site.import_rows(people({column: "07"}, {column: "ours"}, {column: "Theirs"})).run
    stored = [site.stored(row.constituent_id)[attribute] for row in found.rows.values()]
    assert stored == ["Ours", "Ours", "Theirs"]
    assert seen(site, found.id) == {"Theirs": (1, 4)}
    assert used(site, found.id, key) == (3, 2)


@pytest.mark.parametrize(
    ("policy", "default", "outcome", "title"),
    [
        (Policy.REJECT, "", "rejected", None),
        (Policy.KEEP, "", "created", "99"),
        (Policy.DEFAULT, "Mx.", "created", "Mx."),
    ],
)
def test_three_policies(
    site: Site, policy: Policy, default: str, outcome: str, title: str | None
) -> None:
    add(site, "field:TITLE", "Mr.", "01")
    set_policy(site, "field:TITLE", policy, default)
    found = site.import_rows(people({"TITLE": "99"}, {"TITLE": "01"}, {"TITLE": ""})).run
    assert found.rows[2].outcome == outcome
    if title is None:
        assert found.rows[2].codes == ("unmapped_value",)
        assert "TITLE is “99”, which has no cross-reference" in found.rows[2].messages[0]
        assert found.rows[2].cells is not None
        assert found.rows[2].cells[1] == "99"
    else:
        assert site.stored(found.rows[2].constituent_id)["title"] == title
    assert site.stored(found.rows[3].constituent_id)["title"] == "Mr."
    assert site.stored(found.rows[4].constituent_id)["title"] is None
    assert used(site, found.id, "field:TITLE") == (2, 1)


def test_a_table_without_entries_changes_nothing(site: Site) -> None:
    set_policy(site, "field:TITLE", Policy.REJECT)
    found = site.import_rows(people({"TITLE": "99"})).run
    assert site.stored(found.rows[2].constituent_id)["title"] == "99"
    assert not seen(site, found.id)


def test_a_center_uses_its_own_entries_first(site: Site) -> None:
    north, south = site.insert("centers", name="North"), site.insert("centers", name="South")
    add(site, "field:TITLE", "Mr.", "01")
    add(site, "field:TITLE", "Bro.", "01", center_id=north)
    titles = [
        site.stored(site.import_rows(people({"TITLE": "01", "MEMBER_ID": f"C-{center}"}),
                                     center_id=center).run.rows[2].constituent_id)["title"]
        for center in (None, north, south)
    ]  # fmt: skip
    assert titles == ["Mr.", "Bro.", "Mr."]


def test_a_preview_tells_the_same_and_is_counted_once(site: Site) -> None:
    add(site, "field:TITLE", "Mr.", "01")
    set_policy(site, "field:TITLE", Policy.REJECT)
    imported = site.import_rows(people({"TITLE": "01"}, {"TITLE": "99"}))
    assert imported.preview is not None
    assert imported.preview.rows[2].changes is not None
    assert imported.preview.rows[2].changes["title"] == "Mr."
    assert seen(site, imported.preview.id) == seen(site, imported.run.id) == {"99": (1, 3)}
    site.sql_do(f"UPDATE runs SET state = 'stale' WHERE id = {imported.preview.id}")
    again = site.execute(imported.preview.id)
    assert seen(site, again.id) == {"99": (1, 3)}
    assert used(site, again.id, "field:TITLE") == (2, 1)


def map_to(site: Site, key: str, online: object) -> None:
    """An administrator lets the only entry of a type stand for something else."""
    with site.app.app_context():
        session, kind = db.session(), type_of(key)
        [line] = crossrefs.list_entries(session, kind, crossrefs.EntryFilter()).lines
        values = EntryValues(str(online), tuple(line.entry.foreign_values))
        version = line.entry.version
        crossref_edits.edit_entry(
            session, kind, line.entry.id, values, version=version, user_id=None
        )
        session.commit()
        db.session.remove()


def version_of(site: Site, key: str) -> int:
    [(version,)] = site.sql("SELECT version FROM cross_reference_types WHERE key = %s", key)
    return int(version)


def versions_used(site: Site, run_id: int) -> list[tuple[int, int, int]]:
    """The version a run says it used, and how many rows it read and translated by it."""
    return site.sql(
        "SELECT version, rows, mapped FROM cross_reference_uses WHERE run_id = %s AND rows > 0",
        run_id,
    )


def test_a_run_goes_on_with_the_table_it_began_with(site: Site) -> None:
    """An administrator edits while the run translates; then its worker loses the database and
    another one goes on: every row is read by the table of the beginning, and the run says which
    one that was."""
    site.set(chunk_rows=1)
    add(site, "field:TITLE", "Mr.", "01")
    began_with = version_of(site, "field:TITLE")
    rows = people({"TITLE": "01"}, {"TITLE": "01"}, {"TITLE": "01"})
    draft = site.start(site.draft(rows))
    found = interrupted(site, draft, 2, lambda: map_to(site, "field:TITLE", "Ms."))
    assert version_of(site, "field:TITLE") > began_with
    assert {site.stored(row.constituent_id)["title"] for row in found.rows.values()} == {"Mr."}
    assert versions_used(site, draft) == [(began_with, 3, 3)]
    later = site.import_rows(people({"TITLE": "01", "MEMBER_ID": "new"})).run
    assert site.stored(later.rows[2].constituent_id)["title"] == "Ms."
    assert not site.sql("SELECT 1 FROM cross_reference_snapshots WHERE run_id = %s", draft)


def test_an_upload_goes_on_with_the_table_it_began_with(site: Site) -> None:
    """The same of the group a code means. What its preview showed by another table is held back:
    of a run that begins after the edit, every row."""
    site.set(chunk_rows=1)
    board, choir = site.group("Board"), site.group("Choir")
    there = {site.person(member_id=f"M-{at}") for at in range(3)}
    add(site, "group", board, "BRD")
    began_with = version_of(site, "group")
    rows = people(*[{"EXT_GROUP_ID": "BRD"}] * 3)
    first, second = (site.draft(rows, operation="group-assignment-upload") for _ in range(2))
    for draft in (first, second):
        assert site.preview(draft).counts["updated"] == 3
    found = interrupted(site, site.start(first), 2, lambda: map_to(site, "group", choir))
    assert found.counts["updated"] == 3
    assert (site.members(board), site.members(choir)) == (there, set())
    assert versions_used(site, first) == [(began_with, 3, 3)]
    held = site.run(second)
    assert {row.verdict for row in held.rows.values()} == {("withheld", ("changed_since_preview",))}
    assert site.members(choir) == set()
    assert versions_used(site, second) == [(version_of(site, "group"), 3, 3)]


def test_a_column_of_free_text_is_kept_in_part(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.crossrefs.MOST_SEEN", 3)
    site.set(chunk_rows=2)
    add(site, "field:TITLE", "Mr.", "01")
    found = site.import_rows(people(*({"TITLE": f"T{at % 6}"} for at in range(12)))).run
    kept = seen(site, found.id)
    assert kept == {"T0": (2, 2), "T1": (2, 3)}


def test_the_codes_of_the_two_uploads_are_translated_alike(site: Site) -> None:
    """EXT_GROUP_ID and EXT_INTEREST_ID: a foreign code, else our own number; several keys in one
    cell; what has no entry is kept with its rows."""
    people_there = [site.person(member_id=f"M-{at}") for at in range(4)]
    board, news = site.group("Board"), site.interest("News")
    add(site, "group", board, "BRD")
    set_policy(site, "interest", Policy.REJECT, labels=2)
    add(site, "interest", news, "NL", "MAIL")
    found = site.import_rows(
        [{"MEMBER_ID": f"M-{at}", "EXT_GROUP_ID": code}
         for at, code in enumerate(["brd ", str(board), "CHOIR", "choir"])],
        operation="group-assignment-upload",
    ).run  # fmt: skip
    assert [row.outcome for row in found.rows.values()] == ["updated"] * 2 + ["rejected"] * 2
    assert site.members(board) == set(people_there[:2])
    assert [count for count, _ in seen(site, found.id).values()] == [2]
    assert used(site, found.id, "group") == (4, 2)
    found = site.import_rows(
        [{"MEMBER_ID": f"M-{at}", "EXT_INTEREST_ID": code, "OPT_IN": "Yes"}
         for at, code in enumerate(["nl | mail", str(news), "NL", "NL|FAX"])],
        operation="segmentation-upload",
    ).run  # fmt: skip
    assert [row.outcome for row in found.rows.values()] == ["updated"] * 2 + ["rejected"] * 2
    assert [site.choice(news, person) for person in people_there] == [True, True, None, None]
    assert set(seen(site, found.id)) == {"NL", "NL|FAX"}
    assert used(site, found.id, "interest") == (4, 2)
