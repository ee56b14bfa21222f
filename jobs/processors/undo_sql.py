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
    "CREATE TEMP TABLE undo_todo (place bigint PRIMARY KEY, id bigint)",
    "CREATE TEMP TABLE undo_chunk (place bigint, id bigint PRIMARY KEY) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_entries (id bigint, table_name text, op text, constituent_id bigint,"
    " key text, old hstore, mine boolean, actor text, at timestamptz) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_created (id bigint PRIMARY KEY, kept_for text) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_fields (constituent_id bigint, field text, old_value text,"
    " kept_code text, kept_for text) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_links (table_name text, constituent_id bigint, key text,"
    " was_there boolean, old hstore, kept_for text) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE undo_released (id bigint, field text)",
)

# Runs that were undone without leaving anything changed nothing, and neither did their undo, nor
# one that was cancelled and taken up again
IGNORED_RUNS = """
WITH undone AS (
    SELECT u.parent_id FROM runs u WHERE u.kind = 'undo' AND u.parent_id <> %(parent)s
    GROUP BY u.parent_id HAVING bool_or(u.state = 'success')
        AND sum(coalesce((u.tallies ->> 'kept')::bigint, 0)) = 0
)
SELECT coalesce(array_agg(x.id), '{}') FROM (
    SELECT parent_id AS id FROM undone
    UNION SELECT u.id FROM runs u JOIN undone USING (parent_id) WHERE u.kind = 'undo'
) x"""

FIRST_ENTRY = "SELECT min(id) FROM change_log WHERE run_id = %(parent)s"

# Last touched, first undone: who took a key gives it back before the one it was taken from. What an
# earlier undo of the run dealt with before it was cancelled is done
FILL_TODO = """
INSERT INTO undo_todo
SELECT place, constituent_id FROM (
    SELECT row_number() OVER (ORDER BY max(id) DESC) AS place, constituent_id FROM change_log
    WHERE run_id = %(parent)s AND constituent_id IS NOT NULL AND constituent_id NOT IN (
        SELECT d.constituent_id FROM change_log d WHERE d.constituent_id IS NOT NULL
            AND d.run_id = ANY (ARRAY(SELECT u.id FROM runs u WHERE u.kind = 'undo'
                AND u.parent_id = %(parent)s AND u.id < %(run)s)))
    GROUP BY constituent_id
) x WHERE place > %(position)s"""

FILL_CHUNK = """
INSERT INTO undo_chunk SELECT place, id FROM undo_todo
WHERE place > %(position)s AND place <= %(position)s::bigint + %(size)s::bigint"""

LOCK_CHUNK = """
SELECT count(*) FROM (SELECT c.id FROM undo_chunk k JOIN constituents c ON c.id = k.id
    ORDER BY c.id FOR UPDATE OF c) locked"""

# Constituent by constituent (OFFSET 0 keeps it so): what else the log holds does not matter
FILL_ENTRIES = """
INSERT INTO undo_entries
SELECT l.id, l.table_name, l.op, l.constituent_id, l.key, l.old,
    l.run_id IS NOT DISTINCT FROM %(parent)s, l.actor, l.at
FROM undo_chunk k CROSS JOIN LATERAL (
    SELECT * FROM change_log x WHERE x.constituent_id = k.id AND x.id >= %(first)s OFFSET 0) l
WHERE l.run_id IS NULL OR l.run_id = %(parent)s OR NOT l.run_id = ANY (%(ignored)s)"""

_SINCE = """'changed since by ' || coalesce({who}.actor, 'somebody') || ' on '
    || to_char({who}.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI')"""

