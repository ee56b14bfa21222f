"""Cells to values: every word, length, date and address that is read, and every one that isn't."""

from __future__ import annotations

import string
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.rules.faults import FAULT_TITLES, Fault, FaultCode
from webapp.rules.fields import (
    EMAIL_STATUSES,
    PHONE_CHOICES,
    STANDARD_FIELDS,
    STORED_FIELDS,
    Field,
    Kind,
    custom_field,
)
from webapp.rules.values import (
    ColumnReader,
    DateOrder,
    ReadSettings,
    read_cell,
    same_text,
    shown,
    split_list,
)

TODAY = date(2026, 3, 15)
MONTH_FIRST = ReadSettings(TODAY)
DAY_FIRST = ReadSettings(TODAY, DateOrder.DAY_FIRST)
FIELDS = {field.column: field for field in STANDARD_FIELDS}
CUSTOM = (
    custom_field("size", "Size", Kind.CHOICE, choices=("Small", "Größe L", "X-Large")),
    custom_field("score", "Score", Kind.NUMBER),
    custom_field("joined", "Joined", Kind.DATE),
    custom_field("vip", "VIP", Kind.YES_NO),
    custom_field("note", "Note", Kind.TEXT, max_length=12),
)
EVERY_FIELD = (*STANDARD_FIELDS, *CUSTOM)
BY_COLUMN = FIELDS | {field.column: field for field in CUSTOM}


def read(column: str, cell: str, settings: ReadSettings = MONTH_FIRST) -> str | None:
    """The value of a cell that has to be all right."""
    reading = read_cell(BY_COLUMN[column], cell, settings)
    assert not isinstance(reading, Fault), reading
    return reading


def fault(column: str, cell: str, settings: ReadSettings = MONTH_FIRST) -> Fault:
    """The fault of a cell that has to be wrong: it names column and value in one sentence."""
    reading = read_cell(BY_COLUMN[column], cell, settings)
    assert isinstance(reading, Fault), reading
    assert reading.column == column
    assert column in reading.message
    assert reading.value == shown(cell.strip())
    assert f"“{shown(cell.strip())}”" in reading.message
    assert reading.message.endswith(".")
    return reading


# Blanks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", EVERY_FIELD, ids=lambda field: field.column)
@pytest.mark.parametrize("cell", ["", " ", "\t", "\u00a0", " \u00a0\u2003 ", "\n"], ids=ascii)
def test_blank_is_blank(field: Field, cell: str) -> None:
    assert read_cell(field, cell, MONTH_FIRST) is None


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("  Ann ", "Ann"),
        ("\u00a0Ann\u00a0", "Ann"),
        ("Mary\u00a0Ann", "Mary\u00a0Ann"),
        ("\u3000山田\u3000", "山田"),
        ("O'Neil", "O'Neil"),
        ("-", "-"),
        ("NULL", "NULL"),
        ("0", "0"),
    ],
)
def test_text_is_kept_but_for_blanks_around_it(cell: str, value: str) -> None:
    assert read("FIRST_NAME", cell) == value


# Yes and No -----------------------------------------------------------------------------------

YES = ("Yes", "Y", "1", "True", "T")
NO = ("No", "N", "0", "False", "F")


@pytest.mark.parametrize("column", ["ACCEPTS_EMAIL", "MATCHED_DONOR", "CUSTOM_VIP"])
@pytest.mark.parametrize(("words", "value"), [(YES, "t"), (NO, "f")], ids=["yes", "no"])
def test_yes_no_words_in_any_case(column: str, words: tuple[str, ...], value: str) -> None:
    for word in words:
        for cell in (word, word.lower(), word.upper(), f"  {word.swapcase()} "):
            assert read(column, cell) == value, cell


@pytest.mark.parametrize(
    "cell", ["maybe", "2", "-1", "ja", "yess", "on", "off", "x", "10", "0.0", "ⅠYes", "１"]
)
def test_other_words_are_neither_yes_nor_no(cell: str) -> None:
    assert fault("ACCEPTS_EMAIL", cell).code is FaultCode.NOT_YES_NO


# Dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "month_first", "day_first"),
    [
        ("1980-03-31", "1980-03-31", "1980-03-31"),
        ("1980-3-1", "1980-03-01", "1980-03-01"),
        ("1980-03-31 00:00:00", "1980-03-31", "1980-03-31"),
        ("1980-03-31T00:00:00", "1980-03-31", "1980-03-31"),
        ("1980-03-31T00:00:00.000Z", "1980-03-31", "1980-03-31"),
        ("1980-03-31 00:00", "1980-03-31", "1980-03-31"),
        ("03/04/1980", "1980-03-04", "1980-04-03"),
        ("3/4/1980", "1980-03-04", "1980-04-03"),
        ("3.4.1980", "1980-03-04", "1980-04-03"),
        ("3-4-1980", "1980-03-04", "1980-04-03"),
        ("3/4/1980 0:00", "1980-03-04", "1980-04-03"),
        ("3/4/1980 00:00:00", "1980-03-04", "1980-04-03"),
        ("2000-02-29", "2000-02-29", "2000-02-29"),
        ("2/29/2000", "2000-02-29", None),
        ("29/2/2000", None, "2000-02-29"),
        ("12/31/1999", "1999-12-31", None),
        ("31/12/1999", None, "1999-12-31"),
        ("1850-01-01", "1850-01-01", "1850-01-01"),
        ("2026-03-15", "2026-03-15", "2026-03-15"),
    ],
)
def test_dates_in_both_orders(cell: str, month_first: str | None, day_first: str | None) -> None:
    for settings, value in ((MONTH_FIRST, month_first), (DAY_FIRST, day_first)):
        if value is None:
            assert fault("BIRTH_DATE", cell, settings).code is FaultCode.NOT_A_DATE
        else:
            assert read("BIRTH_DATE", cell, settings) == value


@pytest.mark.parametrize(
    "cell",
    [
        "31/2/1980",
        "2/31/1980",
        "1980-02-31",
        "1900-02-29",
        "1999-13-01",
        "1999-00-10",
        "1999-10-00",
        "3/4/80",
        "80-03-04",
        "3/4",
        "1980",
        "3/4-1980",
        "3/4/1980 14:30",
        "1980-03-31 09:00",
        "March 31, 1980",
        "31 Mar 1980",
        "19800331",
        "29311",
        "29311.0",
        "1980/03/31/1",
        "1980-03-31-",
        "٣/٤/١٩٨٠",
        "1980–03–31",
        "tomorrow",
        "0000-01-01",
    ],
)
@pytest.mark.parametrize("settings", [MONTH_FIRST, DAY_FIRST], ids=["mdy", "dmy"])
def test_what_is_no_date(cell: str, settings: ReadSettings) -> None:
    found = fault("BIRTH_DATE", cell, settings)
    assert found.code is FaultCode.NOT_A_DATE
    order = "month/day/year" if settings is MONTH_FIRST else "day/month/year"
    assert order in found.message


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("BIRTH_DATE", "2026-03-16", "in the future"),
        ("BIRTH_DATE", "3/16/2026", "in the future"),
        ("BIRTH_DATE", "1849-12-31", "before 1850"),
        ("CUSTOM_JOINED", "1849-12-31", "before 1850"),
        ("BIRTH_DATE", "0205-01-01", "before 1850"),
    ],
)
def test_dates_that_cannot_be(column: str, cell: str, why: str) -> None:
    found = fault(column, cell)
    assert found.code is FaultCode.DATE_OUT_OF_RANGE
    assert why in found.message


def test_only_births_are_past() -> None:
    assert read("CUSTOM_JOINED", "2030-01-01") == "2030-01-01"


# Lengths --------------------------------------------------------------------------------------

# DOMAIN: Field lengths
NAMES = ("TITLE", "FIRST_NAME", "MIDDLE_NAME", "LAST_NAME", "SUFFIX", "PROF_SUFFIX", "NICKNAME")
PHONES = ("HOME_PHONE", "WORK_PHONE", "MOBILE_PHONE", "FAX_PHONE")
LENGTHS = {
    **dict.fromkeys(NAMES + PHONES, 50),
    **{f"{p}_STREET{n}": 128 for p in ("HOME", "ALT1", "ALT2") for n in (1, 2, 3)},
    **{f"{p}_CITY": 64 for p in ("HOME", "ALT1", "ALT2")},
    **{f"{p}_ZIP": 40 for p in ("HOME", "ALT1", "ALT2")},
    "EMPLOYER": 100,
    "POSITION": 64,
    "USER_NAME": 255,
    "CUSTOM_NOTE": 12,
}


