"""People for tests: users with roles, and signing them in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from webapp.rules.roles import Grant, Role

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of a test, with the password to sign in with."""

    id: int
    email: str
    name: str
    password: str = PASSWORD


def make_person(
    app: Flask,
    email: str,
    *roles: Role,
    center_id: int | None = None,
    grants: Iterable[Grant] = (),
    is_site_admin: bool = False,
    is_vendor_support: bool = False,
    name: str = "",
) -> Person:
    """A committed user with these roles, all in one place (or `grants` for several places)."""
    from webapp.extensions import db
    from webapp.services import users

    held = [*grants, *(Grant(role, center_id) for role in roles)]
    with app.app_context():
        user = users.create_user(
            db.session(),
            email=email,
            name=name or email.partition("@")[0].replace(".", " ").title(),
            password=PASSWORD,
            is_site_admin=is_site_admin,
            is_vendor_support=is_vendor_support,
            grants=held,
        )
        db.session.commit()
        return Person(user.id, user.email, user.name)


def make_admin(app: Flask, email: str = "admin@example.org") -> Person:
    """A committed site administrator."""
    return make_person(app, email, is_site_admin=True, name="Ada Admin")


def make_center(app: Flask, name: str) -> int:
    """A committed center's id."""
    from webapp.extensions import db
    from webapp.services import centers

    with app.app_context():
        center = centers.create_center(db.session(), name)
        db.session.commit()
        return center.id


def sign_in(client: FlaskClient[Any], person: Person) -> FlaskClient[Any]:
    """Sign in through the page, and hand the client back."""
    answer = client.post(
        "/account/sign-in", data={"email": person.email, "password": person.password}
    )
    assert answer.status_code in {302, 303}, answer.text
    return client
