"""The clean tables. Everybody in them is made up.

A column knows the form of its cells, as a person would see it from the other rows: this tells
whether a malformed row can be read in one way only (`ambiguity`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

Row = tuple[str, ...]
Make = Callable[[random.Random, int], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what its cells look like, and how to make one."""

    name: str
    form: str
    make: Make


@dataclass(frozen=True, slots=True)
class Table:
    """A clean table: what every malformed version of it should be read as."""

    name: str
    header: Row
    rows: tuple[Row, ...]
    forms: tuple[re.Pattern[str], ...]

    @property
    def width(self) -> int:
        return len(self.header)


FIRST = ("Ana", "Ben", "Chloé", "Dmitri", "Élise", "Farid", "Gül", "Hiro", "Inés", "Jürgen", "Zoë")
LAST = ("Núñez", "O'Brien", "Okafor", "Müller", "Smith-Jones", "de la Cruz", "Søren", "Lee", "Reed")
STREETS = ("Main St", "Oak Ave", "Elm Rd", "Church St", "Harbor Blvd")
CITIES = (
    ("Cambridge", "MA", "02139"),
    ("Boston", "MA", "02134"),
    ("Austin", "TX", "78701"),
    ("Newark", "NJ", "07102"),
    ("Denver", "CO", "80202"),
    ("St. Louis", "MO", "63101"),
)
WORDS = (
    "gift",
    "annual",
    "gala",
    "spring",
    "donor",
    "pledge",
    "thanks",
    "letter",
    "county",
    "river",
)
NOTES = (
    'Said "call me back", twice',
    "Gave at the gala, then at the picnic",
    "First line\nsecond line, with a comma",
    'The "Good" Company; matching gift',
    "See http://example.org/a,b?c=d",
    "Plain words only",
    'She wrote: "Thank you"',
    "100% | matched",
)

TEXT = r"(?s:.*)"
NAME = r"[^\W\d_]+(?:[ .'-]+[^\W\d_]+)*"


def choice(*values: str) -> Make:
    return lambda rng, _: rng.choice(values)


def _sentence(rng: random.Random, _: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(2, 7))).capitalize()


def _sometimes(make: Make, share: float = 0.3) -> Make:
    return lambda rng, at: make(rng, at) if rng.random() < share else ""


def _date(separator: str, order: str) -> Make:
    def make(rng: random.Random, _: int) -> str:
        parts = {"y": f"{rng.randint(1950, 2026)}", "m": f"{rng.randint(1, 12):02}",
                 "d": f"{rng.randint(13, 28):02}"}  # fmt: skip
        return separator.join(parts[letter] for letter in order)

    return make


def _place(part: int) -> Make:
    return lambda _, at: CITIES[at % len(CITIES)][part]


