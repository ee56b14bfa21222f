"""Whatever was entered by hand: as a file it comes in again as it was, into its own type without
any change, into an empty one as an equal table; and an undo gives back what was there."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jobs.site import Site
from tests.jobs.test_crossref_uploads import TITLES, entries, exported, outcomes, upload
from tests.jobs.test_crossrefs import type_of
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.models import CrossReferenceEntry
from webapp.services import crossref_edits
from webapp.services.crossref_edits import EntryValues

DAY = date(2026, 11, 23)
days = st.none() | st.integers(-3, 3).map(lambda number: DAY + timedelta(number))
texts = st.sampled_from(["A", "b", "B", "=1", "'=1", "Größe", "a b", '"', "1,2", "-"])
edits = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "edit", "delete"]),
        texts,
        texts,
        st.booleans(),
        st.booleans(),
        days,
        days,
    ),
    min_size=1,
    max_size=12,
)


def by_hand(site: Site, made: list[Any], north: int) -> None:
    """What a person does in the editor; what is refused is refused."""
    with site.app.app_context():
        session, found = db.session(), type_of(TITLES)
        for what, online, foreign, in_north, marked, first, last in made:
            values = EntryValues(
                online,
                (foreign,),
                f"about {foreign}",
                north if in_north else None,
                marked,
                first,
                last,
            )
            entry = session.query(CrossReferenceEntry).order_by(CrossReferenceEntry.id).first()
            with contextlib.suppress(DataSyncError), session.begin_nested():
                if what == "add" or entry is None:
                    crossref_edits.add_entry(session, found, values, None)
                elif what == "edit":
                    crossref_edits.edit_entry(
                        session, found, entry.id, values, version=entry.version, user_id=None
                    )
                else:
                    crossref_edits.delete_entry(
                        session, found, entry.id, version=entry.version, user_id=None
                    )
        session.commit()
        db.session.remove()


UNMARKED_ALONE = """
SELECT count(*) FROM cross_reference_entries e WHERE NOT is_sent_back AND NOT EXISTS (
    SELECT 1 FROM cross_reference_entries m WHERE m.type_id = e.type_id AND m.is_sent_back
    AND m.online_key = e.online_key AND m.center_id IS NOT DISTINCT FROM e.center_id
    AND daterange(m.valid_from, m.valid_to, '[]') && daterange(e.valid_from, e.valid_to, '[]'))"""


@settings(max_examples=10, deadline=None)
@given(edits)
def test_a_table_out_and_in_is_the_same_table(shared_site: Site, made: list[Any]) -> None:
    site = shared_site
    site.reset()
    north = site.insert("centers", name="North")
    by_hand(site, made, north)
    assert site.sql(UNMARKED_ALONE) == [(0,)]
    before, file = entries(site), exported(site)
    if not before:
        return
    assert set(outcomes(upload(site, file))) == {"unchanged"}
    assert entries(site) == before
    site.sql_do("DELETE FROM cross_reference_entries")
    again = upload(site, file)
    assert set(outcomes(again)) == {"created"}
    assert entries(site) == before
    assert site.undo(again.run.id).state == "success"
    assert entries(site) == []


@settings(max_examples=10, deadline=None)
@given(edits, edits)
def test_an_undo_gives_the_table_back(
    shared_site: Site, made: list[Any], others: list[Any]
) -> None:
    site = shared_site
    site.reset()
    north = site.insert("centers", name="North")
    by_hand(site, others, north)
    other_file = exported(site)
    site.sql_do("DELETE FROM cross_reference_entries")
    by_hand(site, made, north)
    before = entries(site)
    found = upload(site, other_file) if other_file.count("\n") > 1 else None
    assert site.sql(UNMARKED_ALONE) == [(0,)]
    if found is None:
        return
    undone = site.undo(found.run.id)
    assert undone.state == "success", undone.failure
    assert undone.tallies["kept"] == 0
    assert entries(site) == before
