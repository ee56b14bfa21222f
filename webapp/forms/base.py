"""What the fields of all forms share."""

from __future__ import annotations

from collections.abc import Sequence

from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField

from webapp.errors import DataSyncError


def strip(value: str | None) -> str | None:
    """Blanks around what was typed are never meant."""
    return value.strip() if isinstance(value, str) else value


def no_nul(value: str | None) -> str | None:
    """A NUL character cannot be stored and nobody types one."""
    return value.replace("\x00", "") if isinstance(value, str) else value


class ChoosesCenter:
    """A form whose `center_id` says for which center something is, or that it is for the site."""

    center_id: SelectField

    def offer_centers(self, places: Sequence[tuple[int, str]]) -> None:
        """Let the person choose one of these; with one place there is nothing to ask."""
        if len(places) > 1:
            self.center_id.choices = [SelectChoice(key, name) for key, name in places]
        else:
            del self.center_id


def add_error(form: FlaskForm, error: DataSyncError) -> None:
    """Hang what a service found on the field it names, else on the form."""
    field = form._fields.get(error.field or "")
    if field is None:
        form.form_errors = [*form.form_errors, error.message]
    else:
        field.errors = [*field.errors, error.message]
