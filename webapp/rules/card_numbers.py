"""Card numbers in files (DOMAIN: no card numbers are kept anywhere).

What has the shape of one is told from other long numbers by its check digit, which one number in
ten has by chance: so of a column's numbers of that shape at least half must have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from webapp.rules.fields import KEY_COLUMNS

_UNWATCHED_COLUMNS = frozenset((*KEY_COLUMNS, "TRANSACTION_ID", "RECURRING_OF", "REFUND_OF"))

# By itself or within other words, in groups or not; a letter or an underscore beside it makes it
# somebody's reference. What isn't one blank or hyphen parts only groups as they stand on cards.
_PARTED = r"[^\w\n]{1,3}"
_IN_GROUPS = rf"\d{{4}}{_PARTED}(?:(?:\d{{4}}{_PARTED}){{2}}\d{{4}}|\d{{6}}{_PARTED}\d{{4,5}})"
_SHAPE = re.compile(rf"(?<!\w)(?=(\d(?:[ -]?\d){{13,15}}|{_IN_GROUPS})(?!\w))", re.ASCII)
_MANY_DIGITS = re.compile(rf"\d(?:[ -]?\d){{13}}|{_IN_GROUPS}", re.ASCII)
_NO_DIGIT = re.compile(r"\D+")
_FEWEST = 14
_ISSUED = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Visa, Mastercard
    r"|3[47]\d{13}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14}"  # American Express, Discover, UnionPay
    r"|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}"  # JCB, Diners
)
_DOUBLED = tuple(sum(divmod(2 * digit, 10)) for digit in range(10))
_SHOWN_DIGITS = 4


@dataclass(frozen=True, slots=True)
class CardsFound:
    """Where card numbers stand: a column (blank: a row that can't be read), its first row with one,
    how that one ends, and how many rows have one."""

    column: str
    row: int
    ending: str
    rows: int

    def sentence(self, file_name: str) -> str:
        """What is said of the file, which is no longer there."""
        column = f" in {self.column}" if self.column else ""
        more = self.rows - 1
        others = f"; {more:,} more {'row has' if more == 1 else 'rows have'} one" if more else ""
        return (
            f"Row {self.row:,} of {file_name} has a card number{column}, ending in {self.ending}"
            f"{others}. No card numbers are kept here, so the file was deleted and nothing of it "
            "was read in. Take the card numbers out and upload it again. A long number that is "
            "something else needs a letter in front of it."
        )


def has_card_number(text: str) -> bool:
    """Whether a card number stands in a text."""
    return any(_is_checked(number) for number in _shaped(text))


def is_watched(heading: str) -> bool:
    """Whether the cells of a column are looked at: not the keys of somebody's own, which could not
    be written otherwise."""
    return heading.strip().upper() not in _UNWATCHED_COLUMNS


class CardWatch:
    """Looks at the rows of a file. `columns` are their headings."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = [(at, name) for at, name in enumerate(columns) if is_watched(name)]
        self._rows_shaped: dict[str, int] = {}
        self._found: dict[str, CardsFound] = {}

    def look(self, numbers: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Look at some rows, which have a cell for each column."""
        for at, name in self._columns:
            cells = [row[at] for row in rows if at < len(row)]
            # All of them at once: hardly any cell is so long, let alone has so many digits
            if max(map(len, cells), default=0) < _FEWEST:
                continue
            if _MANY_DIGITS.search("\n".join(cells)):
                self._look_closely(name, zip(numbers, cells, strict=False))

    def look_at_raw(self, texts: Mapping[int, str]) -> None:
        """Look at the text of rows that could not be read."""
        self._look_closely("", texts.items())

    def found(self) -> CardsFound | None:
        """The first column that has card numbers."""
        return next(
            (
                found
                for name, found in self._found.items()
                if 2 * found.rows >= self._rows_shaped.get(name, 0)
            ),
            None,
        )

    def _look_closely(self, name: str, cells: Iterable[tuple[int, str]]) -> None:
        for number, cell in cells:
            shaped = list(_shaped(cell))
            if not shaped:
                continue
            self._rows_shaped[name] = self._rows_shaped.get(name, 0) + 1
            checked = next(filter(_is_checked, shaped), None)
            if checked is None:
                continue
            found = self._found.get(name) or CardsFound(name, number, checked[-_SHOWN_DIGITS:], 0)
            self._found[name] = replace(found, rows=found.rows + 1)


def _shaped(text: str) -> Iterator[str]:
    """The digits of each number that a card could have."""
    for found in _SHAPE.finditer(text):
        digits = _NO_DIGIT.sub("", found[1])
        if _ISSUED.fullmatch(digits):
            yield digits


def _is_checked(digits: str) -> bool:
    """Whether the last digit is right (Luhn)."""
    backwards = [int(digit) for digit in reversed(digits)]
    return (sum(backwards[::2]) + sum(_DOUBLED[digit] for digit in backwards[1::2])) % 10 == 0
