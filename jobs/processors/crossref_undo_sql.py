"""The SQL of the undo of a cross-reference upload: the change log says what each entry was before
the run, and what others did to it since."""

from __future__ import annotations

from jobs.processors.undo_sql import IGNORED_RUNS as IGNORED_RUNS

_SINCE = """'changed since by ' || coalesce({who}.actor, 'somebody') || ' on '
    || to_char({who}.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI')"""
_LOG = "table_name = 'cross_reference_entries'"

TABLES = (
    "CREATE TEMP TABLE mine (entry_id bigint PRIMARY KEY, key text, op text, id bigint,"
    " old hstore)",
    "CREATE TEMP TABLE others (entry_id bigint, id bigint, op text, old hstore, actor text,"
    " at timestamptz)",
    "CREATE TEMP TABLE fields (entry_id bigint, field text, old_value text, kept_for text)",
    "CREATE TEMP TABLE back (entry_id bigint PRIMARY KEY, is_made boolean, scope bigint,"
    " old_key text, online_value text, online_key text, foreign_values text[], foreign_key text,"
    " description text, is_sent_back boolean, valid_from date, valid_to date, kept_code text,"
    " kept_for text)",
    "CREATE TEMP TABLE marks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry_id bigint,"
    " row_number int, scope bigint, online_key text, span daterange, rank int, was boolean,"
    " mark boolean, is_auto boolean NOT NULL DEFAULT false)",
)

FILL = (
    # An upload writes an entry once, and deletes none
    f"""
INSERT INTO mine SELECT DISTINCT ON (l.key) split_part(l.key, ':', 2)::bigint, l.key, l.op, l.id,
    l.old FROM change_log l WHERE l.{_LOG} AND l.run_id = %(parent)s ORDER BY l.key, l.id""",
    "ANALYZE mine",
    f"""
INSERT INTO others SELECT m.entry_id, l.id, l.op, l.old, l.actor, l.at
FROM mine m JOIN change_log l ON l.{_LOG} AND l.key = m.key AND l.id > m.id
WHERE l.run_id IS NULL OR NOT l.run_id = ANY (%(ignored)s)""",
    "CREATE INDEX ON others (entry_id)",
    "ANALYZE others",
    # A field goes back unless somebody gave it another value since
    f"""
INSERT INTO fields
SELECT m.entry_id, w.key, w.value, CASE WHEN n.id IS NOT NULL
    AND (hstore(e) -> w.key) IS DISTINCT FROM n.left_value THEN {_SINCE.format(who="n")} END
FROM mine m JOIN cross_reference_entries e ON e.id = m.entry_id CROSS JOIN each(m.old) w
LEFT JOIN LATERAL (SELECT o.id, o.actor, o.at, o.old -> w.key AS left_value FROM others o
    WHERE o.entry_id = m.entry_id AND o.old ? w.key ORDER BY o.id LIMIT 1) n ON true
WHERE m.op = 'update'""",
    f"""
INSERT INTO back (entry_id, is_made, scope, old_key, online_value, online_key, foreign_values,
    foreign_key, description, is_sent_back, valid_from, valid_to, kept_code, kept_for)
SELECT e.id, true, coalesce(e.center_id, 0), e.online_key, e.online_value, e.online_key,
    e.foreign_values, e.foreign_key, e.description, e.is_sent_back, e.valid_from, e.valid_to,
    CASE WHEN o.id IS NOT NULL THEN 'changed_since_run' END,
    CASE WHEN o.id IS NOT NULL THEN {_SINCE.format(who="o")} END
FROM mine m JOIN cross_reference_entries e ON e.id = m.entry_id
LEFT JOIN LATERAL (SELECT * FROM others x WHERE x.entry_id = m.entry_id ORDER BY x.id DESC
    LIMIT 1) o ON true
WHERE m.op = 'insert'""",
    """
INSERT INTO back (entry_id, is_made, scope, old_key, online_value, online_key, foreign_values,
    foreign_key, description, is_sent_back, valid_from, valid_to)
SELECT e.id, false, coalesce(e.center_id, 0), e.online_key, (x.r).online_value,
    CASE WHEN (x.r).online_value = e.online_value THEN e.online_key
        WHEN %(is_number)s THEN lpad((x.r).online_value, 19, '0')
        ELSE datasync_compared((x.r).online_value) END,
    (x.r).foreign_values, e.foreign_key, (x.r).description, (x.r).is_sent_back, e.valid_from,
    (x.r).valid_to
FROM (SELECT entry_id, hstore(array_agg(field), array_agg(old_value)) AS old FROM fields
    WHERE kept_for IS NULL GROUP BY entry_id) f
JOIN cross_reference_entries e ON e.id = f.entry_id
CROSS JOIN LATERAL (SELECT populate_record(e, f.old) AS r) x""",
    "CREATE INDEX ON back (foreign_key)",
    "ANALYZE back",
)

