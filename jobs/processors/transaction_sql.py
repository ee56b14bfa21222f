"""The SQL of the Transaction Upload: a chunk's gifts matched to people, held against the
transactions that are there, and written as sets.

`judged` has each gift whose person was found, with what the stored transactions say of it. Those
that may go ahead go through `effect`: first those that belong to nothing or to what is there, then
those that belong to a gift of the chunk itself, until no more can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.processors.import_matching import KnownPeopleSql
from webapp.rules.fields import PURPOSE_KINDS, TRANSACTION_FIELDS, Kind
from webapp.rules.standard_import import Decision

_TYPES = {Kind.AMOUNT: "numeric", Kind.DATE: "date", **dict.fromkeys(PURPOSE_KINDS, "bigint")}
GIFT = {found.attribute: _TYPES.get(found.kind, "text") for found in TRANSACTION_FIELDS}
"""A gift's columns in a file, and their types."""

PURPOSES = {
    "campaign": "campaigns",
    "form": "donation_forms",
    "designation": "designations",
    "event": "events",
}
BELONGS = ("recurring_of", "refund_of")
_COLUMNS = {name: f"{name}_id" if name in PURPOSES else name for name in GIFT}
_STORED = tuple(name for name in GIFT if name not in (*BELONGS, "transaction_id"))

_GIFT_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in GIFT.items())
TABLES = (
    f"CREATE TEMP TABLE judged (row_number int PRIMARY KEY, who text, said text[], target bigint,"
    f" {_GIFT_COLUMNS}, existing bigint, fault text, other text, other_row int,"
    " is_done boolean DEFAULT false) ON COMMIT DELETE ROWS",
    f"CREATE TEMP TABLE effect (row_number int, who text, notes text[], outcome text,"
    f" target bigint, existing bigint, belongs_to bigint, {_GIFT_COLUMNS}, digest bigint,"
    " before hstore, changes hstore) ON COMMIT DELETE ROWS",
)
OVERLAY = (
    "CREATE TEMP TABLE overlay_transactions (id bigint, transaction_id text PRIMARY KEY,"
    " constituent_id bigint, creation_method int, currency text, upload_run_id bigint,"
    " upload_row int)",
)
_FOUND = "id, transaction_id, constituent_id, creation_method, currency, upload_run_id, upload_row"

BROKEN_SEALS = """
DELETE FROM effect e WHERE NOT EXISTS (SELECT 1 FROM run_rows p
    WHERE p.run_id = %(preview)s AND p.row_number = e.row_number AND p.outcome = e.outcome
    AND p.digest IS NOT DISTINCT FROM e.digest AND p.constituent_id IS NOT DISTINCT FROM e.target)
RETURNING e.row_number"""

REPEATED = """
UPDATE judged j SET fault = 'repeated_transaction', other_row = f.first
FROM (SELECT transaction_id, min(row_number) AS first FROM judged WHERE fault IS NULL
    GROUP BY 1 HAVING count(*) > 1) f
WHERE j.transaction_id = f.transaction_id AND j.fault IS NULL AND j.row_number > f.first"""

MARK_DONE = "UPDATE judged j SET is_done = true FROM effect e WHERE e.row_number = j.row_number"
LEFT_OVER = """
UPDATE judged SET fault = 'unknown_transaction', other = coalesce(refund_of, recurring_of)
WHERE fault IS NULL AND NOT is_done"""
FAULTY = """
SELECT row_number, fault, transaction_id, coalesce(other, ''), other_row FROM judged
WHERE fault IS NOT NULL ORDER BY row_number"""

COUNT_OUTCOMES = "SELECT outcome, count(*) FROM effect GROUP BY 1"
COUNT_AMOUNTS = """
SELECT currency, coalesce(sum(amount) FILTER (WHERE amount > 0) * 1000, 0)::bigint,
    coalesce(-sum(amount) FILTER (WHERE amount < 0) * 1000, 0)::bigint
FROM effect WHERE outcome = 'created' GROUP BY 1"""
"""What the new gifts and the new refunds add up to, in thousandths."""

