"""Users, their roles and their passwords."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from webapp.errors import DataSyncError
from webapp.models import Center, User, UserRole
from webapp.rules.roles import Grant, Role, completed

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
_hasher = PasswordHasher()


def create_user(
    session: Session,
    *,
    email: str,
    name: str = "",
    password: str,
    is_site_admin: bool = False,
    is_vendor_support: bool = False,
    grants: Iterable[Grant] = (),
) -> User:
    """A new user with these roles; View Import/Export is added wherever another role needs it."""
    email = clean_email(email)
    check_password(password, email)
    _require_unused(session, email, except_id=None)
    user = User(
        email=email,
        name=name.strip(),
        password_hash=_hasher.hash(password),
        is_site_admin=is_site_admin,
        is_vendor_support=is_vendor_support,
    )
    with _unique_email(session):
        session.add(user)
        session.flush()
        _set_grants(session, user, grants)
    return user


def update_user(
    session: Session,
    user: User,
    *,
    email: str,
    name: str,
    is_site_admin: bool,
    is_vendor_support: bool,
    grants: Iterable[Grant],
) -> None:
    """Change what a user is called and may do. The last active administrator stays one."""
    if user.is_site_admin and not is_site_admin:
        _require_another_admin(session, user)
    email = clean_email(email)
    _require_unused(session, email, except_id=user.id)
    with _unique_email(session):
        user.email = email
        user.name = name.strip()
        user.is_site_admin = is_site_admin
        user.is_vendor_support = is_vendor_support
        _set_grants(session, user, grants)


def set_active(session: Session, user: User, *, is_active: bool) -> None:
    """Deactivate (their sessions end at once) or let in again."""
    if not is_active:
        _require_another_admin(session, user)
        user.session_version += 1
    user.is_active_user = is_active
    session.flush()


def set_password(session: Session, user: User, password: str) -> None:
    """Give a new password; every session that began with the old one ends."""
    check_password(password, user.email)
    user.password_hash = _hasher.hash(password)
    user.session_version += 1
    session.flush()


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The active user with this email and password, None otherwise: without telling, not even by
    the time it takes, whether there is such a user."""
    user = find_by_email(session, email)
    stored = user.password_hash if user is not None else _hash_of_nobody()
    if not _is_right(stored, password) or user is None or not user.is_active_user:
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)
    user.last_sign_in_at = func.now()
    session.flush()
    return user


def has_password(user: User, password: str) -> bool:
    """Whether this is the user's password."""
    return _is_right(user.password_hash, password)


def find_by_email(session: Session, email: str) -> User | None:
    """The user with this email, in any case, or None."""
    wanted = clean_email(email).replace("\x00", "")
    return session.scalar(select(User).where(func.lower(User.email) == func.lower(wanted)))


def find_user(session: Session, user_id: int) -> User | None:
    """The user with this id and their roles, or None."""
    return session.scalar(
        select(User)
        .where(User.id == user_id)
        .options(selectinload(User.roles).selectinload(UserRole.center))
    )


def list_users(session: Session) -> Sequence[User]:
    """Everyone, the active ones first, by name."""
    return session.scalars(
        select(User)
        .options(selectinload(User.roles).selectinload(UserRole.center))
        .order_by(User.is_active_user.desc(), func.lower(User.name), User.id)
    ).all()


def is_last_admin(session: Session, user: User) -> bool:
    """Whether nobody else could administer the site."""
    return user.is_site_admin and user.is_active_user and not _other_admins(session, user)


def make_password() -> str:
    """A random one that can be read out over the phone: four groups of four."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def clean_email(email: str) -> str:
    """Without blanks around, in NFC; the case stays as written."""
    return unicodedata.normalize("NFC", email.strip())


def check_password(password: str, email: str) -> None:
    """Stop at one that is too short, too long or the email."""
    message = None
    if len(password) < SHORTEST_PASSWORD:
        message = f"Use a password of at least {SHORTEST_PASSWORD} characters."
    elif len(password) > LONGEST_PASSWORD:
        message = f"Use a password of at most {LONGEST_PASSWORD} characters."
    elif password.strip().lower() in {email.lower(), email.partition("@")[0].lower()}:
        message = "Use a password that is not the email address."
    elif len(set(password)) < 4:
        message = "Use a password of at least four different characters."
    if message:
        raise DataSyncError("weak_password", message, "password")


def grants_of(user: User) -> frozenset[Grant]:
    """The roles of a user as values."""
    return frozenset(Grant(Role(held.role), held.center_id) for held in user.roles)


def _set_grants(session: Session, user: User, grants: Iterable[Grant]) -> None:
    wanted = completed(grants)
    centers = {grant.center_id for grant in wanted if grant.center_id is not None}
    known = set(session.scalars(select(Center.id)))
    if centers - known:
        raise DataSyncError("unknown_center", "That center no longer exists. Choose another.")
    for held in list(user.roles):
        if Grant(Role(held.role), held.center_id) not in wanted:
            user.roles.remove(held)
    present = grants_of(user)
    for grant in sorted(wanted - present, key=lambda grant: (grant.center_id or 0, grant.role)):
        user.roles.append(UserRole(role=grant.role.value, center_id=grant.center_id))


def _require_unused(session: Session, email: str, except_id: int | None) -> None:
    other = find_by_email(session, email)
    if other is not None and other.id != except_id:
        raise _email_taken()


def _email_taken() -> DataSyncError:
    message = "Another user has this email. Use a different one."
    return DataSyncError("email_taken", message, "email")


@contextmanager
def _unique_email(session: Session) -> Iterator[None]:
    # The index decides when two administrators use one email at the same moment.
    try:
        with session.begin_nested():
            yield
            session.flush()
    except IntegrityError as error:
        if "uq_users_email_lower" in str(error.orig):
            raise _email_taken() from error
        raise


def _other_admins(session: Session, user: User, *, lock: bool = False) -> list[int]:
    # Locked in one order, so that two administrators who demote each other at the same moment
    # wait for one another and the second one finds nobody left.
    query = select(User.id).where(User.is_site_admin, User.is_active_user).order_by(User.id)
    admins = session.scalars(query.with_for_update() if lock else query).all()
    return [admin for admin in admins if admin != user.id]


def _require_another_admin(session: Session, user: User) -> None:
    if not (user.is_site_admin and user.is_active_user):
        return
    if not _other_admins(session, user, lock=True):
        raise DataSyncError(
            "last_admin",
            "This is the last active site administrator. Make another user one first.",
            "is_site_admin",
        )


def _is_right(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password[: LONGEST_PASSWORD + 1])
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))
