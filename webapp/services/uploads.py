"""Uploads: received as a stream, examined, recognised when they came in before."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.errors import DataSyncError
from webapp.models import Run, Upload
from webapp.rules.catalogues import STANDARD_IMPORT, catalogue_of
from webapp.rules.columns import Recognition, folded, recognise
from webapp.rules.entry_files import entry_fields, entry_needs
from webapp.rules.fields import Field
from webapp.rules.reading import Choices, Dialect, Examination, Refusal
from webapp.services import crossref_online, crossrefs
from webapp.services.custom_fields import custom_fields
from webapp.services.files import BLOCK, FileStore, StoredSource, file_store, new_key
from webapp.services.own_files import examine_file
from webapp.transactions import after_commit

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage

log = logging.getLogger(__name__)

MAX_NAME = 255


class UploadError(DataSyncError):
    """A file could not be taken in; the message is the sentence a person reads."""

    def __init__(self, message: str) -> None:
        super().__init__("upload", message, "file")


class ArrivingFile(io.RawIOBase):
    """A writable stream that puts what is written into the file store and hashes it on the way.

    A store that fails (a full disk) does not break the request: the rest is swallowed, and
    `receive_upload` tells the person. Until it is claimed, the file is nobody's.
    """

    def __init__(self, store: FileStore | None = None) -> None:
        super().__init__()
        self.store = store or file_store()
        self.key = new_key("uploads")
        self.size = 0
        self.failure: OSError | None = None
        self.is_claimed = False
        self._hash = hashlib.sha256()
        self._file: Any = None

    @property
    def sha256(self) -> str:
        """The digest of what has arrived, in hex."""
        return self._hash.hexdigest()

    def writable(self) -> bool:
        """Always: that is what it is for."""
        return True

    def seekable(self) -> bool:
        """Only to its beginning, which is how the form parser says that the file has ended."""
        return True

    def write(self, data: Any, /) -> int:
        """Take some bytes."""
        size = len(data)
        self.size += size
        if self.failure is None:
            try:
                if self._file is None:
                    self._file = self.store.open(self.key, "wb")
                self._file.write(data)
                self._hash.update(data)
            except OSError as error:
                self.failure = error
        return size

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """The file has arrived: close it."""
        if offset or whence:
            raise io.UnsupportedOperation("an arriving file is only written")
        self.finish()
        return 0

    def finish(self) -> None:
        """Close the stored file; after this it can be opened."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self.failure = self.failure or error
            self._file = None

    def discard_unless_claimed(self) -> None:
        """Delete what nobody took."""
        if self.is_claimed:
            return
        self.finish()
        with suppress(OSError):
            self.store.delete(self.key)


def receive_upload(
    session: Session, *, storage: FileStorage, user_id: int | None, center_id: int | None
) -> Upload:
    """Keep a file that arrived with a request. Raises `UploadError` with a sentence."""
    arriving = storage.stream
    name = file_name(storage.filename or "")
    if not name or not isinstance(arriving, ArrivingFile):
        raise UploadError("No file was chosen. Choose a CSV or Excel file, then send it.")
    return _keep(session, arriving, name, user_id, center_id)


def store_upload(
    session: Session,
    *,
    path: Path,
    user_id: int | None,
    center_id: int | None,
    store: FileStore | None = None,
) -> Upload:
    """Keep a file of this machine (the command line). Raises `UploadError` with a sentence."""
    arriving = ArrivingFile(store)
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                arriving.write(block)
    except OSError as error:
        arriving.discard_unless_claimed()
        reason = (error.strerror or str(error)).lower()
        raise UploadError(
            f"{path} cannot be read: {reason}. Check its name and its permissions."
        ) from error
    return _keep(session, arriving, file_name(path.name), user_id, center_id)


def _keep(
    session: Session,
    arriving: ArrivingFile,
    name: str,
    user_id: int | None,
    center_id: int | None,
) -> Upload:
    if arriving.size == 0:
        raise UploadError(f"{name} is empty. Choose a file with a header and at least one row.")
    arriving.finish()
    if arriving.failure is not None:
        log.error("An upload could not be stored: %s", arriving.failure)
        raise UploadError(
            f"{name} could not be kept: the file store answered "
            f"“{arriving.failure.strerror or arriving.failure}”. Nothing was imported; "
            "try again once an administrator has made room."
        )
    upload = Upload(
        name=name,
        key=arriving.key,
        size=arriving.size,
        sha256=arriving.sha256,
        user_id=user_id,
        center_id=center_id,
    )
    session.add(upload)
    session.flush()
    # A row that is rolled back, or that a lost database never kept, leaves no file behind
    after_commit(lambda: setattr(arriving, "is_claimed", True), session)
    return upload


