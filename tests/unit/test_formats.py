"""How numbers, times and sizes read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from webapp.formats import duration, filesize, moment, number, plural


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (12345, "12,345"), (2.25, "2.2"), (None, "–"), (-1000, "-1,000")]
)
def test_number(value: int | float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (2000, "2,000 rows")]
)
def test_plural(count: int, text: str) -> None:
    assert plural(count, "row") == text
    assert plural(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 0 min"),
        (90061, "25 h 1 min"),
        (None, "–"),
        (timedelta(minutes=2), "2 min 0 s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_400_000, "1.4 MB"),
        (2 * 1024**3, "2.1 GB"),
        (5_000_000_000_000, "5000.0 GB"),
        (None, "–"),
    ],
)
def test_filesize(size: int | None, text: str) -> None:
    assert filesize(size) == text


def test_moment_is_shown_in_the_sites_time_zone_and_kept_exact() -> None:
    at = datetime(2026, 1, 5, 3, 7, tzinfo=UTC)
    shown = moment(at, ZoneInfo("America/New_York"))
    assert shown == '<time datetime="2026-01-05T03:07:00+00:00">4 Jan 2026, 22:07</time>'
    assert "–" in moment(None, ZoneInfo("UTC"))
