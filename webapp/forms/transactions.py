"""The form in which a transaction is corrected."""

from __future__ import annotations

from collections.abc import Sequence

from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, IntegerField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from webapp.forms.base import no_nul, strip
from webapp.services.constituents import LARGEST_ID
from webapp.services.transaction_edits import LONGEST_TEXT, PURPOSES, TransactionValues

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_TEXT = Length(max=LONGEST_TEXT, message=f"Use at most {LONGEST_TEXT} characters.")


def _number(value: str) -> int | None:
    return int(value) if value else None


class TransactionForm(FlaskForm):  # type: ignore[misc]
    """What can be corrected. Call `offer` for each purpose before anything else."""

    constituent_id = IntegerField(
        "Giver’s CONS_ID",
        validators=[
            InputRequired("Enter the CONS_ID of whoever gave."),
            NumberRange(1, LARGEST_ID, "Enter the number that the giver’s page shows as CONS_ID."),
        ],
        render_kw=_PLAIN | {"inputmode": "numeric"},
    )
    campaign_id = SelectField("Campaign", coerce=_number)
    form_id = SelectField("Form", coerce=_number)
    designation_id = SelectField("Designation", coerce=_number)
    event_id = SelectField("Event", coerce=_number)
    settled_on = DateField("Settled on", validators=[Optional()])
    settlement_batch = StringField(
        "Settlement batch", filters=[strip, no_nul], validators=[_TEXT], render_kw=_PLAIN
    )
    receipt_number = StringField(
        "Receipt number", filters=[strip, no_nul], validators=[_TEXT], render_kw=_PLAIN
    )
    version = HiddenField()

    def offer(self, name: str, known: Sequence[tuple[int, str]]) -> None:
        """What the transaction can be for."""
        self[name].choices = [
            SelectChoice("", "None"),
            *(SelectChoice(number, f"{text} ({number})") for number, text in known),
        ]

    def values(self) -> TransactionValues:
        """What was entered."""
        return TransactionValues(
            constituent_id=self.constituent_id.data,
            **{name: self[name].data for name in PURPOSES},
            settled_on=self.settled_on.data,
            settlement_batch=self.settlement_batch.data or None,
            receipt_number=self.receipt_number.data or None,
        )
