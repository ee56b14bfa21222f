"""Whatever Python's csv module writes reads back equal, with nothing said about how it is written.

The rows are believable ones: of a table of random signs nobody could say how it is written.
"""

from __future__ import annotations

import csv
import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.rules.reading.sources import Bytes
from webapp.rules.reading import Examination, examine, read_records

words = st.sampled_from(
    ["Ana", "O'Brien", "de la Cruz", "Zoë", "Main St, Apt 4", 'The "Good" Co.', "a;b", "x|y",
     "tab\there", "two\nlines", "100%", "Smith-Jones", "", "N/A", "$5.00", "a, b; c", "10:30"]
)  # fmt: skip
emails = st.integers(0, 999).map(lambda number: f"person{number}@example.org")
dates = st.dates().map(str)
amounts = st.integers(0, 99_999).map(lambda number: f"{number / 100:.2f}")
COLUMNS = {"Name": words, "Email": emails, "Gift date": dates, "Amount": amounts, "Notes": words}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A header, and at least five rows, each with something in its first cell."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
    first = draw(st.sampled_from(["Email", "Gift date"]))
    names = [first, *(name for name in names if name != first)]
    rows = draw(
        st.lists(st.tuples(*(COLUMNS[name] for name in names)).map(list), min_size=5, max_size=15)
    )
    return names, rows


@given(
    tables(),
    st.sampled_from(",;\t|:^"),
    st.sampled_from("\"'"),
    st.booleans(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_table_in_any_dialect_reads_back_equal(
    table: tuple[list[str], list[list[str]]],
    delimiter: str,
    quote: str,
    doubles: bool,
    quoting: int,
    ending: str,
    encoding: str,
) -> None:
    names, rows = table
    # A program has one line ending, also within cells
    rows = [[cell.replace("\n", ending) for cell in row] for row in rows]
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=delimiter,
        quotechar=quote,
        doublequote=doubles,
        escapechar=None if doubles else "\\",
        quoting=quoting,
        lineterminator=ending,
    )
    writer.writerow(names)
    writer.writerows(rows)
    source = Bytes(text.getvalue().encode(encoding))
    found = examine(source)
    assert isinstance(found, Examination), found
    read = [row for batch in read_records(source, found.dialect) for row in batch.rows]
    assert (list(found.columns), read) == (names, rows)
