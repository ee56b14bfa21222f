"""The SQL of the Group Assignment and Segmentation Uploads: a chunk's rows matched to people, held
against what is there, and written as sets.

Rows of one person and one group (or interest) apply in file order; all others have nothing to do
with each other, so no chunk needs waves. A name that nobody has stands for the group its first row
makes: until that is made, for minus the number of the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.processors.import_matching import KnownPeopleSql
from jobs.processors.import_tables import OverlayTables, RealTables, is_there
from webapp.rules.standard_import import Decision

TABLES = (
    "CREATE TEMP TABLE effect (row_number int, who text, notes text[], outcome text,"
    " target bigint, into_id bigint, into_name text, prior boolean, becomes boolean,"
    " is_kept boolean, digest bigint, before hstore, changes hstore) ON COMMIT DELETE ROWS",
)
OVERLAY = (
    "CREATE TEMP TABLE overlay_members (group_id bigint, constituent_id bigint,"
    " PRIMARY KEY (group_id, constituent_id))",
    "CREATE TEMP TABLE overlay_choices (interest_id bigint, constituent_id bigint,"
    " opted_in boolean, PRIMARY KEY (interest_id, constituent_id))",
    "CREATE TEMP TABLE overlay_names (id bigint, name text)",
)

PEOPLE_ARE_KNOWN = "SET LOCAL datasync.people_are_known = 'yes'"
"""Who is added to a group is taken from `constituents` in the same transaction, and `KEYS_LOCK`
keeps them there: the trigger need not look a second time (docs/decisions/020)."""

BROKEN_SEALS = """
WITH broken AS (
    SELECT e.target, e.into_id, min(e.row_number) AS row_number FROM effect e
    LEFT JOIN run_rows p ON p.run_id = %(preview)s AND p.row_number = e.row_number
    WHERE p.outcome IS DISTINCT FROM e.outcome OR p.digest IS DISTINCT FROM e.digest
        OR p.constituent_id IS DISTINCT FROM e.target
    GROUP BY e.target, e.into_id
)
DELETE FROM effect e USING broken b WHERE e.target = b.target AND e.into_id = b.into_id
    AND e.row_number >= b.row_number
