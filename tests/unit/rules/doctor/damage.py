"""Files damaged the way spreadsheets do it, with what stood there before.

`python -m tests.unit.rules.doctor.damage` prints the table of docs/damage.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from webapp.rules.doctor import NO_KNOWLEDGE, ColumnSeen, DamageKind, Doctor, Knowledge, Repairs
from webapp.services import demo_names
from webapp.services.demo_people import demo_people

ROWS = 1_000
SHARES = (0.1, 0.5, 1.0)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Rows = list[list[str]]
Harm = Callable[[Random, list[str]], list[str] | None]
"""The damaged row; None for one that this damage does nothing to."""


@dataclass(frozen=True)
class Case:
    """One way of damage: sound rows, and what it does to one."""

    kind: DamageKind
    label: str
    fields: tuple[str | None, ...]
    sound: Callable[[Random, int], list[str]]
    harm: Harm
    knowledge: Callable[[], Knowledge] = lambda: NO_KNOWLEDGE


@dataclass(frozen=True)
class Score:
    """What the doctor made of a damaged file."""

    damaged: int
    found: int
    right: int
    wrong: int


def damaged_file(case: Case, share: float, seed: int) -> tuple[list[ColumnSeen], Rows, Rows]:
    """The columns, the sound rows and the damaged ones."""
    chance = Random(seed)
    sound = [case.sound(chance, number) for number in range(1, ROWS + 1)]
    rows = []
    for row in sound:
        harmed = case.harm(chance, list(row)) if chance.random() < share else None
        rows.append(harmed if harmed is not None else list(row))
    columns = [
        ColumnSeen(place, name or f"Column {place + 1}", name)
        for place, name in enumerate(case.fields)
    ]
    return columns, sound, rows


def examine(columns: list[ColumnSeen], rows: Rows, knowledge: Knowledge = NO_KNOWLEDGE) -> Doctor:
    """A doctor who has seen the rows, in batches."""
    doctor = Doctor(columns, knowledge=knowledge)
    for start in range(0, len(rows), 300):
        batch = rows[start : start + 300]
        doctor.look(range(start + 2, start + 2 + len(batch)), batch)
    return doctor


def score(case: Case, share: float, seed: int = 1) -> Score:
    """How much of the damage is found, put right, and put wrong."""
    columns, sound, rows = damaged_file(case, share, seed)
    findings = examine(columns, rows, case.knowledge()).findings()
    repairs = Repairs([finding.repair() for finding in findings if finding.can_repair])
    repaired, _ = repairs.apply(range(2, len(rows) + 2), rows)
    hurt = [index for index, row in enumerate(rows) if row != sound[index]]
    return Score(
        damaged=len(hurt),
        found=sum(finding.rows for finding in findings if finding.kind is case.kind),
        right=sum(repaired[index] == sound[index] for index in hurt),
        wrong=sum(
            after not in (before, was)
            for was_row, before_row, after_row in zip(sound, rows, repaired, strict=True)
            for was, before, after in zip(was_row, before_row, after_row, strict=True)
        ),
    )


class KnownZips:
    """A database that has the demo's cities."""

    def zips_of(self, city: str, state: str) -> tuple[str, ...]:
        return tuple(
            zip_code
            for known in demo_names.CITIES
            if known.name.upper() == city.upper() and state in ("", known.state)
            for zip_code in known.zips
        )

    def knows_value(self, field: str, value: str) -> bool:
        return False


class KnownIds:
    """A database that has most of the member IDs."""

    def zips_of(self, city: str, state: str) -> tuple[str, ...]:
        return ()

    def knows_value(self, field: str, value: str) -> bool:
        return field == "MEMBER_ID" and len(value) == 6 and int(value) % 307 == 0


def cases() -> Iterator[Case]:
    """Every kind of damage, in the variants that are told apart."""
    yield from _zeros()
    yield from _numbers()
    yield from _dates()
    yield from _letters()
    yield from _columns()
    yield from _texts()


PEOPLE = [person for person in demo_people() if person.home_country == "USA"]
ZERO_CITIES = [city for city in demo_names.CITIES if city.zips[0].startswith("0")]


def _address(chance: Random, _number: int = 0) -> list[str]:
    city = chance.choice(demo_names.CITIES)
    return [city.name, city.state, chance.choice(city.zips), "USA"]


def _drop_zeros(place: int) -> Harm:
    def harm(_chance: Random, row: list[str]) -> list[str] | None:
        row[place] = row[place].lstrip("0")
        return row

    return harm


