"""How far, how fast, how long still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webapp.rules.progress import choose_delay, measure_pace

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def test_pace_goes_by_the_last_heartbeat() -> None:
    pace = measure_pace(1000, 4000, START, START + timedelta(seconds=10))

    assert pace.rate == 100
    assert pace.left == timedelta(seconds=30)
    assert pace.elapsed == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("done", "total", "started", "until"),
    [
        (0, 100, None, None),
        (0, 100, START, START),
        (10, 100, START, START),
        (10, 100, START, START - timedelta(seconds=5)),
    ],
)
def test_nothing_is_said_before_it_can_be_known(
    done: int, total: int, started: datetime | None, until: datetime | None
) -> None:
    pace = measure_pace(done, total, started, until)

    assert pace.rate is None
    assert pace.left is None


def test_time_left_needs_a_total_and_a_moment() -> None:
    assert measure_pace(10, None, START, START + timedelta(seconds=9)).left is None
    assert measure_pace(10, 100, START, START + timedelta(seconds=1)).left is None
    assert measure_pace(120, 100, START, START + timedelta(seconds=9)).left == timedelta(0)


def test_asking_gets_rarer() -> None:
    delays = [choose_delay(timedelta(seconds=seconds)) for seconds in (0, 20, 100, 10_000)]

    assert delays == [1, 2, 3, 5]