FILL_CREATED = f"""
INSERT INTO undo_created
WITH others AS (
    SELECT DISTINCT ON (constituent_id) constituent_id, id, actor, at
    FROM undo_entries WHERE NOT mine ORDER BY constituent_id, id DESC
), merged AS (
    SELECT k.id, min(m.id) AS duplicate FROM undo_chunk k
    JOIN constituents m ON m.merged_into_id = k.id GROUP BY k.id
)
SELECT made.constituent_id, coalesce(
    CASE WHEN o.id > made.id THEN {_SINCE.format(who="o")} END,
    'merged with constituent ' || merged.duplicate)
FROM undo_entries made JOIN constituents c ON c.id = made.constituent_id
LEFT JOIN others o ON o.constituent_id = made.constituent_id
LEFT JOIN merged ON merged.id = made.constituent_id
WHERE made.mine AND made.table_name = 'constituents' AND made.op = 'insert'"""

# Per field: the run's last word on it, what was there before that (and after anybody else's word
# before it), and what the run left there (what the next change by others found, else what is there)
FILL_FIELDS = f"""
INSERT INTO undo_fields
WITH words AS (
    SELECT e.constituent_id, w.key AS field, w.value, e.id, e.mine, e.actor, e.at,
        max(e.id) FILTER (WHERE e.mine) OVER same_field AS last_id
    FROM undo_entries e CROSS JOIN each(e.old) w
    WHERE e.table_name = 'constituents' AND e.op = 'update'
        AND NOT EXISTS (SELECT 1 FROM undo_created m WHERE m.id = e.constituent_id)
    WINDOW same_field AS (PARTITION BY e.constituent_id, w.key)
), bounds AS (
    SELECT *, max(id) FILTER (WHERE NOT mine AND id < last_id) OVER same_field AS after_id,
        min(id) FILTER (WHERE NOT mine AND id > last_id) OVER same_field AS next_id
    FROM words WHERE last_id IS NOT NULL
    WINDOW same_field AS (PARTITION BY constituent_id, field)
), verdicts AS (
    SELECT constituent_id, field,
        (array_agg(value ORDER BY id) FILTER (WHERE mine AND id > coalesce(after_id, 0)))[1] AS old,
        max(next_id) AS next_id, max(value) FILTER (WHERE id = next_id) AS left_value,
        max(actor) FILTER (WHERE id = next_id) AS actor, max(at) FILTER (WHERE id = next_id) AS at
    FROM bounds GROUP BY constituent_id, field
)
SELECT v.constituent_id, v.field, v.old,
    CASE WHEN is_kept.yes THEN 'changed_since_run' END,
    CASE WHEN is_kept.yes THEN {_SINCE.format(who="v")} END
FROM verdicts v JOIN constituents c ON c.id = v.constituent_id
CROSS JOIN LATERAL (SELECT CASE WHEN v.field LIKE 'custom.%%'
    THEN c.custom ->> substr(v.field, 8) ELSE hstore(c) -> v.field END AS value) now_there
CROSS JOIN LATERAL (SELECT v.next_id IS NOT NULL
    AND now_there.value IS DISTINCT FROM v.left_value AS yes) is_kept"""

# A member ID (and, where the site enforces it, an email) that somebody else came to have since
# stays theirs, unless they give it up in this undo, or have it from there. Repeated until it finds
# no more: who keeps a key keeps it from others. Keys that went round in a circle of records which
# are not in one chunk are kept, and told
KEEP_TAKEN = """
UPDATE undo_fields f SET kept_code = 'taken_since_run',
    kept_for = 'its old value now belongs to constituent ' || o.id
FROM constituents o
WHERE f.kept_code IS NULL AND f.old_value IS NOT NULL AND o.is_active
    AND o.id <> f.constituent_id AND f.field = %(field)s
    AND {same}
    AND NOT EXISTS (SELECT 1 FROM undo_fields x WHERE x.constituent_id = o.id
        AND x.field = f.field AND x.kept_code IS NULL)
    AND NOT EXISTS (SELECT 1 FROM undo_created m WHERE m.id = o.id AND m.kept_for IS NULL)
    AND NOT EXISTS (SELECT 1 FROM undo_released x WHERE x.id = o.id AND x.field IN ('', f.field))
    AND NOT EXISTS (SELECT 1 FROM change_log l WHERE l.constituent_id = o.id
        AND l.run_id = %(run)s AND l.table_name = 'constituents' AND l.old ? f.field)
    AND EXISTS (SELECT 1 FROM change_log l WHERE l.constituent_id = o.id AND l.id >= %(first)s
        AND l.table_name = 'constituents'
        AND (l.op = 'insert' OR l.old ?| ARRAY[f.field, 'active_detail']))"""
