"""DOMAIN "Standard Constituent Import", rule by rule: outcome, sentence and stored record, the same
in the preview and the run and at any chunk size."""

from __future__ import annotations

import pytest

from tests.jobs.cases import Case, check, parameters, reject
from tests.jobs.site import Site

ANN = {"primary_email": "ann@x.org", "first_name": "Ann", "member_id": "m1"}
BOB = {"primary_email": "bob@x.org", "first_name": "Bob", "member_id": "m2"}
GONE = {"primary_email": "gone@x.org", "member_id": "m9", "removed": True}
SHARED = {"unique_email": False}

KEYS = [
    Case(
        "CONS_ID alone matches, whatever the other keys say",
        [{"CONS_ID": "{bob}", "MEMBER_ID": "", "PRIMARY_EMAIL": "", "FIRST_NAME": "Robert"}],
        ["updated bob"],
        {"ann": ANN, "bob": BOB},
        {"bob": {"first_name": "Robert", "member_id": "m2", "primary_email": "bob@x.org"}},
    ),
    Case(
        "CONS_ID gives new keys",
        [{"CONS_ID": "{ann}", "MEMBER_ID": "m7", "PRIMARY_EMAIL": "a@new.org"}],
        ["updated ann"],
        {"ann": ANN},
        {"ann": {"member_id": "m7", "primary_email": "a@new.org", "first_name": "Ann"}},
    ),
    Case(
        "CONS_ID of nobody never creates",
        [{"CONS_ID": "999999", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "New"}],
        [reject("cons_id_unknown", "CONS_ID 999999 does not exist", "clear it")],
    ),
    Case(
        "CONS_ID of nobody is not matched by another key",
        [{"CONS_ID": "999999", "MEMBER_ID": "m1", "PRIMARY_EMAIL": "ann@x.org"}],
        [reject("cons_id_unknown", "999999")],
        {"ann": ANN},
    ),
    Case(
        "CONS_ID of a removed record",
        [{"CONS_ID": "{gone}", "FIRST_NAME": "Back"}],
        [reject("removed", "CONS_ID “{gone}”", "removed record", "Restore")],
        {"gone": GONE},
        {"gone": {"first_name": None}},
    ),
    Case(
        "CONS_ID that is no number",
        [{"CONS_ID": "A12"}],
        [reject("not_a_number", "CONS_ID is “A12”")],
    ),
    Case(
        "CONS_ID, the member ID is somebody else's",
        [{"CONS_ID": "{ann}", "MEMBER_ID": "m2"}],
        [reject("member_id_taken", "MEMBER_ID “m2”", "constituent {bob}")],
        {"ann": ANN, "bob": BOB},
        {"ann": {"member_id": "m1"}},
    ),
    Case(
        "CONS_ID, the email is somebody else's",
        [{"CONS_ID": "{ann}", "PRIMARY_EMAIL": "BOB@x.org"}],
        [reject("email_taken", "PRIMARY_EMAIL “BOB@x.org”", "constituent {bob}")],
        {"ann": ANN, "bob": BOB},
        {"ann": {"primary_email": "ann@x.org"}},
    ),
    Case(
        "CONS_ID, the email is somebody else's, emails may be shared",
        [{"CONS_ID": "{ann}", "PRIMARY_EMAIL": "bob@x.org"}],
        ["updated ann"],
        {"ann": ANN, "bob": BOB},
        {"ann": {"primary_email": "bob@x.org"}},
        SHARED,
    ),
    Case(
        "CONS_ID takes the keys of a removed record",
        [{"CONS_ID": "{ann}", "MEMBER_ID": "m9", "PRIMARY_EMAIL": "gone@x.org"}],
        ["updated ann"],
        {"ann": ANN, "gone": GONE},
        {"ann": {"member_id": "m9", "primary_email": "gone@x.org"}},
    ),
    Case(
        "MEMBER_ID before PRIMARY_EMAIL",
        [{"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "Anna"}],
        ["updated ann"],
        {"ann": ANN},
        {"ann": {"first_name": "Anna", "primary_email": "new@x.org"}},
    ),
    Case(
        "MEMBER_ID, exactly as written",
        [{"MEMBER_ID": "M1", "FIRST_NAME": "Other"}],
        ["created"],
        {"ann": ANN},
        {"row 2": {"member_id": "M1"}, "ann": {"first_name": "Ann"}},
    ),
    Case(
        "MEMBER_ID keeps its zeros",
        [{"MEMBER_ID": "007", "FIRST_NAME": "James"}],
        ["created"],
        {"seven": {"member_id": "7"}},
        {"row 2": {"member_id": "007"}},
    ),
    Case(
        "MEMBER_ID of a removed record",
        [{"MEMBER_ID": "m9", "PRIMARY_EMAIL": "fresh@x.org"}],
        [reject("removed", "MEMBER_ID “m9”", "constituent {gone}")],
        {"gone": GONE},
    ),
    Case(
        "MEMBER_ID of an active and a removed record",
        [{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}],
        ["updated ann"],
        {"gone": {**GONE, "member_id": "m1"}, "ann": ANN},
        {"ann": {"first_name": "Anna"}},
    ),
    Case(
        "MEMBER_ID, the email is somebody else's",
        [{"MEMBER_ID": "m1", "PRIMARY_EMAIL": "bob@x.org"}],
        [reject("email_taken", "PRIMARY_EMAIL “bob@x.org”", "constituent {bob}")],
        {"ann": ANN, "bob": BOB},
        {"ann": {"primary_email": "ann@x.org"}},
    ),
    Case(
        "MEMBER_ID, the email is somebody else's, emails may be shared",
        [{"MEMBER_ID": "m1", "PRIMARY_EMAIL": "bob@x.org"}],
        ["updated ann"],
        {"ann": ANN, "bob": BOB},
        {"ann": {"primary_email": "bob@x.org"}},
        SHARED,
    ),
    Case(
        "MEMBER_ID of nobody, a blank member ID has the email",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "ANN@X.org", "LAST_NAME": "Lee"}],
        ["updated ann"],
        {"ann": {"primary_email": "ann@x.org", "first_name": "Ann"}},
        {"ann": {"member_id": "m5", "last_name": "Lee", "first_name": "Ann"}},
    ),
    Case(
        "MEMBER_ID of nobody, another member has the email",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "ann@x.org"}],
        [reject("email_taken", "“ann@x.org”", "constituent {ann}")],
        {"ann": ANN},
    ),
    Case(
        "MEMBER_ID of nobody, another member has the email, emails may be shared",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "ann@x.org"}],
        ["created"],
        {"ann": ANN},
        {"row 2": {"member_id": "m5", "primary_email": "ann@x.org"}},
        SHARED,
    ),
    Case(
        "MEMBER_ID of nobody, two blank member IDs have the email",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "a@x.org"}],
        [reject("several_email", "PRIMARY_EMAIL “a@x.org”", "several active records")],
        {"one": {"primary_email": "a@x.org"}, "two": {"primary_email": "A@x.org"}},
    ),
    Case(
        "MEMBER_ID of nobody, one with and one without member ID have the email",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "a@x.org"}],
        ["updated two"],
        {
            "one": {"primary_email": "a@x.org", "member_id": "m1"},
            "two": {"primary_email": "a@x.org"},
        },
        {"two": {"member_id": "m5"}},
    ),
    Case(
        "MEMBER_ID of nobody, the blank member ID does not accept email",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "a@x.org"}],
        [reject("email_taken", "“a@x.org”", "constituent {one}")],
        {"one": {"primary_email": "a@x.org", "accepts_email": False}},
    ),
    Case(
        "MEMBER_ID of nobody creates",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "New@x.org", "FIRST_NAME": "Nora"}],
        ["created"],
        {"ann": ANN},
        {"row 2": {"member_id": "m5", "primary_email": "New@x.org", "first_name": "Nora"}},
    ),
    Case(
        "MEMBER_ID of nobody without an email creates",
        [{"MEMBER_ID": "m5"}],
        ["created"],
        {"ann": {"first_name": "No email"}},
        {"row 2": {"member_id": "m5", "primary_email": None}},
    ),
    Case(
        "PRIMARY_EMAIL in any case",
        [{"PRIMARY_EMAIL": " Ann@X.ORG ", "FIRST_NAME": "Anna"}],
        ["updated ann"],
        {"ann": ANN},
        {"ann": {"first_name": "Anna", "primary_email": "Ann@X.ORG", "member_id": "m1"}},
    ),
    Case(
        "PRIMARY_EMAIL of several",
        [{"PRIMARY_EMAIL": "a@x.org", "FIRST_NAME": "Anna"}],
        [reject("several_email", "PRIMARY_EMAIL “a@x.org”", "CONS_ID or MEMBER_ID")],
        {"one": {"primary_email": "a@x.org"}, "two": {"primary_email": "a@x.org"}},
    ),
    Case(
        "PRIMARY_EMAIL of several, emails may be shared",
        [{"PRIMARY_EMAIL": "a@x.org", "FIRST_NAME": "Anna"}],
        ["created"],
        {"one": {"primary_email": "a@x.org"}, "two": {"primary_email": "a@x.org"}},
        {"row 2": {"first_name": "Anna"}, "one": {"first_name": None}},
        SHARED,
    ),
    Case(
        "PRIMARY_EMAIL of one, emails may be shared",
        [{"PRIMARY_EMAIL": "ann@x.org", "FIRST_NAME": "Anna"}],
        ["updated ann"],
        {"ann": ANN},
        {"ann": {"first_name": "Anna"}},
        SHARED,
    ),
    Case(
        "PRIMARY_EMAIL of a removed record",
        [{"PRIMARY_EMAIL": "gone@x.org"}],
        [reject("removed", "PRIMARY_EMAIL “gone@x.org”", "constituent {gone}")],
        {"gone": GONE},
    ),
    Case(
        "PRIMARY_EMAIL of an active and a removed record",
        [{"PRIMARY_EMAIL": "gone@x.org", "FIRST_NAME": "Back"}],
        ["updated again"],
        {"gone": GONE, "again": {"primary_email": "gone@x.org"}},
        {"again": {"first_name": "Back"}, "gone": {"first_name": None}},
    ),
    Case(
        "PRIMARY_EMAIL of who does not accept email",
        [{"PRIMARY_EMAIL": "a@x.org", "FIRST_NAME": "Anna"}],
        [reject("email_unreachable", "“a@x.org”", "constituent {one}", "does not accept email")],
        {"one": {"primary_email": "a@x.org", "accepts_email": False}},
        {"one": {"first_name": None}},
    ),
    Case(
        "PRIMARY_EMAIL of who does not accept email, emails may be shared",
        [{"PRIMARY_EMAIL": "a@x.org", "FIRST_NAME": "Anna"}],
        ["created"],
        {"one": {"primary_email": "a@x.org", "accepts_email": False}},
        {"one": {"first_name": None}},
        SHARED,
    ),
    Case(
        "who does not accept email is matched by the other keys",
        [
            {"CONS_ID": "{one}", "MEMBER_ID": "", "FIRST_NAME": "Anna"},
            {"CONS_ID": "", "MEMBER_ID": "m1", "FIRST_NAME": "Annie"},
        ],
        ["updated one", "updated one"],
        {"one": {"primary_email": "a@x.org", "member_id": "m1", "accepts_email": False}},
        {"one": {"first_name": "Annie"}},
    ),
    Case(
        "PRIMARY_EMAIL of nobody creates",
        [{"PRIMARY_EMAIL": "new@x.org", "LAST_NAME": "Newman"}],
        ["created"],
        {"ann": ANN},
        {"row 2": {"primary_email": "new@x.org", "member_id": None, "active_detail": "Prospect"}},
    ),
    Case(
        "no key at all",
        [
            {"CONS_ID": " ", "MEMBER_ID": "", "PRIMARY_EMAIL": "\u00a0", "FIRST_NAME": "Nobody"},
            {"MEMBER_ID": "m1", "FIRST_NAME": "Ann"},
        ],
        [reject("no_key", "CONS_ID, MEMBER_ID and PRIMARY_EMAIL are all blank"), "unchanged ann"],
        {"ann": ANN},
    ),
]

