"""Translations for runs: a type's table as it is now, or as a run found it when it began."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from webapp.models import (
    CrossReferenceSnapshot,
    CrossReferenceType,
    CrossReferenceUse,
    Run,
)
from webapp.models.runs import FINISHED_STATES
from webapp.rules.crossrefs import Entry, OnlineKind, Policy, Translation

# As text: a hundred thousand entries are read twice as fast as through the model
_ENTRIES = text(
    "SELECT id, online_value, foreign_values, center_id, is_sent_back, valid_from, valid_to"
    " FROM cross_reference_entries WHERE type_id = :type"
    " AND (center_id IS NULL OR center_id = CAST(:center AS bigint))"
)


def load_translation(session: Session, key: str, center_id: int | None) -> Translation | None:
    """The type's table as it is now, for one center (None: for the site). None: no such type.

    Changes of the type wait until the session's transaction ends, so that the version and the
    entries belong together.
    """
    found = session.scalar(
        select(CrossReferenceType)
        .where(CrossReferenceType.key == key)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        return None
    rows = session.execute(_ENTRIES, {"type": found.id, "center": center_id})
    entries = [Entry(row[0], row[1], tuple(row[2]), *row[3:]) for row in rows]
    return _make(found, entries, center_id)


def load_for_run(
    session: Session, run_id: int, keys: Iterable[str], center_id: int | None
) -> dict[str, tuple[int, Translation]]:
    """The tables a run uses: as they are now at its first attempt, and just so at every later one.

    By the type's key: its id and the table. Types without entries are left out, and stay out for
    this run. The caller commits.
    """
    found = {}
    began = session.scalar(
        select(CrossReferenceUse.run_id).where(CrossReferenceUse.run_id == run_id).limit(1)
    )
    for type_id, key in session.execute(
        select(CrossReferenceType.id, CrossReferenceType.key)
        .where(CrossReferenceType.key.in_(list(keys)))
        .order_by(CrossReferenceType.id)
    ).all():
        if began is not None:
            translation = _load_kept(session, run_id, type_id, key, center_id)
        else:
            translation = load_translation(session, key, center_id)
            if translation is not None:
                _keep(session, run_id, type_id, translation)
        if translation is not None:
            found[key] = (type_id, translation)
    return found


def forget_snapshots(session: Session) -> None:
    """Delete what ended runs kept for their later attempts."""
    ended = select(Run.id).where(Run.state.in_(FINISHED_STATES))
    session.execute(delete(CrossReferenceSnapshot).where(CrossReferenceSnapshot.run_id.in_(ended)))


def _keep(session: Session, run_id: int, type_id: int, translation: Translation) -> None:
    forget_snapshots(session)
    session.add(
        CrossReferenceUse(
            run_id=run_id,
            type_id=type_id,
            center_id=translation.center_id,
            version=translation.version,
        )
    )
    if not translation.is_empty:
        content = json.dumps(_as_json(translation)).encode()
        session.add(CrossReferenceSnapshot(run_id=run_id, type_id=type_id, content=content))
    session.flush()


def _load_kept(
    session: Session, run_id: int, type_id: int, key: str, center_id: int | None
) -> Translation | None:
    use = session.get(CrossReferenceUse, (run_id, type_id))
    if use is None:
        return None
    now = load_translation(session, key, center_id)
    if now is None or now.version == use.version:
        return now
    kept = session.get(CrossReferenceSnapshot, (run_id, type_id))
    if kept is None:
        return Translation(key, now.kind, use.version, now.labels, now.policy, now.default)
    return _from_json(key, json.loads(kept.content), center_id)


def _as_json(translation: Translation) -> dict[str, Any]:
    return {
        "kind": translation.kind,
        "version": translation.version,
        "labels": translation.labels,
        "policy": translation.policy,
        "default": translation.default,
        "entries": [
            [e.id, e.online, e.foreign, e.center_id, e.is_sent_back, _day(e.valid_from),
             _day(e.valid_to)]
            for e in translation.entries
        ],
    }  # fmt: skip


def _from_json(key: str, stored: dict[str, Any], center_id: int | None) -> Translation:
    entries = [
        Entry(
            number,
            online,
            tuple(foreign),
            center,
            is_sent_back,
            date.fromisoformat(first) if first else None,
            date.fromisoformat(last) if last else None,
        )
        for number, online, foreign, center, is_sent_back, first, last in stored["entries"]
    ]
    return Translation(
        key,
        OnlineKind(stored["kind"]),
        stored["version"],
        stored["labels"],
        Policy(stored["policy"]),
        stored["default"],
        center_id,
        entries,
    )


def _make(found: CrossReferenceType, entries: list[Entry], center_id: int | None) -> Translation:
    return Translation(
        found.key,
        OnlineKind(found.online_kind),
        found.version,
        len(found.foreign_labels),
        Policy(found.policy),
        found.default_value,
        center_id,
        entries,
    )


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