KEEP_TAKEN_MEMBER_ID = KEEP_TAKEN.format(same="o.member_id = f.old_value")
KEEP_TAKEN_EMAIL = KEEP_TAKEN.format(same="lower(o.primary_email) = lower(f.old_value)")

# Memberships, choices and centers the run wrote, where its word was the last
FILL_LINKS = f"""
INSERT INTO undo_links
WITH words AS (
    SELECT e.* FROM undo_entries e
    WHERE e.table_name IN ('group_members', 'interest_choices', 'center_members')
        AND NOT EXISTS (SELECT 1 FROM undo_created m WHERE m.id = e.constituent_id)
), first AS (
    SELECT DISTINCT ON (table_name, constituent_id, key) table_name, constituent_id, key,
        id, op, old FROM words WHERE mine ORDER BY table_name, constituent_id, key, id
), final AS (
    SELECT table_name, constituent_id, key, max(id) AS id FROM words WHERE mine GROUP BY 1, 2, 3
), others AS (
    SELECT DISTINCT ON (table_name, constituent_id, key) table_name, constituent_id, key,
        id, actor, at FROM words WHERE NOT mine ORDER BY table_name, constituent_id, key, id DESC
)
SELECT f.table_name, f.constituent_id, f.key, f.op <> 'insert', f.old,
    CASE WHEN o.id > l.id THEN {_SINCE.format(who="o")} END
FROM first f JOIN final l USING (table_name, constituent_id, key)
LEFT JOIN others o USING (table_name, constituent_id, key)"""

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

# A unique member ID may be handed back and forth within one chunk: who has one that another gets
# back gives it up first
FREE_MEMBER_IDS = """
UPDATE constituents c SET member_id = NULL FROM undo_fields f
WHERE f.constituent_id = c.id AND f.field = 'member_id' AND f.kept_code IS NULL
    AND EXISTS (SELECT 1 FROM undo_fields g WHERE g.field = 'member_id' AND g.kept_code IS NULL
        AND g.old_value = c.member_id AND g.constituent_id <> c.id)"""

# A preview remembers the keys that an undo would have given up by its later chunks
REMEMBER_RELEASED = """
INSERT INTO undo_released
SELECT id, '' FROM undo_created WHERE kept_for IS NULL
UNION ALL SELECT constituent_id, field FROM undo_fields
WHERE kept_code IS NULL AND field IN ('member_id', 'primary_email')"""

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
    # Whom the run took out and put in again are in since the day they were before, too
    "DELETE FROM group_members t USING undo_links l WHERE l.table_name = 'group_members'"
    " AND l.kept_for IS NULL AND t.group_id = l.key::bigint"
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
    (SELECT max(place) FROM undo_chunk) AS position,
    (SELECT count(*) FROM undo_chunk) AS constituents"""

# What a row's name made goes once nobody chose it, and its groups after it
REMOVE_INTERESTS = """
DELETE FROM interests i WHERE i.made_by_run_id = %(parent)s
    AND NOT EXISTS (SELECT 1 FROM interest_choices c WHERE c.interest_id = i.id)
    AND NOT EXISTS (SELECT 1 FROM interests x WHERE x.parent_id = i.id)
    AND NOT EXISTS (SELECT 1 FROM group_members m
        WHERE m.group_id IN (i.opt_in_group_id, i.opt_out_group_id))"""

# The groups the run made go once nobody is in them
REMOVE_GROUPS = """
DELETE FROM groups g WHERE g.made_by_run_id = %(parent)s
    AND NOT EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id)
    AND NOT EXISTS (SELECT 1 FROM interests i WHERE g.id IN (i.opt_in_group_id, i.opt_out_group_id))
"""