VALUES = [
    Case(
        "a value replaces, a blank keeps",
        [{"MEMBER_ID": "m1", "FIRST_NAME": "Anna", "LAST_NAME": "  ", "BIRTH_DATE": ""}],
        ["updated ann"],
        {"ann": {**ANN, "last_name": "Lee", "birth_date": "1980-01-02"}},
        {"ann": {"first_name": "Anna", "last_name": "Lee", "birth_date": "1980-01-02"}},
    ),
    Case(
        "what is stored already changes nothing",
        [{"MEMBER_ID": "m1", "FIRST_NAME": " Ann ", "BIRTH_DATE": "1/2/1980",
          "LAST_NAME": "Jose\u0301"}],
        ["unchanged ann"],
        {"ann": {**ANN, "birth_date": "1980-01-02", "last_name": "José"}},
        {"ann": {"last_name": "José", "birth_date": "1980-01-02"}},
    ),
    Case(
        "a change of capitals is a change",
        [{"MEMBER_ID": "m1", "FIRST_NAME": "ANN"}],
        ["updated ann"],
        {"ann": ANN},
        {"ann": {"first_name": "ANN"}},
    ),
    Case(
        "unicode is kept as it came",
        [{"MEMBER_ID": "m5", "FIRST_NAME": "Jose\u0301", "LAST_NAME": "山田 👩‍👧"}],
        ["created"],
        stored={"row 2": {"first_name": "Jose\u0301", "last_name": "山田 👩‍👧"}},
    ),
    Case(
        "text of a spreadsheet or a database stays text",
        [{"MEMBER_ID": "=1+1", "FIRST_NAME": "NULL", "LAST_NAME": "\\N", "NICKNAME": "'; --",
          "EMPLOYER": 'A "B", C', "POSITION": "{x}"}],
        ["created"],
        {"x": ANN},
        {"row 2": {"member_id": "=1+1", "first_name": "NULL", "last_name": "\\N",
                   "nickname": "'; --", "employer": 'A "B", C'}},
    ),
    Case(
        "a line break in a cell",
        [{"MEMBER_ID": "m5", "HOME_STREET1": "1 Elm St\nApt 4"}],
        ["created"],
        stored={"row 2": {"home_street1": "1 Elm St\nApt 4"}},
    ),
    Case(
        "defaults of a new record",
        [{"MEMBER_ID": "m5", "ACCEPTS_EMAIL": "", "EMAIL_STATUS": ""}],
        ["created"],
        stored={
            "row 2": {
                "accepts_email": True,
                "accepts_postal_mail": True,
                "email_status": "unknown",
                "active_detail": "Prospect",
                "is_active": True,
                "source": "Standard Constituent Import",
                "sub_source": "Members",
                "matched_donor": None,
                "custom": {},
            }
        },
    ),
    Case(
        "origin from the file",
        [{"MEMBER_ID": "m5", "SOURCE": "Fair", "SUB_SOURCE": ""},
         {"MEMBER_ID": "m1", "SOURCE": "", "SUB_SOURCE": "Booth 3"}],
        ["created", "updated ann"],
        {"ann": {**ANN, "source": "Web"}},
        {"row 2": {"source": "Fair", "sub_source": "Members"},
         "ann": {"source": "Web", "sub_source": "Booth 3"}},
    ),
    Case(
        "an update leaves the origin alone",
        [{"MEMBER_ID": "m1", "FIRST_NAME": "Anna"}],
        ["updated ann"],
        {"ann": ANN},
        {"ann": {"source": None, "sub_source": None}},
    ),
    Case(
        "every kind of value, with choices in any case",
        [{"MEMBER_ID": "m5", "BIRTH_DATE": "3/31/1980", "PREFERRED_PHONE": "MOBILE",
          "EMAIL_STATUS": "Good", "MATCHED_DONOR": "t", "ACCEPTS_EMAIL": "N", "HOME_ZIP": "02134"}],
        ["created"],
        stored={"row 2": {"birth_date": "1980-03-31", "preferred_phone": "mobile",
                          "email_status": "good", "matched_donor": True, "accepts_email": False,
                          "home_zip": "02134"}},
    ),
    Case(
        "dates with the day first",
        [{"MEMBER_ID": "m5", "BIRTH_DATE": "3.4.1980"}],
        ["created"],
        stored={"row 2": {"birth_date": "1980-04-03"}},
        options={"date_order": "dmy"},
    ),
    Case(
        "a date that isn't one",
        [{"MEMBER_ID": "m5", "BIRTH_DATE": "31/2/1980"}],
        [reject("not_a_date", "BIRTH_DATE is “31/2/1980”", "month/day/year")],
    ),
    Case(
        "a value too long is never cut",
        [{"MEMBER_ID": "m5", "FIRST_NAME": "x" * 51}],
        [reject("too_long", "FIRST_NAME has 51 characters and can have 50", "Shorten it")],
    ),
    Case(
        "neither yes nor no",
        [{"MEMBER_ID": "m5", "ACCEPTS_EMAIL": "maybe"}],
        [reject("not_yes_no", "ACCEPTS_EMAIL is “maybe”", "Write Yes or No")],
    ),
    Case(
        "not one of the choices",
        [{"MEMBER_ID": "m5", "PREFERRED_PHONE": "pager"}],
        [reject("not_a_choice", "PREFERRED_PHONE is “pager”", "home, work, mobile, fax")],
    ),
    Case(
        "not an email",
        [{"MEMBER_ID": "m5", "PRIMARY_EMAIL": "ann at x.org"}],
        [reject("not_an_email", "PRIMARY_EMAIL is “ann at x.org”", "name@example.org")],
    ),
    Case(
        "an invisible character",
        [{"MEMBER_ID": "m5", "FIRST_NAME": "A\x07nn"}],
        [reject("control_character", "FIRST_NAME holds an invisible character (U+0007)")],
    ),
]  # fmt: skip

