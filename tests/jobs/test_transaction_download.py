"""The Transaction Information Download: each transaction once, each reason to hold one back until
it is gone, what is sent again, and what stands in the file."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from jobs.processors import download_plans
from tests.jobs.downloading import Downloaded, die_before_the_end, download, draft, outcome
from tests.jobs.site import Site
from tests.jobs.test_crossrefs import _types_as_they_came as _types_as_they_came
from tests.jobs.test_crossrefs import add, set_policy
from tests.jobs.test_transaction_upload import gift, put, upload
from webapp.rules.crossrefs import Policy
from webapp.rules.download_settings import (
    ColumnChoice,
    DateFormat,
    DownloadRequest,
    DownloadSettings,
    Start,
)
from webapp.rules.withholding import Reason

SLUG = "transaction-information-download"
EVERYTHING = DownloadSettings()


def fetch(
    site: Site, chosen: DownloadSettings = EVERYTHING, start: Start = Start.LAST, **more: Any
) -> Downloaded:
    """Run the download."""
    return download(site, chosen, start, operation=SLUG, **more)


def keys(found: Downloaded) -> list[str]:
    """The transactions in the file; each is there once."""
    sent = [row["TRANSACTION_ID"] for row in found.rows()]
    assert len(sent) == len(set(sent))
    return sorted(sent)


def marks(found: Downloaded) -> dict[str, str]:
    """How each transaction was sent."""
    return {row["TRANSACTION_ID"]: row["SENT_AS"] for row in found.rows()}


def correct(site: Site, key: str, **values: object) -> None:
    """Somebody changes a transaction by hand."""
    sets = ", ".join(f"{name} = %s" for name in values)
    site.connection.execute(
        f"UPDATE transactions SET {sets} WHERE transaction_id = %s", [*values.values(), key]
    )


def online(site: Site, person: int, key: str, amount: str = "20.00", **more: Any) -> int:
    """A transaction made online, settled unless it says otherwise."""
    return put(
        site, person, key, amount, **({"creation_method": 1, "tender_type": "credit_card"} | more)
    )


@pytest.fixture
def ann(site: Site) -> int:
    return site.person(member_id="A-1", first_name="Ann", last_name="Lee", primary_email="a@x.org")


@pytest.fixture
def bob(site: Site) -> int:
    return site.person(member_id="B-1", first_name="Bob")


# Once -----------------------------------------------------------------------------------------


def test_each_is_sent_once(site: Site, ann: int) -> None:
    online(site, ann, "T1")
    online(site, ann, "T2", "-20.00", transaction_type="refund")

    first = fetch(site)
    nothing = fetch(site)
    online(site, ann, "T3")
    second = fetch(site)

    assert keys(first) == ["T1", "T2"]
    assert marks(first) == {"T1": "new", "T2": "new"}
    assert keys(nothing) == []
    assert nothing.counts["rows_read"] == 0
    assert keys(second) == ["T3"]


def test_a_moved_or_corrected_one_is_sent_again_as_an_update(
    site: Site, ann: int, bob: int
) -> None:
    for key in ("T1", "T2", "T3"):
        online(site, ann, key)
    fetch(site)
    correct(site, "T1", constituent_id=bob)
    correct(site, "T2", amount="25.50")
    site.change(ann, first_name="Anna")

    found = fetch(site)

    assert marks(found) == {"T1": "update", "T2": "update"}
    by_key = {row["TRANSACTION_ID"]: row for row in found.rows()}
    assert by_key["T1"]["MEMBER_ID"] == "B-1"
    assert by_key["T2"]["AMOUNT"] == "25.50"
    assert keys(fetch(site)) == []


def test_what_the_file_does_not_tell_is_no_correction(site: Site, ann: int) -> None:
    online(site, ann, "T1")
    few = DownloadSettings(columns=(ColumnChoice("TRANSACTION_ID"), ColumnChoice("SENT_AS")))
    fetch(site, few)
    correct(site, "T1", amount="99.00")
    assert keys(fetch(site, few)) == []
    correct(site, "T1", modified_at="2027-01-01", upload_row=5)
    assert keys(fetch(site)) == []


def test_what_was_corrected_while_it_waited_is_new(site: Site, ann: int) -> None:
    online(site, ann, "T1", settled_on=None)
    assert keys(fetch(site)) == []
    correct(site, "T1", amount="30.00")
    assert keys(fetch(site)) == []
    correct(site, "T1", settled_on="2026-01-09")
    assert marks(fetch(site)) == {"T1": "new"}


def test_orders_are_never_sent_nor_what_was_paid_back_for_them(site: Site, ann: int) -> None:
    order = online(site, ann, "T1", transaction_type="ecommerce_order")
    online(site, ann, "T2", "-20.00", transaction_type="refund", refund_of=order)
    online(site, ann, "T3")

    first = fetch(site)
    correct(site, "T1", amount="21.00")
    second = fetch(site)

    assert keys(first) == ["T3"]
    assert first.counts["filtered_out"] == 2
    assert first.withheld == []
    assert (keys(second), second.counts["filtered_out"]) == ([], 1)


@pytest.mark.parametrize(
    "kind",
    ["donation", "recurring_payment", "ticket_purchase", "teamraiser_gift",
     "teamraiser_registration", "personal_gift", "refund"],
)  # fmt: skip
def test_every_other_kind_is_sent(site: Site, ann: int, kind: str) -> None:
    amount = "-5.00" if kind == "refund" else "5.00"
    online(site, ann, "T1", amount, transaction_type=kind)
    assert [row["TRANSACTION_TYPE"] for row in fetch(site).rows()] == [kind]


def test_a_failed_one_sends_nothing_and_the_next_sends_it(site: Site, ann: int) -> None:
    online(site, ann, "T1", tribute_name="Ő")
    failed = fetch(site, DownloadSettings.from_json({"encoding": "cp1252"}))
    assert failed.state == "failure"
    assert site.sql("SELECT count(*) FROM download_deliveries d JOIN download_windows w"
                    " USING (run_id) WHERE w.is_committed") == [(0,)]  # fmt: skip
    assert marks(fetch(site)) == {"T1": "new"}


def test_everything_can_be_asked_for_again(site: Site, ann: int) -> None:
    online(site, ann, "T1")
    fetch(site)
    online(site, ann, "T2")
    assert marks(fetch(site, start=Start.EVERYTHING)) == {"T1": "update", "T2": "new"}
    assert keys(fetch(site)) == []


def test_a_restored_database_sends_again_rather_than_miss(site: Site, ann: int) -> None:
    online(site, ann, "T1")
    fetch(site)
    site.sql_do("UPDATE download_windows SET cluster = '7000000000000000001/00000001'")
    assert keys(fetch(site)) == ["T1"]
    assert keys(fetch(site)) == []


# Held back ------------------------------------------------------------------------------------

Change = Callable[[Site, int], object]


def _add_mapping(key: str, table: str) -> Change:
    def change(site: Site, _person: int) -> None:
        [(number,)] = site.sql(f"SELECT max(id) FROM {table}")
        add(site, key, number, "CODE")

    return change


def _with(**more: Any) -> Callable[[Site, int], None]:
    def make(site: Site, person: int) -> None:
        online(site, person, "T1", **more)

    return make


def _for(column: str, table: str, **values: Any) -> Callable[[Site, int], None]:
    def make(site: Site, person: int) -> None:
        site.insert(table, name="Otters", **values)
        [(number,)] = site.sql(f"SELECT max(id) FROM {table}")
        online(site, person, "T1", **{column: number})

    return make


def _hold(site: Site, person: int) -> None:
    site.doubt(person, site.person(member_id="D-1"))
    online(site, person, "T1")


def _unnamed(site: Site, person: int) -> None:
    site.change(person, member_id=None)
    online(site, person, "T1")


def _removed(site: Site, person: int) -> None:
    site.change(person, active_detail="Removed by administrator")
    online(site, person, "T1")


def _from_a_booth(site: Site, person: int) -> None:
    add(site, "origin_source", "Web", "W")
    set_policy(site, "origin_source", Policy.REJECT)
    online(site, person, "T1", source="Booth")


REASONS: list[tuple[str, Change, str, str, Change]] = [
    ("not settled", _with(settled_on=None), "not_settled", "",
     lambda site, _: correct(site, "T1", settled_on="2026-01-09")),
    ("without member ID", _unnamed, "no_member_id", "",
     lambda site, person: site.change(person, member_id="A-9")),
    ("inactive", _removed, "constituent_inactive", "",
     lambda site, person: site.change(person, active_detail="Accepted")),
    ("inactive, then moved", _removed, "constituent_inactive", "",
     lambda site, _: correct(site, "T1", constituent_id=site.person(member_id="C-1"))),
    ("an unresolved duplicate", _hold, "unresolved_duplicate", "",
     lambda site, person: site.clear_doubts(person)),
    ("campaign", _for("campaign_id", "campaigns"), "unmapped_value", "CAMPAIGN",
     _add_mapping("campaign", "campaigns")),
    ("form", _for("form_id", "donation_forms"), "unmapped_value", "FORM",
     _add_mapping("donation_form", "donation_forms")),
    ("fund", _for("designation_id", "designations"), "unmapped_value", "DESIGNATION",
     _add_mapping("designation", "designations")),
    ("event", _for("event_id", "events", kind="calendar"), "unmapped_value", "EVENT",
     _add_mapping("event", "events")),
    ("TeamRaiser", _for("event_id", "events", kind="teamraiser"), "unmapped_value",
     "EVENT (TeamRaiser)", _add_mapping("teamraiser", "events")),
    ("personal event", _for("event_id", "events", kind="personal"), "unmapped_value",
     "EVENT (personal)", _add_mapping("personal_event", "events")),
    ("source", _from_a_booth, "unmapped_value", "SOURCE",
     lambda site, _: add(site, "origin_source", "Booth", "B")),
    ("source, then corrected", _from_a_booth, "unmapped_value", "SOURCE",
     lambda site, _: correct(site, "T1", source="Web")),
    ("campaign, then kept as it is", _for("campaign_id", "campaigns"), "unmapped_value",
     "CAMPAIGN", lambda site, _: set_policy(site, "campaign", Policy.KEEP)),
    ("campaign, then corrected", _for("campaign_id", "campaigns"), "unmapped_value",
     "CAMPAIGN", lambda site, _: correct(site, "T1", campaign_id=None)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "reason", "field", "mend"), [r[1:] for r in REASONS], ids=[r[0] for r in REASONS]
)
def test_each_reason_holds_back_until_it_is_gone(
    site: Site, ann: int, bob: int, make: Change, reason: str, field: str, mend: Change
) -> None:
    make(site, ann)
    online(site, bob, "T2")
    [(number,)] = site.sql("SELECT id FROM transactions WHERE transaction_id = 'T1'")

    first = fetch(site)
    second = fetch(site)
    mend(site, ann)
    third = fetch(site)
    fourth = fetch(site)

    assert keys(first) == ["T2"]
    for found in (first, second):
        assert [each[:3] for each in found.withheld] == [(number, reason, field)]
    assert keys(second) == []
    assert marks(third) == {"T1": "new"}
    assert third.withheld == []
    assert keys(fourth) == []


def test_every_reason_there_is_was_tried() -> None:
    assert {reason for _, _, reason, _, _ in REASONS} == set(Reason)


def test_all_its_reasons_are_told_with_amount_and_value(site: Site, ann: int) -> None:
    campaign = site.insert("campaigns", name="Save Otters")
    site.change(ann, member_id=None)
    online(site, ann, "T1", "12.34", campaign_id=campaign, settled_on=None)

    found = fetch(site)

    assert [each[1:] for each in found.withheld] == [
        ("no_member_id", "", ""),
        ("not_settled", "", ""),
        ("unmapped_value", "CAMPAIGN", f"Save Otters ({campaign})"),
    ]
    rows = site.sql("SELECT DISTINCT amount::text, currency, who, constituent_id"
                    " FROM withheld_records")  # fmt: skip
    assert rows == [("12.34", "USD", "T1 · Ann Lee", ann)]
    assert found.counts["withheld"] == 1


@pytest.mark.parametrize("dies", [False, True])
def test_what_gifts_are_for_is_counted_in_rows_and_money(site: Site, ann: int, dies: bool) -> None:
    otters, owls = (site.insert("campaigns", name=name) for name in ("Otters", "Owls"))
    site.insert("events", name="Run", kind="teamraiser")
    [(run,)] = site.sql("SELECT max(id) FROM events")
    add(site, "campaign", otters, "OTT")
    online(site, ann, "T1", "10.00", campaign_id=otters)
    online(site, ann, "T2", "2.50", campaign_id=owls, event_id=run)
    online(site, ann, "T3", "1.00", campaign_id=owls)
    online(site, ann, "T4", "5.00", campaign_id=owls, transaction_type="ecommerce_order")
    run_id = draft(site, DownloadRequest(Start.LAST, settings=EVERYTHING), operation=SLUG)
    if dies:
        die_before_the_end(site, run_id)

    (site.execute if dies else site.run)(run_id)

    found = outcome(site, run_id)
    assert keys(found) == ["T1"]
    told = site.sql(
        "SELECT t.key, u.rows, u.mapped, u.amounts FROM cross_reference_uses u"
        " JOIN cross_reference_types t ON t.id = u.type_id WHERE u.run_id = %s AND u.rows > 0"
        " ORDER BY t.key",
        found.run_id,
    )
    assert told == [
        ("campaign", 3, 1, {"USD": ["13.50", "10.00"]}),
        ("teamraiser", 1, 0, {"USD": ["2.50", "0"]}),
    ]
    unmapped = site.sql(
        "SELECT t.key, s.foreign_values, s.rows FROM cross_reference_seen s"
        " JOIN cross_reference_types t ON t.id = s.type_id WHERE s.run_id = %s AND s.is_outward"
        " ORDER BY t.key",
        found.run_id,
    )
    assert unmapped == [("campaign", [str(owls)], 2), ("teamraiser", [str(run)], 1)]


def test_how_long_it_waits_is_kept(site: Site, ann: int) -> None:
    online(site, ann, "T1", settled_on=None)
    fetch(site)
    site.sql_do("UPDATE withheld_records SET since_at = '2026-01-01'")
    fetch(site)
    assert site.sql("SELECT DISTINCT since_at::date::text FROM withheld_records") == [
        ("2026-01-01",)
    ]


def test_only_what_is_free_goes_when_that_is_asked_for(site: Site, ann: int) -> None:
    for key in ("T1", "T2"):
        online(site, ann, key, settled_on=None)
    fetch(site)
    correct(site, "T1", settled_on="2026-01-09")
    online(site, ann, "T3")

    free = fetch(site, start=Start.FREE)
    rest = fetch(site)

    assert keys(free) == ["T1"]
    assert keys(rest) == ["T3"]
    # What was settled is a change as well; it was sent by then
    correct(site, "T2", settled_on="2026-01-09")
    assert marks(fetch(site)) == {"T2": "new"}


def test_a_correction_of_one_that_was_sent_can_be_held_back(site: Site, ann: int) -> None:
    online(site, ann, "T1")
    fetch(site)
    correct(site, "T1", campaign_id=site.insert("campaigns", name="Otters"))
    held = fetch(site)
    set_policy(site, "campaign", Policy.KEEP)
    found = fetch(site)
    assert [each[1] for each in held.withheld] == ["unmapped_value"]
    assert marks(found) == {"T1": "update"}


# What came from the offline system ---------------------------------------------------------------


def test_what_was_uploaded_is_not_sent_back(site: Site, ann: int) -> None:
    rows = [gift(MEMBER_ID="A-1"), gift(MEMBER_ID="A-1", TRANSACTION_ID="G-2")]
    upload(site, rows)
    first = fetch(site)
    upload(site, [gift(MEMBER_ID="A-1", AMOUNT="60")])
    second = fetch(site)
    correct(site, "G-2", amount="70.00")
    third = fetch(site)

    assert (keys(first), first.counts["filtered_out"]) == ([], 2)
    assert (keys(second), second.counts["filtered_out"]) == ([], 1)
    # The offline system has it: what a person changed here is an update
    assert marks(third) == {"G-2": "update"}


@pytest.mark.parametrize("listed", [100_000, 0], ids=["as constants", "by a table"])
def test_what_is_known_of_few_is_the_same_however_it_is_told(
    site: Site, ann: int, monkeypatch: pytest.MonkeyPatch, listed: int
) -> None:
    monkeypatch.setattr(download_plans, "MOST_LISTED", listed)
    uploaded = [gift(MEMBER_ID="A-1", TRANSACTION_ID=f"G-{number}") for number in range(1, 4)]
    upload(site, uploaded)
    correct(site, "G-2", amount="70.00")
    order = online(site, ann, "T1", transaction_type="ecommerce_order")
    online(site, ann, "T2", "-20.00", transaction_type="refund", refund_of=order)
    original = online(site, ann, "T3")
    online(site, ann, "T4", transaction_type="recurring_payment", recurring_of=original)

    first = fetch(site)
    online(site, ann, "T5", "-20.00", transaction_type="refund", refund_of=original)
    correct(site, "G-3", amount="71.00")
    again = fetch(site, start=Start.EVERYTHING)

    assert marks(first) == {"G-2": "update", "T3": "new", "T4": "new"}
    assert first.counts["filtered_out"] == 4
    assert marks(again) == {
        "G-2": "update", "G-3": "update", "T3": "update", "T4": "update", "T5": "new",
    }  # fmt: skip
    assert again.counts["filtered_out"] == 3
    for found in (first, again):
        belongs = {row["TRANSACTION_ID"]: row["RECURRING_OF"] for row in found.rows()}
        assert {key: of for key, of in belongs.items() if of} == {"T4": "T3"}


def test_what_a_changed_one_belongs_to_is_told(site: Site, ann: int) -> None:
    original = online(site, ann, "=1+1")
    fetch(site)
    online(site, ann, "T2", transaction_type="recurring_payment", recurring_of=original)
    online(site, ann, "T3", "-20.00", transaction_type="refund", refund_of=original)
    found = {row["TRANSACTION_ID"]: row for row in fetch(site).rows()}
    assert (found["T2"]["RECURRING_OF"], found["T2"]["REFUND_OF"]) == ("'=1+1", "")
    assert (found["T3"]["RECURRING_OF"], found["T3"]["REFUND_OF"]) == ("", "'=1+1")


def test_what_came_from_a_centers_system_is_news_to_the_site(site: Site, ann: int) -> None:
    north = site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=ann)
    upload(site, [gift(MEMBER_ID="A-1")], center_id=north)
    assert marks(fetch(site)) == {"G-1": "new"}
    assert keys(fetch(site, center_id=north)) == []


def test_it_is_where_that_is_asked_for(site: Site, ann: int) -> None:
    upload(site, [gift(MEMBER_ID="A-1")])
    assert keys(fetch(site, DownloadSettings(echoes=True))) == ["G-1"]


def test_an_upload_that_was_undone_leaves_nothing_to_send(site: Site, ann: int) -> None:
    put(site, ann, "OLD-1")
    fetch(site)
    made = upload(site, [gift(MEMBER_ID="A-1"), gift(MEMBER_ID="A-1", TRANSACTION_ID="OLD-1")])
    site.undo(made.run.id)
    found = fetch(site)
    assert (keys(found), found.withheld) == ([], [])


# What stands in the file -------------------------------------------------------------------------


def test_the_columns_and_how_they_are_written(site: Site, ann: int) -> None:
    numbers = {}
    for key, name, table, code in (
        ("campaign", "campaign_id", "campaigns", "SPR"),
        ("donation_form", "form_id", "donation_forms", "WEB"),
        ("designation", "designation_id", "designations", "GEN"),
    ):
        numbers[name] = site.insert(table, name=name)
        add(site, key, numbers[name], code)
    original = online(site, ann, "T1")
    online(
        site, ann, "T2", "-1234.50", transaction_type="refund", refund_of=original,
        tax_deductible="0.10", confirmation_code="=1+1", check_number="0012", source="Web",
        tribute_type="in_memory", tribute_name="Jo, the “Elder”", receipt_number="R-1",
        settlement_batch="B1", **numbers,
    )  # fmt: skip

    row = next(row for row in fetch(site).rows() if row["TRANSACTION_ID"] == "T2")

    assert list(row) == [
        "TRANSACTION_ID", "TRANSACTION_TYPE", "CONS_ID", "MEMBER_ID", "FIRST_NAME", "LAST_NAME",
        "PRIMARY_EMAIL", "AMOUNT", "CURRENCY", "TAX_DEDUCTIBLE", "PAYMENT_DATE", "TENDER_TYPE",
        "CREATION_METHOD", "CHECK_NUMBER", "CONFIRMATION_CODE", "SETTLEMENT_BATCH", "CAMPAIGN",
        "FORM", "DESIGNATION", "EVENT", "SOURCE", "SUB_SOURCE", "RECURRING_OF", "REFUND_OF",
        "TRIBUTE_TYPE", "TRIBUTE_NAME", "RECEIPT_NUMBER", "SENT_AS", "DATASYNC_DOWNLOAD",
    ]  # fmt: skip
    assert row | {"CONFIRMATION_CODE": "", "DATASYNC_DOWNLOAD": ""} == {
        "TRANSACTION_ID": "T2", "TRANSACTION_TYPE": "refund", "CONS_ID": str(ann),
        "MEMBER_ID": "A-1", "FIRST_NAME": "Ann", "LAST_NAME": "Lee", "PRIMARY_EMAIL": "a@x.org",
        "AMOUNT": "-1234.50", "CURRENCY": "USD", "TAX_DEDUCTIBLE": "0.10",
        "PAYMENT_DATE": "2026-01-05", "TENDER_TYPE": "credit_card", "CREATION_METHOD": "1",
        "CHECK_NUMBER": "0012", "CONFIRMATION_CODE": "", "SETTLEMENT_BATCH": "B1",
        "CAMPAIGN": "SPR", "FORM": "WEB", "DESIGNATION": "GEN", "EVENT": "", "SOURCE": "Web",
        "SUB_SOURCE": "", "RECURRING_OF": "", "REFUND_OF": "T1", "TRIBUTE_TYPE": "in_memory",
        "TRIBUTE_NAME": "Jo, the “Elder”", "RECEIPT_NUMBER": "R-1", "SENT_AS": "new",
        "DATASYNC_DOWNLOAD": "",
    }  # fmt: skip
    assert not row["CONFIRMATION_CODE"].startswith("=")


def test_several_keys_and_events_of_each_kind(site: Site, ann: int) -> None:
    set_policy(site, "campaign", Policy.REJECT, labels=3)
    campaign = site.insert("campaigns", name="Spring")
    add(site, "campaign", campaign, "SPR", "GEN", "MAIL")
    online(site, ann, "T0", campaign_id=campaign)
    for key, kind in (("event", "calendar"), ("teamraiser", "teamraiser"),
                      ("personal_event", "personal")):  # fmt: skip
        site.insert("events", name=kind, kind=kind)
        [(number,)] = site.sql("SELECT max(id) FROM events")
        add(site, key, number, kind.upper())
        online(site, ann, kind, event_id=number)

    found = {row["TRANSACTION_ID"]: row for row in fetch(site).rows()}

    assert found["T0"]["CAMPAIGN"] == "SPR|GEN|MAIL"
    events = {key: row["EVENT"] for key, row in found.items() if row["EVENT"]}
    assert events == {
        "calendar": "CALENDAR", "teamraiser": "TEAMRAISER", "personal": "PERSONAL",
    }  # fmt: skip


def test_what_goes_out_for_a_value_is_no_formula(site: Site, ann: int) -> None:
    campaign = site.insert("campaigns", name="Spring")
    add(site, "campaign", campaign, "=1+1")
    add(site, "origin_source", "Web", "@W")
    set_policy(site, "origin_source", Policy.KEEP)
    online(site, ann, "T1", campaign_id=campaign, source="Web")
    online(site, ann, "T2", campaign_id=campaign, source="+1")
    found = [(row["CAMPAIGN"], row["SOURCE"]) for row in fetch(site).rows()]
    assert sorted(found) == [("'=1+1", "'+1"), ("'=1+1", "'@W")]


def test_our_own_numbers_where_nothing_is_translated(site: Site, ann: int) -> None:
    campaign = site.insert("campaigns", name="Spring")
    online(site, ann, "T1", campaign_id=campaign)
    found = fetch(site, DownloadSettings(translates=False))
    assert [row["CAMPAIGN"] for row in found.rows()] == [str(campaign)]


def test_chosen_columns_headings_and_dates(site: Site, ann: int) -> None:
    online(site, ann, "T1", campaign_id=site.insert("campaigns", name="Spring"))
    chosen = DownloadSettings(
        columns=(
            ColumnChoice("TRANSACTION_ID", "Gift"),
            ColumnChoice("PAYMENT_DATE", "Day"),
            ColumnChoice("AMOUNT"),
        ),
        date_format=DateFormat.MONTH_FIRST,
        marks=False,
    )
    # A column that is not in the file holds nothing back
    assert fetch(site, chosen).rows() == [{"Gift": "T1", "Day": "01/05/2026", "AMOUNT": "20.00"}]


def test_the_workbook_has_no_formula_and_keeps_zeros(site: Site, ann: int) -> None:
    online(site, ann, "T1", check_number="0012", confirmation_code="=1+1", amount="-5.00",
           transaction_type="refund")  # fmt: skip
    [sheet] = fetch(site, DownloadSettings(formats=("xlsx",))).sheets()
    row = dict(zip(sheet[0], sheet[1], strict=True))
    assert row["CHECK_NUMBER"] == "0012"
    assert row["CONFIRMATION_CODE"] == "=1+1"  # a text: a formula would have no value here
    assert Decimal(str(row["AMOUNT"])) == Decimal("-5")


# Centers -----------------------------------------------------------------------------------------


def test_a_center_gets_its_own_peoples(site: Site, ann: int, bob: int) -> None:
    north = site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=ann)
    online(site, ann, "T1")
    online(site, bob, "T2")

    first = fetch(site, center_id=north)
    site.insert("center_members", center_id=north, constituent_id=bob)
    second = fetch(site, center_id=north)
    third = fetch(site, center_id=north)
    of_site = fetch(site)

    assert keys(first) == ["T1"]
    assert marks(second) == {"T2": "new"}
    assert keys(third) == []
    # The site's own download has its own account of what it sent
    assert marks(of_site) == {"T1": "new", "T2": "new"}


def test_who_comes_back_into_a_center_brings_what_was_corrected_meanwhile(
    site: Site, ann: int
) -> None:
    north = site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=ann)
    for key in ("T1", "T2"):
        online(site, ann, key)
    first = fetch(site, center_id=north)
    site.sql_do("DELETE FROM center_members")
    correct(site, "T1", amount="25.00")
    away = fetch(site, center_id=north)
    site.insert("center_members", center_id=north, constituent_id=ann)
    back = fetch(site, center_id=north)

    assert (keys(first), keys(away)) == (["T1", "T2"], [])
    assert marks(back) == {"T1": "update"}
    assert keys(fetch(site, center_id=north)) == []


def test_what_came_into_the_center_comes_again_with_its_time(site: Site, ann: int) -> None:
    north = site.insert("centers", name="North")
    online(site, ann, "T1")
    before = fetch(site, center_id=north)
    site.insert("center_members", center_id=north, constituent_id=ann)
    came = fetch(site, center_id=north)
    later = fetch(site, center_id=north)

    again = fetch(site, start=Start.AGAIN, again=came.run_id, center_id=north)
    since = before.window["to_at"]
    dated = fetch(site, start=Start.DATE, since_at=since, center_id=north)
    since = later.window["to_at"]
    afterwards = fetch(site, start=Start.DATE, since_at=since, center_id=north)

    assert marks(came) == {"T1": "new"}
    assert marks(again) == marks(came)
    assert marks(dated) == {"T1": "update"}
    assert marks(afterwards) == {}


def test_a_centers_own_cross_references_come_first(site: Site, ann: int) -> None:
    north = site.insert("centers", name="North")
    site.insert("center_members", center_id=north, constituent_id=ann)
    campaign = site.insert("campaigns", name="Spring")
    add(site, "campaign", campaign, "GENERAL")
    add(site, "campaign", campaign, "NORTHERN", center_id=north)
    online(site, ann, "T1", campaign_id=campaign)
    assert [row["CAMPAIGN"] for row in fetch(site, center_id=north).rows()] == ["NORTHERN"]
    assert [row["CAMPAIGN"] for row in fetch(site).rows()] == ["GENERAL"]


@pytest.mark.parametrize("what", ["groups", "interests", "centers", "statuses"])
def test_who_comes_among_those_asked_for_brings_what_was_never_sent(
    site: Site, ann: int, bob: int, what: str
) -> None:
    number = {
        "groups": site.group("Donors"),
        "interests": site.interest("News"),
        "centers": site.insert("centers", name="North"),
        "statuses": 0,
    }[what]

    def enter(person: int) -> None:
        if what == "groups":
            site.insert("group_members", group_id=number, constituent_id=person)
        elif what == "interests":
            site.insert(
                "interest_choices", interest_id=number, constituent_id=person, opted_in=True
            )
        elif what == "centers":
            site.insert("center_members", center_id=number, constituent_id=person)
        else:
            site.change(person, active_detail="Accepted")

    chosen = DownloadSettings(**{what: ("Accepted",) if what == "statuses" else (number,)})
    for person in (ann, bob):
        site.change(person, active_detail="Prospect")
    enter(ann)
    online(site, ann, "T1")
    online(site, bob, "T2")

    first = fetch(site, chosen)
    enter(bob)
    second = fetch(site, chosen)
    site.change(bob, first_name="Rob")

    assert (keys(first), first.counts["filtered_out"]) == (["T1"], 1)
    assert marks(second) == {"T2": "new"}
    assert fetch(site, chosen).counts["rows_read"] == 0


def test_the_filter_is_about_the_givers(site: Site, ann: int, bob: int) -> None:
    donors = site.group("Donors")
    site.insert("group_members", group_id=donors, constituent_id=ann)
    online(site, ann, "T1")
    online(site, bob, "T2")
    found = fetch(site, DownloadSettings(groups=(donors,)))
    assert (keys(found), found.counts["filtered_out"]) == (["T1"], 1)
