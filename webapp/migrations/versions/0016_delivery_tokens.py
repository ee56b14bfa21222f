"""Each download that counts has a token, which the file store has too: a database put back from a
copy of its files doesn't know the one that was left last.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("download_windows", sa.Column("token", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("download_windows", "token")
