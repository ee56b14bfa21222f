"""A site to import into: its people put in by hand, files taken in by the engine, and a look at
what is stored afterwards. Runs are executed in this process, as a worker would."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import select

from jobs.runs import execute
from tests.services import Services
from webapp import create_app
from webapp.extensions import db
from webapp.models import Run, RunRow, User
from webapp.rules.reading import Choices
from webapp.services import registrations, runs, uploads
from webapp.services.changes import set_actor
from webapp.services.files import file_store
from webapp.settings import Settings, libpq_url, sqlalchemy_url

OPERATION = "standard-constituent-import"
OUTCOMES = ("created", "updated", "unchanged", "rejected", "withheld")
CHUNK_SIZES = (1, 3, 10_000)

# What belongs to a test, in an order that deletes children first
_TABLES = (
    "potential_matches", "download_deliveries", "withheld_records", "download_files",
    "download_windows", "download_streams",
    "cross_reference_uses", "cross_reference_seen", "cross_reference_snapshots",
    "cross_reference_entries", "messages", "run_edits", "run_rows", "runs", "uploads", "change_log",
    "custom_fields", "constituent_emails", "interest_choices", "group_members", "center_members",
    "transaction_items", "transactions", "campaigns", "donation_forms", "designations", "events",
    "interests", "groups", "constituents", "user_roles", "users", "centers",
)  # fmt: skip
_RESET = (
    "SET session_replication_role = replica; "
    + "".join(f"DELETE FROM {table}; " for table in _TABLES)
    + "SET session_replication_role = origin; "
    + "".join(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100, true); "
        for table in _TABLES
        if table
        not in ("run_rows", "constituent_emails", "interest_choices", "group_members",
                "center_members", "cross_reference_uses", "cross_reference_seen",
                "cross_reference_snapshots", "download_deliveries",
                "withheld_records", "download_windows")
    )
)  # fmt: skip

_STATE = """
SELECT json_build_object(
    'constituents', (SELECT coalesce(json_agg(to_jsonb(c) - '{created_at,modified_at,modified_row}'
        ::text[] ORDER BY c.id), '[]') FROM constituents c),
    'emails', (SELECT coalesce(json_agg(json_build_array(constituent_id, email)
        ORDER BY 1, 2), '[]') FROM (SELECT * FROM constituent_emails ORDER BY 1, 2) e),
    'members', (SELECT coalesce(json_agg(json_build_array(group_id, constituent_id, added_at)),
        '[]') FROM (SELECT * FROM group_members ORDER BY 1, 2) m),
    'choices', (SELECT coalesce(json_agg(json_build_array(interest_id, constituent_id, opted_in,
        chosen_at)), '[]') FROM (SELECT * FROM interest_choices ORDER BY 1, 2) i),
    'centers', (SELECT coalesce(json_agg(json_build_array(center_id, constituent_id, added_at)),
        '[]') FROM (SELECT * FROM center_members ORDER BY 1, 2) x),
    'groups', (SELECT coalesce(json_agg(json_build_array(id, name, kind, center_id)), '[]')
        FROM (SELECT * FROM groups ORDER BY 1) g),
    'interests', (SELECT coalesce(json_agg(json_build_array(id, name, center_id)), '[]')
        FROM (SELECT * FROM interests ORDER BY 1) t))"""


@dataclass(frozen=True)
class Row:
    """What became, or would become, of one row of a file."""

    number: int
    outcome: str
    constituent_id: int | None
    codes: tuple[str, ...]
    messages: tuple[str, ...]
    notes: tuple[str, ...]
    cells: list[str] | None
    before: Mapping[str, str | None] | None
    changes: Mapping[str, str | None] | None

    @property
    def verdict(self) -> tuple[str, tuple[str, ...]]:
        """Outcome and fault codes: what a preview and its run have to agree on."""
        return self.outcome, self.codes


@dataclass(frozen=True)
class Result:
    """A finished run, preview, undo or undo preview."""

    id: int
    state: str
    failure: str | None
    counts: Mapping[str, int]
    rows_read: int
    tallies: Mapping[str, Any]
    rows: Mapping[int, Row]
    new_group: int | None
    modified_group: int | None
    rejects_key: str | None

    @property
    def verdicts(self) -> dict[int, tuple[str, tuple[str, ...]]]:
        """Each row's outcome and fault codes."""
        return {number: row.verdict for number, row in self.rows.items()}

    def check_counts(self) -> None:
        """Every row has one outcome and the counts add up (promise 1)."""
        found = Counter(row.outcome for row in self.rows.values())
        assert dict(self.counts) == {name: found.get(name, 0) for name in OUTCOMES}
        assert self.rows_read == len(self.rows) == sum(self.counts.values())


