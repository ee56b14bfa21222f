"""The list of a download's columns as a field of a form.

A press of one of its buttons (`columns-press`) changes the list and nothing else: the form comes
back as it was filled in. Without script the page is sent for that, with htmx only the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field as FormField
from wtforms.utils import unset_value
from wtforms.validators import StopValidation

from webapp.rules.download_columns import arrange_columns, check_columns, group_unused
from webapp.rules.download_settings import ColumnChoice
from webapp.rules.fields import Field, Section

MOST_COLUMNS = 2_000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
"""Line breaks and the like, that come in by pasting: a heading is one line."""
MOST_TOLD = 5


class ColumnsField(FormField):  # type: ignore[misc]
    """Columns in the order of the file: `columns` has their names, `columns-heading` what is
    written above each. None at all means every column."""

    data: tuple[ColumnChoice, ...]

    def __init__(self, label: str, **more: Any) -> None:
        super().__init__(label, default=(), **more)
        self._fields: Sequence[Field] = ()
        self.said = ""
        """What the press did, in a sentence; blank without one."""
        self.focus = ""
        """The id of the control that goes on from there, where it isn't the button pressed."""

    def offer(self, fields: Iterable[Field]) -> None:
        """Let the file have these columns."""
        self._fields = tuple(fields)

    def process(self, formdata: Any, data: Any = unset_value, extra_filters: Any = None) -> None:
        """The headings stand beside the names."""
        self._headings = formdata.getlist(f"{self.name}-heading") if formdata else []
        super().process(formdata, data, extra_filters)

    def process_formdata(self, valuelist: list[str]) -> None:
        """What the browser sent; an empty list sends nothing."""
        names = valuelist[:MOST_COLUMNS]
        self.data = tuple(
            ColumnChoice(name, _CONTROLS.sub(" ", heading).strip())
            for name, heading in zip_longest(names, self._headings[: len(names)], fillvalue="")
        )

    def press(self, form: MultiDict[str, str]) -> bool:
        """Whether a button of the list was pressed; it has then done its work."""
        pressed = form.get(f"{self.name}-press", "")
        if not pressed:
            return False
        before = self.data
        self.data = arrange_columns(
            before, pressed, self._fields, form.getlist(f"{self.name}-more")
        )
        self._tell(pressed, before)
        return True

    def pre_validate(self, form: FlaskForm) -> None:
        """Each column is one of the download's, once, with a heading of its own."""
        checked, faults = check_columns(self.data, self._fields)
        if faults:
            raise StopValidation(" ".join(faults[:MOST_TOLD]))
        self.data = checked

    @property
    def lines(self) -> list[tuple[ColumnChoice, str]]:
        """The columns chosen, each with what it is called on our pages."""
        labels = {found.column: found.label for found in self._fields}
        return [(column, labels.get(column.name, "No longer there")) for column in self.data]

    @property
    def unused(self) -> list[tuple[Section, list[Field]]]:
        """The columns that could be added."""
        return group_unused(self.data, self._fields)

    @property
    def count_known(self) -> int:
        """How many columns the download can have."""
        return len(self._fields)

    def _tell(self, pressed: str, before: Sequence[ColumnChoice]) -> None:
        action, _, name = pressed.partition(":")
        names = [column.name for column in self.data]
        if action == "clear":
            self.said, self.focus = "The file has all columns again.", f"{self.name}-more"
        elif action == "add":
            count = len(names) - len(before)
            one = f"{names[-1]} is the last column now." if count == 1 else ""
            self.said = one or (
                f"{count} columns were added at the end." if count else "Choose what to add."
            )
            self.focus = f"{self.name}-more"
        elif name in names:
            self.said = f"{name} is column {names.index(name) + 1} of {len(names)}."
            self.focus = f"{self.name}-{action}-{name}"
        elif action == "remove":
            at = next((n for n, column in enumerate(before) if column.name == name), 0)
            after = names[min(at, len(names) - 1)] if names else ""
            self.said = f"{name} was removed."
            self.focus = f"{self.name}-remove-{after}" if after else f"{self.name}-more"


class ColumnsForm(FlaskForm):  # type: ignore[misc]
    """The list alone, for the fragment."""

    columns = ColumnsField("Columns")