def _zeros() -> Iterator[Case]:
    fields = ("HOME_CITY", "HOME_STATEPROV", "HOME_ZIP", "HOME_COUNTRY")
    kind = DamageKind.LOST_ZEROS
    yield Case(kind, "ZIPs beside their states", fields, _address, _drop_zeros(2))
    yield Case(
        kind,
        "ZIPs of nine digits",
        fields,
        lambda chance, _number: [
            *(address := _address(chance))[:2],
            f"{address[2]}-{chance.randrange(10_000):04d}",
            "USA",
        ],
        _drop_zeros(2),
    )
    yield Case(
        kind,
        "ZIPs, no state and no country",
        ("HOME_ZIP",),
        lambda chance, _number: _address(chance)[2:3],
        _drop_zeros(0),
    )
    yield Case(
        kind,
        "ZIPs beside cities the database knows",
        ("HOME_CITY", "HOME_ZIP"),
        lambda chance, _number: _address(chance)[0:3:2],
        _drop_zeros(1),
        knowledge=KnownZips,
    )
    yield Case(
        kind,
        "member IDs, one after another",
        ("MEMBER_ID",),
        lambda _chance, number: [f"{number:06d}"],
        _drop_zeros(0),
    )
    yield Case(
        kind,
        "member IDs far apart",
        ("MEMBER_ID",),
        lambda _chance, number: [f"{number * 307:06d}"],
        _drop_zeros(0),
    )
    yield Case(
        kind,
        "member IDs that the database knows",
        ("MEMBER_ID",),
        lambda _chance, number: [f"{number * 307:06d}"],
        _drop_zeros(0),
        knowledge=KnownIds,
    )


def _shorten(place: int) -> Harm:
    def harm(_chance: Random, row: list[str]) -> list[str] | None:
        row[place] = f"{float(row[place]):.5E}"
        return row

    return harm


def _numbers() -> Iterator[Case]:
    yield Case(
        DamageKind.LOST_DIGITS,
        "member IDs of 13 digits",
        ("MEMBER_ID",),
        lambda chance, _number: [str(chance.randrange(10**12, 10**13))],
        _shorten(0),
    )

    def cut(_chance: Random, row: list[str]) -> list[str] | None:
        row[0] = row[0][1:]
        return row

    yield Case(
        DamageKind.SHORT_PHONE,
        "US phones without the first digit",
        ("HOME_PHONE",),
        lambda chance, _number: [f"{chance.randrange(201, 990)}555{chance.randrange(10_000):04d}"],
        cut,
    )
    yield Case(
        DamageKind.SHORT_PHONE,
        "phones whose 0 was dropped",
        ("HOME_PHONE",),
        lambda chance, _number: [f"07{chance.randrange(10**8):08d}"],
        cut,
    )


def _to_date(chance: Random, row: list[str]) -> list[str] | None:
    """What a spreadsheet set to American English does to 3-4."""
    month, day = (int(part) for part in row[0].split("-"))
    if not 1 <= month <= 12:
        return None
    if 1 <= day <= 28:
        row[0] = f"{day}-{MONTHS[month - 1]}"
    elif day > 31:
        row[0] = f"{MONTHS[month - 1]}-{day}"
    else:
        return None
    return row


def _dates() -> Iterator[Case]:
    kind = DamageKind.BECAME_DATE
    yield Case(
        kind,
        "codes 1-1 to 12-60",
        (None,),
        lambda chance, _number: [f"{chance.randrange(1, 13)}-{chance.randrange(1, 61)}"],
        _to_date,
    )
    yield Case(
        kind,
        "codes 1-1 to 20-12",
        (None,),
        lambda chance, _number: [f"{chance.randrange(1, 21)}-{chance.randrange(1, 13)}"],
        _to_date,
    )

    def exchange(_chance: Random, row: list[str]) -> list[str] | None:
        month, day, year = row[0].split("/")
        row[0] = f"{day}/{month}/{year}"
        return row if int(day) > 12 else None

    yield Case(
        DamageKind.SWAPPED_DATES,
        "dates that can be only one",
        ("BIRTH_DATE",),
        lambda chance, _number: [
            f"{chance.randrange(1, 13)}/{chance.randrange(1, 29)}/{chance.randrange(1930, 2008)}"
        ],
        exchange,
    )


def misread(encoding: str, layers: int = 1, place: int = 1) -> Harm:
    """Reads the UTF-8 of a cell as if it were another encoding."""

    def harm(_chance: Random, row: list[str]) -> list[str] | None:
        for _ in range(layers):
            row[place] = "".join(
                bytes([byte]).decode(encoding, "ignore") or chr(byte)
                for byte in row[place].encode("utf-8")
            )
        return row

    return harm