@pytest.mark.parametrize(("column", "length"), LENGTHS.items())
def test_lengths_of_domain(column: str, length: int) -> None:
    for letter in "xé字😀":
        assert read(column, letter * length) == letter * length
        assert read(column, f"  {letter * length}  ") == letter * length
        found = fault(column, letter * (length + 1))
        assert found.code is FaultCode.TOO_LONG
        assert f"{length + 1} characters" in found.message
        assert f"can have {length}:" in found.message


def test_every_text_has_a_length() -> None:
    for field in STORED_FIELDS:
        if field.kind in (Kind.TEXT, Kind.EMAIL):
            assert field.max_length, field.column


def test_email_of_255_is_the_longest() -> None:
    domain = ".".join(["d" * 60] * 3) + ".org"
    longest = "a" * (255 - len(domain) - 1) + "@" + domain
    assert len(longest) == 255
    assert read("PRIMARY_EMAIL", longest) == longest
    assert fault("PRIMARY_EMAIL", "a" + longest).code is FaultCode.TOO_LONG


def test_a_long_value_is_shortened_only_where_it_is_quoted() -> None:
    found = fault("FIRST_NAME", "x" * 500)
    assert len(found.value) == 80
    assert len(found.message) < 200


# Emails ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        "a@b.co",
        "Ann.Smith@Example.ORG",
        "ann+news@example.org",
        "o'neil@example.org",
        "a_b-c@sub.example.co.uk",
        "123@456.org",
        "josé@exämple.org",
        "用户@例子.公司",
        "a!#$%&*/=?^`{|}~b@example.org",
        "  ann@example.org ",
        "\u00a0ann@example.org",
    ],
)
def test_emails(cell: str) -> None:
    assert read("PRIMARY_EMAIL", cell) == cell.strip()


@pytest.mark.parametrize(
    "cell",
    [
        "ann",
        "ann@",
        "@example.org",
        "ann@example",
        "ann@.org",
        "ann@example.",
        "ann@example..org",
        "ann@@example.org",
        "ann@exa mple.org",
        "ann smith@example.org",
        "ann@example.org, bob@example.org",
        "ann@example.org;bob@example.org",
        "Ann <ann@example.org>",
        "mailto:ann@example.org",
        '"ann"@example.org',
        "ann@example.org\nbob@example.org",
        "ann\\@example.org",
        "n/a",
    ],
)
def test_what_is_no_email(cell: str) -> None:
    assert fault("PRIMARY_EMAIL", cell).code is FaultCode.NOT_AN_EMAIL


# Choices, numbers, keys -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "choices"),
    [("PREFERRED_PHONE", PHONE_CHOICES), ("EMAIL_STATUS", EMAIL_STATUSES)],
)
def test_choices_in_any_case(column: str, choices: tuple[str, ...]) -> None:
    for choice in choices:
        for cell in (choice, choice.upper(), f" {choice.title()} "):
            assert read(column, cell) == choice
    found = fault(column, "elsewhere")
    assert found.code is FaultCode.NOT_A_CHOICE
    assert all(choice in found.message for choice in choices)


def test_a_custom_choice_is_stored_as_it_was_defined() -> None:
    assert read("CUSTOM_SIZE", "GRÖSSE l") == "Größe L"
    assert fault("CUSTOM_SIZE", "Medium").code is FaultCode.NOT_A_CHOICE


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", "12"),
        ("-1.50", "-1.5"),
        ("+7", "7"),
        ("1,234,567.89", "1234567.89"),
        ("5.50", "5.5"),
        ("-007.0", "-7"),
        ("-0.00", "0"),
        ("0.05", "0.05"),
        ("100", "100"),
        ("007", "7"),
        ("0", "0"),
    ],
)
def test_numbers(cell: str, value: str) -> None:
    assert read("CUSTOM_SCORE", cell) == value


@pytest.mark.parametrize(
    "cell", ["12a", "1.2.3", "1,23", "1.234,56", "$5", "5%", "1e5", "½", "٣", ".", "--1", "NaN"]
)
def test_what_is_no_number(cell: str) -> None:
    assert fault("CUSTOM_SCORE", cell).code is FaultCode.NOT_A_NUMBER


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", "1"), ("007", "7"), (" 42 ", "42"), (str(2**63 - 1), str(2**63 - 1))],
)
def test_cons_ids(cell: str, value: str) -> None:
    assert read("CONS_ID", cell) == value


@pytest.mark.parametrize(
    "cell",
    ["0", "-1", "1.0", "1,000", "abc", "1e3", "²", "٣", str(2**63), "9" * 30, "9" * 5000, "0" * 25],
)
def test_what_is_no_cons_id(cell: str) -> None:
    assert fault("CONS_ID", cell).code is FaultCode.NOT_A_NUMBER