@dataclass(frozen=True)
class Imported:
    """A file's preview (when there was one) and its run."""

    preview: Result | None
    run: Result

    @property
    def rows(self) -> Mapping[int, Row]:
        """The outcomes of the run, by row number (the first record is row 2)."""
        return self.run.rows

    def check(self) -> None:
        """What holds for every import: counts add up, and the preview said what the run did."""
        assert self.run.state == "success", self.run.failure
        self.run.check_counts()
        if self.preview is None:
            return
        assert self.preview.state == "success", self.preview.failure
        self.preview.check_counts()
        assert self.preview.verdicts == self.run.verdicts
        assert self.preview.counts == self.run.counts
        for number, row in self.run.rows.items():
            assert self.preview.rows[number].notes == row.notes, number
        told = (
            "groups", "interests", "interests_out", "opt_outs_kept", "opted_in_again", "repeated",
            "new_groups", "new_interests", "new_interests_out", "amounts",
        )  # fmt: skip
        assert {n: self.preview.tallies.get(n) for n in told} == {
            n: self.run.tallies.get(n) for n in told
        }


@dataclass
class Site:
    """One database and application, emptied between tests."""

    app: Flask
    connection: psycopg.Connection[Any]
    _defaults: Any = field(init=False)

    def __post_init__(self) -> None:
        self._defaults = self.app.config["DATASYNC"]

    @property
    def url(self) -> str:
        """Where its database is, for whoever needs another connection."""
        return libpq_url(self.app.config["DATASYNC"].database_url)

    # Before a run -------------------------------------------------------------------------

    def reset(self) -> None:
        """Nobody and nothing in it, no download in its store, the settings as they were."""
        self.connection.execute(_RESET)
        self.app.config["DATASYNC"] = self._defaults
        # The numbers of runs and streams begin anew
        store = file_store(self._defaults)
        for folder in ("delivered", "downloads"):
            for key in store.keys(folder):
                store.delete(key)

    def set(self, **changes: object) -> None:
        """Change settings, until `reset`."""
        self.app.config["DATASYNC"] = replace(self.app.config["DATASYNC"], **changes)

    def insert(self, table: str, **values: object) -> int:
        """Put a row in; its id where it has one."""
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(["%s"] * len(values))
        prepared = [json.dumps(v) if isinstance(v, dict | list) else v for v in values.values()]
        row = self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING *", prepared
        ).fetchone()
        assert row is not None
        return row[0] if isinstance(row[0], int) else 0

    def person(self, **values: object) -> int:
        """A constituent, with its email among those ever used. `removed` removes it."""
        if values.pop("removed", False):
            values["active_detail"] = "Removed by administrator"
        found = self.insert("constituents", **values)
        if values.get("primary_email"):
            email = str(values["primary_email"]).lower()
            self.insert("constituent_emails", constituent_id=found, email=email)
        return found

    def group(self, name: str = "Volunteers", **values: object) -> int:
        """A group."""
        return self.insert("groups", name=name, **values)

    def interest(self, name: str = "Newsletter", *, with_groups: bool = True, **values: Any) -> int:
        """An interest, with its opt-in and opt-out groups."""
        if with_groups:
            values["opt_in_group_id"] = self.group(f"{name}: in", kind="opt_in")
            values["opt_out_group_id"] = self.group(f"{name}: out", kind="opt_out")
        return self.insert("interests", name=name, **values)

    def user(self, name: str = "Ada Admin") -> int:
        """Someone who signs in."""
        return self.insert("users", email=f"{name[0]}@staff.test", name=name, password_hash="-")

    def change(self, constituent_id: int, actor: str = "Mary Editor", **values: object) -> None:
        """A person edits a record by hand."""
        sets = ", ".join(f"{name} = %s" for name in values)
        with self.connection.transaction():
            self.act_as(actor)
            self.connection.execute(
                f"UPDATE constituents SET {sets}, modified_row = NULL WHERE id = %s",
                [*(json.dumps(v) if isinstance(v, dict) else v for v in values.values()),
                 constituent_id],
            )  # fmt: skip

    def doubt(self, registration_id: int, candidate_id: int, actor: str = "Rita Runner") -> None:
        """Somebody says that the first may be the same person as the second: it waits."""
        with self.app.app_context():
            session = db.session()
            set_actor(session, None, actor)
            registrations.put_down(session, registration_id, candidate_id)
            self._commit()

    def clear_doubts(self, registration_id: int, actor: str = "Rita Runner") -> None:
        """Somebody decides that it is nobody who is here already."""
        with self.app.app_context():
            session = db.session()
            set_actor(session, None, actor)
            registrations.resolve_rest(session, registration_id, registrations.EVERYTHING)
            self._commit()

    def act_as(self, actor: str) -> None:
        """Name who makes the changes of this transaction."""
        self.connection.execute("SELECT set_config('datasync.actor', %s, true)", [actor])

    # Files --------------------------------------------------------------------------------

    def draft(
        self,
        rows: Sequence[Mapping[str, str]] | str,
        *,
        columns: Sequence[str] | None = None,
        center_id: int | None = None,
        user_id: int | None = None,
        label: str = "Members",
        name: str = "members.csv",
        operation: str = OPERATION,
        **options: object,
    ) -> int:
        """A draft with this file; rows by column name, or the file's text. Of rows the header is
        known: what a few nearly blank ones look like is not what tests of runs are about."""
        choices = None if isinstance(rows, str) else Choices(header_line=1, header_rows=1)
        text = rows if isinstance(rows, str) else as_csv(rows, columns)
        with tempfile.TemporaryDirectory() as folder, self.app.app_context():
            path = Path(folder) / name
            path.write_text(text, encoding="utf-8", newline="")
            session = db.session()
            found_operation = runs.find_operation(session, operation)
            assert found_operation is not None
            run = runs.create_draft(
                session,
                operation=found_operation,
                user=session.get(User, user_id) if user_id else None,
                center_id=center_id,
                label=label,
            )
            run.options = run.options | options
            upload = uploads.store_upload(session, path=path, user_id=None, center_id=center_id)
            uploads.examine_upload(session, upload, choices)
            runs.attach_upload(session, run, upload)
            self._commit()
            found = run.id
            db.session.remove()
        return found

    def preview(self, draft_id: int) -> Result:
        """Look at what the draft would do."""
        with self.app.app_context():
            session = db.session()
            preview = runs.start_preview(session, session.get_one(Run, draft_id))
            self._commit()
            return self._execute(preview.id)

    def start(self, draft_id: int) -> int:
        """Queue the draft; its preview, if it has one, seals it."""
        with self.app.app_context():
            session = db.session()
            runs.start_run(session, session.get_one(Run, draft_id), without_preview=True)
            self._commit()
            db.session.remove()
        return draft_id

    def run(self, draft_id: int) -> Result:
        """Start the draft and carry it out."""
        self.start(draft_id)
        with self.app.app_context():
            return self._execute(draft_id)

    def import_rows(
        self,
        rows: Sequence[Mapping[str, str]] | str,
        *,
        preview: bool = True,
        **options: Any,
    ) -> Imported:
        """Preview (unless told not to) and run a file; what holds for every import is checked."""
        draft = self.draft(rows, **options)
        looked = self.preview(draft) if preview else None
        imported = Imported(looked, self.run(draft))
        imported.check()
        return imported

    def undo_preview(self, run_id: int) -> Result:
        """Look at what an undo of the run would do."""
        with self.app.app_context():
            session = db.session()
            undo = runs.start_undo_preview(session, session.get_one(Run, run_id))
            self._commit()
            return self._execute(undo.id)

    def undo(self, run_id: int, *, user_id: int | None = None) -> Result:
        """Undo the run."""
        with self.app.app_context():
            session = db.session()
            user = session.get(User, user_id) if user_id else None
            undo = runs.start_undo(session, session.get_one(Run, run_id), user)
            self._commit()
            return self._execute(undo.id)

    def cancel(self, run_id: int) -> None:
        """Ask the run to stop."""
        with self.app.app_context():
            session = db.session()
            runs.request_cancel(session, session.get_one(Run, run_id))
            self._commit()
            db.session.remove()

    def execute(self, run_id: int) -> Result:
        """Do the run's work, from wherever it stands."""
        with self.app.app_context():
            return self._execute(run_id)

    def at_once(self, run_ids: Sequence[int]) -> list[Result]:
        """Do the work of several runs at the same time, each to its end."""

        def work(run_id: int) -> None:
            with self.app.app_context():
                execute(run_id)
                db.session.remove()

        with ThreadPoolExecutor(len(run_ids)) as pool:
            list(pool.map(work, run_ids))
        return [self.result(run_id) for run_id in run_ids]

    def _execute(self, run_id: int) -> Result:
        db.session.remove()
        execute(run_id)
        result = self._result(run_id)
        db.session.remove()
        return result

    def result(self, run_id: int) -> Result:
        """How a run stands."""
        with self.app.app_context():
            found = self._result(run_id)
            db.session.remove()
            return found

    def _result(self, run_id: int) -> Result:
        session = db.session()
        run = session.get_one(Run, run_id)
        rows = session.scalars(
            select(RunRow).where(RunRow.run_id == run_id).order_by(RunRow.row_number)
        ).all()
        return Result(
            id=run.id,
            state=run.state,
            failure=run.failure,
            counts={name: getattr(run, name) for name in OUTCOMES},
            rows_read=run.rows_read,
            tallies=run.tallies,
            rows={row.row_number: _row(row) for row in rows},
            new_group=run.new_group_id,
            modified_group=run.modified_group_id,
            rejects_key=run.rejects_key,
        )

    def _commit(self) -> None:
        """Commit without putting anything on the queue: the test is the worker."""
        session = db.session()
        session.commit()
        session.info.clear()

    # Afterwards ---------------------------------------------------------------------------

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(statement, list(parameters) or None).fetchall()

    def sql_do(self, statement: str) -> None:
        """Do something that has no rows to give."""
        self.connection.execute(statement)

    def state(self) -> dict[str, Any]:
        """Everything that is business: what an undo has to give back."""
        return dict(self.sql(_STATE)[0][0])

    def stored(self, constituent_id: int | None) -> dict[str, Any]:
        """A constituent as it is stored."""
        rows = self.sql("SELECT to_jsonb(c) FROM constituents c WHERE id = %s", constituent_id)
        assert rows, f"constituent {constituent_id} is not there"
        return dict(rows[0][0])

    def emails_ever(self, constituent_id: int | None) -> set[str]:
        """Every email the constituent ever used."""
        return {
            email
            for (email,) in self.sql(
                "SELECT email FROM constituent_emails WHERE constituent_id = %s", constituent_id
            )
        }

    def members(self, group_id: int | None) -> set[int]:
        """Who is in a group."""
        return {
            found
            for (found,) in self.sql(
                "SELECT constituent_id FROM group_members WHERE group_id = %s", group_id
            )
        }

    def choice(self, interest_id: int, constituent_id: int | None) -> bool | None:
        """What a constituent chose for an interest; None when nothing."""
        rows = self.sql(
            "SELECT opted_in FROM interest_choices WHERE interest_id = %s AND constituent_id = %s",
            interest_id,
            constituent_id,
        )
        return rows[0][0] if rows else None


