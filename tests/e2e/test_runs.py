"""Operation Results in a browser: how it looks, and a real run from start to undo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import look_at, sign_in
from tests.finished_runs import fault, make_reject, make_row, make_run
from tests.people import make_admin
from webapp.models import Group, Message

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page
    from sqlalchemy.orm import Session

    from webapp.models import Run

COLUMNS = ["MEMBER_ID", "FIRST_NAME", "LAST_NAME", "PRIMARY_EMAIL", "HOME_ZIP", "BIRTH_DATE"]


def fill(session: Session) -> Run:
    """A finished run with something of everything."""
    made = Group(name="New from Spring members, 22 Nov 2026, 17:05", kind="new")
    changed = Group(name="Modified by Spring members, 22 Nov 2026, 17:05", kind="modified")
    gala = Group(name="Gala guests 2026")
    session.add_all([made, changed, gala])
    session.flush()
    rows = [make_row(n, "created", f"Anna Berg {n} · anna{n}@example.org") for n in range(2, 40)]
    rows += [
        make_row(41, "updated", "Bo Lee · bo@example.org", notes=["The opt-out was kept."]),
        make_row(42, "unchanged", "Émile Zola · M-1204"),
        make_reject(
            43,
            ["M-77", "Cy", "Dee", "cy.dee(at)example.org", "2134", "31.31.2020"],
            fault(
                "not_an_email",
                "PRIMARY_EMAIL",
                "cy.dee(at)example.org",
                "PRIMARY_EMAIL is “cy.dee(at)example.org”, which is not an email address. "
                "Write it like name@example.org.",
            ),
            fault(
                "not_a_date",
                "BIRTH_DATE",
                "31.31.2020",
                "BIRTH_DATE is “31.31.2020”, which is no date. Write it like 2020-12-31.",
            ),
        ),
        make_row(
            44,
            "withheld",
            "Ed Fox",
            cells=["M-78", "Ed", "Fox", "", "", ""],
            faults=[fault("left_out", message="Rita Runner left this row out.")],
        ),
    ]
    return make_run(
        session,
        rows,
        columns=COLUMNS,
        new_group_id=made.id,
        modified_group_id=changed.id,
        notify=["dana@example.org"],
        tallies={"groups": {str(gala.id): 12}, "opt_outs_kept": 1, "repeated": 2},
        description="From the spring appeal",
    )


@pytest.fixture
def at(app: Flask, page: Page, live_url: str) -> str:
    """The site's address, with an administrator signed in."""
    sign_in(page, live_url, make_admin(app))
    return live_url


def test_every_page_reads_well(page: Page, at: str, session: Session) -> None:
    run = fill(session)
    draft = make_run(session, label="Autumn members", state="draft", user_id=1)
    undone = make_run(session, [make_row(2, "created")], label="Gala 2025")
    undo = make_run(
        session,
        [
            make_row(
                3,
                "withheld",
                "Bo Lee",
                faults=[fault("kept", message="Changed by Rita on 22 Nov.")],
            )
        ],
        kind="undo",
        parent_id=undone.id,
        label="Gala 2025",
        tallies={"restored": 1204, "removed": 3, "kept": 1},
    )
    failed = make_run(
        session,
        label="Broken" + "_and_without_a_place_to_break" * 3,
        state="failure",
        failure="The file ends in the middle of row 1,204. Save it again and upload it.",
    )
    live = make_run(
        session,
        label="A large import",
        state="running",
        rows_read=312_000,
        created=300_000,
        updated=12_000,
        rows_total=1_000_000,
        rows_total_is_exact=False,
        started_at=datetime.now(UTC) - timedelta(seconds=30),
    )
    queued = make_run(session, label="Next", state="queued", rows_total=None)
    look = make_run(
        session,
        [make_row(41, "withheld", "Bo Lee", faults=[fault("kept", message="Changed since.")])],
        kind="undo_preview",
        parent_id=run.id,
        tallies={"restored": 1, "removed": 38, "kept": 1},
    )
    message = Message(
        run_id=run.id,
        recipient="dana@example.org",
        subject="Spring members finished: 38 created",
        body="Spring members has finished.\n\nCreated   38\n",
        state="failed",
        error="The mail server doesn't answer: Connection refused. It is tried again by itself.",
    )
    session.add(message)
    session.commit()
    assert draft.id
    assert look.id
    pages = {
        "runs-list": "/runs/",
        "runs-nothing-found": "/runs/?text=nowhere",
        "runs-results": f"/runs/{run.id}",
        "runs-no-rows": f"/runs/{run.id}?text=nobody",
        "runs-row": f"/runs/{run.id}/rows/43",
        "runs-live": f"/runs/{live.id}",
        "runs-queued": f"/runs/{queued.id}",
        "runs-failed": f"/runs/{failed.id}",
        "undo-look": f"/runs/{run.id}/undo/",
        "undo-done": f"/runs/{undo.id}",
        "undone": f"/runs/{undone.id}",
        "messages": "/admin/messages/",
        "message": f"/admin/messages/{message.id}",
    }
    for name, path in pages.items():
        page.goto(at + path)
        look_at(page, name)
