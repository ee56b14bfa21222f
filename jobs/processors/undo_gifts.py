"""Undo, as far as it concerns transactions: those a run made go, those it corrected get their old
values back, unless somebody had a hand in them since.

A transaction is looked up in the log by its own key: it may have moved to another constituent.
"""

from __future__ import annotations

from webapp.models import Transaction

_NEVER_RESTORED = (
    "id", "transaction_id", "constituent_id", "created_at", "modified_at", "upload_run_id",
    "upload_row",
)  # fmt: skip
_RESTORED = tuple(
    column.name for column in Transaction.__table__.columns if column.name not in _NEVER_RESTORED
)

CREATE_TABLES = (
    "CREATE TEMP TABLE undo_gifts (id bigint PRIMARY KEY, constituent_id bigint, kept_for text)"
    " ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_gift_fields (id bigint, constituent_id bigint, field text,"
    " old_value text, kept_for text) ON COMMIT DELETE ROWS",
)

_SINCE = """'changed since by ' || coalesce(o.actor, 'somebody') || ' on '
    || to_char(o.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI')"""
_OTHERS = """SELECT l.actor, l.at, l.old FROM change_log l
    WHERE l.table_name = 'transactions' AND l.key = m.key AND l.id > m.id
    AND l.run_id IS DISTINCT FROM %(parent)s
    AND (l.run_id IS NULL OR NOT l.run_id = ANY (%(ignored)s))"""

FILL_MADE = f"""
INSERT INTO undo_gifts
SELECT m.key::bigint, m.constituent_id, CASE WHEN o.at IS NOT NULL THEN {_SINCE} END
FROM undo_entries m JOIN transactions t ON t.id = m.key::bigint
LEFT JOIN LATERAL ({_OTHERS} ORDER BY l.id DESC LIMIT 1) o ON true
WHERE m.mine AND m.table_name = 'transactions' AND m.op = 'insert'"""

# What another one belongs to that stays has to stay too; repeated until there is no more
KEEP_ORIGINALS = """
UPDATE undo_gifts g SET kept_for = 'needed since by ' || b.transaction_id
FROM transactions b WHERE g.kept_for IS NULL AND g.id IN (b.refund_of, b.recurring_of)
    AND NOT EXISTS (SELECT 1 FROM undo_gifts x WHERE x.id = b.id AND x.kept_for IS NULL)"""

FILL_FIELDS = f"""
INSERT INTO undo_gift_fields
SELECT m.key::bigint, m.constituent_id, w.key, w.value,
    CASE WHEN o.at IS NOT NULL AND hstore(t) -> w.key IS DISTINCT FROM o.old -> w.key
        THEN {_SINCE} END
FROM undo_entries m CROSS JOIN each(m.old) w JOIN transactions t ON t.id = m.key::bigint
LEFT JOIN LATERAL ({_OTHERS} AND l.old ? w.key ORDER BY l.id LIMIT 1) o ON true
WHERE m.mine AND m.table_name = 'transactions' AND m.op = 'update'
    AND NOT EXISTS (SELECT 1 FROM undo_gifts g WHERE g.id = m.key::bigint)"""

TAKE_BACK = (
    "DELETE FROM transactions t USING undo_gifts g WHERE g.kept_for IS NULL AND t.id = g.id",
    "UPDATE transactions t SET modified_at = now(), "
    + ", ".join(f"{name} = (restored.r).{name}" for name in _RESTORED)
    + " FROM (SELECT o.id, populate_record(o, f.old) AS r FROM (SELECT id,"
    " hstore(array_agg(field), array_agg(old_value)) AS old FROM undo_gift_fields"
    " WHERE kept_for IS NULL GROUP BY id) f JOIN transactions o ON o.id = f.id) restored"
    " WHERE t.id = restored.id",
)

WRITE_KEPT = """
INSERT INTO run_rows (run_id, row_number, outcome, constituent_id, who, faults)
SELECT %(run)s, %(told)s + row_number() OVER (ORDER BY k.id, k.field), 'withheld',
    k.constituent_id, left(concat_ws(' · ', nullif(concat_ws(' ', c.first_name, c.last_name), ''),
        c.primary_email, c.member_id), 120),
    jsonb_build_array(jsonb_build_object('code', 'changed_since_run', 'column', k.field, 'value',
        coalesce(k.value, ''), 'message', k.message))
FROM (
    SELECT g.id, g.constituent_id, '' AS field, '' AS value,
        'Transaction ' || t.transaction_id || ' stays: it was ' || g.kept_for || '.' AS message
    FROM undo_gifts g JOIN transactions t USING (id) WHERE g.kept_for IS NOT NULL
    UNION ALL
    SELECT f.id, f.constituent_id, upper(f.field), f.old_value, upper(f.field)
        || ' of transaction ' || t.transaction_id || ' keeps its present value: it was '
        || f.kept_for || '.'
    FROM undo_gift_fields f JOIN transactions t USING (id) WHERE f.kept_for IS NOT NULL
) k LEFT JOIN constituents c ON c.id = k.constituent_id"""

COUNT = """
SELECT (SELECT count(*) FROM undo_gifts WHERE kept_for IS NULL) AS removed,
    (SELECT count(DISTINCT id) FROM undo_gift_fields WHERE kept_for IS NULL) AS restored,
    (SELECT count(*) FROM undo_gift_fields WHERE kept_for IS NULL) AS restored_fields"""