def _letters() -> Iterator[Case]:
    accented = [
        name
        for group in demo_names.NAMES
        for name in (*group.women, *group.men, *group.last)
        if not name.isascii()
    ]
    for label, harm in (
        ("UTF-8 read as Windows-1252", misread("cp1252")),
        ("twice", misread("cp1252", 2)),
        ("UTF-8 read as Mac Roman", misread("mac_roman")),
        ("UTF-8 read as ISO-8859-1", misread("latin-1")),
    ):
        yield Case(
            DamageKind.MOJIBAKE,
            label,
            ("FIRST_NAME", "LAST_NAME"),
            lambda chance, _number: ["Ann", chance.choice(accented)],
            harm,
        )
    yield Case(
        DamageKind.MOJIBAKE,
        "names in capitals, as Windows-1252",
        ("FIRST_NAME", "LAST_NAME"),
        lambda chance, _number: ["ANN", chance.choice(accented).upper()],
        misread("cp1252"),
    )


def _columns() -> Iterator[Case]:
    kind = DamageKind.SHIFTED_COLUMNS

    def exchange(one: int, other: int) -> Harm:
        def harm(_chance: Random, row: list[str]) -> list[str] | None:
            row[one], row[other] = row[other], row[one]
            return row

        return harm

    def person(chance: Random, _number: int = 0) -> list[str]:
        found = chance.choice(PEOPLE)
        return [
            found.first_name,
            found.last_name,
            found.primary_email or f"p{chance.randrange(10**6)}@example.org",
            f"({chance.randrange(200, 990)}) 555-{chance.randrange(10_000):04d}",
            found.home_city or "",
            found.home_stateprov or "",
            found.home_zip or "",
        ]

    fields = (
        "FIRST_NAME", "LAST_NAME", "PRIMARY_EMAIL", "HOME_PHONE", "HOME_CITY", "HOME_STATEPROV",
        "HOME_ZIP",
    )  # fmt: skip
    yield Case(kind, "email and phone exchanged", fields, person, exchange(2, 3))
    yield Case(kind, "city and state exchanged", fields, person, exchange(4, 5))
    yield Case(kind, "city and ZIP exchanged", fields, person, exchange(4, 6))
    yield Case(kind, "state and ZIP exchanged", fields, person, exchange(5, 6))
    yield Case(kind, "first and last name exchanged", fields, person, exchange(0, 1))

    def together(_chance: Random, row: list[str]) -> list[str] | None:
        row[0], row[1] = f"{row[1]}, {row[0]}", ""
        return row

    yield Case(kind, "“Smith, John” in one cell", fields, person, together)


def _texts() -> Iterator[Case]:
    def person(chance: Random, _number: int = 0) -> list[str]:
        found = chance.choice(PEOPLE)
        return [found.first_name, found.last_name, found.home_city or "", found.home_zip or ""]

    fields = ("FIRST_NAME", "LAST_NAME", "HOME_CITY", "HOME_ZIP")

    def put(place: int, *forms: str) -> Harm:
        def harm(chance: Random, row: list[str]) -> list[str] | None:
            row[place] = chance.choice(forms).replace("{}", row[place])
            return row

        return harm

    kind = DamageKind.NULL_WORD
    blank_city = lambda chance, _number: [*person(chance)[:2], "", "02139"]  # noqa: E731
    yield Case(kind, "words in a city", fields, blank_city, put(2, "NULL", "N/A", "-", "#N/A"))
    yield Case(
        kind,
        "NULL in a last name",
        fields,
        lambda chance, _number: [
            person(chance)[0],
            "" if chance.random() < 0.3 else "Smith",
            "",
            "",
        ],
        lambda _chance, row: [row[0], row[1] or "NULL", *row[2:]] if not row[1] else None,
    )
    kind = DamageKind.STRAY_BLANKS
    yield Case(kind, "around", fields, person, put(1, "{} ", " {}", "{}\u00a0", "\u200b{}", "{}\t"))
    yield Case(
        kind,
        "inside",
        fields,
        lambda chance, _number: [*person(chance)[:2], "Saint Paul", "55104"],
        lambda chance, row: [
            *row[:2],
            chance.choice(("Saint\u00a0Paul", "Saint  Paul", "Saint\u200b Paul")),
            row[3],
        ],
    )
    yield Case(DamageKind.APOSTROPHE, "ZIPs", fields, person, put(3, "'{}", '="{}"'))


def table() -> list[str]:
    """The lines of docs/damage.md, measured."""
    heads = " | ".join(f"{share:.0%} of the cells" for share in SHARES)
    lines = [f"| kind | damage | {heads} |", "| --- | --- |" + " --- |" * len(SHARES)]
    for case in cases():
        results = [score(case, share) for share in SHARES]
        told = " | ".join(_told(result) for result in results)
        lines.append(f"| `{case.kind}` | {case.label} | {told} |")
    return lines


def _told(result: Score) -> str:
    if not result.found:
        return "not found"
    found = min(1, result.found / result.damaged)
    if not result.right:
        return f"{found:.0%} told"
    right = result.right / result.damaged
    return f"{right:.0%} put right" if found <= right else f"{found:.0%} found, {right:.0%} right"


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201