RETURNING e.row_number"""
"""What follows a row that is held back, for the same person and group, was planned on top of it."""

NEW_NAMES = "SELECT into_name, min(row_number) FROM staged WHERE into_name IS NOT NULL GROUP BY 1"
INTO = "SELECT coalesce(array_agg(DISTINCT into_id), '{}') FROM staged WHERE into_id > 0"

SETTLE_NAMES = """
UPDATE staged s SET into_id = n.id, into_name = CASE WHEN n.is_new THEN s.into_name END
FROM unnest(%(names)s::text[], %(ids)s::bigint[], %(new)s::boolean[]) AS n(name, id, is_new)
WHERE s.into_name = n.name"""

NEEDED_NAMES = """
SELECT into_id, (array_agg(into_name ORDER BY row_number))[1] FROM effect
WHERE into_id < 0 AND outcome = 'updated' GROUP BY 1 ORDER BY 1 DESC"""

NAME_MADE = """
UPDATE effect e SET into_id = n.id FROM unnest(%(provisional)s::bigint[], %(ids)s::bigint[])
    AS n(provisional, id) WHERE e.into_id = n.provisional"""

ONLY_THESE = "DELETE FROM staged WHERE row_number <> ALL (%s)"
REMOVE_GONE = """
DELETE FROM staged WHERE into_id > 0 AND into_id <> ALL (%(there)s)
RETURNING row_number, into_id::text"""

ADD_MEMBERS = (
    "INSERT INTO group_members (group_id, constituent_id)"
    " SELECT e.into_id, e.target FROM {effect} e WHERE e.outcome = 'updated'"
    " ORDER BY e.target, e.into_id"
)
ADD_TO_CENTERS = (
    "INSERT INTO center_members (center_id, constituent_id)"
    " SELECT DISTINCT g.center_id, e.target FROM {effect} e JOIN groups g ON g.id = e.into_id"
    " WHERE e.outcome = 'updated' AND g.center_id IS NOT NULL ON CONFLICT DO NOTHING"
)
REMEMBER_MEMBERS = (
    "INSERT INTO overlay_members SELECT e.into_id, e.target FROM effect e"
    " WHERE e.outcome = 'updated' ON CONFLICT DO NOTHING"
)

# The center that a preview's row d brings its person into, by the center's group g: unless they are
# in it, or an earlier row of the file has brought them there
_JOINS = f"""SELECT c.name FROM centers c WHERE c.id = g.center_id
    AND NOT EXISTS (SELECT 1 FROM center_members cm
        WHERE cm.center_id = c.id AND cm.constituent_id = d.target)
    AND NOT EXISTS (SELECT 1 FROM groups og
        WHERE og.center_id = c.id AND {is_there("overlay_members", "og.id", "d.target")})"""

_FINAL = """
SELECT DISTINCT ON (e.into_id, e.target) e.into_id, e.target, e.becomes FROM effect e
WHERE e.outcome = 'updated' ORDER BY e.into_id, e.target, e.row_number DESC"""

# What somebody leaves before what they enter: nobody is in both groups of an interest at any time
WRITE_CHOICES = (
    "INSERT INTO interest_choices (interest_id, constituent_id, opted_in)"
    f" SELECT f.into_id, f.target, f.becomes FROM ({_FINAL}) f"
    " ON CONFLICT (interest_id, constituent_id)"
    " DO UPDATE SET opted_in = excluded.opted_in, chosen_at = now()"
    " WHERE interest_choices.opted_in IS DISTINCT FROM excluded.opted_in",
    f"DELETE FROM group_members gm USING ({_FINAL}) f JOIN interests t ON t.id = f.into_id"
    " WHERE gm.constituent_id = f.target AND gm.group_id ="
    " CASE WHEN f.becomes THEN t.opt_out_group_id ELSE t.opt_in_group_id END",
    "INSERT INTO group_members (group_id, constituent_id)"
    " SELECT x.group_id, x.target FROM (SELECT f.target, CASE WHEN f.becomes"
    f" THEN t.opt_in_group_id ELSE t.opt_out_group_id END AS group_id FROM ({_FINAL}) f"
    " JOIN interests t ON t.id = f.into_id) x WHERE x.group_id IS NOT NULL"
    " ON CONFLICT DO NOTHING",
)
REMEMBER_CHOICES = (
    f"INSERT INTO overlay_choices SELECT f.into_id, f.target, f.becomes FROM ({_FINAL}) f"
    " ON CONFLICT (interest_id, constituent_id) DO UPDATE SET opted_in = excluded.opted_in"
)

COUNT_GROUPS = """
SELECT e.into_id, (array_agg(e.into_name))[1], count(*), 0 FROM effect e
WHERE e.outcome = 'updated' GROUP BY 1"""
COUNT_CHOICES = """
SELECT e.into_id, (array_agg(e.into_name))[1], count(*) FILTER (WHERE e.becomes),
    count(*) FILTER (WHERE NOT e.becomes) FROM effect e WHERE e.outcome = 'updated' GROUP BY 1"""
COUNT_OUTCOMES = """
SELECT outcome, count(*), count(*) FILTER (WHERE is_kept),
    count(*) FILTER (WHERE outcome = 'updated' AND becomes AND prior IS FALSE)
