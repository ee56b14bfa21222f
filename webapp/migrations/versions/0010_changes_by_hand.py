"""What people change by hand in a group or an interest is found without a look at what runs did.

Revision ID: 0010
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_change_log_by_hand ON change_log (table_name, key, id)"
        " WHERE run_id IS NULL"
        " AND table_name IN ('group_members', 'interest_choices', 'interests')"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_change_log_by_hand")
