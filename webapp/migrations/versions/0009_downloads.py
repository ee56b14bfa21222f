"""Downloads: whose window it is, what each one covered and gave, its files, what was held back.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COUNTS = ("delivered", "removed", "filtered_out")

INDEXES = """
-- Two downloads never follow the same one: what is between is delivered once
CREATE UNIQUE INDEX uq_download_windows_stream_number ON download_windows (stream_id, number)
    WHERE is_committed;
-- Records that are gone: few, and looked for without a walk through the log
CREATE INDEX ix_change_log_gone ON change_log (xid)
    WHERE table_name = 'constituents' AND op = 'delete';
"""


def upgrade() -> None:
    for name in COUNTS:
        op.add_column(
            "runs", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        )
    op.drop_constraint(op.f("ck_runs_counts_add_up"), "runs")
    op.create_check_constraint(
        op.f("ck_runs_counts_add_up"),
        "runs",
        "kind LIKE 'undo%' OR rows_read = created + updated + unchanged + rejected + withheld"
        " + delivered + removed + filtered_out",
    )
    op.create_table('download_streams',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('operation_id', sa.BigInteger(), nullable=False),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_download_streams_center_id')),
    sa.ForeignKeyConstraint(['operation_id'], ['operations.id'], name=op.f('fk_download_streams_operation_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_download_streams')),
    sa.UniqueConstraint('operation_id', 'center_id', name=op.f('uq_download_streams_operation_id_center_id'), postgresql_nulls_not_distinct=True)
    )
    op.create_table('download_windows',
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('stream_id', sa.BigInteger(), nullable=True),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('is_committed', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('start', sa.Text(), nullable=False),
    sa.Column('since_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('from_snapshot', sa.Text(), nullable=True),
    sa.Column('to_snapshot', sa.Text(), nullable=False),
    sa.Column('to_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('moves', sa.Boolean(), nullable=False),
    sa.Column('position', sa.Text(), nullable=True),
    sa.Column('position_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cluster', sa.Text(), nullable=True),
    sa.Column('restored_from', sa.Text(), nullable=True),
    sa.Column('changed', sa.BigInteger(), nullable=False),
    sa.Column('carried', sa.BigInteger(), nullable=False),
    sa.Column('delivered', sa.BigInteger(), nullable=False),
    sa.Column('removed', sa.BigInteger(), nullable=False),
    sa.Column('withheld', sa.BigInteger(), nullable=False),
    sa.Column('filtered_out', sa.BigInteger(), nullable=False),
    sa.Column('echoed', sa.BigInteger(), nullable=False),
    sa.Column('settings', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('sample', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.CheckConstraint("start IN ('last', 'everything', 'date', 'again', 'free')", name=op.f('ck_download_windows_start')),
    sa.CheckConstraint("changed + carried = delivered + removed + withheld + filtered_out", name=op.f('ck_download_windows_accounts_for_every_change')),
    sa.CheckConstraint("echoed <= filtered_out", name=op.f('ck_download_windows_echoes_are_filtered_out')),
    sa.CheckConstraint("NOT moves OR position = to_snapshot", name=op.f('ck_download_windows_moves_to_its_end')),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_download_windows_run_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['stream_id'], ['download_streams.id'], name=op.f('fk_download_windows_stream_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('run_id', name=op.f('pk_download_windows'))
    )
    op.create_table('download_files',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('rows', sa.BigInteger(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("role IN ('records', 'removals')", name=op.f('ck_download_files_role')),
    sa.CheckConstraint("format IN ('csv', 'xlsx')", name=op.f('ck_download_files_format')),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_download_files_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_download_files')),
    sa.UniqueConstraint('key', name=op.f('uq_download_files_key'))
    )
    op.create_index(op.f('ix_download_files_run_id'), 'download_files', ['run_id'])
    op.create_table('withheld_records',
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('record_id', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('field', sa.Text(), server_default='', nullable=False),
    sa.Column('value', sa.Text(), server_default='', nullable=False),
    sa.Column('constituent_id', sa.BigInteger(), nullable=True),
    sa.Column('who', sa.Text(), server_default='', nullable=False),
    sa.Column('amount', sa.Numeric(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('since_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_withheld_records_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('run_id', 'record_id', 'reason', 'field', 'value', name=op.f('pk_withheld_records'))
    )
    op.create_index(op.f('ix_withheld_records_run_id_reason_record_id'), 'withheld_records', ['run_id', 'reason', 'record_id'])
    op.create_table('download_deliveries',
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('record_id', sa.BigInteger(), nullable=False),
    sa.Column('is_update', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('run_id', 'record_id', name=op.f('pk_download_deliveries'))
    )
    op.create_index(op.f('ix_download_deliveries_record_id'), 'download_deliveries', ['record_id'])
    op.create_table('unresolved_duplicates',
    sa.Column('constituent_id', sa.BigInteger(), nullable=False),
    sa.Column('since_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('constituent_id', name=op.f('pk_unresolved_duplicates'))
    )
    op.execute(INDEXES)
    op.bulk_insert(
        sa.table(
            "operations",
            sa.column("slug", sa.Text),
            sa.column("kind", sa.Text),
            sa.column("title", sa.Text),
            sa.column("description", sa.Text),
            sa.column("is_standard", sa.Boolean),
        ),
        [
            {
                "slug": "constituent-data-download",
                "kind": "constituent_data_download",
                "title": "Constituent Data Download",
                "description": "A file of the constituents created or modified since this "
                "download last succeeded, for the offline database.",
                "is_standard": True,
            }
        ],
    )


def downgrade() -> None:
    op.execute(
        "DELETE FROM operations WHERE is_standard AND slug = 'constituent-data-download'"
    )
    op.execute("DROP INDEX ix_change_log_gone")
    for table in (
        "unresolved_duplicates",
        "download_deliveries",
        "withheld_records",
        "download_files",
        "download_windows",
        "download_streams",
    ):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_runs_counts_add_up"), "runs")
    op.create_check_constraint(
        op.f("ck_runs_counts_add_up"),
        "runs",
        "kind LIKE 'undo%' OR rows_read = created + updated + unchanged + rejected + withheld",
    )
    for name in COUNTS:
        op.drop_column("runs", name)
