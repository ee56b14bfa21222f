"""What an import needs to know before its first row, gathered once when an attempt begins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.claims import Claim, hold
from jobs.constituent_reading import ConstituentReader
from jobs.crossref_reading import EntryReader
from jobs.crossrefs import load_translators
from jobs.failures import RunFailedError
from jobs.reading import ChunkReader, read_settings
from jobs.transaction_reading import TransactionReader
from jobs.upload_reading import UploadReader
from webapp.config import current_settings
from webapp.extensions import db
from webapp.models import (
    Campaign,
    Center,
    Designation,
    DonationForm,
    Event,
    Group,
    Interest,
    Operation,
    RunEdit,
    Upload,
    User,
)
from webapp.models.groups import DATA_SYNC_FOLDER
from webapp.rules.catalogues import (
    CROSSREF_UPLOAD,
    GROUP_UPLOAD,
    SEGMENTATION,
    STANDARD_IMPORT,
    TRANSACTION_UPLOAD,
)
from webapp.rules.codes import Codes
from webapp.rules.columns import Recognition, folded
from webapp.rules.corrections import Corrections
from webapp.rules.crossrefs import OnlineKind
from webapp.rules.doctor import DamageKind, Repair
from webapp.rules.entry_files import EntryRows
from webapp.rules.faults import FaultCode
from webapp.rules.fields import Field, Kind
from webapp.rules.names import Named, Names
from webapp.rules.purposes import Purposes
from webapp.services.crossref_online import noun_of
from webapp.services.crossrefs import find_type
from webapp.services.operations import may_opt_in_again
from webapp.services.readings import describe_outside
from webapp.services.uploads import TYPE_OPTION, dialect_of, recognise_columns, source_of
from webapp.settings import Settings


@dataclass(frozen=True, slots=True)
class Actor:
    """In whose name the run changes records."""

    id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class ImportInputs:
    """The file's reader and the settings of this run."""

    kind: str
    reader: ChunkReader
    fields: Sequence[Field]
    actor: Actor
    allow_opt_in: bool
    allowed_by: str
    unique_email: bool
    default_source: str
    default_sub_source: str
    label: str
    outside: str
    """The rows of the file that are not of its table, in a sentence; blank where all are."""


def load_inputs(run: Mapping[str, Any]) -> ImportInputs:
    """Everything an import starts from. Raises `RunFailedError` with a sentence when the file's
    columns can't be read."""
    session = db.session()
    try:
        upload = session.get(Upload, run["upload_id"])
        operation = session.get_one(Operation, run["operation_id"])
        if upload is None or not upload.examination or "columns" not in upload.examination:
            raise RunFailedError("This run has no file that can be read. Start a new one.")
        options = run["options"]
        recognition = recognise_columns(
            session, upload.examination["columns"], options.get("columns"), operation.kind, options
        )
        if recognition.faults:
            raise RunFailedError(" ".join(recognition.faults))
        settings = current_settings()
        today = datetime.now(ZoneInfo(settings.time_zone)).date()
        # A preview is corrected by its draft's edits
        edits_of = run["parent_id"] if run["kind"] == "preview" else run["id"]
        user = session.get(User, run["user_id"]) if run["user_id"] else None
        reader = _READERS[operation.kind](session, run)(
            source=source_of(upload),
            dialect=dialect_of(upload),
            recognition=recognition,
            settings=read_settings(options, today),
            corrections=_corrections(
                session.scalars(select(RunEdit).where(RunEdit.run_id == edits_of)).all(),
                recognition,
            ),
            chunk_rows=_chunk_rows(settings, operation.kind),
            repairs=_repairs(options, recognition),
        )
        reader.translate(load_translators(session, run, recognition, today))
        return ImportInputs(
            kind=operation.kind,
            reader=reader,
            fields=[column.field for column in recognition.known if column.field],
            actor=Actor(user.id if user else None, user.name or user.email if user else "DataSync"),
            allow_opt_in=bool(options.get("opt_in_again")) and _has_right(operation),
            allowed_by=str(options.get("opt_in_again_by") or "a manager"),
            unique_email=settings.unique_email,
            default_source=operation.title,
            default_sub_source=run["label"],
            label=run["label"],
            outside=describe_outside(upload.examination),
        )
    finally:
        db.session.remove()


