"""Answers to htmx: whether a request is for a fragment, and the headers that steer the browser.

htmx-flask's `make_response` refuses valid swaps and knows no reselect, so the headers are set here.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Response, make_response, redirect, request
from werkzeug.wrappers import Response as BaseResponse


def wants_fragment() -> bool:
    """True for a request of htmx that will put the answer inside a page; a boosted link and a page
    restored from history want the whole page."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)


def go_to(url: str) -> BaseResponse:
    """Send the browser to another page after a POST: 303, or HX-Redirect where htmx asked (a 303
    would be followed by htmx and its page put inside the fragment)."""
    if not wants_fragment():
        return redirect(url, code=303)
    response = make_response("", 200)
    response.headers["HX-Redirect"] = url
    return response


def respond(
    body: str,
    status: int = 200,
    *,
    trigger: str | dict[str, Any] | None = None,
    retarget: str | None = None,
    reswap: str | None = None,
    push_url: str | None = None,
) -> Response:
    """A fragment with headers for htmx: an event to fire, another target, another swap, a URL."""
    response = make_response(body, status)
    headers = {
        "HX-Trigger": json.dumps(trigger) if isinstance(trigger, dict) else trigger,
        "HX-Retarget": retarget,
        "HX-Reswap": reswap,
        "HX-Push-Url": push_url,
    }
    for name, value in headers.items():
        if value is not None:
            response.headers[name] = value
    return response


def plain(text: str, status: int) -> Response:
    """One sentence instead of a fragment: the page says it aloud and swaps nothing."""
    return Response(text, status=status, mimetype="text/plain")
