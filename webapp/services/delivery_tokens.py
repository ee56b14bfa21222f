"""What was last delivered, as the file store remembers it: a token for each stream of downloads.

The token is a random one that also stands with the download in the database, and is left once the
download counts. The file store outlives a database that is put back from a copy of its files; then
the token is one that this database never had, so it is older than what was delivered. Whoever dies
between the two leaves the token before, which the database knows.

Each database has a folder of its own, named after its identity (`get_cluster`): several may share a
file store. Nothing deletes a token: a stream's number is given once, so that of a deleted operation
is never read again.
"""

from __future__ import annotations

import logging

from webapp.services.files import file_store

log = logging.getLogger(__name__)


def token_key(cluster: str, stream_id: int) -> str:
    """Where the token of a stream's latest download is in the store."""
    return f"delivered/{cluster}/stream-{stream_id}"


def read_token(cluster: str, stream_id: int) -> bytes | None:
    """What was left by the latest download of a stream; None where nothing was. Read it before the
    snapshot in which it is looked for."""
    try:
        return file_store().read(token_key(cluster, stream_id))
    except FileNotFoundError:
        return None


def leave_token(cluster: str, stream_id: int, token: str) -> None:
    """After the commit. A store that refuses costs nothing but what would have been noticed: the
    token before stays, and the database knows it."""
    key = token_key(cluster, stream_id)
    try:
        with file_store().write_whole(key) as stream:
            stream.write(token.encode())
    except OSError:
        log.exception("The file store did not take %s; the token before stays", key)
