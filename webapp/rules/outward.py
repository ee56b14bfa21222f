"""A type's table on the way out: for each online value and each time, what is sent for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from webapp.rules.crossrefs import Entry, Policy, Rejected, Translation, Unmapped, online_key

_DAY = timedelta(days=1)


class Sent(NamedTuple):
    """What is sent for an online value from one day to another, both included; None is open."""

    online_key: str
    first: date | None
    last: date | None
    foreign: tuple[str, ...]


def list_sent(translation: Translation) -> Iterator[Sent]:
    """All that the table sends: no two for one online value and day. It says on each day what
    `Translation.to_foreign` says."""
    seen: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in translation.entries:
        if entry.center_id in (None, translation.center_id):
            seen[online_key(translation.kind, entry.online)].append(entry)
    for key, entries in seen.items():
        for first, last in _periods(entries):
            day = first or last or date.min
            found = translation.to_foreign(entries[0].online, day)
            if not isinstance(found, Unmapped):
                yield Sent(key, first, last, found)


def sent_for(translation: Translation, online: str, on: date) -> tuple[str, ...] | Rejected:
    """What is sent for an online value: what the table says, else what its policy says."""
    found = translation.to_foreign(online, on)
    if not isinstance(found, Unmapped):
        return found
    if translation.policy is Policy.KEEP:
        return (online,)
    default = default_sent(translation, on)
    return Rejected((online,)) if default is None else default


def default_sent(translation: Translation, on: date) -> tuple[str, ...] | None:
    """What is sent for values without an entry; None: the row is withheld, or keeps its value."""
    if translation.policy is not Policy.DEFAULT or not translation.default:
        return None
    found = translation.to_foreign(translation.default, on)
    return None if isinstance(found, Unmapped) else found


def _periods(entries: Sequence[Entry]) -> Iterator[tuple[date | None, date | None]]:
    """The times within which the same of these entries count."""
    starts = {entry.valid_from for entry in entries if entry.valid_from}
    starts |= {
        entry.valid_to + _DAY
        for entry in entries
        if entry.valid_to is not None and entry.valid_to < date.max
    }
    days = sorted(starts)
    for first, following in zip([None, *days], [*days, None], strict=True):
        yield first, following - _DAY if following else None