FROM effect GROUP BY outcome"""


@dataclass(frozen=True, slots=True)
class MembershipOverlay(OverlayTables):
    """Preview: memberships and choices as the file's earlier rows would have left them. People are
    those of the real table: nothing of theirs would be written."""

    def constituents(self, where: str) -> str:
        return RealTables.constituents(self, where)


@dataclass(frozen=True)
class UploadSql(KnownPeopleSql):
    """The statements of one file of an upload."""

    has_choices: bool = False
    _INTO = "CASE WHEN e.into_id > 0 THEN e.into_id END"

    @property
    def rows_to_match(self) -> str:
        """In the order of their keys: then each page of an index, and of the people, is read once
        for all rows that need it. Rows do not depend on one another here."""
        orders = {"member_id": "member_id", "primary_email": "lower(primary_email)"}
        by = [orders[name] for name in self.attributes] or ["key_cons_id"]
        return f"(SELECT * FROM staged ORDER BY {', '.join(by)} OFFSET 0)"

    @property
    def said_of(self) -> Mapping[str, str]:
        """The group or interest, or the name of one that nobody has; in it or out of it."""
        return {"into_id": "bigint", "into_name": "text", "opt_in": "boolean"}

    def create_tables(self) -> list[str]:
        """The statements that make the temporary tables of a session."""
        overlay = OVERLAY if self.tables.is_overlay else ()
        return [*self.create_matching(), *TABLES, *overlay]

    def effects(self, decisions: Mapping[str, Decision]) -> str:
        """What the rows do to the person they mean, perhaps nothing (parameter: who allowed to
        opt people in again)."""
        decided = f"SELECT * FROM ({self.decided(decisions)}) x WHERE x.action = 'update'"
        if self.has_choices:
            return self._choices(decided)
        return (
            "INSERT INTO effect (row_number, who, notes, outcome, target, into_id, into_name,"
            f" digest, changes) {self._memberships(decided)}"
        )

    def in_one(self, decisions: Mapping[str, Decision], *, has_centers: bool) -> str:
        """All of a chunk at once, where no group has to be made for it: match, decide, hold against
        the seal, add, and keep the outcomes. Returns how many rows of each group came to what
        (NULL where a pattern is not among the decisions: then none of it may stay) and the numbers
        of those that did not go through (parameters: the run, the preview)."""
        # OFFSET 0: the pattern is put together once for a row, not once for each of its uses
        decided = self.decided(decisions, f"({self.evidence()} OFFSET 0)")
        is_held = seals = "false"
        if self.is_sealed:
            seals = "p.outcome IS DISTINCT FROM e.outcome OR p.digest IS DISTINCT FROM e.digest"
            seals += " OR p.constituent_id IS DISTINCT FROM e.target"
            is_held = "bool_or(x.is_broken) OVER (PARTITION BY x.target, x.into_id"
            is_held += " ORDER BY x.row_number)"
        preview = (
            " LEFT JOIN run_rows p ON p.run_id = %(preview)s AND p.row_number = e.row_number"
            if self.is_sealed
            else ""
        )
        centers = f", centers AS ({ADD_TO_CENTERS.format(effect='went')})" if has_centers else ""
        return f"""
WITH effect AS MATERIALIZED (
    SELECT x.*, x.outcome <> 'rejected' AND {is_held} AS is_held
    FROM (SELECT e.*, {seals} AS is_broken FROM ({self._memberships(decided)}) e{preview}) x),
went AS NOT MATERIALIZED (
    SELECT * FROM effect WHERE outcome IN ('updated', 'unchanged') AND NOT is_held),
members AS ({ADD_MEMBERS.format(effect="went")}){centers},
outcomes AS (
    INSERT INTO run_rows (run_id, row_number, outcome, constituent_id, who, notes, into_id)
    SELECT %(run)s, row_number, outcome, target, who, notes, into_id FROM went ORDER BY row_number)
SELECT CASE WHEN is_held THEN 'withheld' ELSE outcome END, into_id, count(*),
    array_agg(row_number) FILTER (WHERE is_held OR outcome = 'rejected')
