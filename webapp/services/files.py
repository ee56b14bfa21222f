"""The file store: uploads, rejects files and whatever else is kept as bytes, under keys.

Any fsspec address does: a folder (`file:///...`), `s3://bucket/prefix`, `memory://` and so on.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import fsspec
from flask import current_app
from fsspec.implementations.local import LocalFileSystem

from webapp.settings import Settings

BLOCK = 4 * 1024**2
UNFINISHED = ".part"
"""What the name of a file ends in while it is being written."""


@dataclass(frozen=True, slots=True)
class FileStore:
    """Files by key. A key is made by `new_key`, never taken from a file's name."""

    filesystem: Any
    root: str

    def open(self, key: str, mode: str = "rb") -> BinaryIO:
        """The file's bytes. In mode `wb` the file is there once it is closed."""
        return cast(BinaryIO, self.filesystem.open(self._path(key), mode, block_size=BLOCK))

    def read(self, key: str) -> bytes:
        """All of a small file, as it is now: no listing that was kept is asked."""
        return bytes(self.filesystem.cat_file(self._path(key)))

    @contextmanager
    def write_whole(self, key: str) -> Iterator[BinaryIO]:
        """A file that is there in full once this ends, and not at all when it ends in an exception
        or the process dies: in a folder it gets its name last, elsewhere the store sees to it."""
        if isinstance(self.filesystem, LocalFileSystem):
            with self._write_beside(key) as file:
                yield file
            return
        file = self.filesystem.open(self._path(key), "wb", block_size=BLOCK, autocommit=False)
        try:
            yield cast(BinaryIO, file)
            file.close()
        except BaseException:
            file.discard()
            with suppress(OSError):
                self.delete(key)  # not every kind of store keeps the name back until the commit
            raise
        file.commit()

    @contextmanager
    def _write_beside(self, key: str) -> Iterator[BinaryIO]:
        unfinished = f"{key}{UNFINISHED}"
        try:
            with self.open(unfinished, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            self.move(unfinished, key)
        except BaseException:
            self.delete(unfinished)
            raise

    def size(self, key: str) -> int:
        """How many bytes the file has."""
        return int(self.filesystem.size(self._path(key)))

    def exists(self, key: str) -> bool:
        """Whether there is a file with this key."""
        return bool(self.filesystem.exists(self._path(key)))

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens when it is already gone."""
        if self.exists(key):
            self.filesystem.rm_file(self._path(key))

    def keys(self, folder: str) -> list[str]:
        """The keys of every file in a folder; none where there is no such folder."""
        start = f"{self._path(folder)}/".lstrip("/")
        found = (str(path).lstrip("/") for path in self.filesystem.find(self._path(folder)))
        return [f"{folder}/{path.removeprefix(start)}" for path in found if path.startswith(start)]

    def changed_at(self, key: str) -> datetime | None:
        """When the file was last written to; None when it is gone."""
        try:
            found: datetime = self.filesystem.modified(self._path(key))
        except FileNotFoundError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def move(self, key: str, new_key: str) -> None:
        """Give a file another key, in one step where the store can."""
        self.filesystem.mv(self._path(key), self._path(new_key))

    def _path(self, key: str) -> str:
        path = PurePosixPath(key)
        if path.is_absolute() or ".." in path.parts:
            message = f"not a key of the file store: {key!r}"
            raise ValueError(message)
        return f"{self.root}/{key}"


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A stored file as `rules.reading` reads it: opened anew each time."""

    store: FileStore
    key: str
    name: str
    size: int

    def open(self) -> BinaryIO:
        """A seekable binary file."""
        return self.store.open(self.key)


def new_key(folder: str) -> str:
    """A key nobody can guess and nothing of a file's name is in."""
    return f"{folder}/{secrets.token_hex(16)}"


def file_store(settings: Settings | None = None) -> FileStore:
    """The store of these settings (by default the current application's)."""
    if settings is None:
        settings = cast(Settings, current_app.config["DATASYNC"])
    return _open_store(settings.files_url)


@cache
def _open_store(url: str) -> FileStore:
    options = {"auto_mkdir": True} if url.startswith("file:") else {}
    filesystem, root = fsspec.core.url_to_fs(url, **options)
    return FileStore(filesystem, root.rstrip("/"))
