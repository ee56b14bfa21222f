"""Brings a database to the tables this code expects."""

from __future__ import annotations

from pathlib import Path

import flask_migrate
import psycopg
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy.pool import NullPool

import webapp.models  # noqa: F401  (the tables have to be known to `db`)
from webapp.extensions import db
from webapp.serving.errors import ServingError
from webapp.settings import libpq_url, sqlalchemy_url

DIRECTORY = Path(__file__).parent.parent / "migrations"


def migrate(database_url: str) -> None:
    """Run what is missing. Two machines may start at once: the migrations take a lock."""
    refuse_newer(database_url)
    app = Flask("datasync")
    app.config["SQLALCHEMY_DATABASE_URI"] = sqlalchemy_url(database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"poolclass": NullPool}
    db.init_app(app)
    flask_migrate.Migrate(app, db, directory=str(DIRECTORY))
    with app.app_context():
        flask_migrate.upgrade(directory=str(DIRECTORY))
        db.engine.dispose()


def refuse_newer(database_url: str) -> None:
    """A database that a later version migrated is left alone."""
    known = {script.revision for script in ScriptDirectory(str(DIRECTORY)).walk_revisions()}
    unknown = database_revisions(database_url) - known
    if unknown:
        raise ServingError(
            f"The database was last used by a newer version of DataSync (its tables are at "
            f"{', '.join(sorted(unknown))}). Update this installation, or choose another --data."
        )


def database_revisions(database_url: str) -> set[str]:
    """What the database says it is at; nothing when it is empty."""
    with psycopg.connect(libpq_url(database_url)) as connection:
        exists = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        if exists is None or exists[0] is None:
            return set()
        return {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}
