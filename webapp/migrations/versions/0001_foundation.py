"""The tables, the change log's triggers, the indexes of search, and the first operation.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Folding for search: case, and the accents of Latin letters (Vietnamese included). Only immutable
# built-ins and not STRICT, so that it is inlined into the indexes below and costs no function call
# per row; text in plain ASCII, which is most, is only lowered (0.3 against 1.2 microseconds).
FOLDED = {
    "a": "àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ",
    "b": "ḃḅḇ",
    "c": "çćĉċčḉ",
    "d": "ðďđḋḍḏḑḓ",
    "e": "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ",
    "f": "ḟ",
    "g": "ĝğġģǧǵḡ",
    "h": "ĥħȟḣḥḧḩḫẖ",
    "i": "ìíîïĩīĭįıǐȉȋḭḯỉị",
    "j": "ĵǰ",
    "k": "ķǩḱḳḵ",
    "l": "ĺļľłḷḹḻḽ",
    "m": "ḿṁṃ",
    "n": "ñńņňǹṅṇṉṋ",
    "o": "òóôõöøōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ",
    "p": "ṕṗ",
    "r": "ŕŗřȑȓṙṛṝṟ",
    "s": "śŝşšșṡṣṥṧṩ",
    "t": "ţťŧțṫṭṯṱẗ",
    "u": "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự",
    "v": "ṽṿ",
    "w": "ŵẁẃẅẇẉẘ",
    "x": "ẋẍ",
    "y": "ýÿŷȳẏẙỳỵỷỹ",
    "z": "źżžẑẓẕ",
}
FOLD_FROM = "".join(FOLDED.values())
FOLD_TO = "".join(letter * len(accented) for letter, accented in FOLDED.items())

FUNCTIONS = f"""
CREATE FUNCTION datasync_fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN octet_length($1) = char_length($1) THEN lower($1)
    ELSE translate(lower($1), '{FOLD_FROM}', '{FOLD_TO}') END $$;

