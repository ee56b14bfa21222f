"""The upload of entries through the wizard that every file goes through, by somebody who keeps
cross-references and has no other role; and whose door stays closed to whom."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from python_calamine import CalamineWorkbook

from tests.jobs.site import Site
from tests.jobs.test_crossref_uploads import entries
from tests.jobs.test_crossrefs import add
from tests.people import Person, make_person, sign_in
from webapp.rules.roles import Role

if TYPE_CHECKING:
    from flask.testing import FlaskClient

TYPE = "/cross-references/field:TITLE"
START = "/operations/cross-reference-upload/start"
CSV = "online_value,Foreign value,DESCRIPTION\r\nSir,01,second\r\nMs.,02,\r\n,03,\r\n"


@pytest.fixture
def client(site: Site) -> FlaskClient[Any]:
    return site.app.test_client()


@pytest.fixture
def keeper(site: Site) -> Person:
    return make_person(site.app, "keeper@example.org", Role.VIEW_IMPORT_EXPORT,
                       Role.CROSSREF_MANAGE)  # fmt: skip


def begin(client: FlaskClient[Any], text: str = CSV, **more: Any) -> int:
    """A draft with its file; its number."""
    answer = client.post(START, data={"label": "Titles", "type_key": "field:TITLE",
                                      "date_order": "mdy"} | more)  # fmt: skip
    assert answer.status_code == 303, answer.text
    run_id = int(re.findall(r"/runs/(\d+)/", answer.location)[0])
    answer = client.post(
        f"/runs/{run_id}/wizard/file",
        data={"file": (io.BytesIO(text.encode()), "titles.csv")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 303, answer.text
    return run_id


def queued(site: Site, kind: str) -> int:
    return int(site.sql("SELECT max(id) FROM runs WHERE kind = %s", kind)[0][0])


def test_from_the_types_page_to_the_results_and_back(
    site: Site, client: FlaskClient[Any], keeper: Person
) -> None:
    add(site, "field:TITLE", "Mr.", "01", description="first")
    sign_in(client, keeper)
    page = client.get(TYPE).text
    assert f'href="{START}?type=field:TITLE"' in page.replace("%3A", ":")
    page = client.get(f"{START}?type=field:TITLE").text
    assert "The entries as Excel" in page
    assert "Cross-Reference Upload: Titles" in page
    run_id = begin(client)

    page = client.get(f"/runs/{run_id}/wizard/found").text
    assert "FOREIGN_1" in page
    assert client.post(f"/runs/{run_id}/wizard/preview/start").status_code == 303
    site.execute(queued(site, "preview"))
    page = client.get(f"/runs/{run_id}/wizard/preview").text
    assert "What new cross-references look like" in page
    assert "No other entry is touched." in page
    assert "Value missing" in client.get(f"/runs/{run_id}/wizard/preview/problems").text
    rows = client.get(f"/runs/{run_id}/wizard/preview/rows").text
    assert "02 → Ms." in rows

    page = client.get(f"/runs/{run_id}/wizard/review").text
    assert "Running adds 1 cross-reference and changes 1 cross-reference, all at once" in page
    answer = client.post(f"/runs/{run_id}/wizard/review", data={"notify": ""})
    assert answer.status_code == 303
    assert client.post(f"/runs/{run_id}/wizard/review", data={"notify": ""}).status_code == 303
    site.execute(run_id)
    page = client.get(f"/runs/{run_id}").text
    assert "Cross Reference Types" in page
    assert "Operation Results" not in page
    assert "ONLINE_VALUE is blank" in page
    row = client.get(f"/runs/{run_id}/rows/2").text
    assert "This row changed a cross-reference." in row
    assert "Stands for" in row
    assert "second" in row
    rejects = client.get(f"/runs/{run_id}/rejects.csv").get_data().decode("utf-8-sig")
    assert '"03"' in rejects
    history = client.get(f"{TYPE}/history").text
    assert f'href="/runs/{run_id}"' in history
    assert f'href="/runs/{run_id}"' in client.get(TYPE).text

    assert client.post(f"/runs/{run_id}/undo/look").status_code == 303
    site.execute(queued(site, "undo_preview"))
    assert "cross-references the run changed" in client.get(f"/runs/{run_id}/undo/").text
    assert client.post(f"/runs/{run_id}/undo/start").status_code == 303
    site.execute(queued(site, "undo"))
    page = client.get(f"/runs/{queued(site, 'undo')}").text
    assert "cross-references that are what they were" in page
    assert [e[:3] for e in entries(site)] == [("01", "Mr.", "first")]


def test_who_keeps_cross_references_sees_nothing_else(
    site: Site, client: FlaskClient[Any], keeper: Person
) -> None:
    draft = site.draft([{"MEMBER_ID": "M-1", "LAST_NAME": "Day"}])
    other = site.run(site.draft([{"MEMBER_ID": "M-2", "LAST_NAME": "Roe"}])).id
    sign_in(client, keeper)
    closed = [
        "/runs/", f"/runs/{other}", f"/runs/{other}/rows/2", f"/runs/{other}/rejects.csv",
        f"/runs/{other}/undo/", f"/runs/{other}/progress", f"/runs/{draft}/wizard/file",
        f"/runs/{draft}/wizard/found", f"/runs/{draft}/wizard/preview",
        f"/runs/{draft}/wizard/review", "/operations/standard-constituent-import/start",
        "/operations/cross-reference-upload/customise", "/constituents/", "/groups/",
    ]  # fmt: skip
    for address in closed:
        assert client.get(address).status_code in (403, 404), address
    changing = [
        f"/runs/{other}/cancel", f"/runs/{other}/undo/look", f"/runs/{draft}/wizard/discard",
        f"/runs/{draft}/wizard/preview/start",
    ]  # fmt: skip
    for address in changing:
        assert client.post(address).status_code in (403, 404), address
    page = client.get("/cross-references/").text
    assert "Operation Results" not in page
    assert "All Data Sync Operations" not in page


def test_who_runs_imports_does_not_thereby_see_uploads_of_entries(
    site: Site, client: FlaskClient[Any], keeper: Person
) -> None:
    sign_in(client, keeper)
    run_id = begin(client)
    site.execute(site.start(run_id))
    runner = make_person(site.app, "runner@example.org", Role.VIEW_IMPORT_EXPORT,
                         Role.DATA_SYNC_MANAGE)  # fmt: skip
    other = sign_in(site.app.test_client(), runner)
    for address in (f"/runs/{run_id}", f"/runs/{run_id}/rows/2", f"/runs/{run_id}/undo/", START,
                    f"/runs/{run_id}/rejects.csv"):  # fmt: skip
        assert other.get(address).status_code in (403, 404), address
    assert "Titles" not in other.get("/runs/").text
    assert "Cross-Reference Upload" not in other.get("/operations/all").text
    viewer = make_person(site.app, "viewer@example.org", Role.VIEW_IMPORT_EXPORT,
                         Role.CROSSREF_VIEW, Role.DATA_SYNC_VIEW)  # fmt: skip
    third = sign_in(site.app.test_client(), viewer)
    assert third.get(f"/runs/{run_id}").status_code == 200
    assert "Titles" in third.get("/runs/").text
    assert third.post(f"/runs/{run_id}/undo/look").status_code == 403
    assert third.get(START).status_code in (403, 404)


def test_a_center_uploads_for_itself_and_sees_its_own(
    site: Site, client: FlaskClient[Any], keeper: Person
) -> None:
    north, south = site.insert("centers", name="North"), site.insert("centers", name="South")
    sign_in(client, keeper)
    of_site = begin(client)
    site.execute(site.start(of_site))
    person = make_person(site.app, "north@example.org", Role.VIEW_IMPORT_EXPORT,
                         Role.CROSSREF_MANAGE, center_id=north)  # fmt: skip
    mine = sign_in(site.app.test_client(), person)
    assert mine.get(f"/runs/{of_site}").status_code == 404
    run_id = begin(mine, "ONLINE_VALUE,FOREIGN_1\r\nHerr,01\r\n")
    assert site.sql("SELECT center_id FROM runs WHERE id = %s", run_id) == [(north,)]
    site.execute(site.start(run_id))
    assert [(e[1], e[3]) for e in entries(site) if e[0] == "01"] == [("Sir", None), ("Herr", north)]
    other = make_person(site.app, "south@example.org", Role.VIEW_IMPORT_EXPORT,
                        Role.CROSSREF_MANAGE, center_id=south)  # fmt: skip
    assert sign_in(site.app.test_client(), other).get(f"/runs/{run_id}").status_code == 404


def test_a_type_has_to_be_chosen(site: Site, client: FlaskClient[Any], keeper: Person) -> None:
    sign_in(client, keeper)
    data = {"label": "Titles", "type_key": "nonsense", "date_order": "mdy"}
    assert client.post(START, data=data).status_code == 422
    assert client.get(f"{START}?type=nonsense").status_code == 200


def test_the_entries_as_excel_come_in_again(
    site: Site, client: FlaskClient[Any], keeper: Person
) -> None:
    add(site, "field:TITLE", "=Mr.", "007", description="+1")
    sign_in(client, keeper)
    with client.get(f"{TYPE}/entries.xlsx") as answer:
        workbook = answer.data
    rows = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0)
    assert rows.to_python()[1][:2] == ["'=Mr.", "007"]
    before = entries(site)
    answer = client.post(START, data={"label": "T", "type_key": "field:TITLE",
                                      "date_order": "mdy"})  # fmt: skip
    run_id = int(re.findall(r"/runs/(\d+)/", answer.location)[0])
    client.post(
        f"/runs/{run_id}/wizard/file",
        data={"file": (io.BytesIO(workbook), "titles.xlsx")},
        content_type="multipart/form-data",
    )
    found = site.execute(site.start(run_id))
    assert [r.outcome for r in found.rows.values()] == ["unchanged"]
    assert entries(site) == before


# ---- what a run used ----


def test_a_run_tells_which_tables_it_used_and_what_was_changed_since(
    site: Site, client: FlaskClient[Any]
) -> None:
    add(site, "field:TITLE", "Mr.", "01")
    rows = [{"MEMBER_ID": f"M-{at}", "LAST_NAME": "Day", "TITLE": title}
            for at, title in enumerate(["01", "01", "07"])]  # fmt: skip
    draft = site.draft(rows)
    site.preview(draft)
    boss = make_person(site.app, "boss@example.org", is_site_admin=True)
    sign_in(client, boss)
    page = client.get(f"/runs/{draft}/wizard/preview").text
    assert "2 of 3 rows translated" in page
    site.run(draft)
    page = client.get(f"/runs/{draft}").text
    assert "2 of 3 rows translated" in page
    assert re.search(r"version \d+", page)
    assert "changed since" not in page
    assert f"/cross-references/field:TITLE/unmapped?run={draft}" in page.replace("%3A", ":")
    add(site, "field:TITLE", "Dr.", "08")
    page = client.get(f"/runs/{draft}").text
    address = re.findall(r'href="([^"]*history\?since=\d+)"', page)[0]
    told = client.get(address).text
    assert "08" in told
    assert ">01<" not in told
    waits = client.get(f"{TYPE}/unmapped?run={draft}").text
    assert ">07<" in waits
    assert "of 1 row" not in waits


def test_values_that_wait_are_paged_filtered_and_mapped_together(
    site: Site, client: FlaskClient[Any]
) -> None:
    sign_in(client, make_person(site.app, "boss@example.org", is_site_admin=True))
    add(site, "field:TITLE", "Mr.", "Mister")
    rows = [{"MEMBER_ID": f"M-{at}", "LAST_NAME": "Day", "TITLE": f"T {at:02}"}
            for at in range(60)]  # fmt: skip
    site.run(site.draft(rows, name="many.csv"))
    seen: list[str] = []
    address = f"{TYPE}/unmapped"
    for _ in range(3):
        page = client.get(address).text
        seen += re.findall(r'class="key">(T \d\d)</label>', page)
        more = re.findall(r'rel="next" href="([^"]+)"', page)
        address = more[0].replace("&amp;", "&") if more else ""
    assert seen == [f"T {at:02}" for at in range(60)]
    assert not address
    page = client.get(f"{TYPE}/unmapped?q=t 5").text
    assert re.findall(r'class="key">(T \d\d)</label>', page) == [f"T {at}" for at in range(50, 60)]
    data = {f"value-{at}": f'["T 5{at}"]' for at in range(10)}
    data |= {"online-3": "Mr.", "online-4": "Dr.", "online-5": " ", "pick": "filled"}
    answer = client.post(f"{TYPE}/unmapped?q=t 5", data=data)
    assert answer.status_code == 303
    assert "q=t+5" in answer.location
    assert [(e[0], e[1]) for e in entries(site)] == [
        ("Mister", "Mr."), ("T 53", "Mr."), ("T 54", "Dr.")
    ]  # fmt: skip
    for broken in ("after=x", "after=WzFd", "after=bnVsbA", "run=0", "run=99999999999999999999"):
        assert client.get(f"{TYPE}/unmapped?{broken}").status_code == 200


def test_a_row_counts_once_however_many_of_its_cells_wait(site: Site) -> None:
    add(site, "field:STATEPROV", "CA", "California")
    rows = [
        {"HOME_STATEPROV": "Nowhere", "ALT1_STATEPROV": "Nowhere"},
        {"HOME_STATEPROV": "California", "ALT1_STATEPROV": "Nowhere"},
        {"HOME_STATEPROV": "California", "ALT1_STATEPROV": ""},
        {"HOME_STATEPROV": "", "ALT1_STATEPROV": ""},
    ]
    found = site.run(site.draft([{"MEMBER_ID": f"M-{at}"} | row for at, row in enumerate(rows)]))
    assert site.sql(
        "SELECT rows, mapped FROM cross_reference_uses WHERE run_id = %s AND rows > 0", found.id
    ) == [(3, 1)]
    assert site.sql(
        "SELECT rows, first_row FROM cross_reference_seen WHERE run_id = %s", found.id
    ) == [(2, 2)]
