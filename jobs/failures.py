"""What ends a run in failure with a sentence a person can act on."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

NOT_PASSING = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
)
"""Why a file can't be written until a person has done something about it."""
NOT_READABLE = frozenset((errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR))
"""The same for one that is to be read."""
LAST_DELIVERY_UNREADABLE = (
    "What was last delivered can't be read in the file store ({key}: {why}), so the download "
    "stopped. Nothing was delivered. Ask an administrator to see to the file store, then run it "
    "again: it has everything."
)


class RunFailedError(Exception):
    """The run cannot go on; `sentence` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Sentences:
    """What a run of one kind says when it fails for a reason that is not in its rows. Blank where
    such a failure passes by itself, or can't be."""

    no_room: str
    stuck: str
    broken: str
    no_file: str = ""
    no_store: str = ""


OF_RUN = Sentences(
    no_room="The database has no room left, so the run stopped. What it had done up to then is "
    "kept and can be undone. Ask an administrator to make room, then upload the file again.",
    stuck="The run stopped {times} times at row {row} of the file without getting any further, so "
    "it was ended. What it had done up to then is kept and can be undone. Ask an administrator to "
    "look at the workers' log.",
    broken="The program failed at row {row} of the file, so the run stopped. What it had done up "
    "to then is kept and can be undone. Ask an administrator to look at the workers' log for run "
    "{run}.",
    no_file="The uploaded file is no longer in the file store, so the run stopped. What it had "
    "done up to then is kept and can be undone. Upload the file again in a new run.",
)
OF_PREVIEW = replace(
    OF_RUN,
    stuck="The preview stopped {times} times before its end, so it was ended. Nothing was changed. "
    "Ask an administrator to look at the workers' log, then try again.",
)
OF_DOWNLOAD = Sentences(
    no_room="The database has no room left, so the download stopped. Nothing was delivered. Ask an "
    "administrator to make room, then run it again: it has everything.",
    stuck="The download stopped {times} times before its end, so it was ended. Nothing was "
    "delivered. Ask an administrator to look at the workers' log, then run it again: it has "
    "everything.",
    broken="The program failed, so the download stopped. Nothing was delivered: the next one has "
    "everything. Ask an administrator to look at the workers' log for run {run}.",
    no_store="The download's file could not be written ({why}), so it stopped. Nothing was "
    "delivered. Ask an administrator to see to the file store, then run it again: it has "
    "everything.",
)


def sentences_for(run: Mapping[str, Any]) -> Sentences:
    """The sentences of a run of this kind (its row)."""
    if "download" in (run["options"] or {}):
        return OF_DOWNLOAD
    return OF_PREVIEW if run["kind"] in ("preview", "undo_preview") else OF_RUN