@pytest.mark.parametrize("column", ["MEMBER_ID", "HOME_ZIP", "HOME_PHONE", "DONOR_STATUS"])
@pytest.mark.parametrize("cell", ["02134", "1.23E+11", "3-4", "007", "+1 555 0100", "0"])
def test_what_could_be_a_key_is_text(column: str, cell: str) -> None:
    assert read(column, cell) == cell


# Characters -----------------------------------------------------------------------------------

INVISIBLE = [chr(code) for code in (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F, 0x80, 0x9F)]


@pytest.mark.parametrize("character", [*INVISIBLE, "\ufffe", "\uffff", "\ud800"], ids=ascii)
@pytest.mark.parametrize(
    "column", ["FIRST_NAME", "MEMBER_ID", "PRIMARY_EMAIL", "BIRTH_DATE", "ACCEPTS_EMAIL"]
)
def test_invisible_characters_are_refused(column: str, character: str) -> None:
    found = fault(column, f"a{character}b")
    assert found.code is FaultCode.CONTROL_CHARACTER
    assert f"U+{ord(character):04X}" in found.message
    assert character not in found.message
    found.message.encode()


@pytest.mark.parametrize("cell", ["1 Elm St\nApt 4", "1 Elm St\r\nApt 4", "a\tb", "a\u0085b"])
def test_line_breaks_and_tabs_may_stand_in_text(cell: str) -> None:
    assert read("HOME_STREET1", cell) == cell


@pytest.mark.parametrize("name", ["José", "Łukasz", "Đặng", "佐藤", "עברית", "👩‍👧", "ﬁ"])
def test_unicode_is_kept_as_it_is(name: str) -> None:
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, name)
        assert read("FIRST_NAME", written) == written
    assert same_text(unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, None, True),
        (None, "", False),
        ("a", None, False),
        ("a", "A", False),
        ("é", "e\u0301", True),
        ("ﬁ", "fi", False),
        ("a", "a", True),
    ],
)
def test_same_text(one: str | None, other: str | None, same: bool) -> None:
    assert same_text(one, other) is same
    assert same_text(other, one) is same


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("1", ["1"]),
        ("1,2", ["1", "2"]),
        (" 1 , 2 ,", ["1", "2"]),
        (",,", []),
        ("", []),
        ("A B, c", ["A B", "c"]),
        ("1;2", ["1;2"]),
    ],
)
def test_lists_are_separated_by_commas(cell: str, codes: list[str]) -> None:
    assert split_list(cell) == codes


# Any text -------------------------------------------------------------------------------------

texts = st.one_of(
    st.text(st.characters(), max_size=300),
    st.text(string.digits + "/-. :TZeE+,", max_size=24),
    st.sampled_from(["1980-03-31", "Yes", "ann@example.org", "home", "12", "x" * 60]),
)


@given(field=st.sampled_from(EVERY_FIELD), cell=texts, order=st.sampled_from(DateOrder))
def test_reading_never_raises(field: Field, cell: str, order: DateOrder) -> None:
    reading = read_cell(field, cell, ReadSettings(TODAY, order))
    if isinstance(reading, Fault):
        assert reading.code in FAULT_TITLES
        assert reading.column == field.column
        reading.message.encode()
        reading.as_dict()["value"].encode()
    elif reading is not None:
        assert reading
        assert reading == reading.strip()
        reading.encode()
        assert "\0" not in reading


@given(field=st.sampled_from(EVERY_FIELD), cells=st.lists(texts, max_size=12))
def test_a_column_reads_as_its_cells(field: Field, cells: list[str]) -> None:
    reader = ColumnReader(field, MONTH_FIRST)
    for column in (cells, cells[::-1], cells):  # what is remembered changes nothing
        values, faults = reader.read(column)
        expected = [read_cell(field, cell, MONTH_FIRST) for cell in column]
        assert faults == {n: r for n, r in enumerate(expected) if isinstance(r, Fault)}
        assert values == [None if isinstance(r, Fault) else r for r in expected]


@given(field=st.sampled_from(EVERY_FIELD), cell=texts)
def test_what_was_stored_reads_as_itself(field: Field, cell: str) -> None:
    reading = read_cell(field, cell, MONTH_FIRST)
    if isinstance(reading, str):
        assert read_cell(field, reading, MONTH_FIRST) == reading
