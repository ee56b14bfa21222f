"""Whose row it is: the evidence of a chunk gathered as sets, and what was decided on it applied."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from jobs.processors.import_tables import ImportTables
from webapp.rules.fields import Kind
from webapp.rules.standard_import import Candidate, Decision

_CANDIDATE_COLUMNS = {
    Candidate.CONS_ID: "cons_hit",
    Candidate.MEMBER_ID: "member_hit",
    Candidate.BLANK_MEMBER_ID: "blank_hit",
    Candidate.EMAIL: "email_hit",
}

_BY_MEMBER = """SELECT count(*) FILTER (WHERE k.is_active) AS active,
    min(k.id) FILTER (WHERE k.is_active) AS id,
    min(k.id) FILTER (WHERE NOT k.is_active) AS removed_id,
    bool_or(k.is_active AND lower(k.primary_email) = {email}) AS has_email
    FROM ({people}) k"""
_OF_ID = (
    "coalesce(c.is_active, false)::int, coalesce(NOT c.is_active, false)::int,"
    " coalesce(c.member_id = {member}, false)::int, coalesce(c.email = {email}, false)::int"
)
_OF_MEMBER = (
    "least(m.active, 2), (m.removed_id IS NOT NULL)::int, coalesce(m.has_email, false)::int"
)
_OF_EMAIL = (
    "least(e.active, 2), least(e.matching, 2), least(e.blank, 2), (e.removed_id IS NOT NULL)::int"
)
_NOT_BY_MEMBER = (
    "SELECT 0 AS active, NULL::bigint AS id, NULL::bigint AS removed_id, false AS has_email"
)
_BY_EMAIL = """SELECT count(*) FILTER (WHERE k.is_active) AS active,
    count(*) FILTER (WHERE k.is_active AND k.accepts_email) AS matching,
    min(k.id) FILTER (WHERE k.is_active AND k.accepts_email) AS match_id,
    count(*) FILTER (WHERE k.is_active AND k.accepts_email AND k.member_id IS NULL) AS blank,
    min(k.id) FILTER (WHERE k.is_active AND k.accepts_email AND k.member_id IS NULL) AS blank_id,
    min(k.id) FILTER (WHERE k.is_active) AS low, max(k.id) FILTER (WHERE k.is_active) AS high,
    min(k.id) FILTER (WHERE NOT k.is_active) AS removed_id
    FROM ({people}) k"""
_NOT_BY_EMAIL = (
    "SELECT 0 AS active, 0 AS matching, NULL::bigint AS match_id, 0 AS blank,"
    " NULL::bigint AS blank_id, NULL::bigint AS low, NULL::bigint AS high,"
    " NULL::bigint AS removed_id"
)


LOOKUPS_BY_KEY = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
"""However many people there are, a chunk's are looked up one by one: until the transaction ends."""


