"""What people see when something is not there, not allowed or not working: a page with one clear
sentence, or, for a fragment, that sentence alone."""

from __future__ import annotations

import errno
import logging
import secrets
import time
from dataclasses import dataclass

from flask import Flask, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from psycopg import errors as postgres
from redis.exceptions import ConnectionError as QueueLost
from redis.exceptions import TimeoutError as QueueSlow
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import HTTPException

from webapp import hx
from webapp.access import ask_to_sign_in
from webapp.extensions import db, limiter, login
from webapp.formats import filesize, plural

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """A title and one sentence that says what to do."""

    title: str
    text: str


PROBLEMS: dict[int, Problem] = {
    400: Problem(
        "That request could not be read", "Go back, reload the page and send the form again."
    ),
    403: Problem(
        "You may not do this",
        "Your roles do not cover it. A site administrator can give you the role you need.",
    ),
    404: Problem(
        "There is no such page",
        "It may have been removed, or belong to a center you do not work for. "
        "Check the address or start from the menu.",
    ),
    405: Problem("That does not work this way", "Go back and use the page's own buttons."),
    413: Problem("That is too large", "Split it and send the parts."),
    500: Problem(
        "Something went wrong on our side",
        "Nothing was changed. Try again; if it happens again, tell your administrator.",
    ),
    503: Problem(
        "The database does not answer",
        "Nothing was lost. Wait a moment and reload the page.",
    ),
}
STALE_FORM = Problem(
    "This page was open for too long",
    "Nothing was changed. Go back, reload the page and send the form again.",
)
DISK_FULL = Problem(
    "The server's disk is full",
    "Nothing was changed. Ask your administrator to make room, then try again.",
)
QUEUE_LOST = Problem(
    "The queue does not answer", "Nothing was lost. Wait a moment and reload the page."
)


def answer(problem: Problem, status: int, reference: str | None = None) -> ResponseReturnValue:
    """The problem as a page, or as a sentence for a fragment."""
    if hx.wants_fragment():
        return hx.plain(f"{problem.title}. {problem.text}", status)
    page = render_template("errors/error.html", problem=problem, status=status, reference=reference)
    return page, status


def on_http_error(error: HTTPException) -> ResponseReturnValue:
    """Any status that a view or Flask itself raised."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error
    if status == 401:
        return ask_to_sign_in()
    if isinstance(error, CSRFError):
        return answer(STALE_FORM, 400)
    if isinstance(error, RateLimitExceeded):
        return on_too_many()
    if status >= 500:
        _forget_user()
    problem = PROBLEMS.get(status) or Problem(error.name, "Go back and try it another way.")
    if status == 413:
        limit = filesize(request.max_content_length)
        problem = Problem(problem.title, f"The limit is {limit}. {problem.text}")
    response = current_app.make_response(answer(problem, status))
    for name, value in error.get_headers():
        response.headers.setdefault(name, value)  # Allow, Retry-After, Content-Range, ...
    return response


def on_too_many() -> ResponseReturnValue:
    """Too many failed attempts: when to come back."""
    limit = limiter.current_limit
    seconds = max(1, round(limit.reset_at - time.time())) if limit else 900
    wait = plural(-(-seconds // 60), "minute")
    problem = Problem("Too many attempts", f"Wait {wait}, then try again.")
    response = current_app.make_response(answer(problem, 429))
    response.headers["Retry-After"] = str(seconds)
    return response


def on_database_error(error: DBAPIError | PoolExhausted) -> ResponseReturnValue:
    """A lost or overloaded database: try again, with no traceback."""
    log.error("The database failed during %s %s: %s", request.method, request.path, error)
    db.session.rollback()
    _forget_user()
    full = isinstance(getattr(error, "orig", None), postgres.DiskFull)
    return _retry_later(DISK_FULL if full else PROBLEMS[503])


def on_queue_error(error: Exception) -> ResponseReturnValue:
    """A lost queue: the same."""
    log.error("The queue failed during %s %s: %s", request.method, request.path, error)
    return _retry_later(QUEUE_LOST)


def on_os_error(error: OSError) -> ResponseReturnValue:
    """A full disk has a sentence of its own; any other is a fault of ours."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return on_fault(error)
    log.error("The disk is full during %s %s", request.method, request.path)
    return _retry_later(DISK_FULL)


def on_fault(error: Exception) -> ResponseReturnValue:
    """A fault of ours: logged with a reference that the page shows."""
    if current_app.testing or current_app.debug:
        raise error
    reference = secrets.token_hex(4).upper()
    log.exception("Fault %s during %s %s", reference, request.method, request.path)
    db.session.rollback()
    _forget_user()
    return answer(PROBLEMS[500], 500, reference)


def _retry_later(problem: Problem) -> ResponseReturnValue:
    response = current_app.make_response(answer(problem, 503))
    response.headers["Retry-After"] = "5"
    return response


def _forget_user() -> None:
    # The page must not ask the database again who is signed in: that could fail once more.
    if "_login_user" not in g:
        g._login_user = login.anonymous_user()


def register_errors(app: Flask) -> None:
    """One handler for each way to fail."""
    app.register_error_handler(HTTPException, on_http_error)
    for database_error in (OperationalError, InterfaceError, PoolExhausted):
        app.register_error_handler(database_error, on_database_error)
    for queue_error in (QueueLost, QueueSlow):
        app.register_error_handler(queue_error, on_queue_error)
    app.register_error_handler(OSError, on_os_error)
    app.register_error_handler(Exception, on_fault)
