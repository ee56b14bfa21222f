"""The request as this application sees it: aware of htmx, uploads streamed to the file store."""

from __future__ import annotations

import io
from typing import IO, cast

from flask import g
from htmx_flask.requests import HtmxAwareRequest

from webapp.services.uploads import ArrivingFile


class Request(HtmxAwareRequest):  # type: ignore[misc]  # the package ships no types
    """Set as `app.request_class` after the htmx extension, which sets its own."""

    # A form of ours is small; only files are large, and they do not count here.
    max_form_memory_size = 4 * 1024**2

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """Where the bytes of an uploaded file go while they arrive: straight to the file store.

        What no view claims is deleted at the end of the request (`discard_unclaimed`).
        """
        if not filename:
            return io.BytesIO()
        arriving = ArrivingFile()
        g.setdefault("arriving_files", []).append(arriving)
        return cast("IO[bytes]", arriving)


def discard_unclaimed(_error: BaseException | None = None) -> None:
    """At the end of a request: files that arrived and nobody took are deleted."""
    for arriving in g.pop("arriving_files", []):
        arriving.discard_unless_claimed()
