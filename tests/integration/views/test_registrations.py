"""Resolving new registrations over HTTP, and the step of the wizards that is about them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.finished_runs import make_download
from tests.integration.test_registrations import pair_of
from tests.integration.test_registrations import person as person_in
from tests.integration.test_registrations import waiting as waiting_in
from tests.integration.views.test_downloads import RUNNER, SLUG, USUAL, VIEWER
from tests.integration.views.test_wizard import START, Wizard
from tests.pages import words_of
from tests.people import make_center, make_person, sign_in
from webapp.extensions import db
from webapp.models import (
    Change,
    DownloadWindow,
    Operation,
    PotentialMatch,
    Run,
)
from webapp.rules.roles import Role
from webapp.services import registrations

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

LIST = "/registrations"
STEP = "Registration conflicts"


@pytest.fixture
def rita(app: Flask, client: FlaskClient[Any]) -> FlaskClient[Any]:
    """The browser of somebody who runs operations for the whole site."""
    return sign_in(client, make_person(app, "rita.runner@example.org", *RUNNER))


def browser(app: Flask, email: str, *roles: Role, center: int | None = None) -> FlaskClient[Any]:
    return sign_in(app.test_client(), make_person(app, email, *roles, center_id=center))


def person(app: Flask, name: str, *centers: int, **values: Any) -> int:
    with app.app_context():
        made = person_in(db.session(), name, *centers, **values)
        db.session.commit()
        return made


def pair(app: Flask, registration: int, candidate: int) -> int:
    with app.app_context():
        made = pair_of(db.session(), registration, candidate)
        db.session.commit()
        return made


def waiting(app: Flask) -> set[int]:
    with app.app_context():
        return waiting_in(db.session())


def main_of(client: FlaskClient[Any], url: str, status: int = 200) -> str:
    answer = client.get(url, follow_redirects=True)
    assert answer.status_code == status, (url, answer.status_code)
    return answer.text.partition("<main")[2]


def tab_of(client: FlaskClient[Any]) -> str:
    """What the tab says."""
    page = client.get("/operations/all").text
    found = re.search(r'<nav class="subnav".*?</nav>', page, re.DOTALL)
    assert found
    link = re.search(r'<a href="/registrations"[^>]*>(.*?)</a>', found[0], re.DOTALL)
    return words_of(link[1]) if link else ""


# ---- the list ----


def test_nobody_waits(app: Flask, rita: FlaskClient[Any]) -> None:
    page = main_of(rita, LIST)
    assert "Nothing waits" in page
    assert "May be the same person as…" in page
    assert tab_of(rita) == "Resolve New Registrations"


def test_the_list_tells_who_and_whom_and_decides(app: Flask, rita: FlaskClient[Any]) -> None:
    liz = person(app, "Liz", primary_email="liz@example.org", home_city="Millbrook")
    beth, ann = person(app, "Elizabeth", member_id="M-7"), person(app, "Ann")
    first, second = pair(app, liz, beth), pair(app, ann, beth)

    page = main_of(rita, LIST)
    for words in ("Liz Lee", "liz@example.org", "Millbrook", "Elizabeth Lee", "M-7", str(beth)):
        assert words in page
    assert tab_of(rita) == "Resolve New Registrations 2 waiting"

    rita.post(f"{LIST}/decide", data={"match": str(first), "ticked": [str(second)]})
    assert waiting(app) == {ann}
    page = main_of(rita, LIST)
    assert "Not a match: 1 pair decided" in page
    assert "Liz Lee" not in page


def test_several_are_decided_at_once(app: Flask, rita: FlaskClient[Any]) -> None:
    known = person(app, "Known")
    people = [person(app, name) for name in "ABC"]
    pairs = [pair(app, one, known) for one in people]

    rita.post(f"{LIST}/decide", data={"ticked": [str(one) for one in pairs[:2]]})
    assert waiting(app) == {people[2]}
    rita.post(f"{LIST}/decide", data={})
    assert "Tick those that are no match first." in main_of(rita, LIST)
    again = {"ticked": [*(str(one) for one in pairs), "x", "9" * 30, "0"]}
    rita.post(f"{LIST}/decide", data=again)
    page = main_of(rita, LIST)
    assert waiting(app) == set()
    assert "Not a match: 1 pair decided" in page
    assert page.count("Rita Runner decided on ") == 2
    assert "not there any more" in page


def test_a_long_list_has_pages(
    app: Flask, rita: FlaskClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = person(app, "Known")
    for number in range(registrations.PAGE_PAIRS + 2):
        pair(app, person(app, f"New{number}"), known)
    page = main_of(rita, LIST)
    link = re.search(r'rel="next" href="([^"]+)"', page)
    assert link
    second = main_of(rita, link[1])
    assert second.count('name="match"') == 2
    assert 'href="/registrations"' in second
    after = link[1].partition("after=")[2].replace("%3A", ":")
    number = re.search(r'name="match" value="(\d+)"', second)
    assert number
    answer = rita.post(f"{LIST}/decide", data={"match": number[1], "after": after})
    assert answer.location == link[1]
    assert "That was the last one" in main_of(rita, f"{LIST}?after=999:999")


def test_who_only_views_decides_nothing(app: Flask) -> None:
    viewer = browser(app, "vera.viewer@example.org", *VIEWER)
    liz, beth = person(app, "Liz"), person(app, "Beth")
    number = pair(app, liz, beth)
    for url in (LIST, f"{LIST}/{liz}"):
        page = main_of(viewer, url)
        assert "Beth Lee" in page
        assert 'name="match"' not in page
        assert "Remove" not in page
    assert "Deciding needs Data Synchronization: Run" in page
    for url, data in (
        (f"{LIST}/decide", {"match": str(number)}),
        (f"{LIST}/{liz}/resolve", {}),
        (f"{LIST}/{liz}/candidates", {"constituent_id": str(beth)}),
        (f"/constituents/{liz}/remove", {}),
    ):
        assert viewer.post(url, data=data).status_code == 403
    assert "candidates" not in main_of(viewer, f"/constituents/{liz}")
    assert waiting(app) == {liz}


# ---- one registration ----


def test_a_registration_side_by_side_with_everybody_it_may_be(
    app: Flask, rita: FlaskClient[Any]
) -> None:
    liz = person(
        app,
        "Liz",
        primary_email="liz@example.org",
        home_zip="02134",
        home_phone="617-555-0142",
        work_phone="1",
        preferred_phone="home",
    )
    beth = person(app, "Beth", primary_email="LIZ@example.org", home_zip="02139", member_id="M-7",
                  home_phone="(617) 555-0142", work_phone="2", preferred_phone="work")  # fmt: skip
    ann = person(app, "Ann")
    for one in (beth, ann):
        pair(app, liz, one)

    page = main_of(rita, f"{LIST}/{liz}")
    assert "Is Liz Lee here already?" in page
    table = page.partition("side by side")[2].partition("</table>")[0]
    told = words_of(table)
    assert "Home ZIP or postal code 02134 02139 Differs" in told
    assert "liz@example.org LIZ@example.org Same" in told
    assert "Member ID – M-7 " in told
    for words in (
        "Home phone 617-555-0142 (617) 555-0142 Same",
        "Work phone 1 2 Differs",
        "Preferred phone Home Work Differs",
    ):
        assert words in told
    assert "Ann Lee" in page
    assert "Records can’t be merged here yet." in page


def test_not_a_match_all_resolved_and_next(app: Flask, rita: FlaskClient[Any]) -> None:
    liz, zoe, *known = (person(app, name) for name in ("Liz", "Zoe", "Ann", "Beth", "Cem"))
    pairs = [pair(app, liz, one) for one in known]
    pair(app, zoe, known[0])
    assert f'href="/registrations/{zoe}"' in main_of(rita, f"{LIST}/{liz}")

    one = {"match": str(pairs[0]), "registration": str(liz)}
    answer = rita.post(f"{LIST}/decide", data=one)
    assert answer.location == f"{LIST}/{liz}"
    answer = rita.post(f"{LIST}/{liz}/resolve")
    assert answer.location == f"{LIST}/{zoe}"
    page = main_of(rita, answer.location)
    assert "Not a match: 2 pairs decided, for good." in page
    assert "Liz Lee no longer waits" in page
    assert waiting(app) == {zoe}
    page = main_of(rita, f"{LIST}/{liz}")
    assert "Nothing to decide" in page
    assert page.count("Rita Runner") == 3
    assert rita.post(f"{LIST}/{zoe}/resolve").location == LIST


def test_who_comes_from_the_held_back_list_goes_back_there(
    app: Flask, rita: FlaskClient[Any]
) -> None:
    liz, zoe, beth = (person(app, name) for name in ("Liz", "Zoe", "Beth"))
    number = pair(app, liz, beth)
    pair(app, zoe, beth)
    with app.app_context():
        operation = db.session.scalars(select(Operation).filter_by(slug=SLUG)).one()
        run = make_download(
            db.session(), operation, withheld=[(liz, "unresolved_duplicate", "", "")]
        )
        stream = db.session.get_one(DownloadWindow, run.id).stream_id
        db.session.commit()

    held = main_of(rita, f"/held-back/{stream}")
    assert f'href="/registrations/{liz}?stream={stream}"' in held
    page = main_of(rita, f"{LIST}/{liz}?stream={stream}")
    assert f'href="/held-back/{stream}"' in page
    form = {"match": str(number), "registration": str(liz), "stream": str(stream)}
    assert rita.post(f"{LIST}/decide", data=form).location == f"/held-back/{stream}"


def test_one_of_the_two_is_removed_and_nothing_waits(app: Flask, rita: FlaskClient[Any]) -> None:
    liz, beth = person(app, "Liz"), person(app, "Beth")
    pair(app, liz, beth)
    page = main_of(rita, f"{LIST}/{liz}")
    assert f'action="/constituents/{beth}/remove"' in page

    answer = rita.post(f"/constituents/{beth}/remove")
    assert answer.location == f"/constituents/{beth}"
    page = main_of(rita, answer.location)
    assert "Beth Lee was removed." in page
    assert "Make active again" in page
    assert waiting(app) == set()
    assert "One is removed" in main_of(rita, f"{LIST}/{liz}")
    rita.post(f"/constituents/{beth}/remove")  # once more does nothing
    with app.app_context():
        last = db.session.scalars(select(Change).filter_by(constituent_id=beth)).all()
        assert [(change.op, change.actor) for change in last[1:]] == [("update", "Rita Runner")]
    rita.post(f"/constituents/{beth}/reactivate")
    assert waiting(app) == {liz}


# ---- by hand ----


def test_a_pair_is_put_down_by_hand(app: Flask, rita: FlaskClient[Any]) -> None:
    liz, beth = person(app, "Liz"), person(app, "Beth", member_id="M-7")
    profile = main_of(rita, f"/constituents/{liz}")
    url = f"/registrations/{liz}/candidates"
    assert f'href="{url}"' in profile
    assert "Find the person first" in main_of(rita, url)
    found = main_of(rita, f"{url}?q=M-7")
    assert "May be the same person as Beth Lee" in found
    assert "This record" in main_of(rita, f"{url}?q={liz}")

    answer = rita.post(url, data={"constituent_id": str(beth), "q": "M-7"})
    assert answer.location == f"/registrations/{liz}"
    assert "Liz Lee waits now" in main_of(rita, answer.location)
    assert waiting(app) == {liz}
    profile = main_of(rita, f"/constituents/{liz}")
    assert "In no download until somebody decides" in profile
    assert f'href="/registrations/{liz}"' in profile
    assert "Liz Lee waits until somebody decides whether it is this person." in main_of(
        rita, f"/constituents/{beth}"
    )
    assert "Waits already" in main_of(rita, f"{url}?q=M-7")


def test_a_decided_pair_cannot_be_put_down_again(app: Flask, rita: FlaskClient[Any]) -> None:
    liz, beth = person(app, "Liz"), person(app, "Beth", member_id="M-7")
    pair(app, liz, beth)
    rita.post(f"/registrations/{liz}/resolve")
    url = f"/registrations/{beth}/candidates"
    assert "Not the same person" in main_of(rita, f"{url}?q={liz}")
    answer = rita.post(url, data={"constituent_id": str(liz), "q": "liz"})
    page = main_of(rita, answer.location)
    assert "Rita Runner decided on " in page
    assert "That stays." in page
    assert waiting(app) == set()
    assert "Not a match" in main_of(rita, f"/constituents/{beth}")


# ---- centers ----


def test_a_center_resolves_its_own_and_is_told_nothing_of_others(app: Flask) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    ours, known = person(app, "Ours", north), person(app, "Known", north)
    theirs, general = person(app, "Theirs", south), person(app, "General")
    within, across = pair(app, ours, known), pair(app, ours, theirs)
    hidden = pair(app, theirs, known)
    nora = browser(app, "nora@example.org", *RUNNER, center=north)

    page = main_of(nora, LIST)
    assert tab_of(nora) == "Resolve New Registrations 1 waiting"
    assert "A record of another center" in page
    assert "Theirs" not in page
    page = main_of(nora, f"{LIST}/{ours}")
    assert "Theirs" not in page
    assert f'value="{across}"' not in page
    assert "Theirs" not in main_of(nora, f"/constituents/{known}")
    for url in (f"{LIST}/{theirs}", f"{LIST}/{general}", f"{LIST}/{theirs}/candidates"):
        assert nora.get(url).status_code == 404
    for url in (f"{LIST}/{theirs}/resolve", f"/constituents/{theirs}/remove"):
        assert nora.post(url).status_code == 404

    data = {"ticked": [str(within), str(across), str(hidden)]}
    nora.post(f"{LIST}/decide", data=data)
    page = main_of(nora, LIST)
    assert "record of another center. Somebody who works for the whole site" in page
    assert "Theirs" not in page
    with app.app_context():
        decided = db.session.scalars(
            select(PotentialMatch.id).where(PotentialMatch.decision.is_not(None))
        )
        assert decided.all() == [within]
    data = {"match": str(hidden), "registration": str(theirs)}
    assert "Theirs" not in nora.post(f"{LIST}/decide", data=data, follow_redirects=True).text
    url = f"{LIST}/{ours}/candidates"
    assert nora.post(url, data={"constituent_id": str(general)}).status_code == 404


# ---- the wizards ----


def test_an_upload_has_the_step_only_while_somebody_waits(
    app: Flask, rita: FlaskClient[Any]
) -> None:
    wizard = Wizard(app, rita)
    assert STEP not in main_of(rita, START)
    wizard.begin()
    wizard.upload()
    step = f"/runs/{wizard.run_id}/conflicts"
    assert STEP not in wizard.get("found").text
    assert rita.get(step).location.endswith("/wizard/preview")

    liz, beth = person(app, "Liz"), person(app, "Beth")
    number = pair(app, liz, beth)
    assert STEP in main_of(rita, START)
    found = wizard.get("found").text
    assert f'<a class="btn btn-primary" href="{step}">Continue</a>' in found
    page = main_of(rita, step)
    assert "1 registration waits" in page
    assert "a row can be matched to the wrong one of them" in page
    assert "Show me what would happen" in page
    assert "1 registration waits" in main_of(rita, f"/runs/{wizard.run_id}/wizard")
    assert f'href="{step}">Back</a>' in wizard.get("preview").text

    answer = rita.post(f"{LIST}/decide", data={"match": str(number), "run": str(wizard.run_id)})
    assert answer.location == step
    assert rita.get(step).location.endswith("/wizard/preview")
    preview = wizard.get("preview").text
    assert STEP not in preview
    assert "Not a match: 1 pair decided" in preview
    assert waiting(app) == set()


def test_a_file_of_cross_references_meets_nobody(app: Flask) -> None:
    pair(app, person(app, "Liz"), person(app, "Beth"))
    carl = browser(app, "carl@example.org", Role.VIEW_IMPORT_EXPORT, Role.CROSSREF_MANAGE, *RUNNER)
    start = "/operations/cross-reference-upload/start"
    assert STEP not in main_of(carl, start)
    answer = carl.post(start, data={"label": "Codes", "type_key": "group", "date_order": "mdy"})
    run_id = int(answer.location.split("/")[2])
    assert STEP not in main_of(carl, answer.location)
    assert carl.get(f"/runs/{run_id}/conflicts").location.endswith("/wizard/file")


def test_an_upload_can_go_on_without_a_decision(app: Flask, rita: FlaskClient[Any]) -> None:
    pair(app, person(app, "Liz"), person(app, "Beth"))
    wizard = Wizard(app, rita)
    wizard.begin()
    step = f"/runs/{wizard.run_id}/conflicts"
    assert rita.get(step).location.endswith("/wizard/file")  # not before there is a file
    wizard.upload()
    wizard.preview_with()
    assert "Continue to the preview" in main_of(rita, step)
    assert wizard.get("review").status_code == 200


def test_a_run_of_a_center_meets_that_centers_registrations(app: Flask) -> None:
    north, south = make_center(app, "North"), make_center(app, "South")
    pair(app, person(app, "Theirs", south), person(app, "Known", south))
    nora = browser(app, "nora@example.org", *RUNNER, center=north)
    wizard = Wizard(app, nora)
    assert STEP not in main_of(nora, START)
    wizard.begin()
    wizard.upload()
    assert STEP not in wizard.get("found").text

    pair(app, person(app, "Ours", north), person(app, "Known", north))
    page = main_of(nora, f"/runs/{wizard.run_id}/conflicts")
    assert "1 registration waits" in page
    assert "Ours Lee" in page
    assert "Theirs" not in page


def test_a_download_stops_at_the_step_first(app: Flask, rita: FlaskClient[Any]) -> None:
    start = f"/operations/{SLUG}/download"
    assert STEP not in main_of(rita, start)
    known = person(app, "Known")
    numbers = [pair(app, person(app, name), known) for name in ("Liz", "Zoe")]
    assert STEP in main_of(rita, start)

    answer = rita.post(start, data=USUAL)
    run_id = int(answer.location.split("/")[2])
    step = f"/runs/{run_id}/conflicts"
    assert answer.location == step
    with app.app_context():
        assert db.session.get_one(Run, run_id).preview_id is None
    page = main_of(rita, step)
    assert "2 registrations wait" in page
    assert "They are held back until somebody decides" in page

    data = {"match": str(numbers[0]), "run": str(run_id)}
    assert rita.post(f"{LIST}/decide", data=data).location == step
    assert "1 registration waits" in main_of(rita, step)
    answer = rita.post(f"/runs/{run_id}/download/preview")
    assert answer.location == f"/runs/{run_id}/download/preview"
    assert f'href="{step}">Back</a>' in main_of(rita, answer.location)
    rita.post(f"{LIST}/decide", data={"match": str(numbers[1]), "run": str(run_id)})
    assert rita.get(step).location == f"/runs/{run_id}/download/preview"
    answer = rita.post(f"/runs/{run_id}/download", data=USUAL)
    assert answer.location == f"/runs/{run_id}/download/preview"


def test_who_removed_one_of_the_two_finds_the_way_back(app: Flask, rita: FlaskClient[Any]) -> None:
    liz, beth = person(app, "Liz"), person(app, "Beth")
    pair(app, liz, beth)
    page = main_of(rita, f"{LIST}/{liz}?stream=3&reason=unresolved_duplicate")
    form = page[page.index(f'action="/constituents/{beth}/remove"') :].split("</form>")[0]
    assert '<input type="hidden" name="stream" value="3">' in form

    data = {"stream": "3", "reason": "unresolved_duplicate"}
    answer = rita.post(f"/constituents/{beth}/remove", data=data)
    assert answer.location == f"/constituents/{beth}?stream=3&reason=unresolved_duplicate"
    assert 'href="/held-back/3?reason=unresolved_duplicate#records-title"' in main_of(
        rita, answer.location
    )
