"""The forms of cross-references: an entry, a type's settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Optional

from webapp.forms.base import no_nul, strip
from webapp.keys import INTEGER_DIGITS, read_key
from webapp.models import Center, CrossReferenceEntry, CrossReferenceType
from webapp.rules.crossrefs import LONGEST_VALUE, MOST_LABELS, OnlineKind, Policy
from webapp.services.crossref_edits import LONGEST_DESCRIPTION, EntryValues
from webapp.services.crossref_online import Option

MOST_SELECTED = 500
"""Up to so many groups are chosen from a list; of more, the number is typed."""
POLICIES = {
    Policy.REJECT: "Reject the row (in a download: withhold it)",
    Policy.KEEP: "Keep the value as it is",
    Policy.DEFAULT: "Use one value for all of them",
}
NOUNS = {
    OnlineKind.GROUP.value: "Group",
    OnlineKind.INTEREST.value: "Interest",
    OnlineKind.CODE.value: "Value here",
    OnlineKind.CAMPAIGN.value: "Campaign",
    OnlineKind.DONATION_FORM.value: "Donation form",
    OnlineKind.DESIGNATION.value: "Designation",
    OnlineKind.CALENDAR_EVENT.value: "Event",
    OnlineKind.TEAMRAISER.value: "TeamRaiser event",
    OnlineKind.PERSONAL_EVENT.value: "Personal fundraising event",
}
_ATTRIBUTES = {"autocomplete": "off", "spellcheck": "false"}


class EntryForm(FlaskForm):  # type: ignore[misc]
    """One entry. Call `offer` before anything else: it says what can be chosen."""

    online_value = StringField("Value here", filters=[strip, no_nul], render_kw=_ATTRIBUTES)
    online_choice = SelectField("Value here", validate_choice=False)
    description = StringField(
        "Description", filters=[strip, no_nul], render_kw={"maxlength": str(LONGEST_DESCRIPTION)}
    )
    center_id = SelectField("Belongs to")
    is_sent_back = BooleanField("Send this one back in downloads")
    valid_from = DateField("Valid from", validators=[Optional()])
    valid_to = DateField("Valid to", validators=[Optional()])
    version = HiddenField()

    for _at in range(MOST_LABELS):
        locals()[f"foreign_{_at}"] = StringField(
            "Foreign value",
            filters=[strip, no_nul],
            render_kw=_ATTRIBUTES | {"maxlength": str(LONGEST_VALUE)},
        )

    def offer(
        self,
        found: CrossReferenceType,
        options: Sequence[Option],
        centers: Iterable[Center],
        *,
        may_be_general: bool,
    ) -> None:
        """The labels of the foreign keys, what they can stand for, and whose the entry can be."""
        for at in range(MOST_LABELS):
            if at < len(found.foreign_labels):
                self[f"foreign_{at}"].label.text = found.foreign_labels[at]
            else:
                del self[f"foreign_{at}"]
        noun = NOUNS[found.online_kind]
        if found.online_kind != OnlineKind.CODE and len(options) <= MOST_SELECTED:
            del self.online_value
            self.online_choice.label.text = noun
            self.online_choice.choices = [
                SelectChoice("", "Choose …"),
                *(SelectChoice(one.value, f"{one.label} ({one.value})") for one in options),
            ]
        else:
            del self.online_choice
            self.online_value.label.text = (
                noun if found.online_kind == OnlineKind.CODE else f"{noun} ID"
            )
        places = [("", "General (everyone)")] if may_be_general else []
        places += [(str(center.id), center.name) for center in centers]
        self.center_id.choices = [SelectChoice(value, label) for value, label in places]
        if len(places) == 1 and may_be_general:
            del self.center_id

    @property
    def foreign_fields(self) -> list[Any]:
        """The fields of the foreign keys, in order."""
        return [self[name] for name in self._fields if name.startswith("foreign_")]

    @property
    def online_field(self) -> Any:
        """The field of the online value, whichever of the two it is."""
        return self["online_value" if "online_value" in self else "online_choice"]

    def begin(self, online_value: str, center_id: int | None) -> None:
        """Fill in what the entry is to be for, and whose it then has to be."""
        self.online_field.data = online_value
        if center_id is not None and "center_id" in self:
            self.center_id.data = str(center_id)

    def show(self, entry: CrossReferenceEntry) -> None:
        """Fill it with an entry."""
        for at, field in enumerate(self.foreign_fields):
            field.data = entry.foreign_values[at] if at < len(entry.foreign_values) else ""
        self.online_field.data = entry.online_value
        self.description.data = entry.description
        if "center_id" in self:
            self.center_id.data = str(entry.center_id or "")
        self.is_sent_back.data = entry.is_sent_back
        self.valid_from.data, self.valid_to.data = entry.valid_from, entry.valid_to
        self.version.data = str(entry.version)

    def values(self) -> EntryValues:
        """What was said."""
        center = self.center_id.data if "center_id" in self else ""
        return EntryValues(
            online_value=self.online_field.data or "",
            foreign_values=tuple(field.data or "" for field in self.foreign_fields),
            description=self.description.data or "",
            center_id=int(center) if center else None,
            is_sent_back=bool(self.is_sent_back.data),
            valid_from=self.valid_from.data,
            valid_to=self.valid_to.data,
        )

    def version_seen(self) -> int:
        """The version of the entry that was on the page; 0 (which none has) when it is garbled."""
        return whole_number(self.version.data)


class TypeForm(FlaskForm):  # type: ignore[misc]
    """A type's foreign keys and its policy."""

    seen = HiddenField()
    labels = TextAreaField("Foreign keys", filters=[no_nul])
    policy = RadioField(
        "A value without an entry",
        choices=[SelectChoice(policy.value, words) for policy, words in POLICIES.items()],
    )
    default_value = StringField(
        "The value for all of them", filters=[strip, no_nul], render_kw=_ATTRIBUTES
    )


def whole_number(text: str | None) -> int:
    """A number that a page sent back; 0 when it is none."""
    return read_key(text, INTEGER_DIGITS) or 0
