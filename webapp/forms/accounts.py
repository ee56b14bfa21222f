"""Sign-in and the change of one's own password."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, InputRequired

from webapp.forms.base import no_nul, strip


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Email and password."""

    email = StringField(
        "Email", validators=[DataRequired("Enter your email.")], filters=[strip, no_nul]
    )
    password = PasswordField("Password", validators=[InputRequired("Enter your password.")])


class ChangePasswordForm(FlaskForm):  # type: ignore[misc]
    """The present one and, twice, the new one."""

    current = PasswordField(
        "Current password", validators=[InputRequired("Enter your current password.")]
    )
    password = PasswordField("New password", validators=[InputRequired("Enter a new password.")])
    again = PasswordField(
        "New password, once more",
        validators=[EqualTo("password", "Type the new password the same way twice.")],
    )
