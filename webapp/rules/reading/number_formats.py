"""Numbers of a workbook as text: dates as ISO, codes with their zeros, never an exponent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

Show = Callable[[str], str]

_WHOLE = re.compile(r"-?\d{1,20}\Z")
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_LITERAL = r'(?:"[^"]*"|\\.|-)*'
_PADDED = re.compile(rf"({_LITERAL})(0(?:0|-|\\[- ]|\"[- ]\"| )*0)({_LITERAL})\Z")

# Formats that are known by number only: dates, times, and those of East Asian editions.
_BUILT_IN = {
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yy h:mm",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((32, 33, 34, 35, 55, 56), "h:mm"),
}
# Formats that are known by a name of their own where Excel writes them in words.
_NAMED = {
    "general date": "m/d/yyyy h:mm",
    "short date": "m/d/yyyy",
    "medium date": "d-mmm-yy",
    "long date": "mmmm d, yyyy",
    "short time": "h:mm",
    "medium time": "h:mm AM/PM",
    "long time": "h:mm:ss",
    **dict.fromkeys(
        (
            "general number",
            "currency",
            "euro currency",
            "fixed",
            "standard",
            "percent",
            "scientific",
            "yes/no",
            "true/false",
            "on/off",
        ),
        "General",
    ),
}
_LAST_SERIAL = 2_958_466  # the day after 9999-12-31


def format_code(number: int, custom: dict[int, str]) -> str:
    return custom.get(number) or _BUILT_IN.get(number, "General")


def named_code(text: str) -> str:
    """The code of a format that HTML and XML give by name or as a code."""
    return _NAMED.get(text.strip().lower(), text)


def is_padded(code: str) -> bool:
    """Does a format show codes: so many digits, with leading zeros?"""
    return bool(_PADDED.match(code.partition(";")[0]))


def make_show(code: str, *, from_1904: bool) -> Show:
    """The way one number format shows a number."""
    first = code.partition(";")[0]
    padded = _PADDED.match(first)
    if padded:
        before, pattern, after = (
            part.replace("\\", "").replace('"', "") for part in padded.groups()
        )
        return lambda text: show_padded(text, pattern, before, after)
    if code == "General":
        return show_number
    elapsed = bool(_ELAPSED.search(first))
    letters = set(_NOT_SHOWN.sub("", first).lower())
    has_time = bool(letters & set("hs"))
    has_date = bool(letters & set("yd")) or ("m" in letters and not has_time)
    if elapsed and not has_date:
        return show_duration
    if has_date or has_time:
        return lambda text: show_moment(text, has_date, has_time, from_1904=from_1904)
    return show_number


def show_number(text: str) -> str:
    """A number as people write it: no exponent, no ``.0``, no digits that only binary has."""
    if _WHOLE.match(text):
        return text
    try:
        exact = Decimal(text)
        # Fifteen digits are what the spreadsheet shows of a number that it computed.
        shown = exact if abs(exact) >= 10**15 and _is_whole(exact) else Decimal(f"{exact:.15g}")
        if not shown.is_finite() or abs(shown.adjusted()) > 400:
            return text
    except InvalidOperation:
        return text
    plain = format(shown, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain == "-0" else plain


def _is_whole(number: Decimal) -> bool:
    return number.adjusted() < 30 and number == number.to_integral_value()


def show_padded(text: str, pattern: str, before: str = "", after: str = "") -> str:
    """A code with as many digits as its format has zeros: 2139 as 02139, with ``-`` where put and
    what is always shown before and after it."""
    number = show_number(text)
    if not number.isdecimal():
        return number
    digits = number.zfill(pattern.count("0"))
    shown: list[str] = []
    for sign in reversed(pattern):
        if sign == "0":
            shown.append(digits[-1])
            digits = digits[:-1]
        else:
            shown.append(sign)
    return before + digits + "".join(reversed(shown)) + after


def show_moment(text: str, has_date: bool, has_time: bool, *, from_1904: bool) -> str:
    """A date, a time or both, in ISO, whatever order the cell shows them in."""
    try:
        serial = float(text)
    except ValueError:
        return text
    if not 0 <= serial < _LAST_SERIAL - 1463:
        return show_number(text)
    if has_date and not has_time:
        serial = float(int(serial))
    if not from_1904 and 60 <= serial < 61:
        return "1900-02-29"  # a day that only spreadsheets know
    first = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 31 if serial < 60 else 30)  # noqa: DTZ001
    moment = first + timedelta(seconds=round(serial * 86_400))
    if not has_date and serial < 1:
        return moment.time().isoformat()
    if has_time:
        return moment.isoformat()
    return moment.date().isoformat()


def show_duration(text: str) -> str:
    try:
        seconds = round(float(text) * 86_400)
    except (ValueError, OverflowError):
        return text
    if seconds < 0:
        return show_number(text)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
