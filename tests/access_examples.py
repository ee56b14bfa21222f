"""Example things for the walk through every route: what stands for `<run_id>`, `<slug>`, ...

To add a route with a new parameter, add a line to `EXAMPLES`: how to make a thing of that kind
that belongs to a center (None: to the site), and whether it belongs to one at all. A key may be
`blueprint:parameter` where one name means different things.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from tests.finished_runs import make_download, make_reject, make_row, make_run
from tests.people import PASSWORD
from webapp.models import (
    Center,
    CenterMember,
    Constituent,
    CrossReferenceEntry,
    CrossReferenceType,
    CustomField,
    DownloadFile,
    DownloadWindow,
    Group,
    Interest,
    Message,
    Operation,
    Run,
    RunEdit,
    Transaction,
    UserRole,
)
from webapp.rules.catalogues import CONSTITUENT_DOWNLOAD
from webapp.rules.roles import Role
from webapp.services import users
from webapp.services.samples import CLEAN

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Example:
    """How to make one, and whether it can belong to a center."""

    make: Callable[[Session, int | None], Any]
    has_center: bool = True


def _run(session: Session, center_id: int | None) -> int:
    rows = [make_row(2, "unchanged"), make_reject(3, ["M-1", "Ada", "not an email"])]
    return make_run(session, rows, center_id=center_id).id


def _draft(session: Session, center_id: int | None) -> int:
    return make_run(session, state="draft", center_id=center_id).id


def _row_number(session: Session, center_id: int | None) -> int:
    return 3


def _edit(session: Session, center_id: int | None) -> int:
    run_id = session.scalar(select(func.max(Run.id)))  # the draft made for this very request
    edit = RunEdit(run_id=run_id, kind="leave_out", row_number=3)
    session.add(edit)
    session.flush()
    return edit.id


def _sample(session: Session, center_id: int | None) -> str:
    if users.find_by_email(session, "visitor@example.org") is None:  # only the demo has samples
        users.create_user(session, email="visitor@example.org", password=PASSWORD)
    return CLEAN


def _slug(session: Session, center_id: int | None) -> str:
    slug = f"example-{next(_numbers)}"
    operation = Operation(
        slug=slug, kind="standard_constituent_import", title=slug, center_id=center_id
    )
    session.add(operation)
    session.flush()
    return slug


def _constituent(session: Session, center_id: int | None) -> int:
    constituent = Constituent(first_name="Ada", last_name=f"Example {next(_numbers)}")
    session.add(constituent)
    session.flush()
    if center_id is not None:
        session.add(CenterMember(center_id=center_id, constituent_id=constituent.id))
        session.flush()
    return constituent.id


def _transaction(session: Session, center_id: int | None) -> int:
    found = Transaction(
        transaction_type="donation",
        constituent_id=_constituent(session, center_id),
        amount=Decimal("50.00"),
        currency="USD",
        payment_date=date(2026, 3, 1),
        tender_type="check",
        creation_method=0,
    )
    session.add(found)
    session.flush()
    return found.id


def _group(session: Session, center_id: int | None) -> int:
    group = Group(name=f"Example {next(_numbers)}", kind="standard", center_id=center_id)
    session.add(group)
    session.flush()
    return group.id


def _interest(session: Session, center_id: int | None) -> int:
    interest = Interest(name=f"Example {next(_numbers)}", center_id=center_id)
    session.add(interest)
    session.flush()
    return interest.id


def _user(session: Session, center_id: int | None) -> int:
    email = f"example{next(_numbers)}@example.org"
    user = users.create_user(session, email=email, name="Example", password=PASSWORD)
    user.roles.append(UserRole(role=Role.VIEW_IMPORT_EXPORT.value, center_id=center_id))
    session.flush()
    return user.id


def _center(session: Session, center_id: int | None) -> int:
    center = Center(name=f"Example {next(_numbers)}")
    session.add(center)
    session.flush()
    return center.id


def _message(session: Session, center_id: int | None) -> int:
    message = Message(recipient="a@example.org", subject="Hello", body="Hello", state="failed")
    session.add(message)
    session.flush()
    return message.id


def _field_key(session: Session, center_id: int | None) -> str:
    key = f"example_{next(_numbers)}"
    session.add(CustomField(key=key, label=key, kind="text"))
    session.flush()
    return key


def _entry(session: Session, center_id: int | None) -> int:
    value = f"example {next(_numbers)}"
    entry = CrossReferenceEntry(
        type_id=session.scalar(select(CrossReferenceType.id).filter_by(key="field:TITLE")),
        online_value=value,
        foreign_values=[value],
        online_key=value,
        foreign_key=value,
        searched=value,
        center_id=center_id,
    )
    session.add(entry)
    session.flush()
    return entry.id


def _download_slug(session: Session, center_id: int | None) -> str:
    slug = f"example-{next(_numbers)}"
    session.add(Operation(slug=slug, kind=CONSTITUENT_DOWNLOAD, title=slug, center_id=center_id))
    session.flush()
    return slug


def _download_run(session: Session, center_id: int | None) -> int:
    """The one finished download of a place, with its file."""
    operation = session.scalars(select(Operation).filter_by(kind=CONSTITUENT_DOWNLOAD)).first()
    assert operation is not None
    known = session.scalars(
        select(Run).filter_by(operation_id=operation.id, center_id=center_id, state="success")
    ).first()
    return known.id if known else make_download(session, operation, center_id).id


def _download_file(session: Session, center_id: int | None) -> int:
    run_id = _download_run(session, center_id)
    return session.scalars(select(DownloadFile.id).filter_by(run_id=run_id)).one()


def _stream(session: Session, center_id: int | None) -> int:
    run_id = _download_run(session, center_id)
    window = session.get_one(DownloadWindow, run_id)
    assert window.stream_id is not None
    return window.stream_id


EXAMPLES: dict[str, Example] = {
    "run_id": Example(_run),
    "row_number": Example(_row_number),
    "wizard:run_id": Example(_draft),
    "found:run_id": Example(_draft),
    "previews:run_id": Example(_draft),
    "previews:edit_id": Example(_edit),
    "conflicts:run_id": Example(_draft),
    "slug": Example(_slug),
    "downloads:slug": Example(_download_slug),
    "downloads:kind": Example(
        lambda session, center_id: "constituent_data_download", has_center=False
    ),
    "downloads:run_id": Example(_download_run),
    "downloads:file_id": Example(_download_file),
    "stream_id": Example(_stream),
    "constituent_id": Example(_constituent),
    "cons_id": Example(_constituent),
    "transaction_id": Example(_transaction),
    "group_id": Example(_group),
    "interest_id": Example(_interest),
    "user_id": Example(_user, has_center=False),
    "center_id": Example(_center, has_center=False),
    "message_id": Example(_message, has_center=False),
    "custom_fields:key": Example(_field_key, has_center=False),
    "crossrefs:key": Example(lambda session, center_id: "field:TITLE", has_center=False),
    "crossref_coverage:key": Example(lambda session, center_id: "field:TITLE", has_center=False),
    "crossref_history:key": Example(lambda session, center_id: "field:TITLE", has_center=False),
    "crossref_unmapped:key": Example(lambda session, center_id: "group", has_center=False),
    "crossref_unmapped:run_id": Example(_draft),
    "entry_id": Example(_entry),
    "file_format": Example(lambda session, center_id: "csv", has_center=False),
    "samples:name": Example(_sample, has_center=False),
    "static:filename": Example(lambda session, center_id: "app.css", has_center=False),
}

# The site's own things that whoever holds the permission for some center may use as well.
SHARED = {
    "operations.customise",
    "operations.template",
    "wizard.start",
    "downloads.start",
    "groups.show_group",  # General groups; of their members only one's own are shown
    "groups.members",
    "groups.show_interest",
    "memberships.add_member",  # one's own people into General groups
    "memberships.remove_member",
    "memberships.choose",
    "crossrefs.show_entry",  # General entries
}

SKIPPED = {
    # It would end the session of the one who walks; test_accounts has it.
    ("accounts.sign_out", "POST"),
    # It is the whole site's, though no parameter says so; views/test_crossrefs has it.
    ("crossrefs.edit_type", "GET"),
    ("crossrefs.edit_type", "POST"),
}


def example_of(endpoint: str, parameter: str) -> Example:
    """What stands for this parameter of this endpoint."""
    blueprint = endpoint.partition(".")[0]
    found = EXAMPLES.get(f"{blueprint}:{parameter}") or EXAMPLES.get(parameter)
    assert found is not None, (
        f"{endpoint} has a parameter {parameter} of which tests/access_examples.py knows no "
        "example. Add one, so that the walk can try it in one's own and in another center."
    )
    return found
