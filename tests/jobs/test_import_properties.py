"""What holds for any file and any site: the engine's sets of rows come to what one row after the
other comes to, whatever the chunk's size, the order of the columns, and what the preview said."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.jobs.populations import (
    CENTER,
    File,
    Somebody,
    files,
    key_files,
    members,
    people,
    reference_settings,
    settle,
)
from tests.jobs.reference import Reference, World, import_into
from tests.jobs.site import Imported, Result, Site
from webapp.rules.guarding import guard, unguard
from webapp.services.files import file_store

CHUNK_ROWS = (1, 2, 7, 10_000)
_chunk_rows = st.sampled_from((3, 10_000, 10_000))

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
@settings(quick, max_examples=40)
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


@settings(quick, max_examples=80)
@given(before=members(), file=key_files(), unique_email=st.booleans(), chunk=_chunk_rows)
def test_keys_that_change_hands(
    site: Site, before: tuple[Somebody, ...], file: File, unique_email: bool, chunk: int
) -> None:
    """Whoever a row means, it is who the rows before it left there."""
    settle(site, before)
    site.set(chunk_rows=chunk, unique_email=unique_email)
    expected = import_into(
        World.of(site.state()),
        reference_settings(unique_email=unique_email),
        file.columns,
        file.numbered,
    )
    compare(site, site.import_rows(file.rows, preview=False, columns=file.columns), expected)


@dataclass(frozen=True)
class Drawn:
    """A site and a file for it, to be settled as often as needed."""

    people: tuple[Somebody, ...]
    file: File
    unique_email: bool
    opt_in_again: bool

    def settle(self, site: Site, chunk_rows: int) -> None:
        """The site as it is before the run."""
        settle(site, self.people)
        site.set(chunk_rows=chunk_rows, unique_email=self.unique_email)

    def run(self, site: Site, rows: Any = None, **options: Any) -> Imported:
        """Take the file in, without a preview."""
        return site.import_rows(
            self.file.rows if rows is None else rows,
            **{"preview": False, "opt_in_again": self.opt_in_again, "columns": self.file.columns}
            | options,
        )


drawn = st.builds(Drawn, people(), files(), st.booleans(), st.booleans())
drawn_keys = st.builds(Drawn, members(), key_files(), st.booleans(), st.booleans())


@settings(quick, max_examples=30)
@given(drawn=drawn | drawn_keys, chunk_rows=st.sampled_from(CHUNK_ROWS))
def test_an_undo_gives_everything_back(site: Site, drawn: Drawn, chunk_rows: int) -> None:
    """A run and its undo leave the database as it was; the look at the undo told its numbers."""
    drawn.settle(site, chunk_rows)
    before = site.state()
    run = drawn.run(site).run
    site.set(chunk_rows=10_000)  # keys in a circle across chunks are told, not given back
    looked, done = site.undo_preview(run.id), site.undo(run.id)
    assert (looked.state, done.state) == ("success", "success"), done.failure
    assert site.state() == before
    told = ("removed", "restored", "restored_fields", "kept")
    assert [looked.tallies[name] for name in told] == [done.tallies[name] for name in told]
    assert done.tallies["kept"] == 0
    assert done.tallies["removed"] == run.counts["created"]


@settings(quick, max_examples=20)
@given(drawn=drawn_keys)
def test_an_undo_in_small_chunks_tells_what_it_keeps(site: Site, drawn: Drawn) -> None:
    drawn.settle(site, 10_000)
    before = site.state()
    run = drawn.run(site).run
    site.set(chunk_rows=1)
    looked, done = site.undo_preview(run.id), site.undo(run.id)
    assert (looked.state, done.state) == ("success", "success"), done.failure
    assert [(r.constituent_id, r.messages) for r in looked.rows.values()] == [
        (r.constituent_id, r.messages) for r in done.rows.values()
    ]
    if not done.rows:
        assert site.state() == before


@settings(quick, max_examples=8)
@given(drawn=drawn, data=st.data())
def test_neither_chunks_nor_the_order_of_columns_matter(
    site: Site, drawn: Drawn, data: st.DataObject
) -> None:
    found: list[tuple[Any, World]] = []
    for chunk_rows in CHUNK_ROWS:
        drawn.settle(site, chunk_rows)
        columns = tuple(data.draw(st.permutations(drawn.file.columns), "order"))
        imported = drawn.run(site, columns=columns)
        verdicts = {n: (r.outcome, sorted(r.codes)) for n, r in imported.rows.items()}
        found.append((verdicts, world_after(site, imported)))
    for other in found[1:]:
        assert other == found[0]


@settings(quick, max_examples=20)
@given(drawn=drawn)
def test_the_same_file_again_changes_nothing(site: Site, drawn: Drawn) -> None:
    """Promise 6, for files in which each row is a person of its own. (Rows that contradict each
    other apply again in their order.)"""
    drawn = replace(drawn, unique_email=True)
    drawn.settle(site, 10_000)
    persons = {row.constituent_id: row.number for row in drawn.run(site).rows.values()}
    rows = [drawn.file.numbered[n] for person, n in persons.items() if person is not None]
    assume(rows)
    drawn.settle(site, 10_000)
    first = drawn.run(site, rows)
    assume(not first.run.counts["rejected"] and not first.run.tallies["repeated"])
    before = site.state()
    again = drawn.run(site, rows)
    event(f"again: {sorted(name for name, n in again.run.counts.items() if n)}")
    assert again.run.counts["created"] == again.run.counts["updated"] == 0
    after = site.state()
    new_groups = [again.run.new_group, again.run.modified_group]
    after["groups"] = [group for group in after["groups"] if group[0] not in new_groups]
    assert after == before


@settings(quick, max_examples=15)
@given(drawn=drawn)
def test_the_rejects_file_gives_the_rejects_back(site: Site, drawn: Drawn) -> None:
    """Promise 9: the rejected rows come back cell by cell, and mean the same again."""
    drawn.settle(site, 10_000)
    run = drawn.run(site).run
    rejected = {n: row for n, row in run.rows.items() if row.outcome == "rejected"}
    if not rejected:
        assert run.rejects_key is None
        return
    text = rejects_of(site, run)
    again = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert again[0] == [*drawn.file.columns, "DATASYNC_ROW", "DATASYNC_REASON"]
    assert [int(row[-2]) for row in again[1:]] == list(rejected)
    drawn.settle(site, 10_000)
    preview = site.preview(site.draft(text))
    assert preview.state == "success", preview.failure
    for (number, row), cells in zip(rejected.items(), again[1:], strict=True):
        original = [drawn.file.numbered[number][name] for name in drawn.file.columns]
        assert row.cells == original
        assert [unguard(cell) for cell in cells[:-2]] == original
        assert cells[-1] == guard(" ".join(row.messages))
    read_again = [row.codes for row in preview.rows.values()]
    wrong_by_itself = {"not_a_number", "not_an_email", "not_yes_no", "unknown_group", "opt_group"}
    for row, codes in zip(rejected.values(), read_again, strict=True):
        if set(row.codes) <= wrong_by_itself:
            assert codes == row.codes


def rejects_of(site: Site, run: Result) -> str:
    """The text of a run's rejects file."""
    assert run.rejects_key is not None
    with site.app.app_context(), file_store().open(run.rejects_key) as stream:
        return stream.read().decode()
