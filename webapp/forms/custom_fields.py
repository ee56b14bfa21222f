"""The forms of a custom field."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from webapp.forms.base import no_nul, strip
from webapp.rules.fields import Kind
from webapp.services.custom_fields import KINDS


class EditCustomFieldForm(FlaskForm):  # type: ignore[misc]
    """What can change once a field is there."""

    label = StringField(
        "Label",
        filters=[strip, no_nul],
        validators=[
            DataRequired("Give the field a label."),
            Length(max=60, message="Use at most 60 characters for the label."),
        ],
    )
    choices = TextAreaField("Choices", filters=[no_nul])

    def chosen(self) -> list[str]:
        """The choices, one a line."""
        return (self.choices.data or "").splitlines()


class NewCustomFieldForm(EditCustomFieldForm):
    """A field: its name in files, and what it holds."""

    key = StringField(
        "Name in files",
        filters=[strip, no_nul],
        validators=[DataRequired("Give the field a name.")],
    )
    kind = RadioField(
        "What it holds",
        choices=[SelectChoice(kind.value, words) for kind, words in KINDS.items()],
        default=Kind.TEXT.value,
    )
    max_length = IntegerField("Longest text", validators=[Optional()])
