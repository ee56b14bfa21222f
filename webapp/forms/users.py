"""Users, their roles, and centers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    FieldList,
    Form,
    FormField,
    IntegerField,
    PasswordField,
    SelectChoice,
    SelectField,
    StringField,
    ValidationError,
)
from wtforms.validators import DataRequired, Length, Optional
from wtforms.widgets import HiddenInput

from webapp.forms.base import no_nul, strip
from webapp.models import Center
from webapp.rules.roles import CROSSREF_LADDER, DATA_SYNC_LADDER, Grant, Role

SITE_WIDE = 0
NO_CENTER = -1
"""The last row of roles is for a center that is still to be chosen."""


def _at_most(length: int) -> Length:
    return Length(max=length, message=f"Use at most {length} characters.")


def _steps(ladder: Sequence[Role]) -> list[SelectChoice]:
    steps = (SelectChoice(role.value, role.label.partition(": ")[2]) for role in ladder)
    return [SelectChoice("", "None"), *steps]


class RolesForm(Form):  # type: ignore[misc]
    """What a user may do in one place: site-wide or in one center."""

    center_id = IntegerField(widget=HiddenInput(), default=SITE_WIDE, validators=[Optional()])
    view = BooleanField("View Import/Export operations")
    data_sync = SelectField(
        "Data Synchronization",
        choices=_steps(DATA_SYNC_LADDER),
    )
    crossref = SelectField(
        "Cross-Reference Management",
        choices=_steps(CROSSREF_LADDER),
    )

    def grants(self, center_id: int | None) -> list[Grant]:
        """The roles chosen here. One that is not offered counts for nothing: its field says so."""
        chosen = {self.data_sync.data, self.crossref.data}
        roles = [role for role in Role if role.value in chosen]
        if self.view.data:
            roles.append(Role.VIEW_IMPORT_EXPORT)
        return [Grant(role, center_id) for role in roles]


class UserForm(FlaskForm):  # type: ignore[misc]
    """A user: who they are, and a row of roles for the site and each center they work for."""

    name = StringField(
        "Name",
        filters=[strip, no_nul],
        validators=[DataRequired("Enter a name."), _at_most(100)],
    )
    email = StringField(
        "Email",
        filters=[strip, no_nul],
        validators=[DataRequired("Enter an email."), _at_most(255)],
    )
    is_site_admin = BooleanField("Site administrator")
    is_vendor_support = BooleanField("Vendor support")
    roles = FieldList(FormField(RolesForm), max_entries=500)
    new_center = SelectField("Center", coerce=int, default=NO_CENTER)

    def validate_email(self, field: Field) -> None:
        """Well-formed; whether mail arrives there is not asked."""
        try:
            validate_email(field.data, check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            raise ValidationError("Enter an email such as name@example.org.") from None

    def offer_centers(self, centers: Iterable[Center], held: Iterable[int]) -> None:
        """Let the last row choose among the centers that have no row yet."""
        taken = set(held)
        self.new_center.choices = [
            SelectChoice(NO_CENTER, "Choose a center"),
            *(SelectChoice(center.id, center.name) for center in centers if center.id not in taken),
        ]

    def validate_new_center(self, field: Field) -> None:
        """Roles in the last row need a center."""
        if field.data == NO_CENTER and self.roles.entries and self.roles[-1].form.grants(None):
            raise ValidationError("Choose the center that these roles are for.")

    def grants(self) -> list[Grant]:
        """All roles chosen, with where they hold."""
        found: list[Grant] = []
        for entry in self.roles.entries:
            place = entry.form.center_id.data or SITE_WIDE
            if place == NO_CENTER:
                place = self.new_center.data
            if place != NO_CENTER:
                found += entry.form.grants(None if place == SITE_WIDE else place)
        return found

    def held_centers(self) -> list[int]:
        """The centers that have a row."""
        places = (entry.form.center_id.data for entry in self.roles.entries)
        return [place for place in places if place and place > 0]


class NewUserForm(UserForm):
    """The same with a first password."""

    password = PasswordField("Password", validators=[Optional()])


class CenterForm(FlaskForm):  # type: ignore[misc]
    """A center has a name."""

    name = StringField(
        "Name",
        filters=[strip, no_nul],
        validators=[DataRequired("Enter a name."), _at_most(100)],
    )


def role_rows(grants: Iterable[Grant]) -> list[dict[str, object]]:
    """The data of `UserForm.roles` for these roles: the site, each center, and one empty row."""
    given = list(grants)
    centers = sorted({grant.center_id for grant in given if grant.center_id is not None})
    return [
        _row(SITE_WIDE, [grant.role for grant in given if grant.center_id is None]),
        *(_row(center, [g.role for g in given if g.center_id == center]) for center in centers),
        _row(NO_CENTER, []),
    ]


def _row(center_id: int, roles: Sequence[Role]) -> dict[str, object]:
    return {
        "center_id": center_id,
        "view": bool(roles),
        "data_sync": _highest(roles, DATA_SYNC_LADDER),
        "crossref": _highest(roles, CROSSREF_LADDER),
    }


def _highest(roles: Sequence[Role], ladder: Sequence[Role]) -> str:
    return next((role.value for role in reversed(ladder) if role in roles), "")
