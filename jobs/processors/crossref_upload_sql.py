"""The SQL of a cross-reference upload: a whole file held against a type's table, as sets.

A file of entries is a table, and its rows have no order: what they say together is what the type's
entries are afterwards. So all rows are `staged` first and `planned` together; a row that can't be
is told why, and the others are planned without it, until nothing stands in anything's way. An
entry is known by its center, its foreign values and the day it is valid from.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.processors.run_rows import KEPT

_VALUES = (
    "row_number int, who text, said text[], online_value text, online_key text,"
    " foreign_values text[], foreign_key text, description text, center_id bigint,"
    " send_back boolean, valid_from date, valid_to date, online_name text"
)
TABLES = (
    f"CREATE TEMP TABLE staged ({_VALUES})",
    "CREATE TEMP TABLE staged_cells (row_number int, cells text[])",
    "CREATE TEMP TABLE kept_rows (LIKE run_rows)",
    "CREATE TEMP TABLE withdrawn (row_number int PRIMARY KEY)",
    f"CREATE TEMP TABLE planned ({_VALUES}, scope bigint, name text, fault text, other text,"
    " twin int, is_others boolean, entry_id bigint, old_online text, old_name text, old_key text,"
    " old_values text[], old_description text, old_mark boolean, old_from date, old_to date,"
    " mark boolean, is_auto boolean, outcome text, notes text[], digest bigint, before hstore,"
    " changes hstore)",
    "CREATE TEMP TABLE affected (scope bigint, online_key text, PRIMARY KEY (scope, online_key))",
    "CREATE TEMP TABLE marks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry_id bigint,"
    " row_number int, scope bigint, online_key text, span daterange, rank int, was boolean,"
    " mark boolean, is_auto boolean NOT NULL DEFAULT false)",
)
INDEX_STAGED = (
    "CREATE INDEX ON staged_cells (row_number)",
    "ANALYZE staged",
)
START_OVER = "TRUNCATE planned, affected, marks"
INDEX_PLANNED = (
    "CREATE INDEX IF NOT EXISTS planned_foreign ON planned (foreign_key, scope)",
    "CREATE INDEX IF NOT EXISTS planned_online ON planned (online_key, scope)",
    "CREATE INDEX IF NOT EXISTS planned_entry ON planned (entry_id)",
    "CREATE INDEX IF NOT EXISTS planned_row ON planned (row_number)",
    "ANALYZE planned",
)

_ALIVE = "p.fault IS NULL AND p.twin IS NULL AND NOT p.is_others"
_SPAN = "daterange({0}.valid_from, {0}.valid_to, '[]')"

# Rows that say the same of one entry are one row; where they differ, the first counts
TWINS = """
UPDATE planned p SET twin = CASE WHEN is_same THEN first END,
    fault = CASE WHEN NOT is_same THEN 'repeated' END, other = first::text
FROM (
    SELECT q.row_number, q.first, (f.online_key, f.foreign_values, f.description, f.send_back,
        f.valid_to) IS NOT DISTINCT FROM (q.online_key, q.foreign_values, q.description,
        q.send_back, q.valid_to) AS is_same
    FROM (SELECT *, min(row_number) OVER (PARTITION BY scope, foreign_key, valid_from) AS first
        FROM planned WHERE fault IS NULL) q
    JOIN planned f ON f.row_number = q.first WHERE q.row_number > q.first
) x WHERE p.row_number = x.row_number"""

_OLD = (
    "entry_id = e.id, old_online = e.online_value, old_key = e.online_key,"
    " old_values = e.foreign_values, old_description = e.description, old_mark = e.is_sent_back,"
    " old_from = e.valid_from, old_to = e.valid_to"
)

# Without VALID_FROM a row means the only entry there is; of several it can't say which
SEVERAL = """
UPDATE planned p SET fault = 'several' FROM (
    SELECT e.foreign_key, coalesce(e.center_id, 0) AS scope
    FROM cross_reference_entries e WHERE e.type_id = %(type)s
    GROUP BY 1, 2 HAVING count(*) > 1
) e WHERE e.foreign_key = p.foreign_key AND e.scope = p.scope AND p.fault IS NULL"""

# An upload for a center can look at what belongs to everybody, and not change it
OTHERS = """
UPDATE planned p SET is_others = true, fault = CASE WHEN p.entry_id IS NULL
    OR (p.online_value, p.foreign_values, p.description, p.valid_to,
        coalesce(p.send_back, p.old_mark))
    IS DISTINCT FROM (p.old_online, p.old_values, p.old_description, p.old_to, p.old_mark)
    THEN 'others' END
