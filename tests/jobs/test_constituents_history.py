"""What the history of a record tells after real imports, an edit by hand, and an undo."""

from __future__ import annotations

from datetime import date

from tests.jobs.site import Site
from webapp.extensions import db
from webapp.models import Run
from webapp.services.changes import set_actor
from webapp.services.constituent_edits import get_version, update_constituent
from webapp.services.constituent_search import search_constituents
from webapp.services.history import Event, constituent_history, created_by


def history(site: Site, constituent: int, **options: object) -> list[Event]:
    with site.app.app_context():
        page = constituent_history(db.session(), constituent, **options)  # type: ignore[arg-type]
        db.session.remove()
    return list(page.events)


def told(event: Event) -> dict[str, tuple[str | None, str | None]]:
    return {change.label: (change.before, change.after) for change in event.fields}


def found(site: Site, query: str) -> list[int]:
    with site.app.app_context():
        ids = [match.id for match in search_constituents(db.session(), query=query).matches]
        db.session.remove()
    return ids


def edit(site: Site, constituent: int, **typed: str) -> None:
    with site.app.app_context():
        session = db.session()
        set_actor(session, None, "Mary Editor")
        saved = update_constituent(
            session,
            constituent,
            typed=typed,
            version=get_version(session, constituent),
            unique_email=True,
            today=date(2026, 11, 22),
        )
        assert saved.is_saved, saved
        session.commit()
        db.session.remove()


def test_file_and_row_of_each_value(site: Site) -> None:
    user = site.user("Robin Runner")
    group = site.group("Choir")
    rows = [
        {"MEMBER_ID": "m1", "LAST_NAME": "Other"},
        {
            "MEMBER_ID": "m2",
            "LAST_NAME": "Núñez",
            "PRIMARY_EMAIL": "Ana@x.org",
            "HOME_CITY": "Lima",
        },
    ]
    first = site.import_rows(rows, user_id=user, label="First", name="first.csv")
    ana = first.rows[3].constituent_id
    assert ana is not None
    again = [
        {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "ana@new.org", "GROUP_IDS": str(group)},
        {"MEMBER_ID": "m9", "LAST_NAME": "New"},
        {"MEMBER_ID": "m2", "HOME_CITY": "Cusco"},
    ]
    second = site.import_rows(again, user_id=user, label="Second", name="second.csv")
    edit(site, ana, home_city="Quito", accepts_email="No")

    by_hand, *of_second, made = history(site, ana)
    assert by_hand.actor == "Mary Editor"
    assert by_hand.source is None
    assert told(by_hand) == {"Home city": ("Cusco", "Quito"), "Accepts email": ("Yes", "No")}
    changes = {label: change for event in of_second for label, change in told(event).items()}
    assert changes == {
        "Primary email": ("Ana@x.org", "ana@new.org"),
        "Home city": ("Lima", "Cusco"),
    }
    assert sorted(row for event in of_second for row in event.rows) == [2, 4]
    names = {other.name for event in of_second for other in event.others}
    assert {"ana@new.org", "Choir"} <= names
    for event in of_second:
        assert event.actor == "Robin Runner"
        assert event.source is not None
        assert (event.source.run_id, event.source.file_name) == (second.run.id, "second.csv")
    assert made.is_created
    assert made.rows == (3,)
    assert made.source is not None
    assert (made.source.label, made.source.file_name) == ("First", "first.csv")
    assert told(made)["Last name"] == (None, "Núñez")
    assert told(made)["Home city"] == (None, "Lima")

    city = history(site, ana, attribute="home_city")
    assert [told(event).get("Home city") for event in city if event.fields] == [
        ("Cusco", "Quito"),
        ("Lima", "Cusco"),
        (None, "Lima"),
    ]
    for query in ("ana@x.org", "ana@new.org", "nunez", "m2", str(ana)):
        assert found(site, query)[:1] == [ana], query

    undone = site.undo(second.run.id, user_id=user)
    latest = history(site, ana)[0]
    assert latest.source is not None
    assert (latest.source.run_id, latest.source.kind) == (undone.id, "undo")
    assert told(latest) == {"Primary email": ("ana@new.org", "Ana@x.org")}
    assert ("Choir", False) in {(other.name, other.is_added) for other in latest.others}

    with site.app.app_context():
        who = created_by(db.session(), ana)
        assert who is not None
        assert who.source is not None
        assert db.session.get_one(Run, who.source.run_id).label == "First"
        db.session.remove()
