"""The forms of a group and of an interest."""

from __future__ import annotations

from collections.abc import Iterable

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length

from webapp.forms.base import ChoosesCenter, no_nul, strip
from webapp.models import Interest

GENERAL = 0
"""In a choice of centers: none, shared by all; in one of parents: none."""


class _Placed(ChoosesCenter, FlaskForm):  # type: ignore[misc]
    name = StringField(
        "Name",
        filters=[strip, no_nul],
        validators=[DataRequired("Give it a name."), Length(max=255)],
    )
    seen = HiddenField()
    center_id = SelectField("Belongs to", coerce=int, default=GENERAL)


class GroupForm(_Placed):
    """What a group is called and where it stands."""

    folder = StringField("Folder", filters=[strip, no_nul], validators=[Length(max=100)])
    description = TextAreaField(
        "Description", filters=[strip, no_nul], validators=[Length(max=1000)]
    )


class InterestForm(_Placed):
    """What an interest is called, its kind and the one it stands under."""

    kind = RadioField(
        "Kind",
        choices=[SelectChoice("email", "Email"), SelectChoice("web", "Web")],
        default="email",
    )
    parent_id = SelectField("Stands under", coerce=int, default=GENERAL)
    is_default = BooleanField("Chosen for people who register, unless they say otherwise")

    def offer_parents(self, parents: Iterable[Interest]) -> None:
        """Let it stand under one of these, or by itself."""
        self.parent_id.choices = [
            SelectChoice(GENERAL, "None"),
            *(SelectChoice(parent.id, parent.name) for parent in parents),
        ]
