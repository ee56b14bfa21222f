"""What an empty installation gets: the demo organisation, or one administrator."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlalchemy import func, select

from webapp import create_app
from webapp.extensions import db
from webapp.models import User
from webapp.services.users import create_user, make_password
from webapp.settings import Settings

ADMINISTRATOR = "admin@localhost.localdomain"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Someone who can sign in, for the person who started the program."""

    email: str
    password: str
    may: str


def prepare_data(settings: Settings, *, demo: bool) -> list[SignIn]:
    """Fill an empty database, all or nothing; who can sign in with a password we know.

    On a later start those are the demo's users (if it is a demo) and nobody otherwise: a random
    password is shown once."""
    app = create_app(settings)
    with app.app_context():
        session = db.session()
        try:
            if session.scalar(select(func.count()).select_from(User)):
                return _demo_sign_ins(session)
            if demo:
                _demo().load_demo(session)
                session.commit()
                return _demo_sign_ins(session)
            made = _first_administrator(session)
            session.commit()
            return [made]
        finally:
            db.session.remove()
            db.engine.dispose()


def _first_administrator(session: Any) -> SignIn:
    password = make_password()
    create_user(
        session, email=ADMINISTRATOR, name="Administrator", password=password, is_site_admin=True
    )
    return SignIn(ADMINISTRATOR, password, "site administrator; this password is shown only now")


def _demo_sign_ins(session: Any) -> list[SignIn]:
    users = [SignIn(user.email, user.password, user.what) for user in _demo().DEMO_USERS]
    emails = [user.email for user in users]
    found = set(session.scalars(select(User.email).where(User.email.in_(emails))))
    return [user for user in users if user.email in found]


def _demo() -> Any:
    """The demo is large and needed on the first start only."""
    return import_module("webapp.services.demo")
