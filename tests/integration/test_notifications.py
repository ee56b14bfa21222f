"""Emails at the end of a run: written once, delivered by a real mail server or into a folder."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select, text

from tests.finished_runs import make_reject, make_row, make_run
from webapp import create_app
from webapp.extensions import db
from webapp.models import Message, User
from webapp.services.notifications import (
    GIVE_UP_AFTER,
    SHORTEST_PAUSE,
    deliver_waiting,
    notify_run,
    run_url,
    write_subject,
)

if TYPE_CHECKING:
    from email.message import EmailMessage

    from flask import Flask
    from sqlalchemy.orm import Session

    from webapp.models import Run
    from webapp.settings import Settings


class Mailbox:
    """What a mail server took, and whom it refuses."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refusals: dict[str, str] = {}

    async def handle_RCPT(
        self, _server: object, _session: object, envelope: Any, address: str, _options: object
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.taken.append(parsed)  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    box.port = controller.port  # type: ignore[attr-defined]
    yield box
    controller.stop()


@pytest.fixture
def with_smtp(settings: Settings, mailbox: Mailbox) -> Iterator[Session]:
    """A session of an application that sends by that server."""
    port = mailbox.port  # type: ignore[attr-defined]
    changed = replace(
        settings, smtp_url=f"smtp://127.0.0.1:{port}", public_url="https://sync.example.org/"
    )
    yield from session_of(create_app(changed))


def session_of(app: Flask) -> Iterator[Session]:
    with app.app_context():
        yield db.session()
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def finished(session: Session, **values: Any) -> Run:
    values = {"notify": ["dana@example.org"]} | values
    rows = [make_row(2, "created"), make_row(3, "created"), make_reject(4, ["", "", "x"])]
    return make_run(session, rows, **values)


def test_each_address_gets_one_message(session: Session) -> None:
    run = finished(session, notify=["Dana@example.org", " dana@EXAMPLE.org", "", "bo@example.org"])

    messages = notify_run(session, run)

    assert [message.recipient for message in messages] == ["dana@EXAMPLE.org", "bo@example.org"]
    assert {message.state for message in messages} == {"waiting"}
    assert messages[0].subject == "Spring members finished: 2 created, 1 rejected"
    assert "Created                2" in messages[0].body
    assert "Rows read              3" in messages[0].body


@pytest.mark.parametrize(
    ("values", "subject"),
    [
        ({"state": "failure"}, "Spring members failed: 2 created, 1 rejected"),
        ({"state": "cancelled"}, "Spring members cancelled: 2 created, 1 rejected"),
        (
            {"label": "a\nBcc: x@example.org"},
            "a Bcc: x@example.org finished: 2 created, 1 rejected",
        ),
        ({"kind": "undo"}, "Undo of Spring members finished"),
        ({"label": "x" * 500}, "x" * 199 + "…"),
    ],
)
def test_subjects(session: Session, values: dict[str, Any], subject: str) -> None:
    assert write_subject(finished(session, **values)) == subject


def test_a_run_with_nobody_to_tell_writes_nothing(session: Session) -> None:
    assert notify_run(session, finished(session, notify=[])) == []


def test_it_arrives_at_a_real_mail_server(with_smtp: Session, mailbox: Mailbox) -> None:
    session = with_smtp
    user = User(email="dana@example.org", name="Dana Ünsal", password_hash="x")
    session.add(user)
    run = finished(session, label="Frühling <b>", rejects_key="rejects/1", user=user)
    (message,) = notify_run(session, run)

    assert deliver_waiting(session) == 1
    assert deliver_waiting(session) == 0

    assert message.state == "sent"
    assert message.sent_at is not None
    assert mailbox.recipients == ["dana@example.org"]
    (taken,) = mailbox.taken
    assert taken["Subject"] == "Frühling <b> finished: 2 created, 1 rejected"
    assert taken["Auto-Submitted"] == "auto-generated"
    plain = taken.get_body(("plain",))
    html = taken.get_body(("html",))
    assert plain is not None
    assert html is not None
    url = f"https://sync.example.org/runs/{run.id}"
    assert f"Results: {url}" in plain.get_content()
    assert "Started by: Dana Ünsal" in plain.get_content()
    assert "1 row did not go through" in plain.get_content()
    assert f'href="{url}"' in html.get_content()
    assert "Frühling &lt;b&gt;" in html.get_content()


def test_the_link_is_the_pages_address(app: Flask, session: Session) -> None:
    run = finished(session)
    changed = replace(app.config["DATASYNC"], public_url="https://sync.example.org")

    with app.test_request_context():
        from flask import url_for

        assert run_url(changed, run) == "https://sync.example.org" + url_for(
            "runs.show", run_id=run.id
        )


def test_without_a_mail_server_it_is_written_to_the_folder(
    session: Session, settings: Settings
) -> None:
    run = finished(session)
    (message,) = notify_run(session, run)

    assert deliver_waiting(session) == 1

    assert message.state == "written"
    (path,) = (settings.data_dir / "mail").iterdir()
    assert path.name == f"message-{message.id}.eml"
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert parsed["To"] == "dana@example.org"
    assert f"Operation Results, run {run.id}" in parsed.get_body(("plain",)).get_content()  # type: ignore[attr-defined]


def test_a_folder_that_cannot_be_written_is_tried_again(
    session: Session, settings: Settings
) -> None:
    (message,) = notify_run(session, finished(session))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    blocked = settings.data_dir / "mail"
    blocked.write_text("a file where the folder should be")

    assert deliver_waiting(session) == 0
    assert message.state == "waiting"
    assert "can't be written" in (message.error or "")

    blocked.unlink()
    assert deliver_waiting(session) == 0, "not yet"
    assert deliver_waiting(session, now=datetime.now(UTC) + SHORTEST_PAUSE * 2) == 1
    assert message.state == "written"
    assert message.error is None


def test_a_server_that_is_away_is_tried_again_for_two_days(
    settings: Settings, mailbox: Mailbox
) -> None:
    changed = replace(settings, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    for session in session_of(create_app(changed)):
        (message,) = notify_run(session, finished(session))

        assert deliver_waiting(session) == 0
        assert message.state == "waiting"
        assert message.error
        assert "mail server doesn't answer" in message.error

        later = datetime.now(UTC) + timedelta(hours=1)
        assert deliver_waiting(session, now=later) == 0
        assert message.state == "waiting"
        assert message.try_at is not None
        assert timedelta(minutes=20) < message.try_at - later < timedelta(minutes=40)

        assert deliver_waiting(session, now=datetime.now(UTC) + GIVE_UP_AFTER * 2) == 0
        assert message.state == "failed"


def test_a_refused_address_fails_and_the_others_arrive(
    with_smtp: Session, mailbox: Mailbox
) -> None:
    mailbox.refusals = {
        "no@example.org": "550 No such person",
        "later@example.org": "450 Mailbox busy",
    }
    session = with_smtp
    addresses = ["no@example.org", "later@example.org", "not an address", "yes@example.org"]
    messages = {
        message.recipient: message
        for message in notify_run(session, finished(session, notify=addresses))
    }

    assert deliver_waiting(session) == 3

    assert {name: message.state for name, message in messages.items()} == {
        "no@example.org": "failed",
        "later@example.org": "waiting",
        "not an address": "failed",
        "yes@example.org": "sent",
    }
    assert messages["no@example.org"].error == (
        "The mail server refused no@example.org: No such person (550)."
    )
    assert mailbox.recipients == ["yes@example.org"]


def test_tried_again_it_carries_the_same_message_id(with_smtp: Session, mailbox: Mailbox) -> None:
    session = with_smtp
    (message,) = notify_run(session, finished(session))
    deliver_waiting(session)
    message.state = "waiting"
    deliver_waiting(session)

    assert len({taken["Message-ID"] for taken in mailbox.taken}) == 1
    assert len(mailbox.taken) == 2


def test_two_that_deliver_at_once_send_it_once(with_smtp: Session, mailbox: Mailbox) -> None:
    session = with_smtp
    notify_run(session, finished(session))
    session.commit()
    with db.engine.connect() as other:
        other.execute(text("SELECT id FROM messages FOR UPDATE"))

        assert deliver_waiting(session) == 0

        other.rollback()
    assert deliver_waiting(session) == 1
    assert len(mailbox.taken) == 1


def test_a_message_outlives_its_run(with_smtp: Session, mailbox: Mailbox) -> None:
    session = with_smtp
    run = finished(session)
    notify_run(session, run)
    session.execute(text("DELETE FROM runs WHERE id = :id"), {"id": run.id})
    session.expire_all()

    assert deliver_waiting(session) == 1

    message = session.scalars(select(Message)).one()
    assert message.run_id is None
    assert mailbox.taken[0].get_content_type() == "text/plain"


def test_delivery_goes_oldest_first_and_in_portions(with_smtp: Session, mailbox: Mailbox) -> None:
    session = with_smtp
    notify_run(session, finished(session, notify=[f"p{n}@example.org" for n in range(5)]))

    assert deliver_waiting(session, limit=2) == 2
    assert mailbox.recipients == ["p0@example.org", "p1@example.org"]