def _row(row: RunRow) -> Row:
    faults = row.faults or []
    return Row(
        number=row.row_number,
        outcome=row.outcome,
        constituent_id=row.constituent_id,
        codes=tuple(fault["code"] for fault in faults),
        messages=tuple(fault["message"] for fault in faults),
        notes=tuple(row.notes or ()),
        cells=row.cells,
        before=row.before,
        changes=row.changes,
    )


def as_csv(rows: Iterable[Mapping[str, str]], columns: Sequence[str] | None = None) -> str:
    """A file of these rows; its columns are those that any row has."""
    rows = list(rows)
    names = list(columns) if columns else list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return buffer.getvalue()


@contextmanager
def site_at(configured: Settings, url: str) -> Iterator[Site]:
    """The same installation on another database: its files are the same."""
    app = create_app(replace(configured, database_url=sqlalchemy_url(url)))
    app.config.update(TESTING=True)
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            yield Site(app, connection)
        finally:
            with app.app_context():
                for engine in db.engines.values():
                    engine.dispose()


def make_site(services: Services, folder: Path) -> Site:
    """A site of its own: a fresh database, the application on it."""
    settings = services.settings(services.create_database(), folder)
    app = create_app(settings)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    connection = psycopg.connect(libpq_url(settings.database_url), autocommit=True)
    connection.execute("SET synchronous_commit = off")
    return Site(app, connection)
