"""Cross Reference Types over HTTP: the table, its editor, who may do what, the history."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import select

from tests.finished_runs import make_run
from tests.people import make_admin, make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import CrossReferenceEntry, CrossReferenceUse, Group
from webapp.rules.roles import Role
from webapp.services import crossref_edits, crossrefs, locks
from webapp.services.crossref_edits import EntryValues
from webapp.settings import libpq_url

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

HTMX = {"HX-Request": "true"}
TITLES = "/cross-references/field:TITLE"


@pytest.fixture
def admin(app: Flask, client: FlaskClient[Any]) -> FlaskClient[Any]:
    return sign_in(client, make_admin(app))


def add(app: Flask, key: str, online: object, *foreign: str, **more: Any) -> int:
    with app.app_context():
        found = crossrefs.find_type(db.session(), key)
        assert found is not None
        values = EntryValues(str(online), foreign, **more)
        entry = crossref_edits.add_entry(db.session(), found, values, None)
        db.session.commit()
        return entry.id


def entries(app: Flask) -> dict[str, CrossReferenceEntry]:
    with app.app_context():
        found = db.session.scalars(select(CrossReferenceEntry)).all()
        return {"|".join(entry.foreign_values): entry for entry in found}


def test_the_list_of_types(app: Flask, admin: FlaskClient[Any]) -> None:
    add(app, "field:TITLE", "Mr.", "01")
    text = admin.get("/cross-references/").text
    for words in ("Groups", "Gift designations (funds)", "Marital statuses", "Reject the row"):
        assert words in text
    assert re.search(r"Titles</a>.*?<td[^>]*>1</td>", text, re.DOTALL)


def test_adding_without_script(app: Flask, admin: FlaskClient[Any]) -> None:
    answer = admin.post(
        f"{TITLES}/entries",
        data={"new-foreign_0": " 01 ", "new-online_value": "Mr.", "new-valid_from": "2026-01-01"},
    )
    assert answer.status_code == 303
    entry = entries(app)["01"]
    assert (entry.online_value, entry.is_sent_back, str(entry.valid_from)) == (
        "Mr.", True, "2026-01-01",
    )  # fmt: skip
    page = admin.get(TITLES).text
    assert "from 2026-01-01" in page
    assert "Ada Admin" in page


def test_adding_with_htmx_shows_it(app: Flask, admin: FlaskClient[Any]) -> None:
    data = {"new-foreign_0": "01", "new-online_value": "Mr."}
    answer = admin.post(f"{TITLES}/entries", data=data, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="crossref-table">')
    assert "“01” stands for Mr. now." in answer.text
    again = admin.post(f"{TITLES}/entries", data=data, headers=HTMX)
    assert again.status_code == 422
    assert "“01” already stands for Mr. at that time" in again.text
    assert len(entries(app)) == 1


def test_a_group_is_chosen_by_its_name(app: Flask, admin: FlaskClient[Any]) -> None:
    with app.app_context():
        group = Group(name="Volunteers")
        db.session.add(group)
        db.session.commit()
        number = group.id
    page = admin.get("/cross-references/group").text
    assert f'<option value="{number}">Volunteers ({number})</option>' in page
    missing = admin.post("/cross-references/group/entries", data={"new-foreign_0": "VOL"})
    assert "Say what it stands for here" in missing.text
    data = {"new-foreign_0": "VOL", "new-online_choice": str(number)}
    assert admin.post("/cross-references/group/entries", data=data).status_code == 303
    assert "Volunteers" in admin.get("/cross-references/group?q=volunt").text
    assert "No entry fits" in admin.get("/cross-references/group?q=choir").text


def test_editing_in_the_row(app: Flask, admin: FlaskClient[Any]) -> None:
    first = add(app, "field:TITLE", "Mr.", "01")
    other = add(app, "field:TITLE", "Mr.", "Mister")
    url = f"{TITLES}/entries/{other}/edit"
    form = admin.get(url, headers=HTMX).text
    assert form.lstrip().startswith(f'<tr id="entry-{other}"')
    data = {
        f"e{other}-foreign_0": "Mister",
        f"e{other}-online_value": "Mr.",
        f"e{other}-is_sent_back": "y",
        f"e{other}-version": "1",
    }
    answer = admin.post(url, data=data, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.count("sent back") == 1
    assert f'id="entry-{first}" hx-swap-oob="true"' in answer.text
    stale = admin.post(url, data=data, headers=HTMX)
    assert stale.status_code == 422
    assert "Ada Admin changed this entry while you had it open" in stale.text
    assert "Show it as it is now" in stale.text
    whole = admin.get(url).text
    assert "<h1>Edit an entry</h1>" in whole
    data[f"e{other}-version"] = "2"
    assert admin.post(url, data=data).status_code == 303


def test_deleting(app: Flask, admin: FlaskClient[Any]) -> None:
    first = add(app, "field:TITLE", "Mr.", "01")
    other = add(app, "field:TITLE", "Mr.", "Mister")
    url = f"{TITLES}/entries/{first}/delete"
    refused = admin.post(url, data={"version": "7"}, headers=HTMX)
    assert refused.status_code == 409
    assert "changed this entry" in refused.text
    gone = admin.post(url, data={"version": "1"}, headers=HTMX)
    assert gone.status_code == 200
    assert f'id="entry-{other}" hx-swap-oob="true"' in gone.text
    assert entries(app)["Mister"].is_sent_back
    version = entries(app)["Mister"].version
    assert (
        admin.post(f"{TITLES}/entries/{other}/delete", data={"version": version}).status_code == 303
    )
    assert not entries(app)


def test_the_history_says_who_changed_what(app: Flask, admin: FlaskClient[Any]) -> None:
    admin.post(f"{TITLES}/entries", data={"new-foreign_0": "01", "new-online_value": "Mr."})
    number = entries(app)["01"].id
    admin.post(
        f"{TITLES}/entries/{number}/edit",
        data={
            f"e{number}-foreign_0": "0,1",
            f"e{number}-online_value": "Ms.",
            f"e{number}-version": "1",
        },
    )
    admin.post(f"{TITLES}/entries/{number}/delete", data={"version": "2"})
    for address in (f"{TITLES}/history", f"{TITLES}/history?entry={number}"):
        text = admin.get(address).text
        assert text.count("by Ada Admin") == 3
        assert re.search(r"0,1</span>\s+deleted", text)
        assert re.search(r"Foreign value</dt><dd>.*?01</del>.*?0,1</ins>", text, re.DOTALL)
        assert re.search(r"Stands for</dt><dd>.*?Mr\.</del>.*?Ms\.</ins>", text, re.DOTALL)


def test_the_settings_of_a_type(app: Flask, admin: FlaskClient[Any]) -> None:
    url = f"{TITLES}/settings"
    assert "Foreign keys" in admin.get(url).text
    bad = admin.post(url, data={"labels": "Code", "policy": "default", "default_value": " "})
    assert bad.status_code == 422
    assert "Say which value stands for those without an entry" in bad.text
    data = {"labels": "Campaign\nFund", "policy": "default", "default_value": "Mx."}
    assert admin.post(url, data=data).status_code == 303
    page = admin.get(TITLES).text
    assert "Campaign" in page
    assert "use one value for all of them" in page
    answer = admin.post(
        f"{TITLES}/entries",
        data={"new-foreign_0": "a", "new-foreign_1": "b", "new-online_value": "x"},
    )
    assert answer.status_code == 303
    assert "a|b" in entries(app)


def test_who_changes_settings_second_is_told(admin: FlaskClient[Any]) -> None:
    url = f"{TITLES}/settings"
    found = re.search(r'name="seen"[^>]* value="(\w+)"', admin.get(url).text)
    assert found
    data = {"labels": "Code", "policy": "reject", "seen": found[1]}
    assert admin.post(url, data=data).status_code == 303
    second = admin.post(url, data=data | {"policy": "keep"})
    assert second.status_code == 422
    assert "Somebody else changed the settings of Titles while you had" in second.text
    assert "reject the row" in admin.get(TITLES).text


@pytest.fixture
def uploading(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An upload of titles is writing, for longer than anybody at a page waits."""
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.2)
    with psycopg.connect(libpq_url(app.config["DATASYNC"].database_url)) as upload:
        upload.execute(
            "SELECT 1 FROM cross_reference_types WHERE key = 'field:TITLE' FOR NO KEY UPDATE"
        )
        yield


