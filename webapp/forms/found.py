"""The forms of “what we found”: how the file is to be read, and what of its damage is repaired.

Every conclusion of the reader is a field that has its value. What a person leaves as it was shown
stays as it came about, decided by the file or by them; only what they change becomes their choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field as FormField
from wtforms import (
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    ValidationError,
)
from wtforms.validators import Optional
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.forms.base import no_nul
from webapp.rules.doctor import Finding
from webapp.rules.reading import ENCODING_LABELS, Choices, Dialect

LAST_ROW = 2**31 - 1
LONGEST_DELIMITER = 8
OTHER = "other"

DELIMITERS: Mapping[str, tuple[str, str]] = {
    "comma": (",", "commas"),
    "semicolon": (";", "semicolons"),
    "tab": ("\t", "tabs"),
    "pipe": ("|", "vertical bars (|)"),
    "colon": (":", "colons"),
    "caret": ("^", "carets (^)"),
    "space": (" ", "spaces"),
    "comma_space": (", ", "a comma and a space"),
}
QUOTES: Mapping[str, tuple[str, str]] = {
    "double": ('"', "“double quotes”"),
    "single": ("'", "‘single quotes’"),
    "none": ("", "nothing, quotes are letters"),
}
ESCAPES: Mapping[str, tuple[str, str]] = {
    "doubled": ("", "doubled"),
    "backslash": ("\\", "marked with a backslash"),
}
HEADERS: Mapping[int, str] = {
    1: "named in one row",
    2: "named in two rows",
    3: "named in three rows",
    4: "named in four rows",
    0: "not named in the file",
}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "member": ("member",),
    "sheet": ("sheet",),
    "encoding": ("encoding",),
    "delimiter": ("delimiter",),
    "quoting": ("quote", "escape"),
    "header": ("header_line", "header_rows"),
    "end": ("last_line",),
}
"""What is said together → the choices it consists of."""
FIELD_OF: Mapping[str, str] = {
    "header_line": "first_row",
    "last_line": "last_row",
}
"""Where a choice's field has another name than the choice."""

ALL, SOME, NONE = "all", "some", "none"


class RowField(IntegerField):  # type: ignore[misc]
    """A row as a spreadsheet numbers it; what is no number is None, for the form to judge."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Take what was typed."""
        if valuelist:
            typed = valuelist[0].strip()
            self.data = int(typed) if typed.isascii() and typed.isdigit() else None


class ReadingForm(FlaskForm):  # type: ignore[misc]
    """How the file is to be read; `reading_form` leaves out what does not apply to it."""

    member = SelectField("The file in the .zip that is read", validators=[Optional()])
    sheet = SelectField("The sheet that is read", validators=[Optional()])
    encoding = SelectField("How letters are written", validators=[Optional()])
    delimiter = SelectField("What columns are separated by", validators=[Optional()])
    other_delimiter = StringField("The characters between two columns", filters=[no_nul])
    quote = SelectField("What text with a delimiter is put in", validators=[Optional()])
    escape = SelectField("How a quote inside text is written", validators=[Optional()])
    header_rows = SelectField("Whether columns are named", coerce=int, validators=[Optional()])
    first_row = RowField("The row of the first names")
    ends = SelectField("Where the table ends", validators=[Optional()])
    last_row = RowField("The table’s last row")
    shown = HiddenField()
    auto = HiddenField()

    def validate_other_delimiter(self, field: FormField) -> None:
        """Whatever it is, it must be able to stand between two cells."""
        if self.delimiter.data != OTHER:
            return
        text = field.data or ""
        if not text:
            raise ValidationError("Type the characters that stand between two columns.")
        if len(text) > LONGEST_DELIMITER:
            raise ValidationError(f"Type at most {LONGEST_DELIMITER} characters.")
        if '"' in text or not text.replace("\t", "").isprintable():
            raise ValidationError("A quote or a line break can’t stand between two columns.")

    def validate_first_row(self, field: FormField) -> None:
        """There is such a row in some file."""
        if not 1 <= (field.data or 0) <= LAST_ROW:
            raise ValidationError("Enter a row number, 1 or more.")

    def validate_last_row(self, field: FormField) -> None:
        """The table's end is below its header."""
        if self.ends.data != "row":
            return
        if not 1 <= (field.data or 0) <= LAST_ROW:
            raise ValidationError("Enter the number of the table’s last row.")
        if field.data < (self.first_row.data or 1) + (self.header_rows.data or 0):
            raise ValidationError("The table has to end below the names of its columns.")

    def choices_made(self, kept: Choices) -> Choices:
        """The person's choices after this: those they had, with what they changed here."""
        before, now = _meant(self._shown()), _meant(self.data)
        changed = {name: value for name, value in now.items() if value != before.get(name, value)}
        if "header_line" in changed or "header_rows" in changed:
            changed |= {name: now[name] for name in ("header_line", "header_rows")}
        if "member" in changed:
            return Choices(member=changed["member"])
        if "sheet" in changed:
            # A web page has one encoding, whichever of its tables is read.
            return Choices(kept.encoding, member=kept.member, sheet=changed["sheet"])
        changed |= dict.fromkeys(GROUPS.get(self.auto.data or "", ()))
        return replace(kept, **changed)

    def _shown(self) -> Mapping[str, Any]:
        """The values the page came with: another browser may have changed them since."""
        try:
            shown = json.loads(self.shown.data or "")
        except ValueError:
            shown = None
        return shown if isinstance(shown, dict) else self._defaults

    _defaults: Mapping[str, Any] = {}


