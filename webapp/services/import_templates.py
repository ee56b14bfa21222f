"""The template to start a file from: every column, and what goes in."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import xlsxwriter

from webapp.rules.fields import Field, Kind

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

EXPLANATIONS: dict[Kind, str] = {
    Kind.TEXT: "Text",
    Kind.NUMBER: "A number: digits, with a point before decimals",
    Kind.EMAIL: "An email address such as name@example.org",
    Kind.DATE: "A date: 1980-12-31, or with slashes in the order the run says",
    Kind.TIME: "A date and time, only in downloads",
    Kind.YES_NO: "Yes or No",
    Kind.CHOICE: "One of",
    Kind.CONS_ID: "The number a download gave; blank for new constituents",
    Kind.GROUP_LIST: "Group IDs, separated by commas: the person is added to these groups",
    Kind.INTEREST_LIST: "Interest IDs, separated by commas: the person is opted in to these",
    Kind.GROUP_CODE: "A group's number here, or its code in the cross-references",
    Kind.GROUP_NAME: "A group's name, instead of its ID; an unknown name makes the group",
    Kind.INTEREST_CODE: "An interest's number here, or its code in the cross-references",
    Kind.AMOUNT: "An amount: digits, with a point before the cents",
    Kind.CURRENCY: "Three letters such as USD; blank for the site's own currency",
    Kind.CAMPAIGN: "A campaign's number or name here, or its code in the cross-references",
    Kind.DONATION_FORM: "A donation form's number or name here, or its code",
    Kind.DESIGNATION: "A fund's number or name here, or its code in the cross-references",
    Kind.EVENT: "An event's number or name here, or its code in the cross-references",
    Kind.INTEREST_NAME: "An interest's name, instead of its ID; an unknown name makes the interest",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A file that was made to be downloaded."""

    file: BinaryIO
    mimetype: str


def make_template(
    fields: Sequence[Field], file_format: str, sheet: str = "Constituents"
) -> Template:
    """Every column in the first row. In Excel every cell is text, so that leading zeros stay, and
    a second sheet says what goes where."""
    if file_format == "xlsx":
        return Template(_make_workbook(fields, sheet), XLSX)
    text = io.StringIO(newline="")
    csv.writer(text).writerow([field.column for field in fields])
    # With a byte order mark, by which Excel knows that it is UTF-8
    return Template(io.BytesIO(text.getvalue().encode("utf-8-sig")), "text/csv; charset=utf-8")


def explain(field: Field) -> str:
    """What a cell of this field may hold."""
    words = EXPLANATIONS[field.kind]
    if field.choices:
        words = f"{words}: {', '.join(field.choices)}"
    if field.max_length:
        words = f"{words}, at most {field.max_length} characters"
    return words


def _make_workbook(fields: Sequence[Field], sheet: str) -> BinaryIO:
    file = io.BytesIO()
    workbook = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False})
    as_text = workbook.add_format({"num_format": "@"})
    heading = workbook.add_format({"num_format": "@", "bold": True})
    rows = workbook.add_worksheet(sheet)
    rows.freeze_panes(1, 0)
    for at, field in enumerate(fields):
        rows.set_column(at, at, max(12, len(field.column) + 2), as_text)
        rows.write_string(0, at, field.column, heading)
    about = workbook.add_worksheet("About the columns")
    about.set_column(0, 1, 28)
    about.set_column(2, 2, 70)
    for at, words in enumerate(("Column", "Field", "What goes in")):
        about.write_string(0, at, words, heading)
    for at, field in enumerate(fields, start=1):
        for column, words in enumerate((field.column, field.label, explain(field))):
            about.write_string(at, column, words, as_text)
    workbook.close()
    file.seek(0)
    return file