DONORS = (
    Column("MEMBER_ID", r"D-\d{5}", lambda rng, at: f"D-{10_000 + at * 7}"),
    Column("FIRST_NAME", NAME, choice(*FIRST)),
    Column("LAST_NAME", NAME, choice(*LAST)),
    Column("PRIMARY_EMAIL", r"[\w.]+@[\w.]+\.org", lambda rng, at: f"person{at}@example.org"),
    Column("HOME_STREET1", r"\d+ [A-Z]\w+ [A-Z]\w+(?:, Apt \d+)?",
           lambda rng, at: f"{rng.randint(1, 999)} {rng.choice(STREETS)}"
           + (f", Apt {at}" if at % 3 == 0 else "")),
    Column("HOME_CITY", NAME, _place(0)),
    Column("HOME_STATEPROV", r"[A-Z]{2}", _place(1)),
    Column("HOME_ZIP", r"\d{5}", _place(2)),
    Column("HOME_PHONE", r"\(\d{3}\) 555-\d{4}",
           lambda rng, at: f"({rng.randint(200, 989)}) 555-{rng.randint(0, 9999):04}"),
)  # fmt: skip
TEXTS = (
    Column("No", r"\d{1,2}", lambda rng, at: str(at + 1)),
    Column("Subject", TEXT, _sentence),
    Column("Notes", TEXT, choice(*NOTES)),
    Column("Written by", NAME, choice(*FIRST)),
    Column("More", TEXT, _sometimes(choice(*NOTES), 0.6)),
)
NUMBERS = (
    Column("Fund", r"\d{4}", lambda rng, at: str(rng.randint(1000, 9999))),
    Column("2024", r"\d+\.\d{2}", lambda rng, at: f"{rng.uniform(1, 99_999):.2f}"),
    Column("2025", r"\d+\.\d{2}", lambda rng, at: f"{rng.uniform(1, 99_999):.2f}"),
    Column("Gifts", r"\d+", lambda rng, at: str(rng.randint(1, 400))),
    Column("Change", r"-?\d+\.\d%", lambda rng, at: f"{rng.uniform(-30, 30):.1f}%"),
    Column("Average", r"\$\d+\.\d{2}", lambda rng, at: f"${rng.uniform(5, 500):.2f}"),
)
DATES = (
    Column("Gift ID", r"G\d{4}", lambda rng, at: f"G{1000 + at}"),
    Column("Gift Date", r"\d{2}/\d{2}/\d{4}", _date("/", "mdy")),
    Column("Entered", r"\d{4}-\d{2}-\d{2}", _date("-", "ymd")),
    Column(
        "Time", r"\d{2}:\d{2}", lambda rng, at: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    ),
    Column("Birthday", r"\d{2}\.\d{2}\.\d{4}", _date(".", "dmy")),
    Column("Acknowledged", r"Yes|No", choice("Yes", "No")),
)
SPARSE = (
    Column("MEMBER_ID", r"\d{5}", lambda rng, at: str(20_000 + at)),
    Column("NICKNAME", NAME + "|", _sometimes(choice(*FIRST))),
    Column("ALT_EMAIL", r"[\w.]+@[\w.]+|", _sometimes(lambda rng, at: f"alt{at}@example.net")),
    Column("SPOUSE", NAME + "|", _sometimes(choice(*FIRST))),
    Column("DECEASED", r"\d{4}-\d{2}-\d{2}|", _sometimes(_date("-", "ymd"), 0.15)),
    Column("COMMENT", TEXT, _sometimes(choice(*NOTES[3:]))),
    Column("FLAG", r"Y|", _sometimes(choice("Y"))),
)
CODES = (
    Column("SKU", r"[A-Z]{2}-\d{4}",
           lambda rng, at: f"{rng.choice(('RI', 'MG', 'CC'))}-{rng.randint(1000, 9999)}"),
    Column("Qty", r"\d{1,2}", lambda rng, at: str(rng.randint(1, 40))),
    Column("Price", r"\$\d+\.\d{2}", lambda rng, at: f"${rng.uniform(1, 90):.2f}"),
    Column("Item", TEXT, choice("Mug, large", "Tote bag", "T-shirt, \"Riverbend\"", "Calendar")),
    Column("Status", r"open|shipped|returned", choice("open", "shipped", "returned")),
    Column("Link", r"https://example\.org/\d+", lambda rng, at: f"https://example.org/{1000 + at}"),
    Column("Batch", r"\d{3}[A-Z]", lambda rng, at: f"{rng.randint(100, 999)}{rng.choice('ABC')}"),
)  # fmt: skip
SYLLABLES = ("ba", "den", "ka", "lo", "mir", "nes", "ori", "pe", "ru", "sa", "tin", "vel", "zu")


def _coined(rng: random.Random, _: int) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4))).capitalize()


COINED = (
    Column("First", NAME, _coined),
    Column("Last", NAME, _coined),
    Column("Town", NAME, _coined),
    Column("Paid", r"\d{1,5}", lambda rng, at: str(rng.randint(1, 99_999))),
    Column("Due", r"\d{1,5}", lambda rng, at: str(rng.randint(1, 99_999))),
)
"""Names and numbers that hardly ever come twice: nothing tells where one ends."""
ONE_COLUMN = (Column("Email", r"[\w.]+@[\w.]+", lambda rng, at: f"reader.{at}@example.com"),)
ONE_COLUMN_OF_TEXT = (
    Column("Name", NAME + r"(?:, [\w. ]+)?",
           lambda rng, at: f"{rng.choice(LAST)}, {rng.choice(FIRST)}" if at % 2
           else f"{rng.choice(FIRST)} {rng.choice(LAST)}"),
)  # fmt: skip


def build(name: str, columns: tuple[Column, ...], count: int) -> Table:
    """The table of these columns; always the same one."""
    rng = random.Random(f"{name} {count}")
    rows = tuple(tuple(column.make(rng, at) for column in columns) for at in range(count))
    forms = tuple(re.compile(column.form) for column in columns)
    return Table(name, tuple(column.name for column in columns), rows, forms)


def _wide() -> Table:
    few = (*DONORS[:4], *NUMBERS[1:5], *DATES[1:4])
    columns = [few[at % len(few)] for at in range(200)]
    return build(
        "200 columns",
        tuple(Column(f"{c.name} {at}", c.form, c.make) for at, c in enumerate(columns, start=1)),
        12,
    )


TABLES = (
    build("donors", DONORS, 24),
    build("texts", TEXTS, 20),
    build("numbers", NUMBERS, 24),
    build("dates", DATES, 20),
    build("sparse", SPARSE, 24),
    build("codes", CODES, 24),
    build("coined", COINED, 24),
)
ONE = build("one column", ONE_COLUMN, 20)
ONE_OF_TEXT = build("one column of text", ONE_COLUMN_OF_TEXT, 20)
WIDE = _wide()
SINGLE = build("one row", DONORS, 1)
TWO_ROWS = build("two rows", CODES, 2)
EVERY = (*TABLES, ONE, ONE_OF_TEXT, WIDE, SINGLE, TWO_ROWS)
