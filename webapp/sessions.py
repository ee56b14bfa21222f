"""Signed-in sessions: how they begin, what ends them, and who is behind the present request.

A session is a signed cookie. It ends by signing out, after `idle_minutes` without activity, when
the password changes, and when the user is deactivated. Roles are read anew for each request.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, g, has_request_context, session
from flask_login import current_user, login_user, logout_user
from redis import RedisError
from sqlalchemy import Connection, event, select, text
from sqlalchemy.orm import Session, SessionTransaction, selectinload

from webapp.config import current_redis, current_settings
from webapp.extensions import db, login
from webapp.models import User
from webapp.rules.roles import Grant, Role, Standing

log = logging.getLogger(__name__)

SEEN_AT = "seen_at"
SESSION_ID = "sid"
TOUCH_SECONDS = 30
_ACTOR = text(
    "SELECT set_config('datasync.actor_id', :id, true), set_config('datasync.actor', :name, true)"
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in, as a value: it outlives a rollback and needs no database to be shown."""

    id: int
    email: str
    name: str
    version: int
    standing: Standing

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the cookie holds: the user and the version of their sessions."""
        return f"{self.id}.{self.version}"

    @property
    def is_site_admin(self) -> bool:
        """Whether they may do everything."""
        return self.standing.is_site_admin


def signed_in_as(user: User) -> SignedIn:
    """The value for a user row with its roles."""
    grants = frozenset(Grant(Role(held.role), held.center_id) for held in user.roles)
    standing = Standing(grants, user.is_site_admin, user.is_vendor_support)
    return SignedIn(user.id, user.email, user.name or user.email, user.session_version, standing)


def current() -> SignedIn | None:
    """Who is behind the present request, None when nobody is signed in."""
    user = current_user._get_current_object() if has_request_context() else None
    return user if isinstance(user, SignedIn) else None


def begin(user: User) -> None:
    """Sign in: a new session with nothing of the old one in it."""
    session.clear()
    session[SESSION_ID] = secrets.token_urlsafe(16)
    session[SEEN_AT] = int(time.time())
    login_user(signed_in_as(user))


def end() -> None:
    """Sign out: this session is over even for someone who kept a copy of its cookie."""
    sid = session.get(SESSION_ID)
    logout_user()
    session.clear()
    if not isinstance(sid, str):
        return
    try:
        current_redis().set(_ended_key(sid), 1, ex=current_settings().idle_minutes * 60 + 60)
    except RedisError:
        log.warning("The queue is not reachable: a signed-out cookie lives until it idles out")


def keep_alive() -> None:
    """Count this request as activity."""
    now = int(time.time())
    if now - _seen_at() >= TOUCH_SECONDS:
        session[SEEN_AT] = now


def local_path(url: str | None, host: str = "") -> str | None:
    """The path to go back to after signing in, None for anything that leads off this site."""
    # Browsers take "\\" for "/" and drop control characters, so "/\\evil" would leave the site.
    if not url or url.startswith("//") or any(sign == "\\" or sign <= " " for sign in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    is_absolute = bool(parts.scheme or parts.netloc)
    if is_absolute and not (parts.scheme in {"http", "https"} and host and parts.netloc == host):
        return None
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return path if path.startswith("/") and not path.startswith("//") else None


@login.user_loader  # type: ignore[untyped-decorator]
def load_user(session_user: str) -> SignedIn | None:
    """The user of the cookie, if the session is still good."""
    user_id, _, version = session_user.partition(".")
    if not (user_id.isdecimal() and version.isdecimal()):
        return None
    if time.time() - _seen_at() > current_settings().idle_minutes * 60:
        g.idled_out = True
        return None
    if _was_ended():
        return None
    user = db.session.scalar(
        select(User)
        .where(User.id == int(user_id), User.session_version == int(version))
        .where(User.is_active_user)
        .options(selectinload(User.roles))
    )
    if user is None:
        return None
    found = signed_in_as(user)
    set_actor(db.session.connection(), found)
    return found


def set_actor(connection: Connection, user: SignedIn) -> None:
    """Tell the change log who makes the changes of this transaction."""
    connection.execute(_ACTOR, {"id": str(user.id), "name": user.name})


def _name_actor(_: Session, __: SessionTransaction, connection: Connection) -> None:
    # Every transaction of a request after the one that loaded the user.
    user = g.get("_login_user") if has_request_context() else None
    if isinstance(user, SignedIn):
        set_actor(connection, user)


def _seen_at() -> int:
    value = session.get(SEEN_AT)
    return value if isinstance(value, int) else 0


def _was_ended() -> bool:
    sid = session.get(SESSION_ID)
    if not isinstance(sid, str):
        return True
    try:
        return bool(current_redis().exists(_ended_key(sid)))
    except RedisError:
        return False  # pages go on working while Valkey restarts


def _ended_key(sid: str) -> str:
    return f"datasync:session-ended:{sid}"


def _forget_last_user() -> None:
    # `g` lives as long as the application context, which in a test or a command outlives a request.
    g.pop("_login_user", None)


def register_sessions(app: Flask) -> None:
    """Set up Flask-Login and the actor of the change log."""
    login.init_app(app)
    app.before_request(_forget_last_user)
    if not event.contains(db.session, "after_begin", _name_actor):
        event.listen(db.session, "after_begin", _name_actor)