_INSERTED = ", ".join(_COLUMNS[name] for name in _STORED)
_VALUES = ", ".join(f"e.{name}" for name in _STORED)
_BELONGS = ", ".join(f"CASE WHEN e.{name} IS NOT NULL THEN e.belongs_to END" for name in BELONGS)
WRITE = (
    f"INSERT INTO transactions (transaction_id, constituent_id, {_INSERTED}, {', '.join(BELONGS)},"
    " creation_method, settled_on, upload_run_id, upload_row)"
    f" SELECT e.transaction_id, e.target, {_VALUES}, {_BELONGS}, 0, e.payment_date, %(run)s,"
    " e.row_number FROM effect e WHERE e.outcome = 'created' ORDER BY e.row_number",
    "UPDATE transactions t SET modified_at = now(), settled_on = e.payment_date,"
    " upload_run_id = %(run)s, upload_row = e.row_number, "
    + ", ".join(f"{_COLUMNS[name]} = e.{name}" for name in _STORED)
    + ", "
    + ", ".join(
        f"{name} = CASE WHEN e.{name} IS NOT NULL THEN e.belongs_to ELSE t.{name} END"
        for name in BELONGS
    )
    + " FROM effect e WHERE e.outcome = 'updated' AND t.id = e.existing",
    # Bookkeeping: the file has had this one
    "UPDATE transactions t SET upload_run_id = %(run)s, upload_row = e.row_number"
    " FROM effect e WHERE e.outcome = 'unchanged' AND t.id = e.existing",
)
REMEMBER = (
    "INSERT INTO overlay_transactions SELECT coalesce(e.existing, -e.row_number),"
    " e.transaction_id, e.target, 0, e.currency, %(run)s, e.row_number FROM effect e",
)
CLEAR = "DELETE FROM effect"


def _old(name: str) -> str:
    """What is stored of the gift, as text; of what it belongs to, the key."""
    if name in BELONGS:
        return f"(SELECT b.transaction_id FROM transactions b WHERE b.id = t.{name})"
    return f"t.{_COLUMNS[name]}::text"


def _new(name: str) -> str:
    """What stands there after the row: blank cells keep."""
    if name in BELONGS:
        return f"coalesce(j.{name}, {_old(name)})"
    return f"n.{name}::text"


_NAMES = "ARRAY[" + ", ".join(f"'{name}'" for name in GIFT) + "]"
_AFTER = f"hstore({_NAMES}, ARRAY[{', '.join(_new(name) for name in GIFT)}])"
_BEFORE = f"hstore({_NAMES}, ARRAY[{', '.join(_old(name) for name in GIFT)}])"


def _named(side: str) -> str:
    """The names of what the gift is for, which are shown in the place of numbers."""
    names = ", ".join(
        f"(SELECT p.name FROM {table} p WHERE p.id = {side.format(name)})"
        for name, table in PURPOSES.items()
    )
    keys = ", ".join(f"'{name}'" for name in PURPOSES)
    return f"hstore(ARRAY[{keys}], ARRAY[{names}])"