def _meant(values: Mapping[str, Any]) -> dict[str, Any]:
    """The choices that the values of the fields stand for."""
    meant: dict[str, Any] = {}
    for name in ("member", "sheet", "encoding"):
        if values.get(name) is not None:
            meant[name] = values[name]
    if values.get("delimiter") == OTHER:
        meant["delimiter"] = values.get("other_delimiter")
    elif values.get("delimiter") in DELIMITERS:
        meant["delimiter"] = DELIMITERS[values["delimiter"]][0]
    if values.get("quote") in QUOTES:
        meant["quote"] = QUOTES[values["quote"]][0]
    if values.get("escape") in ESCAPES:
        meant["escape"] = ESCAPES[values["escape"]][0]
    rows, first = values.get("header_rows"), values.get("first_row")
    if isinstance(rows, int) and isinstance(first, int):
        meant |= {"header_rows": rows, "header_line": first + rows - 1}
    if values.get("ends") is not None:
        meant["last_line"] = {"row": values.get("last_row"), "end": 0}.get(values["ends"])
    return meant


def reading_form(examination: Mapping[str, Any], *, is_sent: bool = True) -> ReadingForm:
    """The reading as it is now, to be changed. With `is_sent` False what was sent is ignored."""
    dialect = Dialect.from_json(examination["dialect"])
    values = _values(dialect, examination)
    form = ReadingForm(data=values) if is_sent else ReadingForm(formdata=None, data=values)
    _offer(form, dialect, examination)
    form._defaults = {name: values[name] for name in values if name in form}
    if not is_sent or not form.shown.data:
        form.shown.data = json.dumps(form._defaults)
    return form


def _values(dialect: Dialect, examination: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "member": dialect.member,
        "sheet": dialect.sheet,
        "encoding": dialect.encoding,
        "delimiter": _token(DELIMITERS, dialect.delimiter) or OTHER,
        "other_delimiter": dialect.delimiter,
        "quote": _token(QUOTES, dialect.quote),
        "escape": _token(ESCAPES, dialect.escape),
        "header_rows": dialect.header_rows,
        "first_row": dialect.header_line - dialect.header_rows + 1,
        "ends": "row" if dialect.last_line else "found" if dialect.footer_rows else "end",
        "last_row": dialect.last_line or _guessed_end(dialect, examination),
    }


def _token(known: Mapping[str, tuple[str, str]], text: str) -> str | None:
    return next((token for token, (meant, _) in known.items() if meant == text), None)


