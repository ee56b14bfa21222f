"""Files to measure with: constituents of 20 columns, generated from a seed, never committed."""

from __future__ import annotations

import csv
import random
from pathlib import Path

HEADER = (
    "MEMBER_ID", "PRIMARY_EMAIL", "TITLE", "FIRST_NAME", "MIDDLE_NAME", "LAST_NAME", "SUFFIX",
    "HOME_STREET1", "HOME_STREET2", "HOME_CITY", "HOME_STATEPROV", "HOME_ZIP", "HOME_COUNTRY",
    "HOME_PHONE", "MOBILE_PHONE", "BIRTH_DATE", "GENDER", "EMPLOYER", "ACCEPTS_EMAIL",
    "ACCEPTS_POSTAL_MAIL",
)  # fmt: skip

FIRST = (
    "Maria", "José", "Ana", "Luis", "Carmen", "Juan", "Emma", "Olivia", "Noah", "Liam", "Ava",
    "Mia", "Lucas", "Zoë", "Chloé", "Anaïs", "Jürgen", "Søren", "Łukasz", "Ines", "Amara",
    "Kofi", "Wei", "Mei", "Hiro", "Yuki", "Priya", "Ravi", "Fatima", "Omar", "Leila", "Sven",
    "Ingrid", "Paolo", "Giulia", "Pierre", "Claire", "Hans", "Greta", "Ivan", "Olga", "Petra",
    "Tomas", "Eva", "Jan", "Piotr", "Ewa", "Marta", "Pablo", "Diego",
)  # fmt: skip
LAST = (
    "García", "Smith", "Johnson", "Williams", "Brown", "Jones", "Miller", "Davis", "Rodríguez",
    "Martínez", "Hernández", "López", "González", "Wilson", "Anderson", "Thomas", "Taylor",
    "Moore", "Jackson", "Martin", "Lee", "Pérez", "Thompson", "White", "Harris", "Sánchez",
    "Clark", "Ramírez", "Lewis", "Robinson", "Walker", "Young", "Allen", "King", "Wright",
    "Scott", "Torres", "Nguyễn", "Hill", "Flores", "Green", "Adams", "Nelson", "Baker", "Hall",
    "Rivera", "Campbell", "Mitchell", "Carter", "Roberts", "Müller", "Schäfer",
)  # fmt: skip
STREETS = (
    "Main", "Oak", "Elm", "Maple", "Cedar", "Pine", "Washington", "Lake", "Hill", "Park",
    "River", "Church", "Spring",
)  # fmt: skip
CITIES = (
    ("Boston", "MA", "02134"),
    ("Cambridge", "MA", "02139"),
    ("Austin", "TX", "78701"),
    ("Portland", "OR", "97201"),
    ("Newark", "NJ", "07102"),
    ("Denver", "CO", "80202"),
    ("Chicago", "IL", "60601"),
    ("Seattle", "WA", "98101"),
)
EMPLOYERS = ("", "", "Acme, Inc.", "City of Boston", "Self-employed", 'The "Good" Company', "IBM")


def row(number: int, rng: random.Random, *, changed: bool = False) -> list[str]:
    """Constituent `number`; the same for the same number and generator state."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    city, state, zip_code = rng.choice(CITIES)
    year, month, day = rng.randint(1930, 2005), rng.randint(1, 12), rng.randint(1, 28)
    employer = "Changed & Sons" if changed else rng.choice(EMPLOYERS)
    return [
        f"M-{number:07d}",
        f"person{number}@example.org",
        rng.choice(("", "Ms.", "Mr.", "Dr.")),
        first,
        rng.choice(("", "A.", "B.", "Lee")),
        last,
        "",
        f"{rng.randint(1, 9999)} {rng.choice(STREETS)} Street",
        rng.choice(("", "", "Apt. 4", "Unit 12")),
        city,
        state,
        zip_code,
        "US",
        f"({rng.randint(200, 989)}) 555-{number % 10000:04d}",
        f"{rng.randint(200, 989)}-555-{number % 10000:04d}",
        f"{year}-{month:02d}-{day:02d}",
        rng.choice(("", "F", "M", "X")),
        employer,
        rng.choice(("Yes", "Yes", "Yes", "Y")),
        rng.choice(("Yes", "1", "True")),
    ]


def write_file(path: Path, rows: int, *, changed_every: int = 0, seed: int = 7) -> Path:
    """A CSV of `rows` constituents; every `changed_every`-th has another employer."""
    rng = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number in range(rows):
            state = rng.getstate() if changed_every else None
            values = row(number, rng)
            if changed_every and number % changed_every == 0:
                after = rng.getstate()
                rng.setstate(state)  # type: ignore[arg-type]
                values = row(number, rng, changed=True)
                rng.setstate(after)
            writer.writerow(values)
    return path
