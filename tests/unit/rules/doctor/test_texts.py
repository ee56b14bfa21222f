"""Damage that a text shows by itself: misread letters, stray blanks, marks, words for nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rules.doctor.damage import examine, misread
from webapp.rules.doctor import ColumnSeen, DamageKind, Repairs
from webapp.rules.doctor.apostrophes import unmarked
from webapp.rules.doctor.blanks import mended
from webapp.rules.doctor.mojibake import unscrambled


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("GarcÃ­a", "García"),
        ("GarcÃƒÂ­a", "García"),
        ("Garc√≠a", "García"),
        ("Garc├¡a", "García"),
        ("Oâ€™Brien", "O’Brien"),
        ("O‚ÄôBrien", "O’Brien"),
        ("MUÃ‘OZ", "MUÑOZ"),
        ("Ã–stersund", "Östersund"),
        ("GroÃŸ", "Groß"),
        ("Å\x81ukasz", "Łukasz"),
        ("Nguyá»…n", "Nguyễn"),
        ("ÐœÐ°Ñ€Ð¸Ñ\x8f", "Мария"),
        ("ä½\x90è—¤", "佐藤"),
        ("12Â\u00a0Main", "12 Main"),
        ("voilÃ\u00a0", "voilà"),
        ("O\x92Brien", "O’Brien"),
        ("7 \x96 8 Feb", "7 – 8 Feb"),
    ],
)
def test_misread_letters_are_read_again(text: str, before: str) -> None:
    assert unscrambled(text, weak=False) == before


@pytest.mark.parametrize(
    "text",
    [
        "São", "SÃO PAULO", "João", "IRMÃ", "IRMÃ’S", "«CAFÉ»", "“IRMÔ", "ROMÂNIA", "NÍŽE", "VÝŠKA",
        "ÂÄÄ", "«és»", "«és", "Ñ’", "Đặng", "Þór", "Ðóra", "Ελένη", "Мария", "佐藤",
        "naïve", "Ã", "Å", "100 €",
        "José GarcÃ­a",
    ],
)  # fmt: skip
def test_healthy_letters_are_left_alone(text: str) -> None:
    assert unscrambled(text, weak=False) is None


@given(
    st.text(st.characters(min_codepoint=0xC0, max_codepoint=0x17F, categories=["L"]), min_size=2)
)
def test_what_was_misread_comes_back_or_stays(word: str) -> None:
    scrambled = misread("cp1252", place=0)(None, [word])  # type: ignore[arg-type]
    assert scrambled is not None
    assert unscrambled(scrambled[0], weak=True) in (word, None)


def test_weak_evidence_counts_where_the_file_is_misread() -> None:
    seen = [ColumnSeen(0, "City", "HOME_CITY"), ColumnSeen(1, "Name", "LAST_NAME")]
    alone = [["KÃ–LN", "Weber"]]

    assert examine(seen, alone).findings() == ()
    found = examine(seen, [*alone, ["Wien", "MÃ¼ller"]]).findings()
    assert [finding.examples[0].after for finding in found] == ["KÖLN", "Müller"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Smith ", "Smith"),
        (" Smith", "Smith"),
        ("Smith\u00a0", "Smith"),
        ("\u200bSmith\ufeff", "Smith"),
        ("Saint\u00a0Paul", "Saint Paul"),
        ("Saint \u00a0 Paul", "Saint Paul"),
        ("Saint  Paul", "Saint Paul"),
        ("Saint\tPaul", "Saint Paul"),
        ("Saint\r\nPaul", "Saint Paul"),
        ("\u202a+1 617", "+1 617"),
        ("\u200b", ""),
        ("06\u00a012\u00a034", "06 12 34"),
    ],
)
def test_stray_blanks_go(text: str, clean: str) -> None:
    assert mended(text, one_line=True, in_text=False) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Smith", "", "   ", "佐藤\u3000健二", "می\u200cخواهم", "क\u094d\u200dष", "👩\u200d👧",
        "St.  John",
        "Bonjour\u00a0!", "«\u00a0Oui\u00a0»", "10\u00a0000\u00a0€", "w\u00a0pliku", "č.\u00a05",
        "ថា\u200bតើ", "Zimmer\u00admann",
    ],
)  # fmt: skip
def test_blanks_that_are_meant_stay(text: str) -> None:
    assert mended(text, one_line=False, in_text=True) is None


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a  b"])
def test_free_text_keeps_its_lines(text: str) -> None:
    assert mended(text, one_line=False, in_text=True) is None


@given(
    st.text(alphabet="a1 \u00a0\u200b\u200d\t\n!«Ãé\u202f", max_size=10),
    st.booleans(),
    st.booleans(),
)
def test_a_tidy_text_is_tidy(text: str, one_line: bool, in_text: bool) -> None:
    clean = mended(text, one_line=one_line, in_text=in_text)

    if clean is not None:
        assert mended(clean, one_line=one_line, in_text=in_text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'02134", "02134"),
        ("'617-555-0100", "617-555-0100"),
        ("'(617) 555-0100", "(617) 555-0100"),
        ('="02134"', "02134"),
        ('="a ""b"""', 'a "b"'),
        ('=""', ""),
    ],
)
def test_marks_of_text_go(text: str, value: str) -> None:
    assert unmarked(text) == value


