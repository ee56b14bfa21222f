"""What files had and no entry explains: listed with its rows, suggested, mapped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from jobs.cleaning import delete_preview_rows
from tests.jobs.site import Site
from tests.pages import words_of
from tests.people import make_admin, make_person, sign_in
from webapp.extensions import db
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask.testing import FlaskClient

UNMAPPED = "/cross-references/group/unmapped"
ROWS = [
    {"MEMBER_ID": "M-1", "LAST_NAME": "Day", "GROUP_IDS": "VOL"},
    {"MEMBER_ID": "M-2", "LAST_NAME": "Lee", "GROUP_IDS": "VOL"},
    {"MEMBER_ID": "M-3", "LAST_NAME": "Roe", "GROUP_IDS": "vol,QXZ-9"},
    {"MEMBER_ID": "M-4", "LAST_NAME": "Poe", "GROUP_IDS": ""},
]


@pytest.fixture
def client(site: Site) -> FlaskClient[Any]:
    return site.app.test_client()


def preview_of(site: Site, draft: int) -> int:
    return int(site.sql("SELECT preview_id FROM runs WHERE id = %s", draft)[0][0])


def test_from_a_preview_a_mapped_value_fixes_all_its_rows(
    site: Site, client: FlaskClient[Any]
) -> None:
    volunteers = site.group("Volunteers")
    draft = site.draft(ROWS)
    looked = site.preview(draft)
    assert looked.counts["rejected"] == 3
    sign_in(client, make_admin(site.app))
    page = client.get(f"/runs/{draft}/wizard/preview/problems?code=unknown_group").text
    assert "Map a value once, for all its rows" in page
    assert re.search(r'<label for="map-1-0-take" class="key">VOL</label>', page)
    assert f'value="0:{volunteers}"' in page
    answer = client.post(
        f"/runs/{draft}/wizard/preview/map/group",
        data={"pick": f"0:{volunteers}", "value-0": '["VOL"]', "center-0": "", "code": "x"},
    )
    assert answer.status_code == 303
    again = preview_of(site, draft)
    assert again != looked.id
    result = site.execute(again)
    assert (result.counts["created"], result.counts["rejected"]) == (3, 1)
    page = client.get(f"/runs/{draft}/wizard/preview/problems?code=unknown_group").text
    assert "QXZ-9" in page
    assert 'class="key">VOL</label>' not in page
    run = site.run(draft)
    assert run.counts["created"] == 3
    assert len(site.members(volunteers)) == 2


def test_who_may_not_map_is_not_offered_it(site: Site, client: FlaskClient[Any]) -> None:
    group = site.group("Volunteers")
    runner = make_person(site.app, "rita@example.org", Role.DATA_SYNC_RUN)
    draft = site.draft(ROWS, user_id=runner.id)
    site.preview(draft)
    sign_in(client, runner)
    page = client.get(f"/runs/{draft}/wizard/preview/problems?code=unknown_group").text
    assert "Map a value once" not in page
    data = {"pick": f"0:{group}", "value-0": '["VOL"]', "center-0": ""}
    answer = client.post(f"/runs/{draft}/wizard/preview/map/group", data=data)
    assert answer.status_code in {403, 404}
    assert not site.sql("SELECT 1 FROM cross_reference_entries")


def listed(client: FlaskClient[Any], type_label: str) -> str:
    """What the list of types says is not yet mapped of one."""
    page = client.get("/cross-references/").text
    row = next(row for row in page.split("<tr>")[1:] if f">{type_label}</a>" in row)
    cell = re.search(r'data-label="Not yet mapped">(.*?)</td>', row, re.DOTALL)
    assert cell
    return words_of(cell[1])


def test_the_list_of_types_agrees_with_the_page_of_each(
    site: Site, client: FlaskClient[Any]
) -> None:
    volunteers, board = site.group("Volunteers"), site.group("Board of directors")
    north = site.insert("centers", name="North")
    site.group("Hikers", center_id=north)
    for state in ("MA", "NH", "NH"):
        site.person(first_name="Ann", home_stateprov=state, alt1_stateprov="ma")
    sign_in(client, make_admin(site.app))
    assert listed(client, "Groups") == "3 here"
    assert listed(client, "Interests") == "–"
    assert listed(client, "States and provinces") == "2 here"
    page = client.get("/cross-references/field:STATEPROV/unmapped").text
    assert re.findall(r"\?for=(\w+)", page) == ["ma", "NH"]
    # One click leads to the entry's form, with the value in it
    assert 'value="NH"' in client.get("/cross-references/field:STATEPROV?for=NH").text
    ready = client.get(f"/cross-references/group?for={board}").text
    assert f'<option selected value="{board}">' in ready
    general = {"new-center_id": ""}
    for state in ("MA", "NH"):
        entry = general | {"new-foreign_0": f"x{state}", "new-online_value": state}
        client.post("/cross-references/field:STATEPROV/entries", data=entry)
    assert listed(client, "States and provinces") == "–"
    assert "Every value that is in use here has an entry" in (
        client.get("/cross-references/field:STATEPROV/unmapped").text
    )
    client.post(
        "/cross-references/group/entries",
        data=general | {"new-foreign_0": "VOL", "new-online_choice": str(volunteers)},
    )
    assert listed(client, "Groups") == "2 here"
    # A center's people: their own and the shared ones, not the codes of everybody
    nora = make_person(site.app, "nora@example.org", Role.CROSSREF_VIEW, center_id=north)
    theirs = sign_in(site.app.test_client(), nora)
    assert listed(theirs, "Groups") == "2 here"
    assert "for=" not in theirs.get(UNMAPPED).text


def test_the_list_and_accepting_several(site: Site, client: FlaskClient[Any]) -> None:
    volunteers, board = site.group("Volunteers"), site.group("Board of directors")
    rows = [*ROWS, {"MEMBER_ID": "M-5", "GROUP_IDS": "BRD"}]
    site.import_rows(rows)
    sign_in(client, make_admin(site.app))
    assert listed(client, "Groups") == "3 in files (5 rows) 2 here"
    page = client.get(UNMAPPED).text
    assert page.index(">VOL<") < page.index(">BRD<")
    assert "3 rows of Members, first in row 2" in re.sub(r"<[^>]+>", "", page)
    assert f"Board of directors ({board})" in page
    assert "Without an entry here" in page
    data = {
        "take": ["0", "1", "2"],
        "value-0": '["VOL"]', "online-0": f"Volunteers ({volunteers})",
        "value-1": '["BRD"]', "online-1": str(board),
        "value-2": '["QXZ-9"]', "online-2": "",
    }  # fmt: skip
    answer = client.post(UNMAPPED, data=data, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "2 values are mapped." in answer.text
    assert "“QXZ-9”: Say what it stands for here." in answer.text
    assert ">QXZ-9<" in answer.text
    assert ">VOL<" not in answer.text
    found = site.sql("SELECT foreign_values, online_value FROM cross_reference_entries ORDER BY id")
    assert found == [(["VOL"], str(volunteers)), (["BRD"], str(board))]
    logged = site.sql("SELECT DISTINCT actor FROM change_log WHERE table_name LIKE 'cross%entries'")
    assert logged == [("Ada Admin",)]


def test_what_was_mapped_alike_before_is_suggested(site: Site, client: FlaskClient[Any]) -> None:
    volunteers, _ = site.group("Volunteers"), site.group("Board of directors")
    site.import_rows([{"MEMBER_ID": "M-1", "GROUP_IDS": "QXZ-2026"}])
    sign_in(client, make_admin(site.app))
    assert "Suggested:" not in client.get(UNMAPPED).text
    entry = {"new-foreign_0": "QXZ-2025", "new-online_choice": str(volunteers)}
    client.post("/cross-references/group/entries", data=entry)
    assert f'name="pick" value="0:{volunteers}"' in client.get(UNMAPPED).text


def test_a_center_sees_what_its_own_runs_had(site: Site, client: FlaskClient[Any]) -> None:
    north, south = site.insert("centers", name="North"), site.insert("centers", name="South")
    site.group("Volunteers")
    site.import_rows([{"MEMBER_ID": "1", "GROUP_IDS": "NORTHERN"}], center_id=north)
    site.import_rows([{"MEMBER_ID": "2", "GROUP_IDS": "SOUTHERN"}], center_id=south)
    site.import_rows([{"MEMBER_ID": "3", "GROUP_IDS": "SHARED"}])
    person = make_person(site.app, "nora@example.org", Role.CROSSREF_MANAGE, center_id=north)
    sign_in(client, person)
    page = client.get(UNMAPPED).text
    assert "NORTHERN" in page
    assert "SOUTHERN" not in page
    assert "SHARED" not in page
    data = {"pick": "0", "value-0": '["SOUTHERN"]', "center-0": str(south), "online-0": "1"}
    assert client.post(UNMAPPED, data=data).status_code in {403, 404}


@pytest.mark.parametrize("value", ["", "{", "[1]", '"x"', "[]", '["a","b"]', '["\\u0000"]'])
def test_what_no_page_sends_maps_nothing(site: Site, client: FlaskClient[Any], value: str) -> None:
    group = site.group("Volunteers")
    sign_in(client, make_admin(site.app))
    data = {"pick": f"0:{group}", "value-0": value}
    assert client.post(UNMAPPED, data=data).status_code == 303
    assert not site.sql("SELECT 1 FROM cross_reference_entries")


def test_a_preview_that_was_replaced_no_longer_counts(site: Site, client: FlaskClient[Any]) -> None:
    draft = site.draft(ROWS)
    site.preview(draft)
    site.sql_do(f"UPDATE runs SET edits_version = 9 WHERE id = {draft}")
    site.preview(draft)
    sign_in(client, make_admin(site.app))
    text = re.sub(r"<[^>]+>", "", client.get(UNMAPPED).text)
    assert "3 rows of Members (preview)" in text
    site.sql_do(f"UPDATE runs SET state = 'cancelled' WHERE id = {draft}")
    assert "Nothing waits" in client.get(UNMAPPED).text


def test_what_a_spent_preview_saw_is_cleaned_away(site: Site) -> None:
    draft = site.draft(ROWS)
    first = site.preview(draft).id
    site.sql_do(f"UPDATE runs SET options = options || '{{\"x\": 1}}' WHERE id = {draft}")
    second = site.preview(draft).id
    assert first != second
    with site.app.app_context():
        assert delete_preview_rows(db.session()) == first
        db.session.remove()
    assert site.sql("SELECT DISTINCT run_id FROM cross_reference_seen") == [(second,)]
