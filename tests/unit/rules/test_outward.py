"""What a table sends: on each day just what `to_foreign` says, and never two things at once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.crossrefs import (
    Entry,
    OnlineKind,
    Policy,
    Rejected,
    Translation,
    Unmapped,
    online_key,
)
from webapp.rules.outward import default_sent, list_sent, sent_for

TODAY = date(2026, 11, 23)
NORTH = 7

days = st.none() | st.integers(-5, 5).map(lambda number: TODAY + timedelta(number))
entries = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "b "]),
        st.text("xyz", min_size=1, max_size=2),
        st.sampled_from([None, NORTH, NORTH + 1]),
        st.booleans(),
        days,
        days,
    ),
    max_size=8,
)


@given(entries, st.sampled_from([None, NORTH]))
def test_it_says_on_each_day_what_a_translation_says(
    given_entries: list[tuple[str, str, int | None, bool, date | None, date | None]],
    center: int | None,
) -> None:
    translation = Translation(
        "x",
        OnlineKind.CODE,
        center_id=center,
        entries=[
            Entry(at, online, (foreign,), owner, marked, first, last)
            for at, (online, foreign, owner, marked, first, last) in enumerate(given_entries)
        ],
    )
    sent = list(list_sent(translation))
    for number in range(-7, 8):
        day = TODAY + timedelta(number)
        for online in ("A", "B"):
            found = [
                each.foreign
                for each in sent
                if each.online_key == online_key(OnlineKind.CODE, online)
                and (each.first is None or each.first <= day)
                and (each.last is None or day <= each.last)
            ]
            expected = translation.to_foreign(online, day)
            assert found == ([] if isinstance(expected, Unmapped) else [expected])


TABLE = (Entry(1, "Mr.", ("01",)), Entry(2, "Other", ("99",)))


@pytest.mark.parametrize(
    ("policy", "default", "online", "sent"),
    [
        (Policy.REJECT, None, "mr.", ("01",)),
        (Policy.REJECT, None, "Sir", Rejected(("Sir",))),
        (Policy.KEEP, None, "Sir", ("Sir",)),
        (Policy.DEFAULT, "Other", "Sir", ("99",)),
        (Policy.DEFAULT, "Nobody", "Sir", Rejected(("Sir",))),
    ],
)
def test_what_is_sent_for_a_value_without_an_entry(
    policy: Policy, default: str | None, online: str, sent: object
) -> None:
    translation = Translation("x", OnlineKind.CODE, policy=policy, default=default, entries=TABLE)
    assert sent_for(translation, online, TODAY) == sent


def test_only_the_policy_default_has_a_default() -> None:
    translation = Translation(
        "x", OnlineKind.CODE, policy=Policy.REJECT, default="Other", entries=TABLE
    )
    assert default_sent(translation, TODAY) is None
