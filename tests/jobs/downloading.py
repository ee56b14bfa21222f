"""Downloads of a test's site: run one, and look at what it gave."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import python_calamine

from jobs.application import connect
from jobs.claims import claim
from jobs.processors import downloads as engine
from tests.jobs.site import Site
from webapp.extensions import db
from webapp.models import DownloadFile, DownloadWindow, Run, User, WithheldRecord
from webapp.rules.download_settings import ColumnChoice, DownloadRequest, DownloadSettings, Start
from webapp.services import downloads, runs
from webapp.services.files import file_store

SLUG = "constituent-data-download"


@dataclass(frozen=True)
class Downloaded:
    """A finished download."""

    run_id: int
    state: str
    failure: str | None
    counts: Mapping[str, int]
    files: Mapping[tuple[str, str], bytes]
    names: Mapping[tuple[str, str], str]
    withheld: Sequence[tuple[int, str, str, str]]
    window: Mapping[str, Any]
    tallies: Mapping[str, Any]

    def rows(self, role: str = "records", delimiter: str = ",") -> list[dict[str, str]]:
        """The rows of a CSV file by heading."""
        content = self.files.get((role, "csv"))
        if content is None:
            return []
        encoding = self.window["settings"]["encoding"]
        text = io.StringIO(
            content.decode("utf-8-sig" if encoding == "utf-8" else encoding), newline=""
        )
        return list(csv.DictReader(text, delimiter=delimiter))

    def sheets(self, role: str = "records") -> list[list[list[Any]]]:
        """The cells of a workbook, sheet by sheet."""
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(self.files[role, "xlsx"]))
        return [
            book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in book.sheet_names
        ]

    @property
    def ids(self) -> set[int]:
        """Whose records were delivered."""
        rows = self.rows()
        found = [int(row["CONS_ID"]) for row in rows]
        assert len(found) == len(set(found)), "somebody was delivered twice in one file"
        return set(found)

    @property
    def removed(self) -> dict[int, str]:
        """Who is reported as no longer there, and what became of them."""
        return {int(row["CONS_ID"]): row["BECAME"] for row in self.rows("removals")}


def settings(*columns: str, **more: Any) -> DownloadSettings:
    """Settings with these columns (CONS_ID first)."""
    chosen = tuple(ColumnChoice(name) for name in ("CONS_ID", *columns))
    return DownloadSettings(columns=chosen, **more)


def draft(site: Site, request: DownloadRequest, **more: Any) -> int:
    """A draft of a download."""
    with site.app.app_context():
        session = db.session()
        slug = more.pop("operation", SLUG)
        operation = runs.find_operation(session, slug)
        assert operation is not None
        user_id = more.pop("user_id", None)
        run = downloads.begin_download(
            session,
            operation,
            session.get(User, user_id) if user_id else None,
            center_id=more.pop("center_id", None),
            request=request,
        )
        site._commit()
        found = run.id
        db.session.remove()
    return found


def download(
    site: Site,
    chosen: DownloadSettings | None = None,
    start: Start = Start.LAST,
    *,
    since_at: Any = None,
    again: int | None = None,
    **more: Any,
) -> Downloaded:
    """Run a download; what holds for every one that succeeds is checked."""
    request = DownloadRequest(start, since_at, again, chosen or settings())
    run_id = draft(site, request, **more)
    site.run(run_id)
    found = outcome(site, run_id)
    if found.state == "success":
        check(found)
    return found


def die_before_the_end(site: Site, run_id: int) -> None:
    """An attempt that writes its files and puts down what it did, and dies before it counts."""
    site.start(run_id)
    with site.app.app_context(), connect("run") as connection:
        mine = claim(connection, run_id)
        assert mine is not None
        engine.run(connection, mine)
    site.sql_do(f"UPDATE runs SET state = 'stale' WHERE id = {run_id}")


def outcome(site: Site, run_id: int) -> Downloaded:
    """How a download ended and what it left."""
    with site.app.app_context():
        session = db.session()
        run = session.get_one(Run, run_id)
        window = session.get(DownloadWindow, run_id)
        files = session.query(DownloadFile).filter_by(run_id=run_id).all()
        store = file_store()
        content = {}
        for file in files:
            with store.open(file.key) as stream:
                content[file.role, file.format] = stream.read()
        withheld = session.query(WithheldRecord).filter_by(run_id=run_id).all()
        found = Downloaded(
            run_id=run_id,
            state=run.state,
            failure=run.failure,
            counts={
                name: getattr(run, name)
                for name in ("rows_read", "delivered", "removed", "withheld", "filtered_out")
            },
            files=content,
            names={(file.role, file.format): file.name for file in files},
            withheld=sorted((w.record_id, w.reason, w.field, w.value) for w in withheld),
            window={}
            if window is None
            else {c.name: getattr(window, c.name) for c in DownloadWindow.__table__.columns},
            tallies=dict(run.tallies),
        )
        for file in files:
            data = content[file.role, file.format]
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
        db.session.remove()
    return found


def check(found: Downloaded) -> None:
    """The account adds up, and the files hold what it says."""
    counts, window = found.counts, found.window
    assert window["is_committed"]
    assert counts["rows_read"] == window["changed"] + window["carried"]
    assert counts["rows_read"] == sum(counts.values()) - counts["rows_read"]
    if ("records", "csv") in found.files:
        assert len(found.rows(delimiter=_delimiter(found))) == counts["delivered"]
    assert len({record for record, *_ in found.withheld}) == counts["withheld"]


def _delimiter(found: Downloaded) -> str:
    return str(found.window["settings"]["delimiter"])
