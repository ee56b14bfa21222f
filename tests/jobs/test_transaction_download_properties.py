"""Whatever happens between downloads, and wherever one of them dies: all files together have each
transaction that was ever due once as new, each later correction once as an update, exact to the
cent; what is not due is on the held-back list."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import pytest

from jobs.application import connect
from jobs.claims import claim
from jobs.processors.download_plans import Counts
from jobs.processors.download_progress import showing_progress
from tests.jobs.downloading import Downloaded, check, die_before_the_end, draft, outcome
from tests.jobs.site import Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add
from tests.jobs.test_transaction_download import SLUG, online
from webapp.rules.download_settings import DownloadRequest

STEPS = 45
KINDS = ("donation", "donation", "ecommerce_order", "ticket_purchase", "refund")


def go_on(site: Site, run_id: int) -> Downloaded:
    """The next attempt, to its end."""
    site.execute(run_id)
    found = outcome(site, run_id)
    assert found.state == "success", found.failure
    check(found)
    return found


def fetch(site: Site) -> Downloaded:
    run_id = draft(site, DownloadRequest(), operation=SLUG)
    site.start(run_id)
    return go_on(site, run_id)


def test_what_a_dead_attempt_wrote_was_never_sent(site: Site) -> None:
    ann = site.person(member_id="A-1")
    online(site, ann, "T1")
    run_id = draft(site, DownloadRequest(), operation=SLUG)
    die_before_the_end(site, run_id)
    assert site.sql("SELECT count(*) FROM download_deliveries") == [(1,)]
    dead = {key for (key,) in site.sql("SELECT key FROM download_files")}
    online(site, ann, "T2")

    found = go_on(site, run_id)

    assert {row["TRANSACTION_ID"]: row["SENT_AS"] for row in found.rows()} == {
        "T1": "new",
        "T2": "new",
    }
    assert not dead & {key for (key,) in site.sql("SELECT key FROM download_files")}
    assert fetch(site).rows() == []


def test_another_download_passes_one_that_died(site: Site) -> None:
    ann = site.person(member_id="A-1")
    online(site, ann, "T1")
    dead = draft(site, DownloadRequest(), operation=SLUG)
    die_before_the_end(site, dead)

    other = fetch(site)
    late = go_on(site, dead)

    assert [row["SENT_AS"] for row in other.rows()] == ["new"]
    assert late.rows() == []


@dataclass
class Known:
    """What we know of one transaction."""

    id: int
    person: int
    amount: Decimal
    kind: str
    is_settled: bool
    campaign: int | None
    is_sent: bool = False
    is_dirty: bool = True


@dataclass
class Walk:
    """A site, and everything that was done to it."""

    site: Site
    chance: Random
    people: dict[int, bool] = field(default_factory=dict)
    campaigns: dict[int, bool] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    # Each with what was mapped when it began: a run keeps the cross-references it began with
    dead: list[tuple[int, dict[int, bool]]] = field(default_factory=list)

    def begin(self) -> None:
        for number in range(4):
            person = self.site.person(member_id=f"M-{number}" if number else None)
            self.people[person] = bool(number)
        for number in range(3):
            campaign = self.site.insert("campaigns", name=f"Campaign {number}")
            self.campaigns[campaign] = False

    def step(self) -> None:
        act = self.chance.choices(
            (self.give, self.settle, self.correct, self.move, self.name, self.map, self.fetch,
             self.die), weights=(34, 14, 12, 6, 4, 5, 17, 8),
        )[0]  # fmt: skip
        act()

    def give(self) -> None:
        key = f"T{len(self.known)}"
        kind = self.chance.choice(KINDS)
        amount = Decimal(self.chance.randrange(1, 10**6)).scaleb(-2)
        amount = -amount if kind == "refund" else amount
        made = Known(
            0, self.chance.choice(list(self.people)), amount, kind, self.chance.random() < 0.6,
            self.chance.choice([None, *self.campaigns]),
        )  # fmt: skip
        made.id = online(
            self.site, made.person, key, str(amount), transaction_type=kind,
            settled_on="2026-01-09" if made.is_settled else None, campaign_id=made.campaign,
        )  # fmt: skip
        self.known[key] = made

    def _change(self, column: str, value: object) -> Known | None:
        if not self.known:
            return None
        found = self.chance.choice(list(self.known.values()))
        self.site.connection.execute(
            f"UPDATE transactions SET {column} = %s WHERE id = %s", [value, found.id]
        )
        return found

    def settle(self) -> None:
        found = self._change("settled_on", "2026-01-09")
        if found:
            found.is_settled = True

    def correct(self) -> None:
        found = self._change("receipt_number", f"R-{self.chance.random()}")
        if found:
            found.is_dirty = True

    def move(self) -> None:
        person = self.chance.choice(list(self.people))
        found = self._change("constituent_id", person)
        if found and found.person != person:
            found.person, found.is_dirty = person, True

    def name(self) -> None:
        person = self.chance.choice(list(self.people))
        self.people[person] = not self.people[person]
        self.site.change(person, member_id=f"M-{person}" if self.people[person] else None)

    def map(self) -> None:
        campaign = self.chance.choice(list(self.campaigns))
        if not self.campaigns[campaign]:
            self.campaigns[campaign] = True
            add(self.site, "campaign", campaign, f"C{campaign}")

    def die(self) -> None:
        run_id = draft(self.site, DownloadRequest(), operation=SLUG)
        die_before_the_end(self.site, run_id)
        self.dead.append((run_id, dict(self.campaigns)))

    def fetch(self) -> None:
        if self.dead and self.chance.random() < 0.6:
            run_id, mapped = self.dead.pop(0)
            self.compare(go_on(self.site, run_id), mapped)
        else:
            self.compare(fetch(self.site), self.campaigns)

    def _waits(self, one: Known, mapped: dict[int, bool]) -> bool:
        is_mapped = one.campaign is None or mapped[one.campaign]
        return not (one.is_settled and self.people[one.person] and is_mapped)

    def compare(self, found: Downloaded, mapped: dict[int, bool]) -> None:
        due = {
            key: one
            for key, one in self.known.items()
            if one.kind != "ecommerce_order" and (one.is_dirty or not one.is_sent)
        }
        sent = {key: one for key, one in due.items() if not self._waits(one, mapped)}
        rows = {row["TRANSACTION_ID"]: row for row in found.rows()}
        assert len(rows) == len(found.rows())
        assert {key: (row["SENT_AS"], row["AMOUNT"]) for key, row in rows.items()} == {
            key: ("update" if one.is_sent else "new", str(one.amount)) for key, one in sent.items()
        }
        assert {number for number, *_ in found.withheld} == {
            one.id for one in due.values() if self._waits(one, mapped)
        }
        for one in sent.values():
            one.is_sent, one.is_dirty = True, False


@pytest.mark.parametrize("seed", range(3))
def test_all_files_together_are_what_was_due(site: Site, seed: int) -> None:
    walk = Walk(site, Random(seed))
    walk.begin()
    for _ in range(STEPS):
        walk.step()
    for run_id, mapped in walk.dead:
        walk.compare(go_on(site, run_id), mapped)
    walk.compare(fetch(site), walk.campaigns)


def test_progress_beyond_small_numbers_is_counted(site: Site) -> None:
    """30,000 written and 5,000 aside: each fits into a small integer, both together do not."""
    run_id = draft(site, DownloadRequest(), operation=SLUG)
    site.start(run_id)
    with site.app.app_context(), connect("run") as connection:
        mine = claim(connection, run_id)
        assert mine is not None
        with showing_progress(mine) as progress:
            progress.expect(Counts(40_000, 0, 0, 5_000, 0, 0))
            progress.look(30_000)
    assert site.sql(f"SELECT rows_read, delivered FROM runs WHERE id = {run_id}") == [
        (35_000, 30_000)
    ]