-- Digits from the end: a number is found by its last digits, with or without country code
CREATE FUNCTION datasync_phone_key(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT reverse(regexp_replace($1, '[^0-9]', '', 'g')) $$;
"""

SEARCH_INDEXES = """
-- A member ID is unique among active records; the same index finds removed records by it
CREATE UNIQUE INDEX uq_constituents_member_id_active ON constituents
    (member_id text_pattern_ops, (CASE WHEN is_active THEN 0 ELSE id END))
    WHERE member_id IS NOT NULL;
CREATE INDEX ix_constituents_email ON constituents (lower(primary_email) text_pattern_ops)
    WHERE primary_email IS NOT NULL;
CREATE INDEX ix_constituents_last_first ON constituents
    (datasync_fold(last_name) text_pattern_ops, datasync_fold(first_name) text_pattern_ops);
CREATE INDEX ix_constituents_first_last ON constituents
    (datasync_fold(first_name) text_pattern_ops, datasync_fold(last_name) text_pattern_ops);
-- The second of two surnames: García López is found by López as well
CREATE INDEX ix_constituents_last_word ON constituents
    (datasync_fold(substring(last_name from '[^ -]+$')) text_pattern_ops,
    datasync_fold(first_name) text_pattern_ops) WHERE last_name ~ '[ -]';
CREATE INDEX ix_constituents_home_phone ON constituents
    (datasync_phone_key(home_phone) text_pattern_ops) WHERE home_phone IS NOT NULL;
CREATE INDEX ix_constituents_work_phone ON constituents
    (datasync_phone_key(work_phone) text_pattern_ops) WHERE work_phone IS NOT NULL;
CREATE INDEX ix_constituents_mobile_phone ON constituents
    (datasync_phone_key(mobile_phone) text_pattern_ops) WHERE mobile_phone IS NOT NULL;
-- Removed records are few: a search among them starts from here
CREATE INDEX ix_constituents_removed ON constituents (id) WHERE NOT is_active;
CREATE INDEX ix_constituents_merged_into_id ON constituents (merged_into_id)
    WHERE merged_into_id IS NOT NULL;
CREATE INDEX ix_constituent_emails_constituent_id ON constituent_emails (constituent_id);
"""

# table -> (constituent column, key expression); {r} is the row. Triggers are per statement and see
# all its rows at once (transition tables): 10,000 rows cost one INSERT ... SELECT.
LOGGED = {
    "constituents": ("{r}.id", "NULL", ("id",)),
    "constituent_emails": ("{r}.constituent_id", "{r}.email", ("constituent_id", "email")),
    "group_members": ("{r}.constituent_id", "{r}.group_id", ("constituent_id", "group_id")),
    "interest_choices": (
        "{r}.constituent_id",
        "{r}.interest_id",
        ("constituent_id", "interest_id"),
    ),
    "center_members": ("{r}.constituent_id", "{r}.center_id", ("constituent_id", "center_id")),
    "groups": ("NULL::bigint", "{r}.id", ("id",)),
    "interests": ("NULL::bigint", "{r}.id", ("id",)),
    "centers": ("NULL::bigint", "{r}.id", ("id",)),
}

# Read once per statement, not per row
DECLARE = """
DECLARE
    this_xid bigint := pg_current_xact_id()::text::bigint;
    who_id bigint := nullif(current_setting('datasync.actor_id', true), '')::bigint;
    who text := nullif(current_setting('datasync.actor', true), '');
    this_run bigint := nullif(current_setting('datasync.run_id', true), '')::bigint;"""

# What is bookkeeping, not content: never a change by itself
BOOKKEEPING = "ARRAY['modified_at', 'modified_row']"


def _row_number(table: str, row: str) -> str:
    if table == "constituents":
        return f"CASE WHEN this_run IS NOT NULL THEN {row}.modified_row END"
    return "NULL::integer"


def _logging(table: str) -> str:
    constituent, key, primary_key = LOGGED[table]

    def insert(operation: str, row: str, old: str, source: str) -> str:
        key_text = "NULL" if key == "NULL" else f"({key.format(r=row)})::text"
        return f"""INSERT INTO change_log
    (xid, table_name, op, constituent_id, key, actor_id, actor, run_id, row_number, old)
    SELECT this_xid, '{table}', '{operation}', {constituent.format(r=row)}, {key_text},
    who_id, who, this_run, {_row_number(table, row)}, {old} FROM {source}"""

    same = " AND ".join(f"o.{column} = n.{column}" for column in primary_key)
    if table == "constituents":
        # A custom field is a field of its own in the log: custom.KEY => old value
        update_source = f"""old_rows o JOIN new_rows n ON {same}
    CROSS JOIN LATERAL (SELECT (hstore(o) - hstore(n)) - {BOOKKEEPING} AS d) diff
    CROSS JOIN LATERAL (SELECT CASE WHEN diff.d ? 'custom' THEN (diff.d - 'custom'::text)
        || coalesce((SELECT hstore(array_agg('custom.' || k), array_agg(o.custom ->> k))
            FROM jsonb_object_keys(o.custom || n.custom) k
            WHERE (o.custom ->> k) IS DISTINCT FROM (n.custom ->> k)), ''::hstore)
        ELSE diff.d END AS d) split
    WHERE split.d <> ''::hstore"""
        old = "split.d"
    else:
        update_source = f"""old_rows o JOIN new_rows n ON {same}
    CROSS JOIN LATERAL (SELECT hstore(o) - hstore(n) AS d) diff WHERE diff.d <> ''::hstore"""
        old = "diff.d"
    body = {
        "insert": insert("insert", "n", "NULL::hstore", "new_rows n"),
        "update": insert("update", "n", old, update_source),
        "delete": insert("delete", "o", "hstore(o)", "old_rows o"),
    }
    seen = {
        "insert": "NEW TABLE AS new_rows",
        "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "delete": "OLD TABLE AS old_rows",
    }
    return "".join(
        f"""
CREATE FUNCTION datasync_log_{table}_{operation}() RETURNS trigger LANGUAGE plpgsql
SET enable_nestloop = off SET enable_hashjoin = on AS $${DECLARE}
BEGIN
    {statement};
    RETURN NULL;
END $$;
CREATE TRIGGER log_{operation} AFTER {operation.upper()} ON {table}
    REFERENCING {seen[operation]} FOR EACH STATEMENT
    EXECUTE FUNCTION datasync_log_{table}_{operation}();
"""
        for operation, statement in body.items()
    )


# Integrity kept by statement, as sets: a foreign key is checked row by row, which cost a third of an
# import and half of an undo (docs/decisions/020-set-integrity.md)
REFERENCES = (
    ("constituent_emails", "constituent_id", "constituents"),
    ("group_members", "constituent_id", "constituents"),
    ("group_members", "group_id", "groups"),
    ("interest_choices", "constituent_id", "constituents"),
    ("center_members", "constituent_id", "constituents"),
    ("constituents", "merged_into_id", "constituents"),
)


def _require_parent(table: str, column: str, parent: str) -> str:
    """New rows, and rows whose reference changed, must point at something."""
    name = f"datasync_require_{table}_{column}"
    events = "INSERT", "UPDATE"
    triggers = "".join(
        f"""
CREATE TRIGGER require_{column}_{event.lower()} AFTER {event} ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""
        for event in events
    )
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE orphan bigint;
BEGIN
    SELECT n.{column} INTO orphan FROM (SELECT DISTINCT x.{column} FROM new_rows x
        WHERE x.{column} IS NOT NULL) n
    WHERE NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.id = n.{column}) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'fk_{table}_{column}',
            MESSAGE = format('{table}.{column} names %s, which is not in {parent}', orphan);
    END IF;
    RETURN NULL;
