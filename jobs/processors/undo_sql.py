"""The SQL of an undo: one chunk of constituents put back as they were, as sets.

The change log says what the run did and what others did since. A field goes back to the value it
had before the run's last word on it, if its present value is still the one the run left; a
membership or choice likewise; a record the run made goes, if nobody touched it since.
"""

from __future__ import annotations

from webapp.models import Constituent

NEVER_RESTORED = ("id", "is_active", "created_at", "modified_at", "modified_row", "custom")
RESTORED_COLUMNS = tuple(
    column.name for column in Constituent.__table__.columns if column.name not in NEVER_RESTORED
)

CREATE_TABLES = (
    "CREATE TEMP TABLE undo_todo (id bigint PRIMARY KEY)",
    "CREATE TEMP TABLE undo_chunk (id bigint PRIMARY KEY) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_entries (id bigint, table_name text, op text, constituent_id bigint,"
    " key text, old hstore, mine boolean, actor text, at timestamptz) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_created (id bigint PRIMARY KEY, kept_for text) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_fields (constituent_id bigint, field text, old_value text,"
    " kept_code text, kept_for text) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_links (table_name text, constituent_id bigint, key text,"
    " was_there boolean, old hstore, kept_for text) ON COMMIT DELETE ROWS",
)

# Runs that were undone without leaving anything changed nothing, and neither did their undo
IGNORED_RUNS = """
SELECT coalesce(array_agg(x.id), '{}') FROM (
    SELECT unnest(ARRAY[u.id, u.parent_id]) AS id FROM runs u
    WHERE u.kind = 'undo' AND u.state = 'success' AND u.parent_id <> %(parent)s
        AND coalesce((u.tallies ->> 'kept')::bigint, 0) = 0
) x"""

FIRST_ENTRY = "SELECT min(id) FROM change_log WHERE run_id = %(parent)s"

FILL_TODO = """
INSERT INTO undo_todo SELECT DISTINCT constituent_id FROM change_log
WHERE run_id = %(parent)s AND constituent_id > %(position)s"""

FILL_CHUNK = """
INSERT INTO undo_chunk
SELECT id FROM undo_todo WHERE id > %(position)s ORDER BY id LIMIT %(size)s"""

LOCK_CHUNK = """
SELECT count(*) FROM (SELECT c.id FROM undo_chunk k JOIN constituents c ON c.id = k.id
    ORDER BY c.id FOR UPDATE OF c) locked"""

FILL_ENTRIES = """
INSERT INTO undo_entries
SELECT l.id, l.table_name, l.op, l.constituent_id, l.key, l.old,
    l.run_id IS NOT DISTINCT FROM %(parent)s, l.actor, l.at
FROM undo_chunk k JOIN change_log l ON l.constituent_id = k.id AND l.id >= %(first)s
WHERE l.run_id IS NULL OR l.run_id = %(parent)s OR NOT l.run_id = ANY (%(ignored)s)"""

FILL_CREATED = """
INSERT INTO undo_created
SELECT made.constituent_id, coalesce(
    (SELECT 'changed since by ' || coalesce(o.actor, 'somebody') || ' on '
        || to_char(o.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI')
        FROM undo_entries o WHERE o.constituent_id = made.constituent_id AND NOT o.mine
            AND o.id > made.id ORDER BY o.id DESC LIMIT 1),
    (SELECT 'merged with constituent ' || m.id FROM constituents m
        WHERE m.merged_into_id = made.constituent_id LIMIT 1))
FROM undo_entries made JOIN constituents c ON c.id = made.constituent_id
WHERE made.mine AND made.table_name = 'constituents' AND made.op = 'insert'"""

# Per field: the run's last word on it, what was there before that (and after anybody else's word
# before it), and what the run left there (what the next change by others found, else what is there)
FILL_FIELDS = """
INSERT INTO undo_fields
WITH words AS (
    SELECT e.constituent_id, w.key AS field, w.value, e.id, e.mine, e.actor, e.at
    FROM undo_entries e, each(e.old) w
    WHERE e.table_name = 'constituents' AND e.op = 'update'
        AND e.constituent_id IN (SELECT constituent_id FROM undo_entries
            WHERE mine AND table_name = 'constituents' AND op = 'update')
        AND NOT EXISTS (SELECT 1 FROM undo_created m WHERE m.id = e.constituent_id)
), last AS (
    SELECT constituent_id, field, max(id) AS id FROM words WHERE mine GROUP BY 1, 2
), bounds AS (
    SELECT l.constituent_id, l.field, l.id,
        coalesce((SELECT max(w.id) FROM words w WHERE w.constituent_id = l.constituent_id
            AND w.field = l.field AND NOT w.mine AND w.id < l.id), 0) AS after_id,
        (SELECT min(w.id) FROM words w WHERE w.constituent_id = l.constituent_id
            AND w.field = l.field AND NOT w.mine AND w.id > l.id) AS next_id
    FROM last l
), verdicts AS (
    SELECT b.*, (SELECT w.value FROM words w WHERE w.constituent_id = b.constituent_id
            AND w.field = b.field AND w.mine AND w.id > b.after_id ORDER BY w.id LIMIT 1) AS old,
        n.value AS left_value, n.actor, n.at
    FROM bounds b LEFT JOIN words n ON n.constituent_id = b.constituent_id
        AND n.field = b.field AND n.id = b.next_id
)
SELECT v.constituent_id, v.field, v.old,
    CASE WHEN v.next_id IS NOT NULL AND now_there.value IS DISTINCT FROM v.left_value
        THEN 'changed_since_run' END,
    CASE WHEN v.next_id IS NOT NULL AND now_there.value IS DISTINCT FROM v.left_value
        THEN 'changed since by ' || coalesce(v.actor, 'somebody') || ' on '
            || to_char(v.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI') END
FROM verdicts v JOIN constituents c ON c.id = v.constituent_id
CROSS JOIN LATERAL (SELECT CASE WHEN v.field LIKE 'custom.%%'
    THEN c.custom ->> substr(v.field, 8) ELSE hstore(c) -> v.field END AS value) now_there"""

