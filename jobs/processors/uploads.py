"""Group Assignment Upload and Segmentation Upload: people who are here already into groups, or in
to and out of interests. Nobody is created, and nothing of a person is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from jobs.claims import Claim
from jobs.processors import upload_sql
from jobs.processors.file_inputs import FileInputs, load_inputs
from jobs.processors.file_runs import KnownPeopleRun, start_preview_over
from jobs.processors.import_matching import LOOKUPS_BY_KEY
from jobs.processors.import_tables import RealTables
from jobs.processors.run_rows import CHANGED, ChunkResult
from jobs.processors.upload_sql import MembershipOverlay, UploadSql
from jobs.reading import CheckedChunk
from webapp.models.groups import INTERESTS_FOLDER
from webapp.rules.catalogues import SEGMENTATION
from webapp.rules.faults import Fault, FaultCode
from webapp.rules.names import folded_name
from webapp.rules.standard_import import Action


def run(connection: psycopg.Connection, mine: Claim) -> None:
    """Apply the file, chunk by chunk, from where an earlier attempt stood."""
    _Upload(connection, mine, load_inputs(mine.run)).go_on()


def preview(connection: psycopg.Connection, mine: Claim) -> None:
    """Do the same without writing: what would happen to each row."""
    start_preview_over(connection, mine)
    _Upload(connection, mine, load_inputs(mine.run)).go_on()


@dataclass(frozen=True, slots=True)
class _Made:
    """A group or interest that this run made because a row names it."""

    id: int
    name: str


class _Upload(KnownPeopleRun):
    """One attempt at one file of an upload."""

    _sql: UploadSql

    def __init__(self, connection: psycopg.Connection, mine: Claim, inputs: FileInputs) -> None:
        super().__init__(connection, mine, inputs)
        self._center_id: int | None = mine.run["center_id"]
        self._table = "interests" if inputs.kind == SEGMENTATION else "groups"
        self._sql = UploadSql(
            fields=inputs.fields,
            tables=MembershipOverlay() if self._is_preview else RealTables(),
            is_sealed=self._sealed_by is not None,
            allow_opt_in=inputs.allow_opt_in,
            center_id=self._center_id,
            has_choices=inputs.kind == SEGMENTATION,
        )
        self._made: dict[str, _Made] = {}

    def broken_seals(self) -> str:
        """Rows that would now do something else, and those that were planned on top of them."""
        return upload_sql.BROKEN_SEALS

    def apply(self, chunk: CheckedChunk, result: ChunkResult) -> None:
        """All rows at once: those of one person and one group in their order."""
        self._connection.execute(LOOKUPS_BY_KEY)
        if not self._is_preview:
            self._connection.execute(upload_sql.PEOPLE_ARE_KNOWN)
        has_new_names = self._settle_names()
        has_centers = self._reject_gone(chunk, result)
        may_be_one = not (self._is_preview or self._sql.has_choices or has_new_names)
        if not (may_be_one and self._apply_in_one(chunk, result, has_centers=has_centers)):
            self._apply_in_steps(chunk, result, has_centers=has_centers)

    def _apply_in_steps(
        self, chunk: CheckedChunk, result: ChunkResult, *, has_centers: bool
    ) -> None:
        """Match, decide, make what is new, count, write: each a statement of its own."""
        execute, sql = self._connection.execute, self._sql
        execute(sql.match(), [0])
        decisions = self._decide()
        self._reject(chunk, decisions, result)
        if any(decision.action is Action.UPDATE for decision in decisions.values()):
            allowed = {"allowed_by": self._inputs.allowed_by}
            execute(sql.effects(decisions), allowed if sql.has_choices else None)
        if self._sealed_by is not None:
            self._hold_back(chunk, result)
        self._make_what_is_new()
        self._count(result)
        for statement in self._writes(has_centers=has_centers):
            execute(statement)
        execute(sql.outcomes(), self._parameters)

    def _apply_in_one(self, chunk: CheckedChunk, result: ChunkResult, *, has_centers: bool) -> bool:
        """The same as one statement, by what was decided so far in this attempt, which is quicker
        by a fifth; False, and nothing done, where a row's evidence has not been seen before."""
        if not self._decisions:
            return False
        found: list[tuple[str | None, int, int, list[int] | None]] = []
        with self._connection.transaction():
            statement = self._sql.in_one(self._decisions, has_centers=has_centers)
            found = self._connection.execute(statement, self._parameters).fetchall()
            if any(outcome is None for outcome, *_ in found):
                raise psycopg.Rollback
        if any(outcome is None for outcome, *_ in found):
            return False
        rejected: list[int] = []
        for outcome, into, count, numbers in found:
            if outcome == "rejected":
                rejected += numbers or ()
            elif outcome == "withheld":
                for number in numbers or ():
                    self._keep(chunk, number, outcome, [CHANGED], result)
            else:
                result.outcomes[str(outcome)] += count
                if outcome == "updated":
                    result.counts["groups"][str(into)] += count
        self._write_kept()
        if rejected:
            self._connection.execute(upload_sql.ONLY_THESE, [rejected])
            self._connection.execute(self._sql.match(), [0])
            self._reject(chunk, self._decide(), result)
        return True

    def _writes(self, *, has_centers: bool) -> Iterable[str]:
        if self._sql.has_choices:
            return (upload_sql.REMEMBER_CHOICES,) if self._is_preview else upload_sql.WRITE_CHOICES
        if self._is_preview:
            return (upload_sql.REMEMBER_MEMBERS,)
        add = upload_sql.ADD_MEMBERS.format(effect="effect")
        if has_centers:
            return add, upload_sql.ADD_TO_CENTERS.format(effect="effect")
        return (add,)

    # Names that nobody has -----------------------------------------------------------------

    def _settle_names(self) -> bool:
        """Give each name that nobody had a number: of what this run made of it already, of what
        somebody else made since, or, until it is made, minus the number of its first row. Whether
        there are any such names."""
        found = self._connection.execute(upload_sql.NEW_NAMES).fetchall()
        if not found:
            return False
        self._made = self._load_made()
        since = self._made_since([name for name, _ in found])
        first: dict[str, int] = {}
        for name, number in found:
            folded = folded_name(name)
            first[folded] = min(number, first.get(folded, number))
        names, ids, is_new = [], [], []
        for name, _ in found:
            folded = folded_name(name)
            made = self._made.get(folded)
            names.append(name)
            ids.append(made.id if made else since.get(folded, -first[folded]))
            is_new.append(made is not None or folded not in since)
        self._connection.execute(
            upload_sql.SETTLE_NAMES, {"names": names, "ids": ids, "new": is_new}
        )
        return True

    def _load_made(self) -> dict[str, _Made]:
        """From the database each time: a transaction that is tried again made nothing."""
        statement = f"SELECT id, name FROM {self._table} WHERE made_by_run_id = %s"
        if not self._sql.has_choices:
            statement += " AND kind = 'standard'"
        parameters = [self._claim.id]
        if self._is_preview:
            statement, parameters = "SELECT id, name FROM overlay_names", []
        rows = self._connection.execute(statement, parameters)
        return {folded_name(name): _Made(number, name) for number, name in rows}

    def _made_since(self, names: list[str]) -> dict[str, int]:
        """What others made of these names since this attempt began, if it may be used here."""
        usable = "" if self._sql.has_choices else " AND kind IN ('standard', 'center_members')"
        rows = self._connection.execute(
            f"SELECT name, min(id) FROM {self._table} WHERE lower(name) = ANY (%s)"
            " AND made_by_run_id IS DISTINCT FROM %s AND (center_id IS NULL"
            f" OR center_id IS NOT DISTINCT FROM %s){usable} GROUP BY name HAVING count(*) = 1",
            [[name.lower() for name in names], self._claim.id, self._center_id],
        )
        return {folded_name(name): number for name, number in rows}

    def _make_what_is_new(self) -> None:
        """Make the groups or interests that rows go into which nobody had."""
        needed = [
            (provisional, name)
            for provisional, name in self._connection.execute(upload_sql.NEEDED_NAMES)
            if folded_name(name) not in self._made
        ]
        if not needed:
            return
        if self._is_preview:
            with self._connection.cursor() as cursor:
                cursor.executemany("INSERT INTO overlay_names VALUES (%s, %s)", needed)
            ids = [provisional for provisional, _ in needed]
        else:
            ids = [self._make(name) for _, name in needed]
            self._connection.execute(
                upload_sql.NAME_MADE,
                {"provisional": [provisional for provisional, _ in needed], "ids": ids},
            )
        for number, (_, name) in zip(ids, needed, strict=True):
            self._made[folded_name(name)] = _Made(number, name)

    def _make(self, name: str) -> int:
        if not self._sql.has_choices:
            return self._make_group(name, "standard", "")
        into = self._make_group(f"{name}: opted in", "opt_in", INTERESTS_FOLDER)
        out_of = self._make_group(f"{name}: opted out", "opt_out", INTERESTS_FOLDER)
        row = self._connection.execute(
            "INSERT INTO interests (name, kind, center_id, opt_in_group_id, opt_out_group_id,"
            " made_by_run_id) VALUES (%s, 'email', %s, %s, %s, %s) RETURNING id",
            [name, self._center_id, into, out_of, self._claim.id],
        ).fetchone()
        return int(row[0]) if row else 0

    def _make_group(self, name: str, kind: str, folder: str) -> int:
        row = self._connection.execute(
            "INSERT INTO groups (name, kind, folder, center_id, made_by_run_id)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            [name, kind, folder, self._center_id, self._claim.id],
        ).fetchone()
        return int(row[0]) if row else 0

    # ---------------------------------------------------------------------------------------

    def _reject_gone(self, chunk: CheckedChunk, result: ChunkResult) -> bool:
        """Reject rows whose group or interest was deleted since the run began; hold the others
        until the chunk is done. Whether any of them belongs to a center."""
        row = self._connection.execute(upload_sql.INTO).fetchone()
        wanted: list[int] = row[0] if row else []
        lock = "" if self._is_preview else " FOR KEY SHARE"
        there = self._connection.execute(
            f"SELECT id, center_id FROM {self._table} WHERE id = ANY (%s) ORDER BY id{lock}",
            [wanted],
        ).fetchall()
        if len(there) < len(wanted):
            gone = self._connection.execute(
                upload_sql.REMOVE_GONE, {"there": [number for number, _ in there]}
            )
            self._keep_rejected(chunk, {n: [self._gone_fault(code)] for n, code in gone}, result)
            self._write_kept()
        return any(center_id is not None for _, center_id in there)

    def _gone_fault(self, code: str) -> Fault:
        noun = self._table.removesuffix("s")
        return Fault(
            FaultCode.UNKNOWN_INTEREST if self._sql.has_choices else FaultCode.UNKNOWN_GROUP,
            f"EXT_{noun.upper()}_ID",
            code,
            f"The {noun} {code} was deleted since this run began. Use another one.",
        )

    def _count(self, result: ChunkResult) -> None:
        """Add up what `effect` will do."""
        for outcome, count, kept, again in self._connection.execute(upload_sql.COUNT_OUTCOMES):
            result.outcomes[outcome] += count
            result.opt_outs_kept += kept
            result.opted_in_again += again
        counts = result.counts
        has_choices = self._sql.has_choices
        query = upload_sql.COUNT_CHOICES if has_choices else upload_sql.COUNT_GROUPS
        for number, name, into, out_of in self._connection.execute(query):
            key, new = str(number), ""
            if name is not None:
                key, new = self._made[folded_name(name)].name, "new_"
            counts[f"{new}{self._table}"][key] += into
            if has_choices:
                counts[f"{new}interests_out"][key] += out_of
