"""The way out, inside one statement: what SQL says is what the rules say, for every policy, center
and day; what went out comes in again as it was; and an account is kept of what could not go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.claims import Claim
from jobs.outward import Outward, load_outward, record_outward
from tests.jobs.site import Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add, set_policy, type_of
from webapp.extensions import db
from webapp.rules.crossrefs import Policy, Rejected, compared
from webapp.rules.outward import sent_for
from webapp.services import crossref_coverage, crossref_unmapped
from webapp.services.crossref_translation import load_for_run, load_translation

TODAY = date(2026, 11, 23)


def claim_run(site: Site, center_id: int | None = None) -> Claim:
    operation = site.sql("SELECT id FROM operations LIMIT 1")[0][0]
    run_id = site.insert(
        "runs", operation_id=operation, label="Out", state="running", attempt=1,
        center_id=center_id, started_at="2026-11-23 12:00Z",
    )  # fmt: skip
    return Claim(run_id, 1, {"id": run_id, "center_id": center_id, "started_at": None})


def load(site: Site, mine: Claim, key: str, on: date = TODAY) -> Outward:
    with site.app.app_context():
        return load_outward(site.connection, mine, [key], on)[key]


def ask(site: Site, outward: Outward, value: str, on: str = "") -> list[tuple[object, ...]]:
    """Text, withheld and mapped for each line of a VALUES list of (v, day)."""
    return site.sql(
        f"SELECT {outward.text('x', 'v.v')}, {outward.is_withheld('x', 'v.v')},"
        f" {outward.is_mapped('x', 'v.v')} FROM (VALUES {value}) v (n, v, day)"
        f" {outward.join('x', 'v.v', on)} ORDER BY v.n"
    )


def test_the_marked_value_is_sent_and_a_blank_is_nothing(site: Site) -> None:
    add(site, "field:TITLE", "Mr.", "01")
    add(site, "field:TITLE", "Mr.", "Mister")
    outward = load(site, claim_run(site), "field:TITLE")
    values = "(1, 'Mr.', NULL), (2, ' mR. ', NULL), (3, NULL, NULL), (4, '  ', NULL)"
    assert ask(site, outward, values) == [
        ("01", False, True), ("01", False, True), (None, False, False), ("  ", False, False)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "default", "told"),
    [
        (Policy.REJECT, "", (None, True, False)),
        (Policy.KEEP, "", ("Sir", False, False)),
        (Policy.DEFAULT, "Other", ("99", False, False)),
        (Policy.DEFAULT, "Nobody", (None, True, False)),
    ],
)
def test_a_value_without_an_entry(
    site: Site, policy: Policy, default: str, told: tuple[object, ...]
) -> None:
    add(site, "field:TITLE", "Other", "99")
    set_policy(site, "field:TITLE", policy, default)
    outward = load(site, claim_run(site), "field:TITLE")
    assert ask(site, outward, "(1, 'Sir', NULL)") == [told]


def test_codes_without_any_entry_are_left_as_they_are(site: Site) -> None:
    set_policy(site, "field:TITLE", Policy.REJECT)
    outward = load(site, claim_run(site), "field:TITLE")
    assert ask(site, outward, "(1, 'Sir', NULL)") == [("Sir", False, False)]


def test_numbers_are_sent_too_and_each_key_on_its_own(site: Site) -> None:
    spring, other = site.group("Spring"), site.group("Other")
    set_policy(site, "group", Policy.REJECT, labels=3)
    add(site, "group", spring, "SPR", "GEN", "MAIL")
    outward = load(site, claim_run(site), "group")
    assert outward.labels == ("Key 0", "Key 1", "Key 2")
    values = f"(1, {spring}, NULL), (2, {other}, NULL)"
    assert ask(site, outward, values) == [("SPR|GEN|MAIL", False, True), (None, True, False)]
    parts = ", ".join(outward.part("x", "v.v", number) for number in (1, 2, 3))
    found = site.sql(f"SELECT {parts} FROM (VALUES ({spring})) v (v) {outward.join('x', 'v.v')}")
    assert found == [("SPR", "GEN", "MAIL")]


def test_a_center_sends_its_own_value(site: Site) -> None:
    north = site.insert("centers", name="North")
    add(site, "field:TITLE", "Mr.", "01")
    add(site, "field:TITLE", "Mr.", "N1", center_id=north)
    assert ask(site, load(site, claim_run(site), "field:TITLE"), "(1, 'Mr.', NULL)")[0][0] == "01"
    outward = load(site, claim_run(site, north), "field:TITLE")
    assert ask(site, outward, "(1, 'Mr.', NULL)")[0][0] == "N1"


def test_the_day_of_each_row_can_count(site: Site) -> None:
    add(site, "field:TITLE", "Mr.", "old", valid_to=TODAY - timedelta(1))
    add(site, "field:TITLE", "Mr.", "new", valid_from=TODAY)
    outward = load(site, claim_run(site), "field:TITLE")
    values = "(1, 'Mr.', date '2026-11-22'), (2, 'Mr.', date '2026-11-23'), (3, 'Mr.', NULL)"
    assert [row[0] for row in ask(site, outward, values, "v.day")] == ["old", "new", "new"]
    assert [row[0] for row in ask(site, outward, values)] == ["new"] * 3


def test_a_run_sends_by_the_table_it_began_with(site: Site) -> None:
    add(site, "field:TITLE", "Mr.", "01")
    mine = claim_run(site)
    load(site, mine, "field:TITLE")
    site.sql_do("DELETE FROM cross_reference_entries")
    add(site, "field:TITLE", "Mr.", "02")
    assert ask(site, load(site, mine, "field:TITLE"), "(1, 'Mr.', NULL)")[0][0] == "01"


def test_what_goes_out_is_counted_in_rows_and_money(site: Site) -> None:
    add(site, "field:TITLE", "Mr.", "01")
    set_policy(site, "field:TITLE", Policy.REJECT)
    mine = claim_run(site)
    outward = load(site, mine, "field:TITLE")
    for _ in range(2):
        record_outward(
            site.connection,
            mine,
            outward,
            "VALUES ('Mr.', 100.10, 'USD', 1), ('Sir', 50, 'USD', 1), ('sir', 1, 'EUR', 1),"
            " (NULL, 7, 'USD', 1), ('Mr.', NULL, NULL, 1)",
        )
    with site.app.app_context():
        found = type_of("field:TITLE")
        (told,) = crossref_coverage.list_coverage(db.session(), found)
        assert (told.rows, told.mapped) == (8, 4)
        assert {each.currency: (each.amount, each.mapped) for each in told.money} == {
            "USD": (Decimal("300.20"), Decimal("200.20")), "EUR": (2, 0)
        }  # fmt: skip
        waiting = crossref_unmapped.list_waiting_online(db.session(), found, TODAY)
        assert [(each.value.lower(), each.rows, each.run_id) for each in waiting] == [
            ("sir", 4, mine.id)
        ]
        assert crossref_unmapped.list_waiting(db.session(), found, TODAY).values == ()
    add(site, "field:TITLE", "Sir", "03")
    with site.app.app_context():
        assert not crossref_unmapped.list_waiting_online(
            db.session(), type_of("field:TITLE"), TODAY
        )


CODES = st.text("aAß é\t1", min_size=1, max_size=4).filter(lambda text: text.strip() != "")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(CODES, st.text("xyZ", min_size=1, max_size=3)), min_size=1, max_size=6,
             unique_by=lambda pair: compared(pair[1])),
    st.lists(CODES, max_size=4),
    st.sampled_from(list(Policy)),
)  # fmt: skip
def test_sql_sends_what_the_rules_send_and_it_comes_in_again(
    shared_site: Site, pairs: list[tuple[str, str]], others: list[str], policy: Policy
) -> None:
    site = shared_site
    site.reset()
    for online, foreign in pairs:
        add(site, "field:TITLE", online, foreign)
    set_policy(site, "field:TITLE", policy, pairs[0][0])
    mine = claim_run(site)
    outward = load(site, mine, "field:TITLE")
    values: Sequence[str] = [*(online for online, _ in pairs), *others]
    found = site.sql(
        f"SELECT v, {outward.text('x', 'v')}, {outward.is_withheld('x', 'v')},"
        f" {outward.is_mapped('x', 'v')} FROM unnest(%s::text[]) v {outward.join('x', 'v')}",
        values,
    )
    assert sorted(row[0] for row in found) == sorted(values)
    with site.app.app_context():
        translation = load_translation(db.session(), "field:TITLE", None)
        assert translation is not None
        for value, text, is_withheld, is_mapped in found:
            expected = sent_for(translation, value, TODAY)
            assert is_withheld == isinstance(expected, Rejected)
            assert text == (None if isinstance(expected, Rejected) else expected[0])
            if is_mapped:
                back = translation.read(text, TODAY)
                assert isinstance(back, str)
                assert compared(back) == compared(value)
        db.session.remove()


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), max_size=50))
def test_the_database_compares_as_the_rules_do(shared_site: Site, texts: list[str]) -> None:
    found = shared_site.sql(
        "SELECT array_agg(datasync_compared(t) ORDER BY n)"
        " FROM unnest(%s::text[]) WITH ORDINALITY u (t, n)",
        texts,
    )
    assert found[0][0] in (None, [compared(text) for text in texts])


def test_types_of_one_run_are_asked_for_at_once(site: Site) -> None:
    mine = claim_run(site)
    with site.app.app_context():
        found = load_for_run(db.session(), mine.id, ["group", "field:TITLE"], None)
        db.session.commit()
    assert set(found) == {"group", "field:TITLE"}