# A member ID (and, where the site enforces it, an email) that somebody else has by now stays theirs
KEEP_TAKEN = """
UPDATE undo_fields f SET kept_code = 'taken_since_run',
    kept_for = 'its old value now belongs to constituent ' || o.id
FROM constituents o
WHERE f.kept_code IS NULL AND f.old_value IS NOT NULL AND o.is_active
    AND o.id <> f.constituent_id AND f.field = %(field)s
    AND {same}
    AND NOT EXISTS (SELECT 1 FROM undo_fields x WHERE x.constituent_id = o.id
        AND x.field = f.field AND x.kept_code IS NULL)
    AND NOT EXISTS (SELECT 1 FROM undo_created m WHERE m.id = o.id AND m.kept_for IS NULL)"""
KEEP_TAKEN_MEMBER_ID = KEEP_TAKEN.format(same="o.member_id = f.old_value")
KEEP_TAKEN_EMAIL = KEEP_TAKEN.format(same="lower(o.primary_email) = lower(f.old_value)")

# Memberships, choices and centers the run wrote, where its word was the last
FILL_LINKS = """
INSERT INTO undo_links
WITH words AS (
    SELECT e.* FROM undo_entries e
    WHERE e.table_name IN ('group_members', 'interest_choices', 'center_members')
        AND NOT EXISTS (SELECT 1 FROM undo_created m WHERE m.id = e.constituent_id)
), mine AS (
    SELECT DISTINCT ON (table_name, constituent_id, key) table_name, constituent_id, key,
        id, op, old FROM words WHERE mine ORDER BY table_name, constituent_id, key, id
), final AS (
    SELECT table_name, constituent_id, key, max(id) AS id FROM words WHERE mine GROUP BY 1, 2, 3
)
SELECT m.table_name, m.constituent_id, m.key, m.op <> 'insert', m.old,
    (SELECT 'changed since by ' || coalesce(o.actor, 'somebody') || ' on '
        || to_char(o.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI')
        FROM words o WHERE NOT o.mine AND o.table_name = m.table_name
            AND o.constituent_id = m.constituent_id AND o.key = m.key AND o.id > f.id
        ORDER BY o.id DESC LIMIT 1)
FROM mine m JOIN final f USING (table_name, constituent_id, key)"""

# Writing ------------------------------------------------------------------------------------

REMOVE_CREATED = tuple(
    f"DELETE FROM {table} t USING undo_created m WHERE m.kept_for IS NULL AND t.{column} = m.id"
    for table, column in (
        ("constituent_emails", "constituent_id"),
        ("group_members", "constituent_id"),
        ("interest_choices", "constituent_id"),
        ("center_members", "constituent_id"),
        ("constituents", "id"),
    )
)

# A unique member ID may be handed back and forth within one chunk: all are taken off first
FREE_MEMBER_IDS = """
UPDATE constituents c SET member_id = NULL FROM undo_fields f
WHERE f.constituent_id = c.id AND f.field = 'member_id' AND f.kept_code IS NULL
    AND EXISTS (SELECT 1 FROM undo_fields g JOIN constituents o ON o.id = g.constituent_id
        WHERE g.field = 'member_id' AND g.kept_code IS NULL AND o.member_id = f.old_value
            AND g.constituent_id <> f.constituent_id)"""

RESTORE_FIELDS = f"""
UPDATE constituents c SET
    {", ".join(f"{name} = (restored.r).{name}" for name in RESTORED_COLUMNS)},
    custom = restored.custom, modified_at = now(), modified_row = NULL
FROM (
    SELECT o.id, populate_record(o, f.values) AS r,
        jsonb_strip_nulls((o.custom - coalesce(f.custom_keys, '{{}}'))
            || coalesce(f.custom, '{{}}')) AS custom
    FROM (SELECT constituent_id,
            coalesce(hstore(array_agg(field) FILTER (WHERE NOT is_custom),
                array_agg(old_value) FILTER (WHERE NOT is_custom)), ''::hstore) AS values,
            array_agg(substr(field, 8)) FILTER (WHERE is_custom) AS custom_keys,
            jsonb_object_agg(substr(field, 8), old_value) FILTER (WHERE is_custom) AS custom
        FROM (SELECT *, field LIKE 'custom.%' AS is_custom FROM undo_fields) x
        WHERE kept_code IS NULL GROUP BY constituent_id) f
    JOIN constituents o ON o.id = f.constituent_id
) restored WHERE c.id = restored.id"""

