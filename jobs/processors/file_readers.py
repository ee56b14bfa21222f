"""Who reads a run's file: the reader of its kind, with what its rows may name as things stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.constituent_reading import ConstituentReader
from jobs.crossref_reading import EntryReader
from jobs.failures import RunFailedError
from jobs.reading import ChunkReader
from jobs.transaction_reading import TransactionReader
from jobs.upload_reading import UploadReader
from webapp.config import current_settings
from webapp.models import Campaign, Center, Designation, DonationForm, Event, Group, Interest
from webapp.rules.catalogues import (
    CROSSREF_UPLOAD,
    GROUP_UPLOAD,
    SEGMENTATION,
    STANDARD_IMPORT,
    TRANSACTION_UPLOAD,
)
from webapp.rules.codes import Codes
from webapp.rules.crossrefs import OnlineKind
from webapp.rules.entry_files import EntryRows
from webapp.rules.faults import FaultCode
from webapp.rules.fields import Kind
from webapp.rules.names import Named, Names
from webapp.rules.purposes import Purposes
from webapp.services.crossref_online import noun_of
from webapp.services.crossrefs import find_type
from webapp.services.uploads import TYPE_OPTION


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


READERS: Mapping[str, Callable[[Session, Mapping[str, Any]], Callable[..., ChunkReader]]] = {
    STANDARD_IMPORT: _import_reader,
    GROUP_UPLOAD: _group_reader,
    SEGMENTATION: _interest_reader,
    CROSSREF_UPLOAD: _entry_reader,
    TRANSACTION_UPLOAD: _transaction_reader,
}
"""By the kind of the operation: its reader, which is still to be told the file."""
