"""Cells that a spreadsheet would take for a formula, made plain text in a way that can be undone.

Two promises meet here: no formula runs from a file opened in Excel (promise 12), and a rejected
row comes back as it came in (promise 9). So a cell that a spreadsheet would calculate is written
with an apostrophe in front, and so is one that merely looks guarded already (apostrophes, then such
a character): that makes `unguard` the exact inverse of `guard`. The apostrophe is what spreadsheet
users write themselves to say "this is text", it survives opening and saving in Excel, and it keeps
+1555… a phone number there. Our own reader takes it away again, but only in a file that has our
report columns or a download's mark (`is_guarded_file`): elsewhere an apostrophe is somebody's data.

Downloads are guarded by the database (`guarded_sql`), with the same pattern; their workbooks show
the cell as it was and tell Excel that it is text (jobs.processors.download_files).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from webapp.rules.fields import DOWNLOAD_COLUMN, REPORT_COLUMNS

MARK = "'"

# Excel, LibreOffice and Google Sheets calculate = + - @, their full-width forms included, also
# behind blanks; a leading tab or line break is known to hide them.
_CALCULATED = r"[\s\x00-\x1f]*[=+\-@＝＋－＠]|[\t\r\n]"
_NEEDS_GUARD = re.compile(rf"{MARK}*(?:{_CALCULATED})")
_IS_GUARDED = re.compile(rf"{MARK}+(?:{_CALCULATED})")

# What \s means to Python, spelt out: to PostgreSQL it depends on the database's locale
_BLANKS = "".join(sign for sign in map(chr, range(1, 0x3001)) if re.match(r"[\s\x00-\x1f]", sign))
_SIGNS = "=+-@"
_WIDE_SIGNS = "＝＋－＠"
_SQL_PATTERN = f"^{MARK}{MARK}*([{_BLANKS}]*[=+@{_WIDE_SIGNS}-]|[\t\r\n])"
_FIRST_BYTES = sorted({sign.encode()[0] for sign in (MARK, *_SIGNS, *_WIDE_SIGNS, *_BLANKS)})
_SQL_FIRST_BYTES = ",".join(rf'"\\{byte:03o}"' for byte in _FIRST_BYTES)


def guarded_sql(value: str) -> str:
    """The same in SQL for an expression of type text; NULL stays NULL. Nearly all values tell by
    their first byte that there is nothing to do, at a fraction of what the pattern costs; of the
    others most begin with a sign. Short, because the database goes through it for every cell."""
    signs = ",".join(_SIGNS)
    return (
        f"CASE WHEN ({value})::\"char\" = ANY ('{{{_SQL_FIRST_BYTES}}}')"
        f" AND (left({value}, 1) = ANY ('{{{signs}}}') OR {value} COLLATE \"C\" ~ '{_SQL_PATTERN}')"
        f" THEN '{MARK * 2}' || {value} ELSE {value} END"
    )


def guard(value: str) -> str:
    """The cell as it is safe to open in a spreadsheet; nearly always the cell itself."""
    return MARK + value if _NEEDS_GUARD.match(value) else value


def unguard(value: str) -> str:
    """The cell as it was before `guard`; a cell that was never guarded stays as it is."""
    return value[1:] if _IS_GUARDED.match(value) else value


def is_guarded(value: str) -> bool:
    """Whether a cell looks as if `guard` had been at it."""
    return _IS_GUARDED.match(value) is not None


def is_guarded_file(columns: Iterable[str]) -> bool:
    """Whether a file is one of our rejects files (either report column is still there) or one of
    our downloads (its mark is)."""
    marks = (*REPORT_COLUMNS, DOWNLOAD_COLUMN)
    return any(column.strip().upper() in marks for column in columns)


def is_report_column(column: str) -> bool:
    """Whether a heading is one of those that a rejects file adds, in any case or spacing."""
    return column.strip().upper() in REPORT_COLUMNS