def test_who_edits_while_an_upload_writes_is_told(
    app: Flask, admin: FlaskClient[Any], request: pytest.FixtureRequest
) -> None:
    number = add(app, "field:TITLE", "Mr.", "01")
    request.getfixturevalue("uploading")
    edited = {f"e{number}-foreign_0": "1", f"e{number}-online_value": "Mr."}
    mapped = {"value-0": '["02"]', "online-0": "Ms.", "take": "0"}
    for url, data in (
        ("entries", {"new-foreign_0": "02", "new-online_value": "Ms."}),
        (f"entries/{number}/edit", edited | {f"e{number}-version": "1"}),
        (f"entries/{number}/delete", {"version": "1"}),
        ("settings", {"labels": "Code", "policy": "keep"}),
        ("unmapped", mapped),
    ):
        for headers in ({}, HTMX):
            told = admin.post(
                f"{TITLES}/{url}", data=data, headers=headers, follow_redirects=True
            ).text
            assert told.count("An upload is writing the entries of Titles") == 1, (url, headers)
    assert [entry.version for entry in entries(app).values()] == [1]
    assert "01" in admin.get(TITLES).text  # who looks waits for nobody


@pytest.mark.parametrize("role", [Role.CROSSREF_VIEW, Role.DATA_SYNC_MANAGE])
def test_who_only_looks_changes_nothing(app: Flask, client: FlaskClient[Any], role: Role) -> None:
    number = add(app, "field:TITLE", "Mr.", "01")
    sign_in(client, make_person(app, "vi@example.org", role))
    expected = 200 if role is Role.CROSSREF_VIEW else 403
    answer = client.get(TITLES)
    assert answer.status_code == expected
    assert "Add an entry" not in answer.text
    assert client.post(f"{TITLES}/entries", data={}).status_code == 403
    assert client.get(f"{TITLES}/entries/{number}/edit").status_code == 403
    assert client.get(f"{TITLES}/settings").status_code == 403


