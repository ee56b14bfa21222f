"""Translation in both directions: a table of cases for each rule, and what always holds."""

from __future__ import annotations

import re
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
    Why,
    compared,
    foreign_key,
    online_key,
)

TODAY = date(2026, 11, 22)
NORTH, SOUTH = 7, 8


def entry(number: int, online: str, *foreign: str, **more: object) -> Entry:
    return Entry(number, online, foreign, **more)  # type: ignore[arg-type]


def table(*entries: Entry, **more: object) -> Translation:
    values: dict[str, object] = {"labels": len(entries[0].foreign) if entries else 1}
    return Translation("x", OnlineKind.CODE, entries=entries, **(values | more))  # type: ignore[arg-type]


TITLES = (
    entry(1, "Mr.", "01", is_sent_back=True),
    entry(2, "Mr.", "Mister"),
    entry(3, "Ms.", "02"),
    entry(4, "Dr.", "03"),
    entry(5, "Dr.", "Doctor"),
    entry(6, "Rev.", "02", center_id=NORTH),
    entry(7, "Fr.", "09", center_id=NORTH),
)

INWARD = [
    ("a value", None, "01", "Mr."),
    ("in any case", None, "MISTER", "Mr."),
    ("with blanks around it", None, "  mister ", "Mr."),
    ("the site sees General entries", None, "02", "Ms."),
    ("a center sees its own first", NORTH, "02", "Rev."),
    ("then General ones", NORTH, "01", "Mr."),
    ("another center sees General ones", SOUTH, "02", "Ms."),
    ("a center's own are not the site's", None, "09", Unmapped(("09",))),
    ("nor another center's", SOUTH, "09", Unmapped(("09",))),
    ("nothing is guessed", None, "1", Unmapped(("1",))),
    ("blank is no value", None, "", Unmapped(("",))),
]


@pytest.mark.parametrize(("center", "foreign", "online"), [case[1:] for case in INWARD],
                         ids=[case[0] for case in INWARD])  # fmt: skip
def test_foreign_to_online(center: int | None, foreign: str, online: object) -> None:
    assert table(*TITLES, center_id=center).to_online(foreign, TODAY) == online


OUTWARD = [
    ("the marked one", None, "Mr.", ("01",)),
    ("the only one", None, "Ms.", ("02",)),
    ("in any case", None, "ms.", ("02",)),
    ("several, none marked", None, "Dr.", Unmapped(("Dr.",), Why.SEVERAL)),
    ("unknown", None, "Sir", Unmapped(("Sir",))),
    ("a center's own", NORTH, "Rev.", ("02",)),
    ("a center's General", NORTH, "Mr.", ("01",)),
    ("not another center's", SOUTH, "Rev.", Unmapped(("Rev.",))),
]


@pytest.mark.parametrize(("center", "online", "foreign"), [case[1:] for case in OUTWARD],
                         ids=[case[0] for case in OUTWARD])  # fmt: skip
def test_online_to_foreign(center: int | None, online: str, foreign: object) -> None:
    assert table(*TITLES, center_id=center).to_foreign(online, TODAY) == foreign


POLICIES = [
    (Policy.REJECT, None, Rejected(("99",))),
    (Policy.KEEP, None, "99"),
    (Policy.DEFAULT, "Mx.", "Mx."),
]


@pytest.mark.parametrize(("policy", "default", "becomes"), POLICIES)
def test_what_becomes_of_an_unmapped_value(
    policy: Policy, default: str | None, becomes: object
) -> None:
    translation = table(*TITLES, policy=policy, default=default)
    unmapped = translation.read("99", TODAY)
    assert isinstance(unmapped, Unmapped)
    assert translation.apply_policy(unmapped) == becomes


def test_a_kept_tuple_is_kept_whole() -> None:
    translation = table(entry(1, "A", "x", "y"), policy=Policy.KEEP)
    unmapped = translation.read("p|q", TODAY)
    assert isinstance(unmapped, Unmapped)
    assert translation.apply_policy(unmapped) == "p|q"


def test_a_cell_may_hold_our_own_value() -> None:
    assert table(*TITLES).read("mr.", TODAY) == "Mr."
    assert table(*TITLES).read("Rev.", TODAY) == Unmapped(("Rev.",))


def test_a_foreign_value_comes_before_our_own_of_the_same_name() -> None:
    translation = table(entry(1, "A", "B"), entry(2, "B", "A"))
    assert translation.read("A", TODAY) == "B"
    assert translation.read("B", TODAY) == "A"