def _import_reader(session: Session, run: Mapping[str, Any]) -> Callable[..., ChunkReader]:
    center_id = run["center_id"]
    return partial(
        ConstituentReader,
        groups=_group_codes(session.scalars(select(Group)), center_id),
        interests=_interest_codes(session.scalars(select(Interest)), center_id),
    )


def _group_reader(session: Session, run: Mapping[str, Any]) -> Callable[..., ChunkReader]:
    center_id = run["center_id"]
    groups = session.scalars(select(Group)).all()
    codes = _group_codes(groups, center_id)
    names = Names("group", _named(groups, codes, run), center_id)
    return partial(UploadReader, codes=codes, names=names)


def _interest_reader(session: Session, run: Mapping[str, Any]) -> Callable[..., ChunkReader]:
    center_id = run["center_id"]
    interests = session.scalars(select(Interest)).all()
    codes = _interest_codes(interests, center_id)
    names = Names("interest", _named(interests, codes, run), center_id)
    return partial(UploadReader, codes=codes, names=names)


def _transaction_reader(session: Session, run: Mapping[str, Any]) -> Callable[..., ChunkReader]:
    center_id = run["center_id"]
    purposes = {}
    for kind, noun, model in (
        (Kind.CAMPAIGN, "campaign", Campaign),
        (Kind.DONATION_FORM, "donation form", DonationForm),
        (Kind.DESIGNATION, "designation", Designation),
        (Kind.EVENT, "event", Event),
    ):
        usable = model.center_id.is_(None)
        if center_id is not None:
            usable |= model.center_id == center_id
        rows = session.execute(select(model.id, model.name).where(usable))
        purposes[kind] = Purposes.of(noun, ((number, name) for number, name in rows))
    return partial(TransactionReader, purposes=purposes, currency=current_settings().currency)


def _named(
    found: Iterable[Group | Interest], codes: Codes, run: Mapping[str, Any]
) -> Iterable[Named]:
    """What rows may name. What this very run made is new to each of its attempts alike."""
    for each in found:
        if each.made_by_run_id != run["id"]:
            refusal = codes.refused.get(str(each.id))
            yield Named(each.id, each.name, each.center_id, refusal)


def _entry_reader(session: Session, run: Mapping[str, Any]) -> Callable[..., ChunkReader]:
    found = find_type(session, str(run["options"].get(TYPE_OPTION)))
    if found is None:
        raise RunFailedError("This upload is of no cross-reference type. Start a new one.")
    return partial(
        EntryReader,
        entries=EntryRows(
            OnlineKind(found.online_kind),
            noun_of(found),
            len(found.foreign_labels),
            {" ".join(c.name.split()).casefold(): c.id for c in session.scalars(select(Center))},
            run["center_id"],
        ),
    )


_READERS: Mapping[str, Callable[[Session, Mapping[str, Any]], Callable[..., ChunkReader]]] = {
    STANDARD_IMPORT: _import_reader,
    GROUP_UPLOAD: _group_reader,
    SEGMENTATION: _interest_reader,
    CROSSREF_UPLOAD: _entry_reader,
    TRANSACTION_UPLOAD: _transaction_reader,
}


NARROW = 5
"""Chunks of the constituent import in one of an upload: its rows are short, and the more of them
are looked up and written at once, the more of them share a page."""
SMALLEST_NARROW = 1_000


def _chunk_rows(settings: Settings, kind: str) -> int:
    """Rows per transaction; an installation that wants them few gets them few."""
    is_narrow = kind in (GROUP_UPLOAD, SEGMENTATION) and settings.chunk_rows >= SMALLEST_NARROW
    return settings.chunk_rows * (NARROW if is_narrow else 1)


def _has_right(operation: Operation) -> bool:
    """Whether runs of the operation may opt people in again who opted out, where the person who
    starts one confirms it."""
    return operation.kind == STANDARD_IMPORT or may_opt_in_again(operation)


