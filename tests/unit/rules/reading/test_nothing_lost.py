"""No byte of a file is unaccounted for: read, set aside, or named as outside the table."""

from __future__ import annotations

import csv
import io
import random
import re

import pytest

from tests.unit.rules.reading.sources import Bytes
from webapp.rules.reading import Examination, OutsideKind, examine, read_records

WORD = re.compile(r"\d{3}z\d\dq")
"""Every cell of a table has one of its own."""
ABOVE = {OutsideKind.TITLE}
BELOW = {OutsideKind.NOTES, OutsideKind.TOTALS, OutsideKind.SECOND_TABLE}
FILES = 30


def table(chance: random.Random, rows: int, width: int) -> list[list[str]]:
    """Texts, dates and numbers, each with its word; some cells are blank."""
    kinds = ["text", *chance.choices(("text", "date", "number"), k=width - 1)]

    def cell(row: int, column: int) -> str:
        word = f"{row:03}z{column:02}q"
        if row == 0:
            return f"name{word}"
        if kinds[column] == "date":
            return f"2026-01-{row % 28 + 1:02}T{word}"
        if kinds[column] == "number":
            return f"{row * 7 + column}.5{word}"
        forms = (f"word {word}", word, f"a, {word}", f'say "{word}"', f"two\n{word}")
        return chance.choice(forms)

    return [
        [cell(row, at) if at == 0 or chance.random() < 0.9 else "" for at in range(width)]
        for row in range(rows + 1)
    ]


def damaged(chance: random.Random) -> str:
    """A table with up to six signs too many or too few, none of them within a word."""
    delimiter = chance.choice(",;\t|")
    buffer = io.StringIO(newline="")
    quoting = chance.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    csv.writer(buffer, delimiter=delimiter, quoting=quoting).writerows(
        table(chance, chance.choice((3, 8, 20, 60)), chance.choice((1, 2, 3, 5, 8)))
    )
    text = buffer.getvalue()
    signs = (delimiter, '"', "\r\n", "\n\n", delimiter * 3, '"' + delimiter, "\x00", "A title\n")
    for _ in range(chance.randint(0, 6)):
        at = chance.randrange(len(text) + 1)
        if chance.random() < 0.7:
            text = text[:at] + chance.choice(signs) + text[at:]
        elif not text[at : at + 1].isalnum():
            text = text[:at] + text[at + 1 :]
    return text


def shown(source: Bytes, found: Examination) -> str:
    """All that is read, set aside or said of a file's rows."""
    parts = [*found.columns, *found.notes]
    for batch in read_records(source, found.dialect):
        for number, row in zip(batch.row_numbers, batch.rows, strict=True):
            parts.append(batch.raw[number] if number in batch.faults else "\n".join(row))
    return "\n".join(parts)


@pytest.mark.parametrize("seed", range(10))
def test_no_word_of_a_damaged_file_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(FILES):
        text = damaged(chance)
        source = Bytes(text.encode())
        found = examine(source, may_lack_rows=True)
        assert isinstance(found, Examination), text
        words = WORD.findall(text)
        kept = set(WORD.findall(shown(source, found)))
        places = [at for at, word in enumerate(words) if word in kept]
        outside = {part.kind for part in found.outside}
        for at, word in enumerate(words):
            is_above = at < places[0] and bool(outside & ABOVE)
            is_below = at > places[-1] and bool(outside & BELOW)
            assert word in kept or is_above or is_below, (word, text)