# Its days may belong to an entry that somebody made since. Asked again until it finds nothing
KEEP_TAKEN = """
UPDATE back b SET kept_code = 'taken_since_run', kept_for = 'its days belong to another entry now,'
    ' which stands for ' || e.online_value
FROM cross_reference_entries e LEFT JOIN back x ON x.entry_id = e.id AND x.kept_code IS NULL
WHERE b.kept_code IS NULL AND NOT b.is_made AND e.type_id = %(type)s AND e.id <> b.entry_id
    AND e.foreign_key = b.foreign_key AND coalesce(e.center_id, 0) = b.scope
    AND NOT coalesce(x.is_made, false)
    AND daterange(e.valid_from, coalesce(x.valid_to, e.valid_to), '[]')
        && daterange(b.valid_from, b.valid_to, '[]')"""

MARKS = """
INSERT INTO marks (entry_id, scope, online_key, span, rank, was, mark)
SELECT e.id, coalesce(e.center_id, 0), coalesce(b.online_key, e.online_key),
    daterange(e.valid_from, CASE WHEN b.entry_id IS NULL THEN e.valid_to ELSE b.valid_to END, '[]'),
    CASE WHEN b.entry_id IS NULL THEN 1 ELSE 2 END, e.is_sent_back,
    coalesce(b.is_sent_back, e.is_sent_back)
FROM cross_reference_entries e LEFT JOIN back b ON b.entry_id = e.id AND b.kept_code IS NULL
WHERE e.type_id = %(type)s AND NOT coalesce(b.is_made, false)
    AND (coalesce(e.center_id, 0), coalesce(b.online_key, e.online_key))
    IN (SELECT scope, online_key FROM back UNION SELECT scope, old_key FROM back)
ORDER BY e.id"""
INDEX_MARKS = ("CREATE INDEX ON marks (online_key, scope)", "ANALYZE marks")
# What somebody chose to send back since stays chosen
UNMARK = """
UPDATE marks m SET mark = false FROM marks w WHERE w.rank = 1 AND w.mark AND m.rank = 2 AND m.mark
    AND w.scope = m.scope AND w.online_key = m.online_key AND w.span && m.span"""

COUNT = """
SELECT (SELECT count(*) FROM back WHERE is_made AND kept_code IS NULL) AS removed,
    (SELECT count(*) FROM back WHERE NOT is_made AND kept_code IS NULL) AS restored,
    (SELECT count(*) FROM fields f JOIN back b USING (entry_id)
        WHERE f.kept_for IS NULL AND b.kept_code IS NULL) AS restored_fields,
    (SELECT count(*) FROM mine) AS entries"""

WRITE_KEPT = """
INSERT INTO run_rows (run_id, row_number, outcome, who, faults)
SELECT %(run)s, row_number() OVER (ORDER BY k.entry_id, k.field), 'withheld',
    left(array_to_string(e.foreign_values, '|') || ' → ' || e.online_value, 120),
    jsonb_build_array(jsonb_build_object('code', k.code, 'column', k.field, 'value',
        coalesce(k.value, ''), 'message', k.message))
FROM (
    SELECT entry_id, '' AS field, kept_code AS code, '' AS value,
        CASE WHEN is_made THEN 'This entry stays: it was ' ELSE 'This entry stays as it is: ' END
        || kept_for || '.' AS message FROM back WHERE kept_code IS NOT NULL
    UNION ALL
    SELECT entry_id, CASE field WHEN 'is_sent_back' THEN 'SEND_BACK'
            WHEN 'foreign_values' THEN 'FOREIGN_1' ELSE upper(field) END,
        'changed_since_run', old_value,
        CASE field WHEN 'is_sent_back' THEN 'SEND_BACK'
            WHEN 'foreign_values' THEN 'The foreign value' ELSE upper(field) END
        || ' keeps its present value: ' || kept_for || '.'
    FROM fields WHERE kept_for IS NOT NULL
) k JOIN cross_reference_entries e ON e.id = k.entry_id"""

WRITE = (
    "SET CONSTRAINTS ALL DEFERRED",
    "DELETE FROM cross_reference_entries e USING back b"
    " WHERE b.is_made AND b.kept_code IS NULL AND e.id = b.entry_id",
    """
UPDATE cross_reference_entries e SET online_value = b.online_value, online_key = b.online_key,
    foreign_values = b.foreign_values, description = b.description, valid_to = b.valid_to,
    is_sent_back = coalesce(m.mark, b.is_sent_back), searched = concat_ws(E'\\n', b.online_value,
    array_to_string(b.foreign_values, E'\\n'), b.description), version = e.version + 1,
    updated_at = now(), updated_by_id = %(user)s
FROM back b LEFT JOIN marks m ON m.entry_id = b.entry_id
WHERE NOT b.is_made AND b.kept_code IS NULL AND e.id = b.entry_id""",
    """
UPDATE cross_reference_entries e SET is_sent_back = m.mark, version = e.version + 1,
    updated_at = now(), updated_by_id = %(user)s
FROM marks m WHERE m.rank = 1 AND m.mark <> m.was AND e.id = m.entry_id""",
    "SET CONSTRAINTS ALL IMMEDIATE",
)
