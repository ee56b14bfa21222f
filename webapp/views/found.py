"""The wizard's “what we found”: how the file was read, its damage, and what its columns are.

Each conclusion of the reader can be changed, each finding of the doctor accepted: plain forms that
lead back here, and with htmx the same posts answer with what they changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import scope
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.found import (
    ALL,
    FIELD_OF,
    NONE,
    SOME,
    ReadingForm,
    RepairForm,
    name_seen,
    reading_form,
)
from webapp.forms.wizard import ColumnsForm, columns_form, list_columns
from webapp.models import Run, Upload
from webapp.rules.columns import Recognition
from webapp.rules.doctor import Change, Finding, Repair, Repairs
from webapp.rules.reading import Dialect
from webapp.rules.roles import Permission
from webapp.services import readings, uploads, wizard
from webapp.services.corrections import NOT_A_DRAFT
from webapp.services.wizard import Draft, Step
from webapp.transactions import commits
from webapp.views.drafts import open_draft, refuse, show_step

bp = Blueprint("found", __name__, url_prefix="/runs/<int:run_id>/wizard/found")

FIRST_ROWS = 10
SHOWN_IRREGULAR = 20


@dataclass(frozen=True, slots=True)
class DamageCard:
    """A finding with what was decided about it."""

    finding: Finding
    choice: str
    ticked: frozenset[str]

    @property
    def key(self) -> str:
        """Names the card within the page."""
        return self.finding.id.replace(":", "-")

    @property
    def anchor(self) -> str:
        """Where the help tells of this kind."""
        return str(self.finding.kind).replace("_", "-")

    @property
    def seen(self) -> str:
        """Says, with what is decided, that it is about this finding."""
        return name_seen([self.finding])

    @property
    def ticked_rows(self) -> int:
        """The rows that the ticked texts are in."""
        return sum(change.rows for change in self.finding.changes if change.before in self.ticked)

    @property
    def unlisted_rows(self) -> int:
        """The rows with texts too rare to be listed one by one."""
        return max(0, self.finding.rows - sum(change.rows for change in self.finding.changes))

    @property
    def sample(self) -> Sequence[Change]:
        """What can be ticked."""
        return self.finding.changes


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A cell of the first rows; `before` is its text in the file where it is repaired."""

    text: str
    before: str | None = None


# ---- looking ----


@bp.route("", methods=["GET", "POST"])
@commits
def overview(run_id: int) -> ResponseReturnValue:
    """How the file was read; unknown columns are read as something, or left out, here."""
    draft = open_draft(run_id, Step.FOUND)
    form = _columns_form(draft)
    if form.validate_on_submit():
        try:
            choices = form.choices_made(
                draft.open_columns, leave_rest_out=bool(request.form.get("leave_rest_out"))
            )
            wizard.choose_columns(db.session(), draft.run, choices)
        except DataSyncError as error:
            return refuse(draft.run, error)
        return hx.go_to(url_for("found.overview", run_id=run_id))
    _diagnose(draft.run)
    return _show(draft, form=form), 422 if form.errors else 200


@bp.post("/reading")
@commits
def read(run_id: int) -> ResponseReturnValue:
    """Read the file as a person says it is to be read; what can't be gets its sentence."""
    draft = open_draft(run_id, Step.FOUND)
    form = reading_form(_examination(draft.run))
    if form.validate_on_submit():
        try:
            kept = readings.present_choices(_upload(draft.run))
            if (choices := form.choices_made(kept)) != kept:
                readings.choose_reading(db.session(), draft.run, choices)
        except DataSyncError as error:
            if error.code == NOT_A_DRAFT:
                return refuse(draft.run, error)
            db.session.rollback()
            _hang_on(form, error)
        else:
            if not hx.wants_fragment():
                return hx.go_to(url_for("found.overview", run_id=run_id, _anchor="reading"))
            return _show(open_draft(run_id, Step.FOUND), said="The file was read anew.")
    said = " ".join(str(each) for errors in form.errors.values() for each in errors)
    return _show(open_draft(run_id, Step.FOUND), reading=form, said=said), 422


@bp.get("/damage")
@commits
def damage(run_id: int) -> ResponseReturnValue:
    """What the doctor found, looked for now if nobody has since the file was read."""
    draft = open_draft(run_id, Step.FOUND)
    _diagnose(draft.run)
    if not hx.wants_fragment():
        return hx.go_to(url_for("found.overview", run_id=run_id, _anchor="found-damage"))
    return render_template("wizard/_damage.html", run=draft.run, **_damage_context(draft.run))


