"""Whatever table, written by Python's csv in any dialect, reads back equal."""

from __future__ import annotations

import csv
import io

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.rules.reading.sources import Bytes, found, read_all
from webapp.rules.reading import Dialect, read_records

NAMES = ["MEMBER_ID", "LAST_NAME", "HOME_ZIP", "PRIMARY_EMAIL", "SOURCE"]

any_text = st.text(st.sampled_from("ab 1,;|\t:^~'\"\\é\n"), max_size=8)
words = st.sampled_from(
    ["", "Ann", "O'Neil", "Smith, Jr.", 'the "old" one', "x; y", "a|b", "5 Main St", "No. 7: west"]
)
numbers = st.integers(-500, 90_000).map(str)
dates = st.dates().map(str)
emails = st.sampled_from(["ann@example.org", "bo.b@mail.test", ""])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Rows as files of people have them: a number first, then columns of one kind each."""
    kinds = draw(st.lists(st.sampled_from([words, numbers, dates, emails]), max_size=4))
    columns = [numbers, *kinds]
    return draw(st.lists(st.tuples(*columns).map(list), min_size=3, max_size=12))


def write(rows: list[list[str]], **dialect: object) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, **dialect)  # type: ignore[arg-type]
    writer.writerow(NAMES[: len(rows[0])])
    writer.writerows(rows)
    return text.getvalue().encode()


@given(
    tables(),
    st.sampled_from(",;\t|^:~"),
    st.sampled_from("\"'"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_table_of_people_reads_back_equal_in_any_dialect(
    rows: list[list[str]], delimiter: str, quote: str, quoting: int, doubles: bool, ending: str
) -> None:
    data = write(
        rows,
        delimiter=delimiter,
        quotechar=quote,
        quoting=quoting,
        doublequote=doubles,
        escapechar=None if doubles else "\\",
        lineterminator=ending,
    )
    if not doubles:
        # Nobody can tell if an escape that stands in a cell without quotes is one.
        assume(quoting != csv.QUOTE_MINIMAL or "\\" not in data.decode())
    source = Bytes(data)
    assert found(source).columns == tuple(NAMES[: len(rows[0])])
    batch = read_all(source)
    assert batch.rows == rows
    assert not batch.faults


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.tuples(st.just("7"), *[any_text] * (width - 1)).map(list), min_size=1, max_size=8
        )
    ),
    st.sampled_from([*",;\t|^:~", "||", "::", "~|~"]),
    st.sampled_from("\"'"),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_any_table_reads_back_equal_in_a_dialect_that_is_known(
    rows: list[list[str]], delimiter: str, quote: str, doubles: bool
) -> None:
    if len(delimiter) > 1:
        # A cell that ends as the delimiter begins can't be told, unless it is in quotes.
        data = "".join(
            delimiter.join(quote + cell.replace(quote, quote * 2) + quote for cell in row) + "\n"
            for row in [NAMES[: len(rows[0])], *rows]
        ).encode()
        doubles = True
    else:
        data = write(
            rows,
            delimiter=delimiter,
            quotechar=quote,
            doublequote=doubles,
            escapechar=None if doubles else "\\",
            lineterminator="\n",
        )
    dialect = Dialect(
        "csv",
        "utf-8",
        delimiter,
        quote,
        escape="" if doubles else "\\",
        width=len(rows[0]),
    )
    batches = list(read_records(Bytes(data), dialect, size=3))
    assert [row for batch in batches for row in batch.rows] == rows
    assert not any(batch.faults or batch.recovered for batch in batches)
