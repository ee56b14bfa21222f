"""Registrations and whom each may be the same as; who waits for a decision is seen from that.

Of those who waited before, nobody knew for whom: each is paired with the oldest other active record
that ever had its email. Where there is none there is nothing to decide, and the record goes with
the next download.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WAITING = """
CREATE VIEW unresolved_duplicates AS
SELECT m.registration_id AS constituent_id, min(m.found_at) AS since_at
FROM potential_matches m
JOIN constituents r ON r.id = m.registration_id AND r.is_active
JOIN constituents c ON c.id = m.candidate_id AND c.is_active
WHERE m.decision IS NULL
GROUP BY m.registration_id
"""
CARRY_OVER = """
INSERT INTO potential_matches (registration_id, candidate_id, found_at)
SELECT w.constituent_id, other.id, w.since_at FROM waiting_before w
CROSS JOIN LATERAL (
    SELECT c.id FROM constituent_emails mine
    JOIN constituent_emails e ON e.email = mine.email AND e.constituent_id <> mine.constituent_id
    JOIN constituents c ON c.id = e.constituent_id AND c.is_active
    WHERE mine.constituent_id = w.constituent_id ORDER BY c.id LIMIT 1
) other
ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    op.execute(
        "CREATE TEMP TABLE waiting_before ON COMMIT DROP AS SELECT * FROM unresolved_duplicates"
    )
    op.drop_table("unresolved_duplicates")
    op.create_table(
        "potential_matches",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("candidate_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "found_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("found_by", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "registration_id <> candidate_id", name=op.f("ck_potential_matches_two_records")
        ),
        sa.CheckConstraint(
            "decision IN ('not_a_match')", name=op.f("ck_potential_matches_decision")
        ),
        sa.CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL)",
            name=op.f("ck_potential_matches_decided_at"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_potential_matches")),
    )
    op.create_index(
        "uq_potential_matches_pair",
        "potential_matches",
        [
            sa.text("least(registration_id, candidate_id)"),
            sa.text("greatest(registration_id, candidate_id)"),
        ],
        unique=True,
    )
    op.create_index(
        "ix_potential_matches_waiting",
        "potential_matches",
        ["registration_id", "id"],
        postgresql_where=sa.text("decision IS NULL"),
    )
    for column in ("registration_id", "candidate_id"):
        op.create_index(op.f(f"ix_potential_matches_{column}"), "potential_matches", [column])
    op.execute(CARRY_OVER)
    op.execute(WAITING)


def downgrade() -> None:
    op.execute(
        "CREATE TEMP TABLE waiting_before ON COMMIT DROP AS SELECT * FROM unresolved_duplicates"
    )
    op.execute("DROP VIEW unresolved_duplicates")
    op.drop_table("potential_matches")
    op.create_table(
        "unresolved_duplicates",
        sa.Column("constituent_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "since_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("constituent_id", name=op.f("pk_unresolved_duplicates")),
    )
    op.execute("INSERT INTO unresolved_duplicates SELECT * FROM waiting_before")
