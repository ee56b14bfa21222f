"""Operation Results: the list of runs, a run's live page, and what became of every row."""

from __future__ import annotations

from pathlib import PurePath
from tempfile import SpooledTemporaryFile
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import CROSSREF_VIEW, may, may_open, needed, require_center, scope, signed_in
from webapp.config import site_today
from webapp.extensions import db
from webapp.forms.runs import RowsForm, RunsForm
from webapp.keys import INTEGER_DIGITS, read_key
from webapp.models import Run
from webapp.rules.catalogues import catalogue_of
from webapp.rules.roles import Permission
from webapp.services import crossref_uses, crossrefs, results, row_changes, run_lists
from webapp.services import rejects as rejects_service
from webapp.services import runs as runs_service
from webapp.services.files import file_store
from webapp.services.progress import describe_progress, is_download, list_counts
from webapp.services.repaired import list_repaired
from webapp.services.uploads import TYPE_OPTION
from webapp.transactions import commits
from webapp.views.downloads import describe_result

bp = Blueprint("runs", __name__, url_prefix="/runs")

VIEW, RUN = Permission.DATA_SYNC_VIEW, Permission.DATA_SYNC_RUN
MAX_WORKBOOK_ROWS = 20_000
"""An Excel file of more rows is not made while somebody waits for it."""
ROW_FILTERS = ("outcome", "problem", "text")
RUN_FILTERS = ("state", "operation", "text")
_IN_MEMORY = 4 * 1024**2
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.get("/")
def list_runs() -> ResponseReturnValue:
    """Every run of one's centers, newest first, and one's own drafts."""
    session = db.session()
    form = RunsForm(request.args)
    form.offer(run_lists.list_operations(session))
    wanted = form.wanted()
    page = run_lists.list_results(
        session,
        scope(VIEW),
        wanted,
        entries_in=scope(CROSSREF_VIEW),
        before=_key("before"),
        after=_key("after"),
    )
    is_first = page.newer_after is None and wanted.is_empty
    return render_template(
        "runs/list_runs.html",
        form=form,
        wanted=wanted,
        page=page,
        undos=run_lists.find_undos(session, [run.id for run in page.runs]),
        drafts=run_lists.list_drafts(session, signed_in().id) if is_first else (),
        urls=_page_urls(
            "runs.list_runs", newer=("after", page.newer_after), older=("before", page.older_before)
        ),
    )


@bp.get("/<int:run_id>")
def show(run_id: int) -> ResponseReturnValue:
    """A run while it is under way, and its results afterwards."""
    run = _get_run(run_id)
    elsewhere = _page_elsewhere(run)
    if elsewhere:
        return redirect(elsewhere)
    if not run.is_finished:
        return render_template(
            "runs/live.html", run=run, progress=describe_progress(run), crumbs=list_crumbs(run)
        )
    if run.kind == "run" and catalogue_of(run.operation.kind).is_download:
        return _show_download(run)
    session = db.session()
    context = _rows_context(run)
    return render_template(
        "runs/show.html",
        run=run,
        crumbs=list_crumbs(run),
        is_of_entries=catalogue_of(run.operation.kind).is_of_entries,
        uses=crossref_uses.list_uses(session, run, site_today()),
        progress=describe_progress(run),
        counts=_linked_counts(run),
        effects=run_lists.get_effects(session, run),
        repaired=list_repaired(run, run) if run.kind == "run" else (),
        undo=run_lists.find_undo(session, run.id) if run.kind == "run" else None,
        broken_off_undo=run_lists.find_broken_off_undo(session, run.id),
        can_undo=run.kind == "run" and run_lists.has_effects(run),
        has_rejects=bool(run.rejected or run.withheld) and run.kind == "run",
        has_workbook=0 < run.rejected + run.withheld <= MAX_WORKBOOK_ROWS,
        **context,
    )


def _show_download(run: Run) -> str:
    return render_template(
        "downloads/show.html",
        run=run,
        progress=describe_progress(run),
        counts=list_counts(run),
        **describe_result(run),
    )


