"""The Transaction Information Download.

Revision ID: 0011
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0006"
branch_labels = None
depends_on = None

OPERATIONS = sa.table(
    "operations",
    sa.column("slug", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("title", sa.Text),
    sa.column("description", sa.Text),
    sa.column("is_standard", sa.Boolean),
)


def upgrade() -> None:
    op.bulk_insert(
        OPERATIONS,
        [
            {
                "slug": "transaction-information-download",
                "kind": "transaction_information_download",
                "title": "Transaction Information Download",
                "description": "A file of the gifts, payments, tickets, registrations and refunds "
                "the offline database has not had yet: each once.",
                "is_standard": True,
            }
        ],
    )


def downgrade() -> None:
    op.execute(
        "DELETE FROM operations WHERE is_standard AND slug = 'transaction-information-download'"
    )
