"""A worker killed in the middle of an upload: the next attempt does the rest, each row once."""

from __future__ import annotations

import pytest

from tests.jobs.killing import killed_worker, let_go
from tests.jobs.site import Site

ROWS = 3_000
FILES = {
    "group-assignment-upload": ("MEMBER_ID,GROUP_NAME", "{},Owls"),
    "segmentation-upload": ("MEMBER_ID,INTEREST_NAME,OPT_IN", "{},Owls,yes"),
}


@pytest.mark.parametrize("slug", list(FILES))
def test_each_row_is_done_once(site: Site, slug: str) -> None:
    site.connection.execute(
        "INSERT INTO constituents (member_id) SELECT 'm' || n FROM generate_series(1, %s) n", [ROWS]
    )
    before = site.state()
    header, line = FILES[slug]
    text = "\n".join([header, *(line.format(f"m{n}") for n in range(1, ROWS + 1))]) + "\n"
    site.set(chunk_rows=50)
    run_id = site.start(site.draft(text, operation=slug))
    for reached in (ROWS // 10, ROWS // 5, ROWS // 3):
        with killed_worker(site, run_id) as await_moment:
            await_moment("SELECT rows_read >= %s FROM runs WHERE id = %s", reached, run_id)
        let_go(site, run_id)
    run = site.execute(run_id)
    assert run.state == "success", run.failure
    run.check_counts()
    assert run.counts["updated"] == ROWS
    assert site.sql("SELECT count(*) FROM group_members") == [(ROWS,)]
    assert site.sql("SELECT attempt FROM runs WHERE id = %s", run_id) == [(4,)]
    site.set(chunk_rows=10_000)
    site.undo(run_id)
    assert site.state() == before