END $$;
{triggers}"""


def _require_childless(parent: str) -> str:
    """A record goes only after everything that points at it."""
    children = [(table, column) for table, column, to in REFERENCES if to == parent]
    checks = "".join(
        f"""
    SELECT o.id INTO held FROM old_rows o
    WHERE EXISTS (SELECT 1 FROM {table} c WHERE c.{column} = o.id) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'fk_{table}_{column}',
            MESSAGE = format('{parent} %s is still named by {table}.{column}', held);
    END IF;"""
        for table, column in children
    )
    return f"""
CREATE FUNCTION datasync_require_childless_{parent}() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE held bigint;
BEGIN{checks}
    RETURN NULL;
END $$;
CREATE TRIGGER require_childless AFTER DELETE ON {parent}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION datasync_require_childless_{parent}();
"""


OPERATIONS = sa.table(
    "operations",
    sa.column("slug", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("title", sa.Text),
    sa.column("description", sa.Text),
    sa.column("is_standard", sa.Boolean),
)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS hstore")
    op.create_table('centers',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_centers')),
    sa.UniqueConstraint('name', name=op.f('uq_centers_name'))
    )
    op.create_table('change_log',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('xid', sa.BigInteger(), server_default=sa.text('(pg_current_xact_id()::text::bigint)'), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('table_name', sa.Text(), nullable=False),
    sa.Column('op', sa.Text(), nullable=False),
    sa.Column('constituent_id', sa.BigInteger(), nullable=True),
    sa.Column('key', sa.Text(), nullable=True),
    sa.Column('actor_id', sa.BigInteger(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('run_id', sa.BigInteger(), nullable=True),
    sa.Column('row_number', sa.Integer(), nullable=True),
    sa.Column('old', postgresql.HSTORE(text_type=sa.Text()), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_change_log'))
    )
    op.create_index(op.f('ix_change_log_constituent_id_id'), 'change_log', ['constituent_id', 'id'], unique=False)
    op.create_index('ix_change_log_run_id', 'change_log', ['run_id'], unique=False, postgresql_using='brin', postgresql_with={'pages_per_range': 32, 'autosummarize': True})
    op.create_index('ix_change_log_xid', 'change_log', ['xid'], unique=False, postgresql_using='brin', postgresql_with={'pages_per_range': 32, 'autosummarize': True})
    op.create_table('constituents',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('member_id', sa.Text(), nullable=True),
    sa.Column('primary_email', sa.Text(), nullable=True),
    sa.Column('title', sa.Text(), nullable=True),
    sa.Column('first_name', sa.Text(), nullable=True),
    sa.Column('middle_name', sa.Text(), nullable=True),
    sa.Column('last_name', sa.Text(), nullable=True),
    sa.Column('suffix', sa.Text(), nullable=True),
    sa.Column('prof_suffix', sa.Text(), nullable=True),
    sa.Column('nickname', sa.Text(), nullable=True),
    sa.Column('formal_salutation', sa.Text(), nullable=True),
    sa.Column('casual_salutation', sa.Text(), nullable=True),
    sa.Column('user_name', sa.Text(), nullable=True),
    sa.Column('home_street1', sa.Text(), nullable=True),
    sa.Column('home_street2', sa.Text(), nullable=True),
    sa.Column('home_street3', sa.Text(), nullable=True),
    sa.Column('home_city', sa.Text(), nullable=True),
    sa.Column('home_stateprov', sa.Text(), nullable=True),
    sa.Column('home_zip', sa.Text(), nullable=True),
    sa.Column('home_county', sa.Text(), nullable=True),
    sa.Column('home_country', sa.Text(), nullable=True),
    sa.Column('alt1_street1', sa.Text(), nullable=True),
    sa.Column('alt1_street2', sa.Text(), nullable=True),
    sa.Column('alt1_street3', sa.Text(), nullable=True),
    sa.Column('alt1_city', sa.Text(), nullable=True),
    sa.Column('alt1_stateprov', sa.Text(), nullable=True),
    sa.Column('alt1_zip', sa.Text(), nullable=True),
    sa.Column('alt1_county', sa.Text(), nullable=True),
    sa.Column('alt1_country', sa.Text(), nullable=True),
    sa.Column('alt2_street1', sa.Text(), nullable=True),
    sa.Column('alt2_street2', sa.Text(), nullable=True),
    sa.Column('alt2_street3', sa.Text(), nullable=True),
    sa.Column('alt2_city', sa.Text(), nullable=True),
    sa.Column('alt2_stateprov', sa.Text(), nullable=True),
    sa.Column('alt2_zip', sa.Text(), nullable=True),
    sa.Column('alt2_county', sa.Text(), nullable=True),
    sa.Column('alt2_country', sa.Text(), nullable=True),
    sa.Column('home_phone', sa.Text(), nullable=True),
    sa.Column('work_phone', sa.Text(), nullable=True),
    sa.Column('mobile_phone', sa.Text(), nullable=True),
    sa.Column('fax_phone', sa.Text(), nullable=True),
    sa.Column('preferred_phone', sa.Text(), nullable=True),
    sa.Column('birth_date', sa.Date(), nullable=True),
    sa.Column('gender', sa.Text(), nullable=True),
    sa.Column('marital_status', sa.Text(), nullable=True),
    sa.Column('employer', sa.Text(), nullable=True),
    sa.Column('occupation', sa.Text(), nullable=True),
    sa.Column('position', sa.Text(), nullable=True),
    sa.Column('donor_status', sa.Text(), nullable=True),
    sa.Column('matched_donor', sa.Boolean(), nullable=True),
    sa.Column('accepts_email', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('accepts_postal_mail', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('email_status', sa.Text(), server_default='unknown', nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('sub_source', sa.Text(), nullable=True),
    sa.Column('custom', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('active_detail', sa.Text(), server_default='Prospect', nullable=False),
    sa.Column('is_active', sa.Boolean(), sa.Computed("active_detail NOT LIKE 'Removed%'", persisted=True), nullable=False),
    sa.Column('merged_into_id', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('modified_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('modified_row', sa.Integer(), nullable=True),
    sa.CheckConstraint("active_detail IN ('Registered', 'Accepted', 'Prospect', 'Removed by administrator', 'Removed by contact', 'Removed as duplicate')", name=op.f('ck_constituents_active_detail')),
    sa.CheckConstraint("email_status IN ('unknown', 'good', 'bounced')", name=op.f('ck_constituents_email_status')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_constituents'))
    )
    op.create_table('custom_fields',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('max_length', sa.Integer(), nullable=True),
    sa.Column('choices', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("key ~ '^[a-z][a-z0-9_]{0,39}$'", name=op.f('ck_custom_fields_key')),
    sa.CheckConstraint("kind IN ('text', 'number', 'date', 'yes_no', 'choice')", name=op.f('ck_custom_fields_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_custom_fields')),
    sa.UniqueConstraint('key', name=op.f('uq_custom_fields_key'))
    )
    op.create_table('run_rows',
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('row_number', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('constituent_id', sa.BigInteger(), nullable=True),
    sa.Column('who', sa.Text(), nullable=False),
    sa.Column('faults', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('notes', sa.ARRAY(sa.Text()), nullable=True),
    sa.Column('cells', sa.ARRAY(sa.Text()), nullable=True),
    sa.Column('digest', sa.BigInteger(), nullable=True),
    sa.Column('before', postgresql.HSTORE(text_type=sa.Text()), nullable=True),
    sa.Column('changes', postgresql.HSTORE(text_type=sa.Text()), nullable=True),
    sa.CheckConstraint("outcome IN ('created', 'updated', 'unchanged', 'rejected', 'withheld')", name=op.f('ck_run_rows_outcome')),
    sa.PrimaryKeyConstraint('run_id', 'row_number', name=op.f('pk_run_rows'))
    )
    op.create_index('ix_run_rows_problems', 'run_rows', ['run_id', 'row_number'], unique=False, postgresql_where="outcome IN ('rejected', 'withheld')")
    op.create_table('users',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), server_default='', nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('is_site_admin', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('is_vendor_support', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('is_active_user', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('session_version', sa.BigInteger(), server_default='1', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_sign_in_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users'))
    )
    op.create_index('uq_users_email_lower', 'users', [sa.literal_column('lower(email)')], unique=True)
    op.create_table('center_members',
    sa.Column('center_id', sa.BigInteger(), nullable=False),
    sa.Column('constituent_id', sa.BigInteger(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_center_members_center_id')),
    sa.PrimaryKeyConstraint('center_id', 'constituent_id', name=op.f('pk_center_members'))
    )
    op.create_index(op.f('ix_center_members_constituent_id'), 'center_members', ['constituent_id'], unique=False)
    op.create_table('constituent_emails',
    sa.Column('constituent_id', sa.BigInteger(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('first_used_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('email', 'constituent_id', name=op.f('pk_constituent_emails'))
    )
    op.create_table('groups',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), server_default='standard', nullable=False),
    sa.Column('folder', sa.Text(), server_default='', nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('made_by_run_id', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('standard', 'center_members', 'opt_in', 'opt_out', 'new', 'modified')", name=op.f('ck_groups_kind')),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_groups_center_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_groups'))
    )
    op.create_index(op.f('ix_groups_center_id'), 'groups', ['center_id'], unique=False)
    op.create_index(op.f('ix_groups_name'), 'groups', ['name'], unique=False)
    op.create_table('operations',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('is_standard', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('notify', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('options', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_operations_center_id')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_operations_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operations')),
    sa.UniqueConstraint('slug', name=op.f('uq_operations_slug'))
    )
    op.create_table('uploads',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('examination', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_uploads_center_id')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_uploads_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_uploads')),
    sa.UniqueConstraint('key', name=op.f('uq_uploads_key'))
    )
    op.create_index(op.f('ix_uploads_sha256'), 'uploads', ['sha256'], unique=False)
    op.create_table('user_roles',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_user_roles_center_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_user_roles_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_roles')),
    sa.UniqueConstraint('user_id', 'role', 'center_id', name=op.f('uq_user_roles_user_id_role_center_id'), postgresql_nulls_not_distinct=True)
    )
    op.create_table('group_members',
    sa.Column('group_id', sa.BigInteger(), nullable=False),
    sa.Column('constituent_id', sa.BigInteger(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('group_id', 'constituent_id', name=op.f('pk_group_members'))
    )
    op.create_index(op.f('ix_group_members_constituent_id'), 'group_members', ['constituent_id'], unique=False)
    op.create_table('interests',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), server_default='email', nullable=False),
    sa.Column('parent_id', sa.BigInteger(), nullable=True),
    sa.Column('is_default', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('opt_in_group_id', sa.BigInteger(), nullable=True),
    sa.Column('opt_out_group_id', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('email', 'web')", name=op.f('ck_interests_kind')),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_interests_center_id')),
    sa.ForeignKeyConstraint(['opt_in_group_id'], ['groups.id'], name=op.f('fk_interests_opt_in_group_id')),
    sa.ForeignKeyConstraint(['opt_out_group_id'], ['groups.id'], name=op.f('fk_interests_opt_out_group_id')),
    sa.ForeignKeyConstraint(['parent_id'], ['interests.id'], name=op.f('fk_interests_parent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_interests'))
    )
    op.create_index(op.f('ix_interests_center_id'), 'interests', ['center_id'], unique=False)
    op.create_table('runs',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), server_default='run', nullable=False),
    sa.Column('parent_id', sa.BigInteger(), nullable=True),
    sa.Column('operation_id', sa.BigInteger(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('state', sa.Text(), server_default='draft', nullable=False),
    sa.Column('options', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('notify', postgresql.JSONB(astext_type=sa.Text()), server_default='[]', nullable=False),
    sa.Column('upload_id', sa.BigInteger(), nullable=True),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('center_id', sa.BigInteger(), nullable=True),
    sa.Column('preview_id', sa.BigInteger(), nullable=True),
    sa.Column('edits_version', sa.Integer(), server_default='0', nullable=False),
    sa.Column('attempt', sa.Integer(), server_default='0', nullable=False),
    sa.Column('next_row', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('rows_total', sa.BigInteger(), nullable=True),
    sa.Column('rows_total_is_exact', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('rows_read', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('created', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('updated', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('unchanged', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('rejected', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('withheld', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('tallies', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.Column('cancel_requested', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('failure', sa.Text(), nullable=True),
    sa.Column('new_group_id', sa.BigInteger(), nullable=True),
    sa.Column('modified_group_id', sa.BigInteger(), nullable=True),
    sa.Column('rejects_key', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('queued_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('heartbeat_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('run', 'preview', 'undo', 'undo_preview')", name=op.f('ck_runs_kind')),
    sa.CheckConstraint("kind LIKE 'undo%' OR rows_read = created + updated + unchanged + rejected + withheld", name=op.f('ck_runs_counts_add_up')),
    sa.CheckConstraint("state IN ('draft', 'queued', 'running', 'success', 'failure', 'stale', 'cancelled')", name=op.f('ck_runs_state')),
    sa.ForeignKeyConstraint(['center_id'], ['centers.id'], name=op.f('fk_runs_center_id')),
    sa.ForeignKeyConstraint(['operation_id'], ['operations.id'], name=op.f('fk_runs_operation_id')),
    sa.ForeignKeyConstraint(['parent_id'], ['runs.id'], name=op.f('fk_runs_parent_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['upload_id'], ['uploads.id'], name=op.f('fk_runs_upload_id')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_runs_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_runs'))
    )
    op.create_index(op.f('ix_runs_parent_id'), 'runs', ['parent_id'], unique=False)
    op.create_index(op.f('ix_runs_state'), 'runs', ['state'], unique=False)
    op.create_index(op.f('ix_runs_upload_id'), 'runs', ['upload_id'], unique=False)
    op.create_table('interest_choices',
    sa.Column('interest_id', sa.BigInteger(), nullable=False),
    sa.Column('constituent_id', sa.BigInteger(), nullable=False),
    sa.Column('opted_in', sa.Boolean(), nullable=False),
    sa.Column('chosen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['interest_id'], ['interests.id'], name=op.f('fk_interest_choices_interest_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('interest_id', 'constituent_id', name=op.f('pk_interest_choices'))
    )
    op.create_index(op.f('ix_interest_choices_constituent_id'), 'interest_choices', ['constituent_id'], unique=False)
    op.create_table('messages',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('run_id', sa.BigInteger(), nullable=True),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='waiting', nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('waiting', 'sent', 'written', 'failed')", name=op.f('ck_messages_state')),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_messages_run_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_messages'))
    )
    op.create_table('run_edits',
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('row_number', sa.Integer(), nullable=True),
    sa.Column('column', sa.Text(), nullable=True),
    sa.Column('old_value', sa.Text(), nullable=True),
    sa.Column('new_value', sa.Text(), nullable=True),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("kind IN ('cell', 'leave_out', 'value')", name=op.f('ck_run_edits_kind')),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_run_edits_run_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_run_edits_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_run_edits'))
    )
    op.create_index(op.f('ix_run_edits_run_id'), 'run_edits', ['run_id'], unique=False)

    op.execute(FUNCTIONS)
    op.execute(SEARCH_INDEXES)
    for table in LOGGED:
        op.execute(_logging(table))
    for table, column, parent in REFERENCES:
        op.execute(_require_parent(table, column, parent))
    for parent in ("constituents", "groups"):
        op.execute(_require_childless(parent))
    op.bulk_insert(
        OPERATIONS,
        [
            {
                "slug": "standard-constituent-import",
                "kind": "standard_constituent_import",
                "title": "Standard Constituent Import",
                "description": "Add and update constituents from a CSV or Excel file whose "
                "column names are DataSync's own.",
                "is_standard": True,
            }
        ],
    )


def downgrade() -> None:
    raise NotImplementedError("The first migration has nothing to go back to.")