ELM = {
    "member_id": "m1",
    "home_street1": "1 Elm St",
    "home_street2": "Apt 4",
    "home_city": "Rome",
    "home_stateprov": "NY",
    "home_zip": "13440",
    "home_county": "Oneida",
    "home_country": "US",
}


def moved(**values: str) -> dict[str, str | None]:
    """An address with nothing of the old one left."""
    parts = ("street1", "street2", "street3", "city", "stateprov", "zip", "county", "country")
    return {f"home_{part}": values.get(part) for part in parts}


ADDRESSES = [
    Case(
        "another street replaces the whole address",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "9 Oak Ave", "HOME_CITY": "Oslo", "HOME_ZIP": ""}],
        ["updated ann"],
        {"ann": ELM},
        {"ann": moved(street1="9 Oak Ave", city="Oslo")},
    ),
    Case(
        "the same street keeps what is blank",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "1 Elm St", "HOME_CITY": "", "HOME_ZIP": "13441"}],
        ["updated ann"],
        {"ann": ELM},
        {"ann": {**ELM, "home_zip": "13441"}},
    ),
    Case(
        "the same street in other capitals is no other street",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "1 ELM ST", "HOME_ZIP": ""}],
        ["updated ann"],
        {"ann": ELM},
        {"ann": {**ELM, "home_street1": "1 ELM ST"}},
    ),
    Case(
        "a blank street keeps the address",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "", "HOME_CITY": "Troy"}],
        ["updated ann"],
        {"ann": ELM},
        {"ann": {**ELM, "home_city": "Troy"}},
    ),
    Case(
        "a file without streets changes parts",
        [{"MEMBER_ID": "m1", "HOME_ZIP": "13441", "HOME_CITY": ""}],
        ["updated ann"],
        {"ann": ELM},
        {"ann": {**ELM, "home_zip": "13441"}},
    ),
    Case(
        "another second line replaces the whole address",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "1 Elm St", "HOME_STREET2": "Apt 9", "HOME_ZIP": ""}],
        ["updated ann"],
        {"ann": ELM},
        {"ann": moved(street1="1 Elm St", street2="Apt 9")},
    ),
    Case(
        "a second line where there was none is no other street",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "1 Elm St", "HOME_STREET3": "Rear", "HOME_ZIP": ""}],
        ["updated ann"],
        {"ann": ELM},
        {"ann": {**ELM, "home_street3": "Rear"}},
    ),
    Case(
        "a street where there was none leaves no part of another address",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "9 Oak Ave", "HOME_CITY": ""}],
        ["updated ann"],
        {"ann": {"member_id": "m1", "home_city": "Rome", "home_zip": "13440"}},
        {"ann": moved(street1="9 Oak Ave")},
    ),
    Case(
        "each address is a block of its own",
        [{"MEMBER_ID": "m1", "ALT1_STREET1": "9 Oak Ave", "ALT2_STREET1": "", "ALT2_CITY": "Troy"}],
        ["updated ann"],
        {"ann": {**ELM, "alt1_street1": "3 Low Rd", "alt1_zip": "11111",
                 "alt2_street1": "5 High Rd", "alt2_zip": "22222"}},
        {"ann": {**ELM, "alt1_street1": "9 Oak Ave", "alt1_zip": None,
                 "alt2_street1": "5 High Rd", "alt2_city": "Troy", "alt2_zip": "22222"}},
    ),
    Case(
        "the same address again changes nothing",
        [{"MEMBER_ID": "m1", "HOME_STREET1": "1 Elm St", "HOME_STREET2": "Apt 4",
          "HOME_CITY": "Rome", "HOME_ZIP": "13440"}],
        ["unchanged ann"],
        {"ann": ELM},
        {"ann": ELM},
    ),
]  # fmt: skip