def test_a_center_keeps_its_own(app: Flask, client: FlaskClient[Any]) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    general = add(app, "field:TITLE", "Mr.", "01")
    own = add(app, "field:TITLE", "Bro.", "01", center_id=north)
    add(app, "field:TITLE", "Sir", "secret", center_id=south)
    sign_in(client, make_person(app, "no@example.org", Role.CROSSREF_MANAGE, center_id=north))
    page = client.get(TITLES).text
    assert "Mr." in page
    assert "Bro." in page
    assert "secret" not in page
    assert f"entries/{own}/edit" in page
    assert f"entries/{general}/edit" not in page
    assert client.get(f"{TITLES}/settings").status_code in {403, 404}
    history = client.get(f"{TITLES}/history").text
    assert "secret" not in history
    assert "Bro." in history
    made = client.post(
        f"{TITLES}/entries",
        data={"new-foreign_0": "02", "new-online_value": "Sis.", "new-center_id": str(north)},
    )
    assert made.status_code == 303
    assert entries(app)["02"].center_id == north
    for center in ("", str(south)):
        data = {"new-foreign_0": "03", "new-online_value": "x", "new-center_id": center}
        assert client.post(f"{TITLES}/entries", data=data).status_code == 422
    assert "03" not in entries(app)


def test_who_only_manages_cross_references_sees_nothing_else_of_the_area(
    app: Flask, client: FlaskClient[Any]
) -> None:
    sign_in(client, make_person(app, "cora@example.org", Role.CROSSREF_MANAGE))
    home = client.get("/")
    assert home.location.endswith("/cross-references/")
    page = client.get(home.location).text
    assert "Cross Reference Types" in page
    for words in ("My Data Sync Operations", "Operation Results", "Constituents", "Users"):
        assert words not in page


