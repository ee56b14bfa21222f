"""Which characters a file's encoding lacks: the pattern says what the codec does."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webapp.rules.download_settings import Encoding
from webapp.rules.file_characters import lacking_pattern, show_character

PATTERN = re.compile(lacking_pattern(Encoding.WINDOWS))


@given(st.characters(codec="utf-8", exclude_characters="\x00"))
@example("\x81")
@example("\x80")
@example("€")
@example("\\")
@example("]")
@example("^")
@example("-")
@example("\n")
def test_the_pattern_finds_what_can_not_be_written(character: str) -> None:
    lacks = not character.encode("cp1252", "ignore")
    assert bool(PATTERN.search(f"a{character}b")) == lacks


@pytest.mark.parametrize("encoding", [Encoding.UTF8, Encoding.UTF8_BOM, Encoding.UTF16])
def test_most_encodings_lack_nothing(encoding: Encoding) -> None:
    assert lacking_pattern(encoding) == ""


def test_what_can_not_be_seen_is_told_by_its_number() -> None:
    shown = [show_character(character) for character in "Ő\u200b\x81\u0301 "]
    assert shown == ["Ő", "U+200B", "U+0081", "U+0301", "U+0020"]
