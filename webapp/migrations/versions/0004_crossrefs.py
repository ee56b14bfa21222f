"""Cross-references: types, entries, what runs saw of them; the triggers that log and count.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# key, label, online kind, policy. A field's codes are kept where they have no entry: with the first
# entry of a table, files that were right the day before should not be refused.
TYPES = (
    ("group", "Groups", "group", "reject"),
    ("interest", "Interests", "interest", "reject"),
    ("origin_source", "Origin sources", "code", "keep"),
    ("field:TITLE", "Titles", "code", "keep"),
    ("field:SUFFIX", "Suffixes", "code", "keep"),
    ("field:GENDER", "Genders", "code", "keep"),
    ("field:STATEPROV", "States and provinces", "code", "keep"),
    ("field:COUNTRY", "Countries", "code", "keep"),
    ("field:MARITAL_STATUS", "Marital statuses", "code", "keep"),
    ("campaign", "Donation campaigns", "code", "reject"),
    ("donation_form", "Donation forms", "code", "reject"),
    ("designation", "Gift designations (funds)", "code", "reject"),
    ("event", "Events", "code", "reject"),
    ("ticket", "Tickets", "code", "reject"),
    ("store", "Stores", "code", "reject"),
    ("product", "Products", "code", "reject"),
    ("teamraiser", "TeamRaiser events", "code", "reject"),
    ("personal_event", "Personal fundraising events", "code", "reject"),
)

INTEGRITY = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- In one scope and at one time a foreign value means one thing ...
ALTER TABLE cross_reference_entries ADD CONSTRAINT ex_cross_reference_entries_foreign
    EXCLUDE USING gist (type_id WITH =, (coalesce(center_id, 0)) WITH =,
    (md5(foreign_key)::uuid) WITH =, (daterange(valid_from, valid_to, '[]')) WITH &&);
-- ... and one foreign value is sent back for an online one
ALTER TABLE cross_reference_entries ADD CONSTRAINT ex_cross_reference_entries_sent_back
    EXCLUDE USING gist (type_id WITH =, (coalesce(center_id, 0)) WITH =,
    (md5(online_key)::uuid) WITH =, (daterange(valid_from, valid_to, '[]')) WITH &&)
    WHERE (is_sent_back) DEFERRABLE INITIALLY IMMEDIATE;

-- Written once and rarely read: not worth compressing
ALTER TABLE cross_reference_snapshots ALTER content SET STORAGE EXTERNAL;

CREATE INDEX ix_cross_reference_entries_searched ON cross_reference_entries
    USING gin (datasync_fold(searched) gin_trgm_ops);
CREATE INDEX ix_change_log_cross_references ON change_log
    ((split_part(key, ':', 1)), id) WHERE table_name = 'cross_reference_entries';
CREATE INDEX ix_change_log_cross_reference_keys ON change_log
    (key, id) WHERE table_name = 'cross_reference_entries';
"""

# Each statement that changes entries makes one new version of each type it touched. The lock on
# the type's row makes changes of one type wait for one another.
VERSIONS = "".join(
    f"""
CREATE FUNCTION datasync_count_cross_reference_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cross_reference_types SET version = version + 1, updated_at = now()
    WHERE id IN (SELECT type_id FROM {rows});
    RETURN NULL;
END $$;
CREATE TRIGGER count_{event} AFTER {event.upper()} ON cross_reference_entries
    REFERENCING {seen} FOR EACH STATEMENT
    EXECUTE FUNCTION datasync_count_cross_reference_{event}();
"""
    for event, rows, seen in (
        ("insert", "new_rows", "NEW TABLE AS new_rows"),
        ("update", "new_rows", "NEW TABLE AS new_rows"),
        ("delete", "old_rows", "OLD TABLE AS old_rows"),
    )
)

# table -> (key expression, what is bookkeeping); as in the first migration
LOGGED = {
    "cross_reference_types": ("{r}.id", ("version", "updated_at")),
    "cross_reference_entries": (
        "{r}.type_id || ':' || {r}.id",
        ("version", "updated_at", "updated_by_id", "online_key", "foreign_key", "searched"),
    ),
}

DECLARE = """
DECLARE
    this_xid bigint := pg_current_xact_id()::text::bigint;
    who_id bigint := nullif(current_setting('datasync.actor_id', true), '')::bigint;
    who text := nullif(current_setting('datasync.actor', true), '');
    this_run bigint := nullif(current_setting('datasync.run_id', true), '')::bigint;"""


