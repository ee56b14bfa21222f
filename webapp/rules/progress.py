"""What a progress bar says: how far, how fast, how long still, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_DELAY, LAST_DELAY = 1, 5
SURE_AFTER = timedelta(seconds=2)
"""A rate measured over less time than this says nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run is getting on. None where it can't be known yet."""

    elapsed: timedelta | None
    rate: float | None
    """Rows a second."""
    left: timedelta | None


def measure_pace(
    done: int,
    total: int | None,
    started_at: datetime | None,
    until: datetime | None,
) -> Pace:
    """The pace between the start and `until` (the last heartbeat, or the end).

    The heartbeat rather than the clock: between two chunks the rate would seem to fall.
    """
    if started_at is None or until is None:
        return Pace(None, None, None)
    elapsed = max(until - started_at, timedelta(0))
    seconds = elapsed.total_seconds()
    rate = done / seconds if done and seconds > 0 else None
    left = None
    if rate and total is not None and elapsed >= SURE_AFTER:
        left = timedelta(seconds=max(total - done, 0) / rate)
    return Pace(elapsed, rate, left)


def choose_delay(waiting_for: timedelta) -> int:
    """Seconds until the page asks again: often at first, seldom for what takes long anyway."""
    seconds = waiting_for.total_seconds()
    if seconds < 15:
        return FIRST_DELAY
    if seconds < 60:
        return 2
    return 3 if seconds < 600 else LAST_DELAY
