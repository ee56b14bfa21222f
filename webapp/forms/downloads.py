"""The forms of downloads: what to give, written how, and whom to tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    ValidationError,
)
from wtforms import Field as FormField
from wtforms.validators import Optional, StopValidation
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.forms.download_columns import ColumnsField
from webapp.forms.wizard import RunForm
from webapp.rules.download_settings import (
    FORMATS,
    STATUSES,
    DateFormat,
    DownloadRequest,
    DownloadSettings,
    Encoding,
    Start,
    TimeFormat,
    is_start,
)
from webapp.rules.fields import Field
from webapp.rules.file_characters import ENCODING_NAMES, lacking_pattern, show_character

_DELIMITERS = (
    SelectChoice(",", "Comma"),
    SelectChoice(";", "Semicolon"),
    SelectChoice("tab", "Tab"),
    SelectChoice("|", "Vertical bar"),
)
_ENCODINGS = (
    SelectChoice(Encoding.UTF8_BOM.value, "UTF-8, as Excel opens it right"),
    SelectChoice(Encoding.UTF8.value, "UTF-8 without a byte order mark"),
    SelectChoice(Encoding.WINDOWS.value, "Windows-1252 (Western European, older programs)"),
    SelectChoice(Encoding.UTF16.value, "UTF-16"),
)
_DATES = (
    SelectChoice(DateFormat.ISO.value, "1980-12-31"),
    SelectChoice(DateFormat.MONTH_FIRST.value, "12/31/1980"),
    SelectChoice(DateFormat.DAY_FIRST.value, "31/12/1980"),
)
_TIMES = (
    SelectChoice(TimeFormat.UTC.value, "2026-03-01 09:30:00+00 (UTC)"),
    SelectChoice(TimeFormat.LOCAL.value, "2026-03-01 10:30:00 (the site’s time zone)"),
)
_FORMATS = (SelectChoice("csv", "CSV"), SelectChoice("xlsx", "Excel (every cell is text)"))


def _several(label: str, choices: Iterable[SelectChoice] = ()) -> SelectMultipleField:
    return SelectMultipleField(
        label, choices=list(choices), option_widget=CheckboxInput(), widget=ListWidget()
    )


class DownloadSettingsForm(FlaskForm):  # type: ignore[misc]
    """An operation's settings: columns, filter, and how the files are written."""

    columns = ColumnsField("Columns")
    statuses = _several("Status", [SelectChoice(status) for status in STATUSES])
    groups = SelectMultipleField("In one of these groups", coerce=int)
    interests = SelectMultipleField("Opted in to one of these interests", coerce=int)
    centers = SelectMultipleField("In one of these centers", coerce=int)
    translates = BooleanField("Send codes through the cross-references")
    echoes = BooleanField("Send back what came in from the offline system")
    formats = _several("Files", _FORMATS)
    delimiter = SelectField("Delimiter of the CSV file", choices=list(_DELIMITERS))
    encoding = SelectField("Characters of the CSV file", choices=list(_ENCODINGS))
    date_format = RadioField("Dates", choices=list(_DATES))
    time_format = RadioField("Times", choices=list(_TIMES))
    marks = BooleanField("Mark the files as ours")

    def offer_choices(
        self,
        fields: Sequence[Field],
        groups: Sequence[tuple[int, str]],
        interests: Sequence[tuple[int, str]],
        centers: Sequence[tuple[int, str]],
    ) -> None:
        """Let the file have these columns and the filter name these. What was chosen before and
        isn't offered to this person stays as it is."""
        self.columns.offer(fields)
        for name, offered in (("groups", groups), ("interests", interests), ("centers", centers)):
            control = self[name]
            known = {number for number, _ in offered}
            kept = [number for number in control.object_data or () if number not in known]
            control.choices = [SelectChoice(number, label) for number, label in offered] + [
                SelectChoice(number, f"Number {number}") for number in kept
            ]
            if not control.choices:
                del self[name]

    def validate_formats(self, field: FormField) -> None:
        """There has to be a file."""
        if not field.data:
            raise ValidationError("Choose CSV, Excel or both.")

    def validate_encoding(self, field: FormField) -> None:
        """The headings can be written in it; whether the cells can shows when they are."""
        if field.data not in ENCODING_NAMES:
            return
        encoding = Encoding(field.data)
        for column in self.columns.data or ():
            wrong = re.search(lacking_pattern(encoding), column.shown)
            if wrong:
                raise ValidationError(
                    f"The heading “{column.shown}” has “{show_character(wrong[0])}”, which "
                    f"{ENCODING_NAMES[encoding]} lacks. Choose UTF-8, or change the heading."
                )

    def made(self) -> DownloadSettings:
        """The settings as they were said."""
        return DownloadSettings(
            columns=self.columns.data,
            groups=self._numbers("groups"),
            interests=self._numbers("interests"),
            centers=self._numbers("centers"),
            statuses=tuple(self.statuses.data or ()),
            translates=bool(self.translates.data),
            echoes=bool(self.echoes.data),
            marks=bool(self.marks.data),
            date_format=DateFormat(self.date_format.data),
            time_format=TimeFormat(self.time_format.data),
            encoding=Encoding(self.encoding.data),
            delimiter="\t" if self.delimiter.data == "tab" else self.delimiter.data,
            formats=tuple(name for name in FORMATS if name in (self.formats.data or ())),
        )

    def _numbers(self, name: str) -> tuple[int, ...]:
        return tuple(self[name].data or ()) if name in self else ()


