"""Where the services' unix sockets lie: in the data folder, or in a plain place when its path is
too long for a socket, or has characters that clients trip over."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from webapp.serving.errors import ServingError

# The kernel allows 107 bytes; the longest name put there is ".s.PGSQL.5432.lock".
LONGEST_FOLDER = 80
# redis-py splits what the server says about a connection at blanks and equals signs.
PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


def socket_folder(data: Path) -> Path:
    """A private folder with a short and plain path, the same for the same data."""
    near = data / "run"
    if _fits(near):
        near.mkdir(mode=0o700, parents=True, exist_ok=True)
        return near
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    name = f"datasync-{os.getuid()}-{digest}"
    places = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108
    far = next(place / name for place in places if _fits(place / name))
    far.mkdir(mode=0o700, exist_ok=True)
    found = far.lstat()
    if far.is_symlink() or found.st_uid != os.getuid():
        raise ServingError(f"{far} belongs to someone else. Remove it, or choose another --data.")
    return far


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= LONGEST_FOLDER and PLAIN.fullmatch(str(folder)) is not None
