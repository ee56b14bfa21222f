"""Exactly one place commits, and only after it does the rest happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import abort, redirect
from sqlalchemy import func, select

from webapp.extensions import db
from webapp.models import Center
from webapp.transactions import after_commit, commit, commits

if TYPE_CHECKING:
    from flask import Flask

Happened = list[int]


@pytest.fixture
def request_context(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield
        db.session.remove()


def count() -> int:
    with db.engine.connect() as other:
        return other.scalar(select(func.count()).select_from(Center)) or 0


def run(answer: Callable[[], Any]) -> Happened:
    happened: Happened = []

    @commits
    def view() -> Any:
        db.session.add(Center(name="North"))
        after_commit(lambda: happened.append(count()))
        return answer()

    view()
    return happened


@pytest.mark.parametrize("answer", [lambda: "fine", lambda: redirect("/"), lambda: ("", 204)])
def test_an_answer_below_400_commits_and_then_the_rest_happens(
    request_context: None, answer: Callable[[], Any]
) -> None:
    assert run(answer) == [1]


@pytest.mark.parametrize("answer", [lambda: ("no", 422), lambda: ("no", 400), lambda: ("", 500)])
def test_any_other_answer_rolls_back(request_context: None, answer: Callable[[], Any]) -> None:
    assert run(answer) == []
    assert count() == 0


@pytest.mark.parametrize("answer", [lambda: abort(404), lambda: 1 / 0])
def test_an_exception_rolls_back(request_context: None, answer: Callable[[], Any]) -> None:
    with pytest.raises(Exception):  # noqa: B017  # whichever it was
        run(answer)
    assert count() == 0
    assert not db.session().info.get("datasync_after_commit")


def test_what_fails_after_the_commit_does_not_undo_it_or_stop_the_rest(
    request_context: None, caplog: pytest.LogCaptureFixture
) -> None:
    happened: Happened = []
    session = db.session()
    session.add(Center(name="North"))
    after_commit(lambda: 1 / 0, session)
    after_commit(lambda: happened.append(1), session)
    commit(session)
    assert count() == 1
    assert happened == [1]
    assert "After the commit" in caplog.text
    commit(session)
    assert happened == [1], "once is enough"