def test_pages_in_every_order(
    app: Flask, admin: FlaskClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(60):
        add(app, "field:TITLE", f"Rank {at:02}", f"f{at:02}")
    page = admin.get(f"{TITLES}?sort=-online").text
    assert "Rank 59" in page
    assert "Rank 05" not in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    page = admin.get(following[1].replace("&amp;", "&")).text
    assert "Rank 05" in page
    assert "Rank 59" not in page
    found = admin.get(f"{TITLES}/results?q=f0", headers=HTMX)
    assert found.text.lstrip().startswith('<div id="crossref-results"')
    assert "Rank 09" in found.text
    assert "Rank 10" not in found.text
    assert found.headers["HX-Replace-Url"].endswith("field:TITLE?q=f0")


def test_addresses_that_cannot_be(admin: FlaskClient[Any]) -> None:
    assert admin.get("/cross-references/nothing").status_code == 404
    assert admin.get(f"{TITLES}/entries/999").status_code == 404
    assert admin.get(f"{TITLES}/entries/99999999999999999999").status_code == 404
    for query in ("sort=x", "center=x", "after=999", "after=-1", "q=%00", "center=9999"):
        assert admin.get(f"{TITLES}?{query}").status_code == 200


def test_the_coverage_of_the_last_runs(app: Flask, admin: FlaskClient[Any]) -> None:
    assert "No run has used it yet" in admin.get(f"{TITLES}/coverage").text
    with app.app_context():
        session = db.session()
        found = crossrefs.find_type(session, "field:TITLE")
        assert found is not None
        for rows, mapped in ((200, 100), (1000, 999), (10, 10)):
            run = make_run(session, label=f"Run of {rows}")
            use = CrossReferenceUse(
                run_id=run.id, type_id=found.id, version=7, rows=rows, mapped=mapped
            )
            session.add(use)
        session.commit()
    page = admin.get(f"{TITLES}/coverage").text
    assert "Run of 200: 100 of 200, 50.0 %" in page
    assert 'height="99.9"' in page
    assert page.index("Run of 10<") < page.index("Run of 200<")
    assert "version 7" in page
    assert "50.0 % in the oldest of these runs, 100.0 % in the newest" in page


def test_a_center_sees_the_coverage_of_its_own_runs(app: Flask, client: FlaskClient[Any]) -> None:
    north = make_center(app, "North")
    with app.app_context():
        session = db.session()
        found = crossrefs.find_type(session, "field:TITLE")
        assert found is not None
        for center_id, label in ((None, "Of the site"), (north, "Of the north")):
            run = make_run(session, label=label, center_id=center_id)
            session.add(CrossReferenceUse(run_id=run.id, type_id=found.id, version=1, rows=4,
                                          mapped=1, center_id=center_id))  # fmt: skip
        session.commit()
    sign_in(client, make_person(app, "no@example.org", Role.CROSSREF_VIEW, center_id=north))
    page = client.get(f"{TITLES}/coverage").text
    assert "Of the north" in page
    assert "Of the site" not in page


def test_the_entries_as_a_file(app: Flask, admin: FlaskClient[Any]) -> None:
    north = make_center(app, "North")
    add(app, "field:TITLE", "Mr.", "=01", description='Says "Mr."', valid_from=date(2026, 1, 1))
    add(app, "field:TITLE", "Ms.", "02", center_id=north)
    answer = admin.get(f"{TITLES}/entries.csv", buffered=True)
    assert answer.headers["Content-Disposition"].endswith("cross-references-field-title.csv")
    assert answer.text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows == [
        ["ONLINE_VALUE", "FOREIGN_1", "ONLINE_NAME", "DESCRIPTION", "CENTER", "SEND_BACK",
         "VALID_FROM", "VALID_TO"],
        ["Ms.", "02", "", "", "North", "Yes", "", ""],
        ["Mr.", "'=01", "", 'Says "Mr."', "", "Yes", "2026-01-01", ""],
    ]  # fmt: skip


def test_a_file_has_what_its_reader_may_see(app: Flask, client: FlaskClient[Any]) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    add(app, "field:TITLE", "Mr.", "01")
    add(app, "field:TITLE", "Sir", "secret", center_id=south)
    sign_in(client, make_person(app, "no@example.org", Role.CROSSREF_VIEW, center_id=north))
    text = client.get(f"{TITLES}/entries.csv", buffered=True).text
    assert "Mr." in text
    assert "secret" not in text


def test_what_is_to_be_mapped_belongs_where_its_group_does(
    app: Flask, admin: FlaskClient[Any]
) -> None:
    center = make_center(app, "South")
    with app.app_context():
        theirs, shared = Group(name="Tree Planters", center_id=center), Group(name="Everyone")
        db.session.add_all([theirs, shared])
        db.session.commit()
        numbers = theirs.id, shared.id
    page = admin.get(f"/cross-references/group?for={numbers[0]}").text
    assert re.search(rf'<option selected value="{center}">South</option>', page)
    page = admin.get(f"/cross-references/group?for={numbers[1]}").text
    assert not re.search(rf'<option selected value="{center}">', page)
    assert admin.get("/cross-references/group?for=none%00").status_code == 200


def test_who_searches_the_table_still_finds_the_way_back(admin: FlaskClient[Any]) -> None:
    page = admin.get(f"{TITLES}?stream=3&reason=unmapped_value&behind=unmapped_value:7").text
    form = page[page.index('id="crossref-search"') :].split("</form>")[0]
    for name, value in (
        ("stream", "3"), ("reason", "unmapped_value"), ("behind", "unmapped_value:7"),
    ):  # fmt: skip
        assert f'<input type="hidden" name="{name}" value="{value}">' in form
    page = admin.get(f"{TITLES}?q=Mr&sort=-changed&stream=3").text
    assert "Back to the held-back list" in page
    assert re.search(r'href="/cross-references/field:TITLE\?stream=3">Show all entries', page)
