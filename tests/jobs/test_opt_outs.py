"""Promise 7: no import turns an opt-out into an opt-in without an explicit, logged choice."""

from __future__ import annotations

import pytest

from tests.jobs.cases import Case, check, parameters
from tests.jobs.site import CHUNK_SIZES, Site

OUT = {"member_id": "m1", "accepts_email": False, "accepts_postal_mail": False}
IN = {"member_id": "m1", "accepts_email": True, "accepts_postal_mail": True}

CASES = [
    Case(
        "No stays No, and the rest of the row is applied",
        [{"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "Yes", "FIRST_NAME": "Ann"}],
        ["updated ann"],
        {"ann": OUT},
        {"ann": {**OUT, "first_name": "Ann"}},
    ),
    Case(
        "No stays No, and nothing else changes",
        [{"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "1", "ACCEPTS_POSTAL_MAIL": "true"}],
        ["unchanged ann"],
        {"ann": OUT},
        {"ann": OUT},
    ),
    Case(
        "Yes becomes No",
        [{"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "No", "ACCEPTS_POSTAL_MAIL": "f"}],
        ["updated ann"],
        {"ann": IN},
        {"ann": OUT},
    ),
    Case(
        "blank keeps both",
        [{"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "", "ACCEPTS_POSTAL_MAIL": ""}],
        ["unchanged ann"],
        {"ann": {**OUT, "accepts_postal_mail": True}},
        {"ann": {**OUT, "accepts_postal_mail": True}},
    ),
    Case(
        "a row that opts out is not undone by a later one of the same file",
        [
            {"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "No"},
            {"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "Yes"},
        ],
        ["updated ann", "unchanged ann"],
        {"ann": IN},
        {"ann": {"accepts_email": False}},
    ),
    Case(
        "a person made by the file opts out in it for good",
        [
            {"MEMBER_ID": "m5", "ACCEPTS_EMAIL": "No"},
            {"MEMBER_ID": "m5", "ACCEPTS_EMAIL": "Yes"},
        ],
        ["created", "unchanged"],
        stored={"row 2": {"accepts_email": False}},
    ),
    Case(
        "chosen explicitly, No becomes Yes",
        [{"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "Yes", "ACCEPTS_POSTAL_MAIL": "y"}],
        ["updated ann"],
        {"ann": OUT},
        {"ann": IN},
        options={"opt_in_again": True},
    ),
    Case(
        "other yes-or-no fields are no opt-outs",
        [{"MEMBER_ID": "m1", "MATCHED_DONOR": "Yes"}],
        ["updated ann"],
        {"ann": {**IN, "matched_donor": False}},
        {"ann": {"matched_donor": True}},
    ),
]


@pytest.mark.parametrize(("case", "chunk_rows"), parameters(CASES))
def test_opt_outs(site: Site, case: Case, chunk_rows: int) -> None:
    imported = check(site, case, chunk_rows)
    told = [
        row.number
        for row in imported.rows.values()
        if any("cannot opt anybody in again" in note for note in row.notes)
    ]
    says_yes = [
        number
        for number, cells in enumerate(case.rows, 2)
        if cells.get("ACCEPTS_EMAIL", "No").lower() in ("yes", "1")
    ]
    assert told == ([] if case.options else says_yes)
    assert imported.run.tallies["opt_outs_kept"] == len(told)


def test_the_note_names_each_choice_that_was_kept(site: Site) -> None:
    site.person(**OUT)
    row = {"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "Yes", "ACCEPTS_POSTAL_MAIL": "Yes"}
    notes = site.import_rows([row]).rows[2].notes
    assert [note.partition(" ")[0] for note in notes] == ["ACCEPTS_EMAIL", "ACCEPTS_POSTAL_MAIL"]
    assert all("stays No: this person opted out" in note for note in notes)


def test_opting_in_again_is_in_the_change_log(site: Site) -> None:
    ann = site.person(**OUT)
    user = site.user("Ada Admin")
    run = site.import_rows(
        [{"MEMBER_ID": "m1", "ACCEPTS_EMAIL": "Yes"}], opt_in_again=True, user_id=user
    ).run
    logged = site.sql(
        "SELECT actor, actor_id, run_id, row_number, old -> 'accepts_email' FROM change_log"
        " WHERE constituent_id = %s AND table_name = 'constituents' AND op = 'update'",
        ann,
    )
    assert logged == [("Ada Admin", user, run.id, 2, "f")]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("chunk_rows", CHUNK_SIZES)
def test_interests(site: Site, again: bool, chunk_rows: int) -> None:
    site.set(chunk_rows=chunk_rows)
    news = site.interest("News")
    (into, out_of) = site.sql(
        "SELECT opt_in_group_id, opt_out_group_id FROM interests WHERE id = %s", news
    )[0]
    people = {
        choice: site.person(member_id=f"m{choice}") for choice in ("new", "opted in", "opted out")
    }
    for choice in ("opted in", "opted out"):
        values = {"interest_id": news, "constituent_id": people[choice]}
        site.insert("interest_choices", opted_in=choice == "opted in", **values)
        group = into if choice == "opted in" else out_of
        site.insert("group_members", group_id=group, constituent_id=people[choice])
    rows = [{"MEMBER_ID": f"m{choice}", "INTEREST_IDS": str(news)} for choice in people]
    rows.append({"MEMBER_ID": "fresh", "INTEREST_IDS": f"{news}, {news}"})
    imported = site.import_rows(rows, opt_in_again=again)
    outcomes = [row.outcome for row in imported.rows.values()]
    assert outcomes == ["updated", "unchanged", "updated" if again else "unchanged", "created"]
    assert site.choice(news, people["new"]) is True
    assert site.choice(news, people["opted in"]) is True
    assert site.choice(news, people["opted out"]) is again
    fresh = imported.rows[5].constituent_id
    assert site.choice(news, fresh) is True
    everybody = {*people.values(), fresh}
    kept = set() if again else {people["opted out"]}
    assert site.members(into) == everybody - kept
    assert site.members(out_of) == kept
    assert imported.run.tallies["interests"] == {str(news): 3 if again else 2}
    assert imported.run.tallies["opt_outs_kept"] == (0 if again else 1)
    note = "Stays opted out of News: the file alone cannot opt anybody in again."
    assert imported.rows[4].notes == (() if again else (note,))


def test_who_is_only_in_the_opt_out_group_opted_out(site: Site) -> None:
    """As the Segmentation Upload and the interest's page understand it."""
    news = site.interest("News")
    [(out_of,)] = site.sql("SELECT opt_out_group_id FROM interests")
    ann = site.person(member_id="m1")
    site.insert("group_members", group_id=out_of, constituent_id=ann)
    before = site.state()
    imported = site.import_rows([{"MEMBER_ID": "m1", "INTEREST_IDS": str(news)}])
    assert imported.rows[2].outcome == "unchanged"
    assert imported.run.tallies["opt_outs_kept"] == 1
    assert {name: site.state()[name] for name in ("members", "choices")} == {
        name: before[name] for name in ("members", "choices")
    }
    again = site.import_rows([{"MEMBER_ID": "m1", "INTEREST_IDS": str(news)}], opt_in_again=True)
    assert again.rows[2].outcome == "updated"
    assert site.choice(news, ann) is True
    assert site.members(out_of) == set()


def test_a_row_may_be_all_about_an_interest_that_stays_out(site: Site) -> None:
    news, events = site.interest("News"), site.interest("Events", with_groups=False)
    ann = site.person(member_id="m1")
    site.insert("interest_choices", interest_id=news, constituent_id=ann, opted_in=False)
    row = site.import_rows([{"MEMBER_ID": "m1", "INTEREST_IDS": f"{events},{news}"}]).rows[2]
    assert row.outcome == "updated"
    assert len(row.notes) == 1
    assert site.choice(events, ann) is True
    assert site.choice(news, ann) is False
