"""The form of a customised operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.forms.base import no_nul, strip
from webapp.forms.downloads import DownloadSettingsForm, settings_data
from webapp.models import Center, Operation, User
from webapp.rules.catalogues import SEGMENTATION, Catalogue
from webapp.rules.fields import Field as ConstituentField
from webapp.rules.values import DateOrder
from webapp.services.downloads import is_download, settings_of
from webapp.services.operations import (
    Audience,
    OperationDraft,
    date_order_of,
    may_opt_in_again,
    template_columns_of,
    unique_addresses,
)

MOST_ADDRESSES = 20
SITE = "site"
DATE_ORDERS = (
    SelectChoice(DateOrder.MONTH_FIRST.value, "Month first: 03/04/1980 is March 4"),
    SelectChoice(DateOrder.DAY_FIRST.value, "Day first: 03/04/1980 is April 3"),
)


class OperationForm(FlaskForm):  # type: ignore[misc]
    """Title, for whom, whom to tell, and how files are read."""

    title = StringField(
        "Title",
        filters=[strip, no_nul],
        validators=[
            DataRequired("Give the operation a title."),
            Length(max=100, message="Use at most 100 characters for the title."),
        ],
    )
    description = TextAreaField(
        "Description",
        filters=[strip, no_nul],
        validators=[Length(max=1000, message="Use at most 1,000 characters.")],
    )
    audience = SelectField("For whom")
    notify = TextAreaField("Notification addresses", filters=[strip, no_nul])
    date_order = RadioField(
        "Dates in the files", choices=DATE_ORDERS, default=DateOrder.MONTH_FIRST.value
    )
    may_opt_in_again = BooleanField("Runs may opt people in again who opted out")
    template_columns = SelectMultipleField(
        "Columns of its template", option_widget=CheckboxInput(), widget=ListWidget()
    )

    def offer(
        self,
        *,
        user_id: int,
        people: Iterable[User],
        centers: Iterable[Center],
        may_offer_site: bool,
        fields: Sequence[ConstituentField],
        catalogue: Catalogue,
    ) -> None:
        """Let it be for the whole site, these centers and these people, with these columns."""
        if not catalogue.has_dates:
            del self.date_order
        if catalogue.kind != SEGMENTATION:
            del self.may_opt_in_again
        if catalogue.is_download:
            del self.template_columns
        choices = [SelectChoice(SITE, "Everyone: the whole site")] if may_offer_site else []
        choices.append(SelectChoice(f"user:{user_id}", "Me"))
        choices += (
            SelectChoice(f"center:{center.id}", center.name, optgroup="A center")
            for center in centers
        )
        choices += (
            SelectChoice(f"user:{person.id}", person.name or person.email, optgroup="One person")
            for person in people
            if person.id != user_id
        )
        self.audience.choices = choices
        if "template_columns" in self:
            self.template_columns.choices = [SelectChoice(field.column) for field in fields]

    def validate_notify(self, field: Field) -> None:
        """Each line is an address."""
        addresses = _lines(field.data)
        if len(addresses) > MOST_ADDRESSES:
            raise ValidationError(f"Give at most {MOST_ADDRESSES} addresses.")
        for address in addresses:
            try:
                validate_email(address, check_deliverability=False, test_environment=True)
            except EmailNotValidError:
                raise ValidationError(
                    f"“{address[:80]}” is not an email address. Write one address per line, "
                    "such as name@example.org."
                ) from None

    def draft(self, owning_center_id: int | None) -> OperationDraft:
        """What was said. A user's operation belongs to `owning_center_id` (None: the site)."""
        kind, _, number = self.audience.data.partition(":")
        audience = Audience()
        if kind == "user":
            audience = Audience(user_id=int(number), center_id=owning_center_id)
        elif kind == "center":
            audience = Audience(center_id=int(number))
        return OperationDraft(
            title=self.title.data,
            description=self.description.data or "",
            audience=audience,
            notify=tuple(unique_addresses(_lines(self.notify.data))),
            date_order=DateOrder(self.date_order.data)
            if "date_order" in self
            else DateOrder.MONTH_FIRST,
            template_columns=tuple(self.template_columns.data or ())
            if "template_columns" in self
            else (),
            may_opt_in_again="may_opt_in_again" in self and bool(self.may_opt_in_again.data),
        )


class DownloadOperationForm(OperationForm, DownloadSettingsForm):
    """The same for a download, with its settings."""

    def draft(self, owning_center_id: int | None) -> OperationDraft:
        """What was said."""
        return replace(super().draft(owning_center_id), download=self.made())


def form_data(operation: Operation, *, user_id: int, is_new: bool) -> dict[str, object]:
    """The form's data for an operation; a copy is proposed for whoever makes it."""
    if is_new:
        audience = f"user:{user_id}"
    elif operation.user_id is not None:
        audience = f"user:{operation.user_id}"
    else:
        audience = f"center:{operation.center_id}" if operation.center_id else SITE
    return {
        "title": operation.title,
        "description": operation.description,
        "audience": audience,
        "notify": "\n".join(operation.notify),
        "date_order": date_order_of(operation).value,
        "template_columns": list(template_columns_of(operation)),
        # A right is given, not copied
        "may_opt_in_again": may_opt_in_again(operation) and not is_new,
        **(settings_data(settings_of(operation)) if is_download(operation.kind) else {}),
    }


def _lines(text: str | None) -> list[str]:
    parts = (text or "").replace(",", "\n").replace(";", "\n").split("\n")
    return [part.strip() for part in parts if part.strip()]
