"""Cross-references sent back and uploaded: values compared by the database as the rules compare
them, an account of the way out and of money, the upload of a type's entries.

Revision ID: 0007
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0005"
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

# What webapp.rules.crossrefs.compared does. PostgreSQL folds case fully from 18 on; older ones
# differ in a few letters only
BLANKS = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
COMPARED = """
CREATE FUNCTION datasync_compared(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE
    WHEN octet_length($1) = char_length($1) AND $1 !~ '[{control}]|  |^ | $'
        THEN {lower}
    ELSE btrim(regexp_replace(normalize({folded}, NFC), '[{blanks}]+', ' ', 'g'), ' ')
    END COLLATE "default" $$;
"""
FOLDING = {
    "lower": 'lower($1 COLLATE "pg_unicode_fast")',
    "folded": 'casefold(normalize($1, NFD) COLLATE "pg_unicode_fast")',
}
FOLDING_BEFORE_18 = {
    "lower": "lower($1)",
    "folded": "replace(replace(lower(normalize($1, NFD)), 'ß', 'ss'), 'ς', 'σ')",
}

# Entries that change places within one statement meet only when it has ended
DEFERRABLE = """
ALTER TABLE cross_reference_entries DROP CONSTRAINT ex_cross_reference_entries_foreign;
ALTER TABLE cross_reference_entries ADD CONSTRAINT ex_cross_reference_entries_foreign
    EXCLUDE USING gist (type_id WITH =, (coalesce(center_id, 0)) WITH =,
    (md5(foreign_key)::uuid) WITH =, (daterange(valid_from, valid_to, '[]')) WITH &&)
    {deferrable};
"""

KEY_OF_SEEN = """
ALTER TABLE cross_reference_seen DROP CONSTRAINT pk_cross_reference_seen;
ALTER TABLE cross_reference_seen ADD CONSTRAINT pk_cross_reference_seen PRIMARY KEY ({columns});
"""


def upgrade() -> None:
    version = op.get_bind().exec_driver_sql("SHOW server_version_num").scalar_one()
    folding = FOLDING if int(version) >= 180000 else FOLDING_BEFORE_18
    control = r"\u0009-\u000d\u001c-\u001f"
    op.execute(COMPARED.format(control=control, blanks=BLANKS, **folding))
    op.execute(DEFERRABLE.format(deferrable="DEFERRABLE INITIALLY IMMEDIATE"))
    op.add_column(
        "cross_reference_seen",
        sa.Column("is_outward", sa.Boolean(), server_default="false", nullable=False),
    )
    op.execute(KEY_OF_SEEN.format(columns="run_id, type_id, is_outward, foreign_key"))
    op.add_column(
        "cross_reference_uses",
        sa.Column(
            "amounts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
    )
    op.bulk_insert(
        OPERATIONS,
        [
            {
                "slug": "cross-reference-upload",
                "kind": "cross_reference_upload",
                "title": "Cross-Reference Upload",
                "description": "Add and change the entries of one cross-reference type, from a CSV "
                "or Excel file such as its download.",
                "is_standard": True,
            }
        ],
    )


def downgrade() -> None:
    op.execute("DELETE FROM operations WHERE slug = 'cross-reference-upload' AND is_standard")
    op.drop_column("cross_reference_uses", "amounts")
    op.execute("DELETE FROM cross_reference_seen WHERE is_outward")
    op.execute(KEY_OF_SEEN.format(columns="run_id, type_id, foreign_key"))
    op.drop_column("cross_reference_seen", "is_outward")
    op.execute(DEFERRABLE.format(deferrable=""))
    op.execute("DROP FUNCTION datasync_compared(text)")
