"""Run one command so that it never outlives its parent. Started by path; imports nothing of ours.

    python child.py --signal INT [--account UID:GID] -- COMMAND ARGUMENTS...

When the parent dies, however it dies, the kernel sends the command the signal (Linux; elsewhere
the next start finds and stops what was left)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Step down, tie to the parent, become the command."""
    split = arguments.index("--")
    options = dict(zip(arguments[:split:2], arguments[1:split:2], strict=True))
    command = arguments[split + 1 :]
    parent = os.getppid()
    if account := options.get("--account"):
        uid, gid = (int(part) for part in account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After setuid, which clears it.
    die_with_parent(getattr(signal, "SIG" + options["--signal"]))
    # A parent that died before that line sends nothing any more. The supervisor leads the session
    # of what it starts; what is started without it leads its own.
    if os.getppid() != parent or os.getsid(0) not in {parent, os.getpid()}:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


def die_with_parent(number: signal.Signals) -> None:
    """Ask the kernel to send this process `number` once its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
