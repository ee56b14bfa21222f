"""Numbers by which things are known, as addresses and forms bring them back."""

from __future__ import annotations

ID_DIGITS = 18
"""The most digits that the number of a record, a run, ... has."""
INTEGER_DIGITS = 9
"""The most digits where the database has an `integer`: a file's rows, versions."""


def read_key(text: str | None, digits: int = ID_DIGITS) -> int | None:
    """The number that a text is; None for anything else, or where it is longer than any of ours."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > digits:
        return None
    return int(text)