# An address the run brought is no longer one the person ever used, unless it is the one they keep
REMOVE_EMAILS = """
DELETE FROM constituent_emails t USING undo_entries e, constituents c
WHERE e.mine AND e.table_name = 'constituent_emails' AND e.op = 'insert'
    AND t.constituent_id = e.constituent_id AND t.email = e.key AND c.id = e.constituent_id
    AND lower(c.primary_email) IS DISTINCT FROM t.email
    AND NOT EXISTS (SELECT 1 FROM undo_created m WHERE m.id = e.constituent_id)"""

RESTORE_LINKS = (
    "DELETE FROM group_members t USING undo_links l WHERE l.table_name = 'group_members'"
    " AND l.kept_for IS NULL AND NOT l.was_there AND t.group_id = l.key::bigint"
    " AND t.constituent_id = l.constituent_id",
    "INSERT INTO group_members (group_id, constituent_id, added_at)"
    " SELECT l.key::bigint, l.constituent_id, (l.old -> 'added_at')::timestamptz"
    " FROM undo_links l JOIN groups g ON g.id = l.key::bigint"
    " WHERE l.table_name = 'group_members' AND l.kept_for IS NULL AND l.was_there"
    " ON CONFLICT DO NOTHING",
    "DELETE FROM interest_choices t USING undo_links l WHERE l.table_name = 'interest_choices'"
    " AND l.kept_for IS NULL AND NOT l.was_there AND t.interest_id = l.key::bigint"
    " AND t.constituent_id = l.constituent_id",
    "UPDATE interest_choices t SET opted_in = coalesce((l.old -> 'opted_in')::boolean, t.opted_in),"
    " chosen_at = coalesce((l.old -> 'chosen_at')::timestamptz, t.chosen_at) FROM undo_links l"
    " WHERE l.table_name = 'interest_choices' AND l.kept_for IS NULL AND l.was_there"
    " AND t.interest_id = l.key::bigint AND t.constituent_id = l.constituent_id",
    "DELETE FROM center_members t USING undo_links l WHERE l.table_name = 'center_members'"
    " AND l.kept_for IS NULL AND NOT l.was_there AND t.center_id = l.key::bigint"
    " AND t.constituent_id = l.constituent_id",
)

# What is kept, told one by one ---------------------------------------------------------------

WRITE_KEPT = """
INSERT INTO run_rows (run_id, row_number, outcome, constituent_id, who, faults)
SELECT %(run)s, %(told)s + row_number() OVER (ORDER BY k.constituent_id, k.field), 'withheld',
    k.constituent_id, left(concat_ws(' · ', nullif(concat_ws(' ', c.first_name, c.last_name), ''),
        c.primary_email, c.member_id), 120),
    jsonb_build_array(jsonb_build_object('code', k.code, 'column', k.field, 'value',
        coalesce(k.value, ''), 'message', k.message))
FROM (
    SELECT m.id AS constituent_id, '' AS field, 'changed_since_run' AS code, '' AS value,
        'This record stays: it was ' || m.kept_for || '.' AS message
    FROM undo_created m WHERE m.kept_for IS NOT NULL
    UNION ALL
    SELECT f.constituent_id, upper(f.field), f.kept_code, f.old_value,
        upper(f.field) || ' keeps its present value: ' || f.kept_for || '.'
    FROM undo_fields f WHERE f.kept_code IS NOT NULL
    UNION ALL
    SELECT l.constituent_id, '', 'changed_since_run', l.key,
        CASE l.table_name WHEN 'group_members' THEN 'Group ' WHEN 'center_members' THEN 'Center '
            ELSE 'Interest ' END || l.key || ' stays as it is for this person: ' || l.kept_for
            || '.'
    FROM undo_links l WHERE l.kept_for IS NOT NULL
) k LEFT JOIN constituents c ON c.id = k.constituent_id"""

COUNT = """
SELECT (SELECT count(*) FROM undo_created WHERE kept_for IS NULL) AS removed,
    (SELECT count(*) FROM (
        SELECT constituent_id FROM undo_fields WHERE kept_code IS NULL
        UNION SELECT l.constituent_id FROM undo_links l WHERE l.kept_for IS NULL
            AND NOT (l.table_name = 'group_members' AND l.key = ANY (%(own_groups)s))) r)
        AS restored,
    (SELECT count(*) FROM undo_fields WHERE kept_code IS NULL) AS restored_fields,
    (SELECT max(id) FROM undo_chunk) AS position,
    (SELECT count(*) FROM undo_chunk) AS constituents"""

# The groups the run made go once nobody is in them
REMOVE_GROUPS = """
DELETE FROM groups g WHERE g.made_by_run_id = %(parent)s
    AND NOT EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id)
    AND NOT EXISTS (SELECT 1 FROM interests i WHERE g.id IN (i.opt_in_group_id, i.opt_out_group_id))
"""