def settings_data(settings: DownloadSettings) -> dict[str, object]:
    """The form's data for settings that are there."""
    return {
        "columns": settings.columns,
        "statuses": list(settings.statuses),
        "groups": list(settings.groups),
        "interests": list(settings.interests),
        "centers": list(settings.centers),
        "translates": settings.translates,
        "echoes": settings.echoes,
        "formats": list(settings.formats),
        "delimiter": "tab" if settings.delimiter == "\t" else settings.delimiter,
        "encoding": settings.encoding.value,
        "date_format": settings.date_format.value,
        "time_format": settings.time_format.value,
        "marks": settings.marks,
    }


def _needed_by_start(form: FlaskForm, field: FormField) -> None:
    """A start by date needs the date; one that was entered for another start isn't ignored."""
    if form.start.data != Start.DATE:
        if field.data and field.data != field.object_data:
            raise StopValidation(
                "Choose “What changed since a date” to use this date, or clear the date."
            )
        return
    if not "".join(field.raw_data or ()).strip():
        field.errors = []  # that a blank is no date says the same, less well
        raise StopValidation("Enter the date from which on changes are wanted.")
    if field.data and not is_start(field.data):
        raise StopValidation("Enter a date between the years 1900 and 2999.")


class DownloadForm(DownloadSettingsForm, RunForm):
    """What one download is to give."""

    start = RadioField("What to download", choices=[], default=Start.LAST.value)
    since = DateField("Changed on or after", validators=[_needed_by_start, Optional()])

    def offer_starts(self, last: str, again: int | None) -> None:
        """The ways to begin; `last` says when the last one succeeded."""
        self.start.choices = [
            SelectChoice(Start.LAST.value, last),
            SelectChoice(Start.EVERYTHING.value, "Everything, changed or not"),
            SelectChoice(Start.DATE.value, "What changed since a date"),
        ]
        if again is not None:
            words = f"What changed since run {again} began, once more"
            self.start.choices.append(SelectChoice(Start.AGAIN.value, words))

    def request(self, zone: ZoneInfo, again: int | None) -> DownloadRequest:
        """What was asked for. A date begins at midnight in the site's time zone."""
        start = Start(self.start.data)
        since = None
        if start is Start.DATE:
            since = datetime.combine(self.since.data, time(), zone).astimezone(UTC)
        again_run_id = again if start is Start.AGAIN else None
        return DownloadRequest(start, since, again_run_id, self.made())