@bp.get("/<int:run_id>/progress")
def progress(run_id: int) -> ResponseReturnValue:
    """The progress fragment. Once the run has ended it has the browser load the page anew."""
    shown = describe_progress(_get_run(run_id))
    answer = hx.respond(render_template("runs/_progress.html", progress=shown))
    if shown.delay is None and hx.wants_fragment():
        answer.headers["HX-Refresh"] = "true"
    return answer


@bp.post("/<int:run_id>/cancel")
@commits
def cancel(run_id: int) -> ResponseReturnValue:
    """Ask a run to stop; what it did until then stays."""
    run = _get_run(run_id)
    require_center(needed(run.operation.kind, RUN), run.center_id)
    if run.is_finished:
        flash("It had ended before it could be cancelled.", "info")
    else:
        runs_service.request_cancel(db.session(), run)
    return hx.go_to(_page_elsewhere(run) or url_for("runs.show", run_id=run.id))


@bp.get("/<int:run_id>/rows")
def rows(run_id: int) -> ResponseReturnValue:
    """The rows that are wanted, as a fragment; the address bar gets the page that shows them."""
    run = _get_run(run_id)
    context = _rows_context(run)
    page_url = url_for("runs.show", run_id=run.id, **_asked(*ROW_FILTERS, "after", "before"))
    if not hx.wants_fragment():
        return redirect(page_url)
    return hx.respond(render_template("runs/_rows.html", run=run, **context), push_url=page_url)


@bp.get("/<int:run_id>/rows/<int:row_number>")
def show_row(run_id: int, row_number: int) -> ResponseReturnValue:
    """One row: what became of it and why, its cells as they came in, what it changed."""
    session = db.session()
    run = _get_run(run_id)
    row = results.get_row(session, run.id, row_number)
    if row is None:
        abort(404)
    return render_template(
        "runs/show_row.html",
        run=run,
        crumbs=list_crumbs(run),
        row=row,
        changes=row_changes.list_row_changes(session, run, row),
        gift=row_changes.find_gifts(session, run, [row]).get(row_number),
        cells=_named_cells(run, row.cells),
        previous=results.list_rows(
            session, run.id, results.RowFilter(), before=row_number, limit=1
        ).rows,
        following=results.list_rows(
            session, run.id, results.RowFilter(), after=row_number, limit=1
        ).rows,
    )


@bp.get("/<int:run_id>/rejects.csv")
def rejects(run_id: int) -> ResponseReturnValue:
    """The rows that did not go through as CSV, ready to be fixed and uploaded again."""
    run = _get_finished(run_id)
    store = file_store()
    if run.rejects_key and store.exists(run.rejects_key):
        return _send(store.open(run.rejects_key), "text/csv", run, "csv")
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed once it is sent
    rejects_service.write_rejects(db.session(), run, file)  # type: ignore[arg-type]
    file.seek(0)
    return _send(file, "text/csv", run, "csv")


@bp.get("/<int:run_id>/rejects.xlsx")
def rejects_workbook(run_id: int) -> ResponseReturnValue:
    """The same as an Excel workbook whose cells are all text."""
    run = _get_finished(run_id)
    if run.rejected + run.withheld > MAX_WORKBOOK_ROWS:
        flash("These are too many rows for an Excel file. Take the CSV file instead.", "warning")
        return redirect(url_for("runs.show", run_id=run.id))
    file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed once it is sent
    rejects_service.write_rejects_workbook(db.session(), run, file)  # type: ignore[arg-type]
    file.seek(0)
    return _send(file, _XLSX, run, "xlsx")


def _send(file: Any, mimetype: str, run: Run, ending: str) -> ResponseReturnValue:
    stem = PurePath(run.upload.name).stem if run.upload else f"run-{run.id}"
    return send_file(
        file, mimetype=mimetype, as_attachment=True, download_name=f"{stem}-rejects.{ending}"
    )


def _get_run(run_id: int) -> Run:
    run = run_lists.get_run(db.session(), run_id) if run_id < 2**63 else None
    if run is None:
        abort(404)
    require_center(needed(run.operation.kind, VIEW), run.center_id)
    return run