WHERE p.fault IS NULL AND p.twin IS NULL AND p.scope <> %(center)s"""


def _meet(fault: str, key: str, *, only_marked: bool) -> str:
    """Refuse, in the order of their days, rows that meet an earlier one of the same key."""

    def counts(alias: str) -> str:
        return f"{alias}.send_back" if only_marked else "true"

    return f"""
UPDATE planned p SET fault = '{fault}', other = (
    SELECT o.row_number::text FROM planned o WHERE o.{key} = p.{key} AND o.scope = p.scope
    AND o.row_number <> p.row_number AND o.twin IS NULL AND {counts("o")}
    AND {_SPAN.format("o")} && {_SPAN.format("p")} LIMIT 1)
FROM (
    SELECT row_number, coalesce(valid_from, '-infinity') AS first,
        max(coalesce(valid_to, 'infinity')) OVER (PARTITION BY scope, {key}
        ORDER BY valid_from NULLS FIRST, row_number
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach
    FROM planned p WHERE {_ALIVE} AND {counts("p")}
) x WHERE p.row_number = x.row_number AND x.first <= x.reach"""


# No two of one foreign value may meet, nor two that are sent back for one of ours
MEET_IN_FILE = _meet("overlaps", "foreign_key", only_marked=False)
SENT_BACK_TWICE = _meet("sent_back_twice", "online_key", only_marked=True)

# What stays in the table as it is may not be met either. A row that is refused leaves its own entry
# as it is, so this is asked again until it finds nothing
TAKEN = f"""
UPDATE planned p SET fault = 'taken', other = e.id::text
FROM cross_reference_entries e
WHERE {_ALIVE} AND e.type_id = %(type)s AND e.foreign_key = p.foreign_key
    AND coalesce(e.center_id, 0) = p.scope AND {_SPAN.format("e")} && {_SPAN.format("p")}
    AND NOT EXISTS (SELECT 1 FROM planned m WHERE m.entry_id = e.id AND m.fault IS NULL
        AND m.twin IS NULL AND NOT m.is_others)"""

TWINS_FOLLOW = """
UPDATE planned p SET fault = f.fault, other = f.other FROM planned f
WHERE p.twin = f.row_number AND f.fault IS NOT NULL"""

# ---- which foreign value is sent back ----

AFFECTED = f"""
INSERT INTO affected SELECT p.scope, p.online_key FROM planned p WHERE {_ALIVE}
UNION SELECT p.scope, p.old_key FROM planned p WHERE {_ALIVE} AND p.entry_id IS NOT NULL"""

# By rank: the file says so; the file is silent; not in the file; the file says no
MARKS = (
    f"""
INSERT INTO marks (entry_id, row_number, scope, online_key, span, rank, was, mark)
SELECT p.entry_id, p.row_number, p.scope, p.online_key, {_SPAN.format("p")},
    CASE p.send_back WHEN true THEN 1 WHEN false THEN 4 ELSE 2 END, coalesce(p.old_mark, false),
    coalesce(p.send_back, p.old_mark AND p.old_key = p.online_key, false)
FROM planned p WHERE {_ALIVE} ORDER BY p.row_number""",
    f"""
INSERT INTO marks (entry_id, scope, online_key, span, rank, was, mark)
SELECT e.id, a.scope, e.online_key, {_SPAN.format("e")}, 3, e.is_sent_back, e.is_sent_back
FROM affected a JOIN cross_reference_entries e ON e.type_id = %(type)s
    AND e.online_key = a.online_key AND coalesce(e.center_id, 0) = a.scope
WHERE NOT EXISTS (SELECT 1 FROM planned p WHERE p.entry_id = e.id AND {_ALIVE})
ORDER BY e.id""",
    "CREATE INDEX IF NOT EXISTS marks_key ON marks (online_key, scope)",
    "ANALYZE marks",
)
_SAME = "w.scope = m.scope AND w.online_key = m.online_key AND w.span && m.span"
UNMARK = (
    "UPDATE marks m SET mark = false FROM marks w"
    f" WHERE w.rank = 1 AND m.rank IN (2, 3) AND m.mark AND {_SAME}",
    "UPDATE marks m SET mark = false FROM marks w WHERE w.rank = 2 AND w.mark AND m.rank = 2"
    f" AND m.mark AND w.row_number < m.row_number AND {_SAME}",
    "UPDATE marks m SET mark = false FROM marks w"
    f" WHERE w.rank = 2 AND w.mark AND m.rank = 3 AND m.mark AND {_SAME}",
)
# Whoever has no marked one beside it in its time: the first of them takes the mark. Of each value
# once, which mostly is all; then all that no earlier one stands beside, until nothing is found
_ALONE = f"NOT m.mark AND NOT EXISTS (SELECT 1 FROM marks w WHERE w.mark AND {_SAME})"
_PLACE = (
    "({0}.rank, coalesce({0}.entry_id, 9223372036854775807), coalesce({0}.row_number, 0), {0}.id)"
)
MARK_FIRST = f"""
UPDATE marks SET mark = true, is_auto = true WHERE id IN (
    SELECT DISTINCT ON (m.scope, m.online_key) m.id FROM marks m WHERE {_ALONE}
    ORDER BY m.scope, m.online_key, m.rank, m.entry_id NULLS LAST, m.row_number)"""
MARK_OTHERS = f"""
WITH alone AS MATERIALIZED (SELECT m.* FROM marks m WHERE {_ALONE})
UPDATE marks SET mark = true, is_auto = true WHERE id IN (
    SELECT m.id FROM alone m WHERE NOT EXISTS (SELECT 1 FROM alone w WHERE {_SAME}
        AND {_PLACE.format("w")} < {_PLACE.format("m")}))"""

# ---- effects ----

_DIFFERS = (
    "(p.online_value, p.foreign_values, p.description, p.valid_to, p.mark) IS DISTINCT FROM"
    " (p.old_online, p.old_values, p.old_description, p.old_to, p.old_mark)"
)
SETTLE = (
    "UPDATE planned p SET mark = m.mark, is_auto = m.is_auto FROM marks m"
    " WHERE m.row_number = p.row_number",
    "UPDATE planned p SET outcome = CASE WHEN p.twin IS NOT NULL OR p.is_others THEN 'unchanged'"
    f" WHEN p.entry_id IS NULL THEN 'created' WHEN {_DIFFERS} THEN 'updated'"
    " ELSE 'unchanged' END WHERE p.fault IS NULL",
)


def _shown(values: str, online: str, description: str, first: str, last: str, mark: str) -> str:
    """An entry as hstore: what people see of it, before or after. Blank ones are left out."""
    return (
        "hstore(ARRAY['online_value', 'description', 'send_back', 'valid_from', 'valid_to',"
        f" 'foreign_values'], ARRAY[{online}, nullif({description}, ''), {mark}::text,"
        f" {first}::text, {last}::text, array_to_string({values}, ' | ')])"
    )


def _named(value: str, name: str) -> str:
    return f"coalesce({name} || ' (' || {value} || ')', {value})"


_AFTER = _shown(
    "p.foreign_values",
    _named("p.online_value", "p.name"),
    "p.description",
    "p.valid_from",
    "p.valid_to",
    "p.mark",
)
_BEFORE = _shown(
    "p.old_values",
    _named("p.old_online", "p.old_name"),
    "p.old_description",
    "p.old_from",
    "p.old_to",
    "p.old_mark",
)
DIFFERENCES = f"""
UPDATE planned p SET
    before = CASE WHEN p.outcome = 'updated' THEN {_BEFORE} - {_AFTER} END,
    changes = CASE p.outcome WHEN 'updated' THEN {_AFTER} - {_BEFORE}
        ELSE (SELECT hstore(array_agg(key), array_agg(value)) FROM each({_AFTER})
            WHERE value IS NOT NULL) END
WHERE p.outcome IN ('updated', 'created')"""
NOTES = """
UPDATE planned p SET notes = nullif(p.said || array_remove(ARRAY[
    CASE WHEN p.twin IS NOT NULL THEN 'Row ' || p.twin || ' says the same.' END,
    CASE WHEN p.send_back IS FALSE AND p.mark AND p.is_auto THEN 'Stays the one to send back,'
        ' although SEND_BACK is No: without it none would be.' END,
    CASE WHEN p.name IS NOT NULL AND datasync_compared(p.name) <> datasync_compared(p.online_name)
        THEN 'ONLINE_NAME is only to read: ' || p.online_value || ' is “' || p.name || '”.' END,
    (SELECT CASE count(*) WHEN 1 THEN '“' || min(array_to_string(e.foreign_values, '|'))
        || '” is no longer the one to send back.'
        ELSE count(*) || ' other entries are no longer the ones to send back.' END
        FROM marks w JOIN marks m ON m.rank = 3 AND m.was AND NOT m.mark AND w.scope = m.scope
            AND w.online_key = m.online_key AND w.span && m.span
        JOIN cross_reference_entries e ON e.id = m.entry_id
        WHERE w.row_number = p.row_number AND w.mark HAVING count(*) > 0)
    ], NULL), '{}') WHERE p.fault IS NULL AND (p.said IS NOT NULL OR p.twin IS NOT NULL
    OR p.is_auto OR p.online_name IS NOT NULL
    OR (p.mark AND p.online_key = ANY (%(losing)s)))"""
LOSING = (
    "SELECT coalesce(array_agg(DISTINCT online_key), '{}') FROM marks"
    " WHERE rank = 3 AND was AND NOT mark"
)
DIGESTS = """
UPDATE planned SET digest = hashtextextended(concat_ws('|', outcome, entry_id::text, before::text,
    changes::text, notes::text), 0) WHERE fault IS NULL"""

# Withdrawn with what was planned on top of it: the plan is made anew without these rows
BROKEN_SEALS = """
INSERT INTO withdrawn SELECT p.row_number FROM planned p
LEFT JOIN run_rows r ON r.run_id = %(preview)s AND r.row_number = p.row_number
WHERE p.fault IS NULL
    AND (r.outcome IS DISTINCT FROM p.outcome OR r.digest IS DISTINCT FROM p.digest)"""

WRITE = (
    "SET CONSTRAINTS ALL DEFERRED",
    """
UPDATE cross_reference_entries e SET online_value = p.online_value, online_key = p.online_key,
    foreign_values = p.foreign_values, description = p.description, valid_to = p.valid_to,
    is_sent_back = p.mark, searched = concat_ws(E'\\n', p.online_value,
    array_to_string(p.foreign_values, E'\\n'), p.description), version = e.version + 1,
    updated_at = now(), updated_by_id = %(user)s
FROM planned p WHERE p.outcome = 'updated' AND e.id = p.entry_id""",
    """
UPDATE cross_reference_entries e SET is_sent_back = m.mark, version = e.version + 1,
    updated_at = now(), updated_by_id = %(user)s
FROM marks m WHERE m.rank = 3 AND m.mark <> m.was AND e.id = m.entry_id""",
    """
INSERT INTO cross_reference_entries (type_id, online_value, foreign_values, description, center_id,
    is_sent_back, valid_from, valid_to, online_key, foreign_key, searched, updated_by_id)
SELECT %(type)s, online_value, foreign_values, description, center_id, mark, valid_from, valid_to,
    online_key, foreign_key, concat_ws(E'\\n', online_value,
    array_to_string(foreign_values, E'\\n'), description), %(user)s
FROM planned WHERE outcome = 'created' ORDER BY row_number""",
    "SET CONSTRAINTS ALL IMMEDIATE",
)
OUTCOMES = """
INSERT INTO run_rows (run_id, row_number, outcome, who, notes, digest, before, changes)
SELECT %(run)s, row_number, outcome, who, notes, digest, before, changes
FROM planned WHERE fault IS NULL"""
KEEP = f"INSERT INTO run_rows ({KEPT}) SELECT {KEPT} FROM kept_rows"
COUNTS = "SELECT outcome, count(*) FROM planned WHERE fault IS NULL GROUP BY 1"
OTHERS_MARKED = (
    "SELECT count(*) FILTER (WHERE was), count(*) FILTER (WHERE mark) FROM marks"
    " WHERE rank = 3 AND mark <> was"
)

# A page of the rows that can't be, with what their sentences need
FAULTY = """
SELECT p.row_number, p.who, p.said, c.cells, p.fault, p.other, p.online_value, p.foreign_values,
    p.name, e.online_value, e.valid_from, e.valid_to
FROM (
    SELECT row_number, who, said, fault, other, online_value, foreign_values, name FROM planned
    WHERE fault IS NOT NULL
    UNION ALL SELECT s.row_number, s.who, s.said, 'withdrawn', NULL, s.online_value,
        s.foreign_values, NULL FROM staged s JOIN withdrawn USING (row_number)
) p LEFT JOIN staged_cells c USING (row_number)
LEFT JOIN cross_reference_entries e ON p.fault = 'taken' AND e.id = p.other::bigint
WHERE p.row_number > %(after)s ORDER BY p.row_number LIMIT %(limit)s"""


@dataclass(frozen=True, slots=True)
class EntrySql:
    """The statements that depend on the type, on the file's columns, and on whose upload it is."""

    things: str | None
    columns: frozenset[str]
    center_id: int | None

    def plan(self) -> str:
        """The rows as they are staged, those whose online value can't be one with a fault."""
        common = (
            "INSERT INTO planned SELECT s.row_number, {who}, s.said, s.online_value, s.online_key,"
            " s.foreign_values, s.foreign_key, coalesce(s.description, ''), s.center_id,"
            " s.send_back, s.valid_from, s.valid_to, s.online_name, coalesce(s.center_id, 0),"
            " {name}, {fault}, NULL, NULL, false FROM staged s {join}"
            " WHERE NOT EXISTS (SELECT 1 FROM withdrawn w WHERE w.row_number = s.row_number)"
        )
        if self.things is None:
            return common.format(who="s.who", name="NULL", fault="NULL", join="")
        fault = (
            "CASE WHEN t.id IS NULL THEN 'unknown' WHEN t.center_id IS NOT NULL"
            " AND t.center_id IS DISTINCT FROM s.center_id THEN 'centers'"
            " WHEN NOT t.is_mappable THEN 'unmappable' END"
        )
        join = f"LEFT JOIN ({self.things}) t ON t.id = s.online_value::bigint"
        who = (
            "CASE WHEN t.name IS NULL THEN s.who ELSE left(array_to_string(s.foreign_values, '|')"
            " || ' → ' || t.name || ' (' || s.online_value || ')', 120) END"
        )
        return common.format(who=who, name="t.name", fault=fault, join=join)

    def name_old(self) -> list[str]:
        """What the values are called that entries stood for before."""
        if self.things is None:
            return []
        return [
            f"UPDATE planned p SET old_name = t.name FROM ({self.things}) t"
            " WHERE t.id = p.old_online::bigint"
        ]

    def match(self) -> list[str]:
        """Find each row's entry; what the file has no column for stays as it is there."""
        same_day = "e.valid_from IS NOT DISTINCT FROM p.valid_from"
        kept = []
        if "VALID_FROM" not in self.columns:
            same_day = "true"
            kept.append("valid_from = e.valid_from")
        if "VALID_TO" not in self.columns:
            kept.append("valid_to = e.valid_to")
        if "DESCRIPTION" not in self.columns:
            kept.append("description = e.description")
        sets = ", ".join([_OLD, *kept])
        found = (
            f"UPDATE planned p SET {sets} FROM cross_reference_entries e"
            " WHERE p.fault IS NULL AND p.twin IS NULL AND e.type_id = %(type)s"
            " AND e.foreign_key = p.foreign_key AND coalesce(e.center_id, 0) = p.scope"
            f" AND {same_day}"
        )
        return [found] if "VALID_FROM" in self.columns else [SEVERAL, found]

    def refuse(self) -> list[str]:
        """Refuse, in one pass, what the file itself makes impossible."""
        others = [OTHERS] if self.center_id is not None else []
        return [*others, *INDEX_PLANNED, MEET_IN_FILE, SENT_BACK_TWICE]
