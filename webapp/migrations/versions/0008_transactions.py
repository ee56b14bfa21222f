"""Transactions, what they are given for, and the Transaction Upload.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = """
CREATE SEQUENCE transaction_numbers START 100001;

CREATE TABLE campaigns (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    center_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_campaigns PRIMARY KEY (id),
    CONSTRAINT fk_campaigns_center_id FOREIGN KEY(center_id) REFERENCES centers (id)
);

CREATE TABLE donation_forms (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    center_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_donation_forms PRIMARY KEY (id),
    CONSTRAINT fk_donation_forms_center_id FOREIGN KEY(center_id) REFERENCES centers (id)
);

CREATE TABLE designations (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    center_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_designations PRIMARY KEY (id),
    CONSTRAINT fk_designations_center_id FOREIGN KEY(center_id) REFERENCES centers (id)
);

CREATE TABLE events (
    kind TEXT DEFAULT 'calendar' NOT NULL,
    held_on DATE,
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    center_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (id),
    CONSTRAINT ck_events_kind CHECK (kind IN ('calendar', 'teamraiser', 'personal')),
    CONSTRAINT fk_events_center_id FOREIGN KEY(center_id) REFERENCES centers (id)
);

CREATE TABLE transactions (
    id BIGSERIAL NOT NULL,
    transaction_id TEXT DEFAULT 'T' || nextval('transaction_numbers') NOT NULL,
    transaction_type TEXT NOT NULL,
    constituent_id BIGINT NOT NULL,
    amount NUMERIC NOT NULL,
    currency TEXT NOT NULL,
    tax_deductible NUMERIC,
    payment_date DATE NOT NULL,
    tender_type TEXT NOT NULL,
    creation_method INTEGER NOT NULL,
    check_number TEXT,
    confirmation_code TEXT,
    settlement_batch TEXT,
    settled_on DATE,
    campaign_id BIGINT,
    form_id BIGINT,
    designation_id BIGINT,
    event_id BIGINT,
    participant_id BIGINT,
    team_name TEXT,
    source TEXT,
    sub_source TEXT,
    recurring_of BIGINT,
    refund_of BIGINT,
    tribute_type TEXT,
    tribute_name TEXT,
    receipt_number TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    modified_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    upload_run_id BIGINT,
    upload_row INTEGER,
    CONSTRAINT pk_transactions PRIMARY KEY (id),
    CONSTRAINT ck_transactions_transaction_type CHECK (transaction_type IN ('donation', 'recurring_payment', 'ticket_purchase', 'teamraiser_gift', 'teamraiser_registration', 'personal_gift', 'ecommerce_order', 'refund')),
    CONSTRAINT ck_transactions_tender_type CHECK (tender_type IN ('credit_card', 'check', 'cash', 'ach', 'x_checkout')),
    CONSTRAINT ck_transactions_creation_method CHECK (creation_method IN (0, 1, 2)),
    CONSTRAINT ck_transactions_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_transactions_amount_sign CHECK (CASE WHEN transaction_type = 'refund' THEN amount <= 0 ELSE amount >= 0 END),
    CONSTRAINT ck_transactions_amount_size CHECK (scale(amount) <= 3 AND abs(amount) < 1e13),
    CONSTRAINT ck_transactions_tribute_type CHECK (tribute_type IN ('in_honor', 'in_memory')),
    CONSTRAINT ck_transactions_not_of_itself CHECK (recurring_of <> id AND refund_of <> id),
    CONSTRAINT uq_transactions_transaction_id UNIQUE (transaction_id),
    CONSTRAINT fk_transactions_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_transactions_form_id FOREIGN KEY(form_id) REFERENCES donation_forms (id),
    CONSTRAINT fk_transactions_designation_id FOREIGN KEY(designation_id) REFERENCES designations (id),
    CONSTRAINT fk_transactions_event_id FOREIGN KEY(event_id) REFERENCES events (id),
    CONSTRAINT fk_transactions_recurring_of FOREIGN KEY(recurring_of) REFERENCES transactions (id),
    CONSTRAINT fk_transactions_refund_of FOREIGN KEY(refund_of) REFERENCES transactions (id)
);
CREATE INDEX ix_transactions_campaign_id_payment_date_id ON transactions (campaign_id, payment_date, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX ix_transactions_check_number ON transactions (check_number) WHERE check_number IS NOT NULL;
CREATE INDEX ix_transactions_confirmation_code ON transactions (confirmation_code) WHERE confirmation_code IS NOT NULL;
CREATE INDEX ix_transactions_constituent_id_payment_date_id ON transactions (constituent_id, payment_date, id);
CREATE INDEX ix_transactions_event_id_payment_date_id ON transactions (event_id, payment_date, id) WHERE event_id IS NOT NULL;
CREATE INDEX ix_transactions_participant_id ON transactions (participant_id) WHERE participant_id IS NOT NULL;
CREATE INDEX ix_transactions_payment_date_id ON transactions (payment_date, id);
CREATE INDEX ix_transactions_receipt_number ON transactions (receipt_number) WHERE receipt_number IS NOT NULL;
CREATE INDEX ix_transactions_recurring_of ON transactions (recurring_of) WHERE recurring_of IS NOT NULL;
CREATE INDEX ix_transactions_refund_of ON transactions (refund_of) WHERE refund_of IS NOT NULL;
CREATE INDEX ix_transactions_transaction_type_payment_date_id ON transactions (transaction_type, payment_date, id);

CREATE TABLE transaction_items (
    id BIGSERIAL NOT NULL,
    transaction_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price NUMERIC NOT NULL,
    CONSTRAINT pk_transaction_items PRIMARY KEY (id),
    CONSTRAINT ck_transaction_items_kind CHECK (kind IN ('product', 'ticket')),
    CONSTRAINT ck_transaction_items_quantity CHECK (quantity > 0),
    CONSTRAINT fk_transaction_items_transaction_id FOREIGN KEY(transaction_id) REFERENCES transactions (id) ON DELETE CASCADE
);
CREATE INDEX ix_transaction_items_transaction_id ON transaction_items (transaction_id);
"""

# As in the first migration: by statement, the actor and the run read once. Bookkeeping columns are
# never a change by themselves.
# table -> (constituent, key, row number, bookkeeping)
LOGGED = {
    "transactions": (
        "{r}.constituent_id",
        "{r}.id",
        "CASE WHEN this_run = {r}.upload_run_id THEN {r}.upload_row END",
        ("created_at", "modified_at", "upload_run_id", "upload_row"),
    ),
    "transaction_items": ("NULL::bigint", "{r}.transaction_id || ':' || {r}.id", "NULL::int", ()),
    "campaigns": ("NULL::bigint", "{r}.id", "NULL::int", ()),
    "donation_forms": ("NULL::bigint", "{r}.id", "NULL::int", ()),
    "designations": ("NULL::bigint", "{r}.id", "NULL::int", ()),
    "events": ("NULL::bigint", "{r}.id", "NULL::int", ()),
}

DECLARE = """
DECLARE
    this_xid bigint := pg_current_xact_id()::text::bigint;
    who_id bigint := nullif(current_setting('datasync.actor_id', true), '')::bigint;
    who text := nullif(current_setting('datasync.actor', true), '');
    this_run bigint := nullif(current_setting('datasync.run_id', true), '')::bigint;"""


def _logging(table: str) -> str:
    constituent, key, row_number, bookkeeping = LOGGED[table]
    ignored = "ARRAY[" + ", ".join(f"'{name}'" for name in bookkeeping) + "]::text[]"

    def insert(operation: str, row: str, old: str, source: str) -> str:
        return f"""INSERT INTO change_log
    (xid, table_name, op, constituent_id, key, actor_id, actor, run_id, row_number, old)
    SELECT this_xid, '{table}', '{operation}', {constituent.format(r=row)},
    ({key.format(r=row)})::text, who_id, who, this_run, {row_number.format(r=row)}, {old}
    FROM {source}"""

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
CREATE FUNCTION datasync_log_{table}_{operation}() RETURNS trigger LANGUAGE plpgsql
SET enable_nestloop = off SET enable_hashjoin = on AS $${DECLARE}
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


# A gift's people are held by set, not row by row (docs/decisions/020-set-integrity.md)
PEOPLE = ("constituent_id", "participant_id")


def _require_parent(column: str) -> str:
    name = f"datasync_require_transactions_{column}"
    triggers = "".join(
        f"""
CREATE TRIGGER require_{column}_{event.lower()} AFTER {event} ON transactions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""
        for event in ("INSERT", "UPDATE")
    )
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE orphan bigint;
BEGIN
    SELECT n.{column} INTO orphan FROM (SELECT DISTINCT x.{column} FROM new_rows x
        WHERE x.{column} IS NOT NULL) n
    WHERE NOT EXISTS (SELECT 1 FROM constituents p WHERE p.id = n.{column}) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'fk_transactions_{column}',
            MESSAGE = format('transactions.{column} names %s, which is not in constituents', orphan);
    END IF;
    RETURN NULL;
