"""What nobody needs any more is deleted, a little at each tick: abandoned files, old previews, the
files and held-back lists of old downloads.

Files that nobody knows of are looked for once an hour: the whole store has to be listed for that.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, exists, func, select, text
from sqlalchemy.orm import Session

from webapp.models import CrossReferenceSeen, Run, Upload
from webapp.services.downloads import delete_old_files, delete_old_list
from webapp.services.files import FileStore
from webapp.transactions import commit

log = logging.getLogger(__name__)

KEPT_AFTER_RUN = timedelta(days=7)
"""How long the rows of a preview stay after its run ended; the run's own rows stay for good."""
ABANDONED_AFTER = timedelta(days=1)
"""How old a file is that no run has before it is deleted."""
ROWS_AT_ONCE = 50_000
FILES_AT_ONCE = 20
KEYS_AT_ONCE = 1_000

_SPENT_PREVIEW = text("""
SELECT p.id FROM runs p LEFT JOIN runs r ON r.id = p.parent_id
WHERE p.kind IN ('preview', 'undo_preview') AND p.state IN ('success', 'failure', 'cancelled')
    AND NOT p.tallies ? 'cleaned'
    AND (r.id IS NULL OR r.finished_at < now() - make_interval(secs => :seconds)
        OR (p.kind = 'preview' AND r.preview_id IS DISTINCT FROM p.id))
ORDER BY p.id LIMIT 1""")

_DELETE_SOME = text("""
DELETE FROM run_rows WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM run_rows WHERE run_id = :run LIMIT :rows))""")


def clean(session: Session, store: FileStore) -> None:
    """One round of cleaning, in short transactions. Two rounds at once do no harm."""
    delete_preview_rows(session)
    delete_abandoned_files(session, store)
    delete_old_files(session, store)
    delete_old_list(session, rows=ROWS_AT_ONCE)
    commit(session)


def delete_preview_rows(session: Session) -> int | None:
    """Delete some rows of one preview that was replaced, or whose run ended long ago; say which."""
    run_id = session.scalar(_SPENT_PREVIEW, {"seconds": KEPT_AFTER_RUN.total_seconds()})
    if run_id is None:
        session.rollback()
        return None
    session.execute(delete(CrossReferenceSeen).where(CrossReferenceSeen.run_id == run_id))
    deleted = session.execute(_DELETE_SOME, {"run": run_id, "rows": ROWS_AT_ONCE})
    if deleted.rowcount < ROWS_AT_ONCE:  # type: ignore[attr-defined]
        session.execute(
            text("""UPDATE runs SET tallies = tallies || '{"cleaned": true}' WHERE id = :run"""),
            {"run": run_id},
        )
    commit(session)
    return int(run_id)


def delete_lost_files(session: Session, store: FileStore) -> list[str]:
    """Delete uploads that nobody knows of: the process died while the file was coming in."""
    before = datetime.now(UTC) - ABANDONED_AFTER
    deleted: list[str] = []
    keys = store.keys("uploads")
    for at in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[at : at + KEYS_AT_ONCE]
        known = set(session.scalars(select(Upload.key).where(Upload.key.in_(some))))
        session.rollback()
        for key in some:
            if key in known:
                continue
            changed_at = store.changed_at(key)
            if changed_at is not None and changed_at < before:
                store.delete(key)
                deleted.append(key)
    if deleted:
        log.info("Deleted %s files that never arrived in full", len(deleted))
    return deleted


def delete_abandoned_files(session: Session, store: FileStore) -> list[int]:
    """Delete uploads that no run has (a draft's file was replaced, or the draft discarded)."""
    is_used = exists().where(Run.upload_id == Upload.id)
    abandoned = session.execute(
        select(Upload.id, Upload.key)
        .where(~is_used, Upload.created_at < func.now() - ABANDONED_AFTER)
        .order_by(Upload.id)
        .limit(FILES_AT_ONCE)
    ).all()
    for upload_id, key in abandoned:
        # The row first: a file without a row is only room, a row without its file is a fault
        session.execute(delete(Upload).where(Upload.id == upload_id))
        commit(session)
        store.delete(key)
    session.rollback()
    return [upload_id for upload_id, _ in abandoned]
