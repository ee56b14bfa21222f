"""What the fields of all forms share."""

from __future__ import annotations

from flask_wtf import FlaskForm

from webapp.errors import DataSyncError


def strip(value: str | None) -> str | None:
    """Blanks around what was typed are never meant."""
    return value.strip() if isinstance(value, str) else value


def no_nul(value: str | None) -> str | None:
    """A NUL character cannot be stored and nobody types one."""
    return value.replace("\x00", "") if isinstance(value, str) else value


def add_error(form: FlaskForm, error: DataSyncError) -> None:
    """Hang what a service found on the field it names, else on the form."""
    field = form._fields.get(error.field or "")
    if field is None:
        form.form_errors = [*form.form_errors, error.message]
    else:
        field.errors = [*field.errors, error.message]