SEVERAL_ROWS = [
    Case(
        "rows of one person apply in file order",
        [
            {"MEMBER_ID": "m5", "FIRST_NAME": "A", "LAST_NAME": "One"},
            {"MEMBER_ID": "m6", "FIRST_NAME": "Z", "LAST_NAME": ""},
            {"MEMBER_ID": "m5", "FIRST_NAME": "B", "LAST_NAME": ""},
            {"MEMBER_ID": "m5", "FIRST_NAME": "B", "LAST_NAME": "One"},
            {"MEMBER_ID": "m5", "FIRST_NAME": "", "LAST_NAME": "Two"},
        ],
        ["created", "created", "updated", "unchanged", "updated"],
        stored={"row 2": {"first_name": "B", "last_name": "Two"}},
    ),
    Case(
        "rows of one person by different keys",
        [
            {"CONS_ID": "", "MEMBER_ID": "", "PRIMARY_EMAIL": "ann@x.org", "FIRST_NAME": "A"},
            {"CONS_ID": "", "MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "FIRST_NAME": "B"},
            {"CONS_ID": "{ann}", "MEMBER_ID": "", "PRIMARY_EMAIL": "", "FIRST_NAME": "C"},
            {"CONS_ID": "", "MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "FIRST_NAME": "D"},
        ],
        ["updated ann"] * 4,
        {"ann": ANN},
        {"ann": {"first_name": "D"}},
    ),
    Case(
        "the same email twice makes one person",
        [{"PRIMARY_EMAIL": "new@x.org"}, {"PRIMARY_EMAIL": "NEW@x.org"}],
        ["created", "updated"],
        stored={"row 2": {"primary_email": "NEW@x.org"}},
    ),
    Case(
        "an email that an earlier row gave is taken",
        [
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org"},
            {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "new@x.org"},
            {"MEMBER_ID": "m3", "PRIMARY_EMAIL": "new@x.org"},
        ],
        [
            "updated ann",
            reject("email_taken", "“new@x.org”", "constituent {ann}"),
            reject("email_taken", "constituent {ann}"),
        ],
        {"ann": ANN, "bob": BOB},
        {"bob": {"primary_email": "bob@x.org"}},
    ),
    Case(
        "an email that an earlier row freed is free",
        [
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org"},
            {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "ann@x.org"},
            {"MEMBER_ID": "m3", "PRIMARY_EMAIL": "bob@x.org"},
        ],
        ["updated ann", "updated bob", "created"],
        {"ann": ANN, "bob": BOB},
        {"bob": {"primary_email": "ann@x.org"}, "row 4": {"primary_email": "bob@x.org"}},
    ),
    Case(
        "an email that only a later row frees is taken",
        [
            {"MEMBER_ID": "m2", "PRIMARY_EMAIL": "ann@x.org"},
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org"},
        ],
        [reject("email_taken"), "updated ann"],
        {"ann": ANN, "bob": BOB},
    ),
    Case(
        "the new email finds the person, the old one no longer does",
        [
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "A"},
            {"MEMBER_ID": "", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "B"},
            {"MEMBER_ID": "", "PRIMARY_EMAIL": "ann@x.org", "FIRST_NAME": "C"},
        ],
        ["updated ann", "updated ann", "created"],
        {"ann": ANN},
        {"ann": {"first_name": "B"}, "row 4": {"first_name": "C", "member_id": None}},
    ),
    Case(
        "member IDs swapped by way of a third",
        [
            {"CONS_ID": "{ann}", "MEMBER_ID": "tmp"},
            {"CONS_ID": "{bob}", "MEMBER_ID": "m1"},
            {"CONS_ID": "{ann}", "MEMBER_ID": "m2"},
        ],
        ["updated ann", "updated bob", "updated ann"],
        {"ann": ANN, "bob": BOB},
        {"ann": {"member_id": "m2"}, "bob": {"member_id": "m1"}},
    ),
    Case(
        "member IDs swapped at once are taken",
        [{"CONS_ID": "{ann}", "MEMBER_ID": "m2"}, {"CONS_ID": "{bob}", "MEMBER_ID": "m1"}],
        [reject("member_id_taken", "constituent {bob}"), reject("member_id_taken", "{ann}")],
        {"ann": ANN, "bob": BOB},
    ),
    Case(
        "a member ID that an earlier row gave finds that person",
        [
            {"CONS_ID": "{ann}", "MEMBER_ID": "m7", "FIRST_NAME": "A"},
            {"CONS_ID": "", "MEMBER_ID": "m7", "FIRST_NAME": "B"},
            {"CONS_ID": "", "MEMBER_ID": "m1", "FIRST_NAME": "C"},
        ],
        ["updated ann", "updated ann", "created"],
        {"ann": ANN},
        {"ann": {"first_name": "B"}, "row 4": {"first_name": "C"}},
    ),
    Case(
        "the first of two new member IDs gets the record with the email",
        [
            {"MEMBER_ID": "m5", "PRIMARY_EMAIL": "a@x.org"},
            {"MEMBER_ID": "m6", "PRIMARY_EMAIL": "a@x.org"},
        ],
        ["updated ann", reject("email_taken", "constituent {ann}")],
        {"ann": {"primary_email": "a@x.org"}},
        {"ann": {"member_id": "m5"}},
    ),
    Case(
        "a row that stops accepting email is not found by it any more",
        [
            {"MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "ACCEPTS_EMAIL": "No"},
            {"MEMBER_ID": "", "PRIMARY_EMAIL": "ann@x.org", "ACCEPTS_EMAIL": ""},
        ],
        ["updated ann", reject("email_unreachable", "constituent {ann}")],
        {"ann": ANN},
    ),
    Case(
        "a rejected row takes nothing",
        [
            {"MEMBER_ID": "m5", "PRIMARY_EMAIL": "new@x.org", "ACCEPTS_EMAIL": "maybe"},
            {"MEMBER_ID": "m6", "PRIMARY_EMAIL": "new@x.org", "ACCEPTS_EMAIL": "Yes"},
        ],
        [reject("not_yes_no"), "created"],
        stored={"row 3": {"member_id": "m6"}},
    ),
    Case(
        "a later row does not overtake an earlier one that had to wait",
        [
            {"CONS_ID": "999999", "MEMBER_ID": "", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "-"},
            {"CONS_ID": "{ann}", "MEMBER_ID": "", "PRIMARY_EMAIL": "new@x.org", "FIRST_NAME": "A"},
            {"CONS_ID": "", "MEMBER_ID": "m1", "PRIMARY_EMAIL": "", "FIRST_NAME": "B"},
        ],
        [reject("cons_id_unknown"), "updated ann", "updated ann"],
        {"ann": ANN},
        {"ann": {"first_name": "B", "primary_email": "new@x.org"}},
    ),
    Case(
        "a chain: each row frees what the next one takes",
        [
            {"CONS_ID": "{c}", "MEMBER_ID": "m4"},
            {"CONS_ID": "{b}", "MEMBER_ID": "m3"},
            {"CONS_ID": "{a}", "MEMBER_ID": "m2"},
            {"CONS_ID": "", "MEMBER_ID": "m1"},
        ],
        ["updated c", "updated b", "updated a", "created"],
        {"a": {"member_id": "m1"}, "b": {"member_id": "m2"}, "c": {"member_id": "m3"}},
        {"a": {"member_id": "m2"}, "b": {"member_id": "m3"}, "c": {"member_id": "m4"}},
    ),
    Case(
        "without unique email each row of somebody who does not accept email is a person",
        [
            {"PRIMARY_EMAIL": "new@x.org", "ACCEPTS_EMAIL": "No"},
            {"PRIMARY_EMAIL": "new@x.org", "ACCEPTS_EMAIL": "No"},
        ],
        ["created", "created"],
        settings=SHARED,
    ),
]


@pytest.mark.parametrize(("case", "chunk_rows"), parameters(KEYS))
def test_whose_row_it_is(site: Site, case: Case, chunk_rows: int) -> None:
    check(site, case, chunk_rows)


@pytest.mark.parametrize(("case", "chunk_rows"), parameters(VALUES))
def test_values(site: Site, case: Case, chunk_rows: int) -> None:
    check(site, case, chunk_rows)


@pytest.mark.parametrize(("case", "chunk_rows"), parameters(ADDRESSES))
def test_the_address_is_one(site: Site, case: Case, chunk_rows: int) -> None:
    check(site, case, chunk_rows)


@pytest.mark.parametrize(("case", "chunk_rows"), parameters(SEVERAL_ROWS))
def test_several_rows(site: Site, case: Case, chunk_rows: int) -> None:
    imported = check(site, case, chunk_rows)
    touched = [row for row in imported.rows.values() if row.constituent_id is not None]
    for row in touched:
        earlier = [
            r.number
            for r in touched
            if r.constituent_id == row.constituent_id and r.number < row.number
        ]
        told = [f"Row {earlier[-1]} is the same constituent"] if earlier else []
        assert [note.partition(";")[0] for note in row.notes] == told


def test_a_crowd_with_one_email(site: Site) -> None:
    """Hundreds of rows with one key are one person, in file order, across the chunk's parts."""
    rows = [{"PRIMARY_EMAIL": "none@x.org", "FIRST_NAME": f"F{n}"} for n in range(280)]
    rows.insert(200, {"PRIMARY_EMAIL": "none@x.org", "FIRST_NAME": "x" * 51})
    imported = site.import_rows(rows, preview=False)
    assert imported.run.counts == {
        "created": 1,
        "updated": 279,
        "unchanged": 0,
        "rejected": 1,
        "withheld": 0,
    }
    assert imported.rows[202].codes == ("too_long",)
    assert site.stored(imported.rows[2].constituent_id)["first_name"] == "F279"
    assert imported.run.tallies["repeated"] == 279
