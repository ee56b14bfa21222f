"""The site administrator's pages for users: who may sign in, and what they may do where."""

from __future__ import annotations

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import hx
from webapp.access import signed_in
from webapp.errors import DataSyncError
from webapp.extensions import db
from webapp.forms.base import add_error
from webapp.forms.users import NewUserForm, UserForm, role_rows
from webapp.models import User
from webapp.rules.roles import Role, highest
from webapp.services import centers, users
from webapp.transactions import commits

bp = Blueprint("users", __name__, url_prefix="/admin/users")


@bp.get("/")
def list_users() -> ResponseReturnValue:
    """Everyone who can sign in."""
    return render_template("users/list_users.html", users=users.list_users(db.session()))


@bp.route("/new", methods=["GET", "POST"])
@commits
def new_user() -> ResponseReturnValue:
    """Make a user; without a password given, one is made and shown once."""
    form = NewUserForm(data=None if request.form else {"roles": role_rows(())})
    names = _offer_centers(form)
    if form.validate_on_submit():
        password = form.password.data or users.make_password()
        try:
            user = users.create_user(
                db.session(),
                email=form.email.data,
                name=form.name.data,
                password=password,
                is_site_admin=form.is_site_admin.data,
                is_vendor_support=form.is_vendor_support.data,
                grants=form.grants(),
            )
        except DataSyncError as error:
            add_error(form, error)
        else:
            if form.password.data:
                flash(f"{user.name} can sign in now.", "success")
                return hx.go_to(url_for("users.edit_user", user_id=user.id))
            return _show_password(user, password, is_new=True)
    page = render_template(
        "users/new_user.html", form=form, center_names=names, shortest=users.SHORTEST_PASSWORD
    )
    return page, 422 if form.errors else 200


@bp.route("/<int:user_id>", methods=["GET", "POST"])
@commits
def edit_user(user_id: int) -> ResponseReturnValue:
    """Change a user's name, email and roles."""
    user = _get_user(user_id)
    form = UserForm(data=None if request.form else _form_data(user))
    names = _offer_centers(form)
    if form.validate_on_submit():
        try:
            users.update_user(
                db.session(),
                user,
                email=form.email.data,
                name=form.name.data,
                is_site_admin=form.is_site_admin.data,
                is_vendor_support=form.is_vendor_support.data,
                grants=form.grants(),
            )
        except DataSyncError as error:
            db.session.expire(user)
            add_error(form, error)
        else:
            flash(f"Saved. The change holds for {user.name} from now on.", "success")
            return hx.go_to(url_for("users.edit_user", user_id=user.id))
    page = render_template(
        "users/edit_user.html",
        form=form,
        center_names=names,
        user=user,
        is_self=user.id == signed_in().id,
        is_last_admin=users.is_last_admin(db.session(), user),
    )
    return page, 422 if form.errors else 200


@bp.post("/<int:user_id>/password")
@commits
def reset_password(user_id: int) -> ResponseReturnValue:
    """Give a user a new random password and show it once."""
    user = _get_user(user_id)
    if user.id == signed_in().id:
        flash("Change your own password here.", "info")
        return hx.go_to(url_for("accounts.change_password"))
    password = users.make_password()
    users.set_password(db.session(), user, password)
    return _show_password(user, password, is_new=False)


@bp.post("/<int:user_id>/active")
@commits
def set_active(user_id: int) -> ResponseReturnValue:
    """Deactivate a user, or let them in again (`active` is yes or no)."""
    user = _get_user(user_id)
    is_active = request.form.get("active") == "yes"
    if user.id == signed_in().id and not is_active:
        flash("You cannot deactivate yourself. Ask another site administrator.", "error")
        return hx.go_to(url_for("users.edit_user", user_id=user.id))
    try:
        users.set_active(db.session(), user, is_active=is_active)
    except DataSyncError as error:
        flash(error.message, "error")
    else:
        outcome = "can sign in again" if is_active else "is signed out and can no longer sign in"
        flash(f"{user.name} {outcome}.", "success")
    return hx.go_to(url_for("users.edit_user", user_id=user.id))


def _get_user(user_id: int) -> User:
    user = users.find_user(db.session(), user_id) if user_id < 2**63 else None
    if user is None:
        abort(404)
    return user


def _form_data(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "email": user.email,
        "is_site_admin": user.is_site_admin,
        "is_vendor_support": user.is_vendor_support,
        "roles": role_rows(users.grants_of(user)),
    }


def _offer_centers(form: UserForm) -> dict[int, str]:
    known = centers.list_centers(db.session())
    form.offer_centers(known, form.held_centers())
    return {center.id: center.name for center in known}


def _show_password(user: User, password: str, *, is_new: bool) -> str:
    return render_template("users/password.html", user=user, password=password, is_new=is_new)


@bp.app_template_filter("roles_by_place")
def roles_by_place(user: User) -> list[tuple[str, list[str]]]:
    """What a user may do, place by place: the highest role of each kind, the site first."""
    places: dict[str, list[Role]] = {}
    for held in sorted(user.roles, key=lambda held: held.center.name if held.center else ""):
        place = f"in {held.center.name}" if held.center else "site-wide"
        places.setdefault(place, []).append(Role(held.role))
    return [(place, [role.label for role in highest(roles)]) for place, roles in places.items()]