FROM effect GROUP BY 1, 2"""

    @property
    def _seal(self) -> str:
        if not self.keeps_diffs:
            return "NULL::bigint"
        return (
            "hashtextextended(CASE WHEN d.into_name IS NULL THEN 'n' || d.into_id"
            " ELSE '+' || lower(d.into_name) END || {state}, 0)"
        )

    def _memberships(self, decided: str) -> str:
        """The columns of `effect` that a group's rows have."""
        changes = "NULL::hstore"
        name = ""
        if self.tables.is_overlay:
            name = f"LEFT JOIN groups g ON g.id = d.into_id LEFT JOIN LATERAL ({_JOINS}) j ON true"
            changes = (
                "CASE WHEN d.nth = 1 AND NOT d.is_in"
                " THEN hstore('group_name', coalesce(d.into_name, g.name))"
                " || CASE WHEN j.name IS NOT NULL AND d.row_number = min(d.row_number)"
                " FILTER (WHERE d.nth = 1 AND NOT d.is_in)"
                " OVER (PARTITION BY d.target, g.center_id)"
                " THEN hstore('center_name', j.name) ELSE '' END END"
            )
        is_in = self.tables.is_member("x.into_id", "x.target")
        return f"""
SELECT d.row_number, d.who, d.said AS notes,
    CASE WHEN d.action = 'reject' THEN 'rejected' WHEN d.action IS NULL THEN NULL
        WHEN d.nth = 1 AND NOT d.is_in THEN 'updated' ELSE 'unchanged' END AS outcome,
    d.target, d.into_id, d.into_name, {self._seal.format(state="''")} AS digest,
    {changes} AS changes
FROM (SELECT x.*, {is_in} AS is_in,
        row_number() OVER (PARTITION BY x.target, x.into_id ORDER BY x.row_number) AS nth
    FROM ({decided}) x) d {name}"""

    def _choices(self, decided: str) -> str:
        """`prior` is what the person chose before the row, `becomes` what stands after it. A no
        stays, unless the run may opt people in again."""
        stored = self.tables.choice("x.into_id", "x.target")
        rows = "OVER (PARTITION BY x.into_id, x.target ORDER BY x.row_number"
        earlier = (
            f"lag(x.opt_in) {rows})"
            if self.allow_opt_in
            else f"bool_and(x.opt_in) {rows} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        )
        prior = (
            "coalesce(d.earlier, d.was)"
            if self.allow_opt_in
            else "CASE WHEN d.was IS FALSE THEN false ELSE coalesce(d.earlier, d.was) END"
        )
        becomes = "d.opt_in" if self.allow_opt_in else "d.opt_in AND d.prior IS NOT FALSE"
        changes = before = "NULL::hstore"
        if self.tables.is_overlay:
            before = "hstore('opt_in', d.prior::text)"
            changes = "hstore(ARRAY['interest_name', 'opt_in'], ARRAY[d.name, d.becomes::text])"
            before, changes = (
                f"CASE WHEN d.becomes IS DISTINCT FROM d.prior THEN {each} END"
                for each in (before, changes)
            )
        seal = self._seal.format(
            state="concat_ws('|', '', coalesce(d.prior::text, '-'), d.becomes)"
        )
        return f"""
INSERT INTO effect (row_number, who, notes, outcome, target, into_id, into_name, prior, becomes,
    is_kept, digest, before, changes)
SELECT d.row_number, d.who, {self._notes()},
    CASE WHEN d.becomes IS DISTINCT FROM d.prior THEN 'updated' ELSE 'unchanged' END,
    d.target, d.into_id, d.into_name, d.prior, d.becomes, d.opt_in AND NOT d.becomes,
    {seal}, {before}, {changes}
FROM (SELECT d.*, {becomes} AS becomes, coalesce(d.into_name, t.name) AS name
    FROM (SELECT d.*, {prior} AS prior
        FROM (SELECT x.*, {stored} AS was, {earlier} AS earlier
            FROM ({decided}) x OFFSET 0) d OFFSET 0) d
    LEFT JOIN interests t ON t.id = d.into_id) d"""

    def _notes(self) -> str:
        """A sentence on a no that stayed, or on one that was undone and by whose word."""
        if self.allow_opt_in:
            return (
                "CASE WHEN d.opt_in AND d.prior IS FALSE THEN d.said || ('Opted in again to '"
                " || d.name || ', as ' || %(allowed_by)s::text || ' decided: this person had"
                " opted out.') ELSE d.said END"
            )
        return (
            "CASE WHEN d.opt_in AND NOT d.becomes THEN d.said || ('Stays opted out of ' || d.name"
            " || ': the file alone cannot opt anybody in again.') ELSE d.said END"
        )

    def outcomes(self) -> str:
        """In the order of the file, which is not that of the keys they were matched by."""
        return f"{super().outcomes()} ORDER BY e.row_number"