class MatchSql(ImportTables):
    """From `staged` to `matched`, wave by wave."""

    # Evidence ------------------------------------------------------------------------------

    @property
    def rows_to_match(self) -> str:
        """Where a wave's rows are taken from, and in which order."""
        return "staged"

    def match(self) -> str:
        """Gather the evidence for the rows of one wave (parameter: the wave)."""
        return f"INSERT INTO matched {self.evidence()} WHERE s.wave = %s"

    def evidence(self) -> str:
        """The staged rows with what is known of whose they are, as columns of `matched`."""
        member = "s.member_id" if "member_id" in self.attributes else "NULL::text"
        email = "lower(s.primary_email)" if "primary_email" in self.attributes else "NULL::text"
        has_cons_id = any(f.kind is Kind.CONS_ID for f in self.fields)
        by_id = (
            "SELECT k.id, k.is_active, k.member_id, lower(k.primary_email) AS email"
            f" FROM ({self.tables.constituents('r.id = s.key_cons_id')}) k"
            if has_cons_id
            else "SELECT NULL::bigint AS id, NULL::boolean AS is_active, NULL::text AS member_id,"
            " NULL::text AS email"
        )
        by_member = self.tables.constituents(f"r.member_id = {member}")
        # Whose address it is matters only where the row's own constituent does not have it yet
        by_email = self.tables.constituents(
            f"lower(r.primary_email) = {email} AND NOT coalesce(m.has_email, false)"
            " AND c.email IS DISTINCT FROM "
            f"{email}"
        )
        # Without the column nothing can be found by it, and nothing is asked for it
        found_by_member, of_member = _NOT_BY_MEMBER, "'000'"
        if "member_id" in self.attributes:
            found_by_member, of_member = (
                _BY_MEMBER.format(people=by_member, email=email),
                _OF_MEMBER,
            )
        found_by_email, of_email = _NOT_BY_EMAIL, "'0000'"
        if "primary_email" in self.attributes:
            found_by_email, of_email = _BY_EMAIL.format(people=by_email), _OF_EMAIL
        of_id = _OF_ID.format(member=member, email=email) if has_cons_id else "'0000'"
        return f"""
SELECT s.*, c.id AS cons_hit, m.id AS member_hit, e.blank_id AS blank_hit, e.match_id AS email_hit,
    e.low AS email_low, e.high AS email_high,
    CASE WHEN s.key_cons_id IS NOT NULL THEN c.id
         WHEN {member} IS NOT NULL THEN m.removed_id ELSE e.removed_id END AS removed_hit,
    concat(
        CASE WHEN s.key_cons_id IS NOT NULL THEN 'c' WHEN {member} IS NOT NULL THEN 'm'
             WHEN {email} IS NOT NULL THEN 'e' ELSE '-' END,
        {of_id}, {of_member}, {of_email}) AS pattern
FROM {self.rows_to_match} s
LEFT JOIN LATERAL ({by_id}) c ON true
CROSS JOIN LATERAL ({found_by_member}) m
CROSS JOIN LATERAL ({found_by_email}) e"""

    _HITS = (
        "SELECT row_number, hit FROM matched, unnest(ARRAY[cons_hit, member_hit, blank_hit,"
        " email_hit, email_low, email_high]) hit WHERE hit IS NOT NULL"
    )

    def has_conflicts(self) -> str:
        """Whether two rows of the wave may have looked at one record: exact where each row looked
        at one record at most, as nearly all do; else yes, and `links` finds out."""
        hits = "cons_hit, member_hit, blank_hit, email_hit, email_low, email_high"
        return (
            "SELECT coalesce(bool_or(one <> other), false) OR count(one) <> count(DISTINCT one)"
            f" FROM (SELECT least({hits}) AS one, greatest({hits}) AS other FROM matched) h"
        )

    def links(self) -> str:
        """The row numbers that have a key in common, or looked at one record, or name a key that a
        record has which another looked at (and may take it from)."""
        member = "'m' || member_id" if "member_id" in self.attributes else "NULL"
        email = "'e' || lower(primary_email)" if "primary_email" in self.attributes else "NULL"
        record = self.tables.constituents("r.id = h.hit")
        return f"""
WITH hits AS MATERIALIZED (SELECT DISTINCT row_number, hit FROM ({self._HITS}) x),
links AS (
    SELECT row_number, 'r' || hit AS link FROM hits
    UNION SELECT row_number, link FROM matched,
        unnest(ARRAY['c' || key_cons_id, {member}, {email}]) link WHERE link IS NOT NULL
    UNION SELECT h.row_number, link FROM hits h CROSS JOIN LATERAL ({record}) k,
        unnest(ARRAY['m' || k.member_id, 'e' || lower(k.primary_email)]) link
        WHERE link IS NOT NULL
)
SELECT array_agg(row_number) FROM links GROUP BY link HAVING count(*) > 1"""

    def put_off(self) -> list[str]:
        """Give rows a later wave (parameters: `rows` and their `waves`)."""
        return [
            "UPDATE staged s SET wave = w.wave FROM unnest(%(rows)s::int[], %(waves)s::int[])"
            " AS w(number, wave) WHERE s.row_number = w.number",
            "DELETE FROM matched WHERE row_number = ANY (%(rows)s::int[])",
        ]

    # Decisions -----------------------------------------------------------------------------

    def decided(self, decisions: Mapping[str, Decision], matched: str = "matched") -> str:
        """`matched` with what was decided for each pattern: action, target, fault."""

        def case(values: Mapping[str, str]) -> str:
            whens = " ".join(f"WHEN '{pattern}' THEN {sql}" for pattern, sql in values.items())
            return f"CASE pattern {whens} END" if values else "NULL"

        actions = {p: f"'{d.action}'" for p, d in decisions.items()}
        targets = {p: _CANDIDATE_COLUMNS[d.candidate] for p, d in decisions.items() if d.candidate}
        faults = {p: f"'{d.fault}'" for p, d in decisions.items() if d.fault}
        decided = (
            f"SELECT m.*, {case(actions)} AS action, ({case(targets)})::bigint AS target,"
            f" ({case(faults)})::text AS fault FROM {matched} m"
        )
        if self.center_id is None:
            return decided
        # A center touches its own people only; those this very preview would make are its own
        is_ours = (
            "d.target < 0 OR EXISTS (SELECT 1 FROM center_members cm"
            f" WHERE cm.center_id = {self.center_id} AND cm.constituent_id = d.target)"
        )
        others = ", ".join(
            f"d.{name}" for name in ("pattern", *self.staged_columns, "email_low", "removed_hit")
        )
        return (
            f"SELECT {others}, d.member_hit, d.target, CASE WHEN d.action = 'update' AND NOT"
            f" ({is_ours}) THEN 'reject' ELSE d.action END AS action, CASE WHEN d.action ="
            f" 'update' AND NOT ({is_ours}) THEN 'other_center' ELSE d.fault END AS fault"
            f" FROM ({decided}) d"
        )

    def rejected(self, decisions: Mapping[str, Decision]) -> str:
        """The rows that are rejected, with what their sentences need."""
        member = "d.member_id" if "member_id" in self.attributes else "NULL"
        email = "d.primary_email" if "primary_email" in self.attributes else "NULL"
        return (
            f"SELECT d.row_number, d.who, d.fault, d.key_cons_id::text, {member}, {email},"
            " CASE d.fault WHEN 'email_taken' THEN d.email_low"
            " WHEN 'email_unreachable' THEN d.email_low WHEN 'member_id_taken' THEN d.member_hit"
            " WHEN 'removed' THEN d.removed_hit END"
            f" FROM ({self.decided(decisions)}) d WHERE d.action = 'reject'"
        )

    # What is kept ----------------------------------------------------------------------------

    _NOTES = "e.notes"
    _INTO = "NULL"

    def outcomes(self) -> str:
        """Keep the outcome of the rows that went through (parameter: the run)."""
        shown = "e.digest, e.before, e.changes" if self.tables.is_overlay else "NULL, NULL, NULL"
        return (
            "INSERT INTO run_rows (run_id, row_number, outcome, constituent_id, who, notes,"
            " into_id, digest, before, changes) SELECT %(run)s, e.row_number, e.outcome, e.target,"
            f" e.who, {self._NOTES}, {self._INTO}, {shown} FROM effect e"
        )


class KnownPeopleSql(MatchSql):
    """The same for files that only name people who are here already: nothing but their keys is
    looked at, and nothing of theirs is written."""

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The keys that the file has."""
        given = {field.attribute for field in self.fields}
        return tuple(name for name in ("member_id", "primary_email") if name in given)

    @cached_property
    def staged(self) -> Mapping[str, str]:
        """The person's number, what the row says of them, and their other keys."""
        keys = dict.fromkeys(self.attributes, "text")
        return {"key_cons_id": "bigint", **self.said_of, **keys}

    @property
    def said_of(self) -> Mapping[str, str]:
        """What a row says of its person: columns of `staged`, and their types."""
        raise NotImplementedError