def make_groups(
    connection: psycopg.Connection, mine: Claim, inputs: ImportInputs
) -> tuple[int | None, int | None]:
    """The run's New and Modified groups, made by its first attempt (DOMAIN)."""
    if mine.run["new_group_id"] is not None:
        return mine.run["new_group_id"], mine.run["modified_group_id"]
    zone = ZoneInfo(current_settings().time_zone)
    at = datetime.now(UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    ids: list[int] = []
    with connection.transaction():
        hold(connection, mine)
        connection.execute(
            "SELECT set_config('datasync.actor_id', %s, true), set_config('datasync.actor', %s,"
            " true), set_config('datasync.run_id', %s, true)",
            [str(inputs.actor.id or ""), inputs.actor.name, str(mine.id)],
        )
        for kind, word in (("new", "New"), ("modified", "Modified")):
            row = connection.execute(
                "INSERT INTO groups (name, kind, folder, center_id, made_by_run_id)"
                " VALUES (%s, %s, %s, %s, %s) RETURNING id",
                [
                    f"{inputs.label} – {word} – {at}",
                    kind,
                    DATA_SYNC_FOLDER,
                    mine.run["center_id"],
                    mine.id,
                ],
            ).fetchone()
            ids.append(row[0] if row else 0)
        connection.execute(
            "UPDATE runs SET new_group_id = %s, modified_group_id = %s WHERE id = %s",
            [*ids, mine.id],
        )
    return ids[0], ids[1]


def _repairs(options: Mapping[str, Any], recognition: Recognition) -> list[Repair]:
    """The accepted repairs of columns that are read."""
    read = {column.position for column in recognition.known}
    accepted = (Repair.from_json(stored) for stored in options.get("repairs", ()))
    return [
        repair
        for repair in accepted
        if repair.position in read or repair.kind is DamageKind.SHIFTED_COLUMNS
    ]


def _corrections(edits: Sequence[RunEdit], recognition: Recognition) -> Corrections:
    """The stored corrections, by column position. A column is named by its field or its heading."""
    positions: dict[str, int] = {}
    for column in recognition.columns:
        positions.setdefault(folded(column.name), column.position)
        if column.field:
            positions[column.field.column] = column.position
    cells: defaultdict[int, dict[int, str]] = defaultdict(dict)
    values: defaultdict[int, dict[str, str]] = defaultdict(dict)
    left_out: set[int] = set()
    for edit in edits:
        position = positions.get(folded(edit.column)) if edit.column else None
        if edit.kind == "leave_out" and edit.row_number is not None:
            left_out.add(edit.row_number)
        elif position is None:
            continue
        elif edit.kind == "cell" and edit.row_number is not None:
            cells[edit.row_number][position] = edit.new_value or ""
        elif edit.kind == "value":
            values[position][(edit.old_value or "").strip()] = edit.new_value or ""
    return Corrections(dict(cells), dict(values), frozenset(left_out))


def _group_codes(groups: Collection[Group] | Any, center_id: int | None) -> Codes:
    ids: dict[str, int] = {}
    refused: dict[str, tuple[FaultCode, str]] = {}
    for group in groups:
        code = str(group.id)
        if group.kind in ("opt_in", "opt_out"):
            refused[code] = (
                FaultCode.OPT_GROUP,
                "which belongs to an interest. Use INTEREST_IDS for that interest.",
            )
        elif group.kind in ("new", "modified"):
            refused[code] = (
                FaultCode.UNKNOWN_GROUP,
                "which a run made and which only shows what that run did. Use another group.",
            )
        elif center_id is not None and group.center_id not in (None, center_id):
            refused[code] = (
                FaultCode.OTHER_CENTER_GROUP,
                "which belongs to another center. Use a group of yours or a shared one.",
            )
        else:
            ids[code] = group.id
    return Codes("group", FaultCode.UNKNOWN_GROUP, ids, refused)


def _interest_codes(interests: Collection[Interest] | Any, center_id: int | None) -> Codes:
    ids: dict[str, int] = {}
    refused: dict[str, tuple[FaultCode, str]] = {}
    for interest in interests:
        code = str(interest.id)
        if center_id is not None and interest.center_id not in (None, center_id):
            refused[code] = (
                FaultCode.UNKNOWN_INTEREST,
                "which belongs to another center. Use an interest of yours or a shared one.",
            )
        else:
            ids[code] = interest.id
    return Codes("interest", FaultCode.UNKNOWN_INTEREST, ids, refused)
