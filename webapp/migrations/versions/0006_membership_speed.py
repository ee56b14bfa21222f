"""Memberships come by the million: what a statement that adds them has to check is one trigger
instead of three, in the order that reads each page once; the log does without an index nobody uses.

Revision ID: 0006
Revises: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0009"
branch_labels = None
depends_on = None

# In the order of constituents: their records, and the places in the log's index, lie together then
LOG = """
CREATE OR REPLACE FUNCTION datasync_log_group_members_insert() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE
    this_xid bigint := pg_current_xact_id()::text::bigint;
    who_id bigint := nullif(current_setting('datasync.actor_id', true), '')::bigint;
    who text := nullif(current_setting('datasync.actor', true), '');
    this_run bigint := nullif(current_setting('datasync.run_id', true), '')::bigint;
BEGIN
    INSERT INTO change_log (xid, table_name, op, constituent_id, key, actor_id, actor, run_id)
    SELECT this_xid, 'group_members', 'insert', n.constituent_id, n.group_id::text, who_id, who,
        this_run FROM (SELECT * FROM new_rows ORDER BY constituent_id) n;
    RETURN NULL;
END $$;
ALTER FUNCTION datasync_log_group_members_insert() RESET ALL;
"""

CHECKS = """
CREATE FUNCTION datasync_check_new_group_members() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    wanted bigint[];
    orphan bigint;
    held record;
BEGIN
    SELECT array_agg(DISTINCT group_id) INTO wanted FROM new_rows;
    IF wanted IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT w.id INTO orphan FROM unnest(wanted) w(id)
    WHERE NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = w.id) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING CONSTRAINT = 'fk_group_members_group_id',
            MESSAGE = format('group_members.group_id names %s, which is not in groups', orphan);
    END IF;
    -- Not again for a run that has this moment taken them from there, while nobody may delete any
    IF coalesce(current_setting('datasync.people_are_known', true), '') <> 'yes' THEN
        SELECT n.constituent_id INTO orphan
        FROM (SELECT constituent_id FROM new_rows ORDER BY constituent_id OFFSET 0) n
        WHERE NOT EXISTS (SELECT 1 FROM constituents c WHERE c.id = n.constituent_id) LIMIT 1;
        IF FOUND THEN
            RAISE foreign_key_violation USING CONSTRAINT = 'fk_group_members_constituent_id',
                MESSAGE = format(
                    'group_members.constituent_id names %s, which is not in constituents', orphan);
        END IF;
    END IF;
    -- Few statements are about an interest's groups at all
    IF NOT EXISTS (SELECT 1 FROM groups g
        WHERE g.id = ANY (wanted) AND g.kind IN ('opt_in', 'opt_out')) THEN
        RETURN NULL;
    END IF;
    WITH pairs AS MATERIALIZED (
        SELECT i.name, CASE w.id WHEN i.opt_in_group_id THEN i.opt_out_group_id
            ELSE i.opt_in_group_id END AS opposite, w.id AS group_id
        FROM unnest(wanted) w(id)
        JOIN interests i ON w.id IN (i.opt_in_group_id, i.opt_out_group_id)
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
CREATE TRIGGER check_insert AFTER INSERT ON group_members
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION datasync_check_new_group_members();
"""

REPLACED = {
    "require_constituent_id_insert": "datasync_require_group_members_constituent_id",
    "require_group_id_insert": "datasync_require_group_members_group_id",
    "refuse_opposites_insert": "datasync_refuse_opposites",
}


def upgrade() -> None:
    op.execute(LOG)
    for trigger in REPLACED:
        op.execute(f"DROP TRIGGER {trigger} ON group_members")
    op.execute(CHECKS)
    # Who asks for an entry asks for a constituent's, a run's or a window's, and has an index for it
    op.execute("ALTER TABLE change_log DROP CONSTRAINT pk_change_log")


def downgrade() -> None:
    op.execute("ALTER TABLE change_log ADD CONSTRAINT pk_change_log PRIMARY KEY (id)")
    op.execute("DROP FUNCTION datasync_check_new_group_members() CASCADE")
    for trigger, function in REPLACED.items():
        op.execute(
            f"CREATE TRIGGER {trigger} AFTER INSERT ON group_members"
            f" REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