def _guessed_end(dialect: Dialect, examination: Mapping[str, Any]) -> int | None:
    rows = examination.get("rows_estimate")
    return dialect.header_line + rows if rows else None


def _offer(form: ReadingForm, dialect: Dialect, examination: Mapping[str, Any]) -> None:
    """What can be chosen in this file; fields without a choice go."""
    found = examination.get("sheets") or ()
    has_members = any(sheet["name"] == dialect.member for sheet in found)  # files of a .zip
    _offer_names(form, "member", found if has_members else (), dialect.member)
    _offer_names(form, "sheet", () if has_members else found, dialect.sheet)
    form.header_rows.choices = [
        SelectChoice(rows, words)
        for rows, words in HEADERS.items()
        if rows <= max(3, dialect.header_rows)
    ]
    form.ends.choices = [SelectChoice("end", "where the file ends"), SelectChoice("row", "at row")]
    if dialect.footer_rows and not dialect.last_line:
        form.ends.choices.insert(0, SelectChoice("found", before_the_end(dialect.footer_rows)))
    if dialect.encoding:  # text, or a web page, which is text too
        form.encoding.choices = _encodings(dialect, examination)
    else:
        del form["encoding"]
    if dialect.kind != "csv":
        for name in ("delimiter", "other_delimiter", "quote", "escape"):
            del form[name]
        return
    form.delimiter.choices = [
        *(SelectChoice(token, words) for token, (_, words) in DELIMITERS.items()),
        SelectChoice(OTHER, "something else:"),
    ]
    form.quote.choices = [SelectChoice(token, words) for token, (_, words) in QUOTES.items()]
    form.escape.choices = [SelectChoice(token, words) for token, (_, words) in ESCAPES.items()]


def _offer_names(
    form: ReadingForm, name: str, found: Sequence[Mapping[str, Any]], present: str | None
) -> None:
    labels = {present: present} if present else {}
    for sheet in found:
        labels[sheet["name"]] = sheet["name"] + (" (hidden)" if sheet.get("is_hidden") else "")
    if not labels:
        del form[name]
        return
    form[name].choices = [SelectChoice(key, label) for key, label in labels.items()]


def _encodings(dialect: Dialect, examination: Mapping[str, Any]) -> list[SelectChoice]:
    likely = [reading["encoding"] for reading in examination.get("readings") or ()]
    keys = dict.fromkeys([*likely, dialect.encoding, *ENCODING_LABELS])
    return [SelectChoice(key, ENCODING_LABELS.get(key, key)) for key in keys]


def before_the_end(rows: int) -> str:
    """Where a table ends that has other rows below it."""
    return f"{rows:,} {'row' if rows == 1 else 'rows'} before the file ends"


class RepairForm(FlaskForm):  # type: ignore[misc]
    """What to do about one finding. The texts are JSON, so that line breaks and blanks stay."""

    finding = HiddenField()
    seen = HiddenField()
    """Which findings the page showed; another reading of the file may have one of the same id."""
    choice = RadioField(
        "What to do",
        choices=[
            SelectChoice(ALL, "Repair all"),
            SelectChoice(SOME, "Choose what to repair"),
            SelectChoice(NONE, "Leave as it is"),
        ],
        default=NONE,
    )
    values = SelectMultipleField(
        "Repair these",
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )

    def texts(self, finding: Finding) -> frozenset[str]:
        """The texts that were ticked, of those the finding has."""
        known = {change.before for change in finding.changes}
        return frozenset(text for sent in self.values.data or () if (text := _text(sent)) in known)

    def has_seen(self, findings: Sequence[Finding]) -> bool:
        """Whether these are what the page showed that it was sent from."""
        return not self.seen.data or self.seen.data == name_seen(findings)


def name_seen(findings: Sequence[Finding]) -> str:
    """A short name for just these findings, the same for as long as they are the same."""
    told = "\n".join(f"{found.id} {found.rows} {found.column}" for found in findings)
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _text(sent: str) -> str | None:
    try:
        value = json.loads(sent)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
