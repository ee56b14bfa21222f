"""Files in the manner of the programs that nonprofits export from. Everybody in them is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from webapp.cli.local_files import LocalFile
from webapp.rules.reading import Batch, Examination, Source, examine, read_records

DATA = Path(__file__).resolve().parents[3] / "data"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file should be read as."""

    encoding: str
    delimiter: str
    columns: Sequence[str]
    rows: int
    row_number: int
    row: Sequence[str]
    """One of its rows, under the number a spreadsheet shows for it."""


FILES = {
    "donor-system-query.csv": Wanted(
        "utf-8",
        ",",
        ["Constituent ID", "Name", "Preferred Address Line 1", "Preferred City, State, ZIP",
         "Email Number", "Gift Date", "Gift Amount"],
        4,
        2,
        ["10023", "Dr. Amara Nwosu-Bell", "14 Harbor Row\nApt. 3B", "Salem, MA 01970",
         "amara.nb@example.org", "11/02/2026", "$250.00"],
    ),
    "journal-entries.csv": Wanted(
        "windows-1252",
        ",",
        ["Account Name", "Account Number", "Journal Entry Type", "Date", "Received",
         "Persona: Email"],
        5,
        4,
        ["Côté, Maëlle", "131", "Gift", "10/4/2026", "15.50", "maelle@example.ca"],
    ),
    "payments.csv": Wanted(
        "utf-8",
        ",",
        ["Date", "Time", "TimeZone", "Name", "Type", "Status", "Currency", "Gross", "Fee", "Net",
         "From Email Address", "Transaction ID"],
        4,
        3,
        ["11/01/2026", "19:02:10", "PST", "", "General Withdrawal", "Completed", "USD",
         "-1,250.00", "0.00", "-1,250.00", "", "7XY98765ZW432109Q"],
    ),
    "newsletter-audience.csv": Wanted(
        "utf-8",
        ",",
        ["Email Address", "First Name", "Last Name", "Address", "Tags", "MEMBER_RATING",
         "OPTIN_TIME", "NOTES"],
        4,
        3,
        ["bo@example.org", "Bo", "Ikeda", "", '"Donor"', "2", "2026-02-11 09:00:00",
         "Met at the fair\nasked for less mail"],
    ),
    "event-attendees.csv": Wanted(
        "utf-8",
        ",",
        ["Order no.", "Order Date", "First Name", "Surname", "Email", "Quantity", "Ticket Type",
         "Total Paid"],
        4,
        2,
        ["9100000001", "2026-09-01 10:00:00+00:00", "Ines", "Valdés", "ines@example.org", "2",
         "General, early bird", "36.00"],
    ),
    "bank-statement.csv": Wanted(
        "utf-8",
        ",",
        ["Date", "Description", "Debit", "Credit", "Balance"],
        4,
        6,
        ["10/01/2026", "DEPOSIT, BRANCH 12", "", "500.00", "12,500.00"],
    ),
    "spender-europa.csv": Wanted(
        "windows-1252",
        ";",
        ["Mitglied", "Name", "Ort", "Spende", "Datum", "Bemerkung"],
        4,
        5,
        ["104", "Íñigo Peña", "La Coruña", "99,90", "09.11.2026", 'Sagte: "gern wieder"'],
    ),
    "old-mac-list.txt": Wanted(
        "mac-roman",
        "\t",
        ["Name", "Street", "City", "Notes"],
        5,
        2,
        ["René Dubois", "5 Rue de l’Église", "Montréal", "Préfère le courrier"],
    ),
    "members.xls": Wanted(
        "utf-16-le",
        "\t",
        ["Member No.", "Last Name", "First Name", "Joined", "Dues"],
        4,
        5,
        ["00022", "Díaz", "Lucía", "2019-07-04", "40.00"],
    ),
    "gift-report.csv": Wanted(
        "utf-8",
        ",",
        ["Fund", "Donor ID", "Donor", "Gift Date", "Amount"],
        6,
        9,
        ["Pantry", "2001", "Ana Reyes", "10/09/2026", "25.00"],
    ),
    "volunteer-hours.csv": Wanted(
        "utf-8",
        "|",
        ["column_1", "column_2 (email)", "column_3 (date)", "column_4 (number)"],
        5,
        1,
        ["Ann Marsh", "ann@example.org", "2026-10-01", "4.5"],
    ),
    "phone-bank.csv": Wanted(
        "utf-8",
        ",",
        ["id", "first", "last", "phone", "result"],
        20,
        7,
        ["6", "Lea", "Moss", "(603) 555-0106", "yes"],
    ),
}  # fmt: skip


def open_file(name: str) -> Source:
    path = DATA / name
    return LocalFile(path, path.stat().st_size)


def read_whole(name: str) -> tuple[Examination, Batch]:
    """What is in a file, and all of its rows in one batch."""
    source = open_file(name)
    found = examine(source)
    assert isinstance(found, Examination), found
    [batch] = read_records(source, found.dialect)
    return found, batch


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_a_person_would(name: str) -> None:
    wanted = FILES[name]
    found, batch = read_whole(name)
    dialect = found.dialect
    assert (dialect.encoding, dialect.delimiter) == (wanted.encoding, wanted.delimiter)
    assert list(found.columns) == wanted.columns
    assert (len(batch.rows), batch.faults) == (wanted.rows, {})
    assert batch.rows[batch.row_numbers.index(wanted.row_number)] == wanted.row


def test_every_file_is_told_of() -> None:
    assert {path.name for path in DATA.glob("*.csv")} <= set(FILES)


def test_rows_that_were_put_right_say_so() -> None:
    _, batch = read_whole("phone-bank.csv")
    assert set(batch.recovered) == {3, 5, 7}
    assert batch.rows[3] == ["4", "Jon", "Kerr", "(603) 555-0104", "no answer"]


def test_what_is_not_of_the_table_is_named() -> None:
    for name, kinds in {
        "bank-statement.csv": {"title", "totals"},
        "gift-report.csv": {"title", "totals", "notes", "repeated_header"},
    }.items():
        outside = {str(part.kind) for part in read_whole(name)[0].outside}
        assert "title" in outside
        assert outside <= kinds
        assert len(outside) > 1


def test_a_zip_code_like_number_keeps_its_zeros() -> None:
    _, batch = read_whole("members.xls")
    assert [row[0] for row in batch.rows] == ["00017", "00018", "00021", "00022"]