@dataclass(frozen=True)
class TransactionSql(KnownPeopleSql):
    """The statements of one file of gifts."""

    @property
    def said_of(self) -> Mapping[str, str]:
        """The gift."""
        return GIFT

    def create_tables(self) -> list[str]:
        """The statements that make the temporary tables of a session."""
        overlay = OVERLAY if self.tables.is_overlay else ()
        return [*self.create_matching(), *TABLES, *overlay]

    def _transactions(self, where: str) -> str:
        """The transactions there are, with those the file's earlier rows would have made."""
        real = f"SELECT {_FOUND} FROM transactions r WHERE {where}"
        if not self.tables.is_overlay:
            return real
        return (
            f"SELECT {_FOUND} FROM overlay_transactions r WHERE {where} UNION ALL {real}"
            " AND NOT EXISTS (SELECT 1 FROM overlay_transactions x"
            " WHERE x.transaction_id = r.transaction_id)"
        )

    def judge(self, decisions: Mapping[str, Decision]) -> str:
        """What the stored transactions say of each gift whose person was found (parameters: the
        run, the site's currency)."""
        gift = ", ".join(f"d.{name}" for name in GIFT)
        found = self._transactions("r.transaction_id = d.transaction_id")
        return f"""
INSERT INTO judged (row_number, who, said, target, {", ".join(GIFT)}, existing, fault, other,
    other_row)
SELECT d.row_number, d.who, d.said, d.target, {gift}, t.id,
    CASE WHEN t.id IS NULL THEN NULL
        WHEN t.upload_run_id = %(run)s THEN 'repeated_transaction'
        WHEN t.constituent_id <> d.target THEN 'transaction_taken'
        WHEN t.creation_method <> 0 THEN 'transaction_online'
        WHEN d.currency IS NULL AND t.currency <> %(currency)s THEN 'missing_value' END,
    CASE WHEN t.constituent_id <> d.target THEN 'constituent ' || t.constituent_id
        ELSE t.currency END,
    t.upload_row
FROM ({self.decided(decisions)}) d LEFT JOIN LATERAL ({found}) t ON true
WHERE d.action = 'update'"""

    def effects(self) -> str:
        """What the gifts that can go ahead now come to (parameter: the site's currency)."""
        original = self._transactions(
            "r.transaction_id = coalesce(j.refund_of, j.recurring_of)"
            " AND r.constituent_id = j.target"
        )
        kept = ", ".join(
            f"coalesce(j.{name}, t.{_COLUMNS[name]}) AS {name}"
            for name in GIFT
            if name not in ("transaction_type", "amount", "currency", *BELONGS)
        )
        shown = before = "NULL::hstore"
        if self.tables.is_overlay:
            shown = f"d.diff || slice({_named('d.{}')}, akeys(d.diff))"
            old = _named("d.old_{}")
            before = (
                f"CASE WHEN d.existing IS NOT NULL THEN slice(d.was || {old}, akeys(d.diff)) END"
            )
        seal = "NULL::bigint"
        if self.keeps_diffs:
            seal = "hashtextextended(d.transaction_id || d.diff::text, 0)"
        olds = ", ".join(f"t.{name}_id AS old_{name}" for name in PURPOSES)
        return f"""
INSERT INTO effect (row_number, who, notes, outcome, target, existing, belongs_to,
    {", ".join(GIFT)}, digest, before, changes)
SELECT d.row_number, d.who, d.said,
    CASE WHEN d.existing IS NULL THEN 'created' WHEN d.diff = ''::hstore THEN 'unchanged'
        ELSE 'updated' END,
    d.target, d.existing, d.belongs_to, {", ".join(f"d.{name}" for name in GIFT)},
    {seal}, {before}, {shown}
FROM (SELECT j.row_number, j.who, j.said, j.target, j.existing, o.id AS belongs_to, n.*,
        j.recurring_of, j.refund_of, {olds}, w.was, w.becomes - w.was AS diff
    FROM judged j LEFT JOIN transactions t ON t.id = j.existing
    LEFT JOIN LATERAL ({original}) o ON true
    CROSS JOIN LATERAL (SELECT coalesce(j.transaction_type, t.transaction_type, 'donation')
        AS transaction_type, CASE WHEN coalesce(j.transaction_type, t.transaction_type) = 'refund'
            THEN -abs(j.amount) ELSE j.amount END AS amount,
        coalesce(j.currency, %(currency)s) AS currency, {kept}) n
    CROSS JOIN LATERAL (SELECT {_BEFORE} AS was, {_AFTER} AS becomes) w
    WHERE j.fault IS NULL AND NOT j.is_done
        AND (o.id IS NOT NULL OR coalesce(j.refund_of, j.recurring_of) IS NULL)) d"""
