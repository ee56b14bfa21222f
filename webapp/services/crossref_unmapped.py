"""What is not yet mapped: foreign values that files had, online values without an entry.

A value that a run or preview could not translate is kept with its rows (`cross_reference_seen`). It
is shown until an entry maps it; of several runs that had it, the newest counts. A preview counts
until its draft is run or looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from webapp.models import CrossReferenceEntry, CrossReferenceType
from webapp.rules.crossrefs import OnlineKind, compared, online_key
from webapp.rules.suggesting import Suggestion, suggest
from webapp.services import crossref_online
from webapp.services.constituents import visible_to
from webapp.services.crossref_online import Option

PAGE_VALUES = 25
ONLINE_SHOWN = 50
MOST_MAPPED = 20_000
"""So many entries, the newest, are looked through for values that were mapped alike."""


@dataclass(frozen=True, slots=True)
class UnmappedValue:
    """A foreign value without an entry, the newest run that had it, and what it could be."""

    type_id: int
    foreign_values: tuple[str, ...]
    rows: int
    first_row: int
    run_id: int
    run_label: str
    is_preview: bool
    center_id: int | None
    center: str | None
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class OnlineUnmapped:
    """Some of our own values that no entry of a type has, and whether there are more of them."""

    values: tuple[Option, ...] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many foreign values files had, and values of ours downloads had, that wait for an entry;
    and how many rows wait on them."""

    values: int = 0
    rows: int = 0
    unsent: int = 0
    unsent_rows: int = 0


@dataclass(frozen=True, slots=True)
class UnsentValue:
    """A value of ours that a download had and no entry explains, with the newest such download."""

    value: str
    label: str
    rows: int
    run_id: int
    run_label: str
    center: str | None


_WAITING = """
SELECT DISTINCT ON (s.type_id, coalesce(s.center_id, 0), s.foreign_key)
    s.type_id, s.foreign_values, s.rows, s.first_row, s.foreign_key,
    coalesce(p.id, r.id) AS run_id, r.label, r.kind = 'preview' AS is_preview, s.center_id
FROM cross_reference_seen s JOIN runs r ON r.id = s.run_id LEFT JOIN runs p ON p.id = r.parent_id
WHERE NOT s.is_outward AND (CAST(:type AS bigint) IS NULL OR s.type_id = :type)
    AND (CAST(:run AS bigint) IS NULL OR s.run_id = :run)
    AND (CAST(:centers AS bigint[]) IS NULL OR s.center_id = ANY (:centers))
    AND (r.kind <> 'preview' OR (p.state = 'draft' AND p.preview_id = r.id))
    AND NOT EXISTS (SELECT 1 FROM cross_reference_entries e
        WHERE e.type_id = s.type_id AND e.foreign_key = s.foreign_key
        AND (e.center_id IS NULL OR e.center_id = s.center_id)
        AND daterange(e.valid_from, e.valid_to, '[]') @> CAST(:today AS date))
ORDER BY s.type_id, coalesce(s.center_id, 0), s.foreign_key, s.run_id DESC"""

_OF_TEXT = """(CAST(:text AS text) IS NULL OR strpos(datasync_fold(
    array_to_string(w.foreign_values, ' ')), datasync_fold(:text)) > 0)"""
_BEHIND = """(CAST(:rows AS bigint) IS NULL OR (-w.rows, w.foreign_key, coalesce(w.center_id, 0))
    > (-CAST(:rows AS bigint), CAST(:key AS text), CAST(:owner AS bigint)))"""

_LIST = text(
    f"SELECT w.*, c.name AS center FROM ({_WAITING}) w LEFT JOIN centers c ON c.id = w.center_id"  # noqa: S608
    f" WHERE {_OF_TEXT} AND {_BEHIND}"
    " ORDER BY w.rows DESC, w.foreign_key, coalesce(w.center_id, 0) LIMIT :limit"
)
_UNSENT = """
SELECT DISTINCT ON (s.type_id, coalesce(s.center_id, 0), s.foreign_key)
    s.type_id, s.foreign_values[1] AS value, s.rows, s.foreign_key, r.id AS run_id, r.label,
    s.center_id
FROM cross_reference_seen s JOIN runs r ON r.id = s.run_id
WHERE s.is_outward AND (CAST(:type AS bigint) IS NULL OR s.type_id = :type)
    AND r.kind <> 'preview'
    AND (CAST(:run AS bigint) IS NULL OR s.run_id = :run)
    AND (CAST(:centers AS bigint[]) IS NULL OR s.center_id = ANY (:centers))
    AND NOT EXISTS (SELECT 1 FROM cross_reference_entries e
        WHERE e.type_id = s.type_id AND e.online_key = s.foreign_key
        AND (e.center_id IS NULL OR e.center_id = s.center_id)
        AND daterange(e.valid_from, e.valid_to, '[]') @> CAST(:today AS date))
ORDER BY s.type_id, coalesce(s.center_id, 0), s.foreign_key, s.run_id DESC"""
_ONLINE = text(
    f"SELECT w.*, c.name AS center FROM ({_UNSENT}) w LEFT JOIN centers c ON c.id = w.center_id"  # noqa: S608
    " ORDER BY w.rows DESC, w.foreign_key, w.center_id LIMIT :limit"
)
_COUNT = text(f"""
SELECT type_id, count(value_rows), coalesce(sum(value_rows), 0), count(unsent_rows),
    coalesce(sum(unsent_rows), 0)
FROM (
    SELECT f.type_id, f.rows AS value_rows, NULL::bigint AS unsent_rows FROM ({_WAITING}) f
    UNION ALL SELECT d.type_id, NULL, d.rows FROM ({_UNSENT}) d
) w GROUP BY 1""")  # noqa: S608


