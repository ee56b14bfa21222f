"""The files of a download are all put where they were wanted, or none is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from webapp.cli.fetching import fetch, why_not
from webapp.models import DownloadFile
from webapp.services.files import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(LocalFileSystem(auto_mkdir=True), f"{tmp_path}/store")


def keep(store: FileStore, role: str, content: bytes | None) -> DownloadFile:
    """A file of a download; with no content the store has lost it."""
    if content is not None:
        with store.open(role, "wb") as file:
            file.write(content)
    return DownloadFile(role=role, key=role, rows=1, size=len(content or b""), sha256="")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_removals_stand_beside_the_records(store: FileStore, tmp_path: Path) -> None:
    files = [keep(store, "records", b"people"), keep(store, "removals", b"gone")]
    told = fetch(files, tmp_path / "a.csv", store)
    assert [file["path"] for file in told] == [
        str(tmp_path / "a.csv"), str(tmp_path / "a-removed.csv"),
    ]  # fmt: skip
    assert (tmp_path / "a.csv").read_bytes() == b"people"
    assert (tmp_path / "a-removed.csv").read_bytes() == b"gone"
    assert names(tmp_path) == ["a-removed.csv", "a.csv"]


def test_without_removals_those_of_an_earlier_download_go(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "a-removed.csv").write_text("of last week")
    fetch([keep(store, "records", b"people")], tmp_path / "a.csv", store)
    assert names(tmp_path) == ["a.csv"]


def test_when_one_can_not_be_had_none_is_there(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("of last week")
    files = [keep(store, "records", b"people"), keep(store, "removals", None)]
    with pytest.raises(FileNotFoundError):
        fetch(files, tmp_path / "a.csv", store)
    assert names(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "of last week"


def test_a_link_is_followed(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "a.csv").symlink_to(tmp_path / "there" / "b.csv")
    fetch([keep(store, "records", b"people")], tmp_path / "a.csv", store)
    assert (tmp_path / "a.csv").is_symlink()
    assert (tmp_path / "there" / "b.csv").read_bytes() == b"people"


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("of last week")
    assert why_not(tmp_path / "a.csv") == ""
    assert names(tmp_path) == ["a.csv"]


def test_where_nothing_can_be_written_is_said_beforehand(tmp_path: Path) -> None:
    """What was delivered to nowhere would not come again by itself."""
    (tmp_path / "a.csv").write_text("no folder")
    os.mkfifo(tmp_path / "pipe")
    assert "is no folder" in why_not(tmp_path / "a.csv" / "b.csv")
    assert "pipe is there and is no file" in why_not(tmp_path / "pipe")
    assert "/proc/a.csv can't be written" in why_not(Path("/proc/a.csv"))
