"""Telling people by email that a run has ended.

A message is a row first, written in the transaction that ends the run: no run ends without its
messages, and none is written for a run that didn't end. Housekeeping delivers it afterwards, by
SMTP where a mail server is configured, else as an .eml file in the data folder; administrators see
each message and what became of it. A message tried again carries the same Message-ID, so a mail
system that got it twice shows it once.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from flask_mailman import EmailMultiAlternatives
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, object_session

from webapp.config import current_settings
from webapp.extensions import mail
from webapp.formats import duration, number, plural
from webapp.models import DownloadWindow, Message, Run
from webapp.rules.money import written
from webapp.services.held_back import count_amounts
from webapp.services.progress import is_download
from webapp.settings import Settings

log = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=2)
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
PAGE_MESSAGES = 50
_ENDINGS = {"success": "finished", "failure": "failed", "cancelled": "cancelled"}
_COUNTED = ("created", "updated", "unchanged", "rejected", "withheld")
_COUNTED_DOWNLOAD = ("delivered", "removed", "withheld", "filtered_out")
_LABELS = {"withheld": "Held back", "filtered_out": "Filtered out"}
_MAX_SUBJECT = 200


def notify_run(session: Session, run: Run) -> list[Message]:
    """Write one message to each notification address of a run that has ended."""
    subject, body = write_subject(run), write_body(run)
    messages = [
        Message(run_id=run.id, recipient=address, subject=subject, body=body)
        for address in _distinct(run.notify)
    ]
    session.add_all(messages)
    session.flush()
    return messages


def _distinct(addresses: Iterable[str]) -> list[str]:
    by_folded = {address.strip().lower(): address.strip() for address in addresses}
    return [address for folded, address in by_folded.items() if folded]


def write_subject(run: Run) -> str:
    """Label, how it ended and the counts, on one line."""
    what = f"{_title(run)} {_ENDINGS.get(run.state, run.state)}"
    subject = f"{what}: {_counts_in_words(run)}" if run.kind != "undo" else what
    one_line = " ".join(subject.split())
    return one_line if len(one_line) <= _MAX_SUBJECT else one_line[: _MAX_SUBJECT - 1] + "…"


def write_body(run: Run) -> str:
    """The text of the message."""
    return _render("mail/run_finished.txt", _context(run)).strip() + "\n"


def _title(run: Run) -> str:
    return f"Undo of {run.label}" if run.kind == "undo" else run.label


def _counts_in_words(run: Run) -> str:
    if is_download(run) and run.state != "success":
        return "nothing was delivered"
    if is_download(run):
        told = [
            f"{number(getattr(run, name))} {_LABELS.get(name, name).lower()}"
            for name in _COUNTED_DOWNLOAD
            if getattr(run, name)
        ]
        return ", ".join(told) or "no changes"
    told = [f"{number(getattr(run, name))} {name}" for name in _COUNTED if getattr(run, name)]
    return ", ".join(told) or "no rows"


def _context(run: Run) -> dict[str, Any]:
    settings = current_settings()
    zone = ZoneInfo(settings.time_zone)
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
    facts = [
        ("File", run.upload.name if run.upload else None),
        ("Started by", (run.user.name or run.user.email) if run.user else None),
        ("Started", _moment(run.started_at, zone)),
        ("Took", duration(took) if took is not None else None),
    ]
    is_file = is_download(run)
    not_through = run.rejected + run.withheld if run.kind == "run" and not is_file else 0
    names: Sequence[str] = ("restored", "removed", "kept") if run.kind == "undo" else _COUNTED
    names = _COUNTED_DOWNLOAD if is_file else names
    labels = _LABELS if is_file else {}
    counts = [(labels.get(name, name.capitalize()), _count_of(run, name)) for name in names]
    total = ("Looked at" if is_file else "Rows read", number(run.rows_read))
    return {
        "title": _title(run),
        "operation": run.operation.title,
        "ending": _ENDINGS.get(run.state, run.state),
        "failure": run.failure,
        "facts": [(label, value) for label, value in facts if value],
        "counts": [(label, number(count)) for label, count in counts],
        "total": total if run.kind != "undo" else None,
        "rejects": plural(not_through, "row") if not_through else None,
        "went_again": is_file and _went_again(run),
        "held_back": _held_back(run) if is_file and run.withheld else None,
        "url": run_url(settings, run),
        "run_id": run.id,
        "site": settings.site_name,
    }


def _count_of(run: Run, name: str) -> int:
    return int(run.tallies.get(name, 0)) if run.kind == "undo" else int(getattr(run, name))


def _went_again(run: Run) -> bool:
    """Whether a download gave everything because the database was restored."""
    session = object_session(run)
    window = session.get(DownloadWindow, run.id) if session is not None else None
    return window is not None and window.restored_from is not None


def _held_back(run: Run) -> str:
    """How many records wait, and what they amount to."""
    session = object_session(run)
    amounts = count_amounts(session, run.id) if session is not None else []
    sums = ", ".join(written(amount, currency) for amount, currency in amounts)
    return plural(run.withheld, "record") + (f" ({sums})" if sums else "")


def _moment(value: datetime | None, zone: ZoneInfo) -> str | None:
    if value is None:
        return None
    local = value.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}"


def run_url(settings: Settings, run: Run) -> str | None:
    """The address of a run's page as a person outside reaches it; None where nobody configured
    it."""
    if not settings.public_url:
        return None
    return f"{settings.public_url.rstrip('/')}/runs/{run.id}"


def _render(template: str, context: dict[str, Any]) -> str:
    # Not render_template: the context processors of pages need a request, and a job has none.
    return current_app.jinja_env.get_template(template).render(context)


def deliver_waiting(session: Session, *, limit: int = 20, now: datetime | None = None) -> int:
    """Deliver messages that wait, oldest first; say how many were dealt with for good.

    Two callers at once never take the same message. What fails for now waits, with the reason, for
    half as long again as it has waited already, so that the others get their turn; after two days,
    or when the mail server refuses for good, it has failed.
    """
    now = now or datetime.now(UTC)
    waiting = session.scalars(
        select(Message)
        .where(Message.state == "waiting", or_(Message.try_at.is_(None), Message.try_at <= now))
        .order_by(Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not waiting:
        return 0
    settings = current_settings()
    done = _post(session, waiting, now) if settings.smtp_url else _file(session, waiting, now)
    session.flush()
    return done


def _file(session: Session, waiting: Sequence[Message], now: datetime) -> int:
    folder = current_settings().data_dir / "mail"
    done = 0
    for message in waiting:
        try:
            _write_file(folder, message, _compose(session, message).message().as_bytes())
        except ValueError as error:
            _fail(message, f"“{message.recipient}” can't be written to: {error}.")
        except OSError as error:
            reason = error.strerror or str(error)
            _try_later(message, f"The folder {folder} can't be written: {reason}.", now)
            return done
        else:
            message.state, message.sent_at, message.error = "written", now, None
        done += 1
    return done


def _write_file(folder: Path, message: Message, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"message-{message.id}.eml"
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _post(session: Session, waiting: Sequence[Message], now: datetime) -> int:
    connection = mail.get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        for message in waiting:
            _try_later(message, f"The mail server doesn't answer: {_reason(error)}.", now)
        return 0
    done = 0
    try:
        for message in waiting:
            done += _post_one(session, connection, message, now)
    finally:
        _close(connection)
    return done


def _post_one(session: Session, connection: Any, message: Message, now: datetime) -> bool:
    try:
        connection.send_messages([_compose(session, message)])
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()), (550, b""))
        text = f"The mail server refused {message.recipient}: {_decoded(reason)} ({code})."
        if code >= 500:
            _fail(message, text)
            return True
        _try_later(message, text, now)
    except smtplib.SMTPResponseException as error:
        text = f"The mail server refused the message: {_reason(error)}."
        if error.smtp_code >= 500:
            _fail(message, text)
            return True
        _try_later(message, text, now)
    except (OSError, smtplib.SMTPException) as error:
        _try_later(message, f"The connection to the mail server broke: {_reason(error)}.", now)
    except ValueError as error:
        _fail(message, f"“{message.recipient}” can't be written to: {error}.")
        return True
    else:
        message.state, message.sent_at, message.error = "sent", now, None
        return True
    return message.state == "failed"


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        log.warning("The mail server did not say goodbye; what it took is sent all the same")


def _compose(session: Session, message: Message) -> EmailMultiAlternatives:
    if "@" not in message.recipient.strip("@"):
        raise ValueError("it is not an email address")
    settings = current_settings()
    domain = settings.mail_from.rpartition("@")[2].rstrip(">") or "localhost"
    stamp = int(message.created_at.timestamp() * 1000)
    email = EmailMultiAlternatives(
        message.subject,
        message.body,
        settings.mail_from,
        [message.recipient],
        headers={
            "Message-ID": f"<datasync-{message.id}-{stamp}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    run = _run_of(session, message)
    if run is not None:
        email.attach_alternative(_render("mail/run_finished.html", _context(run)), "text/html")
    return email


def _run_of(session: Session, message: Message) -> Run | None:
    if message.run_id is None:
        return None
    return session.scalars(
        select(Run)
        .options(joinedload(Run.operation), joinedload(Run.upload), joinedload(Run.user))
        .where(Run.id == message.run_id)
    ).one_or_none()


def _try_later(message: Message, reason: str, now: datetime) -> None:
    if now - message.created_at > GIVE_UP_AFTER:
        _fail(message, f"{reason} Nothing more is tried after two days.")
    else:
        message.error = f"{reason} It is tried again by itself."
        pause = (now - message.created_at) / 2
        message.try_at = now + min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE)


def _fail(message: Message, reason: str) -> None:
    message.state, message.error = "failed", reason


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{_decoded(error.smtp_error)} ({error.smtp_code})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _decoded(reason: bytes | str) -> str:
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
    return " ".join(text.split()).rstrip(".")


def list_messages(
    session: Session, *, state: str = "", before: int | None = None, limit: int = PAGE_MESSAGES
) -> list[Message]:
    """Messages, newest first."""
    query = select(Message).order_by(Message.id.desc()).limit(limit)
    if state:
        query = query.where(Message.state == state)
    if before is not None:
        query = query.where(Message.id < before)
    return list(session.scalars(query))


def get_message(session: Session, message_id: int) -> Message | None:
    """One message."""
    return session.get(Message, message_id)


def try_again(message: Message, now: datetime | None = None) -> None:
    """Let a failed message wait for delivery once more, for another two days."""
    message.state = "waiting"
    message.error = message.try_at = None
    message.created_at = now or datetime.now(UTC)