def list_crumbs(run: Run) -> list[tuple[str, str]]:
    """The way to a run: from the results, or from the cross-references it is about."""
    if not catalogue_of(run.operation.kind).is_of_entries:
        return [("Operation Results", url_for("runs.list_runs"))]
    crumbs = [("Cross Reference Types", url_for("crossrefs.list_types"))]
    first = db.session.get(Run, run.parent_id) if run.parent_id else run
    found = crossrefs.find_type(db.session(), str((first or run).options.get(TYPE_OPTION)))
    if found is not None:
        crumbs.append((found.label, url_for("crossrefs.show_type", key=found.key)))
    return crumbs


def _get_finished(run_id: int) -> Run:
    run = _get_run(run_id)
    if not run.is_finished or run.kind != "run" or catalogue_of(run.operation.kind).is_download:
        abort(404)
    return run


def _page_elsewhere(run: Run) -> str | None:
    """Where a draft or preview is looked at: in the wizard, or on the undo page."""
    if run.kind == "undo_preview":
        return url_for("undo.show", run_id=run.parent_id)
    if run.kind == "preview" and is_download(run) and may_open("downloads.preview"):
        return url_for("downloads.preview", run_id=run.parent_id)
    draft_id = run.id if run.state == "draft" else run.parent_id if run.kind == "preview" else None
    if draft_id is not None and may(needed(run.operation.kind, RUN), run.center_id):
        return url_for("wizard.resume", run_id=draft_id)
    return None


def _rows_context(run: Run) -> dict[str, Any]:
    session = db.session()
    form = RowsForm(request.args)
    # A fragment leaves the filter as it is, so its problems need no counting.
    is_fragment = request.endpoint == "runs.rows"
    problems = results.name_problems() if is_fragment else results.count_problems(session, run)
    form.offer({name: getattr(run, name) for name in results.OUTCOMES}, problems)
    wanted = form.wanted()
    page = results.list_rows(session, run.id, wanted, after=_key("after"), before=_key("before"))
    return {
        "form": form,
        "wanted": wanted,
        "page": page,
        "targets": row_changes.name_targets(session, run, page.rows),
        "gifts": row_changes.find_gifts(session, run, page.rows),
        "problems": problems,
        "urls": _page_urls(
            "runs.show",
            run_id=run.id,
            previous=("before", page.previous_before),
            next=("after", page.next_after),
        ),
    }


def _linked_counts(run: Run) -> list[tuple[str, int, str | None, str | None]]:
    if run.kind != "run":
        return list_counts(run)
    return [
        (
            label,
            count,
            tone,
            url_for("runs.show", run_id=run.id, outcome=tone, _anchor="rows") if tone else None,
        )
        for label, count, tone, _ in list_counts(run)
    ]


def _named_cells(run: Run, cells: list[str] | None) -> list[tuple[str, str]]:
    if not cells:
        return []
    examination = (run.upload.examination if run.upload else None) or {}
    names = [*examination.get("columns", ())]
    names += [f"(column {at + 1})" for at in range(len(names), len(cells))]
    return list(zip(names, cells, strict=False))


def _key(name: str) -> int | None:
    """A key to page from; anything else than a sensible number counts as none."""
    return read_key(request.args.get(name), INTEGER_DIGITS)


def _asked(*names: str) -> dict[str, Any]:
    """The filters in the URL; only ours, so that nothing else finds its way into an address."""
    return {name: request.args[name] for name in names if request.args.get(name)}


def _page_urls(
    endpoint: str, *, run_id: int | None = None, **keys: tuple[str, int | None]
) -> dict[str, str | None]:
    """The addresses of the neighbouring pages: the same filter with another key."""
    asked = _asked(*(ROW_FILTERS if run_id is not None else RUN_FILTERS))
    if run_id is not None:
        asked |= {"run_id": run_id, "_anchor": "rows"}
    return {
        name: None if key is None else url_for(endpoint, **asked | {argument: key})
        for name, (argument, key) in keys.items()
    }
