"""The way out: our values translated to foreign ones inside the statement that writes a file.

A type's table, as the run found it when it began, becomes a temporary table of the run's own
connection; `Outward` gives the pieces of SQL that join it. Values are compared, centers and dates
heeded, and policies applied as the rules do it (webapp.rules.outward).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import psycopg

from jobs.claims import Claim
from jobs.crossrefs import MOST_SEEN, day_of
from webapp.config import site_today
from webapp.extensions import db
from webapp.models import CrossReferenceType
from webapp.rules.crossrefs import TUPLE_SEPARATOR, OnlineKind, Policy, Translation
from webapp.rules.outward import default_sent, list_sent
from webapp.services.crossref_translation import load_for_run

_NUMBER_WIDTH = 19
_DEFAULT = "''"
"""The key under which the table has what is sent for values without an entry; no value has it."""


@dataclass(frozen=True, slots=True)
class Outward:
    """A type's table in SQL. `value` is an expression of an online value: the number of a group,
    campaign, ..., or a code; `alias` the name under which it was joined. No piece has a `%`."""

    type_id: int
    key: str
    kind: OnlineKind
    labels: tuple[str, ...]
    policy: Policy
    version: int
    on: date

    @property
    def table(self) -> str:
        """The temporary table."""
        return f"pg_temp.outward_{self.type_id}"

    def join(self, alias: str, value: str, on: str = "") -> str:
        """The LEFT JOIN that finds what is sent; at most one line for each. `on`: an expression of
        the day that counts (it may be NULL), else the day of the run."""
        day = f"date '{self.on:%Y-%m-%d}'"
        if on:
            day = f"coalesce({on}, {day})"
        return (
            f"LEFT JOIN {self.table} {alias} ON {alias}.online_key = {self.compared(value)}"
            f" AND {alias}.valid_from <= {day} AND {alias}.valid_to >= {day}"
        )

    def text(self, alias: str, value: str) -> str:
        """What is sent: one foreign value, or several with `|` between them, as uploads read them.
        NULL where there is nothing to send, or where the row is withheld."""
        return self._sent(alias, value, f"{alias}.sent", "d.sent", f"({value})::text")

    def part(self, alias: str, value: str, number: int) -> str:
        """The foreign value of one key alone, counted from 1."""
        kept = f"({value})::text" if number == 1 else "NULL::text"
        return self._sent(alias, value, f"{alias}.parts[{number}]", f"d.parts[{number}]", kept)

    def is_mapped(self, alias: str, value: str) -> str:
        """Whether an entry explains the value; false where there is no value."""
        return f"({alias}.online_key IS NOT NULL)"

    def is_withheld(self, alias: str, value: str) -> str:
        """Whether the row has to wait for an entry (DOMAIN: reject or withhold). Never NULL."""
        if self.policy is Policy.KEEP:
            return "false"
        missing = f"({alias}.online_key IS NULL AND {self.has_value(value)})"
        if self.policy is Policy.DEFAULT:
            return f"({missing} AND NOT EXISTS ({self._default('1')}))"
        return missing

    def has_value(self, value: str) -> str:
        """Whether there is anything to translate. Never NULL."""
        if self.kind is not OnlineKind.CODE:
            return f"(({value}) IS NOT NULL)"
        return f"({self.compared(value)} IS NOT NULL)"

    def _sent(self, alias: str, value: str, found: str, default: str, kept: str) -> str:
        if self.policy is Policy.KEEP:
            return f"CASE WHEN {alias}.online_key IS NULL THEN {kept} ELSE {found} END"
        if self.policy is Policy.DEFAULT:
            return (
                f"CASE WHEN {alias}.online_key IS NOT NULL THEN {found}"
                f" WHEN {self.has_value(value)} THEN ({self._default(default)}) END"
            )
        return found

    def _default(self, column: str) -> str:
        return f"SELECT {column} FROM {self.table} d WHERE d.online_key = {_DEFAULT}"

    def compared(self, value: str) -> str:
        """The value as the table has it: the key to look it up by."""
        if self.kind is not OnlineKind.CODE:
            return f"lpad(({value})::text, {_NUMBER_WIDTH}, '0')"
        return f"nullif(datasync_compared(({value})::text), '')"


def load_outward(
    connection: psycopg.Connection, mine: Claim, keys: Iterable[str], on: date | None = None
) -> dict[str, Outward]:
    """The tables of these types as the run uses them, joined with this connection only. They are
    those its first attempt found. Commits what the run keeps of them."""
    session = db.session()
    try:
        tables = load_for_run(session, mine.id, set(keys), mine.run["center_id"])
        session.commit()
        labels = {
            found.id: tuple(found.foreign_labels)
            for found in session.query(CrossReferenceType).where(
                CrossReferenceType.id.in_([type_id for type_id, _ in tables.values()])
            )
        }
    finally:
        db.session.remove()
    day = on or day_of(mine.run) or site_today()
    found = {}
    for key, (type_id, translation) in tables.items():
        is_code = translation.kind is OnlineKind.CODE
        found[key] = Outward(
            type_id,
            key,
            translation.kind,
            labels[type_id][: translation.labels],
            # Codes without any entry are left as they are, on the way out as on the way in
            Policy.KEEP if is_code and translation.is_empty else translation.policy,
            translation.version,
            day,
        )
        _fill(connection, found[key], translation)
    return found


def _fill(connection: psycopg.Connection, outward: Outward, translation: Translation) -> None:
    default = default_sent(translation, outward.on)
    with connection.transaction():
        connection.execute(f"DROP TABLE IF EXISTS {outward.table}")
        connection.execute(
            f"CREATE TEMP TABLE outward_{outward.type_id} (online_key text, valid_from date,"
            " valid_to date, sent text, parts text[])"
        )
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {outward.table} FROM STDIN") as copy,
        ):
            for key, first, last, foreign in list_sent(translation):
                days = (first or "-infinity", last or "infinity")
                copy.write_row((key, *days, TUPLE_SEPARATOR.join(foreign), list(foreign)))
            if default is not None:
                days = ("infinity", "-infinity")
                copy.write_row(("", *days, TUPLE_SEPARATOR.join(default), list(default)))
        connection.execute(f"ANALYZE {outward.table}")


def record_outward(
    connection: psycopg.Connection, mine: Claim, outward: Outward, select: str
) -> None:
    """Add records to the run's account, in the caller's transaction. `select` gives value, amount
    (or NULL), currency (or NULL) and how many records that were sent or withheld the line stands
    for."""
    amounts: Mapping[str, tuple[str, str]]
    connection.execute("DROP TABLE IF EXISTS pg_temp.outward_seen")
    connection.execute(
        f"CREATE TEMP TABLE outward_seen AS SELECT v.value::text AS value,"
        f" {outward.is_mapped('x', 'v.value')} AS is_mapped, v.currency::text AS currency,"
        f" sum(v.rows) AS rows, sum(v.amount::numeric) AS amount"
        f" FROM ({select}) v (value, amount, currency, rows) {outward.join('x', 'v.value')}"
        f" WHERE {outward.has_value('v.value')} GROUP BY 1, 2, 3"
    )
    totals = connection.execute(
        "SELECT currency, sum(rows), coalesce(sum(rows) FILTER (WHERE is_mapped), 0), sum(amount),"
        " coalesce(sum(amount) FILTER (WHERE is_mapped), 0) FROM outward_seen GROUP BY 1"
    ).fetchall()
    amounts = {row[0]: (row[3], row[4]) for row in totals if row[0] and row[3] is not None}
    connection.execute(
        "UPDATE cross_reference_uses u SET rows = rows + %s, mapped = mapped + %s,"
        " amounts = amounts || (SELECT coalesce(jsonb_object_agg(n.currency, jsonb_build_array("
        "(coalesce((u.amounts -> n.currency ->> 0)::numeric, 0) + n.of_all)::text,"
        "(coalesce((u.amounts -> n.currency ->> 1)::numeric, 0) + n.of_mapped)::text)), '{}')"
        " FROM unnest(%s::text[], %s::numeric[], %s::numeric[]) n (currency, of_all, of_mapped))"
        " WHERE run_id = %s AND type_id = %s",
        [
            sum(row[1] for row in totals),
            sum(row[2] for row in totals),
            list(amounts),
            [of_all for of_all, _ in amounts.values()],
            [of_mapped for _, of_mapped in amounts.values()],
            mine.id,
            outward.type_id,
        ],
    )
    compared = outward.compared("s.value")
    connection.execute(
        "INSERT INTO cross_reference_seen AS seen (run_id, type_id, is_outward, foreign_key,"
        " foreign_values, center_id, rows, first_row)"
        f" SELECT %s, %s, true, {compared}, ARRAY[min(s.value)], %s, sum(s.rows), 0"
        f" FROM outward_seen s WHERE NOT s.is_mapped AND length(s.value) <= 600 GROUP BY {compared}"
        f" ORDER BY sum(s.rows) DESC, {compared} LIMIT {MOST_SEEN}"
        " ON CONFLICT (run_id, type_id, is_outward, foreign_key)"
        " DO UPDATE SET rows = seen.rows + excluded.rows",
        [mine.id, outward.type_id, mine.run["center_id"]],
    )
