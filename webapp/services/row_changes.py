"""What one row of a run changed, field by field: from the change log, or as its preview has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from webapp.models import (
    Campaign,
    Change,
    CustomField,
    Designation,
    DonationForm,
    Event,
    Group,
    Interest,
    Run,
    RunRow,
    Transaction,
)
from webapp.rules.catalogues import GROUP_UPLOAD, TRANSACTION_UPLOAD, catalogue_of
from webapp.rules.fields import STORED_FIELDS, TRANSACTION_FIELDS, Kind
from webapp.services.changes import FieldChange

Record = Mapping[str, str | None]

_BOOKKEEPING = frozenset(
    {"id", "modified_at", "modified_row", "created_at", "is_active", "merged_into_id", "custom"}
)
_LABELS = {field.attribute: field.label for field in STORED_FIELDS} | {
    "active_detail": "Status",
}
_ENTRY_LABELS = {
    "online_value": "Stands for",
    "foreign_values": "Foreign value",
    "description": "Description",
    "send_back": "Sent back",
    "valid_from": "Valid from",
    "valid_to": "Valid to",
}
_YES_NO = {"send_back"} | frozenset(
    field.attribute for field in STORED_FIELDS if field.kind is Kind.YES_NO
)
_ORDER = {name: position for position, name in enumerate(_LABELS)}
_NOW = text("SELECT hstore(c) FROM constituents c WHERE c.id = :id")
_GIFT_NOW = text("SELECT hstore(t) FROM transactions t WHERE t.id = :id")
_GIFT_BOOKKEEPING = frozenset(
    {"id", "constituent_id", "created_at", "modified_at", "upload_run_id", "upload_row",
     "creation_method", "settled_on"}
)  # fmt: skip
_GIFT_LABELS = {field.attribute: field.label for field in TRANSACTION_FIELDS}
_PURPOSES: Mapping[str, type[Campaign] | type[DonationForm] | type[Designation] | type[Event]] = {
    "campaign_id": Campaign,
    "form_id": DonationForm,
    "designation_id": Designation,
    "event_id": Event,
}


@dataclass(frozen=True, slots=True)
class RowChanges:
    """What a row did. `is_new` when it made the record; `is_gone` when the record is no more."""

    fields: list[FieldChange]
    memberships: list[str]
    is_new: bool = False
    is_gone: bool = False


def list_row_changes(session: Session, run: Run, row: RunRow) -> RowChanges:
    """The row's effect on its constituent. Memberships are those of the group or interest that the
    row is about; for a row of a constituent import, those the run (any of its rows) gave this
    constituent: the log keeps no row for them."""
    is_of_entries = catalogue_of(run.operation.kind).is_of_entries
    if run.kind == "preview" or is_of_entries:
        # What a row does to a cross-reference is kept with it
        before, after = row.before or {}, row.changes or {}
        names = dict(_ENTRY_LABELS) if is_of_entries else _labels(session)
        return RowChanges(
            _compare(before, after, set(after), names), [], is_new=row.outcome == "created"
        )
    if row.constituent_id is None or row.outcome not in ("created", "updated"):
        return RowChanges([], [])
    entries = session.scalars(
        select(Change)
        .where(Change.constituent_id == row.constituent_id, Change.run_id == run.id)
        .order_by(Change.id)
    ).all()
    own = [
        entry
        for entry in entries
        if entry.table_name == "constituents" and entry.row_number == row.row_number
    ]
    gifts = [
        entry
        for entry in entries
        if entry.table_name == "transactions" and entry.row_number == row.row_number
    ]
    if gifts:
        return _gift_changes(session, gifts[0])
    if row.into_id is not None:
        own_keys = _own_keys(session, run, row.into_id)
        entries = [e for e in entries if e.key in own_keys.get(e.table_name, ())]
    fields, is_new, is_gone = _field_changes(session, row.constituent_id, own)
    return RowChanges(fields, _memberships(session, entries), is_new, is_gone)


def _gift_changes(session: Session, entry: Change) -> RowChanges:
    """What a row did to its transaction: the record as it left it, beside what was there before."""
    key = entry.key or "0"
    now = session.execute(_GIFT_NOW, {"id": int(key)}).scalar_one_or_none()
    record: dict[str, str | None] = dict(now or {})
    later = session.scalars(
        select(Change)
        .where(Change.table_name == "transactions", Change.key == key, Change.id > entry.id)
        .order_by(Change.id.desc())
    )
    for change in later:
        record.update(change.old or {})
    is_new = entry.op == "insert"
    before: Record = {} if is_new else {**record, **(entry.old or {})}
    named = _with_names(session, (before, record))
    names = set(record if is_new else entry.old or {}) - _GIFT_BOOKKEEPING
    labels = {
        **_GIFT_LABELS,
        **{name: _GIFT_LABELS[name.removesuffix("_id")] for name in _PURPOSES},
    }
    order = {label: place for place, label in enumerate(_GIFT_LABELS.values())}
    fields = sorted(
        _compare(named[0], named[1], names, labels),
        key=lambda change: order.get(change.label, len(order)),
    )
    return RowChanges(fields, [], is_new=is_new, is_gone=now is None)


def _with_names(session: Session, records: Sequence[Record]) -> list[Record]:
    """The records with names in the place of the numbers of what a gift is for, and the keys of
    what it belongs to."""
    named: list[Record] = []
    for record in records:
        shown = dict(record)
        for column, model in _PURPOSES.items():
            if number := shown.get(column):
                found = session.scalar(select(model.name).where(model.id == int(number)))
                shown[column] = found or f"no. {number}"
        for column in ("recurring_of", "refund_of"):
            if number := shown.get(column):
                original = session.get(Transaction, int(number))
                shown[column] = original.transaction_id if original else f"no. {number}"
        named.append(shown)
    return named


def _field_changes(
    session: Session, constituent_id: int, own: Sequence[Change]
) -> tuple[list[FieldChange], bool, bool]:
    if not own:
        return [], False, False
    record, is_gone = _record_after(session, constituent_id, own[-1].id)
    before = dict(record)
    touched: set[str] = set()
    is_new = False
    for entry in reversed(own):
        if entry.op == "insert":
            is_new = True
            touched |= {name for name, value in record.items() if value is not None}
            before = {}
        elif entry.op == "update":
            before.update(entry.old or {})
            touched |= set(entry.old or {})
    return _compare(before, record, touched, _labels(session)), is_new, is_gone


def _record_after(
    session: Session, constituent_id: int, change_id: int
) -> tuple[dict[str, str | None], bool]:
    """The record as that change left it: as it is now, with all that came later taken back."""
    now = session.execute(_NOW, {"id": constituent_id}).scalar_one_or_none()
    record = _flattened(now) if now is not None else {}
    later = session.scalars(
        select(Change)
        .where(
            Change.constituent_id == constituent_id,
            Change.table_name == "constituents",
            Change.id > change_id,
        )
        .order_by(Change.id.desc())
    )
    for entry in later:
        if entry.op == "delete":
            record = _flattened(entry.old or {})
        else:
            record.update(entry.old or {})
    return record, now is None


def _flattened(record: Record) -> dict[str, str | None]:
    """With each custom field as a field of its own, as the log has them."""
    flat = dict(record)
    custom = json.loads(flat.pop("custom", None) or "{}")
    return flat | {f"custom.{key}": str(value) for key, value in custom.items()}


def _compare(
    before: Record, after: Record, names: set[str], labels: Mapping[str, str]
) -> list[FieldChange]:
    wanted = sorted(
        set(names) - _BOOKKEEPING, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)
    )
    return [
        FieldChange(
            labels.get(name, name),
            _shown(name, before.get(name)),
            _shown(name, after.get(name)),
        )
        for name in wanted
        if before.get(name) != after.get(name)
    ]


def _shown(name: str, value: str | None) -> str | None:
    if name in _YES_NO and value in ("t", "f", "true", "false"):
        return "Yes" if value.startswith("t") else "No"
    return value


def _labels(session: Session) -> dict[str, str]:
    rows = session.execute(select(CustomField.key, CustomField.label))
    return _LABELS | {f"custom.{row.key}": row.label for row in rows}


def name_targets(session: Session, run: Run, rows: Sequence[RunRow]) -> dict[int, str]:
    """By row number: the group or interest that a row of an upload of memberships is about, with
    what became of it. Rows of other runs are not in it."""
    about = {row.row_number: row.into_id for row in rows if row.into_id is not None}
    is_group = run.operation.kind == GROUP_UPLOAD
    names = _names(session, Group if is_group else Interest, list(set(about.values())))
    outcomes = {row.row_number: row.outcome for row in rows}
    told = {}
    for number, into_id in about.items():
        name = names.get(into_id, f"{'group' if is_group else 'interest'} {into_id}, since deleted")
        if not is_group:
            words = "Changed the choice of {}" if outcomes[number] == "updated" else "{} as before"
        else:
            words = "Added to {}" if outcomes[number] == "updated" else "Was in {} already"
        told[number] = words.format(name)
    return told


def find_gifts(session: Session, run: Run, rows: Sequence[RunRow]) -> dict[int, Transaction]:
    """By row number: the transaction that a row of a transaction upload made or corrected. One that
    belongs to somebody else by now, or came by a later upload again, is not in it."""
    if run.kind != "run" or run.operation.kind != TRANSACTION_UPLOAD:
        return {}
    found = session.scalars(
        select(Transaction).where(
            Transaction.constituent_id.in_({row.constituent_id for row in rows}),
            Transaction.upload_run_id == run.id,
            Transaction.upload_row.in_([row.row_number for row in rows]),
        )
    )
    return {gift.upload_row: gift for gift in found if gift.upload_row is not None}


def _own_keys(session: Session, run: Run, into_id: int) -> dict[str, set[str]]:
    """By table: which entries of the log a row about this group or interest may have made."""
    if run.operation.kind == GROUP_UPLOAD:
        center = session.scalar(select(Group.center_id).where(Group.id == into_id))
        return {"group_members": {str(into_id)}, "center_members": {str(center)}}
    columns = Interest.opt_in_group_id, Interest.opt_out_group_id
    owned = session.execute(select(*columns).where(Interest.id == into_id)).first() or ()
    return {
        "interest_choices": {str(into_id)},
        "group_members": {str(group) for group in owned if group is not None},
    }


def _memberships(session: Session, entries: Sequence[Change]) -> list[str]:
    keys = {
        table: [int(entry.key) for entry in entries if entry.table_name == table and entry.key]
        for table in ("group_members", "interest_choices")
    }
    groups = _names(session, Group, keys["group_members"])
    interests = _names(session, Interest, keys["interest_choices"])
    told = []
    for entry in entries:
        if entry.table_name == "group_members" and entry.key:
            name = groups.get(int(entry.key), f"Group {entry.key}")
            told.append(f"Added to {name}" if entry.op == "insert" else f"Taken out of {name}")
        elif entry.table_name == "interest_choices" and entry.key:
            name = interests.get(int(entry.key), entry.key)
            was = (entry.old or {}).get("opted_in") if entry.op == "update" else None
            words = {"t": "Opted out of {}", "f": "Opted in again to {}"}
            told.append(words.get(was or "", "Choice kept: {}").format(name))
        elif entry.table_name == "center_members" and entry.op == "insert":
            told.append("Made a member of the center")
    return list(dict.fromkeys(told))


def _names(
    session: Session, table: type[Group] | type[Interest], ids: Sequence[int]
) -> dict[int, str]:
    if not ids:
        return {}
    rows = session.execute(select(table.id, table.name).where(table.id.in_(ids)))
    return {row[0]: row[1] for row in rows}