END $$;
{triggers}"""


# A trigger of its own beside the one of the first migration
REQUIRE_NO_GIFTS = """
CREATE FUNCTION datasync_require_no_transactions() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE held bigint;
BEGIN
    SELECT o.id INTO held FROM old_rows o
    WHERE EXISTS (SELECT 1 FROM transactions t WHERE t.constituent_id = o.id)
        OR EXISTS (SELECT 1 FROM transactions t WHERE t.participant_id = o.id) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'fk_transactions_constituent_id',
            MESSAGE = format('constituents %s is still named by transactions', held);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER require_no_transactions AFTER DELETE ON constituents
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION datasync_require_no_transactions();
"""

# Types whose online values are now the numbers of what transactions are for
KINDS = {
    "campaign": "campaign",
    "donation_form": "donation_form",
    "designation": "designation",
    "event": "calendar_event",
    "teamraiser": "teamraiser",
    "personal_event": "personal_event",
}
OLD_KINDS = ("group", "interest", "code")


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    op.drop_constraint("ck_cross_reference_types_online_kind", "cross_reference_types")
    op.create_check_constraint(
        op.f("ck_cross_reference_types_online_kind"),
        "cross_reference_types",
        "online_kind IN (" + ", ".join(f"'{kind}'" for kind in kinds) + ")",
    )


OPERATIONS = sa.table(
    "operations",
    sa.column("slug", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("title", sa.Text),
    sa.column("description", sa.Text),
    sa.column("is_standard", sa.Boolean),
)


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(
        "CREATE INDEX ix_change_log_transactions ON change_log (key, id)"
        " WHERE table_name = 'transactions'"
    )
    for table in LOGGED:
        op.execute(_logging(table))
    for column in PEOPLE:
        op.execute(_require_parent(column))
    op.execute(REQUIRE_NO_GIFTS)
    _allow_kinds((*OLD_KINDS, *KINDS.values()))
    # Nobody's doing: not a change for the log
    op.execute("ALTER TABLE cross_reference_types DISABLE TRIGGER log_update")
    for key, kind in KINDS.items():
        op.execute(f"UPDATE cross_reference_types SET online_kind = '{kind}' WHERE key = '{key}'")
    op.execute("ALTER TABLE cross_reference_types ENABLE TRIGGER log_update")
    op.bulk_insert(
        OPERATIONS,
        [
            {
                "slug": "transaction-upload",
                "kind": "transaction_upload",
                "title": "Transaction Upload",
                "description": "Add gifts that came in offline, or correct them, from a CSV or "
                "Excel file with one gift in each row. The givers are here already.",
                "is_standard": True,
            },
        ],
    )


def downgrade() -> None:
    op.execute("DELETE FROM operations WHERE is_standard AND slug = 'transaction-upload'")
    for key in KINDS:
        op.execute(f"UPDATE cross_reference_types SET online_kind = 'code' WHERE key = '{key}'")
    _allow_kinds(OLD_KINDS)
    op.execute("DROP FUNCTION datasync_require_no_transactions() CASCADE")
    for table in reversed(LOGGED):
        op.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP FUNCTION datasync_log_{table}_{event}()")
    for column in PEOPLE:
        op.execute(f"DROP FUNCTION datasync_require_transactions_{column}()")
    op.execute("DROP SEQUENCE transaction_numbers")
    op.execute("DROP INDEX ix_change_log_transactions")
