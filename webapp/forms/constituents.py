"""The form of one constituent: a control for every field of the catalogue and every custom field.

What the values may be is checked by `webapp.services.constituent_edits`, with the rules of an
import, so nothing here cuts or refuses what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, IntegerField, SelectChoice, SelectField, StringField
from wtforms import Field as Control
from wtforms.validators import Optional
from wtforms.widgets import DateInput, HiddenInput, TextArea, TextInput

from webapp.forms.base import no_nul
from webapp.rules.fields import Field, Kind, Section
from webapp.services.constituent_edits import NEVER_BLANK, Edit
from webapp.services.constituents import shown_value

_HTML_DATE_LENGTH = 10
_AUTOCOMPLETE = "off"  # the browser's owner is not the constituent


class ConstituentForm(FlaskForm):  # type: ignore[misc]
    """A constituent's fields; `constituent_form` makes the class with the controls of `fields`."""

    fields: tuple[Field, ...] = ()
    version = IntegerField(widget=HiddenInput(), default=0, validators=[Optional()])

    def control(self, field: Field) -> Control:
        """The control of a field of the catalogue."""
        return self[control_name(field)]

    def typed(self, sent: Mapping[str, str]) -> dict[str, str]:
        """What came with the request, by attribute. A field that didn't come stays as it is."""
        return {
            field.attribute: sent[control_name(field)].replace("\x00", "")
            for field in self.fields
            if control_name(field) in sent
        }

    def show(
        self, texts: Mapping[str, str | None], version: int, kept: frozenset[str] = frozenset()
    ) -> None:
        """Show the stored texts, but in the `kept` fields what was typed."""
        self.version.data = version
        self.version.raw_data = None
        for field in self.fields:
            if field.attribute not in kept:
                _fill(self.control(field), field, texts.get(field.attribute))

    def show_edit(self, edit: Edit) -> None:
        """Show what came of an edit that was not saved."""
        self.show(edit.current, edit.version, edit.typed)
        by_attribute = {field.attribute: field for field in self.fields}
        for error in edit.errors:
            control = self.control(by_attribute[error.attribute])
            control.errors = [*control.errors, error.message]


@lru_cache(maxsize=16)
def constituent_form(fields: tuple[Field, ...]) -> type[ConstituentForm]:
    """The form for these fields."""
    controls: dict[str, Any] = {control_name(field): _control(field) for field in fields}
    return type("ConstituentForm", (ConstituentForm,), {"fields": fields, **controls})


def control_name(field: Field) -> str:
    """The control's name: the attribute, its dot written as two underscores."""
    return field.attribute.replace(".", "__")


def short_label(field: Field) -> str:
    """The label under its section's heading: "City" instead of "Home city" under "Home address"."""
    if field.section in (Section.HOME, Section.ALT1, Section.ALT2):
        words = field.label.split(" ", 2 if field.label.startswith("Alternate") else 1)[-1]
        return words[:1].upper() + words[1:]
    return field.label


def _control(field: Field) -> Control:
    label = short_label(field)
    if field.kind is Kind.YES_NO:
        return SelectField(label, choices=_choices(field, ("Yes", "No")), validate_choice=False)
    if field.kind is Kind.CHOICE:
        return SelectField(label, choices=_choices(field, field.choices), validate_choice=False)
    keywords: dict[str, Any] = {"autocomplete": _AUTOCOMPLETE, "spellcheck": "false"}
    if field.kind is Kind.NUMBER:
        keywords["inputmode"] = "decimal"
    if field.column.endswith("PHONE"):
        keywords["inputmode"] = "tel"
    kind = EmailField if field.kind is Kind.EMAIL else StringField
    return kind(label, filters=[no_nul], render_kw=keywords)


def _choices(field: Field, choices: tuple[str, ...]) -> list[SelectChoice]:
    blank = [] if field.attribute in NEVER_BLANK else [SelectChoice("", "–")]
    return blank + [SelectChoice(choice, shown_value(field, choice)) for choice in choices]


def _fill(control: Control, field: Field, text: str | None) -> None:
    """Put a stored text into its control."""
    value = text or ""
    if field.kind is Kind.YES_NO:
        value = shown_value(field, text) or ""
    control.data = value
    control.raw_data = None
    if isinstance(control, SelectField):
        known = [choice.value for choice in control.choices]
        if value not in known:  # a choice that was taken from the list since
            control.choices = [*control.choices, SelectChoice(value)]
        return
    if field.kind is Kind.DATE:
        is_plain = not value or len(value) == _HTML_DATE_LENGTH
        control.widget = DateInput() if is_plain else TextInput()
    elif "\n" in value:
        control.widget = TextArea()