@bp.post("/repair")
@commits
def repair(run_id: int) -> ResponseReturnValue:
    """Decide about one finding: repair all of it, some of it, or leave it."""
    draft = open_draft(run_id, Step.FOUND)
    form = RepairForm()
    found = {finding.id: finding for finding in _findings(_examination(draft.run))}
    finding = found.get(form.finding.data or "")
    if finding is None or not finding.can_repair or not form.validate_on_submit():
        return _no_such_finding(draft)
    if not form.has_seen([finding]):
        return _no_such_finding(draft)
    texts = form.texts(finding)
    chosen: Repair | None = None
    if form.choice.data == ALL or (form.choice.data == SOME and texts):
        chosen = finding.repair(None if form.choice.data == ALL else texts)
    try:
        readings.choose_repair(db.session(), draft.run, finding.id, chosen)
    except DataSyncError as error:
        return refuse(draft.run, error)
    card = DamageCard(finding, form.choice.data, texts)
    if not hx.wants_fragment():
        return hx.go_to(url_for("found.overview", run_id=run_id, _anchor=f"damage-{card.key}"))
    return _answer_repair(run_id, card)


@bp.post("/repair/all")
@commits
def repair_all(run_id: int) -> ResponseReturnValue:
    """Decide about everything that was found at once: repair it, or leave it."""
    draft = open_draft(run_id, Step.FOUND)
    form = RepairForm()
    if not form.validate_on_submit() or form.choice.data == SOME:
        return _no_such_finding(draft)
    findings = _findings(_examination(draft.run)) if form.choice.data == ALL else []
    if findings and not form.has_seen(findings):
        return _no_such_finding(draft)
    wanted = [finding.repair() for finding in findings if finding.can_repair]
    try:
        readings.choose_repairs(db.session(), draft.run, wanted)
    except DataSyncError as error:
        return refuse(draft.run, error)
    if not hx.wants_fragment():
        return hx.go_to(url_for("found.overview", run_id=run_id, _anchor="found-damage"))
    draft = open_draft(run_id, Step.FOUND)
    context = _context(draft) | {"swaps_others": True}
    return render_template("wizard/_all_repaired.html", run=draft.run, draft=draft, **context)


def _no_such_finding(draft: Draft) -> ResponseReturnValue:
    error = DataSyncError(
        "no_finding", "The file was read anew since. Look at the page again, then choose."
    )
    if hx.wants_fragment():
        return hx.plain(error.message, 409)
    return refuse(draft.run, error)


def _answer_repair(run_id: int, card: DamageCard) -> str:
    """The card, and what else on the page a repair changes."""
    draft = open_draft(run_id, Step.FOUND)
    context = _context(draft) | {"card": card, "swaps_others": True}
    return render_template("wizard/_repaired.html", run=draft.run, draft=draft, **context)


# ---- what the pages need ----


def _show(draft: Draft, *, said: str = "", **forms: Any) -> str:
    context = _context(draft, **forms) | {"said": said}
    if hx.wants_fragment():
        return render_template("wizard/_found.html", run=draft.run, draft=draft, **context)
    return show_step("wizard/found.html", Step.FOUND, draft, **context)


def _context(
    draft: Draft, *, form: Any = None, reading: ReadingForm | None = None
) -> dict[str, Any]:
    examination, upload = _examination(draft.run), _upload(draft.run)
    if draft.recognition is None:
        abort(404)
    return {
        "form": form or _columns_form(draft),
        "listed_columns": list_columns(draft.open_columns),
        "reading": reading or reading_form(examination, is_sent=False),
        "chosen": set(readings.present_choices(upload).to_json()),
        "upload": upload,
        "examination": examination,
        "dialect": Dialect.from_json(examination["dialect"]),
        "outside": [_outside(each) for each in examination.get("outside") or ()],
        "irregular": (examination.get("irregular") or [])[:SHOWN_IRREGULAR],
        "kinds": _kinds(draft.recognition, examination),
        "examples": _examples(examination),
        "first_rows_head": [(name or "(no name)", "key") for name in examination["columns"]],
        "first_rows": _first_rows(draft.run, examination),
        "earlier": _earlier(upload),
        **_damage_context(draft.run),
    }


