"""A download window begins behind a row of the change log as well as behind a snapshot, and is told
apart by database and log too: what a restored database needs.

Revision ID: 0013
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0010"
branch_labels = None
depends_on = None

CLUSTER = """(SELECT system_identifier FROM pg_control_system())::text || '/'
    || left(pg_walfile_name(pg_current_wal_lsn()), 8)"""
PLACE = """'/' || (SELECT oid FROM pg_database WHERE datname = current_database())
    || '/' || 'change_log'::regclass::oid"""


def upgrade() -> None:
    op.add_column("download_windows", sa.Column("from_log_id", sa.BigInteger(), nullable=True))
    op.add_column("download_windows", sa.Column("position_log_id", sa.BigInteger(), nullable=True))
    # Those of this very database go on as they were
    op.execute(
        f"UPDATE download_windows SET cluster = cluster || {PLACE} WHERE cluster = {CLUSTER}"
    )


def downgrade() -> None:
    op.execute(
        "UPDATE download_windows SET cluster = array_to_string((string_to_array(cluster, '/'))[:2],"
        " '/')"
    )
    op.drop_column("download_windows", "position_log_id")
    op.drop_column("download_windows", "from_log_id")
