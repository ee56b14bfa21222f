"""Transaction Upload, rule by rule: the same in the preview and the run, at any chunk size, and
gone again after the undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.jobs.cases import Reject, check_row, fill, reject
from tests.jobs.site import CHUNK_SIZES, Imported, Site

OPERATION = "transaction-upload"
GIFT = {
    "TRANSACTION_ID": "G-1",
    "MEMBER_ID": "m1",
    "AMOUNT": "50.00",
    "PAYMENT_DATE": "2026-03-01",
    "TENDER_TYPE": "check",
}


def gift(**cells: str) -> dict[str, str]:
    """A row, with these cells instead."""
    return GIFT | cells


def upload(site: Site, rows: Sequence[Mapping[str, str]], **options: Any) -> Imported:
    """Take in a file of gifts."""
    return site.import_rows(rows, operation=OPERATION, **options)


def stored(site: Site) -> list[dict[str, Any]]:
    """Every transaction, bookkeeping aside; its numbers as exact text."""
    rows = site.sql(
        "SELECT hstore_to_json(hstore(t) - ARRAY['id','created_at','modified_at','upload_run_id',"
        "'upload_row']) FROM transactions t ORDER BY t.id"
    )
    return [dict(row[0]) for row in rows]


def put(site: Site, person: int, key: str, amount: str = "20.00", **more: Any) -> int:
    """A transaction that is there already."""
    values: dict[str, Any] = {
        "transaction_type": "donation", "currency": "USD", "payment_date": "2026-01-05",
        "tender_type": "cash", "creation_method": 0, "settled_on": "2026-01-05",
    }  # fmt: skip
    return site.insert(
        "transactions", transaction_id=key, constituent_id=person, amount=amount, **(values | more)
    )


@pytest.fixture
def ids(site: Site) -> dict[str, int]:
    """People, what gifts are for, and some transactions, by name."""
    north = site.insert("centers", name="North")
    south = site.insert("centers", name="South")
    found = {
        "north": north,
        "ann": site.person(member_id="m1", primary_email="ann@x.org"),
        "bob": site.person(member_id="m2", primary_email="bob@x.org"),
        "gone": site.person(member_id="m9", primary_email="gone@x.org", removed=True),
        "spring": site.insert("campaigns", name="Spring Appeal"),
        "twin": site.insert("campaigns", name="Twin"),
        "other_twin": site.insert("campaigns", name="TWIN"),
        "southern": site.insert("campaigns", name="Of the South", center_id=south),
        "web": site.insert("donation_forms", name="Web"),
        "land": site.insert("designations", name="Land"),
    }
    for name, kind in (("gala", "calendar"), ("run", "teamraiser")):
        site.insert("events", name=name.capitalize(), kind=kind)
        [(found[name],)] = site.sql("SELECT max(id) FROM events")
    site.insert("center_members", center_id=north, constituent_id=found["bob"])
    put(site, found["ann"], "OLD-1", check_number="7")
    put(site, found["bob"], "OLD-2")
    put(site, found["ann"], "T900", creation_method=1)
    put(site, found["ann"], "YEN-1", "5000", currency="JPY")
    for key, online, foreign in (
        ("campaign", found["spring"], "SPR"),
        ("campaign", 999_999, "LOST"),
        ("teamraiser", found["run"], "RUN26"),
    ):
        [(type_id,)] = site.sql("SELECT id FROM cross_reference_types WHERE key = %s", key)
        site.connection.execute(
            "INSERT INTO cross_reference_entries (type_id, online_value, foreign_values,"
            " online_key, foreign_key, searched) VALUES (%s, %s, ARRAY[%s], lpad(%s, 19, '0'),"
            " lower(%s), %s)",
            [type_id, str(online), foreign, str(online), foreign, foreign],
        )
    return found


CASES: list[tuple[str, dict[str, str], str | Reject, dict[str, Any]]] = [
    (
        "a plain gift",
        {},
        "created ann",
        {"amount": "50.00", "currency": "USD", "payment_date": "2026-03-01",
         "tender_type": "check", "creation_method": "0", "transaction_type": "donation",
         "settled_on": "2026-03-01"},
    ),
    ("by email", {"MEMBER_ID": "", "PRIMARY_EMAIL": "BOB@x.org"}, "created bob", {}),
    ("by CONS_ID", {"MEMBER_ID": "", "CONS_ID": "{ann}"}, "created ann", {}),
    ("nobody's", {"MEMBER_ID": "m7"}, reject("person_not_found", "“m7” belongs to nobody"), {}),
    ("a removed record's", {"MEMBER_ID": "m9"}, reject("removed"), {}),
    ("with no key", {"MEMBER_ID": ""}, reject("no_key"), {}),
    ("a whole amount", {"AMOUNT": "$1,250"}, "created ann", {"amount": "1250.00"}),
    ("a tenth", {"AMOUNT": "0.1"}, "created ann", {"amount": "0.10"}),
    ("yen", {"AMOUNT": "5000", "CURRENCY": "jpy"}, "created ann",
     {"amount": "5000", "currency": "JPY"}),
    ("dinars", {"AMOUNT": "1.5", "CURRENCY": "KWD"}, "created ann", {"amount": "1.500"}),
    ("half a cent", {"AMOUNT": "0.005"},
     reject("amount_misfit", "AMOUNT is 0.005", "USD has 2 decimals"), {}),
    ("half a yen", {"AMOUNT": "50.5", "CURRENCY": "JPY"},
     reject("amount_misfit", "JPY has no decimals"), {}),
    ("less than nothing", {"AMOUNT": "-5"}, reject("amount_misfit", "-5.00 USD", "refund"), {}),
    ("a word for an amount", {"AMOUNT": "fifty"}, reject("not_a_number", "“fifty”"), {}),
    ("a comma for a point", {"AMOUNT": "12,50"}, reject("not_a_number", "“12,50”"), {}),
    ("no amount", {"AMOUNT": ""}, reject("missing_value", "AMOUNT is blank"), {}),
    ("no date", {"PAYMENT_DATE": ""}, reject("missing_value", "PAYMENT_DATE is blank"), {}),
    ("no tender", {"TENDER_TYPE": " "}, reject("missing_value", "check, cash, credit_card"), {}),
    ("no ID", {"TRANSACTION_ID": ""}, reject("missing_value", "TRANSACTION_ID is blank"), {}),
    ("an unknown tender", {"TENDER_TYPE": "iou"}, reject("not_a_choice", "“iou”"), {}),
    ("a tender in capitals", {"TENDER_TYPE": "Cash"}, "created ann", {"tender_type": "cash"}),
    ("no currency", {"CURRENCY": "$"}, reject("not_a_choice", "three letters"), {}),
    ("a date that is none", {"PAYMENT_DATE": "31/31/2026"}, reject("not_a_date"), {}),
    ("a date to come", {"PAYMENT_DATE": "2999-01-01"}, reject("date_out_of_range"), {}),
    ("part of it deductible", {"TAX_DEDUCTIBLE": "30"}, "created ann", {"tax_deductible": "30.00"}),
    ("more deductible than given", {"TAX_DEDUCTIBLE": "60"},
     reject("amount_misfit", "60.00 USD of an AMOUNT of 50.00 USD"), {}),
    ("what is made online", {"TRANSACTION_TYPE": "ecommerce_order"}, reject("not_a_choice"), {}),
    ("a refund", {"TRANSACTION_TYPE": "refund", "REFUND_OF": "OLD-1"}, "created ann",
     {"amount": "-50.00", "transaction_type": "refund"}),
    ("a refund with its sign", {"TRANSACTION_TYPE": "refund", "AMOUNT": "(50)"}, "created ann",
     {"amount": "-50.00", "refund_of": None}),
    ("a refund of nobody's", {"TRANSACTION_TYPE": "refund", "REFUND_OF": "NO"},
     reject("unknown_transaction", "“NO”"), {}),
    ("a refund of another's", {"TRANSACTION_TYPE": "refund", "REFUND_OF": "OLD-2"},
     reject("unknown_transaction", "“OLD-2”", "this person has none"), {}),
    ("of something, but no refund", {"REFUND_OF": "OLD-1"},
     reject("not_a_choice", "REFUND_OF is filled in"), {}),
    ("of itself", {"TRANSACTION_TYPE": "refund", "REFUND_OF": "G-1"},
     reject("unknown_transaction", "own TRANSACTION_ID"), {}),
    ("recurring", {"TRANSACTION_TYPE": "recurring_payment", "RECURRING_OF": "OLD-1"},
     "created ann", {"transaction_type": "recurring_payment"}),
    ("a campaign by its code", {"CAMPAIGN": "spr"}, "created ann", {"campaign_id": "{spring}"}),
    ("a campaign by number", {"CAMPAIGN": "{spring}"}, "created ann",
     {"campaign_id": "{spring}"}),
    ("a campaign by name", {"CAMPAIGN": " spring  APPEAL "}, "created ann",
     {"campaign_id": "{spring}"}),
    ("a campaign nobody knows", {"CAMPAIGN": "Winter"},
     reject("unmapped_value", "“Winter”, which is no campaign here"), {}),
    ("a name that two have", {"CAMPAIGN": "twin"}, reject("several_of_name", "“twin”"), {}),
    ("a code of one that is gone", {"CAMPAIGN": "LOST"},
     reject("unmapped_value", "read as campaign 999999"), {}),
    ("a form and a fund", {"FORM": "web", "DESIGNATION": "Land"}, "created ann",
     {"form_id": "{web}", "designation_id": "{land}"}),
    ("an event", {"EVENT": "Gala"}, "created ann", {"event_id": "{gala}"}),
    ("a TeamRaiser by its code", {"EVENT": "run26"}, "created ann", {"event_id": "{run}"}),
    ("a tribute", {"TRIBUTE_TYPE": "in_memory", "TRIBUTE_NAME": "Jo"}, "created ann",
     {"tribute_type": "in_memory", "tribute_name": "Jo"}),
    ("the same again", {"TRANSACTION_ID": "OLD-1", "AMOUNT": "20", "PAYMENT_DATE": "1/5/2026",
                        "TENDER_TYPE": "cash"}, "unchanged ann", {}),
    ("a correction", {"TRANSACTION_ID": "OLD-1", "AMOUNT": "25"}, "updated ann", {}),
    ("another's ID", {"TRANSACTION_ID": "OLD-2"},
     reject("transaction_taken", "“OLD-2”", "constituent {bob}"), {}),
    ("an online transaction's ID", {"TRANSACTION_ID": "T900"},
     reject("transaction_online", "was made online"), {}),
    ("a currency left out", {"TRANSACTION_ID": "YEN-1", "AMOUNT": "6000"},
     reject("missing_value", "CURRENCY is blank", "JPY"), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "expected", "values"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_each_rule(
    site: Site, ids: dict[str, int], cells: dict[str, str], expected: Any, values: dict[str, Any]
) -> None:
    before = stored(site)
    people = site.state()
    imported = upload(site, fill([gift(**cells)], ids))
    check_row(imported.rows[2], expected, ids)
    assert site.state() == people
    after = stored(site)
    outcome = expected.split()[0] if isinstance(expected, str) else ""
    assert len(after) - len(before) == (outcome == "created")
    assert (after != before) is (outcome in ("created", "updated"))
    if outcome == "created":
        wanted = {
            name: value.format_map(ids) if isinstance(value, str) else value
            for name, value in values.items()
        }
        assert {name: after[-1][name] for name in wanted} == wanted
    if imported.run.counts["created"] or imported.run.counts["updated"]:
        site.undo(imported.run.id)
    assert stored(site) == before


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_all_rules_in_one_file(site: Site, ids: dict[str, int], chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    before = stored(site)
    rows = []
    for number, (_, cells, _, _) in enumerate(CASES):
        key = cells.get("TRANSACTION_ID", f"G-{number}")
        belongs = {"REFUND_OF": key} if cells.get("REFUND_OF") == "G-1" else {}
        rows.append(gift(**cells) | {"TRANSACTION_ID": key} | belongs)
    imported = upload(site, fill(rows, ids))
    seen: set[str] = set()
    for row, sent, (name, _, expected, _) in zip(imported.rows.values(), rows, CASES, strict=True):
        if sent["TRANSACTION_ID"] == "OLD-1" and "OLD-1" in seen:
            expected = reject("repeated_transaction", "in row ")
        seen.add(sent["TRANSACTION_ID"])
        check_row(row, expected, ids), name
    again = upload(site, fill(rows, ids))
    assert again.run.counts["created"] == again.run.counts["updated"] == 0
    site.undo(imported.run.id)
    assert stored(site) == before


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_an_id_twice_in_a_file(site: Site, ids: dict[str, int], chunk_rows: int) -> None:
    """Money is never counted twice, nor overwritten by a slip: the later row is rejected."""
    site.set(chunk_rows=chunk_rows)
    rows = [gift(MEMBER_ID="m404"), gift(), gift(AMOUNT="70"), gift(MEMBER_ID="m2"), gift()]
    imported = upload(site, rows)
    assert [row.codes for row in imported.rows.values()] == [
        ("person_not_found",), (), *[("repeated_transaction",)] * 3,
    ]  # fmt: skip
    assert "row 3 of this file" in imported.rows[4].messages[0]
    assert [found["amount"] for found in stored(site)][-1] == "50.00"
    assert imported.run.tallies["amounts"] == {"USD": 50_000}


@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_what_belongs_to_a_gift_of_the_same_file(
    site: Site, ids: dict[str, int], chunk_rows: int
) -> None:
    site.set(chunk_rows=chunk_rows)
    before = stored(site)
    rows = [
        gift(TRANSACTION_ID="A"),
        gift(TRANSACTION_ID="B", TRANSACTION_TYPE="recurring_payment", RECURRING_OF="A"),
        gift(TRANSACTION_ID="C", TRANSACTION_TYPE="refund", REFUND_OF="B"),
        gift(TRANSACTION_ID="D", MEMBER_ID="m2", TRANSACTION_TYPE="refund", REFUND_OF="A"),
        gift(TRANSACTION_ID="E", TRANSACTION_TYPE="refund", REFUND_OF="NO"),
    ]
    imported = upload(site, rows)
    outcomes = [row.outcome for row in imported.rows.values()]
    assert outcomes == ["created"] * 3 + ["rejected"] * 2
    numbers = dict(site.sql("SELECT transaction_id, id FROM transactions"))
    made = {found["transaction_id"]: found for found in stored(site)}
    assert made["B"]["recurring_of"] == str(numbers["A"])
    assert made["C"]["refund_of"] == str(numbers["B"])
    assert imported.run.tallies["amounts"] == {"USD": 100_000, "-USD": 50_000}
    assert site.undo(imported.run.id).tallies["removed"] == 3
    assert stored(site) == before


def test_a_blank_cell_keeps(site: Site, ids: dict[str, int]) -> None:
    row = {
        "TRANSACTION_ID": "OLD-1", "MEMBER_ID": "m1", "AMOUNT": "25", "PAYMENT_DATE": "2026-01-06",
        "TENDER_TYPE": "cash", "CHECK_NUMBER": "", "CAMPAIGN": "Spring Appeal",
    }  # fmt: skip
    imported = upload(site, [row])
    assert imported.preview is not None
    looked = imported.preview.rows[2]
    assert looked.before == {"amount": "20.00", "payment_date": "2026-01-05", "campaign": None}
    assert looked.changes == {
        "amount": "25.00", "payment_date": "2026-01-06", "campaign": "Spring Appeal",
    }  # fmt: skip
    found = stored(site)[0]
    assert (found["check_number"], found["settled_on"]) == ("7", "2026-01-06")
    assert imported.run.tallies.get("amounts", {}) == {}


def test_what_a_new_gift_looks_like(site: Site, ids: dict[str, int]) -> None:
    imported = upload(site, [gift(EVENT="RUN26", CHECK_NUMBER="0012")])
    assert imported.preview is not None
    assert imported.preview.rows[2].changes == {
        "transaction_id": "G-1", "transaction_type": "donation", "amount": "50.00",
        "currency": "USD", "payment_date": "2026-03-01", "tender_type": "check",
        "check_number": "0012", "event": "Run",
    }  # fmt: skip


def test_the_sites_own_currency(site: Site, ids: dict[str, int]) -> None:
    site.set(currency="JPY")
    imported = upload(site, [gift(AMOUNT="5000"), gift(TRANSACTION_ID="G-2", AMOUNT="50.5")])
    assert [row.outcome for row in imported.rows.values()] == ["created", "rejected"]
    assert stored(site)[-1]["currency"] == "JPY"


def test_values_nobody_mapped_are_listed(site: Site, ids: dict[str, int]) -> None:
    rows = [
        gift(TRANSACTION_ID=f"G-{n}", CAMPAIGN=name)
        for n, name in enumerate(("Winter", "winter", "SPR", "Autumn", "Spring Appeal", ""))
    ]
    imported = upload(site, rows)
    seen = site.sql(
        "SELECT foreign_key, rows, first_row FROM cross_reference_seen WHERE run_id = %s"
        " ORDER BY foreign_key",
        imported.run.id,
    )
    assert seen == [("autumn", 1, 5), ("winter", 2, 2)]


def test_a_center_touches_its_own_people(site: Site, ids: dict[str, int]) -> None:
    rows = [
        gift(),
        gift(TRANSACTION_ID="G-2", MEMBER_ID="m2"),
        gift(TRANSACTION_ID="G-3", MEMBER_ID="m2", CAMPAIGN="Of the South"),
    ]
    imported = upload(site, rows, center_id=ids["north"])
    codes = [row.codes for row in imported.rows.values()]
    assert codes == [("other_center",), (), ("unmapped_value",)]


# Between preview and run, and after -----------------------------------------------------------


def test_what_the_preview_showed_is_what_happens(site: Site, ids: dict[str, int]) -> None:
    rows = [
        gift(),
        gift(TRANSACTION_ID="OLD-1", AMOUNT="25"),
        gift(TRANSACTION_ID="OLD-2", MEMBER_ID="m2", AMOUNT="30"),
    ]
    draft = site.draft(rows, operation=OPERATION)
    site.preview(draft)
    put(site, ids["ann"], "G-1", "50.00")
    site.connection.execute("UPDATE transactions SET amount = 21.00 WHERE transaction_id = 'OLD-1'")
    run = site.run(draft)
    outcomes = [row.outcome for row in run.rows.values()]
    # The correction of OLD-1 leads to the same, but from another amount than was shown
    assert outcomes == ["withheld", "updated", "updated"]


def test_what_others_changed_since_is_kept(site: Site, ids: dict[str, int]) -> None:
    rows = [
        gift(TRANSACTION_ID="A"),
        gift(TRANSACTION_ID="B"),
        gift(TRANSACTION_ID="C"),
        gift(TRANSACTION_ID="OLD-1", AMOUNT="25", CHECK_NUMBER="8"),
    ]
    imported = upload(site, rows)
    with site.connection.transaction():
        site.act_as("Mary Editor")
        site.connection.execute("UPDATE transactions SET amount = 60 WHERE transaction_id = 'A'")
        site.connection.execute(
            "UPDATE transactions SET amount = 26 WHERE transaction_id = 'OLD-1'"
        )
        put(
            site, ids["ann"], "R-1", "-50.00", transaction_type="refund",
            refund_of=site.sql("SELECT id FROM transactions WHERE transaction_id = 'B'")[0][0],
        )  # fmt: skip
    looked = site.undo_preview(imported.run.id)
    undone = site.undo(imported.run.id)
    for found in (looked, undone):
        assert {n: found.tallies[n] for n in ("removed", "restored", "kept")} == {
            "removed": 1, "restored": 1, "kept": 3,
        }  # fmt: skip
    sentences = " ".join(message for row in undone.rows.values() for message in row.messages)
    assert "Transaction A stays: it was changed since by Mary Editor" in sentences
    assert "Transaction B stays: it was needed since by R-1" in sentences
    assert "AMOUNT of transaction OLD-1 keeps its present value" in sentences
    kept = {found["transaction_id"]: found for found in stored(site)}
    assert set(kept) == {"A", "B", "OLD-1", "OLD-2", "T900", "YEN-1", "R-1"}
    assert (kept["OLD-1"]["amount"], kept["OLD-1"]["check_number"]) == ("26", "7")


def test_somebody_with_gifts_stays_when_their_import_is_undone(
    site: Site, ids: dict[str, int]
) -> None:
    made = site.import_rows([{"MEMBER_ID": "m50", "LAST_NAME": "New"}])
    upload(site, [gift(MEMBER_ID="m50")])
    undone = site.undo(made.run.id)
    assert undone.tallies["kept"] == 1
    assert site.stored(made.rows[2].constituent_id)["is_active"]