@pytest.mark.parametrize(
    "text",
    ["O'Brien", "'tis", "'t Hooft", "'68", "'90s", "'-5", "'=1+1", "'+1 555", "=1+1", '="a', "'"],
)
def test_apostrophes_that_are_meant_stay(text: str) -> None:
    assert unmarked(text) is None


def blanked(field: str | None, name: str, cells: list[str]) -> list[str]:
    rows = [[cell] for cell in cells]
    found = examine([ColumnSeen(0, name, field)], rows).findings()
    accepted = [finding.repair() for finding in found if finding.kind is DamageKind.NULL_WORD]
    repaired, _ = Repairs(accepted).apply(range(len(rows)), rows)
    return [before for before, (after,) in zip(cells, repaired, strict=True) if before != after]


NAMES = ["Mary", "José", "Ann", "Wei", "Priya", "Lars", "Olga", "Omar", "Eva", "Kim", "Leo", "Ida"]


@pytest.mark.parametrize(
    ("field", "cells", "blanks"),
    [
        ("HOME_CITY", ["NULL", "null", "N/A", "n/a", "#N/A", "-", "--", "\\N", "(blank)"], None),
        ("HOME_CITY", ["Null", "None", "NA", "Nan"], []),
        ("HOME_STATEPROV", ["NA", "None"], []),
        ("HOME_COUNTRY", ["NA", "NULL"], ["NULL"]),
        ("HOME_ZIP", ["NA", "none", "nan", "-", "Null"], None),
        ("HOME_PHONE", ["None", "n/a", "nil"], None),
        ("LAST_NAME", ["Null", "None", "Na", "N/A"], ["N/A"]),
        ("LAST_NAME", ["NULL"], []),
        ("LAST_NAME", ["NULL"] * 3, None),
        ("EMPLOYER", ["None", "nil", "NaN"], ["NaN"]),
        (None, ["NULL"], []),
        (None, ["NULL"] * 3, None),
        (None, ["None", "NA", "nan"], []),
    ],
)
def test_words_for_nothing_depend_on_the_column(
    field: str | None, cells: list[str], blanks: list[str] | None
) -> None:
    assert blanked(field, "x", [*NAMES, *cells]) == (cells if blanks is None else blanks)


def test_null_in_a_name_is_blank_where_the_file_has_null_elsewhere() -> None:
    seen = [
        ColumnSeen(0, "First", "FIRST_NAME"),
        ColumnSeen(1, "Last", "LAST_NAME"),
        ColumnSeen(2, "City", "HOME_CITY"),
    ]
    rows = [[name, "Smith", "NULL"] for name in NAMES]
    rows += [["Jane", "NULL", "Boston"], ["CHRISTOPHER", "NULL", "Boston"], ["Amy", "Null", ""]]
    found = examine(seen, rows).findings()

    repaired, _ = Repairs([finding.repair() for finding in found]).apply(range(len(rows)), rows)

    assert [row[1] for row in repaired[-3:]] == ["", "NULL", "Null"]