def file_name(name: str) -> str:
    """A file's own name, whatever path or control character came with it (promise 12)."""
    last = PurePath(name.replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable())[:MAX_NAME]


def source_of(upload: Upload, store: FileStore | None = None) -> StoredSource:
    """The stored file as `rules.reading` reads it."""
    return StoredSource(store or file_store(), upload.key, upload.name, upload.size)


def examine_upload(session: Session, upload: Upload, choices: Choices | None = None) -> None:
    """Find out how the file is to be read, or why it can't be; kept with the upload."""
    choices = choices or Choices()
    found = examine_file(source_of(upload), choices)
    if isinstance(found, Refusal):
        upload.examination = {"refusal": asdict(found)}
    else:
        upload.examination = examination_json(found, choices)
    session.flush()


def examination_json(found: Examination, choices: Choices) -> dict[str, Any]:
    """What was found, as it is kept: every text such that PostgreSQL can hold it, none too long to
    be shown. It equals itself read back."""
    told: dict[str, Any] = storable(asdict(found))
    for name in ("found", "first_rows", "irregular", "outside"):
        told[name] = _shortened(told[name])
    return told | {"choices": choices.to_json()}


LONGEST_SHOWN = 1_000


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return value[: LONGEST_SHOWN - 1] + "…"
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value


def storable(value: Any) -> Any:
    """The value with nothing in its texts that PostgreSQL does not take: a NUL is shown as ␀, half
    of a surrogate pair as ?. Tuples become lists."""
    if isinstance(value, str):
        return value.replace("\0", "␀").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {key: storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def dialect_of(upload: Upload) -> Dialect:
    """How the upload is read; it must have been examined and not refused."""
    if not upload.examination or "dialect" not in upload.examination:
        message = f"upload {upload.id} was not examined, or was refused"
        raise ValueError(message)
    return Dialect.from_json(upload.examination["dialect"])


TYPE_OPTION = "crossref_type"
"""Among a run's options: the key of the cross-reference type whose entries its file has."""


def known_fields(
    session: Session, kind: str = STANDARD_IMPORT, options: Mapping[str, Any] | None = None
) -> tuple[Field, ...]:
    """Every field a file of this kind of operation may have, those that administrators added
    included. `options` are the run's: they say of which type a file of cross-references is."""
    catalogue = catalogue_of(kind)
    if catalogue.is_of_entries:
        return fields_of_type(session, (options or {}).get(TYPE_OPTION))
    return (*catalogue.fields, *(custom_fields(session) if catalogue.takes_custom_fields else ()))


def fields_of_type(session: Session, key: str | None) -> tuple[Field, ...]:
    """The columns of a cross-reference type's file; none where there is no such type."""
    found = crossrefs.find_type(session, key) if key else None
    if found is None:
        return ()
    online, *others = entry_fields(found.foreign_labels)
    return (replace(online, max_length=crossref_online.longest_online(found)), *others)


def recognise_columns(
    session: Session,
    columns: Iterable[str],
    choices: Mapping[str, str | None] | None = None,
    kind: str = STANDARD_IMPORT,
    options: Mapping[str, Any] | None = None,
) -> Recognition:
    """Which field each column of a file is, with the person's choices applied."""
    fields, catalogue, columns = (
        known_fields(session, kind, options),
        catalogue_of(kind),
        list(columns),
    )
    needs = catalogue.needs
    if catalogue.is_of_entries:
        needs = entry_needs(sum(field.column.startswith("FOREIGN_") for field in fields))
        choices = _by_label(columns, fields) | dict(choices or {})
    return recognise(columns, fields, choices, needs)


def _by_label(columns: Iterable[str], fields: Iterable[Field]) -> dict[str, str | None]:
    """Columns that are headed by the label of a foreign key are that key's."""
    labels: dict[str, str | None] = {}
    for field in fields:
        if field.column.startswith("FOREIGN_"):
            labels.setdefault(folded(field.label), field.column)
    named = {folded(column) for column in columns}
    return {
        label: column for label, column in labels.items() if label in named and column not in named
    }


def find_earlier_runs(
    session: Session, upload: Upload, *, center_ids: set[int] | None = None, limit: int = 5
) -> list[Run]:
    """The runs that took in the same bytes before and ended in success, newest first."""
    query = (
        select(Run)
        .join(Upload, Run.upload_id == Upload.id)
        .where(Upload.sha256 == upload.sha256, Run.kind == "run", Run.state == "success")
        .order_by(Run.id.desc())
        .limit(limit)
    )
    if center_ids is not None:
        query = query.where(Run.center_id.in_(center_ids))
    return list(session.scalars(query))
