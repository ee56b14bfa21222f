"""What a download is asked to give: which records since when, which columns, written how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

LONGEST_HEADING = 100


class Start(StrEnum):
    """From where on changes are looked at."""

    LAST = "last"  # since the last success; everything when there was none
    EVERYTHING = "everything"
    DATE = "date"  # since a date
    AGAIN = "again"  # since the beginning of an earlier download
    FREE = "free"  # only what was held back before


def is_start(day: date) -> bool:
    """Whether changes can be wanted from this day on. At the ends of the calendar its midnight has
    no time in UTC."""
    return 1900 <= day.year <= 2999


class DateFormat(StrEnum):
    """How dates are written."""

    ISO = "iso"
    MONTH_FIRST = "mdy"
    DAY_FIRST = "dmy"


class TimeFormat(StrEnum):
    """How times are written."""

    UTC = "utc"  # 2026-03-01 09:30:00+00
    LOCAL = "local"  # 2026-03-01 10:30:00, in the site's time zone


class Encoding(StrEnum):
    """How a CSV file's characters are written: the values are Python's names."""

    UTF8_BOM = "utf-8-sig"
    UTF8 = "utf-8"
    WINDOWS = "cp1252"
    UTF16 = "utf-16"


DELIMITERS = (",", ";", "\t", "|")
FORMATS = ("csv", "xlsx")
STATUSES = ("Registered", "Accepted", "Prospect")


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """A column of the file and what its heading says."""

    name: str
    heading: str = ""

    @property
    def shown(self) -> str:
        """The heading as it is written: the column's own name unless another was chosen."""
        return self.heading or self.name


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """An operation's settings. Empty columns mean all, an empty filter everybody."""

    columns: tuple[ColumnChoice, ...] = ()
    groups: tuple[int, ...] = ()
    interests: tuple[int, ...] = ()
    centers: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()
    translates: bool = True
    echoes: bool = False
    marks: bool = True
    date_format: DateFormat = DateFormat.ISO
    time_format: TimeFormat = TimeFormat.UTC
    encoding: Encoding = Encoding.UTF8_BOM
    delimiter: str = ","
    formats: tuple[str, ...] = ("csv",)

    @property
    def reach(self) -> dict[str, Any]:
        """What decides who is in the file and with which columns."""
        told = self.to_json()
        return {
            name: told[name] for name in ("columns", "groups", "interests", "centers", "statuses")
        }

    def to_json(self) -> dict[str, Any]:
        """As it is kept among an operation's options."""
        return {
            "columns": [[column.name, column.heading] for column in self.columns],
            "groups": list(self.groups),
            "interests": list(self.interests),
            "centers": list(self.centers),
            "statuses": list(self.statuses),
            "translates": self.translates,
            "echoes": self.echoes,
            "marks": self.marks,
            "date_format": self.date_format.value,
            "time_format": self.time_format.value,
            "encoding": self.encoding.value,
            "delimiter": self.delimiter,
            "formats": list(self.formats),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any] | None) -> DownloadSettings:
        """The settings that were kept; what is not said is as usual."""
        known = dict(told or {})
        made = cls()
        return replace(
            made,
            columns=tuple(ColumnChoice(*pair) for pair in known.get("columns", ())),
            groups=tuple(known.get("groups", ())),
            interests=tuple(known.get("interests", ())),
            centers=tuple(known.get("centers", ())),
            statuses=tuple(known.get("statuses", ())),
            translates=bool(known.get("translates", made.translates)),
            echoes=bool(known.get("echoes", made.echoes)),
            marks=bool(known.get("marks", made.marks)),
            date_format=DateFormat(known.get("date_format", made.date_format)),
            time_format=TimeFormat(known.get("time_format", made.time_format)),
            encoding=Encoding(known.get("encoding", made.encoding)),
            delimiter=str(known.get("delimiter", made.delimiter)),
            formats=tuple(known.get("formats", made.formats)),
        )


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """What one run was asked for."""

    start: Start = Start.LAST
    since_at: datetime | None = None
    again_run_id: int | None = None
    settings: DownloadSettings = field(default_factory=DownloadSettings)

    def to_json(self) -> dict[str, Any]:
        """As it is kept among a run's options."""
        return {
            "start": self.start.value,
            "since_at": self.since_at.isoformat() if self.since_at else None,
            "again_run_id": self.again_run_id,
            "settings": self.settings.to_json(),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any] | None) -> DownloadRequest:
        """What was kept."""
        known = dict(told or {})
        since = known.get("since_at")
        return cls(
            Start(known.get("start", Start.LAST)),
            datetime.fromisoformat(since) if since else None,
            known.get("again_run_id"),
            DownloadSettings.from_json(known.get("settings")),
        )
