"""What people change by hand in a group or an interest is found without a look at what runs did; a
row of an upload of memberships tells which group or interest it is about.

Revision ID: 0010
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_change_log_by_hand ON change_log (table_name, key, id)"
        " WHERE run_id IS NULL"
        " AND table_name IN ('group_members', 'interest_choices', 'interests')"
    )
    op.add_column("run_rows", sa.Column("into_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("run_rows", "into_id")
    op.execute("DROP INDEX ix_change_log_by_hand")
