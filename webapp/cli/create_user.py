"""`datasync create-user`: a user with one role; the password comes on standard input."""

from __future__ import annotations

import argparse
import getpass
import sys

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from webapp.rules.roles import Grant, Role
from webapp.services.centers import get_center_by_name
from webapp.services.users import create_user
from webapp.serving.attaching import attached
from webapp.serving.data_folder import DataFolder
from webapp.serving.stack import Work

SITE_ADMINISTRATOR = "site-administrator"
VENDOR_SUPPORT = "vendor-support"
SITE_WIDE = (SITE_ADMINISTRATOR, VENDOR_SUPPORT)
ROLES = {role.value.replace("_", "-"): role for role in Role}
WRONG_USAGE = 2


def run(options: argparse.Namespace) -> int:
    """0 when the user is there."""
    role = options.role.lower().replace("_", "-")
    if wrong := _wrong_usage(role, options.email, options.center):
        sys.stderr.write(f"datasync: {wrong}\n")
        return WRONG_USAGE
    password = _read_password()
    folder = DataFolder(options.data.resolve())
    with attached(folder, "create-user", Work(imports=0)) as services:
        engine = create_engine(services.settings.database_url, poolclass=NullPool)
        with Session(engine) as session, session.begin():
            user = create_user(
                session,
                email=options.email,
                name=options.name,
                password=password,
                is_site_admin=role == SITE_ADMINISTRATOR,
                is_vendor_support=role == VENDOR_SUPPORT,
                grants=_grants(session, role, options.center),
            )
            print(f"{user.email} can sign in now.")
    return 0


def _wrong_usage(role: str, email: str, center: str | None) -> str | None:
    if role not in (*SITE_WIDE, *ROLES):
        return f"no role is called {role}. Use {', '.join((*SITE_WIDE, *ROLES))}."
    if center is not None and role in SITE_WIDE:
        return f"{role} is for the whole site. Leave --center out."
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return f"{email} is not an email address. Write it like name@example.org."
    return None


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\r\n")


def _grants(session: Session, role: str, center_name: str | None) -> list[Grant]:
    if role in SITE_WIDE:
        return []
    if center_name is None:
        return [Grant(ROLES[role])]
    return [Grant(ROLES[role], get_center_by_name(session, center_name).id)]
