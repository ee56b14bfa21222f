"""The forms of the run wizard, one per step, and those that correct rows in the preview."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from rapidfuzz import fuzz
from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms import Field as FormField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from webapp.forms.base import ChoosesCenter, no_nul, strip
from webapp.rules.catalogues import Catalogue
from webapp.rules.columns import Column, folded
from webapp.rules.fields import Field
from webapp.rules.values import DateOrder

LABEL_LENGTH = 150
DESCRIPTION_LENGTH = 2_000
MOST_ADDRESSES = 20
LEAVE_OUT = "-"
CLOSE = 82
"""How alike a heading and the nearest known name must be for that one to be chosen already."""
MOST_LISTED = 60
"""Columns that are asked about one by one: nobody goes through nine hundred."""
SITE = 0

DATE_ORDERS = (
    SelectChoice(DateOrder.MONTH_FIRST.value, "Month first: 12/31/1980 is December 31"),
    SelectChoice(DateOrder.DAY_FIRST.value, "Day first: 31/12/1980 is December 31"),
)


class RunForm(ChoosesCenter, FlaskForm):  # type: ignore[misc]
    """What a run is called, and for whom it is."""

    label = StringField(
        "Label",
        filters=[strip, no_nul],
        validators=[
            DataRequired("Enter a label: it names this run in the results."),
            Length(max=LABEL_LENGTH, message=f"Use at most {LABEL_LENGTH} characters."),
        ],
    )
    description = TextAreaField(
        "Description",
        filters=[strip, no_nul],
        validators=[
            Optional(),
            Length(
                max=DESCRIPTION_LENGTH, message=f"Use at most {DESCRIPTION_LENGTH:,} characters."
            ),
        ],
    )
    center_id = SelectField("Run for", coerce=int)


class InformationForm(RunForm):
    """Operation information: what this run is called and how its dates are written."""

    date_order = RadioField(
        "Dates with slashes",
        choices=DATE_ORDERS,
        default=DateOrder.MONTH_FIRST.value,
        validators=[InputRequired("Choose how the dates in your file are written.")],
    )
    type_key = SelectField("Cross-references of")

    def offer_types(self, types: Sequence[tuple[str, str]]) -> None:
        """Ask of which type the entries are; for other files there is nothing to ask."""
        if types:
            self.type_key.choices = [SelectChoice(key, label) for key, label in types]
        else:
            del self.type_key

    def ask_for_dates(self, catalogue: Catalogue) -> None:
        """Ask how dates are written where a file can have any."""
        if not catalogue.has_dates:
            del self.date_order

    @property
    def order_of_dates(self) -> str:
        """The order chosen; month first where there is nothing to choose."""
        order = self.date_order.data if "date_order" in self else DateOrder.MONTH_FIRST.value
        return str(order)


class UploadForm(FlaskForm):  # type: ignore[misc]
    """The file."""

    file = FileField("File", validators=[FileRequired("Choose the file that you want to import.")])


class ColumnsForm(FlaskForm):  # type: ignore[misc]
    """What to read unknown columns as; `columns_form` gives it a field per column."""

    def choices_made(
        self, columns: Iterable[Column], *, leave_rest_out: bool = False
    ) -> dict[str, str | None]:
        """Column's key → field's column name, or None to leave the column out; with
        `leave_rest_out` also every column that nothing was said about."""
        made: dict[str, str | None] = {}
        for column in columns:
            name = column_field(column)
            value = (self[name].data if name in self else _decided(column)) or (
                LEAVE_OUT if leave_rest_out else ""
            )
            if value:
                made[column.key] = None if value == LEAVE_OUT else value
        return made


def list_columns(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Those that are asked about, in the order of the file: of very many the first, those before
    others for which something is chosen or suggested."""
    likely = sorted(columns, key=lambda column: _preselected(column) in ("", LEAVE_OUT))
    listed = set(likely[:MOST_LISTED])
    return tuple(column for column in columns if column in listed)


def column_field(column: Column) -> str:
    """The name of a column's field in the form."""
    return f"column_{column.position + 1}"