def _logging(table: str) -> str:
    key, bookkeeping = LOGGED[table]
    ignored = "ARRAY[" + ", ".join(f"'{name}'" for name in bookkeeping) + "]"

    def insert(operation: str, row: str, old: str, source: str) -> str:
        return f"""INSERT INTO change_log (xid, table_name, op, key, actor_id, actor, run_id, old)
    SELECT this_xid, '{table}', '{operation}', ({key.format(r=row)})::text, who_id, who, this_run,
    {old} FROM {source}"""

    body = {
        "insert": (
            insert("insert", "n", "NULL::hstore", "new_rows n"),
            "NEW TABLE AS new_rows",
        ),
        "update": (
            insert(
                "update",
                "n",
                "diff.d",
                f"""old_rows o JOIN new_rows n ON o.id = n.id
    CROSS JOIN LATERAL (SELECT (hstore(o) - hstore(n)) - {ignored} AS d) diff
    WHERE diff.d <> ''::hstore""",
            ),
            "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        ),
        "delete": (insert("delete", "o", "hstore(o)", "old_rows o"), "OLD TABLE AS old_rows"),
    }
    return "".join(
        f"""
CREATE FUNCTION datasync_log_{table}_{operation}() RETURNS trigger LANGUAGE plpgsql AS $${DECLARE}
BEGIN
    {statement};
    RETURN NULL;
END $$;
CREATE TRIGGER log_{operation} AFTER {operation.upper()} ON {table}
    REFERENCING {seen} FOR EACH STATEMENT
    EXECUTE FUNCTION datasync_log_{table}_{operation}();
"""
        for operation, (statement, seen) in body.items()
    )


def _create_types() -> None:
    op.create_table('cross_reference_types',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('online_kind', sa.Text(), nullable=False),
    sa.Column('foreign_labels', postgresql.JSONB(astext_type=sa.Text()), server_default='["Foreign value"]', nullable=False),
    sa.Column('policy', sa.Text(), server_default='reject', nullable=False),
    sa.Column('default_value', sa.Text(), nullable=True),
    sa.Column('position', sa.Integer(), server_default='0', nullable=False),
    sa.Column('version', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("online_kind IN ('group', 'interest', 'code')", name=op.f('ck_cross_reference_types_online_kind')),
    sa.CheckConstraint("policy IN ('reject', 'keep', 'default')", name=op.f('ck_cross_reference_types_policy')),
    sa.CheckConstraint("policy <> 'default' OR default_value IS NOT NULL", name=op.f('ck_cross_reference_types_default_is_given')),
    sa.CheckConstraint("jsonb_array_length(foreign_labels) BETWEEN 1 AND 10", name=op.f('ck_cross_reference_types_labels')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cross_reference_types')),
    sa.UniqueConstraint('key', name=op.f('uq_cross_reference_types_key'))
    )


def _create_entries() -> None:
    op.create_table('cross_reference_entries',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('type_id', sa.BigInteger(), nullable=False),
    sa.Column('online_value', sa.Text(), nullable=False),
    sa.Column('foreign_values', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('is_sent_back', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=True),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('online_key', sa.Text(), nullable=False),
    sa.Column('foreign_key', sa.Text(), nullable=False),
    sa.Column('searched', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_by_id', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("cardinality(foreign_values) BETWEEN 1 AND 10", name=op.f('ck_cross_reference_entries_foreign_values')),
    sa.CheckConstraint("valid_from <= valid_to", name=op.f('ck_cross_reference_entries_dates')),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_cross_reference_entries_center_id')),
    sa.ForeignKeyConstraint(['type_id'], ['cross_reference_types.id'], name=op.f('fk_cross_reference_entries_type_id')),
    sa.ForeignKeyConstraint(['updated_by_id'], ['users.id'], name=op.f('fk_cross_reference_entries_updated_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cross_reference_entries'))
    )
    for columns in (['type_id', 'foreign_key', 'id'], ['type_id', 'online_key', 'id'], ['type_id', 'updated_at', 'id']):
        op.create_index(op.f('ix_cross_reference_entries_' + '_'.join(columns)), 'cross_reference_entries', columns)
    op.create_index(op.f('ix_cross_reference_entries_center_id'), 'cross_reference_entries', ['center_id'], postgresql_where=sa.text('center_id IS NOT NULL'))


def _create_run_tables() -> None:
    op.create_table('cross_reference_uses',
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('type_id', sa.BigInteger(), nullable=False),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('rows', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('mapped', sa.BigInteger(), server_default='0', nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_cross_reference_uses_run_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['type_id'], ['cross_reference_types.id'], name=op.f('fk_cross_reference_uses_type_id')),
    sa.PrimaryKeyConstraint('run_id', 'type_id', name=op.f('pk_cross_reference_uses'))
    )
    op.create_index(op.f('ix_cross_reference_uses_type_id_run_id'), 'cross_reference_uses', ['type_id', 'run_id'])
    op.create_table('cross_reference_seen',
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('type_id', sa.BigInteger(), nullable=False),
    sa.Column('foreign_key', sa.Text(), nullable=False),
    sa.Column('foreign_values', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('rows', sa.BigInteger(), nullable=False),
    sa.Column('first_row', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_cross_reference_seen_run_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['type_id'], ['cross_reference_types.id'], name=op.f('fk_cross_reference_seen_type_id')),
    sa.PrimaryKeyConstraint('run_id', 'type_id', 'foreign_key', name=op.f('pk_cross_reference_seen'))
    )
    op.create_index(op.f('ix_cross_reference_seen_type_id_foreign_key'), 'cross_reference_seen', ['type_id', 'foreign_key'])
    op.create_table('cross_reference_snapshots',
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('type_id', sa.BigInteger(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_cross_reference_snapshots_run_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['type_id'], ['cross_reference_types.id'], name=op.f('fk_cross_reference_snapshots_type_id')),
    sa.PrimaryKeyConstraint('run_id', 'type_id', name=op.f('pk_cross_reference_snapshots'))
    )


def upgrade() -> None:
    _create_types()
    _create_entries()
    _create_run_tables()
    op.execute(INTEGRITY)
    op.bulk_insert(
        sa.table(
            "cross_reference_types",
            *(sa.column(name) for name in ("key", "label", "online_kind", "policy", "position")),
        ),
        [
            {"key": key, "label": label, "online_kind": kind, "policy": policy, "position": at}
            for at, (key, label, kind, policy) in enumerate(TYPES)
        ],
    )
    op.execute(VERSIONS)
    for table in LOGGED:
        op.execute(_logging(table))


def downgrade() -> None:
    for table in ("snapshots", "seen", "uses", "entries", "types"):
        op.drop_table(f"cross_reference_{table}")
    for name in (*LOGGED,):
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP FUNCTION datasync_log_{name}_{event}()")
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP FUNCTION datasync_count_cross_reference_{event}()")
    op.execute("DROP INDEX ix_change_log_cross_references")
    op.execute("DROP INDEX ix_change_log_cross_reference_keys")
