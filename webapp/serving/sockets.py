"""Where the services' unix sockets lie: in the data folder, or elsewhere when that is deep."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from webapp.serving.errors import ServingError

# The kernel allows 107 bytes; the longest name put there is ".s.PGSQL.5432.lock".
LONGEST_FOLDER = 80


def socket_folder(data: Path) -> Path:
    """A private folder whose path is short enough for a socket, the same for the same data."""
    near = data / "run"
    if len(os.fsencode(near)) <= LONGEST_FOLDER:
        near.mkdir(mode=0o700, parents=True, exist_ok=True)
        return near
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    far = Path(tempfile.gettempdir()) / f"datasync-{os.getuid()}-{digest}"
    if len(os.fsencode(far)) > LONGEST_FOLDER:
        far = Path("/tmp") / far.name  # noqa: S108
    far.mkdir(mode=0o700, exist_ok=True)
    found = far.lstat()
    if far.is_symlink() or found.st_uid != os.getuid():
        raise ServingError(f"{far} belongs to someone else. Remove it, or choose a shorter --data.")
    return far
