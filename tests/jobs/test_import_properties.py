"""What holds for any file and any site: the engine's sets of rows come to what one row after the
other comes to, whatever the chunk's size, the order of the columns, and what the preview said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.jobs.populations import CENTER, File, Somebody, files, people, reference_settings, settle
from tests.jobs.reference import Reference, World, import_into
from tests.jobs.site import Imported, Site

CHUNK_ROWS = (1, 2, 7, 10_000)

quick = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)


def world_after(site: Site, imported: Imported) -> World:
    """What is stored after a run, in the reference's words."""
    made = {
        row.constituent_id: f"row {row.number}"
        for row in imported.rows.values()
        if row.outcome == "created" and row.constituent_id is not None
    }
    groups = {imported.run.new_group: "new", imported.run.modified_group: "modified"}
    return World.of(site.state(), made, groups)  # type: ignore[arg-type]


def compare(site: Site, imported: Imported, expected: Reference) -> None:
    """The run's outcomes and what it stored are what the reference says."""
    found = {number: (row.outcome, sorted(row.codes)) for number, row in imported.rows.items()}
    wanted = {n: (outcome, sorted(codes)) for n, (outcome, codes) in expected.verdicts.items()}
    assert found == wanted
    after = world_after(site, imported)
    for name, person in expected.world.people.items():
        assert after.people[name] == person, name
    assert after == expected.world
    assert imported.run.tallies["opt_outs_kept"] == expected.opt_outs_kept
    assert imported.run.tallies["repeated"] == expected.repeated


@pytest.mark.parametrize("center", [None, CENTER], ids=["site", "center"])
@settings(quick, max_examples=60)
@given(data=st.data())
def test_engine_is_reference(site: Site, center: int | None, data: st.DataObject) -> None:
    """Row by row in plain Python comes to the same people and the same outcomes."""
    before: tuple[Somebody, ...] = data.draw(people())
    file: File = data.draw(files())
    options: Mapping[str, Any] = {
        "unique_email": data.draw(st.booleans(), "unique email"),
        "opt_in_again": data.draw(st.booleans(), "opt in again"),
    }
    settle(site, before)
    chunk_rows = data.draw(st.sampled_from(CHUNK_ROWS), "chunk")
    site.set(chunk_rows=chunk_rows, unique_email=options["unique_email"])
    world = World.of(site.state())
    expected = import_into(
        world, reference_settings(center=center, **options), file.columns, file.numbered
    )
    is_previewed = data.draw(st.booleans(), "preview")
    imported = site.import_rows(
        file.rows,
        columns=file.columns,
        center_id=center,
        opt_in_again=options["opt_in_again"],
        preview=is_previewed,
    )
    for outcome, _ in expected.verdicts.values():
        event(outcome)
    compare(site, imported, expected)
