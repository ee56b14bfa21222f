"""Runs the migrations on the application's database (Flask-Migrate calls this file)."""

from __future__ import annotations

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db

# Two machines may start at once; the second waits here and then finds nothing left to do.
MIGRATION_LOCK = 7_231_001

with database.engine.connect() as connection:
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
    connection.commit()
    context.configure(connection=connection, target_metadata=database.metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.exec_driver_sql(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})")
    connection.commit()
