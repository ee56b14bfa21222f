"""How a run, preview or undo is getting on, in numbers and words: all from its one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from webapp.models import Run
from webapp.rules.catalogues import catalogue_of
from webapp.rules.progress import Pace, choose_delay, measure_pace

SILENT_AFTER = timedelta(seconds=15)
"""A worker gives a sign of life with each chunk, every few seconds."""

_DOING: Mapping[str, str] = {
    "run": "Importing. You can leave this page; the run goes on without you.",
    "preview": "Looking at every row. Nothing is changed yet, and you can leave this page.",
    "undo": "Undoing. You can leave this page; it goes on without you.",
    "undo_preview": "Finding out what an undo would do. Nothing is changed yet.",
}
_DOWNLOADING: Mapping[str, str] = {
    "run": "Writing the file. You can leave this page; the run goes on without you.",
    "preview": "Counting what it would give. Nothing is delivered, and you can leave this page.",
}
_FINDING_CHANGES = "Finding out what changed. You can leave this page; the run goes on without you."
_QUEUED = "Waiting for a worker. It starts by itself as soon as one is free."
_STOPPING: Mapping[str, str] = {
    "run": "Stopping after the rows it is working on. What was imported until then stays.",
    "undo": "Stopping after the rows it is working on. What was undone until then stays undone.",
}
_SILENT = (
    "The worker stopped answering. Another one takes over by itself and goes on where it "
    "stopped; nothing is lost and nothing happens twice."
)
_ENDED: Mapping[str, str] = {
    "success": "Finished.",
    "failure": "Failed.",
    "cancelled": "Cancelled.",
    "draft": "Not started yet.",
}
_STOPPING_DOWNLOAD = "Stopping. Nothing is delivered."
_DOWNLOAD_COUNTS = (
    ("Delivered", "delivered", "created"),
    ("Removed", "removed", "rejected"),
    ("Held back", "withheld", "withheld"),
    ("Filtered out", "filtered_out", None),
)
_IMPORT_COUNTS = ("created", "updated", "unchanged", "rejected", "withheld")
_UNDO_COUNTS = (("restored", "updated"), ("removed", "rejected"), ("kept", "withheld"))


@dataclass(frozen=True, slots=True)
class Progress:
    """What the progress fragment shows. `delay` None: it has ended, ask no more."""

    run_id: int
    state: str
    badge: str
    things: str
    """What is counted: rows of a file, or records that an undo goes through."""
    sentence: str
    done: int
    total: int | None
    is_estimate: bool
    pace: Pace
    counts: list[tuple[str, int, str | None, str | None]]
    delay: int | None


def describe_progress(run: Run, now: datetime | None = None) -> Progress:
    """The progress of this row as it was read; asks the database nothing."""
    now = now or datetime.now(UTC)
    total = run.rows_total
    if total is not None and not run.rows_total_is_exact and not run.is_finished:
        # An estimate that turns out too low: never full before the end, never over the top.
        total = max(total, run.rows_read + max(run.rows_read // 100, 1))
    until = run.finished_at if run.is_finished else run.heartbeat_at
    return Progress(
        run_id=run.id,
        state=run.state,
        badge=_badge(run, now),
        things="records" if run.kind.startswith("undo") or is_download(run) else "rows",
        sentence=_sentence(run, now),
        done=run.rows_read or _looked_at(run),
        total=total,
        is_estimate=not run.rows_total_is_exact,
        pace=measure_pace(run.rows_read, total, run.started_at, until),
        counts=list_counts(run),
        delay=None if run.is_finished or run.state == "draft" else _delay(run, now),
    )


def _looked_at(run: Run) -> int:
    """The rows that were read but not done yet, where a run does all of them at once at its end."""
    found = run.tallies.get("rows_looked_at")
    return found if isinstance(found, int) else 0


def list_counts(run: Run) -> list[tuple[str, int, str | None, str | None]]:
    """The counts of a run or an undo as the `stats` macro takes them. One that creates nobody has
    no such count."""
    if is_download(run):
        return [
            (label, count, tone if count else None, None)
            for label, name, tone in _DOWNLOAD_COUNTS
            for count in (getattr(run, name),)
        ]
    if run.kind.startswith("undo"):
        told = [(name, int(run.tallies.get(name, 0)), tone) for name, tone in _UNDO_COUNTS]
    else:
        creates = run.created or catalogue_of(run.operation.kind).creates
        names = _IMPORT_COUNTS if creates else _IMPORT_COUNTS[1:]
        told = [(name, getattr(run, name), name) for name in names]
    return [(name.capitalize(), count, tone if count else None, None) for name, count, tone in told]


def is_download(run: Run) -> bool:
    """Whether a run, or a preview, gives a file: its options say what was asked for."""
    return "download" in (run.options or {})


def _is_silent(run: Run, now: datetime) -> bool:
    if run.state == "stale":
        return True
    seen = run.heartbeat_at or run.started_at
    return run.state == "running" and seen is not None and now - seen > SILENT_AFTER


def _badge(run: Run, now: datetime) -> str:
    if _is_silent(run, now):
        return "stale"
    return "cancelling" if run.cancel_requested and not run.is_finished else run.state


def _sentence(run: Run, now: datetime) -> str:
    if _is_silent(run, now):
        return _SILENT
    if run.cancel_requested and not run.is_finished:
        return _STOPPING_DOWNLOAD if is_download(run) else _STOPPING.get(run.kind, "Stopping.")
    if run.state == "queued":
        return _QUEUED
    return _ENDED.get(run.state) or _doing(run)


def _doing(run: Run) -> str:
    if not is_download(run):
        return _DOING[run.kind]
    # Nothing is written before it is known how much there is
    is_finding = run.kind == "run" and run.rows_total is None
    return _FINDING_CHANGES if is_finding else _DOWNLOADING[run.kind]


def _delay(run: Run, now: datetime) -> int:
    since = run.started_at or run.queued_at or run.created_at
    return choose_delay(now - since)
