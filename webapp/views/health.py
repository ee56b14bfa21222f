"""Whether this process can do its work: the database and the queue answer."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from webapp.config import current_redis
from webapp.extensions import db

bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> tuple[Response, int]:
    """200 when both answer, 503 with what doesn't."""
    parts = {"database": _database_answers(), "queue": _queue_answers()}
    states = {name: "ok" if answers else "no answer" for name, answers in parts.items()}
    return jsonify(states), 200 if all(parts.values()) else 503


def _database_answers() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def _queue_answers() -> bool:
    try:
        return bool(current_redis().ping())
    except RedisError:
        return False
