"""A worker killed in the middle of an upload: the next attempt does the rest, each row once."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.jobs.site import Site
from tests.services import environment_of

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
    work = f"from jobs.runs import execute; execute({run_id})"
    environment = environment_of(site.app.config["DATASYNC"]) | {"DATASYNC_CHUNK_ROWS": "50"}
    for kill in range(1, 4):
        worker = subprocess.Popen([sys.executable, "-c", work], env=environment)
        reached = kill * ROWS // 5
        while site.sql("SELECT rows_read FROM runs WHERE id = %s", run_id)[0][0] < reached:
            assert worker.poll() is None, "it ended before it was killed"
            time.sleep(0.002)
        worker.kill()
        worker.wait()
        site.sql(
            "UPDATE runs SET heartbeat_at = now() - interval '1 hour' WHERE id = %s RETURNING id",
            run_id,
        )
    run = site.execute(run_id)
    assert run.state == "success", run.failure
    run.check_counts()
    assert run.counts["updated"] == ROWS
    assert site.sql("SELECT count(*) FROM group_members") == [(ROWS,)]
    assert site.sql("SELECT attempt FROM runs WHERE id = %s", run_id) == [(4,)]
    site.set(chunk_rows=10_000)
    site.undo(run_id)
    assert site.state() == before
