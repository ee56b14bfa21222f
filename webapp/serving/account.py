"""Which account the database runs under. PostgreSQL refuses to run as root, so root steps down."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from webapp.serving.errors import ServingError

OWN_ACCOUNT = "datasync"


@dataclass(frozen=True, slots=True)
class Account:
    """A numeric user and group, the way the kernel knows them."""

    uid: int
    gid: int


def account_for(cluster: Path) -> Account | None:
    """The account to run the database as, or None to stay who we are (an ordinary user).

    An existing cluster keeps its owner; a new one gets the machine's `postgres` account, or one
    of our own."""
    if os.geteuid() != 0:
        return None
    if (cluster / "PG_VERSION").exists():
        owner = cluster.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", OWN_ACCOUNT):
        if (found := _look_up(name)) is not None:
            return found
    _create_own_account()
    for name in (OWN_ACCOUNT, "nobody"):
        if (found := _look_up(name)) is not None:
            return found
    raise ServingError(
        "PostgreSQL does not run as root and no other account was found. "
        f"Create one with `useradd --system {OWN_ACCOUNT}`, or start as an ordinary user."
    )


def allow_passage(target: Path, account: Account | None) -> None:
    """Let the account walk through the parents of `target`, without letting it look around."""
    if account is None:
        return
    for parent in target.resolve().parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def allow_reading(folder: Path, account: Account) -> None:
    """Let the account read and run what an installation under a strict umask kept private."""
    allow_passage(folder, account)
    if folder.stat().st_mode & stat.S_IROTH:
        return
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            continue
        extra = stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        path.chmod(mode | extra)


def _look_up(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _create_own_account() -> None:
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is None:
        return
    subprocess.run(  # noqa: S603
        [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_ACCOUNT],
        check=False,
        capture_output=True,
    )