def count_waiting(
    session: Session, today: date, *, center_ids: frozenset[int] | None = None
) -> Mapping[int, Waiting]:
    """By type: what waits for an entry. Types for which nothing waits are not in it."""
    rows = session.execute(
        _COUNT, {"type": None, "run": None, "centers": _as_list(center_ids), "today": today}
    )
    return {row[0]: Waiting(*map(int, row[1:])) for row in rows}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of waiting values begins: behind the value with so many rows and this key."""

    rows: int
    foreign_key: str
    center_id: int


@dataclass(frozen=True, slots=True)
class WaitingFilter:
    """Which waiting values are wanted: of one run or preview, with some text, behind a place."""

    run_id: int | None = None
    text: str = ""
    after: Place | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every value is wanted."""
        return self.run_id is None and not self.text


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """Some waiting values, and the place behind which the next page starts; None: there is none."""

    values: tuple[UnmappedValue, ...] = ()
    next_after: Place | None = None


def list_waiting(
    session: Session,
    found: CrossReferenceType,
    today: date,
    *,
    center_ids: frozenset[int] | None = None,
    wanted: WaitingFilter | None = None,
    limit: int = PAGE_VALUES,
) -> WaitingPage:
    """The foreign values that wait for an entry, those of most rows first, with suggestions."""
    wanted = wanted or WaitingFilter()
    after = wanted.after
    rows = session.execute(
        _LIST,
        {
            "type": found.id,
            "run": wanted.run_id,
            "centers": _as_list(center_ids),
            "today": today,
            "text": wanted.text or None,
            "rows": after.rows if after else None,
            "key": after.foreign_key if after else None,
            "owner": after.center_id if after else None,
            "limit": limit + 1,
        },
    ).all()
    if not rows:
        return WaitingPage()
    options = crossref_online.list_options(session, found, center_ids=center_ids)
    labels = {option.value: option.label for option in options}
    mapped = _mapped_before(session, found, center_ids)
    shown = rows[:limit]
    last = shown[-1]
    values = tuple(
        UnmappedValue(
            row.type_id,
            tuple(row.foreign_values),
            row.rows,
            row.first_row,
            row.run_id,
            row.label,
            row.is_preview,
            row.center_id,
            row.center,
            tuple(suggest(row.foreign_values, labels, mapped)),
        )
        for row in shown
    )
    place = Place(last.rows, last.foreign_key, last.center_id or 0)
    return WaitingPage(values, place if len(rows) > limit else None)


def list_waiting_online(
    session: Session,
    found: CrossReferenceType,
    today: date,
    *,
    center_ids: frozenset[int] | None = None,
    run_id: int | None = None,
    limit: int = ONLINE_SHOWN,
) -> tuple[UnsentValue, ...]:
    """Our own values that downloads had and could not send for want of an entry, those of most
    rows first."""
    rows = session.execute(
        _ONLINE,
        {
            "type": found.id,
            "run": run_id,
            "centers": _as_list(center_ids),
            "today": today,
            "limit": limit,
        },
    ).all()
    labels = crossref_online.find_labels(session, found, [row.value for row in rows])
    return tuple(
        UnsentValue(
            row.value, labels.get(row.value, row.value), row.rows, row.run_id, row.label, row.center
        )
        for row in rows
    )


def list_online_unmapped(
    session: Session,
    types: Sequence[CrossReferenceType],
    *,
    center_ids: frozenset[int] | None = None,
    limit: int = ONLINE_SHOWN,
) -> Mapping[int, OnlineUnmapped]:
    """Our own values that no entry has, by the type's id; only of types that have such."""
    codes: Mapping[int, Sequence[str]] = {}
    if center_ids is None:  # what all constituents have is for those who see all of them
        codes = crossref_online.list_codes_in_use(session, types)
    keys: dict[tuple[int, str], Option] = {}
    for found in types:
        kind = OnlineKind(found.online_kind)
        options: Iterable[Option]
        if kind is OnlineKind.CODE:
            options = (Option(code, code) for code in codes.get(found.id, ()))
        else:
            options = crossref_online.list_options(session, found, center_ids=center_ids)
        for option in options:  # of codes that are written in several ways the most frequent one
            keys.setdefault((found.id, online_key(kind, option.value)), option)
    entry = CrossReferenceEntry
    query = (
        select(entry.type_id, entry.online_key)
        .where(
            entry.type_id.in_({type_id for type_id, _ in keys}),
            entry.online_key.in_({key for _, key in keys}),
            *visible_to(entry.center_id.expression, center_ids),
        )
        .distinct()
    )
    known = {(type_id, key) for type_id, key in session.execute(query)} if keys else set()
    missing: dict[int, list[Option]] = {}
    for (type_id, key), option in keys.items():
        if (type_id, key) not in known:
            missing.setdefault(type_id, []).append(option)
    return {
        type_id: OnlineUnmapped(tuple(options[:limit]), len(options) > limit)
        for type_id, options in missing.items()
    }


def _mapped_before(
    session: Session, found: CrossReferenceType, center_ids: frozenset[int] | None
) -> dict[str, str]:
    entry = CrossReferenceEntry
    rows = session.execute(
        select(entry.foreign_values, entry.online_value)
        .where(entry.type_id == found.id, *visible_to(entry.center_id.expression, center_ids))
        .order_by(entry.updated_at.desc())
        .limit(MOST_MAPPED)
    )
    return {compared(" ".join(values)): online for values, online in rows}


def _as_list(center_ids: frozenset[int] | None) -> list[int] | None:
    return None if center_ids is None else sorted(center_ids)
