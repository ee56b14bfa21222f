"""What downloads are asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from webapp.rules.download_settings import midnight_of


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        (date(2026, 3, 8), "America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC)),
        (date(2026, 3, 9), "America/New_York", datetime(2026, 3, 9, 4, tzinfo=UTC)),
        # That midnight was left out when the clocks went forward
        (date(2024, 3, 31), "Asia/Beirut", datetime(2024, 3, 30, 22, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_the_sites_midnight(day: date, zone: str, expected: datetime) -> None:
    assert midnight_of(day, ZoneInfo(zone)) == expected


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"])
def test_every_day_that_can_be_typed_has_a_beginning(day: date, zone: str) -> None:
    begins = midnight_of(day, ZoneInfo(zone))
    assert (begins < datetime.now(UTC)) == (day == date.min)
    begins.astimezone(ZoneInfo(zone))
