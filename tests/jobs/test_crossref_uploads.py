"""A type's entries from a file: what each row does, what refuses it, what goes with it; whole or
not at all; and what comes out as a file comes in again as it was."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from tests.jobs.site import Imported, Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add, set_policy, type_of
from webapp.extensions import db
from webapp.rules.crossrefs import Policy
from webapp.services import crossref_files

TITLES = "field:TITLE"
Cells = Mapping[str, str]


def upload(
    site: Site, rows: Sequence[Cells] | str, key: str = TITLES, *, preview: bool = True, **more: Any
) -> Imported:
    return site.import_rows(
        rows, preview=preview, operation="cross-reference-upload", crossref_type=key, **more
    )


def exported(site: Site, key: str = TITLES) -> str:
    with site.app.app_context():
        stream = io.BytesIO()
        crossref_files.write_entries(db.session(), type_of(key), stream)
        db.session.remove()
        return stream.getvalue().decode("utf-8-sig")


def entries(site: Site, key: str = TITLES) -> list[tuple[Any, ...]]:
    """Foreign values, online value, description, center, mark, days."""
    return [
        ("|".join(row[0]), *row[1:])
        for row in site.sql(
            "SELECT foreign_values, online_value, description, center_id, is_sent_back,"
            " valid_from::text, valid_to::text FROM cross_reference_entries e"
            " JOIN cross_reference_types t ON t.id = e.type_id WHERE t.key = %s"
            " ORDER BY foreign_key, center_id NULLS FIRST, valid_from NULLS FIRST",
            key,
        )
    ]


def row(foreign: str, online: str, **more: str) -> dict[str, str]:
    return {"ONLINE_VALUE": online, "FOREIGN_1": foreign} | more


def outcomes(found: Imported) -> list[str]:
    return [row.outcome for row in found.rows.values()]


def test_rows_make_change_and_leave_entries(site: Site) -> None:
    add(site, TITLES, "Mr.", "01", description="one")
    add(site, TITLES, "Ms.", "02")
    found = upload(
        site,
        [
            row("01", "Mr.", DESCRIPTION="one"),
            row("02", "Mrs.", DESCRIPTION=""),
            row(" 03 ", "Dr.  med.", DESCRIPTION="new"),
        ],
    )
    assert outcomes(found) == ["unchanged", "updated", "created"]
    assert entries(site) == [
        ("01", "Mr.", "one", None, True, None, None),
        ("02", "Mrs.", "", None, True, None, None),
        ("03", "Dr. med.", "new", None, True, None, None),
    ]
    assert site.sql(
        "SELECT who FROM run_rows WHERE run_id = %s AND row_number = 3", found.run.id
    ) == [("02 → Mrs.",)]
    assert found.rows[3].changes == {"online_value": "Mrs."}
    assert found.rows[3].before == {"online_value": "Ms."}


def test_the_same_file_twice_changes_nothing(site: Site) -> None:
    rows = [row("01", "Mr."), row("Mister", "Mr."), row("02", "Ms.")]
    assert outcomes(upload(site, rows)) == ["created"] * 3
    before = entries(site)
    assert outcomes(upload(site, rows)) == ["unchanged"] * 3
    assert entries(site) == before


def test_each_change_has_its_run_as_source(site: Site) -> None:
    add(site, TITLES, "Mr.", "01")
    user = site.user("Ada Admin")
    found = upload(site, [row("01", "Sir"), row("02", "Ms.")], user_id=user).run
    assert site.sql(
        "SELECT op, actor, run_id FROM change_log WHERE table_name = 'cross_reference_entries'"
        " AND run_id IS NOT NULL ORDER BY op"
    ) == [("insert", "Ada Admin", found.id), ("update", "Ada Admin", found.id)]
    assert site.sql("SELECT DISTINCT updated_by_id FROM cross_reference_entries") == [(user,)]


REFUSED = [
    ("blank online value", {"ONLINE_VALUE": "", "FOREIGN_1": "X"}, "missing_value"),
    ("blank foreign value", {"ONLINE_VALUE": "Mr.", "FOREIGN_1": "  "}, "missing_value"),
    ("too long here", row("X", "y" * 51), "too_long"),
    ("too long there", row("x" * 256, "Mr."), "too_long"),
    ("long description", row("X", "Mr.", DESCRIPTION="d" * 501), "too_long"),
    ("zero width", row("X\u200b", "Mr."), "control_character"),
    ("no date", row("X", "Mr.", VALID_FROM="soon"), "not_a_date"),
    ("days the wrong way round", row("X", "Mr.", VALID_FROM="2026-02-01", VALID_TO="2026-01-01"),
     "date_out_of_range"),
    ("neither yes nor no", row("X", "Mr.", SEND_BACK="perhaps"), "not_yes_no"),
    ("no such center", row("X", "Mr.", CENTER="Atlantis"), "unknown_center"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "code"), [case[1:] for case in REFUSED],
                         ids=[case[0] for case in REFUSED])  # fmt: skip
def test_a_row_that_cannot_be(site: Site, cells: Cells, code: str) -> None:
    found = upload(site, [cells, row("Y", "Ms.")])
    assert outcomes(found) == ["rejected", "created"]
    assert found.rows[2].codes == (code,)
    assert found.rows[2].cells is not None


def test_a_group_has_to_be_there_and_usable(site: Site) -> None:
    north, south = site.insert("centers", name="North"), site.insert("centers", name="South")
    board, of_north = site.group("Board"), site.group("Choir", center_id=north)
    opted = site.group("News: in", kind="opt_in")
    found = upload(
        site,
        [
            row("A", str(board), CENTER="", ONLINE_NAME="board"),
            row("B", "999999"),
            row("C", "Board"),
            row("D", str(opted)),
            row("E", str(of_north)),
            row("F", f"00{of_north}", CENTER="north"),
            row("G", str(of_north), CENTER="South"),
            row("H", str(board), ONLINE_NAME="Choir"),
        ],
        "group",
    )
    assert outcomes(found) == [
        "created", "rejected", "rejected", "rejected", "rejected", "created", "rejected", "created",
    ]  # fmt: skip
    assert {code for r in found.rows.values() for code in r.codes} == {"unknown_online_value"}
    assert "Choir" in found.rows[6].messages[0]
    assert found.rows[9].notes == (f"ONLINE_NAME is only to read: {board} is “Board”.",)
    assert [(e[0], e[1], e[3]) for e in entries(site, "group")] == [
        ("A", str(board), None), ("F", str(of_north), north), ("H", str(board), None)
    ]  # fmt: skip
    assert south not in {e[3] for e in entries(site, "group")}


def test_rows_that_contradict_one_another(site: Site) -> None:
    found = upload(
        site,
        [row("A", "Mr."), row(" a ", "Mr."), row("A", "Ms."), row("a", "Mr."), row("B", "Ms.")],
    )
    assert outcomes(found) == ["created", "rejected", "rejected", "rejected", "created"]
    assert found.rows[4].codes == ("repeated_entry",)
    assert "row 2" in found.rows[4].messages[0]


def test_rows_that_say_the_same_twice_are_one(site: Site) -> None:
    found = upload(site, [row("A", "Mr."), row("A", "Mr.")])
    assert outcomes(found) == ["created", "unchanged"]
    assert found.rows[3].notes == ("Row 2 says the same.",)


def test_a_code_changes_its_meaning_whatever_the_order_of_the_rows(site: Site) -> None:
    add(site, TITLES, "Mr.", "A")
    found = upload(
        site,
        [
            row("A", "Ms.", VALID_FROM="2027-01-01", VALID_TO=""),
            row("A", "Mr.", VALID_FROM="", VALID_TO="2026-12-31"),
        ],
    )
    assert outcomes(found) == ["created", "updated"]
    assert [(e[1], e[5], e[6]) for e in entries(site)] == [
        ("Mr.", None, "2026-12-31"), ("Ms.", "2027-01-01", None)
    ]  # fmt: skip


def test_days_that_overlap_what_is_there_or_another_row(site: Site) -> None:
    add(site, TITLES, "Mr.", "A")
    found = upload(
        site,
        [
            row("A", "Ms.", VALID_FROM="2027-01-01", VALID_TO=""),
            row("B", "Ms.", VALID_FROM="2026-01-01", VALID_TO="2026-06-30"),
            row("B", "Mr.", VALID_FROM="2026-06-30", VALID_TO=""),
        ],
    )
    assert outcomes(found) == ["rejected", "created", "rejected"]
    assert found.rows[2].codes == ("foreign_value_taken",)
    assert "“A” stands for Mr. already at all times." in found.rows[2].messages[0]
    assert found.rows[4].codes == ("repeated_entry",)
    assert "row 3" in found.rows[4].messages[0]


def test_a_refused_row_leaves_its_entry_in_the_way_of_others(site: Site) -> None:
    board = site.group("Board")
    add(site, "group", board, "A")
    found = upload(
        site,
        [
            row("A", str(board), VALID_FROM="2027-01-01", VALID_TO=""),
            row("A", "999999", VALID_FROM="", VALID_TO="2026-12-31"),
        ],
        "group",
    )
    assert outcomes(found) == ["rejected", "rejected"]
    assert found.rows[2].codes == ("foreign_value_taken",)


def test_without_days_a_row_means_the_only_entry(site: Site) -> None:
    add(site, TITLES, "Mr.", "A", valid_to=date(2026, 6, 30))
    add(site, TITLES, "Ms.", "A", valid_from=date(2026, 7, 1))
    add(site, TITLES, "Dr.", "B", valid_to=date(2026, 6, 30))
    found = upload(site, [row("A", "Sir"), row("B", "Sir")])
    assert outcomes(found) == ["rejected", "updated"]
    assert found.rows[2].codes == ("foreign_value_taken",)
    assert entries(site)[2][1:] == ("Sir", "", None, True, None, "2026-06-30")


# ---- which one is sent back ----


def test_the_first_is_sent_back_unless_the_file_says_another(site: Site) -> None:
    upload(site, [row("A", "Mr."), row("B", "Mr."), row("C", "mr.", SEND_BACK="")])
    assert [e[4] for e in entries(site)] == [True, False, False]
    found = upload(site, [row("C", "Mr.", SEND_BACK="Yes")])
    assert [e[4] for e in entries(site)] == [False, False, True]
    assert found.rows[2].notes == ("“A” is no longer the one to send back.",)
    assert found.run.tallies["marks_lost"] == 1


def test_two_rows_cannot_both_be_sent_back(site: Site) -> None:
    found = upload(site, [row("A", "Mr.", SEND_BACK="Yes"), row("B", "mr.", SEND_BACK="Yes")])
    assert outcomes(found) == ["created", "rejected"]
    assert found.rows[3].codes == ("sent_back_twice",)
    assert "Row 2" in found.rows[3].messages[0]


def test_both_can_be_at_different_times(site: Site) -> None:
    rows = [
        row("A", "Mr.", SEND_BACK="Yes", VALID_FROM="", VALID_TO="2026-06-30"),
        row("B", "Mr.", SEND_BACK="Yes", VALID_FROM="2026-07-01", VALID_TO=""),
    ]
    assert outcomes(upload(site, rows)) == ["created", "created"]
    assert [e[4] for e in entries(site)] == [True, True]


def test_one_has_to_be_sent_back(site: Site) -> None:
    found = upload(site, [row("A", "Mr.", SEND_BACK="No"), row("B", "Mr.", SEND_BACK="No")])
    assert [e[4] for e in entries(site)] == [True, False]
    assert "Stays the one to send back" in found.rows[2].notes[0]


def test_an_entry_that_goes_elsewhere_leaves_its_mark_to_another(site: Site) -> None:
    upload(site, [row("A", "Mr."), row("B", "Mr."), row("C", "Ms.")])
    upload(site, [row("A", "Ms.")])
    assert [(e[1], e[4]) for e in entries(site)] == [("Ms.", False), ("Mr.", True), ("Ms.", True)]


def test_marks_that_change_places(site: Site) -> None:
    upload(site, [row("A", "Mr."), row("B", "Mr.")])
    found = upload(site, [row("A", "Mr.", SEND_BACK="No"), row("B", "Mr.", SEND_BACK="Yes")])
    assert outcomes(found) == ["updated", "updated"]
    assert [e[4] for e in entries(site)] == [False, True]


# ---- centers ----


def test_an_upload_for_a_center_changes_its_own_only(site: Site) -> None:
    north, south = site.insert("centers", name="North"), site.insert("centers", name="South")
    add(site, TITLES, "Mr.", "A")
    add(site, TITLES, "Sir", "A", center_id=north)
    add(site, TITLES, "Don", "A", center_id=south)
    found = upload(
        site,
        [
            row("A", "Mr.", CENTER=""),
            row("A", "Herr", CENTER=" north "),
            row("A", "Señor", CENTER="South"),
            row("B", "Ms.", CENTER=""),
            row("C", "Ms.", CENTER="General"),
            row("C", "Ms.", CENTER="North"),
        ],
        center_id=north,
    )
    assert outcomes(found) == [
        "unchanged", "updated", "rejected", "rejected", "rejected", "created",
    ]  # fmt: skip
    assert [r.codes for r in found.rows.values()] == [
        (), (), ("unknown_center",), ("others_entry",), ("others_entry",), ()
    ]  # fmt: skip
    assert [(e[0], e[1], e[3]) for e in entries(site)] == [
        ("A", "Mr.", None), ("A", "Herr", north), ("A", "Don", south), ("C", "Ms.", north)
    ]  # fmt: skip


def test_without_the_column_a_centers_upload_is_its_own(site: Site) -> None:
    north = site.insert("centers", name="North")
    add(site, TITLES, "Mr.", "A")
    assert outcomes(upload(site, [row("A", "Sir")], center_id=north)) == ["created"]
    assert [(e[1], e[3]) for e in entries(site)] == [("Mr.", None), ("Sir", north)]


# ---- several keys, odd files ----


def test_ten_keys_in_any_order_under_their_labels(site: Site) -> None:
    set_policy(site, TITLES, Policy.KEEP, labels=10)
    cells = {f"foreign_{at}": f"k{at}" for at in (10, 9, 8, 7, 6, 5, 4, 3)}
    cells |= {"Key 1": "k2", "key 0": "k1", "online_value": "Mr."}
    assert outcomes(upload(site, [cells])) == ["created"]
    assert entries(site)[0][0] == "|".join(f"k{at}" for at in range(1, 11))
    found = upload(site, [cells | {"Key 1": "a|b"}, cells | {"foreign_10": ""}])
    assert [r.codes for r in found.rows.values()] == [("bad_cross_reference",), ("missing_value",)]


def test_a_file_without_what_it_needs_is_refused(site: Site) -> None:
    draft = site.draft(
        [{"FOREIGN_1": "A"}], operation="cross-reference-upload", crossref_type=TITLES
    )
    result = site.run(draft)
    assert result.state == "failure"
    assert "ONLINE_VALUE" in (result.failure or "")


def test_formulas_go_out_guarded_and_come_in_as_they_were(site: Site) -> None:
    for at, value in enumerate(["=1+1", "'=1+1", "-x", "@x", "'x", '"q",', "+49 30"]):
        add(site, TITLES, f"Mr. {at}", value, description=value)
    before, text = entries(site), exported(site)
    assert '"\'=1+1"' in text
    assert set(outcomes(upload(site, text))) == {"unchanged"}
    site.sql_do("DELETE FROM cross_reference_entries")
    assert set(outcomes(upload(site, text))) == {"created"}
    assert entries(site) == before


def test_a_type_that_is_not_there(site: Site) -> None:
    draft = site.draft([row("A", "B")], operation="cross-reference-upload")
    assert site.run(draft).state == "failure"


# ---- sealed ----


def test_what_the_preview_showed_is_what_is_done(site: Site) -> None:
    add(site, TITLES, "Mr.", "A")
    draft = site.draft(
        [row("A", "Sir"), row("B", "Ms."), row("C", "Dr.")],
        operation="cross-reference-upload",
        crossref_type=TITLES,
    )
    assert site.preview(draft).state == "success"
    add(site, TITLES, "Miss", "B")
    found = site.run(draft)
    found.check_counts()
    assert [r.outcome for r in found.rows.values()] == ["updated", "withheld", "created"]
    assert found.rows[3].codes == ("changed_since_preview",)
    assert found.rows[3].cells == ["Ms.", "B"]
    assert [e[1] for e in entries(site)] == ["Sir", "Miss", "Dr."]


def test_what_was_planned_on_top_of_a_withheld_row_is_withheld(site: Site) -> None:
    add(site, TITLES, "Mr.", "A")
    rows = [
        row("A", "Mr.", VALID_FROM="", VALID_TO="2026-12-31", DESCRIPTION="old"),
        row("A", "Ms.", VALID_FROM="2027-01-01", VALID_TO="", DESCRIPTION=""),
        row("B", "Dr.", VALID_FROM="", VALID_TO="", DESCRIPTION=""),
    ]
    draft = site.draft(rows, operation="cross-reference-upload", crossref_type=TITLES)
    site.preview(draft)
    site.sql_do("UPDATE cross_reference_entries SET description = 'touched'")
    found = site.run(draft)
    found.check_counts()
    assert [r.outcome for r in found.rows.values()] == ["withheld", "withheld", "created"]
    assert found.rows[3].codes == ("changed_since_preview", "foreign_value_taken")


def test_a_row_left_out_stays_out(site: Site) -> None:
    draft = site.draft(
        [row("A", "Mr."), row("B", "Ms.")],
        operation="cross-reference-upload",
        crossref_type=TITLES,
    )
    site.insert("run_edits", run_id=draft, kind="leave_out", row_number=2)
    site.insert("run_edits", run_id=draft, kind="cell", row_number=3, column="FOREIGN_1",
                new_value="BB")  # fmt: skip
    found = site.run(draft)
    assert [r.outcome for r in found.rows.values()] == ["withheld", "created"]
    assert [e[0] for e in entries(site)] == ["BB"]


# ---- undone ----


def test_what_somebody_changed_since_stays(site: Site) -> None:
    add(site, TITLES, "Mr.", "A", description="first")
    add(site, TITLES, "Ms.", "B")
    found = upload(
        site,
        [
            row("A", "Sir", DESCRIPTION="second"),
            row("B", "Mrs.", DESCRIPTION=""),
            row("C", "Dr.", DESCRIPTION=""),
            row("D", "Rev.", DESCRIPTION=""),
        ],
    ).run
    with site.connection.transaction():
        site.act_as("Mary Editor")
        site.sql_do("UPDATE cross_reference_entries SET description = 'third' WHERE"
                    " foreign_key IN ('a', 'c')")  # fmt: skip
    looked, undone = site.undo_preview(found.id), site.undo(found.id)
    assert looked.tallies["kept"] == undone.tallies["kept"] == 2
    assert (undone.tallies["restored"], undone.tallies["removed"]) == (2, 1)
    assert [(e[0], e[1], e[2]) for e in entries(site)] == [
        ("A", "Mr.", "third"), ("B", "Ms.", ""), ("C", "Dr.", "third")
    ]  # fmt: skip
    told = [row.messages[0] for row in undone.rows.values()]
    assert told[0].startswith(
        "DESCRIPTION keeps its present value: changed since by Mary Editor on"
    )
    assert told[1].startswith("This entry stays: it was changed since by Mary Editor on")


def test_days_that_somebody_gave_to_another_stay_theirs(site: Site) -> None:
    add(site, TITLES, "Mr.", "A")
    found = upload(site, [row("A", "Mr.", VALID_FROM="", VALID_TO="2026-12-31")]).run
    add(site, TITLES, "Ms.", "A", valid_from=date(2027, 1, 1))
    undone = site.undo(found.id)
    assert undone.state == "success"
    assert undone.rows[1].codes == ("taken_since_run",)
    assert [(e[1], e[6]) for e in entries(site)] == [("Mr.", "2026-12-31"), ("Ms.", None)]


def test_a_mark_that_somebody_gave_to_another_stays_theirs(site: Site) -> None:
    upload(site, [row("A", "Mr."), row("B", "Mr."), row("C", "Mr.")])
    found = upload(site, [row("B", "Mr.", SEND_BACK="Yes")]).run
    site.sql_do("UPDATE cross_reference_entries SET is_sent_back = false WHERE foreign_key = 'b'")
    site.sql_do("UPDATE cross_reference_entries SET is_sent_back = true WHERE foreign_key = 'c'")
    assert site.undo(found.id).state == "success"
    assert [e[4] for e in entries(site)] == [False, False, True]


def test_two_uploads_are_taken_back_in_any_order(site: Site) -> None:
    first = upload(site, [row("A", "Mr."), row("B", "Ms.")]).run
    second = upload(site, [row("B", "Mrs."), row("C", "Dr.")]).run
    site.undo(first.id)
    assert [(e[0], e[1]) for e in entries(site)] == [("B", "Mrs."), ("C", "Dr.")]
    site.undo(second.id)
    assert [(e[0], e[1]) for e in entries(site)] == [("B", "Ms.")]