def columns_form(
    columns: Iterable[Column],
    fields: Iterable[Field],
    suggestions: Mapping[int, str] | None = None,
) -> ColumnsForm:
    """A form with a choice for each of these columns; a close known name is chosen already, or what
    is suggested (position → the field's column name) where there is nothing else to go by."""
    choices = [
        SelectChoice("", "Choose what to do"),
        SelectChoice(LEAVE_OUT, "Leave this column out"),
        *(
            SelectChoice(
                field.column,
                f"{field.label} ({field.column})",
                optgroup=f"Read as: {field.section}",
            )
            for field in fields
        ),
    ]
    made = {
        column_field(column): SelectField(
            f"Column {column.position + 1}: “{column.name or 'no name'}”",
            choices=choices,
            default=_preselected(column) or (suggestions or {}).get(column.position, ""),
            validators=[Optional()],
        )
        for column in columns
    }
    form: ColumnsForm = type("ColumnsFormOfFile", (ColumnsForm,), made)()
    return form


def _decided(column: Column) -> str:
    if column.field:
        return column.field.column
    return LEAVE_OUT if column.is_passed_over else ""


def _preselected(column: Column) -> str:
    decided = _decided(column)
    if decided:
        return decided
    if column.nearest and fuzz.WRatio(folded(column.name), column.nearest) >= CLOSE:
        return column.nearest
    return ""


def _unix_newlines(value: str | None) -> str | None:
    # Browsers send a line break as CR LF, whatever it was in the cell
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _is_storable(value: str) -> bool:
    # JSON can spell what no cell holds: a NUL, half of a surrogate pair
    return "\x00" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


class CellForm(FlaskForm):  # type: ignore[misc]
    """One cell of one row, as it should be."""

    row_number = IntegerField(validators=[InputRequired(), NumberRange(min=1, max=2**31 - 1)])
    column = StringField(validators=[InputRequired("Choose the column to correct.")])
    new_value = StringField("New value", filters=[strip, no_nul, _unix_newlines], default="")


class LeaveOutForm(FlaskForm):  # type: ignore[misc]
    """One row that is to be left out."""

    row_number = IntegerField(validators=[InputRequired(), NumberRange(min=1, max=2**31 - 1)])


class ValueForm(FlaskForm):  # type: ignore[misc]
    """One value, wherever the column has it. `old` is JSON: a line break in it stays one."""

    column = HiddenField(validators=[InputRequired()])
    old = HiddenField(validators=[InputRequired()])
    new_value = StringField("New value", filters=[strip, no_nul, _unix_newlines], default="")

    def validate_old(self, field: FormField) -> None:
        """It comes from the page, so anything else is not asked for by it."""
        try:
            value = json.loads(field.data)
        except ValueError:
            value = None
        if not isinstance(value, str) or not _is_storable(value):
            raise ValidationError("Reload the page and try again.")

    @property
    def old_value(self) -> str:
        """The value to replace."""
        return str(json.loads(self.old.data))


class ReviewForm(FlaskForm):  # type: ignore[misc]
    """The last look: who is told, and whether opt-outs may be undone."""

    notify = TextAreaField(
        "Send the result to",
        filters=[strip, no_nul],
        validators=[Optional(), Length(max=6_000, message="These are too many addresses.")],
    )
    opt_in_again = BooleanField("Opt these people in again")

    def validate_notify(self, field: FormField) -> None:
        """Each is an address; whether mail arrives there is not asked."""
        addresses = self.addresses()
        if len(addresses) > MOST_ADDRESSES:
            raise ValidationError(f"Enter at most {MOST_ADDRESSES} addresses.")
        for address in addresses:
            try:
                validate_email(address, check_deliverability=False, test_environment=True)
            except EmailNotValidError:
                shown = address if len(address) <= 100 else f"{address[:99]}…"
                raise ValidationError(
                    f"“{shown}” is not an email address. Write it like name@example.org."
                ) from None

    def addresses(self) -> list[str]:
        """What was typed, one by one, each once."""
        typed = (self.notify.data or "").replace(",", "\n").replace(";", "\n").split("\n")
        found: dict[str, str] = {}
        for address in typed:
            if address.strip():
                found.setdefault(address.strip().lower(), address.strip())
        return list(found.values())
