"""What an empty installation gets: the demo organisation, or one administrator."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from webapp.models import Constituent, User
from webapp.services.demo import DEMO_USERS, load_demo
from webapp.services.users import create_user, make_password
from webapp.settings import sqlalchemy_url

ADMINISTRATOR = "admin@localhost.localdomain"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Someone who can sign in, for the person who started the program."""

    email: str
    password: str
    may: str


def prepare_data(database_url: str, *, demo: bool) -> list[SignIn]:
    """Fill an empty database, all or nothing; who can sign in with a password we know.

    On a later start those are the demo's users (if it is a demo) and nobody otherwise: a random
    password is shown once."""
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with Session(engine) as session:
        if session.scalar(select(func.count()).select_from(User)):
            return _demo_sign_ins(session)
        # A command may have brought constituents before anybody could sign in.
        if demo and session.scalar(select(Constituent.id).limit(1)) is None:
            load_demo(session)
            session.commit()
            return _demo_sign_ins(session)
        made = _first_administrator(session)
        session.commit()
        return [made]


def _first_administrator(session: Session) -> SignIn:
    password = make_password()
    create_user(
        session, email=ADMINISTRATOR, name="Administrator", password=password, is_site_admin=True
    )
    return SignIn(ADMINISTRATOR, password, "site administrator; this password is shown only now")


def _demo_sign_ins(session: Session) -> list[SignIn]:
    emails = [user.email for user in DEMO_USERS]
    found = set(session.scalars(select(User.email).where(User.email.in_(emails))))
    return [
        SignIn(user.email, user.password, user.what) for user in DEMO_USERS if user.email in found
    ]
