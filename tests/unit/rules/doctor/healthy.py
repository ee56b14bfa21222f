"""Columns that are fine, of every kind we could think of. None of them may ever be "repaired"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from bench.files import HEADER
from bench.files import row as bench_row
from webapp.rules.doctor import ColumnSeen
from webapp.services.demo_people import demo_people

ROWS = 300
FEW = [""] * 3

NAMES = [
    "Null", "O'Brien", "d'Angelo", "'t Hooft", "Ñandú", "NUÑEZ", "São", "SÃO PAULO", "Irmã",
    "IRMÃ", "IRMÃ’S", "ROMÃ", "MANHÃ", "ÂNGELA", "À propos", "Ångström", "Ösel", "Ødegård", "Þór",
    "Ðóra", "İnci", "Işık", "Şahin", "Łukasz", "Żaneta", "Đặng", "Nguyễn Thị", "Ελένη", "Мария",
    "さくら", "陳美玲", "佐藤　健二", "김", "مريم", "דוד", "می‌خواهم", "क्‍ष", "None", "Nil", "Na",
    "NA", "Nan", "An", "Bo", "Xi", "X Æ", "Jean-Luc", "Mary Ann", "van der Berg", "St. John",
    "Maya", "May", "June", "April", "August", "Mar", "Jan", "Dec", "May-Britt", "Jan-3", "E", "D.",
    "Vander-Mar", "Mc Donald", "DeVries", "True", "False", "Test", "Blank", "Empty", "Nullmann",
    "Müller-Lüdenscheidt", "José–Maria", "«Coco»", "“Ace”", "Björn", "Žižek", "Čapek", "Ő", "Ű",
    "NÍŽE", "VÝŠKA", "HÚŠ", "KÔŠ", "MÍŠA", "Míša", "Rážová", "ÄŠ", "ÎŒUVRE",
    "Smith, Jr.", "ten Boom", "El-Sayed", "Al-Ḥasan", "Ó Súilleabháin", "Ng", "O", "Y", "Zoë 😀",
]  # fmt: skip
TEXTS = [
    "-5% off – really", "Call after 3-4 pm", "n/a yet?", "none so far", "Null and void",
    "He said 'tis so", "'90s music", "Class of '68", "'68", "a - b", "see 4-Mar", "1.5E+3 is 1500",
    "Paid in full.  Thank you.", "Bonjour\u00a0!", "«\u00a0Oui\u00a0»", "10\u00a0000\u00a0€",
    "12\u00a0%", "Line one\nLine two", "tab\there", "50° — ok…", "½ price", "£5", "5 €", "naïve",
    "Ã is a letter", "A×B", "Ü“ber", "CAFÉ»", "É™",
    "«CAFÉ»", "Straße", "=A1+B1", "'=A1+B1", "@home",
    "+1", "'+1 555", "-", "?", ".", "TBD", "unknown", "not available", "To whom it may concern,",
]  # fmt: skip


def _pick(chance: Random, values: list[str], blanks: bool = True) -> list[str]:
    return [chance.choice(values + (FEW if blanks else [])) for _ in range(ROWS)]


def _digits(chance: Random, pattern: str) -> str:
    return "".join(str(chance.randrange(10)) if sign == "#" else sign for sign in pattern)


def _patterns(chance: Random, *patterns: str) -> list[str]:
    return [_digits(chance, chance.choice(patterns)) for _ in range(ROWS)]


def _days(chance: Random, form: str) -> list[str]:
    start = date(1940, 1, 1)
    return [(start + timedelta(days=chance.randrange(25_000))).strftime(form) for _ in range(ROWS)]


def columns() -> Iterator[tuple[str, str | None, list[str]]]:
    """Heading, catalogue field (None where nobody would map it), cells."""
    chance = Random(4)
    yield "First name", "FIRST_NAME", _pick(chance, NAMES)
    yield "Last name", "LAST_NAME", _pick(chance, NAMES)
    yield "Surname", "LAST_NAME", [name.upper() for name in _pick(chance, NAMES)]
    yield "surname", "LAST_NAME", [name.lower() for name in _pick(chance, NAMES)]
    yield "City", "HOME_CITY", _pick(chance, NAMES)
    yield "Nickname", "NICKNAME", _pick(chance, [*NAMES, "Nil", "None"])
    yield "Notes", None, _pick(chance, TEXTS)
    yield "Remarks", None, _pick(chance, [*TEXTS, *NAMES])
    yield "Employer", "EMPLOYER", _pick(chance, ["None", "Self", "IBM", "AT&T", "3M", "Null Inc."])
    yield "Suffix", "SUFFIX", _pick(chance, ["Jr.", "III", "None"])
    yield (
        "State",
        "HOME_STATEPROV",
        _pick(chance, ["NA", "MA", "NSW", "WA", "NH", "ME", "São Paulo"]),
    )
    yield "Country", "HOME_COUNTRY", _pick(chance, ["NA", "NO", "US", "Namibia", "None"])
    yield "Allergies", None, _pick(chance, ["None", "Nuts", "N/A", "-", "Gluten", "none"])
    yield "Answer", None, _pick(chance, ["Yes", "No", "N/A"])
    yield "Rhesus", None, _pick(chance, ["+", "-"])
    yield "Blood", None, _pick(chance, ["A+", "A-", "0-", "0+", "AB-"])
    yield "Balance", None, _pick(chance, [*(f"{n}.50" for n in range(40)), "-", "-3.00"])
    yield "Yes or no", "ACCEPTS_EMAIL", _pick(chance, ["Y", "N", "true", "0", "1", "T"])
    # Codes
    yield "MEMBER_ID", "MEMBER_ID", _patterns(chance, "M-#####", "M-######")
    yield "Member", "MEMBER_ID", _patterns(chance, "1####", "2######", "3###")
    yield "MEMBER_ID", "MEMBER_ID", _patterns(chance, "00####", "1#####", "9#####")
    yield "MEMBER_ID", "MEMBER_ID", _patterns(chance, "###-##-####", "0##-##-####")
    yield "Two systems", "MEMBER_ID", _patterns(chance, "000###", "0012##", "4####", "10####")
    yield "Mixed", "MEMBER_ID", _patterns(chance, "007", "0##", "##", "#", "####", "00")
    yield "Hex", "MEMBER_ID", _patterns(chance, "1E#", "5e##", "##E##", "1E+5", "AB##")
    yield "Unit", None, _patterns(chance, "#-#", "1#-#", "#-1#", "3-4", "12-31")
    yield "Score", None, _patterns(chance, "3-#", "#-2", "1#-2#")
    yield "Fraction", None, _patterns(chance, "1/#", "3/#", "1#/16")
    yield "Part", None, _patterns(chance, "MAR-##A", "JAN-##-X", "DEC##", "SEP-1##", "4-MARS")
    yield "Gene", None, _pick(chance, ["MARCH1", "SEPT2", "DEC1", "TP53", "OCT4"])
    yield "Code", None, _patterns(chance, "'A##", "X'##", "=#", "A=#", "0x##", "1.#", "v1.#.#")
    yield "Account", None, _patterns(chance, "4###############", "3##############")
    yield "Year", None, _patterns(chance, "19##", "20##")
    yield "Zip+4", "HOME_ZIP", _patterns(chance, "1####-####", "0####-####", "9####")
    yield "Amount", None, _patterns(chance, "####", "###", "##.##", "1,###.##", "-##", "#####")
    yield "Measure", None, _patterns(chance, "1.#E+05", "2.##E+07", "#.#E-03")
    yield "GROUP_IDS", "GROUP_IDS", _pick(chance, ["1, 2", "3,4", "10", "2139"])
    # Postcodes
    for country, pattern in (
        ("Australia", "2###"), ("Austria", "1###"), ("Belgium", "9###"), ("Switzerland", "8###"),
        ("Denmark", "2###"), ("Norway", "0###"), ("Norway", "7###"), ("South Africa", "8###"),
        ("Luxembourg", "1###"), ("Luxembourg", "L-1###"), ("Hungary", "H-1###"), ("Iceland", "1##"),
        ("New Zealand", "6###"), ("Faroes", "FO-###"), ("Netherlands", "10## AB"),
        ("UK", "SW1A #AA"), ("UK", "M1 #AE"), ("Canada", "K1A #B#"), ("Germany", "0####"),
        ("India", "######"), ("Brazil", "01###-0##"), ("Japan", "1##-00##"), ("Ireland", "D0# X2#"),
        ("Chile", "83#####"), ("Peru", "0####"), ("Sweden", "413 ##"), ("Poland", "31-0##"),
        ("Malta", "VLT 11##"), ("Andorra", "AD###"), ("Brunei", "BB####"), ("Israel", "######0"),
    ):  # fmt: skip
        yield f"Postcode {country}", "HOME_ZIP", _patterns(chance, pattern)
    # Phones
    yield "Phone", "HOME_PHONE", _patterns(
        chance, "+44 20 7946 0###", "+49 89 550 0###", "+33 4 65 71 0# ##", "(617) 555-####",
        "0171 946 0###", "91 123 45 6#", "612345 67#", "617.555.#### x12", "+1 617 555 ####",
    )  # fmt: skip
    yield "Phone", "MOBILE_PHONE", _patterns(chance, "617555####", "212555####", "1617555####")
    yield "Téléfono", "HOME_PHONE", _patterns(chance, "6########", "9########")
    yield "Phone", "WORK_PHONE", _patterns(chance, "06########", "07########")
    yield "Phone", "WORK_PHONE", _patterns(chance, "07#########", "02#########", "0120# #####")
    # Dates
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%b-%Y", "%d-%b", "%b-%y"):
        yield f"Born {form}", None, _days(chance, form)
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d 00:00:00"):
        yield "BIRTH_DATE", "BIRTH_DATE", _days(chance, form)
    yield (
        "Email",
        "PRIMARY_EMAIL",
        _patterns(chance, "a##@example.org", "null@x#.org", "o'b##@x.ie"),
    )
    yield "Street", "HOME_STREET1", _patterns(
        chance, "## Main St", "#-## Oak", "Apt 3-#", "rue de l'Église ##", "No. ##", "#½ Elm",
        "## St.  James", "Suite 3\n## High St", "1#/2# Kent Rd", "C/O N/A Corp ##",
    )  # fmt: skip
    yield "Unit", "HOME_STREET2", _patterns(chance, "#-#", "Apt #", "3-4", "#B", "Mar-Vista #")
    yield "URL", None, _patterns(chance, "https://example.org/?q=%20##", "www.x##.org")
    yield "Blank", None, [""] * ROWS
    yield "Spaces", None, ["  "] * ROWS
    yield "One", None, ["x"] * ROWS


Table = tuple[list[ColumnSeen], list[list[str]]]


def tables() -> Iterator[tuple[str, Table]]:
    """Whole healthy files: of the benchmark, of the demo people, and addresses of the world."""
    chance = Random(5)
    seen = [ColumnSeen(place, name, name) for place, name in enumerate(HEADER)]
    yield "benchmark", (seen, [bench_row(number, chance) for number in range(2_000)])
    names = str.split(
        "member_id primary_email title first_name middle_name last_name suffix home_street1 "
        "home_street2 home_city home_stateprov home_zip home_country home_phone mobile_phone "
        "birth_date marital_status employer occupation position donor_status matched_donor source"
    )
    people = [
        [str(value) if (value := getattr(person, name)) is not None else "" for name in names]
        for person in demo_people()
    ]
    yield (
        "demo",
        (
            [ColumnSeen(place, name.upper(), name.upper()) for place, name in enumerate(names)],
            people,
        ),
    )
    yield "addresses", _addresses(chance)
    yield "abroad", _abroad(chance)
    yield "measured", _measured(chance)


def _addresses(chance: Random) -> Table:
    places = [
        ("Sydney", "NSW", "2###", "Australia"), ("Perth", "WA", "6###", "Australia"),
        ("Zürich", "ZH", "8###", "Switzerland"), ("Wien", "", "1###", "Austria"),
        ("København", "", "2###", "Denmark"), ("Oslo", "", "0###", "NO"),
        ("Brussels", "", "1###", "BE"), ("Boston", "MA", "021##", "USA"),
        ("Newark", "NJ", "071##", "US"), ("Austin", "TX", "787##", ""),
        ("Wellington", "", "6###", "NZ"),
        ("Cape Town", "WC", "8###", "ZA"), ("Manchester", "NH", "031##", ""),
        ("Budapest", "", "1###", "Hungary"), ("Reykjavík", "", "1##", "Iceland"),
    ]  # fmt: skip
    fields = ("HOME_CITY", "HOME_STATEPROV", "HOME_ZIP", "HOME_COUNTRY")
    rows = []
    for _ in range(2_000):
        city, state, zip_code, country = chance.choice(places)
        rows.append([city, state, _digits(chance, zip_code), country])
    return [ColumnSeen(place, name, name) for place, name in enumerate(fields)], rows


def _abroad(chance: Random) -> Table:
    """Postcodes of four digits beside the states of Americans who moved there."""
    towns = ["Zürich", "Genève", "Sydney", "Wien", "Oslo", "Brussel", "Utrecht", "København"]
    states = ["MA", "NH", "VT", "CT", "NJ", "TX", "CA", "NY", "WA", "OH", "", ""]
    rows = [
        [chance.choice(towns), chance.choice(states), str(chance.randrange(1_000, 9_999)), ""]
        for _ in range(1_000)
    ]
    fields = ("HOME_CITY", "HOME_STATEPROV", "HOME_ZIP", "HOME_COUNTRY")
    return [ColumnSeen(place, name, name) for place, name in enumerate(fields)], rows


def _measured(chance: Random) -> Table:
    """Measurements as scientists write them."""
    rows = [
        [f"6.022E+{chance.randrange(20, 25)}", chance.choice(["1.2E+3", "3.1E-5", "1.2345E+12"])]
        for _ in range(300)
    ]
    return [ColumnSeen(0, "Particles"), ColumnSeen(1, "Number of cells")], rows
