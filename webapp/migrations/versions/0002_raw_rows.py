"""The text of a row that could not be read as one, beside its outcome.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default it costs nothing, however many rows there are
    op.add_column("run_rows", sa.Column("raw", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("run_rows", "raw")
