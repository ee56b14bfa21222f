"""How numbers, times and sizes are written on every page (Jinja filters)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from markupsafe import Markup

from webapp.rules.money import written

NONE = "–"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: int | float | None) -> str:
    """12345 → 12,345."""
    if value is None:
        return NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """(1, "row") → 1 row; (2000, "row") → 2,000 rows."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def duration(value: timedelta | float | None) -> str:
    """200 → 3 min 20 s. None at all where the clock was set back in between."""
    if value is None:
        return NONE
    seconds = max(value.total_seconds() if isinstance(value, timedelta) else float(value), 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def filesize(value: int | None) -> str:
    """1400000 → 1.4 MB."""
    if value is None:
        return NONE
    size = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{value:,} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def moment(value: datetime | None, zone: ZoneInfo) -> Markup:
    """22 Nov 2026, 17:05 in the site's time zone, as a <time> element."""
    if value is None:
        return Markup('<span class="none">–</span>')
    local = value.astimezone(zone)
    text = f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), text)


def day(value: date | None) -> str:
    """A day without a time: 22 Nov 2026."""
    return NONE if value is None else f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def register_formats(app: Flask, zone: ZoneInfo) -> None:
    """Make them filters: number, plural, duration, filesize, when, day, money."""
    app.add_template_filter(number, "number")
    app.add_template_filter(plural, "plural")
    app.add_template_filter(duration, "duration")
    app.add_template_filter(filesize, "filesize")
    app.add_template_filter(day, "day")
    app.add_template_filter(written, "money")
    app.add_template_filter(lambda value: moment(value, zone), "when")
