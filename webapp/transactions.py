"""The one place that commits.

A view that changes something is decorated with `@commits`: what it returns below 400 is committed,
anything else, and any exception, is rolled back. Work that needs the committed rows (an enqueued
job reads its run) is handed to `after_commit` and happens once the commit has succeeded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

from flask import Response, make_response
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp.extensions import db

log = logging.getLogger(__name__)
P = ParamSpec("P")
_PENDING = "datasync_after_commit"


def commits(view: Callable[P, ResponseReturnValue]) -> Callable[P, Response]:
    """Commit what the view did when it answers 2xx or 3xx, else roll it back."""

    @wraps(view)
    def committed(*args: P.args, **kwargs: P.kwargs) -> Response:
        session = db.session()
        try:
            response = make_response(view(*args, **kwargs))
            if response.status_code < 400:
                commit(session)
                return response
        except BaseException:
            roll_back(session)
            raise
        roll_back(session)
        return response

    return committed


def after_commit(action: Callable[[], object], session: Session | None = None) -> None:
    """Do this once the session's transaction is committed; never when it is rolled back."""
    target = db.session() if session is None else session
    target.info.setdefault(_PENDING, []).append(action)


def commit(session: Session) -> None:
    """Commit, then do what was left for after it. For commands and jobs, which have no view.

    An action that fails is logged and the others still happen: the rows are committed, so the
    answer is a success, and housekeeping enqueues again what was lost on the way to the queue.
    """
    session.commit()
    for action in cast(list[Callable[[], object]], session.info.pop(_PENDING, [])):
        try:
            action()
        except Exception:
            log.exception("After the commit, %r failed; housekeeping will catch up", action)


def roll_back(session: Session) -> None:
    """Roll back, and forget what was to happen after the commit."""
    session.info.pop(_PENDING, None)
    session.rollback()
