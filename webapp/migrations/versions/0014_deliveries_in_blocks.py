"""What was sent once is kept as ranges of records, a thousand numbers to a row: one row and two
entries of an index for each record cost more than writing the file.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

IN_BLOCKS = """
INSERT INTO download_deliveries (run_id, block, is_update, records)
SELECT run_id, record_id >> 10, is_update, range_agg(int8range(record_id, record_id, '[]'))
FROM earlier_deliveries GROUP BY 1, 2, 3
"""
ONE_BY_ONE = """
INSERT INTO download_deliveries (run_id, record_id, is_update)
SELECT d.run_id, n, d.is_update FROM earlier_deliveries d, unnest(d.records) r,
    generate_series(lower(r), upper(r) - 1) n
"""


def upgrade() -> None:
    _set_aside()
    op.create_table(
        "download_deliveries",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("is_update", sa.Boolean(), nullable=False),
        sa.Column("records", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.PrimaryKeyConstraint(
            "block", "run_id", "is_update", name=op.f("pk_download_deliveries")
        ),
    )
    op.create_index(op.f("ix_download_deliveries_run_id"), "download_deliveries", ["run_id"])
    op.execute(IN_BLOCKS)


def downgrade() -> None:
    _set_aside()
    op.create_table(
        "download_deliveries",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("is_update", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "record_id", name=op.f("pk_download_deliveries")),
    )
    op.create_index(op.f("ix_download_deliveries_record_id"), "download_deliveries", ["record_id"])
    op.execute(ONE_BY_ONE)


def _set_aside() -> None:
    op.execute(
        "CREATE TEMP TABLE earlier_deliveries ON COMMIT DROP AS SELECT * FROM download_deliveries"
    )
    op.drop_table("download_deliveries")
