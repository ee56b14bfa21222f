"""What holds for any undo: runs undone in the other order give everything back, and what somebody
changed since stays as they left it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.jobs.populations import File, Somebody, files, key_files, members, people, settle
from tests.jobs.site import Site

quick = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
EDITED = ("first_name", "home_city", "source")
values = st.sampled_from((None, "Ann", "Bob", "Rome", "Oslo", "Fair", "by row 2", "by row 3"))
edits = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(EDITED), values), min_size=1, max_size=6
)


def run(site: Site, file: File) -> int:
    """Take a file in; the run's number."""
    return site.import_rows(file.rows, columns=file.columns, preview=False).run.id


def fields(site: Site) -> dict[int, Mapping[str, Any]]:
    """The fields that are edited, by constituent."""
    return {
        stored["id"]: {name: stored[name] for name in EDITED}
        for stored in site.state()["constituents"]
    }


@settings(quick, max_examples=15)
@given(
    before=people() | members(),
    first=files(most=6) | key_files(),
    second=files(most=6) | key_files(),
)
def test_two_runs_are_undone_one_after_the_other(
    site: Site, before: tuple[Somebody, ...], first: File, second: File
) -> None:
    settle(site, before)
    states: list[dict[str, Any]] = []
    numbers: list[int] = []
    for file in (first, second):
        states.append(site.state())
        numbers.append(run(site, file))
    for number in reversed(numbers):
        done = site.undo(number)
        assert done.state == "success", done.failure
        assert done.tallies["kept"] == 0
        assert site.state() == states.pop()


@settings(quick, max_examples=25)
@given(before=people() | members(), file=files(most=8) | key_files(), edits=edits)
def test_what_was_edited_since_stays(
    site: Site,
    before: tuple[Somebody, ...],
    file: File,
    edits: list[tuple[int, str, str | None]],
) -> None:
    settle(site, before)
    old = fields(site)
    number = run(site, file)
    left = fields(site)
    people = sorted(left)
    touched: set[int] = set()
    for at, name, value in edits:
        if people:
            person = people[at % len(people)]
            if site.stored(person)[name] != value:
                touched.add(person)
            site.change(person, **{name: value})
    now = fields(site)
    looked, done = site.undo_preview(number), site.undo(number)
    assert (looked.state, done.state) == ("success", "success"), done.failure
    told = ("removed", "restored", "restored_fields", "kept")
    assert [looked.tallies[name] for name in told] == [done.tallies[name] for name in told]
    after = fields(site)
    expected = {
        person: {
            name: old[person][name] if value == left[person][name] else value
            for name, value in values.items()
        }
        if person in old
        else values
        for person, values in now.items()
        if person in old or person in touched
    }
    assert after == expected
    # A new record that stays may have a key that an old one would get back: that is told as well
    kept = {row.constituent_id for row in done.rows.values() if "taken_since_run" not in row.codes}
    assert kept <= touched
    for person in touched & old.keys():
        has_kept = any(
            old[person][name] != left[person][name] != now[person][name] for name in EDITED
        )
        event("kept" if has_kept else "free")
        assert not has_kept or person in kept
