"""The Group Assignment and Segmentation Uploads; an interest knows the run that made it; nobody is
in an interest's opt-in and opt-out group at once.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
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

# By statement: few statements are about such groups at all, and those few look up the pairs by the
# primary key. A statement that moves somebody must take them out before it puts them in.
OPPOSITES = """
CREATE FUNCTION datasync_refuse_opposites() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE held record;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM (SELECT DISTINCT x.group_id FROM new_rows x) n
        JOIN groups g ON g.id = n.group_id WHERE g.kind IN ('opt_in', 'opt_out')) THEN
        RETURN NULL;
    END IF;
    WITH pairs AS MATERIALIZED (
        SELECT i.name, CASE n.group_id WHEN i.opt_in_group_id THEN i.opt_out_group_id
            ELSE i.opt_in_group_id END AS opposite, n.group_id
        FROM (SELECT DISTINCT x.group_id FROM new_rows x) n
        JOIN interests i ON n.group_id IN (i.opt_in_group_id, i.opt_out_group_id)
    )
    SELECT n.constituent_id, p.name INTO held FROM new_rows n JOIN pairs p USING (group_id)
    WHERE (SELECT true FROM group_members m
        WHERE m.group_id = p.opposite AND m.constituent_id = n.constituent_id) LIMIT 1;
    IF FOUND THEN
        RAISE exclusion_violation USING CONSTRAINT = 'ck_group_members_opposites',
            MESSAGE = format('constituent %s would be in both groups of interest %s',
                held.constituent_id, held.name);
    END IF;
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.add_column("interests", sa.Column("made_by_run_id", sa.BigInteger(), nullable=True))
    # What is in both by now is out: an opt-out is never lost
    op.execute(
        "DELETE FROM group_members m USING interests i, group_members o"
        " WHERE m.group_id = i.opt_in_group_id AND o.group_id = i.opt_out_group_id"
        " AND o.constituent_id = m.constituent_id"
    )
    op.execute(OPPOSITES)
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER refuse_opposites_{event.lower()} AFTER {event} ON group_members"
            " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
            " EXECUTE FUNCTION datasync_refuse_opposites()"
        )
    # A group's own history: few entries, found without a look at everybody's memberships
    op.execute(
        "CREATE INDEX ix_change_log_groups ON change_log (key, id) WHERE table_name = 'groups'"
    )
    op.bulk_insert(
        OPERATIONS,
        [
            {
                "slug": "group-assignment-upload",
                "kind": "group_assignment_upload",
                "title": "Group Assignment Upload",
                "description": "Add people who are here already to groups, from a CSV or Excel "
                "file with one person and one group in each row.",
                "is_standard": True,
            },
            {
                "slug": "segmentation-upload",
                "kind": "segmentation_upload",
                "title": "Segmentation Upload",
                "description": "Opt people who are here already in to interests, or out of them, "
                "from a CSV or Excel file with one person and one interest in each row.",
                "is_standard": True,
            },
        ],
    )


def downgrade() -> None:
    op.execute(
        "DELETE FROM operations WHERE is_standard AND slug IN"
        " ('group-assignment-upload', 'segmentation-upload')"
    )
    op.execute("DROP FUNCTION datasync_refuse_opposites() CASCADE")
    op.execute("DROP INDEX ix_change_log_groups")
    op.drop_column("interests", "made_by_run_id")
