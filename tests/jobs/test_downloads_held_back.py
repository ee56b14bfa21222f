"""The Constituent Data Download holds somebody back for a reason, and sends them once it is gone,
in whatever way it goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.jobs.downloading import download, settings
from tests.jobs.site import Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add, set_policy
from webapp.rules.crossrefs import Policy

CHOSEN = settings("HOME_STATEPROV", "GROUP_IDS", "INTEREST_IDS")

Change = Callable[[Site, int], object]


def _from_a_state(site: Site, person: int) -> None:
    add(site, "field:STATEPROV", "MA", "25")
    set_policy(site, "field:STATEPROV", Policy.REJECT)
    site.change(person, home_stateprov="NH")


def _in_a_group(site: Site, person: int) -> None:
    add(site, "group", site.group("Choir"), "CH")
    site.insert("group_members", constituent_id=person, group_id=site.group("Board"))


def _with_an_interest(site: Site, person: int) -> None:
    add(site, "interest", site.interest("News"), "N")
    mail = site.interest("Mail")
    site.insert("interest_choices", constituent_id=person, interest_id=mail, opted_in=True)


def _a_duplicate_perhaps(site: Site, person: int) -> None:
    site.doubt(person, site.person(home_stateprov="MA"))
    site.change(person, nickname="Annie")


def _map(key: str, table: str) -> Change:
    def change(site: Site, _person: int) -> None:
        kind = " WHERE kind = 'standard'" if table == "groups" else ""
        [(number,)] = site.sql(f"SELECT max(id) FROM {table}{kind}")
        add(site, key, number, "CODE")

    return change


def _leave(site: Site, person: int) -> None:
    site.sql_do(f"DELETE FROM group_members WHERE constituent_id = {person}")


def _opt_out(site: Site, person: int) -> None:
    site.sql_do(f"UPDATE interest_choices SET opted_in = false WHERE constituent_id = {person}")


REASONS: list[tuple[str, Change, str, str, Change]] = [
    ("code, then mapped", _from_a_state, "unmapped_value", "HOME_STATEPROV",
     lambda site, _: add(site, "field:STATEPROV", "NH", "33")),
    ("code, then kept as it is", _from_a_state, "unmapped_value", "HOME_STATEPROV",
     lambda site, _: set_policy(site, "field:STATEPROV", Policy.KEEP)),
    ("code, then corrected", _from_a_state, "unmapped_value", "HOME_STATEPROV",
     lambda site, person: site.change(person, home_stateprov="MA")),
    ("group, then mapped", _in_a_group, "unmapped_value", "GROUP_IDS", _map("group", "groups")),
    ("group, then left", _in_a_group, "unmapped_value", "GROUP_IDS", _leave),
    ("interest, then mapped", _with_an_interest, "unmapped_value", "INTEREST_IDS",
     _map("interest", "interests")),
    ("interest, then opted out", _with_an_interest, "unmapped_value", "INTEREST_IDS", _opt_out),
    ("duplicate, then resolved", _a_duplicate_perhaps, "unresolved_duplicate", "",
     lambda site, person: site.clear_doubts(person)),
]  # fmt: skip


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "changed"])
@pytest.mark.parametrize(
    ("make", "reason", "field", "mend"), [r[1:] for r in REASONS], ids=[r[0] for r in REASONS]
)
def test_each_reason_holds_back_until_it_is_gone(
    site: Site, make: Change, reason: str, field: str, mend: Change, is_known: bool
) -> None:
    """Whether they were never sent, or changed since they were."""
    ann = site.person(home_stateprov="MA")
    if is_known:
        download(site, CHOSEN)
    make(site, ann)
    bob = site.person(home_stateprov="MA")

    first = download(site, CHOSEN)
    second = download(site, CHOSEN)
    mend(site, ann)
    third = download(site, CHOSEN)
    fourth = download(site, CHOSEN)

    assert bob in first.ids
    assert ann not in first.ids
    for found in (first, second):
        assert [each[:3] for each in found.withheld] == [(ann, reason, field)]
    assert second.ids == set()
    assert (third.ids, third.withheld) == ({ann}, [])
    assert fourth.ids == set()


def test_who_is_removed_while_waiting_is_told_as_removed(site: Site) -> None:
    ann = site.person(member_id="A-1")
    _from_a_state(site, ann)
    first = download(site, CHOSEN)
    site.change(ann, active_detail="Removed by contact")
    second = download(site, CHOSEN)

    assert [each[0] for each in first.withheld] == [ann]
    assert (second.ids, second.withheld) == (set(), [])
    assert second.removed == {ann: "Removed by contact"}
