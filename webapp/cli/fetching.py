"""The files of a download, fetched from the file store to where they were wanted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from webapp.models import DownloadFile
from webapp.services.downloads import ROLES
from webapp.services.files import FileStore


def path_of(role: str, out: Path) -> Path:
    """Where a file goes: removals stand beside the records."""
    return out if role == "records" else out.with_stem(f"{out.stem}-removed")


def why_not(out: Path) -> str:
    """Why nothing can be written there, in a sentence; blank where it can. To be asked before a
    download begins: afterwards its window has moved."""
    if not out.parent.is_dir():
        return f"{out.parent} is no folder. Make it first."
    for path in (path_of(role, out) for role in ROLES):
        # A folder, a device or a pipe would be put aside by the file that gets its name
        if path.exists() and not path.is_file():
            return f"{path} is there and is no file. Use another name."
    part = _part(out, 0)
    try:
        part.touch()
    except OSError as error:
        return f"{out} can't be written: {error.strerror or error}. Use another folder."
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return ""


def fetch(files: Sequence[DownloadFile], out: Path, store: FileStore) -> list[dict[str, Any]]:
    """Copies where they were wanted, all of them in full or none at all; what `--json` says of
    each. Raises OSError."""
    parts: dict[Path, Path] = {}
    try:
        for number, file in enumerate(files):
            target = path_of(file.role, out).resolve()  # where it is a link, what it leads to
            part = _part(target, number)
            parts[part] = target
            with store.open(file.key) as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy)
        if not any(file.role == "removals" for file in files):
            # That of an earlier download would be taken for this one's
            path_of("removals", out).unlink(missing_ok=True)
        for part, target in reversed(parts.items()):
            part.replace(target)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return [
        {
            "role": file.role,
            "path": str(path_of(file.role, out)),
            "rows": file.rows,
            "bytes": file.size,
            "sha256": file.sha256,
        }
        for file in files
    ]


def _part(target: Path, number: int) -> Path:
    return target.with_name(f".datasync-{os.getpid()}-{number}.part")
