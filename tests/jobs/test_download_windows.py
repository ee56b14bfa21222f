"""A window's end divides the changes: what its snapshot saw, and what is in a later one."""

from __future__ import annotations

import psycopg

from jobs.processors.download_windows import Window, find_stream, open_window
from tests.jobs.site import Site
from webapp.rules.catalogues import CONSTITUENT_DOWNLOAD
from webapp.rules.download_settings import DownloadRequest, DownloadSettings


def stream_of(site: Site) -> int:
    found = site.sql("SELECT id FROM operations WHERE kind = %s", CONSTITUENT_DOWNLOAD)
    return find_stream(site.connection, found[0][0], None)


def open_now(site: Site, stream_id: int) -> Window:
    """The window of a download that begins now. It disturbs nobody's numbers."""
    request = DownloadRequest(settings=DownloadSettings())
    with psycopg.connect(site.url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        found = open_window(connection, stream_id, request, None)
        connection.rollback()
    return found


def unseen(site: Site, window: Window) -> set[int]:
    """Whose changes the next window would have."""
    condition = window.until.unseen()
    return {
        row[0] for row in site.sql(f"SELECT constituent_id FROM change_log l WHERE {condition}")
    }


def rename(connection: psycopg.Connection, record: int) -> None:
    connection.execute("UPDATE constituents SET nickname = 'new' WHERE id = %s", [record])


def test_who_has_the_youngest_number_and_wrote_before_the_last_row_is_not_forgotten(
    site: Site,
) -> None:
    """The elder transaction writes the later row and is done first: to the snapshot, the younger
    one at work is as if it had not begun, though its row is not the last of the log."""
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    stream_id = stream_of(site)
    with psycopg.connect(site.url) as elder, psycopg.connect(site.url) as younger:
        elder.execute("SELECT pg_current_xact_id()")
        rename(younger, ann)
        rename(elder, bob)
        elder.commit()

        window = open_now(site, stream_id)
        younger.commit()

    assert unseen(site, window) == {ann}
    assert unseen(site, open_now(site, stream_id)) == set()


def test_what_was_begun_before_and_written_after_is_in_the_next(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    stream_id = stream_of(site)
    with psycopg.connect(site.url) as early:
        early.execute("SELECT pg_current_xact_id()")
        site.change(bob, nickname="Bobby")
        window = open_now(site, stream_id)
        rename(early, ann)
        early.commit()

    assert unseen(site, window) == {ann}


def test_numbers_of_another_cluster_are_behind_the_window(site: Site) -> None:
    ann, bob = site.person(first_name="Ann"), site.person(first_name="Bob")
    site.sql_do(f"UPDATE change_log SET xid = '4000000000' WHERE constituent_id = {ann}")
    window = open_now(site, stream_of(site))
    site.change(bob, nickname="Bobby")

    assert unseen(site, window) == {bob}