DATES = [
    ("the day before", date(2025, 12, 31), "Old"),
    ("the first day", date(2026, 1, 1), "New"),
    ("the last day", date(2026, 12, 31), "New"),
    ("the day after", date(2027, 1, 1), Unmapped(("A",))),
]


@pytest.mark.parametrize(("day", "online"), [case[1:] for case in DATES],
                         ids=[case[0] for case in DATES])  # fmt: skip
def test_a_code_changes_its_meaning_on_a_day(day: date, online: object) -> None:
    translation = table(
        entry(1, "Old", "A", valid_to=date(2025, 12, 31)),
        entry(2, "New", "A", valid_from=date(2026, 1, 1), valid_to=date(2026, 12, 31)),
    )
    assert translation.to_online("A", day) == online


def test_a_center_whose_entry_has_run_out_falls_back_to_general() -> None:
    translation = table(
        entry(1, "General", "A"),
        entry(2, "North", "A", center_id=NORTH, valid_to=date(2025, 12, 31)),
        center_id=NORTH,
    )
    assert translation.to_online("A", date(2025, 6, 1)) == "North"
    assert translation.to_online("A", TODAY) == "General"


@pytest.mark.parametrize("count", range(1, 11))
def test_a_tuple_of_up_to_ten_keys(count: int) -> None:
    keys = tuple(f"k{at}" for at in range(count))
    translation = table(entry(1, "A", *keys))
    assert translation.to_online(keys, TODAY) == "A"
    assert translation.read("|".join(keys), TODAY) == "A"
    assert translation.to_foreign("A", TODAY) == keys
    for at in range(count):
        other = (*keys[:at], "other", *keys[at + 1 :])
        assert translation.to_online(other, TODAY) == Unmapped(other)


@pytest.mark.parametrize("cell", ["a", "a|b", "a|b|c|d", "a,b,c"])
def test_a_cell_with_another_number_of_keys_is_unmapped(cell: str) -> None:
    assert table(entry(1, "Spring", "a", "b", "c")).read(cell, TODAY) == Unmapped((cell,))


def test_keys_do_not_run_into_one_another() -> None:
    assert foreign_key(("ab", "c")) != foreign_key(("a", "bc"))


def test_numbers_are_compared_as_numbers() -> None:
    translation = Translation("group", OnlineKind.GROUP, entries=[entry(1, "12", "VOL")])
    assert translation.to_foreign("012", TODAY) == ("VOL",)
    keys = [online_key(OnlineKind.GROUP, str(number)) for number in (2, 10, 9, 100)]
    assert sorted(keys) == [online_key(OnlineKind.GROUP, str(n)) for n in (2, 9, 10, 100)]
    assert online_key(OnlineKind.CODE, "012") == "012"


# What always holds ------------------------------------------------------------------------------

words = st.text(st.characters(exclude_characters="|", exclude_categories=("Cs", "Cc")), max_size=8)
values = words.filter(lambda text: compared(text) != "")
tuples = st.integers(1, 10).flatmap(
    lambda count: st.lists(
        st.tuples(*[values] * count), min_size=1, max_size=8, unique_by=foreign_key
    )
)


@given(tuples, st.lists(values, min_size=3, max_size=3), st.data())
def test_out_and_in_is_the_identity_where_the_marked_value_exists(
    foreigns: list[tuple[str, ...]], onlines: list[str], data: st.DataObject
) -> None:
    chosen = [data.draw(st.sampled_from(onlines)) for _ in foreigns]
    marked: set[str] = set()
    entries = []
    for number, (foreign, online) in enumerate(zip(foreigns, chosen, strict=True)):
        is_first = compared(online) not in marked
        marked.add(compared(online))
        entries.append(entry(number, online, *foreign, is_sent_back=is_first))
    translation = table(*entries, labels=len(foreigns[0]))
    for online in chosen:
        out = translation.to_foreign(online, TODAY)
        assert isinstance(out, tuple)
        back = translation.to_online(out, TODAY)
        assert isinstance(back, str)
        assert compared(back) == compared(online)
    for foreign, online in zip(foreigns, chosen, strict=True):
        assert translation.to_online(foreign, TODAY) == online


@given(st.text(max_size=30))
def test_comparing_is_settled_after_once(text: str) -> None:
    once = compared(text)
    assert compared(f"  {once} ") == compared(once)
    assert not re.search(r"^\s|\s$|\s\s", once)


@given(st.text(max_size=20), st.integers(-400, 400), st.sampled_from([None, NORTH, SOUTH]))
def test_reading_never_raises(cell: str, days: int, center: int | None) -> None:
    translation = table(*TITLES, center_id=center)
    found = translation.read(cell, TODAY + timedelta(days))
    assert isinstance(found, str | Unmapped)