def _kinds(recognition: Recognition, examination: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """What is in each column, by its position. Five digits with zeros in front are ZIPs only where
    nothing says that they are something else."""
    kinds = dict(enumerate(examination.get("found") or ()))
    for column in recognition.columns:
        seen = kinds.get(column.position)
        if seen and seen["kind"] == "zip" and column.field and "ZIP" not in column.field.column:
            kinds[column.position] = seen | {"kind": "code"}
    return kinds


def _columns_form(draft: Draft) -> ColumnsForm:
    """What unknown columns are. Without names only their values tell, where one column alone has
    values of a kind."""
    examination = _examination(draft.run)
    suggestions: dict[int, str] = {}
    if Dialect.from_json(examination["dialect"]).header_rows == 0:
        kinds = [str(column["kind"]) for column in examination.get("found") or ()]
        suggestions = {
            kinds.index(kind): name
            for kind, name in FIELD_OF_KIND.items()
            if kinds.count(kind) == 1
        }
    return columns_form(list_columns(draft.open_columns), draft.fields, suggestions)


FIELD_OF_KIND = {"email": "PRIMARY_EMAIL", "zip": "HOME_ZIP", "phone": "HOME_PHONE"}


def _upload(run: Run) -> Upload:
    if run.upload is None or "dialect" not in (run.upload.examination or {}):
        abort(404)
    return run.upload


def _examination(run: Run) -> dict[str, Any]:
    return _upload(run).examination or {}


def _diagnose(run: Run) -> None:
    examination = _examination(run)
    if "damage" not in examination and not examination.get("must_choose"):
        readings.diagnose_upload(db.session(), run)


def _hang_on(form: ReadingForm, error: DataSyncError) -> None:
    field = FIELD_OF.get(error.field or "", error.field)
    if field == "delimiter" and form.delimiter.data == "other":
        field = "other_delimiter"
    add_error(form, DataSyncError(error.code, error.message, field))


def _earlier(upload: Upload) -> Sequence[Run]:
    held = scope(Permission.DATA_SYNC_VIEW)
    return uploads.find_earlier_runs(
        db.session(), upload, center_ids=None if held is None else set(held)
    )


def _findings(examination: Mapping[str, Any]) -> list[Finding]:
    return [Finding.from_json(each) for each in examination.get("damage") or ()]


def _damage_context(run: Run) -> dict[str, Any]:
    examination = _examination(run)
    repairs = {readings.repair_id(each): each for each in readings.list_repairs(run)}
    findings = _findings(examination)
    cards = [_card(finding, repairs.get(finding.id)) for finding in findings]
    return {
        "is_diagnosed": "damage" in examination or bool(examination.get("must_choose")),
        "cards": cards,
        "seen": name_seen(findings),
        "repaired": sum(card.choice != NONE for card in cards),
        "repairable": sum(card.finding.can_repair for card in cards),
        "damage_rows": examination.get("damage_rows") or 0,
        "damage_complete": examination.get("damage_complete", True),
    }


def _card(finding: Finding, accepted: Repair | None) -> DamageCard:
    if accepted is None:
        return DamageCard(finding, NONE, frozenset())
    if accepted.values is None:
        return DamageCard(finding, ALL, frozenset())
    return DamageCard(finding, SOME, accepted.values)


def _first_rows(run: Run, examination: Mapping[str, Any]) -> list[list[ShownCell]]:
    """The first rows as they will be taken in, with what was repaired in them."""
    width = len(examination["columns"])
    rows = [list(row) for row in examination["first_rows"][:FIRST_ROWS]]
    good = [row for row in rows if len(row) == width]
    repaired, _ = Repairs(readings.list_repairs(run)).apply(range(1, len(good) + 1), good)
    taken = iter(repaired)
    return [
        [
            ShownCell(after, None if before == after else before)
            for before, after in zip(row, next(taken) if len(row) == width else row, strict=True)
        ]
        for row in rows
    ]


def _examples(examination: Mapping[str, Any]) -> list[list[str]]:
    """For each column up to three different values: of the sample, else of the first rows."""
    seen = examination.get("found") or ()
    if len(seen) == len(examination["columns"]):
        return [list(column["samples"][:3]) for column in seen]
    found: list[list[str]] = [[] for _ in examination["columns"]]
    for row in examination["first_rows"]:
        for values, cell in zip(found, row, strict=False):
            if cell.strip() and cell not in values and len(values) < 3:
                values.append(cell)
    return found


OUTSIDE_WORDS: Mapping[str, str] = {
    "title": "a title",
    "notes": "notes",
    "totals": "totals",
    "second_table": "a second table",
    "repeated_header": "the names of the columns again",
}


def _outside(outside: Mapping[str, Any]) -> tuple[str, str, str]:
    """Which rows, what they are, and how they begin."""
    kind = str(outside["kind"])
    return (
        name_rows(outside["first_row"], outside["last_row"]),
        OUTSIDE_WORDS.get(kind, kind.replace("_", " ")),
        outside["sample"],
    )


def name_rows(first: int, last: int | None) -> str:
    """Rows in words; counted from the file's end they are negative."""
    if last is None:
        return f"From row {first:,} on" if first > 0 else _from_the_end(-first)
    if first < 0:
        return _from_the_end(-first) if last == -1 else f"Some of the last {-first:,} rows"
    return f"Row {first:,}" if first == last else f"Rows {first:,}–{last:,}"


def _from_the_end(rows: int) -> str:
    return "The last row" if rows == 1 else f"The last {rows:,} rows"
