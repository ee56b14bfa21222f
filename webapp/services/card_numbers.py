"""Files of gifts that have card numbers are refused, and no byte of them is kept
(docs/decisions/086-no-card-numbers.md)."""

from __future__ import annotations

import logging
import time

from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Upload
from webapp.rules.card_numbers import CardsFound, CardWatch, has_card_number
from webapp.rules.catalogues import TRANSACTION_UPLOAD
from webapp.rules.reading import UnreadableError, read_records
from webapp.services.files import file_store
from webapp.services.uploads import UploadError, dialect_of, source_of

log = logging.getLogger(__name__)

CODE = "card_number"
AT_ONCE_SECONDS = 3.0
"""How long somebody waits for it who sends a file; the run looks at all of it."""
BATCH_ROWS = 5_000


def refuse_card_numbers(upload: Upload, kind: str) -> None:
    """Raise `UploadError` with a sentence where the file, just come in, has card numbers among the
    rows that can be looked at meanwhile. Its bytes are gone then; its row is the caller's."""
    if kind != TRANSACTION_UPLOAD or "columns" not in (upload.examination or {}):
        return
    found = _find(upload, AT_ONCE_SECONDS)
    if found is not None:
        _delete(upload)
        raise UploadError(found.sentence(upload.name))


def refuse_typed_card_number(text: str, field: str) -> None:
    """Raise `DataSyncError` where a card number stands in what somebody typed into a field."""
    if has_card_number(text):
        message = "That has a card number, and no card numbers are kept here. Write something else."
        raise DataSyncError(CODE, message, field)


def forget_card_numbers(session: Session, upload: Upload) -> str:
    """Look at all of a stored file. Where it has card numbers, the file and what was noted of its
    rows are deleted, and the sentence is returned; blank otherwise. Commits."""
    refusal = (upload.examination or {}).get("refusal") or {}
    if refusal.get("code") != CODE:
        found = _find(upload)
        if found is None:
            return ""
        refusal = {"code": CODE, "message": found.sentence(upload.name)}
        upload.examination = {"refusal": refusal}
        session.commit()
    # The row first: killed here, the next attempt comes by again
    _delete(upload)
    return str(refusal["message"])


def _find(upload: Upload, seconds: float | None = None) -> CardsFound | None:
    """Whether there are any, among the rows that can be read in so many seconds."""
    columns = (upload.examination or {}).get("columns") or []
    watch = CardWatch(columns)
    # A file without headings has its first row there
    watch.look_at_raw({1: "\n".join(columns)})
    end = None if seconds is None else time.monotonic() + seconds
    try:
        for batch in read_records(source_of(upload), dialect_of(upload), size=BATCH_ROWS):
            watch.look(batch.row_numbers, batch.rows)
            watch.look_at_raw(batch.raw)
            if end is not None and time.monotonic() > end:
                break
    except UnreadableError:
        pass  # what is wrong with it is told where it is read
    return watch.found()


def _delete(upload: Upload) -> None:
    log.warning("Upload %s had card numbers; its file is deleted", upload.id)
    file_store().delete(upload.key)
